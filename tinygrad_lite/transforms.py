"""Derivatives of recorded graphs, as numbers or as graphs that can be differentiated again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .engine import Value, topological_order
from .errors import HistoryError, received


def gradients(y: Value, xs: Sequence[Value], create_graph: bool = False) -> list[Any]:
    """The derivatives of y by each of xs, leaves or results below y; no .grad is touched.

    Gives floats, or with create_graph Values, made by the table's rules, which can be differentiated again. Raises
    TypeError for what is not a Value; with create_graph, HistoryError where a leaf has changed since it was recorded.

    >>> x = Value(2.0)
    >>> first, = gradients(x**3, [x], create_graph=True); gradients(first, [x])
    [12.0]
    """
    for value in (y, *xs):
        if not isinstance(value, Value):
            raise TypeError(
                f"gradients(y, xs) takes a Value y and a list of Values xs, got {received(value)} among them"
            )
    order = topological_order(y)
    below: set[Value] = set(xs)
    for v in order:
        if any(parent in below for parent in v.parents):
            below.add(v)
    adjoints: dict[Value, Any] = {y: 1.0}
    for v in reversed(order):
        adjoint = adjoints.get(v)
        if v.op is None or v not in below or adjoint is None or (type(adjoint) is float and adjoint == 0.0):
            continue
        if create_graph:
            _check_unchanged(v)
            edges = _contributions(v, adjoint, below)
        else:
            edges = [(p, adjoint * d) for p, d in zip(v.parents, v.local_derivatives, strict=True) if p in below]
        for parent, contribution in edges:
            adjoints[parent] = adjoints[parent] + contribution if parent in adjoints else contribution
    found = [adjoints.get(x, 0.0) if x in below else 0.0 for x in xs]
    return [g if isinstance(g, Value) else Value(g) for g in found] if create_graph else found


def _contributions(v: Value, adjoint: Any, below: set[Value]) -> list[tuple[Value, Any]]:
    """What v passes on to its parents, by its row's rules applied to Values."""
    assert v.op is not None
    edges: list[tuple[Value, Any]] = []
    for rule, arg in zip(v.op.rules, v.args, strict=True):
        items = arg if type(arg) is tuple else (arg,)
        if rule is None or not any(isinstance(item, Value) and item in below for item in items):
            continue
        given = rule(adjoint, v, *v.args)
        for item, contribution in zip(items, given if type(arg) is tuple else (given,), strict=True):
            if isinstance(item, Value) and item in below and not _is_void(adjoint, contribution):
                edges.append((item, contribution))
    return edges


def _is_void(adjoint: Any, contribution: Any) -> bool:
    """Zero times infinity: an adjoint that is exactly zero contributes nothing."""
    return _number(adjoint) == 0.0 and not math.isfinite(_number(contribution))


def _number(x: Any) -> float:
    return x.data if isinstance(x, Value) else float(x)


def _check_unchanged(v: Value) -> None:
    assert v.op is not None
    if not any(parent.op is None for parent in v.parents):
        return
    plain = [tuple(map(_number, arg)) if type(arg) is tuple else _number(arg) for arg in v.args]
    now = v.op.value(*plain)
    if not (math.isclose(now, v.data, rel_tol=1e-13) or (math.isnan(now) and math.isnan(v.data))):
        raise HistoryError(
            f"{v.op.name} was recorded as {v.data} and would be {now} now: a leaf below it has changed since; "
            "compute it again before differentiating with create_graph"
        )
