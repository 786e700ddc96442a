"""explain: takes the derivative of one Value by another apart, term by term."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

from .. import engine
from ..engine import Value, topological_order
from ..errors import HistoryError, received
from ..floats.expected import one_of, whole
from ..formula import local_derivative_texts
from ..text.reports import Report, Table
from ..text.wording import called, count, counted, equation, expression, number, parent_names, shortened
from ..transforms.derivatives import gradients
from ..transforms.replay import recorded_otherwise
from .accumulation import Accumulated, accumulated
from .flatness import blocking

_EXACT = 2.0**53
"""Floats hold every whole number up to here."""

_STEPS, _WIDE = 12, 64
"""A path with more steps than this, or a longer text, is shown without its middle."""

_FEW = 8
"""With more factors than this, their typical size says more than the factors themselves."""

_USES = (
    "A row for each use of {x}. upstream: the derivative of {y} by the result of that use. local derivative: of that "
    "result by {x} in this one place. Their product is what the use contributes. The gradient is the sum of all "
    "contributions, so backward() adds each to .grad (+=): with = the last one would replace the others."
)
_PATHS = (
    "A row for each path from {y} down to {x}. factors: the local derivatives, of each result by the one below it; "
    "their product is what the path contributes. The gradient is the sum of all contributions."
)

_Edge = tuple[Value, int]
"""A result and the position of one of its parents."""

_Steps: TypeAlias = "tuple[_Steps, Value, int, float] | None"
_Partial = tuple[float, float, _Steps]
_Step = TypeVar("_Step")


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a Value x: x is parent number `position` of the result `node`.

    upstream      the derivative of y by the node
    contribution  upstream times the node's local derivative by that parent
    note          why the contribution is 0, or another remark
    """

    node: Value
    position: int
    upstream: float
    local_derivative: float
    contribution: float
    note: str = ""

    @property
    def formula(self) -> str:
        """The local derivative as a formula in the names of the node's arguments."""
        return local_derivative_texts(self.node)[self.position]

    def cells(self) -> list[str]:
        local, formula = _six(self.local_derivative), shortened(self.formula, 60)
        local = f"{formula} = {local}" if any(map(str.isalpha, formula.replace("e-", ""))) else local
        return [equation(self.node), _six(self.upstream), local, _six(self.contribution), self.note]


@dataclass(frozen=True, slots=True)
class Path:
    """One path down from the Value that is differentiated, with a factor for each step."""

    nodes: tuple[Value, ...]
    factors: tuple[float, ...]
    contribution: float
    note: str = ""

    def cells(self) -> list[str]:
        nodes, factors = _joined(self.nodes, called, " <- "), _joined(self.factors, _six, " * ")
        return [nodes, factors, _six(self.contribution), self.note]


@dataclass(frozen=True, repr=False)
class Explanation(Report):
    """The report of explain: the derivative of y by x, and the terms that add up to it.

    by      "uses" or "paths": the kind of terms
    terms   the largest terms, largest first
    number  how many terms there are in all, inf if they are too many for a float
    rest    the sum of the terms that are not in `terms`
    hooked  how much hooks on gradients changed the sum
    accumulated  the parts of x.grad, if x is a leaf and its .grad is not the derivative that the last sweep of y gave
    """

    y: Value
    x: Value
    derivative: float
    by: Literal["uses", "paths"]
    terms: Sequence[Use | Path]
    number: float
    rest: float
    hooked: float
    accumulated: Accumulated | None = None

    def parts(self) -> list[str | Table]:
        y, x = called(self.y), called(self.x)
        head = f"d {_grouped(y)} / d {_grouped(x)} = {_six(self.derivative)}"
        told: list[str | Table] = [f"{head}  at {y} = {_six(self.y.data)}, {x} = {_six(self.x.data)}", self._table()]
        told.append((_USES if self.by == "uses" else _PATHS).format(y=y, x=x))
        return [*told, *([self.accumulated.sentence(x)] if self.accumulated else [])]

    def _table(self) -> Table:
        uses = self.by == "uses"
        headings = ["through", "upstream", "local derivative"] if uses else ["path", "factors"]
        headings, align = [*headings, "contribution", ""], "lrlrl" if uses else "llrl"
        ends = []
        if self.number > len(self.terms):
            ends.append((f"{_many(self.number - len(self.terms))} more", self.rest))
        if self.hooked:
            ends.append(("changed by hooks", self.hooked))
        ends.append(("total", self.derivative))
        blank = [""] * (len(headings) - 3)
        rows = [term.cells() for term in self.terms] + [[name, *blank, _six(x), ""] for name, x in ends]
        if any(row[-1] for row in rows):
            return Table(headings, rows, align, total=True)
        return Table(headings[:-1], [row[:-1] for row in rows], align[:-1], total=True)


