"""The parameters of a layer: nested lists of leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine import new_leaves


def parameters(numbers: Sequence[float], *shape: int) -> Any:
    """A nested list of new leaves with this shape and these numbers, row by row.

    >>> [[w.data for w in row] for row in parameters([1.0, 2.0, 3.0, 4.0], 2, 2)]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    found: list[Any] = new_leaves(numbers)
    for size in shape[:0:-1]:
        found = [found[start : start + size] for start in range(0, len(found), size)]
    return found


def biases(size: int, learned: bool) -> list[Any]:
    """Parameters that start at 0, or plain zeros if they are not learned."""
    zeros = [0.0] * size
    return parameters(zeros, size) if learned else zeros
