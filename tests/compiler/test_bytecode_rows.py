"""The native executor: every row against its value, and random programs against their rows."""

from __future__ import annotations

import itertools
import math
import random
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table import flat, points

from tinygrad_lite import ops
from tinygrad_lite.compiler.native import bytecode_machine as native
from tinygrad_lite.compiler.native.bytecode_machine import Executor
from tinygrad_lite.compiler.passes.program import INPUT, PARAMETER, SOURCES, SUM, Program
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.ops import Op

BUILT_IN = list(ops.TABLE.values())
EDGES = (
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    5e-324,
    -5e-324,
    1e-310,
    1.7e308,
    -1.7e308,
    1.0,
    -1.0,
    0.5,
    2.0,
    -40.0,
)
LENGTHS = (0, 1, 2, 5)


def program_of(row: Op, args: tuple[Any, ...]) -> Program:
    """The program with one operation, whose inputs are the numbers in args."""
    program = Program()
    positions = itertools.count()
    places = [
        tuple([program.add(INPUT, (next(positions),)) for _ in a])
        if isinstance(a, tuple)
        else program.add(INPUT, (next(positions),))
        for a in args
    ]
    program.outputs = [program.add(row, tuple(places))]
    return program


def outcome(function: Callable[[], float]) -> Any:
    """The result, or the error."""
    try:
        return function()
    except (IndexError, ShapeError) as error:
        return type(error), str(error)


def agree(got: Any, want: Any, allowed: float = 0.0) -> bool:
    """Within 4 ulps, or as many as allowed; nan equals nan, and zeros have the same sign."""
    if isinstance(want, tuple) or isinstance(got, tuple):
        return bool(got == want)
    if math.isnan(want) or math.isinf(want) or math.isinf(got):
        return (math.isnan(got) and math.isnan(want)) or got == want
    if want == 0.0 and got == 0.0:
        return math.copysign(1.0, got) == math.copysign(1.0, want)
    return abs(got - want) <= max(4 * math.ulp(want), allowed)


def tolerance(row: Op, args: tuple[Any, ...]) -> float:
    """Near their roots these rows promise 4 ulps of a number larger than their value, both in ops and in C."""
    if row is ops.lgamma and -math.inf < args[0] < -2.0:
        return 8 * math.ulp(max(1.0, ops.lgamma.value(-args[0])))
    if row is ops.logsumexp and args[0] and math.isfinite(max(args[0])):
        return 4 * math.ulp(max(args[0]))
    return 0.0


def edges(row: Op) -> list[tuple[Any, ...]]:
    """Odd arguments: all combinations of single numbers; for sequences all of length two, and some of other lengths."""
    source = random.Random(row.name)
    if not row.sequences:
        return list(itertools.product(EDGES, repeat=len(row.args)))
    found: list[tuple[Any, ...]] = []
    for length in LENGTHS:
        picks = [source.choices(EDGES, k=length) for _ in range(60)]
        sequences = [*itertools.product(EDGES, repeat=2)] if length == 2 else [tuple(p) for p in picks]
        for xs in sequences:
            rest = tuple(source.choices(EDGES, k=length))
            others = [rest if i in row.sequences else source.choice(EDGES) for i in range(1, len(row.args))]
            found.append((xs, *others))
    return found


@pytest.mark.parametrize("row", BUILT_IN, ids=lambda row: row.name)
def test_every_row_is_its_value(row: Op) -> None:
    cases = [*points(row, 300, 2.0), *points(row, 300, 250.0), *edges(row)]
    if row in (
        ops.lgamma,
        ops.erfc,
        ops.normcdf,
        ops.log_ndtr,
        ops.gelu,
        ops.softplus,
        ops.silu,
        ops.sigmoid,
        ops.floor,
        ops.ceil,
        ops.trunc,
        ops.round,
    ):
        cases += [(k / 64 + 1 / 300,) for k in range(-64 * 45, 64 * 45)]
    if row is ops.take:
        cases += [((1.0, 2.0, 3.0), i) for i in (0.0, 1.0, 2.0, 3.0, -1.0, 0.5, math.nan, math.inf)]
    if row is ops.dot:
        cases.append(((1.0, 2.0), (1.0,), 0.0))
    executors: dict[Any, Executor] = {}
    wrong = []
    for args in cases:
        shape = tuple([len(a) if isinstance(a, tuple) else -1 for a in args])
        executor = executors.setdefault(shape, Executor(program_of(row, args)))
        got = outcome(lambda e=executor, a=args: e.run([], flat(a))[0])
        want = outcome(lambda a=args: float(row.value(*a)))
        if not agree(got, want, tolerance(row, args)):
            wrong.append(f"{row.name}{args} = {got}, not {want}")
    assert wrong == []


