"""Recurrent networks: a cell takes one step; RNN, GRU and LSTM run cells over a sequence."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import ops
from ..engine import is_tracing
from ..errors import ShapeError, received
from ..recurrence import scan
from ..text.wording import counted
from ..transforms.pytree import mapped
from .activations import Function, activation, on_values
from .init import uniforms
from .inputs import as_list, as_row, called, check_row, positive
from .linear import affine
from .module import Module
from .parameters import parameters

# A compiled network runs a longer sequence as a loop. A shorter one is written out, so that its steps are matrices.
_WRITTEN_OUT = 16


class Cell(Module):
    """The base of recurrent cells, which compute one step of a recurrent network.

    weight_ih, bias_ih  for the inputs, [rows][input_size] and [rows]
    weight_hh, bias_hh  for the hidden state, [rows][hidden_size] and [rows]
    Each gate has hidden_size rows; the gates stand one below the other in PyTorch's order. All numbers are drawn
    uniformly from -b to b, with b = 1 / sqrt(hidden_size), as in PyTorch. bias=False: no biases.
    """

    gates: ClassVar[int] = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        kind = type(self).__name__
        self.input_size = positive(f"{kind}(input_size)", input_size)
        self.hidden_size = positive(f"{kind}(hidden_size)", hidden_size)
        rows, bound = self.gates * self.hidden_size, 1.0 / math.sqrt(self.hidden_size)

        def drawn(*shape: int) -> list[Any]:
            found: list[Any] = parameters(uniforms(bound, math.prod(shape)), *shape)
            return found

        self.weight_ih = drawn(rows, self.input_size)
        self.weight_hh = drawn(rows, self.hidden_size)
        self.bias_ih = drawn(rows) if bias else [0.0] * rows
        self.bias_hh = drawn(rows) if bias else [0.0] * rows

    def _numbers(self, state: Any) -> tuple[Any, ...]:
        """The hidden state that was given, or zeros before the first step."""
        if state is None:
            return (0.0,) * self.hidden_size
        numbers = as_row(state)
        check_row(self, numbers, self.hidden_size, "'s state")
        return numbers

    def start(self, state: Any) -> Any:
        """The state as lists of numbers; zeros for None."""
        return list(self._numbers(state))

    def _sums(self, x: Any, h: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
        """The contributions of the inputs and of the hidden state to every gate."""
        inputs = as_row(x)
        check_row(self, inputs, self.input_size)
        return affine(self.weight_ih, inputs, self.bias_ih), affine(self.weight_hh, h, self.bias_hh)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size})"


class RNNCell(Cell):
    """h' = tanh(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh) (Elman 1990, "Finding structure in time").

    nonlinearity  "tanh" or another activation's name (see `activation`)
    A call cell(x, h) returns the next h; without h it starts from zeros.

    >>> cell = RNNCell(2, 3)
    >>> cell, len(cell([1.0, 2.0], cell([0.5, -1.0])))
    (RNNCell(2, 3), 3)
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh") -> None:
        super().__init__(input_size, hidden_size, bias)
        activation(nonlinearity)
        self.nonlinearity = nonlinearity

    def forward(self, x: Any, h: Any = None) -> list[Any]:
        inputs, memory = self._sums(x, self._numbers(h))
        nonlinearity: Function = on_values(self.nonlinearity)
        return [nonlinearity(a + b) for a, b in zip(inputs, memory, strict=True)]


class GRUCell(Cell):
    """A gated recurrent unit; the gates are reset, update, new (Cho et al. 2014, in PyTorch's form).

    reset and update are sigmoids, new = tanh(inputs + reset * memory), h' = (1 - update) * new + update * h.
    A call cell(x, h) returns the next h; without h it starts from zeros.

    >>> cell = GRUCell(2, 3)
    >>> cell, len(cell([1.0, 2.0], cell([0.5, -1.0])))
    (GRUCell(2, 3), 3)
    """

    gates = 3

    def forward(self, x: Any, h: Any = None) -> list[Any]:
        n, h = self.hidden_size, self._numbers(h)
        inputs, memory = self._sums(x, h)
        after = []
        for k in range(n):
            reset = (inputs[k] + memory[k]).sigmoid()
            update = (inputs[n + k] + memory[n + k]).sigmoid()
            new = (inputs[2 * n + k] + reset * memory[2 * n + k]).tanh()
            after.append((1.0 - update) * new + update * h[k])
        return after


class LSTMCell(Cell):
    """Long short-term memory; the gates are input, forget, cell, output (Hochreiter and Schmidhuber 1997; Gers 2000).

    c' = forget * c + input * cell, h' = output * tanh(c'); cell is a tanh, the other gates are sigmoids.
    A call cell(x, (h, c)) returns the next (h, c); without a state it starts from zeros.

    >>> cell = LSTMCell(2, 3)
    >>> h, c = cell([1.0, 2.0], cell([0.5, -1.0]))
    >>> cell, len(h), len(c)
    (LSTMCell(2, 3), 3, 3)
    """

    gates = 4

    def forward(self, x: Any, state: Any = None) -> tuple[list[Any], list[Any]]:
        n = self.hidden_size
        h, c = map(self._numbers, _hidden_and_kept(self, state))
        inputs, memory = self._sums(x, h)
        sums = [a + b for a, b in zip(inputs, memory, strict=True)]
        hidden, kept = [], []
        for k in range(n):
            take_in, forget, give_out = sums[k].sigmoid(), sums[n + k].sigmoid(), sums[3 * n + k].sigmoid()
            kept.append(forget * c[k] + take_in * sums[2 * n + k].tanh())
            hidden.append(give_out * kept[k].tanh())
        return hidden, kept

    def start(self, state: Any) -> Any:
        h, c = map(self._numbers, _hidden_and_kept(self, state))
        return list(h), list(c)


