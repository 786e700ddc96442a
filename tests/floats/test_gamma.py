"""The gamma function's logarithm and its derivatives against mpmath in ulps."""

from __future__ import annotations

import math
import random
from typing import Any

import mpmath  # type: ignore[import-untyped]
import pytest
from accuracy import BOUND, MAX, TINY, Accuracy, Case, inf, nan, ulps

from tinygrad_lite.floats import gamma, ieee


def true_lgamma(x: Any) -> Any:
    return mpmath.loggamma(x) if x > 0 else mpmath.log(abs(mpmath.gamma(x)))


def lgamma_scale(x: float) -> float:
    return max(1.0, gamma.lgamma(-x)) if x < -2.0 else 0.0


def polygamma_scale(n: int, x: float) -> float:
    if x > 0.0:
        return 0.25 if n == 0 and 1.2 < x < 1.8 else 0.0
    distance = abs(math.remainder(x, 1.0))
    return 0.0 if n % 2 else max(math.factorial(n) * distance ** -(n + 1.0), abs(gamma.polygamma(n, -x)))


def true_polygamma(n: int, x: Any) -> Any:
    """mpmath's, which takes seconds far left of 0: there by reflection (Abramowitz & Stegun 6.4.7)."""
    if x > -30:
        return mpmath.psi(n, x)
    cotangent = mpmath.cospi(x) / mpmath.sinpi(x)
    derivative = [0, 1]  # of cot, as a polynomial in cot: coefficients, lowest power first
    for _ in range(n):
        slope = [k * c for k, c in enumerate(derivative)][1:]
        derivative = [-a - b for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    reflected = mpmath.pi ** (n + 1) * mpmath.polyval(derivative[::-1], cotangent)
    return (-1) ** n * mpmath.psi(n, 1 - x) - reflected


SEAMS = (0.25, 0.75, 1.0, 1.25, 1.75, 2.0, 2.5, 8.0, -0.25, -1.0)  # of lgamma's methods, and its roots and poles
CASES: dict[str, Case] = {
    "lgamma": Case(
        true_lgamma,
        ((1e-320, 1e-3), (1e-3, 10.0), (10.0, 2.6e305), (-2.0, -1e-300), (-1e4, -2.0)),
        ((0.0, 3.0), (-12.0, 0.0)),
        (
            *(math.nextafter(x, inf) for x in SEAMS),
            *(math.nextafter(x, -inf) for x in SEAMS),
            *(TINY, -TINY, 2.55e305, 2.56e305, MAX, -1e15 - 0.5, -170.5),
        ),
        scale=lgamma_scale,
    ),
}
for order in range(8):
    CASES[f"polygamma {order}"] = Case(
        lambda x, n=order: true_polygamma(n, x),
        ((1e-3, 1.0), (1.0, 20.0), (20.0, 1e6), (-1.0, -1e-3), (-1e6, -1.0)),
        ((3.3, 4.0), (7.0, 8.0), (15.0, 16.0), (15.0, 16.0)),  # where x + k loses digits of x
        (1e-40, 1.5, 1.4616321449683622, 15.999999999999998, 16.0, 17.0, -0.5, -1e6 - 0.25, 1e50, -1e-40, -1e-3),
        scale=lambda x, n=order: polygamma_scale(n, x),
        count=25,
    )

ACCURACY = Accuracy(gamma, CASES)


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("lgamma", (inf,), inf),
        ("lgamma", (-inf,), inf),
        ("lgamma", (0.0,), inf),
        ("lgamma", (-0.0,), inf),
        ("lgamma", (-3.0,), inf),
        ("lgamma", (-1e300,), inf),
        ("lgamma", (1.0,), 0.0),
        ("lgamma", (2.0,), 0.0),
        ("lgamma", (nan,), nan),
        ("polygamma", (0.0, 0.0), -inf),
        ("polygamma", (0.0, -0.0), inf),
        ("polygamma", (0.0, -1.0), nan),
        ("polygamma", (0.0, TINY), -inf),
        ("polygamma", (0.0, -TINY), inf),
        ("polygamma", (0.0, inf), inf),
        ("polygamma", (0.0, -inf), nan),
        ("polygamma", (0.0, nan), nan),
        ("polygamma", (1.0, 0.0), inf),
        ("polygamma", (1.0, -0.0), inf),
        ("polygamma", (1.0, -4.0), inf),
        ("polygamma", (1.0, -1e300), inf),
        ("polygamma", (1.0, inf), 0.0),
        ("polygamma", (1.0, -inf), nan),
        ("polygamma", (2.0, 0.0), -inf),
        ("polygamma", (2.0, -0.0), inf),
        ("polygamma", (2.0, -4.0), nan),
        ("polygamma", (2.0, 1e-200), -inf),
        ("polygamma", (2.0, -1e-200), inf),
        ("polygamma", (2.0, inf), -0.0),
        ("polygamma", (3.0, 1e200), 0.0),
        ("polygamma", (2.0, 1e200), -0.0),
        ("polygamma", (-1.0, 1.0), nan),
        ("polygamma", (0.5, 1.0), nan),
        ("polygamma", (inf, 1.0), nan),
        ("polygamma", (nan, 1.0), nan),
    ],
)
def test_special_values(name: str, point: tuple[Any, ...], expected: float) -> None:
    ACCURACY.has_special_value(name, point, expected)


def test_the_obvious_formulas_miss() -> None:
    """Shows why the compensated formulas are needed: the plain ones fail the same test."""
    ACCURACY.is_missed_by(
        {
            "lgamma": lambda x: ieee._ieee(math.lgamma)(x),
        }
    )


@pytest.mark.parametrize(("n", "count"), [(20, 60), (170, 10), (1000, 2)])
def test_polygamma_of_high_order(n: int, count: int) -> None:
    """n! alone overflows beyond 170; the values need not. Rounding of x + k matters most just below powers of 2."""
    rng = random.Random(n)
    for x in (0.7, 1000.0, 1e5, *(rng.uniform(12.0, 32.0) for _ in range(count))):
        assert ulps(gamma.polygamma(n, x), mpmath.psi(n, mpmath.mpf(x))) <= BOUND
