"""Hyperparameters that are checked whenever they are set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..floats.expected import FLAG, NONNEGATIVE, SHARE, Expected, number, one_of, whole

BELOW_1 = number("a number from 0 up to, not including, 1", lambda x: 0.0 <= x < 1.0)


class Setting:
    """A hyperparameter of an optimizer or a schedule, checked whenever it is set; where it is kept its owner says."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else owner._setting(self._name)

    def __set__(self, owner: Any, value: Any) -> None:
        owner._set_setting(self._name, self.checked(type(owner).__name__, value))

    def checked(self, who: str, value: Any) -> Any:
        """The value in its own type; TypeError or ValueError where it does not fit."""
        return self._expected.checked(f"{who}({self._name}=...)", value, TypeError)


def _each(one: Expected, x: Any) -> list[Any]:
    if not isinstance(x, Iterable):
        raise TypeError
    return list(map(one.convert, x))


def two_below_1() -> Any:
    def converted(x: Any) -> tuple[Any, Any]:
        betas = _each(BELOW_1, x)
        if len(betas) != 2:
            raise ValueError
        return betas[0], betas[1]

    return Setting(Expected("two numbers from 0 up to, not including, 1", converted))


def ascending() -> Any:
    """Numbers of steps, in ascending order."""
    return Setting(Expected("a list of whole numbers from 0 on", lambda x: tuple(sorted(_each(whole(0), x)))))


def nonnegative() -> Any:
    return Setting(NONNEGATIVE)


def switch() -> Any:
    return Setting(FLAG)


def counting(low: int) -> Any:
    return Setting(whole(low))


def fraction() -> Any:
    return Setting(SHARE)


def for_each_group(one: Expected) -> Any:
    """One for all parameter groups, or a list with one for each; the schedule sees to the length of the list."""

    def converted(x: Any) -> Any:
        return _each(one, x) if isinstance(x, (list, tuple)) else one.convert(x)

    return Setting(Expected(f"{one.text}, or a list of them, one for each parameter group", converted))


def choice(*texts: str | None) -> Any:
    return Setting(one_of(*texts))
