"""Draws a placed diagram as a standalone SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ...text.wording import xml
from ..diagram.boxes import Box, EdgeText, Row, frame_titles
from ..diagram.elements import Cluster, Diagram, Edge
from ..diagram.grids import equation_width
from ..diagram.legend import Entry, legend
from ..layout.nested_layout import Curve, Layout, Rectangle
from . import theme
from .matrices import equation
from .text_width import number_width, width

_MARGIN = 16.0
_LEGEND_HEIGHT = 26.0
_ICON = 5.0
CLASS = "tinygrad-lite-picture"


def draw(diagram: Diagram, boxes: Sequence[Box], texts: Sequence[EdgeText], layout: Layout, description: str) -> str:
    """The text of the SVG, which is valid XML for any labels.

    The colours are attributes, which every program reads. A style sheet replaces them where the reader prefers dark.
    """
    entries = legend(diagram)
    lines = _legend_lines(entries, max(layout.width, 420.0))
    wide = max(layout.width, *(sum(e.width for e in line) for line in lines)) + 2 * _MARGIN
    legend_top = layout.height + 2 * _MARGIN
    high = legend_top + len(lines) * _LEGEND_HEIGHT + (6 if lines else 0)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{CLASS}" width="{_n(wide)}" height="{_n(high)}" '
        f'viewBox="0 0 {_n(wide)} {_n(high)}" role="img" aria-label="{xml(description)}" font-family="{theme.SANS}" '
        f'font-size="{theme.TEXT_SIZE}">',
        f"<title>{xml(description)}</title>",
        _definitions(),
        f'<rect x="0.5" y="0.5" width="{_n(wide - 1)}" height="{_n(high - 1)}" rx="10" fill="{theme.PANEL}" '
        f'stroke="{theme.PANEL_LINE}"/>',
    ]
    left = _MARGIN + max(0.0, (wide - 2 * _MARGIN - layout.width) / 2)
    out.append(f'<g transform="translate({_n(left)} {_n(_MARGIN)})">')
    out += [_frame(c, r) for c, r in zip(diagram.clusters, layout.frames, strict=True)]
    out += [_edge(e, t, c, len(diagram.edges)) for e, t, c in zip(diagram.edges, texts, layout.curves, strict=True)]
    out += [_frame_title(t, r) for t, r in zip(frame_titles(diagram), layout.frames, strict=True)]
    out += [_box(b, r) for b, r in zip(boxes, layout.boxes, strict=True)]
    out.append("</g>")
    for k, line in enumerate(lines):
        out += _legend_line(line, _MARGIN, legend_top + k * _LEGEND_HEIGHT)
    out.append("</svg>")
    out.insert(2, _dark("".join(out)))
    return "\n".join(out) + "\n"


def _dark(drawn: str) -> str:
    """The style sheet with the dark colours of what is drawn."""
    rules = [
        f'.{CLASS} [{name}="{light}"]{{{name}:{dark}}}'
        for light, dark in theme.DARK.items()
        for name in ("fill", "stroke")
        if f'{name}="{light}"' in drawn
    ]
    return f"<style>@media (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def _definitions() -> str:
    arrows = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.8 8 4 0 7.2z" fill="{colour}"/></marker>'
        for name, colour in (("arrow", theme.EDGE), ("arrow-blocked", theme.BLOCKED), ("arrow-wrong", theme.WRONG))
    )
    return f"<defs>{arrows}</defs>"


def _text(
    x: float, y: float, text: str, *, fill: str = theme.INK, anchor: str = "start", size: float = 0.0, more: str = ""
) -> str:
    size_text = f' font-size="{_n(size)}"' if size else ""
    anchor_text = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" fill="{fill}"{size_text}{anchor_text}{more} direction="ltr" '
        f'unicode-bidi="isolate">{xml(text)}</text>'
    )


def _frame(cluster: Cluster, r: Rectangle) -> str:
    dash = "" if cluster.module else ' stroke-dasharray="4 3"'
    return (
        f'<rect x="{_n(r.x)}" y="{_n(r.y)}" width="{_n(r.width)}" height="{_n(r.height)}" rx="9" '
        f'fill="{theme.FRAME}" fill-opacity="0.035" stroke="{theme.FRAME_LINE}"{dash}/>'
    )


def _frame_title(title: str, r: Rectangle) -> str:
    """A frame's title, on a background that keeps it readable over edges."""
    if not title:
        return ""
    wide = min(width(title, theme.FRAME_SIZE), r.width - 14)
    return (
        f'<rect x="{_n(r.x + 7)}" y="{_n(r.y + 4)}" width="{_n(wide)}" height="16" rx="4" fill="{theme.PANEL}" '
        'fill-opacity="0.85"/>' + _text(r.x + 10, r.y + 16, title, fill=theme.FRAME, size=theme.FRAME_SIZE)
    )


