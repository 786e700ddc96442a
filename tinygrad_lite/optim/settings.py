"""Hyperparameters that are checked whenever they are set."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any

from ..errors import received


class Setting:
    """A hyperparameter of an optimizer or a schedule, checked whenever it is set.

    It stands among the object's attributes by its own name, so that reading it costs no call.
    """

    def __init__(self, expected: str, convert: Callable[[Any], Any]) -> None:
        self._expected, self._convert = expected, convert

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    if TYPE_CHECKING:

        def __get__(self, optimizer: Any, owner: type | None = None) -> Any: ...

    def __set__(self, optimizer: Any, value: Any) -> None:
        vars(optimizer)[self._name] = self.checked(type(optimizer).__name__, value)

    def checked(self, who: str, value: Any) -> Any:
        """The value in its own type; TypeError or ValueError where it does not fit."""
        try:
            converted = self._convert(value)
        except TypeError:
            raise TypeError(f"{who}({self._name}=...) is {self._expected}, got {received(value)}") from None
        if converted is None:
            raise ValueError(f"{who}({self._name}=...) is {self._expected}, got {value!r}")
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


def flag(x: Any) -> bool:
    if not isinstance(x, bool):
        raise TypeError
    return x


def nonnegative() -> Any:
    return Setting("a number from 0 up", number(0.0))


def switch() -> Any:
    return Setting("True or False", flag)


def counting(low: int) -> Any:
    return Setting(f"a whole number from {low} on", whole(low))


def fraction() -> Any:
    return Setting(
        "a number from 0 to 1", lambda x: share if (share := number(0.0)(x)) is not None and share <= 1 else None
    )


def choice(*texts: str) -> Any:
    return Setting(" or ".join(map(repr, texts)), lambda x: x if x in texts else None)
