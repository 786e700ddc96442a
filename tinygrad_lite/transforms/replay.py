"""Computes a recorded result again from its arguments, with the recorded numbers or with others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..engine import Value
from ..ops import component

EPSILON = 2.0**-52
SMALLEST = 2.0**-1022
"""The smallest normal number; below it, rounding errors are no longer relative."""


def computed(v: Value, numbers: Sequence[float]) -> float:
    """The value of v's operation with these numbers for its parents; nan if it is not defined.

    >>> x = Value(3.0); computed(x * x, [3.0, 4.0])
    12.0
    """
    assert v.op is not None
    rest = iter(numbers)
    args: list[Any] = []
    for arg in v.args:
        if type(arg) is tuple:
            args.append(tuple([next(rest) if type(x) is Value else x for x in arg]))
        else:
            args.append(next(rest) if type(arg) is Value else arg)
    try:
        return float(v.op.value(*args))
    except (ArithmeticError, LookupError, ValueError):
        return math.nan


def parent_data(v: Value) -> list[float]:
    """The current numbers of v's parents."""
    return [parent.data for parent in v.parents]


def rounding(v: Value) -> float:
    """The size that determines v's rounding error: that of its number, and of all terms of a sequence together."""
    assert v.op is not None
    terms = [abs(d * p.data) for d, p in zip(v.local_derivatives, v.parents, strict=True)] if v.op.sequences else []
    return max(SMALLEST, abs(v.data) + sum(t for t in terms if math.isfinite(t)))


def recorded_otherwise(v: Value) -> bool:
    """Whether v's arguments now give another number than the recorded one, since a leaf among them has changed."""
    if not any(parent.op is None for parent in v.parents):
        return False
    if v.op is component:
        return not v.args[-1].solution.is_unchanged()
    now = computed(v, parent_data(v))
    if not (math.isfinite(now) and math.isfinite(v.data)):
        return not (now == v.data or (math.isnan(now) and math.isnan(v.data)))
    return abs(now - v.data) > 16 * EPSILON * rounding(v)
