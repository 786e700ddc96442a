"""executor="c": the native sweep's numbers to the last bit, loops of scans, the cache, no compiler."""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table import flat, points
from test_bytecode_rows import BUILT_IN, EDGES, LENGTHS, bits, edges, random_program

import tinygrad_lite as tl
from tinygrad_lite import Value, ops, scan
from tinygrad_lite.compiler import executor_choice
from tinygrad_lite.compiler.c_code import c_library, c_runs, c_source
from tinygrad_lite.compiler.native.bytecode import Encoding
from tinygrad_lite.compiler.native.bytecode_machine import Executor, forms
from tinygrad_lite.compiler.passes.program import INPUT, SUM, Program
from tinygrad_lite.compiler.step_loop import StepLoop
from tinygrad_lite.ops import Op

HAS_COMPILER = any(map(shutil.which, os.environ.get("CC", "").split()[:1] or ("cc", "gcc", "clang")))
pytestmark = pytest.mark.skipif(not HAS_COMPILER, reason="there is no C compiler")
# Program as one function with local variables, and divided into functions.
DIVIDED = pytest.mark.parametrize("most_local", [c_source.MOST_LOCAL, 0], ids=["local", "divided"])
ROWS = [row for row in BUILT_IN if row is not ops.polygamma and row is not ops.take]


@pytest.fixture(autouse=True, scope="module")
def _a_folder_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(executor_choice, "_UNCOMPILED", 1.0)  # so that the readable build chooses the same
        yield


def both(program: Program) -> tuple[Executor, Executor]:
    """The native executor, and the one in C."""
    addresses: list[int] = []

    def in_c(encoding: Any) -> int:
        addresses.append(c_runs.sweep(encoding))
        return addresses[0]

    made = Executor(program), Executor(program, in_c)
    assert addresses[0]
    return made


def of_all_rows(length: int) -> tuple[Program, list[list[float]]]:
    """A program with every row, of sequences of this length, and its inputs: from the rows' domains, and edges."""
    program, columns = Program(), list[Any]()
    for row in ROWS:
        if not row.sequences and length != LENGTHS[0]:
            continue
        if length == 0 and row in (ops.var, ops.std, ops.mean):
            continue  # their value raises an error
        shapes = [(length if k in row.sequences else -1) for k in range(len(row.args))]
        known = [args for args in points(row, 100, 2.0) + points(row, 100, 250.0) + edges(row) if fits(args, shapes)]
        if not known:
            source = random.Random(row.name)
            known = [tuple(drawn(source, n) for n in shapes) for _ in range(40)]
        places = []
        for n in shapes:
            some = [program.add(INPUT, (len(columns) + k,)) for k in range(abs(n))]
            columns += [None] * abs(n)
            places.append(tuple(some) if n >= 0 else some[0])
        first = len(columns) - sum(map(abs, shapes))
        numbers = [flat(args) for args in known]
        for k in range(len(columns) - first):
            columns[first + k] = [some[k] for some in numbers]
        program.outputs.append(program.add(row, tuple(places)))
    cases = max(map(len, columns))
    return program, [[column[case % len(column)] for column in columns] for case in range(cases)]


def fits(args: Sequence[Any], shapes: Sequence[int]) -> bool:
    return [len(a) if isinstance(a, tuple) else -1 for a in args] == shapes


def drawn(source: random.Random, count: int) -> Any:
    return tuple([source.gauss(0.0, 2.0) for _ in range(count)]) if count >= 0 else source.gauss(0.0, 2.0)


@DIVIDED
@pytest.mark.parametrize("length", LENGTHS)
def test_every_row_is_that_of_the_native_sweep(length: int, most_local: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_source, "MOST_LOCAL", 1 << 20 if most_local else 0)
    program, cases = of_all_rows(length)
    assert len(program.outputs) == len(ROWS) - 3 if length == 0 else len(program.outputs) > 5
    assert length or len(cases) >= 15**2
    native, in_c = both(program)
    for numbers in cases:
        want, got = native.run([], numbers), in_c.run([], numbers)
        if bits(got) != bits(want):
            names = [program.kinds[place] for place in program.outputs]
            pairs = [(name, x, y) for name, x, y in zip(names, got, want, strict=True) if bits([x]) != bits([y])]
            raise AssertionError(f"{pairs} at {numbers}")


