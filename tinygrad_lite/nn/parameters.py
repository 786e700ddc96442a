"""The parameters of a layer: nested lists of leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine import Value


def parameters(draw: Callable[[], float], *shape: int) -> Any:
    """A nested list of new leaves with this shape, each with a number from draw().

    >>> [[w.data for w in row] for row in parameters(lambda: 0.5, 2, 3)]
    [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    """
    if not shape:
        return Value(draw())
    return [parameters(draw, *shape[1:]) for _ in range(shape[0])]


def biases(size: int, learned: bool) -> list[Any]:
    """Parameters that start at 0, or plain zeros if they are not learned."""
    found: list[Any] = parameters(float, size) if learned else [0.0] * size
    return found
