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

from ...engine import Value, dependents
from ...ops import Op, component

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
        if op is None or (_is_built_in(op) and not _hiding(op)):
            continue
        args = v.args
        known = tuple([None if type(arg) is tuple or type(arg) is Value else arg for arg in args])
        for k in _hiding_beside(op, known) if _is_built_in(op) else range(len(args)):
            arg = args[k]
            found.update(dict.fromkeys(depending.intersection(arg if type(arg) is tuple else (arg,))))
    shown = set(roots)
    return [x for x in found if x not in shown]


def _is_built_in(op: Op) -> bool:
    """Of other rows no more is known than a function: any argument may be hidden."""
    return op.code < component.code


@cache
def _hiding(op: Op) -> tuple[int, ...]:
    """The arguments that may be infinite or nan where the value is finite and depends on them, of a built-in row."""
    every = range(len(op.args))
    rest = list(itertools.product(_FINITE, repeat=len(every) - 1))
    return tuple([k for k in every if any(_depends(op, k, others) and _hides(op, k, others) for others in rest)])


@lru_cache(4096)
def _hiding_beside(op: Op, known: tuple[float | None, ...]) -> tuple[int, ...]:
    """Those that do so where some arguments are plain numbers, and others None."""
    choices = [_FINITE if number is None else (number,) for number in known]
    rest = [itertools.product(*choices[:k], *choices[k + 1 :]) for k in _hiding(op)]
    return tuple(
        [k for k, some in zip(_hiding(op), rest, strict=True) if any(_hides(op, k, others) for others in some)]
    )


def _depends(op: Op, k: int, others: Sequence[float]) -> bool:
    return len({y for y in _values(op, k, others, _FINITE) if y is not None}) > 1


def _hides(op: Op, k: int, others: Sequence[float]) -> bool:
    return any(y is None or math.isfinite(y) for y in _values(op, k, others, _NOT_FINITE))


def _values(op: Op, k: int, others: Sequence[float], xs: Sequence[float]) -> list[float | None]:
    """For each x in the place of argument k; a sequence has 1 beside it. None where there is no value."""
    found: list[float | None] = []
    for x in xs:
        args = (*others[:k], x, *others[k:])
        try:
            found.append(op.value(*[(x, 1.0) if k in op.sequences else x for k, x in enumerate(args)]))
        except (ArithmeticError, LookupError, ValueError):
            found.append(None)
    return found
