"""SVG and DOT text: valid for any labels, and readable by words and marks, not by colour alone."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thoroughness import up_to

from tinygrad_lite import Value, nn, ops
from tinygrad_lite.text.wording import number, shortened, visible
from tinygrad_lite.viz import Picture
from tinygrad_lite.viz.diagram.elements import Node
from tinygrad_lite.viz.diagram.short_names import short_names
from tinygrad_lite.viz.drawing import theme
from tinygrad_lite.viz.drawing.text_width import width

NAMESPACE = {"s": "http://www.w3.org/2000/svg"}
HOSTILE = [
    "<script>alert('x')</script>",
    "]]>--><!-- &amp; &#0; %",
    'quotes " and \' and \\N \\G \\" \\',
    "x" * 10_000,
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE} \N{PILE OF POO}",
    "a\x00b\x07\n\r\t\x1b[31m\x7f\x85\u2028",
    "\u202eright to left override\u2066",
    "\ud800 alone \udfff",
    "\ufffe \uffff \U0001ffff",
    "",
    " ",
    "{a|b} <b>bold</b> <TABLE>",
]


def texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    return [element.text or "" for element in root.iterfind(".//s:text", NAMESPACE)]


def tooltips(svg: str) -> str:
    return "\n".join(element.text or "" for element in ET.fromstring(svg).iterfind(".//s:title", NAMESPACE))


def labelled(label: str) -> Picture:
    x = Value(1.0, label)
    root = ops.sum([x, x.tanh(), *[Value(2.0, label) for _ in range(3)]])
    root.label = label
    return root.graph(max_nodes=10)


@settings(max_examples=up_to(200), deadline=None)
@given(st.text(st.characters(), max_size=60))
@example("\x00")
@example("\ud800")
def test_any_label_gives_valid_xml_and_utf8(label: str) -> None:
    picture = labelled(label)
    svg = picture.svg("own")
    svg.encode()
    picture.dot().encode()
    shown = shortened(label) if label else "input"
    assert shown in texts(svg)


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_labels(label: str) -> None:
    svg = labelled(label).svg("own")
    tags = {element.tag.partition("}")[2] for element in ET.fromstring(svg).iter()}
    assert tags == {"svg", "title", "style", "defs", "marker", "path", "rect", "g", "text"}
    assert len(svg) < 30_000
    assert "<script" not in svg


@pytest.mark.skipif(not shutil.which("dot"), reason="needs Graphviz's dot")
@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_labels_in_dot(label: str) -> None:
    done = subprocess.run(["dot", "-Tsvg"], input=labelled(label).dot().encode(), capture_output=True, check=True)
    svg = done.stdout.decode()
    assert "Error" not in done.stderr.decode()
    assert "<script" not in svg
    found = " ".join(ET.fromstring(svg).itertext()).replace("\xa0", " ")
    if label.strip():
        assert shortened(label).split()[0] in found.replace("\u200b", "")


@pytest.mark.skipif(not shutil.which("dot"), reason="needs Graphviz's dot")
def test_dots_tooltips_mean_what_they_say() -> None:
    label = 'a &amp; b \\N "c"'
    done = subprocess.run(["dot", "-Tsvg"], input=labelled(label).dot().encode(), capture_output=True, check=True)
    links = ET.fromstring(done.stdout).iterfind(".//{*}a")
    titles = [link.get("{http://www.w3.org/1999/xlink}title", "") for link in links]
    assert any(title.replace("\u200b", "").startswith(label) for title in titles)
    shown = [text.replace("\u200b", "").strip() for text in ET.fromstring(done.stdout).itertext()]
    assert shown.count(label) == 5


def test_a_cut_label_says_so_and_its_beginning_stands_in_the_tooltip() -> None:
    svg = labelled("w" * 10_000).svg("own")
    assert "w" * 23 + "…" in texts(svg)
    assert "w" * 150 in tooltips(svg)
    assert "w" * 250 not in tooltips(svg)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\tb", "a\\tb"),
        ("\x00", "\\x00"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
        ("é ש 中 👩‍🔬", "é ש 中 👩‍🔬"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(raw: str, shown: str) -> None:
    assert visible(raw) == shown


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.70710678, "0.7071"), (-2.0, "-2"), (1e-9, "1e-9"), (123456.0, "1.235e5"), (-0.0, "-0"), (math.inf, "inf"),
        (math.nan, "nan"), (0.1 + 0.2, "0.3"),
    ],
)  # fmt: skip
def test_numbers_are_short(x: float, text: str) -> None:
    assert number(x) == text


def test_tooltips_hold_every_digit() -> None:
    x = Value(1 / 3, "x")
    y = x.tanh()
    y.backward()
    svg = y.graph().svg("own")
    assert f"value {x.data!r}" in tooltips(svg)
    assert f"grad {x.grad!r}" in tooltips(svg)
    assert f"local derivative {y.local_derivatives[0]!r}" in tooltips(svg)


def test_the_three_kinds_of_no_gradient_differ_in_words_and_marks() -> None:
    dead, unused, zero = Value(-1.0, "dead"), Value(2.0, "unused"), Value(3.0, "zero")
    before = dead.relu() + unused
    root = before + zero * Value(0.0, "factor")
    seen = texts(root.graph().svg("own"))
    assert seen.count("not computed") == len(root.graph().nodes)
    root.backward()
    svg = root.graph().svg("own")
    assert "not computed" not in texts(svg)
    assert texts(svg).count("blocked") == 1
    assert "gradient is stopped on its way" in texts(svg)
    assert "gradient is 0" in texts(svg)
    rings = len(ET.fromstring(svg).findall(".//s:circle", NAMESPACE))
    assert rings == 4, "a ring for the zero gradient, one for the blocked one, and both in the legend"
    assert re.search(r"<circle[^>]*/>\s*<text[^>]*>gradient is 0<", svg)
    assert re.search(r"<circle[^>]*/><path[^>]*/>\s*<text[^>]*>gradient is stopped", svg), "the ring has no bar"
    assert svg.count("stroke-dasharray") == 1, "the edge that stops the gradient is not dashed"


def test_every_edge_has_its_local_derivative() -> None:
    a, b = Value(1.25, "a"), Value(-0.5, "b")
    assert {"-0.5", "1.25"} <= set(texts((a * b).graph().svg("own")))


def test_numbers_that_are_not_finite_stand_out() -> None:
    svg = Value(0.0).log().graph().svg("own")
    assert re.search(f'fill="{theme.WARNING}"[^>]*>-inf<', svg)


def test_the_legend_lists_what_occurs_and_no_more() -> None:
    assert {"input", "result", "root"} & set(texts((Value(1.0, "x") * 2.0 + 1.0).graph().svg("own"))) == {
        "input",
        "result",
        "root",
    }
    assert "parameter" not in texts((Value(1.0, "x") * 2.0).graph().svg("own"))
    net = nn.Neuron(1)
    assert "parameter" in texts(net([1.0]).graph().svg("own"))


def test_a_panel_of_its_own_lies_under_everything() -> None:
    """On a dark page too: no text may be light, and the first shape covers the whole picture."""
    svg = ET.fromstring(labelled("x").svg("own"))
    panel = svg.find("s:rect", NAMESPACE)
    assert panel is not None
    assert panel.get("fill") == theme.PANEL
    assert float(panel.get("width", "0")) >= float(svg.get("width", "0")) - 1
    for text in svg.iterfind(".//s:text", NAMESPACE):
        red, green, blue = (int(str(text.get("fill"))[k : k + 2], 16) for k in (1, 3, 5))
        assert 0.299 * red + 0.587 * green + 0.114 * blue < 140


def test_text_fits_its_box() -> None:
    """By the estimate of widths, which is on the wide side of the fonts asked for."""
    picture = labelled("W" * 30)
    boxes = [b for b in picture._boxes if not b.plain]
    for box, item in zip(boxes, picture.nodes, strict=True):
        assert isinstance(item, Node)
        assert width(box.title, theme.TITLE_SIZE, bold=True) + width(box.tag, theme.TEXT_SIZE) < box.width


def test_frames_and_collapsed_modules_are_named_with_their_counts() -> None:
    net = nn.MLP(2, [3, 1])
    root = net([Value(1.0), Value(2.0)])
    assert {"layers.0", "neurons.2", "layers.1.neurons.0"} <= set(texts(root.graph(max_nodes=100).svg("own")))
    closed = texts(root.graph(max_nodes=5).svg("own"))
    assert {"layers.0", "nodes", "15", "parameters", "9"} <= set(closed)
    assert "\N{MULTIPLICATION SIGN}3" in closed, "an input goes into three neurons"


def test_dot_text_has_the_texts_of_the_svg() -> None:
    net = nn.MLP(2, [2, 1])
    root = (net([Value(1.0, "x0"), Value(2.0, "x1")]) - 1.0) ** 2
    root.backward()
    picture = root.graph(max_nodes=100)
    dot = picture.dot()
    assert dot.startswith("digraph {\n")
    assert dot.count("subgraph cluster_") == 4
    assert dot.count(" -> ") - dot.count("style=invis") == len(picture.edges)
    for text in texts(picture.svg("own")):
        assert text in dot, text


def test_names_that_differ_at_their_ends_are_told_apart() -> None:
    names = ["encoder.blocks.3.attention.query", "encoder.blocks.3.attention.value", "b"]
    drawn = texts(ops.sum([Value(1.0, name) for name in names]).graph(max_nodes=10).svg("own"))
    assert {"encoder.…attention.query", "encoder.…attention.value", "b"} <= set(drawn)


@given(st.sets(st.text(st.characters(categories=["L", "Nd"]), max_size=40), max_size=12), st.integers(4, 30))
def test_different_names_stay_different(names: set[str], limit: int) -> None:
    short = short_names(names, limit)
    assert short.keys() == names and len(set(short.values())) == len(names)
