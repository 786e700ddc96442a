"""Joint results inside a program: one operation computes all numbers, then one operation each reads a number.

Fixed points and loops are joint results; they hold a program of their own. A place of a program holds one number. The
place of the first operation holds a handle; under it, the operation keeps its numbers for the thread that runs the
program. The others read them by the handle, and so may another joint result, which reads them as an array.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..engine import Value, derivative_graph, is_joint, within
from ..ops import REAL, Op

if TYPE_CHECKING:
    from .passes.program import Program

# What is kept for a thread while no program runs: the results of at most _MOST_CALLS calls; with more than
# _MOST_NUMBERS numbers, of at most _LEAST_CALLS.
_MOST_CALLS, _MOST_NUMBERS, _LEAST_CALLS = 1 << 14, 1 << 20, 1 << 10
# New memory costs as much as writing it several times, so the latest large arrays are used again.
_LARGE, _MOST_FREE = 1 << 12, 4

Solver = Callable[[Any, Any, Any, bool], Any]
"""The numbers (numbers, lanes) from start (some, lanes), what all lanes share (others,), what differs (rest, lanes).

If the last argument is True, the lane sums of those in Joint.summable are enough: they are in the first lane then, and
0.0 in the others.
"""


def _unlisted(op: Op, name: str, args: str, doc: str, value: Callable[..., float]) -> None:
    """Fills in an operation that occurs in programs only and has no code in the engine."""
    op.name, op.value, op.array, op.doc, op.symbol = name, value, "", doc, name
    op.args = tuple([arg.lstrip("*") for arg in args.split()])
    op.sequences = tuple([k for k, arg in enumerate(args.split()) if arg.startswith("*")])
    op.rules, op.domain = (None,) * len(op.args), (REAL,) * len(op.args)
    op.aliases, op.defaults, op.flat, op.conventional, op.code = (), (), False, False, -1
    op.arity = -1 if op.sequences else len(op.args)
    op.places = tuple([f"{op.signature}: {arg}" for arg in op.args])


class Joint(Op):
    """The operation that computes all numbers of a joint result.

    solver    makes the Solver from a mask, which of the numbers it depends on are shared by all lanes, and the executor
              of its own programs
    step      the program of one step
    steps     how many steps there are; 0 if that is not known before
    summable  the numbers whose sums over the lanes are cheaper than the numbers of each lane
    """

    __slots__ = ("__weakref__", "_by", "_executor", "_solver", "_solvers", "step", "steps", "summable")

    def __init__(
        self,
        name: str,
        solver: Callable[[Any, str], Solver],
        step: Program,
        steps: int = 0,
        summable: range = range(0),
        executor: str = "auto",
    ) -> None:
        _unlisted(self, name, "*start *xs solution", f"all numbers of a {name.replace('_', ' ')}", self._one)
        self._solver, self._solvers, self._executor = solver, dict[bytes, Solver](), executor
        self._by: dict[str, Joint] = {}
        self.step, self.steps, self.summable = step, steps, summable

    @classmethod
    def of(
        cls,
        name: str,
        solver: Callable[[Any, str], Solver],
        step: Program,
        settings: tuple[Any, ...],
        steps: int = 0,
        summable: range = range(0),
    ) -> Joint:
        """The operation of a step and of settings, which say what else its numbers depend on; equal ones share it.

        So two traces of a function are the same program.
        """
        key = name, tuple(step.kinds), repr(step.args), tuple(step.outputs), settings
        with _lock:
            made = _shared.get(key)
            if made is None:
                made = _shared[key] = cls(name, solver, step, steps, summable)
        return made

    def by(self, executor: str) -> Joint:
        """The same operation, whose own programs run by this executor."""
        if executor == self._executor:
            return self
        if executor not in self._by:
            self._by[executor] = Joint(self.name, self._solver, self.step, self.steps, self.summable, executor)
        return self._by[executor]

    def solver(self, shared: Any) -> Solver:
        """The Solver for a mask that says which numbers all lanes share."""
        key = shared.tobytes()
        if key not in self._solvers:
            self._solvers[key] = self._solver(shared, self._executor)
        return self._solvers[key]

    def _one(self, start: Sequence[float], xs: Sequence[float], solution: float) -> float:
        return float(KEPT.keep(self.numbers(start, xs)))

    def numbers(self, start: Sequence[float], xs: Sequence[float]) -> Any:
        """The numbers, (numbers, 1)."""
        shared = np.ones(len(xs), bool)
        return self.solver(shared)(np.array(start, float)[:, None], np.array(xs, float), np.empty((0, 1)), False)

    def on_arrays(self, shared: Any, summed: bool) -> Callable[[Any, Any, Any, Any], None]:
        """A function of arrays that computes each member of a group in each lane, and writes the handles.

        summed  whether the summable numbers are wanted as sums over the lanes
        """
        solver = self.solver(shared)

        def compute(start: Any, xs: Any, by_lane: Any, out: Any) -> None:
            start, by_lane = [
                np.empty((0, out.size)) if array is None
                else np.broadcast_to(array, (len(array), *out.shape)).reshape(len(array), out.size)
                for array in (start, by_lane)
            ]  # fmt: skip
            found = solver(start, np.empty(0) if xs is None else xs, by_lane, summed)
            out[...] = (KEPT.keep(found) + np.arange(out.size)).reshape(out.shape)

        return compute


class Component(Op):
    """The operation that reads one number of a joint result."""

    __slots__ = ()

    def __init__(self) -> None:
        _unlisted(self, "component", "whole index", "one number of a joint result", self._one)

    def _one(self, whole: float, index: float) -> float:
        found, lane = KEPT.at(int(whole))
        return float(found[int(index), lane])


def run_by(executor: str, program: Program) -> Program:
    """The program with joint results whose own programs run by this executor."""
    if not any(isinstance(kind, Joint) for kind in set(program.kinds)):
        return program
    made = program.copied()
    made.kinds = [kind.by(executor) if isinstance(kind, Joint) else kind for kind in made.kinds]
    return made


def read_components(runs: Sequence[tuple[Any, Any]], handles: Any, out: Any) -> None:
    """Writes numbers of a joint result to rows of an array, (rows, lanes) or (rows,), from the handle of each lane.

    runs  pairs of rows and of the positions of the numbers
    """
    found = KEPT.lanes(np.reshape(handles, -1))
    for rows, positions in runs:
        out[rows] = found[positions] if out.ndim == 2 else found[positions, 0]


class Kept(threading.local):
    """The numbers of the latest joint results, by the handle of their first lane.

    next  the first handle of the next one
    """

    def __init__(self) -> None:
        self._found: OrderedDict[int, Any] = OrderedDict()
        self._free: list[Any] = []
        self.next, self._size, self._running = 0, 0, 0

    def room(self, numbers: int, lanes: int) -> Any:
        """An array for the numbers of a joint result: one that was forgotten, if it has this shape, else a new one."""
        for k, found in enumerate(self._free):
            if found.shape == (numbers, lanes):
                return self._free.pop(k)
        return np.empty((numbers, lanes))

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """A context that keeps everything, and drops at its end what was kept in it."""
        mark = self.next
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self.forget(mark)

    def numbers(self, xs: Iterable[Any]) -> list[float]:
        """The numbers of Values and floats as a program sees them: a joint result is a handle."""
        return [
            x if type(x) is not Value else x.data if not is_joint(x) else float(self.keep(x.args[-1].found[:, None]))
            for x in xs
        ]

    def keep(self, found: Any) -> int:
        """Keeps numbers and returns the handle of their first lane; the other lanes have the handles after it."""
        handle = self.next
        self.next += found.shape[1]
        self._found[handle] = found
        self._size += found.size
        most = _LEAST_CALLS if self._size > _MOST_NUMBERS else _MOST_CALLS
        while len(self._found) > most and not self._running:
            self._size -= self._found.popitem(last=False)[1].size
        return handle

    def forget(self, mark: int) -> None:
        """Drops what was kept since `next` was the mark; the handles are used again."""
        found = self._found
        while found and next(reversed(found)) >= mark:
            dropped = found.popitem()[1]
            self._size -= dropped.size
            if dropped.size >= _LARGE and sys.getrefcount(dropped) == 2:  # nothing else holds it, nor a part of it
                self._free = [dropped, *self._free[: _MOST_FREE - 1]]
        self.next = mark

    def lanes(self, handles: Any) -> Any:
        """The numbers that belong to these handles, (numbers, handles)."""
        first = int(handles[0])
        found, lane = self.at(first)
        if lane + len(handles) <= found.shape[1] and (handles == np.arange(first, first + len(handles))).all():
            return found[:, lane : lane + len(handles)]
        pairs = [self.at(int(handle)) for handle in handles]
        return np.stack([found[:, lane] for found, lane in pairs], axis=1)

    def at(self, handle: int) -> tuple[Any, int]:
        """The numbers and the lane that belong to a handle."""
        found = self._found.get(handle)
        if found is not None:
            return found, 0
        for first, found in reversed(self._found.items()):
            if first <= handle:
                return found, handle - first
        raise LookupError(f"a joint result was lost: this thread keeps no handle {handle}")


class JointSolution(float):
    """The last argument of a joint result's node, which computes its derivatives.

    numbers  the numbers of the result
    hides    whether they may be finite where an argument is not
    """

    numbers: tuple[float, ...]
    hides = True

    def __new__(cls, *_: Any) -> Self:
        return super().__new__(cls, 0.0)

    def which(self, index: int) -> Which:
        return Which.of(self, index)

    def total_of(self, first: int, count: int) -> int | None:
        """The position of the sum of these numbers, if it is among the numbers."""
        return None

    def number(self, index: int, start: Sequence[float], xs: Sequence[float]) -> float:
        """One number, for these numbers in place of the arguments'."""
        raise NotImplementedError

    def recorded(self, start: Sequence[Any], xs: Sequence[Any]) -> Sequence[Any]:
        """The numbers as Values, for other arguments."""
        raise NotImplementedError


class Which(float):
    """The position of a number in its joint result, with what knows the result's derivatives."""

    solution: JointSolution

    @classmethod
    def of(cls, solution: JointSolution, index: int) -> Which:
        made = cls(index)
        made.solution = solution
        return made

    def value(self, start: Sequence[float], xs: Sequence[float]) -> float:
        return self.solution.number(int(self), start, xs)

    def contributions(self, g: Any, start: Sequence[Any], xs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The rows' rules: the contributions of an adjoint g to start and to xs."""
        if not all(type(x) is Value and not is_joint(x) for x in xs):
            raise TypeError("a result of many numbers is computed by a loop: it has no symbolic derivative")

        def recorded() -> list[Any]:
            fresh = [x.identity() if type(x) is Value else Value(x) for x in (*start, *xs)]
            y = self.solution.recorded(fresh[: len(start)], fresh[len(start) :])[int(self)]
            return [g * d for d in derivative_graph(y, fresh, False)]

        found = within(recorded, recording=True)
        return found[: len(start)], found[len(start) :]


_lock = threading.Lock()
_shared: weakref.WeakValueDictionary[Any, Joint] = weakref.WeakValueDictionary()
KEPT = Kept()
COMPONENT = Component()
