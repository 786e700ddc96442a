"""Schedule: the base class of learning rate schedules.

A schedule sets its optimizer's lr when it is made, and again at each step(), from the number of steps alone. The caller
decides whether a step is an optimizer step or an epoch.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from ..errors import received
from ..saving.state_dicts import Checks, Stateful, count, same
from .optimizer import Optimizer


class Schedule(Stateful):
    """The base of schedules: a subclass names its settings, and writes `_rate(n, base_lr)`, the lr after n steps.

    Each parameter group starts from its own lr; groups that are added later are included.
    base_lrs    the lr of each group before the optimizer's first schedule
    last_epoch  how many steps were taken
    """

    _setting_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, optimizer: Optimizer, *settings: Any) -> None:
        kind = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{kind}(optimizer) takes an optimizer, got {received(optimizer)}")
        self.optimizer, self.last_epoch = optimizer, 0
        for name, value in zip(self._setting_names, settings, strict=True):
            setattr(self, name, value)
        self._base_lrs: list[float] = []
        self._base_lrs = self.base_lrs

    @property
    def base_lrs(self) -> list[float]:
        known = self._base_lrs
        added = self.optimizer.param_groups[len(known) :]
        return [*known, *[group.get("initial_lr", group.lr) for group in added]]

    def step(self) -> None:
        """Sets the optimizer's lr for the next step."""
        self._set(self.last_epoch + 1)
        self.last_epoch += 1

    def get_last_lr(self) -> list[float]:
        """The present lr of each parameter group."""
        return [group.lr for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The schedule's name, its settings, and the number of steps so far."""
        settings = {name: getattr(self, name) for name in self._setting_names}
        bases = self.base_lrs
        return {
            "schedule": type(self).__name__, "last_epoch": self.last_epoch,
            "base_lr": bases[0] if len(bases) == 1 else bases, **settings,
        }  # fmt: skip

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._setting_names)
        return f"{type(self).__name__}({settings})"

    def _setting(self, name: str) -> Any:
        try:
            return vars(self)[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no setting {name!r} yet") from None

    def _set_setting(self, name: str, value: Any) -> None:
        vars(self)[name] = self._for_groups(f"{type(self).__name__}({name}=...)", value)

    def _for_groups(self, what: str, value: Any) -> Any:
        """Checks that a setting that is a list has one element for each of the optimizer's groups."""
        groups = len(self.optimizer.param_groups)
        if isinstance(value, list) and len(value) != groups:
            raise ValueError(f"{what} is a list of {len(value)}, but the optimizer has {groups} parameter groups")
        return value

    def _each(self, name: str) -> list[Any]:
        """A setting of the schedule for each group."""
        value = self._for_groups(f"{type(self).__name__}({name}=...)", getattr(self, name))
        return value if isinstance(value, list) else [value] * len(self.optimizer.param_groups)

    def _rate(self, n: int, base_lr: float) -> float:
        raise NotImplementedError

    def _rates(self, n: int) -> list[float]:
        """The lr of each group after n steps."""
        return [self._rate(n, base) for base in self.base_lrs]

    def _set(self, n: int) -> None:
        """Sets the optimizer's lr to that after n steps."""
        rates = self._rates(n)
        self._base_lrs = self.base_lrs
        for group, base, rate in zip(self.optimizer.param_groups, self._base_lrs, rates, strict=True):
            group.setdefault("initial_lr", base)
            group.lr = rate

    def _checks(self) -> Checks:
        settings = {name: partial(self._checked, name) for name in self._setting_names}
        kind = type(self).__name__
        return {"schedule": same(kind), "last_epoch": count, "base_lr": self._checked_bases, **settings}

    def _checked(self, name: str, value: Any) -> Any:
        kind = type(self)
        return self._for_groups(f"{kind.__name__}({name}=...)", getattr(kind, name).checked(kind.__name__, value))

    def _checked_bases(self, given: Any) -> list[float]:
        bases = given if isinstance(given, list) else [given]
        rates = [Optimizer.lr.checked(type(self).__name__, base) for base in bases]
        groups = len(self.optimizer.param_groups)
        if len(rates) != groups:
            raise ValueError(f"has {len(rates)} parameter groups, but the optimizer has {groups}")
        return rates

    def _take(self, loaded: dict[str, Any]) -> None:
        vars(self).update({name: value for name, value in loaded.items() if name not in ("schedule", "base_lr")})
        self._base_lrs = loaded["base_lr"]
