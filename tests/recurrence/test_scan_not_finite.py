"""scan with nan, infinities and singular points: compiled as the loop written out, so a zero adjoint blocks in both."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
from compiled import FORCED
from loops import How, backward, loop, numbers

import tinygrad_lite as tl
from tinygrad_lite import Value, compile
from tinygrad_lite.errors import AnomalyError

pytestmark = pytest.mark.filterwarnings("error")
ON = pytest.mark.parametrize("executor", FORCED)
INF, NAN = math.inf, math.nan
Loss = Callable[[Any], Any]


def same(found: Any, expected: Any) -> None:
    a, b = numbers(found), numbers(expected)
    assert a == pytest.approx(b, rel=1e-11, abs=1e-300, nan_ok=True)


def roots(how: How) -> Loss:
    """A root of 0 that is not taken, in the carry, in x and in what a step gives."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            safe = tl.where(x > 0.0, tl.sqrt(x), 0.5) + tl.where(c > 0.0, tl.sqrt(c), p[1])
            return safe, tl.where(c > 10.0, tl.log(c - 20.0), x)

        c, ys = how(step, p[0], [p[1], p[2], 0.0, p[2]])
        return c + tl.dot(ys, ys)

    return f


def not_read(how: How) -> Loss:
    """A carry number, a y and a captured number which are not finite, but of which nothing of the result is made."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            return [c[0] * x + p[1], tl.log(c[1] - 5.0)], [tl.sqrt(x - 9.0), c[0]]

        c, ys = how(step, [p[0], p[2]], [p[1], 0.5, p[0]])
        return c[0] + ys[1][1]

    return f


def singular(how: How) -> Loss:
    """sqrt at 0 with an adjoint that is not 0, and one that is: an infinity, and nothing."""

    def f(p: Any) -> Any:
        c, ys = how(lambda c, x: (tl.sqrt(c) * p[1], tl.sqrt(x)), p[0], [p[2], p[2]])
        return c * p[1] + ys[0] * p[0]

    return f


def overflowing(how: How) -> Loss:
    def f(p: Any) -> Any:
        c, ys = how(lambda c, x: (c * c * p[1], tl.exp(c)), p[0] * 10.0, length=14)
        return c + tl.sum(ys[:4])

    return f


def masked(how: How) -> Loss:
    """A mask that selects, and flat rows, on adjoints that are infinite."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            return tl.relu(c) * x + tl.maximum(x, p[1]) + tl.step(c), tl.clip(c, -1.0, 1.0) / x

        c, ys = how(step, p[0], [p[1], p[2], p[2]], reverse=True)
        return tl.sqrt(c) + tl.sum(ys)

    return f


def dead_from_the_second_step(how: How) -> Loss:
    """The adjoint is 0 from the second step back, where what it would meet is infinite."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            a, b = c
            return (tl.sqrt(a) * x, tl.stop_gradient(b) * p[1]), a * 0.0 + b

        (a, b), ys = how(step, (p[0], p[1]), [1.0, p[2], 0.0, p[1]])
        return a * b + tl.sum(ys)

    return f


def accumulating(how: How) -> Loss:
    """Sums over the steps of numbers that are not finite, with an adjoint that is 0 and one that is not."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            return [c[0] + tl.where(x > 0.0, tl.sqrt(x), p[1]), c[1] - 1.0 / x, c[2] + x], None

        c, _ = how(step, [p[0], p[1], p[2]], [p[1], p[2], 0.5, p[0] * p[2]])
        return c[0] + tl.where(p[0] > 1.0, c[1], 0.0) + tl.sqrt(c[2] * 0.0)

    return f


LOSSES = [accumulating, roots, not_read, singular, overflowing, masked, dead_from_the_second_step]
POINTS = [
    [0.0, 0.0, 0.0], [1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 2.0, 0.0], [INF, 1.0, 0.5], [-INF, 0.0, 1.0],
    [NAN, 1.0, 1.0], [1.0, NAN, 0.0], [0.0, INF, 0.0], [1.0, 1.0, INF], [2.0, -0.0, NAN], [1e200, 1e200, 1e-200],
    [4.0, 1.0, 9.0], [1e-310, 0.5, 1e-310],
]  # fmt: skip


