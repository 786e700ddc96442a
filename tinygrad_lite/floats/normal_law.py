"""The normal distribution and error functions, as accurate as the functions in ieee.py.

>>> normcdf(0.0), erfc(-inf), ndtri(1.0), gelu(0.0)
(0.5, 2.0, inf, 0.0)
"""

from __future__ import annotations

import math

from . import ieee
from .ieee import inf, nan

# The midpoint rule of _gauss_tail, one row per node: the weights 2 * step / pi * exp(-node**2) for erfc, and sqrt(1/2)
# times these for normcdf. They are written out, since computing them rounds several times: the largest error of all.
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
    midpoint rule (step 29/64) is off by 1e-21 and by the pole at t = i z, which is added (Chiarella & Reichel 1968).
    """
    terms = [weight / (x + t / x) for t, weight in rule]
    z = x * math.sqrt(scale)
    if z < 6.9:  # the pole matters if it is nearer than pi / step
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
    """Distribution function of the standard normal law, accurate in the left tail.

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
    """Nodes and weights of the trapezoidal rule for u = exp(s - exp(-s)) with step 1/16 (Takahasi and Mori 1974)."""
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
        before, value = 0.0, ieee.exp(0.5 * head * head) * ieee.exp(0.5 * (x - head) * (x + head)) if x > -1e9 else inf
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

    Near 0 it takes the power series and two steps of Halley's iteration, elsewhere ndtri.

    >>> erfinv(1.0), erfinv(-0.0), ieee.erf(erfinv(0.25))
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

    Halley's iteration starts from Abramowitz & Stegun 26.2.23, on the logarithm first, which works even for denormal p.

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
