"""Derivatives of order 1 to 4 of every row of the table, along its arguments and across them, against mpmath.

The derivative of order k along a direction d is the k-th derivative of t -> f(x + t * d) at 0. Those along all
directions determine every mixed derivative of that order, so a few random directions would show a wrong one.
"""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import pytest
from mpmath import mp, mpf
from table import DIGITS, EPSILON, NO_GRADIENT, differentiable, exactly, flat, owners, points, with_leaves

from tinygrad_lite import Value, gradients, jvp, ops
from tinygrad_lite.ops import Op

BY_NAME = operator.attrgetter("name")
ORDERS = 4
# Far out these differ from a straight line by about exp(-x * x): at 17.8, the largest point below, in the 140th digit.
WIDE = {"erf", "erfc", "normcdf", "gelu"}
# Rules of which a factor vanishes somewhere and is known there to EPSILON only, not to EPSILON of itself: the formulas
# 1 - tanh(x)**2 and sigmoid(x) * (1 - sigmoid(x)), kept as the field writes them, and what is made of them, far out;
# (1 - x) * (1 + x), which is exact at the ends instead, in whose derivative 1 cancels near 0; from the third order on,
# log_ndtr's, which are small differences of moments.
ABSOLUTE = {"tanh", "sigmoid", "softplus", "logaddexp", "silu", "asin", "acos", "atanh", "log_ndtr"}

# Rows, and arguments of rows, by which the derivative is a constant, or one on each side of a jump.
CONSTANT = {"add", "sub", "neg", "fmod", "mod", "abs", "identity", "sum", "mean"} | {
    row.name for row in ops.TABLE.values() if row.flat
}
CONSTANT_BY = {("dot", 2)}
# The engine makes their tangents without their rules; test_ops holds what it makes against their rows.
FAST_TANGENTS = {"mul", "dot"}

Direction = tuple[float, ...]


def directions(row: Op, args: tuple[Any, ...]) -> list[Direction]:
    """Along each differentiable number, and along two mixed directions."""
    count = len(_differentiable_numbers(row, args))
    source = random.Random(row.name)
    along = [tuple(float(i == k) for i in range(count)) for k in range(count)]
    return along if count == 1 else [*along, *_across(source, count, 2)]


def _across(source: random.Random, count: int, how_many: int) -> list[Direction]:
    return [tuple(source.uniform(-1.0, 1.0) for _ in range(count)) for _ in range(how_many)]


def _differentiable_numbers(row: Op, args: tuple[Any, ...]) -> list[int]:
    return [j for j, i in enumerate(owners(args)) if i in differentiable(row)]


def on_a_plane(row: Op, args: tuple[Any, ...], spanned: Sequence[Direction]) -> Callable[..., Any]:
    """The exact row as a function of how far to go from the arguments in each of the directions."""
    numbers = [mpf(x) for x in flat(args)]
    moving = [
        (j, k)
        for k, j in enumerate(_differentiable_numbers(row, args))
        if (row.name, owners(args)[j]) not in NO_GRADIENT
    ]

    def value(*ts: Any) -> Any:
        moved = list(numbers)
        for j, k in moving:
            moved[j] += sum(t * d[k] for t, d in zip(ts, spanned, strict=True))
        rest = iter(moved)
        return exactly(row)(*[[next(rest) for _ in a] if isinstance(a, tuple) else next(rest) for a in args])

    return value


def digits(row: Op, args: tuple[Any, ...]) -> int:
    return DIGITS if row.name not in WIDE else max(DIGITS, 20 + int(0.45 * args[0] ** 2))


def differences(f: Callable[[Any], Any], orders: int, digits: int, side: int = 1) -> list[Any]:
    """Derivatives of order 1 to `orders` at 0, all from the same values at 0 and a little to one side of it."""
    with mp.workdps((orders + 1) * digits):
        step = mpmath.ldexp(side, round(-3.33 * digits))
        values = [f(k * step) for k in range(orders + 1)]
        return [mpmath.difference(values, n) / step**n for n in range(1, orders + 1)]


