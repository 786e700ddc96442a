"""IEEE 754 scalar functions: they return inf or nan where Python's math raises.

Special values are those of C99, Annex F, and so of NumPy. Other results are within 4 units in the last place (ulps) of
the true value (4 steps for denormal results), given a libm as good as glibc's. Functions that are less accurate near
their roots say so. Every function takes and returns Python floats, and none raises.

>>> log(0.0), exp(1000.0), sqrt(-1.0), divide(-1.0, 0.0)
(-inf, inf, nan, -inf)
"""

from __future__ import annotations

import math

TYPE_CHECKING = False  # as type checkers understand it; importing typing would cost more than this whole module
if TYPE_CHECKING:
    from collections.abc import Callable

inf = math.inf
nan = math.nan


def _ieee(function: Callable[[float], float], pole: float = nan, at_pole: float = nan) -> Callable[[float], float]:
    """Wraps a function of math: it gives at_pole at the pole, nan outside the domain, and the limit on overflow."""

    def value(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return at_pole if x == pole else nan
        except OverflowError:
            return function(math.copysign(inf, x))

    value.__name__ = value.__qualname__ = function.__name__
    value.__doc__ = f"{function.__name__}(x) as C gives it: inf or nan where math.{function.__name__} raises."
    return value


sqrt = _ieee(math.sqrt)
exp = _ieee(math.exp)
expm1 = _ieee(math.expm1)
log = _ieee(math.log, 0.0, -inf)
log1p = _ieee(math.log1p, -1.0, -inf)
log2 = _ieee(math.log2, 0.0, -inf)
log10 = _ieee(math.log10, 0.0, -inf)
exp2 = _ieee(math.exp2)
sin = _ieee(math.sin)
cos = _ieee(math.cos)
tan = _ieee(math.tan)
asin = _ieee(math.asin)
acos = _ieee(math.acos)
atan = math.atan
atan2 = math.atan2
hypot = math.hypot
sinh = _ieee(math.sinh)
cosh = _ieee(math.cosh)
tanh = math.tanh
asinh = math.asinh
acosh = _ieee(math.acosh)
erf = math.erf


def floor(x: float) -> float:
    """The largest whole number not above x; infinities, nan and -0.0 stay.

    >>> floor(-0.5), floor(2.5), floor(inf)
    (-1.0, 2.0, inf)
    """
    return math.copysign(float(math.floor(x)), x) if abs(x) < 4503599627370496.0 else x


def ceil(x: float) -> float:
    """The smallest whole number not below x; infinities, nan and -0.0 stay.

    >>> ceil(-0.5), ceil(2.5), ceil(inf)
    (-0.0, 3.0, inf)
    """
    return math.copysign(float(math.ceil(x)), x) if abs(x) < 4503599627370496.0 else x


def trunc(x: float) -> float:
    """x rounded towards 0 to a whole number; infinities, nan and -0.0 stay.

    >>> trunc(-2.5), trunc(2.5), trunc(inf)
    (-2.0, 2.0, inf)
    """
    return math.copysign(float(math.trunc(x)), x) if abs(x) < 4503599627370496.0 else x


def rint(x: float) -> float:
    """The nearest whole number, and the even one at a tie; infinities, nan and -0.0 stay.

    >>> rint(-0.5), rint(2.5), rint(3.5), rint(inf)
    (-0.0, 2.0, 4.0, inf)
    """
    return math.copysign(float(round(x)), x) if abs(x) < 4503599627370496.0 else x


def fmod(x: float, y: float) -> float:
    """x - y * trunc(x / y), exactly, with the sign of x; nan for an infinite x and for y = 0.

    >>> fmod(-7.0, 3.0), fmod(1.0, inf), fmod(1.0, 0.0)
    (-1.0, 1.0, nan)
    """
    try:
        return math.fmod(x, y)
    except ValueError:
        return nan


def mod(x: float, y: float) -> float:
    """x - y * floor(x / y), with the sign of y, rounded once; nan for an infinite x and for y = 0.

    >>> mod(-7.0, 3.0), mod(7.0, -3.0), mod(1.0, 0.0)
    (2.0, -2.0, nan)
    """
    try:
        return x % y
    except ZeroDivisionError:
        return nan


def divide(x: float, y: float) -> float:
    """x / y; x / 0 is an infinity of the right sign, or nan if x is 0 or nan.

    >>> divide(1.0, -0.0), divide(0.0, 0.0)
    (-inf, nan)
    """
    try:
        return x / y
    except ZeroDivisionError:
        return x * math.copysign(inf, y)


def power(x: float, y: float) -> float:
    """x ** y like C's pow: never complex; 0 to a negative power and overflow give infinities.

    >>> power(-0.0, -1.0), power(-1.0, 0.5), power(-10.0, 309.0)
    (-inf, nan, -inf)
    """
    try:
        return math.pow(x, y)
    except (ValueError, OverflowError):
        if x < 0.0 and y % 1.0 != 0.0:
            return nan
        return math.copysign(inf, x) if y % 2.0 == 1.0 else inf


def cbrt(x: float) -> float:
    """The cube root, negative for negative x.

    >>> cbrt(-27.0), cbrt(0.0)
    (-3.0, 0.0)
    """
    if x == 0.0 or x - x != 0.0:
        return x
    y = math.copysign(math.pow(math.fabs(x), 1.0 / 3.0), x)
    return y - (y - x / (y * y)) / 3.0  # one Newton step, since 1 / 3 is rounded, and C's cbrt is not exact either


def sinc(x: float) -> float:
    """sin(pi x) / (pi x), 1 at 0; exactly 0 at the other whole numbers, nan at infinities, as in NumPy.

    >>> sinc(0.0), sinc(3.0), sinc(0.5) - 2.0 / math.pi
    (1.0, 0.0, 0.0)
    """
    if x == 0.0 or x - x != 0.0:
        return 1.0 if x == 0.0 else nan
    size = math.fabs(x)
    part = math.fmod(size, 2.0)
    # The angle is reduced to -pi/2 .. pi/2 before it is rounded, so that the sine has roots only at whole numbers.
    return math.sin(math.pi * max(min(part, 1.0 - part), part - 2.0)) / (math.pi * size)


def atanh(x: float) -> float:
    """Inverse hyperbolic tangent as C gives it: infinite at -1 and 1, nan beyond.

    >>> atanh(-1.0), atanh(2.0)
    (-inf, nan)
    """
    try:
        return math.atanh(x)
    except ValueError:
        return math.copysign(inf, x) if math.fabs(x) == 1.0 else nan


def xlogy(x: float, y: float) -> float:
    """x * log(y), and 0 if x is 0, for any y but nan.

    >>> xlogy(0.0, 0.0), xlogy(2.0, 0.0), xlogy(0.0, nan)
    (0.0, -inf, nan)
    """
    return 0.0 if x == 0.0 and y == y else x * log(y)


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), accurate for large |x| too.

    >>> sigmoid(0.0), sigmoid(-1000.0)
    (0.5, 0.0)
    """
    e = math.exp(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


def logit(p: float) -> float:
    """log(p / (1 - p)), the inverse of sigmoid; exact near 0, 1/2 and 1; nan outside of 0 .. 1.

    >>> logit(0.0), logit(0.5), logit(1.0)
    (-inf, 0.0, inf)
    """
    if p < 0.25:
        return log(p / (1.0 - p))
    return 2.0 * atanh(2.0 * p - 1.0)  # 2 * p - 1 is exact here


def silu(x: float) -> float:
    """x * sigmoid(x) (Elfwing, Uchibe and Doya 2018); nan at -inf, like that product.

    >>> silu(0.0), silu(-1000.0)
    (0.0, -0.0)
    """
    if x < 0.0:
        half = math.exp(0.5 * x)  # exp(x) itself would be denormal, and x would magnify its error
        return x * half / (1.0 + half * half) * half
    return x / (1.0 + math.exp(-x))


def softplus(x: float) -> float:
    """log(1 + exp(x)), without overflow, and accurate for very negative x.

    >>> softplus(1000.0), softplus(-1000.0)
    (1000.0, 0.0)
    """
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def logaddexp(a: float, b: float) -> float:
    """log(exp(a) + exp(b)) without overflow. Near a root, within 4 ulps of the larger of both.

    >>> logaddexp(1000.0, -1000.0), logaddexp(-inf, -inf)
    (1000.0, -inf)
    """
    top, other = (b, a) if a < b else (a, b)
    if not (top < inf and other < inf and top > -inf):
        return a + b if a != a or b != b else top
    if math.fabs(top) > 16.0:
        return top + math.log1p(math.exp(other - top))
    return top + math.log1p(math.exp(other) * math.exp(-top))  # the rounding of other - top would matter near a root
