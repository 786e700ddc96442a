"""IEEE 754 scalar functions: they return inf or nan where Python's math raises.

Special values are those of C99, Annex F, so of NumPy. Other results are within 4 units in the last place (ulps) of the
true value, denormal results within 4 of their steps, given a libm as good as glibc's; close to roots some promise less,
and say so. Every function takes and gives Python floats, and none raises.

>>> log(0.0), exp(1000.0), sqrt(-1.0), divide(-1.0, 0.0)
(-inf, inf, nan, -inf)
"""

from __future__ import annotations

import math

TYPE_CHECKING = False  # as type checkers understand it; importing typing would cost more than this whole module
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

inf = math.inf
nan = math.nan


def _ieee(function: Callable[[float], float], pole: float = nan, at_pole: float = nan) -> Callable[[float], float]:
    """The function of math, with at_pole at the pole, nan outside the domain, and the limit where it overflows."""

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
    """x / y, with x / 0 an infinity of the right sign, or nan where x is 0 or nan.

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
    """x * log(y), and 0 where x is 0, whatever number y is.

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


# Midpoint rule of _gauss_tail, one row a node: the weights 2 * step / pi * exp(-node**2) for erfc, and sqrt(1/2) times
# these for normcdf. They are written out since computing them rounds several times, which would be the largest error.
_WEIGHTS = (
    (0.27403470361941235, 0.1937717972097322),
    (0.18174602085442518, 0.12851384379983574),
    (0.07994358194223898, 0.05652864890369961),
    (0.023321777166703157, 0.01649098678389739),
    (0.00451231101032367, 0.003190685714222588),
    (0.0005790229210790863, 0.000409431033957465),
    (4.927785919616424e-05, 3.48447083999636e-05),
    (2.781424364706216e-06, 1.96676402964125e-06),
    (1.041218852919973e-07, 7.362529115989913e-08),
    (2.585092797135085e-09, 1.8279366468507189e-09),
    (4.256666231376813e-11, 3.00991755745433e-11),
    (4.648602428222418e-13, 3.2870583000363227e-13),
    (3.3669336443661647e-15, 2.3807816117364506e-15),
    (1.6173576091489537e-17, 1.143644533032887e-17),
)
_ERFC_RULE = tuple((((2 * k + 1) * 29 / 128) ** 2, weights[0]) for k, weights in enumerate(_WEIGHTS))
_NORMCDF_RULE = tuple((2.0 * t, weights[1]) for (t, _), weights in zip(_ERFC_RULE, _WEIGHTS, strict=True))
_SQRT_HALF = math.sqrt(0.5)


def _tail_ratio(x: float, scale: float, rule: tuple[tuple[float, float], ...]) -> float:
    """exp(scale * x * x) times erfc(x) (scale 1) or normcdf(-x) (scale 1/2), for x from 1/2 on.

    erfc(z) = exp(-z z) 2 z / pi * (integral of exp(-t t) / (t t + z z) over t > 0), Abramowitz & Stegun 7.4.11. The
    midpoint rule (step 29/64) errs by 1e-21 and the pole at t = i z, whose share is known (Chiarella & Reichel 1968).
    """
    terms = [weight / (x + t / x) for t, weight in rule]
    z = x * math.sqrt(scale)
    if z < 6.9:  # the pole counts if it is nearer than pi / step
        period = 128.0 / 29.0 * math.pi
        terms.append(2.0 * scale * math.exp(z * (z - period)) / (1.0 + math.exp(-period * z)))
    return math.fsum(terms)


def _gauss_tail(factor: float, x: float, scale: float, rule: tuple[tuple[float, float], ...]) -> float:
    """factor times erfc(x) (scale 1) or normcdf(-x) (scale 1/2), for x from 1/2 to 40."""
    ratio = factor * _tail_ratio(x, scale, rule)
    # exp(-scale x x) would magnify the rounding of x x: split x into a head, whose square is exact, and the rest.
    head = 134217729.0 * x
    head -= head - x
    ratio += ratio * math.expm1(scale * (head - x) * (head + x))
    return ratio * math.exp(-scale * head * head)


def erfc(x: float) -> float:
    """1 - erf(x), accurate in the tail.

    >>> erfc(0.0), erfc(30.0)
    (1.0, 0.0)
    """
    if not x > 0.5:
        return math.erfc(x)
    return _gauss_tail(1.0, x, 1.0, _ERFC_RULE) if x < 40.0 else 0.0


def normcdf(x: float) -> float:
    """The standard normal distribution function, accurate in the left tail.

    >>> normcdf(0.0), normcdf(-40.0)
    (0.5, 0.0)
    """
    if not x < -0.7:
        return 0.5 * math.erfc(-x * _SQRT_HALF)
    return _gauss_tail(1.0, -x, 0.5, _NORMCDF_RULE) if x > -40.0 else 0.0


