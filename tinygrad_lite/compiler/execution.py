"""Which of two executors runs a program: arrays of lanes, or the native sweep."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..ops import Op
from .executors import ArrayExecutor
from .native import Executor, compiled
from .program import SOURCES, SUM, Program
from .sums import as_sums_of_products

EXECUTORS = ("auto", "array", "native")
# Measured by tests/benchmarks/run.py executors, in nanoseconds: of the native sweep an operation, what a sum adds up or
# a function reads, and either by each further lane; of arrays a line, and a number computed.
_OPERATION, _OPERAND, _PER_LANE = (6.0, 1.5, 0.6) if compiled else (300.0, 60.0, 1.0)
_LINE, _ELEMENT = 1000.0, 0.6
_FUNCTION = 12.0
# So little that arrays, which take long to prepare, are not even considered.
_LITTLE = 20_000.0
_SUMMED_AT_ONCE = 1 << 21
# Operations that are no function of the C library.
_CHEAP = frozenset((
    "abs", "add", "clip", "dot", "identity", "less", "less_equal", "maximum", "mean", "minimum", "mul", "neg", "relu",
    "sign", "step", "stop_gradient", "sub", "sum", "take", "where", SUM,
))  # fmt: skip


class Execution:
    """A program made ready to run, by the executor that is expected to be quicker: the same always, as results differ
    by rounding between the two.

    summed    the outputs are wanted as sums over the lanes
    executor  "array" or "native" forces one, "auto" chooses by the number of lanes
    """

    def __init__(self, program: Program, summed: bool, executor: str) -> None:
        self.program, self.simplified = program, as_sums_of_products(program)
        self._summed, self._forced = summed, executor
        self._array: ArrayExecutor | None = None
        self._native: Executor | None = None
        self._lock = threading.Lock()
        self._work = Work(self.simplified)
        self.chosen: str = ""

    @cached_property
    def one(self) -> Callable[[Any, Sequence[float]], list[float]]:
        """The outputs for one set of inputs, a function of parameters and inputs."""
        if self._choice(1) == "native":
            return self.native.run
        return self._one_lane

    def _one_lane(self, parameters: Any, inputs: Sequence[float]) -> list[float]:
        found: list[float] = self.array.run(parameters, np.array(inputs, dtype=float)[:, None])[:, 0].tolist()
        return found

    def lanes(self, parameters: Any, inputs: Any) -> Any:
        """The outputs by lane, (outputs, lanes), for inputs of shape (inputs, lanes)."""
        if self._choice(inputs.shape[1]) == "array":
            return self.array.run(parameters, inputs)
        return self._native_lanes(parameters, inputs)

    def sums(self, parameters: Any, inputs: Any) -> Any:
        """The sums of the outputs over the lanes."""
        with np.errstate(all="ignore"):
            if self._choice(inputs.shape[1]) == "array":
                return self.array.sums(parameters, inputs)
            return self._native_sums(parameters, inputs)

    @property
    def passes(self) -> dict[str, Program]:
        """The program before and after each pass."""
        return {"traced": self.program, "sums of products": self.simplified}

    @property
    def array(self) -> ArrayExecutor:
        """The executor on arrays; made when it is first asked for."""
        with self._lock:
            if self._array is None:
                self._array = ArrayExecutor(self.simplified, self._summed)
            return self._array

    @property
    def native(self) -> Executor:
        """The native executor; made when it is first asked for."""
        with self._lock:
            if self._native is None:
                self._native = Executor(self.simplified)
            return self._native

    def _choice(self, lanes: int) -> str:
        if self._forced != "auto":
            self.chosen = self._forced
            return self._forced
        native = self._work.native(lanes)
        if native < _LITTLE or native < self._work.arrays(self.array.operations, lanes):
            self.chosen = "native"
        else:
            self.chosen = "array"
        return self.chosen

    def _native_sums(self, parameters: Any, inputs: Any) -> Any:
        count = inputs.shape[1]
        if count == 1:
            return np.array(self.native.run(parameters, inputs))
        at_once = max(1, _SUMMED_AT_ONCE // max(1, len(self.program.outputs)))
        parts = [self._native_lanes(parameters, inputs[:, k : k + at_once]) for k in range(0, count, at_once)]
        return np.sum([part.sum(axis=1) for part in parts], axis=0) if parts else np.zeros(len(self.program.outputs))

    def _native_lanes(self, parameters: Any, inputs: Any) -> Any:
        count = inputs.shape[1]
        found = np.empty((len(self.program.outputs), count))
        self.native.batch(parameters, np.ascontiguousarray(inputs), count, found)
        return found


class Work:
    """How long a program is expected to run, in nanoseconds."""

    def __init__(self, program: Program) -> None:
        kinds = Counter(program.kinds)
        self._operations = sum([count for kind, count in kinds.items() if kind not in SOURCES])
        self._functions = sum([n for kind, n in kinds.items() if type(kind) is Op and kind.name not in _CHEAP])
        self._reads = sum(map(program.count_operands, range(len(program))))

    def native(self, lanes: int) -> float:
        by_lane = self._functions * _FUNCTION + (self._operations + self._reads) * _PER_LANE
        return self._operations * _OPERATION + self._reads * _OPERAND + lanes * by_lane

    def arrays(self, lines: int, lanes: int) -> float:
        return lines * _LINE + lanes * (self._functions * _FUNCTION / 2 + self._reads * _ELEMENT / 4)
