"""W2, a step on two moons, and W3, a step on the digits: a neuron of ours is one dot node, micrograd's many."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from programs.moons import half_moons
from programs.moons import step as moons_step

from .measuring import Contender, Findings, check_agreement, race, ratio_row

MILLISECONDS = ("ms a step", 1e-3)
RATE = 0.05
BATCH = 32


class Functions(NamedTuple):
    """micrograd's Value, and what it lacks."""

    value: Callable[[float], Any]
    tanh: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]


def micrograd_functions() -> Functions:
    from micrograd.engine import Value

    def unary(function: Callable[[float], float], slope: Callable[[float, float], float]) -> Callable[[Any], Any]:
        def apply(x: Any) -> Any:
            y = Value(function(x.data), (x,))

            def backward() -> None:
                x.grad += slope(x.data, y.data) * y.grad

            y._backward = backward
            return y

        return apply

    return Functions(
        Value,
        unary(math.tanh, lambda x, y: 1 - y * y),
        unary(math.exp, lambda x, y: y),
        unary(math.log, lambda x, y: 1 / x),
    )


class Step(NamedTuple):
    """A training step of one library: what runs it, and the loss and parameters that it leaves behind."""

    run: Callable[[], float]
    parameters: Callable[[], list[float]]

    def contender(self, collector: bool = True) -> Contender:
        return Contender((lambda held: self.run(),), collector)


def _numbers(parameters: Sequence[Any]) -> Callable[[], list[float]]:
    return lambda: [p.data for p in parameters]


def _descend(parameters: Sequence[Any]) -> None:
    for p in parameters:
        p.data -= RATE * p.grad


# W2 ------------------------------------------------------------------------------------------------------------------