@DIVIDED
@pytest.mark.parametrize("seed", range(6))
def test_random_programs(seed: int, most_local: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_source, "MOST_LOCAL", most_local)
    monkeypatch.setattr(c_source, "_PART", 7)
    source = random.Random(seed)
    kinds: list[Op | str] = [*ROWS, ops.take, *[SUM] * 30]
    steps = [(source.choice(kinds), [source.randrange(100) for _ in range(12)]) for _ in range(120)]
    program = random_program(steps)
    program.outputs = program.outputs[::3]  # so that slots are used again
    native, in_c = both(program)
    for _ in range(50):
        numbers = [source.choice([source.uniform(-3.0, 3.0), 0.0, -0.0, math.inf, math.nan, 1e300]) for _ in range(3)]
        parameters = [source.gauss(0.0, 1.0), -1.0]
        assert bits(in_c.run(parameters, numbers)) == bits(native.run(parameters, numbers))


def test_long_sums_and_tables_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_source, "_PART", 3)
    program, count = Program(), 1200
    xs = [program.add(INPUT, (k,)) for k in range(count)]
    parameter, index = program.add("parameter", (0,)), program.add(INPUT, (count,))
    rows = tuple(xs[::-1]), tuple(xs)
    program.outputs = [
        program.add(SUM, (*rows, rows[0], rows[1][:99])),
        program.add(ops.take, ((*xs[:3], parameter, program.constant(7.0)), index)),
        program.add(ops.logsumexp, (rows[0],)),
    ]
    native, in_c = both(program)
    source = random.Random(1)
    for k in range(5):
        numbers = [*[source.gauss(0.0, 1.0) for _ in range(count)], float(k)]
        assert bits(in_c.run([0.25], numbers)) == bits(native.run([0.25], numbers))
    for index in (5.0, 0.5, math.nan):
        with pytest.raises(IndexError, match=rf"whole number in 0\.\.4, got {index}"):
            in_c.run([0.25], [*numbers[:-1], index])


@DIVIDED
def test_constants(most_local: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_source, "MOST_LOCAL", most_local)
    program = Program()
    x, numbers = program.add(INPUT, (0,)), (0.0, -0.0, math.inf, -math.inf, math.nan, 0.1, -1e308, 5e-324)
    program.outputs = [program.add(ops.add, (x, program.constant(number))) for number in numbers]
    program.outputs += [program.add(ops.mul, (x, program.constant(number))) for number in numbers]
    native, in_c = both(program)
    for number in EDGES:
        assert bits(in_c.run([], [number])) == bits(native.run([], [number]))


def test_compiled_functions() -> None:
    def f(x: Any, ys: Any) -> Any:
        return tl.take(ys, tl.floor(x)) * tl.exp(-x) + tl.sin(ys[0] / x) - tl.maximum(ys[1], x)

    made = {executor: tl.compile(tl.value_and_grad(f, (0, 1)), executor=executor) for executor in ("native", "c")}
    for x, ys in [(0.5, [1.0, -2.0]), (1.5, [0.3, 4.0]), (0.0, [math.inf, 1.0]), (-0.0, [0.0, math.nan])]:
        want, got = made["native"](x, ys), made["c"](x, ys)
        assert repr(got) == repr(want)  # nan is nan
        assert repr(made["c"](x, ys)) == repr(want)  # by a call without a step in Python
    assert made["c"].summary.endswith("the native executor ran it, as C")
    for index in (2.0, -1.0, math.nan):
        with pytest.raises(IndexError, match=r"the index must be a whole number in 0\.\.1"):
            made["c"](index, [1.0, 2.0])
    w = Value(3.0)
    g = tl.compile(lambda x: tl.tanh(w * x), executor="c")
    assert g(0.5) == math.tanh(1.5)
    w.data = 2.0
    assert g(0.5) == math.tanh(1.0)
    x = Value(0.5)
    g(x).backward()
    assert x.grad == pytest.approx(2.0 * (1.0 - math.tanh(1.0) ** 2), rel=1e-15)


