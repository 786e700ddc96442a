"""Which numbers of a trace have to be finite beside its results, since an operation may hide that they are not.

A program does not look whether an adjoint is zero, and where it meets an infinite local derivative has nan, or later
an infinity, for what counts as nothing. That shows in every number computed from it, but behind a comparison, or where
an infinity has a finite value, as in exp(-inf).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from ..engine import Value, dependents
from ..ops import Op, component

_NOT_FINITE = (math.nan, math.inf, -math.inf)
_FINITE = (0.0, 1.0, -1.0, 2.0)


def watched(outputs: Sequence[Any], derivatives: Sequence[Any]) -> list[Value]:
    """What depends on derivatives and is read where a number that is not finite may be hidden from the outputs."""
    roots, starts = ([v for v in some if type(v) is Value] for some in (outputs, derivatives))
    if not starts:
        return []
    order = dependents(roots, starts)
    depending = set(order)
    found: dict[Value, None] = {}
    for v in order:
        op = v.op
        if op is None or not _hiding(op):
            continue
        args = v.args
        known = tuple([None if type(arg) is tuple or type(arg) is Value else arg for arg in args])
        for k in _hiding_beside(op, known) if _is_built_in(op) else _hiding(op):
            arg = args[k]
            found.update(dict.fromkeys(depending.intersection(arg if type(arg) is tuple else (arg,))))
    shown = set(roots)
    return [x for x in found if x not in shown]


def _is_built_in(op: Op) -> bool:
    return op.code < component.code


@cache
def _hiding(op: Op) -> tuple[int, ...]:
    """The arguments that may be infinite or nan where the value is finite and depends on them.

    Of a row that is not built in no more is known than a function.
    """
    every = tuple(range(len(op.args)))
    return tuple([k for k in every if _hides(op, k)]) if _is_built_in(op) else every


def _hides(op: Op, k: int) -> bool:
    choices = [_FINITE] * len(op.args)
    for others in itertools.product(*choices[1:]):
        depends = len({y for y in _values(op, k, others, _FINITE) if y is not None}) > 1
        if depends and _any_finite(_values(op, k, others, _NOT_FINITE)):
            return True
    return False


@lru_cache(4096)
def _hiding_beside(op: Op, known: tuple[float | None, ...]) -> tuple[int, ...]:
    """Those that do so where some arguments are plain numbers, and others None."""
    choices = [_FINITE if number is None else (number,) for number in known]
    return tuple(
        [
            k
            for k in _hiding(op)
            if any(
                _any_finite(_values(op, k, others, _NOT_FINITE))
                for others in itertools.product(*choices[:k], *choices[k + 1 :])
            )
        ]
    )


def _any_finite(values: Sequence[float | None]) -> bool:
    return any(y is None or math.isfinite(y) for y in values)


def _values(op: Op, k: int, others: Sequence[float], xs: Sequence[float]) -> list[float | None]:
    return [_value(op, (*others[:k], x, *others[k:])) for x in xs]


def _value(op: Op, args: Sequence[float]) -> float | None:
    """Of sequences of two, the given number and 1; None where there is no value."""
    try:
        return op.value(*[(x, 1.0) if k in op.sequences else x for k, x in enumerate(args)])
    except (ArithmeticError, LookupError, ValueError):
        return None
