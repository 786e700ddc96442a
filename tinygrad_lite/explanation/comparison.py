"""compare: checks every rule of a graph, and the adjoints of the sweep, against finite differences."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from .. import engine
from ..engine import Value, set_watch, topological_order
from ..errors import received
from ..floats.expected import whole
from ..recording.modes import enable_grad
from ..text.reports import Report, Table
from ..text.wording import called, count, counted, equation, number, told_apart
from ..transforms.check import KINK, NOT_FINITE, OK, STEP, WRONG, Row, check_tolerances
from ..transforms.derivatives import gradients
from .accumulation import Accumulated, accumulated
from .measuring import BY_DESIGN, OTHER_NUMBERS, UNUSED, Measurements

FROM_ABOVE = "wrong from above"
MEANINGS = {
    WRONG: "",
    NOT_FINITE: "inf, nan, or not defined around these numbers",
    OTHER_NUMBERS: "a leaf has changed since this was recorded: compute it again, then compare",
    FROM_ABOVE: "a rule between here and the top is wrong",
    KINK: "the function bends or jumps here, and the rule gives a slope between those of both sides",
    BY_DESIGN: "the rule differs from the slope on purpose, like stop_gradient's, or a hook changes the derivative",
    UNUSED: "not finite, but no derivative passes there",
    OK: "",
}
"""The verdicts, worst first, with their meanings."""

_PASSED_DOWN = {NOT_FINITE: NOT_FINITE, OTHER_NUMBERS: OTHER_NUMBERS, "": BY_DESIGN, WRONG: FROM_ABOVE}
"""What a rule's verdict implies for the adjoints below it, worst first."""

_SOUND = frozenset([OK, KINK, BY_DESIGN, UNUSED])

_LINES = 20

_WORDS = (
    "rule: the local derivative of the node by this argument; adjoint: the derivative of the result at the top by the "
    "node, its gradient. Each stands beside what was measured by moving the argument, or the node, a little (finite "
    "differences)."
)


@dataclass(frozen=True, slots=True)
class NodeRow:
    """The results of compare for one node.

    distance  the number of operations between it and the top
    rules     the local derivative by each parent, as recorded and as measured; many parents that are right share a row
    adjoint   the derivative of the top by this node, from the sweep and as measured; None if it was not measured
    """

    node: Value
    distance: int
    rules: Sequence[Row]
    adjoint: Row | None

    @property
    def verdict(self) -> str:
        """The worst verdict of the node's rows."""
        verdicts = {row.verdict for row in (*self.rules, *([self.adjoint] if self.adjoint else []))}
        return next((verdict for verdict in MEANINGS if verdict in verdicts), OK)