def test_the_summary_is_of_what_ran() -> None:
    program = Program()
    program.outputs = [program.add(ops.sin, (program.add(INPUT, (0,)),))]
    execution = executor_choice.Execution(program, False, "c")
    assert execution.one([], [0.5]) == [math.sin(0.5)]
    assert execution.summary.endswith("the native executor ran it, as C")
    execution.lanes([], [np.zeros((1, 3))])
    assert execution.summary.endswith("the native executor ran it")


def test_what_has_no_form_in_c_runs_all_the_same() -> None:
    f = tl.compile(lambda x: tl.polygamma(1.0, x) * x, executor="c")
    assert f(1.0) == pytest.approx(math.pi**2 / 6, rel=1e-15)
    assert f.summary.endswith("the native executor ran it, not as C, which has no polygamma")
    g = tl.compile(lambda x: scan(lambda c, _: (tl.polygamma(1.0, c), None), x, None, 3)[0], executor="c")
    assert g(1.0) == tl.compile(g.function, executor="native")(1.0)
    assert g.summary.endswith("the native executor ran it, not as C, which has no polygamma")


def step_of_a_pendulum(carry: Any, force: Any, w: Any) -> Any:
    x, v, seen = carry
    v = v + 0.01 * (force - w * tl.sin(x))
    x = x + 0.01 * v
    return [x, v, tl.maximum(seen, tl.exp(-x))], [x * v, tl.where(x > 0.3, x, 2.0)]


