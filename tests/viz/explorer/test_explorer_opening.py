"""The explorer opens fitted, at the start and with the keys; while it plays, what is lit stays in view."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_page import Shown, eventually, opened

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.viz import Explorer

pytestmark = pytest.mark.browser
Show = Callable[[Explorer], Shown]
WIDTHS = (390, 710, 1280)
SMALLEST = 8.9
"""What the texts of a drawing must have at least, in pixels."""

OUTSIDE = """(svg, elements) => {
  const room = svg.getBoundingClientRect();
  return elements.filter((e) => {
    const { left, right, top, bottom } = e.getBoundingClientRect();
    return left < room.left - 1 || right > room.right + 1 || top < room.top - 1 || bottom > room.bottom + 1;
  }).map((e) => e.getAttribute("aria-label") ?? e.outerHTML);
}"""
BOXES_OUTSIDE = f'(svg) => ({OUTSIDE})(svg, [...svg.querySelectorAll(".tgl-box")])'
# The current box, the arrows to it, and the boxes at which these begin.
LIT_OUTSIDE = f"""(svg) => {{
  const arrows = [...svg.querySelectorAll(".tgl-lit")];
  const boxes = [...svg.querySelectorAll(".tgl-box")];
  const begin = (arrow) => arrow.getPointAtLength(0).matrixTransform(arrow.getScreenCTM());
  const holds = (box, {{ x, y }}) => {{
    const {{ left, right, top, bottom }} = box.getBoundingClientRect();
    return x > left - 2 && x < right + 2 && y > top - 2 && y < bottom + 2;
  }};
  const sources = arrows.map((arrow) => boxes.find((box) => holds(box, begin(arrow))));
  if (sources.includes(undefined)) return ["an arrow from nowhere"];
  return ({OUTSIDE})(svg, [...svg.querySelectorAll(".tgl-current"), ...arrows, ...sources]);
}}"""
STEP_ALL = f"""(root) => {{
  const svg = root.querySelector(".tgl-graph");
  const step = root.querySelector(".tgl-timeline input");
  const found = [];
  let steps = 0;
  for (; step.value !== step.max; steps++) {{
    root.dispatchEvent(new KeyboardEvent("keydown", {{ key: "ArrowRight", bubbles: true }}));
    found.push(...({LIT_OUTSIDE})(svg));
  }}
  return [steps, found];
}}"""
SMALLEST_TEXT = """(svg) => Math.min(...[...svg.querySelectorAll("text")].filter((e) => e.textContent).map(
  (e) => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a))"""


@pytest.fixture(params=WIDTHS)
def show(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Show]:
    yield from opened(browser, tmp_path, viewport={"width": request.param, "height": 760})


@pytest.fixture
def show_wide(browser: Any, tmp_path: Path) -> Iterator[Show]:
    yield from opened(browser, tmp_path)


def neuron() -> Value:
    """The README's first graph, ten boxes."""
    x1, x2 = Value(1.5, label="x1"), Value(0.5, label="x2")
    w1, w2 = Value(-2.0, label="w1"), Value(3.0, label="w2")
    y = (x1 * w1 + x2 * w2 + Value(1.0, label="b")).tanh()
    y.label = "y"
    return y


def recurrent(steps: int = 5) -> Value:
    """Two cells over some steps of time; their weights are used at each of them."""
    draw = random.Random(1)
    w = [[Value(draw.gauss(0, 1), label=f"w{i}{j}") for j in range(2)] for i in range(2)]
    h = [Value(0.1, label="h0"), Value(0.2, label="h1")]
    for t in range(steps):
        x = Value(draw.gauss(0, 1), label=f"x{t}")
        h = [(w[i][0] * h[0] + w[i][1] * h[1] + x).tanh() for i in range(2)]
    return h[0] * h[1]


def focused(shown: Shown) -> str:
    return str(shown.page.evaluate("document.activeElement.className"))


def test_a_small_graph_opens_whole_at_the_start_and_takes_the_keys(show: Show) -> None:
    root = neuron()
    root.backward()
    shown = show(root.explore())
    assert shown.drawing.locator(".tgl-box").count() == 10
    assert shown.drawing.evaluate(BOXES_OUTSIDE) == []
    assert shown.drawing.evaluate(SMALLEST_TEXT) >= SMALLEST
    assert shown.step()["title"] == "Start" and focused(shown) == "tgl-explorer"
    shown.keys("ArrowRight")
    assert shown.step()["title"] == "Forward, step 1 of 5: x1 * w1"
    assert shown.page.evaluate("scrollY") == 0


