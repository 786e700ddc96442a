"""Writes a diagram as text for Graphviz, with the texts and colours of the SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from ...text.wording import xml
from ..diagram.boxes import Box, EdgeText, Row, frame_titles
from ..diagram.elements import Cluster, Diagram, Edge
from ..diagram.legend import legend
from ..layout.layered_layout import Point
from ..layout.nested_layout import Layout, RankDir
from . import theme
from .text_width import width

_SANS = "Helvetica,Arial,Liberation Sans,DejaVu Sans,sans-serif"
_MONO = "DejaVu Sans Mono,Menlo,Consolas,Liberation Mono,monospace"
_NO_WIDTH = "\N{ZERO WIDTH SPACE}"
"""Put after a backslash, since Graphviz reads \\N as the node's name, in HTML-like labels too, and reads some twice."""

_GAP = "&#160;&#160;"
_MARKS = {"zero": "\N{WHITE CIRCLE}", "blocked": "\N{CIRCLED DIVISION SLASH}"}


def dot_text(
    diagram: Diagram, boxes: Sequence[Box], texts: Sequence[EdgeText], rankdir: RankDir, layout: Layout | None = None
) -> str:
    """The diagram as a digraph, one statement per line; with a layout, for `neato -n2`, which keeps all positions."""
    nodes = [f"n{k} [{_box(box)}{_box_at(layout, k)}]" for k, box in enumerate(boxes)]
    titled = enumerate(zip(diagram.clusters, frame_titles(diagram), strict=True))
    frames = [_frame(cluster, title) + _frame_at(layout, k, title) for k, (cluster, title) in titled]
    edges = [
        f"n{e.source} -> n{e.target} [{_edge(e, text, len(diagram.edges))}{_edge_at(layout, k)}]"
        for k, (e, text) in enumerate(zip(diagram.edges, texts, strict=True))
    ]
    lines = [
        f'graph [rankdir={rankdir} newrank=true bgcolor="{theme.PANEL}" nodesep=0.25 ranksep=0.45 pad=0.2 '
        f'fontname="{_SANS}" labelloc=b labeljust=l label=<{_legend(diagram)}>]',
        f'node [shape=plain fontname="{_SANS}" fontsize={theme.TEXT_SIZE} fontcolor="{theme.INK}"]',
        f'edge [color="{theme.EDGE}" fontname="{_MONO}" fontsize={theme.EDGE_SIZE} fontcolor="{theme.EDGE_TEXT}" '
        "arrowsize=0.6]",
        *nested(diagram, nodes, frames),
        *edges,
        *(leaves_after_inputs(diagram) if layout is None else ()),
    ]
    return "\n".join(["digraph {", *("\t" + line for line in lines), "}", ""])


def leaves_after_inputs(diagram: Diagram) -> list[str]:
    """Invisible edges that place a module's own leaves after its inputs, so that successive modules are drawn one after
    the other."""
    arguments: dict[int, list[int]] = {}
    for edge in diagram.edges:
        arguments.setdefault(edge.target, []).append(edge.source)
    home = [node.cluster for node in diagram.nodes]
    pairs: dict[tuple[int, int], None] = {}
    for target, sources in arguments.items():
        outer = [s for s in sources if home[s] != home[target]]
        leaves = [s for s in sources if s not in arguments and home[s] == home[target]]
        if home[target] is not None and outer and leaves:
            pairs |= dict.fromkeys((s, leaves[0]) for s in outer)
            pairs |= dict.fromkeys((max(outer), leaf) for leaf in leaves)
    return [f"n{s} -> n{leaf} [style=invis weight=0]" for s, leaf in pairs]


def nested(diagram: Diagram, statements: Sequence[str], frames: Sequence[str]) -> list[str]:
    """The nodes' statements, inside subgraphs for the clusters, which have the attributes in `frames`."""
    inside: dict[int | None, list[str]] = {}
    for node, statement in zip(diagram.nodes, statements, strict=True):
        inside.setdefault(node.cluster, []).append(statement)
    for k in range(len(diagram.clusters) - 1, -1, -1):
        lines = [f"subgraph cluster_{k} {{", frames[k], *inside.pop(k, []), "}"]
        inside.setdefault(diagram.clusters[k].parent, []).extend(lines)
    return inside.get(None, [])


