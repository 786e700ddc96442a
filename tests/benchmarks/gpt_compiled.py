"""A training step of the GPT of programs/gpt.py, written so that it compiles with the tokens as inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from programs.gpt import GPT, HEADS, tokens

from .gpt_step import WORD
from .measuring import Findings, own_row, ratio_row
from .networks import A_STEP, numbers, stepping
from .racing import Contender, alone, race, totals

PEERS = ("our eager engine", "")


def loss(model: Any, spelled: Sequence[Any]) -> Any:
    """The mean of -log(probability of the next token); the model has the matrices of a GPT, of any width."""
    import tinygrad_lite as tl
    from tinygrad_lite import nn

    def linear(matrix: Sequence[Any], x: Sequence[Any]) -> list[Any]:
        return [tl.dot(row, x) for row in matrix]

    def add(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
        return [ai + bi for ai, bi in zip(a, b, strict=True)]

    def rms_norm(x: Sequence[Any]) -> list[Any]:
        scale = (tl.dot(x, x) / len(x) + 1e-5) ** -0.5
        return [xi * scale for xi in x]

    def attend(x: Sequence[Any]) -> list[Any]:
        query = linear(model.query, x)
        keys.append(linear(model.key, x))
        worths.append(linear(model.worth, x))
        size = len(query) // HEADS
        heads: list[Any] = []
        for start in range(0, len(query), size):
            part = slice(start, start + size)
            shares = tl.softmax([tl.dot(query[part], key[part]) / size**0.5 for key in keys])
            heads += [tl.dot(shares, column) for column in zip(*[worth[part] for worth in worths], strict=True)]
        return linear(model.merge, heads)

    keys: list[Any] = []
    worths: list[Any] = []
    losses = []
    letters = list(zip(*model.letter, strict=True))
    for place in range(len(spelled) - 1):
        x = rms_norm(add([tl.take(column, spelled[place]) for column in letters], model.position[place]))
        x = add(x, attend(rms_norm(x)))
        x = add(x, linear(model.narrow, [h.relu() for h in linear(model.widen, rms_norm(x))]))
        losses.append(nn.cross_entropy(linear(model.read_out, x), spelled[place + 1]))
    return tl.mean(losses)


def _training(loss_of: Any, parameters: list[Any]) -> Contender:
    from tinygrad_lite.optim import Adam

    optimizer = Adam(parameters, lr=0.01, betas=(0.85, 0.99))

    def step() -> float:
        optimizer.zero_grad()
        total = loss_of()
        total.backward()
        optimizer.step()
        return float(total.data)

    return stepping(step, numbers(parameters))


def ours(executor: str = "auto") -> Contender:
    import tinygrad_lite as tl

    model = GPT(tl.Value)
    run = tl.compile(lambda spelled: loss(model, spelled), executor=executor)
    batch = [tokens(WORD)]
    return _training(lambda: run.batch(batch), model.parameters)


def eager() -> Contender:
    from tinygrad_lite import Value

    model = GPT(Value)
    return _training(lambda: loss(model, tokens(WORD)), model.parameters)


def gpt(peer: str, quick: bool) -> Findings:
    case, rounds = "GPT step, compiled", 5 if quick else 15
    if not peer:
        samples = [seconds / A_STEP.seconds for seconds in totals(alone((ours, ()), rounds))]
        return Findings([own_row(case, A_STEP.name, samples, (2, 0.5))])
    a, b = race(case, (ours, ()), (eager, ()), rounds)
    return Findings([ratio_row(case, peer, A_STEP, totals(a), totals(b))])
