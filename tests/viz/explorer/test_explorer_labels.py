"""Labels and names are shown as text in the explorer, whatever is written in them, and never run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_page import Shown, opened

from tinygrad_lite import Value, nn
from tinygrad_lite.viz import Explorer

pytestmark = pytest.mark.browser
Show = Callable[[Explorer], Shown]
HOSTILE = {
    "script": "<script>window.ran = 1</script>",
    "image": "<img src=x onerror='window.ran = 2'>",
    "end of script": "</script><svg onload=window.ran=3>",
    "quotes": '"\'`\\" onmouseover="window.ran=4" x=\'',
    "template": "${window.ran = 5} {{7*7}} `",
    "lines": "a\u2028window.ran = 6\u2029b\r\nc\0d",
    "comment": "<!-- --> ]]> &lt;b&gt; &#60;script&#62;",
    "right to left": "\u202e\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "emoji": "\U0001f469\u200d\U0001f680\U0001f1e9\U0001f1ea e\u0301",
    "long": "y" * 10_000,
    "address": "javascript:window.ran=7",
    "surrogate": "s\ud800",
    "prototype": "__proto__",
}


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Show]:
    yield from opened(browser, tmp_path)


@pytest.mark.parametrize("label", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_label_is_shown_and_never_run(show: Show, label: str) -> None:
    x, y = Value(2.0, label=label), Value(3.0, label="y")
    loss = x * y
    loss.label = label
    shown = show(loss.explore())
    check_only_text(shown)
    box = shown.drawing.locator(".tgl-box").last
    begin = " ".join(label.split())[:6] if label.isprintable() else label[:1]
    assert begin[:4] in box.locator(".tgl-title").text_content()
    assert begin in box.get_attribute("aria-label")
    box.dispatch_event("pointerenter")
    assert begin in shown.heading
    box.dispatch_event("click")
    shown.press("first", "forward")
    assert begin in shown.step()["title"]
    shown.press("last", "check")
    assert len(shown.heading) <= 100
    shown.search.fill(begin)
    shown.found.locator("button").first.click()
    assert begin in shown.heading
    assert begin in shown.root.locator(".tgl-leaf bdi").first.text_content()
    check_only_text(shown)


def test_hostile_names_of_modules_and_lines(show: Show) -> None:
    hostile = "<img src=x onerror=window.ran=8>"
    model = nn.MLP(1, [12, 12])
    outputs = model([1.0])
    for v in (*model.parameters(), *outputs):
        v.label = hostile
    loss = sum(outputs, Value(0.0))
    shown = show(loss.explore())
    shown.drawing.locator(".tgl-module").first.dispatch_event("dblclick")
    shown.search.fill("onerror")
    shown.found.locator("button").first.click()
    assert shown.heading == hostile
    check_only_text(shown)


def check_only_text(shown: Shown) -> None:
    assert shown.page.evaluate("window.ran") is None
    assert shown.page.locator("script").count() == 2
    assert shown.page.locator("img, iframe, a[href], .tgl-explorer script, .tgl-explorer svg svg").count() == 0
