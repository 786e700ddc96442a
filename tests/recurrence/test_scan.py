"""scan: the carry, xs and ys in structures of all kinds, the direction, no step and one, eagerly and compiled."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from compiled import EXECUTORS
from loops import close, loop

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine import is_joint
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.transforms.pytree import Structure

# How a function runs: as it is, or compiled.
WAYS: list[Callable[[Any], Any]] = [lambda f: f, *[lambda f, e=e: tl.compile(f, executor=e) for e in EXECUTORS]]
RUNS = pytest.mark.parametrize("run", WAYS, ids=["eager", *EXECUTORS])


@dataclass(frozen=True)
class State:
    place: Any
    speed: Any


class Pair(NamedTuple):
    first: Any
    second: Any


def plain(tree: Any) -> Any:
    """The structure with floats in place of Values."""
    return tl.transforms.pytree.mapped(lambda x: x.data if type(x) is Value else float(x), tree)


def check(run: Any, f: Any, args: Any, expected: Any) -> None:
    """The result in its structure, which must be that of `expected`."""
    found = plain(run(f)(*args))
    assert repr(found) == repr(expected)


@RUNS
def test_the_last_carry_and_what_each_step_gives(run: Any) -> None:
    f = lambda x: tl.scan(lambda total, x: (total + x, total * x), 0.0, [x, 2.0, 3.0])  # noqa: E731
    check(run, f, (1.0,), (6.0, [0.0, 2.0, 9.0]))


@RUNS
def test_reverse_runs_from_the_last_x_and_gives_ys_in_the_order_of_xs(run: Any) -> None:
    def f(x: Any) -> Any:
        return tl.scan(lambda total, x: (10.0 * total + x, total), 0.0, [x, 2.0, 3.0], reverse=True)

    check(run, f, (1.0,), (321.0, [32.0, 3.0, 0.0]))


@RUNS
def test_a_carry_that_grows_tells_the_order_of_the_steps(run: Any) -> None:
    """Every number of the result tells which xs it has seen, in which order."""
    for reverse, count in itertools.product((False, True), (2, 3, 5)):
        xs = [float(k + 1) for k in range(count)]

        def f(xs: Any, reverse: bool = reverse) -> Any:
            return tl.scan(lambda c, x: (10.0 * c + x, 100.0 * c + x), 0.0, xs, reverse=reverse)

        expected = loop(lambda c, x: (10.0 * c + x, 100.0 * c + x), 0.0, xs, reverse=reverse)
        check(run, f, (xs,), expected)


@RUNS
@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("reverse", [False, True])
def test_no_step_and_one(run: Any, count: int, reverse: bool) -> None:
    def f(start: Any) -> Any:
        return tl.scan(lambda c, x: ([c[0] + x, c[0]], c[0] * x), [start, 7.0], [3.0] * count, reverse=reverse)

    check(run, f, (2.0,), ([2.0, 7.0], []) if count == 0 else ([5.0, 2.0], [6.0]))
    check(
        run,
        lambda c: tl.scan(lambda c, x: (2.0 * c, x), c, None, count),
        (1.5,),
        (1.5, []) if count == 0 else (3.0, None),
    )
    gradient = tl.grad(lambda s: tl.sum([*(found := f(s))[0], *found[1]]))
    close(run(gradient)(2.0), 1.0 if count == 0 else 5.0)


@RUNS
def test_without_xs_length_says_how_many_steps(run: Any) -> None:
    check(run, lambda c: tl.scan(lambda c, x: (2.0 * c, c), c, length=4), (1.0,), (16.0, [1.0, 2.0, 4.0, 8.0]))
    check(run, lambda c: tl.scan(lambda c, x: (2.0 * c, x), c, length=3), (1.0,), (8.0, None))
    check(run, lambda c: tl.scan(lambda c, x: (c + x, None), c, [1.0, 2.0], 2), (1.0,), (4.0, None))


def swapped(a: Any, b: Any, x: Any) -> tuple[Any, Any]:
    return 2.0 * b, a + x


@RUNS
@pytest.mark.parametrize(
    "made",
    [
        lambda a, b: [a, b],
        lambda a, b: (a, [b]),
        lambda a, b: {"b": a, "a": {"c": (b,)}},
        lambda a, b: State(a, [None, b]),
        lambda a, b: Pair([a], State(b, None)),
        lambda a, b: (a, None, [[], b]),
    ],
)
def test_the_carry_is_any_structure(run: Any, made: Any) -> None:
    def f(a: Any, b: Any) -> Any:
        return tl.scan(lambda c, x: (made(*swapped(*flat(c), x)), None), made(a, b), [1.0, 2.0, x := 4.0, x])[0]

    a, b = 1.0, 2.0
    for x in (1.0, 2.0, 4.0, 4.0):
        a, b = swapped(a, b, x)
    check(run, f, (1.0, 2.0), made(a, b))


def flat(tree: Any) -> list[Any]:
    return Structure(tree).numbers


@RUNS
def test_a_carry_in_an_array(run: Any) -> None:
    """It stays one, whatever row f returns in its place."""

    def f(x: Any) -> Any:
        return tl.scan(lambda c, x: ([c[1][0] + x, (c[0][0],)], c), np.array([[1.0], [2.0]]), [x, x])

    def rows(x: Any) -> Any:
        return tl.scan(lambda c, x: ([[c[1][0] + x], (c[0][0],)], c), np.array([[1.0], [2.0]]), [x, x])

    carry, ys = plain(run(rows)(3.0))
    assert carry.tolist() == [[4.0], [5.0]] and [y.tolist() for y in ys] == [[[1.0], [2.0]], [[5.0], [1.0]]]
    with pytest.raises(ShapeError, match="an array of shape"):
        run(f)(3.0)


@RUNS
@pytest.mark.parametrize(
    "made",
    [
        lambda u, v: list(zip(u, v, strict=True)),
        lambda u, v: (u, {"w": (v,)}),
        lambda u, v: State(u, v),
        lambda u, v: Pair(u, v),
        lambda u, v: (u, None, v),
        lambda u, v: np.array([u, v]).T,
        lambda u, v: (np.array(u), [np.array([[x]]) for x in v]),
        lambda u, v: [State(*x) for x in zip(u, v, strict=True)],
        lambda u, v: [[a, {"k": b}] for a, b in zip(u, v, strict=True)],
    ],
)
def test_xs_are_any_structure_of_lists(run: Any, made: Any) -> None:
    """f sees one x of each list, in their structure."""
    kinds = set()

    def step(c: Any, x: Any) -> Any:
        kinds.add(type(x))
        u, v = flat(x)
        return 2.0 * c + u, c * v

    u, v = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
    carry, ys = loop(step, 0.5, list(zip(u, v, strict=True)))
    kinds.clear()
    check(run, lambda a: tl.scan(step, a, made(u, v)), (0.5,), (carry, ys))
    check(run, lambda a, xs: tl.scan(step, a, xs), (0.5, made(u, v)), (carry, ys))
    assert len(kinds) == 1


@RUNS
@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda c, x: (c, x), ([1.0, 3.0], [2.0, 5.0])),
        (lambda c, x: [c, x], [[1.0, 2.0], [3.0, 5.0]]),
        (lambda c, x: {"c": c, "n": None, "xs": [x]}, {"c": [1.0, 3.0], "n": None, "xs": [[2.0], [5.0]]}),
        (lambda c, x: State(c, (x, x)), State([1.0, 3.0], ([2.0, 5.0], [2.0, 5.0]))),
        (lambda c, x: Pair(c, None), Pair([1.0, 3.0], None)),
        (lambda c, x: (), ()),
        (lambda c, x: [], [[], []]),
        (lambda c, x: 7, [7.0, 7.0]),
        (lambda c, x: (c, 0.0), ([1.0, 3.0], [0.0, 0.0])),
    ],
)
def test_ys_are_lists_in_the_structure_of_y(run: Any, made: Any, expected: Any) -> None:
    check(run, lambda a: tl.scan(lambda c, x: (c + x, made(c, x)), a, [2.0, 5.0])[1], (1.0,), expected)


@RUNS
def test_an_array_that_a_step_gives_is_one_in_ys(run: Any) -> None:
    _, ys = plain(run(lambda a: tl.scan(lambda c, x: (c + x, np.array([c, x], object)), a, [2.0, 5.0]))(1.0))
    assert [(type(y), y.tolist()) for y in ys] == [(np.ndarray, [1.0, 2.0]), (np.ndarray, [3.0, 5.0])]


@RUNS
def test_a_carry_of_nothing_and_whole_numbers(run: Any) -> None:
    check(run, lambda a: tl.scan(lambda c, x: (c, x * a), [], [1, 2]), (3.0,), ([], [3.0, 6.0]))
    check(run, lambda a: tl.scan(lambda c, x: (None, x * a), None, [1, 2]), (3.0,), (None, [3.0, 6.0]))
    check(run, lambda a: tl.scan(lambda c, x: (c + 1, x), 0, [1, True, a]), (3.0,), (3.0, [1.0, 1.0, 3.0]))
    check(run, lambda a: tl.scan(lambda c, x: (a, c), 0, [1, 2]), (3.0,), (3.0, [0.0, 3.0]))
    check(run, lambda a: tl.scan(lambda c, x: (5, c), a, [1, 2]), (3.0,), (5.0, [3.0, 5.0]))


def test_outside_a_compiled_function_every_step_is_seen() -> None:
    a, seen = Value(0.5), []
    carry, ys = tl.scan(lambda c, x: (seen.append(c) or tl.sin(c) * x, c), a, [2.0, 3.0])
    assert len(seen) == 2 and seen[0] is ys[0] is a and seen[1] is ys[1] is carry.parents[0].parents[0]
    assert carry.op is tl.mul and not is_joint(carry)


def test_in_a_compiled_function_the_step_runs_once_for_any_number_of_steps() -> None:
    """Twice, since a function is traced twice to see whether it draws numbers that a trace would freeze."""
    for count in (2, 50):
        seen: list[Any] = []
        compiled = tl.compile(
            lambda a, n=count, seen=seen: tl.scan(lambda c, x: (seen.append(x) or c + a, None), a, length=n)[0]
        )  # type: ignore[misc]
        assert compiled(1.0) == count + 1.0
        once = len(seen)
        assert compiled(2.0) == 2.0 * count + 2.0 and len(seen) == once <= 2