@pytest.mark.parametrize("reverse", [False, True])
def test_loops_of_scans(reverse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    run = c_runs.CLoop.run
    monkeypatch.setattr(c_runs.CLoop, "run", lambda self, *args: (ran.append(args[-1]), run(self, *args))[1])
    forces = np.sin(np.arange(300) * 0.1)
    scale = Value(1.5)

    def f(w: Any, x: Any) -> Any:
        (x, v, top), ys = scan(lambda c, z: step_of_a_pendulum(c, z * scale, w), [x, 0.1, 0.0], forces, reverse=reverse)
        products, others = zip(*ys, strict=True)
        return x * v + top + tl.mean(products) + tl.sum(others) + products[7]

    made = {executor: tl.compile(tl.value_and_grad(f, (0, 1)), executor=executor) for executor in ("auto", "c")}
    second = {executor: tl.compile(tl.hessian(lambda z: f(*z)), executor=executor) for executor in ("auto", "c")}
    for w, x in [(2.0, 0.5), (9.81, -0.4)]:
        before = len(ran)
        value, slopes = made["c"](w, x)
        assert ran[before:] == [300, 300]
        want, wanted = made["auto"](w, x)
        assert [value, *slopes] == pytest.approx([want, *wanted], rel=1e-13)
        assert np.allclose(second["c"]([w, x]), second["auto"]([w, x]), rtol=1e-12)
    assert made["c"].summary.endswith("the native executor ran it, and its loops as C")
    points = np.random.default_rng(1).uniform(0.5, 2.0, (40, 2))
    found = {e: tl.compile(f, executor=e).batch(*points.T, reduce="sum") for e in ("native", "c")}
    gradients = []
    for loss in found.values():
        scale.grad = 0.0
        loss.backward()
        gradients.append(scale.grad)
    assert found["c"].data == pytest.approx(found["native"].data, rel=1e-13)
    assert gradients[1] == pytest.approx(gradients[0], rel=1e-12)


@DIVIDED
@pytest.mark.parametrize("lanes", [1, 5])
@pytest.mark.parametrize("backward", [False, True])
def test_all_numbers_of_a_loop(lanes: int, backward: bool, most_local: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_source, "MOST_LOCAL", most_local)
    program, steps = Program(), 300
    c, d, r, q, s = [program.add(INPUT, (k,)) for k in range(5)]
    p = program.add("parameter", (0,))
    nexts = [program.add(ops.sin, (program.add(SUM, ((c, d), (q, p), (s,), ())),)), program.add(ops.mul, (d, r))]
    taken = program.add(ops.take, ((c, program.constant(7.0)), program.add(ops.less, (c, program.constant(0.0)))))
    given = [program.add(ops.sub, (c, nexts[1])), nexts[0], r, taken]
    program.outputs = [*nexts, *given, program.add(ops.mul, (c, r)), d]
    source = np.random.default_rng(3)
    start, parameters = source.normal(size=(2, lanes)), source.normal(size=1)
    read = [
        source.normal(size=(lanes, steps, 1)).T,
        np.broadcast_to(source.normal(size=(1, steps, 1)), (1, steps, lanes)),
    ]
    shared = source.normal(size=(1, lanes))
    loops = [StepLoop(program, 2, 4, backward, executor=executor) for executor in ("native", "c")]
    for over_lanes in (False, True):
        want, got = [
            loop.run(parameters, start, read, shared, steps, over_lanes).copy() for loop in loops
        ]  # each run may use the memory of the other
        before_sums = 2 * (steps + 1) + 4 * steps
        assert bits(got[:before_sums].ravel().tolist()) == bits(want[:before_sums].ravel().tolist())
        assert np.allclose(got, want, rtol=1e-14, atol=1e-14)
    assert vars(loops[1]).get("_stepped") is None  # it ran as one function


def test_the_carry_of_a_loop_is_that_of_the_native_sweep_to_the_last_bit() -> None:
    def f(w: Any) -> Any:
        (x, v, top), ys = scan(lambda c, _: step_of_a_pendulum(c, 0.3, w), [0.2, 0.1, 0.0], None, 1000)
        return [x, v, top, *itertools.chain.from_iterable(ys[::100])]

    assert tl.compile(f, executor="c")(4.0) == tl.compile(f, executor="native")(4.0)


@DIVIDED
def test_sums_over_many_steps_round_as_little_as_pairwise(most_local: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_source, "MOST_LOCAL", most_local)
    xs = np.random.default_rng(2).uniform(0.0, 1.0, 100_000)

    def f(a: Any) -> Any:
        return tl.sum(scan(lambda c, x: (c * 0.5, a * x + 0.0 * c), a, xs)[1])

    value = tl.compile(f, executor="c")(1.0)
    assert abs(value - math.fsum(xs)) <= 30 * math.ulp(value)


def test_what_is_not_finite_is_as_in_the_native_sweep() -> None:
    def f(a: Any, b: Any) -> Any:
        (x, y), zs = scan(lambda c, _: ([c[0] * a, tl.log(c[1]) * b], c[0] - c[1]), [1.0, 2.0], None, 2000)
        return [x, y, tl.sum(zs), zs[0], zs[1999]]

    made = {executor: tl.compile(f, executor=executor) for executor in ("native", "c")}
    for a, b in [(2.0, 1.0), (-2.0, 1.0), (0.5, math.inf), (math.nan, 0.0), (-0.0, -0.0), (1.0, math.e)]:
        assert bits(made["c"](a, b)) == bits(made["native"](a, b)), (a, b)


def test_an_index_that_is_none_raises_in_a_loop() -> None:
    def of(n: Any) -> Any:
        return scan(lambda c, _: (c + tl.take([1.0, 2.0], tl.floor(n + 0.0 * c)), None), 0.0, None, 5)[0]

    f = tl.compile(of, executor="c")
    assert f(1.0) == 10.0
    with pytest.raises(IndexError, match=r"whole number in 0\.\.1, got 2"):
        f(2.0)


def test_loops_in_loops_and_in_fixed_points() -> None:
    def inner(c: Any, w: Any) -> Any:
        return scan(lambda d, _: (tl.tanh(d * w) + 0.1, None), c, None, 20)[0]

    def f(w: Any) -> Any:
        outer = scan(lambda c, _: (inner(c, w) * 0.9, None), 0.3, None, 30)[0]
        return outer + tl.fixed_point(lambda z: inner(z, w) * 0.5, w).values

    made = {executor: tl.compile(tl.value_and_grad(f), executor=executor) for executor in ("native", "c")}
    want, got = made["native"](0.8), made["c"](0.8)
    assert got == pytest.approx(want, rel=1e-12)


def test_the_step_of_a_fixed_point(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[int] = []
    monkeypatch.setattr(executor_choice, "sweep", lambda code: addresses.append(c_runs.sweep(code)) or addresses[-1])

    def f(w: Any) -> Any:
        return tl.fixed_point(lambda z: tl.cos(z) * w, 0.5).values

    want, got = tl.compile(f, executor="native")(0.7), tl.compile(f, executor="c")(0.7)
    assert got == want
    assert any(addresses)


def test_threads_share_a_loop() -> None:
    def of(w: Any) -> Any:
        return scan(lambda c, _: (tl.sin(c * w), None), 1.0, None, 2000)[0]

    f = tl.compile(tl.value_and_grad(of), executor="c")
    numbers = [0.5 + 0.1 * k for k in range(8)]
    want, found = [f(w) for w in numbers], [None] * 8

    def work(k: int) -> None:
        for _ in range(20):
            found[k] = f(numbers[k])
            assert found[k] == want[k]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == want


SOURCE = "double answer(void) { return %s; }\nvoid connect(const long long *at) {}\n"


def answer(number: str) -> float:
    found = c_library.function("answer", SOURCE % number, [])
    found.restype = ctypes.c_double
    return float(found())


def test_a_library_is_kept_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "some" / "where"))
    compiled: list[Any] = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **kw: (compiled.append(args), run(*args, **kw))[1])
    assert answer("41.0") == 41.0
    assert answer("42.0") == 42.0
    files = sorted((tmp_path / "some" / "where").iterdir())
    assert len(compiled) == len(files) == 2
    monkeypatch.setattr(c_library, "_LOADED", {})
    assert answer("42.0") == 42.0
    assert len(compiled) == 2
    spoiled = tmp_path / "spoiled"
    spoiled.mkdir()
    for file, content in zip(files, (b"not a library", b""), strict=True):
        (spoiled / file.name).write_bytes(content)
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(spoiled))
    monkeypatch.setattr(c_library, "_LOADED", {})
    assert (answer("41.0"), answer("42.0")) == (41.0, 42.0)
    assert len(compiled) == 4
    assert sorted(p.name for p in spoiled.iterdir()) == [p.name for p in files]
    monkeypatch.setattr(c_library, "_FLAGS", (*c_library._FLAGS, "-g"))
    assert answer("42.0") == 42.0
    assert len(compiled) == 5


