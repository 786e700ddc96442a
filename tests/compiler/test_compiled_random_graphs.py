"""Random programs, kinks, poles, nan and infinities included: compiled as eager, by both executors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from compiled import FORCED, UGLY, few
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_graphs import STEPS, moderate, programs
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, ops

# How many inputs and how many earlier results each takes: what jumps or blows up is asked of inputs alone, which are
# not rounded, or the last bit would decide.
SHARP: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "where": (1, 2, lambda x, a, b: ops.where(ops.less(0.0, x), a, b)),
    "where equal": (2, 2, lambda x, y, a, b: ops.where(ops.less_equal(x, y) * ops.less_equal(y, x), a, b)),
    "guarded log": (1, 1, lambda x, a: ops.where(ops.less(0.0, x), ops.log(x) * a, a)),
    "guarded sqrt": (1, 2, lambda x, a, b: ops.where(ops.less_equal(x, 0.0), a, ops.sqrt(x) * b)),
    "guarded division": (1, 1, lambda x, a: ops.where(x, a / x, a)),
    "guarded power": (1, 1, lambda x, a: ops.where(ops.less(0.0, x), x**-0.5, x) * a),
    "log": (1, 0, lambda x: ops.log(x)),
    "log1p": (1, 1, lambda x, a: ops.log1p(x) * a),
    "sqrt": (1, 1, lambda x, a: ops.sqrt(x) + a),
    "division": (1, 1, lambda x, a: a / x),
    "power": (1, 1, lambda x, a: x**1.5 - a),
    "square": (1, 1, lambda x, a: x**2 * a),
    "cube": (1, 1, lambda x, a: x**3 + a),
    "asin": (1, 1, lambda x, a: ops.asin(x) * a),
    "atan2": (2, 0, lambda x, y: ops.atan2(x, y)),
    "norm": (2, 1, lambda x, y, a: ops.norm([x, y]) * a),
    "maximum": (2, 1, lambda x, y, a: ops.maximum(x, y) * a),
    "minimum": (1, 1, lambda x, a: ops.minimum(x, 0.5) + a),
    "clip": (1, 1, lambda x, a: ops.clip(x, -1.0, 1.0) * a),
    "relu": (1, 1, lambda x, a: ops.relu(x) * a),
    "abs": (1, 1, lambda x, a: ops.abs(x) - a),
    "step": (1, 1, lambda x, a: ops.step(x) * a + ops.sign(x)),
    "elu": (1, 1, lambda x, a: ops.elu(x) * ops.leaky_relu(x) * a),
    "take": (1, 3, lambda x, a, b, c: ops.take([a, b, c], ops.less(0.0, x) + ops.less(1.0, x))),
    "stop": (0, 2, lambda a, b: ops.stop_gradient(a) * b),
    "prod": (1, 2, lambda x, a, b: ops.prod([a, x, b])),
    "mean": (1, 2, lambda x, a, b: ops.mean([a, b, x, a])),
    "softmax": (1, 2, lambda x, a, b: ops.dot(ops.softmax([a, b, x]), [a, x, 1.0])),
    "softplus": (0, 1, lambda a: ops.softplus(a) * ops.silu(a) - ops.gelu(a)),
    "tails": (1, 1, lambda x, a: ops.normcdf(x) * ops.erfc(a) + ops.erf(x)),
}
sharp_programs = st.lists(
    st.tuples(st.sampled_from(sorted([*SHARP, *STEPS])), *[st.integers(0, 99) for _ in range(4)]),
    min_size=1,
    max_size=14,
)
# 1 / 1e-300 would make any rounding large.
settled = moderate.filter(lambda x: abs(x) > 0.01)
"""Far enough from 0 that derivatives do not grow so large that their cancellation hides a difference."""
hostile = st.one_of(settled, st.sampled_from([x for x in UGLY if abs(x) not in (1e300, 1e-310)]))
numbers = st.lists(hostile, min_size=2, max_size=4)

Program = Sequence[tuple[Any, ...]]


def run(program: Program, inputs: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The result, and all intermediate results."""
    known = list(inputs)
    for name, *picks in program:
        if name in SHARP:
            sharp, smooth, f = SHARP[name]
            args = [inputs[p % len(inputs)] for p in picks[:sharp]]
            args += [known[p % len(known)] for p in picks[sharp : sharp + smooth]]
        else:
            smooth, f, _ = STEPS[name]
            args = [known[p % len(known)] for p in picks[:smooth]]
        known.append(f(*args) * 0.5)
    total = known[-1]
    for v in known[-4:-1]:
        total = total + v
    return total, known


