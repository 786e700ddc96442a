"""Value: what it records, how it sweeps, what it refuses; for the compiled and the readable engine alike."""

from __future__ import annotations

import gc
import math
import operator
import weakref
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, gradients
from tinygrad_lite.engine import bind, clear_grads, set_origin, sweep_number, tangents, topological_order
from tinygrad_lite.errors import HistoryError


def test_micrograds_readme_example() -> None:
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert f"{g.data:.4f} {a.grad:.4f} {b.grad:.4f}" == "24.7041 138.8338 645.5773"


@pytest.mark.parametrize(
    "data", [3, 3.0, True, np.float32(3), np.int64(3), np.array(3.0), np.array([3.0]), Fraction(3)]
)
def test_real_numbers_are_taken(data: Any) -> None:
    assert type(Value(data).data) is float and Value(data).data == float(np.asarray(data, dtype=float).reshape(()))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("3", "got a str, '3': turn it into a number first"),
        (1j, "got a complex"),
        ([1.0], "got a list of 1: take one element, or make a Value of each"),
        (np.zeros(2), r"got a ndarray of shape \(2,\)|got an ndarray of shape \(2,\)"),
        (Value(1.0), r"got a Value.*\.detach\(\)"),
        (np.complex128(1), "got a complex128"),
    ],
)
def test_what_is_not_a_real_number_is_refused(data: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Value(data)
    x = Value(1.0)
    with pytest.raises(TypeError, match=message):
        x.data = data
    with pytest.raises(TypeError, match=message):
        x.grad = data
    assert (x.data, x.grad) == (1.0, 0.0)


def test_none_is_a_gradient_that_was_cleared() -> None:
    x = Value(3.0)
    (x * x).backward()
    x.grad = None
    assert (x.grad, x.grad_state) == (0.0, "not computed")
    with pytest.raises(TypeError, match="got None"):
        Value(None)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="got None"):
        x.data = None  # type: ignore[assignment]


def test_nan_and_inf_are_legal_data() -> None:
    assert math.isnan(Value(math.nan).data) and Value(-math.inf).data == -math.inf


def test_both_builds_are_alike() -> None:
    x = Value(1.0)
    with pytest.raises(AttributeError, match="stray"):
        x.stray = 1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        x.nonsense  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(TypeError, match=r"cannot be subclassed: .* custom_op"):
        type("Mine", (Value,), {})
    assert weakref.ref(x)() is x
    assert not hasattr(x, "__array__") and not hasattr(x, "__iter__") and not hasattr(x, "__len__")
    with pytest.raises(TypeError, match="a label is a string, got an int, 1"):
        Value(1.0, 1)  # type: ignore[call-overload]


def test_a_value_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Value(1.0))


def test_equality_is_of_numbers_and_hashes_of_objects() -> None:
    x, y = Value(1.0), Value(1.0)
    assert x == y and (x != y) is False and x == 1.0 and (1).__eq__(x) is NotImplemented and np.float64(1.0) == x
    assert x != Value(2.0) and x != 2 and (x == 2) is False and operator.eq(1, x) and operator.ne(2, x)
    assert x is not y and len({x, y}) == 2 and {x: "x"}[x] == "x" and y not in {x} and 1.0 not in {x}
    assert y in [x] and [x, y].index(y) == 0 and any(y is v for v in [x, y])
    assert Value(math.nan) != Value(math.nan) and Value(0.0) == -0.0 and x != "1" and not operator.eq(x, None)
    assert x <= y and x >= 1 and x < 2 and Value(3.0) > y and not x < y
    assert max([x, Value(5.0), y]).data == 5.0
    with pytest.raises(TypeError):
        x < "a"  # type: ignore[operator]  # noqa: B015


@pytest.mark.parametrize("other", [Decimal("1.0"), 1.0 + 0j])
def test_equality_with_a_number_of_another_kind_is_refused(other: Any) -> None:
    for f in (operator.eq, operator.ne):
        for call in (lambda f=f: f(Value(1.0), other), lambda f=f: tl.compile(lambda x: x * f(x, other))(1.0)):
            with pytest.raises(TypeError, match=r"a Value [=!]= takes a real number, got a (Decimal|complex)"):
                call()


