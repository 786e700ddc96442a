"""Runs programs on arrays of lanes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...engine import Value, keep_partials
from ..native import bytecode_machine as native
from ..passes.gc_pause import collector_paused
from ..passes.grouping import grouped
from ..passes.lane_sums import LaneSums
from ..passes.program import Program
from ..passes.strength_reduction import rewrite
from .array_layout import P, S, V
from .array_source import Source

_BLOCK = 1 << 21
_SPACES_KEPT = 4
# Of more lanes the rows that a native sweep goes through do not stay in the cache.
_MOST_LANES_SWEPT = 512

_quiet = np.errstate(all="ignore")  # as a decorator it takes half as long as in `with`


class ArrayExecutor:
    """A program of sums of products, rolled into array operations, run in blocks of lanes that the cache holds.

    Threads may share it.

    summed      the outputs are wanted as sums over the lanes
    lane_sums   then, what these are sums of
    xp          the namespace of the arrays
    groups      the array operations, in the order in which they are done
    plain       the NumPy source that runs
    source      its text
    products    how many matrix products it has
    operations  how many lines run
    most_lanes  how many lanes a block has at most
    """

    @collector_paused
    def __init__(self, program: Program, summed: bool = False, xp: Any = np) -> None:
        self.xp, self.summed, self.outputs = xp, summed, len(program.outputs)
        self.program = program.copied()
        rewrite(self.program)
        self.lane_sums = LaneSums(self.program) if summed else None
        self.groups = grouped(self.program, summed)
        self.plain = source = Source(self.program, self.groups, self.lane_sums, xp)
        self.source, self.products, self.operations = source.text, source.products, source.operations
        self.layout, self.cost = source.layout, source.cost
        self.most_lanes = max(64, _BLOCK // (8 * max(1, self.layout.rows[V])))
        self._idle: dict[tuple[int, ...], _Workspace] = {}
        outputs = np.array(self.program.outputs, dtype=int)
        homes, rows = self.layout.home[outputs], self.layout.row[outputs]
        self._outputs = [(home, np.flatnonzero(homes == home), rows[homes == home]) for home in (P, S, V)]

    @cached_property
    @collector_paused
    def swept(self) -> Source:
        """What runs over few lanes: between matrix products, the native sweep instead of calls on small arrays."""
        return Source(self.program, self.groups, self.lane_sums, self.xp, swept=True)

    def source_for(self, lanes: int) -> Source:
        """The source that is expected to be quicker."""
        if not native.compiled or self.xp is not np or lanes > _MOST_LANES_SWEPT:
            return self.plain
        return min(self.plain, self.swept, key=lambda source: source.cost.arrays(lanes))

    @_quiet
    def run(self, parameters: Any, inputs: Any) -> Any:
        """The outputs by lane, (outputs, lanes).

        inputs  of shape (inputs, lanes), or a sequence of arrays that have some inputs each
        """
        parts = inputs if isinstance(inputs, (list, tuple)) else (inputs,)
        lanes = parts[0].shape[1]
        found = self.xp.empty((self.outputs, lanes))
        for space, block in self._blocks(parameters, parts, lanes):
            for home, positions, rows in self._outputs:
                if home == V:
                    found[positions, block] = space.arrays[V][rows]
                elif len(rows):
                    found[positions, block] = space.arrays[home][rows, None]
        return found

    @_quiet
    def sums(self, parameters: Any, inputs: Any, use: Callable[[Any], Any] = np.copy) -> Any:
        """What `use` makes of the sums of the outputs over the lanes; inputs as for run().

        use  may write to them, and keep them as the local derivatives of the node that it gives
        """
        parts = inputs if isinstance(inputs, (list, tuple)) else (inputs,)
        lanes = parts[0].shape[1]
        if 0 < lanes <= self.most_lanes:
            space = self._take(parameters, parts, lanes)
            space.compute(parts)
            made = use(space.sums)
            if type(made) is Value:
                space.lent = weakref.ref(made)
            self._idle[space.key] = space
            return made
        total = self.xp.zeros(self.outputs)
        for space, _ in self._blocks(parameters, parts, lanes):
            total += space.sums
        return use(total)

    def _blocks(self, parameters: Any, parts: Sequence[Any], lanes: int) -> Iterator[tuple[_Workspace, slice]]:
        """Runs block after block: the workspace that has the results, and which lanes they are of."""
        blocks = max(1, -(-lanes // self.most_lanes))
        size = max(1, -(-lanes // blocks))
        for start in range(0, lanes, size):
            block = slice(start, min(start + size, lanes))
            some = [part[:, block] for part in parts]
            space = self._take(parameters, some, block.stop - start)
            space.compute(some)
            yield space, block
            self._idle[space.key] = space

    def _take(self, parameters: Any, parts: Sequence[Any], lanes: int) -> _Workspace:
        """A workspace that no other call uses."""
        key = (lanes, *map(len, parts))
        space = self._idle.pop(key, None)
        if space is None or space.arrays[P] is not parameters:
            space = _Workspace(self, parameters, key)
            for other in list(self._idle)[:-_SPACES_KEPT]:  # those longest unused
                self._idle.pop(other, None)
        return space


class _Workspace:
    """The arrays of a program for a number of lanes, and the calls bound to them.

    key   the number of lanes, and of the inputs in each of the arrays that give them
    lent  the node whose local derivatives the sums are, while it lasts
    """

    lent: weakref.ref[Value] | None = None

    def __init__(self, executor: ArrayExecutor, parameters: Any, key: tuple[int, ...]) -> None:
        source, xp = executor.source_for(key[0]), executor.xp
        layout = source.layout
        self.key, lanes, lengths = key, key[0], key[1:]
        self.arrays = {P: parameters, S: xp.empty(layout.rows[S]), V: xp.zeros((layout.rows[V], lanes))}
        self.arrays[S][: len(layout.constants)] = xp.asarray(layout.constants)
        self.sums = xp.zeros(executor.outputs)
        self._share, self._run = source.bind(xp, _grid, *self.arrays.values(), self.sums, lanes)
        self._pieces = [
            (part, some if some != slice(0, lengths[part]) else None, self.arrays[V][rows])
            for part, some, rows in _pieces(lengths, np.array(layout.inputs, int))
        ]

    def compute(self, parts: Sequence[Any]) -> None:
        """Does the work for arrays of inputs."""
        node = self.lent() if self.lent else None
        if node is not None:
            keep_partials(node)
            self.lent = None
        for part, some, target in self._pieces:
            np.copyto(target, parts[part] if some is None else parts[part][some])
        self._share()
        self._run()


def _pieces(lengths: tuple[int, ...], rows: Any) -> Iterator[tuple[int, slice, slice]]:
    """Which part of the inputs gives which of its rows to which rows that follow one another."""
    parts = np.repeat(np.arange(len(lengths)), lengths)
    within = np.concatenate([np.arange(length) for length in lengths])
    breaks = np.flatnonzero((np.diff(rows) != 1) | (np.diff(parts) != 0)) + 1
    for some in np.split(np.arange(len(rows)), breaks) if len(rows) else ():
        yield int(parts[some[0]]), _between(within[some]), _between(rows[some])


def _between(rows: Any) -> slice:
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _grid(array: Any, first: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """Rows of an array that follow one another evenly along each axis, as a view."""
    row = array.strides[0]
    strides = [step * row for step in steps]
    return np.lib.stride_tricks.as_strided(array[first:], (*shape, *array.shape[1:]), (*strides, *array.strides[1:]))
