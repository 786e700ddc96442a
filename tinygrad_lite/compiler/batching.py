"""Batches: a compiled function over many rows of arguments at once, with the results by row, or reduced to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from .. import ops
from ..engine import Value, is_recording
from ..errors import ShapeError
from ..floats.expected import one_of
from .batch_columns import by_lane, rows_of, stacked
from .trace.arguments import Columns
from .trace.specialization import Specialization

Reduction = Literal["mean", "sum"] | None

_REDUCTIONS = ("mean", "sum", None)


def check_reduction(name: str, reduce: Any) -> None:
    """Raises TypeError or ValueError for another reduction than "mean", "sum" and None."""
    if reduce not in _REDUCTIONS:
        one_of(*_REDUCTIONS).checked(f"{name}.batch(reduce=...)", reduce)


def check_size(name: str, size: int, reduce: Reduction) -> None:
    """Raises ShapeError for the mean of no rows."""
    if size == 0 and reduce == "mean":
        raise ShapeError(f"{name}.batch(...): the mean over an empty batch is not defined")


def row_by_row(function: Callable[..., Any], columns: Columns, reduce: Reduction) -> Any:
    """The batch with a call for each row, inside another trace or a function that a transform differentiates."""
    args, named = columns.args, columns.named
    found = [function(*rows_of(args, lane), **rows_of(named, lane)) for lane in range(columns.size)]
    if reduce is None:
        return by_lane(found)
    return (ops.mean if reduce == "mean" else ops.sum)(found)


def all_at_once(found: Specialization, columns: Columns, reduce: Reduction) -> Any:
    """The batch as one run of the program, with each row in a lane of its own."""
    parts = columns.parts()
    if found.graph.draws:
        parts.append(found.graph.drawn(columns.size))
    if reduce is None:
        return stacked(found.results.of_lanes(found.lanes(parts)))
    found.check_scalar()
    scale = 1.0 / columns.size if reduce == "mean" else 1.0
    recording = is_recording()
    if recording and found.graph.parameters.trainable:
        return found.reduced(parts, scale)
    total = Value(found.sum(parts) * scale)
    return total if recording else total.detach()
