"""Checks of what layers take, sizes and rows of numbers, and the errors when these do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..engine import Value
from ..errors import ShapeError, received
from ..floats.expected import whole
from ..floats.reals import listed
from ..text.wording import counted
from .module import Module

_USUAL = frozenset((Value, float))
_ONE_AT_A_TIME = "a layer takes one sample, so call it for each: [model(row) for row in X]"


def positive(who: str, size: Any, least: int = 1) -> int:
    """A size as an int; TypeError where it is no whole number, ShapeError where it is less than the least."""
    return int(whole(least).checked(who, size, TypeError, ShapeError))


def as_row(x: Any) -> tuple[Any, ...]:
    """The inputs of a layer as a tuple, from a list, an iterator, an array with one axis, or a single number."""
    kind = type(x)
    if kind is tuple:
        return x  # type: ignore[no-any-return]
    if kind is list:
        return tuple(x)
    if kind is Value:
        return (x,)
    if getattr(x, "ndim", 1) > 1:
        raise ShapeError(f"the input is {received(x)}: {_ONE_AT_A_TIME}")
    if hasattr(x, "tolist"):
        x = listed(x)
    if isinstance(x, Iterable) and not isinstance(x, (str, bytes, dict)):
        return tuple(x)
    return (x,)


def as_list(x: Any) -> Any:
    """Turns sequences and arrays into lists; numbers and Values stay as they are."""
    if type(x) is list or type(x) is Value:
        return x
    if hasattr(x, "tolist"):
        return listed(x)
    return list(x) if isinstance(x, Iterable) and not isinstance(x, (str, bytes, dict)) else x


def on_rows(function: Callable[[list[Any]], Any], x: Any) -> Any:
    """Applies a function to a row of numbers, or to each row in nested lists of rows: along the last axis.

    >>> on_rows(len, [1.0, 2.0]), on_rows(len, [[1.0, 2.0], [3.0, 4.0]])
    (2, [2, 2])
    """
    row = as_list(x)
    if not isinstance(row, list):
        return function([row])
    if row and isinstance(as_list(row[0]), list):
        return [on_rows(function, item) for item in row]
    return function(row)


def shaped(module: Module, x: Any, *axes: int | str) -> Any:
    """x as nested lists with these axes, each a size, or a name for any size from 1; ShapeError if x does not fit."""
    lists = as_lists(x)
    expected = f"{called(module)} takes {''.join(f'[{axis}]' for axis in axes)} numbers"
    try:
        found = _shape(lists)
    except ShapeError as error:
        raise ShapeError(f"{expected}: {error}") from None
    fits = len(found) == len(axes) and 0 not in found
    if not fits or any(axis != size for axis, size in zip(axes, found, strict=True) if not isinstance(axis, str)):
        raise ShapeError(f"{expected}, got {''.join(f'[{size}]' for size in found) or received(x)}")
    return lists


def as_lists(x: Any) -> Any:
    """Turns nested sequences and arrays into nested lists."""
    items = as_list(x)
    return [as_lists(item) for item in items] if isinstance(items, list) else items


def _shape(lists: Any) -> tuple[int, ...]:
    """The lengths of nested lists at each depth."""
    if not isinstance(lists, list):
        return ()
    inner = {_shape(item) for item in lists}
    if len(inner) > 1:
        raise ShapeError(f"the lists must have equal lengths, got {' and '.join(map(str, sorted(inner)))}")
    return (len(lists), *inner.pop()) if inner else (0,)


def check_row(module: Module, row: Sequence[Any], size: int, part: str = "") -> None:
    """Raises ShapeError or TypeError if a module's input (or the named part of it) is not `size` numbers."""
    if len(row) != size or not _USUAL.issuperset(map(type, row)):
        error = explained(called(module) + part, row, size)
        if error is not None:
            raise error


def called(module: Module) -> str:
    """The module's class, and its path if it has one."""
    path = getattr(module._place, "path", None)
    return f"{type(module).__name__} {path}" if path else type(module).__name__


def explained(who: str, row: Sequence[Any], size: int) -> Exception | None:
    """The error for inputs that are not `size` numbers, or None if the inputs are not at fault."""
    if len(row) != size:
        return ShapeError(f"{who} takes {counted(size, 'number')}, got {len(row)}")
    for position, item in enumerate(row):
        if isinstance(item, (list, tuple)) or getattr(item, "ndim", 0) > 0:
            return ShapeError(f"{who}: input {position} is {received(item)}, not a number: {_ONE_AT_A_TIME}")
        if isinstance(item, (str, bytes, complex)) or item is None:
            return TypeError(f"{who}: input {position} is {received(item)}, not a real number")
    return None
