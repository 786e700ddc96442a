"""custom_op: an operation of one's own behaves as the table's own do, and a wrong one is refused in clear words."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, grad, gradcheck, gradients, hessian, hvp, jvp, nn, no_grad, ops, vjp
from tinygrad_lite.engine import topological_order
from tinygrad_lite.errors import GradcheckError, HistoryError, ShapeError

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
    for name, flat in (("rounded", True), ("sloping", False)):
        own_operations(name, lambda x: float(round(x)), lambda g, y, x: 0.0, flat=flat, symbol="≈⌊x⌉")
        x = Value(1.3, label="x")
        y = getattr(x, name)() * 2
        y.backward()
        assert x.grad == 0.0 and bool(ops.TABLE[name].flat) is flat
        picture = y.graph().svg()
        assert "≈⌊x⌉" in picture and ("grad 0, blocked" in picture) is flat


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


def test_defined_anew(own_operations: Define) -> None:
    x = Value(3.0)
    former = own_operations("mine", lambda x: 2 * x, lambda g, y, x: g * 2.0)
    y = x.mine()
    now = own_operations("mine", lambda x: 5 * x, lambda g, y, x: g * 5.0)
    z = x.mine()
    assert y.op is former and z.op is now is tl.mine
    (y + z).backward()
    assert x.grad == 7.0 and gradients(y, [x], create_graph=True)[0].data == 2.0, "what was recorded keeps its rules"
    assert y._op == z._op == "mine" and len(topological_order(y + z)) == 4
    own_operations("mine", lambda xs: 1.0, lambda g, y, xs: [0.0] * len(xs), args="*xs")
    assert not hasattr(x, "mine") and "mine" not in dir(x), "of a sequence there is no method"
    own_operations("mine", lambda x: x, passing)
    assert x.mine().data == 3.0


def living() -> int:
    """How many rows called mine are kept."""
    gc.collect()
    return sum(type(thing) is ops.Op and thing.name == "mine" for thing in gc.get_objects())


def test_a_row_defined_anew_lives_as_long_as_what_was_recorded_with_it(own_operations: Define) -> None:
    """As in a notebook's cell that runs again and again; every use of the row must let go of it."""

    def run(k: float) -> tuple[Value, Value]:
        row = own_operations("mine", lambda x, n: k * x**n, (lambda g, y, x, n: g * (k * n) * x ** (n - 1.0), None),
                             args="x n=2")  # fmt: skip
        x = Value(3.0, label="x")
        y = x.mine() * 2
        y.backward()
        assert hessian(row)(1.0) == 2 * k
        compiled = tl.compile(lambda x: row(x) + grad(row)(x))
        assert compiled(1.0) == 3 * k and compiled.batch([1.0], reduce=None).tolist() == [3 * k]
        with no_grad():
            assert jvp(tl.compile(lambda t: t * y), (1.0,), (1.0,))[1] == y.data
        assert str(y.formula()) and y.graph().svg() and y.explore() and tl.explain(y, x) and tl.compare(y).ok
        return x, y

    run(1.0)
    before = living(), len(ops.ROWS)
    kept = [run(float(k)) for k in range(2, 6)]
    assert living() == before[0] + len(kept) - 1, "the last is the table's as well"
    for k, (x, y) in enumerate(kept, 2):
        mine = y.parents[0]
        assert mine.op.value(1.0, 2.0) == k and mine.args == (x, 2.0) and mine.parents == (x,)
        assert mine.local_derivatives == (6.0 * k,) and repr(mine.op) == "<operation mine(x, n=2)>"
        first = gradients(y, [x], create_graph=True)[0]
        assert (first.data, gradients(first, [x])) == (12.0 * k, [4.0 * k])
        y.backward()
        assert x.grad == 2 * 12.0 * k
    del kept, x, y, mine, first
    assert (living(), len(ops.ROWS)) == before


def test_more_definitions_than_nodes_have_codes(own_operations: Define) -> None:
    x = Value(3.0)
    first = own_operations("mine", cube_of, slope_of_cube)
    y = first(x)
    for k in range(1 << 16):
        row = own_operations("mine", lambda x, k=k: k * x, lambda g, y, x, k=k: g * float(k))
    z = row(x)
    (y + z).backward()
    assert y.op is first and z.op is row and x.grad == 27.0 + 65535.0
    assert tl.norm([y, z]).op is ops.norm and tl.less(y, 1.0).data == 0.0


def test_setting_the_number_of_a_result_names_its_row(own_operations: Define) -> None:
    y = own_operations("cube", cube_of, slope_of_cube)(Value(2.0))
    with pytest.raises(HistoryError, match="it is cube of its parents"):
        y.data = 1.0


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
