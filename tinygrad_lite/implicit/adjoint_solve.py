"""The derivatives of a fixed point z = f(z), found by solving the adjoint fixed point.

At a fixed point, dz = J dz + df, where J holds the derivatives of f by z. So adjoints g of z give the adjoints
u = g + J^T u of f. This is a fixed point again, and the same kind of iteration finds it (Almeida, A learning rule for
asynchronous perceptrons with feedback, 1987; Pineda, Generalization of back-propagation to recurrent neural networks,
1987). The contribution to each other argument of f is u times the derivative of f by that argument.

u mixes the adjoints of all numbers of z, but a node passes on only its own adjoint. So the numbers are components of
one node for all of z (engine.record_joint). That node waits until each component that a sweep reached has given its
adjoint, and then solves for u once. Solving for each column of (I - J)^-1 and keeping these as local derivatives would
also be exact, but it takes as many solves as z has numbers.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..compiler.autodiff import recorded_anew
from ..compiler.executor_choice import Execution
from ..compiler.joint_results import COMPONENT, KEPT, Joint, JointSolution, Solver
from ..compiler.trace.tracing import flattened, traced
from ..engine import (
    Linearization,
    Value,
    component,
    dependents,
    derivative_graph,
    dot,
    is_recording,
    is_tracing,
    partial_derivatives,
    record_joint,
    tangents,
    within,
)
from ..errors import ConvergenceError
from ..ops import REAL, Op
from ..transforms.runs import as_number, as_value
from .iteration import Settings, settled, settled_lanes

_Vector = list[Any]
_KRYLOV = 40


def recorded_nodes(
    step: Callable[[_Vector], _Vector], start: _Vector, numbers: Sequence[float], settings: Settings
) -> tuple[_Vector, Solution | None]:
    """Records the nodes of a fixed point whose numbers are known; f is recorded there once."""
    if not is_recording() or not len(numbers):
        return [Value(x).detach() for x in numbers], None
    zs: _Vector = [Value(x) for x in numbers]
    solution = Solution(zs, step(zs), settings)
    return record_joint(_FIXED_POINT, numbers, (tuple(start), tuple(solution.xs), solution)), solution


def traced_nodes(step: Callable[[_Vector], _Vector], start: _Vector, settings: Settings) -> _Vector:
    """Records, in a trace, the nodes of a fixed point that the program will find.

    Their numbers matter only if the fixed point depends on no input of the program.
    """
    zs: _Vector = [Value(0.0) for _ in start]
    solution = within(lambda: Solution(zs, step(zs), settings), recording=True)
    found = within(_untraced_numbers, solution, start, recording=True, trace=None)
    given = tuple([x if type(x) is Value else float(x) for x in start])
    return record_joint(_FIXED_POINT, found, (given, tuple(solution.xs), solution))


def _untraced_numbers(solution: Solution, start: _Vector) -> Sequence[float]:
    """The fixed point for the numbers in the trace; nan if there is none."""
    try:
        with KEPT.forgetting():
            return solution.rows[0].numbers(KEPT.numbers(start), KEPT.numbers(solution.xs))[:, 0].tolist()  # type: ignore[no-any-return]
    except ConvergenceError:
        return [math.nan] * len(start)


class Solution(JointSolution):
    """The last argument of a fixed point's node, which computes its derivatives.

    zs  placeholders for z
    ys  the result of f for zs, recorded at the fixed point
    xs  the other Values that ys depend on and that do not depend on zs, so that they stay the same in all steps
    """

    def __init__(self, zs: _Vector, ys: _Vector, settings: Settings) -> None:
        self._zs, self._ys, self._settings = zs, ys, settings
        self._order = dependents([y for y in ys if type(y) is Value], zs, False)
        inside = set(self._order)
        below = [x for v in self._order for x in v.parents] + [y for y in ys if type(y) is Value]
        self.xs: list[Value] = [x for x in dict.fromkeys(below) if x not in inside]
        self._at = None if is_tracing() else [x.data for x in self.xs]
        self.adjoint_residuals: tuple[float, ...] = ()
        self._derivatives: dict[int, list[float]] = {}

    def is_unchanged(self) -> bool:
        """Whether the Values that the fixed point depends on still have the same numbers."""
        return self._at is None or self._at == [x.data for x in self.xs]

    def pull(self, adjoints: dict[int, float]) -> list[float]:
        """The contributions to the node's arguments for these adjoints, by the adjoint fixed point."""
        us = self._solved_for(self._all(adjoints), self._by_zs)
        return [0.0] * len(self._zs) + self._pulled(self.xs)(us)

    def number(self, index: int, start: Sequence[float], xs: Sequence[float]) -> float:
        return float(self.rows[0].numbers(start, xs)[index, 0])

    def derivatives(self, index: int) -> list[float]:
        """The derivatives of one number of z by the node's arguments."""
        if index not in self._derivatives:
            self._derivatives[index] = self.pull({index: 1.0})
        return self._derivatives[index]

    def push(self, given: Sequence[float]) -> list[float]:
        """The tangents of z for given tangents of the node's arguments."""
        moved = _tangents(self._ys, self.xs, given[len(self._zs) :], False)
        return self._solved_for(moved, lambda vs: _tangents(self._ys, self._zs, vs, False))

    def pull_graph(self, whole: Value, adjoints: dict[int, Any], wanted: Sequence[bool]) -> _Vector:
        """The same as pull, but as Values that can be differentiated again; 0.0 for arguments that are not wanted."""
        rs, ys = self._at_result(whole)
        given = self._all(adjoints)

        def step(us: _Vector) -> _Vector:
            return _added(given, derivative_graph(dot(us, ys), rs, False))

        us = self._solved_graph_for(given, step, self._by_zs)
        xs = [x for x, needed in zip(self.xs, wanted[len(self._zs) :], strict=True) if needed]
        fixed = [v for v in (*rs, *us) if type(v) is Value]  # these depend on xs too, as nodes of solves
        found = iter(derivative_graph(dot(us, ys), [*xs, *fixed], False))
        return [next(found) if needed and k >= len(self._zs) else 0.0 for k, needed in enumerate(wanted)]

    def push_graph(self, whole: Value, given: _Vector) -> _Vector:
        """The same as push, but as Values that can be differentiated again."""
        rs, ys = self._at_result(whole)
        moved = _tangents(ys, [*self.xs, *rs], [*given[len(self._zs) :], *[0.0] * len(rs)], True)

        def step(vs: _Vector) -> _Vector:
            return _added(moved, _tangents(ys, rs, vs, True))

        return self._solved_graph_for(moved, step, lambda vs: _tangents(self._ys, self._zs, vs, False))

    def recorded(self, start: Sequence[Any], xs: Sequence[Any]) -> _Vector:
        """The nodes of the fixed point for other xs."""

        def step(zs: _Vector) -> _Vector:
            places = dict(zip([*self._zs, *self.xs], [*zs, *xs], strict=True))
            return recorded_anew(self._ys, places, order=self._order)

        if is_tracing():
            return traced_nodes(step, list(start), self._settings)
        first, others = (list(map(as_number, items)) for items in (start, xs))
        return recorded_nodes(step, first, self.rows[0].numbers(first, others)[:, 0].tolist(), self._settings)[0]

    @functools.cached_property
    def rows(self) -> tuple[Joint, Op]:
        """The operations with which programs find the fixed point and take its numbers; equal programs share them."""
        ys = traced(lambda: recorded_anew(self._ys, {}, order=self._order), (), self._settings.of)[0]
        program = flattened(ys, [*self._zs, *self.xs], [])
        solvers = _Solvers(self._zs, self.xs, ys, self._settings)
        return Joint.of("fixed_point", solvers, program, (len(self._zs), self._settings)), COMPONENT

    def spectral_radius(self) -> float:
        """The spectral radius of J, by Arnoldi's iteration on J^T; exact if it takes as many steps as z has numbers."""
        size = min(len(self._zs), _KRYLOV)
        basis, h = np.zeros((size + 1, len(self._zs))), np.zeros((size + 1, size))
        basis[0] = np.random.default_rng(0).normal(size=len(self._zs))
        basis[0] /= np.linalg.norm(basis[0])
        for k in range(size):
            w = np.array(self._by_zs(basis[k].tolist()))
            for _ in range(2):  # twice, since rounding spoils the orthogonality of one pass
                along = basis[: k + 1] @ w
                h[: k + 1, k] += along
                w = w - along @ basis[: k + 1]
            h[k + 1, k] = np.linalg.norm(w)
            if h[k + 1, k] < 1e-12:
                size = k + 1
                break
            basis[k + 1] = w / h[k + 1, k]
        return float(np.abs(np.linalg.eigvals(h[:size, :size])).max())

    @functools.cached_property
    def _by_zs(self) -> Callable[[Sequence[float]], list[float]]:
        """The function that multiplies J^T by a vector."""
        return self._pulled(self._zs)

    def _pulled(self, xs: list[Value]) -> Callable[[Sequence[float]], list[float]]:
        """The function that multiplies a vector by the derivatives of ys by xs."""
        try:
            return Linearization(self._ys, xs).pull
        except ValueError:  # f contains a fixed point itself
            return lambda us: partial_derivatives(_product(us, self._ys), xs)

    def _solved_for(self, given: Sequence[float], linear: Callable[[Sequence[float]], _Vector]) -> list[float]:
        """Solves v = given + linear(v)."""
        found, residuals = settled(lambda v: _added(given, linear(v)), given, self._adjoint_settings())
        self.adjoint_residuals = tuple(residuals)
        return found

    def _solved_graph_for(
        self, given: _Vector, step: Callable[[_Vector], _Vector], linear: Callable[[Sequence[float]], _Vector]
    ) -> _Vector:
        """Solves the same equation with nodes of a fixed point as the result."""
        if is_tracing():
            return traced_nodes(step, given, self._adjoint_settings())
        numbers = [as_value(x).data for x in given]
        return recorded_nodes(step, numbers, self._solved_for(numbers, linear), self._adjoint_settings())[0]

    def _all(self, adjoints: dict[int, Any]) -> _Vector:
        return [adjoints.get(k, 0.0) for k in range(len(self._zs))]

    def _adjoint_settings(self) -> Settings:
        of = self._settings.of
        return replace(
            self._settings,
            of=of if of.startswith("the adj") else f"the adjoints of {of} (derivatives by its z)",
            relative=True,
        )

    def _at_result(self, whole: Value) -> tuple[list[Value], _Vector]:
        """The fixed point as nodes, and f's result for these nodes."""
        rs = [component(whole, k) for k in range(len(self._zs))]
        return rs, recorded_anew(self._ys, dict(zip(self._zs, rs, strict=True)), order=self._order)


