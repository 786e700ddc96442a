"""Compositions of rows, and arguments that rows refuse: wrong shapes and kinds; branches; powers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from table import (
    EPSILON,
)

import tinygrad_lite as tl
from tinygrad_lite import Value, ops
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.transforms.derivatives import gradients

COMPOSITIONS = {
    "square": (lambda x: x * x, lambda x: 2 * x),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / (x * x)),
    "deg2rad": (math.radians, lambda x: math.pi / 180),
    "radians": (math.radians, lambda x: math.pi / 180),
    "rad2deg": (math.degrees, lambda x: 180 / math.pi),
    "degrees": (math.degrees, lambda x: 180 / math.pi),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_compositions(name: str) -> None:
    """They take floats, Values and arrays of Values, in traces and formulas; for anything else the error names it."""
    f, (value, slope) = getattr(tl, name), COMPOSITIONS[name]
    assert name in tl.__all__ and name in dir(Value(1.0)) and name not in ops.TABLE
    for x in (0.75, -30.0):
        assert f(x) == pytest.approx(value(x), rel=4 * EPSILON) and type(f(x)) is float
        v = Value(x)
        for y in (f(v), getattr(v, name)(), getattr(np, name)(np.array([v]))[0]):
            assert y.data == f(x) and tl.gradients(y, [v]) == pytest.approx([slope(x)], rel=4 * EPSILON)
        compiled = tl.compile(tl.value_and_grad(f))
        assert compiled(x) == pytest.approx((value(x), slope(x)), rel=4 * EPSILON)
        assert compiled.batch([x, x], reduce=None)[0] == pytest.approx([value(x)] * 2, rel=4 * EPSILON)
    assert f(2) == f(np.float32(2.0)) == f(2.0) and type(f(2)) is float
    symbol = tl.Formula.symbol("x")
    assert str(f(symbol)) == str(getattr(symbol, name)()) == str(tl.Formula(f(Value(1.0, "x"))))
    own = f.__name__
    with pytest.raises(TypeError, match=rf"{own}\(x\): x takes a real number, got a str"):
        f("2")
    with pytest.raises(TypeError, match=rf"{own}\(x\): x takes .* numpy\.{own} of the array"):
        f(np.array([1.0, 2.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: tl.dot([x], [x, x]), "lengths must agree, got 1 and 2"),
        (lambda x: tl.dot([1.0], [2.0, 3.0]), "lengths must agree, got 1 and 2"),
        (lambda x: tl.mean([]), "mean of no numbers"),
    ],
)
def test_shapes_that_do_not_fit(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call(Value(1.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: tl.sum(x), r"sum\(xs\): xs is a sequence of numbers, got a Value"),
        (lambda x: tl.sum("12"), "xs is a sequence of numbers, got a str"),
        (lambda x: tl.sum([x, "2"]), "real number, got a str"),
        (lambda x: tl.clip(x), r"clip\(x, low, high\) got 1 arguments"),
        (lambda x: x.erf(2.0), r"erf\(x\) got 2 arguments"),
        (lambda x: tl.atan2(x, None), r"atan2\(a, b\): b takes a real number, got None"),
        (lambda x: tl.polygamma(x, x), "n takes a plain number, got a Value"),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(Value(1.0))


@pytest.mark.parametrize("index", [-1, 3, 0.5, math.nan])
def test_take_wants_a_whole_number_in_range(index: float) -> None:
    for i in (index, Value(index)):
        with pytest.raises(IndexError, match=r"whole number in 0\.\.2"):
            tl.take([Value(1.0), 2.0, 3.0], i)


def test_a_plain_condition_or_index_chooses_without_a_node() -> None:
    x, y = Value(1.0), Value(2.0)
    assert tl.where(1.0, x, y) is x and tl.where(0, x, y) is y
    assert tl.take([x, y], 1) is y


def test_the_branch_not_taken_may_be_singular() -> None:
    x = Value(0.0)
    y = tl.where(x > 0, x.log(), x * 2)
    y.backward()
    assert x.grad == 2.0
    x = Value(0.0)
    y = tl.where(Value(0.0), x.sqrt(), x * 2)
    y.backward()
    assert x.grad == 2.0
    assert gradients(y, [x], create_graph=True)[0].data == 2.0


def test_powers_where_they_usually_break() -> None:
    zero = Value(0.0)
    (zero**0).backward()
    assert zero.grad == 0.0
    p = Value(2.0)
    (0.0**p).backward()
    assert p.grad == 0.0
    x, n = Value(3.0), Value(0.0)
    slope = gradients(x**n, [x], create_graph=True)[0]
    assert slope.data == 0.0 and gradients(slope, [n])[0] == pytest.approx(1 / 3)
    x = Value(-2.0)
    (x**3).backward()
    assert x.grad == 12.0
    assert math.isnan(((-1.0) ** Value(0.5)).data)


def test_softmax_is_one_logsumexp_and_one_node_an_element() -> None:
    xs = [Value(1000.0 + k) for k in range(4)]
    probabilities = tl.softmax(xs)
    assert sum(p.data for p in probabilities) == pytest.approx(1.0, rel=1e-13)
    from tinygrad_lite.engine import topological_order

    nodes = {v for p in probabilities for v in topological_order(p) if v.op is not None}
    assert sorted(v.op.name for v in nodes) == ["exp"] * 4 + ["logsumexp"] + ["sub"] * 4
