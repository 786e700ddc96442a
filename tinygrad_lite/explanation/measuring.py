"""Measures the rules and adjoints of a recorded graph by finite differences."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..engine import Value, record
from ..text.wording import count, parent_names
from ..transforms.check import KINK, NOT_FINITE, OK, WRONG, Differences, Row
from ..transforms.replay import computed, parent_data, recorded_otherwise, rounding

BY_DESIGN, OTHER_NUMBERS, UNUSED = "by design", "other numbers", "unused"

_TOGETHER = 32
"""If a result has more parents than this, all are first moved together."""

_PLACES = (-7.3, -2.9, -1.1, -0.37, 0.37, 1.1, 2.9, 7.3)
"""Further points at which a function that seems constant is tested."""


class Measurements:
    """Finite differences for the nodes of one graph, with gradcheck's steps and tolerances.

    rules  for each node of `order`, a row for each local derivative; or one row for all, if there are many and right
    """

    def __init__(self, order: Sequence[Value], eps: float, rtol: float, atol: float) -> None:
        self._eps, self._tolerance = eps, (rtol, atol)
        self._order = order
        self.rules = [self._rules(v) if v.op else [] for v in order]
        self._uses: dict[Value, list[int]] = {v: [] for v in order}
        for i, v in enumerate(order):
            for parent in v.parents:
                self._uses[parent].append(i)

    def adjoint(self, i: int, adjoint: float, adjoints: Sequence[float]) -> Row:
        """Measures the derivative of the last node by node i, and compares it with the sweep's `adjoint`."""
        above = self._above(i)
        v, top = self._order[i], self._order[-1]

        def moved(x: float) -> list[float]:
            numbers = {v: x}
            for j in above:
                numbers[self._order[j]] = self._again(j, numbers)
            return [numbers[top]]

        noise = [abs(adjoints[j]) * rounding(self._order[j]) for j in above]
        size = sum(n for n in noise if math.isfinite(n)) or None
        return Differences(moved, v.data, self._eps).row(0, "", adjoint, *self._tolerance, size)

    def _above(self, i: int) -> list[int]:
        """The positions of all nodes that are computed from node i, in order."""
        found: set[int] = set()
        waiting = [i]
        while waiting:
            new = set(self._uses[self._order[waiting.pop()]]) - found
            found |= new
            waiting += new
        return sorted(found)

    def _again(self, i: int, numbers: dict[Value, float]) -> float:
        """Computes node i with other numbers; it follows the rule where the rule differs from the slope on purpose."""
        v = self._order[i]
        follows = {k for k, row in enumerate(self.rules[i]) if row.verdict in (BY_DESIGN, KINK)}
        y = computed(v, [p.data if k in follows else numbers.get(p, p.data) for k, p in enumerate(v.parents)])
        for k in follows:
            parent, d = v.parents[k], self.rules[i][k].analytic
            if d and parent in numbers:
                y += d * (numbers[parent] - parent.data)
        return y

    def _rules(self, v: Value) -> list[Row]:
        slopes, names = v.local_derivatives, parent_names(v)
        if recorded_otherwise(v):
            return [Row(name, d, math.nan, OTHER_NUMBERS) for name, d in zip(names, slopes, strict=True)]
        if not math.isfinite(v.data):
            return [Row(name, d, math.nan, NOT_FINITE) for name, d in zip(names, slopes, strict=True)]
        if len(slopes) > _TOGETHER:
            together = self._together(v)
            if together.verdict == OK:
                return [together]
        numbers, size = parent_data(v), rounding(v)
        return [self._rule(v, k, name, d, numbers, size) for k, (name, d) in enumerate(zip(names, slopes, strict=True))]

    def _rule(self, v: Value, k: int, name: str, d: float, numbers: list[float], size: float) -> Row:
        def value(x: float) -> list[float]:
            return [computed(v, [*numbers[:k], x, *numbers[k + 1 :]])]

        if not math.isfinite(d):
            return Row(name, d, math.nan, NOT_FINITE)
        x = numbers[k]
        if d == 0.0 and not math.isfinite(x):
            return Row(name, d, math.nan, UNUSED)
        row = Differences(value, x, self._eps).row(0, name, d, *self._tolerance, size)
        if row.verdict in (WRONG, NOT_FINITE):
            if passes_nothing(v, k) or (row.numeric == 0.0 and _is_constant(v, value, x, self._eps)):
                return replace(row, verdict=BY_DESIGN)
            if _recorded_before(v, k):
                return replace(row, verdict=OTHER_NUMBERS)
        return row

    def _together(self, v: Value) -> Row:
        draw = random.Random(len(v.parents)).uniform
        numbers = parent_data(v)
        way = [max(1.0, abs(x)) * draw(-1.0, 1.0) for x in numbers]
        slope = sum(w * d for w, d in zip(way, v.local_derivatives, strict=True))

        def value(t: float) -> list[float]:
            return [computed(v, [x + t * w for x, w in zip(numbers, way, strict=True)])]

        along = Differences(value, 0.0, self._eps)
        return along.row(0, f"{count(len(way))} together", slope, *self._tolerance, rounding(v))


def passes_nothing(v: Value, k: int) -> bool:
    """Whether the rule for parent k always gives 0, whatever the numbers are."""
    assert v.op is not None
    fresh = _fresh(v)
    by_parent = [
        (rule, i if type(arg) is tuple else None)
        for rule, arg in zip(v.op.rules, v.args, strict=True)
        for i, item in enumerate(arg if type(arg) is tuple else (arg,))
        if isinstance(item, Value)
    ]
    rule, place = by_parent[k]
    assert rule is not None
    given = rule(Value(1.0), Value(v.data), *fresh)
    given = given if place is None else given[place]
    return not isinstance(given, Value) and given == 0.0


def _is_constant(v: Value, value: Callable[[float], list[float]], x: float, eps: float) -> bool:
    """Whether the operation is locally constant at all tested points but not marked flat: round with a slope, say."""
    assert v.op is not None
    if v.op.flat:
        return False
    size = max(1.0, abs(x))
    return all(value(x + t * size) == value(x + (t + eps) * size) for t in _PLACES)


def _recorded_before(v: Value, k: int) -> bool:
    """Whether the operation, recorded again with the leaves' present numbers, has another local derivative."""
    assert v.op is not None
    if not any(parent.op is None for parent in v.parents):
        return False
    again = v.op(*_fresh(v)), record(v.op, _fresh(v))
    return not any(math.isclose(w.local_derivatives[k], v.local_derivatives[k], rel_tol=1e-9) for w in again)


def _fresh(v: Value) -> list[Any]:
    """The arguments of v, with every Value replaced by a new leaf of the same number."""

    def leaf(x: Any) -> Any:
        return Value(x.data) if isinstance(x, Value) else x

    return [tuple(map(leaf, arg)) if type(arg) is tuple else leaf(arg) for arg in v.args]