def explain(x: Value, wrt: Value, *, by: Literal["uses", "paths"] = "uses", limit: int = 20) -> Explanation:
    """Explains the derivative of one Value by another, as a table whose rows add up to it.

    x, wrt  two Values, in either order: the one that was computed from the other is differentiated
    by      "uses": a row for each use of the other, upstream derivative times local derivative; "paths": a row for
            each path through the graph, with a factor for each step
    limit   the number of rows, for the largest terms; one more row has the sum of the rest
    No .grad is changed. Raises HistoryError if neither was computed from the other.

    >>> x = Value(2.0, label="x"); print(explain(x, wrt=x * x))
    d (x * x) / d x = 4  at x * x = 4, x = 2
    through  upstream  local derivative  contribution
    x * x           1  x = 2                        2
    x * x           1  x = 2                        2
    -------------------------------------------------
    total                                           4
    A row for each use of x. upstream: the derivative of x * x by the result of that
    use. local derivative: of that result by x in this one place. Their product is
    what the use contributes. The gradient is the sum of all contributions, so
    backward() adds each to .grad (+=): with = the last one would replace the
    others.
    """
    for v in (x, wrt):
        if not isinstance(v, Value):
            raise TypeError(f"explain(x, wrt=y) takes two Values, one computed from the other, got {received(v)}")
    by = one_of("uses", "paths").checked("explain(by=...)", by)
    limit = whole(1).checked("explain(limit=...)", limit)
    between = _between(x, wrt)
    found = _by_uses(between, limit) if by == "uses" else _by_paths(between, limit)
    return replace(found, accumulated=accumulated(found.y).get(found.x))


def _between(x: Value, y: Value) -> list[Value]:
    """The Values on all paths between two, in order: the earlier one first, the one computed from it last."""
    if x is y:
        raise ValueError(f"explain(x, wrt=y) takes two different Values, got {called(x)} twice")
    detached = 0
    for top, bottom in ((y, x), (x, y)):
        order = topological_order(top)
        between = {bottom}
        for v in order:
            if any(parent in between for parent in v.parents):
                between.add(v)
        if top in between:
            return [v for v in order if v in between]
        detached += sum(v.kind == "detached" for v in order)
    cut = f"; {counted(detached, 'detached Value')} below them may have cut the record" if detached else ""
    raise HistoryError(
        f"explain(x, wrt=y): of {called(x)} and {called(y)}, neither was computed from the other{cut}: pass a Value "
        "and a result that was computed from it"
    )


def _by_uses(between: list[Value], limit: int) -> Explanation:
    x, y = between[0], between[-1]
    adjoints = dict(zip(between, gradients(y, between), strict=True))
    uses = [
        (v, k, adjoints[v], d, _product(v, k, x, adjoints[v], d))
        for v in reversed(between[1:])
        for k, (parent, d) in enumerate(zip(v.parents, v.local_derivatives, strict=True))
        if parent is x
    ]
    shown = heapq.nlargest(limit, range(len(uses)), key=lambda i: (_size(uses[i][-1]), -i))
    rest = sum(uses[i][-1] for i in set(range(len(uses))).difference(shown))
    hooked = _changed([x], sum(use[-1] for use in uses), adjoints[x])
    reasons = _reasons(between, adjoints)
    terms = [Use(*uses[i], note=_use_note(x, *uses[i][:-1], reasons)) for i in shown]
    return Explanation(y, x, adjoints[x], "uses", terms, len(uses), rest, hooked)


def _by_paths(between: list[Value], limit: int) -> Explanation:
    """The paths with the largest products; each node keeps only the largest partial paths that lead to it."""
    x, y = between[0], between[-1]
    inside = set(between)
    # For each node: how many paths lead to it, their sum, and the largest of them as (size, product, steps).
    counts, sums = dict.fromkeys(between, 0.0), dict.fromkeys(between, 0.0)
    largest: dict[Value, list[_Partial]] = {v: [] for v in between}
    counts[y], sums[y], largest[y] = 1.0, 1.0, [(1.0, 1.0, None)]
    for v in reversed(between[1:]):
        kept = largest.pop(v)
        if len(kept) > limit:
            kept = heapq.nlargest(limit, kept, key=_by_size)
        for k, (parent, d) in enumerate(zip(v.parents, v.local_derivatives, strict=True)):
            if parent in inside:
                counts[parent] += counts[v]
                sums[parent] += _product(v, k, parent, sums[v], d)
                for _, product, steps in kept:
                    further = _product(v, k, parent, product, d)
                    largest[parent].append((_size(further), further, (steps, v, k, d)))
    shown = heapq.nlargest(limit, largest[x], key=_by_size)
    (derivative,) = gradients(y, [x])
    hooked = _changed(between, sums[x], derivative)
    rest = sums[x] - sum(product for _, product, _ in shown) if counts[x] > len(shown) else 0.0
    return Explanation(y, x, derivative, "paths", [_path(x, *p[1:]) for p in shown], counts[x], rest, hooked)