def log_ndtr(x: float) -> float:
    """log(normcdf(x)), accurate in both tails.

    >>> log_ndtr(-40.0), log_ndtr(-1e10)
    (-804.6084420137538, -5e+19)
    """
    if x < -0.7:
        return math.log(_tail_ratio(-x, 0.5, _NORMCDF_RULE)) - 0.5 * x * x if x > -inf else x
    return math.log(normcdf(x)) if x < 0.0 else math.log1p(-normcdf(-x))


_MILLS_RULE: list[tuple[float, float]] = []


def _mills_rule() -> list[tuple[float, float]]:
    """Nodes and weights of the trapezoidal rule for u = exp(s - exp(-s)), at every 16th (Takahasi and Mori 1974)."""
    if not _MILLS_RULE:
        for k in range(-60, 81):
            small = math.exp(-k / 16)
            u = math.exp(k / 16 - small)
            _MILLS_RULE.append((u, u * (1.0 + small) / 16))
    return _MILLS_RULE


def mills(n: float, x: float) -> float:
    """The integral of u**n * exp(-u * u / 2 - u * x) over u > 0, for n = 0, 1, ... 20 (nan for other n).

    mills(0, x) is Mills' ratio, normcdf(-x) over the density at x, and mills(n, x) is (-1)**n times its derivative of
    order n. Beyond n = 8 the error may reach 12 ulps.

    >>> mills(1, 0.0), mills(0, 1e10), mills(0, -40.0)
    (1.0, 1e-10, inf)
    """
    if not (0.0 <= n <= 20.0 and n % 1.0 == 0.0) or x != x:
        return nan
    if x < -1.0:  # by the recurrence, whose terms are all positive here
        head = 134217729.0 * x
        head -= head - x
        before, value = 0.0, exp(0.5 * head * head) * exp(0.5 * (x - head) * (x + head)) if x > -1e9 else inf
        value *= normcdf(-x) * math.sqrt(2.0 * math.pi)
        for k in range(int(n)):
            before, value = value, (k * before if k else 1.0) - x * value
        return value
    if x == inf:
        return 0.0
    # Divided by a power of two, x is below 2.
    exponent = max(0, math.frexp(x)[1] - 1)
    x, half = math.ldexp(x, -exponent), math.ldexp(0.5, -2 * exponent)
    value = math.fsum([w * u**n * math.exp(-u * (half * u + x)) for u, w in _mills_rule()])
    return math.ldexp(value, -exponent * int(n + 1.0))


def erfinv(x: float) -> float:
    """The y with erf(y) = x; nan outside -1 to 1.

    By the power series and two steps of Halley's iteration near 0, by ndtri elsewhere.

    >>> erfinv(1.0), erfinv(-0.0), erf(erfinv(0.25))
    (inf, -0.0, 0.25)
    """
    if not abs(x) <= 0.5:
        return math.copysign(_SQRT_HALF * ndtri(0.5 - 0.5 * abs(x)), x) if -1.0 <= x <= 1.0 else nan
    w = 0.5 * math.sqrt(math.pi) * x
    y = w * (1.0 + w * w * (1.0 / 3.0 + w * w * (7.0 / 30.0 + w * w * (127.0 / 630.0))))
    for _ in range(2):
        off = (math.erf(y) - x) * (0.5 * math.sqrt(math.pi)) * math.exp(y * y)
        y -= off / (1.0 + y * off)
    return y


def ndtri(p: float) -> float:
    """The y with normcdf(y) = p; nan outside 0 to 1.

    From Abramowitz & Stegun 26.2.23 by Halley's iteration, for the logarithm first, which holds down to denormal p.

    >>> ndtri(0.5), ndtri(0.0), ndtri(1e-300)
    (0.0, -inf, -37.0470962993612)
    """
    if p > 0.75:
        return 0.0 - ndtri(1.0 - p)
    if p > 0.25:
        return math.sqrt(2.0) * erfinv(2.0 * p - 1.0)
    if not p > 0.0:
        return -inf if p == 0.0 else nan
    logarithm = math.log(p)
    t = math.sqrt(-2.0 * logarithm)
    c, d = 2.515517 + t * (0.802853 + t * 0.010328), 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    y = c / d - t
    for step in range(3):
        ratio = _tail_ratio(-y, 0.5, _NORMCDF_RULE)
        slope = 1.0 / (math.sqrt(2.0 * math.pi) * ratio)
        if step < 2:
            off = (math.log(ratio) - 0.5 * y * y - logarithm) / slope
            y -= off / (1.0 + 0.5 * off * (slope + y))
        elif p > 1e-300:
            y -= (1.0 - p / normcdf(y)) / slope
    return y


