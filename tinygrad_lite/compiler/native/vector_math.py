# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
"""Functions of many numbers at once, for the lanes of the native executor: sqrt, exp, log, sigmoid, tanh, erf.

Functions of the C library take one number per call. These are loops without a branch, which a C compiler turns into
vector instructions: a table gives the function at a point nearby, a Taylor series the rest. If this fails for a number
(infinite, nan, denormal, very large), the C library computes it again. The result of a lane depends neither on its
neighbours nor on the processor; a test checks that it is within 1 ulp of the true value, 1.5 for erf, 2 for tanh, 3 for
sigmoid.
"""

import math
import struct
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
    c = types.SimpleNamespace(fabs=math.fabs, **vars(ieee))
    _powers, _tanh_at, _erf_at, _slope_at = [0.0] * 128, [0.0] * 1281, [0.0] * 769, [0.0] * 769

    def _bits(x):
        return struct.unpack("Q", struct.pack("d", x))[0]

    def _number(bits):
        return struct.unpack("d", struct.pack("Q", bits & 0xFFFFFFFFFFFFFFFF))[0]


compiled: bool = cython.compiled
source_hash = "43e138f4"


def sqrt(x, y, n):
    i: cython.Py_ssize_t
    for i in range(n):
        y[i] = c.sqrt(x[i])


def exp(x, y, n):
    i: cython.Py_ssize_t
    odd: cython.ulonglong = 0  # the highest bit is set if a number is beyond 708, where results may be denormal
    for i in range(n):
        odd |= _bits(708.0) - _bits(c.fabs(x[i]))
        y[i] = _exp(x[i])
    if odd >> 63:
        for i in range(n):
            if not c.fabs(x[i]) <= 708.0:
                y[i] = c.exp(x[i])


def sigmoid(x, y, n):
    i: cython.Py_ssize_t
    odd: cython.ulonglong = 0
    for i in range(n):
        odd |= _bits(708.0) - _bits(c.fabs(x[i]))
        y[i] = _sigmoid(x[i], _exp(-c.fabs(x[i])))
    if odd >> 63:
        for i in range(n):
            if not c.fabs(x[i]) <= 708.0:
                y[i] = _sigmoid(x[i], c.exp(-c.fabs(x[i])))


def log(x, y, n):
    i: cython.Py_ssize_t
    odd: cython.ulonglong = 0  # the highest bit is set if a number is outside the range of normal numbers
    for i in range(n):
        odd |= (_bits(x[i]) - _bits(2.2250738585072014e-308)) | (_bits(1.7976931348623157e308) - _bits(x[i]))
        y[i] = _log(x[i])
    if odd >> 63:
        for i in range(n):
            if not 2.2250738585072014e-308 <= x[i] <= 1.7976931348623157e308:
                y[i] = c.log(x[i])


def tanh(x, y, n):
    i: cython.Py_ssize_t
    odd: cython.ulonglong = 0  # the highest bit is set if a number is nan
    for i in range(n):
        odd |= _bits(_inf) - _bits(c.fabs(x[i]))
        y[i] = _tanh(x[i])
    if odd >> 63:
        for i in range(n):
            if x[i] != x[i]:
                y[i] = x[i]


def erf(x, y, n):
    i: cython.Py_ssize_t
    odd: cython.ulonglong = 0  # the highest bit is set if a number is nan
    for i in range(n):
        odd |= _bits(_inf) - _bits(c.fabs(x[i]))
        y[i] = _erf(x[i])
    if odd >> 63:
        for i in range(n):
            if x[i] != x[i]:
                y[i] = x[i]


# 1.5 * 2**52: adding it to a number rounds the number to an integer, which is then in the lowest bits.
_rounder = 6755399441055744.0


def _exp(x):
    """exp(x) = 2**(k / 128) * exp(r) for an integer k; a table holds 128 such powers, and r is below 0.0028."""
    shifted: cython.double = x * 184.6649652337873 + _rounder
    k: cython.double = shifted - _rounder
    bits: cython.ulonglong = _bits(shifted)
    # log(2) / 128 in two parts, the first short enough to be multiplied by k exactly
    r: cython.double = (x - k * (0.6931471803691238 / 128.0)) - k * (1.9082149292705877e-10 / 128.0)
    power: cython.double = _number(_bits(_powers[bits & 127]) + ((bits >> 7) << 52))
    return power + power * (r + r * r * ((1.0 / 2.0 + r * (1.0 / 6.0)) + r * r * (1.0 / 24.0 + r * (1.0 / 120.0))))


