"""lr_find: measures the loss as the learning rate grows, and suggests a rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import ops
from ..compiler import compile
from ..engine import Value
from ..errors import TraceError, received
from ..floats.expected import whole
from ..nn import Module
from ..optim import Optimizer
from ..text.reports import Report, Table
from ..text.wording import number
from ..transforms.runs import inside_transform
from .finding import Finding
from .recording import Loss

DIVERGED = 4.0
"""A loss has diverged if it exceeds the first one times this."""
FELL = 0.99
"""A loss has fallen if it is at most the first one times this."""
TOO_LOW, TOO_HIGH = 1e-3, 1.5
"""A rate below the suggestion times the first is too low; one that multiplies the loss by the second is too high."""
_TRIED, _LAST = 20, 5
_SAFE = 0.1
_SHOWN = 12


@dataclass(frozen=True, repr=False)
class LearningRates(Report):
    """The report of lr_find: `.rates`, the `.losses` before the step at each, and `.suggestion`, None if no loss fell.

    diverged  the rate at which the loss diverged, None if it never did
    """

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    suggestion: float | None = None
    diverged: float | None = None

    def parts(self) -> list[str | Table]:
        end = f"the loss diverges at {number(self.diverged, 2)}" if self.diverged else "the loss never diverges"
        took = f"use {number(self.suggestion, 2)}" if self.suggestion else "the loss falls at no rate: try higher ones"
        every = max(1, math.ceil(len(self.rates) / _SHOWN))
        rows = [(number(r, 2), number(x)) for r, x in zip(self.rates[::every], self.losses[::every], strict=True)]
        meaning = (
            "The rate is how far a step goes along the negative gradient. One course of steps tries ever larger rates; "
            "each row has the loss before a step of that rate. At small ones it hardly falls, then it falls fast: "
            "there is the suggested rate. Steps that are too long make it rise, or diverge: grow without end."
        )
        return [f"Learning rate: {took} ({end}).", Table(["rate", "loss"], rows, "rr"), meaning]


def lr_find(
    model: Module,
    loss: Loss,
    data: tuple[Any, Any],
    optimizer: Optimizer,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
) -> LearningRates:
    """Takes steps with a learning rate that grows from low to high, in equal ratios, until the loss diverges.

    The suggestion is a tenth of the rate that led to the smallest loss. Smith 2017, "Cyclical learning rates".
    loss       loss(prediction, target) of one sample
    data       (X, y): each step uses all of it; a few hundred samples are enough
    optimizer  it and its parameters are restored at the end, and gradients cleared; with several parameter groups, the
               rates are those of the fastest group, and the ratios between groups are kept

    >>> from tinygrad_lite import nn, optim
    >>> model = nn.MLP(1, [1]); data = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> found = lr_find(model, nn.mse, data, optim.SGD(model.parameters()))
    >>> 0.01 < found.suggestion < 0.2
    True
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"lr_find(optimizer) takes an optimizer from optim, got {received(optimizer)}")
    if not 0.0 < low < high < math.inf:
        raise ValueError(f"lr_find(low, high) takes two rates with 0 < low < high, got {low} and {high}")
    steps = whole(2).checked("lr_find(steps=...)", steps)
    rates = [low * (high / low) ** (k / (steps - 1)) for k in range(steps)]
    losses, diverged = _course(mean_loss(model, loss, data), model, optimizer, rates)
    return LearningRates(rates[: len(losses)], losses, _suggested(rates, losses), diverged)


def _course(
    mean: Callable[[], Value], model: Module, optimizer: Optimizer, rates: Sequence[float]
) -> tuple[list[float], float | None]:
    """The losses before steps of these rates, and the rate at which they diverged; everything is restored."""
    leaves = dict.fromkeys([*model.parameters(), *optimizer.params])
    before, state = [p.data for p in leaves], optimizer.state_dict()
    top = fastest(optimizer)
    shares = [group.lr / top if top else 1.0 for group in optimizer.param_groups]
    losses: list[float] = []

    def closure() -> Value:
        optimizer.zero_grad()
        again = mean()
        again.backward()
        return again

    try:
        for rate in rates:
            optimizer.zero_grad()
            now = mean()
            if not now.data <= DIVERGED * abs(losses[0] if losses else now.data):
                return losses, rate
            losses.append(now.data)
            for group, share in zip(optimizer.param_groups, shares, strict=True):
                group.lr = share * rate
            if optimizer.needs_closure:
                optimizer.step(closure)
            else:
                now.backward()
                optimizer.step()
    finally:
        for p, data in zip(leaves, before, strict=True):
            p.data = data
        optimizer.load_state_dict(state)
        optimizer.zero_grad()
    return losses, None


def fastest(optimizer: Optimizer) -> float:
    """The largest learning rate of an optimizer's groups."""
    return max([float(group.lr) for group in optimizer.param_groups])


def mean_loss(model: Module, loss: Loss, data: tuple[Any, Any]) -> Callable[[], Value]:
    """A function that computes the mean loss over all data, compiled if the model can be."""
    inputs, targets = data
    compiled = compile(lambda x, y: loss(model(x), y))
    try:
        compiled.batch(inputs, targets)
    except TraceError:
        return lambda: inside_transform(
            lambda: ops.mean([loss(model(x), y) for x, y in zip(inputs, targets, strict=True)])
        )
    return lambda: compiled.batch(inputs, targets)


def _suggested(rates: list[float], losses: list[float]) -> float | None:
    """A tenth of the rate whose step led to the smallest loss. losses[k] is measured before the step of rates[k]."""
    best = min(range(len(losses)), key=losses.__getitem__, default=0)
    return _SAFE * rates[best - 1] if best and losses[best] <= FELL * losses[0] else None


def in_rate(model: Module, loss: Loss, data: tuple[Any, Any], optimizer: Optimizer) -> list[Finding]:
    """Findings if the optimizer's learning rate raises the loss, or is far below the suggested one."""
    rate = fastest(optimizer)
    losses, diverged = _course(mean_loss(model, loss, data), model, optimizer, [rate] * _TRIED)
    suggestion = lr_find(model, loss, data, optimizer).suggestion
    well = f"the loss falls well at {number(suggestion, 2)}" if suggestion else "the loss falls at no rate"
    if diverged is not None or min(losses[-_LAST:]) > TOO_HIGH * losses[0]:
        end = "without end" if diverged else f"to {number(losses[-1])}"
        words = f"{_TRIED} steps of {number(rate, 2)} raise the loss from {number(losses[0])} {end}; {well}"
        what = "learning rate too high"
    elif suggestion is not None and rate < TOO_LOW * suggestion:
        what, words = "learning rate too low", f"it is {number(rate, 2)}; {well}"
    else:
        return []
    cure = (
        f"lr={number(suggestion or rate / 100, 2)}; lr_find(model, loss, batch, optimizer) shows the loss at all rates"
    )
    if len(optimizer.param_groups) > 1:
        cure = f"in the fastest parameter group {cure}; the other groups keep their ratios to it"
    return [Finding(what, "optimizer", rate, words, cure)]
