"""In any picture, no text of an edge lies on a box or across another text, as measured in the SVG."""

from __future__ import annotations

import random
import shutil
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_collapse import random_graphs
from test_loops import plain_loop, recurrent
from test_nested_layout import overlap
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, ops
from tinygrad_lite.viz import Picture
from tinygrad_lite.viz.drawing import theme
from tinygrad_lite.viz.drawing.text_width import number_width, width
from tinygrad_lite.viz.layout.nested_layout import Rectangle

SVG = "{http://www.w3.org/2000/svg}"


def rectangle(item: ET.Element) -> Rectangle:
    return Rectangle(*[float(item.get(name, "0")) for name in ("x", "y", "width", "height")])


def measured(svg: str) -> tuple[list[Rectangle], list[tuple[str, Rectangle]]]:
    """The boxes of a picture, and its texts outside of boxes: those of edges, and the titles of frames."""
    drawing = ET.fromstring(svg).find(f"{SVG}g")
    assert drawing is not None
    boxes, texts = [], []
    for part in drawing:
        lines = part.findall(f"{SVG}text")
        if part.tag == f"{SVG}text":  # a frame's title, in a sans-serif font
            x, y = float(part.get("x", "0")), float(part.get("y", "0"))
            wide = 0.85 * width(part.text or "", theme.FRAME_SIZE)
            texts.append((part.text or "", Rectangle(x, y - 9.0, wide, 10.0)))
        elif part.find(f"{SVG}rect") is not None:
            boxes.append(rectangle(part.findall(f"{SVG}rect")[-1]))
        elif lines:
            (line,) = lines
            x, y = float(line.get("x", "0")), float(line.get("y", "0"))
            wide = number_width(line.text or "", theme.EDGE_SIZE)
            texts.append((line.text or "", Rectangle(x - wide / 2, y - 8.0, wide, 9.0)))
    return boxes, texts


def check(picture: Picture, layout: str = "auto") -> None:
    boxes, texts = measured(picture.svg(layout))  # type: ignore[arg-type]
    assert len(boxes) >= len(picture.nodes)
    for a, b in combinations(boxes, 2):
        assert not overlap(a, b)
    for text, room in texts:
        assert not any(overlap(room, box) for box in boxes), f"{text} lies on a box"
    for (one, a), (other, b) in combinations(texts, 2):
        assert not overlap(a, b), f"{one} lies across {other}"


@settings(max_examples=up_to(120), deadline=None)
@given(random_graphs(), st.sampled_from(["LR", "TB", None]), st.sampled_from([None, 6, 20, 300]), st.booleans())
def test_random_graphs(root: Value, rankdir: str | None, max_nodes: int | None, swept: bool) -> None:
    if swept:
        root.backward()
    check(root.graph(rankdir=rankdir, max_nodes=max_nodes), "own")


@pytest.mark.skipif(not shutil.which("dot"), reason="needs Graphviz")
@settings(max_examples=up_to(15), deadline=None)
@given(random_graphs(), st.sampled_from(["LR", "TB"]))
def test_random_graphs_as_they_are_shown(root: Value, rankdir: str) -> None:
    root.backward()
    check(root.graph(rankdir=rankdir))


def network() -> Value:
    random.seed(0)
    net = nn.MLP(3, [4, 4, 1])
    points = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    loss = ops.sum([(net(x) - 1.0) ** 2 for x in points])
    loss.backward()
    return loss


def attention() -> Value:
    random.seed(0)
    rows = nn.Attention(4, 2)([[Value(0.1 * i * j + 0.2) for j in range(4)] for i in range(3)])
    return ops.sum([x for row in rows for x in row])


def entry_of_a_hessian() -> Value:
    found: Value = tl.hessian(lambda v: (v[0] * v[1]).tanh() * v[0])([Value(0.5, "x"), Value(0.3, "y")])[0][1]
    return found


EXAMPLES = {
    "network": network,
    "one sample": lambda: nn.MLP(3, [4, 4, 1])([1.0, 2.0, 3.0]),
    "loop": lambda: plain_loop(200),
    "RNN": lambda: recurrent(nn.RNN, 5),
    "GRU": lambda: recurrent(nn.GRU, 3),
    "LSTM": lambda: recurrent(nn.LSTM, 4),
    "attention": attention,
    "Hessian": entry_of_a_hessian,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_fit_a_page_and_nothing_overlaps(name: str) -> None:
    picture = EXAMPLES[name]().graph()
    check(picture)
    svg = ET.fromstring(picture.svg())
    assert float(svg.get("width", "0")) <= 1200
    assert float(svg.get("height", "0")) <= 1700


@pytest.mark.parametrize(("name", "wide", "high"), [("network", 700, 1500), ("RNN", 700, 1200)])
def test_sizes(name: str, wide: int, high: int) -> None:
    """One by one, the Values take up 3,164 x 3,263 and 3,539 x 2,203 pixels."""
    svg = ET.fromstring(EXAMPLES[name]().graph().svg())
    assert float(svg.get("width", "0")) <= wide
    assert float(svg.get("height", "0")) <= high
