"""wide: networks of many weights, written in four ways. Seconds and memory of the first step, and a later step."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from .measuring import Bars, Findings, Row, Spread, Unit, can_measure_memory, in_child, most_memory, own_row, ratio_row

WAYS = ("MLP", "Linear", "dot", "sum(w * x)")
SMALL, LARGE, LARGEST = (784, 128, 10), (784, 512, 256, 10), (784, 1024, 1024, 10)
LANES = 64
SECONDS, MILLISECONDS = Unit("s", 1.0), Unit("ms", 1e-3)
# By way and network: what the first step may take, in seconds, or as a ratio to jax.jit.
SMALL_BARS: dict[str, Bars] = dict.fromkeys(WAYS[:3], (0.2, 0.05)) | {"sum(w * x)": (0.8, 0.3)}
LARGE_BARS: Bars = (0.5, 0.1)


def first_and_later(step: Callable[[], object]) -> list[float]:
    """Seconds of CPU of the first step, the most memory it takes in megabytes, and seconds of the best of five more."""
    seconds: list[float] = []

    def timed() -> None:
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)

    memory = most_memory(timed) / 1e6 if can_measure_memory() else (timed(), 0.0)[1]
    for _ in range(5):
        timed()
    return [seconds[0], memory, min(seconds[1:])]


def model(way: str, sizes: tuple[int, ...]) -> Callable[[Any], Any]:
    import numpy as np

    import tinygrad_lite as tl
    from tinygrad_lite import nn

    pairs = list(itertools.pairwise(sizes))
    if way == "MLP":
        return nn.MLP(sizes[0], list(sizes[1:]), activation="tanh")
    if way == "Linear":
        layers = [layer for a, b in pairs for layer in (nn.Linear(a, b), nn.Tanh())]
        return nn.Sequential(*layers[:-1])
    source = np.random.default_rng(0)
    weights = [[[tl.Value(x) for x in row] for row in source.normal(size=(b, a)) / 16] for a, b in pairs]

    def by_hand(x: Any) -> Any:
        for k, matrix in enumerate(weights):
            if way == "dot":
                x = [tl.dot(row, x) for row in matrix]
            else:
                x = [sum(w * a for w, a in zip(row, x, strict=True)) for row in matrix]
            x = [tl.tanh(a) for a in x] if k + 1 < len(weights) else x
        return x

    return by_hand


def ours(way: str, sizes: list[int]) -> list[float]:
    import tinygrad_lite as tl
    from tinygrad_lite import nn

    forward = model(way, tuple(sizes))
    x, labels = _batch(sizes)
    loss = tl.compile(lambda x, label: nn.cross_entropy(forward(x), label))
    return first_and_later(lambda: loss.batch(x, labels).backward())


def from_nothing(sizes: list[int]) -> list[float]:
    """Building, binding, compiling and the first step, in one."""
    import tinygrad_lite as tl
    from tinygrad_lite import nn

    def whole() -> None:
        forward = model("MLP", tuple(sizes))
        x, labels = _batch(sizes)
        tl.compile(lambda x, label: nn.cross_entropy(forward(x), label)).batch(x, labels).backward()

    start = time.process_time()
    memory = most_memory(whole) / 1e6 if can_measure_memory() else (whole(), 0.0)[1]
    return [time.process_time() - start, memory]


def jax(sizes: list[int]) -> list[float]:
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    source = np.random.default_rng(0)
    weights = [(source.normal(size=(a, b)) / 16, np.zeros(b)) for a, b in itertools.pairwise(sizes)]
    x, labels = map(jax.numpy.array, _batch(sizes))

    def loss(weights: list[Any]) -> Any:
        h = x
        for w, b in weights[:-1]:
            h = jax.numpy.tanh(h @ w + b)
        w, b = weights[-1]
        return -jax.nn.log_softmax(h @ w + b)[jax.numpy.arange(LANES), labels].mean()

    step = jax.jit(jax.value_and_grad(loss))
    return first_and_later(lambda: jax.block_until_ready(step(weights)))


def _batch(sizes: list[int]) -> tuple[Any, Any]:
    import numpy as np

    source = np.random.default_rng(0)
    return source.normal(size=(LANES, sizes[0])), source.integers(0, sizes[-1], LANES)


def against(peer: str, quick: bool) -> Findings:
    """Against jax, the large network; without a peer, seconds and megabytes."""
    rounds = 2 if quick else 5
    rows: list[Row] = []
    for way in WAYS:
        if not peer:
            seconds = [in_child(ours, way, SMALL)[0] for _ in range(rounds)]
            rows.append(own_row(f"784-128-10 by {way}, first", "s", seconds, SMALL_BARS[way]))
        elif way != "sum(w * x)":
            pairs = [(in_child(ours, way, LARGE), in_child(jax, LARGE)) for _ in range(rounds)]
            case, (mine, theirs) = f"784-512-256-10 by {way}", zip(*pairs, strict=True)
            first, memory, later = zip(*mine, strict=True)
            first_of_jax, _, later_of_jax = zip(*theirs, strict=True)
            rows.append(ratio_row(f"{case}, first", peer, SECONDS, first, first_of_jax, LARGE_BARS))
            rows.append(ratio_row(f"{case}, later", peer, MILLISECONDS, later, later_of_jax, (1.0, 0.8)))
            rows.append(Row(f"{case}, first", "", "MB", memory[0], None, Spread.of(memory), False, 40, 10))
    if not peer:
        seconds_of, megabytes = zip(*[in_child(from_nothing, LARGEST) for _ in range(rounds)], strict=True)
        rows.append(own_row("784-1024-1024-10, all", "s", seconds_of, (8, 3)))
        rows.append(own_row("784-1024-1024-10, all", "MB", megabytes, (800, 400)))
    return Findings(rows)
