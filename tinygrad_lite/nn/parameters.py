"""The parameters of a layer: nested lists of leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine import Value


def parameters(draw: Callable[[], float], *shape: int) -> Any:
    """A nested list of this shape, of new leaves, each with a number that is drawn.

    >>> [[w.data for w in row] for row in parameters(lambda: 0.5, 2, 3)]
    [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    """
    if not shape:
        return Value(draw())
    return [parameters(draw, *shape[1:]) for _ in range(shape[0])]


def biases(size: int, learned: bool) -> list[Any]:
    """Parameters that start at 0, or plain zeros where none are wanted."""
    found: list[Any] = parameters(float, size) if learned else [0.0] * size
    return found
