"""A scan as one joint result, and its derivatives, which are scans again.

A loop with the step carry, y = f(carry, x) is differentiated by a loop that runs the other way (Werbos,
"Backpropagation through time", 1990): its carry is the adjoint of the carry, and each of its steps reads what the step
of the first loop read. Tangents are carried by a loop in the same direction. The body is recorded once, whatever the
number of steps; a second derivative is the derivative of such a loop. A derivative reads the carry of all steps from
the scan as an array, not number by number.
"""

from __future__ import annotations

import functools
import math
import operator
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..compiler.joint_results import COMPONENT, KEPT, Joint, JointSolution
from ..compiler.trace.tracing import flattened
from ..engine import (
    Value,
    component,
    dependents,
    derivative_graph,
    dot,
    is_tracing,
    partial_derivatives,
    record_joint,
    tangents,
    whole_of,
    within,
)
from ..ops import REAL, Op, stop_gradient
from ..transforms.runs import as_number, as_value
from .scan_body import Body, Columns, Numbering, Vector
from .scan_solver import Solvers
from .written_steps import written_out


class Scan(JointSolution):
    """The last argument of a scan's node, which computes its derivatives.

    body      the step
    start     the carry at first
    read      what steps read
    captured  pairs of a Value that the body reads, the same in all steps, and what stands for it outside
    xs        what it depends on beside the start: what is captured, what is read number by number, other scans
    found     all its numbers
    It does not hold its node, which holds it: nodes are not freed in a cycle.
    """

    def __init__(
        self,
        body: Body,
        start: Sequence[Any],
        read: Sequence[Columns],
        steps: int,
        backward: bool,
        captured: Sequence[tuple[Value, Any]] = (),
        frugal: bool = False,
    ) -> None:
        self.body, self.start, self.at = body, list(start), Numbering(body, steps, backward, frugal)
        self.hides = not body.adjoint
        outputs = [y for y in body.outputs if type(y) is Value]
        variable = [*body.carry, *[v for part in read for v in part.inside], *[inner for inner, _ in captured]]
        order = dependents(outputs, variable, False)
        known = {*order, *variable}
        below = dict.fromkeys([x for v in order for x in v.parents] + outputs)
        self.captured = [pair for pair in captured if pair[0] in below] + [(x, x) for x in below if x not in known]
        some = [part for part in read if not below.keys().isdisjoint(part.inside)]
        self._known = [part for part in some if part.is_known]
        self._listed = [part for part in some if not part.is_known and part.whole is None]
        self._views = [part for part in some if part.whole is not None]
        self.xs: Vector = [
            *[outer for _, outer in self.captured],
            *[x for part in self._listed for x in part.numbers],
            *[part.whole for part in self._views],
        ]
        self._recorded_at = None if is_tracing() else list(map(as_number, self.xs))

    @property
    def _read(self) -> list[Columns]:
        return [*self._known, *self._listed, *self._views]

    @property
    def _inside(self) -> list[Value]:
        return [v for part in self._read for v in part.inside]

    def _given(self, as_graph: bool) -> tuple[list[tuple[Value, Any]], list[Columns]]:
        """What is captured and what is read; as numbers, those of when the scan was recorded."""
        if as_graph or self._recorded_at is None:
            return self.captured, self._read
        rest = iter(self._recorded_at)
        captured = [(inner, next(rest)) for inner, _ in self.captured]
        listed = [Columns.of(part.inside, [next(rest) for _ in part.numbers], self.at.steps) for part in self._listed]
        return captured, [*self._known, *listed, *self._views]

    def nodes(self, wanted: Sequence[int]) -> tuple[Vector, Value | None]:
        """Records the scan, and its numbers at these positions.

        Returns these, and the scan's node; None where nothing is recorded.
        """
        self.found = within(self._computed, recording=True, trace=None)
        given = [tuple([x if type(x) is Value else float(x) for x in some]) for some in (self.start, self.xs)]
        found: Vector = record_joint(_SCAN, self.found.tolist(), (*given, self), wanted or [0])
        v = found[0].parents[0] if found[0].op is stop_gradient else found[0]
        return found[: len(wanted)], whole_of(v) if v.op is not None else None

    def _computed(self) -> Any:
        """All numbers, from those that its arguments have now."""
        with KEPT.forgetting():
            return self.rows[0].numbers(KEPT.numbers(self.start), KEPT.numbers(self.xs))[:, 0].copy()

    @functools.cached_property
    def rows(self) -> tuple[Joint, Op]:
        """The operations with which programs compute the scan and take its numbers; equal scans share them."""
        captured = [inner for inner, _ in self.captured]
        program = flattened(self.body.outputs, [*self.body.carry, *self._inside, *captured], [])
        columns = [
            (len(part.inside), part.is_known and part.numbers.tobytes(), part.whole is not None, part.first, part.apart)
            for part in self._read
        ]
        settings = tuple(columns), len(captured), self.body.adjoint, *vars(self.at).values()
        solvers = Solvers(self.body, self._read, captured, self.at)
        return Joint.of("scan", solvers, program, settings, self.at.steps, self.at.all_sums), COMPONENT

    def is_unchanged(self) -> bool:
        """Whether the Values that the scan depends on still have the same numbers."""
        return self._recorded_at is None or repr(self._recorded_at) == repr(list(map(as_number, self.xs)))  # nan is nan

    def total_of(self, first: int, count: int) -> int | None:
        return self.at.total_of(first, count)

    def number(self, index: int, start: Sequence[float], xs: Sequence[float]) -> float:
        return float(self.found[index] if self._views else self.rows[0].numbers(start, xs)[index, 0])

    def derivatives(self, index: int) -> list[float]:
        """The derivatives of one number by the node's arguments."""
        return [x if type(x) is float else 0.0 for x in self.pull({index: 1.0})]

    def pull(self, adjoints: dict[int, float]) -> list[Any]:
        """The contributions to the node's arguments for these adjoints of its numbers."""
        wanted = [True] * (len(self.start) + len(self.xs))
        found = within(lambda: self._pulled(None, adjoints, wanted), recording=True, watch=None)
        if self._views:
            return [x if type(x) is dict else as_number(x) for x in found]
        found = list(map(as_number, found))
        if not all(map(math.isfinite, found)):
            return within(lambda: self._swept(adjoints), recording=True, watch=None)
        return found

    def _swept(self, adjoints: dict[int, float]) -> list[Any]:
        """The same by a sweep over all steps, in which an adjoint of 0 meets no derivative that is infinite."""
        at = self.at
        numbers = [*self.found[at.first].tolist(), *(self._recorded_at or map(as_number, self.xs))]
        leaves = list(map(Value, numbers))
        ys = self.recorded(leaves[: at.carried], leaves[at.carried :])
        gs, some = zip(*[(g, ys[k]) for k, g in adjoints.items()], strict=True)
        return partial_derivatives(dot(gs, some), leaves)

    def pull_graph(self, whole: Value, adjoints: dict[Any, Any], wanted: Sequence[bool]) -> list[Any]:
        """The same as pull, but as Values that can be differentiated again; 0.0 for arguments that are not wanted."""
        return self._pulled(whole, adjoints, wanted)

    def push(self, given: Sequence[Any]) -> Sequence[float]:
        """The tangents of its numbers for given tangents of the node's arguments."""
        found: list[float] = within(lambda: self._pushed(None, given).scan.found.tolist(), recording=True, watch=None)
        return found

    def push_graph(self, whole: Value, given: Sequence[Any]) -> Numbers:
        """The same as push, but as Values that can be differentiated again."""
        return self._pushed(whole, given)

    def recorded(self, start: Sequence[Any], xs: Sequence[Any]) -> Sequence[Any]:
        """Its numbers for other arguments; outside a trace recorded step by step, so that every result is a node."""
        rest = iter(xs)
        captured = [(inner, next(rest)) for inner, _ in self.captured]
        read = [
            *self._known,
            *[replace(part, numbers=tuple([next(rest) for _ in part.numbers])) for part in self._listed],
        ]
        for part in self._views:
            whole = next(rest)
            read.append(replace(part, whole=whole.node if type(whole) is Numbers else whole))
        if is_tracing():
            again = Scan(self.body, start, read, self.at.steps, self.at.backward, captured, self.at.frugal)
            return Numbers(again, again.nodes([])[1])
        return written_out(self.body, self.at, start, read, captured)

    def _results(self, whole: Value | None) -> tuple[list[Columns], dict[Value, Value]]:
        """The carry before and after each step and what the steps gave, as numbers of the scan's node or as they are.

        Then what stands for the results among them, so that a derivative need not compute them again.
        """
        at, body = self.at, self.body
        known: dict[Value, Value] = {}

        def inside(results: Sequence[Any]) -> tuple[Value, ...]:
            fresh = [Value(0.0) for _ in results]
            for y, v in zip(results, fresh, strict=True):
                if type(y) is Value and y.op is not None and y not in known:
                    known[y] = v
            return tuple(fresh)

        parts = [
            Columns(body.carry, (), whole, int(at.backward), at.steps + 1),
            Columns(inside(body.nexts), (), whole, int(not at.backward), at.steps + 1),
            Columns(inside(body.given), (), whole, at.given_by(0, 0), at.steps),
        ]
        parts = [part for part in parts if part.inside]
        return parts if whole is not None else [part.known(self.found, at.steps) for part in parts], known

    def _pulled(self, whole: Value | None, adjoints: dict[Any, Any], wanted: Sequence[bool]) -> list[Any]:
        body, at, n = self.body, self.at, self.at.carried
        flags = iter(wanted[n:])
        captured = [next(flags) for _ in self.captured]
        by_part = [[next(flags) for _ in part.numbers] for part in self._listed]
        listed, viewed = list(map(any, by_part)), list(flags)
        read = [part for part, some in zip((*self._listed, *self._views), (*listed, *viewed), strict=True) if some]
        inputs = [v for part in read for v in part.inside]
        leaves = [inner for (inner, _), some in zip(self.captured, captured, strict=True) if some]
        of_outputs, more, shared = self._in_body(adjoints)
        gs = [Value(0.0) for _ in range(n)]
        for g, some in zip(gs, of_outputs, strict=False):
            some.append(g)

        def step() -> tuple[Vector, Vector, Vector]:
            totals = [functools.reduce(operator.add, some) if some else 0.0 for some in of_outputs[: at.outputs]]
            pairs = [pair for pair in zip(totals, body.outputs, strict=True) if all(type(x) is Value for x in pair)]
            by = [*body.carry, *inputs, *leaves]
            found: Vector = [0.0] * len(by)
            if pairs:
                gs_of, ys = zip(*pairs, strict=True)
                found = derivative_graph(dot(gs_of, ys), by, False)
            nexts = [
                functools.reduce(operator.add, some, d)
                for some, d in zip(of_outputs[at.outputs :], found, strict=False)
            ]
            return nexts, found[n : n + len(inputs)], found[n + len(inputs) :]

        results, known = self._results(whole)
        constant, given = self._given(whole is not None)
        back = Scan(
            Body.recorded(gs, step, known, adjoint=True), [adjoints.get(k, 0.0) for k in at.last],
            [*results, *given, *more], at.steps, not at.backward, [*constant, *shared], at.frugal,
        )  # fmt: skip
        column = sum([len(part.inside) for part in read if part.whole is None])
        positions = [*back.at.last, *[back.at.sum(k) for k in range(len(leaves))]]
        positions += [back.at.given_by(t, k) for k in range(column) for t in range(at.steps)]
        nodes, node = back.nodes(positions)
        made = iter(nodes)
        found: list[Any] = [next(made) for _ in range(n)]
        found += [next(made) if is_wanted else 0.0 for is_wanted in captured]
        for part, is_wanted in zip(self._listed, listed, strict=True):
            found += [next(made) if is_wanted else 0.0 for _ in part.numbers]
        for part, is_wanted in zip(self._views, viewed, strict=True):
            found.append(back._contributions(part, column, None if whole is None else node) if is_wanted else {})
            column += len(part.inside) * is_wanted
        return found

    def _contributions(self, part: Columns, column: int, node: Value | None) -> dict[Any, Any]:
        """What the scan whose numbers a part is receives from this one, which gives it from this column on."""
        of = Columns(part.inside, (), node, self.at.given_by(0, column), self.at.steps)
        if node is not None:
            return {(part.first, part.apart): [of]}
        rows = of.among(self.found, self.at.steps).tolist()
        return {part.start(k) + t: x for k, row in enumerate(rows) for t, x in enumerate(row)}

    def _in_body(self, adjoints: dict[Any, Any]) -> tuple[list[Vector], list[Columns], list[tuple[Value, Any]]]:
        """For each output of the body, then for the carry, what stands for its adjoints; what that stands for."""
        at = self.at
        by_step: defaultdict[int, dict[int, Any]] = defaultdict(dict)
        found: list[Vector] = [[] for _ in range(at.outputs + at.carried)]
        more: list[Columns] = []
        shared: list[tuple[Value, Any]] = []
        for key, adjoint in adjoints.items():
            if type(key) is int:
                of, step = at.reader(key)
                if step is not None:
                    by_step[of][step] = adjoint
                elif key >= at.total(0):
                    found[of].append(Value(0.0))
                    shared.append((found[of][-1], adjoint))
                continue
            for columns in adjoint:
                inside = tuple([Value(0.0) for _ in columns.inside])
                more.append(replace(columns, inside=inside))
                for k, v in enumerate(inside):
                    found[at.column(key[0] + k * key[1])].append(v)
        for of, steps in by_step.items():
            v, numbers = Value(0.0), [steps.get(t, 0.0) for t in range(at.steps)]
            found[of].append(v)
            is_sum = at.carried + at.given <= of < at.outputs
            if is_sum or all(_are_same(x, numbers[0]) for x in numbers):
                shared.append((v, steps[0]))
            else:
                more.append(Columns.of([v], numbers, at.steps))
        return found, more, shared

    def _pushed(self, whole: Value | None, given: Sequence[Any]) -> Numbers:
        body, at, n = self.body, self.at, self.at.carried
        rest = iter(given[n:])
        moved: list[tuple[Value, Value]] = []
        shared: list[tuple[Value, Any]] = []
        more: list[Columns] = []
        for inner, _ in self.captured:
            tangent = next(rest)
            if type(tangent) is Value or tangent != 0.0:
                moved.append((inner, Value(0.0)))
                shared.append((moved[-1][1], tangent))
        for part in (*self._listed, *self._views):
            numbers = next(rest) if part.whole is not None else [next(rest) for _ in part.numbers]
            if part.whole is not None and type(numbers) is float:
                continue
            inside = [Value(0.0) for _ in part.inside]
            moved += zip(part.inside, inside, strict=True)
            if part.whole is None:
                more.append(Columns.of(inside, numbers, at.steps))
            elif type(numbers) is Numbers:
                more.append(replace(part, inside=tuple(inside), whole=numbers.node))
            else:
                more.append(replace(part, inside=tuple(inside), whole=None).known(np.array(numbers), at.steps))
        vs = [Value(0.0) for _ in range(n)]
        xs, directions = zip(*zip(body.carry, vs, strict=True), *moved, strict=True) if n or moved else ((), ())

        def step() -> tuple[Vector, Vector, Vector]:
            found = tangents([as_value(y) for y in body.outputs], xs, directions, True)
            return found[:n], found[n : n + at.given], found[n + at.given :]

        results, known = self._results(whole)
        constant, read = self._given(whole is not None)
        forward = Scan(
            Body.recorded(vs, step, known), given[:n], [*results, *read, *more], at.steps, at.backward,
            [*constant, *shared], at.frugal,
        )  # fmt: skip
        return Numbers(forward, forward.nodes([])[1])


class Numbers(Sequence[Any]):
    """The numbers of a scan as Values, made when they are asked for."""

    def __init__(self, scan: Scan, node: Value | None) -> None:
        self.scan, self.node = scan, node

    def __len__(self) -> int:
        return self.scan.at.size

    def __getitem__(self, index: Any) -> Any:
        assert self.node is not None
        return component(self.node, int(index))


def _are_same(x: Any, y: Any) -> bool:
    return x is y or (type(x) is not Value and type(y) is not Value and x == y)


_SCAN = Op(
    "scan",
    lambda start, xs, scan: scan.number(0, start, xs),
    (None, None, None),
    args="*start *xs scan",
    array="",
    domain=(REAL, REAL, REAL),
    doc="all numbers of a scan",
)
