"""What W2 and W3, training steps of small networks, have in common: steps to race, data, weights."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from .measuring import Bars, Findings, Unit, ratio_row
from .racing import Contender, Entry, race, totals

RATE = 0.05
SEED = 1
A_STEP = Unit("ms a step", 1e-3)


def stepping(step: Callable[[], float], parameters: Callable[[], Sequence[float]], collector: bool = True) -> Contender:
    """A contender that takes training steps; two are taken here, for the other side to compare losses and weights."""
    results = [step(), step(), *parameters()]
    return Contender((lambda held: step(),), results, collector)


def against(case: str, peer: str, quick: bool, ours: Entry, theirs: Entry, bars: Bars) -> Findings:
    a, b = race(case, ours, theirs, 5 if quick else 11)
    return Findings([ratio_row(case, peer, A_STEP, totals(a), totals(b), bars)])


def numbers(parameters: Sequence[Any]) -> Callable[[], list[float]]:
    return lambda: [p.data for p in parameters]


def shrink(parameters: Sequence[Any], inputs: int) -> None:
    """Divides weights from -1..1 by the square root of a neuron's inputs."""
    for p in parameters:
        p.data = p.data / math.sqrt(inputs)


def drawn_layers(widths: Sequence[int], by_fan_in: bool = False) -> list[tuple[list[list[float]], list[float]]]:
    """micrograd's weights from the same seed, a row for each neuron of a layer, and its biases."""
    random.seed(SEED)
    layers = []
    for inputs, outputs in pairwise(widths):
        scale = math.sqrt(inputs) if by_fan_in else 1.0
        rows = [[random.uniform(-1, 1) / scale for _ in range(inputs)] for _ in range(outputs)]
        layers.append((rows, [0.0] * outputs))
    return layers


def torch_network(widths: Sequence[int], activation: str, by_fan_in: bool = False) -> Any:
    """Linear layers in float64 with an activation between them, and the weights of drawn_layers."""
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    layers: list[Any] = []
    for rows, biases in drawn_layers(widths, by_fan_in):
        linear = torch.nn.Linear(len(rows[0]), len(rows))
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(rows))
            linear.bias.copy_(torch.tensor(biases))
        layers += [linear, getattr(torch.nn, activation)()]
    return torch.nn.Sequential(*layers[:-1])


def torch_numbers(network: Any, gradients: bool = False) -> Callable[[], list[float]]:
    """Neuron by neuron, its weights and then its bias, as micrograd orders them; or the gradients of these."""

    def found() -> list[float]:
        tensors = [p.grad if gradients else p for p in network.parameters()]
        pairs = zip([w.tolist() for w in tensors[::2]], [b.tolist() for b in tensors[1::2]], strict=True)
        return [p for rows, biases in pairs for row, bias in zip(rows, biases, strict=True) for p in (*row, bias)]

    return found
