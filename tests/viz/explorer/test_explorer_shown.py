"""The explorer's page is one complete file that needs no other; a notebook shows the widget or the page."""

from __future__ import annotations

import html
import json
import math
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from test_explorer import decoded

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.viz import explore
from tinygrad_lite.viz.explorer import page

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--",
    "&lt;\"'",
    "\u2028\u202e",
    "\ud800",
    "\N{GRINNING FACE}" * 9,
    "x" * 10_000,
]


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    terms = [Value(float(k), label=label) for k, label in enumerate(HOSTILE)]
    explorer = tl.sum(terms).explore()
    explorer.save(tmp_path / "page.HTML")
    text = (tmp_path / "page.HTML").read_text(encoding="utf-8")
    assert "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:" in text
    assert set(re.findall(r"\w+://[^\s\"'`)]*", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(src|href)\s*=\s*[\"']?(?!data:)", text) and "@import" not in text and "url(" not in text
    assert text.count("<script") == text.count("</script>") == 2
    data = text.partition('id="payload">')[2].partition("</script>")[0]
    assert not re.search("[<>&\u2028\u2029]", data)
    assert json.loads(data) == json.loads(explorer._json)
    assert [json.loads(data)["labels"][str(k)] for k in range(len(HOSTILE))] == HOSTILE


def test_a_page_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "page.html"
    target.write_text("former")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        explore(Value(1.0)).save(target)
    assert target.read_text() == "former" and [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_modules_are_joined_to_one() -> None:
    source = page.module()
    assert not re.search(r"^import ", source, re.MULTILINE)
    assert re.findall(r"^export .*", source, re.MULTILINE) == ["export default { render };"]
    names = re.findall(r"^(?:async function|function|class|const|let)\*? (\w+)", source, re.MULTILINE)
    assert {"mount", "render"} <= set(names)
    assert [name for name, n in Counter(names).items() if n > 1] == []
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|outerHTML|document\.write|\beval\(|new Function|fetch\(", source
    )
    for name in page.MODULES:
        for used in re.findall(r'from "\./([\w.]+)";', (Path(page.__file__).parent / name).read_text(encoding="utf-8")):
            assert page.MODULES.index(used) < page.MODULES.index(name), f"{name} uses {used}, which comes later"


def test_a_notebook_shows_the_widget_and_pages_of_code_the_picture() -> None:
    explorer = explore(Value(0.5, label="x").tanh())
    data, _ = explorer._repr_mimebundle_()
    assert data["text/plain"] == "<Explorer of 2 nodes>" and data["text/html"].startswith("<img src=")
    again, _ = explorer._repr_mimebundle_()
    kind = "application/vnd.jupyter.widget-view+json"
    assert data[kind]["model_id"] == again[kind]["model_id"]
    assert json.loads(explorer._widget.payload) == json.loads(explorer._json)
    sent: list[Any] = []
    explorer._widget.send = sent.append
    explorer._widget._handle_custom_msg({"id": 5, "ask": "recompute", "leaves": [[0, 1.0]]}, [])
    assert sent[0]["id"] == 5 and decoded(sent[0]["data"]) == [1.0, math.tanh(1.0)]


def test_without_anywidget_a_notebook_shows_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "tinygrad_lite.viz.explorer.widget", raising=False)
    explorer = explore(Value(0.5, label="x").tanh())
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    frame = bundle["text/html"]
    assert frame.startswith('<iframe sandbox="allow-scripts" srcdoc="') and "<script" not in frame
    assert html.unescape(frame.partition('srcdoc="')[2].partition('"')[0]) == explorer._page()
