"""Runs programs on arrays of lanes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .array_layout import P, S, V
from .array_source import Source
from .by_value import by_value
from .collector import collector_paused
from .lane_sums import LaneSums
from .program import Program
from .rewriting import rewrite
from .rolling import grouped

_BLOCK = 1 << 22
_SPACES_KEPT = 4


class ArrayExecutor:
    """A program of sums of products, rolled into array operations, run in blocks of lanes that the cache holds.

    Threads may share it.

    summed      the outputs are wanted as sums over the lanes
    xp          the namespace of the arrays
    groups      the array operations, in the order in which they are done
    source      the NumPy source that runs
    products    how many matrix products it has
    operations  how many lines run
    """

    @collector_paused()
    def __init__(self, program: Program, summed: bool = False, xp: Any = np) -> None:
        self.xp, self.summed, self.outputs = xp, summed, len(program.outputs)
        self.program = program.copied()
        rewrite(self.program)
        sums = LaneSums(self.program) if summed else None
        self.groups = grouped(self.program, summed)
        source = Source(self.program, self.groups, sums)
        self.source, self.products, self.operations = source.text, source.products, source.operations
        self.layout, self.cost = source.layout, source.cost
        names: dict[str, Any] = {**source.layout.indices, **{k: by_value(op) for k, op in source.by_value.items()}}
        exec(compile(self.source, "<compiled program>", "exec"), names)
        self.bind: Callable[..., tuple[Callable[[], None], Callable[[], None]]] = names["bind"]
        self._lanes = max(16, _BLOCK // (8 * max(1, self.layout.rows[V])))
        self._idle: dict[int, _Workspace] = {}
        self._lock = threading.Lock()
        self._pieces: dict[tuple[int, ...], list[tuple[int, slice, slice]]] = {}
        outputs = np.array(self.program.outputs, dtype=int)
        homes, rows = self.layout.home[outputs], self.layout.row[outputs]
        self._outputs = [(home, np.flatnonzero(homes == home), rows[homes == home]) for home in (P, S, V)]

    def run(self, parameters: Any, inputs: Any) -> Any:
        """The outputs by lane, (outputs, lanes).

        inputs  of shape (inputs, lanes), or a sequence of arrays that have some inputs each
        """
        parts = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        lanes = parts[0].shape[1]
        found = self.xp.empty((self.outputs, lanes))
        with np.errstate(all="ignore"):
            for space, block in self._blocks(parameters, parts):
                for home, positions, rows in self._outputs:
                    if home == V:
                        found[positions, block] = space.arrays[V][rows]
                    elif len(rows):
                        found[positions, block] = space.arrays[home][rows, None]
        return found

    def sums(self, parameters: Any, inputs: Any) -> Any:
        """The sums of the outputs over the lanes; inputs as for run()."""
        parts = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        total: Any = None
        with np.errstate(all="ignore"):
            for space, _ in self._blocks(parameters, parts):
                total = space.sums.copy() if total is None else np.add(total, space.sums, total)
        return self.xp.zeros(self.outputs) if total is None else total

    def _blocks(self, parameters: Any, parts: Sequence[Any]) -> Iterator[tuple[_Workspace, slice]]:
        """Runs block after block: the workspace that has the results, and which lanes they are of."""
        lanes = parts[0].shape[1]
        size = -(-lanes // max(1, -(-lanes // self._lanes)))
        pieces = self._rows_of(tuple(map(len, parts)))
        spaces: dict[int, _Workspace] = {}
        try:
            for start in range(0, lanes, max(1, size)):
                block = slice(start, min(start + size, lanes))
                count = block.stop - start
                if count not in spaces:
                    spaces[count] = self._take(parameters, count)
                    spaces[count].share()
                target = spaces[count].arrays[V]
                for part, some, rows in pieces:
                    target[rows] = parts[part][some, block]
                spaces[count].run()
                yield spaces[count], block
        finally:
            with self._lock:
                self._idle.update(spaces)
                while len(self._idle) > _SPACES_KEPT:
                    del self._idle[next(iter(self._idle))]

    def _rows_of(self, lengths: tuple[int, ...]) -> list[tuple[int, slice, slice]]:
        """Which rows of which part of the inputs go to which rows of V."""
        if lengths not in self._pieces:
            rows = np.array(self.layout.inputs, dtype=int)
            parts = np.repeat(np.arange(len(lengths)), lengths)
            within = np.concatenate([np.arange(length) for length in lengths])
            breaks = np.flatnonzero((np.diff(rows) != 1) | (np.diff(parts) != 0)) + 1
            self._pieces[lengths] = [
                (int(parts[k[0]]), slice(within[k[0]], within[k[-1]] + 1), slice(rows[k[0]], rows[k[-1]] + 1))
                for k in np.split(np.arange(len(rows)), breaks)
                if len(k)
            ]
        return self._pieces[lengths]

    def _take(self, parameters: Any, lanes: int) -> _Workspace:
        """A workspace that no other call uses."""
        with self._lock:
            space = self._idle.pop(lanes, None)
        return space if space is not None and space.arrays[P] is parameters else _Workspace(self, parameters, lanes)


class _Workspace:
    """The arrays of a program for a number of lanes, and the calls bound to them."""

    def __init__(self, executor: ArrayExecutor, parameters: Any, lanes: int) -> None:
        layout, xp = executor.layout, executor.xp
        self.arrays = {P: parameters, S: xp.empty(layout.rows[S]), V: xp.zeros((layout.rows[V], lanes))}
        self.arrays[S][: len(layout.constants)] = xp.asarray(layout.constants)
        self.sums = xp.zeros(executor.outputs)
        self.share, self.run = executor.bind(xp, _grid, *self.arrays.values(), self.sums, lanes)


def _grid(array: Any, first: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """Rows of an array that follow one another evenly along each axis, as a view."""
    row = array.strides[0]
    strides = [step * row for step in steps]
    return np.lib.stride_tricks.as_strided(array[first:], (*shape, *array.shape[1:]), (*strides, *array.strides[1:]))