def gelu(x: float) -> float:
    """x * normcdf(x) (Hendrycks and Gimpel 2016); nan at -inf, like that product.

    >>> gelu(0.0), gelu(-40.0)
    (0.0, -0.0)
    """
    if not -40.0 < x < -0.7:
        return x * normcdf(x)
    return _gauss_tail(x, -x, 0.5, _NORMCDF_RULE)


def logsumexp(xs: Sequence[float]) -> float:
    """log(sum(exp(x) for x in xs)) without overflow; -inf for no xs. Near a root, within 4 ulps of the largest x.

    >>> logsumexp([1000.0, -1000.0]), logsumexp([])
    (1000.0, -inf)
    """
    top = max(xs, default=-inf)
    if not math.isfinite(top):
        return nan if any(x != x for x in xs) else top
    shift = top if abs(top) > 16.0 else 0.0  # the rounding of x - top would matter if the result is small
    # The largest term is kept apart, so that the others keep their digits.
    others = math.fsum([-math.exp(top - shift), *[math.exp(x - shift) for x in xs]])
    return top + math.log1p(others * math.exp(shift - top))


def norm(xs: Sequence[float]) -> float:
    """The Euclidean length of xs without overflow; nan if any x is nan, as in NumPy (C's hypot prefers an infinity).

    >>> norm([3.0, 4.0]), norm([1e200, 0.0]), norm([inf, nan])
    (5.0, 1e+200, nan)
    """
    return math.hypot(*xs) if not any(x != x for x in xs) else nan


