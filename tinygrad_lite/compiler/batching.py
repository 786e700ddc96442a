"""Takes the arguments of a batch apart row by row, and puts the results together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..transforms.pytree import Structure, is_nested, items_of, with_items


def rows_of(column: Any, lane: int) -> Any:
    """The arguments of one lane: each array becomes a number or a nested list of numbers."""
    if is_nested(column):
        return with_items(column, [rows_of(item, lane) for item in items_of(column)])
    return column[lane].tolist() if isinstance(column, np.ndarray) else column


def by_lane(results: Sequence[Any]) -> Any:
    """The results of all lanes in one structure, in which each number is an array with one Value per lane."""
    structures = [Structure(result) for result in results]
    columns = zip(*[structure.numbers for structure in structures], strict=True)
    filled = structures[0].filled([np.array(column, dtype=object) for column in columns])
    return stacked(filled)


def stacked(tree: Any) -> Any:
    """Results by lane as arrays with the batch as first axis.

    A list of arrays of one shape becomes one array, as in the arguments.
    """
    if is_nested(tree):
        inner = [stacked(item) for item in items_of(tree)]
        even = inner and all(isinstance(item, np.ndarray) and item.shape == inner[0].shape for item in inner)
        if even and type(tree) is list:
            return _beside(inner)
        return with_items(tree, inner)
    return tree.transpose(-1, *range(tree.ndim - 1)) if isinstance(tree, np.ndarray) else tree


def _beside(arrays: Sequence[Any]) -> Any:
    """Stacks arrays along a new second axis; makes no copy where they are evenly spaced rows of one array."""
    first = arrays[0]
    places = [array.__array_interface__["data"][0] for array in arrays]
    steps = set(np.diff(places).tolist())
    if len(steps) > 1 or any(
        array.base is None or array.base is not first.base or array.strides != first.strides for array in arrays
    ):
        return np.moveaxis(np.stack(arrays), 0, 1)  # this copies row by row
    strides = (first.strides[0], steps.pop() if steps else 0, *first.strides[1:])
    return np.lib.stride_tricks.as_strided(first, (len(first), len(arrays), *first.shape[1:]), strides)
