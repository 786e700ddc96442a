"""What a loop of steps is made of: the step, recorded once, and the columns of numbers that its steps read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from ..compiler.autodiff import expanded, recorded_anew, with_dots
from ..compiler.trace.finite_checks import watched
from ..compiler.trace.plain_loops import rolled
from ..compiler.trace.tracing import Trace
from ..engine import Value, component, current_trace, recorded_so_far
from ..recording.random_source import Draws

Vector = list[Any]


@dataclass(frozen=True)
class Columns:
    """Numbers that steps read, one row of them in each step.

    inside   for each column, the Value that stands for it in the body
    numbers  an array (columns, steps); or Values and floats, column after column
    whole    a scan whose numbers they are, in place of numbers: column k begins with number first + k * apart
    """

    inside: tuple[Value, ...]
    numbers: Any = ()
    whole: Any = None
    first: int = 0
    apart: int = 0

    @classmethod
    def of(cls, inside: Sequence[Value], numbers: Sequence[Any], steps: int) -> Columns:
        """Columns of these Values and floats, which stand column after column."""
        if any(type(x) is Value for x in numbers):
            return cls(tuple(inside), tuple(numbers))
        return cls(tuple(inside), np.array(numbers, float).reshape(len(inside), steps))

    @property
    def is_known(self) -> bool:
        return isinstance(self.numbers, np.ndarray)

    def start(self, column: int) -> int:
        """The position of the column's first number among those of the scan."""
        return self.first + column * self.apart

    def among(self, found: Any, steps: int) -> Any:
        """The columns among all numbers of the scan: a view (columns, steps, ...) of (numbers, ...)."""
        found = np.ascontiguousarray(found)
        apart, *others = found.strides
        shape, strides = (len(self.inside), steps, *found.shape[1:]), (self.apart * apart, apart, *others)
        return np.ndarray(shape, found.dtype, found, self.first * apart, strides)

    def known(self, found: Any, steps: int) -> Columns:
        """The same columns with their numbers, which are among these."""
        return Columns(self.inside, self.among(found, steps))

    def rows(self, steps: int) -> Vector:
        """For each step, the Values and floats that it reads."""
        if self.whole is not None:
            of = functools.partial(component, self.whole) if type(self.whole) is Value else self.whole.__getitem__
            columns = [[of(self.start(k) + t) for t in range(steps)] for k in range(len(self.inside))]
        elif self.is_known:
            columns = self.numbers.tolist()
        else:
            columns = [self.numbers[k * steps :][:steps] for k in range(len(self.inside))]
        return list(zip(*columns, strict=True))


@dataclass(frozen=True)
class Body:
    """A step, recorded once.

    carry        for each number of the carry, the Value that stands for it
    nexts        the next carry
    given        what each step gives
    sums         what is summed over all steps; then what must be finite, see finite_checks.py
    draws        the Values that stand for random numbers, each with its source
    derivatives  adjoints and tangents in the body
    adjoint      whether it passes adjoints on: if one is not finite, only an eager run knows whether it is blocked
    """

    carry: tuple[Value, ...]
    nexts: tuple[Any, ...]
    given: tuple[Any, ...]
    sums: tuple[Any, ...]
    draws: tuple[tuple[Value, Draws], ...]
    derivatives: tuple[Value, ...]
    adjoint: bool

    @classmethod
    def recorded(
        cls,
        carry: Sequence[Value],
        record: Callable[[], tuple[Vector, Vector, Vector]],
        known: Mapping[Value, Value] | None = None,
        adjoint: bool = False,
    ) -> Body:
        """The body whose next carry, given numbers and sums are what record() returns. It is traced on its own.

        known  results that it need not compute again, and what stands for them
        """
        outer, instead = current_trace(), dict[Value, Any](known or {})
        trace = Trace("scan" if outer is None else outer.name)

        def parts() -> list[Vector]:
            since = recorded_so_far()
            found = record()
            flat = [y for part in found for y in part]
            flat = expanded(recorded_anew(flat, instead) if instead else flat)
            noted = [instead.get(v, v) for v in trace.derivatives]
            flat, trace.derivatives = rolled(flat, [v for v in noted if type(v) is Value], since)
            flat = with_dots(flat)
            ends = [0, *accumulate(map(len, found))]
            return [flat[first:end] for first, end in pairwise(ends)]

        nexts, given, sums = trace.run(parts, ())
        if outer is not None:
            outer.constants |= trace.constants
            outer.of_steps |= trace.of_steps.union([v for v, _ in trace.draws])
            outer.choices |= trace.choices
        derivatives = trace.derivatives
        sums += watched([*nexts, *given, *sums], derivatives)
        return cls(
            tuple(carry), tuple(nexts), tuple(given), tuple(sums), tuple(trace.draws), tuple(derivatives), adjoint
        )

    @property
    def outputs(self) -> Vector:
        return [*self.nexts, *self.given, *self.sums]