class _Solvers:
    """Makes the solver of a fixed point in a program, given which of xs all lanes share, and the step's executor."""

    def __init__(self, zs: _Vector, xs: list[Value], ys: _Vector, settings: Settings) -> None:
        self._zs, self._xs, self._ys, self._settings = zs, xs, ys, settings

    def __call__(self, shared: Any, executor: str) -> Solver:
        common = [x for x, is_shared in zip(self._xs, shared, strict=True) if is_shared]
        others = [x for x, is_shared in zip(self._xs, shared, strict=True) if not is_shared]
        execution = Execution(flattened(self._ys, [*self._zs, *others], common), False, executor)

        def solve(start: Any, parameters: Any, by_lane: Any, summed: bool) -> Any:
            if self._settings.relative:  # adjoints that are not finite: an eager run decides which are blocked
                finite = np.isfinite(start).all(0) & np.isfinite(by_lane).all(0) & np.isfinite(parameters).all()
                if not finite.all():
                    us = np.full(start.shape, math.nan)
                    if finite.any():
                        us[:, finite] = solve(start[:, finite], parameters, by_lane[:, finite], summed)
                    return us
            if start.shape[1] > 1:
                return settled_lanes(lambda z: execution.lanes(parameters, [z, by_lane]), start, self._settings)
            one, fixed = execution.one, by_lane[:, 0].tolist()
            found, _ = settled(lambda z: one(parameters, z + fixed), start[:, 0].tolist(), self._settings)
            return np.array(found)[:, None]

        return solve


def _tangents(ys: _Vector, xs: list[Value], direction: Sequence[Any], as_graph: bool) -> _Vector:
    return within(tangents, [as_value(y) for y in ys], xs, direction, as_graph, recording=True)


def _product(us: Sequence[Any], ys: _Vector) -> Value:
    return within(dot, us, ys, recording=True)


def _added(xs: Sequence[Any], ys: Sequence[Any]) -> _Vector:
    return list(map(operator.add, xs, ys))


_FIXED_POINT = Op(
    "fixed_point",
    lambda start, xs, solution: solution.number(0, start, xs),
    (None, None, None),
    args="*start *xs solution",
    array="",
    domain=(REAL, REAL, REAL),
    doc="all numbers of a fixed point",
)
