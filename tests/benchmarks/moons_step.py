"""W2, a step of micrograd's demo: MLP(2, [16, 16, 1]) on 100 points of two moons, hinge loss, weight decay, update."""

from __future__ import annotations

import random
import sys

from programs.moons import half_moons, step

from .measuring import Findings
from .networks import RATE, SEED, against, numbers, stepping, torch_network, torch_numbers
from .racing import Contender, Entry

POINTS = 100


def import_changed() -> Contender:
    """micrograd's own program, with nothing but the import changed."""
    from tinygrad_lite.engine import Value
    from tinygrad_lite.nn import MLP

    points, sides = half_moons(POINTS)
    random.seed(SEED)
    model = MLP(2, [16, 16, 1])
    return stepping(lambda: step(Value, model, points, sides, RATE), numbers(model.parameters()))


def rewritten() -> Contender:
    """As one writes it with tinygrad_lite: plain numbers for inputs, an optimizer, sums of many as one node."""
    import tinygrad_lite as tl
    from tinygrad_lite.nn import MLP
    from tinygrad_lite.optim import SGD

    points, sides = half_moons(POINTS)
    random.seed(SEED)
    model = MLP(2, [16, 16, 1])
    parameters = model.parameters()
    optimizer = SGD(parameters, lr=RATE)

    def one_step() -> float:
        hinges = [(1 - side * model(point)).relu() for point, side in zip(points, sides, strict=True)]
        loss = tl.mean(hinges) + 1e-4 * tl.dot(parameters, parameters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.data)

    return stepping(one_step, numbers(parameters))


def micrograd(collector: bool) -> Contender:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    sys.setrecursionlimit(10**6)
    points, sides = half_moons(POINTS)
    random.seed(SEED)
    model = MLP(2, [16, 16, 1])
    return stepping(lambda: step(Value, model, points, sides, RATE), numbers(model.parameters()), collector)


def torch() -> Contender:
    import torch

    points, sides = half_moons(POINTS)
    network = torch_network([2, 16, 16, 1], "ReLU")
    inputs, signs = torch.tensor(points), torch.tensor(sides)
    parameters = list(network.parameters())
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def one_step() -> float:
        optimizer.zero_grad()
        decay = sum((p * p).sum() for p in parameters)
        loss = torch.relu(1 - signs * network(inputs)[:, 0]).mean() + 1e-4 * decay
        loss.backward()
        optimizer.step()
        return float(loss)

    return stepping(one_step, torch_numbers(network))


def moons(peer: str, quick: bool) -> Findings:
    theirs: Entry = (torch, ()) if peer == "torch" else (micrograd, (not peer.endswith("gc off"),))
    bars = (1 / 40, 1 / 100) if peer == "micrograd, gc off" else (None, None)
    findings = Findings()
    for case, ours in (("W2 moons, import changed", import_changed), ("W2 moons, rewritten", rewritten)):
        findings.rows += against(case, peer, quick, (ours, ()), theirs, bars).rows
    return findings
