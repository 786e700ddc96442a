"""Nothing passes a flat operation, even if the adjoint is infinite or nan: eager, compiled, around fixed points."""

from __future__ import annotations

import math
from math import nan
from typing import Any

import pytest
from test_singular_points import Function, check

import tinygrad_lite as tl
from tinygrad_lite import Value, grad, gradients, hvp

# A flat operation between an infinite slope and x: the whole is constant in x.
BLOCKED: dict[str, tuple[Function, float]] = {
    "stop_gradient": (lambda x: tl.sqrt(tl.stop_gradient(x)), 0.0),
    "relu": (lambda x: tl.sqrt(tl.relu(x)), -1.0),
    "leaky_relu": (lambda x: tl.sqrt(tl.leaky_relu(x, 0.0)), -1.0),
    "elu": (lambda x: tl.sqrt(tl.elu(x, 0.0)), -1.0),
    "maximum": (lambda x: tl.sqrt(tl.maximum(x, 0.0)), -1e-12),
    "maximum of the second": (lambda x: tl.log(tl.maximum(0.0, x)) * 0.0 + tl.sqrt(tl.maximum(0.0, x)), -2.0),
    "minimum": (lambda x: tl.sqrt(1.0 - tl.minimum(x, 1.0)), 2.0),
    "clip": (lambda x: tl.acos(tl.clip(x, -1.0, 1.0)), 1.2),
    "clip, the bound": (lambda x: tl.sqrt(tl.clip(0.0, x, 1.0)), -1.0),
    "step": (lambda x: tl.sqrt(tl.step(x)), -1.0),
    "sign": (lambda x: tl.sqrt(tl.sign(x) + 1.0), -1.0),
    "floor": (lambda x: tl.sqrt(tl.floor(x)), 0.5),
    "ceil": (lambda x: tl.sqrt(tl.ceil(x)), -0.5),
    "trunc": (lambda x: tl.sqrt(tl.trunc(x)), 0.5),
    "round": (lambda x: tl.sqrt(tl.ops.round(x)), 0.5),
    "less": (lambda x: tl.sqrt(tl.less(x, 0.0)), 1.0),
    "equal": (lambda x: tl.sqrt(tl.equal(x, 0.0)), 1.0),
    "not_equal": (lambda x: tl.sqrt(tl.not_equal(x, 0.0)), 0.0),
    "where": (lambda x: tl.sqrt(tl.where(tl.less(x, 0.0), 0.0 * x.detach(), x)), -1.0),
    "take": (lambda x: tl.sqrt(tl.take([x.detach() * 0.0, x], tl.less(0.0, x))), -1.0),
    "power 0": (lambda x: tl.sqrt(x**0 - 1.0), 3.0),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_nothing_passes_what_is_flat_be_the_adjoint_infinite(name: str) -> None:
    f, x = BLOCKED[name]
    uncertain = name in ("where", "take", "maximum of the second")
    check(lambda x: x * x + f(x), [x], [2.0 * x], [[2.0]], forward_may_be_nan=uncertain)
    check(lambda x: x + f(x) * f(x) + nan * tl.stop_gradient(f(x)), [x], [1.0])


@pytest.mark.parametrize("executor", ["array", "native"])
@pytest.mark.parametrize("name", BLOCKED)
def test_nothing_passes_what_is_flat_in_compiled_functions(name: str, executor: Any) -> None:
    """Differentiated inside, outside, in a batch, with captured leaves, and to the second order."""
    f, x = BLOCKED[name]
    whole = tl.compile(lambda x: x * x + f(x), executor=executor)
    assert tl.compile(grad(lambda x: x * x + f(x)), executor=executor)(x) == 2.0 * x
    assert grad(whole)(x) == 2.0 * x and grad(grad(whole))(x) == 2.0
    w = Value(x)
    captured = tl.compile(lambda t: t * w * w + f(w), executor=executor)
    captured.batch([1.0, 2.0], reduce="sum").backward()
    assert w.grad == 6.0 * x
    assert gradients(captured.batch([1.0, 1.0]), [w], create_graph=True)[0].data == 2.0 * x


@pytest.mark.parametrize("executor", ["array", "native"])
def test_a_compiled_node_is_flat_where_its_graph_is(executor: Any) -> None:
    """The infinite adjoint comes from outside; a derivative of 0 does not say why it is 0."""
    w = Value(-1.0)
    for relu, square in (
        (lambda: tl.compile(tl.relu, executor=executor)(w), lambda: tl.compile(lambda x: (x + 1.0) ** 2)(w)),
        (
            lambda: tl.compile(lambda t: tl.relu(w * t), executor=executor).batch([1.0, 2.0]),
            lambda: tl.compile(lambda t: t * (w + 1.0) ** 2, executor=executor).batch([1.0, 2.0], reduce="sum"),
        ),
    ):
        w.grad = 0.0
        (tl.sqrt(relu()) + w).backward()
        assert w.grad == gradients(tl.sqrt(relu()) + w, [w], create_graph=True)[0].data == 1.0
        w.grad = 0.0
        tl.sqrt(square()).backward()
        assert math.isnan(w.grad)


def test_infinite_adjoints_of_a_fixed_point_that_end_at_what_is_flat() -> None:
    def f(a: Any) -> Any:
        return tl.sqrt(tl.relu(tl.fixed_point(lambda z, a: 0.5 * z + a, 0.1, a).values))

    assert grad(f)(-1.0) == tl.compile(grad(f))(-1.0) == grad(tl.compile(f))(-1.0) == 0.0
    assert tl.compile(grad(f)).batch([-1.0, 2.0], reduce=None).tolist() == pytest.approx([0.0, grad(f)(2.0)])


def test_hooks_and_reports_see_what_is_blocked() -> None:
    x = Value(-1.0, label="x")
    y = tl.sqrt(tl.relu(x))
    seen: list[float] = []
    with x.register_hook(seen.append):
        y.backward()
    assert seen == [0.0] and tl.engine.contributions(y.parents[0], math.inf) == [0.0]
    found = tl.explain_nan(y)
    assert found.kind is None and "stop at flat operations: relu(x)" in str(found)
    assert "total" in str(y.explain(wrt=x)) and y.explain(wrt=x).derivative == 0.0
    assert y.explain(wrt=x, by="paths").terms[0].contribution == 0.0
    assert tl.explain_nan(tl.sqrt(Value(0.0, label="x"))).kind == "derivative"


def test_the_adjoint_fixed_point_passes_what_is_flat_by() -> None:
    """z = relu(z - 1) + w: the linear map of its adjoints has no edge where relu is flat."""
    w = Value(0.25)
    z = tl.fixed_point(lambda z: tl.relu(z - 1.0) + w, 0.0).values
    (z * z).backward()
    assert w.grad == 0.5


def test_the_examples_of_blocking() -> None:
    assert grad(lambda x: x + tl.sqrt(tl.stop_gradient(x)))(0.0) == 1.0
    assert grad(lambda x: tl.sqrt(tl.relu(x)))(-1.0) == 0.0
    assert grad(lambda x: tl.acos(tl.clip(x, -1.0, 1.0)))(1.2) == 0.0


def test_what_merely_happens_to_be_zero_is_multiplied() -> None:
    for f in (lambda x: tl.sqrt(x * x), lambda x: tl.sqrt(tl.abs(x)), lambda x: tl.sqrt(x**2), lambda x: tl.log(x * x)):
        check(f, [0.0], [nan])


def slope_of_norm(x: Any) -> Any:
    """At 0 it is 0 by convention, and has no derivative: nan, even for an adjoint that is 0."""
    return grad(lambda t: tl.norm([t, t]))(x)


UNREACHED: dict[str, Function] = {
    "maximum": lambda x: tl.maximum(slope_of_norm(x), 0.5),
    "equal": lambda x: tl.where(tl.equal(slope_of_norm(x), 0.5), 3.0 * x, 0.0),
    "the other branch": lambda x: tl.where(tl.less(x, 1.0), 0.0, slope_of_norm(x)),
    "0 times it": lambda x: tl.relu(x * slope_of_norm(x) - 1.0),
    "below": lambda x: slope_of_norm(tl.relu(x - 1.0)),
}


@pytest.mark.parametrize("name", UNREACHED)
def test_what_has_no_derivative_passes_on_nothing_where_nothing_reaches_it(name: str) -> None:
    f = UNREACHED[name]
    check(lambda x: 2.0 * x + x * x + f(x), [0.0], [2.0], [[2.0]])
    assert tl.jvp(lambda x: tl.jvp(lambda x: x * x + f(x), (x,), (1.0,))[1], (0.0,), (1.0,)) == (0.0, 2.0)
    x = Value(0.0)
    with x.register_hook(lambda g: g):
        assert gradients(2.0 * x + f(x), [x]) == [gradients(2.0 * x + f(x), [x], create_graph=True)[0].data] == [2.0]


def test_what_has_no_derivative_passes_on_nan_for_an_adjoint_that_is_0() -> None:
    check(lambda x: x * slope_of_norm(x), [0.0], [nan])
    check(lambda x: x * slope_of_norm(x) + tl.maximum(slope_of_norm(x), 0.5), [0.0], [nan])
    x = Value(0.0)
    slope = slope_of_norm(x)
    (x * slope + tl.maximum(slope, 0.5)).backward()
    assert math.isnan(x.grad)


def test_a_tangent_that_happens_to_be_zero_moves() -> None:
    """(x ** 3) ** (1 / 3) is x: forward mode does not give 0 where it does not know the derivative."""
    check(lambda x: (x**3) ** (1 / 3), [0.0], [nan])
    assert math.isnan(hvp(lambda x: (x[0] ** 3) ** (1 / 3), [0.0], [1.0])[0])


def test_custom_rules_block_by_a_plain_zero_or_where_they_are_declared_flat(own_operations: Any) -> None:
    plain = own_operations("plain_gate", lambda x: max(x, 0.0), lambda g, y, x: g if y.data > 0 else 0.0)
    declared = own_operations("flat_gate", lambda x: max(x, 0.0), lambda g, y, x: g * tl.step(x), flat=True)
    neither = own_operations("open_gate", lambda x: max(x, 0.0), lambda g, y, x: g * tl.step(x))
    for gate in (plain, declared):
        check(lambda x, gate=gate: x + tl.sqrt(gate(x)), [-1.0], [1.0])
    check(lambda x: x + tl.sqrt(neither(x)), [-1.0], [nan])
