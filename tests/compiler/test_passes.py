"""Programs and the passes over them: small ones by their lines, random ones by their values."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import moderate, programs, run
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value, ops
from tinygrad_lite.compiler.array.array_executor import ArrayExecutor
from tinygrad_lite.compiler.native.bytecode_machine import Executor
from tinygrad_lite.compiler.passes.gc_pause import collector_paused
from tinygrad_lite.compiler.passes.program import INPUT, Grid, Program, Row, as_array
from tinygrad_lite.compiler.passes.sums_of_products import as_sums_of_products
from tinygrad_lite.compiler.trace.tracing import RowResults, flattened
from tinygrad_lite.engine import bind, derivative_graph, leaves_below, located, transcribe


def traced(function: Callable[..., Any], inputs: int, parameters: int = 0) -> Program:
    """A function of this many inputs, then parameters."""
    xs, ps = ([Value(0.5 + k) for k in range(n)] for n in (inputs, parameters))
    outputs = function(*xs, *ps)
    return flattened(outputs if isinstance(outputs, list) else [outputs], xs, ps)


def check_lines(program: Program, expected: str) -> None:
    assert str(program).splitlines() == [line.strip() for line in expected.strip().splitlines()]


def test_equal_operations_stand_once_and_constants_are_folded() -> None:
    check_lines(
        traced(lambda x: (x * 2.0).exp() + (x * 2.0).exp() * Value(9.0).sqrt(), 1),
        """
        %0 = input 0
        %1 = 2.0
        %2 = mul(%0, %1)
        %3 = exp(%2)
        %4 = 3.0
        %5 = mul(%3, %4)
        %6 = add(%3, %5)   # output 0
        """,
    )


def test_outputs_may_be_inputs_numbers_and_the_same_one() -> None:
    check_lines(
        traced(lambda x, p: [x, 1.5, p, -x, -x], 1, 1),
        """
        %0 = input 0   # output 0
        %1 = neg(%0)   # output 3, output 4
        %2 = 1.5   # output 1
        output 2 = p0
        """,
    )


def test_zeros_of_both_signs_are_two_constants() -> None:
    assert traced(lambda x: ops.sum([x, 0.0, -0.0]), 1).counts() == {"input": 1, "constant": 2, "sum": 1}


@pytest.mark.parametrize(
    ("function", "last"),
    [
        (lambda x, y, p: tl.dot([p, y], [x, p], 1.0), "p0 * %0 + p0 * %1 + %2"),  # shared factors come first
        (lambda x, y, p: x * y + p * x - y, "%1 * %0 + p0 * %0 - %1"),
        (lambda x, y, p: x + (y + (p + 2.0 * x)), "%2 * %0 + %0 + %1 + p0"),  # sums of sums are one sum
        (lambda x, y, p: x**2, "%0 * %0"),
        (lambda x, y, p: x * x + 0.0, "%0 * %0 + %2"),  # never -0.0,
        (lambda x, y, p: tl.mean([x, y]), "%4 * %3"),
        (lambda x, y, p: 1.0 * x - (-1.0) * y, "%0 - %4"),
        (lambda x, y, p: x**0.5, "pow(%0, %2)"),
    ],
)
def test_sums_of_products(function: Callable[..., Any], last: str) -> None:
    *_, line = as_sums_of_products(traced(function, 2, 1)).lines()
    assert line.partition(" = ")[2].removesuffix("   # output 0") == last


def test_a_sum_read_twice_is_written_once() -> None:
    program = as_sums_of_products(traced(lambda x, y: ops.mul(x + y, (x + y) + x), 2))
    assert program.counts() == {"input": 2, "sum of products": 3}


def test_a_long_chain_of_sums_needs_no_recursion() -> None:
    def chain(x: Any, p: Any) -> Any:
        for _ in range(20_000):
            x = x + p * x
        return x

    program = as_sums_of_products(traced(chain, 1, 1))
    assert Executor(program).run([1e-4], [1.0]) == [pytest.approx((1 + 1e-4) ** 20_000)]


@pytest.mark.parametrize(
    "step",
    [
        lambda x, p: p - x,
        lambda x, p: -x,
        lambda x, p: tl.dot([p, 2.0], [x, x]) - x,
        lambda x, p: x**2 + 0.1 * p,
        tl.add,
    ],
)
def test_long_chains_of_other_terms_need_none_either(step: Callable[..., Any]) -> None:
    def chain(x: Any, p: Any) -> Any:
        for _ in range(6_001):
            x = step(x, p)
        return x

    expected = chain(0.25, 0.5)
    assert Executor(as_sums_of_products(traced(chain, 1, 1))).run([0.5], [0.25]) == [
        pytest.approx(expected, nan_ok=True)
    ]


def test_outer_products_stand_apart() -> None:
    """A result that receives more than a row has an output of its own, and so has one whose row is a single number."""
    x, y, p, q = Value(2.0), Value(3.0), Value(4.0), Value(5.0)
    e = x.exp()
    rows = [(0, e, (x, y)), (0, y, (p, q)), (1, x, (p, q, 1.0))]
    program = flattened([p * p], [x, y], [p, q], RowResults(4, [1], rows))
    check_lines(
        program,
        """
        %0 = input 0
        %1 = input 1
        %2 = mul(p0, p0)
        %3 = exp(%0)
        %4 = 1.0
        %5 = 0.0
        %6 = dot([%3, %1], [%0, p0], %5)   # output 0
        %7 = dot([%3, %1, %0], [%1, p1, p0], %2)   # output 1
        outputs 2 to 3 = %0 * [p1, %4]
        """,
    )


def eager(program: Any, numbers: Sequence[float]) -> float:
    return float(run(program, [Value(x) for x in numbers], 0).data)


@settings(max_examples=up_to(60), deadline=None)
@given(programs, st.lists(moderate, min_size=2, max_size=4))
def test_passes_keep_values(steps: list[tuple[str, int, int, int]], numbers: list[float]) -> None:
    traced_program = traced(lambda *xs: run(steps, list(xs), 0), 1, len(numbers) - 1)
    simplified = as_sums_of_products(traced_program)
    lanes = [numbers[0], 0.25, -1.5]
    expected = pytest.approx([eager(steps, [x, *numbers[1:]]) for x in lanes], rel=1e-11, abs=1e-11)
    parameters = np.array(numbers[1:])
    for program in (traced_program, simplified):
        assert [Executor(program).run(parameters, [x])[0] for x in lanes] == expected
    assert ArrayExecutor(simplified).run(parameters, np.array([lanes]))[0].tolist() == expected


@settings(max_examples=up_to(60), deadline=None)
@given(programs, st.lists(moderate, min_size=2, max_size=4))
def test_sums_of_derivatives_over_lanes(steps: list[tuple[str, int, int, int]], numbers: list[float]) -> None:
    """With rows apart or among the operations, on arrays or in the native sweep."""
    xs, *ps = [Value(x) for x in numbers]
    y = run(steps, [xs, *ps], 0)
    outputs = [y, *derivative_graph(y, ps, False)]
    rows = [(1, xs, (y, *ps)), (1, ps[0], (xs, *ps)), (2, y, tuple(ps)), (0, xs, (xs,))]
    count = len(outputs) + 2  # the last is 0.0
    parameters, lanes = np.array(numbers[1:]), np.array([[numbers[0], 0.25, -1.5]])
    for some in (outputs, []):
        whole = [*some, *[0.0] * (count - len(some))]
        for first, factor, items in rows:
            for k, item in enumerate(items, first):
                whole[k] = whole[k] + factor * item
        apart = as_sums_of_products(flattened(some, [xs], ps, RowResults(count, [*range(len(some))], rows)))
        joined = as_sums_of_products(flattened(whole, [xs], ps))
        expected = np.sum([Executor(joined).run(parameters, lane) for lane in lanes.T], axis=0)
        close = pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
        assert np.sum([Executor(apart.joined()).run(parameters, lane) for lane in lanes.T], axis=0) == close
        for program in (apart, joined, apart.joined()):
            assert ArrayExecutor(program, True).sums(parameters, lanes) == close


def test_gradients_of_a_layer_are_one_matrix_product() -> None:
    """Those of biases, whose other factor is 1.0, are included; if two outputs are the same, both are written."""
    g, xs = ([Value(0.5 + k) for k in range(n)] for n in (3, 4))
    outputs = [*[adjoint.exp() for adjoint in g], g[0] * xs[0]]
    rows = RowResults(16, [12, 13, 14, 15], [(4 * k, g[k], tuple(xs)) for k in range(3)])
    program = as_sums_of_products(flattened(outputs, [*g, *xs], [], rows))
    executor = ArrayExecutor(program, True)
    lanes = np.random.default_rng(0).normal(size=(7, 5))
    expected = [*(lanes[:3] @ lanes[3:].T).ravel(), *np.exp(lanes[:3]).sum(axis=1), lanes[0] @ lanes[3]]
    assert executor.sums(np.empty(0), lanes) == pytest.approx(np.array(expected), rel=1e-12)
    assert executor.plain.products == 1


def test_transcribe() -> None:
    x, y = Value(2.0), Value(3.0)
    total = ops.sum([x * y, x, 1.0]) + Value(4.0) * 2.0
    known: dict[Value, Any] = {x: "x", y: "y"}
    said: list[str] = []
    transcribe([total, x], known, repr, lambda op, args: said.append(f"{op.name}{args}") or f"%{len(said)}")
    assert said == ["mul('x', 'y')", "sum(('%1', 'x', '1.0'),)", "add('%2', '8.0')"]
    assert known[total] == "%3" and known[x] == "x"


def test_where_leaves_are() -> None:
    x, y, z = Value(2.0), Value(3.0), Value(4.0).detach()
    first, second = bind([x])[0], bind([y])[0]
    assert located([y, x, y]) == ([second, first], [0, 1, 0], [0, 0, 0], [1, 1, 1])
    free = Value(1.0)
    outside, (span,), detached = leaves_below([x * y + z, free * x], {y})
    assert (outside, span.leaves, detached) == ([free], (x,), [z])


def test_long_rows_that_are_equal_are_one_operation() -> None:
    program = Program()
    xs = program.add_all(INPUT, 20)
    first, again, other = tuple(xs), tuple(xs), (*xs[:-1], xs[0])
    assert first is not again
    places = [program.add(ops.sum, (row,)) for row in (first, again, other, other, first)]
    assert places == [20, 20, 21, 21, 20] and len(program) == 22


@pytest.mark.parametrize(
    "rows",
    [
        [range(-1, -5, -1), range(-6, -10, -1), range(-11, -15, -1)],
        [range(-4, 0, 1), range(-14, -10, 1)],
        [range(-1, -9, -4), range(-2, -10, -4), range(-3, -11, -4)],
        [range(-1, -5, -1)],
        [range(-1, -5, -1), range(-1, -5, -1)],
    ],
)
def test_a_grid_has_the_places_of_its_rows(rows: list[Row]) -> None:
    grid = Grid.of(rows)
    assert grid is not None and np.array_equal(np.asarray(grid), as_array(rows))
    assert (len(grid), grid.shape) == (len(rows), as_array(rows).shape)
    last = rows[-1]
    for other in (range(last.start - 1, last.stop - 1, last.step), last[:-1], tuple(last)):  # type: ignore[union-attr]
        assert Grid.of([*rows, rows[0], other]) is None


def test_rows_of_leaves_are_ranges() -> None:
    """If their cells are evenly spaced, whatever the order; a row with anything else is a tuple."""
    ws, x = [Value(float(k)) for k in range(6)], Value(0.5)
    storage = bind(ws)[0]
    said: list[Any] = []
    for row in (ws[:3], ws[::2], ws[::-1], [ws[0], ws[1], ws[3]], [ws[0], 2.0], [ws[0], ws[0]], [x, ws[0]]):
        y = tl.sum(row)
        (copy,) = transcribe([y], {x: "x"}, repr, lambda op, args: args[0], {storage: [(0, 5, -1), (5, 6, -9)]})
        said.append(copy)
    assert said == [
        range(-1, -4, -1), range(-1, -6, -2), (-9, -5, -4, -3, -2, -1), (-1, -2, -4), (-1, "2.0"), (-1, -1), ("x", -1),
    ]  # fmt: skip


def test_the_collector_is_as_it_was() -> None:
    @collector_paused
    def fails() -> None:
        assert not gc.isenabled()
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert gc.isenabled()
    gc.disable()
    try:
        with pytest.raises(KeyError):
            fails()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_constant_times_a_negative_is_one_product() -> None:
    made = as_sums_of_products(traced(lambda x, y: [2.0 * -x, (-y * 3.0) + x], 2))
    check_lines(
        made,
        """
        %0 = input 0
        %1 = input 1
        %2 = -2.0
        %3 = %2 * %0   # output 0
        %4 = -3.0
        %5 = %4 * %1 + %0   # output 1
        """,
    )


def test_a_negative_that_is_read_elsewhere_stays() -> None:
    made = as_sums_of_products(traced(lambda x, y: [2.0 * (n := -x), n.exp(), -x * y, 1.0 * -y], 2))
    assert "%2 = 0.0 - %0" in str(made) and "%6 = 0.0 - %1   # output 3" in str(made)
    for x in (0.0, -0.0, 3.0, float("inf"), float("nan")):
        expected = [2.0 * -x, tl.exp(-x), -x * 2.0, -2.0]
        assert repr(Executor(made).run([], [x, 2.0])) == repr(expected)


def test_many_small_products_are_computed_together() -> None:
    """x * x and 2 * x have a right factor in common, but each x with only these."""
    program = as_sums_of_products(traced(lambda *xs: [y for x in xs for y in (x * x, 2.0 * x, -3.0 * x)], 100))
    assert len(ArrayExecutor(program).groups) <= 3
    xs = np.linspace(-1.0, 1.0, 100)
    found = ArrayExecutor(program).run(np.empty(0), xs[:, None])[:, 0]
    assert np.array_equal(found, np.stack([xs * xs, 2.0 * xs, -3.0 * xs], 1).ravel())
