"""Schedules: what the learning rate is after so many steps, by PyTorch's names, arguments and formulas.

A schedule sets its optimizer's lr when it is made, and again at each step(), by the number of steps alone. Whether a
step is one of the optimizer or an epoch is the caller's to say.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

from ..errors import received
from ..states import Checks, Stateful, count, same
from .optimizer import Optimizer
from .settings import counting, fraction, nonnegative


class Schedule(Stateful):
    """The base of schedules: a subclass names its settings, and writes `_rate(n)`, the lr after n steps.

    base_lr     what the optimizer's lr was before its first schedule
    last_epoch  how many steps were taken
    """

    _setting_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, optimizer: Optimizer, *settings: Any) -> None:
        kind = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{kind}(optimizer) takes an optimizer, got {received(optimizer)}")
        self.optimizer, self.last_epoch = optimizer, 0
        self.base_lr: float = vars(optimizer).setdefault("initial_lr", optimizer.lr)
        for name, value in zip(self._setting_names, settings, strict=True):
            setattr(self, name, value)

    def step(self) -> None:
        """Sets the optimizer's lr for the next step."""
        self._set(self.last_epoch + 1)
        self.last_epoch += 1

    def state_dict(self) -> dict[str, Any]:
        """The kind of schedule, its settings, the number of steps so far."""
        settings = {name: getattr(self, name) for name in self._setting_names}
        return {
            "schedule": type(self).__name__, "last_epoch": self.last_epoch, "base_lr": self.base_lr, **settings
        }  # fmt: skip

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._setting_names)
        return f"{type(self).__name__}({settings})"

    def _rate(self, n: int) -> float:
        raise NotImplementedError

    def _set(self, n: int) -> None:
        """Sets the optimizer as it is after n steps."""
        self.optimizer.lr = self._rate(n)

    def _checks(self) -> Checks:
        kind = type(self)
        settings = {name: partial(getattr(kind, name).checked, kind.__name__) for name in self._setting_names}
        rate = partial(Optimizer.lr.checked, kind.__name__)
        return {"schedule": same(kind.__name__), "last_epoch": count, "base_lr": rate, **settings}

    def _take(self, loaded: dict[str, Any]) -> None:
        vars(self).update({name: value for name, value in loaded.items() if name != "schedule"})


class StepLR(Schedule):
    """lr times gamma after each step_size steps.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = StepLR(opt, step_size=2, gamma=0.1)
    >>> rates = []
    >>> for _ in range(3): rates.append(opt.lr); schedule.step()
    >>> rates
    [0.5, 0.5, 0.05]
    """

    step_size = counting(1)
    gamma = nonnegative()
    _setting_names = ("step_size", "gamma")

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer, step_size, gamma)
        self._set(0)

    def _rate(self, n: int) -> float:
        rate: float = self.base_lr * self.gamma ** (n // self.step_size)
        return rate


class CosineAnnealingLR(Schedule):
    """Down to eta_min in T_max steps along half a cosine (Loshchilov and Hutter 2017, "SGDR", eq. 5), then up again.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = CosineAnnealingLR(opt, T_max=2)
    >>> schedule.step(); opt.lr
    0.25
    """

    T_max = counting(1)
    eta_min = nonnegative()
    _setting_names = ("T_max", "eta_min")

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:  # noqa: N803  PyTorch's name
        super().__init__(optimizer, T_max, eta_min)
        self._set(0)

    def _rate(self, n: int) -> float:
        rate: float = self.eta_min + (self.base_lr - self.eta_min) * (1.0 + math.cos(math.pi * n / self.T_max)) / 2.0
        return rate


class LinearLR(Schedule):
    """lr times start_factor, which goes to end_factor in total_iters steps: a warmup, as it is by default.

    >>> from tinygrad_lite import Value, optim
    >>> opt = optim.SGD([Value(1.0)], lr=0.5); schedule = LinearLR(opt, start_factor=0.5, total_iters=2)
    >>> schedule.step(); opt.lr
    0.375
    """

    start_factor = fraction()
    end_factor = fraction()
    total_iters = counting(1)
    _setting_names = ("start_factor", "end_factor", "total_iters")

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        super().__init__(optimizer, start_factor, end_factor, total_iters)
        self._set(0)

    def _rate(self, n: int) -> float:
        done = min(n, self.total_iters) / self.total_iters
        rate: float = self.base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)
        return rate


class SequentialLR(Schedule):
    """One schedule after the other, each from its milestone on: LinearLR and then CosineAnnealingLR is a warmup.

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
                raise ValueError(f"SequentialLR(schedulers): {schedule} has another optimizer: give all the same")
        self.milestones = self._ascending(list(milestones))
        self._set(0)

    def _ascending(self, milestones: Any) -> list[int]:
        counts = milestones if isinstance(milestones, list) and {type(m) for m in milestones} <= {int} else [0]
        if any(b <= a for a, b in pairwise([0, *counts])) or len(counts) != len(self.schedules) - 1:
            raise ValueError(
                "SequentialLR(milestones) takes ascending numbers of steps, at which the next schedule begins, one "
                f"less than there are schedules, {len(self.schedules)}: got {milestones!r}"
            )
        return counts

    def _set(self, n: int) -> None:
        k = bisect_right(self.milestones, n)
        self.schedules[k]._set(n - (self.milestones[k - 1] if k else 0))

    def state_dict(self) -> dict[str, Any]:
        """That of each schedule, the milestones, the number of steps so far."""
        states = [schedule.state_dict() for schedule in self.schedules]
        return {**super().state_dict(), "milestones": list(self.milestones), "schedules": states}

    def _checks(self) -> Checks:
        return {**super()._checks(), "milestones": self._ascending, "schedules": self._each_fitting}

    def _each_fitting(self, states: Any) -> list[dict[str, Any]]:
        if not isinstance(states, list) or len(states) != len(self.schedules):
            raise ValueError(f"is a list of {len(self.schedules)} states, got {received(states)}")
        return [schedule._fitting(state) for schedule, state in zip(self.schedules, states, strict=True)]

    def _take(self, loaded: dict[str, Any]) -> None:
        for schedule, state in zip(self.schedules, loaded.pop("schedules"), strict=True):
            schedule._take(state)
        super()._take(loaded)

    def __repr__(self) -> str:
        return f"SequentialLR({self.schedules}, milestones={self.milestones})"