def test_where_nothing_can_be_kept_it_runs_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "file" / "below"))
    assert answer("43.0") == 43.0
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", "/some/where")
    assert c_library.folder() == Path("/some/where")
    monkeypatch.delenv("TINYGRAD_LITE_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert c_library.folder() == Path("/caches/tinygrad_lite")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert c_library.folder() == Path.home() / ".cache" / "tinygrad_lite"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert c_library.folder() == Path.home() / "Library" / "Caches" / "tinygrad_lite"


def test_without_a_compiler_only_those_who_ask_for_one_hear_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    assert tl.compile(lambda x: x * 2.0)(1.0) == 2.0
    with pytest.raises(RuntimeError, match="needs a C compiler, but cc, gcc and clang were not found: install one"):
        tl.compile(lambda x: x * 2.0, executor="c")
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    with pytest.raises(RuntimeError, match="but CC names 'no-such-compiler', which was not found: install one"):
        tl.compile(lambda x: x * 2.0, executor="c")


def test_a_compiler_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", f"{c_library.compiler()[0]} -DM_PI -include no_such_file.h")
    assert c_library.compiler()[1:] == ["-DM_PI", "-include", "no_such_file.h"]
    with pytest.raises(RuntimeError, match=r'compile\(f, executor="c"\): the C compiler failed.*no_such_file'):
        answer("44.0")


def test_time_to_compile_grows_with_the_length_alone() -> None:
    """By what the compiler sees: functions of the same length, however long the program is."""
    assert longest_function(2000) == longest_function(8000) < 1000


def longest_function(count: int) -> int:
    program = Program()
    x = program.add(INPUT, (0,))
    for k in range(count):
        x = program.add(ops.sin, (program.add(ops.mul, (x, program.constant(1.0 + k))),))
    program.outputs = [x]
    text = c_source.Source(Encoding(program, forms)).sweep()
    return max(part.count(";") for part in text.split("static int part"))