def test_it_prints_and_formats() -> None:
    x = Value(0.5, label="w")
    assert repr(x) == "Value(data=0.5, grad=0.0, label='w')"
    assert f"{x:.3f}" == "0.500" and x.item() == 0.5
    before = set_origin(engine.Origin(path="layers.0"))
    try:
        assert repr(x * 2) == "Value(data=1.0, grad=0.0, path='layers.0')"
    finally:
        set_origin(before)


@pytest.mark.parametrize("other", ["a", None, [1.0], 1j])
def test_arithmetic_with_what_is_not_a_number(other: Any) -> None:
    x = Value(1.0)
    for f in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
        for sides in ((x, other), (other, x), (x, {})):
            with pytest.raises(TypeError, match=r"unsupported operand|can't multiply|can only concat|not an index"):
                f(*sides)


def test_numpy_on_either_side() -> None:
    x = Value(2.0)
    for product in (np.float64(3) * x, x * np.float64(3), np.float32(3) * x, x * np.int64(3)):
        assert isinstance(product, Value) and product.data == 6.0
    for array in (np.array([1.0, 2.0]) * x, x * np.array([1.0, 2.0])):
        assert array.dtype == object and [v.data for v in array] == [2.0, 4.0]
    weights, v = np.array([[x, x], [x, 2 * x]]), np.array([x, 3 * x])
    y = (weights @ v).sum()
    y.backward()
    assert y.data == 16.0 + 28.0 and x.grad == 44.0


def test_numbers_met_on_the_way_are_kept() -> None:
    x = Value(2.0)
    assert (x * 0.5).args == (x, 0.5) and (0.5 * x).args == (0.5, x)
    assert (x**3).args == (x, 3.0) and (3 / x).args == (3.0, x) and (1 - x).args == (1.0, x)
    assert x.tanh().args == (x,)
    for whole in (tl.dot([x, 2], [np.float64(3.0), x], True), tl.sum([x, 2, np.float32(3)])):
        assert {type(a) for arg in whole.args for a in (arg if isinstance(arg, tuple) else (arg,))} <= {Value, float}
    assert tl.dot([x, 2.0], [3.0, x], 1.0).args == ((x, 2.0), (3.0, x), 1.0)


def test_order_and_duplicates_of_parents_are_kept() -> None:
    x, y = Value(2.0), Value(3.0)
    assert (x * x).parents == (x, x) and (x * x).local_derivatives == (2.0, 2.0)
    assert (y - x).parents == (y, x) and (y - x).local_derivatives == (1.0, -1.0)
    assert tl.sum([x, y, x]).parents == (x, y, x)
    assert (x * y)._prev == {x, y} and (x * y)._op == "*" and x._prev == set() and x._op == ""
    assert topological_order(x * y + x)[:2] in ([x, y], [y, x])


def test_leaves_add_up_and_inner_nodes_start_afresh() -> None:
    x = Value(3.0)
    h = x * x
    y = h * 2
    y.backward()
    y.backward()
    assert x.grad == 2 * 12.0 and h.grad == 2.0 and y.grad == 1.0
    (h * 5).backward()
    assert h.grad == 5.0 and x.grad == 24.0 + 30.0
    x.backward()
    assert x.grad == 55.0


def test_a_derivative_belongs_to_the_time_of_recording() -> None:
    x = Value(3.0)
    y = x * x
    x.data = 100.0
    y.backward()
    assert x.grad == 6.0
    with pytest.raises(HistoryError, match="data of a result"):
        y.data = 1.0
    from tinygrad_lite import gradients

    with pytest.raises(HistoryError, match="a leaf below it has changed"):
        gradients(y, [x], create_graph=True)


