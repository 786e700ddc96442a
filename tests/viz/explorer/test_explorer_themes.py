"""The explorer and pictures on light and dark pages: their contrasts, and whose theme they follow."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from contrast import contrasts
from explorer_page import Shown, eventually, opened
from matplotlib.image import imread

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, ops, optim
from tinygrad_lite.viz import Explorer, Recorder

pytestmark = pytest.mark.browser
THEMES = ("light", "dark")
Show = Callable[[Explorer], Shown]
COLORS = "(e) => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
LIGHT, DARK = ["rgb(253, 253, 251)", "rgb(28, 33, 38)"], ["rgb(23, 26, 30)", "rgb(232, 234, 237)"]


@pytest.fixture(params=THEMES)
def show(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Show]:
    yield from opened(browser, tmp_path, color_scheme=request.param)


@pytest.fixture
def show_light(browser: Any, tmp_path: Path) -> Iterator[Show]:
    yield from opened(browser, tmp_path, color_scheme="light")


def of_all_kinds() -> Value:
    """A leaf, a parameter, a constant, a sum; blocked, zero, positive and negative gradients, and a module's frame."""
    model = nn.MLP(2, [2, 1], activation="relu")
    x, y = Value(-1.0, label="x"), Value(2.0, label="y")
    held = (y * 2.0).detach()
    held.label = "held"
    loss = x.relu() * y + held * y - model([x, 0.5]) ** 2 * 3.0 + ops.dot([x, y], [y, 0.0])
    loss.label = "loss"
    return loss


def trained(kind: str = "two") -> Explorer:
    """Explores the loss of a training of a few steps, of two classes, three classes, or numbers."""
    random.seed(0)
    points = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(30)]
    classes = [int(a > 0) + int(kind == "three" and b > 0) for a, b in points]
    targets: list[Any] = [a - b for a, b in points] if kind == "numbers" else classes
    model = nn.MLP(2, [4, 3 if kind == "three" else 1], activation="tanh")
    recorder, optimizer = Recorder(model, (points, targets)), optim.Adam(model.parameters(), lr=0.1)
    losses = {"two": nn.binary_cross_entropy_with_logits, "three": nn.cross_entropy, "numbers": nn.mse}
    for _ in range(12):
        optimizer.zero_grad()
        loss = tl.mean([losses[kind](model(x), t) for x, t in zip(points, targets, strict=True)])
        loss.backward()
        recorder(loss)
        optimizer.step()
    loss.label = "loss"
    return loss.explore(training=recorder)


def check(shown: Shown, least: int = 60) -> None:
    found = contrasts(shown.root)
    assert found.weak == []
    assert found.texts > least and found.graphics > 40


@pytest.mark.parametrize("width", [390, 710, 1280])
def test_all_that_is_written_and_drawn_is_seen(show: Show, width: int) -> None:
    shown = show(of_all_kinds().explore())
    shown.page.set_viewport_size({"width": width, "height": 760})
    check(shown)
    shown.keys(*["ArrowRight"] * 3)
    check(shown)
    shown.keys("End")
    check(shown)
    shown.press("check")
    eventually(shown.status).to_contain_text("agree")
    shown.select("loss")
    check(shown)
    shown.press("fit")
    shown.search.fill("x")
    check(shown)


def test_findings_are_seen(show: Show, own_operations: Any) -> None:
    wrong = own_operations("wrong", lambda x: x * x * x, lambda g, y, x: g * x * x)
    root = of_all_kinds() + wrong(Value(2.0, label="v"))
    shown = show(root.explore(compare=tl.compare(root)))
    assert shown.drawing.locator(".tgl-check-wrong").count() == 2
    check(shown)


@pytest.mark.parametrize("kind", ["two", "three", "numbers"])
def test_a_training_is_seen(show: Show, kind: str) -> None:
    shown = show(trained(kind))
    shown.root.locator(".tgl-run-label").first.wait_for()
    check(shown, 100)


