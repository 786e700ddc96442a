"""Checks of plain arguments: whole numbers, numbers in a range, flags, one of several names."""

from __future__ import annotations

import math
import operator

from ..errors import received, to_a_number
from .reals import is_choice, is_real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Expected:
    """What an argument must be.

    text     the words that follow "must be" in a message
    convert  convert(x): x in the right type; raises TypeError for another kind of thing, ValueError for one that does
             not fit; the error's text says what to do instead
    """

    def __init__(self, text: str, convert: Callable[[Any], Any]) -> None:
        self.text, self.convert = text, convert

    def checked(
        self,
        who: str,
        x: Any,
        other_kind: type[Exception] = ValueError,
        not_fitting: type[Exception] = ValueError,
        instead: str = "",
    ) -> Any:
        """The argument in the right type. Raises other_kind or not_fitting.

        who      the caller and the argument; without it the message begins with "must be"
        instead  what to do instead

        >>> whole(1).checked("fit(epochs=...)", 0)
        Traceback (most recent call last):
        ValueError: fit(epochs=...) must be a whole number, 1 or larger, got 0
        """
        try:
            return self.convert(x)
        except (TypeError, ValueError) as error:
            does_not_fit, instead = isinstance(error, ValueError), instead or str(error)
        came = received(x)
        if does_not_fit:  # its kind does not matter
            came = repr(x) if type(x) in (list, tuple) and len(x) <= 4 else came.partition(", ")[2] or came
        raise (not_fitting if does_not_fit else other_kind)(
            f"{who} must be {self.text}, got {came}{instead and ': '}{instead}".lstrip()
        )


def as_whole(x: Any) -> int:
    """Converts what Python takes as an index, except bools, to an int. Raises TypeError."""
    if is_choice(x) or not hasattr(x, "__index__"):
        raise TypeError("write int(...)" if isinstance(x, float) and x.is_integer() else "")
    try:
        return operator.index(x)
    except TypeError:
        raise TypeError("take int(v.data)" if type(x).__name__ == "Value" else "") from None


def whole(low: int) -> Expected:
    """Expects a whole number, low or larger."""

    def convert(x: Any) -> int:
        n = as_whole(x)
        if n < low:
            raise ValueError
        return n

    return Expected(f"a whole number, {low} or larger", convert)


def number(text: str, fits: Callable[[float], bool]) -> Expected:
    """Expects a real number that fits, but no bool; converts it to a float."""

    def convert(x: Any) -> float:
        if type(x) is not float and (is_choice(x) or not is_real(x)):
            raise TypeError("take its .data" if type(x).__name__ == "Value" else to_a_number(x, "take one element"))
        try:
            converted = float(x)
        except OverflowError as error:
            raise ValueError from error
        if not fits(converted):
            raise ValueError
        return converted

    return Expected(text, convert)


def one_of(*names: str | None) -> Expected:
    """Expects one of these strings, or None if it is among them."""

    def convert(x: Any) -> str | None:
        if not (x is None or isinstance(x, str)) or x not in names:
            raise ValueError
        return x

    *others, last = map(repr, names)
    return Expected(f"{', '.join(others)}{' or ' * bool(others)}{last}", convert)


def or_none(expected: Expected) -> Expected:
    return Expected(f"{expected.text}, or None", lambda x: None if x is None else expected.convert(x))


def _flag(x: Any) -> bool:
    if not isinstance(x, bool):
        raise TypeError
    return x


FLAG = Expected("True or False", _flag)
NUMBER = number("a number", lambda x: True)
FINITE = number("a finite number", math.isfinite)
POSITIVE = number("a positive number", lambda x: x > 0.0)
NONNEGATIVE = number("a number, 0 or larger", lambda x: 0.0 <= x < math.inf)
UP_TO_INF = number("a number, 0 or larger, or inf", lambda x: x >= 0.0)
SHARE = number("a number from 0 to 1", lambda x: 0.0 <= x <= 1.0)
