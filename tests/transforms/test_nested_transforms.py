"""Transforms inside others, under modes, in threads and around modules: the right numbers, and nothing left behind."""

from __future__ import annotations

import gc
import math
import random
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from test_derivatives import SECOND, TRANSFORMS, cube
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value, detect_anomaly, engine, grad, gradients, hessian, hvp, jacobian, jvp, nn, no_grad, vjp
from tinygrad_lite.engine import sweep_number, topological_order
from tinygrad_lite.errors import AnomalyError

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")

every = pytest.mark.parametrize("transform", [*TRANSFORMS.values(), *SECOND.values()], ids=[*TRANSFORMS, *SECOND])


def state(v: Value) -> tuple[Any, ...]:
    return v.data, v.grad, v.grad_state, sweep_number(v), v.kind


@pytest.fixture
def captured() -> Iterator[list[Value]]:
    """A parameter of a module, a leaf and results of it, some with a gradient: all must stay as they are."""
    model = nn.MLP(1, [1])
    leaf = Value(2.0)
    result = leaf * leaf
    (result * model([leaf])).backward()
    values = [*model.parameters(), leaf, result, result * 3, leaf.detach(), Value(4.0)]
    before = [state(v) for v in values]
    yield values
    assert [state(v) for v in values] == before


@every
def test_captured_values_keep_every_state(transform: Any, captured: list[Value]) -> None:
    transform(lambda x: tl.sum(captured) * x**3 + tl.dot(captured, captured) * x, 2.0)
    transform(lambda x: tl.sum(captured) * x**3, Value(2.0))


@every
def test_and_so_when_f_raises_midway(transform: Any, captured: list[Value]) -> None:
    def f(x: Any) -> Any:
        inner = grad(lambda y: y * x * tl.sum(captured))(1.0) * x
        raise RuntimeError(f"at {inner.data}")

    for x in (2.0, Value(2.0)):
        with pytest.raises(RuntimeError, match="at"):
            transform(f, x)
    assert type(grad(cube)(2.0)) is float, "no longer inside a transform"
    assert (captured[0] * 2).kind == "result", "still recording"
    with no_grad():
        with pytest.raises(RuntimeError, match="at"):
            transform(f, 2.0)
        assert (captured[0] * 2).kind == "detached"


def test_arguments_and_their_gradients_are_left_alone() -> None:
    x = Value(2.0, label="x")
    h = x * x
    h.backward()
    before = state(x), state(h)
    for transform in (*TRANSFORMS.values(), *SECOND.values()):
        transform(cube, x)
        transform(cube, h)
    assert (state(x), state(h)) == before
    numbers = [1.0, 2.0]

    def f(xs: Any) -> Any:
        y = xs[0] * xs[1]
        xs.append(xs.pop(0) * 2)
        return y

    assert grad(f)(numbers) == [2.0, 1.0] and numbers == [1.0, 2.0]


@every
def test_graphs_are_freed_at_once(transform: Any) -> None:
    watched: list[weakref.ref[Value]] = []

    def f(x: Any) -> Any:
        y = x * x * x
        watched.extend(weakref.ref(v) for v in topological_order(y) if v.op is not None)
        return y

    gc.collect()
    gc.disable()
    try:
        transform(f, 2.0)
        assert watched and [ref() for ref in watched] == [None] * len(watched)
    finally:
        gc.enable()


def test_a_million_nodes_in_a_chain() -> None:
    length = up_to(1_000_000) if engine.compiled else 100_000  # the readable engine is a tenth as fast
    nodes: list[weakref.ref[Value]] = []

    def f(x: Any) -> Any:
        y = x * x
        nodes.append(weakref.ref(y))
        for _ in range(length):
            y = y + x
        return y

    assert grad(f)(1.0) == length + 2.0 and hvp(f, 1.0, 1.0) == 2.0 and jvp(f, (1.0,), (1.0,))[1] == length + 2.0
    assert [node() for node in nodes] == [None] * 3


def test_perturbations_are_not_confused() -> None:
    """Siskind and Pearlmutter, Perturbation confusion and referential transparency (2005), and similar cases."""
    for a in TRANSFORMS.values():
        for b in TRANSFORMS.values():
            assert a(lambda x, b=b: x * b(lambda y: x + y, 1.0), 1.0) == 1.0
            assert a(lambda x, b=b: x * b(lambda y: x * y, 2.0), 3.0) == 6.0
            assert a(lambda x, b=b: b(lambda y: x * y * y, x), 3.0) == 12.0, "captured and received"
            assert a(lambda x, b=b: b(lambda y: x * 3, 1.0) + x, 2.0) == 1.0, "an inner function that ignores its own"
            assert a(lambda x, b=b: b(lambda y: y * y, 5.0) * x, 2.0) == 10.0, "numbers in an inner call"
            assert a(lambda x, b=b: x * b(lambda y: b(lambda z: x * y * z * z, y), x), 2.0) == 48.0, "4 x x x"
    assert grad(lambda x: hvp(lambda y: x * y**3, x, 1.0))(2.0) == 24.0, "6 x y at y = x"
    assert hvp(lambda x: hvp(lambda y: y**5, x, 1.0), 2.0, 1.0) == 240.0
    assert hessian(lambda x: hessian(lambda y: y**4)(x))(2.0) == 24.0
    assert grad(lambda t: jvp(cube, (2.0,), (t,))[1])(1.0) == grad(lambda c: vjp(cube, 2.0)[1](c)[0])(1.0) == 12.0


