"""The pattern of derivatives, from the table's rules: never too small, and no larger than the rules need."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from table import differentiable, points

import tinygrad_lite as tl
from tinygrad_lite import ops
from tinygrad_lite.ops import Op

Places = set[tuple[int, int]]
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, math.nan)


def entries(matrix: Any) -> Places:
    """Where a matrix is not 0."""
    return {(int(i), int(j)) for i, j in zip(*np.nonzero(np.array(matrix)), strict=True)}


def pattern(matrix: Any) -> Places:
    return set(zip(matrix.rows.tolist(), matrix.columns.tolist(), strict=True))


def variants(row: Op, args: tuple[Any, ...]) -> Iterable[tuple[Callable[[Any], Any], list[float]]]:
    """The operation as a function of some of its arguments, and these: the others are plain numbers."""
    places = differentiable(row)
    for some in itertools.chain.from_iterable(itertools.combinations(places, k) for k in range(1, len(places) + 1)):
        xs = [x for k in some for x in (args[k] if k in row.sequences else (args[k],))]

        def f(xs: Any, some: Any = some) -> Any:
            rest = iter(xs)
            return row(
                *[
                    arg if k not in some else tuple([next(rest) for _ in arg]) if k in row.sequences else next(rest)
                    for k, arg in enumerate(args)
                ]
            )

        yield f, xs


def specially(row: Op) -> Iterable[tuple[Any, ...]]:
    """Arguments among which are zeros, ties, infinities and nan."""
    source = random.Random(row.name)
    for args in points(row, 25):
        number = iter(lambda: source.choice((*SPECIAL, 0.0, 1.0)), None)
        special = [tuple([next(number) for _ in arg]) if type(arg) is tuple else next(number) for arg in args]
        if row in (ops.take, ops.polygamma, ops.mills, ops.var, ops.std):
            position = row.args.index("index") if row is ops.take else 1 if row in (ops.var, ops.std) else 0
            special[position] = args[position]
        yield tuple(special)


@pytest.mark.parametrize("row", ops.TABLE.values(), ids=lambda row: row.name)
def test_each_row_at_any_point(row: Op) -> None:
    found: dict[Any, Places] = {}
    shown: dict[Any, Places] = {}
    for args in (*points(row, 25, 1.0), *specially(row)):
        for which, (f, xs) in enumerate(variants(row, args)):
            first, second = tl.jacobian(lambda xs, f=f: [f(xs)])(xs), tl.hessian(f)(xs)
            sparse = tl.sparse_jacobian(lambda xs, f=f: [f(xs)])(xs), tl.sparse_hessian(f)(xs)
            assert entries(first) <= pattern(sparse[0]), args
            assert entries(second) <= pattern(sparse[1]), args
            found[which] = found.get(which, set()) | entries(second)
            shown[which] = shown.get(which, set()) | pattern(sparse[1])
    if row is not ops.prod:  # x * y * z has no second derivative by x, which the rule does not show
        assert shown == found


@pytest.mark.parametrize("n", [0.0, 1.0, 2.0, 3.0, -1.0, 0.5])
def test_powers(n: float) -> None:
    matrix = tl.sparse_hessian(lambda x: x[0] ** n + x[1])([2.0, 3.0])
    assert pattern(matrix) == (set() if n in (0.0, 1.0) else {(0, 0)})
    assert pattern(tl.sparse_jacobian(lambda x: [x[0] ** n])([2.0])) == (set() if n == 0.0 else {(0, 0)})


def test_a_sum_of_all_is_not_looked_through() -> None:
    """Each running sum depends on all before it; with a set for each this would take gigabytes."""

    def f(x: Any) -> Any:
        total = 0.0
        for a in x:
            total = 0.5 * (total + a * a)
        return total

    matrix = tl.sparse_hessian(f)(np.zeros(20_000))
    assert np.array_equal(matrix.rows, np.arange(20_000)) and np.array_equal(matrix.columns, matrix.rows)


def test_a_pattern_does_not_depend_on_the_numbers() -> None:
    def f(x: Any) -> Any:
        return tl.relu(x[0]) * x[1] + tl.where(x[2].step(), x[2] ** 3, x[1] * x[2]) + x[0] ** 2 * x[2].stop_gradient()

    everywhere = itertools.product((-1.0, 0.0, 2.0), repeat=3)
    patterns = {frozenset(pattern(tl.sparse_hessian(f)(list(xs)))) for xs in everywhere}
    assert patterns == {frozenset(pattern(tl.compile(tl.sparse_hessian(f))([1.0, 1.0, 1.0])))}


def test_operations_of_ones_own_and_fixed_points(own_operations: Callable[..., Op]) -> None:
    """Of these only the arguments are known."""
    op = own_operations("mine", lambda a, b: a * b, (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a), args="a b")
    assert pattern(tl.sparse_hessian(lambda x: op(x[0], x[2]) + x[1])([1.0, 2.0, 3.0])) == {
        (0, 0),
        (0, 2),
        (2, 0),
        (2, 2),
    }

    def root(x: Any) -> Any:
        return tl.fixed_point(lambda z: 0.5 * (z + x[1] / z), 1.0).values * x[0]

    matrix = tl.sparse_hessian(root)([3.0, 4.0, 5.0])
    assert pattern(matrix) == {(0, 1), (1, 0), (1, 1)}
    assert np.allclose(matrix.toarray(), tl.hessian(root)([3.0, 4.0, 5.0]))