def _edge(edge: Edge, text: EdgeText, curve: Curve, edges: int) -> str:
    blocked = edge.blocked
    path = f"M{_point(curve.points[0])}C" + " ".join(_point(p) for p in curve.points[1:])
    colour = theme.WRONG if edge.wrong else theme.BLOCKED if blocked else theme.EDGE
    dash = ' stroke-dasharray="5 3"' if blocked else ' stroke-dasharray="1 3"' if edge.plain else ""
    arrow = "arrow-wrong" if edge.wrong else "arrow-blocked" if blocked else "arrow"
    wide = theme.edge_width(edge.count, edges) * (theme.WRONG_WIDTH if edge.wrong else 1.0)
    out = [
        f'<g><title>{escape(text.tooltip)}</title><path d="{path}" fill="none" stroke="{colour}" '
        f'stroke-width="{_n(wide)}"{dash} marker-end="url(#{arrow})"/>'
    ]
    if text.text and curve.label:
        x, y = curve.label
        fill = theme.WRONG if edge.wrong else theme.BLOCKED if blocked else theme.EDGE_TEXT
        weight = ' font-weight="bold"' if blocked or edge.wrong else ""
        more = f' font-family="{theme.MONO}"{weight}'
        out.append(_text(x, y + 3, text.text, fill=fill, anchor="middle", size=theme.EDGE_SIZE, more=more))
    return "".join([*out, "</g>"])


def _point(p: tuple[float, float]) -> str:
    return f"{_n(p[0])} {_n(p[1])}"


def _box(box: Box, r: Rectangle) -> str:
    colours = theme.BOXES[box.colours]
    out = [f"<g><title>{escape(box.tooltip)}</title>"]
    if box.plain:
        out.append(
            f'<rect x="{_n(r.x)}" y="{_n(r.y)}" width="{_n(r.width)}" height="{_n(r.height)}" rx="{_n(r.height / 2)}" '
            f'fill="{colours.head}" stroke="{colours.line}"/>'
        )
        mono = f' font-family="{theme.MONO}"'
        out.append(_text(r.x + r.width / 2, r.y + r.height / 2 + 4, box.title, anchor="middle", more=mono))
        return "".join([*out, "</g>"])
    if box.many:
        out.append(
            f'<rect x="{_n(r.x + 4)}" y="{_n(r.y + 4)}" width="{_n(r.width)}" height="{_n(r.height)}" rx="6" '
            f'fill="{colours.head}" stroke="{colours.line}"/>'
        )
    thickness = "2.4" if box.root else "1.2"
    outline = f'x="{_n(r.x)}" y="{_n(r.y)}" width="{_n(r.width)}" height="{_n(r.height)}" rx="6"'
    out.append(f'<rect {outline} fill="{colours.body}"/>')
    out.append(
        f'<path d="M{_n(r.x)} {_n(r.y + theme.HEAD_HEIGHT)}V{_n(r.y + 6)}q0 -6 6 -6h{_n(r.width - 12)}q6 0 6 6'
        f'V{_n(r.y + theme.HEAD_HEIGHT)}z" fill="{colours.head}"/>'
    )
    out.append(f'<rect {outline} fill="none" stroke="{colours.line}" stroke-width="{thickness}"/>')
    out.append(_head(box, r, colours.line))
    for k, row in enumerate(box.rows):
        out.append(_row(row, r, r.y + theme.HEAD_HEIGHT + k * theme.ROW_HEIGHT + 3))
    if box.matrices:
        top = r.y + theme.HEAD_HEIGHT + len(box.rows) * theme.ROW_HEIGHT + 7
        out.append(equation(box.matrices, r.x + (r.width - equation_width(box.matrices)) / 2, top))
    return "".join([*out, "</g>"])


