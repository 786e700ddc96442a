"""A recurrent net, a convolution and attention: weights that one sample uses many times. Value and gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import compiled_programs, networks
from .measuring import Findings
from .racing import Contender, Entry
from .starts import start

PROGRAMS = {"RNN": "RNN, 12 steps", "convolution": "convolution, 8 x 8", "attention": "attention, 8 tokens"}
PEERS = ("torch", "jax, jit")
BARS = {"torch": (1.0, None), "jax, jit": (None, 1.5)}


def _stepping(step: Callable[[], float], gradients: Callable[[], Sequence[Any]]) -> Contender:
    """Gradients array by array, row by row, as compiled_programs orders the leaves."""
    return networks.stepping(step, lambda: [g for array in gradients() for g in array.ravel().tolist()])


def torch(name: str) -> Contender:
    import torch

    torch.set_num_threads(1)
    begin = start(name)
    weights = [torch.tensor(w, requires_grad=True) for w in begin.weights]
    columns = [torch.tensor(column) for column in begin.columns]

    def recurrence(xs: Any, target: Any) -> Any:
        w, b, out = weights
        h = torch.zeros(len(xs), len(w), dtype=xs.dtype)
        for x in xs.unbind(1):
            h = torch.tanh(torch.cat([x, h], 1) @ w.T + b)
        return ((h @ out - target) ** 2).sum()

    def convolution(images: Any, labels: Any) -> Any:
        kernels, dense, biases = weights
        maps = torch.nn.functional.conv2d(images[:, None], kernels.reshape(-1, 1, 3, 3))
        logits = torch.relu(maps).flatten(1) @ dense.T + biases
        return torch.nn.functional.cross_entropy(logits, labels, reduction="sum")

    def attention(xs: Any) -> Any:
        query, key, value = [xs @ w.T for w in weights]
        shares = torch.softmax((query @ key.transpose(1, 2)).masked_fill(later, -torch.inf), -1)
        return ((shares @ value - xs) ** 2).sum()

    later = torch.ones(8, 8).triu(1).bool()
    if name == "convolution":
        columns[1] = columns[1].long()
    loss_of = {"RNN": recurrence, "convolution": convolution, "attention": attention}[name]

    def step() -> float:
        for w in weights:
            w.grad = None
        loss = loss_of(*columns)
        loss.backward()
        return float(loss)

    return _stepping(step, lambda: [w.grad.numpy() for w in weights])


def jax(name: str) -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    begin = start(name)
    weights = [jnp.array(w) for w in begin.weights]
    columns = [jnp.array(column) for column in begin.columns]

    def recurrence(weights: Sequence[Any], xs: Any, target: Any) -> Any:
        w, b, out = weights
        h = jnp.zeros((len(xs), len(w)))
        for t in range(xs.shape[1]):
            h = jnp.tanh(jnp.concatenate([xs[:, t], h], 1) @ w.T + b)
        return ((h @ out - target) ** 2).sum()

    def convolution(weights: Sequence[Any], images: Any, labels: Any) -> Any:
        kernels, dense, biases = weights
        maps = jax.lax.conv_general_dilated(images[:, None], kernels.reshape(-1, 1, 3, 3), (1, 1), "VALID")
        logits = jax.nn.relu(maps).reshape(len(images), -1) @ dense.T + biases
        return (jax.nn.logsumexp(logits, 1) - jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]).sum()

    def attention(weights: Sequence[Any], xs: Any) -> Any:
        query, key, value = [xs @ w.T for w in weights]
        shares = jax.nn.softmax(jnp.where(visible, query @ key.transpose(0, 2, 1), -jnp.inf))
        return ((shares @ value - xs) ** 2).sum()

    visible = jnp.tril(jnp.ones((8, 8), dtype=bool))
    if name == "convolution":
        columns[1] = columns[1].astype(int)
    loss_of = {"RNN": recurrence, "convolution": convolution, "attention": attention}[name]
    differentiated = jax.jit(jax.value_and_grad(loss_of))
    gradients: list[Any] = []

    def step() -> float:
        loss, gradients[:] = jax.block_until_ready(differentiated(weights, *columns))
        return float(loss)

    return _stepping(step, lambda: gradients)


def against(name: str, peer: str, quick: bool) -> Findings:
    theirs: Entry = ({"torch": torch, "jax, jit": jax}[peer], (name,))
    return networks.against(PROGRAMS[name], peer, quick, (compiled_programs.ours, (name,)), theirs, BARS[peer])