def moons_ours(idiomatic: bool) -> Step:
    """micrograd's own program with the import changed; or as one writes it here: plain inputs, SGD, n-ary sums."""
    import tinygrad_lite as tl
    from tinygrad_lite.nn import MLP
    from tinygrad_lite.optim import SGD

    points, sides = half_moons(100)
    random.seed(1)
    model = MLP(2, [16, 16, 1])
    parameters = list(model.parameters())
    optimizer = SGD(parameters, lr=RATE)

    def run() -> float:
        if not idiomatic:
            return moons_step(tl.Value, model, points, sides, RATE)
        hinges = [(1 - side * model(point)).relu() for point, side in zip(points, sides, strict=True)]
        loss = tl.mean(hinges) + 1e-4 * tl.dot(parameters, parameters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.data

    return Step(run, _numbers(parameters))


def moons_micrograd() -> Step:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    sys.setrecursionlimit(10**6)
    points, sides = half_moons(100)
    random.seed(1)
    model = MLP(2, [16, 16, 1])
    return Step(lambda: moons_step(Value, model, points, sides, RATE), _numbers(model.parameters()))


def moons_torch() -> Step:
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    points, sides = half_moons(100)
    inputs, signs = torch.tensor(points), torch.tensor(sides)
    net = torch.nn.Sequential(
        *(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    )
    random.seed(1)
    _draw_like_micrograd(net)
    parameters = list(net.parameters())
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def run() -> float:
        optimizer.zero_grad()
        decay = sum((p * p).sum() for p in parameters)
        loss = torch.relu(1 - signs * net(inputs)[:, 0]).mean() + 1e-4 * decay
        loss.backward()
        optimizer.step()
        return float(loss)

    return Step(run, lambda: _torch_numbers(net))


def moons(peer: str, quick: bool) -> Findings:
    theirs = moons_torch() if peer == "torch" else moons_micrograd()
    bars = (1 / 40, 1 / 100) if peer == "micrograd, gc off" else (None, None)
    findings = Findings()
    for idiomatic, name in ((False, "W2 moons, import changed"), (True, "W2 moons, SGD, plain inputs")):
        findings.rows += _race(name, moons_ours(idiomatic), theirs, peer, quick, bars)
        theirs = moons_torch() if peer == "torch" else moons_micrograd()
    return findings


# W3 ------------------------------------------------------------------------------------------------------------------


def _digits() -> tuple[list[list[float]], list[int]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.data[:BATCH] / 16).tolist(), digits.target[:BATCH].tolist()


def _shrink(parameters: Sequence[Any], inputs: int) -> None:
    for p in parameters:
        p.data = p.data / math.sqrt(inputs)


def digits_ours() -> Step:
    import tinygrad_lite as tl
    from tinygrad_lite.nn import MLP
    from tinygrad_lite.optim import SGD

    images, labels = _digits()
    random.seed(1)
    model = MLP(64, [32, 10], activation="tanh")
    for layer, inputs in zip(model.layers, (64, 32), strict=True):
        _shrink(layer.parameters(), inputs)
    parameters = list(model.parameters())
    optimizer = SGD(parameters, lr=RATE)

    def run() -> float:
        losses = []
        for image, label in zip(images, labels, strict=True):
            logits = model(image)
            losses.append(tl.logsumexp(logits) - logits[label])
        loss = tl.mean(losses)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.data)

    return Step(run, _numbers(parameters))


def digits_micrograd() -> Step:
    from micrograd.nn import Layer

    sys.setrecursionlimit(10**7)
    functions = micrograd_functions()
    images, labels = _digits()
    random.seed(1)
    hidden, out = Layer(64, 32, nonlin=False), Layer(32, 10, nonlin=False)
    _shrink(hidden.parameters(), 64)
    _shrink(out.parameters(), 32)
    parameters = hidden.parameters() + out.parameters()

    def run() -> float:
        losses = []
        for image, label in zip(images, labels, strict=True):
            logits = out([functions.tanh(v) for v in hidden(image)])
            losses.append(functions.log(sum(functions.exp(v) for v in logits)) - logits[label])
        loss = sum(losses) * (1.0 / BATCH)
        for p in parameters:
            p.grad = 0
        loss.backward()
        _descend(parameters)
        return float(loss.data)

    return Step(run, _numbers(parameters))


def digits_torch() -> Step:
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    images, labels = (torch.tensor(part) for part in _digits())
    net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
    random.seed(1)
    _draw_like_micrograd(net, fan_in=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)

    def run() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        return float(loss)

    return Step(run, lambda: _torch_numbers(net))


def digits(peer: str, quick: bool) -> Findings:
    theirs = digits_torch() if peer == "torch" else digits_micrograd()
    bars = (1 / 100, 1 / 300) if peer == "micrograd, gc off" else (None, None)
    return Findings(_race("W3 digits, batch 32", digits_ours(), theirs, peer, quick, bars))


# both ----------------------------------------------------------------------------------------------------------------


def _race(
    case: str, ours: Step, theirs: Step, peer: str, quick: bool, bars: tuple[float | None, float | None]
) -> list[Any]:
    for _ in range(2):
        check_agreement(f"{case}: loss", [ours.run()], [theirs.run()])
    check_agreement(f"{case}: parameters after two steps", ours.parameters(), theirs.parameters())
    rounds = 5 if quick else 11
    a, b = race(ours.contender(), theirs.contender(collector=not peer.endswith("gc off")), rounds)
    return [ratio_row(case, peer, MILLISECONDS, [s[0] for s in a], [s[0] for s in b], *bars)]


def _draw_like_micrograd(net: Any, fan_in: bool = False) -> None:
    """The same weights from the same seed: uniform in -1..1, neuron by neuron; biases 0."""
    import torch

    with torch.no_grad():
        for linear in (part for part in net if isinstance(part, torch.nn.Linear)):
            scale = math.sqrt(linear.in_features) if fan_in else 1.0
            rows = [[random.uniform(-1, 1) / scale for _ in range(linear.in_features)] for _ in range(linear.out_features)]
            linear.weight.copy_(torch.tensor(rows))
            linear.bias.zero_()


def _torch_numbers(net: Any) -> list[float]:
    """Neuron by neuron, its weights and then its bias, as micrograd orders them."""
    found: list[float] = []
    for linear in (part for part in net if hasattr(part, "weight")):
        for row, bias in zip(linear.weight.tolist(), linear.bias.tolist(), strict=True):
            found += [*row, bias]
    return found
