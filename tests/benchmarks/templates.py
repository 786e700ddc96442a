"""Groups that are alike but for their lengths, such as causal attention and padded windows, and numbers that are taken
from tables. Value and gradients."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from programs.gpt import HEADS

from . import gpt_compiled, networks
from .measuring import Bars, Findings, in_child, own_row, ratio_row
from .racing import Contender, Entry, race, totals

BODIES, SOFTENING = 50, 0.01
VOCABULARY = 27
MATRICES = ("letter", "position", "query", "key", "worth", "merge", "widen", "narrow", "read_out")
IMAGES = 32
PEER = "jax, jit"


class Size(NamedTuple):
    """Of a GPT: the tokens that it reads, and its width."""

    context: int
    width: int


class Shape(NamedTuple):
    """Of a convolutional net: the side of its images, the filters of each 3 x 3 convolution, its stride and padding."""

    side: int
    filters: tuple[int, ...]
    stride: int
    padding: int


GPTS = {f"GPT, context {c}, width {w}": Size(c, w) for c, w in ((8, 16), (16, 16), (32, 16), (8, 64))}
PADDED, UNPADDED, LARGE = "padded convolution, 8 x 8", "the same, not padded", "two convolutions, 28 x 28"
NETS = {PADDED: Shape(8, (6,), 1, 1), UNPADDED: Shape(8, (6,), 1, 0), LARGE: Shape(28, (8, 16), 1, 1)}
VECTORS, LENGTH, TOKENS = 1000, 32, (32, 16)
LOOKUP = "embedding, 1,000 x 32"
BARS: dict[str, Bars] = {
    "N-body, 50": (1.2, 0.8),
    **dict.fromkeys(GPTS, (1.5, 1.0)),
    PADDED: (1.0, 0.8),
    UNPADDED: (None, None),
    LARGE: (0.8, 0.6),
    LOOKUP: (1.5, 1.0),
}
COMPILE_BARS = (2.0, 0.5)


def _drawn(*shapes: tuple[int, ...]) -> list[Any]:
    import numpy as np

    source = np.random.default_rng(0)
    return [source.normal(size=shape) / (shape[-1] ** 0.5) for shape in shapes]


def _leaves(weights: Any) -> Any:
    from tinygrad_lite import Value

    return [_leaves(row) for row in weights] if getattr(weights, "ndim", 0) else Value(float(weights))


def _bodies() -> Any:
    (found,) = _drawn((BODIES, 3))
    return found


def bodies(executor: str = "auto") -> Contender:
    """The potential energy of bodies that attract one another, and the force on each."""
    import numpy as np

    import tinygrad_lite as tl

    def energy(places: Any) -> Any:
        total = []
        for a, b in itertools.combinations(places, 2):
            d = [x - y for x, y in zip(a, b, strict=True)]
            total.append(-1.0 / tl.sqrt(tl.dot(d, d) + SOFTENING))
        return tl.sum(total)

    run, places = tl.compile(tl.value_and_grad(energy), executor=executor), _bodies()
    forces: list[Any] = []

    def step() -> float:
        value, forces[:] = run(places)
        return float(value)

    return networks.stepping(step, lambda: np.ravel(forces).tolist())


def bodies_in_jax() -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    first, second = jnp.triu_indices(BODIES, 1)

    def energy(places: Any) -> Any:
        d = places[first] - places[second]
        return -(1.0 / jnp.sqrt((d * d).sum(1) + SOFTENING)).sum()

    run, places = jax.jit(jax.value_and_grad(energy)), jnp.array(_bodies())
    return _in_jax(lambda: run(places))


def _in_jax(run: Callable[[], Any]) -> Contender:
    import jax
    import numpy as np

    gradients: list[Any] = []

    def step() -> float:
        value, found = jax.block_until_ready(run())
        gradients[:] = found if isinstance(found, list) else [found]
        return float(value)

    return networks.stepping(step, lambda: np.concatenate([np.ravel(g) for g in gradients]).tolist())


def _gpt_start(size: Size) -> tuple[list[Any], Any]:
    """The numbers of MATRICES, and the tokens."""
    import numpy as np

    context, width = size
    square = (width, width)
    shapes = [(VOCABULARY, width), (context, width), square, square, square, square, (4 * width, width)]
    weights = _drawn(*shapes, (width, 4 * width), (VOCABULARY, width))
    return weights, np.random.default_rng(1).integers(0, VOCABULARY, context + 1).astype(float)


def gpt(case: str, executor: str = "auto") -> Contender:
    import tinygrad_lite as tl

    numbers, spelled = _gpt_start(GPTS[case])
    matrices = dict(zip(MATRICES, map(_leaves, numbers), strict=True))
    model = SimpleNamespace(**matrices)
    run = tl.compile(lambda spelled: gpt_compiled.loss(model, spelled), executor=executor)
    return _training(run, [spelled[None]], [p for matrix in matrices.values() for row in matrix for p in row])


def _training(run: Any, columns: Sequence[Any], parameters: Sequence[Any]) -> Contender:
    from tinygrad_lite.optim import SGD

    optimizer = SGD(parameters, lr=networks.RATE)

    def step() -> float:
        optimizer.zero_grad()
        total = run.batch(*columns)
        total.backward()
        return float(total.data)

    return networks.stepping(step, lambda: [p.grad for p in parameters])


def gpt_in_jax(case: str) -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    size = GPTS[case]
    numbers, spelled = _gpt_start(size)
    weights, tokens = list(map(jnp.array, numbers)), jnp.array(spelled.astype(int))
    seen = jnp.tril(jnp.ones((size.context, size.context), dtype=bool))

    def rms_norm(x: Any) -> Any:
        return x * ((x * x).mean(1, keepdims=True) + 1e-5) ** -0.5

    def loss(weights: list[Any]) -> Any:
        letter, position, query, key, worth, merge, widen, narrow, read_out = weights
        x = rms_norm(letter[tokens[:-1]] + position)
        y = rms_norm(x)
        q, k, v = [(y @ w.T).reshape(size.context, HEADS, -1).transpose(1, 0, 2) for w in (query, key, worth)]
        scores = q @ k.transpose(0, 2, 1) / (size.width // HEADS) ** 0.5
        mixed = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)) @ v
        x = x + mixed.transpose(1, 0, 2).reshape(size.context, -1) @ merge.T
        x = x + jax.nn.relu(rms_norm(x) @ widen.T) @ narrow.T
        logits = x @ read_out.T
        chosen = jnp.take_along_axis(logits, tokens[1:, None], 1)[:, 0]
        return (jax.nn.logsumexp(logits, 1) - chosen).mean()

    run = jax.jit(jax.value_and_grad(loss))
    return _in_jax(lambda: run(weights))


def _net_start(shape: Shape) -> tuple[list[Any], Any, Any]:
    """The filters and biases of the convolutions, then of a linear layer of 10 outputs; images and labels."""
    import numpy as np

    shapes: list[tuple[int, ...]] = []
    channels, side = 1, shape.side
    for filters in shape.filters:
        shapes += [(filters, channels, 3, 3), (filters,)]
        channels, side = filters, (side + 2 * shape.padding - 3) // shape.stride + 1
    images, *weights = _drawn((IMAGES, 1, shape.side, shape.side), *shapes, (10, channels * side * side), (10,))
    return weights, images, np.random.default_rng(1).integers(0, 10, IMAGES)


def _net(shape: Shape, executor: str = "auto") -> tuple[Any, list[Any], list[Any]]:
    """The compiled loss, its columns, and the leaves."""
    import tinygrad_lite as tl
    from tinygrad_lite import nn

    weights, images, labels = _net_start(shape)
    layers: list[Any] = []
    channels = 1
    for filters in shape.filters:
        layers.append(nn.Conv2d(channels, filters, 3, shape.stride, shape.padding))
        channels = filters
    dense = nn.Linear(weights[-2].shape[1], 10)
    parameters = [p for layer in (*layers, dense) for p in layer.parameters()]
    for p, number in zip(parameters, [x for w in weights for x in w.ravel().tolist()], strict=True):
        p.data = number

    def loss(image: Any, label: Any) -> Any:
        for layer in layers:
            image = [[[y.relu() for y in row] for row in channel] for channel in layer(image)]
        return nn.cross_entropy(dense([y for channel in image for row in channel for y in row]), label)

    return tl.compile(loss, executor=executor), [images, labels.astype(float)], parameters


def net(case: str, executor: str = "auto") -> Contender:
    return _training(*_net(NETS[case], executor))


def net_in_jax(case: str) -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    shape = NETS[case]
    numbers, images, labels = _net_start(shape)
    weights, x, labels = list(map(jnp.array, numbers)), jnp.array(images), jnp.array(labels)
    padding = [(shape.padding, shape.padding)] * 2

    def loss(weights: list[Any]) -> Any:
        *filters, dense, biases = weights
        maps = x
        for kernel, bias in zip(filters[::2], filters[1::2], strict=True):
            maps = jax.lax.conv_general_dilated(maps, kernel, (shape.stride,) * 2, padding) + bias[:, None, None]
            maps = jax.nn.relu(maps)
        logits = maps.reshape(len(x), -1) @ dense.T + biases
        return (jax.nn.logsumexp(logits, 1) - jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]).mean()

    run = jax.jit(jax.value_and_grad(loss))
    return _in_jax(lambda: run(weights))


def _lookup_start() -> tuple[list[Any], Any, Any]:
    """The table, the weights and biases of a linear layer of 4 outputs; tokens and labels."""
    import numpy as np

    source = np.random.default_rng(1)
    weights = _drawn((VECTORS, LENGTH), (4, LENGTH), (4,))
    return weights, source.integers(0, VECTORS, TOKENS), source.integers(0, 4, TOKENS[0])


def lookup(executor: str = "auto") -> Contender:
    """The mean of the vectors of a few tokens, and a class from it."""
    import tinygrad_lite as tl
    from tinygrad_lite import nn

    weights, tokens, labels = _lookup_start()
    table, dense = nn.Embedding(VECTORS, LENGTH), nn.Linear(LENGTH, 4)
    parameters = [*table.parameters(), *dense.parameters()]
    for p, number in zip(parameters, [x for w in weights for x in w.ravel().tolist()], strict=True):
        p.data = number

    def loss(tokens: Any, label: Any) -> Any:
        return nn.cross_entropy(dense([tl.mean(column) for column in zip(*table(tokens), strict=True)]), label)

    return _training(tl.compile(loss, executor=executor), [tokens.astype(float), labels.astype(float)], parameters)


def lookup_in_jax() -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    numbers, tokens, labels = _lookup_start()
    weights, tokens, labels = list(map(jnp.array, numbers)), jnp.array(tokens), jnp.array(labels)

    def loss(weights: list[Any]) -> Any:
        table, dense, biases = weights
        logits = table[tokens].mean(1) @ dense.T + biases
        return (jax.nn.logsumexp(logits, 1) - jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]).mean()

    run = jax.jit(jax.value_and_grad(loss))
    return _in_jax(lambda: run(weights))


def compiling(case: str) -> float:
    """Seconds until the first step of a convolutional net is done."""
    run, columns, _ = _net(NETS[case])
    start = time.process_time()
    run.batch(*columns).backward()
    return time.process_time() - start


def against(peer: str, quick: bool) -> Findings:
    found = Findings()
    rounds = 5 if quick else 11
    pairs: dict[str, tuple[Entry, Entry]] = {"N-body, 50": ((bodies, ()), (bodies_in_jax, ()))}
    pairs |= {case: ((gpt, (case,)), (gpt_in_jax, (case,))) for case in GPTS}
    pairs |= {case: ((net, (case,)), (net_in_jax, (case,))) for case in NETS}
    pairs[LOOKUP] = (lookup, ()), (lookup_in_jax, ())
    for case, (ours, theirs) in pairs.items():
        a, b = race(case, ours, theirs, rounds)
        found.rows.append(ratio_row(case, peer, networks.A_STEP, totals(a), totals(b), BARS[case]))
    seconds = [in_child(compiling, LARGE) for _ in range(2 if quick else 3)]
    found.rows.append(own_row(f"{LARGE}, first", "s", seconds, COMPILE_BARS))
    return found
