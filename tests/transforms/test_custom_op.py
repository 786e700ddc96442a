"""custom_op: a custom operation behaves like those of the table, and a wrong one is refused with a clear message."""

from __future__ import annotations

import copy
import math
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, grad, gradcheck, gradients, hessian, hvp, jvp, nn, no_grad, ops, vjp
from tinygrad_lite.errors import HistoryError

Define = Callable[..., ops.Op]


def cube_of(x: float) -> float:
    return x**3


def slope_of_cube(g: Any, y: Any, x: Any) -> Any:
    return g * 3.0 * x * x


def passing(g: Any, y: Any, x: Any) -> Any:
    return g


def test_a_unary_operation(own_operations: Define) -> None:
    cube = own_operations("cube", cube_of, slope_of_cube, check=True)
    assert isinstance(cube, ops.Op) and cube.signature == "cube(x)" and tl.cube is ops.TABLE["cube"] is cube
    x = Value(2.0)
    for y in (cube(x), x.cube(), tl.cube(x)):
        assert y.op is cube and y.args == (x,) and y.data == 8.0 and y.local_derivatives == (12.0,)
    assert cube(2.0) == 8.0 and "cube" in dir(x) and repr(cube) == "<operation cube(x)>"
    (x.cube() + cube(x * 2)).backward()
    assert x.grad == 12.0 + 2 * 48.0
    assert np.array([x, x])[0].cube().data == 8.0 and cube(np.float32(2)) == 8.0


def test_it_differentiates_as_often_as_one_likes(own_operations: Define) -> None:
    cube = own_operations("cube", cube_of, slope_of_cube)
    f: Any = cube
    for expected in (12.0, 12.0, 6.0, 0.0):
        f = grad(f)
        assert f(2.0) == expected
    assert hessian(cube)(2.0) == hvp(cube, 2.0, 1.0) == jvp(grad(cube), (2.0,), (1.0,))[1] == 12.0
    assert jvp(cube, (2.0,), (1.0,)) == (8.0, 12.0) and vjp(cube, 2.0)[1](1.0) == (12.0,)
    for order in (1, 2):
        assert gradcheck(lambda x: cube(x) * x.sin(), [1.5], order=order).ok
    x = Value(2.0)
    first = gradients(x.cube(), [x], create_graph=True)[0]
    second = gradients(first, [x], create_graph=True)[0]
    second.backward()
    assert (first.data, second.data, x.grad) == (12.0, 12.0, 6.0)


def test_two_arguments_and_a_default(own_operations: Define) -> None:
    lerp = own_operations(
        "lerp",
        lambda a, b, t: a + (b - a) * t,
        (lambda g, y, a, b, t: g * (1.0 - t), lambda g, y, a, b, t: g * t, lambda g, y, a, b, t: g * (b - a)),
        args="a b t=0.5",
        check=True,
    )
    assert lerp.signature == "lerp(a, b, t=0.5)" and lerp(1.0, 3.0) == 2.0 and lerp(1.0, 3.0, 0.25) == 1.5
    a, b = Value(1.0), Value(3.0)
    assert a.lerp(3.0).args == (a, 3.0, 0.5) and lerp(1, b, t=0.25).args == (1.0, b, 0.25)
    assert a.lerp(b, b).data == lerp(a, b, b).data == 7.0
    assert grad(lerp, (0, 1, 2))(1.0, 3.0, 0.25) == (0.75, 0.25, 2.0)
    assert hessian(lerp, (0, 1, 2))(1.0, 3.0, 0.25) == ((0.0, 0.0, -1.0), (0.0, 0.0, 1.0), (-1.0, 1.0, 0.0))
    for call, message in (
        (lambda: lerp(a), r"lerp\(a, b, t=0.5\) got 1 arguments"),
        (lambda: a.lerp(b, 1.0, 2.0), r"lerp\(a, b, t=0.5\) got 4 arguments"),
        (lambda: lerp(a, "b"), r"lerp\(a, b, t=0.5\): b takes a real number, got a str, 'b'"),
        (lambda: lerp(a, b, s=1.0), r"lerp\(a, b, t=0.5\) got \['s'\] by name"),
    ):
        with pytest.raises(TypeError, match=message):
            call()


def test_arguments_by_name_where_several_have_defaults(own_operations: Define) -> None:
    rules = [lambda g, y, *args, k=k: g * float(k) for k in range(1, 5)]
    own_operations("row", lambda x, a, b, c: x + 2 * a + 3 * b + 4 * c, rules, args="x a=1 b=10 c=100", check=True)
    x = Value(0.0)
    for y, args in (
        (x.row(), (1, 10, 100)),
        (x.row(5), (5, 10, 100)),
        (x.row(5, c=7), (5, 10, 7)),
        (x.row(b=7), (1, 7, 100)),
        (x.row(5, 6, 7), (5, 6, 7)),
        (x.row(c=7, a=5), (5, 10, 7)),
    ):
        assert y.args == (x, *args)


