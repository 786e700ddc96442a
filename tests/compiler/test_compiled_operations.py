"""Every row of the table compiled, against the same row eager: values, gradients, second derivatives, ugly numbers."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from compiled import EXECUTORS, FORCED, UGLY, columns, differences, few
from table import SEQUENCE_LENGTH, flat, points

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, ops
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.ops import Op
from tinygrad_lite.transforms.pytree import Structure

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")

ROWS = list(ops.TABLE.values())
NAMES = [row.name for row in ROWS]
# Rules round a few times, and rounded terms may cancel.
GRADIENT, CURVATURE = 64.0, 4096.0

Row = tuple[float, ...]


def function_of(row: Op) -> tuple[Callable[..., Any], int]:
    """The row as a function of single numbers, and of how many; plain numbers, as a polygamma's order, are fixed."""
    widths = [SEQUENCE_LENGTH if k in row.sequences else 1 for k in range(len(row.args))]

    def f(*xs: Any) -> Any:
        rest = iter(xs)
        return row(*[
            tuple(itertools.islice(rest, width)) if k in row.sequences else next(rest)
            for k, width in enumerate(widths)
        ])  # fmt: skip

    if row in (ops.polygamma, ops.mills):
        return lambda x: row(1.0, x), 1
    if row in (ops.var, ops.std):
        return lambda *xs: row(xs, 1.0), SEQUENCE_LENGTH
    return f, sum(widths)


def ugly(row: Op, count: int) -> list[Row]:
    width = function_of(row)[1]
    if len(UGLY) ** width <= count:
        return list(itertools.product(UGLY, repeat=width))
    source = random.Random(row.name)
    return [tuple(source.choice(UGLY) for _ in range(width)) for _ in range(count)]


def moderate(row: Op, count: int, reach: float) -> list[Row]:
    found = [tuple(flat(args)) for args in points(row, count, reach)]
    if row in (ops.var, ops.std):
        return [args[:-1] for args in found]
    return [args[1:] for args in found] if row in (ops.polygamma, ops.mills) else found


def outcome(f: Callable[..., Any], args: Row) -> Any:
    try:
        return f(*args)
    except (IndexError, ValueError, TypeError) as error:
        return type(error)


def settled(f: Callable[..., Any], rows: list[Row]) -> tuple[list[Row], list[Any], list[tuple[Row, type]]]:
    """The arguments at which f returns, its results, and the arguments at which it raises."""
    found = [(row, outcome(f, row)) for row in rows]
    good = [(row, y) for row, y in found if not isinstance(y, type)]
    return [row for row, _ in good], [y for _, y in good], [(row, y) for row, y in found if isinstance(y, type)]


def by_lane(tree: Any, lane: int) -> Any:
    if isinstance(tree, tuple):
        return tuple([by_lane(item, lane) for item in tree])
    return float(tree[lane]) if np.ndim(tree) == 1 else tree[lane].tolist()


def check_lanes(found: Any, rows: list[Row], expected: list[Any], ulps: float, signs: bool = False) -> None:
    alike: set[Any] = set()  # of a row that many lanes have, each result is compared once
    for lane, (row, want) in enumerate(zip(rows, expected, strict=True)):
        got = by_lane(found, lane)
        if (row, repr(got)) not in alike:
            alike.add((row, repr(got)))
            assert not differences(got, want, ulps, rounded(want, ulps), signs), row


def rounded(want: Any, ulps: float) -> float:
    """Second derivatives cancel: their rounding error is that of the largest of them."""
    finite = [abs(x) for x in Structure(want).numbers if math.isfinite(x)]
    return 16.0 * max(finite, default=0.0) if ulps == CURVATURE else 0.0


@cache
def values(row: Op) -> tuple[list[Row], list[Any], list[tuple[Row, type]]]:
    return settled(function_of(row)[0], [*moderate(row, 20, 8.0), *ugly(row, few(100, 30))])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_values(row: Op, executor: Any) -> None:
    f, _ = function_of(row)
    rows, expected, refused = values(row)
    compiled = compile(f, executor=executor)
    signs = row not in (ops.dot, ops.sum, ops.mean)
    for size in (1, 2, len(rows), 1000):
        lanes = [rows[k % len(rows)] for k in range(size)]
        found = compiled.batch(*columns(lanes), reduce=None)
        check_lanes(found, lanes, [expected[k % len(rows)] for k in range(size)], 8.0, signs)
    for args, want in zip(rows[:30], expected, strict=False):
        assert not differences(compiled(*args), want, 8.0, signs=signs), args
    for args, error in refused:
        with pytest.raises(error):
            compiled(*args)
    if refused:
        with pytest.raises(refused[0][1]):
            compiled.batch(*columns([*rows, refused[0][0]]), reduce=None)


