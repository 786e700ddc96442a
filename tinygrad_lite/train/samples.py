"""Samples as columns: arrays of inputs and targets whose first axis counts the samples."""

from __future__ import annotations

from typing import Any

from ..compiler.batch_columns import as_column, on_columns, tuple_of_columns
from ..errors import ShapeError, received
from ..transforms.pytree import on_arrays


class Samples:
    """A pair (inputs, targets): arrays, things that convert to arrays, or tuples and dicts of them.

    Raises TypeError for anything that does not hold numbers, and ShapeError if there are no samples or the numbers of
    samples differ.
    """

    def __init__(self, who: str, data: Any, as_floats: bool) -> None:
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise TypeError(f"{who} must be a pair of inputs and targets, (X, y), got {received(data)}")
        arrays: list[tuple[str, Any]] = []

        def one(where: str, column: Any) -> Any:
            arrays.append((where, as_column(where, column, "samples")))
            return arrays[-1][1].astype(float) if as_floats else arrays[-1][1]

        pairs = zip(("inputs", "targets"), data, strict=True)
        try:
            self.columns = tuple(on_columns(one, f"{who}, {what}", column) for what, column in pairs)
        except ShapeError as error:
            raise ShapeError(f"{error}{tuple_of_columns(*data)}") from None
        sizes = {len(array) for _, array in arrays}
        if len(sizes) > 1 or not sizes:
            shapes = "; ".join(f"{where} of shape {array.shape}" for where, array in arrays)
            raise ShapeError(
                f"{who}: inputs and targets need one row per sample each, got {shapes or 'no array at all'}"
                f"{tuple_of_columns(*data)}"
            )
        self.size = sizes.pop()
        if not self.size:
            raise ShapeError(f"{who} holds no samples")

    def some(self, which: Any) -> Any:
        """The columns of some samples, by their positions."""
        return on_arrays(lambda array: array.take(which, axis=0), self.columns)
