"""Checks which plain arguments are real numbers, and which are sequences of them."""

from __future__ import annotations

import sys

from ..errors import not_a_number, received

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_NO_SEQUENCES = (str, bytes, bytearray, dict, set, frozenset)  # letters, bytes, keys, and collections without order

_PLAIN = frozenset((float, int, bool))
FLAT = "a sequence holds numbers alone: lay it flat, or take it row by row"


def is_real(x: object) -> bool:
    """Whether x is a real number in the sense of Python's numbers module: int, float, bool, Fraction, NumPy numbers."""
    import numbers

    return isinstance(x, numbers.Real) and not _is_time(x)


def is_choice(x: object) -> bool:
    """Whether x is a choice rather than a number that varies: a bool, also NumPy's, or a member of an enum."""
    from enum import Enum

    return isinstance(x, (bool, Enum)) or type(x).__name__ == "bool"


def _is_time(x: object) -> bool:
    """Whether x is a NumPy time difference, which the numbers module takes for an integer."""
    return type(x).__name__ == "timedelta64"


def as_float(who: str, x: Any, many: str = "") -> float:
    """A real number, or the only element of an array, as a float.

    many  what the error suggests for several numbers
    Raises TypeError if it is not a real number, OverflowError if it is too large.
    """
    if not is_real(x) and getattr(x, "size", None) == 1 and not has_masked(x) and not _is_time(x):
        x = x.item() if is_real(x.item()) else x
    if not is_real(x):
        raise not_a_number(who, x, many)
    try:
        return float(x)
    except OverflowError:
        raise OverflowError(f"{who} takes a real number up to 1.8e308, got {received(x)}: take its logarithm") from None


def as_sequence(who: str, xs: Any) -> tuple[Any, ...]:
    """The items of a list, a tuple, an array with one axis, or an iterator. Raises TypeError for anything else."""
    if type(xs) is tuple or type(xs) is list:
        return tuple(xs)
    axes = getattr(xs, "ndim", 1)
    if isinstance(xs, _NO_SEQUENCES) or not hasattr(xs, "__iter__") or axes != 1:
        instead = ""
        if isinstance(axes, int) and axes > 1:
            instead = f": {FLAT}"
        elif isinstance(xs, dict):
            instead = ": take its values, list(d.values())"
        elif isinstance(xs, (set, frozenset)):
            instead = ", which has no order: make a list of it"
        elif not hasattr(xs, "__iter__"):
            instead = ": put it in a list, [x]"
        raise TypeError(f"{who} is a sequence of numbers, got {received(xs)}{instead}")
    return tuple(xs)


def has_masked(x: object) -> bool:
    """Whether x is a numpy.ma array with a masked element, whose conversion would give the hidden number."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(x, masked.MaskedArray) and bool(masked.is_masked(x))


def listed(array: Any) -> Any:
    """The same as array.tolist(), but masked elements stay masked."""
    if not has_masked(array):
        return array.tolist()
    return [listed(row) for row in array] if array.ndim > 1 else list(array) if array.ndim else array


def as_array(who: str, xs: Any) -> Any:
    """xs as a NumPy array, also nested lists; TypeError for masked elements, which NumPy would convert to numbers."""
    import numpy as np

    if "numpy.ma" in sys.modules:
        for x in _arrays_in(xs):
            if has_masked(x):
                raise not_a_number(who, x)
    return np.asarray(xs)


def _arrays_in(xs: Any) -> Iterator[Any]:
    """Yields what may be numpy.ma arrays in nested lists; lists of plain numbers only are skipped."""
    if not isinstance(xs, (list, tuple)):
        yield xs
    elif not _PLAIN.issuperset(map(type, xs)):
        for x in xs:
            yield from _arrays_in(x)
