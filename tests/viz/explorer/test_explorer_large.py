"""The explorer's page for large graphs: opening modules, choosing samples, 68,000 nodes, the steps of a training."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_page import Shown, numbers, opened, opening
from programs.scalar_network import Network, demo_loss

from tinygrad_lite import optim
from tinygrad_lite.viz import Explorer, Recorder
from tinygrad_lite.viz.diagram.walk import Graph

pytestmark = pytest.mark.browser
Show = Callable[[Explorer], Shown]

# People should wait less than 2 seconds, which tests/benchmarks measures. A busy machine takes several times as long; a
# layout of every node takes minutes.
LONGEST = 8.0
ELEMENTS = 2000


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Show]:
    yield from opened(browser, tmp_path)


def open_modules(shown: Shown, count: int) -> None:
    """Opens so many closed modules, each once. The page never has more than ELEMENTS elements."""
    done: set[str] = set()
    for _ in range(count):
        closed = shown.drawing.locator(".tgl-module").evaluate_all("es => es.map((e) => e.dataset.item)")
        item = next(item for item in closed if item not in done)
        done.add(item)
        shown.drawing.locator(f'.tgl-module[data-item="{item}"]').dispatch_event("dblclick")
        assert shown.page.locator("svg *").count() <= ELEMENTS


def test_micrograds_demo(show: Show) -> None:
    root = demo_loss()
    root.backward()
    count = len(Graph(root))
    assert count > 68_000
    shown = show(root.explore())
    assert f"computation graph of {count:,} nodes" in shown.root.get_attribute("aria-label")
    assert min(opening(shown.page.context, shown.page.url) for _ in range(3)) < LONGEST
    assert 20 < shown.page.locator("svg *").count() <= ELEMENTS
    open_modules(shown, 60)


def test_layers_open_into_neurons_and_these_into_operations(show: Show) -> None:
    model = Network(2, 3, 1)
    root = demo_loss(model, 50)
    root.backward()
    values = Graph(root).values
    shown = show(root.explore())
    layer = shown.box("layers.0")
    nodes = sum(1 for v in values if (v.path or "").startswith("layers.0")) + len(model.layers[0].parameters())
    parameters = model.layers[0].parameters()
    assert f"closed, {nodes} nodes, {len(parameters)} parameters" in layer.get_attribute("aria-label")
    layer.dispatch_event("click")
    assert numbers(shown.detail("gradient")) == pytest.approx([math.hypot(*[p.grad for p in parameters])], rel=1e-12)
    flat = sum(1 for v in values if v.op and v.op.name == "relu" and v.path == "layers.0.neurons.0" and not v.data)
    assert 0 < flat < 50
    assert shown.detail("dead units").text_content() == "0 of 3: flat for every sample"

    layer.dispatch_event("dblclick")
    assert shown.status.text_content() == "layers.0 is open: 3 parts"
    assert layer.count() == 0 and shown.drawing.locator(".tgl-frame", has_text="layers.0").count() == 1
    neuron = shown.box("neurons.1")
    neuron.dispatch_event("dblclick")
    assert shown.box("w0").count() == shown.box("w1").count() == shown.box("b").count() == 1
    relu = shown.drawing.locator('.tgl-box[aria-label^="relu, one of 50,"]')
    relu.first.wait_for(state="attached")

    shown.press("fit")
    shown.drawing.locator(".tgl-frame", has_text="neurons.1").locator("text").click()
    assert neuron.count() == 1 and shown.box("w0").count() == 0
    shown.press("fit")
    shown.drawing.locator(".tgl-frame", has_text="layers.0").locator("text").click()
    assert layer.count() == 1 and neuron.count() == 0


def test_the_selector_shows_another_sample(show: Show) -> None:
    model = Network(2, 3, 1)
    root = demo_loss(model, 50)
    root.backward()
    scores = [v for v in Graph(root).values if v.op and v.op.name == "relu" and not v.path]
    shown = show(root.explore())
    shown.press("last")
    box = shown.drawing.locator('.tgl-box[aria-label^="relu, one of 50,"]')
    box.dispatch_event("click")
    for field in (shown.root.locator(".tgl-sampler input"), shown.details.locator(".tgl-selector input")):
        for k in (7, 50, 1):
            field.fill(str(k))
            shown.keys("Enter")
            assert [numbers(shown.value), numbers(shown.gradient)] == [[scores[k - 1].data], [scores[k - 1].grad]]
            assert shown.details.locator(".tgl-selector input").input_value() == str(k)
    shown.drawing.locator('.tgl-box[aria-label^="*, one of 50,"]').first.dispatch_event("click")
    shown.details.locator(".tgl-selector input").fill("20")
    shown.keys("Enter")
    box.dispatch_event("click")
    assert numbers(shown.value) == [scores[19].data]


def test_a_trainings_time_moves_the_graph(show: Show) -> None:
    model = Network(2, 3, 1)
    recorder, optimizer = Recorder(model), optim.SGD(model.parameters(), lr=0.5)
    trained = []
    for _ in range(6):
        optimizer.zero_grad()
        loss = demo_loss(model, 8)
        loss.backward()
        recorder(loss)
        trained.append((loss.data, loss.parents[0].data, [p.data for p in model.parameters()]))
        optimizer.step()
    shown = show(loss.explore(training=recorder))
    time = shown.root.get_by_role("slider", name=re.compile("^time"))
    for t in (0, 3, 5):
        time.fill(str(t))
        shown.box("loss").dispatch_event("click")
        assert numbers(shown.value) == [pytest.approx(trained[t][0], rel=1e-12)]
        shown.box("loss").dispatch_event("click")
        assert f"step {t + 1}" in time.get_attribute("aria-valuetext")
    time.focus()
    shown.keys("ArrowLeft")
    shown.box("loss").dispatch_event("click")
    assert numbers(shown.value) == [pytest.approx(trained[4][0], rel=1e-12)]