def near(found: Sequence[float], *expected: Sequence[float]) -> bool:
    """Compares up to rounding, which is that of the largest of them, since terms may have cancelled.

    A nan that meets an operation without a derivative is nan in an eager sweep, and nothing in the graph of
    derivatives: where these two eager ways differ, either will do.
    """
    size = 1.0 + max([abs(x) for x in expected[0] if math.isfinite(x)], default=0.0)
    return all(
        any(a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-9 * size for b in ways)
        for a, *ways in zip(found, *expected, strict=True)
    )


def is_tame(program: Program, given: Sequence[float]) -> bool:
    """Whether what is computed on the way is neither so large that rounding alone might overflow it."""
    known = run(program, list(map(Value, given)))[1]
    return all(not math.isfinite(v.data) or abs(v.data) < 1e4 for v in known)


def by_graph(y: Any, leaves: Sequence[Value]) -> list[float]:
    return [y.data, *[g.data for g in tl.gradients(y, leaves, create_graph=True)]]


def backward(y: Any, leaves: Sequence[Value]) -> list[float]:
    tl.engine.clear_grads(leaves)
    y.backward()
    return [y.data, *[x.grad for x in leaves]]


@settings(max_examples=up_to(few(120, 25)), deadline=None)
@given(sharp_programs, numbers, st.lists(hostile, min_size=1, max_size=4))
def test_values_and_gradients(program: Program, given: list[float], lanes: list[float]) -> None:
    assume(all(is_tame(program, [x, *given[1:]]) for x in [given[0], *lanes]))
    leaves = [Value(x) for x in given[1:]]

    def f(x: Any) -> Any:
        return run(program, [x, *leaves])[0]

    eager = [f(Value(x)) for x in lanes]
    mean = backward(ops.mean(eager), leaves), by_graph(ops.mean(eager), leaves)
    x = Value(given[0])
    alone = backward(f(x), [x, *leaves]), by_graph(f(x), [x, *leaves])
    for executor in FORCED:
        compiled = compile(f, executor=executor)  # type: ignore[arg-type]
        assert near(compiled.batch(lanes, reduce=None).tolist(), [y.data for y in eager]), executor
        assert near(backward(compiled.batch(lanes), leaves), *mean), executor
        assert near([compiled(given[0])], alone[0][:1]), executor
        y = Value(given[0])
        assert near(backward(compiled(y), [y, *leaves]), *alone), executor
        derived = compile(tl.value_and_grad(f), executor=executor)  # type: ignore[arg-type]
        assert near(list(derived(given[0])), *[way[:2] for way in alone]), executor


@settings(max_examples=up_to(few(60, 12)), deadline=None)
@given(sharp_programs, numbers)
def test_second_derivatives(program: Program, given: list[float]) -> None:
    assume(is_tame(program, given))

    def f(*xs: Any) -> Any:
        return run(program, xs)[0]

    every = tuple(range(len(given)))
    xs = list(map(Value, given))
    firsts = tl.gradients(f(*xs), xs, create_graph=True)
    expected = (
        [h for row in tl.hessian(f, every)(*given) for h in row],
        [h.data for first in firsts for h in tl.gradients(first, xs, create_graph=True)],
    )
    assume(all(not math.isfinite(h) or abs(h) < 1e8 for h in expected[0]))
    for executor in FORCED:
        compiled = compile(tl.hessian(f, every), executor=executor)  # type: ignore[arg-type]
        assert near([h for row in compiled(*given) for h in row], *expected), executor
        through = tl.hessian(compile(f, executor=executor), every)  # type: ignore[arg-type]
        assert near([h for row in through(*given) for h in row], *expected), executor


@settings(max_examples=up_to(few(60, 12)), deadline=None)
@given(programs, st.lists(settled, min_size=2, max_size=4), st.integers(0, 3))
def test_long_smooth_programs(program: Program, given: list[float], turns: int) -> None:
    """Leaves move between calls, and a batch has many rows."""
    leaves = [Value(x) for x in given[1:]]
    lanes = [given[0], 0.5, -1.25, 2.0, 0.0]

    def f(x: Any) -> Any:
        return run(program, [x, *leaves])[0]

    for executor in FORCED:
        compiled = compile(f, executor=executor)  # type: ignore[arg-type]
        for turn in range(turns + 1):
            for leaf, x in zip(leaves, given[1:], strict=True):
                leaf.data = x + 0.25 * turn
            expected = backward(ops.sum([f(Value(x)) for x in lanes]), leaves)
            assert near(backward(compiled.batch(lanes, reduce="sum"), leaves), expected), executor
        assert len(compiled.traces) == 1
