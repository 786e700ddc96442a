"""One training step of a GPT on scalars, written around a small Value class, with that class replaced by ours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from programs.gpt import GPT, Adam, train, words
from programs.small_values import TupleValue

from .measuring import Contender, Findings, check_agreement, race, ratio_row


def _contender(value: Callable[[float], Any], word: str, collector: bool) -> Contender:
    model = GPT(value)
    adam = Adam(model.parameters)

    def step(held: list[Any]) -> None:
        loss = model.loss(word)
        loss.backward()
        adam.step()

    return Contender((step,), collector)


def nodes_of(root: TupleValue) -> int:
    seen = {root}
    waiting = [root]
    while waiting:
        fresh = [v for v in waiting.pop()._children if v not in seen]
        waiting += set(fresh)
        seen.update(fresh)
    return len(seen)


def against(peer: str, quick: bool) -> Findings:
    """Samples hold several steps, so that the collector's work for one step falls into the next."""
    from tinygrad_lite.engine import Value

    sys.setrecursionlimit(10**6)
    six_letters = [word for word in words() if len(word) == 6]
    check_agreement("GPT, losses of three steps", train(Value, six_letters[:3]), train(TupleValue, six_letters[:3]))
    collector = not peer.endswith("gc off")
    contenders = [_contender(value, six_letters[0], collector or value is Value) for value in (Value, TupleValue)]
    a, b = race(contenders[0], contenders[1], 5 if quick else 11, least=0.5 if collector else 0.05)
    bars = (1 / 10, 1 / 20) if collector else (None, None)
    nodes = nodes_of(GPT(TupleValue).loss(six_letters[0]))
    row = ratio_row(
        f"GPT step, {round(nodes, -3):,} nodes", peer, ("ms a step", 1e-3), [s[0] for s in a], [s[0] for s in b], *bars
    )
    return Findings([row])
