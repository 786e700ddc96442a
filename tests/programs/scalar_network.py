"""micrograd's demo written out in products and sums, each a node: a network of modules, and its loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite import Value, nn


class Neuron(nn.Module):
    """micrograd's, product by product."""

    def __init__(self, size: int, rectified: bool, rng: np.random.Generator) -> None:
        self.w = [Value(w, label=f"w{i}") for i, w in enumerate(rng.uniform(-1, 1, size))]
        self.b, self.rectified = Value(0.0, label="b"), rectified

    def forward(self, xs: list[Any]) -> Value:
        total = self.b
        for w, x in zip(self.w, xs, strict=True):
            total = total + w * x
        return total.relu() if self.rectified else total


class Layer(nn.Module):
    def __init__(self, *sizes: int, rectified: bool, rng: np.random.Generator) -> None:
        self.neurons = [Neuron(sizes[0], rectified, rng) for _ in range(sizes[1])]

    def forward(self, xs: list[Any]) -> list[Value]:
        return [neuron(xs) for neuron in self.neurons]


class Network(nn.Module):
    def __init__(self, *sizes: int) -> None:
        rng, last = np.random.default_rng(0), len(sizes) - 2
        self.layers = [Layer(*sizes[k : k + 2], rectified=k < last, rng=rng) for k in range(last + 1)]

    def forward(self, xs: list[Any]) -> Value:
        for layer in self.layers:
            xs = layer(xs)
        return xs[0]


def demo_loss(model: nn.Module | None = None, samples: int = 104) -> Value:
    """The hinge loss of samples, and the weights' squares.

    Its 68,200 nodes are as many as micrograd's, which has 100 samples and nodes for plain numbers too.
    """
    model = model or Network(2, 16, 16, 1)
    rng = np.random.default_rng(1)
    total, squares = Value(0.0), Value(0.0)
    for point in rng.normal(size=(samples, 2)).tolist():
        score = model([Value(x) for x in point])
        total = total + (1.0 - math.copysign(1.0, point[0] * point[1]) * score).relu()
    for p in model.parameters():
        squares = squares + p * p
    loss = total * (1.0 / samples) + squares * 1e-4
    loss.label = "loss"
    return loss
