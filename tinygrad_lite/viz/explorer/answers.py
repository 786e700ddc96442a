"""What the page asks of the kernel: the graph computed again from other leaves, and compared with differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ... import engine
from ...compiler.autodiff import Origin, recorded_anew
from ...engine import Value
from ...errors import HistoryError
from ...explanation import compare
from ...recording.modes import enable_grad
from ...text.wording import shortened
from ...transforms.runs import as_value
from ..diagram.checks import checks_of
from ..diagram.walk import Graph
from .payload import Payload, numbers, verdicts


def answer(graph: Graph, leaves: Sequence[float], message: Any) -> Payload:
    """The answer to a message of the page; where there is none, the reason as "error". No Value is changed.

    leaves   the numbers that the page has for all Values
    message  {"id": k, "ask": "recompute" or "compare", "leaves": [[node, number], ...]}
    """
    number = message.get("id") if isinstance(message, dict) else None
    try:
        return {"id": number, **_answer(graph, leaves, message)}
    except Exception as error:  # of whatever kind: a custom operation is the user's
        return {"id": number, "error": shortened(f"{type(error).__name__}: {error}", 500)}


def _answer(graph: Graph, leaves: Sequence[float], message: Any) -> Payload:
    asked = message.get("ask") if isinstance(message, dict) else None
    if asked not in ("recompute", "compare"):
        raise ValueError(f'a message asks for "recompute" or "compare", got {message!r}')
    given = message["leaves"]
    values = recorded_with(graph, _moved(graph, leaves, given)) if given or asked == "recompute" else graph.values
    with _hooked(graph.values, values):
        if asked == "recompute":
            return numbers(graph, values)
        found = checks_of(compare(values[-1]), values[-1], "explore")
        return {"checks": verdicts(graph, {v: found[fresh] for v, fresh in zip(graph.values, values, strict=True)})}


def _moved(graph: Graph, leaves: Sequence[float], given: Any) -> list[float]:
    moved = list(leaves)
    for node, number in given:
        if type(node) is not int or not 0 <= node < len(graph) or graph.ops[node] is not None:
            raise ValueError(f"recompute: only leaves have numbers of their own, and node {node!r} is none")
        if type(number) not in (int, float):
            raise TypeError(f"recompute: a leaf's number is a real number, got {number!r} for node {node}")
        moved[node] = float(number)
    return moved


def recorded_with(graph: Graph, leaves: Sequence[float]) -> list[Value]:
    """The graph's Values recorded anew, from fresh leaves of these numbers."""
    of_batches = [v for v in graph.values if v.op and isinstance(v.args[-1], Origin) and v.args[-1].scale is not None]
    if of_batches:
        raise HistoryError(
            "recompute: the graph holds what a compiled function's batch(...) gave, a sum over samples that were not "
            "recorded one by one: explore the function itself to move its numbers"
        )
    fresh: dict[Value, Any] = {}
    for v, number in zip(graph.values, leaves, strict=True):
        if v.op is None:
            fresh[v] = Value(number).detach() if v.kind == "detached" else Value(number)
    with enable_grad():
        recorded_anew([graph.values[-1]], fresh, all_of_them=True, order=graph.values)
    return [as_value(fresh[v]) for v in graph.values]


@contextmanager
def _hooked(values: Sequence[Value], fresh: Sequence[Value]) -> Iterator[None]:
    """For a while, the hooks of some Values on others too."""
    pairs = zip(values, fresh, strict=True)
    borrowed = {id(w): engine.hooks[id(v)] for v, w in pairs if v is not w and id(v) in engine.hooks}
    try:
        engine.hooks.update(borrowed)
        yield
    finally:
        for key in borrowed:
            engine.hooks.pop(key, None)