def _head(box: Box, r: Rectangle, colour: str) -> str:
    style = ' font-style="italic"' if box.muted else ' font-weight="bold"'
    fill = theme.MUTED if box.muted else theme.INK
    out = _text(r.x + theme.PADDING, r.y + 16, box.title, fill=fill, size=theme.TITLE_SIZE, more=style)
    if box.tag:
        x = r.x + r.width - theme.PADDING
        out += _text(x, r.y + 15.5, box.tag, fill=colour, anchor="end", more=' font-weight="bold"')
    return out


def _row(row: Row, r: Rectangle, top: float) -> str:
    base, right = top + 12, r.x + r.width - theme.PADDING
    out = ""
    ground = theme.GROUNDS.get(row.style)
    if ground:
        out = (
            f'<rect x="{_n(r.x + 1.2)}" y="{_n(top)}" width="{_n(r.width - 2.4)}" height="{_n(theme.ROW_HEIGHT)}" '
            f'fill="{ground}"/>'
        )
    out += _text(r.x + theme.PADDING, base, row.name, fill=theme.MUTED)
    mono = f' font-family="{theme.MONO}"'
    if row.style == "muted":
        return out + _text(right, base, row.value, fill=theme.MUTED, anchor="end", more=' font-style="italic"')
    if row.style in ("warning", "wrong"):
        fill = theme.WARNING if row.style == "warning" else theme.WRONG
        return out + _text(right, base, row.value, fill=fill, anchor="end", more=mono + ' font-weight="bold"')
    if row.style == "blocked":
        out += _icon(right - width(row.value, theme.TEXT_SIZE) - 9, base - 4, theme.BLOCKED, barred=True)
        return out + _text(right, base, row.value, fill=theme.BLOCKED, anchor="end", more=' font-weight="bold"')
    if row.style == "zero":
        out += _icon(right - number_width(row.value, theme.TEXT_SIZE) - 10, base - 4, theme.MUTED, barred=False)
    return out + _text(right, base, row.value, anchor="end", more=mono)


def _icon(x: float, y: float, colour: str, *, barred: bool) -> str:
    """A hollow circle for a zero gradient, crossed by a bar for a blocked one."""
    out = f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(_ICON - 1)}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
    if barred:
        out += f'<path d="M{_n(x - 2.8)} {_n(y + 2.8)}l5.6 -5.6" stroke="{colour}" stroke-width="1.4"/>'
    return out


def _legend_lines(entries: Sequence[Entry], wide: float) -> list[list[Entry]]:
    lines: list[list[Entry]] = []
    used = 0.0
    for entry in entries:
        if not lines or used + entry.width > wide:
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += entry.width
    return lines


def _legend_line(line: list[Entry], x: float, y: float) -> list[str]:
    out = []
    for entry in line:
        middle, text = y + 9, x
        if entry.swatch in theme.BOXES:
            colours = theme.BOXES[entry.swatch]
            thick = 2.4 if entry.swatch == "root" else 1.2
            out.append(
                f'<rect x="{_n(x)}" y="{_n(middle - 6)}" width="18" height="12" rx="3" fill="{colours.head}" '
                f'stroke="{colours.line}" stroke-width="{thick}"/>'
            )
            text = x + 24
        elif entry.swatch in ("zero", "blocked"):
            colour = theme.BLOCKED if entry.swatch == "blocked" else theme.MUTED
            out.append(_icon(x + 5, middle, colour, barred=entry.swatch == "blocked"))
            text = x + 14
        elif entry.swatch == "edge":
            out.append(
                f'<path d="M{_n(x)} {_n(middle)}h24" stroke="{theme.EDGE}" stroke-width="1.3" '
                'marker-end="url(#arrow)"/>'
            )
            text = x + 30
        out.append(_text(text, middle + 4, entry.text, fill=theme.MUTED, size=11))
        x += entry.width
    return out
