"""The native executor: order of sums, slots, numbers in and out, threads, and what is refused."""

from __future__ import annotations

import doctest
import math
import os
import re
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import ops
from tinygrad_lite.compiler.native import bytecode_machine as native
from tinygrad_lite.compiler.native.bytecode_machine import Executor
from tinygrad_lite.compiler.passes.program import INPUT, PARAMETER, SUM, Program
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.ops import Op
from tinygrad_lite.source.engine_choice import SOURCES, warn_of_stale


def test_sums_of_products_add_from_left_to_right() -> None:
    program = Program()
    a, b, c = [program.add(INPUT, (k,)) for k in range(3)]
    program.outputs = [
        program.add(SUM, ((a, b), (b, c), (c, a), (b, b))),
        program.add(SUM, ((), (), (a, b, c), ())),
        program.add(SUM, ((), (), (), (a,))),
        program.add(SUM, ((), (), (), (a, b))),
        program.add(SUM, ((a,), (b,), (), ())),
        program.add(SUM, ((), (), (a,), ())),
        program.add(SUM, ((), (), (), ())),
    ]
    for x, y, z in [(0.1, 1e16, -1e16), (-0.0, 0.0, 1.0), (0.0, -0.0, -0.0), (math.inf, 1.0, 2.0)]:
        want = [x * y + y * z + z + x - y - y, x + y + z, -x, -x - y, x * y, x, 0.0]
        assert np.array(Executor(program).run([], [x, y, z])).tobytes() == np.array(want).tobytes()


@pytest.mark.parametrize("weights", range(1, 10))
@pytest.mark.parametrize("lanes", [1, 2, 37, 700])
def test_weights_that_all_lanes_share_give_in_each_lane_what_one_lane_gives(weights: int, lanes: int) -> None:
    program = Program()
    xs = [program.add(INPUT, (k,)) for k in range(weights)]
    ps = [program.add(PARAMETER, (k,)) for k in range(weights)]
    dot = program.add(SUM, (tuple(ps), tuple(xs), (xs[0],), ()))
    scaled = program.add(SUM, ((program.constant(3.0), ps[0]), (dot, xs[0]), (ps[-1],), (dot,)))
    program.outputs = [dot, scaled, program.add(ops.mul, (ps[0], xs[0]))]
    source = np.random.default_rng(weights)
    parameters, inputs = source.normal(size=weights), source.normal(size=(weights, lanes))
    executor, out = Executor(program), np.empty((3, lanes))
    expected = [executor.run(parameters, inputs[:, lane].copy()) for lane in range(lanes)]
    for _ in range(2):  # memory is used again
        executor.batch(parameters, [inputs], lanes, out)
        assert out.T.tolist() == expected
    sums = np.empty(3)
    executor.sums(parameters, [inputs], lanes, sums)
    assert sums == pytest.approx(out.sum(axis=1), rel=1e-12, abs=1e-12)


def test_parts_may_have_steps_and_any_strides() -> None:
    program = Program()
    xs = [program.add(INPUT, (k,)) for k in range(5)]
    program.outputs = [program.add(ops.mul, (x, x)) for x in xs]
    steps, lanes = 7, 300
    numbers = np.random.default_rng(0).normal(size=(9, 2 * lanes, steps))
    parts = [
        numbers[:1].transpose(0, 2, 1)[:, :, ::2],
        np.broadcast_to(numbers[1, ::-2, :1].T, (1, steps, lanes)),
        np.broadcast_to(numbers[2, 0, :, None], (1, steps, lanes)),
        numbers.reshape(9, steps, -1)[3:7:2, :, 1 : lanes + 1],
    ]
    out = np.empty((5, steps, lanes))
    Executor(program).batch([], parts, steps * lanes, out)
    assert (out == np.concatenate(parts) ** 2).all()
    one = np.empty((5, steps, 1))
    Executor(program).batch([], [part[:, :, 3:4] for part in parts], steps, one)
    assert (one == out[:, :, 3:4]).all()


