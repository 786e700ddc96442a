"""The numbers in formulas: whole numbers and their quotients stay exact, so that x/3 is printed as x/3."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import TypeAlias

from ..floats.ieee import power

Real: TypeAlias = int | Fraction | float
"""A Fraction is a quotient of whole numbers; a float is a number that was not whole."""

_EXACT = 2**53


def plain(c: Real) -> Real:
    """The same number as an int if it is whole; as a float if it is too large for floats to hold exactly."""
    if type(c) is int:
        return c if -_EXACT <= c <= _EXACT else float(c)
    if type(c) is Fraction:
        if c.denominator == 1:
            return plain(c.numerator)
        return c if max(-c.numerator, c.numerator, c.denominator) <= _EXACT else float(c)
    number = float(c)
    whole = number.is_integer() and -_EXACT <= number <= _EXACT and (number or math.copysign(1, number) > 0)
    return int(number) if whole else number


def magnitude(c: Real) -> Real:
    return c if c > 0 else -c


def is_safe(c: Real) -> bool:
    """Whether a product of coefficients neither overflowed nor lost digits to underflow."""
    return sys.float_info.min <= magnitude(c) < math.inf


def raised(base: Real, n: Real) -> Real | None:
    """base**n, or None if that would round a quotient or leave the range of floats."""
    if base == 0:
        return 0 if n > 0 else None
    if isinstance(n, int) and -64 <= n <= 64 and not isinstance(base, float):
        exact = plain(Fraction(base) ** n)
        return exact if is_safe(exact) else None
    if n < 0 and not (n == -1 and math.frexp(magnitude(base))[0] == 0.5):
        return None
    value = power(float(base), float(n))
    return value if is_safe(value) else None