@cache
def gradients(row: Op) -> tuple[Callable[..., Any], list[Row], list[Any]]:
    f, width = function_of(row)
    derived = tl.value_and_grad(f, tuple(range(width)))
    return derived, *settled(derived, [*moderate(row, 20, 3.0), *ugly(row, few(100, 20))])[:2]


@pytest.mark.parametrize("executor", FORCED)
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_gradients(row: Op, executor: Any) -> None:
    """By compile(value_and_grad), by a compiled function of Values, and by backward() of a batch."""
    f, _ = function_of(row)
    derived, rows, expected = gradients(row)
    check_lanes(compile(derived, executor=executor).batch(*columns(rows), reduce=None), rows, expected, GRADIENT)
    compiled = compile(f, executor=executor)
    leaves = [Value(x) for x in rows[0]]
    loss = compile(lambda t: t * f(*leaves), executor=executor)
    for args, (_, want) in list(zip(rows, expected, strict=True))[:: few(1, 4)]:
        xs = [Value(x) for x in args]
        compiled(*xs).backward()
        assert not differences([x.grad for x in xs], list(want), GRADIENT, signs=False), args
        tl.engine.clear_grads(leaves)
        for leaf, x in zip(leaves, args, strict=True):
            leaf.data = x
        loss.batch([0.5, 1.5], reduce="mean").backward()
        assert not differences([x.grad for x in leaves], list(want), GRADIENT, signs=False), args


@cache
def hessians(row: Op) -> tuple[list[Row], list[Any], list[Any]]:
    """Arguments, the Hessians there, and the second derivatives by the first argument."""
    f, width = function_of(row)
    derived = tl.hessian(f, tuple(range(width)))
    rows, expected, _ = settled(derived, [*moderate(row, few(10, 4), 1.0), *ugly(row, few(20, 4))])
    return rows, expected, [tl.grad(tl.grad(f))(*args) for args in rows]


@pytest.mark.parametrize("executor", FORCED)
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_second_derivatives(row: Op, executor: Any) -> None:
    """By compile(hessian), by hessian(compile), and by compile(grad(grad)) of the first argument."""
    f, width = function_of(row)
    every = tuple(range(width))
    derived = tl.hessian(f, every)
    rows, expected, seconds = hessians(row)
    check_lanes(compile(derived, executor=executor).batch(*columns(rows), reduce=None), rows, expected, CURVATURE)
    through = tl.hessian(compile(f, executor=executor), every)
    twice = compile(tl.grad(tl.grad(f)), executor=executor)
    for args, want, second in list(zip(rows, expected, seconds, strict=True))[:: few(2, 4)]:
        assert not differences(through(*args), want, CURVATURE, rounded(want, CURVATURE), signs=False), args
        assert not differences(twice(*args), second, CURVATURE, signs=False), args


@cache
def reduced(row: Op, size: int, reduce: str) -> tuple[list[Row], list[float], float]:
    """The lanes, the sum or mean over them with its derivatives by factors of the arguments, and the terms' size."""
    f, width = function_of(row)
    rows = settled(f, moderate(row, 12, 1.0))[0]
    lanes = [rows[k % len(rows)] for k in range(size)]
    weights = [Value(1.0) for _ in range(width)]
    terms = [f(*[w * x for w, x in zip(weights, lane, strict=True)]) for lane in lanes]
    total = ops.TABLE[reduce](terms) if lanes else Value(0.0)
    total.backward()
    terms_size = math.fsum(abs(t.data) for t in terms) / (max(size, 1) if reduce == "mean" else 1)
    return lanes, [total.data, *[w.grad for w in weights]], terms_size


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_sizes_of_batches(row: Op, executor: Any) -> None:
    f, width = function_of(row)
    weights = [Value(1.0) for _ in range(width)]
    compiled = compile(lambda *xs: f(*[w * x for w, x in zip(weights, xs, strict=True)]), executor=executor)
    for size in (0, 1, 2, 1000):
        arrays = columns(reduced(row, size, "sum")[0]) if size else [np.empty(0)] * width
        assert compiled.batch(*arrays, reduce=None).shape == (size,)
        for reduce in ("sum", "mean"):
            tl.engine.clear_grads(weights)
            if size == 0 and reduce == "mean":
                with pytest.raises(ShapeError, match="empty batch"):
                    compiled.batch(*arrays)
                continue
            total = compiled.batch(*arrays, reduce=reduce)  # type: ignore[arg-type]
            assert type(total.data) is float
            total.backward()
            found = [total.data, *[w.grad for w in weights]]
            _, expected, terms_size = reduced(row, size, reduce)
            scale = (size + 16.0) * max(terms_size, *map(abs, expected), 1.0)
            assert not differences(found, expected, GRADIENT, scale, signs=False), size


