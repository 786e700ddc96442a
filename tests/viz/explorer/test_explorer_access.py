"""The explorer works by keyboard alone, for screen readers, on narrow screens, with large text and without motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_page import Shown, opened

from tinygrad_lite import Value, nn, optim
from tinygrad_lite.viz import Explorer, Recorder

pytestmark = pytest.mark.browser
Show = Callable[..., Shown]

NAMELESS = """(root) => [...root.querySelectorAll("button, input, select, summary, a, [role=button], [role=slider]")]
  .filter((e) => !(e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent).trim())
  .map((e) => e.outerHTML)"""
# How the focus shows: by an outline, or by the edge of a box in the graph.
FOCUS = """() => {
  const e = document.activeElement;
  const style = getComputedStyle(e);
  const box = e.matches(".tgl-box");
  const edge = box && parseFloat(getComputedStyle(e.querySelector("rect:not(.tgl-back)")).strokeWidth) >= 4;
  const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return {
    name: e.getAttribute("aria-label") || e.textContent || e.placeholder || "",
    box,
    inside: Boolean(e.closest(".tgl-explorer")),
    visible: e.matches(":focus-visible") && (outline || edge),
  };
}"""
# What ends to the right of the part of the page that it is in.
OVERFLOWING = """() => [...document.querySelectorAll(".tgl-explorer *")].filter((e) => {
  const { right, width } = e.getBoundingClientRect();
  const part = e.parentElement.closest(".tgl-bar, .tgl-left, .tgl-panel, .tgl-run, .tgl-explorer");
  const { paddingRight } = getComputedStyle(part);
  const edge = part.getBoundingClientRect().left + part.clientLeft + part.clientWidth - parseFloat(paddingRight);
  return width && right > edge + 1 && !e.closest("svg") && !e.closest("label bdi");
}).map((e) => e.outerHTML.slice(0, 200))"""
MOVING = """() => [...document.querySelectorAll("*")].filter((e) => {
  const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(e);
  return transitionDuration !== "0s" || animationName !== "none" || scrollBehavior === "smooth";
}).map((e) => e.outerHTML.slice(0, 100))"""


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[[Explorer], Shown]]:
    yield from opened(browser, tmp_path)


@pytest.fixture(params=[390, 710, 1280])
def show_wide(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[Explorer], Shown]]:
    size = {"width": request.param, "height": 760}
    yield from opened(browser, tmp_path, viewport=size, has_touch=request.param == 390)


@pytest.fixture(params=["no-preference", "reduce"])
def show_moving(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[Explorer], Shown]]:
    yield from opened(browser, tmp_path, reduced_motion=request.param)


def neuron() -> Value:
    x, w, b = Value(0.5, label="x"), Value(-2.0, label="w"), Value(0.25, label="b")
    h = x * w + b
    loss = h.tanh() * h
    h.label, loss.label = "h", "loss"
    return loss


def trained() -> Explorer:
    """Explores the last loss of a training of two layers, with its plane."""
    points, targets = [[0.1, 0.9], [0.8, -0.3], [-0.5, 0.4], [-0.9, -0.7]], [1, 1, 0, 0]
    model = nn.MLP(2, [3, 1], activation="tanh")
    recorder, optimizer = Recorder(model, (points, targets)), optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        loss = nn.binary_cross_entropy_with_logits([model(x) for x in points], targets)
        loss.backward()
        recorder(loss)
        optimizer.step()
    return loss.explore(training=recorder)


def tab_stops(shown: Shown) -> list[dict[str, Any]]:
    """The elements that Tab reaches, from the beginning of the page to its end."""
    stops: list[dict[str, Any]] = []
    for _ in range(60):
        shown.keys("Tab")
        stop = shown.page.evaluate(FOCUS)
        if not stop["inside"]:
            return stops
        stops.append(stop)
    raise AssertionError(f"Tab leads nowhere else: {stops}")


def tab_to(shown: Shown, begin: str) -> None:
    for _ in range(60):
        shown.keys("Tab")
        if shown.focused().startswith(begin):
            return
    raise AssertionError(f"Tab does not lead to {begin}")


def test_tab_reaches_everything_and_the_focus_shows(show: Show) -> None:
    shown = show(neuron().explore())
    stops = tab_stops(shown)
    assert [stop for stop in stops if not stop["visible"]] == []
    names = [stop["name"] for stop in stops]
    wanted = [
        "first",
        "back",
        "play",
        "forward",
        "last",
        "speed",
        "step",
        "search",
        "x, value",
        "zoom in",
        "zoom out",
    ]
    wanted += ["fit", "check", "reset", "value of x", "value of x, as a number", "value of w", "value of b", "keys"]
    for begin in wanted:
        assert any(name.startswith(begin) for name in names), begin
    assert sum(stop["box"] for stop in stops) == 1
    assert shown.root.evaluate(NAMELESS) == []


def test_each_key_that_the_page_lists_does_something(show: Show) -> None:
    shown = show(neuron().explore())
    listed = " ".join(shown.root.locator(".tgl-keys dt").all_text_contents()).split()
    names = {"→": "ArrowRight", "←": "ArrowLeft", "↑": "ArrowUp", "↓": "ArrowDown", "Space": " "}
    taken = """(root, key) =>
      !root.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }))"""
    assert len(listed) == 15 and not shown.root.evaluate(taken, "x")
    assert [key for key in listed if not shown.root.evaluate(taken, names.get(key, key))] == []


def test_keys_alone_play_the_passes(show: Show) -> None:
    shown = show(neuron().explore())
    shown.keys("ArrowRight", "ArrowRight", "ArrowLeft")
    assert shown.step()["title"].startswith("Forward, step 1 of 4")
    shown.keys("End")
    assert shown.step()["title"].startswith("Backward, step 4 of 4")
    shown.keys("Home")
    assert shown.step()["title"] == "Start"
    tab_to(shown, "x,")
    shown.keys("End", "ArrowUp", "ArrowUp")
    assert shown.focused().startswith("tanh,")
    shown.keys("Enter")
    assert shown.heading == "tanh" and shown.drawing.locator(".tgl-selected").count() == 1
    shown.keys("Escape")
    assert shown.heading == "Nothing selected"
    shown.keys("ArrowDown", "ArrowDown")
    assert shown.focused().startswith("x,")
    shown.keys("Home", "Space")
    assert shown.root.locator('button[aria-label^="pause"]').is_visible()
    shown.keys("Space")
    assert shown.root.locator('button[aria-label^="play"]').is_visible()
    place = shown.drawing.locator("> g").get_attribute("transform")
    shown.keys("+")
    assert shown.drawing.locator("> g").get_attribute("transform") != place
    shown.keys("0", "/")
    assert shown.search.evaluate("(e) => e === document.activeElement")
    shown.keys("h", "Enter")
    assert shown.heading == "h"
    step = shown.step()
    tab_to(shown, "value of w")
    shown.keys("ArrowRight", "ArrowRight")
    assert float(shown.field("w").input_value()) > -2.0
    assert shown.step()["title"] == step["title"]


def test_keys_alone_open_and_close_modules(show: Show) -> None:
    shown = show(nn.MLP(2, [12, 1])([1.0, 2.0]).explore())
    boxes = shown.drawing.locator(".tgl-module")
    closed = boxes.count()
    assert closed > 0
    boxes.first.focus()
    name = shown.focused().split(",")[0]
    shown.keys("Enter")
    assert shown.status.text_content().startswith(f"{name} is open")
    frames = shown.drawing.locator(".tgl-frame")
    opened_frames = frames.count()
    assert shown.focused() != ""
    shown.keys("c")
    assert shown.status.text_content() == f"{name} is closed"
    assert frames.count() == opened_frames - 1 and boxes.count() == closed
    assert shown.focused().startswith(f"{name}, closed")


@pytest.mark.parametrize("build", [lambda: nn.MLP(2, [3, 1])([1.0, 2.0]).explore(), trained], ids=["graph", "training"])
def test_nothing_ends_outside_its_part_of_the_page(show_wide: Show, build: Callable[[], Explorer]) -> None:
    shown = show_wide(build())
    width = shown.page.viewport_size["width"]
    for act in (
        lambda: shown.press("first", "forward"),
        lambda: shown.press("last", "check"),
        lambda: shown.drawing.locator(".tgl-box").last.dispatch_event("click"),
        lambda: shown.search.fill("neurons"),
    ):
        act()
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        assert shown.page.evaluate(OVERFLOWING) == []
    assert shown.found.locator("button").first.is_visible()


def test_names_for_screen_readers(show: Show) -> None:
    shown = show(trained())
    assert shown.root.evaluate(NAMELESS) == []
    region = shown.page.get_by_role("region", name="backprop explorer: computation graph of")
    for role, name in (
        ("group", "player"),
        ("searchbox", "search by label, module or operation"),
        ("group", "the computation graph"),
        ("region", "this step"),
        ("region", "the selected node"),
        ("region", "leaves"),
        ("region", "training"),
        ("slider", "time: step of the training"),
        ("slider", "Loss; arrow keys move through time"),
        ("img", "decision boundary at step 5"),
    ):
        assert region.get_by_role(role, name=name).count() == 1, name
    assert shown.root.locator(".tgl-step").get_attribute("aria-live") == "polite"
    assert shown.status.get_attribute("role") == "status"
    slider = shown.root.get_by_role("slider", name="step", exact=True)
    assert slider.get_attribute("aria-valuetext") == "start"
    shown.keys("ArrowRight")
    assert slider.get_attribute("aria-valuetext").startswith("Forward, step 1 of ")
    assert shown.drawing.locator('[aria-current="step"]').count() == 1
    selected = shown.drawing.locator('[aria-pressed="true"]')
    assert selected.count() == 0
    shown.drawing.locator(".tgl-box").first.dispatch_event("click")
    assert selected.count() == 1


def test_nothing_moves_for_those_who_prefer_that(show_moving: Show) -> None:
    shown = show_moving(trained())
    is_calm = shown.page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    shown.root.get_by_label("speed").select_option("0.5")
    shown.press("last", "first")
    shown.root.locator(".tgl-timeline input").fill("1")
    steps = int(shown.root.locator(".tgl-timeline input").get_attribute("max")) // 2
    shown.press(*["forward"] * steps)
    assert shown.step()["title"].startswith("Backward, step 1 ")
    assert (shown.page.locator(".tgl-traveller").count() == 0) == is_calm
    assert shown.page.evaluate(MOVING) == [] and shown.page.evaluate("document.getAnimations().length") == 0


def test_text_of_twice_the_size_is_usable(show: Show) -> None:
    shown = show(neuron().explore())
    size = shown.root.locator(".tgl-step h3").evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)")
    shown.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert shown.root.locator(".tgl-step h3").evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)") == 2 * size
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 1300
    assert shown.page.evaluate(OVERFLOWING) == []
    shown.press("first", "forward", "fit", "zoom in", "last")
    shown.slider("x").fill("1")
    shown.search.fill("tanh")
    shown.found.locator("button").first.click()
    assert shown.heading == "tanh"
    room = shown.drawing.bounding_box()
    assert room["width"] > 300 and room["height"] > 300
