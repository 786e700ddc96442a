"""Which numbers of a trace must be finite besides its results, since an operation may hide that they are not.

A program multiplies a zero adjoint by an infinite local derivative and gets nan, or later an infinity; backward() would
pass on nothing. Every number computed from it shows this, except behind a comparison, or if a function of an infinity
is finite, as in exp(-inf).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from ...engine import Value, dependents, is_joint
from ...ops import Op, component, is_built_in

_NOT_FINITE = (math.nan, math.inf, -math.inf)
_FINITE = (0.0, 1.0, -1.0, 2.0)


def watched(outputs: Sequence[Any], derivatives: Sequence[Any]) -> list[Value]:
    """The Values to check: they depend on derivatives, and an operation that reads them may hide nan or infinity."""
    roots, starts = ([v for v in some if type(v) is Value] for some in (outputs, derivatives))
    if not starts:
        return []
    order = dependents(roots, starts)
    depending = set(order)
    found: dict[Value, None] = {}
    for v in order:
        op = v.op
        if op is None or op is component or (is_built_in(op) and not _hiding(op)):
            continue
        args = v.args
        if is_joint(v) and not args[-1].hides:
            continue
        known = tuple([None if type(arg) is tuple or type(arg) is Value else arg for arg in args])
        # Of a custom operation only its function is known: it may hide any argument.
        for k in _hiding_beside(op, known) if is_built_in(op) else range(len(args)):
            arg = args[k]
            found.update(dict.fromkeys([x for x in (arg if type(arg) is tuple else (arg,)) if x in depending]))
    shown = set(roots)
    return [x for x in found if x not in shown]


@cache
def _hiding(op: Op) -> tuple[int, ...]:
    """Which arguments of a built-in operation it hides: its value depends on them, yet is finite where they are not."""
    every = range(len(op.args))
    rest = list(itertools.product(_FINITE, repeat=len(every) - 1))
    return tuple([k for k in every if any(_depends(op, k, others) and _hides(op, k, others) for others in rest)])


@lru_cache(4096)
def _hiding_beside(op: Op, known: tuple[float | None, ...]) -> tuple[int, ...]:
    """The arguments that the operation hides, given the plain numbers among its arguments; the others are None."""
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
    """The value for each x in place of argument k, or None if it raises; a sequence argument is (x, 1.0)."""
    found: list[float | None] = []
    for x in xs:
        args = (*others[:k], x, *others[k:])
        try:
            found.append(op.value(*[(x, 1.0) if k in op.sequences else x for k, x in enumerate(args)]))
        except (ArithmeticError, LookupError, ValueError):
            found.append(None)
    return found
