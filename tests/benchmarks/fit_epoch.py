"""An epoch of training on scikit-learn's digits, 64-32-10, batch 32, through train.fit with its progress bar.

The bare compiled steps take the same batches in the same order; so do the steps of jax.jit and of torch. What fit
traces and compiles is counted, over all epochs; what the others compile is not.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr
from typing import Any

from .digits_step import BATCH
from .measuring import Bars, Findings, Unit, ratio_row
from .networks import RATE, SEED, drawn_layers, numbers, torch_network, torch_numbers
from .racing import Contender, race, totals
from .starts import by_neuron

WIDTHS = (64, 32, 10)
EPOCHS = 20
AN_EPOCH = Unit("ms an epoch", 1e-3)
BARE = "bare compiled steps"
PEERS = (BARE, "jax, jit", "torch")
BARS: dict[str, Bars] = {BARE: (1.2, None)}


def all_digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images / 16.0, labels


def batches(images: Any, labels: Any) -> Iterator[tuple[Any, Any]]:
    """Those of fit with the same seed, epoch by epoch."""
    import numpy as np

    order = np.random.default_rng(SEED)
    for _ in range(EPOCHS):
        which = order.permutation(len(images))
        for start in range(0, len(images), BATCH):
            rows = which[start : start + BATCH]
            yield images[rows], labels[rows]


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


def epochs(run: Callable[[], object], found: Callable[[], Sequence[float]]) -> Contender:
    """One run of all epochs is taken here, for the other side to compare the weights."""
    run()
    return Contender((lambda held: run(),), found())


def fitted() -> Contender:
    from tinygrad_lite import nn, train

    images, labels = all_digits()
    model, optimizer = _model()

    def run() -> None:
        with redirect_stderr(io.StringIO()):
            train.fit(model, nn.cross_entropy, (images, labels), optimizer, EPOCHS, BATCH, seed=SEED)

    return epochs(run, numbers(model.parameters()))


def bare() -> Contender:
    import tinygrad_lite as tl
    from tinygrad_lite import nn

    images, labels = all_digits()
    labels = labels.astype(float)
    model, optimizer = _model()

    compiled = tl.compile(lambda x, y: nn.cross_entropy(model(x), y))

    def run() -> None:
        for x, y in batches(images, labels):
            optimizer.zero_grad()
            compiled.batch(x, y).backward()
            optimizer.step()

    return epochs(run, numbers(model.parameters()))


def torch() -> Contender:
    import torch

    network = torch_network(list(WIDTHS), "Tanh", by_fan_in=True)
    images, labels = map(torch.tensor, all_digits())
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)

    def run() -> None:
        for x, y in batches(images, labels):
            optimizer.zero_grad()
            loss: Any = torch.nn.functional.cross_entropy(network(x), y)
            loss.backward()
            optimizer.step()

    return epochs(run, torch_numbers(network))


def jax() -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    images, labels = all_digits()
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

    def run() -> None:
        nonlocal weights
        for x, y in batches(images, labels):
            _, weights = next_step(weights, x, y)
        jax.block_until_ready(weights)

    return epochs(run, lambda: by_neuron(weights))


def against(peer: str, quick: bool) -> Findings:
    makers = {BARE: bare, "jax, jit": jax, "torch": torch}
    a, b = race("fit", (fitted, ()), (makers[peer], ()), 5 if quick else 15)
    ours, theirs = ([seconds / EPOCHS for seconds in totals(samples)] for samples in (a, b))
    return Findings([ratio_row("train.fit, digits", peer, AN_EPOCH, ours, theirs, BARS.get(peer, (None, None)))])
