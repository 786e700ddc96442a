"""The explorer's page tells a gradient's sweeps apart in the words of the reports, also after leaves have moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_page import Shown, eventually, numbers, opened

from tinygrad_lite import Value, nn
from tinygrad_lite.explanation.accumulation import CHANGED, accumulated
from tinygrad_lite.viz import Explorer
from tinygrad_lite.viz.explorer import payload

pytestmark = pytest.mark.browser
Show = Callable[[Explorer], Shown]


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Show]:
    yield from opened(browser, tmp_path)


def test_the_pages_words_are_the_reports(show: Show) -> None:
    w, x = Value(2.0, "w"), Value(-0.5, "x")
    inner = w * x
    y = inner + w * 3.0
    y.backward()
    cases = {"inside": inner, "not swept": w * 5.0}
    texts = {name: accumulated(root)[w].words() for name, root in cases.items()}
    pages = {name: show(root.explore()) for name, root in cases.items()}
    y.backward()
    texts["both"], pages["both"] = accumulated(y)[w].words(), show(y.explore())
    inner.backward()
    texts["earlier"], pages["earlier"] = accumulated(y)[w].words(), show(y.explore())
    assert len({text.split(" from ")[-1] for text in texts.values()}) == 4
    for name, shown in pages.items():
        shown.select("w")
        eventually(shown.detail(".grad")).to_have_text(texts[name])


def test_the_running_sum_is_that_of_one_sweep(show: Show) -> None:
    w = Value(2.0, "w")
    y = w * w
    for _ in range(3):
        y.backward()
    shown = show(y.explore())
    shown.press("last")
    assert "complete only now" not in str(shown.root.locator(".tgl-step").text_content())
    assert [line["running"] for line in shown.step()["lines"]] == [[0.0, 2.0, 2.0], [2.0, 2.0, 4.0]]
    shown.select("w")
    eventually(shown.detail(".grad")).to_have_text("12 = 8 from other sweeps + 4 from this one")
    assert numbers(shown.gradient) == [4.0] and numbers(shown.detail(".grad")) == [12.0, 8.0, 4.0]
    shown.field("w").fill("5")
    eventually(shown.gradient).to_have_text("10")
    assert numbers(shown.detail(".grad")) == [12.0, 8.0, 4.0], "what was recorded stays"


def test_a_gradient_is_said_to_be_complete_after_its_last_use(show: Show) -> None:
    """The reason for the order of the backward pass."""
    x = Value(0.5, "x")
    h = x.tanh()
    h.label = "h"
    shown = show((h * h + h).explore())
    shown.press("last")
    step = shown.root.locator(".tgl-step")
    eventually(step).to_contain_text("d root / d h = 1.924, complete only now that all 3 uses have reported")
    shown.press("back")
    assert "complete only now" not in str(step.text_content())


def test_a_changed_leaf_is_told(show: Show) -> None:
    w = Value(2.0, "w")
    y = w * 3.0
    y.backward()
    w.data = 1.0
    shown = show(y.explore())
    shown.select("w")
    eventually(shown.detail("changed")).to_have_text(CHANGED[True])
    shown.select("w * 3" if shown.box("w * 3").count() else "*")
    assert shown.details.locator("dt", has_text="changed").count() == 0


def test_nothing_is_sent_where_nothing_is_to_be_told() -> None:
    model = nn.MLP(2, [3, 1])
    loss = (model([1.0, 2.0]) - 1.0) ** 2
    for _ in range(2):
        found = loss.explore()._payload
        assert found["accumulated"] is None and found["changed"] is None
        model.zero_grad()
        loss.backward()
    loss.backward()
    assert loss.explore()._payload["accumulated"]["words"] == list(payload.WORDS.values())