def test_outputs_may_be_inputs_parameters_constants_and_repeated() -> None:
    program = Program()
    x, p = program.add(INPUT, (1,)), program.add(PARAMETER, (0,))
    y = program.add(ops.mul, (x, x))
    copy = program.add(ops.stop_gradient, (program.add(ops.identity, (y,)),))
    program.outputs = [y, p, program.constant(7.0), x, copy, y, program.add(ops.neg, (copy,))]
    assert Executor(program).run([5.0], [1.0, 3.0]) == [9.0, 5.0, 7.0, 3.0, 9.0, 9.0, -9.0]


def test_a_copy_of_a_parameter_is_in_every_lane_of_a_batch() -> None:
    program = Program()
    place = program.add(PARAMETER, (0,))
    program.outputs = [program.add(ops.identity, (program.add(ops.stop_gradient, (place,)),)), program.add(INPUT, (0,))]
    out = np.zeros((2, 3))
    Executor(program).batch([-1.5], np.ones((1, 3)), 3, out)
    assert out.tolist() == [[-1.5] * 3, [1.0] * 3]


def test_a_slot_serves_again_when_it_was_read_for_the_last_time_and_once() -> None:
    program = Program()
    x = program.add(INPUT, (0,))
    square = program.add(ops.mul, (x, x))
    copy = program.add(ops.identity, (program.add(ops.stop_gradient, (square,)),))
    negative = program.add(ops.neg, (square,))
    root = program.add(ops.sqrt, (copy,))
    program.outputs = [program.add(ops.prod, ((root, negative, copy),))]
    executor = Executor(program)
    assert executor.run([], [3.0]) == [-243.0] and executor.slots == 4


def test_an_empty_program() -> None:
    assert Executor(Program()).run([], []) == []
    out = np.empty((0, 4))
    Executor(Program()).batch([], [np.empty((0, 4))], 4, out)


def test_a_chain_of_a_million_operations_needs_few_slots() -> None:
    program = Program()
    x = y = program.add(INPUT, (0,))
    length = up_to(500_000)
    for _ in range(length):
        y = program.add(ops.neg, (program.add(ops.sub, (x, y)),))
    program.outputs = [y]
    executor = Executor(program)
    assert executor.run([], [1.0]) == [1.0 - length] and executor.slots <= 4


NUMBERS = [1.0, -2.0, 3.5, 4.0]


@pytest.mark.parametrize(
    "numbers",
    [
        NUMBERS,
        tuple(NUMBERS),
        [1, -2.0, Fraction(7, 2), np.float32(4)],
        np.array(NUMBERS),
        np.array(NUMBERS).reshape(2, 2),
        np.repeat(NUMBERS, 2)[::2],
        np.array(NUMBERS, dtype=np.float32),
        np.array([NUMBERS[:2], NUMBERS[2:]]).T.copy().T,
        array("d", NUMBERS),
        array("f", NUMBERS),
        memoryview(array("d", NUMBERS)),
        [*NUMBERS, 9.0],
    ],
    ids=lambda numbers: type(numbers).__name__,
)
def test_numbers_come_in_lists_and_arrays(numbers: Any) -> None:
    program = Program()
    program.outputs = [program.add(kind, (k,)) for kind in (INPUT, PARAMETER) for k in range(4)]
    assert Executor(program).run(numbers, numbers) == NUMBERS * 2
    out = np.zeros((2, 4))
    Executor(program).run(numbers, numbers, out)
    assert out.tolist() == [NUMBERS] * 2
    if len(numbers) == 4:
        lanes = array("d", bytes(8 * 16))
        Executor(program).batch(numbers, [[x for x in NUMBERS for _ in range(2)]], 2, lanes)
        assert list(lanes) == [x for x in NUMBERS * 2 for _ in range(2)]