def _path(x: Value, product: float, steps: _Steps) -> Path:
    taken: list[_Edge] = []
    factors: list[float] = []
    while steps is not None:
        steps, v, k, d = steps
        taken.append((v, k))
        factors.append(d)
    taken.reverse()
    factors.reverse()
    stops = [edge for edge, d in zip(taken, factors, strict=True) if d == 0.0]
    if x.kind == "detached":
        stops.append(taken[-1])
    notes = [_edge_note(*edge) for edge in stops[:1]]
    if len(factors) > _FEW and all(0.0 < abs(d) < math.inf for d in factors):
        typical = math.exp(sum(math.log(abs(d)) for d in factors) / len(factors))
        notes.append(f"{count(len(factors))} factors, of typical size {number(typical)}")
    if product == 0.0 and not all(map(math.isfinite, factors)):
        notes.append("0 times an inf or nan contributes nothing")
    return Path((*[v for v, _ in taken], x), tuple(factors), product, "; ".join(notes))


def _reasons(between: list[Value], adjoints: dict[Value, float]) -> dict[Value, _Edge | Value]:
    """For each Value whose adjoint is 0, the step that passed nothing on, or the Value whose terms cancel."""
    found: dict[Value, _Edge | Value] = {}
    for v in reversed(between[1:]):
        if adjoints[v] == 0.0:
            found.setdefault(v, v)
        for k, (parent, d) in enumerate(zip(v.parents, v.local_derivatives, strict=True)):
            if parent not in adjoints or adjoints[parent] != 0.0:
                continue
            if adjoints[v] == 0.0:
                found.setdefault(parent, found[v])
            elif d == 0.0:
                found.setdefault(parent, (v, k))
    return found


def _use_note(x: Value, v: Value, k: int, upstream: float, d: float, reasons: dict[Value, _Edge | Value]) -> str:
    notes = []
    if upstream == 0.0:
        reason = reasons[v]
        if isinstance(reason, Value):
            notes.append(f"zero above: the terms at {called(reason)} cancel or vanish")
        else:
            notes.append(_edge_note(*reason).replace(":", " above:", 1))
        if not math.isfinite(d):
            notes.append("0 times an inf or nan contributes nothing")
    elif x.kind == "detached" or d == 0.0:
        notes.append(_edge_note(v, k))
    elif not math.isfinite(_product(v, k, x, upstream, d)):
        notes.append("explain_nan() says where it began")
    if recorded_otherwise(v):
        notes.append("its leaves have changed since it was recorded")
    return "; ".join(notes)


def _edge_note(v: Value, k: int) -> str:
    """Why nothing passes from v to its parent k."""
    assert v.op is not None
    parent = v.parents[k]
    if parent.kind == "detached":
        return f"blocked: {called(parent)} is detached"
    if v.op.name == "stop_gradient":
        return f"blocked: {expression(v)}"
    where = f"{parent_names(v)[k]} = {_six(parent.data)}"
    return f"{'blocked' if blocking(v)[k] else 'zero'}: {expression(v)} is flat at {where}"


def _product(v: Value, k: int, parent: Value, adjoint: float, d: float) -> float:
    """What v passes on to its k-th parent, whose local derivative is d; 0 if the parent is detached."""
    if adjoint == 0.0 or parent.kind == "detached":
        return 0.0
    return engine.contributions(v, adjoint)[k] if d == 0.0 else adjoint * d


def _changed(vs: Sequence[Value], total: float, derivative: float) -> float:
    """How much hooks on any of these Values changed the sum, beyond rounding."""
    if not any(id(v) in engine.hooks for v in vs) or math.isclose(total, derivative, rel_tol=1e-9):
        return 0.0
    return derivative - total


def _size(x: float) -> float:
    return math.inf if math.isnan(x) else abs(x)


def _six(x: float) -> str:
    return number(x, 6)


def _by_size(path: _Partial) -> float:
    return path[0]


def _joined(steps: Sequence[_Step], text: Callable[[_Step], str], sign: str) -> str:
    """The steps of a path as text; a long path shows the first and the last ones."""
    whole = sign.join(map(text, steps[:_STEPS]))
    if len(steps) <= 5 or (len(steps) <= _STEPS and len(whole) <= _WIDE):
        return whole
    return sign.join([*map(text, steps[:2]), f"({count(len(steps) - 4)} more)", *map(text, steps[-2:])])


def _many(n: float) -> str:
    return count(int(n)) if n <= _EXACT else f"about {n:.1e}" if math.isfinite(n) else "more than 1e308"


def _grouped(name: str) -> str:
    return f"({name})" if " " in name else name