@dataclass(frozen=True, repr=False)
class Comparison(Report):
    """The report of compare: a row for each node, nearest to the top first.

    accumulated  the leaves whose .grad is not the adjoint that the last sweep of y gave, with its parts
    """

    y: Value
    rows: Sequence[NodeRow]
    accumulated: Mapping[Value, Accumulated] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no row is wrong, not finite, or changed since it was recorded; the other verdicts are fine."""
        return all(row.verdict in _SOUND for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def wrong(self) -> list[NodeRow]:
        """The rows with a wrong rule, or a wrong adjoint that no wrong rule explains; nearest to the top first."""
        return [row for row in self.rows if row.verdict == WRONG]

    @property
    def topmost(self) -> NodeRow | None:
        """The first of `wrong`."""
        return next(iter(self.wrong), None)

    def graph(self, **options: Any) -> Any:
        """The picture of y with the wrong nodes marked; takes the options of Value.graph()."""
        return self.y.graph(compare=self, **options)

    def parts(self) -> list[str | Table]:
        rules = [row for node in self.rows for row in _each(node)]
        adjoints = [row.adjoint for row in self.rows if row.adjoint]
        told = [*self._verdict(), f"{counted(len(rules), 'local derivative')}: {_tally(rules)}"]
        if adjoints:
            told.append(f"{counted(len(adjoints), 'adjoint')}: {_tally(adjoints)}")
        elif rules:
            told.append(f"adjoints were not measured, since {counted(len(self.rows), 'node')} are more than max_nodes")
        verdicts = {row.verdict for row in (*rules, *adjoints)}
        meanings = [f"{v}: {meaning}" for v, meaning in MEANINGS.items() if meaning and v in verdicts]
        return [*told, self._table(bool(adjoints)), _WORDS, *meanings, *self._accumulated()]

    def _accumulated(self) -> Iterator[str]:
        """Why the .grad of some leaves is not the adjoint in the table."""
        for leaf, parts in [*self.accumulated.items()][:1]:
            yield parts.sentence(called(leaf))
        if len(self.accumulated) > 1:
            yield f"So it is for {count(len(self.accumulated))} leaves. The adjoints above are those of one sweep"

    def _verdict(self) -> Iterator[str]:
        top = self.topmost
        if top is None:
            yield (f"{called(self.y)}: nothing is wrong" if self.ok else f"{called(self.y)}: no rule was found wrong")
            return
        for row in top.rules:
            if row.verdict == WRONG:
                assert top.node.op is not None
                rule, measured = told_apart(row.analytic, row.numeric, 6)
                yield (
                    f"WRONG: the rule of {top.node.op.name} by {row.argument}, in {equation(top.node)}, gives {rule}, "
                    f"but {measured} was measured"
                )
        if top.adjoint and top.adjoint.verdict == WRONG:
            yield f"WRONG: the adjoint of {called(top.node)}, though all rules between it and the top are right"
        others = Counter(row.node.op.name for row in self.wrong[1:] if row.node.op)
        if others:
            yield f"WRONG further down: {', '.join(f'{name} ({count(n)})' for name, n in others.most_common(5))}"

    def _table(self, with_adjoints: bool) -> Table:
        order = {verdict: place for place, verdict in enumerate(MEANINGS)}
        lines: list[list[str]] = []
        marked = set()
        listed = sorted(self.rows, key=lambda row: order[row.verdict])
        for shown, row in enumerate(listed):
            new = _cells(row)
            if shown and len(lines) + len(new) > _LINES:
                lines.append([f"{count(len(listed) - shown)} more", *[""] * 7])
                break
            if row.verdict == WRONG:
                marked |= set(range(len(lines), len(lines) + len(new)))
            lines += new
        headings = ["node", "by", "rule", "measured", "", "adjoint", "measured", ""]
        if not with_adjoints:
            headings, lines = headings[:5], [line[:5] for line in lines]
        return Table(headings, lines, "llrrlrrl"[: len(headings)], marked=frozenset(marked))


def compare(
    y: Value, *, eps: float = STEP, rtol: float = 1e-6, atol: float = 1e-12, max_nodes: int = 300
) -> Comparison:
    """Checks the whole graph of y: each rule, at the numbers it was used with, and the adjoint of each node.

    The local derivatives of each rule are compared with central differences of its operation alone, so a wrong rule is
    found wherever it is used, custom operations included. An adjoint is compared with the change of y when the node's
    number is moved and everything above it is computed again.

    eps, rtol, atol  step and tolerances, as in gradcheck
    max_nodes        adjoints are not measured in a graph with more nodes
    No .grad is changed. Raises TypeError if y is not a Value.

    >>> x = Value(0.5, label="x"); report = compare(x.tanh() * x); report.ok
    True
    """
    if not isinstance(y, Value):
        raise TypeError(f"compare(y) takes a Value, whose graph it checks, got {received(y)}: pass the Value itself")
    check_tolerances("compare", eps, rtol, atol)
    max_nodes = whole(0).checked("compare(max_nodes=...)", max_nodes)
    order = topological_order(y)
    with _undisturbed():
        adjoints = gradients(y, order)
        measured = Measurements(order, eps, rtol, atol)
        rules = [
            [replace(r, verdict=UNUSED) if a == 0.0 and r.verdict == NOT_FINITE else r for r in rows]
            for a, rows in zip(adjoints, measured.rules, strict=True)
        ]
        found: dict[Value, Row] = {}
        if len(order) <= max_nodes:
            found = _adjoint_rows(order, rules, adjoints, measured)
    distances = _distances(y)
    from_the_top = zip(reversed(order), reversed(rules), strict=True)
    rows = [NodeRow(v, distances[v], r, found.get(v)) for v, r in from_the_top]
    return Comparison(y, sorted(rows, key=lambda row: row.distance), accumulated(y, order))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Lets rules run in any mode that compare is called in: gradients enabled, no watch."""
    watch = set_watch(None)
    try:
        with enable_grad():
            yield
    finally:
        set_watch(watch)


