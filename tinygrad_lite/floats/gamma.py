"""The gamma function's logarithm and its derivatives, as accurate as the functions in ieee.py.

>>> lgamma(3.0) - math.log(2.0), polygamma(0, 0.0)
(0.0, -inf)
"""

from __future__ import annotations

import math

from .ieee import inf, nan

# B2, B4, ... B20, for the asymptotic series of lgamma and polygamma (Abramowitz & Stegun, table 23.2).
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
# log(2) in two parts, the first short enough to be multiplied by an exponent exactly.
_LOG2_HEAD, _LOG2_TAIL = 0.6931471803691238, 1.9082149292705877e-10


def _zeta_terms(s: float, x: float, first: int, unit: float) -> list[float]:
    """Floats whose sum is unit**s times the sum of (x + k)**-s over k >= first; for s = 1, -digamma(x + first).

    Terms with x + k < 16 are added one by one, the rest by the Euler-Maclaurin formula (Abramowitz & Stegun 6.4.11,
    6.3.18).
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

    Poles: inf for odd n; for even n, -inf at 0, inf at -0 and nan at -1, -2, ... (the two sides differ). Near its roots
    (n even) the error may exceed 4 ulps: for n = 0 and x > 0 it stays within 2.3e-16; for x < 0, within 4 ulps of the
    larger of n! / d**(n + 1) and abs(polygamma(n, -x)), where d is the distance to the next pole.
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
    """lgamma(center + z) for center 1, 1.5 or 2 and |z| <= center / 4; accurate at the roots 1 and 2 too."""
    series = _TAYLOR.get(center)
    if series is None:  # its derivatives at the center, which take too long to compute them at import
        terms = [(-1) ** k * math.fsum(_zeta_terms(float(k), center, 0, 1.0)) / k for k in range(28, 0, -1)]
        series = _TAYLOR[center] = [*terms, -0.12078223763524522 if center == 1.5 else 0.0]
    value = 0.0
    for c in series:
        value = value * z + c
    return value


def lgamma(x: float) -> float:
    """log(abs(gamma(x))), inf at the poles 0, -1, -2, ...

    Close to the roots left of -2 the error is within 4 ulps of the larger of 1.0 and lgamma(-x). Source: Abramowitz &
    Stegun 6.1.15 and a Taylor series below 8, 6.1.41 (Stirling) beyond, 6.1.17 (reflection) for negative x.

    >>> lgamma(1.0), lgamma(0.5) - math.log(math.pi) / 2, lgamma(-1.0)
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
