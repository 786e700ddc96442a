"""ieee against mpmath in ulps, and against NumPy at the special values."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from accuracy import ANY, HUGE, MAX, NEAR_1, SPECIAL, TINY, Accuracy, Case, imports, inf, nan, signed

from tinygrad_lite.floats import gamma, ieee, normal_law, sequences


def true_sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def power_point(rng: random.Random) -> tuple[float, float]:
    """Results over the whole range and a little beyond; half of the bases near 1, where y is largest."""
    x = signed(rng, 1e-320, 1e308) if rng.random() < 0.5 else math.exp(signed(rng, -1e-12, 1.0))
    y = rng.uniform(-750.0, 715.0) / math.log(x)
    return (-x, float(round(y))) if rng.random() < 0.3 else (x, y)


def pair(rng: random.Random) -> tuple[float, float]:
    return signed(rng, -1e-160, 1e150), signed(rng, -1e-160, 1e150)


def two_scores(rng: random.Random) -> tuple[float, float]:
    if rng.random() < 0.3:
        top = signed(rng, -1e-12, 5.0)
        return top, math.log(-math.expm1(top)) if top < 0.0 else -top  # near a root
    a = rng.gauss(rng.choice((0.0, 0.0, 700.0, -3000.0, 1e6)), 1.0) * rng.choice((1.0, 30.0))
    return (a, a - signed(rng, -1e-6, 800.0)) if rng.random() < 0.8 else (a, a)


def max_abs(a: float, b: float) -> float:
    return abs(max(a, b))


def near_pair(rng: random.Random) -> tuple[float, float]:
    divisor = signed(rng, -1e-300, 1e300)
    return divisor * signed(rng, -1e-3, 1e6), divisor


WHOLES = ((-1e-320, 1e-290), (-1e-3, 1e20), (-1e20, 1e308))
HALVES = (0.0, -0.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.49999999999999994, 4503599627370495.5, 4503599627370497.0, MAX)
REMAINDERS = (
    (-7.0, 3.0),
    (7.0, -3.0),
    (6.0, 3.0),
    (-1e-20, 3.0),
    (1e308, 3e-308),
    (TINY, MAX),
    (-TINY, MAX),
    (0.3, 0.1),
)
CASES: dict[str, Case] = {
    "floor": Case(mpmath.floor, WHOLES, ((-9.0, 9.0),), HALVES),
    "ceil": Case(mpmath.ceil, WHOLES, ((-9.0, 9.0),), HALVES),
    "trunc": Case(lambda x: mpmath.sign(x) * mpmath.floor(abs(x)), WHOLES, ((-9.0, 9.0),), HALVES),
    "rint": Case(mpmath.nint, WHOLES, ((-9.0, 9.0),), HALVES),
    "fmod": Case(lambda x, y: mpmath.sign(x) * (abs(x) % abs(y)), draw=near_pair, edges=REMAINDERS),
    "mod": Case(lambda x, y: x % y, draw=near_pair, edges=REMAINDERS),
    "sqrt": Case(mpmath.sqrt, ((1e-320, 1e308),), edges=(0.0, TINY, MAX)),
    "exp": Case(mpmath.exp, ANY, ((-746.0, 710.5),), (0.0, TINY, -745.13, -745.14, 709.78, 709.79, 1e308, -1e308)),
    "expm1": Case(mpmath.expm1, ANY, ((-50.0, 710.5),), (TINY, -TINY, 709.78, 709.79, -1e308)),
    "log": Case(mpmath.log, ((1e-320, 1e308), (0.5, 2.0)), edges=(TINY, MAX, 1.0, math.nextafter(1.0, 2.0))),
    "log1p": Case(mpmath.log1p, (*ANY[:1], (1e-12, 1e308), (-0.999, -1e-12)), edges=(TINY, math.nextafter(-1.0, 0.0))),
    "log2": Case(lambda x: mpmath.log(x, 2), ((1e-320, 1e308), (0.5, 2.0)), edges=(TINY, MAX, 1.0, *NEAR_1)),
    "log10": Case(mpmath.log10, ((1e-320, 1e308), (0.5, 2.0)), edges=(TINY, MAX, 1.0, 1000.0, *NEAR_1)),
    "exp2": Case(
        lambda x: mpmath.mpf(2) ** x, ANY, ((-1076.0, 1025.0),), (0.0, TINY, -1074.0, -1075.0, -1080.0, 1023.9, 1e308)
    ),
    "cbrt": Case(
        lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), (*ANY, (-1e-320, 1e308)), edges=(*HUGE, 27.0, -1000.0)
    ),
    "sinc": Case(
        mpmath.sincpi,
        (*ANY, (-1.0, 1e8), (-1e-6, 1e308)),
        ((-6.0, 6.0),),
        (*HUGE, 1.0, -3.0, 0.5, 2.0**52 + 0.5, *NEAR_1),
    ),
    "xlogy": Case(
        lambda x, y: x * mpmath.log(y) if x else mpmath.mpf(0),
        draw=lambda rng: (signed(rng, -1e-300, 1e300), signed(rng, 1e-320, 1e308)),
        edges=((0.0, 0.0), (-0.0, 5.0), (0.0, MAX), (TINY, 2.0), (MAX, TINY), (2.0, NEAR_1[0]), (2.0, NEAR_1[1])),
    ),
    "sin": Case(mpmath.sin, (*ANY, (-10.0, 1e308)), edges=(*HUGE, math.pi, 355.0)),
    "cos": Case(mpmath.cos, (*ANY, (-10.0, 1e308)), edges=(*HUGE, math.pi / 2, 355.0 / 2)),
    "tan": Case(mpmath.tan, (*ANY, (-10.0, 1e308)), edges=(*HUGE, math.pi / 2, math.pi, 355.0)),
    "asin": Case(mpmath.asin, (ANY[0], (-1e-9, 1.0)), ((-1.0, 1.0),), (1.0, -1.0, math.nextafter(1.0, 0.0), TINY)),
    "acos": Case(mpmath.acos, ((-1e-9, 1.0),), ((-1.0, 1.0),), (1.0, -1.0, math.nextafter(1.0, 0.0), TINY)),
    "atan": Case(mpmath.atan, (*ANY, (-1.0, 1e308)), edges=HUGE),
    "atan2": Case(mpmath.atan2, draw=pair, edges=((1.0, MAX), (TINY, 1.0), (1.0, TINY), (1e308, -1e-308), (TINY, 3.0))),
    "hypot": Case(
        lambda a, b: mpmath.sqrt(a * a + b * b),
        draw=lambda rng: (size := signed(rng, 1e-322, 1e307), size * signed(rng, -1e-9, 1.0)),
        edges=((3e200, 4e200), (TINY, TINY), (-3e-320, 4e-320), (MAX, MAX), (MAX, 1.0), (-2.0, 0.0), (1.0, 1e-9)),
    ),
    "sinh": Case(mpmath.sinh, ANY, ((-711.0, 711.0),), (TINY, 710.47, 710.48, -710.48, MAX, -MAX)),
    "cosh": Case(mpmath.cosh, ANY, ((-711.0, 711.0),), (TINY, 710.47, 710.48, -710.48, MAX, -MAX)),
    "asinh": Case(mpmath.asinh, (*ANY, (-1e-3, 1e308)), edges=HUGE),
    "acosh": Case(
        lambda x: mpmath.re(mpmath.acosh(x)), ((1.0, 1e308),), ((1.0, 1.001), (1.0, 3.0)), (1.0, NEAR_1[1], MAX)
    ),
    "atanh": Case(mpmath.atanh, (ANY[0], (-1e-9, 1.0)), ((-1.0, 1.0), (0.999, 1.0)), (NEAR_1[0], -NEAR_1[0], TINY)),
    "tanh": Case(mpmath.tanh, ANY, ((-22.0, 22.0),), HUGE[2:]),
    "sigmoid": Case(true_sigmoid, ANY, ((-750.0, 40.0), (-4.0, 4.0)), (0.0, -745.13, -745.14, 1e6, -708.4)),
    "logit": Case(
        lambda p: mpmath.log(p / (1 - p)),
        ((1e-320, 1e-290), (1e-12, 1.0)),
        ((0.0, 1.0), (0.4999, 0.5001), (0.24, 0.26), (0.999, 1.0)),
        (TINY, 0.25, 0.5, math.nextafter(0.5, 0.0), math.nextafter(0.5, 1.0), math.nextafter(0.25, 0.0), NEAR_1[0]),
    ),
    "silu": Case(
        lambda x: x * true_sigmoid(x), ANY, ((-755.0, 40.0), (-4.0, 4.0)), (TINY, -751.0, -708.4, 1e308, -1e6)
    ),
    "softplus": Case(lambda x: mpmath.log1p(mpmath.exp(x)), ANY, ((-750.0, 40.0),), (0.0, -745.13, -708.4, 1e308)),
    "logaddexp": Case(
        lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
        draw=two_scores,
        edges=((1000.0, 1000.0), (-1000.0, -1001.0), (1e308, -1e308), (MAX, MAX), (-745.0, 3e-9), (0.0, -800.0)),
        scale=max_abs,
    ),
    "erf": Case(mpmath.erf, ANY, ((-6.0, 6.0),), (TINY, 30.0)),
    "divide": Case(lambda x, y: x / y, draw=pair, edges=((1e308, 1e-308), (TINY, 2.0), (-TINY, 3.0), (1.0, 1e308))),
    "power": Case(
        mpmath.power,
        draw=power_point,
        edges=((10.0, 308.3), (-10.0, 309.0), (-10.0, 310.0), (10.0, -324.0), (1.0 + 2**-52, 1e18), (TINY, -1.0)),
        count=400,
    ),
}

ACCURACY = Accuracy(ieee, CASES)


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("sigmoid", (inf,), 1.0),
        ("sigmoid", (-inf,), 0.0),
        ("sigmoid", (-1e308,), 0.0),
        ("sigmoid", (nan,), nan),
        ("sinc", (inf,), nan),
        ("sinc", (-inf,), nan),
        ("sinc", (nan,), nan),
        ("sinc", (-0.0,), 1.0),
        ("sinc", (-3.0,), 0.0),
        ("sinc", (1e308,), 0.0),
        ("xlogy", (0.0, 0.0), 0.0),
        ("xlogy", (-0.0, -3.0), 0.0),
        ("xlogy", (0.0, inf), 0.0),
        ("xlogy", (0.0, nan), nan),
        ("xlogy", (2.0, 0.0), -inf),
        ("xlogy", (-2.0, 0.0), inf),
        ("xlogy", (2.0, -1.0), nan),
        ("xlogy", (nan, 1.0), nan),
        ("xlogy", (inf, 1.0), nan),
        ("xlogy", (-inf, 2.0), -inf),
        ("logit", (0.0,), -inf),
        ("logit", (-0.0,), -inf),
        ("logit", (1.0,), inf),
        ("logit", (0.5,), 0.0),
        ("logit", (-0.1,), nan),
        ("logit", (1.1,), nan),
        ("logit", (inf,), nan),
        ("logit", (-inf,), nan),
        ("logit", (nan,), nan),
        ("softplus", (inf,), inf),
        ("softplus", (-inf,), 0.0),
        ("softplus", (nan,), nan),
        ("silu", (inf,), inf),
        ("silu", (-inf,), nan),
        ("silu", (-0.0,), -0.0),
        ("silu", (-1e308,), -0.0),
        ("silu", (nan,), nan),
        ("erf", (inf,), 1.0),
        ("erf", (-inf,), -1.0),
        ("erf", (-0.0,), -0.0),
        ("erf", (nan,), nan),
    ],
)
def test_special_values(name: str, point: tuple[Any, ...], expected: float) -> None:
    ACCURACY.has_special_value(name, point, expected)


def test_the_obvious_formulas_miss() -> None:
    """Shows why the compensated formulas are needed: the plain ones fail the same test."""
    ACCURACY.is_missed_by(
        {
            "cbrt": lambda x: math.copysign(ieee.power(abs(x), 1.0 / 3.0), x),
            "sinc": lambda x: ieee.divide(ieee.sin(math.pi * x), math.pi * x) if x else 1.0,
            "hypot": lambda a, b: ieee.sqrt(a * a + b * b),
            "asinh": lambda x: ieee.log(x + ieee.sqrt(x * x + 1.0)),
            "acosh": lambda x: ieee.log(x + ieee.sqrt(x * x - 1.0)),
            "atanh": lambda x: 0.5 * ieee.log((1.0 + x) / (1.0 - x)),
            "logit": lambda p: ieee.log(p / (1.0 - p)),
            "logaddexp": lambda a, b: ieee.log(ieee.exp(a) + ieee.exp(b)),
            "silu": lambda x: x * ieee.sigmoid(x),
            "softplus": lambda x: ieee.log(1.0 + ieee.exp(x)),
        }
    )


def same(got: float, expected: float) -> bool:
    """Equal with the sign of zero and nan; finite results to the few ulps by which libraries differ."""
    if math.isnan(expected) or math.isinf(expected) or expected == 0.0:
        return str(got) == str(expected)
    return abs(got - expected) <= 8.0 * math.ulp(expected)


UFUNCS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}
UFUNCS |= {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "mod": "remainder"}
UFUNCS |= {name: name for name in ["log2", "log10", "exp2", "cbrt", "hypot", "logaddexp"]}
UFUNCS |= {
    name: name
    for name in [
        "floor",
        "ceil",
        "trunc",
        "rint",
        "fmod",
        "sqrt",
        "exp",
        "expm1",
        "log",
        "log1p",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "divide",
        "power",
    ]
}


@pytest.mark.parametrize("name", UFUNCS)
def test_special_values_are_numpys(name: str) -> None:
    ufunc: np.ufunc = getattr(np, UFUNCS[name])
    ours = ACCURACY.function(name)
    points = list(itertools.product((*SPECIAL, 710.5, -746.0, 0.1), repeat=ufunc.nin))
    with np.errstate(all="ignore"):  # whole arrays: with a scalar exponent of 0.5, power takes sqrt's special values
        expectations = ufunc(*np.array(points).T.copy())
    for point, expected in zip(points, expectations.tolist(), strict=True):
        got = ours(*point)
        assert type(got) is float
        assert same(got, expected), f"{name}{point} is {got}, NumPy's {ufunc.__name__} gives {expected}"


def test_imports_nothing_but_math() -> None:
    """The package must import fast, and everything in it imports this module."""
    assert imports(ieee) == (["math"], ["__future__"])
    for module in (gamma, normal_law, sequences):
        names, modules = imports(module)
        assert names == ["math"] and set(modules) <= {"__future__", "ieee", None}
