"""fixed_point in compiled functions: values, derivatives, several in one program, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_fixed_point import W, X, cell, close, implicit, unrolled

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine import Linearization
from tinygrad_lite.errors import ConvergenceError, TraceError

PAIR = pytest.mark.parametrize("executor", ["array", "native"])


def test_fixed_points_that_differ_within_are_told_apart_in_a_program() -> None:
    def outer(scale: float, p: Any) -> Any:
        return tl.fixed_point(
            lambda z: 0.3 * tl.fixed_point(lambda w: scale * tl.sin(w) + z, 0.0).values + p, 0.0
        ).values

    compiled = tl.compile(lambda p: [outer(0.5, p), outer(-0.5, p)])
    assert compiled(0.4) == pytest.approx([outer(0.5, 0.4).data, outer(-0.5, 0.4).data], abs=1e-9)
    assert compiled(0.4)[0] != pytest.approx(compiled(0.4)[1], abs=0.01)


def test_a_compiled_function_settles_as_well() -> None:
    f = tl.compile(lambda z, p: [tl.tanh(0.5 * z[0] + p), z[0] * p])
    second = tl.grad(tl.grad(lambda p, f: tl.sum(tl.fixed_point(f, [0.0, 0.0], p).values)))
    assert second(0.3, f) == pytest.approx(second(0.3, f.function), abs=1e-9)


def test_a_linearization_of_a_compiled_batch() -> None:
    """Its node has the derivatives of the sum over the lanes, and separately the part of a single lane."""
    w, b = Value(0.5), Value(-1.0)
    line = tl.compile(lambda x: w * x + b)
    ys = [line.batch([1.0, 3.0, 5.0]) * 2.0, line.batch([1.0, 3.0], reduce="sum") * w]
    assert Linearization(ys, [w, b]).pull([1.0, 0.0]) == pytest.approx([6.0, 2.0])
    assert Linearization(ys, [w, b]).pull([0.0, 1.0]) == pytest.approx([2.0, 1.0])


@PAIR
def test_compiled_calls_batches_and_derivatives(executor: Any) -> None:
    points = [0.7, 0.1, -0.4, 1.3]
    compiled = tl.compile(tl.value_and_grad(implicit, argnums=(0, 1)), executor=executor)
    value, gradient = compiled(W, X)
    assert value == pytest.approx(implicit(W, X).data, abs=1e-9)
    close(gradient, tl.grad(unrolled, argnums=(0, 1))(W, X))
    values, (by_w, by_x) = compiled.batch(np.array([W] * 4), np.array(points), reduce=None)
    for lane, x in enumerate(points):
        close((by_w[lane], by_x[lane]), tl.grad(unrolled, argnums=(0, 1))(W, x))
        assert values[lane] == pytest.approx(compiled(W, x)[0], abs=1e-14)
    close(tl.compile(tl.hessian(implicit), executor=executor)(W, X), tl.hessian(unrolled)(W, X))


@PAIR
def test_compiled_with_captured_leaves(executor: Any) -> None:
    points = [0.7, 0.1, -0.4, 1.3]
    w = [Value(v) for v in W]
    compiled = tl.compile(lambda x: implicit(w, x), executor=executor)
    compiled.batch(np.array(points)).backward()
    ours = [v.grad for v in w]
    close(ours, tl.grad(lambda w: tl.mean([unrolled(w, x) for x in points]))(W))
    x = Value(X)
    y = compiled(x)
    close(tl.gradients(y, [x, *w]), [*tl.gradients(unrolled(w, x), [x, *w])])
    (first,) = tl.gradients(y, [x], create_graph=True)
    close(tl.gradients(first, [x]), [tl.grad(tl.grad(lambda x: unrolled(W, x)))(X)])
    w[0].data = -0.3
    assert compiled(X) == pytest.approx(unrolled([-0.3, *W[1:]], X), abs=1e-9)


def test_compiled_it_is_one_operation_whatever_the_steps() -> None:
    compiled = tl.compile(tl.grad(implicit))
    compiled(W, X)
    counts = compiled.program.counts()
    assert counts["fixed_point"] == 2 and counts["tanh"] == 2  # the adjoints' solve is the other
    assert "fixed_point" in str(compiled.program) and compiled.summary


def test_a_fixed_point_found_outside_is_found_again_in_a_program() -> None:
    a = Value(0.4)
    y = tl.fixed_point(lambda z: tl.tanh(0.5 * z + a), 0.0).values
    compiled = tl.compile(lambda x: x * y)
    assert compiled(2.0) == pytest.approx(2 * y.data, abs=1e-9)
    a.data = 0.9
    again = tl.fixed_point(lambda z: tl.tanh(0.5 * z + a), 0.0).values
    assert compiled(2.0) == pytest.approx(2 * again.data, abs=1e-9)
    assert tl.compile(lambda x: x + tl.fixed_point(tl.cos, 1.0).values)(0.0) == pytest.approx(0.7390851332151607)


def test_two_fixed_points_found_outside_are_told_apart() -> None:
    w, v = Value(1.0), Value(2.0)
    by_w, by_v = (tl.fixed_point(lambda z, p=p: [0.5 * z[0] + p, 0.25 * z[1] + p], [0.0, 0.0]).values for p in (w, v))
    compiled = tl.compile(lambda x: by_w[0] * x + by_v[0] + 10.0 * by_v[1] + 100.0 * by_w[1])
    for _ in range(2):
        expected = 2.0 * w.data * 3.0 + 2.0 * v.data + 10.0 * v.data / 0.75 + 100.0 * w.data / 0.75
        assert compiled(3.0) == pytest.approx(expected)
        tl.engine.clear_grads([w, v])
        compiled.batch([3.0]).backward()
        assert (w.grad, v.grad) == (pytest.approx(6.0 + 100.0 / 0.75), pytest.approx(2.0 + 10.0 / 0.75))
        w.data, v.data = -1.0, 0.5


def test_several_fixed_points_of_one_kind_in_a_program() -> None:
    def loss(xs: Any) -> Any:
        zs = [tl.fixed_point(cell, [0.0, 0.0], W, x).values for x in xs]
        return tl.sum([z[0] for z in zs]) + tl.prod([z[1] for z in zs])

    points = [0.7, 0.1, -0.4]
    for executor in ("array", "native"):
        gradient = tl.compile(tl.grad(loss), executor=executor)
        close(gradient(points), tl.grad(loss)(points), 1e-9)
        rows = gradient.batch(np.array([points, points[::-1]]), reduce=None)
        close(rows[1].tolist(), tl.grad(loss)(points[::-1]), 1e-9)


@PAIR
def test_compiled_refusals(executor: Any) -> None:
    compiled = tl.compile(lambda a: tl.fixed_point(lambda z: a * z + 1, 0.0).values, executor=executor)
    assert compiled(0.5) == pytest.approx(2.0)
    with pytest.raises(ConvergenceError, match="divergence"):
        compiled(2.0)
    lane = " in row 2 of the batch" if executor == "array" else ""  # the other solves lane by lane
    with pytest.raises(ConvergenceError, match=f"{lane}: no fixed point.*divergence.*slope 3 there"):
        compiled.batch(np.array([0.1, 0.2, 3.0]), reduce=None)

    def looks(a: Any) -> Any:
        found = tl.fixed_point(lambda z: a * z + 1, 0.0)
        return found.values * found.steps

    with pytest.raises(TraceError, match="again at each call"):
        tl.compile(looks)(0.5)


def test_no_grad_and_detach_within_a_program() -> None:
    def loss(a: Any) -> Any:
        with tl.no_grad():
            z = tl.fixed_point(lambda z: 0.5 * z + a, 0.0).values
        return z * a

    assert tl.compile(tl.grad(loss))(3.0) == pytest.approx(6.0)
