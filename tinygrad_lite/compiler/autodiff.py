"""Results of compiled functions as nodes of the eager graph, differentiable to any order.

A compiled program computes the local derivatives of such a node when the node is recorded. The node's rule, which
higher derivatives use, gives nodes of the same kind, whose traced graph is that of the derivatives.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..engine import (
    Value,
    dot,
    hooks,
    is_joint,
    record_known,
    results_below,
    sums_of_products,
    whole_of,
)
from ..engine import (
    component as number_of,
)
from ..errors import HistoryError
from ..ops import REAL, Op, component, mean
from .trace.traced_graph import TracedGraph

# Shorter sums stay additions: a trace is recorded again where one of these becomes a dot.
_MANY_PRODUCTS = 8


class Origin(float):
    """The last argument of a compiled node: it says which output of which traced graph the node stands for.

    known    the inputs that are not arguments of the node: parts of shape (some inputs, lanes), views of the caller's
             arrays. If these change later, a second differentiation of the node sees the change
    scale    the factor of the sum over the lanes; None where there is one lane, that of the arguments
    blocked  for each argument, flattened: whether nothing reaches it even if the adjoint is infinite; None until asked
    """

    __slots__ = ("blocked", "graph", "known", "output", "scale")

    graph: TracedGraph
    output: int
    known: Any
    scale: float | None
    blocked: list[bool] | None

    @classmethod
    def of(cls, graph: TracedGraph, output: int, known: Any, scale: float | None) -> Origin:
        made = cls(0.0)
        made.graph, made.output, made.known, made.scale, made.blocked = graph, output, known, scale, None
        return made


def recorded(graph: TracedGraph, xs: Sequence[Any], drawn: Any) -> list[Any]:
    """Records a node for each output of the graph.

    xs     the arguments, Values or floats
    drawn  the random numbers that were drawn, (draws, 1)
    """
    parameters, count = graph.parameters, len(graph.outputs)
    numbers = [*[x.data if type(x) is Value else float(x) for x in xs], *drawn[:, 0].tolist()]
    jacobian = graph.with_jacobian()
    found = jacobian.by_lane.one(parameters.numbers(), numbers)
    if not math.isfinite(sum(found)):
        found = jacobian.eagerly(numbers)
    width = graph.arguments + parameters.trainable
    nodes: list[Any] = []
    for k, y in enumerate(graph.outputs):
        if type(y) is not Value:
            nodes.append(y)
            continue
        partials = np.array(found[count + k * width : count + (k + 1) * width])
        args = (tuple(xs), *parameters.arguments, Origin.of(graph, k, [drawn], None))
        nodes.append(record_known(_op(len(parameters.arguments)), found[k], args, partials))
    return nodes


def reduced(graph: TracedGraph, output: int, gradient: TracedGraph, parts: Sequence[Any], scale: float) -> Value:
    """Records the sum of an output over the lanes, times scale, as one node.

    gradient  the graph's with_gradient(output)
    """
    parameters = graph.parameters
    values = parameters.numbers()  # this locates the leaves again if they were bound elsewhere
    args = ((), *parameters.arguments, Origin.of(graph, output, parts, scale))
    op, count = _op(len(parameters.arguments)), gradient.count

    def node(sums: Any) -> Value | None:
        if not math.isfinite(np.add.reduce(sums)) and not np.isfinite(sums).all():
            return None
        return record_known(op, float(sums[0]) * scale, args, sums[1:count], scale)  # type: ignore[no-any-return]

    found: Value | None = gradient.summed.sums(values, parts, node)
    if found is not None:
        return found
    with np.errstate(all="ignore"):
        total = np.add.reduce([scale * np.array(gradient.eagerly(lane)) for lane in rows(parts)], 0)
    made: Value = record_known(op, float(total[0]), args, total[1:])
    return made


def rows(parts: Sequence[Any]) -> Iterator[list[float]]:
    """The inputs of each lane."""
    for lane in range(parts[0].shape[1]):
        yield [x for part in parts for x in part[:, lane].tolist()]


@cache
def _op(groups: int) -> Op:
    """The operation of compiled nodes whose parameters are in this many groups."""
    names = ["*xs", *[f"*parameters{k}" for k in range(groups)], "origin"]
    rules = [*[_rule(group) for group in range(groups + 1)], None]
    domain = [REAL] * len(names)
    return _Compiled(
        "compiled",
        _value,
        rules,
        args=" ".join(names),
        array="",
        domain=domain,
        doc="of a compiled function",
        flat=None,
    )


class _Compiled(Op):
    """The operation of compiled nodes. To see where one is flat, it records the traced graph eagerly."""

    __slots__ = ()

    def blocks(self, y: Any, args: Sequence[Any], k: int) -> bool:
        xs, *_, origin = args
        if origin.blocked is None:
            if origin.scale is None:
                lanes = [[*[x.data if type(x) is Value else x for x in xs], *origin.known[0][:, 0].tolist()]]
            else:
                lanes = list(rows(origin.known))
            found = [origin.graph.infinite_contributions(origin.output, numbers) for numbers in lanes]
            first = 0 if origin.scale is None else origin.graph.arguments
            origin.blocked = [all(d == 0.0 for d in ds) for ds in zip(*found, strict=True)][first:]
        return bool(origin.blocked[k])


def _value(*args: Any) -> float:
    xs, *groups, origin = args
    parts = [np.reshape(xs, (len(xs), 1)), *origin.known] if origin.scale is None else origin.known
    numbers = np.array([number for group in groups for number in group])
    fixed = [v.data for v in origin.graph.parameters.leaves[len(numbers) :]]
    found = origin.graph.by_lane.lanes(np.concatenate([numbers, fixed]), parts)[origin.output]
    return float(found[0]) if origin.scale is None else float(found.sum()) * origin.scale


def _rule(group: int) -> Any:
    """The derivative rule for the arguments (group 0), or for the parameters of a group (1 and up)."""

    def rule(g: Any, y: Any, xs: Sequence[Any], *others: Any) -> list[Any]:
        *groups, origin = others
        graph: TracedGraph = origin.graph
        leaves = None
        if group:
            first = sum(map(len, groups[: group - 1]))
            leaves = first, first + len(groups[group - 1])
        elif not xs:
            return []
        derived = graph.derivatives(origin.output, leaves)
        if origin.scale is None:
            found = recorded(derived, xs, origin.known[0])
        else:
            found = [
                reduced(derived, k, derived.with_gradient(k), origin.known, origin.scale)
                for k in range(len(derived.outputs))
            ]
        return [g * d for d in found]

    return rule


def expanded(outputs: Sequence[Any]) -> list[Any]:
    """The outputs with each compiled node replaced by the graph that it stands for, so that they can be traced.

    Raises HistoryError for a node of a batch: its lanes cannot be part of another program.
    """
    order = results_below(*[y for y in outputs if type(y) is Value])
    if not any(type(op) is _Compiled for op in {v.op for v in order}):
        return list(outputs)
    return recorded_anew(outputs, {}, order=order)


def with_dots(outputs: Sequence[Any]) -> list[Any]:
    """The outputs with each sum of products that is written as additions, sum(w * x for ...) + b, as one dot.

    The sum of what all steps of a scan give is a number of the scan.
    """
    found, totals, order = sums_of_products([y for y in outputs if type(y) is Value], hooks, _MANY_PRODUCTS)
    if not found and not totals:
        return list(outputs)
    instead: dict[Value, Any] = {}
    for v in order:
        if v in totals:
            whole, first, count, size, more = totals[v]
            position = whole.args[-1].total_of(first, count)
            if position is not None:
                terms = [number_of(whole, position), *_moved(more, instead)]
                total = functools.reduce(operator.add, terms)
                instead[v] = total / size if v.op is mean else total
                continue
        if v not in found:
            if not instead.keys().isdisjoint(v.parents):
                recorded_anew((), instead, order=[v])
            continue
        lefts, rights, others = found[v]
        numbers = [x for x in others if type(x) is not Value]
        terms = _moved([x for x in others if type(x) is Value], instead)
        start = functools.reduce(operator.add, [*terms, *([sum(numbers)] if any(numbers) else [])] or [0.0])
        xs, ys = _moved([lefts, rights], instead)
        instead[v] = dot(xs, ys, start)
        if v.op is mean:
            instead[v] = instead[v] / len(v.args[0])
    return [instead.get(y, y) if type(y) is Value else y for y in outputs]


def recorded_anew(
    outputs: Sequence[Any],
    instead: dict[Value, Any],
    all_of_them: bool = False,
    order: Sequence[Value] | None = None,
) -> list[Any]:
    """Records the outputs again, with other Values or numbers in place of some Values.

    instead      maps a Value to its replacement, a joint result to a sequence of its numbers; gains everything that is
                 recorded again
    all_of_them  also records Values that do not depend on replaced ones, from the numbers that leaves hold now
    order        the results that the outputs are computed from, in topological order, or the part of it that matters
    """
    for v in results_below(*[y for y in outputs if type(y) is Value]) if order is None else order:
        if v in instead or v.op is None:
            continue
        is_compiled = v.op.name == "compiled"
        if not is_compiled and not all_of_them and (not instead or instead.keys().isdisjoint(v.parents)):
            continue
        whole = whole_of(v) if v.op is component else v if is_joint(v) else None
        if whole is not None:
            if whole not in instead:  # all its numbers together
                *given, solution = _moved(whole.args, instead)
                instead[whole] = solution.recorded(*given)
            if v is not whole:
                instead[v] = instead[whole][int(v.args[-1])]
            continue
        args = _moved(v.args, instead)
        if not is_compiled:
            instead[v] = v.op(*args)
            continue
        *given, origin = args
        graph: TracedGraph = origin.graph
        if origin.scale is not None:
            raise HistoryError(
                f"compile: a result of {graph.name}.batch(...) was captured: it stands for many rows and cannot be "
                "part of another program: call the function inside, or detach() it"
            )
        places = {leaf: instead[leaf] for leaf in graph.parameters.leaves if leaf in instead}
        places.update(zip(graph.inputs, [*given[0], *origin.known[0][:, 0].tolist()], strict=True))
        instead[v] = recorded_anew([graph.outputs[origin.output]], places)[0]
    return [instead.get(y, y) if type(y) is Value else y for y in outputs]


def _moved(args: Sequence[Any], instead: dict[Value, Any]) -> list[Any]:
    return [tuple([instead.get(x, x) for x in arg]) if type(arg) is tuple else instead.get(arg, arg) for arg in args]
