"""How compiling and stepping grow with the width of a network: python tests/benchmarks/widths.py picture.png

The first and a later step of training of 64-n-n-10, batch 64, in a process of their own: seconds of CPU, and the most
memory of the first; beside it jax.jit where that is installed. --widest says where to stop, at most 2,048.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks import growth
from benchmarks.wide_networks import first_and_later

WIDTHS = tuple(2**k for k in range(4, 12))
INPUTS, CLASSES, LANES = 64, 10, 64
SHOWN = ("first step (s)", "memory of the first step (MB)", "later step (s)")


def ours(width: int) -> list[float]:
    import numpy as np

    import tinygrad_lite as tl
    from tinygrad_lite import nn

    model = nn.MLP(INPUTS, [width, width, CLASSES], activation="tanh")
    x, labels = _batch(np)
    loss = tl.compile(lambda x, label: nn.cross_entropy(model(x), label))
    return first_and_later(lambda: loss.batch(x, labels).backward())


def jax(width: int) -> list[float]:
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    sizes = [INPUTS, width, width, CLASSES]
    source = np.random.default_rng(0)
    weights = [source.normal(size=shape) / 16 for shape in itertools.pairwise(sizes)]
    x, labels = map(jax.numpy.array, _batch(np))

    def loss(weights: list[Any]) -> Any:
        h = x
        for w in weights[:-1]:
            h = jax.numpy.tanh(h @ w)
        return -jax.nn.log_softmax(h @ weights[-1])[jax.numpy.arange(LANES), labels].mean()

    step = jax.jit(jax.value_and_grad(loss))
    return first_and_later(lambda: jax.block_until_ready(step(weights)))


def _batch(np: Any) -> tuple[Any, Any]:
    source = np.random.default_rng(0)
    return source.normal(size=(LANES, INPUTS)), source.integers(0, CLASSES, LANES)


def draw(picture: str, widest: int) -> None:
    widths = [width for width in WIDTHS if width <= widest]
    peers = {"tinygrad_lite": ours} | ({"jax.jit": jax} if importlib.util.find_spec("jax") is not None else {})
    lines = [growth.Line(label, widths, entry) for label, entry in peers.items()]
    growth.draw(picture, "width n of 64-n-n-10", SHOWN, lines)


if __name__ == "__main__":
    from benchmarks import widths  # whose functions the child processes find by their module's name

    widths.draw(*growth.asked(__doc__, "widest", WIDTHS[-1]))
