"""Recurrent cells and sequences; test_as_torch.py compares their numbers with PyTorch's."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import FORCED
from layers import check_layer, check_saved, data, flat, inputs, loss_of

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, optim
from tinygrad_lite.errors import ShapeError

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")

CELLS: list[Any] = [nn.RNNCell, nn.GRUCell, nn.LSTMCell]
SEQUENCES: list[Any] = [nn.RNN, nn.GRU, nn.LSTM]


@pytest.mark.parametrize("make", CELLS)
def test_derivatives_and_executors_of_cells(make: Any) -> None:
    check_layer(make(2, 3), inputs(2))
    cell = make(2, 3, bias=False)
    check_layer(nn.Sequential(lambda x: cell(x[:2], (x[2:5], x[5:]) if make is nn.LSTMCell else x[2:5])), inputs(8))


@pytest.mark.parametrize("make", SEQUENCES)
def test_derivatives_and_executors_of_sequences(make: Any) -> None:
    check_layer(make(2, 2), inputs(3, 2))
    check_layer(make(1, 2, num_layers=2, bias=False), inputs(2, 1))


def steps(module: Any, xs: Any, state: Any, cut: int) -> Any:
    """The outputs of a sequence given in parts, with the state detached between them."""
    outputs: list[Any] = []
    for start in range(0, len(xs), cut):
        more, state = module(xs[start : start + cut], state)
        outputs += more
        state = tl.transforms.pytree.mapped(lambda v: v.detach(), state)
    return outputs


@pytest.mark.parametrize("make", SEQUENCES)
def test_a_sequence_may_be_given_in_parts(make: Any) -> None:
    module, xs = make(2, 3, num_layers=2), inputs(5, 2)
    outputs, state = module(xs)
    first, between = module(xs[:2])
    second, last = module(xs[2:], between)
    assert data([*first, *second]) == data(outputs) and data(last) == data(state)
    assert outputs[-1] == (state[0] if make is nn.LSTM else state)[-1]


@pytest.mark.parametrize("make", SEQUENCES)
def test_truncated_gradients_are_those_of_parts_with_detached_states(make: Any) -> None:
    random.seed(1)
    module, xs = make(2, 2, num_layers=2, truncate=2), inputs(5, 2)
    outputs, _ = module(xs)
    found = []
    for ys in (outputs, steps(module, xs, None, 2)):
        module.zero_grad()
        loss_of(ys).backward()
        found.append([p.grad for p in module.parameters()])
    assert found[0] == pytest.approx(found[1], rel=1e-13) and any(found[0])
    module.truncate = None
    module.zero_grad()
    whole, _ = module(xs)
    assert data(whole) == data(outputs)
    loss_of(whole).backward()
    assert [p.grad for p in module.parameters()] != pytest.approx(found[0], rel=1e-3)


@pytest.mark.parametrize("executor", FORCED)
@pytest.mark.parametrize("make", SEQUENCES)
def test_truncation_compiles(make: Any, executor: Any) -> None:
    module, xs = make(2, 2, truncate=2), inputs(5, 2)
    slope = tl.grad(lambda xs: loss_of(module(xs)[0][-2:]))
    found, expected = tl.compile(slope, executor=executor)(xs), slope(xs)
    assert flat(found) == pytest.approx(flat(expected), rel=1e-11, abs=1e-14)
    assert flat(expected[:2]) == [0.0] * 4 and all(flat(expected[2:]))


def test_a_gradient_fades_over_time_and_an_lstm_that_remembers_keeps_it() -> None:
    def first_slope(module: Any, xs: list[Value]) -> float:
        tl.sum(module([[x] for x in xs])[0][-1]).backward()
        return abs(xs[0].grad)

    random.seed(0)
    lstm = nn.LSTM(1, 4)
    for k, b in enumerate(lstm.cells[0].bias_ih):
        b.data = 8.0 if 4 <= k < 8 else b.data  # the forget gate, open
    faded, kept = (first_slope(module, [Value(0.5) for _ in range(60)]) for module in (nn.RNN(1, 4), lstm))
    assert faded < 1e-9 < 1e-4 < kept


def test_an_lstm_learns_to_recall_the_first_input() -> None:
    random.seed(4)
    lstm, head = nn.LSTM(1, 4), nn.Linear(4, 1)
    loss = tl.compile(lambda xs, y: (head(lstm(xs)[0][-1])[0] - y) ** 2)
    optimizer = optim.Adam([*lstm.parameters(), *head.parameters()], lr=0.05)
    source = np.random.default_rng(0)
    xs = source.choice([-1.0, 1.0], size=(64, 6, 1))
    for _ in range(120):
        optimizer.zero_grad()
        total = loss.batch(xs[:48], xs[:48, 0, 0])
        total.backward()
        optimizer.step()
    assert total.data < 0.02 and loss.batch(xs[48:], xs[48:, 0, 0]).data < 0.1


@pytest.mark.parametrize("make", [*CELLS, *SEQUENCES])
def test_names_and_state(make: Any, tmp_path: Path) -> None:
    module = make(2, 3)
    gates = 3 * {"R": 1, "G": 3, "L": 4}[make.__name__[0]]
    shapes = {"weight_ih": (gates, 2), "weight_hh": (gates, 3), "bias_ih": (gates,), "bias_hh": (gates,)}
    first = "cells.0." if make in SEQUENCES else ""
    assert {n: a.shape for n, a in module.state_dict().items()} == {f"{first}{n}": s for n, s in shapes.items()}
    assert max(abs(p.data) for p in module.parameters()) <= 3**-0.5 and len({p.data for p in module.parameters()}) > 9
    check_saved(module, make(2, 3), inputs(2) if make in CELLS else inputs(2, 2), tmp_path)
    assert len(make(2, 3, bias=False).parameters()) == gates * 5


def test_of_many_kinds() -> None:
    rnn = nn.RNN(1, 2, nonlinearity="softplus")
    assert data(rnn(np.array([[1.0], [2.0]]))) == data(rnn([1.0, 2.0])) == data(rnn(iter([(1.0,), [2]])))
    assert rnn([0.5])[0][0][0].op is tl.softplus
    h = np.array([0.5, -0.5])
    assert data(rnn.cells[0](1.0, h)) == data(rnn([1.0], [h])[0]) == data(rnn([1.0], h[None])[0])
    assert [y.path for y in nn.Sequential(nn.GRU(1, 1, num_layers=2))([1.0])[0][0]] == ["layers.0.cells.1"]
    assert repr(nn.LSTM(2, 3, num_layers=2)) == "LSTM(2, 3, num_layers=2)" and repr(nn.GRUCell(1, 2)) == "GRUCell(1, 2)"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.RNNCell(2, 3)([1.0]), ShapeError, "^RNNCell takes 2 numbers, got 1"),
        (lambda: nn.GRUCell(2, 3)([1.0, 2.0], [1.0]), ShapeError, "^GRUCell's state takes 3 numbers, got 1"),
        (lambda: nn.RNNCell(1, 1)(["a"]), TypeError, "input 0 is a str, 'a', not a real number"),
        (
            lambda: nn.LSTMCell(2, 3)([1.0, 2.0], [1.0, 2.0, 3.0]),
            ShapeError,
            r"takes its state as \(h, c\), got a list of 3",
        ),
        (
            lambda: nn.LSTMCell(2, 1)([1.0, 2.0], ([1.0], [1.0, 2.0])),
            ShapeError,
            "LSTMCell's state takes 1 number, got 2",
        ),
        (lambda: nn.LSTM(1, 1)([1.0], [[1.0]]), ShapeError, r"LSTM takes its state as \(h, c\), got a list of 1"),
        (
            lambda: nn.LSTM(1, 1)([1.0], ([[1.0]], [])),
            ShapeError,
            "LSTM takes h and c for the same layers, got 1 and 0",
        ),
        (lambda: nn.GRU(1, 2, num_layers=2)([1.0], [[1.0, 2.0]]), ShapeError, "GRU has 2 layers, got 1 state"),
        (
            lambda: nn.RNN(2, 3)([]),
            ShapeError,
            "RNN takes a list with the inputs of at least one step, got a list of 0",
        ),
        (lambda: nn.RNN(1, 3)(1.0), ShapeError, "inputs of at least one step, got a float, 1.0"),
        (lambda: nn.RNN(2, 3)([[1.0, 2.0], [1.0]]), ShapeError, "RNNCell cells.0 takes 2 numbers, got 1"),
        (lambda: nn.RNN(2, 0), ShapeError, r"RNNCell\(hidden_size\) must be a whole number, 1 or larger, got 0"),
        (
            lambda: nn.GRU(2, 1, num_layers=0),
            ShapeError,
            r"GRU\(num_layers\) must be a whole number, 1 or larger, got 0",
        ),
        (lambda: nn.LSTM(2, 1, truncate=0), ShapeError, r"LSTM\(truncate\) must be a whole number, 1 or larger, got 0"),
        (lambda: nn.LSTM(2, 1, truncate=1.5), TypeError, r"LSTM\(truncate\) must be a whole number, 1 or larger"),
        (
            lambda: nn.RNN(2, 1, nonlinearity="tanhh"),
            ValueError,
            "no activation is called 'tanhh', did you mean 'tanh'",
        ),
    ],
)
def test_what_does_not_fit(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
