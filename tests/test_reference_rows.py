"""The engine and reference.py at one node: single rows, leaves, zeros, derivatives by inner nodes, choices."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from drawn_programs import SPECIAL
from table import SEQUENCE_LENGTH, points
from test_reference import ENGINE, REFERENCE, ROWS, Side, at_a_conventional_zero, bits, same, swept

from tinygrad_lite import ops, reference
from tinygrad_lite.ops import Op

BOTH = pytest.mark.parametrize("side", [ENGINE, REFERENCE], ids=["engine", "reference"])


def calls(row: Op) -> Iterator[tuple[Any, ...]]:
    """Points of the row's domain, and special numbers."""
    yield from points(row, 3, 1.0)
    source = random.Random(row.name)
    for _ in range(12):
        args: list[Any] = []
        for k in range(len(row.args)):
            args.append(source.choice(SPECIAL))
            if k in row.sequences:
                args[k] = tuple([source.choice(SPECIAL) for _ in range(SEQUENCE_LENGTH)])
        for k, rule in enumerate(row.rules):
            if rule is None:  # a plain number: an order, or degrees of freedom
                args[k] = float(source.randint(0, 3))
        if row is ops.take:
            args[1] = float(source.randrange(SEQUENCE_LENGTH))
        yield tuple(args)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_by_itself(row: Op) -> None:
    """Value, derivatives and second derivatives to the last bit, with every choice of arguments that are plain.

    Times a Value, so that the adjoints are zeros, infinities and nan too.
    """
    choices = [[False] if rule is None else [True, False] for rule in row.rules]
    if row is ops.take:
        choices[1] = [True]
    source = random.Random(row.name)
    for args in calls(row):
        for recorded in itertools.product(*choices):
            if not any(recorded) or (row is ops.where and not recorded[0]):
                continue
            found = []
            scale = source.choice((1.0, 1.0, 1.0, 0.0, math.inf, math.nan))
            for side in (ENGINE, REFERENCE):
                xs: list[Any] = []

                def operand(x: Any, side: Side = side, xs: list[Any] = xs) -> Any:
                    if isinstance(x, tuple):
                        return tuple(map(operand, x))
                    xs.append(side.leaf(x))
                    return xs[-1]

                y = row(*[operand(arg) if on else arg for arg, on in zip(args, recorded, strict=True)])
                y = y * operand(scale)
                graphs = side.gradients(y, xs)
                seconds = [swept(side, g, xs) for g in graphs]
                found.append((y.data, swept(side, y, xs), [g.data for g in graphs], seconds))
            ours, theirs = found
            assert bits([ours[0], *ours[1]]) == bits([theirs[0], *theirs[1]]), (args, recorded)
            assert same(ours[2], theirs[2]), (args, recorded)
            if not at_a_conventional_zero(y):
                for a, b in zip(ours[3], theirs[3], strict=True):
                    assert same(a, b), (args, recorded)


@BOTH
def test_leaves_add_up_and_other_nodes_start_afresh(side: Side) -> None:
    x, w = side.leaf(3.0), side.leaf(2.0)
    h = w * x
    y = h * h
    side.backward(y)
    side.backward(y)
    assert (x.grad, w.grad, h.grad, y.grad) == (2 * 24.0, 2 * 36.0, 12.0, 1.0)
    side.backward(h)
    assert (x.grad, w.grad, h.grad) == (50.0, 75.0, 1.0)
    side.backward(ops.stop_gradient(h) + x)
    assert (x.grad, w.grad, h.grad) == (51.0, 75.0, 0.0)
    side.backward(x)
    assert x.grad == 52.0


@BOTH
def test_an_adjoint_of_zero_contributes_nothing_and_flat_rows_block(side: Side) -> None:
    def slopes(f: Callable[[Any], Any], at: float) -> list[float]:
        x = side.leaf(at)
        y = f(x)
        return [*swept(side, y, [x]), side.gradients(y, [x])[0].data]

    assert slopes(lambda x: ops.where(x, ops.sqrt(x), 0.0), 0.0) == [0.0, 0.0]
    assert slopes(lambda x: ops.where(ops.less(x, 1.0), x, ops.log(x - x)), 0.5) == [1.0, 1.0]
    assert slopes(lambda x: 0.0 * ops.sqrt(x), 0.0) == [0.0, 0.0]
    assert slopes(lambda x: side.leaf(0.0) * ops.sqrt(x), 0.0) == [0.0, 0.0]
    assert slopes(lambda x: ops.sqrt(ops.relu(x)), -1.0) == [0.0, 0.0]
    assert slopes(lambda x: ops.sqrt(ops.stop_gradient(x)), 0.0) == [0.0, 0.0]
    assert slopes(lambda x: ops.sqrt(x**0), 2.0) == [0.0, 0.0]
    assert bits(slopes(lambda x: ops.sqrt(x * x), 0.0)) == ["nan", "nan"]


def test_local_derivatives() -> None:
    x = reference.Value(2.0)
    assert reference.local_derivatives(3.0 * x) == [0.0, 3.0]
    assert reference.local_derivatives(x * x) == [2.0, 2.0]
    assert reference.local_derivatives(ops.prod([x, 5.0, x])) == [10.0, 4.0, 10.0]


@BOTH
def test_derivatives_by_nodes_in_the_middle_and_by_what_has_no_part(side: Side) -> None:
    x, other = side.leaf(3.0), side.leaf(1.0)
    h = x * x
    y = h * x
    by_y, by_h, by_x, by_other = side.gradients(y, [y, h, x, other])
    assert [g.data for g in (by_y, by_h, by_x, by_other)] == [1.0, 3.0, 27.0, 0.0]
    assert side.gradients(by_x, [x])[0].data == 18.0
    assert (x.grad, h.grad) == (0.0, 0.0)


def test_the_engine_chooses_at_once_by_what_is_plain() -> None:
    """The reference records a node instead; it passes on the same."""
    choices: list[Callable[[Any], Any]] = [
        lambda x: ops.where(1.0, x, 0.0),
        lambda x: ops.take([2.0, x, x], 1.0),
    ]
    for choose in choices:
        for side in (ENGINE, REFERENCE):
            x = side.leaf(1.5)
            y = ops.sin(x) * choose(x)
            assert (choose(x) is x) is (side is ENGINE)
            (first,) = side.gradients(y, [x])
            assert swept(side, y, [x])[0] == pytest.approx(math.sin(1.5) + 1.5 * math.cos(1.5), rel=1e-15)
            assert swept(side, first, [x])[0] == pytest.approx(2 * math.cos(1.5) - 1.5 * math.sin(1.5), rel=1e-14)
