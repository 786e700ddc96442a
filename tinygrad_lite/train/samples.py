"""Samples as columns: arrays of inputs and targets whose first axis counts the samples."""

from __future__ import annotations

from typing import Any

from ..compiler.trace.arguments import check_columns, on_arrays, tuple_of_columns
from ..errors import ShapeError, received
from ..floats.reals import as_array
from ..transforms.pytree import is_nested, named_items, with_items


class Samples:
    """A pair (inputs, targets): arrays, things that convert to arrays, or tuples and dicts of them.

    Raises TypeError for anything that does not hold numbers, and ShapeError if there are no samples or the numbers of
    samples differ.
    """

    def __init__(self, who: str, data: Any, as_floats: bool) -> None:
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise TypeError(f"{who} must be a pair of inputs and targets, (X, y), got {received(data)}")
        self._arrays: list[tuple[str, Any]] = []
        pairs = zip(("inputs", "targets"), data, strict=True)
        try:
            self.columns = tuple(self._column(f"{who}, {what}", column, as_floats) for what, column in pairs)
        except ShapeError as error:
            raise ShapeError(f"{error}{tuple_of_columns(*data)}") from None
        sizes = {len(array) for _, array in self._arrays}
        if len(sizes) > 1 or not sizes:
            shapes = "; ".join(f"{where} of shape {array.shape}" for where, array in self._arrays)
            raise ShapeError(
                f"{who}: inputs and targets need one row per sample each, got {shapes or 'no array at all'}"
                f"{tuple_of_columns(*data)}"
            )
        self.size = sizes.pop()
        if not self.size:
            raise ShapeError(f"{who} holds no samples")

    def _column(self, where: str, column: Any, as_floats: bool) -> Any:
        if is_nested(column) and type(column) is not list:
            check_columns(where, column)
            items = [self._column(f"{where}{at}", item, as_floats) for at, item in named_items(column)]
            return with_items(column, items)
        try:
            array = as_array(where, column)
        except ValueError:
            raise ShapeError(f"{where}: rows must have equal lengths, got {received(column)} of unequal ones") from None
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{where} must be an array of numbers, got {received(column)} of dtype {array.dtype}")
        if array.ndim == 0:
            raise ShapeError(f"{where} needs the samples as its first axis, got the single number {column}")
        self._arrays.append((where, array))
        return array.astype(float) if as_floats else array

    def some(self, which: Any) -> Any:
        """The columns of some samples, by their positions."""
        return on_arrays(lambda array: array.take(which, axis=0), self.columns)
