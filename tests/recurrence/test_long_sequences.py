"""Recurrent networks over 40 steps, which a compiled function runs as a scan: as 40 steps written out, eagerly."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import FORCED
from layers import flat, inputs, loss_of
from loops import backward, close

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn, optim
from tinygrad_lite.nn import recurrent

pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")
ON = pytest.mark.parametrize("executor", FORCED)
STEPS = 40
KINDS: dict[str, Callable[[], Any]] = {
    "RNN": lambda: nn.RNN(2, 3),
    "RNN of two layers": lambda: nn.RNN(2, 2, num_layers=2, nonlinearity="softplus"),
    "RNN without biases": lambda: nn.RNN(2, 2, bias=False),
    "GRU": lambda: nn.GRU(2, 2),
    "GRU of two layers": lambda: nn.GRU(2, 2, num_layers=2),
    "LSTM": lambda: nn.LSTM(2, 2),
    "LSTM of two layers": lambda: nn.LSTM(2, 2, num_layers=2),
    "RNN, truncated": lambda: nn.RNN(2, 3, truncate=18),
    "LSTM, truncated": lambda: nn.LSTM(2, 2, truncate=17),
}
ALL = pytest.mark.parametrize("kind", KINDS)


def made(kind: str) -> Any:
    random.seed(2)
    return KINDS[kind]()


def state_of(module: Any, x: Any) -> Any:
    """A state that depends on a number."""
    layers, size = len(module.cells), module.cells[0].hidden_size
    h = [[x * (0.1 + 0.2 * k + 0.1 * j) for k in range(size)] for j in range(layers)]
    return (h, [[0.5 * v for v in row] for row in h]) if isinstance(module, nn.LSTM) else h


def loss(module: Any, xs: Any, state: Any = None) -> Any:
    """It depends on all outputs and on the last state."""
    outputs, last = module(xs, state)
    return loss_of(outputs) + 0.5 * loss_of(last)


def scans(compiled: Any) -> list[int]:
    return [kind.steps for kind in compiled.program.kinds if getattr(kind, "name", "") == "scan"]


@ON
@ALL
def test_values_and_gradients_of_all_weights(kind: str, executor: Any) -> None:
    module, xs = made(kind), inputs(STEPS, 2)
    weights = module.parameters()
    f = compile(lambda xs: loss(module, xs), executor=executor)
    given = [list(map(Value, row)) for row in xs]
    leaves = [*weights, *flat(given)]
    expected = backward(loss(module, given), leaves)
    close(backward(f(given), leaves), expected, 1e-10)
    close(f(xs), expected[0])
    size = module.truncate or STEPS
    assert scans(f) == [size] * (STEPS // size)
    assert all(expected[1:]) or module.truncate


@ON
@ALL
def test_batches_from_a_state(kind: str, executor: Any) -> None:
    module, rows = made(kind), np.random.default_rng(1).normal(size=(5, STEPS, 2))
    f = compile(lambda xs, a: loss(module, xs, state_of(module, a)), executor=executor)
    starts, weights = np.linspace(-1.0, 1.0, 5), module.parameters()
    lanes = list(zip(rows.tolist(), starts.tolist(), strict=True))
    expected = backward(tl.mean([loss(module, xs, state_of(module, a)) for xs, a in lanes]), weights)
    close(backward(f.batch(rows, starts), weights), expected, 1e-10)
    slope = compile(tl.grad(f.function, argnums=1), executor=executor)
    found = slope.batch(rows, starts, reduce=None)
    close(found.tolist(), [tl.grad(f.function, argnums=1)(*lane) for lane in lanes], 1e-10)


@ALL
def test_second_derivatives(kind: str) -> None:
    """A penalty on the slope by the inputs' size, and its gradient by the weights."""
    module, xs = made(kind), inputs(STEPS, 2)
    weights = module.parameters()

    def penalty(a: Any) -> Any:
        return tl.grad(lambda a: loss(module, [[a * x for x in row] for row in xs]))(a) ** 2

    close(backward(compile(penalty).batch([0.7]), weights), backward(penalty(Value(0.7)), weights), 1e-9)


def test_a_sequence_of_few_steps_is_written_out() -> None:
    module = made("RNN")
    for steps, is_loop in ((recurrent._WRITTEN_OUT, False), (recurrent._WRITTEN_OUT + 1, True)):
        f = compile(lambda xs: loss(module, xs))
        close(f(inputs(steps, 2)), loss(module, inputs(steps, 2)).data)
        assert scans(f) == [steps] * is_loop


@ON
def test_training_takes_the_same_course(executor: Any) -> None:
    found = []
    for run in (lambda f: compile(f, executor=executor), lambda f: f):
        module = made("LSTM")
        optimizer = optim.Adam(module.parameters(), lr=0.05)
        source = np.random.default_rng(3)
        rows, course = source.normal(size=(4, 30, 2)), []
        f = run(lambda xs, module=module: loss(module, xs))
        for _ in range(5):
            optimizer.zero_grad()
            total = f.batch(rows) if hasattr(f, "batch") else tl.mean([f(xs) for xs in rows.tolist()])
            total.backward()
            optimizer.step()
            course.append(total.data)
        found.append(course)
    close(*found, 1e-9)
    assert found[0][-1] < found[0][0]


def test_sequences_of_every_length_are_traced_once_each() -> None:
    module = made("GRU")
    f = compile(lambda xs: loss(module, xs))
    for steps in (17, 23, 17, 40):
        close(f(inputs(steps, 2)), loss(module, inputs(steps, 2)).data)
    assert len(f.traces) == 3
