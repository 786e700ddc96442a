"""One Value in several places of an operation, and factors of which some are 0."""

from __future__ import annotations

import math
from typing import Any

import pytest
from test_singular_points import Function, check, first_derivatives, second_derivatives, zeros

import tinygrad_lite as tl

REPEATED: dict[str, tuple[Function, float, float, float]] = {
    "x * x": (lambda x: x * x, 3.0, 6.0, 2.0),
    "x / x": (lambda x: x / x, 3.0, 0.0, 0.0),
    "x - x": (lambda x: x - x, 3.0, 0.0, 0.0),
    "x + x": (lambda x: x + x, 3.0, 2.0, 0.0),
    "x ** x": (lambda x: x**x, 2.0, 4 * (1 + math.log(2)), 4 * (1 + math.log(2)) ** 2 + 2),
    "dot": (lambda x: tl.dot([x, x], [x, x], x), 3.0, 13.0, 4.0),
    "norm": (lambda x: tl.norm([x, x]), 2.0, math.sqrt(2), 0.0),
    "atan2": (lambda x: tl.atan2(x, x), 2.0, 0.0, 0.0),
    "logsumexp": (lambda x: tl.logsumexp([x, x, x]), 2.0, 1.0, 0.0),
    "logaddexp": (lambda x: tl.logaddexp(x, x), 2.0, 1.0, 0.0),
    "hypot": (lambda x: tl.hypot(x, x), 2.0, math.sqrt(2), 0.0),
    "xlogy": (lambda x: tl.xlogy(x, x), 2.0, 1 + math.log(2), 0.5),
    "sum": (lambda x: tl.ops.sum([x, x, x]), 2.0, 3.0, 0.0),
    "mean": (lambda x: tl.mean([x, x, x * x]), 3.0, 8 / 3, 2 / 3),
    "prod": (lambda x: tl.prod([x, x, x]), 2.0, 12.0, 12.0),
    "prod at 0": (lambda x: tl.prod([x, x]), 0.0, 0.0, 2.0),
    "maximum": (lambda x: tl.maximum(x, x), 2.0, 1.0, 0.0),
    "where": (lambda x: tl.where(x, x * x, x), 2.0, 4.0, 2.0),
    "take": (lambda x: tl.take([x, x * x], 1), 2.0, 4.0, 2.0),
    "clip": (lambda x: tl.clip(x, x, x), 2.0, 1.0, 0.0),
    "x with exponent and base": (lambda x: (x * x) ** (x - x + 2.0), 2.0, 32.0, 48.0),
}


@pytest.mark.parametrize("name", REPEATED)
def test_repeated_arguments(name: str) -> None:
    f, x, slope, curvature = REPEATED[name]
    for way, got in first_derivatives(f, [x]).items():
        assert got == pytest.approx([slope], rel=1e-14, abs=1e-14), way
    for way, rows in second_derivatives(f, [x]).items():
        assert rows[0] == pytest.approx([curvature], rel=1e-14, abs=1e-14), way


def test_products_with_zeros() -> None:
    def product(*xs: Any) -> Any:
        return tl.prod(xs)

    check(product, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0], [[0.0, 3.0, 2.0], [3.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    check(product, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    check(product, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], zeros(3))
    check(product, [0.0], [1.0], [[0.0]])