def _sigmoid(x, e):
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


def _log(x):
    """log(2**k * m) = k * log(2) + 2 * atanh(s) with s = (m - 1) / (m + 1) and m from sqrt(1/2) to sqrt(2)."""
    bits: cython.ulonglong = _bits(x)
    exponent: cython.ulonglong = (bits + (_bits(1.0) - _bits(0.7071067811865476))) >> 52
    k: cython.double = _number(_bits(4503599627370496.0) | exponent) - (4503599627370496.0 + 1023.0)
    f: cython.double = _number(bits - (exponent << 52) + _bits(1.0)) - 1.0
    s: cython.double = f / (2.0 + f)
    z: cython.double = s * s
    zz: cython.double = z * z
    last: cython.double = (2.0 / 15.0 + z * (2.0 / 17.0)) + zz * (2.0 / 19.0 + z * (2.0 / 21.0))
    rest: cython.double = (2.0 / 7.0 + z * (2.0 / 9.0)) + zz * ((2.0 / 11.0 + z * (2.0 / 13.0)) + zz * last)
    series: cython.double = z * ((2.0 / 3.0 + z * (2.0 / 5.0)) + zz * rest)
    half: cython.double = 0.5 * f * f  # 2 s = f - f f / 2 + s f f / 2, and the first term is exact
    return k * 0.6931471803691238 + (f - (half - (s * (half + series) + k * 1.9082149292705877e-10)))


def _tanh(x):
    """tanh(a + h) = (tanh(a) + t) / (1 + tanh(a) * t): a is the nearest 64th, t = tanh(h) by its Taylor series."""
    size: cython.double = c.fabs(x)
    size = size if size < 20.0 else 20.0  # beyond 20, tanh is 1
    shifted: cython.double = size * 64.0 + _rounder
    h: cython.double = size - (shifted - _rounder) * (1.0 / 64.0)
    at: cython.double = _tanh_at[_bits(shifted) & 2047]
    hh: cython.double = h * h
    t: cython.double = h - h * hh * (1.0 / 3.0 - hh * (2.0 / 15.0 - hh * (17.0 / 315.0)))
    value: cython.double = at + (t - t * (at * (at + t) / (1.0 + at * t)))
    return _number(_bits(value) | (_bits(x) & _bits(-0.0)))


def _erf(x):
    """The Taylor series of erf at the nearest 128th; its coefficients are Hermite polynomials."""
    size: cython.double = c.fabs(x)
    size = size if size < 6.0 else 6.0  # beyond 6, erf is 1
    shifted: cython.double = size * 128.0 + _rounder
    a: cython.double = (shifted - _rounder) * (1.0 / 128.0)
    h: cython.double = size - a
    near: cython.ulonglong = _bits(shifted) & 1023
    aa: cython.double = a * a
    third: cython.double = (2.0 * aa - 1.0) * (1.0 / 3.0)
    fourth: cython.double = a * (3.0 - 2.0 * aa) * (1.0 / 6.0)
    fifth: cython.double = (3.0 + aa * (4.0 * aa - 12.0)) * (1.0 / 30.0)
    sixth: cython.double = a * (aa * (20.0 - 4.0 * aa) - 15.0) * (1.0 / 90.0)
    hh: cython.double = h * h
    # the seventh coefficient matters only near 0, so its value at 0 is used
    series: cython.double = (third + h * fourth) + hh * ((fifth + h * sixth) - hh * (1.0 / 42.0))
    value: cython.double = _erf_at[near] + _slope_at[near] * (h + hh * (h * series - a))
    return _number(_bits(value) | (_bits(x) & _bits(-0.0)))


def _fill():
    """Fills the tables: numbers come from integers in units of 2**-200, rounded once, or from the C library."""
    one = 1 << 200
    root = 2 * one
    for _ in range(7):
        root = math.isqrt(root * one)
    power = one
    for k in range(128):
        _powers[k] = power / one
        power = power * root >> 200
    growth = term = one
    for k in range(1, 30):
        term //= 32 * k
        growth += term  # to exp(1 / 32)
    power = one
    for k in range(1281):
        _tanh_at[k] = (power - one) / (power + one)  # tanh(k / 64) by exp(k / 32)
        power = power * growth >> 200
    for k in range(769):
        _erf_at[k] = math.erf(k / 128)
        _slope_at[k] = 2.0 / math.sqrt(math.pi) * math.exp(-((k / 128) ** 2))


_inf = math.inf
_fill()
if compiled:
    warn_of_stale(__name__, source_hash)
