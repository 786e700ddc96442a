# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
"""The normal distribution and related functions, for compiled files.

Like the engine, this is plain Python that Cython compiles. Tests compare each function with the row of its name, within
4 ulps: sums are not exact here.
"""

import math
import types

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from ..source.engine_choice import warn_of_stale
from . import ieee, normal_law

if cython.compiled:
    from cython.cimports.libc import math as c
else:
    c = types.SimpleNamespace(**{**vars(math), **vars(ieee), "pow": ieee.power})
    _NODES, _MILLS = 14, 141
    _erfc_rule, _normcdf_rule, _mills_rule = [0.0] * 28, [0.0] * 28, [0.0] * 282

compiled: bool = cython.compiled
source_hash = "24d43c14"

_inf, _nan, _pi = math.inf, math.nan, math.pi
_sqrt_half, _sqrt_2_pi, _period = math.sqrt(0.5), math.sqrt(2.0 * math.pi), 128.0 / 29.0 * math.pi


def _tail_ratio(x, scale, rule):
    """The same as _tail_ratio in normal_law.py."""
    k: cython.Py_ssize_t
    z = x * c.sqrt(scale)
    total = 0.0
    if z < 6.9:
        total = 2.0 * scale * c.exp(z * (z - _period)) / (1.0 + c.exp(-_period * z))
    for k in range(_NODES - 1, -1, -1):
        total += rule[_NODES + k] / (x + rule[k] / x)
    return total


def _tail(factor, x, scale, rule):
    """The same as _gauss_tail in normal_law.py."""
    total = factor * _tail_ratio(x, scale, rule)
    head = 134217729.0 * x
    head -= head - x
    total += total * c.expm1(scale * (head - x) * (head + x))
    return total * c.exp(-scale * head * head)


def erfc(x):
    if not x > 0.5:
        return c.erfc(x)
    return _tail(1.0, x, 1.0, _erfc_rule) if x < 40.0 else 0.0


def normcdf(x):
    if not x < -0.7:
        return 0.5 * c.erfc(-x * _sqrt_half)
    return _tail(1.0, -x, 0.5, _normcdf_rule) if x > -40.0 else 0.0


def log_ndtr(x):
    if x < -0.7:
        return c.log(_tail_ratio(-x, 0.5, _normcdf_rule)) - 0.5 * x * x if x > -_inf else x
    return c.log(normcdf(x)) if x < 0.0 else c.log1p(-normcdf(-x))


def mills(n, x):
    k: cython.Py_ssize_t
    if not (0.0 <= n <= 20.0 and c.floor(n) == n) or x != x:
        return _nan
    if x == _inf:
        return 0.0
    order: cython.Py_ssize_t = int(n)
    value = 0.0
    if x < -1.0:
        if x < -1e9:
            value = _inf
        else:
            head = 134217729.0 * x
            head -= head - x
            value = c.exp(0.5 * head * head) * c.exp(0.5 * (x - head) * (x + head)) * normcdf(-x) * _sqrt_2_pi
        before = 1.0
        for k in range(order):
            after = (k * before if k else 1.0) - x * value
            before, value = value, after
        return value
    scale = 1.0
    if x >= 2.0:
        scale = c.exp2(c.floor(c.log2(x)))
    half = 0.5 / scale / scale
    lost = 0.0
    for k in range(_MILLS):  # the same steps as in _exact_sum
        u = _mills_rule[k]
        term = _mills_rule[_MILLS + k] * c.pow(u, n) * c.exp(-u * (half * u + x / scale)) - lost
        after = value + term
        lost = (after - value) - term
        value = after
    return value / scale * c.pow(scale, -n)


def erfinv(x):
    if not c.fabs(x) <= 0.5:
        if not c.fabs(x) <= 1.0:
            return _nan
        return c.copysign(_sqrt_half * ndtri(0.5 - 0.5 * c.fabs(x)), x)
    w = 0.5 * c.sqrt(_pi) * x
    y = w * (1.0 + w * w * (1.0 / 3.0 + w * w * (7.0 / 30.0 + w * w * (127.0 / 630.0))))
    off = (c.erf(y) - x) * (0.5 * c.sqrt(_pi)) * c.exp(y * y)
    y -= off / (1.0 + y * off)
    off = (c.erf(y) - x) * (0.5 * c.sqrt(_pi)) * c.exp(y * y)
    return y - off / (1.0 + y * off)


def ndtri(p):
    k: cython.Py_ssize_t
    if p > 0.75:
        return 0.0 - ndtri(1.0 - p)
    if p > 0.25:
        return c.sqrt(2.0) * erfinv(2.0 * p - 1.0)
    if not p > 0.0:
        return -_inf if p == 0.0 else _nan
    logarithm = c.log(p)
    t = c.sqrt(-2.0 * logarithm)
    y = (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
    for k in range(3):
        ratio = _tail_ratio(-y, 0.5, _normcdf_rule)
        slope = 1.0 / (_sqrt_2_pi * ratio)
        if k < 2:
            off = (c.log(ratio) - 0.5 * y * y - logarithm) / slope
            y -= off / (1.0 + 0.5 * off * (slope + y))
        elif p > 1e-300:
            y -= (1.0 - p / normcdf(y)) / slope
    return y


def gelu(x):
    return _tail(x, -x, 0.5, _normcdf_rule) if -40.0 < x < -0.7 else x * normcdf(x)


def _fill():
    """Fills in the quadrature rules of normal_law.py: all nodes, then all weights."""
    for k in range(_NODES):
        _erfc_rule[k], _erfc_rule[_NODES + k] = normal_law._ERFC_RULE[k]
        _normcdf_rule[k], _normcdf_rule[_NODES + k] = normal_law._NORMCDF_RULE[k]
    rule = normal_law._mills_rule()
    for k in range(_MILLS):
        _mills_rule[k], _mills_rule[_MILLS + k] = rule[k]


_fill()
if compiled:
    warn_of_stale(__name__, source_hash)
