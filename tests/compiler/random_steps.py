"""Random steps of a loop, as programs: shared by the tests of what divides such a program, and of what runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from random_graphs import STEPS, programs

from tinygrad_lite import Value
from tinygrad_lite.compiler.native.bytecode_machine import Executor
from tinygrad_lite.compiler.passes.program import Program
from tinygrad_lite.compiler.passes.sums_of_products import as_sums_of_products
from tinygrad_lite.compiler.trace.tracing import flattened

CARRIED, READ, SHARED, PARAMETERS = 2, 2, 1, 2


@dataclass(frozen=True)
class Step:
    """A program: inputs are the carry, what a step reads and what all share; outputs the next carry and others.

    picks  which of the numbers on the way, or plain numbers, are the next carry, what is given and what is summed
    """

    operations: list[tuple[str, int, int, int]]
    nexts: list[int]
    given: list[int]
    sums: list[int]

    @property
    def program(self) -> Program:
        xs = [Value(0.5 + k) for k in range(CARRIED + READ + SHARED)]
        weights = [Value(-0.5 - k) for k in range(PARAMETERS)]
        known: list[Any] = [*xs, *weights]
        for name, *picks in self.operations:
            count, f, _ = STEPS[name]
            known.append(f(*[known[p % len(known)] for p in picks[:count]]) * 0.5)
        known += [1.5, -0.0]
        return flattened([known[p % len(known)] for p in (*self.nexts, *self.given, *self.sums)], xs, weights)

    def simplified(self) -> Program:
        return as_sums_of_products(self.program)

    def outputs(self, parameters: Any, inputs: Any) -> list[float]:
        """What the whole program gives for one step in one lane."""
        found: list[float] = Executor(as_sums_of_products(self.program)).run(parameters, list(map(float, inputs)))
        return found


def numbers(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


picked = st.integers(0, 99)
steps = st.builds(
    Step,
    programs,
    st.lists(picked, min_size=CARRIED, max_size=CARRIED),
    st.lists(picked, max_size=3),
    st.lists(picked, max_size=2),
)