@pytest.mark.parametrize("executor", FORCED)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow"])
def test_plain_numbers_on_either_side(name: str, executor: Any) -> None:
    """If a pass rewrites x + 0.0 or 1.0 * x, the sign of zero stays the same."""
    row = ops.TABLE[name]

    def f(x: Any) -> list[Any]:
        return [*[row(x, c) for c in UGLY], *[row(c, x) for c in UGLY], *[row(row(c, x), 0.0) for c in UGLY]]

    eager = [f(Value(x)) for x in UGLY]
    for found in (compile(f, executor=executor), lambda x: compile(f, executor=executor).batch([x], reduce=None)):
        for x, want in zip(UGLY, eager, strict=True):
            assert not differences(found(x), want), x


@pytest.fixture
def own(own_operations: Callable[..., Op]) -> Iterator[dict[str, Op]]:
    def refusing(x: float) -> float:
        if x < 0.0:
            raise ValueError("no negative numbers here")
        return x + 1.0

    yield {
        "cube": own_operations("cube", lambda x: x**3, lambda g, y, x: g * 3.0 * x * x, array="x * x * x"),
        "plain_cube": own_operations("plain_cube", lambda x: x**3, lambda g, y, x: g * 3.0 * x * x),
        "scaled": own_operations(
            "scaled", lambda x, k: x * k, (lambda g, y, x, k: g * k, lambda g, y, x, k: g * x), args="x k=2"
        ),
        "squares": own_operations(
            "squares", lambda xs: sum(x * x for x in xs), lambda g, y, xs: [g * 2.0 * x for x in xs], args="*xs"
        ),
        "refusing": own_operations("refusing", refusing, lambda g, y, x: g),
    }


@pytest.mark.parametrize("executor", EXECUTORS)
def test_own_operations(own: dict[str, Op], executor: Any) -> None:
    w = Value(1.5)

    def f(x: Any, y: Any) -> Any:
        return own["cube"](w * x) + own["plain_cube"](y - w) * own["scaled"](x) + own["squares"]([x, w, y])

    rows = [(0.5, -1.0), (2.0, 0.25), (-1.5, 3.0), (math.inf, 1.0), (math.nan, 0.0)]
    expected = [f(*row).data for row in rows]
    check_lanes(compile(f, executor=executor).batch(*columns(rows), reduce=None), rows, expected, 8.0)
    hessians = [tl.hessian(f, (0, 1))(*row) for row in rows[:3]]
    check_lanes(
        compile(tl.hessian(f, (0, 1)), executor=executor).batch(*columns(rows[:3]), reduce=None),
        rows[:3],
        hessians,
        GRADIENT,
    )
    compile(f, executor=executor).batch(*columns(rows[:3]), reduce="sum").backward()
    found = w.grad
    tl.engine.clear_grads([w])
    ops.sum([f(*map(Value, row)) for row in rows[:3]]).backward()
    assert found == pytest.approx(w.grad, rel=1e-13)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_an_operation_refuses_compiled_code_refuses(own: dict[str, Op], executor: Any) -> None:
    f = compile(lambda x: own["refusing"](x) * 2.0, executor=executor)
    assert f(1.0) == 4.0
    for call in (lambda: f(-1.0), lambda: f.batch([1.0, -1.0], reduce=None), lambda: f.batch([-1.0])):
        with pytest.raises(ValueError, match="no negative numbers here"):
            call()
    taken = compile(lambda xs, k: tl.take(xs, k), executor=executor)
    assert taken([1.0, 2.0, 3.0], 2) == 3.0
    for index in (3, -1, 0.5, math.nan, math.inf):
        with pytest.raises(IndexError, match="whole number"):
            taken([1.0, 2.0, 3.0], index)
        with pytest.raises(IndexError, match="whole number"):
            taken.batch([[1.0, 2.0]] * 2, [0.0, index], reduce="sum")
    assert taken([1.0, 2.0, 3.0], 0) == 1.0


def test_the_order_of_polygamma_is_static() -> None:
    with pytest.raises(TypeError, match="polygamma"):
        compile(ops.polygamma)(1.0, 2.0)
    f = compile(lambda n, x: ops.polygamma(n, x), static_argnames="n")
    assert [f(float(n), 2.5) for n in range(4)] == pytest.approx([ops.polygamma(float(n), 2.5) for n in range(4)])
    assert len(f.traces) == 4
