"""Programs written in scalars, as tinygrad_lite compiles them, and the steps that are raced."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.optim import SGD

from .networks import RATE, numbers, stepping
from .racing import Contender
from .starts import DECAY, PERCEPTRONS, Start, by_neuron, start


class Training(NamedTuple):
    """A loss of one sample, the leaves that it trains, and how the losses of a batch are reduced."""

    loss: Callable[..., Any]
    parameters: list[Value]
    reduce: str = "mean"


def perceptron(name: str, weights: Sequence[Any]) -> Training:
    net = PERCEPTRONS[name]
    inputs, *outputs = net.widths
    model = nn.MLP(inputs, outputs, activation=net.activation)
    parameters = model.parameters()
    for p, weight in zip(parameters, by_neuron(weights), strict=True):
        p.data = weight

    def hinge(x: Any, side: Any) -> Any:
        return (1 - side * model(x)).relu() + DECAY * tl.dot(parameters, parameters)

    def cross_entropy(x: Any, label: Any) -> Any:
        return nn.cross_entropy(model(x), label)

    return Training(hinge if net.hinge else cross_entropy, parameters)


def recurrence(weights: Sequence[Any]) -> Training:
    w, b, out = map(leaves, weights)

    def loss(xs: Any, target: Any) -> Any:
        h = [0.0] * len(w)
        for x in xs:
            h = [tl.tanh(tl.dot(row, [*x, *h], bias)) for row, bias in zip(w, b, strict=True)]
        return (tl.dot(out, h) - target) ** 2

    return Training(loss, [*itertools.chain(*w), *b, *out], "sum")


def convolution(weights: Sequence[Any]) -> Training:
    kernels, dense, biases = map(leaves, weights)

    def loss(image: Any, label: Any) -> Any:
        places = list(itertools.product(range(6), repeat=2))
        windows = [[v for row in image[i : i + 3] for v in row[j : j + 3]] for i, j in places]
        maps = [tl.dot(kernel, window).relu() for kernel in kernels for window in windows]
        return nn.cross_entropy([tl.dot(row, maps, bias) for row, bias in zip(dense, biases, strict=True)], label)

    return Training(loss, [*itertools.chain(*kernels, *dense), *biases], "sum")


def attention(weights: Sequence[Any]) -> Training:
    matrices = list(map(leaves, weights))

    def loss(xs: Any) -> Any:
        queries, keys, values = [[[tl.dot(row, x) for row in matrix] for x in xs] for matrix in matrices]
        errors = []
        for t, (query, x) in enumerate(zip(queries, xs, strict=True)):
            shares = tl.softmax([tl.dot(query, key) for key in keys[: t + 1]])
            mixed = [tl.dot(shares, column) for column in zip(*values[: t + 1], strict=True)]
            errors += [(a - b) ** 2 for a, b in zip(mixed, x, strict=True)]
        return tl.sum(errors)

    return Training(loss, [p for matrix in matrices for row in matrix for p in row], "sum")


def leaves(weights: Any) -> Any:
    return [leaves(row) for row in weights] if weights.ndim > 1 else [Value(weight) for weight in weights.tolist()]


SHARED = {"RNN": recurrence, "convolution": convolution, "attention": attention}


def training(name: str, begin: Start) -> Training:
    return perceptron(name, begin.weights) if name in PERCEPTRONS else SHARED[name](begin.weights)


def step_of(name: str, executor: str = "auto", lanes: int = 0) -> tuple[Callable[[], float], list[Value], bool]:
    """An untraced step of training; the leaves it trains; whether it moves them or only computes gradients."""
    begin = start(name, lanes)
    loss, parameters, reduce = training(name, begin)
    run = tl.compile(loss, executor=executor)
    optimizer = SGD(parameters, lr=RATE)
    updates = name in PERCEPTRONS and PERCEPTRONS[name].updates

    def step() -> float:
        optimizer.zero_grad()
        total = run.batch(*begin.columns, reduce=reduce)
        total.backward()
        if updates:
            optimizer.step()
        return float(total.data)

    return step, parameters, updates


def ours(name: str, executor: str = "auto", lanes: int = 0) -> Contender:
    step, parameters, updates = step_of(name, executor, lanes)
    return stepping(step, numbers(parameters) if updates else lambda: [p.grad for p in parameters])