def test_a_notebooks_theme_goes_before_the_readers(show_light: Show) -> None:
    shown = show_light(of_all_kinds().explore())
    assert shown.root.evaluate(COLORS) == LIGHT
    for attribute, value, expected in (
        ("data-jp-theme-light", "false", DARK),
        ("data-jp-theme-light", "true", LIGHT),
        ("class", "vscode-dark", DARK),
        ("style", "color-scheme: dark", DARK),
    ):
        shown.page.evaluate("([name, value]) => document.body.setAttribute(name, value)", [attribute, value])
        assert shown.root.evaluate(COLORS) == expected
        check(shown)
        shown.page.evaluate("(name) => document.body.removeAttribute(name)", attribute)
    shown.page.emulate_media(color_scheme="dark")
    assert shown.root.evaluate(COLORS) == DARK


def brightness(png: bytes) -> float:
    return float(imread(io.BytesIO(png))[..., :3].mean())


def test_the_plane_is_drawn_again_in_another_theme(show_light: Show) -> None:
    shown = show_light(trained())
    plane = shown.root.locator("canvas")
    shown.root.locator(".tgl-run-label").first.wait_for()
    light = brightness(plane.screenshot())
    shown.page.evaluate("document.body.setAttribute('data-jp-theme-light', 'false')")
    dark = brightness(plane.screenshot())
    shown.page.evaluate("document.body.removeAttribute('data-jp-theme-light')")
    assert light > 0.65 and dark < 0.45 and brightness(plane.screenshot()) == light
    shown.page.emulate_media(color_scheme="dark")
    assert brightness(plane.screenshot()) == dark


@pytest.fixture
def pictures(own_operations: Any) -> list[str]:
    """SVGs that have each kind of box, edge and row."""
    wrong = own_operations("wrong", lambda x: x * x * x, lambda g, y, x: g * x * x)
    root = of_all_kinds() + wrong(Value(2.0, label="v"))
    root.backward()
    drawn = [root.graph(max_nodes=200), root.graph(expand=True, compare=tl.compare(root)), root.graph(max_nodes=4)]
    model = nn.MLP(2, [3, 1])
    compiled = tl.compile(lambda x: model(x).tanh())
    compiled([Value(1.0), Value(2.0)])
    return [picture.svg("own") for picture in [*drawn, compiled.graph()]]


@pytest.mark.parametrize("theme", THEMES)
def test_pictures_are_seen(browser: Any, pictures: list[str], theme: str) -> None:
    page = browser.new_page(color_scheme=theme)
    for svg in pictures:
        page.set_content(svg)
        panel = page.locator("svg > rect").first
        ground = panel.evaluate("(e) => getComputedStyle(e).fill")
        assert ground == {"light": LIGHT, "dark": DARK}[theme][0]
        # What is drawn stands on the panel, whose own outline says nothing.
        panel.evaluate("(e) => { document.body.style.background = getComputedStyle(e).fill; e.style.stroke = 'none'; }")
        found = contrasts(page.locator("body"))
        assert found.weak == [] and found.texts > 10
    page.close()


def test_pictures_as_images_follow_the_page(browser: Any) -> None:
    picture = of_all_kinds().graph()
    source = picture._repr_mimebundle_()["text/html"]
    page = browser.new_page(color_scheme="light")
    page.set_content(source)
    image = page.locator("img")
    light = brightness(image.screenshot())
    assert light > 0.8
    page.emulate_media(color_scheme="dark")
    page.evaluate("document.documentElement.style.colorScheme = 'light dark'")
    assert brightness(image.screenshot()) < 0.3
    for attribute, dark in (("true", False), ("false", True)):
        page.emulate_media(color_scheme="light" if dark else "dark")
        page.evaluate("(value) => document.body.setAttribute('data-jp-theme-light', value)", attribute)
        assert (brightness(image.screenshot()) < 0.3) == dark
    alone = base64.b64decode(source.partition("base64,")[2].partition('"')[0]).decode()
    assert alone == picture.svg()
    page.close()
