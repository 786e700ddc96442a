"""Compiled functions against the same functions run eagerly."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import moderate, programs, run

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, optim
from tinygrad_lite.compiler.compiled import compile
from tinygrad_lite.errors import ShapeError, TraceError
from tinygrad_lite.transforms.pytree import mapped


def eager_mean(loss: Any, *columns: Any) -> Value:
    rows = zip(*[np.asarray(column, dtype=float).tolist() for column in columns], strict=True)
    mean: Value = tl.mean([loss(*mapped(Value, row)) for row in rows])
    return mean


def check_batch(loss: Any, parameters: list[Value], *columns: Any) -> None:
    """Value and gradients of the mean over a batch, compiled and eager."""
    tl.engine.clear_grads(parameters)
    compiled = compile(loss).batch(*columns)
    compiled.backward()
    found = [p.grad for p in parameters]
    tl.engine.clear_grads(parameters)
    eager = eager_mean(loss, *columns)
    eager.backward()
    assert compiled.data == pytest.approx(eager.data, rel=1e-12, abs=1e-12)
    assert found == pytest.approx([p.grad for p in parameters], rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "softplus", "leaky_relu"])
@pytest.mark.parametrize("lanes", [1, 2, 37])
def test_a_perceptron(activation: str, lanes: int) -> None:
    random.seed(1)
    model = nn.MLP(3, [5, 4, 2], activation=activation)
    source = np.random.default_rng(0)
    x, labels = source.normal(size=(lanes, 3)), source.integers(0, 2, lanes)
    check_batch(lambda x, label: nn.cross_entropy(model(x), label), model.parameters(), x, labels)


def test_a_recurrent_net_and_shared_weights() -> None:
    w, u, b = (Value(v) for v in (0.5, -0.3, 0.1))

    def loss(xs: list[Value], target: Value) -> Value:
        h: Any = 0.0
        for x in xs:
            h = tl.tanh(w * x + u * h + b)
        return (h - target) ** 2

    source = np.random.default_rng(0)
    check_batch(loss, [w, u, b], source.normal(size=(9, 6)), source.normal(size=9))


def test_attention() -> None:
    random.seed(2)
    tokens, width = 4, 3
    query, key, value = ([[Value(random.uniform(-1, 1)) for _ in range(width)] for _ in range(width)] for _ in range(3))

    def projected(matrix: Any, x: Any) -> list[Value]:
        return [tl.dot(row, x) for row in matrix]

    def loss(xs: Any) -> Value:
        q, k, v = ([projected(matrix, x) for x in xs] for matrix in (query, key, value))
        total: Any = 0.0
        for t in range(tokens):
            weights = tl.softmax([tl.dot(q[t], k[s]) for s in range(t + 1)])
            mixed = [tl.dot(weights, [v[s][j] for s in range(t + 1)]) for j in range(width)]
            total = total + tl.sum([(a - b) ** 2 for a, b in zip(mixed, xs[t], strict=True)])
        return total

    leaves = [p for matrix in (query, key, value) for row in matrix for p in row]
    check_batch(loss, leaves, np.random.default_rng(0).normal(size=(7, tokens, width)))


@settings(max_examples=25, deadline=None)
@given(programs, st.lists(moderate, min_size=2, max_size=4))
def test_random_programs(program: list[tuple[str, int, int, int]], numbers: list[float]) -> None:
    """Derivatives by inputs and by captured leaves, in calls and in batches."""
    leaves = [Value(x) for x in numbers[1:]]

    def f(x: Any) -> Any:
        return run(program, [x, *leaves], 0)

    eager = run(program, [Value(numbers[0]), *leaves], 0)
    assert compile(f)(numbers[0]) == pytest.approx(eager.data, rel=1e-11, abs=1e-11)
    check_batch(f, leaves, [numbers[0], 0.5, -1.25])


def test_functional_derivatives() -> None:
    def rosenbrock(x: Any) -> Any:
        return tl.sum([100 * (x[k + 1] - x[k] ** 2) ** 2 + (1 - x[k]) ** 2 for k in range(len(x) - 1)])

    x = np.linspace(-1.2, 1.3, 6).tolist()
    value, gradient = compile(tl.value_and_grad(rosenbrock))(x)
    assert (value, gradient) == (
        pytest.approx(tl.value_and_grad(rosenbrock)(x)[0]),
        pytest.approx(tl.grad(rosenbrock)(x)),
    )
    assert np.array(compile(tl.hessian(rosenbrock))(x)) == pytest.approx(np.array(tl.hessian(rosenbrock)(x)))


def test_training_moves_the_parameters_that_it_captured() -> None:
    random.seed(0)
    model = nn.MLP(2, [8, 1], activation="tanh")
    loss = compile(lambda x, y: (model(x) - y) ** 2)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    x, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1.0, 1.0, 1.0, -1.0]
    for _ in range(300):
        optimizer.zero_grad()
        total = loss.batch(x, y) + 1e-6 * tl.dot(model.parameters(), model.parameters())
        total.backward()
        optimizer.step()
    assert total.data < 0.01 and len(loss.traces) == 1


def test_a_branch_not_taken_may_be_singular() -> None:
    w = Value(1.0)
    check_batch(lambda x: tl.where(x > 0, (w * x).log(), w * x), [w], [0.0, 1.0, -2.0])


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda x: x if x > 0 else -x, "branching"),
        (lambda x: x * x.data, "reading .data"),
        (lambda x: x * random.random(), "random"),
        (lambda x: x * float(f"{x:.2f}"), "formatting"),
    ],
)
def test_a_trace_freezes_no_choice_in_silence(function: Any, what: str) -> None:
    with pytest.raises(TraceError, match=what):
        compile(function)(1.0)


def test_batches_that_do_not_fit() -> None:
    f = compile(lambda x, y: x * y)
    for columns in (([1.0, 2.0], [1.0]), ([[1.0], [1.0, 2.0]], [1.0, 2.0]), (1.0, 2.0), ([], [])):
        with pytest.raises(ShapeError):
            f.batch(*columns)


def test_static_numbers_stay_numbers() -> None:
    root = compile(lambda x, count: tl.sum([tl.sqrt(x)] * count), static_argnames="count")
    assert root(4.0, count=3) == 6.0
    assert root(4.0, 2) == 4.0
    assert root.batch([1.0, 4.0], count=3, reduce=None).tolist() == [3.0, 6.0]
    steep = compile(tl.grad(lambda x, count: tl.sum([tl.sqrt(x)] * count)), static_argnames="count")
    assert steep(0.0, count=2) == float("inf")
