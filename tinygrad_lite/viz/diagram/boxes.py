"""The texts in the boxes and on the edges of a diagram, and their sizes; the same for SVG and DOT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...explanation.accumulation import CHANGED, REASON
from ...text.wording import count, counted, number, shortened, times, told_apart
from ...transforms.check import OK, WRONG
from ..drawing import theme
from ..drawing.text_width import number_width, width
from .elements import Diagram, Edge, Group, Matrix, Node, Step
from .gradient_states import GradientState
from .grids import equation_height, equation_width
from .short_names import short_names

Style = Literal["plain", "muted", "zero", "blocked", "warning", "wrong"]

_LEAST_WIDTH = 74.0

_MOST_OF_A_NAME, _MOST_OF_A_TITLE = 24, 40
"""How many characters of a box's name and of a frame's title are shown, where that tells them apart."""

UNEQUAL = "\N{NOT EQUAL TO}"
"""Stands between the result of a wrong rule and the measured number."""

_LABELLED_EDGES = 80
"""A collapsed picture with more edges than this shows their counts only in tooltips."""


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    value: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Box:
    """The contents of a box; `colours` is a key of theme.BOXES, `tag` stands to the right of the title."""

    title: str
    tag: str
    rows: tuple[Row, ...]
    colours: str
    tooltip: str
    width: float
    height: float
    muted: bool = False
    root: bool = False
    many: bool = False
    plain: bool = False
    matrices: tuple[Matrix | str, ...] = ()


@dataclass(frozen=True, slots=True)
class EdgeText:
    text: str
    tooltip: str
    width: float
    height: float = 15.0


def boxes(diagram: Diagram) -> list[Box]:
    named = [_name(node) for node in diagram.nodes]
    short = short_names({name for name in named if name}, _MOST_OF_A_NAME)
    return [_box(node, short[name] if name else "") for node, name in zip(diagram.nodes, named, strict=True)]


def frame_titles(diagram: Diagram) -> list[str]:
    short = short_names({cluster.title for cluster in diagram.clusters}, _MOST_OF_A_TITLE)
    return [short[cluster.title] for cluster in diagram.clusters]


def _name(node: Node | Group | Step) -> str:
    return (node.label or "") if isinstance(node, Node) else node.title if isinstance(node, Group) else ""


def edge_texts(diagram: Diagram) -> list[EdgeText]:
    many = sum(e.count > 1 for e in diagram.edges) > _LABELLED_EDGES
    return [_edge_text(e, shown=not (many and e.count > 1)) for e in diagram.edges]


def _box(node: Node | Group | Step, name: str) -> Box:
    if isinstance(node, Step):
        return _step_box(node)
    return _node_box(node, name) if isinstance(node, Node) else _group_box(node, name)


def _size(title: str, tag: str, rows: Sequence[Row]) -> tuple[float, float]:
    head = width(title, theme.TITLE_SIZE, bold=True)
    if tag:
        head += width(tag, theme.TEXT_SIZE, bold=True) + 14
    wide = max(_LEAST_WIDTH, head, *map(_row_width, rows)) + 2 * theme.PADDING
    return wide, theme.HEAD_HEIGHT + len(rows) * theme.ROW_HEIGHT + 7


def _row_width(row: Row) -> float:
    mark = 16 if row.style in ("zero", "blocked") else 0
    return width(row.name, theme.TEXT_SIZE) + 12 + mark + number_width(row.value, theme.TEXT_SIZE)


def _plain_box(title: str, colours: str, tooltip: str) -> Box:
    wide = max(26.0, number_width(title, theme.TEXT_SIZE) + 14)
    return Box(title, "", (), colours, tooltip, wide, theme.PLAIN_HEIGHT, plain=True)


def _step_box(step: Step) -> Box:
    if not step.rows:
        return replace(_plain_box(step.title, step.kind, f"{step.kind}, {step.title}"), root=step.root)
    rows = tuple([Row(name, text) for name, text in step.rows])
    tag = times(step.operations)
    wide, high = _size(step.title, tag, rows)
    if step.matrices:
        wide = max(wide, equation_width(step.matrices) + 2 * theme.PADDING)
        high += equation_height(step.matrices)
    tooltip = "\n".join([step.title, *[f"{name} {text}" for name, text in step.rows]])
    many = step.operations > 1
    return Box(step.title, tag, rows, step.kind, tooltip, wide, high, root=step.root, many=many, matrices=step.matrices)


def _node_box(node: Node, label: str) -> Box:
    if node.plain:
        return _plain_box(number(node.data), "constant", f"plain number\n{node.data!r}")
    operation = shortened(node.operation or "")
    if node.operation is None:
        title, tag = label or node.kind, "detached" if node.detached else ""
    else:
        title, tag = (label, operation) if label else (operation, "")
    value = Row("value", number(node.data), _number_style(node.data))
    rows = (value, _gradient_row(node.state, node.grad), *_part_rows(node), *_check_rows(node))
    wide, high = _size(title, tag, rows)
    return Box(
        title,
        tag,
        rows,
        "wrong" if node.wrong else "root" if node.root else node.kind,
        _node_tooltip(node),
        wide,
        high,
        muted=not label and node.operation is None,
        root=node.root,
    )


def _check_rows(node: Node) -> list[Row]:
    """Rows for what compare() found wrong: the rule, and the adjoint from the sweep and as measured."""
    rows = [Row("rule", f"{UNEQUAL} WRONG", "wrong")] if node.wrong else []
    adjoint = node.wrong_adjoint
    if adjoint:
        rows.append(Row("adjoint", _unequal(adjoint.analytic, adjoint.numeric), "wrong"))
    return rows


def _unequal(given: float, measured: float) -> str:
    return f" {UNEQUAL} ".join(told_apart(given, measured))


def _gradient_row(state: GradientState, grad: float) -> Row:
    if state == "not computed":
        return Row("grad", "not computed", "muted")
    if state == "blocked":
        return Row("grad", "blocked", "blocked")
    if state == "zero":
        return Row("grad", "0", "zero")
    return Row("grad", number(grad), _number_style(grad))


def _part_rows(node: Node) -> list[Row]:
    """Rows for a leaf's gradient that is not the one of this graph's last sweep: its parts, and a changed leaf."""
    rows, parts = [], node.accumulated
    if parts and parts.kind in ("before", "outside"):
        rows.append(Row("from outside" if parts.kind == "outside" else "other sweeps", number(parts.others)))
    elif parts and parts.kind != "scaled":
        rows.append(Row("", "other sweeps too" if parts.kind == "after" else "from other sweeps", "muted"))
    if parts and parts.kind != "none":
        name = {"before": "+ this sweep", "outside": "+ this graph"}.get(parts.kind, "this sweep")
        rows.append(Row(name, number(parts.given)))
    if node.changed is not None:
        rows.append(Row("", "of an earlier value" if node.changed else "of earlier values", "warning"))
    return rows


def _number_style(x: float) -> Style:
    return "plain" if x - x == 0.0 else "warning"


def _group_box(group: Group, title: str) -> Box:
    rows: list[Row] = []
    if group.module:
        rows.append(Row("nodes", count(group.values)))
        if group.parameters:
            rows.append(Row("parameters", count(group.parameters)))
    if group.module or len(group.operations) > 1:
        often = [f"{shortened(op, 10)} {times(n)}" for op, n in group.operations.most_common(2)]
        rows.append(Row("mostly", ", ".join(often)))
    if not group.module:
        rows.append(Row("value", _range(group.data)))
    rows.append(_group_gradient_row(group))
    if group.accumulated:
        rows.append(Row("other sweeps", f"in {count(group.accumulated)}"))
    if group.changed:
        rows.append(Row("earlier value", f"in {count(group.changed)}", "warning"))
    blocked = group.states["blocked"]
    if 0 < blocked < group.values:
        rows.append(Row("blocked", f"{count(blocked)} of {count(group.values)}", "blocked"))
    if group.wrong:
        rows.append(Row("rule", f"{UNEQUAL} WRONG in {count(group.wrong)}", "wrong"))
    tag = "" if group.module else times(group.values)
    wide, high = _size(title, tag, rows)
    colours = "wrong" if group.wrong else "root" if group.root else "module" if group.module else group.kind
    return Box(title, tag, tuple(rows), colours, _group_tooltip(group), wide, high, root=group.root, many=True)


def _group_gradient_row(group: Group) -> Row:
    if len(group.states) == 1:
        (state,) = group.states
        if state != "computed":
            return _gradient_row(state, 0.0)
    return Row("grad", _range(group.grads))


def _range(ends: tuple[float, float]) -> str:
    low, high = ends
    return number(low) if number(low) == number(high) else f"{number(low)} … {number(high)}"


def _node_tooltip(node: Node) -> str:
    lines = [f"{shortened(node.label, 200)}" if node.label else ""]
    lines.append(f"{node.kind}, {node.operation}" if node.operation else node.kind)
    lines.append(f"value {node.data!r}")
    for rule in node.check.rules if node.check else ():
        if rule.verdict == WRONG:
            lines.append(f"WRONG local derivative by {rule.argument}: {rule.analytic!r}, measured {rule.numeric!r}")
    if node.detached:
        lines.append("detached: the gradient stops here")
    elif node.state == "blocked":
        lines.append("grad 0, blocked: every path to it passes an operation that is flat there")
    else:
        lines.append("grad not computed" if node.state == "not computed" else f"grad {node.grad!r}")
    if node.accumulated:
        lines += [f"grad {node.accumulated.words()}", *([reason] if (reason := node.accumulated.reason) else [])]
    if node.changed is not None:
        lines.append(CHANGED[node.changed])
    return "\n".join(line for line in lines if line)


def _group_tooltip(group: Group) -> str:
    lines = [f"{shortened(group.title, 200)}: {counted(group.values, 'node')}"]
    if group.parameters:
        lines.append(counted(group.parameters, "parameter"))
    lines += [f"{op}: {count(n)}" for op, n in group.operations.most_common(12)]
    lines.append(f"value from {group.data[0]!r} to {group.data[1]!r}")
    lines += [f"grad {state}: {count(n)}" for state, n in group.states.most_common()]
    if group.states["computed"]:
        lines.append(f"grad from {group.grads[0]!r} to {group.grads[1]!r}")
    if group.accumulated:
        lines.append(f"other sweeps added to {counted(group.accumulated, 'gradient')}: {REASON}")
    if group.changed:
        lines.append(f"since the sweep, {count(group.changed)} of the values have changed")
    return "\n".join(lines)


def _edge_text(edge: Edge, *, shown: bool) -> EdgeText:
    if edge.note:
        text, tooltip = edge.note, edge.note
    elif edge.count > 1:
        text, tooltip = times(edge.count), f"{count(edge.count)} edges"
        if edge.wrong:
            text, tooltip = f"{text} {UNEQUAL}", f"{tooltip}\none of them with a wrong rule"
    elif edge.derivative is None:
        text, tooltip = "", ""
    else:
        text, tooltip = number(edge.derivative), f"local derivative {edge.derivative!r}"
        if edge.check is not None and edge.check.verdict != OK:
            tooltip += f"\nmeasured {edge.check.numeric!r}: {edge.check.verdict}"
            text = _unequal(edge.derivative, edge.check.numeric) if edge.wrong else f"{text} {edge.check.verdict}"
        if edge.blocked:
            tooltip += "\nthe gradient stops here"
    return EdgeText(text if shown else "", tooltip, number_width(text, theme.EDGE_SIZE) if shown else 0.0)
