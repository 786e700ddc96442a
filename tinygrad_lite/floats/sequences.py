"""Functions of many numbers, as accurate as the functions in ieee.py, except for sums with cancellation."""

from __future__ import annotations

import math

from .ieee import divide, inf, nan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def logsumexp(xs: Sequence[float]) -> float:
    """log(sum(exp(x) for x in xs)) without overflow; -inf for no xs. Near a root, within 4 ulps of the largest x.

    >>> logsumexp([1000.0, -1000.0]), logsumexp([])
    (1000.0, -inf)
    """
    top = max(xs, default=-inf)
    if not math.isfinite(top):
        return nan if any(x != x for x in xs) else top
    shift = top if abs(top) > 16.0 else 0.0  # the rounding of x - top would matter if the result is small
    # The largest term is left out, so that the others keep their digits.
    others = math.fsum([-math.exp(top - shift), *[math.exp(x - shift) for x in xs]])
    return top + math.log1p(others * math.exp(shift - top))


def norm(xs: Sequence[float]) -> float:
    """Euclidean length of xs without overflow; nan if any x is nan, as in NumPy (C's hypot prefers an infinity).

    >>> norm([3.0, 4.0]), norm([1e200, 0.0]), norm([inf, nan])
    (5.0, 1e+200, nan)
    """
    return math.hypot(*xs) if not any(x != x for x in xs) else nan


def _deviations(xs: Sequence[float]) -> tuple[list[float], float]:
    """The differences from the mean, divided by a unit, and the unit: 1, or 4 for huge numbers.

    The midpoint of smallest and largest is subtracted first, so that the rounding of a large mean does no harm.
    """
    if not all(map(math.isfinite, xs)):
        return [nan], 1.0
    low, high, unit = min(xs), max(xs), 1.0
    if max(abs(low), abs(high)) > 1e300:
        low, high, unit, xs = 0.25 * low, 0.25 * high, 4.0, [0.25 * x for x in xs]
    middle = low if low == high else 0.5 * low + 0.5 * high
    off = [x - middle for x in xs]
    rest = math.fsum(off) / len(xs) if unit == 1.0 else math.fsum([x / len(xs) for x in off])
    return [x - rest for x in off], unit


def var(xs: Sequence[float], ddof: float) -> float:
    """Sum of squared differences from the mean, over len(xs) - ddof; nan or inf if that is not positive.

    >>> var([1e16, 1e16 + 2.0], 0.0), var([1.0, 2.0, 6.0], 1.0), var([1.0], 1.0)
    (1.0, 7.0, nan)
    """
    count, (off, unit) = max(len(xs) - ddof, 0.0), _deviations(xs)
    top = max(map(abs, off))
    if 1e-140 < top < 1e150 or not top:
        return divide(math.fsum([x * x for x in off]), count) * unit * unit
    return top * (divide(math.fsum([(x / top) * (x / top) for x in off]), count) * top) * unit * unit


def std(xs: Sequence[float], ddof: float) -> float:
    """Square root of var(xs, ddof), without overflow.

    >>> std([1e200, 3e200], 0.0), std([0.1, 0.1, 0.1], 0.0)
    (1e+200, 0.0)
    """
    count, (off, unit) = max(len(xs) - ddof, 0.0), _deviations(xs)
    top = max(map(abs, off))
    if not top:
        return divide(0.0, count)
    return top * math.sqrt(divide(math.fsum([(x / top) * (x / top) for x in off]), count)) * unit