def test_an_adjoint_of_zero_contributes_nothing() -> None:
    x = Value(0.0)
    y = x.log() * 0.0 + x
    y.backward()
    assert x.grad == 1.0


def test_gradient_states() -> None:
    x, z = Value(1.0), Value(2.0)
    y = x * 2
    assert (x.grad, x.grad_state, y.grad_state) == (0.0, "not computed", "not computed")
    y.backward()
    assert (x.grad_state, y.grad_state, z.grad_state) == ("computed", "computed", "not computed")
    x.grad = 0
    assert x.grad_state == "not computed"
    (x * 0.0).backward()
    assert (x.grad, x.grad_state) == (0.0, "computed")
    clear_grads([x])
    assert x.grad_state == "not computed"
    first = sweep_number(y)
    (y * 1).backward()
    assert sweep_number(y) == sweep_number(x) > first


def test_backward_wants_one_value() -> None:
    for wrong in ([Value(1.0)], 1.0, None):
        with pytest.raises(TypeError, match="needs one Value to differentiate, got"):
            tl.backward(wrong)  # type: ignore[arg-type]
    with pytest.raises(HistoryError, match="has no history"):
        Value(1.0).detach().backward()


def test_a_million_nodes_in_a_chain() -> None:
    x = Value(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1e-6
    y.backward()
    assert x.grad == 1.0 and len(repr(y)) < 100 and len(topological_order(y)) == 1_000_001
    z = tl.sum([x, x])
    for _ in range(200_000):
        z = tl.sum([z, x])
    z.backward()
    assert x.grad == 1.0 + 200_002
    del y, z


def test_what_does_not_depend_on_the_inputs_is_looked_at_once() -> None:
    """There are 2**60 paths through it."""
    w, x = Value(2.0), Value(1.0)
    y = w
    for _ in range(60):
        y = 0.5 * y + 0.5 * y
    z = y * x
    assert gradients(z, [x]) == [2.0] and gradients(z, [x], create_graph=True)[0].data == 2.0
    assert tangents([z], [x], [3.0]) == [6.0] and engine.dependents([z], [x]) == [x, z]
    assert gradients(z, [w]) == [1.0] and [v is z for v in topological_order(z)].index(True) == 182


def test_graphs_are_freed_at_once() -> None:
    x = Value(1.0)
    gc.disable()
    try:
        y = tl.dot([x, x], [x * 2, 3.0]) + x.erf()
        watched = [weakref.ref(v) for v in topological_order(y) if v is not x]
        y.backward()
        del y
        assert [ref() for ref in watched] == [None] * len(watched)
    finally:
        gc.enable()


def test_zeros_are_seen_wherever_gradients_are_read_though_they_are_written_late() -> None:
    def cleared() -> tuple[list[Value], Any]:
        leaves = [Value(1.0), Value(2.0)]
        storage, _ = bind(leaves)
        (leaves[0] * leaves[1]).backward()
        storage.clear_grads()
        return leaves, storage

    leaves, _ = cleared()
    assert [v.grad for v in leaves] == [0.0, 0.0] and leaves[1].grad_state == "not computed"
    leaves, storage = cleared()
    leaves[0].grad = 3.0
    assert list(storage.grads) == [3.0, 0.0]
    leaves, storage = cleared()
    (leaves[1] * 5.0).backward()
    assert list(storage.settled()) == [0.0, 5.0]
    leaves, storage = cleared()
    other, _ = bind([leaves[1], Value(1.0)])
    assert list(other.grads) == [0.0, 0.0]
    leaves, storage = cleared()
    clear_grads(leaves[:1])
    assert list(np.frombuffer(storage.settled())) == [0.0, 0.0]
    for some in ([0, 1], [1]):
        leaves, storage = cleared()
        taken = [leaves[k] for k in some]
        y = tl.compile(lambda x, taken=taken: tl.dot(taken, [x] * len(taken))).batch([2.0, 4.0])
        y.backward()
        y.backward()
        assert list(storage.settled()) == [6.0 if k in some else 0.0 for k in (0, 1)]