def test_a_sequence(own_operations: Define) -> None:
    square = own_operations(
        "mean_square",
        lambda xs: math.fsum(x * x for x in xs) / len(xs),
        lambda g, y, xs: [g * (2.0 / len(xs)) * x for x in xs],
        args="*xs",
        check=True,
    )
    x = Value(3.0)
    y = square([x, 1.0, x * 2])
    assert y.data == 46.0 / 3 and y.args[0][:2] == (x, 1.0) and tl.mean_square is square and square([1.0, 3.0]) == 5.0
    y.backward()
    assert x.grad == pytest.approx(10.0)
    assert grad(square)([1.0, 2.0]) == [1.0, 2.0] and hessian(square)(np.array([1.0, 2.0])).tolist() == [[1, 0], [0, 1]]
    assert grad(grad(lambda x: square([x, x])))(2.0) == 2.0
    with pytest.raises(AttributeError, match="no attribute 'mean_square'"):
        x.mean_square([1.0])  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"mean_square\(xs\): xs is a sequence of numbers, got a Value"):
        square(x)


def test_an_argument_of_plain_numbers(own_operations: Define) -> None:
    scaled = own_operations("scaled", lambda x, n: x * n, (lambda g, y, x, n: g * n, None), args="x n=2", check=True)
    x = Value(3.0)
    assert x.scaled().data == 6.0 and grad(lambda x: scaled(x, 5))(2.0) == 5.0
    for call in (lambda: x.scaled(x), lambda: grad(scaled, 1)(2.0, 3.0), lambda: x.scaled(x.detach())):
        with pytest.raises(TypeError, match=r"scaled\(x, n=2\): n takes a plain number, got a Value"):
            call()


def test_a_row_in_another_rows_rule_and_in_its_own(own_operations: Define) -> None:
    cube = own_operations("cube", cube_of, slope_of_cube)
    quartic = own_operations("quartic", lambda x: x**4, lambda g, y, x: g * 4.0 * cube(x), check=True)
    doubling = own_operations(
        "doubling", lambda x: 2.0**x, lambda g, y, x: g * math.log(2) * tl.doubling(x), check=True
    )
    assert hessian(quartic)(2.0) == 48.0 and grad(grad(grad(quartic)))(2.0) == 48.0
    assert grad(grad(doubling))(3.0) == pytest.approx(8 * math.log(2) ** 2)


def test_a_flat_operation_blocks_and_pictures_say_so(own_operations: Define) -> None:
    """One that is declared flat, and one whose rule returns a plain 0.0; not one that multiplies by 0."""
    for name, rule, flat, blocks in (
        ("rounded", lambda g, y, x: g * 0.0, True, True),
        ("constant", lambda g, y, x: 0.0, False, True),
        ("sloping", lambda g, y, x: g * 0.0, False, False),
    ):
        own_operations(name, lambda x: float(round(x)), rule, flat=flat, symbol="≈⌊x⌉")
        x = Value(1.3, label="x")
        y = getattr(x, name)() * 2
        y.backward()
        assert x.grad == 0.0 and bool(ops.TABLE[name].flat) is flat
        picture = y.graph().svg()
        assert "≈⌊x⌉" in picture and ("grad 0, blocked" in picture) is blocks


def test_in_networks_and_in_the_arrays_of_numpy(own_operations: Define) -> None:
    own_operations("cube", cube_of, slope_of_cube)
    random.seed(0)
    neuron = nn.Neuron(2, activation="cube")
    y = neuron([0.5, -0.25])
    assert y.op.name == "cube" and y.data == pytest.approx(y.parents[0].data ** 3)
    own_operations("cube", lambda x: x, passing)
    linear = neuron([0.5, -0.25])
    assert linear.data == linear.parents[0].data, "defined anew, also for what knows it by name"
    with pytest.raises(ValueError, match="cube") as error:
        nn.Neuron(2, activation="nonsense")
    assert str(error.value).count("'cube'") <= 1


def test_setting_the_number_of_a_result_names_its_row(own_operations: Define) -> None:
    y = own_operations("cube", cube_of, slope_of_cube)(Value(2.0))
    with pytest.raises(HistoryError, match="it is cube of its parents"):
        y.data = 1.0


def test_rows_and_values_copy_and_pickle(own_operations: Define) -> None:
    cube = own_operations("cube", cube_of, slope_of_cube)
    for row in (cube, ops.tanh):
        assert pickle.loads(pickle.dumps(row)) is copy.copy(row) is copy.deepcopy(row) is row
    x = Value(2.0, label="x")
    x.cube().backward()
    again = pickle.loads(pickle.dumps(x))
    assert (again.data, again.grad, again.label) == (2.0, 12.0, "x") and again.cube().data == 8.0
    with pytest.raises(TypeError, match=r"copying or pickling a result \(cube\)"):
        pickle.dumps(x.cube())
    assert {"cube", "tanh", "arcsin", "backward"} <= set(dir(x))


def test_under_no_grad_and_anomalies(own_operations: Define) -> None:
    own_operations("inverse", lambda x: math.inf if x == 0 else 1 / x, lambda g, y, x: -g * y / x)
    x = Value(0.0, label="x")
    with no_grad():
        assert x.inverse().kind == "detached" and x.inverse().data == math.inf
    with tl.detect_anomaly(), pytest.raises(ArithmeticError, match=r"inverse of \(x = 0.0\), recorded at .*gave inf"):
        x.inverse()


def test_the_fixture_leaves_the_table_as_it_was() -> None:
    for name in ("cube", "mine", "lerp", "wrong"):
        assert name not in ops.TABLE and name not in engine.methods and not hasattr(Value(1.0), name)