def true_derivatives(row: Op, args: tuple[Any, ...], direction: Direction, orders: int) -> list[Any]:
    with mp.workdps(digits(row, args)):
        found = differences(on_a_plane(row, args, [direction]), orders, digits(row, args))
        return [mpmath.chop(mpmath.re(d)) for d in found]


def by_reverse_sweeps(row: Op, args: tuple[Any, ...], path: Sequence[Direction]) -> list[float]:
    """The derivative along path[0], the derivative of that along path[1], ..."""
    made, leaves = with_leaves(row, args)
    y, found = row(*made), []
    for direction in path:
        parts = zip(direction, gradients(y, leaves, create_graph=True), strict=True)
        y = ops.sum([d * g for d, g in parts if d != 0.0])
        found.append(y.data)
    return found


def by_forward_sweeps(row: Op, args: tuple[Any, ...], direction: Direction, orders: int) -> list[float]:
    """The same by jvp of jvp of ..., which runs nothing but the row's rules."""
    moving = dict(zip(_differentiable_numbers(row, args), direction, strict=True))

    def f(t: Any) -> Any:
        rest = iter([x + t * moving[j] if j in moving else x for j, x in enumerate(flat(args))])
        return row(*[tuple(next(rest) for _ in a) if isinstance(a, tuple) else next(rest) for a in args])

    def derivative_of(g: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda t: jvp(g, (t,), (1.0,))[1]

    found, g = [], derivative_of(f)
    for _ in range(orders):
        found.append(g(0.0))
        g = derivative_of(g)
    return found


def bounds(row: Op, args: tuple[Any, ...], truths: Sequence[Sequence[Any]]) -> list[Any]:
    """What each order may be off by: what rounding the arguments alone would do to a derivative, a few times over.

    Moving the arguments by EPSILON of themselves moves a derivative of order k by that much of one of order k + 1.
    Sizes are those of the largest derivative of an order at the point, since along one direction terms may cancel.
    """
    sizes = [max(abs(d) for d in same_order) for same_order in zip(*truths, strict=True)]
    reach = max(map(abs, flat(args)))
    least = 1.0 if row.name in ABSOLUTE else 0.0
    return [8 * EPSILON * max(least, size + reach * next_size) for size, next_size in itertools.pairwise(sizes)]


def wrong_derivatives(row: Op, count: int, orders: int = ORDERS) -> list[str]:
    wrong = []
    for args in points(row, count, 0.25 if row is ops.prod else 1.25):
        given = directions(row, args)
        truths = [true_derivatives(row, args, d, orders + 1) for d in given]
        allowed = bounds(row, args, truths)
        for direction, truth in zip(given, truths, strict=True):
            ways = {
                "reverse": by_reverse_sweeps(row, args, [direction] * orders),
                "forward": by_forward_sweeps(row, args, direction, orders),
            }
            for way, got in ways.items():
                for k in range(orders):
                    if not abs(got[k] - truth[k]) <= allowed[k]:
                        wrong.append(
                            f"{way}: order {k + 1} of {row.name}{args} along {direction} = {got[k]}, "
                            f"not {float(truth[k])}, off by {float(abs(got[k] - truth[k]) / allowed[k]):.3g} bounds"
                        )
    return wrong


@pytest.mark.parametrize("row", ops.TABLE.values(), ids=BY_NAME)
def test_derivatives_to_the_fourth_order_are_mpmaths(row: Op) -> None:
    assert wrong_derivatives(row, 8 if row.sequences else 16) == []


@pytest.mark.parametrize("row", [row for row in ops.TABLE.values() if len(row.args) > 1 or row.sequences], ids=BY_NAME)
def test_mixed_third_derivatives_in_any_order(row: Op) -> None:
    """Along three directions, one after the other, in each of the six orders."""
    for args in points(row, 3, 0.5):
        count = len(_differentiable_numbers(row, args))
        triple = _across(random.Random(row.name), count, 3)
        with mp.workdps(digits(row, args)):
            truth = mpmath.re(mpmath.diff(on_a_plane(row, args, triple), (0, 0, 0), (1, 1, 1)))
        allowed = bounds(row, args, [true_derivatives(row, args, d, ORDERS) for d in directions(row, args)])[2]
        for path in itertools.permutations(triple):
            got = by_reverse_sweeps(row, args, path)[-1]
            assert abs(got - truth) <= allowed, (row.name, args, path, got, float(truth))


@pytest.mark.parametrize(
    "row", [row for row in ops.TABLE.values() if row.name not in CONSTANT | FAST_TANGENTS], ids=BY_NAME
)
def test_a_rule_that_is_right_in_number_only_is_noticed(row: Op, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail: contributions that are constants to the next differentiation fail them."""
    for position in differentiable(row):
        if (row.name, position) in CONSTANT_BY:
            continue
        rules = list(row.rules)
        right = rules[position]
        assert right is not None

        def numbers_only(g: Any, y: Any, *args: Any, right: Callable[..., Any] = right) -> Any:
            given = right(1.0, y, *args)
            return [g * _number(x) for x in given] if isinstance(given, list) else g * _number(given)

        rules[position] = numbers_only
        monkeypatch.setattr(row, "rules", tuple(rules))
        wrong = wrong_derivatives(row, 4, orders=2)
        assert any(line.startswith("forward: order 2") for line in wrong), f"rule {position} of {row.name}"
        assert not any("order 1" in line for line in wrong)
        monkeypatch.undo()


def _number(x: Any) -> float:
    return x.data if isinstance(x, Value) else float(x)


ROUND = (-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


def round_points(row: Op) -> list[tuple[Any, ...]]:
    """Arguments from a few round numbers, where zeros, units, ties and repetitions are."""
    choices: list[Sequence[Any]] = []
    for position, name in enumerate(row.args):
        if position in row.sequences:
            choices.append(list(itertools.product((-1.0, 0.0, 2.0), repeat=2)))
        else:
            choices.append(
                (0.0, 1.0)
                if (row.name, name)
                in {("polygamma", "n"), ("mills", "n"), ("take", "index"), ("var", "ddof"), ("std", "ddof")}
                else ROUND
            )
    every = list(itertools.product(*choices))
    if row is ops.clip:
        every = [args for args in every if args[1] < args[2]]
    if row is ops.where:
        every = [args for args in every if args[0] != 0.0]  # at 0 itself is another branch than on both sides of it
    return random.Random(row.name).sample(every, min(len(every), 60))


def smooth_derivatives(row: Op, args: tuple[Any, ...], direction: tuple[float, ...]) -> list[Any] | None:
    """The true first and second derivative, or None where those from both sides are not finite, real and alike."""
    f = on_a_plane(row, args, [direction])
    try:
        sides = [differences(f, 2, DIGITS, side) for side in (1, -1)]
    except (ValueError, ZeroDivisionError):
        return None
    for right, left in zip(*sides, strict=True):
        if isinstance(right, mpmath.mpc) or isinstance(left, mpmath.mpc):
            return None
        if not (abs(right - left) < 1e-20 and abs(right) < 1e6):
            return None
    return sides[0]


@pytest.mark.parametrize("row", ops.TABLE.values(), ids=BY_NAME)
def test_at_round_numbers_what_exists_is_right(row: Op) -> None:
    """Where derivatives from both sides agree, ours are those: never nan, never those of another branch."""
    tried = 0
    for args in round_points(row):
        for direction in directions(row, args):
            truth = smooth_derivatives(row, args, direction)
            if truth is None:
                continue
            tried += 1
            for got in (
                by_reverse_sweeps(row, args, [direction] * 2),
                by_forward_sweeps(row, args, direction, 2),
            ):
                assert got == pytest.approx([float(d) for d in truth], rel=1e-14, abs=1e-14), (args, direction)
    assert tried >= 3
