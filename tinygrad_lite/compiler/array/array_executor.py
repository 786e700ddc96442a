"""Runs programs on arrays of lanes."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...engine import Value, keep_partials
from ..cost_estimate import ArrayCost
from ..native import bytecode_machine as native
from ..passes.gc_pause import collector_paused
from ..passes.grouping import grouped
from ..passes.lane_sums import LaneSums
from ..passes.levels import put_higher_left
from ..passes.padding import pad
from ..passes.program import Program
from ..passes.strength_reduction import rewrite
from .array_layout import P, S, V
from .array_source import Source

_BLOCK = 1 << 21
_SPACES_KEPT = 4
# With more lanes, the rows that a native sweep reads and writes do not stay in the cache.
_MOST_LANES_SWEPT = 512

_Key = tuple[tuple[int, ...], tuple[int, ...]]

_quiet = np.errstate(all="ignore")  # a decorator takes half as long as `with`


class ArrayExecutor:
    """Runs a program of sums of products as array operations, in blocks of lanes that fit the cache.

    Threads may share it.

    program     what it runs, after the passes for arrays
    summed      whether the outputs are wanted as sums over the lanes
    lane_sums   if so, the outputs as sums over the lanes, else None
    xp          the namespace of the arrays
    groups      the array operations, in the order in which they run
    cost        how long a run is expected to take
    ran         the source that ran last, if one did
    most_lanes  how many lanes a block has at most
    """

    @collector_paused
    def __init__(self, program: Program, summed: bool = False, xp: Any = np, padded: bool = True) -> None:
        """
        padded  whether ragged groups are filled up; the executor takes one that does not where that is wrong
        """
        self.xp, self.summed, self.outputs = xp, summed, program.results
        self._given = program
        self.program = program.copied() if summed else program.joined().copied()
        rewrite(self.program)
        self.lane_sums = LaneSums(self.program) if summed else None
        apart = frozenset(self.lane_sums.by_lane.values()) if self.lane_sums else frozenset[int]()
        levels = self.program.levels()
        put_higher_left(self.program, levels)
        if padded:
            pad(self.program, levels, apart)
        self.groups = grouped(self.program, levels, self.lane_sums)
        self.cost = ArrayCost(self.program, self.groups)
        self.most_lanes = max(64, _BLOCK // (8 * max(1, sum(self.program.varies) - len(apart))))
        self._idle: dict[_Key, _Workspace] = {}
        self.ran: Source | None = None

    @cached_property
    @collector_paused
    def plain(self) -> Source:
        """The source for many lanes."""
        return Source(self.program, self.groups, self.lane_sums, self.xp)

    @cached_property
    @collector_paused
    def swept(self) -> Source:
        """The source for few lanes: between matrix products it uses the native sweep instead of small array calls."""
        return Source(self.program, self.groups, self.lane_sums, self.xp, swept=True)

    @cached_property
    def straight(self) -> ArrayExecutor:
        """The executor without padding, for numbers that are not finite beside a zero."""
        return ArrayExecutor(self._given, self.summed, self.xp, padded=False)

    def time(self, lanes: int) -> float:
        """How long a run is expected to take, as NativeCost.time() says it for the native executor."""
        return (self.cost.swept if self._is_swept(lanes) else self.cost.plain).time(lanes)

    def source_for(self, lanes: int) -> Source:
        """The source that is expected to be quicker for this many lanes."""
        return self.swept if self._is_swept(lanes) else self.plain

    def _is_swept(self, lanes: int) -> bool:
        few = native.compiled and self.xp is np and lanes <= _MOST_LANES_SWEPT
        return few and self.cost.swept.time(lanes) < self.cost.plain.time(lanes)

    @_quiet
    def run(self, parameters: Any, inputs: Any, out: Any = None) -> Any:
        """The outputs by lane, (outputs, lanes).

        inputs  of shape (inputs, lanes), or a sequence of arrays that have some inputs each. They may have two axes of
                lanes, as (inputs, steps, lanes); so have the outputs then
        out     the array to write them to; None: a new one
        """
        parts = inputs if isinstance(inputs, (list, tuple)) else (inputs,)
        shape = parts[0].shape[1:]
        found = self.xp.empty((self.outputs, *shape)) if out is None else out
        for space, block in self._blocks(parameters, parts, shape):
            space.write(found[block])
        return found

    @_quiet
    def sums(self, parameters: Any, inputs: Any, use: Callable[[Any], Any] = np.copy) -> Any:
        """Returns use(sums), where sums are the outputs summed over the lanes; inputs as for run().

        use  may write to the sums, and may keep them as the local derivatives of the node that it returns
        """
        parts = inputs if isinstance(inputs, (list, tuple)) else (inputs,)
        shape = parts[0].shape[1:]
        if 0 < math.prod(shape) <= self.most_lanes:
            space = self._computed(parameters, parts)
            made = use(space.sums)
            if type(made) is Value:
                space.lent = weakref.ref(made)
            space.release()
            return made
        total = self.xp.zeros(self.outputs)
        for space, _ in self._blocks(parameters, parts, shape):
            total += space.sums
        return use(total)

    @_quiet
    def loop(self, parameters: Any, table: Any, carry: Any, kept: Any, backward: bool) -> None:
        """Runs the program step by step, see Execution.loop()."""
        steps = table.shape[1]
        found = np.empty((self.outputs, min(carry.shape[2], self.most_lanes)))
        for start in range(0, carry.shape[2], self.most_lanes):
            block = slice(start, start + self.most_lanes)
            read, carried = np.moveaxis(table[..., block], 1, 0), np.moveaxis(carry[..., block], 1, 0)
            space = self._take(parameters, [carried[0], read[0]])
            for t in range(steps - 1, -1, -1) if backward else range(steps):
                if not space.compute([carried[t + backward], read[t]]):
                    space.release()
                    self.straight.loop(parameters, table, carry, kept, backward)
                    return
                space.write(found[:, : carried.shape[2]])
                carried[t + 1 - backward] = found[: len(carry), : carried.shape[2]]
                kept[:, t, block] = found[len(carry) :, : carried.shape[2]]
            space.release()

    def _blocks(
        self, parameters: Any, parts: Sequence[Any], shape: Sequence[int]
    ) -> Iterator[tuple[_Workspace, tuple[slice, ...]]]:
        """Runs block after block, and gives for each the workspace with its results, and its part of an array."""
        *steps, lanes = shape
        for some in _in_blocks(lanes, self.most_lanes):
            most = self.most_lanes // max(1, some.stop - some.start)
            for block in [(step, some) for step in _in_blocks(steps[0], most)] if steps else [(some,)]:
                here = (slice(None), *block)
                space = self._computed(parameters, [part[here] for part in parts])
                yield space, here
                space.release()

    def _computed(self, parameters: Any, parts: Sequence[Any]) -> _Workspace:
        """A workspace with the results of a run, to be released."""
        space = self._take(parameters, parts)
        if space.compute(parts):
            return space
        space.release()
        return self.straight._computed(parameters, parts)

    def _take(self, parameters: Any, parts: Sequence[Any]) -> _Workspace:
        """A workspace that no other call uses."""
        key = parts[0].shape[1:], tuple(map(len, parts))
        space = self._idle.pop(key, None)
        if space is None or space.arrays[P] is not parameters:
            space = _Workspace(self, parameters, key)
            for other in list(self._idle)[:-_SPACES_KEPT]:  # the ones unused for longest
                self._idle.pop(other, None)
        return space


class _Workspace:
    """The arrays of a program for one number of lanes, and the calls bound to them.

    key    the shape of the lanes, (lanes,) or (steps, lanes), and how many inputs each input array holds
    lent   the node that uses the sums as its local derivatives, while it lives
    """

    lent: weakref.ref[Value] | None = None

    def __init__(self, executor: ArrayExecutor, parameters: Any, key: _Key) -> None:
        shape, lengths = key
        lanes, xp = math.prod(shape), executor.xp
        source = executor.source_for(lanes)
        layout, executor.ran = source.layout, source
        self.key = key
        self._idle = executor._idle
        self.arrays = {P: parameters, S: xp.empty(layout.rows[S]), V: xp.zeros((layout.rows[V], lanes))}
        self.arrays[S][: len(layout.constants)] = xp.asarray(layout.constants)
        self.sums = xp.zeros(executor.outputs)
        self._in_rows, self._apart = list[Any](), list[Any]()
        for home, positions, rows in layout.outputs:
            if home == V and type(rows) is slice:
                self._in_rows.append((positions, self.arrays[V][rows].reshape(-1, *shape)))
            else:
                self._apart.append((home, positions, rows))
        self._share, self._run = source.bind(xp, _grid, *self.arrays.values(), self.sums, lanes)
        self._pieces = [
            (part, some if some != slice(0, lengths[part]) else None, self.arrays[V][rows].reshape(-1, *shape))
            for part, some, rows in _pieces(lengths, np.array(layout.inputs, int))
        ]

    def release(self) -> None:
        """Lets other calls use it."""
        self._idle[self.key] = self

    def write(self, out: Any) -> None:
        """Writes the outputs by lane, (outputs, lanes)."""
        for positions, rows in self._in_rows:
            out[positions] = rows
        for home, positions, rows in self._apart:
            found = self.arrays[home][rows]
            shape, _ = self.key
            out[positions] = found.reshape(-1, *(shape if home == V else [1] * len(shape)))

    def compute(self, parts: Sequence[Any]) -> bool:
        """Runs the program on arrays of inputs; False if padding was wrong for these, see Program.padded."""
        node = self.lent() if self.lent else None
        if node is not None:
            keep_partials(node)
            self.lent = None
        for part, some, target in self._pieces:
            np.copyto(target, parts[part] if some is None else parts[part][some])
        self._share()
        total = self._run()
        return total is None or math.isfinite(total)


def _in_blocks(count: int, most: int) -> Iterator[slice]:
    """Slices of about the same size, of at most so many."""
    size = max(1, -(-count // max(1, -(-count // max(1, most)))))
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _pieces(lengths: Sequence[int], rows: Any) -> Iterator[tuple[int, slice, slice]]:
    """Splits the copy of inputs into pieces: (which array, a slice of its rows, the slice of V's rows they go to)."""
    parts = np.repeat(np.arange(len(lengths)), lengths)
    within = np.concatenate([np.arange(length) for length in lengths])
    breaks = np.flatnonzero((np.diff(rows) != 1) | (np.diff(parts) != 0)) + 1
    for some in np.split(np.arange(len(rows)), breaks) if len(rows) else ():
        yield int(parts[some[0]]), _between(within[some]), _between(rows[some])


def _between(rows: Any) -> slice:
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _grid(array: Any, first: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """Rows of an array that are evenly spaced along each axis, as a view."""
    row = array.strides[0]
    strides = [step * row for step in steps]
    return np.lib.stride_tricks.as_strided(array[first:], (*shape, *array.shape[1:]), (*strides, *array.strides[1:]))
