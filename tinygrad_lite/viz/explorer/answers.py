"""Answers the page's requests to the kernel: recompute the graph from other leaves, or compare it with differences."""

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
    """Answers a message from the page; if it cannot, "error" holds the reason. No Value is changed.

    leaves   the numbers of all Values in the page
    message  {"id": k, "ask": "recompute" or "compare", "leaves": [[node, number], ...]}
    """
    number = message.get("id") if isinstance(message, dict) else None
    try:
        return {"id": number, **_answer(graph, leaves, message)}
    except Exception as error:  # any kind, since custom operations are user code
        return {"id": number, "error": shortened(f"{type(error).__name__}: {error}", 500)}


def _answer(graph: Graph, leaves: Sequence[float], message: Any) -> Payload:
    asked = message.get("ask") if isinstance(message, dict) else None
    if asked not in ("recompute", "compare"):
        raise ValueError(f'a message must ask for "recompute" or "compare", got {message!r}')
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
            raise ValueError(f"recompute: only leaves have numbers of their own, and node {node!r} is not a leaf")
        if type(number) not in (int, float):
            raise TypeError(f"recompute: a leaf takes a real number, got {number!r} for node {node}")
        moved[node] = float(number)
    return moved


def recorded_with(graph: Graph, leaves: Sequence[float]) -> list[Value]:
    """Records the graph's Values again, from new leaves with these numbers."""
    of_batches = [v for v in graph.values if v.op and isinstance(v.args[-1], Origin) and v.args[-1].scale is not None]
    if of_batches:
        raise HistoryError(
            "recompute: the graph holds the result of a compiled function's batch(...), a sum over samples that were "
            "not recorded one by one: explore the function itself to move its numbers"
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
    """Temporarily registers the hooks of some Values on other Values too."""
    pairs = zip(values, fresh, strict=True)
    borrowed = {id(w): engine.hooks[id(v)] for v, w in pairs if v is not w and id(v) in engine.hooks}
    try:
        engine.hooks.update(borrowed)
        yield
    finally:
        for key in borrowed:
            engine.hooks.pop(key, None)
