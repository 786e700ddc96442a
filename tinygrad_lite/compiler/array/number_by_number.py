"""Computes operations that have no array form, number by number."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ...ops import Op, position, take
from ..native.bytecode_machine import Executor
from ..passes.program import INPUT, Program


def by_value(op: Op) -> Callable[..., None]:
    """A function of arrays that computes an operation number by number and writes to the last array."""
    if op is take:
        return _chosen
    executors: dict[tuple[int, ...], Executor] = {}

    def compute(*arrays: Any) -> None:
        *args, out = arrays
        rows = []
        for k, arg in enumerate(args):
            length = (len(arg),) if k in op.sequences else ()
            rows.append(np.broadcast_to(arg, length + out.shape).reshape(-1, out.size))
        lengths = tuple(map(len, rows))
        if lengths not in executors:
            executors[lengths] = _executor_of(op, lengths)
        executors[lengths].batch((), np.concatenate(rows), out.size, out)

    return compute


def _chosen(table: Any, index: Any, out: Any) -> None:
    """Writes the elements of a table at whole-number indices along its first axis; refuses other indices."""
    if table.shape[1:] != out.shape:
        table = np.broadcast_to(table, (len(table), *out.shape))
    whole = np.maximum(np.floor(index), _ZERO)
    right = whole == index
    if np.count_nonzero(right) == right.size:
        whole = whole * out.size + _counted(out.shape)
        try:
            table.reshape(-1).take(whole.astype(np.int64), None, out, "raise")
        except IndexError:
            right &= index < len(table)
        else:
            return
    position(float(index[~right][0]), len(table))


def chosen_evenly(tables: Any, which: Any) -> Callable[..., None]:
    """A function of all parameters, indices and results: take from tables that are evenly spaced parameters.

    tables  (results, 3): the first of the parameters, from one to the next, and how many
    which   for each result, the position of its index in the rows of indices
    """
    first, step, length = tables[:, 0, None], tables[:, 1, None], int(tables[0, 2])

    def choose(parameters: Any, indices: Any, out: Any) -> None:
        whole = indices.astype(np.intp)
        right = (whole == indices) & (whole.view(np.uintp) < length)  # a negative number is a huge one without a sign
        if np.count_nonzero(right) < right.size:
            position(float(indices[~right][0]), length)
        parameters.take(first + step * whole.take(which, 0), None, out, "clip")

    return choose


def adding_at(first: Any, step: Any, which: Any) -> Callable[..., None]:
    """A function of sums, indices, numbers and lanes: each number of each lane is added to the sum at its index.

    first, step  for each row of numbers: the first of the sums that its index chooses among, and from one to the next
    which        for each row of numbers, the position of its index in the rows of indices
    """
    first, step = first[:, None], step[:, None]

    def add(sums: Any, indices: Any, numbers: Any, lanes: int) -> None:
        at = indices.astype(np.intp).take(which, 0)
        at *= step
        at += first
        if at.shape[1] < lanes or numbers.shape[1] < lanes:
            at, numbers = (np.broadcast_to(some, (len(at), lanes)) for some in (at, numbers))
        np.add.at(sums, at.reshape(-1), numbers.reshape(-1))  # several times as fast as in two axes

    return add


_ZERO = np.zeros(())


@lru_cache(8)  # each as large as a block of lanes
def _counted(shape: tuple[int, ...]) -> Any:
    return np.arange(math.prod(shape), dtype=float).reshape(shape)


def _executor_of(op: Op, lengths: tuple[int, ...]) -> Executor:
    program = Program()
    places = program.add_all(INPUT, sum(lengths))
    starts = np.cumsum((0, *lengths)).tolist()
    args = [
        tuple(places[start : start + n]) if k in op.sequences else places[start]
        for k, (start, n) in enumerate(zip(starts, lengths, strict=False))
    ]
    program.outputs = [program.add(op, tuple(args))]
    return Executor(program)
