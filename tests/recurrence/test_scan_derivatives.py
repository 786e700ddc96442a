"""Derivatives of scan in compiled functions, of every kind and order: those of the loop written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import FORCED
from loops import How, close, loop

import tinygrad_lite as tl
from tinygrad_lite import Value

ON = pytest.mark.parametrize("executor", FORCED)
AT, ALONG = [0.5, 0.3, 1.0, 0.2], [1.0, 0.5, -1.0, 2.0]
Loss = Callable[[Any], Any]


def pendulum(how: How, reverse: bool = False) -> Loss:
    """A carry of two numbers; xs known and not; all of the carry, ys and parameters are read."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            a, b = c
            return [a * tl.tanh(b * p[0]) + x * p[1], b + a * 0.1], a * b

        c, ys = how(step, [p[2], p[3]], [0.1, 0.2, -0.3, 0.4 * p[0], 0.7], reverse=reverse)
        return c[0] * c[1] + tl.mean(ys) + ys[1] * 3.0

    return f


def back(how: How) -> Loss:
    return pendulum(how, True)


def powers(how: How) -> Loss:
    """The carry alone, with no xs and no parameter in the step; f is linear in no part."""
    return lambda p: how(lambda c, _: (tl.sin(c) * c, None), p[0] * p[2] + p[1], length=4)[0]


def only_given(how: How) -> Loss:
    """Results that no step hands on, from xs; the carry counts and is read by none."""

    def f(p: Any) -> Any:
        _, ys = how(lambda c, x: (c + 1.0, tl.exp(x * p[0]) * c), 0.0, [p[1], p[2], p[3], 0.5])
        return tl.sum(ys[1:]) + ys[3] ** 2

    return f


def one_of_many(how: How) -> Loss:
    """One y and one number of the carry; others get no adjoint, and one carry number none at all."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            return [c[1] * p[0], c[0] + x, c[2] * 1.5], [c[0] * x, tl.sin(c[2])]

        c, ys = how(step, [p[1], 0.5, p[3]], [p[2], p[2], 0.25, p[0]], reverse=True)
        return c[0] * ys[2][0]

    return f


def sums_of_ys(how: How) -> Loss:
    """A sum of all ys, which is one number of the scan, beside the ys themselves and a sum of some."""

    def f(p: Any) -> Any:
        c, ys = how(lambda c, x: (c * p[0] + x, tl.sin(c * p[1])), p[2], [p[3], 1.0, 2.0, p[3]])
        return c * tl.sum(ys) + tl.sum(ys[:2]) * ys[3] + tl.dot(ys, [1.0, 2.0, 3.0, p[1]])

    return f


def two_in_a_row(how: How) -> Loss:
    """The ys of one are the xs of the other, and its carry the other's start."""

    def f(p: Any) -> Any:
        c, ys = how(lambda c, x: (tl.tanh(c * p[0] + x), c * p[1]), p[2], [0.3, p[3], 0.1])
        d, zs = how(lambda d, y: (d * y + p[3], d - y * y), c * c, ys, reverse=True)
        return d + tl.sum(zs) * ys[0]

    return f


