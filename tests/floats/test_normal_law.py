"""The normal distribution and error functions against mpmath in ulps."""

from __future__ import annotations

import math
from typing import Any

import mpmath  # type: ignore[import-untyped]
import pytest
from accuracy import ANY, TINY, Accuracy, Case, inf, nan
from table import truth

from tinygrad_lite import ops
from tinygrad_lite.floats import normal_law


def true_normcdf(x: Any) -> Any:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


CASES: dict[str, Case] = {
    "erfc": Case(
        mpmath.erfc, ANY, ((0.5, 3.0), (-6.0, 27.3)), (0.5, 26.55, 27.22, 27.23, 28.0, TINY, -30.0), count=400
    ),
    "normcdf": Case(true_normcdf, ANY, ((-4.0, 0.0), (-38.6, 9.0)), (-37.52, -38.4, -38.48, -38.49, TINY), count=400),
    "log_ndtr": Case(
        lambda x: truth(ops.log_ndtr, x),
        (*ANY, (-1e150, -10.0)),
        ((-4.0, 3.0), (-40.0, 39.0)),
        (0.0, -40.0, -1e10, -1e5, -1.5e154, -1.8e154, 38.4, 38.5, -0.7, math.nextafter(-0.7, -inf)),
        count=400,
    ),
    "erfinv": Case(
        lambda x: truth(ops.erfinv, x),
        (ANY[0], (-1e-12, 1.0)),
        ((-1.0, 1.0), (0.99999, 1.0)),
        (0.0, TINY, 0.5, -0.5, math.nextafter(0.5, 1.0), math.nextafter(1.0, 0.0), math.nextafter(-1.0, 0.0)),
    ),
    "ndtri": Case(
        lambda p: truth(ops.ndtri, p),
        ((TINY, 1e-300), (1e-320, 1.0)),
        ((0.0, 1.0), (0.4999, 0.5001), (0.9999, 1.0)),
        (TINY, 0.5, 0.25, 0.75, 1e-300, math.nextafter(0.5, 0.0), math.nextafter(0.5, 1.0), math.nextafter(1.0, 0.0)),
    ),
    "gelu": Case(
        lambda x: x * true_normcdf(x), ANY, ((-4.0, 0.0), (-38.7, 9.0)), (-37.6, -38.5, -38.6, -39.9, -41.0), count=400
    ),
}
for order in range(9):
    CASES[f"mills {order}"] = Case(
        lambda x, n=order: truth(ops.mills, n, x),
        ((-1e-12, 1e-3), (1e-3, 1e5)),
        ((-3.0, 3.0), (-37.0, -1.0), (0.0, 20.0)),
        (0.0, -1.0, math.nextafter(-1.0, -inf), 2.0, 1e3, 1e30),
        count=20,
    )

ACCURACY = Accuracy(normal_law, CASES)


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("gelu", (inf,), inf),
        ("gelu", (-inf,), nan),
        ("gelu", (-0.0,), -0.0),
        ("gelu", (-1e308,), -0.0),
        ("gelu", (nan,), nan),
        ("erfc", (inf,), 0.0),
        ("erfc", (-inf,), 2.0),
        ("erfc", (1e308,), 0.0),
        ("erfc", (nan,), nan),
        ("normcdf", (inf,), 1.0),
        ("normcdf", (-inf,), 0.0),
        ("normcdf", (-1e308,), 0.0),
        ("normcdf", (nan,), nan),
        ("log_ndtr", (inf,), -0.0),
        ("log_ndtr", (-inf,), -inf),
        ("log_ndtr", (-1e200,), -inf),
        ("log_ndtr", (nan,), nan),
        ("erfinv", (1.0,), inf),
        ("erfinv", (-1.0,), -inf),
        ("erfinv", (-0.0,), -0.0),
        ("erfinv", (math.nextafter(1.0, inf),), nan),
        ("erfinv", (-inf,), nan),
        ("erfinv", (nan,), nan),
        ("ndtri", (0.0,), -inf),
        ("ndtri", (-0.0,), -inf),
        ("ndtri", (1.0,), inf),
        ("ndtri", (0.5,), 0.0),
        ("ndtri", (-TINY,), nan),
        ("ndtri", (2.0,), nan),
        ("ndtri", (nan,), nan),
        ("mills 0", (inf,), 0.0),
        ("mills 3", (-inf,), inf),
        ("mills 0", (-1e300,), inf),
        ("mills 2", (1e300,), 0.0),
        ("mills 1", (nan,), nan),
        ("mills 21", (1.0,), nan),
        ("mills 0.5", (1.0,), nan),
        ("mills -1", (1.0,), nan),
        ("mills nan", (1.0,), nan),
    ],
)
def test_special_values(name: str, point: tuple[Any, ...], expected: float) -> None:
    ACCURACY.has_special_value(name, point, expected)


def test_the_obvious_formulas_miss() -> None:
    """Shows why the compensated formulas are needed: the plain ones fail the same test."""
    ACCURACY.is_missed_by(
        {
            "normcdf": lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0)),
            "gelu": lambda x: x * 0.5 * (1.0 + math.erf(x / math.sqrt(2.0))),
        }
    )
