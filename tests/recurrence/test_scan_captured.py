"""What the step of a scan captures: leaves, models, results; hooks, no_grad and detach within it; lanes of a batch."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import FORCED
from loops import How, backward, close, loop

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn

ON = pytest.mark.parametrize("executor", FORCED)
LANES = pytest.mark.parametrize("lanes", [1, 3, 300])
W = [[0.3, -0.2, 0.5], [0.1, 0.7, -0.4]]


def network(how: How, w: Any, out: Any = 1.0) -> Callable[[Any], Any]:
    """Captured rows of weights in the step, and one leaf outside."""

    def f(x: Any) -> Any:
        def step(h: Any, u: Any) -> Any:
            after = [tl.tanh(tl.dot(row, [*h, u])) for row in w]
            return after, after[0] * after[1]

        h, ys = how(step, [0.0, 0.1], [x, x * 0.5, 0.3, x * x])
        return (h[0] + tl.sum(ys)) * out

    return f


def weights() -> tuple[list[list[Value]], Value, list[Value]]:
    w, out = [[Value(x) for x in row] for row in W], Value(0.8)
    return w, out, [*[v for row in w for v in row], out]


def both(executor: Any, make: Callable[[How], tuple[Callable[..., Any], list[Value]]]) -> tuple[Any, Any, Any, Any]:
    """A compiled function with its leaves, and the loop written out with its own."""
    f, leaves = make(tl.scan)
    g, others = make(loop)
    return compile(f, executor=executor), leaves, g, others


def made(how: How) -> tuple[Callable[..., Any], list[Value]]:
    w, out, leaves = weights()
    return network(how, w, out), leaves


@ON
def test_calls_give_gradients_by_leaves_and_arguments(executor: Any) -> None:
    f, leaves, g, others = both(executor, made)
    x, z = Value(0.4), Value(0.4)
    close(backward(f(x), [*leaves, x]), backward(g(z), [*others, z]))
    close(f(0.4), g(Value(0.4)))
    firsts = [tl.gradients(y, ws, create_graph=True) for y, ws in ((f(x), [*leaves, x]), (g(z), [*others, z]))]
    close(*firsts)
    squares = [tl.sum([d * d for d in first]) for first in firsts]
    close(backward(squares[0], [*leaves, x]), backward(squares[1], [*others, z]))


@ON
@LANES
def test_batches_give_gradients_by_leaves(lanes: int, executor: Any) -> None:
    f, leaves, g, others = both(executor, made)
    xs = np.linspace(-1.0, 1.0, lanes) + 0.2
    for reduce, over in (("mean", tl.mean), ("sum", tl.sum)):
        found, expected = f.batch(xs, reduce=reduce), over([g(x) for x in xs.tolist()])
        close(backward(found, leaves), backward(expected, others))
    penalty = [y + 0.1 * tl.dot(ws, ws) for y, ws in ((found, leaves), (expected, others))]
    close(backward(penalty[0], leaves), backward(penalty[1], others))
    if lanes < 10:
        squares = [
            tl.sum([d * d for d in tl.gradients(y, ws, create_graph=True)])
            for y, ws in ((found, leaves), (expected, others))
        ]
        close(backward(squares[0], leaves), backward(squares[1], others))


@ON
def test_leaves_are_read_anew_at_each_call(executor: Any) -> None:
    f, leaves, g, others = both(executor, made)
    for turn in range(3):
        close(f(0.4), g(0.4))
        close(backward(f.batch([0.4, -0.2, 1.0]), leaves), backward(tl.mean([g(x) for x in (0.4, -0.2, 1.0)]), others))
        for k, (a, b) in enumerate(zip(leaves, others, strict=True)):
            a.data = b.data = 0.3 * k - 0.5 * turn
    assert f.trace_count == 2


def drift(how: How) -> tuple[Callable[..., Any], list[Value]]:
    """A captured result; leaves in the start, among xs, in the step, and one that the step hands on as it is."""
    a, b, c = Value(0.4), Value(0.9), Value(-0.3)
    inner = tl.sin(a * b)

    def f(x: Any) -> Any:
        def step(h: Any, u: Any) -> Any:
            return [h[0] * inner + u * c, a], [h[1] * x, b]

        h, ys = how(step, [b, x], [a, 1.0, c, x, inner], reverse=True)
        return h[0] * h[1] + tl.sum([y[0] * y[1] for y in ys])

    return f, [a, b, c]


@ON
def test_captured_leaves_and_results_wherever_they_are_read(executor: Any) -> None:
    f, leaves, g, others = both(executor, drift)
    x, z = Value(0.7), Value(0.7)
    close(backward(f(x), [*leaves, x]), backward(g(z), [*others, z]))
    close(backward(f.batch([0.7, 0.1, -0.2]), leaves), backward(tl.mean([g(x) for x in (0.7, 0.1, -0.2)]), others))
    firsts = [tl.gradients(y, ws, create_graph=True) for y, ws in ((f(x), leaves), (g(z), others))]
    close(backward(tl.dot(firsts[0], firsts[0]), leaves), backward(tl.dot(firsts[1], firsts[1]), others))


def models(how: How) -> tuple[Callable[..., Any], list[Value]]:
    random.seed(3)
    first, second = nn.MLP(2, [3, 2], activation="tanh"), nn.Linear(2, 2)

    def f(x: Any) -> Any:
        h, ys = how(lambda h, u: (second(first([h[0], u])), h[1] * u), [x, 0.5], [x, 0.1, 0.2])
        return tl.dot(h, h) + tl.sum(ys)

    return f, [*first.parameters(), *second.parameters()]


@ON
def test_several_models_of_which_one_trains(executor: Any) -> None:
    """Bound parameters, which a program reads as rows; trained by steps that a compiled function takes."""
    f, leaves, g, others = both(executor, models)
    for _ in range(3):
        found, expected = f.batch([0.7, -0.4]), tl.mean([g(Value(x)) for x in (0.7, -0.4)])
        close(backward(found, leaves), backward(expected, others))
        for some in (leaves, others):
            for w in some:
                w.data -= 0.1 * w.grad


@ON
@pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")
def test_arguments_that_differ_by_lane_and_those_that_do_not(executor: Any) -> None:
    """In the step, among xs and in the start; with a leaf that all lanes share beside them."""

    def make(how: How) -> tuple[Callable[..., Any], list[Value]]:
        w = Value(0.6)

        def f(p: Any, x: Any) -> Any:
            def step(c: Any, u: Any) -> Any:
                return [c[0] * p[0] + u * w, tl.sin(c[1] + p[1])], [c[0], c[1] * p[0]]

            c, ys = how(step, [x, x * 2.0], [0.1, 0.2, x])
            return c[0] * c[1] + ys[1][0] + ys[2][1]

        return f, [w]

    f, leaves, g, others = both(executor, make)
    ps, xs = np.random.default_rng(0).normal(size=(7, 2)), np.random.default_rng(1).normal(size=7)
    rows = list(zip(ps.tolist(), xs.tolist(), strict=True))
    close(f.batch(ps, xs, reduce=None).tolist(), [g(p, x) for p, x in rows])
    close(backward(f.batch(ps, xs), leaves), backward(tl.mean([g(p, x) for p, x in rows]), others))
    slopes = compile(tl.grad(f.function, argnums=(0, 1)), executor=executor)
    by_p, by_x = slopes.batch(ps, xs, reduce=None)
    for k, row in enumerate(rows):
        close((by_p[k].tolist(), by_x[k]), tl.grad(g, argnums=(0, 1))(*row))


@ON
@pytest.mark.parametrize("where", range(5))
def test_gradient_hooks_within_the_step(where: int, executor: Any) -> None:
    """On the carry, on x and on what the step computes; a hook acts in each step."""

    def f(how: How) -> Callable[[Any], Any]:
        def step(c: Any, x: Any) -> Any:
            s = tl.sin(c * p[0])
            t = tl.dot([c, x, p[1]], [x, s, c])
            parts = [c, x, s, t, s * x]
            tl.register_hook(parts[where], lambda g: 3.0 * g)
            return t, parts[-1]

        def loss(v: Any) -> Any:
            nonlocal p
            p = v
            c, ys = how(step, v[0] * 1.0, [v[1] * 1.0, 0.5 * v[1], v[1] * v[1]])
            return c + tl.sum(ys)

        p: Any = None
        return loss

    for taken in (tl.grad, tl.hessian):
        close(compile(taken(f(tl.scan)), executor=executor)([0.7, 0.4]), taken(f(loop))([0.7, 0.4]))


@ON
@pytest.mark.parametrize("where", range(4))
def test_gradient_hooks_on_a_sum_over_the_steps(where: int, executor: Any) -> None:
    """A carry that the step only adds to; its sums within a step; and the results."""

    def f(how: How) -> Callable[[Any], Any]:
        def hooked(k: int, v: Any) -> None:
            if k == where:
                tl.register_hook(v, lambda g: 3.0 * g)

        def loss(v: Any) -> Any:
            def step(c: Any, x: Any) -> Any:
                hooked(0, c)
                more = c + x * v[0]
                hooked(1, more)
                return more - tl.sin(x), x * x

            c, ys = how(step, v[0] * 1.0, [v[1] * 1.0, 0.5 * v[1], v[1] * v[1]])
            hooked(2, c)
            hooked(3, ys[1])
            return c * v[1] + tl.sum(ys)

        return loss

    for taken in (tl.grad, tl.hessian):
        close(compile(taken(f(tl.scan)), executor=executor)([0.7, 0.4]), taken(f(loop))([0.7, 0.4]))


@ON
def test_gradient_hooks_on_what_the_step_captures(executor: Any) -> None:
    """They see what all steps pass on, once."""
    a, b, seen = Value(0.5), Value(0.8), list[float]()
    w = [[a, b, a], [b, b, a]]
    with tl.register_hook(a, lambda g: seen.append(float(g)) or 10.0 * g):  # type: ignore[func-returns-value]
        found = backward(compile(network(tl.scan, w), executor=executor)(Value(0.3)), [a, b])
        expected = backward(network(loop, w)(Value(0.3)), [a, b])
    close(found, expected)
    assert len(seen) == 2 and seen[0] == pytest.approx(seen[1]) == pytest.approx(a.grad / 10.0)


@ON
@pytest.mark.parametrize("stop", [Value.detach, tl.stop_gradient])
def test_detach_within_the_step(executor: Any, stop: Any) -> None:
    """Of the carry, of x, of a captured number and of a result."""
    for where in range(4):

        def f(how: How, p: Any, q: Any, where: int = where) -> Any:
            def step(c: Any, x: Any) -> Any:
                parts = [c, x, p, c * x]
                parts[where] = stop(parts[where])
                return tl.sin(parts[0] * parts[2]) + parts[1] + parts[3], parts[3] * c

            c, ys = how(step, q, [p, q, p * q])
            return c + tl.sum(ys)

        for taken in (tl.grad, tl.hessian):
            found = compile(taken(lambda v: f(tl.scan, *v)), executor=executor)([0.7, 0.4])
            close(found, taken(lambda v: f(loop, *v))([0.7, 0.4]))


@ON
def test_no_grad_within_the_step_and_around_the_scan(executor: Any) -> None:
    def f(how: How, around: bool) -> Callable[[Any], Any]:
        def loss(v: Any) -> Any:
            def step(c: Any, x: Any) -> Any:
                with tl.no_grad():
                    frozen = tl.sin(c * v[0])
                return frozen * c + x * v[1], frozen

            if not around:
                c, ys = how(step, v[0], [0.5, v[1], 0.25])
            else:
                with tl.no_grad():
                    c, ys = how(step, v[0], [0.5, v[1], 0.25])
            return c * v[0] + tl.sum(ys) * v[1]

        return loss

    for around in (False, True):
        for taken in (tl.grad, tl.hessian, tl.value_and_grad):
            close(compile(taken(f(tl.scan, around)), executor=executor)([0.7, 0.4]), taken(f(loop, around))([0.7, 0.4]))


@ON
def test_a_gradient_that_is_taken_within_the_step(executor: Any) -> None:
    """Gradient descent, of which the derivative by its rate and its start is taken."""

    def f(how: How) -> Callable[[Any], Any]:
        def loss(w: Any) -> Any:
            return (tl.sin(w) - 0.3) ** 2 + 0.1 * w * w

        return lambda v: loss(how(lambda w, _: (w - v[0] * tl.grad(loss)(w), None), v[1], length=6)[0])

    for taken in (tl.value_and_grad, tl.hessian):
        close(compile(taken(f(tl.scan)), executor=executor)([0.5, 1.2]), taken(f(loop))([0.5, 1.2]))
