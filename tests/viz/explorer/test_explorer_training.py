"""A training stands beside its graph, all of it at one glance on a laptop's screen; below it on a narrow one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_page import Shown, opened

from tinygrad_lite import nn, optim, train
from tinygrad_lite.viz import Explorer, Recorder

pytestmark = pytest.mark.browser
Show = Callable[[Explorer], Shown]
NOTEBOOK = 607
"""How high the part of JupyterLab's window is that shows the notebook, if the screen is 720 pixels high."""
PARTS = {
    "player": ".tgl-bar",
    "graph": ".tgl-graph",
    "step": ".tgl-step",
    "time": ".tgl-run-time",
    "plane": ".tgl-run-plane canvas",
    "Loss": ".tgl-run-chart:has-text('Loss') > svg",
    "Gradient": ".tgl-run-chart:has-text('Gradient') > svg",
    "Accuracy": ".tgl-run-chart:has-text('Accuracy') > svg",
}


@pytest.fixture(params=[(1280, 720), (1440, 900)], ids=str)
def show(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Show]:
    width, height = request.param
    yield from opened(browser, tmp_path, viewport={"width": width, "height": height})


@pytest.fixture
def show_narrow(browser: Any, tmp_path: Path) -> Iterator[Show]:
    yield from opened(browser, tmp_path, viewport={"width": 390, "height": 760})


def fitted() -> Explorer:
    random.seed(0)
    points = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(24)]
    targets = [int(a * b > 0) for a, b in points]
    model, loss = nn.MLP(2, [8, 8, 1], activation="tanh"), nn.binary_cross_entropy_with_logits
    recorder, optimizer = Recorder(model, (points, targets)), optim.Adam(model.parameters(), lr=0.05)
    train.fit(
        model,
        data=(points, targets),
        loss=loss,
        optimizer=optimizer,
        epochs=4,
        callbacks=recorder,
        metrics=[train.accuracy],
        progress=False,
    )
    return loss([model(x) for x in points], targets).explore(training=recorder)


def places(shown: Shown) -> dict[str, dict[str, float]]:
    """Where each part is: x, y, width and height."""
    return {name: shown.root.locator(selector).bounding_box() for name, selector in PARTS.items()}


def check_side_by_side(at: dict[str, dict[str, float]]) -> None:
    """Checks that nothing lies over anything else, and that graph and plane are at one height and of a fair size."""
    names = [name for name in at if name != "player"]
    for k, a in enumerate(names):
        for b in names[:k]:
            apart = [
                at[x][s] + at[x][d] <= at[y][s] + 1
                for x, y in ((a, b), (b, a))
                for s, d in (("x", "width"), ("y", "height"))
            ]
            assert any(apart), (a, b)
    graph, plane = at["graph"], at["plane"]
    assert graph["x"] + graph["width"] <= plane["x"]
    assert plane["y"] < graph["y"] + graph["height"] and graph["y"] < plane["y"] + plane["height"]
    assert min(graph["height"], plane["height"]) > 150 and min(graph["width"], plane["width"]) > 300


def test_one_glance_on_a_laptop(show: Show) -> None:
    shown = show(fitted())
    size = shown.page.viewport_size
    assert shown.page.evaluate("document.documentElement.scrollHeight") <= size["height"]
    at = places(shown)
    check_side_by_side(at)
    for name, box in at.items():
        assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"], name
        assert box["y"] >= 0 and box["y"] + box["height"] <= size["height"], name
        assert box["height"] > 30, name


def test_in_a_notebook_it_is_not_higher_than_the_window(show: Show) -> None:
    shown = show(fitted())
    shown.page.evaluate("""() => {
      document.getElementById("explorer").style.width = "880px";
      document.querySelector(".tgl-explorer").style.minHeight = 0;
    }""")
    room = NOTEBOOK + shown.page.viewport_size["height"] - 720
    assert shown.root.bounding_box()["height"] <= room
    at = places(shown)
    check_side_by_side(at)
    assert all(box["y"] + box["height"] <= room for box in at.values())


def test_the_plane_is_not_drawn_out_of_shape(show: Show) -> None:
    shown = show(fitted())
    area = shown.root.locator("canvas").evaluate(
        "(e) => [e.width, e.height, devicePixelRatio, e.clientWidth, e.clientHeight]"
    )
    assert area[:2] == [pytest.approx(area[3] * area[2], abs=1), pytest.approx(area[4] * area[2], abs=1)]


def test_on_a_narrow_screen_the_training_is_below(show_narrow: Show) -> None:
    shown = show_narrow(fitted())
    at = places(shown)
    order = ["player", "graph", "step", "time", "plane"]
    tops = [at[name]["y"] for name in order]
    assert tops == sorted(tops) and at["plane"]["height"] > 200
    assert all(box["x"] + box["width"] <= 390 for box in at.values())
