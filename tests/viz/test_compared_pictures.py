"""A picture of compare()'s findings: wrong rules have a colour of their own, a sign, words and numbers."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, ops
from tinygrad_lite.engine import record
from tinygrad_lite.explanation.comparison import compare
from tinygrad_lite.viz import graph
from tinygrad_lite.viz.diagram.boxes import boxes, edge_texts
from tinygrad_lite.viz.diagram.elements import Group, Node
from tinygrad_lite.viz.drawing import theme


@pytest.fixture(autouse=True)
def _wrong_erf(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ops.erf.rules[0]
    assert right is not None
    monkeypatch.setattr(ops.erf, "rules", (lambda g, y, x: right(g, y, x) * 1.5,))


def erf(x: Value) -> Value:
    """By the rule of the table, past the one that was compiled from it."""
    made: Value = record(ops.erf, (x,))
    return made


def example() -> Value:
    x = Value(0.5, "x")
    h = x * 2.0
    h.label = "h"
    p = erf(h)
    p.label = "p"
    return p * 3.0 + x.relu() + (x - 0.5).relu() + h.stop_gradient()


def words(svg: str) -> list[str]:
    return ["".join(t.itertext()) for t in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_boxes_and_edges_are_marked() -> None:
    y = example()
    picture = compare(y).graph()
    wrong = [n for n in picture.nodes if n.wrong]
    assert [n.label for n in wrong if isinstance(n, Node)] == ["p"]
    assert [picture.nodes[e.target] for e in picture.edges if e.wrong] == wrong
    found = dict(zip([getattr(n, "label", None) for n in picture.nodes], boxes(picture._diagram), strict=True))
    assert found["p"].colours == "wrong" and [r.value for r in found["p"].rows if r.style == "wrong"] == ["≠ WRONG"]
    assert "WRONG local derivative by h" in found["p"].tooltip
    assert found["h"].colours == "result" and found["h"].rows[-1].value == "1.868 ≠ 1.245"
    texts = [t.text for t in edge_texts(picture._diagram)]
    assert "0.6227 ≠ 0.4151" in texts and "0 kink" in texts and "0 by design" in texts and texts.count("1") >= 3


@pytest.mark.parametrize("layout", ["own", "dot"])
def test_svg(layout: Any) -> None:
    if layout == "dot" and shutil.which("dot") is None:
        layout = "own"
    svg = compare(example()).graph().svg(layout)
    said = words(svg)
    assert {"≠ WRONG", "0.6227 ≠ 0.4151", "wrong rule", "a ≠ b: a from the rules, b measured"} <= set(said)
    assert svg.count("url(#arrow-wrong)") == 1 and theme.WRONG in svg


def test_dot_text() -> None:
    text = compare(example()).graph().dot()
    assert "≠ WRONG" in text and "wrong rule" in text and text.count(f'color="{theme.WRONG}" fontcolor') == 1
    legend = text.split("label=<")[1].split("]\n")[0]
    assert legend.count("<TD>\N{RIGHTWARDS ARROW}") + legend.count(">\N{RIGHTWARDS ARROW}<") == 1


def test_a_sound_graph_is_drawn_as_ever() -> None:
    x = Value(0.5, "x")
    y = x.tanh() * 2.0
    assert compare(y).graph().svg() == y.graph().svg()


def test_an_expanded_dot_keeps_the_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    by_xs, _, by_start = ops.dot.rules
    monkeypatch.setattr(ops.dot, "rules", (by_xs, lambda g, y, xs, ys, start: [g * 7.0 for _ in xs], by_start))
    a, b, c = Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c")
    y = tl.engine.record(ops.dot, ((a, 1.0), (b, c), 0.5))
    picture = compare(y).graph(expand=True)
    labels = [n.label for n in picture.nodes if isinstance(n, Node)]
    assert [labels[e.source] for e in picture.edges if e.wrong] == ["b", "c"]
    assert [e.check.verdict for e in picture.edges if e.check and labels[e.source] == "a"] == ["ok"]


def test_closed_modules_count_them() -> None:
    x = Value(0.5, "x")
    model = nn.MLP(1, [4, 1], activation=erf)
    y = model([x])
    picture = compare(y).graph(max_nodes=8)
    groups = [n for n in picture.nodes if isinstance(n, Group)]
    assert sum(g.wrong for g in groups) == 4 and {b.colours for b in boxes(picture._diagram) if b.many} >= {"wrong"}
    assert f"≠ WRONG in {max(g.wrong for g in groups)}" in words(picture.svg())
    assert "wrong rule" in words(picture.svg())


def test_files(tmp_path: Path) -> None:
    compare(example()).graph(rankdir="TB").save(tmp_path / "a.svg")
    assert "≠ WRONG" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_wrong_use() -> None:
    x = Value(0.5)
    y = x.tanh()
    with pytest.raises(TypeError, match=r"graph\(compare=...\) takes the report of compare\(root\), got a bool, True"):
        graph(y, compare=True)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="of another graph"):
        graph(y, compare=compare(x.sin()))


def test_a_part_of_the_graph() -> None:
    y = erf(Value(0.5))
    report = compare(y * 2.0)
    assert [n.wrong for n in y.graph(compare=report).nodes] == [False, True]