def _deviations(xs: Sequence[float]) -> tuple[list[float], float]:
    """The differences from the mean, in units of 1, or of 4 for huge numbers; and the unit.

    They are taken from the middle first, so that none is of the rounding of a large mean.
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
    """The sum of squared differences from the mean over len(xs) - ddof; nan or inf if that is not positive.

    >>> var([1e16, 1e16 + 2.0], 0.0), var([1.0, 2.0, 6.0], 1.0), var([1.0], 1.0)
    (1.0, 7.0, nan)
    """
    count, (off, unit) = max(len(xs) - ddof, 0.0), _deviations(xs)
    top = max(map(abs, off))
    if 1e-140 < top < 1e150 or not top:
        return divide(math.fsum([x * x for x in off]), count) * unit * unit
    return top * (divide(math.fsum([(x / top) * (x / top) for x in off]), count) * top) * unit * unit


def std(xs: Sequence[float], ddof: float) -> float:
    """The square root of var(xs, ddof), without overflow.

    >>> std([1e200, 3e200], 0.0), std([0.1, 0.1, 0.1], 0.0)
    (1e+200, 0.0)
    """
    count, (off, unit) = max(len(xs) - ddof, 0.0), _deviations(xs)
    top = max(map(abs, off))
    if not top:
        return divide(0.0, count)
    return top * math.sqrt(divide(math.fsum([(x / top) * (x / top) for x in off]), count)) * unit


# B2, B4, ... B20, for the asymptotic series of lgamma and polygamma (Abramowitz & Stegun, table 23.2).
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
# log(2) in two parts; the first is short enough that its product with an exponent is exact.
_LOG2_HEAD, _LOG2_TAIL = 0.6931471803691238, 1.9082149292705877e-10


def _zeta_terms(s: float, x: float, first: int, unit: float) -> list[float]:
    """Floats whose sum is unit**s times the sum of (x + k)**-s over k >= first; for s = 1, -digamma(x + first).

    Terms up to x + k >= 16 one by one, the rest by Euler and Maclaurin's formula (Abramowitz & Stegun 6.4.11, 6.3.18).
    """
    terms = []
    edge = max(16.0, 2.0 * s)
    k = float(first)
    while True:
        a = x + k
        part = a - x
        low = (x - (a - part)) + (k - part)  # what the rounding of x + k lost (Knuth's two-sum)
        value = 1.0 / a if s == 1.0 else math.pow(a / unit, -s)
        if a >= edge:
            break
        terms.append(value - value * (s * low / a) if low else value)
        k += 1.0
    series, c = 0.5 - low, s / (2.0 * a)
    for j, b in enumerate(_BERNOULLI):
        series += b * c
        c *= (s + 2 * j + 1) * (s + 2 * j + 2) / ((2 * j + 3) * (2 * j + 4) * a * a)
    terms.append(value * series)
    if s == 1.0:
        mantissa, exponent = math.frexp(a)
        terms += [-math.log(2.0 * mantissa), -(exponent - 1) * _LOG2_HEAD, -(exponent - 1) * _LOG2_TAIL]
    else:
        terms.append(value * (a / (s - 1.0)))
    return terms


def polygamma(n: float, x: float) -> float:
    """The n-th derivative of digamma at x, for n = 0, 1, ... 1000 (nan for other n); polygamma(0, x) is digamma.

    Poles: inf for odd n; for even n, -inf at 0, inf at -0 and nan at -1, -2, ... (the two sides differ). Near roots,
    which even n have, 4 ulps do not hold: for n = 0 and x > 0 the error stays within 2.3e-16, for x < 0 within 4 ulps
    of the larger of n! / d**(n + 1), d the distance to the next pole, and abs(polygamma(n, -x)).
    Source: Abramowitz & Stegun 6.4.6, 6.4.11.

    >>> polygamma(0, 1.0), polygamma(1, 1.0) - math.pi**2 / 6
    (-0.5772156649015329, 0.0)
    """
    if not (0.0 <= n <= 1000.0 and n % 1.0 == 0.0) or x != x or x == -inf:
        return nan
    sign = 1.0 if n % 2.0 else -1.0
    if x == inf:
        return sign * 0.0 if n else inf
    if x <= 0.0 and x % 1.0 == 0.0:
        return inf if sign > 0.0 else -math.copysign(inf, x) if x == 0.0 else nan
    s = n + 1.0
    near = x if x > 0.0 else math.remainder(x, 1.0)  # the largest term is near**-s
    # Powers of near / unit neither overflow nor underflow.
    exponent = math.frexp(near)[1] - 1 if n else 0
    unit = math.ldexp(1.0, exponent)
    terms = _zeta_terms(s, near, 0, unit)
    if x < 0.0:  # the sum runs over x, x + 1, ... near, near + 1, ...; its first part is a difference of two sums
        terms += [sign * term for term in _zeta_terms(s, -near, 1, unit)]
        terms += [-sign * term for term in _zeta_terms(s, -x, 1, unit)]
    factorial = math.factorial(int(n))
    shift = max(0, factorial.bit_length() - 64)
    value = sign * float(factorial >> shift) * math.fsum(terms)
    try:
        return math.ldexp(value, shift - int(s) * exponent)
    except OverflowError:
        return math.copysign(inf, value)


_TAYLOR: dict[float, list[float]] = {}


def _lgamma_near(center: float, z: float) -> float:
    """lgamma(center + z) for center 1, 1.5 or 2 and |z| <= center / 4; accurate also at the roots 1 and 2."""
    series = _TAYLOR.get(center)
    if series is None:  # its derivatives at the center, which take too long to compute at import
        terms = [(-1) ** k * math.fsum(_zeta_terms(float(k), center, 0, 1.0)) / k for k in range(28, 0, -1)]
        series = _TAYLOR[center] = [*terms, -0.12078223763524522 if center == 1.5 else 0.0]
    value = 0.0
    for c in series:
        value = value * z + c
    return value


def lgamma(x: float) -> float:
    """log(abs(gamma(x))), inf at the poles 0, -1, -2, ...

    Close to the roots left of -2 the error is within 4 ulps of the larger of 1.0 and lgamma(-x). Source: Abramowitz &
    Stegun 6.1.15 and Taylor's series below 8, 6.1.41 (Stirling) beyond, 6.1.17 (reflection) for negative x.

    >>> lgamma(1.0), lgamma(0.5) - log(math.pi) / 2, lgamma(-1.0)
    (0.0, 0.0, inf)
    """
    if not abs(x) < inf:
        return x * x
    if abs(x) < 0.25:
        return _lgamma_near(1.0, x) - math.log(abs(x)) if x else inf
    if x < 0.0:
        distance = math.fabs(math.remainder(x, 1.0))
        return math.log(math.pi / -x / math.sin(math.pi * distance)) - lgamma(-x) if distance else inf
    if x < 0.75:
        return _lgamma_near(1.5, x - 0.5) - math.log(x)
    if x < 1.25:
        return _lgamma_near(1.0, x - 1.0)
    if x < 1.75:
        return _lgamma_near(1.5, x - 1.5)
    if x < 8.0:
        product = 1.0
        while x >= 2.5:
            x -= 1.0
            product *= x
        return _lgamma_near(2.0, x - 2.0) + math.log(product)
    square, series = 1.0 / (x * x), 0.0
    for j in range(len(_BERNOULLI), 0, -1):
        series = series * square + _BERNOULLI[j - 1] / (2 * j * (2 * j - 1))
    return (x - 0.5) * (math.log(x) - 1.0) + (0.4189385332046727 + series / x)