def test_a_large_graph_opens_readable_at_its_first_step(show: Show) -> None:
    shown = show(recurrent().explore())
    assert shown.drawing.evaluate(SMALLEST_TEXT) >= SMALLEST
    assert len(shown.drawing.evaluate(BOXES_OUTSIDE)) > 0
    place = shown.drawing.locator("> g").get_attribute("transform")
    shown.keys("ArrowRight")
    assert shown.drawing.evaluate(LIT_OUTSIDE) == []
    assert shown.drawing.locator("> g").get_attribute("transform") == place


@pytest.mark.parametrize("build", [recurrent, lambda: nn.MLP(2, [8, 8, 1])([1.0, 2.0])], ids=["steps", "modules"])
def test_what_is_lit_is_never_outside(show: Show, build: Callable[[], Value]) -> None:
    shown = show(build().explore())
    steps, outside = shown.root.evaluate(STEP_ALL)
    assert steps >= 10 and outside == []
    shown.press("zoom in", "zoom in", "zoom in", "back")
    assert shown.drawing.evaluate(LIT_OUTSIDE) == []


def test_it_is_shown_while_it_plays(show_wide: Show) -> None:
    shown = show_wide(recurrent(3).explore())
    shown.root.get_by_label("speed").select_option("8")
    shown.page.evaluate(f"""() => {{
      const svg = document.querySelector(".tgl-graph");
      window.seen = [0, []];
      new MutationObserver(() => {{
        if (!svg.querySelector(".tgl-current")) return;
        window.seen[0]++;
        window.seen[1].push(...({LIT_OUTSIDE})(svg));
      }}).observe(document.querySelector(".tgl-step"), {{ childList: true }});
    }}""")
    shown.press("zoom in", "zoom in", "zoom in", "play")
    eventually(shown.root.locator(".tgl-step h3")).to_contain_text("Backward, step 3 ")
    count, outside = shown.page.evaluate("window.seen")
    assert count > 20 and outside == []


def test_a_step_that_needs_more_room_is_shown_smaller_and_the_next_is_not(show_wide: Show) -> None:
    far = Value(1.0, label="far")
    chain = far
    for _ in range(12):
        chain = chain.tanh()
    root = (chain * 2.0).exp() * far
    shown = show_wide(root.explore())
    scales = []
    for _ in range(17):
        shown.keys("ArrowRight")
        scales.append(shown.drawing.locator("> g").evaluate("(e) => e.getCTM().a"))
    assert scales[14] == scales[15] == min(scales) < 0.9 * scales[0]
    assert math.isclose(scales[0], scales[16])


def test_findings_are_shown_where_all_gradients_are_there(show_wide: Show) -> None:
    root = neuron()
    shown = show_wide(root.explore(compare=tl.compare(root)))
    assert shown.step()["title"].startswith("Backward, step 5 of 5")
    assert shown.drawing.locator(".tgl-check-ok").count() == 10


def test_in_a_frame_it_takes_the_keys_only_when_it_is_clicked(browser: Any) -> None:
    page = browser.new_page()
    page.set_content('<div style="height: 2000px"><input id="cell"></div>')
    page.locator("#cell").focus()
    page.evaluate(
        """(page) => {
          const frame = Object.assign(document.createElement("iframe"), { width: 900, height: 640, srcdoc: page });
          document.querySelector("div").append(frame);
        }""",
        neuron().explore()._page(),
    )
    inside = page.frame_locator("iframe")
    inside.locator(".tgl-box").first.wait_for()
    assert page.evaluate("[document.activeElement.id, scrollY]") == ["cell", 0]
    page.keyboard.press("ArrowRight")
    assert inside.locator(".tgl-step h3").text_content() == "Start"
    inside.locator(".tgl-graph").click(position={"x": 5, "y": 5})
    page.keyboard.press("ArrowRight")
    assert str(inside.locator(".tgl-step h3").text_content()).startswith("Forward, step 1 of 5")
    page.close()
