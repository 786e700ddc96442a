"""OneCycleLR: the learning rate rises once and then falls."""

from __future__ import annotations

import math

from ..floats.expected import FLAG, NONNEGATIVE, SHARE, number, one_of, whole
from .optimizer import Optimizer
from .schedule import Schedule
from .settings import Setting, for_each_group

_FROM_1 = number("a number, 1 or larger", lambda x: 1.0 <= x < math.inf)


class OneCycleLR(Schedule):
    """Raises lr from max_lr / div_factor to max_lr, then lowers it to start / final_div_factor; momentum mirrors it.

    Takes total_steps, or epochs and steps_per_epoch; taking more steps is a ValueError.
    Smith and Topin 2018, "Super-convergence".

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], momentum=0.9); schedule = OneCycleLR(opt, max_lr=1.0, total_steps=10)
    >>> round(opt.lr, 6), opt.momentum
    (0.04, 0.95)
    """

    max_lr = for_each_group(NONNEGATIVE)
    total_steps = Setting(whole(1))
    pct_start = Setting(SHARE)
    anneal_strategy = Setting(one_of("cos", "linear"))
    cycle_momentum = Setting(FLAG)
    base_momentum = for_each_group(SHARE)
    max_momentum = for_each_group(SHARE)
    div_factor = Setting(_FROM_1)
    final_div_factor = Setting(_FROM_1)
    three_phase = Setting(FLAG)
    _setting_names = (
        "max_lr", "total_steps", "pct_start", "anneal_strategy", "cycle_momentum", "base_momentum", "max_momentum",
        "div_factor", "final_div_factor", "three_phase",
    )  # fmt: skip

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR(...) takes total_steps, or epochs and steps_per_epoch, got neither")
            total_steps = epochs * steps_per_epoch
        super().__init__(
            optimizer, max_lr, total_steps, pct_start, anneal_strategy, cycle_momentum, base_momentum, max_momentum,
            div_factor, final_div_factor, three_phase,
        )  # fmt: skip
        if cycle_momentum and not optimizer.defaults.keys() & {"momentum", "betas"}:
            raise ValueError(f"OneCycleLR(cycle_momentum=True): {type(optimizer).__name__} has no momentum: pass False")
        self._set(0)

    @property
    def base_lrs(self) -> list[float]:
        known = self._base_lrs
        return [*known, *[most / self.div_factor for most in self._each("max_lr")[len(known) :]]]

    def _set(self, n: int) -> None:
        if n > self.total_steps:
            raise ValueError(f"OneCycleLR(total_steps={self.total_steps}): step() was called once more than that")
        each = [self._each(name) for name in ("max_lr", "base_momentum", "max_momentum")]
        now = [self._at(n, *numbers) for numbers in zip(self.base_lrs, *each, strict=True)]
        self._base_lrs = self.base_lrs
        for group, base, (rate, momentum) in zip(self.optimizer.param_groups, self._base_lrs, now, strict=True):
            group.initial_lr, group.lr = base, rate
            if self.cycle_momentum and "betas" in group:
                group.betas = (momentum, group.betas[1])
            elif self.cycle_momentum:
                group.momentum = momentum

    def _at(self, n: int, base: float, most: float, low: float, high: float) -> tuple[float, float]:
        """The lr and momentum of a group after n steps."""
        up = self.pct_start * self.total_steps - 1
        turns = [(0.0, base, high), (up, most, low)]
        if self.three_phase:
            turns.append((2 * up, base, high))
        turns.append((self.total_steps - 1, base / self.final_div_factor, high))
        k = next((k for k, (done, *_) in enumerate(turns[1:-1], start=1) if n <= done), len(turns) - 1)
        (begun, *starts), (done, *ends) = turns[k - 1 : k + 1]
        part = min(1.0, (n - begun) / (done - begun)) if done != begun else 1.0
        rate, momentum = [self._between(a, b, part) for a, b in zip(starts, ends, strict=True)]
        return rate, momentum

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1.0)
