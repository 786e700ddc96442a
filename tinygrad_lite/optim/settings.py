"""Settings of optimizers and schedules, which are checked whenever they are set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..floats.expected import Expected, number

BELOW_1 = number("a number from 0 to below 1", lambda x: 0.0 <= x < 1.0)


class Setting:
    """A descriptor for a hyperparameter that is checked whenever it is set; its owner stores the value."""

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


def each(one: Expected, x: Any) -> list[Any]:
    """The items of x, converted."""
    if not isinstance(x, Iterable):
        raise TypeError
    return list(map(one.convert, x))


def for_each_group(one: Expected) -> Setting:
    """One for all parameter groups, or a list with one for each; the schedule sees to the length of the list."""

    def converted(x: Any) -> Any:
        return each(one, x) if isinstance(x, (list, tuple)) else one.convert(x)

    return Setting(Expected(f"{one.text}, or a list of them, one for each parameter group", converted))
