"""Runs a program as a loop: the first outputs of a step are the first inputs of the next one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .array.array_layout import in_runs, sliced
from .c_code.c_runs import CLoop
from .executor_choice import Execution
from .joint_results import KEPT
from .native.bytecode import Encoding
from .native.bytecode_machine import forms
from .passes.loop_parts import LoopParts
from .passes.program import INPUT, Program
from .passes.sums_of_products import as_sums_of_products

# Sums of this many numbers over steps and lanes are found lane by lane, so that they are matrix products.
_MANY_SUMS = 1 << 18

_quiet = np.errstate(all="ignore")


class StepLoop:
    """A program of one step, made ready to run many steps.

    program  inputs: the carry, what each step reads, what all steps of a lane share. Outputs: the next carry, what each
             step gives, what is summed over the steps
    carried  how many numbers the carry has
    given    how many numbers each step gives
    backward whether the steps run from the last to the first
    frugal   whether nothing runs for all steps at once, so that memory holds what one step computes, beside the results
    executor of all its programs, see Execution
    """

    def __init__(
        self,
        program: Program,
        carried: int,
        given: int,
        backward: bool,
        frugal: bool = False,
        executor: str = "auto",
    ) -> None:
        self._carried, self._given, self._backward, self._frugal = carried, given, backward, frugal
        self._executor = executor
        self._program = as_sums_of_products(program)
        self._summed = len(program.outputs) - carried - given
        self._parts = LoopParts(self._program, carried)
        # Numbers that the loop reads as they were given need no run, nor does the carry that a step gives.
        before = self._parts.before
        copies = all(place >= 0 and before.kinds[place] == INPUT for place in before.outputs)
        self._copied = [self._parts.reads[before.args[place][0]] for place in before.outputs] if copies else None
        carries = [self._parts.copied_carry(carried + k) for k in range(given)]
        pairs = np.array([(k, number) for k, number in enumerate(carries) if number is not None], int).reshape(-1, 2)
        runs = [pairs[run].T for run in in_runs(*pairs.T)]
        self._carry_given = [(sliced(numbers), sliced(of)) for numbers, of in runs]
        self._computed = [k for k, number in enumerate(carries) if number is None]
        self._rooms: list[_Room] = []

    @_quiet
    def run(
        self, parameters: Any, start: Any, read: Sequence[Any], shared: Any, steps: int, over_lanes: bool = False
    ) -> Any:
        """All numbers, one lane a column: the carry before the first step and after each, what steps gave, the sums,
        what steps gave in total.

        parameters  what all steps and lanes share
        start       the carry at first, (carried, lanes)
        read        what steps read, in parts of shape (some, steps, lanes)
        shared      what the steps of a lane share, (some, lanes)
        over_lanes  whether the sums are wanted over the lanes too: they are in the first lane then
        A number's entries for all steps stand one after the other, in the order of the steps, also where these run
        backward.
        """
        try:
            room = self._rooms.pop()
        except IndexError:  # asking first would let another thread take the last one in between
            room = _Room()
        with KEPT.forgetting():  # what a part keeps, another may read
            run = self._step_by_step if self._frugal and steps > 1 else self._run
            found = run(room, parameters, start, read, shared, steps, over_lanes)
        self._rooms.append(room)
        return found

    def _step_by_step(
        self, room: _Room, parameters: Any, start: Any, read: Sequence[Any], shared: Any, steps: int, over_lanes: bool
    ) -> Any:
        lanes, carries = start.shape[1], self._carried * (steps + 1)
        found = KEPT.room(carries + self._given * (steps + 1) + self._summed, lanes)
        carry = found[:carries].reshape(self._carried, steps + 1, lanes)
        given, sums = np.split(found[carries:], [self._given * steps])
        given, backward = given.reshape(self._given, steps, lanes), self._backward
        carry[:, steps * backward], sums[...] = start, 0.0
        for t in range(steps - 1, -1, -1) if backward else range(steps):
            one_step = [part[:, t : t + 1] for part in read]
            with KEPT.forgetting():
                one = self._run(room, parameters, carry[:, t + backward], one_step, shared, 1, over_lanes)
            carry[:, t + 1 - backward] = one[1 - backward : 2 * self._carried : 2]
            given[:, t] = one[2 * self._carried :][: self._given]
            sums += one[2 * self._carried + self._given :]
        return found

    def _run(
        self, room: _Room, parameters: Any, start: Any, read: Sequence[Any], shared: Any, steps: int, over_lanes: bool
    ) -> Any:
        lanes = start.shape[1]
        carries = self._carried * (steps + 1)
        found = KEPT.room(carries + self._given * (steps + 1) + self._summed, lanes)
        carry = found[:carries].reshape(self._carried, steps + 1, lanes)
        carry[:, steps if self._backward else 0] = start
        if self._in_c is not None and self._whole.chosen_for(steps * lanes) == "native":
            self._in_c.run(parameters, [*read, shared[:, None]], found, steps)
            if over_lanes:
                sums = found[carries + self._given * steps :][: self._summed]
                sums[:, 0], sums[:, 1:] = sums.sum(axis=1), 0.0
            return found
        before, after = (carry[:, 1:], carry[:, :-1]) if self._backward else (carry[:, :-1], carry[:, 1:])
        own = np.broadcast_to(shared[:, None], (len(shared), steps, lanes)) if len(shared) else before[:0]
        parts = [before, *read, own, after]
        table = self._table(room, parameters, parts, steps, lanes)
        kept = room.array("kept", (self._parts.kept, steps, lanes))
        self._stepped.loop(parameters, table, carry, kept, self._backward)
        parts += table, kept
        if self._given:
            given = found[carries : carries + self._given * steps].reshape(self._given, steps, lanes)
            for some, numbers in self._carry_given:
                given[some] = after[numbers]
            if self._computed:
                execution, reads = self._after
                given[self._computed] = room.lanes("results", execution, parameters, room.some("after", parts, reads))
            totals = found[len(found) - self._given :]
            if lanes == 1:
                given.sum(axis=1, out=totals)
            else:  # a third of the time
                np.matmul(np.ones((1, steps)), given, totals[:, None])
        if self._summed:
            first = carries + self._given * steps
            self._sum_over_steps(room, parameters, parts, over_lanes, found[first : first + self._summed])
        return found

    def _table(self, room: _Room, parameters: Any, parts: Sequence[Any], steps: int, lanes: int) -> Any:
        """What the loop reads, (numbers, steps, lanes)."""
        if self._copied is None:
            return room.lanes("table", self._before, parameters, room.some("before", parts, self._parts.reads))
        table, first = room.array("table", (len(self._copied), steps, lanes)), 0
        for part in room.some("table", parts, self._copied):
            table[first : first + len(part)] = part
            first += len(part)
        return table

    def _sum_over_steps(self, room: _Room, parameters: Any, parts: Sequence[Any], over_lanes: bool, out: Any) -> None:
        """Writes the sums over the steps, (sums, lanes)."""
        _, steps, lanes = parts[0].shape
        if not over_lanes and lanes > 1 and self._summed * steps * lanes <= _MANY_SUMS:
            execution, reads = self._summed_by_lane
            room.lanes("results", execution, parameters, room.some("sums", parts, reads)).sum(axis=1, out=out)
            return
        execution, reads = self._summed_after
        read = room.some("sums", parts, reads)
        if over_lanes:
            out[:, 1:] = 0.0
        for lane in range(1 if over_lanes else lanes):
            some = read if over_lanes or lanes == 1 else [part[:, :, lane : lane + 1] for part in read]
            out[:, lane] = execution.sums(parameters, some)

    @cached_property
    def _whole(self) -> Execution:
        """The step as it is, to ask how it is run."""
        return Execution(self._program, False, self._executor)

    @cached_property
    def _in_c(self) -> CLoop | None:
        """The whole loop as one function in C, if that is asked for and each operation has a form in C."""
        if self._executor != "c":
            return None
        program = self._program.copied()
        program.outputs += program.outputs[self._carried : self._carried + self._given]  # for what steps give in total
        encoding = Encoding(program, forms)
        return None if encoding.written.calls else CLoop(encoding, self._carried, self._given, self._backward)

    @cached_property
    def _before(self) -> Execution:
        # It forgets nothing, since the loop may read its joint results.
        return Execution(self._parts.before, False, self._executor, forgets=False)

    @cached_property
    def _stepped(self) -> Execution:
        return Execution(self._parts.loop, False, self._executor)

    @cached_property
    def _after(self) -> tuple[Execution, list[int]]:
        program, reads = self._parts.after([self._carried + k for k in self._computed])
        return Execution(program, False, self._executor), reads

    @cached_property
    def _summed_after(self) -> tuple[Execution, list[int]]:
        program, reads = self._sums
        return Execution(program, True, self._executor), reads

    @cached_property
    def _summed_by_lane(self) -> tuple[Execution, list[int]]:
        program, reads = self._sums
        return Execution(program, False, self._executor), reads

    @cached_property
    def _sums(self) -> tuple[Program, list[int]]:
        first = self._carried + self._given
        return self._parts.after(range(first, first + self._summed))


class _Room:
    """Memory that runs of a loop use again, since new memory costs as much as writing it several times."""

    def __init__(self) -> None:
        self._arrays: dict[str, Any] = {}
        self._pieces: dict[str, list[tuple[int, slice]]] = {}

    def some(self, name: str, parts: Sequence[Any], reads: Sequence[int]) -> list[Any]:
        """Some rows of the parts, which are (some, steps, lanes) each; in as few parts as they can be."""
        pieces = self._pieces.get(name)
        if pieces is None:
            every = [(k, row) for k, part in enumerate(parts) for row in range(len(part))]
            pieces = self._pieces[name] = list[tuple[int, slice]]()
            for k, row in [every[read] for read in reads]:
                first = row
                if pieces and pieces[-1][0] == k and pieces[-1][1].stop == row:
                    first = pieces.pop()[1].start
                pieces.append((k, slice(first, row + 1)))
        return [parts[k][rows] for k, rows in pieces] or [parts[0][:0]]

    def lanes(self, name: str, execution: Execution, parameters: Any, parts: Sequence[Any]) -> Any:
        """The outputs for all steps, (outputs, steps, lanes)."""
        out = self.array(name, (execution.program.results, *parts[0].shape[1:]))
        return execution.lanes(parameters, parts, out)

    def array(self, name: str, shape: tuple[int, ...]) -> Any:
        size = math.prod(shape)
        if len(self._arrays.get(name, ())) < size:
            self._arrays[name] = np.empty(size)
        return self._arrays[name][:size].reshape(shape) if size else np.empty(shape)
