"""Derivatives taken inside compiled functions whose readers hide that a program has a nan or an infinity."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from compiled import FORCED, UGLY, few
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from test_compiled_random_graphs import Program, backward, by_graph, hostile, is_tame, near, run, sharp_programs
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, ops
from tinygrad_lite.compiler.trace.finite_checks import _hiding

Function = Callable[..., Any]

# Where each of these reads a number d that is nan or infinite, it may give one that is finite; not near C, so that
# rounding does not decide.
C = 0.3137
READERS: dict[str, Function] = {
    "less": lambda d, a, b: ops.where(ops.less(d, C), a, b),
    "less_equal": lambda d, a, b: ops.where(ops.less_equal(C, d), a, b * b),
    "where": lambda d, a, b: ops.where(ops.maximum(d - C, 0.0), a, b),
    "take": lambda d, a, b: ops.take([a, b], ops.less(C, d)),
    "step": lambda d, a, b: ops.step(d - C) * a + b,
    "sign": lambda d, a, b: ops.sign(d - C) * a,
    "stop": lambda d, a, b: ops.where(ops.less(ops.stop_gradient(d), C), a, b),
    "maximum": lambda d, a, b: ops.maximum(d, C) + ops.minimum(d, C) * 0.0,
    "minimum": lambda d, a, b: ops.minimum(d, C) * a,
    "clip": lambda d, a, b: ops.clip(d, C, C + 1.0) + a,
    "relu": lambda d, a, b: ops.relu(d - C) + ops.relu(C - d) * b,
    "abs": lambda d, a, b: a / (1.0 + ops.abs(d - C)),
    "exp": lambda d, a, b: ops.exp(-ops.abs(d - C)) * a,
    "tanh": lambda d, a, b: ops.tanh(d) * ops.sigmoid(-d) + a,
    "erf": lambda d, a, b: ops.erf(d) * ops.normcdf(d) * ops.erfc(d),
    "atan": lambda d, a, b: ops.atan(d) + ops.softplus(d) * ops.softplus(-d),
    "division": lambda d, a, b: a / (2.0 + d * d),
    "power": lambda d, a, b: (2.0 + d * d) ** -0.5 - b,
    "logsumexp": lambda d, a, b: ops.logsumexp([-ops.abs(d - C), 0.5]),
    "norm": lambda d, a, b: a / ops.norm([d, 1.0]),
    "equal": lambda d, a, b: ops.where(ops.equal(d, C), a, b),
    "not_equal": lambda d, a, b: ops.where(ops.not_equal(d, C), a, b * b),
}
TAKEN: dict[str, Callable[[Function], Function]] = {
    "grad": lambda g: tl.grad(g),
    "by the other": lambda g: tl.grad(g, 1),
    "value_and_grad": lambda g: lambda x, w: tl.value_and_grad(g)(x, w)[1],
    "twice": lambda g: tl.grad(tl.grad(g)),
    "mixed": lambda g: tl.grad(tl.grad(g), 1),
    "hessian": lambda g: lambda x, w: sum(tl.hessian(g, (0, 1))(x, w)[0]),
    "jvp": lambda g: lambda x, w: tl.jvp(g, (x, w), (1.0, 0.5))[1],
    "hvp": lambda g: lambda x, w: tl.hvp(lambda xs: g(*xs), [x, w], [0.5, 1.0])[0],
    "vjp": lambda g: lambda x, w: tl.vjp(g, x, w)[1](w)[0],
}


def guarded(x: Any) -> Any:
    """At 0 its derivative is 3: a zero adjoint passes nothing on through log."""
    return tl.where(x > 0.0, tl.log(x), 3.0 * x)


def slope(x: Any) -> Any:
    return tl.grad(guarded)(x)


def mixed(x: Any) -> Any:
    """0 where x is 0: the zero adjoint of sqrt passed nothing on. A program has an infinity there."""
    return tl.grad(tl.grad(lambda a, b: tl.sqrt(a) * b), 1)(x, x)


# Each is 1 at 0, and another number where nan or an infinity stands for the derivative.
HIDDEN: dict[str, Function] = {
    "less": lambda x: tl.where(slope(x) < 5.0, 1.0, 2.0),
    "less_equal": lambda x: tl.where(slope(x) <= 5.0, 1.0, 2.0),
    "a choice within": lambda x: tl.grad(lambda t: tl.where(slope(x) < 5.0, t, 2.0 * t))(x),
    "take": lambda x: tl.take([2.0, 1.0], tl.less_equal(slope(x), 5.0)),
    "an array": lambda x: tl.prod([tl.where(d < 5.0, 1.0, 2.0) for d in tl.grad(lambda xs: guarded(xs[0]))([x, x])]),
    "jvp": lambda x: tl.where(tl.jvp(guarded, (x,), (1.0,))[1] < 5.0, 1.0, 2.0),
    "hessian": lambda x: tl.where(tl.hessian(guarded)(x) < 5.0, 1.0, 2.0),
    "hvp": lambda x: tl.where(tl.hvp(lambda xs: guarded(xs[0]), [x], [1.0])[0] < 5.0, 1.0, 2.0),
    "no input": lambda x: tl.where(slope(0.0) < 5.0, 1.0, 2.0) + 0.0 * x,
    "exp": lambda x: tl.exp(-mixed(x)),
    "division": lambda x: 1.0 / (1.0 + mixed(x)),
    "tanh": lambda x: 1.0 - tl.tanh(mixed(x)),
    "minimum": lambda x: 1.0 + tl.minimum(mixed(x), 1.0),
}


@pytest.mark.parametrize("executor", FORCED)
@pytest.mark.parametrize("name", HIDDEN)
def test_a_program_takes_the_branch_that_eager_code_takes(name: str, executor: Any) -> None:
    def f(x: Any) -> Any:
        return HIDDEN[name](x) + 0.0 * x  # a Value also where eager code compares

    compiled = compile(f, executor=executor)
    rows = [0.5, 0.0, 2.0]
    expected = [f(Value(x)).data for x in rows]
    assert expected[1] == compiled(0.0) == 1.0
    assert compiled.batch(rows, reduce=None).tolist() == pytest.approx(expected, rel=1e-12)
    assert compiled.batch(rows, reduce="sum").data == pytest.approx(sum(expected), rel=1e-12)
    w = Value(0.0)
    captured = compile(lambda x: f(w) * x * w, executor=executor)
    for y in (captured(Value(2.0)), captured.batch([2.0, 2.0])):
        tl.engine.clear_grads([w])
        y.backward()
        assert w.grad == tl.gradients(f(w) * 2.0 * w, [w])[0] == 2.0


@pytest.mark.parametrize("executor", FORCED)
def test_the_derivative_of_the_branch_that_is_taken(executor: Any) -> None:
    def f(x: Any) -> Any:
        return tl.where(slope(x) < 5.0, 2.0 * x + x * x, 7.0 * x)

    compiled = compile(f, executor=executor)
    assert (tl.grad(compiled)(0.0), tl.grad(tl.grad(compiled))(0.0), tl.hessian(compiled)(0.0)) == (2.0, 2.0, 2.0)
    assert compile(tl.value_and_grad(f), executor=executor)(0.0) == (0.0, 2.0)
    assert compile(tl.hessian(compiled), executor=executor)(0.0) == 2.0
    w = Value(0.0)
    loss = compile(lambda x: f(w) * x, executor=executor).batch([1.0, 3.0])
    first = tl.gradients(loss, [w], create_graph=True)[0]
    assert (first.data, tl.gradients(first, [w])) == (4.0, [4.0])


@pytest.mark.parametrize("executor", FORCED)
def test_a_compiled_result_that_was_captured(executor: Any) -> None:
    w = Value(3.0)
    square = compile(lambda t: t * t)(w)
    f = compile(lambda x: tl.where(tl.grad(lambda t: guarded(t) * square)(x) < 30.0, 1.0, 2.0), executor=executor)
    assert f(0.0) == 1.0


@pytest.mark.parametrize("executor", FORCED)
def test_a_fixed_point_may_hide_an_infinity(executor: Any) -> None:
    def f(x: Any) -> Any:
        d = mixed(x)
        return tl.fixed_point(lambda z: tl.tanh(0.5 * z + d), 0.1).values + 0.0 * x

    compiled = compile(f, executor=executor)
    assert compiled(0.0) == pytest.approx(0.0, abs=1e-8) and f(Value(0.0)).data == pytest.approx(0.0, abs=1e-8)
    assert compiled.batch([0.0, 4.0], reduce=None)[1] == pytest.approx(f(Value(4.0)).data, rel=1e-9)


def test_a_picture_shows_no_output_that_is_only_watched() -> None:
    w = Value(2.0)
    f = compile(lambda x: w * tl.where(slope(x) < 5.0, x * x, x**3))
    for call in (lambda: f(2.0), lambda: f.batch([2.0, 3.0])):
        call()
        assert f.program.watched > 0
        assert "output 1" not in f.graph().svg() and "watched" in str(f.program)


@pytest.mark.parametrize("executor", FORCED)
def test_own_operations_may_hide_anything(own_operations: Any, executor: Any) -> None:
    below = own_operations("below", lambda x: 1.0 if x < 5.0 else 2.0, lambda g, y, x: 0.0 * g)
    assert compile(lambda x: below(slope(x)), executor=executor)(0.0) == 1.0


def test_what_no_row_hides() -> None:
    """Of the rows of the table: where an argument is not finite, the value is not, or it does not depend on it."""
    numbers = [x for x in UGLY if abs(x) not in (1e300, 1e-310)]
    rows = [row for row in ops.ROWS if row.code < ops.component.code]
    for row in rows:
        for k in set(range(len(row.args))).difference(_hiding(row)):
            for others in itertools.product(numbers, repeat=len(row.args) - 1):
                values = []
                for x in (math.nan, math.inf, -math.inf, *numbers):
                    args = [*others[:k], x, *others[k:]]
                    try:
                        values.append(row.value(*[(x, 1.0) if n in row.sequences else x for n, x in enumerate(args)]))
                    except (IndexError, ValueError):
                        values.append(math.nan)
                finite = {y for y in values if math.isfinite(y)}
                assert len(finite) < 2 or not any(map(math.isfinite, values[:3])), (row, k, others, values)


def test_nothing_is_watched_where_derivatives_are_the_results() -> None:
    for row in ops.TABLE.values():

        def f(*xs: Any, row: Any = row) -> Any:
            args = [xs if k in row.sequences else xs[k] for k in range(len(row.args))]
            return xs[2] * row(*[1.0 if rule is None else x for rule, x in zip(row.rules, args, strict=True)])

        for taken in (tl.grad, tl.hessian, lambda f, at: tl.jacobian(tl.hessian(f, at), at)):
            compiled = compile(taken(f, (0, 1, 2)))
            compiled(0.0, 1.0, 0.5)
            assert compiled.program.watched == 0, row
    f = compile(lambda x: tl.where(slope(x) < 5.0, x * x, x**3))
    f(2.0)
    assert f.program.watched > 0 and str(f.program).count("# watched") == f.program.watched


def read(program: Program, taken: str, readers: Sequence[str]) -> tuple[Function, Function]:
    """The derivative of a program, of x and w, and a function that reads it."""
    derivative = TAKEN[taken](lambda x, w: run(program, [x, w])[0])

    def f(x: Any, w: Any) -> Any:
        d = derivative(x, w)
        y = READERS[readers[0]](d, x, w)
        return y + READERS[readers[1]](d, w, x * 0.5) if len(readers) > 1 else y

    return derivative, f


def is_far(derivative: Function, x: float, w: float) -> bool:
    """Whether rounding neither decides what a reader gives, nor is large."""
    d = derivative(Value(x), Value(w)).data
    return not math.isfinite(d) or (abs(d) < 1e4 and abs(d - C) > 1e-6)


reading = (
    sharp_programs.filter(lambda program: len(program) <= 6),
    st.sampled_from(sorted(TAKEN)),
    st.lists(st.sampled_from(sorted(READERS)), min_size=1, max_size=2),
)


@settings(max_examples=up_to(few(300, 40)), deadline=None)
@given(*reading, st.lists(hostile, min_size=1, max_size=4), hostile)
@example([("atan2", 0, 0, 0, 0)], "grad", ["equal"], [0.0], 0.5)
@example([("minimum", 0, 0, 0, 0), ("norm", 0, 0, 1, 0)], "grad", ["less_equal"], [-0.0], 1.0)
def test_what_hides_a_derivative(program: Program, taken: str, readers: list[str], xs: list[float], w: float) -> None:
    derivative, f = read(program, taken, readers)
    assume(all(is_tame(program, [x, w]) and is_far(derivative, x, w) for x in xs))
    leaf = Value(w)
    eager = [f(Value(x), leaf) for x in xs]
    total = backward(ops.sum(eager), [leaf]), by_graph(ops.sum(eager), [leaf])
    x = Value(xs[0])
    y = f(x, leaf)
    alone = backward(y, [x, leaf]), by_graph(y, [x, leaf])
    for executor in FORCED:
        compiled: Any = compile(f, executor=executor)  # type: ignore[arg-type]
        assert near([compiled(xs[0], w)], alone[0][:1]), executor
        x, other = Value(xs[0]), Value(w)
        assert near(backward(compiled(x, other), [x, other]), *alone), executor
        assert near(compiled.batch(xs, [w] * len(xs), reduce=None).tolist(), [y.data for y in eager]), executor
        captured: Any = compile(lambda x: f(x, leaf), executor=executor)  # type: ignore[arg-type]
        assert near(backward(captured.batch(xs, reduce="sum"), [leaf]), *total), executor
        with tl.no_grad():
            assert near([captured.batch(xs, reduce="sum").data], total[0][:1]), executor
        derived: Any = compile(tl.grad(f, (0, 1)), executor=executor)  # type: ignore[arg-type]
        assert near(list(derived(xs[0], w)), *[way[1:] for way in alone]), executor
