"""custom_op refuses invalid names, rows and rules; errors name what a value or a rule returned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from test_custom_op import Define, cube_of, passing, slope_of_cube

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, gradients, no_grad, ops
from tinygrad_lite.errors import GradcheckError, ShapeError


@pytest.mark.parametrize("name", ["", "1a", "a b", "a-b", "lambda", "class", "_private", "__add__", None, 3])
def test_names_that_are_none(name: Any, own_operations: Define) -> None:
    with pytest.raises(
        ValueError, match=r"custom_op\(name, \.\.\.\): the name must be one of a function, such as 'cube'"
    ):
        own_operations(name, cube_of, slope_of_cube)


@pytest.mark.parametrize(
    "name",
    [
        "tanh",
        "add",
        "sum",
        "where",
        "identity",
        "power",
        "arcsin",
        "data",
        "grad",
        "backward",
        "graph",
        "register_hook",
    ],
)
def test_names_that_are_taken(name: str, own_operations: Define) -> None:
    before = dict(ops.TABLE), dict(engine.methods)
    with pytest.raises(ValueError, match=f"'{name}'.*: Value has that already; choose another name"):
        own_operations(name, cube_of, slope_of_cube)
    assert (ops.TABLE, engine.methods) == before


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"rules": (passing, passing)}, ValueError, "a rule for each of the arguments 'x' is needed, got 2"),
        ({"rules": ()}, ValueError, "a rule for each of the arguments 'x' is needed, got 0"),
        ({"args": "x y"}, ValueError, "a rule for each of the arguments 'x y' is needed, got 1"),
        ({"rules": 3}, TypeError, "value and rules are functions, got an int, 3"),
        ({"rules": "ab"}, TypeError, "value and rules are functions, got a str, 'a'"),
        ({"value": 3.0}, TypeError, "value and rules are functions, got a float, 3.0"),
        ({"args": ""}, ValueError, "args names the arguments, such as 'x', .*got ''"),
        ({"args": "1x"}, ValueError, "args names the arguments, .*got '1x'"),
        ({"args": "x x"}, ValueError, "args names the arguments, .*got 'x x'"),
        ({"args": "x=1 y"}, ValueError, "args names the arguments, .*got 'x=1 y'"),
        ({"args": "x y=low"}, ValueError, "args names the arguments, .*got 'x y=low'"),
        ({"args": "*xs=1"}, ValueError, r"args names the arguments, .*got '\*xs=1'"),
        ({"args": ["x"]}, ValueError, "args names the arguments, .*got "),
        ({"domain": 3}, ValueError, r"domain is an interval \(low, high\), or one for each of the 1 arguments, got 3"),
        ({"domain": (2.0, 1.0)}, ValueError, r"domain is an interval .*got \(2.0, 1.0\)"),
        ({"domain": ((0, 1), (0, 1))}, ValueError, "domain is an interval .*one for each of the 1 arguments"),
        ({"domain": (0.0, "1")}, None, ""),
        ({"domain": ("a", "b")}, ValueError, "domain is an interval"),
    ],
)
def test_rows_that_cannot_be(given: dict[str, Any], kind: Any, message: str, own_operations: Define) -> None:
    rows = list(ops.ROWS)
    before = dict(ops.TABLE), dict(engine.methods)
    arguments: dict[str, Any] = {"value": cube_of, "rules": passing, **given}
    if kind is None:
        assert own_operations("mine", **arguments).domain == ((0.0, 1.0),)
        return
    with pytest.raises(kind, match=f"custom_op\\('mine'\\): {message}"):
        own_operations("mine", **arguments)
    assert (ops.TABLE, engine.methods) == before and rows == ops.ROWS


def test_a_wrong_rule_is_refused_and_the_table_is_as_it_was(own_operations: Define) -> None:
    cube = own_operations("cube", cube_of, slope_of_cube)
    before = dict(ops.TABLE), dict(engine.methods)

    def right_at_first(g: Any, y: Any, x: Any) -> Any:
        return g * 3.0 * tl.stop_gradient(x * x)

    for name, rule, order in (
        ("wrong", lambda g, y, x: g * 3.0 * x, 1),
        ("wrong", lambda g, y, x: 3.0 * x * x, 2),
        ("wrong", right_at_first, 2),
        ("cube", lambda g, y, x: g * 2.0 * x * x, 1),
    ):
        with pytest.raises(GradcheckError) as error:
            own_operations(name, cube_of, rule, check=True)
        text = str(error.value)
        assert f"custom_op({name!r}, check=True): derivatives of order {order} disagree with finite diff" in text
        assert "WRONG" in text and f"at {'1.5 * ' if order == 2 else ''}{name}(" in text
        assert (ops.TABLE, engine.methods) == before
    x = Value(2.0)
    assert not hasattr(x, "wrong") and x.cube().op is cube and x.cube().local_derivatives == (12.0,)
    with pytest.raises(AttributeError):
        tl.wrong  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ZeroDivisionError):
        own_operations("wrong", lambda x: 1 / 0, passing, check=True)
    assert (ops.TABLE, engine.methods) == before and (x * 2).kind == "result"


def test_check_draws_from_the_domain_and_knows_kinks(own_operations: Define) -> None:
    met: list[tuple[float, ...]] = []

    def value(x: float, n: float, p: float) -> float:
        met.append((x, n, p))
        return x**n * p

    own_operations(
        "power_times",
        value,
        (lambda g, y, x, n, p: g * p * n * x ** (n - 1.0), None, lambda g, y, x, n, p: g * x**n),
        args="x n p",
        domain=((2.0, 3.0), (1.0, 4.0), (-math.inf, -5.0)),
        check=True,
    )
    assert met and all(1.9 < x < 3.1 and 1 <= n <= 4 and p < -4.9 for x, n, p in met)
    own_operations("kinked", abs, lambda g, y, x: g * tl.sign(x), domain=(-1e-9, 1e-9), check=True)
    with pytest.raises(GradcheckError, match="not finite"):
        own_operations("infinite", lambda x: math.inf, lambda g, y, x: g, check=True)


def test_check_under_no_grad(own_operations: Define) -> None:
    """Derivatives are checked all the same, and nothing is recorded afterwards."""
    x = Value(2.0)
    with no_grad():
        cube = own_operations("cube", cube_of, slope_of_cube, check=True)
        with pytest.raises(GradcheckError, match=r"custom_op\('wrong', check=True\): derivatives of order 1 disagree"):
            own_operations("wrong", cube_of, lambda g, y, x: g * 2.0 * x, check=True)
        assert cube(x).kind == (x * x).kind == "detached" and "wrong" not in ops.TABLE
    y = cube(x)
    y.backward()
    assert tl.cube is cube and (y.data, x.grad) == (8.0, 12.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a", "a str, 'a'"),
        (None, "None"),
        ([1.0], "a list of 1"),
        (1j, "a complex"),
        (np.ones(1), r"an? ndarray of shape \(1,\)"),
    ],
)
def test_nonsense_from_values_and_rules_is_named(given: Any, message: str, own_operations: Define) -> None:
    value = own_operations("mine", lambda x: given, passing)
    x = Value(1.0)
    with pytest.raises(TypeError, match=rf"mine\(x\) must give one real number, got {message}"):
        value(x)
    rule = own_operations("mine", lambda x: x, lambda g, y, x: given)
    with pytest.raises(TypeError, match=rf"a rule of mine\(x\) must give one number, got {message}"):
        rule(x)
    assert rule(2.0) == 2.0 and (x * 2).kind == "result", "still recording"
    several = own_operations("mine", lambda xs: 1.0, lambda g, y, xs: [g, given], args="*xs")
    with pytest.raises(TypeError, match=rf"a rule of mine\(xs\) must give one number, got {message}"):
        several([x, x])


def test_a_sequences_rule_that_gives_too_few_or_no_list(own_operations: Define) -> None:
    x = Value(1.0)
    for given, kind, message in (
        ([1.0], ShapeError, r"a rule of mine\(xs\) must give one number for each of the 2 of its sequence, got 1"),
        ([1.0] * 3, ShapeError, "for each of the 2 of its sequence, got 3"),
        (None, TypeError, r"a rule of mine\(xs\) must give one number for each of its sequence, got None"),
        (1.0, TypeError, r"a rule of mine\(xs\) must give one number for each of its sequence, got a float, 1.0"),
    ):
        row = own_operations("mine", lambda xs: 1.0, lambda g, y, xs, given=given: given, args="*xs")
        with pytest.raises(kind, match=message):
            row([x, x])
    for given in ((1.0, 2.0), np.array([1.0, 2.0]), iter([1.0, 2.0])):
        row = own_operations("mine", lambda xs: 1.0, lambda g, y, xs, given=given: given, args="*xs")
        assert row([x, x]).local_derivatives == (1.0, 2.0)


@pytest.mark.parametrize("given", [2, True, np.float32(2), np.int64(2)])
def test_whatever_number_a_value_gives_data_is_a_float(given: Any, own_operations: Define) -> None:
    y = own_operations("mine", lambda x: given, lambda g, y, x: given)(Value(1.0))
    assert type(y.data) is float and y.data == float(given)
    assert [type(d) for d in y.local_derivatives] == [float] and y.local_derivatives == (float(given),)


def test_errors_of_the_users_functions_come_through(own_operations: Define) -> None:
    def failing(*_: Any) -> float:
        raise ZeroDivisionError("mine")

    x = Value(1.0)
    for row in (own_operations("one", failing, passing), own_operations("two", lambda x: x, failing)):
        with pytest.raises(ZeroDivisionError, match="mine"):
            row(x)
        assert (x * 2).kind == "result"
    once: list[int] = []

    def failing_later(g: Any, y: Any, x: Any) -> Any:
        once.append(1)
        return g if len(once) == 1 else failing()

    y = own_operations("three", lambda x: x, failing_later)(x)
    with pytest.raises(ZeroDivisionError, match="mine"):
        gradients(y, [x], create_graph=True)
    y.backward()
    assert x.grad == 1.0 and y.grad == 1.0
