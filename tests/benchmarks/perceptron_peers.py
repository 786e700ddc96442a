"""A perceptron's step of training on arrays: NumPy by hand, jax, torch. starts.py defines a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .networks import RATE, stepping, torch_network, torch_numbers
from .racing import Contender
from .starts import DECAY, PERCEPTRONS, Perceptron, by_neuron, start


def _stepping(step: Callable[[], float], transposed: Callable[[], Sequence[Any]]) -> Contender:
    """transposed() returns arrays: each layer's matrix (inputs, outputs) and its biases."""
    return stepping(step, lambda: by_neuron([a.T for a in transposed()]))


def numpy(name: str) -> Contender:
    import numpy as np

    net = PERCEPTRONS[name]
    weights, (x, targets) = start(name)
    weights = [np.ascontiguousarray(w.T) for w in weights]
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    rows, labels, size = np.arange(len(x)), targets.astype(int), len(x)
    gradients: list[Any] = []

    def head(z: Any) -> tuple[Any, Any]:
        """The loss, and its derivative by the last layer's outputs."""
        if net.hinge:
            margins = 1 - targets * z[:, 0]
            decay = DECAY * sum(np.vdot(w, w) for w in weights)
            return np.maximum(margins, 0).mean() + decay, ((margins > 0) * (-targets / size))[:, None]
        z -= z.max(1, keepdims=True)
        shares = np.exp(z)
        total = shares.sum(1, keepdims=True)
        loss = np.log(total).mean() - z[rows, labels].mean()
        shares /= total
        shares[rows, labels] -= 1
        shares /= size
        return loss, shares

    def step() -> float:
        values = [x]
        for w, b in layers:
            z = values[-1] @ w
            z += b
            if len(values) < len(layers):
                np.maximum(z, 0, out=z) if net.activation == "relu" else np.tanh(z, out=z)
            values.append(z)
        loss, adjoint = head(values.pop())
        gradients.clear()
        for k in reversed(range(len(layers))):
            below = values[k]
            gradients[:0] = below.T @ adjoint, adjoint.sum(0)
            if k > 0:
                adjoint = adjoint @ layers[k][0].T
                adjoint *= below > 0 if net.activation == "relu" else 1 - below * below
        for w, g in zip(weights, gradients, strict=True):
            if net.hinge:
                g += 2 * DECAY * w
            if net.updates:
                w -= RATE * g
        return float(loss)

    return _stepping(step, lambda: weights if net.updates else gradients)


def jax(name: str, lanes: int = 0) -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    net = PERCEPTRONS[name]
    begin = start(name, lanes)
    weights = [jnp.array(w.T) for w in begin.weights]
    x, targets = map(jnp.array, begin.columns)
    if not net.hinge:
        targets = targets.astype(int)
    differentiated = jax.value_and_grad(lambda weights, x, targets: _jax_loss(net, weights, x, targets))

    @jax.jit
    def next_step(weights: list[Any], x: Any, targets: Any) -> tuple[Any, list[Any]]:
        loss, gradients = differentiated(weights, x, targets)
        return loss, [w - RATE * g for w, g in zip(weights, gradients, strict=True)] if net.updates else gradients

    found: list[Any] = []

    def step() -> float:
        nonlocal weights, found
        loss, found = jax.block_until_ready(next_step(weights, x, targets))
        if net.updates:
            weights = found
        return float(loss)

    return _stepping(step, lambda: found)


def _jax_loss(net: Perceptron, weights: Sequence[Any], x: Any, targets: Any) -> Any:
    import jax
    import jax.numpy as jnp

    activation = {"relu": jax.nn.relu, "tanh": jnp.tanh}[net.activation]
    *hidden, (w, b) = zip(weights[::2], weights[1::2], strict=True)
    for wk, bk in hidden:
        x = activation(x @ wk + bk)
    z = x @ w + b
    if net.hinge:
        return jax.nn.relu(1 - targets * z[:, 0]).mean() + DECAY * sum((w * w).sum() for w in weights)
    return (jax.nn.logsumexp(z, 1) - jnp.take_along_axis(z, targets[:, None], 1)[:, 0]).mean()


def torch(name: str) -> Contender:
    """For a softmax net that is not updated; moons_step and digits_step have the others."""
    import torch

    net = PERCEPTRONS[name]
    network = torch_network(net.widths, "Tanh", by_fan_in=True)
    x, targets = map(torch.tensor, start(name).columns)
    labels = targets.long()

    def step() -> float:
        network.zero_grad()
        loss: Any = torch.nn.functional.cross_entropy(network(x), labels)
        loss.backward()
        return float(loss)

    return stepping(step, torch_numbers(network, gradients=True))
