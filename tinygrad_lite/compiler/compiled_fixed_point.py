"""A fixed point within a program: one operation that finds all its numbers, and one for each that takes it of them.

A place of a program holds one number. That of the first operation is a handle, under which its row keeps what was found
for the thread that runs the program; the others read it by the handle.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ops import REAL, Op

# What is kept for a thread: what so many calls found, and of fewer not so many numbers.
_MOST_CALLS, _MOST_NUMBERS, _LEAST_CALLS = 1 << 14, 1 << 20, 1 << 10

Solver = Callable[[Any, Any, Any], Any]
"""From start (numbers, lanes), what lanes share (some,) and what differs between them (others, lanes): the numbers."""


def _unlisted(op: Op, name: str, args: str, doc: str, value: Callable[..., float]) -> None:
    """Fills in a row that stands in programs alone, not among the rows whose codes the engine's nodes have."""
    op.name, op.value, op.array, op.doc, op.symbol = name, value, "", doc, name
    op.args = tuple([arg.lstrip("*") for arg in args.split()])
    op.sequences = tuple([k for k, arg in enumerate(args.split()) if arg.startswith("*")])
    op.rules, op.domain = (None,) * len(op.args), (REAL,) * len(op.args)
    op.aliases, op.defaults, op.flat, op.conventional, op.code = (), (), False, False, -1
    op.arity = -1 if op.sequences else len(op.args)
    op.places = tuple([f"{op.signature}: {arg}" for arg in op.args])


class Settle(Op):
    """Finds a fixed point.

    solver  from which of the numbers that it depends on all lanes share, what solves it
    kept    what was found, until whatever runs the program has read it and forgets it
    """

    __slots__ = ("__weakref__", "_solver", "_solvers", "kept", "settled")

    def __init__(self, solver: Callable[[Any], Solver]) -> None:
        _unlisted(self, "fixed_point", "*start *xs solution", "a fixed point", self._one)
        self._solver, self._solvers, self.kept = solver, dict[bytes, Solver](), Kept()
        self.settled = Settled(self.kept)

    def solver(self, shared: Any) -> Solver:
        """What solves it where these, of a mask, are what all lanes share."""
        key = shared.tobytes()
        if key not in self._solvers:
            self._solvers[key] = self._solver(shared)
        return self._solvers[key]

    def _one(self, start: Sequence[float], xs: Sequence[float], solution: float) -> float:
        return float(self.kept.keep(self.numbers(start, xs)))

    def numbers(self, start: Sequence[float], xs: Sequence[float]) -> Any:
        """The fixed point, (numbers, 1)."""
        shared = np.ones(len(xs), bool)
        return self.solver(shared)(np.array(start, float)[:, None], np.array(xs, float), np.empty((0, 1)))

    def on_arrays(self, shared: Any) -> Callable[[Any, Any, Any, Any], None]:
        """A function of arrays that writes handles: some lanes for each member of a group."""
        solver = self.solver(shared)

        def settle(start: Any, xs: Any, by_lane: Any, out: Any) -> None:
            start, by_lane = [
                np.empty((0, out.size)) if array is None
                else np.broadcast_to(array, (len(array), *out.shape)).reshape(len(array), out.size)
                for array in (start, by_lane)
            ]  # fmt: skip
            found = solver(start, np.empty(0) if xs is None else xs, by_lane)
            out[...] = (self.kept.keep(found) + np.arange(out.size)).reshape(out.shape)

        return settle


class Settled(Op):
    """Takes one number of a fixed point."""

    __slots__ = ("_kept",)

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        _unlisted(self, "component", "whole index", "one number of a fixed point", self._one)

    def _one(self, whole: float, index: float) -> float:
        found, lane = self._kept.at(int(whole))
        return float(found[int(index), lane])

    def on_arrays(self, whole: Any, index: Any, out: Any) -> None:
        """Writes the numbers at these indices of what these handles are of."""
        handles = np.broadcast_to(whole, out.shape).astype(np.int64)
        indices = np.broadcast_to(index, out.shape).astype(np.int64)
        left = np.ones(out.shape, bool)
        while left.any():
            handle = int(handles[left][0])
            found, lane = self._kept.at(handle)
            lanes = handles - (handle - lane)
            here = left & (lanes >= 0) & (lanes < found.shape[1])
            out[here] = found[indices[here], lanes[here]]
            left &= ~here


class Kept(threading.local):
    """What was found lately, by the handle of its first lane.

    next  the first handle of what will be found next
    """

    def __init__(self) -> None:
        self._found: OrderedDict[int, Any] = OrderedDict()
        self.next, self._size = 0, 0

    def keep(self, found: Any) -> int:
        """The handle of the first lane; those of the others follow."""
        handle = self.next
        self.next += found.shape[1]
        self._found[handle] = found
        self._size += found.size
        while len(self._found) > (_LEAST_CALLS if self._size > _MOST_NUMBERS else _MOST_CALLS):
            self._size -= self._found.popitem(last=False)[1].size
        return handle

    def forget(self, mark: int) -> None:
        """Drops what was found since next was the mark; its handles serve again."""
        found = self._found
        while found and next(reversed(found)) >= mark:
            self._size -= found.popitem()[1].size
        self.next = mark

    def at(self, handle: int) -> tuple[Any, int]:
        """What was found, and the lane that the handle is of."""
        found = self._found.get(handle)
        if found is not None:
            return found, 0
        for first, found in reversed(self._found.items()):
            if first <= handle:
                return found, handle - first
        raise LookupError(f"a fixed point was lost: handle {handle} is none that this thread keeps")
