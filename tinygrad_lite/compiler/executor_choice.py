"""Chooses which executor runs a program: the one on arrays of lanes, or the native sweep, perhaps written as C."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .array.array_executor import ArrayExecutor
from .c_code.c_runs import lacking, sweep
from .captured_leaves import Parameters
from .cost_estimate import NativeCost
from .joint_results import KEPT, Joint, run_by
from .native.bytecode import Encoding
from .native.bytecode_machine import Executor, compiled
from .native.plain_call import Call
from .passes.gc_pause import collector_paused
from .passes.program import INPUT, Program
from .passes.sums_of_products import as_sums_of_products

EXECUTORS = ("auto", "array", "native", "c")
# Below this many operands over all lanes, arrays are not considered: they take long to prepare.
_FEW_OPERANDS = 2000
# How many times longer the native sweep takes if it is not compiled.
_UNCOMPILED = 1.0 if compiled else 60.0
_NATIVE_BLOCK = 1 << 10
# The choice is kept for at most this many different lane counts, then all are chosen again.
_CHOICES_KEPT = 256


class Execution:
    """A program made ready to run by the executor that is expected to be quicker.

    The choice is by an estimate, not by measured times, so that it is always the same: results differ by rounding.

    program     the program as traced
    simplified  the program in sums of products, which both executors run
    summed      whether the outputs are wanted as sums over the lanes
    executor    "array" or "native" forces one, "auto" chooses by the number of lanes; "c" chooses too, and the native
                sweep of one lane is a function in C then
    forgets     whether the joint results of a run are dropped after it; else the caller does it
    chosen      the one that ran last
    """

    def __init__(self, program: Program, summed: bool, executor: str, forgets: bool = True) -> None:
        self.program, self.simplified = program, run_by(executor, as_sums_of_products(program))
        self.chosen, self._as_c, self._one_ran = "", "", False
        self._summed, self._executor = summed, executor
        self._operands = program.count_factors_apart() + self.simplified.count_all_operands()
        self._choices: dict[int, str] = {}
        self._keeps = any(isinstance(row, Joint) for row in set(self.simplified.kinds))
        self._forgets = self._keeps and forgets
        self._array: ArrayExecutor | None = None
        self._native: Executor | None = None
        self._lock = threading.Lock()

    @cached_property
    def one(self) -> Callable[[Any, Sequence[float]], list[float]]:
        """A function that computes the outputs from the parameters and one set of inputs."""
        run = self.swept.run if self.chosen_for(1) == "native" else self._listed
        return functools.partial(self._forgetting, run) if self._forgets else run

    def call(self, parameters: Parameters, arguments: Any, result: Any, finite: bool) -> Call | None:
        """One set of inputs from its arguments to its result, see Call; None where joint results are kept."""
        if self._keeps:
            return None
        if self.chosen_for(1) == "native":
            return Call(self.swept, parameters.numbers if parameters.count else None, arguments, result, finite)
        on_arrays = self.program.kinds.count(INPUT), self.program.results, self._one_lane
        return Call(on_arrays, parameters.numbers, arguments, result, finite)

    def lanes(self, parameters: Any, parts: Sequence[Any], out: Any = None) -> Any:
        """The outputs by lane, (outputs, lanes), for inputs in parts, each of shape (some inputs, lanes).

        Parts may have two axes of lanes, as steps and lanes, and any strides; the outputs then have both axes as well.
        out  the array to write them to, in C order; None: a new one
        """
        if self._forgets:
            return self._forgetting(self._lanes, parameters, parts, out)
        return self._lanes(parameters, parts, out)

    def _lanes(self, parameters: Any, parts: Sequence[Any], out: Any) -> Any:
        shape = parts[0].shape[1:]
        lanes = math.prod(shape)
        found = np.empty((self.program.results, *shape)) if out is None else out
        if self.chosen_for(lanes) == "array":
            return self.array.run(parameters, parts, found)
        self.native.batch(parameters, parts, lanes, found)
        return found

    def loop(self, parameters: Any, table: Any, carry: Any, kept: Any, backward: bool) -> None:
        """Runs the program once a step: the inputs are the carry and what the step reads.

        The outputs are the next carry, then what is kept of the step.
        table  what steps read, (numbers, steps, lanes)
        carry  (numbers, steps + 1, lanes); the first is given, or the last if the steps run backward. The others are
               filled in
        kept   (numbers, steps, lanes), to be filled in
        """
        lanes, carried = carry.shape[2], len(carry)
        if self._keeps:  # each step drops its joint results
            for t in range(table.shape[1] - 1, -1, -1) if backward else range(table.shape[1]):
                now, after = (t + 1, t) if backward else (t, t + 1)
                if lanes == 1:
                    given = [*carry[:, now, 0].tolist(), *table[:, t, 0].tolist()]
                    found = np.array(self.one(parameters, given))[:, None]
                else:
                    found = self.lanes(parameters, [carry[:, now], table[:, t]])
                carry[:, after], kept[:, t] = found[:carried], found[carried:]
        elif self.chosen_for(lanes) == "native":
            (self.swept if lanes == 1 else self.native).loop(parameters, table, carry, kept, backward)
        else:
            self.array.loop(parameters, table, carry, kept, backward)

    def sums(self, parameters: Any, parts: Sequence[Any], use: Callable[[Any], Any] = np.copy) -> Any:
        """Applies `use` to the sums of the outputs over the lanes (see ArrayExecutor.sums); inputs as for lanes()."""
        lanes = math.prod(parts[0].shape[1:])
        if self.chosen_for(lanes) == "array":
            if self._forgets:
                return self._forgetting(self.array.sums, parameters, parts, use)
            return self.array.sums(parameters, parts, use)
        total = np.empty(self.program.results)
        if not self._forgets:
            self.native.sums(parameters, parts, lanes, total)
            return use(total)
        total[...] = 0.0
        parts = [part.reshape(len(part), lanes) for part in parts]
        with np.errstate(all="ignore"):
            for start in range(0, lanes, _NATIVE_BLOCK):
                some = [part[:, start : start + _NATIVE_BLOCK] for part in parts]
                total += self.lanes(parameters, some).sum(axis=1)
        return use(total)

    @property
    def summary(self) -> str:
        """How many nodes the program has, its loops, which executor ran it, and as how many operations."""
        nodes, ran = f"{len(self.program):,} nodes", None if self._array is None else self._array.ran
        found = [kind for kind in self.simplified.kinds if isinstance(kind, Joint) and kind.steps]
        loops = "".join(
            [f", a loop of {k.steps:,} steps, {len(k.step.operations()):,} operations a step" for k in found]
        )
        if self.chosen == "native" or ran is None:
            count = len(self.simplified.operations())
            ran_by = f"the {self.chosen} executor ran it{self._as_c if self._one_ran else ''}"
            return f"{nodes}, {count:,} operations{loops}; {ran_by}"
        return (
            f"{nodes}, {ran.operations:,} array operations, {ran.products:,} of them matrix products{loops}; "
            "the array executor ran it"
        )

    @property
    def passes(self) -> dict[str, Program]:
        """The program before and after each pass."""
        return {"traced": self.program, "sums of products": self.simplified}

    @property
    def array(self) -> ArrayExecutor:
        """The executor on arrays; made when it is first asked for."""
        if self._array is None:
            with self._lock:
                if self._array is None:
                    self._array = ArrayExecutor(self.simplified, self._summed)
        return self._array

    @property
    def native(self) -> Executor:
        """The native executor; made when it is first asked for."""
        if self._native is None:
            with self._lock:
                if self._native is None:
                    self._native = Executor(self.simplified.joined())
        return self._native

    @cached_property
    def swept(self) -> Executor:
        """The native executor for one lane: a function in C, if that is asked for and each operation has a form."""
        return self.native if self._executor != "c" else Executor(self.simplified.joined(), self._compiled)

    def _compiled(self, encoding: Encoding) -> int:
        address, without = sweep(encoding), " and no ".join(sorted(lacking(encoding)))
        if without:
            self._as_c = f", not as C, which has no {without}"
        else:
            self._as_c = ", as C" if address else ", and its loops as C"
        return address

    def _forgetting(self, run: Callable[..., Any], *args: Any) -> Any:
        """Runs the program, then drops the numbers of its joint results, which nothing else reads."""
        with KEPT.forgetting():
            return run(*args)

    def chosen_for(self, lanes: int) -> str:
        """Which executor runs so many lanes, "array" or "native"."""
        chosen = self._choices.get(lanes)
        if chosen is None:
            if len(self._choices) >= _CHOICES_KEPT:
                self._choices = {}  # a new dict, since another thread may be reading the old one
            chosen = self._choices[lanes] = self._quicker(lanes) if self._executor in ("auto", "c") else self._executor
        self.chosen, self._one_ran = chosen, lanes == 1
        return chosen

    @collector_paused
    def _quicker(self, lanes: int) -> str:
        """The executor that is expected to be quicker, found without laying anything out."""
        if compiled and self._operands * lanes < _FEW_OPERANDS:
            return "native"
        native = self._native_cost.time(lanes) * _UNCOMPILED
        if native < self._native_cost.least_on_arrays(lanes):
            return "native"
        return "native" if native < self.array.time(lanes) else "array"

    @cached_property
    def _native_cost(self) -> NativeCost:
        return NativeCost(self.simplified)

    def _one_lane(self, parameters: Any, inputs: Any) -> Any:
        return self.array.run(parameters, np.asarray(inputs, dtype=float)[:, None])

    def _listed(self, parameters: Any, inputs: Sequence[float]) -> list[float]:
        found: list[float] = self._one_lane(parameters, inputs)[:, 0].tolist()
        return found
