"""A branch that is not taken, or a node behind a flat operation, may be singular without harm."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from test_singular_points import Function, check, zeros

import tinygrad_lite as tl
from tinygrad_lite import grad, jvp


def positive(x: Any) -> Any:
    return tl.less(0.0, x)


BRANCHES: dict[str, Function] = {
    "log": tl.log,
    "sqrt": tl.sqrt,
    "1 / x": lambda x: 1.0 / x,
    "x ** 1.5": lambda x: x**1.5,
    "x ** x": lambda x: x**x,
    "x * log(x)": lambda x: x * tl.log(x),
    "asin(1 + x)": lambda x: tl.asin(1.0 + x),
    "exp(1000 - 1000 * x)": lambda x: tl.exp(1000.0 - 1000.0 * x),
    "lgamma": tl.lgamma,
    "sqrt of itself": lambda x: tl.sqrt(x * x),
    "inf": lambda x: x * inf,
    "nan": lambda x: x * nan,
}


@pytest.mark.parametrize("branch", BRANCHES.values(), ids=BRANCHES)
@pytest.mark.parametrize("x", [0.0, -1.0])
def test_a_branch_not_taken_may_be_singular(branch: Function, x: float) -> None:
    """The singular point is in the branch, before it, in a nested one, and in both branches."""
    slope, curvature = 3 * x * x, 6 * x

    def holds(f: Function, slope: float, curvature: float) -> None:
        check(f, [x], [slope], [[curvature]], forward_may_be_nan=True)

    holds(lambda x: tl.where(positive(x), branch(x), x**3), slope, curvature)
    holds(lambda x: tl.where(tl.less_equal(x, 0.0), x**3, branch(x)), slope, curvature)
    holds(lambda x: tl.where(positive(x), branch(x) * branch(x), x**3) + x, slope + 1.0, curvature)

    def nested(x: Any) -> Any:
        return tl.where(positive(x), branch(x), tl.where(positive(x - 1.0), tl.exp(branch(x)), x**3))

    holds(nested, slope, curvature)
    holds(lambda x: tl.exp(tl.where(positive(x), branch(x), 0.0)) * x, 1.0, 0.0)
    assert jvp(lambda x: tl.where(positive(x), branch(x), x**3), (x,), (1.0,))[1] == slope


def test_the_branch_taken_is_the_one_that_counts() -> None:
    check(lambda x: tl.where(positive(x), tl.log(x), tl.sqrt(-x)), [2.0], [0.5], [[-0.25]])
    check(lambda x: tl.where(positive(x), tl.log(x), tl.sqrt(-x)), [-4.0], [-0.25], [[-1.0 / 32.0]])

    def guarded(x: Any) -> Any:
        return tl.where(positive(x), tl.sqrt(tl.where(positive(x), x, 1.0)), 0.0)

    check(guarded, [0.0], [0.0], [[0.0]])
    check(guarded, [4.0], [0.25], [[-1.0 / 32.0]])


@pytest.mark.parametrize("condition", [lambda x: x >= 0, lambda x: tl.step(x + 1.0)])
def test_a_branch_not_taken_has_no_missing_derivatives(condition: Function) -> None:
    def guarded(x: Any) -> Any:
        return tl.where(condition(x), x * x, tl.norm([x]))

    check(guarded, [0.0], [0.0], [[2.0]])
    assert grad(grad(tl.compile(guarded)))(0.0) == 2.0


def test_what_is_flat_behind_has_no_missing_derivatives() -> None:
    check(lambda x, y: tl.relu(tl.norm([x, y]) - 1.0), [0.0, 0.0], [0.0, 0.0], zeros(2))