class Numbering:
    """Where the numbers of a scan stand, see StepLoop.run().

    carried, given, sums  how many numbers the carry has, a step gives, are summed over all steps
    steps, backward       how many steps run, and whether from the last to the first
    frugal                see StepLoop
    """

    def __init__(self, body: Body, steps: int, backward: bool, frugal: bool) -> None:
        self.carried, self.given, self.sums = len(body.carry), len(body.given), len(body.sums)
        self.steps, self.backward, self.frugal = steps, backward, frugal

    def carry(self, number: int, time: int) -> int:
        """A number of the carry: before step 0 at time 0, after the last step at time `steps`."""
        return number * (self.steps + 1) + time

    def given_by(self, step: int, number: int) -> int:
        return self.carried * (self.steps + 1) + number * self.steps + step

    def sum(self, number: int) -> int:
        return self.given_by(0, self.given) + number

    def total(self, number: int) -> int:
        """The sum of a given number over all steps."""
        return self.sum(self.sums) + number

    @property
    def all_sums(self) -> range:
        return range(self.sum(0), self.total(0))

    @property
    def size(self) -> int:
        return self.total(self.given)

    def total_of(self, first: int, count: int) -> int | None:
        """Where the sum of this many numbers from the first on stands, if it is the total of what all steps give."""
        number, step = divmod(first - self.given_by(0, 0), max(1, self.steps))
        return self.total(number) if 0 <= number < self.given and step == 0 and count == self.steps else None

    @property
    def outputs(self) -> int:
        return self.carried + self.given + self.sums

    @property
    def order(self) -> range:
        """The steps in the order in which they run."""
        return range(self.steps - 1, -1, -1) if self.backward else range(self.steps)

    @property
    def first(self) -> list[int]:
        """Where the carry before the step that runs first stands."""
        return [self.carry(k, self.steps if self.backward else 0) for k in range(self.carried)]

    @property
    def last(self) -> list[int]:
        """Where the carry after the step that runs last stands."""
        return [self.carry(k, 0 if self.backward else self.steps) for k in range(self.carried)]

    def reader(self, position: int) -> tuple[int, int | None]:
        """What a number is of: an output of the body, or from `outputs` on a number of the carry; and in which step.

        A number of the carry belongs to the step that reads it: to None after the step that runs last. So does a total.
        """
        if position < self.given_by(0, 0):
            number, time = divmod(position, self.steps + 1)
            step = time - self.backward
            return self.outputs + number, step if 0 <= step < self.steps else None
        if position < self.sum(0):
            number, step = divmod(position - self.given_by(0, 0), self.steps)
            return self.carried + number, step
        if position < self.total(0):
            return self.carried + self.given + position - self.sum(0), 0
        return self.carried + position - self.total(0), None

    def column(self, first: int) -> int:
        """The same for a column of numbers, one a step: of the carry, what the steps read or the next ones."""
        of, step = self.reader(first)
        return of - self.outputs if of >= self.outputs and step != 0 else of