def quoted(text: str) -> str:
    """A string of the DOT language that means exactly this text, even if it holds backslashes and entities."""
    plain = text.replace("&", "&amp;").replace("\\", "\\\\" + _NO_WIDTH)
    return '"' + plain.replace('"', "&quot;").replace("\n", "&#10;") + '"'


def _html(text: str) -> str:
    """Text for an HTML-like label."""
    return xml(text).replace("\\", "\\" + _NO_WIDTH)


def _frame(cluster: Cluster, title: str) -> str:
    style = "rounded,filled" if cluster.module else "rounded,filled,dashed"
    return (
        f'label=<{_html(title)}> style="{style}" color="{theme.FRAME_LINE}" '
        f'fillcolor="{theme.FRAME}09" fontcolor="{theme.FRAME}" fontsize={theme.FRAME_SIZE} labeljust=l labelloc=t '
        "margin=12"
    )


def _font(text: str, colour: str = "", face: str = "", size: float = 0.0) -> str:
    given = (("COLOR", colour), ("FACE", face), ("POINT-SIZE", size))
    attributes = "".join(f' {name}="{value}"' for name, value in given if value)
    return f"<FONT{attributes}>{text}</FONT>"


def _box(box: Box) -> str:
    colours = theme.BOXES[box.colours]
    tooltip = f"tooltip={quoted(box.tooltip)}"
    if box.plain:
        return (
            f'shape=box style="rounded,filled" fillcolor="{colours.head}" color="{colours.line}" margin="0.04,0.02" '
            f"width={box.width / 72:.3f} height={box.height / 72:.3f} "
            f"label=<{_font(_html(box.title), face=_MONO)}> {tooltip}"
        )
    border = 3 if box.root else 1
    inner, head = box.width - 2 * border, theme.HEAD_HEIGHT - border
    height = (box.height - theme.HEAD_HEIGHT - border) / len(box.rows)
    names = max(width(row.name, theme.TEXT_SIZE) for row in box.rows) + 12 + theme.PADDING
    rows = [
        _cells(_font(_html(r.name), theme.MUTED), _value(r), (names, inner - names, height), _ground(r))
        for r in box.rows
    ]
    return (
        f'label=<<TABLE BORDER="{border}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" COLOR="{colours.line}" '
        f'BGCOLOR="{colours.body}"><TR><TD ALIGN="LEFT" COLSPAN="2" BGCOLOR="{colours.head}" WIDTH="{inner:.0f}" '
        f'HEIGHT="{head:.0f}">{_head(box, colours.line)}</TD></TR>{"".join(rows)}</TABLE>> {tooltip}'
    )


def _head(box: Box, colour: str) -> str:
    title = f"<I>{_font(_html(box.title), theme.MUTED)}</I>" if box.muted else f"<B>{_html(box.title)}</B>"
    title = _font(title, size=theme.TITLE_SIZE)
    if not box.tag:
        return _GAP + title
    left = width(box.title, theme.TITLE_SIZE, bold=True) + theme.PADDING
    cells = _cells(
        title, _font(f"<B>{_html(box.tag)}</B>", colour), (left, box.width - 8 - left, theme.HEAD_HEIGHT - 5)
    )
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>'


def _cells(left: str, right: str, sizes: tuple[float, float, float], ground: str = "") -> str:
    """A row of two cells with the given widths and height."""
    colour = f' BGCOLOR="{ground}"' if ground else ""
    return (
        f'<TR><TD ALIGN="LEFT" WIDTH="{sizes[0]:.0f}" HEIGHT="{sizes[2]:.0f}"{colour}>{_GAP}{left}</TD>'
        f'<TD ALIGN="RIGHT" WIDTH="{sizes[1]:.0f}"{colour}>{right}{_GAP}</TD></TR>'
    )


