"""The executor on arrays: what becomes a matrix product, blocks of lanes, threads, and numbers that are not finite."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, ops
from tinygrad_lite.compiler.array.array_executor import ArrayExecutor
from tinygrad_lite.compiler.cost_estimate import NativeCost
from tinygrad_lite.compiler.native.bytecode_machine import Executor
from tinygrad_lite.compiler.passes.program import INPUT, PARAMETER, Program
from tinygrad_lite.compiler.passes.sums_of_products import as_sums_of_products

SOURCE = np.random.default_rng(0)
SPECIAL = [0.0, -0.0, 1.0, -2.5, math.inf, -math.inf, math.nan, 1e308, -1e-310]


def program_of(function: Callable[..., Any], inputs: int, parameters: int = 0) -> Program:
    """Makes a program from a function of places: add(op, *args) writes an operation, and a float is a constant."""
    program = Program()
    places = [*program.add_all(PARAMETER, parameters), *program.add_all(INPUT, inputs)]

    def placed(x: Any) -> Any:
        return tuple(map(placed, x)) if isinstance(x, (list, tuple)) else program.constant(x) if type(x) is float else x

    program.outputs = list(function(lambda op, *args: program.add(op, tuple(map(placed, args))), *places))
    return program


def matrix(rows: int, columns: int) -> list[list[Value]]:
    return [[Value(x) for x in row] for row in SOURCE.normal(size=(rows, columns)).tolist()]


def perceptron() -> Any:
    random.seed(1)
    model = nn.MLP(3, [4, 2], activation="tanh")
    model.parameters()
    return lambda x, label: nn.cross_entropy(model(x), label)


def recurrence() -> Any:
    weights = matrix(3, 5)

    def loss(xs: Any, target: Any) -> Any:
        h: list[Any] = [0.0] * 3
        for x in xs:
            h = [tl.tanh(tl.dot(row, [*x, *h])) for row in weights]
        return (tl.sum(h) - target) ** 2

    return loss


def convolution() -> Any:
    (kernel,) = matrix(1, 4)

    def loss(image: Any) -> Any:
        windows = [[image[i + a][j + b] for a in range(2) for b in range(2)] for i in range(3) for j in range(3)]
        return tl.sum([tl.tanh(tl.dot(kernel, window)) for window in windows])

    return loss


# In order: forward layers, the gradient by the hidden layer, gradients by weights.
@pytest.mark.parametrize(
    ("made", "shapes", "products"),
    [
        (perceptron, [(3,), ()], 2 + 1 + 2),
        (recurrence, [(4, 2), ()], 4 + 3 + 1),  # the last one adds up over lanes and time steps
        (convolution, [(4, 4)], 1 + 0 + 1),
    ],
)
def test_what_becomes_matrix_products(made: Callable[[], Any], shapes: list[Any], products: int) -> None:
    f = tl.compile(made(), executor="array")
    f.batch(*[np.ones((7, *shape)) for shape in shapes]).backward()
    assert f.array.plain.products == products


def test_what_has_no_matrix_product() -> None:
    f = tl.compile(lambda x, y: tl.exp(x * y) * x, executor="array")
    f.batch([1.0, 2.0], [0.5, 0.25], reduce=None)
    assert f.array.plain.products == 0 and f.array.plain.operations == 3


def test_what_lanes_share_is_added_once() -> None:
    """A penalty on the parameters does not depend on the lanes."""
    ps = [Value(x) for x in (0.5, -1.5, 2.0)]
    f = tl.compile(lambda x: tl.dot(ps, ps) + ps[0] * x, executor="array")
    f.batch([1.0, 3.0], reduce="sum").backward()
    assert [p.grad for p in ps] == pytest.approx([2 * 2 * 0.5 + 4.0, 2 * 2 * -1.5, 2 * 2 * 2.0])
    run = f.array.plain.text.partition("def run():")[2]
    assert "vecdot" not in run and run.count("\n") < 10


@pytest.mark.parametrize("made", [perceptron, recurrence])
@pytest.mark.parametrize("summed", [True, False])
def test_blocks_of_lanes_do_not_matter(made: Callable[[], Any], summed: bool) -> None:
    lanes = 13
    shapes = [(3,), ()] if made is perceptron else [(4, 2), ()]
    f = tl.compile(made(), executor="array")
    columns = [SOURCE.integers(0, 2, (lanes, *shape)).astype(float) for shape in shapes]
    f.batch(*columns, reduce="sum" if summed else None)
    executor, numbers = f.array, np.array([p.data for p in f.leaves[1]])
    parts = [column.reshape(lanes, -1).T for column in columns]
    run = executor.sums if summed else executor.run
    whole = run(numbers, parts)
    for size in (1, 5, 6, 12, 13):
        executor.most_lanes = size
        assert run(numbers, parts) == pytest.approx(whole, rel=1e-13, abs=1e-14), size
        assert run(numbers, np.concatenate(parts)) == pytest.approx(whole, rel=1e-13, abs=1e-14), size


def test_the_arrays_used_last_are_kept() -> None:
    program = as_sums_of_products(program_of(lambda add, x: [add(ops.sin, x)], 1))
    executor, numbers, made = ArrayExecutor(program), np.empty(0), list[int]()
    bind: Any = executor.plain.bind
    executor.plain.bind = lambda *args: (made.append(args[-1]), bind(*args))[1]
    for lanes in (1, 2, 3, 4, 5, 6, 7, 7, 6, 5, 7):
        executor.run(numbers, np.ones((1, lanes)))
    assert made == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("made", [perceptron, recurrence])
def test_a_native_sweep_does_what_array_operations_do(made: Callable[[], Any]) -> None:
    shapes = [(3,), ()] if made is perceptron else [(4, 2), ()]
    columns = [SOURCE.integers(0, 2, (7, *shape)).astype(float) for shape in shapes]
    f = tl.compile(made(), executor="array")
    f.batch(*columns)
    executor, numbers = f.array, np.array([p.data for p in f.leaves[1]])
    parts = [column.reshape(7, -1).T for column in columns]
    assert "sweep" in executor.swept.text and executor.swept.operations < executor.plain.operations
    found = []
    for source in (executor.plain, executor.swept):
        executor.source_for = lambda lanes, source=source: source  # type: ignore[method-assign, misc]
        executor._idle.clear()
        found.append(executor.sums(numbers, parts))
    assert found[0] == pytest.approx(found[1], rel=1e-13, abs=1e-14)


def test_what_is_read_equal_taken_and_not_finite_is_swept_as_eager() -> None:
    def f(xs: Any, k: Any) -> Any:
        return tl.take(xs, k) * tl.where(tl.less_equal(xs[0], xs[1]), 2.0, -1.0) - tl.logsumexp(xs) / xs[1] ** 3

    executor = tl.compile(tl.value_and_grad(f), executor="array")
    rows = np.array([[0.5, 0.5, -1.0], [0.0, -0.0, 2.0], [np.inf, 1.0, 3.0], [1e200, 1e-200, np.nan]])
    which = np.array([2.0, 0.0, 1.0, 1.0])
    y, by_xs = executor.batch(rows, which, reduce=None)
    assert "sweep" in executor.array.swept.text
    for lane, (row, k) in enumerate(zip(rows.tolist(), which.tolist(), strict=True)):
        expected, by_row = tl.value_and_grad(f)(row, k)
        assert y[lane] == pytest.approx(expected, rel=1e-13, nan_ok=True)
        assert by_xs[lane] == pytest.approx(by_row, rel=1e-13, nan_ok=True)
    with pytest.raises(IndexError, match="3"):
        executor.batch(rows, which + 1.0, reduce=None)


def test_no_lanes_at_all() -> None:
    program = as_sums_of_products(program_of(lambda add, x: [add(ops.exp, x), add(ops.mul, x, x)], 1))
    assert ArrayExecutor(program).run(np.empty(0), np.empty((1, 0))).shape == (2, 0)
    assert ArrayExecutor(program, True).sums(np.empty(0), np.empty((1, 0))).tolist() == [0.0, 0.0]


def test_threads_share_an_executor() -> None:
    f = tl.compile(perceptron(), executor="array")
    f.batch(np.ones((2, 3)), np.ones(2))
    executor, numbers = f.array, np.array([p.data for p in f.leaves[1]])
    inputs = [np.concatenate([SOURCE.normal(size=(3, n)), SOURCE.integers(0, 2, (1, n))]) for n in (1, 2, 3, 40) * 3]
    expected = [executor.sums(numbers, some) for some in inputs]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(20):
            found = list(pool.map(lambda some: executor.sums(numbers, some), inputs))
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_outputs_that_are_read_shared_or_wanted_twice() -> None:
    def function(add: Any, p: Any, q: Any, x: Any, y: Any) -> list[Any]:
        z = add(ops.mul, p, x)
        shared = add(ops.mul, p, q)
        return [z, add(ops.exp, z), p, shared, add(ops.add, z, shared), z, add(ops.sub, shared, y), shared]

    program = as_sums_of_products(program_of(function, 2, 2))
    numbers, inputs = np.array([0.5, -1.5]), SOURCE.normal(size=(2, 5))
    by_lane = ArrayExecutor(program).run(numbers, inputs)
    assert ArrayExecutor(program, True).sums(numbers, inputs) == pytest.approx(by_lane.sum(axis=1), rel=1e-13)
    out = np.empty((8, 5))
    Executor(program).batch(numbers, [inputs], 5, out)
    assert by_lane == pytest.approx(out, rel=1e-15)


@pytest.mark.parametrize(
    "function",
    [
        lambda add, x, y: [add(ops.relu, x), add(ops.step, x)],
        lambda add, x, y: [add(ops.where, add(ops.mul, add(ops.less_equal, x, y), add(ops.less_equal, y, x)), x, -0.0)],
        lambda add, x, y: [add(ops.where, add(ops.equal, x, y), 1.0, y), add(ops.equal, x, y)],
        lambda add, x, y: [add(ops.where, add(ops.equal, x, y), 1.0, y), add(ops.exp, add(ops.equal, x, y))],
        lambda add, x, y: [add(ops.where, x, y, 1.0), add(ops.maximum, x, y), add(ops.clip, x, -1.0, y)],
        lambda add, x, y: [add(ops.logsumexp, [x, y]), add(ops.logsumexp, [x]), add(ops.norm, [x, y])],
        lambda add, x, y: [add(ops.sum, [x, y]), add(ops.sum, [x] * 5), add(ops.sum, [x, x, x, x, 0.0])],
        lambda add, x, y: [add(ops.mul, x, y), add(ops.sub, 0.0, x), add(ops.neg, x), add(ops.sub, x, y)],
        lambda add, x, y: [add(ops.take, [x, y, -0.0], 2.0), add(ops.sigmoid, x), add(ops.leaky_relu, x, 0.5)],
    ],
)  # fmt: skip
def test_special_numbers_are_those_of_the_native_executor(function: Any) -> None:
    """Signs of zeros agree too; results that are computed in another order may differ by rounding."""
    program = as_sums_of_products(program_of(function, 2))
    inputs = np.array(np.meshgrid(SPECIAL, SPECIAL)).reshape(2, -1)
    found = ArrayExecutor(program).run(np.empty(0), inputs)
    expected = np.empty_like(found)
    Executor(program).batch([], [inputs], inputs.shape[1], expected)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    zeros = expected == 0.0
    assert np.array_equal(np.signbit(found[zeros]), np.signbit(expected[zeros]))


@pytest.mark.parametrize("index", [-1.0, 3.0, 0.5, math.nan, math.inf, 1e300, -1e300])
def test_take_refuses_a_wrong_index(index: float) -> None:
    program = as_sums_of_products(program_of(lambda add, x, y, z, k: [add(ops.take, [x, y, z], k)], 4))
    executor = ArrayExecutor(program)
    inputs = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [2.0, 0.0]])
    assert executor.run(np.empty(0), inputs).tolist() == [[5.0, 2.0]]
    inputs[3, 1] = index
    with pytest.raises(IndexError, match=r"must be a whole number in 0\.\.2"):
        executor.run(np.empty(0), inputs)
    inputs[3, 1] = 1.0
    assert executor.run(np.empty(0), inputs).tolist() == [[5.0, 4.0]]


def test_a_namespace_that_lacks_quick_functions() -> None:
    class Namespace:
        def __getattr__(self, name: str) -> Any:
            if name in ("dot", "copyto"):
                raise AttributeError(name)
            return getattr(np, name)

    f = tl.compile(perceptron(), executor="array")
    columns = [SOURCE.normal(size=(5, 3)), np.ones(5)]
    f.batch(*columns)
    numbers, inputs = np.array([p.data for p in f.leaves[1]]), np.concatenate([columns[0].T, columns[1][None]])
    other = ArrayExecutor(f.passes["sums of products"], True, Namespace())
    assert (
        "dot = xp.dot" in f.array.plain.text and "xp.dot" not in other.plain.text and "copyto" not in other.plain.text
    )
    assert other.sums(numbers, inputs) == pytest.approx(f.array.sums(numbers, inputs), rel=1e-13)


def test_which_executor_is_expected_to_be_quicker() -> None:
    model = nn.MLP(8, [16, 16, 2], activation="relu")
    f = tl.compile(lambda x, label: nn.cross_entropy(model(x), label), executor="array")
    f.batch(np.ones((2, 8)), np.ones(2))
    native = NativeCost(f.passes["sums of products"])
    assert native.time(1) < f.array.time(1) and f.array.time(10_000) < native.time(10_000)