def accumulating(how: How) -> Loss:
    """Numbers of the carry that a step only adds to, in many ways; one that another step reads; one that stays."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            total, less, twice, read, moving, still = c
            after = tl.sin(moving) * p[0] + x
            return [
                total + after * x, less - x * p[1] + moving, p[2] * x + (twice + 1.0) - after, read + x * p[3], after,
                still,
            ], read * x  # fmt: skip

        c, ys = how(step, [p[0], 0.0, p[1], 0.5, p[2], p[3]], [0.1, p[1], 0.3, p[2] * p[3]], reverse=True)
        return c[0] * c[1] + c[2] * c[3] + c[4] * c[5] + tl.sum(ys)

    return f


LOSSES = [accumulating, pendulum, back, powers, only_given, one_of_many, sums_of_ys, two_in_a_row]
ALL = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)


def laplacian(f: Loss) -> Loss:
    return lambda p: tl.sum([row[k] for k, row in enumerate(tl.hessian(f)(p))])


DERIVATIVES: dict[str, Callable[[Loss], Callable[[Any], Any]]] = {
    "value": lambda f: f,
    "value_and_grad": tl.value_and_grad,
    "grad": tl.grad,
    "hessian": tl.hessian,
    "hvp": lambda f: lambda p: tl.hvp(f, p, ALONG),
    "jvp": lambda f: lambda p: tl.jvp(f, (p,), (ALONG,)),
    "jvp of jvp": lambda f: lambda p: tl.jvp(lambda p: tl.jvp(f, (p,), (ALONG,))[1], (p,), (ALONG[::-1],)),
    "vjp": lambda f: lambda p: tl.vjp(lambda p: [f(p), 2.0 * f(p) * p[0]], p)[1]([0.5, -1.0]),
    "jacobian": lambda f: tl.jacobian(lambda p: [f(p), f(p) * p[1], p[2]]),
    "third": lambda f: lambda p: tl.grad(lambda q: tl.grad(lambda r: tl.grad(lambda s: f([s, *p[1:]]))(r))(q))(p[0]),
    "gradient of a gradient's square": lambda f: tl.grad(lambda p: tl.sum([d * d for d in tl.grad(f)(p)])),
    "gradient of a jvp": lambda f: tl.grad(lambda p: tl.jvp(f, (p,), (ALONG,))[1]),
    "gradient of the laplacian": lambda f: tl.grad(laplacian(f)),
}


@ON
@ALL
@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_compiled_they_are_those_of_the_loop(loss: Any, derivative: str, executor: Any) -> None:
    taken = DERIVATIVES[derivative]
    close(tl.compile(taken(loss(tl.scan)), executor=executor)(AT), taken(loss(loop))(AT))


@ON
@ALL
@pytest.mark.parametrize("lanes", [1, 3, 300])
@pytest.mark.filterwarnings("error")
def test_batches(loss: Any, lanes: int, executor: Any) -> None:
    rows = np.random.default_rng(lanes).normal(0.3, 0.4, size=(lanes, 4))
    some = rows[:: max(1, lanes // 5)]
    f, slope, curvature = (
        tl.compile(g(loss(tl.scan)), executor=executor) for g in (lambda f: f, tl.value_and_grad, tl.hessian)
    )
    expected = [tl.value_and_grad(loss(loop))(row) for row in some.tolist()]
    values = f.batch(rows, reduce=None)
    close(values[:: max(1, lanes // 5)].tolist(), [v for v, _ in expected])
    found, by_row = slope.batch(rows, reduce=None)
    close(found, values)
    close(by_row[:: max(1, lanes // 5)].tolist(), [g for _, g in expected])
    close(curvature.batch(some, reduce=None).tolist(), [tl.hessian(loss(loop))(row) for row in some.tolist()])
    close(f.batch(rows).data, np.mean(values))
    close(f.batch(rows, reduce="sum").data, np.sum(values))


@ON
@ALL
def test_with_values_a_call_is_a_node_that_is_differentiated_again(loss: Any, executor: Any) -> None:
    compiled = tl.compile(loss(tl.scan), executor=executor)
    found: list[Any] = []
    for f in (compiled, loss(loop)):
        xs = [Value(x) for x in AT]
        y = f(xs)
        first = tl.gradients(y, xs, create_graph=True)
        second = [tl.gradients(d, xs, create_graph=True) for d in first]
        found.append([y, tl.gradients(y, xs), first, second, tl.gradients(tl.sum([*first, *second[2]]), xs)])
    close(*found)


@ON
def test_a_third_derivative_by_what_the_scan_does_not_depend_on(executor: Any) -> None:
    """But its derivatives do: of the scans that the second derivative reads, only some are asked for."""

    def mixed(how: How) -> Callable[[float, float], Any]:
        def f(p: Any, r: Any) -> Any:
            c, ys = how(lambda c, x: (tl.sin(c * p + x), c * c), p, [0.3, 0.2, 0.1])
            return tl.sin(r * c) + r * tl.dot(ys, ys)

        return lambda p, r: tl.grad(lambda r: tl.grad(tl.grad(lambda p: f(p, r)))(p))(r)

    close(tl.compile(mixed(tl.scan), executor=executor)(0.7, 1.2), mixed(loop)(0.7, 1.2))


@ALL
def test_the_executors_agree_to_rounding_and_gradients_are_those_of_finite_differences(loss: Any) -> None:
    slopes = [tl.compile(tl.grad(loss(tl.scan)), executor=executor)(AT) for executor in FORCED]  # type: ignore[arg-type]
    close(slopes[0], slopes[1], 1e-14)
    f = tl.compile(loss(tl.scan))
    for k, d in enumerate(slopes[0]):
        ahead, behind = ([x + h * (j == k) for j, x in enumerate(AT)] for h in (1e-5, -1e-5))
        assert d == pytest.approx((f(ahead) - f(behind)) / 2e-5, rel=1e-6, abs=1e-8)
