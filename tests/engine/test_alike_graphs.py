"""are_alike: whether two graphs are the same, node for node."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from random_graphs import moderate, programs, run

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, nn
from tinygrad_lite.engine import are_alike

W = [Value(2.0), Value(3.0)]


def alike(f: Callable[..., Any], g: Callable[..., Any], made: set[Value] | None = None) -> bool:
    xs, ys = ([Value(0.5), Value(0.25)] for _ in range(2))
    return are_alike(f(*xs), g(*ys), dict(zip(xs, ys, strict=True)), made or set())


@given(programs)
def test_a_program_run_twice(program: Any) -> None:
    assert alike(lambda x, y: [run(program, [x, y], 0)], lambda x, y: [run(program, [x, y], 0)])


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: [x + y],
        lambda x, y: [x * 2.0, 3.0, -0.0, math.nan],
        lambda x, y: [tl.dot([x, y, 1.0], [*W, y]), x],
        lambda x, y: [tl.sum([x, x])],
        lambda x, y: [],
    ],
)
def test_what_is_the_same(f: Any) -> None:
    assert alike(f, f)


@pytest.mark.parametrize(
    ("f", "g"),
    [
        (lambda x, y: [x + y], lambda x, y: [y + x]),
        (lambda x, y: [x + y], lambda x, y: [x - y]),
        (lambda x, y: [x * 2.0], lambda x, y: [x * 3.0]),
        (lambda x, y: [x * 0.0], lambda x, y: [x * -0.0]),
        (lambda x, y: [x * math.nan], lambda x, y: [x * 0.0]),
        (lambda x, y: [x, y], lambda x, y: [x]),
        (lambda x, y: [x], lambda x, y: [1.0]),
        (lambda x, y: [tl.sum([x, y])], lambda x, y: [tl.sum([x, y, y])]),
        (lambda x, y: [tl.sum([x, y])], lambda x, y: [tl.mean([x, y])]),
        (lambda x, y: [x * W[0]], lambda x, y: [x * W[1]]),
        (lambda x, y: [x * W[0]], lambda x, y: [x * Value(2.0)]),
        (lambda x, y: [x.exp(), x.exp()], lambda x, y: [x.exp(), y.exp()]),
        (lambda x, y: [(z := x.exp()) * z.sin()], lambda x, y: [x.exp() * y.exp().sin()]),
    ],
)
def test_what_is_not(f: Any, g: Any) -> None:
    assert not alike(f, g) and not alike(g, f)


def test_leaves_that_stand_for_their_numbers() -> None:
    a, b, c = Value(2.0), Value(2.0), Value(3.0)
    assert alike(lambda x, y: [x * a], lambda x, y: [x * b], {a, b})
    assert not alike(lambda x, y: [x * a], lambda x, y: [x * b], {a})
    assert not alike(lambda x, y: [x * a], lambda x, y: [x * c], {a, b, c})


@given(moderate)
def test_layers_and_fixed_points(x: float) -> None:
    model, other = nn.MLP(2, [3, 1]), nn.MLP(2, [3, 1])
    engine.bind(model.parameters())
    assert alike(lambda x, y: [model([x, y])], lambda x, y: [model([x, y])])
    assert not alike(lambda x, y: [model([x, y])], lambda x, y: [other([x, y])])
    root = tl.fixed_point(lambda z: 0.5 * (z + (2.0 + x * x) / z), 1.0).values
    assert alike(lambda x, y: [root * x], lambda x, y: [root * x]), "an older result is the same one"


def test_leaves_that_were_bound_after_the_first_graph() -> None:
    ws, xs, others = ([Value(0.5), Value(0.25), Value(2.0)] for _ in range(3))
    before = [tl.dot(ws, xs), tl.dot(xs, ws)]
    engine.bind(ws)
    engine.bind(others)
    assert are_alike(before, [tl.dot(ws, xs), tl.dot(xs, ws)], {}, set())
    assert not are_alike(before, [tl.dot(others, xs), tl.dot(xs, ws)], {}, set())
    assert not are_alike(before, [tl.dot(ws[::-1], xs), tl.dot(xs, ws)], {}, set())