def _adjoint_rows(
    order: Sequence[Value], rules: Sequence[Sequence[Row]], adjoints: Sequence[float], measured: Measurements
) -> dict[Value, Row]:
    # For each node, what follows from above: why it cannot be measured, or that its adjoint must be wrong.
    known: dict[Value, str] = {v: BY_DESIGN for v in order if id(v) in engine.hooks}
    found: dict[Value, Row] = {}
    for i in range(len(order) - 1, -1, -1):
        v, adjoint, reason = order[i], adjoints[i], known.get(order[i])
        verdicts = [row.verdict for row in rules[i]] if len(rules[i]) == len(v.parents) else [OK] * len(v.parents)
        for parent, verdict in zip(v.parents, verdicts, strict=True):
            reasons = {reason, known.get(parent), _PASSED_DOWN.get(verdict)}
            if reasons != {None}:
                known[parent] = next(r for r in _PASSED_DOWN.values() if r in reasons)
        if v.kind == "detached":
            continue
        if reason in (NOT_FINITE, OTHER_NUMBERS, BY_DESIGN):
            found[v] = Row("", adjoint, math.nan, reason)
            continue
        row = measured.adjoint(i, adjoint, adjoints)
        if row.verdict == WRONG and reason:
            row = replace(row, verdict=reason)
        elif row.verdict == NOT_FINITE and adjoint == 0.0:
            row = replace(row, verdict=UNUSED)
        found[v] = row
    return found


def _distances(y: Value) -> dict[Value, int]:
    """The number of operations between y and each node, on the shortest path."""
    found = {y: 0}
    waiting = deque([y])
    while waiting:
        v = waiting.popleft()
        for parent in v.parents:
            if parent not in found:
                found[parent] = found[v] + 1
                waiting.append(parent)
    return found


def _each(row: NodeRow) -> list[Row]:
    """A row for each local derivative, even if they were measured together."""
    together = len(row.rules) == 1
    return [*row.rules] * (len(row.node.parents) if together else 1)


def _cells(row: NodeRow) -> list[list[str]]:
    """The table's lines for a node, one for each rule; if there are many, the worst ones."""
    order = list(MEANINGS)
    name = equation(row.node) if row.node.op else called(row.node)
    rules = sorted(row.rules, key=lambda r: order.index(r.verdict)) if len(row.rules) > 4 else row.rules
    by = [[r.argument, *_numbers(r)] for r in rules[:4]] or [[""] * 4]
    if len(rules) > 4:
        by[-1] = [f"{count(len(rules) - 3)} more", "", "", ""]
    adjoint = _numbers(row.adjoint) if row.adjoint else [""] * 3
    return [[name, *by[0], *adjoint], *(["", *line, "", "", ""] for line in by[1:])]


def _numbers(row: Row) -> list[str]:
    if row.verdict in (WRONG, FROM_ABOVE):
        return [*told_apart(row.analytic, row.numeric, 6), row.verdict]
    return [number(row.analytic, 6), "" if math.isnan(row.numeric) else number(row.numeric, 6), row.verdict]


def _tally(rows: Sequence[Row]) -> str:
    found = Counter(row.verdict for row in rows)
    return ", ".join(f"{count(found[v])} {v}" for v in MEANINGS if found[v]) or "none"