@ON
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("at", POINTS, ids=str)
def test_values_and_gradients_as_the_loop_written_out(loss: Any, at: list[float], executor: Any) -> None:
    xs = [Value(x) for x in at]
    expected = backward(loss(loop)(xs), xs)
    f = compile(loss(tl.scan), executor=executor)
    same(f(at), expected[0])
    same(backward(f(xs), xs), expected)
    value, gradient = compile(tl.value_and_grad(loss(tl.scan)), executor=executor)(at)
    same([value, gradient], expected)
    leaves = [Value(x) for x in at]
    captured = compile(lambda _: loss(tl.scan)(leaves), executor=executor)
    same(backward(captured.batch([0.0]), leaves), expected)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("at", POINTS, ids=str)
def test_eagerly_with_checkpoints_as_the_loop_written_out(loss: Any, at: list[float]) -> None:
    xs = [Value(x) for x in at]
    expected = backward(loss(loop)(xs), xs)
    for every in (1, 3, 20):
        same(backward(loss(functools.partial(tl.scan, checkpoint=every))(xs), xs), expected)


def test_a_leaf_that_is_nan_has_not_changed() -> None:
    a, b = Value(NAN), Value(2.0)
    c, _ = tl.scan(lambda c, x: (c * b + tl.where(0.0 * b, a, x), None), 1.0, [1.0, 2.0, 3.0], checkpoint=2)
    assert [d.data for d in tl.gradients(c, [a, b], create_graph=True)] == tl.gradients(c, [a, b]) == [0.0, 18.0]


@ON
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_lanes_do_not_disturb_one_another(loss: Any, executor: Any) -> None:
    expected = []
    for at in POINTS:
        xs = [Value(x) for x in at]
        expected.append(backward(loss(loop)(xs), xs))
    values, slopes = compile(tl.value_and_grad(loss(tl.scan)), executor=executor).batch(POINTS, reduce=None)
    for k, row in enumerate(expected):
        same([values[k], slopes[k]], row)


@ON
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("at", POINTS, ids=str)
def test_second_derivatives_that_are_finite_agree(loss: Any, at: list[float], executor: Any) -> None:
    found = compile(tl.hessian(loss(tl.scan)), executor=executor)(at)
    expected = tl.hessian(loss(loop))(at)
    for a, b in zip(numbers(found), numbers(expected), strict=True):
        assert a == pytest.approx(b, rel=1e-9, nan_ok=True), (found, expected)


@ON
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("at", POINTS, ids=str)
def test_forward_mode_is_nan_or_as_the_loop_written_out(loss: Any, at: list[float], executor: Any) -> None:
    for k in range(3):
        along = [float(j == k) for j in range(3)]
        found = compile(lambda p: tl.jvp(loss(tl.scan), (p,), (along,)), executor=executor)(at)  # noqa: B023
        expected = tl.jvp(loss(loop), (at,), (along,))
        same(found[0], expected[0])
        assert found[1] != found[1] or numbers(expected[1]) == pytest.approx([found[1]], rel=1e-11, nan_ok=True)


@ON
def test_an_anomaly_is_told(executor: Any) -> None:
    """Eagerly with the line of the step; a compiled call has the error of its node."""

    def f(x: Any) -> Any:
        return tl.scan(lambda c, u: (tl.log(c) * u, None), x, [1.0, 2.0, 3.0])[0]  # the second log is of 0

    with tl.detect_anomaly(), pytest.raises(AnomalyError, match=r"log"):
        f(Value(1.0))
    assert math.isnan(f(Value(1.0)).data)
    compiled = compile(f, executor=executor)
    assert math.isnan(compiled(1.0))
    with tl.detect_anomaly(), pytest.raises(AnomalyError):
        compiled(Value(1.0))
    with tl.detect_anomaly():
        assert compiled(Value(50.0)).data == pytest.approx(f(Value(50.0)).data)
