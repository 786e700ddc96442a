"""A traced graph: results as a function of inputs and of captured leaves, and its derivatives as graphs again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..draws import Draws
from ..engine import Value, derivative_graph, hooks
from .execution import Execution
from .parameters import Parameters
from .program import Program
from .tracing import flattened, traced


class TracedGraph:
    """Results of one trace.

    inputs      placeholders: the arguments' numbers first, then one for each random number that is drawn
    draws       the sources of those
    parameters  the leaves that the function captured
    outputs     Values, and numbers that depend on nothing
    executor    "array" or "native" runs it, "auto" chooses
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[Value],
        draws: Sequence[Draws],
        parameters: Parameters,
        outputs: Sequence[Any],
        executor: str,
    ) -> None:
        self.name, self.inputs, self.draws, self.parameters = name, inputs, draws, parameters
        self.outputs, self.executor = outputs, executor
        self.arguments = len(inputs) - len(draws)
        self._derived: dict[Any, TracedGraph] = {}

    @cached_property
    def program(self) -> Program:
        """The outputs as a Program."""
        return flattened(self.outputs, self.inputs, self.parameters.leaves)

    @cached_property
    def by_lane(self) -> Execution:
        """What runs it for one set of inputs, or for each lane of many."""
        return Execution(self.program, False, self.executor)

    @cached_property
    def summed(self) -> Execution:
        """What runs it for the sums of its outputs over the lanes."""
        program = flattened(self.outputs, self.inputs, self.parameters.leaves, apart=True)
        return Execution(program, True, self.executor)

    def drawn(self, lanes: int) -> Any:
        """Random numbers for so many lanes, (draws, lanes): lane by lane, as calls one by one would draw them."""
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
        """Output k, then its derivatives by the parameters that gradients enter."""

        def outputs() -> list[Any]:
            return [self.outputs[k], *self._derivatives(k, self.parameters.leaves[: self.parameters.trainable])]

        return self._derive(("gradient", k), outputs)

    def with_jacobian(self) -> TracedGraph:
        """All outputs, then for each its derivatives by the arguments and by the parameters that gradients enter."""

        def outputs() -> list[Any]:
            wanted = [*self.inputs[: self.arguments], *self.parameters.leaves[: self.parameters.trainable]]
            rows = [self._derivatives(k, wanted) for k in range(len(self.outputs))]
            return [*self.outputs, *[d for row in rows for d in row]]

        return self._derive("jacobian", outputs)

    def derivatives(self, k: int, wanted: Sequence[Value], key: Any) -> TracedGraph:
        """The derivatives of output k by placeholders or captured leaves; key tells them from others."""
        return self._derive((k, key), lambda: self._derivatives(k, wanted))

    def _derive(self, key: Any, outputs: Callable[[], list[Any]]) -> TracedGraph:
        found = self._derived.get(key)
        if found is None:
            made = TracedGraph(self.name, self.inputs, self.draws, self.parameters, outputs(), self.executor)
            found = self._derived.setdefault(key, made)
        return found

    def _derivatives(self, k: int, wanted: Sequence[Value]) -> list[Any]:
        y = self.outputs[k]
        if type(y) is not Value:
            return [0.0] * len(wanted)
        kept = {id(x): hooks.pop(id(x)) for x in wanted if hooks and id(x) in hooks}  # they run in backward()
        try:
            return traced(lambda: derivative_graph(y, wanted, False), (), self.name)[0]  # type: ignore[no-any-return]
        finally:
            hooks.update(kept)
