"""A function, traced for one structure of its arguments."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...engine import Value, are_alike, recorded_so_far, results_below, topological_order, within_transform
from ...errors import received
from ...recording.random_source import replayed
from ...transforms.pytree import Structure, mapped, positions
from ...transforms.runs import variables
from ..autodiff import expanded, recorded, recorded_anew, reduced, rows, with_dots
from ..executor_choice import Execution
from ..native.plain_call import Call
from ..passes.gc_pause import collector_paused
from .arguments import Arguments, is_number
from .finite_checks import watched
from .frozen_numbers import check_constants, check_repeated
from .held_modules import Held, modules_of
from .plain_loops import rolled
from .results import Results
from .traced_graph import TracedGraph
from .tracing import Trace, captured, flattened, traced, values_of


class Specialization:
    """A function for one structure of its arguments: traced, and ready to run.

    first         whether it is the first of its function; then a second trace is made and compared
    results       what the function returns
    choices       see Trace
    depends       whether holds() must be asked before each use
    of_variables  whether it captured a result that an enclosing transform differentiates by; a program cannot start
                  from a result, only from leaves
    execution     the one that ran last
    """

    @collector_paused
    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Arguments,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        executor: str,
        first: bool,
    ) -> None:
        name = self._name = arguments.name
        self.execution: Execution | None = None
        given: list[Value] = []

        def placeholder(label: Any, x: Any) -> Any:
            if not is_number(x):
                return x
            given.append(Value(x.data if type(x) is Value else x, label=label if type(label) is str else None))
            return given[-1]

        fresh, fresh_named = arguments.mapped(
            lambda label, arg: mapped(functools.partial(placeholder, label), arg), args, dict(kwargs)
        )

        def run() -> tuple[Results, Trace, int]:
            """Traces the function: what it returns, the trace, and how much was recorded before."""
            since = recorded_so_far()
            returned, trace = traced(functools.partial(function, **fresh_named), fresh, name)
            return Results(returned, trace.constants, self._not_a_number), trace, since

        def in_programs(results: Results, trace: Trace, since: int) -> tuple[list[Any], list[Any]]:
            """The outputs as they become a program, and the derivatives below them."""
            below = set(results_below(*values_of(results.outputs))) if trace.derivatives else set()
            derivatives = [v for v in trace.derivatives if v in below or v.op is None]
            count = len(results.outputs)

            def found() -> tuple[list[Any], list[Any]]:
                straight = expanded([*results.outputs, *derivatives])
                outputs, noted = rolled(straight[:count], straight[count:], since)
                dots = with_dots([*outputs, *noted])
                return dots[:count], dots[count:]

            both: tuple[list[Any], list[Any]] = traced(found, (), name)[0]
            return both

        modules = modules_of([function, *args, *kwargs.values()])
        self._held = Held(modules) if modules else None
        self.results, trace, since = run()
        outputs, derivatives = in_programs(self.results, trace, since)
        known_by_position = not fresh_named and not arguments.static
        self._arguments = positions(tuple(fresh)) if known_by_position else None
        self.choices, self.differentiates = trace.choices, bool(trace.derivatives)
        self.depends = bool(self.choices or modules)
        inputs = [*given, *[v for v, _ in trace.draws]]
        known = set(variables())
        self.of_variables = not known.isdisjoint(topological_order(*values_of(outputs)) if known else ())
        self.parameters = captured(outputs, inputs, trace)

        def by_graph(xs: Sequence[Value], by: Any) -> list[Any]:
            return recorded_anew(outputs, dict(zip(inputs, xs, strict=True)), all_of_them=True)

        def by_function(xs: Sequence[Value], by: Any) -> list[Any]:
            """Runs the function: in the graph, derivatives are taken already, and zero adjoints are no longer seen."""
            instead = dict(zip(inputs, xs, strict=True))
            args, named = mapped(lambda x: instead.get(x, x) if type(x) is Value else x, (fresh, fresh_named))
            output = within_transform((), replayed, (xs[len(given) :], function, args, named), {})
            return self.results.chosen(Structure(output).numbers)

        sources = [source for _, source in trace.draws]
        eager = by_function if self.differentiates else by_graph
        self.graph = TracedGraph(
            name, inputs, sources, self.parameters, outputs, derivatives, derivatives, executor, eager
        )
        if first:
            results, second, since = run()
            check_constants(results, self.results, name)
            drawn = dict(zip([v for v, _ in trace.draws], [v for v, _ in second.draws], strict=False))
            both = [*self.results.outputs, *trace.derivatives], [*results.outputs, *second.derivatives]
            if not are_alike(*both, drawn, trace.constants | second.constants):
                repeated, derivatives = in_programs(results, second, since)
                again = [*given, *[v for v, _ in second.draws]]
                seen = watched(repeated, derivatives)
                program = flattened(repeated, again, self.parameters, None, seen, derivatives)
                check_repeated(program, self.graph.program, name)

    def _not_a_number(self, x: Any) -> Exception:
        return TypeError(f"compile({self._name}): it must return numbers, got {received(x)}")

    def holds(self) -> bool:
        """Whether the attributes that the function chose by, and what its modules hold, are unchanged."""
        same = all(getattr(owner, name) == was for (_, name), (owner, was) in self.choices.items())
        return same and (self._held is None or self._held.is_unchanged())

    @functools.cached_property
    def one(self) -> Execution:
        return self.graph.by_lane

    @functools.cached_property
    def call(self) -> Call | None:
        """What computes a call with plain numbers in compiled code, where that sees all that there is to see."""
        if self.depends or self.graph.draws or self._arguments is None:
            return None
        return self.one.call(self.parameters, self._arguments, self.results.layout, self.differentiates)

    def lanes(self, parts: Sequence[Any]) -> Any:
        """The outputs by lane; lanes in which a derivative is not finite are computed again eagerly."""
        execution = self.execution = self.graph.by_lane
        found = execution.lanes(self.parameters.numbers(), parts)
        outputs = found[: len(self.graph.outputs)]
        if self.differentiates and not np.isfinite(found).all():
            for lane, numbers in enumerate(rows(parts)):
                if not np.isfinite(found[:, lane]).all():
                    outputs[:, lane] = self.graph.eagerly(numbers)
        return outputs

    def sum(self, parts: Sequence[Any]) -> float:
        """The sum of the single output over the lanes."""
        execution = self.execution = self.graph.summed
        sums = execution.sums(self.parameters.numbers(), parts).tolist()
        if self.differentiates and not math.isfinite(sum(sums)):
            return float(sum(self.lanes(parts)[0].tolist()))
        return float(sums[0])

    def nodes(self, xs: Sequence[Any]) -> list[Any]:
        self.execution = self.graph.with_jacobian().by_lane
        return recorded(self.graph, xs, self.graph.drawn(1))

    def reduced(self, parts: Sequence[Any], scale: float) -> Value:
        self.execution = self._with_gradient.summed
        return reduced(self.graph, 0, self._with_gradient, parts, scale)

    @functools.cached_property
    def _with_gradient(self) -> TracedGraph:
        return self.graph.with_gradient(0)

    def check_scalar(self) -> None:
        count = self.results.count
        if count != 1:
            raise TypeError(
                f"{self._name}.batch(reduce=...): it must return one number to be reduced, got {count}: "
                "reduce=None gives all"
            )
