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


def torch_network(widths: Sequence[int], activation: str, by_fan_in: bool = False) -> Any:
    """Linear layers in float64 with an activation between them, and micrograd's weights from the same seed."""
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    random.seed(SEED)
    layers: list[Any] = []
    for inputs, outputs in pairwise(widths):
        linear = torch.nn.Linear(inputs, outputs)
        scale = math.sqrt(inputs) if by_fan_in else 1.0
        rows = [[random.uniform(-1, 1) / scale for _ in range(inputs)] for _ in range(outputs)]
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(rows))
            linear.bias.zero_()
        layers += [linear, getattr(torch.nn, activation)()]
    return torch.nn.Sequential(*layers[:-1])


def torch_numbers(network: Any) -> Callable[[], list[float]]:
    """Neuron by neuron, its weights and then its bias, as micrograd orders them."""

    def found() -> list[float]:
        linears = [layer for layer in network if hasattr(layer, "weight")]
        pairs = [(layer.weight.tolist(), layer.bias.tolist()) for layer in linears]
        return [p for rows, biases in pairs for row, bias in zip(rows, biases, strict=True) for p in (*row, bias)]

    return found
