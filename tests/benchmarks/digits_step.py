"""W3, a step on 32 of scikit-learn's handwritten digits: 64-32-10, tanh, softmax cross-entropy, update, all eager."""

from __future__ import annotations

import random
import sys
from typing import Any

from .measuring import Findings
from .networks import RATE, SEED, against, numbers, shrink, stepping, torch_network, torch_numbers
from .racing import Contender, Entry

BATCH = 32


def batch_of_digits() -> tuple[list[list[float]], list[int]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.data[:BATCH] / 16).tolist(), digits.target[:BATCH].tolist()


def ours() -> Contender:
    import tinygrad_lite as tl
    from tinygrad_lite.nn import MLP
    from tinygrad_lite.optim import SGD

    images, labels = batch_of_digits()
    random.seed(SEED)
    model = MLP(64, [32, 10], activation="tanh")
    for layer, inputs in zip(model.layers, (64, 32), strict=True):
        shrink(layer.parameters(), inputs)
    parameters = model.parameters()
    optimizer = SGD(parameters, lr=RATE)

    def step() -> float:
        losses = []
        for image, label in zip(images, labels, strict=True):
            logits = model(image)
            losses.append(tl.logsumexp(logits) - logits[label])
        loss = tl.mean(losses)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.data)

    return stepping(step, numbers(parameters))


def micrograd(collector: bool) -> Contender:
    from micrograd.nn import Layer

    from .micrograd_functions import exp, log, tanh

    sys.setrecursionlimit(10**7)
    images, labels = batch_of_digits()
    random.seed(SEED)
    hidden, out = Layer(64, 32, nonlin=False), Layer(32, 10, nonlin=False)
    shrink(hidden.parameters(), 64)
    shrink(out.parameters(), 32)
    parameters = hidden.parameters() + out.parameters()

    def step() -> float:
        losses = []
        for image, label in zip(images, labels, strict=True):
            logits = out([tanh(v) for v in hidden(image)])
            losses.append(log(sum(exp(v) for v in logits)) - logits[label])
        loss = sum(losses) * (1.0 / BATCH)
        for p in parameters:
            p.grad = 0
        loss.backward()
        for p in parameters:
            p.data -= RATE * p.grad
        return float(loss.data)

    return stepping(step, numbers(parameters), collector)


def torch() -> Contender:
    import torch

    network = torch_network([64, 32, 10], "Tanh", by_fan_in=True)
    images, labels = (torch.tensor(part) for part in batch_of_digits())
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss: Any = torch.nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        return float(loss)

    return stepping(step, torch_numbers(network))


def digits(peer: str, quick: bool) -> Findings:
    theirs: Entry = (torch, ()) if peer == "torch" else (micrograd, (not peer.endswith("gc off"),))
    bars = (1 / 100, 1 / 300) if peer == "micrograd, gc off" else (None, None)
    return against("W3 digits, batch 32", peer, quick, (ours, ()), theirs, bars)
