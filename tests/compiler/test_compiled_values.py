"""Compiled functions of Values: one node a number, differentiable to any order; hooks, modes, transforms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import EXECUTORS, differences

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, gradients, nn, no_grad
from tinygrad_lite.errors import AnomalyError

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "product": lambda x, y: x * y,
    "wave": lambda x, y: tl.sin(x * y) + x**3 / (y * y + 1.0),
    "branches": lambda x, y: tl.where(x > y, x * x, tl.exp(y)) + tl.maximum(x, 0.5) * y,
    "sequences": lambda x, y: tl.logsumexp([x, y, x * y]) * tl.norm([x, y, 1.0]),
    "constant": lambda x, y: 0.0 * x + 3.0,
    "one of two": lambda x, y: y * y,
    "singular at 0": lambda x, y: tl.where(x > 0.0, tl.log(x) * tl.sqrt(x), 2.0 * x) * y,
    "with a gradient inside": lambda x, y: tl.grad(lambda t: tl.tanh(0.5 * t * y) * t)(x) + y,
}
POINTS = [(0.5, -1.25), (2.0, 2.0), (0.0, 3.0), (-1.5, 0.0)]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_way_to_a_derivative(name: str, executor: Any) -> None:
    f = FUNCTIONS[name]
    compiled = compile(f, executor=executor)
    ways: dict[str, Callable[[Any], Callable[..., Any]]] = {
        "grad": lambda f: tl.grad(f, (0, 1)),
        "value_and_grad": lambda f: tl.value_and_grad(f, (0, 1)),
        "jacobian": lambda f: tl.jacobian(lambda x, y: [f(x, y), f(y, x)], (0, 1)),
        "hessian": lambda f: tl.hessian(f, (0, 1)),
        "hvp": lambda f: lambda x, y: tl.hvp(lambda xy: f(*xy), [x, y], [1.0, -2.0]),
        "jvp": lambda f: lambda x, y: tl.jvp(f, (x, y), (1.0, -2.0)),
        "vjp": lambda f: lambda x, y: tl.vjp(f, x, y)[1](1.5),
        "third": lambda f: tl.grad(tl.grad(tl.grad(f, 1))),
        "inside a sum": lambda f: tl.grad(lambda x, y: tl.sum([f(x, y), x * f(y, x), f(x, x)]), (0, 1)),
        "through itself": lambda f: tl.grad(lambda x, y: f(f(x, y), y), (0, 1)),
    }
    for way, made in ways.items():
        for point in POINTS:
            found, expected = made(compiled)(*point), made(f)(*point)
            assert not differences(found, expected, 256.0, 256.0, signs=False), (way, point)
    for point in POINTS:
        xs, others = list(map(Value, point)), list(map(Value, point))
        (compiled(*xs) * compiled(xs[1], xs[0])).backward()
        (f(*others) * f(others[1], others[0])).backward()
        assert not differences([x.grad for x in xs], [x.grad for x in others], 256.0, 256.0, signs=False), point


def test_one_node_for_one_number() -> None:
    w = Value(2.0)
    f = compile(lambda xs, t: [tl.tanh(tl.dot(xs, xs) * w + t), w * t, 5.0])
    xs, t = [Value(0.5), Value(-1.0)], Value(0.25)
    first, second, third = f(xs, t)
    assert first.op.name == second.op.name == "compiled" and third == 5.0
    assert [x for x in first.parents if x is not w] == [*xs, t] and w in first.parents
    first.backward()
    found = [x.grad for x in (*xs, t, w)]
    tl.engine.clear_grads([*xs, t, w])
    f.function(xs, t)[0].backward()
    assert found == pytest.approx([x.grad for x in (*xs, t, w)])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_values_beside_plain_numbers(executor: Any) -> None:
    f = compile(lambda x, ys, z: x * ys[0] + ys[1] * z, executor=executor)
    x, y = Value(2.0), Value(3.0)
    out = f(x, [y, 4], np.float64(0.5))
    assert out.data == 8.0
    out.backward()
    assert (x.grad, y.grad) == (3.0, 2.0)
    assert f(1.0, [2.0, 4.0], 0.5) == 4.0 and len(f.traces) == 1
    same = f(x, [x, x], x)
    tl.engine.clear_grads([x])
    same.backward()
    assert (same.data, x.grad) == (8.0, 8.0)
    arrays = compile(lambda a: (a * a).sum(), executor=executor)
    total = arrays(np.array([x, y, 1.0], dtype=object))
    tl.engine.clear_grads([x, y])
    total.backward()
    assert (total.data, x.grad, y.grad) == (14.0, 4.0, 6.0)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_inputs_and_captured_leaves_together(executor: Any) -> None:
    """Mixed second derivatives, and the gradient of a penalty on a gradient."""
    w, b = Value(0.7), Value(-0.2)

    def f(x: Any) -> Any:
        return tl.tanh(w * x + b) * w

    results = []
    for g in (compile(f, executor=executor), f):
        x = Value(1.5)
        y = g(x) ** 2
        dx, dw = gradients(y, [x, w], create_graph=True)
        tl.engine.clear_grads([w, b, x])
        (dx * dx + dw + y).backward()
        results.append([y.data, dx.data, dw.data, w.grad, b.grad, x.grad])
    assert results[0] == pytest.approx(results[1], rel=1e-12)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_derivatives_of_a_batch_to_any_order(executor: Any) -> None:
    w, b = Value(0.7), Value(-0.2)
    rows = [(0.5, 1.0), (-1.0, 0.0), (2.0, -0.5)]

    def f(x: Any, y: Any) -> Any:
        return (tl.tanh(w * x + b) - y) ** 2

    compiled = compile(f, executor=executor)
    results = []
    for loss in (
        lambda: compiled.batch(*map(list, zip(*rows, strict=True))),
        lambda: tl.mean([f(Value(x), Value(y)) for x, y in rows]),
    ):
        firsts = gradients(loss() * w, [w, b], create_graph=True)
        seconds = [gradients(g, [w, b], create_graph=True) for g in firsts]
        thirds = [gradients(h, [w, b]) for row in seconds for h in row]
        results.append([[g.data for g in firsts], [[h.data for h in row] for row in seconds], thirds])
    assert not differences(results[0], results[1], 512.0, 64.0)


def test_a_batch_composes_with_eager_penalties() -> None:
    model = nn.MLP(2, [3, 1], activation="tanh")
    f = compile(lambda x, y: (model(x) - y) ** 2)
    parameters = model.parameters()
    x, y = [[0.5, 1.0], [-1.0, 2.0]], [1.0, -1.0]

    def total(loss: Any) -> list[float]:
        tl.engine.clear_grads(parameters)
        made = tl.exp(loss * 2.0) + 0.1 * tl.dot(parameters, parameters) - loss * parameters[0]
        made.backward()
        return [made.data, *[p.grad for p in parameters]]

    eager = tl.mean([(model(row) - target) ** 2 for row, target in zip(x, y, strict=True)])
    assert total(f.batch(x, y)) == pytest.approx(total(eager), rel=1e-12)
    twice = f.batch(x, y) + f.batch(x[:1], y[:1], reduce="sum")
    assert twice.data == pytest.approx(eager.data + f(x[0], y[0]))


def test_gradients_add_up_over_batches() -> None:
    w = Value(2.0)
    f = compile(lambda x: w * w * x)
    for _ in range(3):
        f.batch([1.0, 2.0], reduce="sum").backward()
    assert w.grad == 36.0
    loss = f.batch([1.0], reduce="sum")
    w.data = 100.0  # a derivative belongs to the numbers at the time of the call
    tl.engine.clear_grads([w])
    loss.backward()
    assert w.grad == 4.0


def test_compiled_inside_compiled_and_inside_transforms() -> None:
    w = Value(3.0)
    inner = compile(lambda x: w * x * x)
    outer = compile(lambda x: inner(x) + inner(2.0 * x) + inner.batch([1.0, 2.0], reduce="sum") + tl.grad(inner)(x))
    plain = compile(lambda x: w * x * x + w * 4.0 * x * x + 5.0 * w + 2.0 * w * x)
    assert outer(1.5) == pytest.approx(plain(1.5)) and not inner.traces
    x, y = Value(1.5), Value(1.5)
    outer(x).backward()
    found = x.grad, w.grad
    tl.engine.clear_grads([w])
    plain(y).backward()
    assert found == pytest.approx((y.grad, w.grad))
    for transform in (tl.grad, tl.hessian, lambda f: tl.grad(tl.grad(f)), lambda f: lambda x: tl.jvp(f, (x,), (1.0,))):
        assert not differences(transform(outer)(0.5), transform(plain)(0.5), 64.0, 64.0)
        assert not differences(compile(transform(outer))(0.5), transform(plain)(0.5), 64.0, 64.0)


def test_a_batch_inside_a_trace_or_a_transform() -> None:
    f = compile(lambda x: {"a": x * x, "b": [x, 2.0]})
    outer = compile(lambda t: tl.dot(f.batch([1.0, 2.0], reduce=None)["a"].tolist(), [t, t]))
    assert outer(2.0) == 10.0
    w = Value(1.0)
    g = compile(lambda x: x * w)
    assert tl.grad(lambda t: g.batch([1.0, 2.0], reduce="sum") * t)(3.0) == 3.0
    inside = compile(lambda t: g.batch([1.0, 2.0]) * t)
    assert inside(2.0) == 3.0


def test_without_recording() -> None:
    w = Value(2.0)
    f = compile(lambda x: w * x)
    with no_grad():
        assert f(3.0) == 6.0
        y = f(Value(3.0))
        assert (y.data, y.kind) == (6.0, "detached")
        loss = f.batch([1.0, 2.0])
        assert (loss.data, loss.kind) == (3.0, "detached")
        assert f.batch([1.0, 2.0], reduce=None).tolist() == [2.0, 4.0]
        with tl.enable_grad():
            f.batch([1.0, 2.0]).backward()
    assert w.grad == 1.5
    assert tl.grad(f)(1.0) == 2.0
    traced_without = compile(lambda x: w * x * x)
    with no_grad():
        assert traced_without(2.0) == 8.0
    assert tl.grad(traced_without)(2.0) == 8.0


def test_no_grad_and_detach_inside() -> None:
    w = Value(2.0)

    def f(x: Any) -> Any:
        with no_grad():
            held = w * x
        return held * x + w.detach() * x + (w * x).detach()

    results = []
    for g in (compile(f), f):
        x = Value(3.0)
        tl.engine.clear_grads([w])
        y = g(x)
        y.backward()
        results.append((y.data, x.grad, w.grad))
    assert results[0] == results[1]
    w.data = 5.0
    assert compile(f)(1.0) == 15.0
    compiled = compile(f)
    compiled.batch([1.0, 2.0]).backward()
    w.data = 1.0
    assert compiled.batch([1.0, 2.0]).data == f(1.0).data / 2 + f(2.0).data / 2


def test_hooks() -> None:
    w, b = Value(2.0), Value(1.0)
    seen: list[float] = []
    w.register_hook(lambda g: seen.append(float(f"{g:.17g}")) or g * 10.0)
    f = compile(lambda x: w * w * x + b)
    for call in (lambda: f(Value(3.0)), lambda: f.batch([3.0, 3.0])):
        seen.clear()
        tl.engine.clear_grads([w, b])
        call().backward()
        assert (seen, w.grad, b.grad) == ([12.0], 120.0, 1.0)
    seen.clear()
    tl.engine.clear_grads([w, b])
    w.data = math.inf  # and also where the derivatives are taken eagerly
    f.batch([3.0, 3.0]).backward()
    assert (seen, w.grad, b.grad) == ([math.inf], math.inf, 1.0)
    x = Value(3.0)
    x.register_hook(lambda g: -g)
    w.data = 2.0
    f(x).backward()
    assert x.grad == -4.0
    y = f(Value(1.0))
    y.register_hook(lambda g: 5.0 * g)
    tl.engine.clear_grads([w, b])
    y.backward()
    assert b.grad == 5.0


def test_a_hook_may_call_compiled_code() -> None:
    w = Value(2.0)
    square = compile(lambda x: x * x)
    w.register_hook(lambda g: square(g))
    compile(lambda x: w * x).batch([3.0]).backward()
    assert w.grad == 9.0


def test_anomalies_are_found() -> None:
    w = Value(0.0)
    f = compile(lambda x: tl.log(w * x))
    with tl.detect_anomaly(), pytest.raises(AnomalyError):
        f.batch([1.0, 2.0])
    with tl.detect_anomaly():
        w.data = 1.0
        f.batch([1.0, 2.0]).backward()
    assert w.grad == 1.0


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_zero_adjoint_passes_nothing_through_an_infinite_derivative(executor: Any) -> None:
    def f(x: Any) -> Any:
        return tl.where(x > 0.0, tl.log(x), 3.0 * x)

    compiled = compile(f, executor=executor)
    assert (tl.grad(compiled)(0.0), tl.hessian(compiled)(0.0), tl.grad(tl.grad(compiled))(-1.0)) == (3.0, 0.0, 0.0)
    assert compile(tl.grad(f), executor=executor).batch([0.0, -1.0, 2.0], reduce=None).tolist() == [3.0, 3.0, 0.5]
    assert compile(tl.grad(f), executor=executor).batch([0.0, -1.0, 2.0], reduce="sum").data == 6.5
    w = Value(0.0)
    inner = 2.0 * w  # recorded once, and computed anew from w
    loss = compile(lambda x: f(inner) * x, executor=executor)
    for at in (1.0, 0.0):
        w.data, w.grad = at, 0.0
        loss.batch([1.0, 2.0], reduce="sum").backward()
        assert w.grad == pytest.approx(18.0 if at == 0.0 else 3.0)
