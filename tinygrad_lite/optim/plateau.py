"""ReduceLROnPlateau: lowers the learning rate when a number stops improving."""

from __future__ import annotations

import math
from typing import Any

from ..floats.expected import FINITE, NONNEGATIVE, NUMBER, one_of, whole
from ..saving.state_dicts import Checks, count, kept_number
from .optimizer import Optimizer
from .schedule import Schedule
from .settings import BELOW_1, Setting, for_each_group


class ReduceLROnPlateau(Schedule):
    """Multiplies lr by factor when the number given to step() has not improved for more than `patience` steps.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = ReduceLROnPlateau(opt, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0): schedule.step(loss)
    >>> opt.lr
    0.25
    """

    mode = Setting(one_of("min", "max"))
    factor = Setting(BELOW_1)
    patience = Setting(whole(0))
    threshold = Setting(FINITE)
    threshold_mode = Setting(one_of("rel", "abs"))
    cooldown = Setting(whole(0))
    min_lr = for_each_group(NONNEGATIVE)
    eps = Setting(NONNEGATIVE)
    _setting_names = ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps")

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(optimizer, mode, factor, patience, threshold, threshold_mode, cooldown, min_lr, eps)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: float) -> None:  # type: ignore[override]
        """Takes the number to watch, such as a validation loss."""
        metrics = NUMBER.checked("ReduceLROnPlateau.step(metrics)", metrics, TypeError)
        least = self._each("min_lr")
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._is_better(metrics):
            self.best, self.num_bad_epochs = metrics, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, floor in zip(self.optimizer.param_groups, least, strict=True):
                lower = max(group.lr * self.factor, floor)
                if group.lr - lower > self.eps:
                    group.lr = lower
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, metrics: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        by: float = sign * self.threshold
        bar = self.best * (1.0 + by) if self.threshold_mode == "rel" else self.best + by
        return sign * metrics > sign * bar

    def state_dict(self) -> dict[str, Any]:
        """The schedule's name, its settings, the best number so far, and how long ago that was."""
        counters = {"num_bad_epochs": self.num_bad_epochs, "cooldown_counter": self.cooldown_counter}
        return {**super().state_dict(), "best": self.best, **counters}

    def _checks(self) -> Checks:
        return {**super()._checks(), "best": kept_number, "num_bad_epochs": count, "cooldown_counter": count}
