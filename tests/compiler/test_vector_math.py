"""The functions of many lanes at once: their error, and the numbers for which the C library must take over."""

from __future__ import annotations

import importlib.util
import math
import random
from array import array
from collections.abc import Sequence
from typing import Any

import mpmath  # type: ignore[import-untyped]
import pytest
from table import exactly

from tinygrad_lite import ops
from tinygrad_lite.compiler.native import bytecode_machine, vector_math
from tinygrad_lite.compiler.native.bytecode_machine import Executor
from tinygrad_lite.compiler.passes.program import INPUT, Program
from tinygrad_lite.source.engine_choice import SOURCES

BOUNDS = {"sqrt": 0.5, "exp": 1.0, "log": 1.0, "tanh": 2.0, "erf": 1.5, "sigmoid": 3.0}
"""The most ulps that each is away from the true value."""
NAMES = pytest.mark.parametrize("name", BOUNDS)
LEAST, LARGEST = 2.0**-1022, math.nextafter(math.inf, 0.0)
SIZES = (0.0, 5e-324, 1e-310, LEAST, 1e-20, 0.5, 1.0, 6.0, 40.0, 708.0, 708.5, 709.5, 745.0, 1e17, LARGEST, math.inf)
ODD = (math.nan, *SIZES, *[-x for x in SIZES])


def of_lanes(name: str, numbers: Sequence[float]) -> list[float]:
    """The native executor's results for them, in one batch."""
    program = Program()
    program.outputs = [program.add(ops.TABLE[name], (program.add(INPUT, (0,)),))]
    out = array("d", bytes(8 * len(numbers)))
    Executor(program).batch([], [array("d", numbers)], len(numbers), out)
    return list(out)


def numbers_for(name: str, count: int) -> list[float]:
    """Numbers of all sizes, evenly by logarithm; and near the points of the tables and halfway between them."""
    source = random.Random(name)
    numbers = [math.exp(source.uniform(*bounds)) for bounds in ((-745.0, 700.0), (-12.0, 7.0)) for _ in range(count)]
    steps = (1 / 256, math.log(2.0) / 256)
    numbers += [k * step * (1.0 + source.uniform(-1e-9, 1e-9)) for step in steps for k in range(1, count)]
    if name in ("sqrt", "log"):
        return [*numbers, *[1.0 + source.uniform(-0.5, 0.5) ** 3 for _ in range(count)]]
    return [x * source.choice((-1.0, 1.0)) for x in numbers]


@NAMES
def test_they_are_as_near_to_the_true_value_as_they_say(name: str) -> None:
    numbers = [x for x in numbers_for(name, 2000) if name != "exp" or x < 709.0]
    with mpmath.workdps(40):
        true = [exactly(ops.TABLE[name])(mpmath.mpf(x)) for x in numbers]
        away = [float(abs(y - t)) / math.ulp(float(t)) for y, t in zip(of_lanes(name, numbers), true, strict=True)]
    assert max(away) <= BOUNDS[name], f"{name}({numbers[away.index(max(away))]!r})"


@NAMES
def test_special_numbers_are_those_of_the_row_and_leave_the_lanes_beside_them_alone(name: str) -> None:
    plain = numbers_for(name, 20)[: len(ODD)]
    mixed = of_lanes(name, [x for pair in zip(ODD, plain, strict=True) for x in pair])
    assert mixed[1::2] == of_lanes(name, plain) == [of_lanes(name, [x])[0] for x in plain]
    for x, got in zip(ODD, mixed[::2], strict=True):
        want = ops.TABLE[name].value(x)
        if want != want:
            assert got != got, x
        else:
            assert abs(got - want) <= 2 * math.ulp(want) or got == want, x
            assert math.copysign(1.0, got) == math.copysign(1.0, want), x


@NAMES
def test_the_readable_source_gives_what_the_compiled_one_does(name: str) -> None:
    numbers = [*ODD, *numbers_for(name, 100)]
    spec = importlib.util.spec_from_file_location(
        "tinygrad_lite.compiler.native.readable_vector_math", SOURCES[vector_math.__name__]
    )
    assert spec is not None and spec.loader is not None
    readable: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readable)
    found = [0.0] * len(numbers)
    getattr(readable, name)(numbers, found, len(numbers))
    allowed = 0 if bytecode_machine.compiled else 4  # where the executor takes them one by one
    for x, got, want in zip(numbers, found, of_lanes(name, numbers), strict=True):
        assert got == want or (got != got and want != want) or abs(got - want) <= allowed * math.ulp(want), x


def test_they_are_compiled_where_the_executor_is() -> None:
    assert vector_math.compiled == bytecode_machine.compiled
