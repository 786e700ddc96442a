"""The parts of a loop's step: together they compute what the whole program does, and no part does another's work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import up_to

pytest.importorskip("autograd")
from random_steps import CARRIED, PARAMETERS, READ, SHARED, Step, numbers, steps

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.compiler.native.bytecode_machine import Executor
from tinygrad_lite.compiler.passes.loop_parts import LoopParts
from tinygrad_lite.compiler.passes.program import CONSTANT, INPUT, Program
from tinygrad_lite.compiler.passes.sums_of_products import as_sums_of_products
from tinygrad_lite.compiler.trace.tracing import flattened


def run(program: Program, parameters: Any, inputs: Any) -> list[float]:
    found: list[float] = Executor(program).run(parameters, list(map(float, inputs)))
    return found


@settings(max_examples=up_to(200), deadline=None)
@given(steps, st.integers(0, 999))
def test_before_loop_and_after_give_what_the_whole_program_gives(step: Step, seed: int) -> None:
    parts = LoopParts(step.simplified(), CARRIED)
    parameters, inputs = numbers(seed, PARAMETERS), numbers(seed + 1, CARRIED + READ + SHARED)
    expected = step.outputs(parameters, inputs)
    table = run(parts.before, parameters, inputs[parts.reads])
    assert all(k >= CARRIED for k in parts.reads)
    found = run(parts.loop, parameters, [*inputs[:CARRIED], *table])
    nexts, kept = found[:CARRIED], found[CARRIED:]
    assert len(kept) == parts.kept
    assert [*nexts, *expected[CARRIED:]] == pytest.approx(expected, rel=1e-11, abs=1e-13)
    known = np.array([*inputs, *nexts, *table, *kept])
    others = range(CARRIED, len(expected))
    for positions in (others, *[[position] for position in others]):  # together, and each by itself
        after, reads = parts.after(positions)
        wanted = [expected[position] for position in positions]
        assert run(after, parameters, known[reads]) == pytest.approx(wanted, rel=1e-11, abs=1e-13)
    for position in others:
        number = parts.copied_carry(position)
        assert number is None or nexts[number] == pytest.approx(expected[position], rel=1e-11, abs=1e-13)


@settings(max_examples=up_to(200), deadline=None)
@given(steps)
def test_in_the_loop_is_only_what_depends_on_the_carry_and_leads_to_the_next_one(step: Step) -> None:
    parts = LoopParts(step.simplified(), CARRIED)
    loop = parts.loop
    depends = [False] * len(loop)
    for place, kind in enumerate(loop.kinds):
        read = list(loop.operands(place))
        depends[place] = loop.args[place][0] < CARRIED if kind == INPUT else any(depends[k] for k in read)
        assert kind in (INPUT, CONSTANT) or depends[place]
    needed = {place for place in loop.outputs if place >= 0}
    for place in reversed(range(len(loop))):
        if place in needed:
            needed.update(loop.operands(place))
        else:
            assert loop.kinds[place] in (INPUT, CONSTANT)
    inputs = [place for place, kind in enumerate(loop.kinds) if kind == INPUT]
    assert all(place in needed for place in inputs[CARRIED:]), "what the loop reads, it needs"
    assert len(inputs) == CARRIED + len(parts.before.outputs) and len(set(parts.reads)) == len(parts.reads)


def parts_of(f: Any, reads: int, weights: int = 0) -> LoopParts:
    """Of a step with one number in its carry."""
    xs, ps = [Value(0.5 + k) for k in range(1 + reads)], [Value(0.1 * k) for k in range(weights)]
    return LoopParts(as_sums_of_products(flattened(f(*xs, *ps), xs, ps)), 1)


def counts(program: Program) -> dict[str, int]:
    return {name: count for name, count in program.counts().items() if name not in ("input", "constant")}


def test_the_inputs_part_of_a_sum_runs_before() -> None:
    """In a recurrent network: one sum of products for the inputs of all steps, one for the state."""
    parts = parts_of(lambda h, x, y, u, v, w: [tl.tanh(tl.dot([u, v, w], [x, y, h]) + 0.5)], 2, 3)
    assert counts(parts.before) == {"sum of products": 1} and counts(parts.loop) == {"sum of products": 1, "tanh": 1}
    before, loop = (program.args[program.kinds.index("sum of products")] for program in (parts.before, parts.loop))
    assert len(before[0]) == 2 and len(loop[0]) == 1 and len(loop[2]) == 1


def test_what_the_loop_computed_is_kept_for_other_outputs() -> None:
    """Once, also if several outputs need it; the next carry is there already."""
    parts = parts_of(lambda h, x: [tl.tanh((s := tl.sin(h * x)) + h), tl.exp(s), s * x, tl.tanh(s + h) * 2.0], 1)
    after, reads = parts.after([1, 2, 3])
    assert parts.kept == 1 and counts(after) == {"exp": 1, "sum of products": 2}
    assert reads == [1, 2, 3 + len(parts.before.outputs)]  # x, the next carry, what is kept


def test_a_single_number_is_read_as_it_is() -> None:
    parts = parts_of(lambda c, x, y: [tl.sin(c) * y + x], 2)
    assert counts(parts.before) == {} and parts.reads == [1, 2] and len(parts.before.outputs) == 2
    assert counts(parts.loop) == {"sin": 1, "sum of products": 1}


def test_what_does_not_lead_to_the_next_carry_runs_after() -> None:
    parts = parts_of(lambda c, x: [c * x, tl.exp(c * x), tl.sin(x), tl.cos(c)], 1)
    assert counts(parts.loop) == {"sum of products": 1} and counts(parts.before) == {}
    assert [counts(parts.after([k])[0]) for k in (1, 2, 3)] == [{"exp": 1}, {"sin": 1}, {"cos": 1}]
    assert [parts.after([k])[1] for k in (1, 2, 3)] == [[2], [1], [0]]  # the next carry, x, the carry
    assert [parts.copied_carry(k) for k in (0, 1)] == [0, None]


def test_what_the_loop_reads_is_not_computed_again_after() -> None:
    parts = parts_of(lambda c, x: [tl.sin(c) + tl.exp(x), tl.exp(x) * c], 1)
    assert counts(parts.before) == {"exp": 1}
    after, reads = parts.after([1])
    assert counts(after) == {"sum of products": 1} and reads == [0, 3]


def test_a_step_that_hands_on_what_it_read() -> None:
    """Without an operation in the loop: an input, a parameter, a number."""
    for f, reads in ((lambda c, x, w: [x], 1), (lambda c, x, w: [w], 1), (lambda c, x, w: [2.5 + 0.0 * w], 1)):
        parts = parts_of(f, reads, 1)
        assert run(parts.loop, [0.75], [9.0, *run(parts.before, [0.75], np.array([9.0, 4.0])[parts.reads])]) in (
            [4.0], [0.75], [2.5],
        )  # fmt: skip