def shortened() -> list[Any]:
    """A list that a number in it empties when it is read."""

    class Number(Fraction):
        def __float__(self) -> float:
            numbers.clear()
            return 1.0

    numbers: list[Any] = [Number(1), 2.0, 3.0]
    return numbers


@pytest.mark.parametrize(
    ("inputs", "out", "error", "message"),
    [
        ([1.0], None, ShapeError, "needs 2 numbers in inputs, got 1"),
        (np.zeros(1), None, ShapeError, "needs 2 numbers in inputs, got 1"),
        ([1.0, "2"], None, TypeError, "inputs takes a real number, got a str, '2'"),
        ([1.0, [2.0]], None, TypeError, "inputs takes a real number, got a list of 1"),
        (np.array([1.0, 2j]), None, TypeError, "inputs takes a real number, got a complex"),
        ({0: 1.0, 1: 2.0}, None, TypeError, "inputs takes a list, a tuple or an array of numbers, got a dict of 2"),
        (5.0, None, TypeError, "inputs takes a list, a tuple or an array of numbers, got a float"),
        ([1.0, 2.0], np.zeros(0), ShapeError, "needs 1 numbers in out, got 0"),
        ([1.0, 2.0], np.zeros(1, dtype=int), TypeError, "out takes a writable float64 array"),
        ([1.0, 2.0], np.zeros(4)[::2], TypeError, "out takes a writable float64 array"),
        ([1.0, 2.0], memoryview(np.zeros(1)).toreadonly(), TypeError, "out takes a writable float64 array"),
        ([1.0, 2.0], [0.0], TypeError, "out takes a writable float64 array"),
        (shortened(), None, IndexError, "list index out of range"),
    ],
)
def test_what_does_not_fit_is_refused(inputs: Any, out: Any, error: type[Exception], message: str) -> None:
    program = Program()
    program.outputs = [program.add(ops.mul, (program.add(INPUT, (0,)), program.add(INPUT, (1,))))]
    executor = Executor(program)
    with pytest.raises(error, match=message):
        executor.run([], inputs, out)
    assert executor.run([], [2.0, 3.0]) == [6.0]


def test_a_batch_of_many_blocks_is_its_lanes() -> None:
    program = Program()
    x, y = program.add(INPUT, (0,)), program.add(INPUT, (1,))
    p = program.add(PARAMETER, (0,))
    program.outputs = [
        program.add(ops.dot, ((x, y), (y, p), program.constant(0.5))),
        program.add(SUM, ((x,), (y,), (p,), (y, x))),
        p,
    ]
    executor = Executor(program)
    for lanes in (0, 1, 127, 128, 129, 1000):
        inputs, out = np.random.default_rng(lanes).normal(size=(2, lanes)), np.zeros((3, lanes))
        executor.batch([0.75], [inputs], lanes, out)
        assert out.T.tolist() == [executor.run([0.75], column.tolist()) for column in inputs.T]
    with pytest.raises(ShapeError, match="needs 200 numbers in inputs, got 198"):
        executor.batch([0.75], [np.zeros((2, 99))], 100, np.zeros((3, 100)))
    with pytest.raises(ShapeError, match="needs 300 numbers in out, got 297"):
        executor.batch([0.75], [np.zeros((2, 100))], 100, np.zeros((3, 99)))


def test_rows_from_outside_are_called(own_operations: Callable[..., Op]) -> None:
    row = own_operations("weighted", lambda xs, w: w * len(xs) + int(xs[0]), [None, None], args="*xs w")
    program = Program()
    x, y = program.add(INPUT, (0,)), program.add(INPUT, (1,))
    program.outputs = [program.add(row, ((x, y, x), y))]
    assert Executor(program).run([], [2.0, 10.0]) == [32.0]
    out = np.zeros((1, 2))
    Executor(program).batch([], [np.array([[2.0, 3.0], [10.0, 20.0]])], 2, out)
    assert out.tolist() == [[32.0, 63.0]]


