# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
"""Functions in C for rows that take sequences. They may overwrite the numbers that they read."""

import math
import types

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ...floats import ieee
from ...source.engine_choice import warn_of_stale

if cython.compiled:
    from cython.cimports.libc import math as c
else:
    from ...floats.c_functions import divide, maximum, minimum

    c = types.SimpleNamespace(fabs=math.fabs, **vars(ieee))

compiled: bool = cython.compiled
source_hash = "7416ba12"

_inf, _nan = math.inf, math.nan


def clip(xs, n):
    return minimum(maximum(xs[0], xs[1]), xs[2])


def where(xs, n):
    return xs[1] if xs[0] != 0.0 else xs[2]


def prod(xs, n):
    k: cython.Py_ssize_t
    product = 1.0
    for k in range(n):
        product *= xs[k]
    return product


def _exact_sum(xs, n):
    """The sum of positive numbers with a rounding error that does not grow with n (Kahan 1965)."""
    k: cython.Py_ssize_t
    total = 0.0
    lost = 0.0
    for k in range(n):
        term = xs[k] - lost
        after = total + term
        lost = (after - total) - term
        total = after
    return total


def logsumexp(xs, n):
    k: cython.Py_ssize_t
    largest: cython.Py_ssize_t = 0
    top = -_inf
    for k in range(n):
        if xs[k] != xs[k]:
            return xs[k]
        if xs[k] > top:
            largest, top = k, xs[k]
    if top - top != 0.0:
        return top
    shift = top if c.fabs(top) > 16.0 else 0.0
    for k in range(n):
        xs[k] = c.exp(xs[k] - shift) if k != largest else 0.0
    return top + c.log1p(_exact_sum(xs, n) * c.exp(shift - top))


def _unit(xs, n):
    """The factor by which numbers are multiplied first: 0.25 if some are huge, else 1.0."""
    k: cython.Py_ssize_t
    for k in range(n):
        if c.fabs(xs[k]) > 1e300:
            return 0.25
    return 1.0


def _deviations(xs, n):
    """Replaces numbers by unit times their differences from the mean; returns the largest size, or nan."""
    k: cython.Py_ssize_t
    low = _inf
    high = -_inf
    for k in range(n):
        if xs[k] - xs[k] != 0.0:
            return _nan
        low = min(low, xs[k])
        high = max(high, xs[k])
    unit = _unit(xs, n)
    middle = low * unit if low == high else 0.5 * (low * unit) + 0.5 * (high * unit)
    share = 1.0 if unit == 1.0 else 1.0 / n
    rest = 0.0
    for k in range(n):
        xs[k] = xs[k] * unit - middle
        rest += xs[k] * share
    if unit == 1.0:
        rest /= n
    top = 0.0
    for k in range(n):
        xs[k] -= rest
        top = max(top, c.fabs(xs[k]))
    return top


def _mean_square(xs, n, top):
    """The sum of the squares of n - 1 differences, in units of the largest, divided by n - 1 - xs[n - 1]."""
    k: cython.Py_ssize_t
    count = maximum(n - 1 - xs[n - 1], 0.0)
    for k in range(n - 1):
        xs[k] = (xs[k] / top) * (xs[k] / top) if top != 0.0 else 0.0
    return divide(_exact_sum(xs, n - 1), count)


def var(xs, n):
    unit = _unit(xs, n - 1)
    top = _deviations(xs, n - 1)
    square = _mean_square(xs, n, top)
    return top * (square * top) / unit / unit if top != 0.0 else square


def std(xs, n):
    unit = _unit(xs, n - 1)
    top = _deviations(xs, n - 1)
    square = _mean_square(xs, n, top)
    return top * c.sqrt(square) / unit if top != 0.0 else square


def norm(xs, n):
    k: cython.Py_ssize_t
    top = 0.0
    for k in range(n):
        if xs[k] != xs[k]:
            return xs[k]
        top = max(top, c.fabs(xs[k]))
    if top == 0.0 or top == _inf:
        return top
    for k in range(n):
        xs[k] = (xs[k] / top) * (xs[k] / top)
    return top * c.sqrt(_exact_sum(xs, n))


if compiled:
    warn_of_stale(__name__, source_hash)
