"""Settings of optimizers and schedules, which are checked whenever they are set."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import Any

from ..errors import received


class Setting:
    """A descriptor for a hyperparameter that is checked whenever it is set; its owner stores the value."""

    def __init__(self, expected: str, convert: Callable[[Any], Any], optional: bool = False) -> None:
        self._expected, self._convert, self._optional = expected, convert, optional

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else owner._setting(self._name)

    def __set__(self, owner: Any, value: Any) -> None:
        owner._set_setting(self._name, self.checked(type(owner).__name__, value))

    def checked(self, who: str, value: Any) -> Any:
        """The value, converted to its type; TypeError or ValueError if it does not fit."""
        if value is None and self._optional:
            return None
        try:
            converted = self._convert(value)
        except TypeError:
            raise TypeError(f"{who}({self._name}=...) must be {self._expected}, got {received(value)}") from None
        if converted is None:
            raise ValueError(f"{who}({self._name}=...) must be {self._expected}, got {value!r}")
        return converted


def number(low: float) -> Callable[[Any], float | None]:
    def convert(x: Any) -> float | None:
        if not isinstance(x, Real) or isinstance(x, bool):
            raise TypeError
        number = float(x)
        return number if low <= number < math.inf else None

    return convert


def pair(x: Any) -> tuple[Any, Any] | None:
    betas = [number(0.0)(beta) for beta in x]
    if len(betas) != 2 or not all(beta is not None and beta < 1.0 for beta in betas):
        return None
    return betas[0], betas[1]


def whole(low: int) -> Callable[[Any], int | None]:
    def convert(x: Any) -> int | None:
        if isinstance(x, bool):
            raise TypeError
        number = operator.index(x)
        return number if number >= low else None

    return convert


def ascending(x: Any) -> tuple[int, ...] | None:
    """Numbers of steps, in ascending order."""
    counts = [whole(0)(n) for n in x]
    return None if None in counts else tuple(sorted(n for n in counts if n is not None))


def flag(x: Any) -> bool:
    if not isinstance(x, bool):
        raise TypeError
    return x


def nonnegative() -> Any:
    return Setting("a number, 0 or larger", number(0.0))


def switch() -> Any:
    return Setting("True or False", flag)


def counting(low: int) -> Any:
    return Setting(f"a whole number, {low} or larger", whole(low))


def share(x: Any) -> float | None:
    part = number(0.0)(x)
    return part if part is not None and part <= 1.0 else None


def fraction() -> Any:
    return Setting("a number from 0 to 1", share)


def for_each_group(expected: str, convert: Callable[[Any], Any]) -> Any:
    """A setting for all parameter groups, or a list with one for each; the schedule checks the list's length."""

    def converted(x: Any) -> Any:
        if not isinstance(x, (list, tuple)):
            return convert(x)
        each = [convert(one) for one in x]
        return None if None in each else each

    return Setting(f"{expected}, or a list of them, one for each parameter group", converted)


def choice(*texts: str, optional: bool = False) -> Any:
    expected = " or ".join([*map(repr, texts), *["None"] * optional])
    return Setting(expected, lambda x: x if x in texts else None, optional)
