"""Arguments and results of a batch: arrays whose first axis is the batch, in dicts, tuples and dataclasses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import Value
from ..errors import ShapeError, received
from ..floats.reals import as_array
from ..transforms.pytree import Structure, is_nested, items_of, named_items, on_arrays, with_items

_FLOAT64 = np.dtype(float)


def on_columns(function: Callable[[str, Any], Any], where: str, column: Any) -> Any:
    """A column with function(where, x) in place of each x in its dicts and tuples; a list counts as one x.

    Raises ShapeError for a tuple of lists: these may be samples, which would be silently transposed.
    """
    if not is_nested(column) or type(column) is list:
        return function(where, column)
    if type(column) is tuple and column and all(type(item) is list for item in column):
        raise ShapeError(f"{where} is a tuple of {len(column)} lists: if they are columns, make arrays of them")
    return with_items(column, [on_columns(function, f"{where}{at}", item) for at, item in named_items(column)])


def as_column(where: str, x: Any, axis: str) -> Any:
    """x as an array of numbers; `axis` names its first axis in messages. Raises ShapeError, TypeError."""
    try:
        found = as_array(where, x)
    except ValueError:
        found = None
    if found is None or found.dtype.kind not in "biuf":
        raise (ShapeError if found is None else TypeError)(
            f"{where} must be an array of numbers with the {axis} as its first axis, got {received(x)}"
            f"{_complaint(x, found)}"
        )
    if found.ndim == 0:
        raise ShapeError(
            f"{where} needs the {axis} as its first axis, got the single number {x}: pass an array of shape ({axis},)"
        )
    return found


def is_column(x: Any) -> bool:
    """Whether as_column() would take x unchanged."""
    return type(x) is np.ndarray and (x.dtype is _FLOAT64 or x.dtype.kind in "biuf") and x.ndim > 0


def tuple_of_columns(*args: object) -> str:
    """A hint to add to a message about a batch if an argument is a tuple, as zip(*pairs) gives them; else ""."""
    if not any(type(arg) is tuple for arg in args):
        return ""
    return (
        "; here a tuple means a tuple of columns: if tuples hold the samples, as after X, y = zip(*pairs), write "
        "list(X), list(y)"
    )


def _complaint(arg: Any, found: Any) -> str:
    if found is None:
        if all(isinstance(row, (tuple, list)) and len(row) == 2 for row in arg) and hasattr(arg[0][0], "__len__"):
            return " of pairs: separate them, X, y = zip(*pairs), and pass list(X), list(y)"
        lengths = sorted({len(row) if hasattr(row, "__len__") else 0 for row in arg})
        return f" with rows of {' and '.join(map(str, lengths[:4]))} numbers: all rows must have the same length"
    if found.dtype == object and any(type(x) is Value for x in found.ravel()):
        return ", with Values in it: a batch takes plain numbers; only leaves that the function captured get gradients"
    return f", an array of {found.dtype}"


def count_rows(name: str, arrays: Sequence[Any], args: Sequence[Any]) -> int:
    """How many rows the arrays of a batch have. Raises ShapeError if they differ."""
    sizes = {len(array) for array in arrays}
    if len(sizes) != 1:
        shapes = ", ".join([str(array.shape) for array in arrays])
        raise ShapeError(
            f"{name}.batch(...): every array needs the same number of rows as its first axis, got "
            + (f"shapes {shapes}{tuple_of_columns(*args)}" if arrays else f"no array{_in_its_place(args)}")
        )
    return sizes.pop()


def _in_its_place(args: Sequence[Any]) -> str:
    if not args:
        return ": call the function itself"
    return f" but {received(args[0])}: pass a list or an array of numbers, or call the function itself"


def rows_of(column: Any, lane: int) -> Any:
    """The arguments of one lane: nested lists of numbers in place of arrays."""
    return on_arrays(lambda array: array[lane].tolist(), column)


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
    """Stacks arrays along a new second axis; makes no copy if they are evenly spaced rows of one array."""
    first = arrays[0]
    places = [array.__array_interface__["data"][0] for array in arrays]
    steps = set(np.diff(places).tolist())
    if len(steps) > 1 or any(
        array.base is None or array.base is not first.base or array.strides != first.strides for array in arrays
    ):
        return np.moveaxis(np.stack(arrays), 0, 1)  # this copies row by row
    strides = (first.strides[0], steps.pop() if steps else 0, *first.strides[1:])
    return np.lib.stride_tricks.as_strided(first, (len(first), len(arrays), *first.shape[1:]), strides)
