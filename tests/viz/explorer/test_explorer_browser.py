"""The explorer's saved page in a browser: steps, moved leaves, states of gradients, hovering, search and checks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_page import Shown, eventually, named, numbers, opened

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, ops
from tinygrad_lite.viz import Explorer

pytestmark = pytest.mark.browser
BUTTONS = ("first", "forward", "back", "last")
Show = Callable[[Explorer], Shown]


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Show]:
    yield from opened(browser, tmp_path)


def expression(x: float = 0.7, y: float = -1.3, w: float = 2.0) -> Value:
    """Uses some Values several times, some twice in one operation, and some in a sequence next to a plain number."""
    leaves = Value(x, label="x"), Value(y, label="y"), Value(w, label="w")
    a, b = (leaves[0] * leaves[2] + leaves[1]).tanh(), leaves[1] / leaves[2]
    total = ops.logsumexp([a, 0.5, leaves[0], a]) + (a * a - b).exp() + ops.dot([a, 2.0], [leaves[2], b])
    return total * leaves[0].sigmoid() + leaves[1].relu() ** 3


def network() -> Value:
    model = nn.MLP(2, [2, 1])
    return tl.mean([(model(x) - y) ** 2 for x, y in (([1.0, -2.0], 1.0), ([0.5, 3.0], -1.0))])


@pytest.mark.parametrize(("build", "by"), [(expression, "buttons"), (network, "keys")])
def test_each_step_has_the_engines_numbers(show: Show, build: Callable[[], Value], by: str) -> None:
    root = build()
    values = named(root)
    shown = show(root.explore())
    assert all(v.grad_state == "not computed" for v in values.values())
    root.backward()
    n = sum(1 for v in values.values() if v.op)
    if by == "keys":
        shown.box(str(root.label)).focus()
    move = shown.keys if by == "keys" else shown.press
    first, forward, back, last = ("Home", "ArrowRight", "ArrowLeft", "End") if by == "keys" else BUTTONS

    move(first)
    assert shown.step()["title"] == "Start"
    known = {label for label, v in values.items() if not v.op}
    for k in range(n):
        move(forward)
        step = shown.step()
        begin, label = step["title"].split(": ")
        assert begin == f"Forward, step {k + 1} of {n}"
        assert {p.label for p in values[label].parents} <= known
        assert step["numbers"] == [values[label].data]
        known.add(label)
    assert known == set(values)

    sums: dict[str, float] = defaultdict(float, {str(root.label): 1.0})
    for k in range(n):
        move(forward)
        step = shown.step()
        begin, label = step["title"].split(": ")
        assert begin == f"Backward, step {k + 1} of {n}"
        assert sums[label] == pytest.approx(values[label].grad, rel=1e-12)
        check_chain_rule(step, values[label], sums, values.values())
    assert sums == {label: pytest.approx(v.grad, rel=1e-12, abs=1e-300) for label, v in values.items()}
    assert shown.boxes() == {label: [v.data, v.grad] for label, v in values.items()}

    move(back)
    assert shown.step()["title"].startswith(f"Backward, step {n - 1} of")
    move(first)
    move(last)
    assert shown.step()["title"].startswith(f"Backward, step {n} of")


def check_chain_rule(step: dict[str, Any], v: Value, sums: dict[str, float], values: Iterable[Value]) -> None:
    """Checks the lines of a step (upstream x local = contribution, then the running sum), and adds them to sums."""
    assert step["numbers"][0] == v.grad
    for line, p, local in zip(step["lines"], v.parents, v.local_derivatives, strict=True):
        assert line["to"] == p.label
        assert line["product"] == [v.grad, local, v.grad * local]
        before = sums[line["to"]]
        sums[line["to"]] += v.grad * local
        if sum(q is p for w in values for q in w.parents) == 1:
            assert line["running"] is None
        else:
            terms = [before, v.grad * local, sums[line["to"]]]
            assert line["running"] == pytest.approx(terms, rel=1e-12, abs=1e-300)


def test_play_goes_to_the_end_and_pause_stops(show: Show) -> None:
    shown = show(expression().explore())
    shown.press("first", "play")
    eventually(shown.root.locator(".tgl-step")).to_contain_text("Forward, step 2")
    shown.press("pause")
    stopped = shown.step()
    shown.press("forward", "back")
    assert shown.step() == stopped
    shown.root.get_by_label("speed").select_option("8")
    shown.press("play")
    eventually(shown.root.locator('button[aria-label^="play"]')).to_be_visible()
    n = sum(1 for v in named(expression()).values() if v.op)
    assert shown.step()["title"].startswith(f"Backward, step {n} of {n}")


@pytest.mark.parametrize("by", ["slider", "field"])
def test_moved_leaves_give_the_engines_numbers(show: Show, by: str) -> None:
    recorded = named(expression())
    shown = show(list(recorded.values())[-1].explore())
    shown.press("last")
    moved = {}
    for label, x in (("x", 1.25), ("y", 0.4)):
        control = shown.slider(label) if by == "slider" else shown.field(label)
        control.fill(str(control_step(control, x) if by == "slider" else x))
        moved[label] = float(control.input_value())
        check_numbers(shown, expression(**moved))
    shown.root.locator(".tgl-reset").click()
    check_numbers(shown, expression())
    assert float(shown.field("x").input_value()) == 0.7


def control_step(slider: Any, x: float) -> float:
    """The position of the slider that is nearest to x."""
    low, step = (float(slider.get_attribute(name)) for name in ("min", "step"))
    return low + round((x - low) / step) * step


def check_numbers(shown: Shown, root: Value) -> None:
    """Checks that all boxes show the numbers of this graph, which has the same operations."""
    values = named(root)
    root.backward()
    expected = {label: pytest.approx([v.data, v.grad], rel=1e-12, abs=1e-12) for label, v in values.items()}
    assert shown.boxes() == expected


def test_a_leaf_that_only_python_can_follow_says_so(show: Show, own_operations: Any) -> None:
    half = own_operations("half", lambda x: x / 2, lambda g, y, x: g / 2)
    x, y = Value(3.0, label="x"), Value(4.0, label="y")
    shown = show((half(x) * y).explore())
    shown.press("last")
    assert shown.slider("x").is_disabled() and shown.field("x").is_disabled()
    assert "so only Python can" in str(shown.root.locator(".tgl-leaves").text_content())
    shown.field("y").fill("6")
    assert shown.boxes() == {"x": [3.0, 3.0], "half": [1.5, 6.0], "y": [6.0, 1.5], "*": [9.0, 1.0]}


def test_states_of_gradients_are_told_apart(show: Show) -> None:
    x, y, z = Value(-1.0, label="x"), Value(2.0, label="y"), Value(3.0, label="z")
    held = (y * 2.0).detach()
    held.label = "held"
    dead = x.relu()
    dead.label = "dead"
    loss = dead * y + held * y + z * 0.0
    loss.label = "loss"
    shown = show(loss.explore())
    shown.press("last")
    for label, text, kind in (
        ("x", "grad 0 ⊘ blocked", "tgl-blocked"),
        ("held", "grad 0 ⊘ blocked", "tgl-constant"),
        ("z", "grad 0", "tgl-zero"),
        ("y", "grad 4", "tgl-computed"),
    ):
        box = shown.box(label)
        assert box.locator("text").all_text_contents()[-1] == text
        assert re.search(rf"\b{kind}\b", box.get_attribute("class"))
        assert text in box.get_attribute("aria-label")
    shown.select("x")
    assert "⊘ blocked" in shown.gradient.text_content()
    assert "not computed: call backward()" in shown.detail(".grad").text_content()
    shown.press("first", "forward")
    assert shown.box("y").locator("text").all_text_contents()[-1].startswith("grad \N{EN DASH}")
    assert "not computed" in shown.gradient.text_content()


def test_click_focuses_and_hover_tells(show: Show) -> None:
    root = expression()
    values = named(root)
    shown = show(root.explore())
    shown.keys("0")
    shown.press("fit")
    shown.box("y").hover()
    assert shown.heading == "y"
    assert numbers(shown.value) == [values["y"].data]
    shown.root.locator(".tgl-bar").hover()
    assert shown.heading == "Nothing selected"
    tanh = next(v for v in values.values() if v.op and v.op.name == "tanh")
    shown.select(str(tanh.label))
    assert numbers(shown.detail(f"d {tanh.label} / d")) == list(tanh.local_derivatives)
    related = {tanh.label} | {v.label for v in values.values() if depends(tanh, v) or depends(v, tanh)}
    dim = shown.drawing.locator(".tgl-box.tgl-dim").evaluate_all("es => es.map((e) => e.getAttribute('aria-label'))")
    assert {text.split(", ")[0] for text in dim} == set(values) - related
    shown.keys("Escape")
    assert shown.drawing.locator(".tgl-dim").count() == 0


def depends(v: Value, on: Value) -> bool:
    return any(p is on or depends(p, on) for p in v.parents)


def test_line_module_and_use_are_told(show: Show) -> None:
    with tl.detect_anomaly():
        root = network()
    named(root)
    shown = show(root.explore())
    product = next(v for v in named(root).values() if v.path == "layers.0.neurons.1" and v.op)
    shown.select(str(product.label))
    assert shown.detail("module").text_content() == "layers.0.neurons.1"
    assert shown.detail("line").text_content() == product.line
    assert shown.detail("used").text_content() == "1 time"


def test_search_by_label_by_module_and_by_operation(show: Show) -> None:
    root = network()
    root.label = "my loss"
    shown = show(root.explore())
    shown.box("my loss").focus()
    for text, found, heading in (
        ("MY LO", "my loss", "my loss"),
        ("neurons.1", "layers.0.neurons.1module", "w.0"),
        ("neurons.1.w.1", "layers.0.neurons.1.w.1", "w.1"),
        ("relu", "relu", "relu"),
    ):
        shown.keys("/")
        shown.page.keyboard.type(text)
        results = shown.found.locator("button")
        assert any(result.startswith(found) for result in results.all_text_contents())
        shown.keys("Enter")
        assert shown.heading == heading
        assert shown.focused().startswith(f"{heading},")
        assert not shown.found.is_visible()
    shown.search.fill("no such thing")
    assert "no label, module or operation matches" in str(shown.found.text_content())
    shown.keys("Escape")
    assert shown.search.input_value() == ""


def test_check_in_the_page(show: Show) -> None:
    root = expression()
    shown = show(root.explore())
    shown.press("check")
    n = len(named(root))
    eventually(shown.status).to_have_text(f"{n} derivatives agree with finite differences")
    assert shown.drawing.locator(".tgl-check-ok").count() == n
    shown.press("check")
    assert shown.drawing.locator(".tgl-check-ok").count() == 0


def test_a_wrong_rule_is_marked(show: Show, own_operations: Any) -> None:
    wrong = own_operations("wrong", lambda x: x * x * x, lambda g, y, x: g * x * x)
    x, y = Value(2.0, label="x"), Value(5.0, label="y")
    root = wrong(x) * y
    shown = show(root.explore(compare=tl.compare(root)))
    shown.press("last")
    marked = shown.drawing.locator(".tgl-check-wrong")
    names = marked.evaluate_all("es => es.map((e) => e.getAttribute('aria-label'))")
    assert names == ["x, value 2, grad 20 ≠ 60", "wrong, value 8, grad 5 ≠ wrong rule"]
    assert shown.drawing.locator(".tgl-check-ok").count() == 2
    shown.select("x")
    assert numbers(shown.detail("measured")) == [pytest.approx(60.0, rel=1e-6)]
    shown.select("wrong")
    assert numbers(shown.detail("/ d x")) == [4.0, pytest.approx(12.0, rel=1e-6)]