class Sequence(Module):
    """The base of RNN, GRU and LSTM, which run layers of cells over a sequence.

    cells     one per layer; the first reads the inputs, each other one the hidden states of the layer below
    truncate  k: the gradient through the state stops at every k-th step (truncated backpropagation through time);
              None: it never stops
    """

    cell: ClassVar[type[Cell]]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        truncate: int | None = None,
        **settings: Any,
    ) -> None:
        kind = type(self).__name__
        layers = positive(f"{kind}(num_layers)", num_layers)
        self.truncate = None if truncate is None else positive(f"{kind}(truncate)", truncate)
        sizes = [input_size] + [hidden_size] * (layers - 1)
        self.cells = [self.cell(size, hidden_size, bias, **settings) for size in sizes]

    def forward(self, xs: Any, state: Any = None) -> Any:
        xs = as_list(xs)
        if not isinstance(xs, list) or not xs:
            raise ShapeError(f"{called(self)} takes a list with the inputs of at least one step, got {received(xs)}")
        states: list[Any] = [None] * len(self.cells) if state is None else list(state)
        if len(states) != len(self.cells):
            raise ShapeError(f"{called(self)} has {counted(len(self.cells), 'layer')}, got {len(states)} states")
        size, outputs = self.truncate or len(xs), list[Any]()
        for first in range(0, len(xs), size):
            some = xs[first : first + size]
            if first:
                states = mapped(ops.stop_gradient, states)
            if len(some) > _WRITTEN_OUT and is_tracing():
                states = [cell.start(state) for cell, state in zip(self.cells, states, strict=True)]
                states, found = scan(self._step, states, some)
                outputs += found
                continue
            for x in some:
                states, x = self._step(states, x)
                outputs.append(x)
        return outputs, states

    def _step(self, states: list[Any], x: Any) -> tuple[list[Any], Any]:
        """The states after the inputs x, and the output."""
        after = []
        for cell, state in zip(self.cells, states, strict=True):
            after.append(cell(x, state))
            x = self._hidden(after[-1])
        return after, x

    def _hidden(self, state: Any) -> Any:
        """What the next layer sees of a state."""
        return state

    def __repr__(self) -> str:
        first = self.cells[0]
        return f"{type(self).__name__}({first.input_size}, {first.hidden_size}, num_layers={len(self.cells)})"


class RNN(Sequence):
    """Runs RNNCells over a sequence: rnn(xs, h) returns the last layer's h after every step, and each layer's final h.

    xs      [time][input_size]
    h       [num_layers][hidden_size]; without it, the network starts from zeros
    cells   one per layer: PyTorch's weight_ih_l0 is cells.0.weight_ih here
    truncate=k stops the gradient through the state at every k-th step: truncated backpropagation through time
    (Werbos 1990, "Backpropagation through time"; Williams and Peng 1990).

    >>> rnn = RNN(2, 3, num_layers=2)
    >>> outputs, h = rnn([[1.0, 2.0], [0.5, -1.0], [0.0, 1.0], [1.0, 1.0]])
    >>> rnn, len(outputs), len(h), outputs[-1] == h[-1]
    (RNN(2, 3, num_layers=2), 4, 2, True)
    """

    cell = RNNCell

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        truncate: int | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, truncate, nonlinearity=nonlinearity)


class GRU(Sequence):
    """Runs GRUCells over a sequence; arguments, calls and results are those of RNN.

    >>> outputs, h = GRU(2, 3)([[1.0, 2.0], [0.5, -1.0]])
    >>> len(outputs), len(h)
    (2, 1)
    """

    cell = GRUCell


class LSTM(Sequence):
    """Runs LSTMCells over a sequence: lstm(xs, (h, c)) returns the last layer's h for each step, and the final (h, c).

    h and c are [num_layers][hidden_size]; everything else is as in RNN.

    >>> outputs, (h, c) = LSTM(2, 3)([[1.0, 2.0], [0.5, -1.0]])
    >>> len(outputs), len(h), len(c)
    (2, 1, 1)
    """

    cell = LSTMCell

    def forward(self, xs: Any, state: Any = None) -> Any:
        if state is not None:
            h, c = _hidden_and_kept(self, state)
            if len(h) != len(c):
                raise ShapeError(f"{called(self)} takes h and c for the same layers, got {len(h)} and {len(c)}")
            state = zip(h, c, strict=True)
        outputs, states = super().forward(xs, state)
        h, c = zip(*states, strict=True)
        return outputs, (list(h), list(c))

    def _hidden(self, state: Any) -> Any:
        return state[0]


def _hidden_and_kept(module: Module, state: Any) -> Any:
    """Checks that a state is (h, c), and returns it; (None, None) for None."""
    if state is None:
        return None, None
    if not isinstance(state, (tuple, list)) or len(state) != 2:
        raise ShapeError(f"{called(module)} takes its state as (h, c), got {received(state)}")
    return state
