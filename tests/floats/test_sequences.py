"""Functions of many numbers against mpmath in ulps."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from accuracy import MAX, SPECIAL, TINY, Accuracy, Case, inf, nan, signed
from table import truth

from tinygrad_lite import ops
from tinygrad_lite.floats import sequences


def true_logsumexp(xs: Any) -> Any:
    return mpmath.log(mpmath.fsum(mpmath.exp(x) for x in xs))


def true_norm(xs: Any) -> Any:
    return mpmath.sqrt(mpmath.fsum(x * x for x in xs))


def scores(rng: random.Random) -> tuple[list[float]]:
    if rng.random() < 0.5:
        top = signed(rng, -1e-12, 10.0)
        return ([top, *[top - rng.uniform(0.0, 30.0)] * rng.randint(1, 3)],)
    shift = rng.choice((0.0, 0.0, 700.0, -3000.0, 1e6))
    return ([rng.gauss(shift, 1.0) * rng.choice((1.0, 30.0)) for _ in range(rng.randint(1, 6))],)


def sample(rng: random.Random) -> tuple[list[float], float]:
    """Numbers whose differences may be of any size relative to them."""
    middle, width = rng.choice((0.0, 1.0, 1e15, signed(rng, -1e-140, 1e140))), rng.choice((1.0, 1e-8, 1e8))
    xs = [middle + (middle or 1.0) * width * rng.gauss(0.0, 1.0) for _ in range(rng.randint(2, 8))]
    return xs, float(rng.randint(0, 1))


def vector(rng: random.Random) -> tuple[list[float]]:
    size = signed(rng, 1e-322, 1e307)
    return ([size * signed(rng, -1e-9, 1.0) for _ in range(rng.randint(1, 6))],)


CASES: dict[str, Case] = {
    "logsumexp": Case(
        true_logsumexp,
        draw=scores,
        edges=(
            ([1000.0, 1000.0],),
            ([-1000.0, -1001.0],),
            ([1e308, 1e308],),
            ([-745.0, 3e-9],),
            ([5.0],),
            ([0.0, -800.0],),
        ),
        scale=lambda xs: abs(max(xs)),
    ),
    "var": Case(
        lambda xs, ddof: truth(ops.var, tuple(xs), ddof),
        draw=sample,
        edges=(([1e16, 1e16 + 2.0], 0.0), ([1e200, 1e-200], 1.0), ([1e154, -1e154], 0.0), ([0.1, 0.1, 0.1], 1.0)),
    ),
    "std": Case(
        lambda xs, ddof: truth(ops.std, tuple(xs), ddof),
        draw=sample,
        edges=(
            *(([1e16, 1e16 + 2.0], 0.0), ([MAX, -MAX], 0.0), ([MAX, MAX, -MAX], 0.0), ([1e200, 3e200], 1.0)),
            *(([TINY, 3 * TINY], 0.0), ([1e-200, -1e-200], 0.0), ([0.1, 0.1, 0.1], 1.0), ([MAX] * 5, 1.0)),
        ),
    ),
    "norm": Case(
        true_norm,
        draw=vector,
        edges=(([3e200, 4e200],), ([TINY, TINY],), ([-3e-320, 4e-320],), ([MAX, MAX],), ([-2.0],), ([1.0, 1e-9],)),
    ),
}

ACCURACY = Accuracy(sequences, CASES)


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("var", ([1.0], 0.0), 0.0),
        ("var", ([1.0], 1.0), nan),
        ("var", ([1.0, 2.0], 3.0), inf),
        ("var", ([1.0, inf], 0.0), nan),
        ("var", ([1e308, -1e308], 0.0), inf),
        ("std", ([0.1, 0.1, 0.1], 0.0), 0.0),
        ("std", ([1.0], 1.0), nan),
        ("std", ([nan, inf], 0.0), nan),
        ("logsumexp", ([],), -inf),
        ("logsumexp", ([-inf, -inf],), -inf),
        ("logsumexp", ([-inf, 3.0],), 3.0),
        ("logsumexp", ([inf, -inf, 1.0],), inf),
        ("logsumexp", ([nan, inf],), nan),
        ("logsumexp", ([1.0, nan, 2.0],), nan),
        ("norm", ([],), 0.0),
        ("norm", ([-0.0],), 0.0),
        ("norm", ([1.0, nan],), nan),
        ("norm", ([nan, -inf],), nan),
    ],
)
def test_special_values(name: str, point: tuple[Any, ...], expected: float) -> None:
    ACCURACY.has_special_value(name, point, expected)


def test_logsumexp_of_two_is_numpys_logaddexp_at_special_values() -> None:
    for a, b in itertools.product((*SPECIAL, 710.5, -746.0, 0.1), repeat=2):
        with np.errstate(all="ignore"):
            expected = float(np.logaddexp(a, b))
        got = sequences.logsumexp([a, b])
        special = math.isnan(expected) or math.isinf(expected) or expected == 0.0
        assert str(got) == str(expected) if special else abs(got - expected) <= 8.0 * math.ulp(expected), (a, b)
