"""Runs programs on arrays of lanes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..ops import Op, position, take
from .array_layout import P, S, V
from .array_source import Source
from .lane_sums import LaneSums
from .native import Executor
from .program import INPUT, Program
from .rewriting import rewrite
from .rolling import grouped

_BLOCK = 1 << 22
_SPACES_KEPT = 4


class ArrayExecutor:
    """A program of sums of products, rolled into array operations, run in blocks of lanes that the cache holds.

    Threads may share it.

    summed      the outputs are wanted as sums over the lanes
    groups      the array operations, in the order in which they are done
    source      the NumPy source that runs
    products    how many matrix products it has
    operations  how many lines run
    """

    def __init__(self, program: Program, summed: bool = False) -> None:
        self.program, self.length, self.summed = program.copied(), len(program.outputs), summed
        rewrite(self.program)
        sums = LaneSums(self.program) if summed else None
        self.groups = grouped(self.program, summed)
        source = Source(self.program, self.groups, sums)
        self.source, self.products, self.operations = source.text, source.products, source.operations
        self.layout, self._inputs = source.layout, source.layout.inputs
        names: dict[str, Any] = {**source.layout.indices, **{k: _by_value(op) for k, op in source.by_value.items()}}
        exec(compile(self.source, "<compiled program>", "exec"), names)
        self.bind: Callable[..., tuple[Callable[[], None], Callable[[], None]]] = names["bind"]
        self._lanes = max(16, _BLOCK // (8 * max(1, self.layout.rows[V])))
        self._idle: dict[int, _Workspace] = {}
        self._lock = threading.Lock()
        outputs = np.array(self.program.outputs, dtype=int)
        homes, rows = self.layout.home[outputs], self.layout.row[outputs]
        self._outputs = [(home, np.flatnonzero(homes == home), rows[homes == home]) for home in (P, S, V)]

    def run(self, parameters: Any, inputs: Any) -> Any:
        """The outputs by lane, (outputs, lanes), for inputs of shape (inputs, lanes)."""
        found = np.empty((len(self.program.outputs), inputs.shape[1]))
        for space, block in self._blocks(parameters, inputs):
            for home, positions, rows in self._outputs:
                if home == V:
                    found[positions, block] = space.arrays[V][rows]
                elif len(rows):
                    found[positions, block] = space.arrays[home][rows, None]
        return found

    def sums(self, parameters: Any, inputs: Any) -> Any:
        """The sums of the outputs over the lanes."""
        total: Any = None
        for space, _ in self._blocks(parameters, inputs):
            total = space.sums.copy() if total is None else np.add(total, space.sums, total)
        return np.zeros(self.length) if total is None else total

    def _blocks(self, parameters: Any, inputs: Any) -> Iterator[tuple[_Workspace, slice]]:
        """Runs block after block: the workspace that has the results, and which lanes they are of."""
        lanes = inputs.shape[1]
        size = -(-lanes // max(1, -(-lanes // self._lanes)))
        spaces: dict[int, _Workspace] = {}
        try:
            for start in range(0, lanes, max(1, size)):
                block = slice(start, min(start + size, lanes))
                count = block.stop - start
                with np.errstate(all="ignore"):
                    if count not in spaces:
                        spaces[count] = self._take(parameters, count)
                        spaces[count].share()
                    for some, rows in self._inputs:
                        spaces[count].arrays[V][rows] = inputs[some, block]
                    spaces[count].run()
                yield spaces[count], block
        finally:
            with self._lock:
                self._idle.update(spaces)
                while len(self._idle) > _SPACES_KEPT:
                    del self._idle[next(iter(self._idle))]

    def _take(self, parameters: Any, lanes: int) -> _Workspace:
        """A workspace that no other call uses."""
        with self._lock:
            space = self._idle.pop(lanes, None)
        return space if space is not None and space.arrays[P] is parameters else _Workspace(self, parameters, lanes)


class _Workspace:
    """The arrays of a program for a number of lanes, and the calls bound to them."""

    def __init__(self, executor: ArrayExecutor, parameters: Any, lanes: int) -> None:
        layout = executor.layout
        self.arrays = {P: parameters, S: np.empty(layout.rows[S]), V: np.zeros((layout.rows[V], lanes))}
        self.arrays[S][: len(layout.constants)] = layout.constants
        self.sums = np.zeros(executor.length)
        self.share, self.run = executor.bind(np, _grid, *self.arrays.values(), self.sums, lanes)


def _grid(array: Any, first: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """Rows of an array that follow one another evenly along each axis, as a view."""
    row = array.strides[0]
    strides = [step * row for step in steps]
    return np.lib.stride_tricks.as_strided(array[first:], (*shape, *array.shape[1:]), (*strides, *array.strides[1:]))


def _by_value(op: Op) -> Callable[..., None]:
    """A function of arrays that computes an operation number by number, and writes to the last of them."""
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
    """Writes the elements of a table, along its first axis, at whole-number indices."""
    length = len(table)
    places = index.astype(np.int64)
    right = (places == index) & (places.view(np.uint64) < length)
    if not right.all():
        position(float(index[~right][0]), length)
    if table.shape[1:] != out.shape:
        table = np.broadcast_to(table, (length, *out.shape))
    places *= out.size
    table.reshape(-1).take(places + np.arange(out.size).reshape(out.shape), None, out, "clip")


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