def test_every_row_has_a_form_in_c_but_those_known_by_their_value_alone() -> None:
    expanded = {ops.sum, ops.dot, ops.mean, ops.take, ops.identity, ops.stop_gradient}
    assert set(BUILT_IN) - set(native.forms) - expanded == {ops.polygamma}
    assert max([row.code for row in native.forms if isinstance(row, Op)]) < 128  # native.pxd


steps = st.tuples(st.sampled_from([*BUILT_IN, SUM]), st.lists(st.integers(0, 99), min_size=12, max_size=12))
INPUTS, PARAMETERS, CONSTANTS = 3, 2, (0.0, -0.0, 2.0, -1.5, math.inf)


def random_program(drawn: Sequence[tuple[Op | str, list[int]]]) -> Program:
    """The numbers of each step choose which of the latest results it reads, some of them more than once."""
    program = Program()
    known = [program.add(INPUT, (k,)) for k in range(INPUTS)]
    known += [program.add(PARAMETER, (k,)) for k in range(PARAMETERS)]
    known += [program.constant(number) for number in CONSTANTS]
    for kind, picks in drawn:
        places = [known[-1 - k % 10] for k in picks]
        if isinstance(kind, str):
            pairs, plus, minus = picks[0] % 4, picks[1] % 3, picks[2] % 3
            rest = places[3:]
            lefts, rights = tuple(places[:pairs]), tuple(places[::-1][:pairs])
            args: tuple[Any, ...] = (lefts, rights, tuple(rest[:plus]), tuple(rest[plus : plus + minus]))
        else:
            length = 1 + picks[0] % 4
            args = tuple([tuple(places[i : i + length]) if i in kind.sequences else p for i, p in enumerate(places)])
            args = args[: len(kind.args)]
            if kind is ops.take:
                args = (args[0], program.constant(float(picks[1] % length)))
            elif kind is ops.polygamma or kind is ops.mills:
                args = (program.constant(float(picks[1] % 3)), args[1])
        known.append(program.add(kind, args))
    program.outputs = [*known, *[k for k in range(len(program)) if k not in known]]
    return program


def by_its_row(program: Program, place: int, numbers: Mapping[Any, float]) -> float:
    """An operation's value on the numbers that its operands have."""
    kind, args = program.kinds[place], program.args[place]
    if kind == SUM:
        lefts, rights, plus, minus = args
        terms = [numbers[a] * numbers[b] for a, b in zip(lefts, rights, strict=True)] + [numbers[a] for a in plus]
        terms += [-numbers[a] for a in minus]
        total = terms[0] if terms else 0.0
        for term in terms[1:]:
            total += term
        return total
    assert isinstance(kind, Op)
    return float(kind.value(*[tuple([numbers[x] for x in a]) if isinstance(a, tuple) else numbers[a] for a in args]))


def bits(numbers: Sequence[float]) -> bytes:
    """The numbers, so that nan equals nan and 0.0 is not -0.0."""
    return array("d", [math.nan if x != x else x for x in numbers]).tobytes()


@given(
    st.lists(steps, max_size=30),
    st.lists(st.floats(-3, 3) | st.sampled_from(EDGES), min_size=INPUTS * 5, max_size=INPUTS * 5),
    st.lists(st.integers(0, 99), max_size=6),
)
@settings(deadline=None, max_examples=300)
def test_random_programs_are_their_rows(
    drawn: list[tuple[Op | str, list[int]]], numbers: list[float], wanted: list[int]
) -> None:
    program = random_program(drawn)
    values: dict[int | None, float]
    parameters, inputs = [0.25, -1.0], numbers[:INPUTS]
    found = Executor(program).run(parameters, inputs)
    assert bits(found[:10]) == bits([*inputs, *parameters, *CONSTANTS])
    values = dict(zip(program.outputs, found, strict=True))
    for place, kind in enumerate(program.kinds):
        if kind in SOURCES:
            continue
        args = program.args[place]
        read = tuple(
            [tuple([values[x] for x in a]) if isinstance(a, tuple) else values[a] for a in args if kind != SUM]
        )
        allowed = tolerance(kind, read) if isinstance(kind, Op) else 0.0
        assert agree(values[place], by_its_row(program, place, values), allowed), (str(program), place, values)

    # If only some results are kept, slots are used again; in a batch, the lanes of a slot are contiguous.
    program.outputs = [len(program) - 1 - k % min(20, len(program)) for k in wanted]
    executor = Executor(program)
    assert executor.slots <= len(program) + 4
    assert bits(executor.run(parameters, inputs)) == bits([values[place] for place in program.outputs])
    lanes = np.array(numbers).reshape(INPUTS, 5)
    out = np.zeros((len(wanted), 5))
    executor.batch(parameters, [lanes[:1], lanes[1:]], 5, out)
    for lane in range(5):
        assert bits(out[:, lane].tolist()) == bits(executor.run(parameters, lanes[:, lane].copy()))
