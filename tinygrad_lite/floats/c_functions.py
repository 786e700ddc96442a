# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
"""Functions of one and two numbers that the C library lacks, for compiled files.

Like the engine, this is plain Python that Cython compiles. Tests compare each function with the row of its name: all
agree within 4 ulps, most to the last bit.
"""

import math
import types

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from ..source.engine_choice import warn_of_stale
from . import gamma, ieee

if cython.compiled:
    from cython.cimports.libc import math as c
else:
    c = types.SimpleNamespace(**{**vars(math), **vars(ieee), "pow": ieee.power, "lgamma": gamma.lgamma})
    divide = ieee.divide

compiled: bool = cython.compiled
source_hash = "9765a62f"

_inf, _pi = math.inf, math.pi


def softplus(x):
    return (0.0 if x < 0.0 else x) + c.log1p(c.exp(-c.fabs(x)))


def cbrt(x):
    if x == 0.0 or x - x != 0.0:
        return x
    y = c.copysign(c.pow(c.fabs(x), 1.0 / 3.0), x)
    return y - (y - x / (y * y)) / 3.0


def sinc(x):
    if x == 0.0 or x - x != 0.0:
        return 1.0 if x == 0.0 else x - x
    size = c.fabs(x)
    part = c.fmod(size, 2.0)
    return c.sin(_pi * max(min(part, 1.0 - part), part - 2.0)) / (_pi * size)


def logit(p):
    return c.log(p / (1.0 - p)) if p < 0.25 else 2.0 * c.atanh(2.0 * p - 1.0)


def xlogy(x, y):
    return 0.0 if x == 0.0 and y == y else x * c.log(y)


def logaddexp(a, b):
    top = b if a < b else a
    other = a if a < b else b
    if not (top < _inf and other < _inf and top > -_inf):
        return a + b if a != a or b != b else top
    if c.fabs(top) > 16.0:
        return top + c.log1p(c.exp(other - top))
    return top + c.log1p(c.exp(other) * c.exp(-top))


def sigmoid(x):
    e = c.exp(-c.fabs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


def silu(x):
    if x < 0.0:
        half = c.exp(0.5 * x)
        return x * half / (1.0 + half * half) * half
    return x / (1.0 + c.exp(-x))


def relu(x):
    return 0.0 if x <= 0.0 else x


def step(x):
    return 1.0 if x > 0.0 else 0.0 if x <= 0.0 else x


def sign(x):
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 if x == 0.0 else x


def mod(a, b):
    y = c.fmod(a, b)
    if y == 0.0:
        return c.copysign(0.0, b)
    return y + b if (y < 0.0) != (b < 0.0) else y


def maximum(a, b):
    return a if a != a or a > b else b


def minimum(a, b):
    return a if a != a or a < b else b


def less(a, b):
    return 1.0 if a < b else 0.0


def less_equal(a, b):
    return 1.0 if a <= b else 0.0


def equal(a, b):
    return 1.0 if a == b else 0.0


def not_equal(a, b):
    return 1.0 if a != b else 0.0


def leaky_relu(x, slope):
    return x if x > 0.0 else slope * x


def elu(x, alpha):
    return x if x > 0.0 else alpha * c.expm1(x)


def lgamma(x):
    """C's lgamma, but by reflection (Abramowitz & Stegun 6.1.17) below -1, where C's may be inaccurate near roots."""
    if not -_inf < x < -1.0:
        return c.lgamma(x)
    distance = c.fabs(c.remainder(x, 1.0))
    return c.log(_pi / -x / c.sin(_pi * distance)) - c.lgamma(-x) if distance != 0.0 else _inf


if compiled:
    warn_of_stale(__name__, source_hash)