def test_an_operation_that_gives_no_number_is_named(own_operations: Callable[..., Op]) -> None:
    row = own_operations("wordy", lambda x: "many words", [None])
    program = Program()
    program.outputs = [program.add(row, (program.add(INPUT, (0,)),))]
    with pytest.raises(TypeError, match=r"wordy\(x\) must give one real number, got a str, 'many words'"):
        Executor(program).run([], [1.0])


def test_threads_share_an_executor(own_operations: Callable[..., Op]) -> None:
    """Both threads are inside the same operation at the same time, and each continues with its own numbers."""
    together = threading.Barrier(2, timeout=30)
    row = own_operations("meet", lambda x: (together.wait(), x)[1], [None])
    program = Program()
    x, three = program.add(INPUT, (0,)), program.constant(3.0)
    before = program.add(ops.mul, (x, three))
    program.outputs = [program.add(ops.add, (program.add(row, (x,)), before))]
    executor = Executor(program)
    found: dict[float, list[float]] = {}

    def call(number: float) -> None:
        found[number] = [executor.run([], [number])[0] for _ in range(20)]

    threads = [threading.Thread(target=call, args=(number,)) for number in (1.0, 100.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {1.0: [4.0] * 20, 100.0: [400.0] * 20}


def test_an_operation_may_run_the_program_that_it_is_in(own_operations: Callable[..., Op]) -> None:
    program = Program()
    executors: list[Executor] = []
    row = own_operations("factorial", lambda x: executors[0].run([], [x - 1.0])[0] if x > 1.0 else 1.0, [None])
    x = program.add(INPUT, (0,))
    program.outputs = [program.add(ops.mul, (program.add(row, (x,)), x))]
    executors.append(Executor(program))
    assert executors[0].run([], [6.0]) == [720.0]


def test_the_executor_that_runs_is_the_one_asked_for() -> None:
    pure = os.environ.get("TINYGRAD_LITE_PURE", "0") not in ("", "0")
    sources = [Path(path) for path in SOURCES.values()]
    whole = all(any(p.suffix in (".so", ".pyd") for p in path.parent.glob(f"{path.stem}.*")) for path in sources)
    assert native.compiled == (whole and not pure)


def test_the_loops_are_declared_by_the_names_that_cython_gives_them() -> None:
    """Otherwise they would be compiled as if they had no declarations."""
    module = next(name for name in SOURCES if name.endswith(".bytecode_loop"))
    declared = Path(SOURCES[module]).with_suffix(".pxd").read_text(encoding="utf-8")
    prefix = "".join(f"{len(part)}{part}_" for part in module.split("."))
    assert f"#define NATIVE(name) __pyx_f_{prefix}##name\n" in declared
    source = Path(SOURCES[module]).read_text(encoding="utf-8")
    assert all(f"\ndef {name}(" in source for name in re.findall(r" NATIVE\((_\w+)\)\(", declared))


def test_the_readable_executor_can_be_chosen() -> None:
    program = "from tinygrad_lite.compiler.native import bytecode_machine; print(bytecode_machine.compiled)"
    environment = {"TINYGRAD_LITE_PURE": "1", "PYTHONPATH": str(Path(tl.__file__).parent.parent), "PATH": ""}
    command = [sys.executable, "-W", "error", "-c", program]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split() == [
        "False"
    ]


def test_a_stale_build_says_so() -> None:
    with pytest.warns(
        RuntimeWarning, match=r"bytecode_machine was compiled from another bytecode_machine\.py \(source 0000"
    ):
        warn_of_stale(native.__name__, "0000")


def test_the_examples_in_its_docstrings() -> None:
    """Runs the doctests here: pytest looks for them in the source file, but the compiled module may be in use."""
    found = doctest.testmod(native)
    assert found.attempted >= 2 and found.failed == 0
