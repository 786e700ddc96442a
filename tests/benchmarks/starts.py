"""The common start of the compiled programs and their peers: the same initial weights and the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from programs.moons import half_moons

from .digits_step import batch_of_digits
from .networks import drawn_layers


class Perceptron(NamedTuple):
    """Layers with an activation between them, and what a step of training is.

    hinge    hinge loss and weight decay; else softmax cross-entropy
    updates  whether a step ends with one of gradient descent; else it ends with the gradients
    """

    widths: tuple[int, ...]
    activation: str
    hinge: bool = False
    updates: bool = True
    batch: int = 32


PERCEPTRONS = {
    "moons": Perceptron((2, 16, 16, 1), "relu", hinge=True, batch=100),
    "digits": Perceptron((64, 32, 10), "tanh"),
    "784": Perceptron((784, 128, 10), "tanh", updates=False, batch=64),
}
DECAY = 1e-4
SHAPES: dict[str, tuple[list[tuple[int, ...]], list[tuple[int, ...]]]] = {
    "RNN": ([(16, 20), (16,), (16,)], [(32, 12, 4), (32,)]),
    "convolution": ([(6, 9), (10, 216), (10,)], [(32, 8, 8)]),
    "attention": ([(8, 8)] * 3, [(32, 8, 8)]),
}
"""The shapes of the weights and of a batch; a convolution has labels in addition."""


class Start(NamedTuple):
    """Arrays: the weights (for a perceptron, each layer's (outputs, inputs) and biases), and the loss's arguments."""

    weights: list[Any]
    columns: tuple[Any, ...]


def start(name: str, lanes: int = 0) -> Start:
    """Of one of the programs; of `lanes` samples, where the program is of moons."""
    import numpy as np

    if name in PERCEPTRONS:
        net = PERCEPTRONS[name]
        layers = drawn_layers(net.widths, by_fan_in=not net.hinge)
        weights = [np.array(part) for rows, biases in layers for part in (rows, biases)]
        return Start(weights, tuple(np.array(column, dtype=float) for column in _samples(name, lanes or net.batch)))
    source = np.random.default_rng(0)
    shapes, columns = SHAPES[name]
    drawn = [source.normal(size=shape) for shape in columns]
    if name == "convolution":
        drawn.append(source.integers(0, 10, 32).astype(float))
    return Start([0.3 * source.normal(size=shape) for shape in shapes], tuple(drawn))


def _samples(name: str, count: int) -> tuple[Any, Any]:
    import numpy as np

    if name == "moons":
        return half_moons(count)
    if name == "digits":
        return batch_of_digits()
    source = np.random.default_rng(0)
    return source.uniform(0, 1, (count, 784)), source.integers(0, 10, count)


def by_neuron(weights: Sequence[Any]) -> list[float]:
    """A perceptron's weights, neuron by neuron, the bias last, as modules order their parameters."""
    import numpy as np

    layers = zip(weights[::2], weights[1::2], strict=True)
    return [p for rows, biases in layers for p in np.column_stack([rows, biases]).ravel().tolist()]
