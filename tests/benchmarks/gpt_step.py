"""A training step of a GPT on scalars, written around a small Value class, with that class replaced by ours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from programs.gpt import GPT, Adam, words
from programs.small_values import TupleValue

from .measuring import Findings, Unit, ratio_row
from .racing import Contender, race, totals

WORD = next(word for word in words() if len(word) == 6)  # some 60,000 nodes


def _contender(value: Callable[[float], Any], collector: bool = True) -> Contender:
    sys.setrecursionlimit(10**6)
    model = GPT(value)
    adam = Adam(model.parameters)

    def step(held: list[Any]) -> float:
        loss = model.loss(WORD)
        loss.backward()
        adam.step()
        return float(loss.data)

    results = [step([]) for _ in range(3)]
    return Contender((step,), results, collector)


def ours() -> Contender:
    from tinygrad_lite.engine import Value

    return _contender(Value)


def slots_and_tuples(collector: bool) -> Contender:
    return _contender(TupleValue, collector)


def _nodes() -> int:
    root = GPT(TupleValue).loss(WORD)
    seen = {root}
    waiting = [root]
    while waiting:
        for child in waiting.pop()._children:
            if child not in seen:
                seen.add(child)
                waiting.append(child)
    return len(seen)


def gpt(peer: str, quick: bool) -> Findings:
    """With the collector, a sample holds several steps, since the garbage of one step is collected in the next."""
    collector = not peer.endswith("gc off")
    a, b = race("GPT", (ours, ()), (slots_and_tuples, (collector,)), 5 if quick else 15, 0.5 if collector else 0.1)
    bars = (1 / 10, 1 / 20) if collector else (None, None)
    case = f"GPT step, {round(_nodes(), -3):,} nodes"
    return Findings([ratio_row(case, peer, Unit("ms a step", 1e-3), totals(a), totals(b), bars)])