def _ground(row: Row) -> str:
    return theme.GROUNDS.get(row.style, "")


def _value(row: Row) -> str:
    value = _html(row.value)
    if row.style == "muted":
        return f"<I>{_font(value, theme.MUTED)}</I>"
    mark = _MARKS.get(row.style)
    if row.style == "blocked":
        return f"<B>{_font(f'{mark} {value}', theme.BLOCKED)}</B>"
    if row.style == "zero":
        return _font(f"{mark} {value}", face=_MONO)
    if row.style in ("warning", "wrong"):
        return f"<B>{_font(value, theme.WARNING if row.style == 'warning' else theme.WRONG, _MONO)}</B>"
    return _font(value, face=_MONO)


def _edge(edge: Edge, text: EdgeText, edges: int) -> str:
    wide = theme.edge_width(edge.count, edges) * (theme.WRONG_WIDTH if edge.wrong else 1.0)
    attributes = [f"penwidth={wide:.2g}"]
    if text.tooltip:
        attributes.append(f"edgetooltip={quoted(text.tooltip)} labeltooltip={quoted(text.tooltip)}")
    if text.text:
        attributes.append(f"label={quoted(text.text)}")
    if edge.wrong:
        attributes.append(f'color="{theme.WRONG}" fontcolor="{theme.WRONG}"')
    elif edge.blocked:
        attributes.append(f'style=dashed color="{theme.BLOCKED}" fontcolor="{theme.BLOCKED}"')
    elif edge.plain:
        attributes.append("style=dotted")
    return " ".join(attributes)


def _legend(diagram: Diagram) -> str:
    cells = []
    for entry in legend(diagram):
        if entry.swatch in theme.BOXES:
            colours = theme.BOXES[entry.swatch]
            cells.append(f'<TD BORDER="1" COLOR="{colours.line}" BGCOLOR="{colours.head}" WIDTH="20"></TD>')
        elif entry.swatch:
            mark = _MARKS.get(entry.swatch, "\N{RIGHTWARDS ARROW}")
            colour = theme.BLOCKED if entry.swatch == "blocked" else theme.MUTED
            cells.append(f"<TD>{_font(mark, colour)}</TD>")
        cells.append(f"<TD>{_font(escape(entry.text), theme.MUTED, size=11)}  </TD>")
    return f'<TABLE BORDER="0" CELLSPACING="4"><TR>{"".join(cells)}</TR></TABLE>' if cells else ""


def _points(layout: Layout, *points: Point) -> str:
    """Coordinates in Graphviz's orientation, upward."""
    return " ".join(f"{x:.1f},{layout.height - y:.1f}" for x, y in points)


def _box_at(layout: Layout | None, k: int) -> str:
    if layout is None:
        return ""
    r = layout.boxes[k]
    return f' pos="{_points(layout, (r.x + r.width / 2, r.y + r.height / 2))}"'


def _frame_at(layout: Layout | None, k: int, title: str) -> str:
    if layout is None:
        return ""
    r, wide = layout.frames[k], width(title, theme.FRAME_SIZE) * 0.88
    corners = _points(layout, (r.x, r.y + r.height), (r.x + r.width, r.y)).replace(" ", ",")
    return f' bb="{corners}" lp="{_points(layout, (r.x + 10 + wide / 2, r.y + 12))}"'


def _edge_at(layout: Layout | None, k: int) -> str:
    """An edge's position; the curve stops where the arrow's head begins."""
    if layout is None:
        return ""
    curve = layout.curves[k]
    *points, tip = curve.points
    before = next((p for p in reversed(points) if p != tip), tip)
    length = math.dist(before, tip) or 1.0
    head = min(6.0, length)
    end = (tip[0] - (tip[0] - before[0]) / length * head, tip[1] - (tip[1] - before[1]) / length * head)
    at = f' pos="e,{_points(layout, tip)} {_points(layout, *points, end)}"'
    return at + (f' lp="{_points(layout, curve.label)}"' if curve.label else "")
