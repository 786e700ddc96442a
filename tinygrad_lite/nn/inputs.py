"""What layers take: sizes, and rows of numbers; and what is said when they do not fit."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from ..engine import Value
from ..errors import ShapeError, received
from .module import Module

_ONE_AT_A_TIME = "a layer takes one sample, so call it for each: [model(row) for row in X]"


def positive(who: str, size: Any) -> int:
    """A size as an int; TypeError where it is no whole number, ShapeError where it is not positive."""
    try:
        if isinstance(size, bool):
            raise TypeError
        whole = operator.index(size)
    except TypeError:
        raise TypeError(f"{who} is a whole number, got {received(size)}") from None
    if whole < 1:
        raise ShapeError(f"{who} must be at least 1, got {whole}")
    return whole


def as_row(x: Any) -> tuple[Any, ...]:
    """The inputs of a layer as a tuple: of a list, an iterator, an array of one axis, or one number alone."""
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
        x = x.tolist()
    if isinstance(x, Iterable) and not isinstance(x, (str, bytes, dict)):
        return tuple(x)
    return (x,)


def explained(module: Module, row: tuple[Any, ...]) -> Exception | None:
    """The error for inputs that a neuron's weights cannot take, or None where they are not at fault."""
    size = len(getattr(module, "w", row))
    path = getattr(module._place, "path", None)
    who = f"{type(module).__name__} {path}" if path else type(module).__name__
    if len(row) != size:
        return ShapeError(f"{who} takes {size} number{'s' * (size != 1)}, got {len(row)}")
    for position, item in enumerate(row):
        if isinstance(item, (list, tuple)) or getattr(item, "ndim", 0) > 0:
            return ShapeError(f"{who}: input {position} is {received(item)}, not a number: {_ONE_AT_A_TIME}")
        if isinstance(item, (str, bytes, complex)) or item is None:
            return TypeError(f"{who}: input {position} is {received(item)}, not a real number")
    return None
