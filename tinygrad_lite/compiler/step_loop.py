"""Runs a program as a loop: the first outputs of a step are the first inputs of the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .executor_choice import Execution
from .joint_results import KEPT, Joint
from .passes.loop_parts import LoopParts
from .passes.program import INPUT, Program
from .passes.sums_of_products import as_sums_of_products

# Sums of this many numbers over steps and lanes are found lane by lane, so that they are matrix products.
_MANY_SUMS = 1 << 18


class StepLoop:
    """A program of one step, made ready to run many steps.

    program  inputs: the carry, what each step reads, what all steps of a lane share. Outputs: the next carry, what each
             step gives, what is summed over the steps
    carried  how many numbers the carry has
    given    how many numbers each step gives
    backward whether the steps run from the last to the first
    """

    def __init__(self, program: Program, carried: int, given: int, backward: bool) -> None:
        self._carried, self._given, self._backward = carried, given, backward
        self._program = as_sums_of_products(program)
        self._summed = len(program.outputs) - carried - given
        self._parts = LoopParts(self._program, carried)
        # Numbers that are read as they were given need no run.
        copies = all(self._parts.before.kinds[place] == INPUT for place in self._parts.before.outputs)
        self._copied = [self._parts.before.args[place][0] for place in self._parts.before.outputs] if copies else None

    def run(
        self, parameters: Any, start: Any, read: Sequence[Any], shared: Any, steps: int, over_lanes: bool = False
    ) -> Any:
        """All numbers, one lane a column: the carry before the first step and after each, what steps gave, the sums, and
        what steps gave in total.

        parameters  what all steps and lanes share
        start       the carry at first, (carried, lanes)
        read        what steps read, in parts of shape (some, steps, lanes)
        shared      what the steps of a lane share, (some, lanes)
        over_lanes  whether the sums are wanted over the lanes too: they are in the first lane then
        A number's entries for all steps stand one after the other, in the order of the steps, also where these run
        backward.
        """
        lanes = start.shape[1]
        carries = self._carried * (steps + 1)
        found = np.empty((carries + self._given * (steps + 1) + self._summed, lanes))
        carry = found[:carries].reshape(self._carried, steps + 1, lanes)
        parts = [*read, np.broadcast_to(shared[:, None], (len(shared), steps, lanes))]
        carry[:, steps if self._backward else 0] = start
        with KEPT.forgetting():
            self._loop(parameters, self._table(parameters, parts, steps, lanes), carry, steps)
        before, after = (carry[:, 1:], carry[:, :-1]) if self._backward else (carry[:, :-1], carry[:, 1:])
        every = [before, *parts, after]
        if self._given:
            given = self._after.lanes(parameters, _flat(every))
            found[carries : carries + self._given * steps] = given.reshape(self._given * steps, lanes)
            given.reshape(self._given, steps, lanes).sum(axis=1, out=found[len(found) - self._given :])
        if self._summed:
            first = carries + self._given * steps
            found[first : first + self._summed] = self._sums_over_steps(parameters, every, steps, lanes, over_lanes)
        return found

    def _table(self, parameters: Any, parts: Sequence[Any], steps: int, lanes: int) -> Any:
        """What the loop reads, (numbers, steps, lanes)."""
        if self._copied is not None:
            return np.concatenate([*parts])[self._copied] if self._copied else np.empty((0, steps, lanes))
        return self._before.lanes(parameters, _flat(parts)).reshape(-1, steps, lanes)

    def _loop(self, parameters: Any, table: Any, carry: Any, steps: int) -> None:
        lanes = carry.shape[2]
        execution, backward = self._stepped, self._backward
        if not self._nested:
            execution.loop(parameters, table, carry, backward)
            return
        for t in range(steps - 1, -1, -1) if backward else range(steps):
            now, after = (t + 1, t) if backward else (t, t + 1)
            if lanes == 1:
                carry[:, after, 0] = execution.one(parameters, [*carry[:, now, 0].tolist(), *table[:, t, 0].tolist()])
            else:
                carry[:, after] = execution.lanes(parameters, [carry[:, now], table[:, t]])

    def _sums_over_steps(
        self, parameters: Any, every: Sequence[Any], steps: int, lanes: int, over_lanes: bool
    ) -> Any:
        if over_lanes:
            total = np.zeros((self._summed, lanes))
            total[:, 0] = self._summed_after.sums(parameters, _flat(every))
            return total
        if lanes > 1 and self._summed * steps * lanes <= _MANY_SUMS:
            return self._summed_by_lane.lanes(parameters, _flat(every)).reshape(self._summed, steps, lanes).sum(axis=1)
        sums: Callable[..., Any] = self._summed_after.sums
        return np.stack([sums(parameters, _flat([p[..., lane : lane + 1] for p in every])) for lane in range(lanes)], 1)

    @cached_property
    def _nested(self) -> bool:
        """Whether a step contains a joint result itself."""
        return any(isinstance(kind, Joint) for kind in self._parts.loop.kinds)

    @cached_property
    def _before(self) -> Execution:
        return Execution(self._parts.before, False, "auto", forgets=False)  # the loop may read its joint results

    @cached_property
    def _stepped(self) -> Execution:
        return Execution(self._parts.loop, False, "auto")

    @cached_property
    def _after(self) -> Execution:
        first = self._carried
        return Execution(self._parts.after(range(first, first + self._given)), False, "auto")

    @cached_property
    def _summed_after(self) -> Execution:
        return Execution(self._sums, True, "auto")

    @cached_property
    def _summed_by_lane(self) -> Execution:
        return Execution(self._sums, False, "auto")

    @cached_property
    def _sums(self) -> Program:
        first = self._carried + self._given
        return self._parts.after(range(first, first + self._summed))


def _flat(parts: Sequence[Any]) -> list[Any]:
    """Parts of shape (some, steps, lanes) with the steps as lanes."""
    return [np.ascontiguousarray(part).reshape(len(part), part.shape[1] * part.shape[2]) for part in parts]
