"""An epoch of training on scikit-learn's digits, 64-32-10, batch 32, through train.fit with its progress bar.

The bare compiled steps take the same batches in the same order; so do the steps of jax.jit and of torch. Each epoch is
timed from the end of the one before, so that nobody's compiling is in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from time import process_time
from typing import Any

from .digits_step import BATCH
from .measuring import Bars, Findings, Unit, ratio_row
from .networks import RATE, SEED, drawn_layers, numbers, torch_network, torch_numbers
from .racing import Contender, race, totals
from .starts import by_neuron

WIDTHS = (64, 32, 10)
AN_EPOCH = Unit("ms an epoch", 1e-3)
BARE = "bare compiled steps"
PEERS = (BARE, "jax, jit", "torch")
BARS: dict[str, Bars] = {BARE: (1.2, None)}


def all_digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images / 16.0, labels


Ended = Callable[[], None]
"""What a run calls at the end of each epoch."""


@dataclass(frozen=True)
class Epochs(Contender):
    """A training of so many epochs, which are timed."""

    train: Callable[[int, Ended], object] = lambda epochs, ended: None

    def run(self, times: int) -> list[float]:
        ends: list[float] = []
        self.train(times + 1, lambda: ends.append(process_time()))
        return [(ends[-1] - ends[0]) / times]


def compared(train: Callable[[int, Ended], object], found: Callable[[], Sequence[float]]) -> Contender:
    """Two epochs are taken here, for the other side to compare the weights."""
    train(2, lambda: None)
    return Epochs((), found(), train=train)


def stepping(step: Callable[[Any, Any], object], images: Any, labels: Any) -> Callable[[int, Ended], None]:
    """Takes step(x, y) for the batches of fit with the same seed."""
    import numpy as np

    def train(epochs: int, ended: Ended) -> None:
        order = np.random.default_rng(SEED)
        for _ in range(epochs):
            which = order.permutation(len(images))
            for start in range(0, len(images), BATCH):
                rows = which[start : start + BATCH]
                step(images[rows], labels[rows])
            ended()

    return train


def _model() -> tuple[Any, Any]:
    from tinygrad_lite import nn
    from tinygrad_lite.optim import SGD

    inputs, *outputs = WIDTHS
    model = nn.MLP(inputs, outputs, activation="tanh")
    _set(model.parameters())
    return model, SGD(model.parameters(), lr=RATE)


def _set(parameters: Sequence[Any]) -> None:
    weights = [part for rows, biases in drawn_layers(WIDTHS, by_fan_in=True) for part in (rows, biases)]
    for p, weight in zip(parameters, by_neuron(weights), strict=True):
        p.data = weight


def fitted() -> Contender:
    from tinygrad_lite import nn, train

    data = all_digits()
    model, optimizer = _model()

    def run(epochs: int, ended: Ended) -> None:
        with redirect_stderr(io.StringIO()):
            train.fit(
                model, nn.cross_entropy, data, optimizer, epochs, BATCH, callbacks=[lambda state: ended()], seed=SEED
            )

    return compared(run, numbers(model.parameters()))


def bare() -> Contender:
    import tinygrad_lite as tl
    from tinygrad_lite import nn

    images, labels = all_digits()
    model, optimizer = _model()
    compiled = tl.compile(lambda x, y: nn.cross_entropy(model(x), y))

    def step(x: Any, y: Any) -> None:
        optimizer.zero_grad()
        compiled.batch(x, y).backward()
        optimizer.step()

    return compared(stepping(step, images, labels.astype(float)), numbers(model.parameters()))


def torch() -> Contender:
    import torch

    network = torch_network(list(WIDTHS), "Tanh", by_fan_in=True)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)

    def step(x: Any, y: Any) -> None:
        optimizer.zero_grad()
        loss: Any = torch.nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()

    return compared(stepping(step, *map(torch.tensor, all_digits())), torch_numbers(network))


def jax() -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    weights = [jnp.array(part) for rows, biases in drawn_layers(WIDTHS, by_fan_in=True) for part in (rows, biases)]

    def loss(weights: Sequence[Any], x: Any, y: Any) -> Any:
        w, b, out, shift = weights
        z = jnp.tanh(x @ w.T + b) @ out.T + shift
        return (jax.nn.logsumexp(z, 1) - jnp.take_along_axis(z, y[:, None], 1)[:, 0]).mean()

    differentiated = jax.value_and_grad(loss)

    @jax.jit
    def next_step(weights: list[Any], x: Any, y: Any) -> tuple[Any, list[Any]]:
        found, gradients = differentiated(weights, x, y)
        return found, [w - RATE * g for w, g in zip(weights, gradients, strict=True)]

    def step(x: Any, y: Any) -> None:
        nonlocal weights
        _, weights = jax.block_until_ready(next_step(weights, x, y))

    return compared(stepping(step, *all_digits()), lambda: by_neuron(weights))


def against(peer: str, quick: bool) -> Findings:
    makers = {BARE: bare, "jax, jit": jax, "torch": torch}
    a, b = race("fit", (fitted, ()), (makers[peer], ()), 5 if quick else 21, least=0.1)
    bars = BARS.get(peer, (None, None))
    return Findings([ratio_row("train.fit, digits", peer, AN_EPOCH, totals(a), totals(b), bars)])
