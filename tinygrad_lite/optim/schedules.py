"""Learning rate schedules that depend on the number of steps, with PyTorch's names, arguments and formulas."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from ..errors import received
from ..floats.expected import NONNEGATIVE, SHARE, Expected, whole
from ..saving.state_dicts import Checks
from .optimizer import Optimizer
from .schedule import Schedule
from .settings import Setting, each, for_each_group

Factor = Callable[[int], float]
_MILESTONES = Expected("a list of whole numbers, 0 or larger", lambda x: tuple(sorted(each(whole(0), x))))


def _function(x: Any) -> Any:
    if not callable(x):
        raise ValueError
    return x


class StepLR(Schedule):
    """Multiplies lr by gamma after every step_size steps.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = StepLR(opt, step_size=2, gamma=0.1)
    >>> rates = []
    >>> for _ in range(3): rates.append(opt.lr); schedule.step()
    >>> rates
    [0.5, 0.5, 0.05]
    """

    step_size = Setting(whole(1))
    gamma = Setting(NONNEGATIVE)
    _setting_names = ("step_size", "gamma")

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer, step_size, gamma)
        self._set(0)

    def _rate(self, n: int, base_lr: float) -> float:
        rate: float = base_lr * self.gamma ** (n // self.step_size)
        return rate


class MultiStepLR(Schedule):
    """Multiplies lr by gamma at each milestone, a number of steps; twice if the milestone is listed twice.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = MultiStepLR(opt, milestones=[1, 3], gamma=0.1)
    >>> rates = []
    >>> for _ in range(4): rates.append(round(opt.lr, 6)); schedule.step()
    >>> rates
    [0.5, 0.05, 0.05, 0.005]
    """

    milestones = Setting(_MILESTONES)
    gamma = Setting(NONNEGATIVE)
    _setting_names = ("milestones", "gamma")

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        super().__init__(optimizer, milestones, gamma)
        self._set(0)

    def _rate(self, n: int, base_lr: float) -> float:
        rate: float = base_lr * self.gamma ** bisect_right(self.milestones, n)
        return rate


class ExponentialLR(Schedule):
    """Multiplies lr by gamma after every step.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = ExponentialLR(opt, gamma=0.5)
    >>> schedule.step(); opt.lr
    0.25
    """

    gamma = Setting(NONNEGATIVE)
    _setting_names = ("gamma",)

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        super().__init__(optimizer, gamma)
        self._set(0)

    def _rate(self, n: int, base_lr: float) -> float:
        rate: float = base_lr * self.gamma**n
        return rate


class LambdaLR(Schedule):
    """Sets lr to the initial lr times lr_lambda(n) after n steps; takes one function, or one per parameter group.

    state_dict() does not hold functions: pass them again.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = LambdaLR(opt, lambda n: 1 / (n + 1))
    >>> schedule.step(); opt.lr
    0.25
    """

    lr_lambda = for_each_group(Expected("a function that takes the number of steps and gives a factor", _function))

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Iterable[Factor]) -> None:
        super().__init__(optimizer)
        self.lr_lambda = lr_lambda
        self._set(0)

    def _rates(self, n: int) -> list[float]:
        rates = []
        for k, (base, factor) in enumerate(zip(self.base_lrs, self._each("lr_lambda"), strict=True)):
            where = f" of parameter group {k}" if isinstance(self.lr_lambda, list) else ""
            given = f"LambdaLR(lr_lambda=...): what the function{where} gives for {n} steps"
            rates.append(base * NONNEGATIVE.checked(given, factor(n), instead="the learning rates are as they were"))
        return rates

    def __repr__(self) -> str:
        return f"LambdaLR(lr_lambda={self.lr_lambda!r})"


class CosineAnnealingLR(Schedule):
    """Lowers lr to eta_min in T_max steps along half a cosine, then raises it (Loshchilov and Hutter 2017, "SGDR").

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = CosineAnnealingLR(opt, T_max=2)
    >>> schedule.step(); opt.lr
    0.25
    """

    T_max = Setting(whole(1))
    eta_min = Setting(NONNEGATIVE)
    _setting_names = ("T_max", "eta_min")

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:  # noqa: N803  PyTorch's name
        super().__init__(optimizer, T_max, eta_min)
        self._set(0)

    def _rate(self, n: int, base_lr: float) -> float:
        rate: float = self.eta_min + (base_lr - self.eta_min) * (1.0 + math.cos(math.pi * n / self.T_max)) / 2.0
        return rate


class LinearLR(Schedule):
    """Multiplies lr by a factor that goes from start_factor to end_factor in total_iters steps: by default, a warmup.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = LinearLR(opt, start_factor=0.5, total_iters=2)
    >>> schedule.step(); opt.lr
    0.375
    """

    start_factor = Setting(SHARE)
    end_factor = Setting(SHARE)
    total_iters = Setting(whole(1))
    _setting_names = ("start_factor", "end_factor", "total_iters")

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        super().__init__(optimizer, start_factor, end_factor, total_iters)
        self._set(0)

    def _rate(self, n: int, base_lr: float) -> float:
        done = min(n, self.total_iters) / self.total_iters
        rate: float = base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)
        return rate


class SequentialLR(Schedule):
    """Runs schedules one after the other, each from its milestone on; LinearLR before another schedule is a warmup.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5)
    >>> schedule = SequentialLR(opt, [LinearLR(opt, 0.1, total_iters=1), CosineAnnealingLR(opt, T_max=2)], [1])
    >>> rates = []
    >>> for _ in range(4): rates.append(round(opt.lr, 3)); schedule.step()
    >>> rates
    [0.05, 0.5, 0.25, 0.0]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Iterable[Schedule], milestones: Iterable[int]) -> None:
        super().__init__(optimizer)
        self.schedules = list(schedulers)
        for schedule in self.schedules:
            if not isinstance(schedule, Schedule) or type(schedule).step is not Schedule.step:
                raise TypeError(f"SequentialLR(schedulers) takes schedules that count steps, got {received(schedule)}")
            if schedule.optimizer is not optimizer:
                raise ValueError(
                    f"SequentialLR(schedulers): {schedule} has another optimizer: give all of them the same"
                )
        self.milestones = self._ascending(list(milestones))
        self._set(0)

    def _ascending(self, milestones: Any) -> list[int]:
        counts = milestones if isinstance(milestones, list) and {type(m) for m in milestones} <= {int} else [0]
        if any(b <= a for a, b in pairwise([0, *counts])) or len(counts) != len(self.schedules) - 1:
            raise ValueError(
                "SequentialLR(milestones) takes ascending numbers of steps, at which the next schedule begins, one "
                f"fewer than the {len(self.schedules)} schedules, got {milestones!r}"
            )
        return counts

    def _set(self, n: int) -> None:
        k = bisect_right(self.milestones, n)
        self.schedules[k]._set(n - (self.milestones[k - 1] if k else 0))

    def state_dict(self) -> dict[str, Any]:
        """The states of all schedules, the milestones, and the number of steps so far."""
        states = [schedule.state_dict() for schedule in self.schedules]
        return {**super().state_dict(), "milestones": list(self.milestones), "schedules": states}

    def _checks(self) -> Checks:
        return {**super()._checks(), "milestones": self._ascending, "schedules": self._each_fitting}

    def _each_fitting(self, states: Any) -> list[dict[str, Any]]:
        if not isinstance(states, list) or len(states) != len(self.schedules):
            raise ValueError(f"must be a list of {len(self.schedules)} states, got {received(states)}")
        return [schedule._fitting(state) for schedule, state in zip(self.schedules, states, strict=True)]

    def _take(self, loaded: dict[str, Any]) -> None:
        for schedule, state in zip(self.schedules, loaded.pop("schedules"), strict=True):
            schedule._take(state)
        super()._take(loaded)

    def __repr__(self) -> str:
        return f"SequentialLR({self.schedules}, milestones={self.milestones})"
