"""A traced graph: results as a function of inputs and captured leaves. Its derivatives are traced graphs too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from ...engine import Span, Value, derivative_graph, derivatives, derivatives_by_rows, hooks, within
from ...recording.random_source import Draws
from ..captured_leaves import Parameters
from ..executor_choice import Execution
from ..passes.gc_pause import collector_paused
from ..passes.program import Program
from .finite_checks import watched
from .tracing import RowResults, flattened, traced

_Derivatives = Callable[[Any, Sequence[Value]], list[Any]]
_R = TypeVar("_R")


class TracedGraph:
    """The results of one trace.

    inputs       placeholders: the arguments' numbers first, then one for each random number that is drawn
    draws        the sources of these random numbers
    parameters   the leaves that the function captured
    outputs      Values, and numbers that depend on nothing
    derivatives  adjoints and tangents that the function itself computed. Those of the outputs need no check: rules only
                 multiply them and choose among them, which hides nothing
    adjoints     the derivatives, and those of the outputs
    executor     of its programs, see Execution
    rows         what results receive from rows, see flattened()
    eager        eager(xs, by): the outputs for Values in place of the inputs, recorded one by one; by(y, wanted)
                 computes the derivatives among them
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[Value],
        draws: Sequence[Draws],
        parameters: Parameters,
        outputs: Sequence[Any],
        derivatives: Sequence[Any],
        adjoints: Sequence[Any],
        executor: str,
        eager: Callable[[Sequence[Value], _Derivatives], Sequence[Any]],
        rows: RowResults | None = None,
    ) -> None:
        self.name, self.inputs, self.draws, self.parameters = name, inputs, draws, parameters
        self.outputs, self.executor, self._eager = outputs, executor, eager
        self._derivatives, self._adjoints, self._rows = derivatives, adjoints, rows
        self.arguments = len(inputs) - len(draws)
        self._derived: dict[Any, TracedGraph] = {}

    @property
    def count(self) -> int:
        """How many results there are."""
        return len(self.outputs) if self._rows is None else self._rows.count

    @cached_property
    def watched(self) -> list[Value]:
        """What programs compute besides the outputs: if it is not finite, eagerly() computes the outputs again."""
        rows = self._rows.rows if self._derivatives and self._rows else ()
        of_rows = chain.from_iterable([(factor, *(() if type(items) is Span else items)) for _, factor, items in rows])
        taken = [number for *_, number in (self._rows.taken if self._derivatives and self._rows else ())]
        return watched([*self.outputs, *of_rows, *taken], self._derivatives)

    @cached_property
    def program(self) -> Program:
        """The outputs as a Program."""
        return flattened(self.outputs, self.inputs, self.parameters, self._rows, self.watched, self._adjoints)

    @cached_property
    @collector_paused
    def by_lane(self) -> Execution:
        """The execution for one set of inputs, or for many lanes."""
        return Execution(self.program, False, self.executor)

    @cached_property
    @collector_paused
    def summed(self) -> Execution:
        """The execution for the sums of the outputs over the lanes."""
        return Execution(self.program, True, self.executor)

    def drawn(self, lanes: int) -> Any:
        """Random numbers for this many lanes, (draws, lanes), drawn lane by lane as single calls would draw them."""
        found = np.empty((len(self.draws), lanes))
        if not self.draws:
            return found
        if len(set(self.draws)) == 1:
            found[...] = self.draws[0].uniforms(found.size).reshape(lanes, -1).T
        else:
            for lane in range(lanes):
                found[:, lane] = [source.uniform() for source in self.draws]
        return found

    def with_gradient(self, k: int) -> TracedGraph:
        """Output k, then its derivatives by the trainable parameters; those by rows of weights stay rows."""
        parameters = self.parameters

        def by_rows(ys: Sequence[Any], xs: Sequence[Value], by: _Derivatives) -> tuple[list[Any], RowResults]:
            found, rows, taken = _by_rows(ys[k], parameters)
            positions = [0, *[1 + place for place in found]]
            after_first = ([(1 + first, *rest) for first, *rest in some] for some in (rows, taken))
            return [ys[k], *found.values()], RowResults(1 + parameters.trainable, positions, *after_first)

        def outputs(ys: Sequence[Any], xs: Sequence[Value], by: _Derivatives) -> list[Any]:
            return [ys[k], *by(ys[k], parameters.bound)]

        return self._derive(("gradient", k), outputs, by_rows)

    def with_jacobian(self) -> TracedGraph:
        """All outputs, then for each its derivatives by the arguments and by the trainable parameters."""

        def outputs(ys: Sequence[Any], xs: Sequence[Value], by: _Derivatives) -> list[Any]:
            wanted = [*xs[: self.arguments], *self.parameters.bound]
            return [*ys, *chain.from_iterable([by(y, wanted) for y in ys])]

        return self._derive("jacobian", outputs)

    def derivatives(self, k: int, leaves: tuple[int, int] | None) -> TracedGraph:
        """The derivatives of output k by the arguments, or by the parameters in leaves, (first, end)."""

        def outputs(ys: Sequence[Any], xs: Sequence[Value], by: _Derivatives) -> list[Any]:
            return by(ys[k], xs[: self.arguments] if leaves is None else self.parameters.bound[slice(*leaves)])

        return self._derive((k, leaves), outputs)

    def eagerly(self, numbers: Sequence[float]) -> list[float]:
        """The outputs for one set of inputs, recorded one by one.

        A zero adjoint then passes on nothing, even if the local derivative is infinite. Programs do not check this and
        get nan there.
        """
        found = within(lambda: self._eager(list(map(Value, numbers)), _as_floats), recording=True)
        return [y.data if type(y) is Value else y for y in found]

    def infinite_contributions(self, k: int, numbers: Sequence[float]) -> list[float]:
        """What the arguments and trainable parameters receive if the adjoint of output k is infinite.

        numbers  the inputs
        """

        def contributions() -> list[float]:
            xs = list(map(Value, numbers))
            y = self._eager(xs, _as_graph)[k] * math.inf
            return _as_floats(y, [*xs[: self.arguments], *self.parameters.bound])

        return within(contributions, recording=True)

    @collector_paused
    def _derive(
        self,
        key: Any,
        made: Callable[[Sequence[Any], Sequence[Value], _Derivatives], list[Any]],
        by_rows: Callable[[Sequence[Any], Sequence[Value], _Derivatives], tuple[list[Any], RowResults]] | None = None,
    ) -> TracedGraph:
        """The graph of what `made` makes of outputs and inputs, as by_rows makes it, if given."""
        found = self._derived.get(key)
        if found is None:
            outputs, trace = traced(by_rows or made, (self.outputs, self.inputs, _as_graph), self.name)
            rows = None
            if by_rows is not None:
                outputs, rows = outputs
            found = TracedGraph(
                self.name, self.inputs, self.draws, self.parameters, outputs, self._derivatives,
                [*self._adjoints, *trace.derivatives], self.executor,
                lambda xs, by: made(self._eager(xs, _as_graph), xs, by), rows,
            )  # fmt: skip
            found = self._derived.setdefault(key, found)
        return found


def _as_graph(y: Any, wanted: Sequence[Value]) -> list[Any]:
    if type(y) is not Value:
        return [0.0] * len(wanted)
    return _without_hooks(lambda: derivative_graph(y, wanted, False), wanted)


def _by_rows(y: Any, parameters: Parameters) -> tuple[dict[int, Any], list[Any], list[Any]]:
    if type(y) is not Value:
        return {}, [], []
    parameters.locate()
    return _without_hooks(lambda: derivatives_by_rows(y, parameters.runs), parameters.bound if hooks else ())


def _as_floats(y: Any, wanted: Sequence[Value]) -> list[Any]:
    if type(y) is not Value:
        return [0.0] * len(wanted)
    return _without_hooks(lambda: derivatives(y, wanted), wanted)


def _without_hooks(function: Callable[[], _R], wanted: Sequence[Value]) -> _R:
    """Derivatives without the hooks of `wanted`, which run later, in backward()."""
    kept = {id(x): hooks[id(x)] for x in wanted if id(x) in hooks} if hooks else {}
    try:
        try:
            for key in kept:
                del hooks[key]
            return function()
        finally:
            hooks.update(kept)
    finally:  # twice, see engine.within()
        hooks.update(kept)