def test_jacobians_of_gradients_are_hessians() -> None:
    def f(x: Any) -> Any:
        return x[0] ** 2 * x[1] + x[1].exp() * x[2]

    x = [2.0, 0.5, 3.0]
    for found in (
        jacobian(grad(f))(x),
        hessian(f)(x),
        [hvp(f, x, [float(i == k) for i in range(3)]) for k in range(3)],
    ):
        np.testing.assert_allclose(found, [[1, 4, 0], [4, 3 * math.exp(0.5), math.exp(0.5)], [0, math.exp(0.5), 0]])


def test_backward_inside_a_function_under_grad() -> None:
    w = Value(2.0)

    def f(x: Any) -> Any:
        y = x * x * w
        y.backward()
        assert x.grad == 12.0
        return y * x.grad

    assert grad(f)(3.0) == 12.0 * 12.0, "x.grad is a number, so a constant"
    assert w.grad == 9.0
    assert hessian(f)(3.0) == 4.0 * 12.0 and w.grad == 18.0


def test_no_grad_outside_changes_no_derivative() -> None:
    for name, transform in {**TRANSFORMS, **SECOND}.items():
        with no_grad():
            assert transform(cube, 2.0) == 12.0, name
            slope = transform(cube, Value(2.0))
            assert (slope.data, slope.kind) == (12.0, "detached"), f"{name}: and nothing is recorded outside f"
    pullback = vjp(cube, 2.0)[1]
    with no_grad():
        assert pullback(1.0) == (12.0,) and not engine.Value(1.0).tanh().parents


def test_no_grad_and_detach_inside_make_constants() -> None:
    def under_no_grad(x: Any) -> Any:
        with no_grad():
            y = x * x
        return x * y

    for f in (under_no_grad, lambda x: x * (x * x).detach(), lambda x: x * tl.stop_gradient(x * x)):
        for name, transform in TRANSFORMS.items():
            assert transform(f, 3.0) == 9.0, name
        for name, transform in SECOND.items():
            assert transform(f, 3.0) == 0.0, name

    def inner(x: Any) -> Any:
        with no_grad():
            slope = grad(cube)(x)
        return slope * x

    assert grad(inner)(3.0) == 27.0


def test_anomalies_are_named_inside_transforms() -> None:
    with detect_anomaly():
        for transform in (*TRANSFORMS.values(), *SECOND.values()):
            assert transform(cube, 2.0) == 12.0
        for name, transform in TRANSFORMS.items():
            with pytest.raises(
                AnomalyError, match=r"log of \(Value = 0.0\), recorded at .*test_nested_transforms.py:\d+, gave -inf"
            ):
                transform(lambda x: x.log() + x, 0.0)
            if name != "jvp":
                with pytest.raises(AnomalyError, match="sqrt of"):
                    transform(lambda x: x.sqrt() + x, 0.0)
        with pytest.raises(AnomalyError):
            hessian(lambda x: x.sqrt())(0.0)
    assert grad(lambda x: x.sqrt())(0.0) == math.inf


def test_an_infinite_tangent_is_an_anomaly() -> None:
    assert jvp(lambda x: x.sqrt() + x, (0.0,), (1.0,)) == (0.0, math.inf)
    with detect_anomaly(), pytest.raises(AnomalyError, match="sqrt of"):
        jvp(lambda x: x.sqrt() + x, (0.0,), (1.0,))


def test_modules_on_traced_inputs_and_functions_of_the_weights() -> None:
    random.seed(3)
    model = nn.MLP(2, [4, 1], activation="tanh")
    parameters = model.parameters()
    x = [0.3, -0.4]
    leaves = [Value(a) for a in x]
    expected = gradients(model(leaves), leaves)
    assert grad(model)(x) == pytest.approx(expected, rel=1e-15)
    assert grad(model)(np.array(x)).tolist() == pytest.approx(expected, rel=1e-15)
    matrix = np.array(hessian(model)(x))
    for k in range(2):
        step = [a + 1e-6 * (i == k) for i, a in enumerate(x)]
        np.testing.assert_allclose((np.array(grad(model)(step)) - grad(model)(x)) / 1e-6, matrix[k], atol=1e-5)
    assert all(p.grad_state == "not computed" for p in parameters)

    def neuron(weights: Any) -> Any:
        return (tl.dot(weights["w"], x) + weights["b"]).tanh()

    weights = {"w": [0.5, 0.25], "b": 0.1}
    s = 1 - math.tanh(0.5 * 0.3 - 0.25 * 0.4 + 0.1) ** 2
    found = grad(neuron)(weights)
    assert found == {"w": pytest.approx([s * 0.3, -s * 0.4]), "b": pytest.approx(s)}

    slope = grad(model)([Value(a) for a in x])
    penalty = tl.dot(slope, slope)
    penalty.backward()
    step = 1e-6
    p = parameters[0]
    before, p.data = p.data, p.data + step
    above = sum(g * g for g in grad(model)(x))
    p.data = before
    assert p.grad == pytest.approx((above - penalty.data) / step, rel=1e-4), "a penalty on input gradients trains"
