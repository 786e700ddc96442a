"""A scan with more inside its step: another scan, a fixed point, a compiled function, own operations, random draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import FORCED
from loops import How, backward, close, loop

import tinygrad_lite as tl
from tinygrad_lite import Draws, Value, compile

ON = pytest.mark.parametrize("executor", FORCED)
AT = [0.5, 0.9, 1.2]
Loss = Callable[[Any], Any]


def scan_in_scan(how: How) -> Loss:
    """The inner one reads the outer carry and x, and gives a list of ys."""

    def f(p: Any) -> Any:
        def outer(c: Any, x: Any) -> Any:
            d, ys = how(lambda e, u: (e + 0.1 * p[0] * tl.sin(e * u), e * x), c, [0.5, c, p[2]])
            return d * p[1], tl.dot(ys, ys)

        c, ys = how(outer, p[2], [0.3, p[0], 1.1, 0.7], reverse=True)
        return c + tl.sum(ys)

    return f


def three_deep(how: How) -> Loss:
    def f(p: Any) -> Any:
        def third(c: Any, x: Any) -> Any:
            return tl.sin(c * p[0]), c * x

        def second(c: Any, x: Any) -> Any:
            d, ys = how(third, c * x, [p[1], 0.5])
            return d, ys[1]

        def first(c: Any, x: Any) -> Any:
            d, ys = how(second, c, [x, p[2], 0.8])
            return d + x, tl.sum(ys)

        c, ys = how(first, p[2], [0.3, p[1]])
        return c * ys[0] + ys[1]

    return f


def inner_without_the_carry(how: How) -> Loss:
    """What runs for all steps at once contains a scan; so does what runs after the loop."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            d, _ = how(lambda e, u: (tl.tanh(e * p[0] + u), None), x, [p[1], 0.2])
            e, _ = how(lambda e, u: (e * 0.5 + u, None), c, [p[2], 0.1])
            return tl.sin(c) * d, e

        c, ys = how(step, p[0], [0.3, p[1], 0.7])
        return c + tl.dot(ys, ys)

    return f


def fixed_point_in_scan(how: How) -> Loss:
    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            z = tl.fixed_point(lambda z: 0.5 * tl.tanh(p[0] * z + c + x), 0.0, tol=1e-14).values
            return z, z * p[1]

        c, ys = how(step, p[2], [0.1, 0.2, p[0]])
        return c + tl.sum(ys)

    return f


def fixed_point_without_the_carry(how: How) -> Loss:
    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            z = tl.fixed_point(lambda z: [0.5 * tl.tanh(p[0] * z[1] + x), 0.3 * z[0] + p[2]], [0.0, 0.0], tol=1e-14)
            return tl.sin(c) + z.values[0], z.values[1] * c

        c, ys = how(step, p[2], [0.1, p[1], 0.3])
        return c + tl.sum(ys)

    return f


def scan_in_fixed_point(how: How) -> Loss:
    def f(p: Any) -> Any:
        def settling(z: Any) -> Any:
            return how(lambda c, x: (0.5 * tl.tanh(c * p[0] + x * p[1] + z * p[2]), None), z, [0.1, 0.2, 0.3])[0]

        return tl.fixed_point(settling, 0.0, tol=1e-14).values

    return f


def scan_of_scans(how: How) -> Loss:
    """Several of one kind in one program, and one that reads others' numbers."""

    def f(p: Any) -> Any:
        found = [how(lambda c, x: (tl.sin(c * x), c * p[0]), q, [p[0], 0.5, q]) for q in (*p, 0.3)]
        return how(lambda c, x: (c * p[1] + x, None), 0.1, [c for c, _ in found])[0] + tl.prod(
            [ys[1] for _, ys in found]
        )

    return f


LOSSES = [
    scan_in_scan, inner_without_the_carry, fixed_point_in_scan, fixed_point_without_the_carry,
    scan_in_fixed_point, scan_of_scans,
]  # fmt: skip
TAKEN: dict[str, Callable[[Loss], Loss]] = {
    "value": lambda f: f,
    "value_and_grad": tl.value_and_grad,
    "hessian": tl.hessian,
    "hvp": lambda f: lambda p: tl.hvp(f, p, [1.0, -0.5, 2.0]),
    "jvp": lambda f: lambda p: tl.jvp(f, (p,), ([1.0, -0.5, 2.0],)),
}


@ON
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("taken", TAKEN)
def test_as_the_loop_written_out(loss: Any, taken: str, executor: Any) -> None:
    found = compile(TAKEN[taken](loss(tl.scan)), executor=executor)(AT)
    close(found, TAKEN[taken](loss(loop))(AT), 1e-9 if "fixed" in loss.__name__ else 1e-11)


@ON
@pytest.mark.parametrize("taken", ["value", "value_and_grad", "jvp"])
def test_a_scan_in_a_scan_in_a_scan(taken: str, executor: Any) -> None:
    close(compile(TAKEN[taken](three_deep(tl.scan)), executor=executor)(AT), TAKEN[taken](three_deep(loop))(AT))


@ON
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_batches(loss: Any, executor: Any) -> None:
    rows = np.random.default_rng(0).uniform(0.2, 1.0, size=(5, 3))
    tolerance = 1e-9 if "fixed" in loss.__name__ else 1e-11
    expected = [tl.value_and_grad(loss(loop))(row) for row in rows.tolist()]
    values, slopes = compile(tl.value_and_grad(loss(tl.scan)), executor=executor).batch(rows, reduce=None)
    close([values.tolist(), slopes.tolist()], [[v for v, _ in expected], [g for _, g in expected]], tolerance)
    leaves = list(map(Value, AT))
    shared = compile(lambda x: loss(tl.scan)([*leaves[:2], leaves[2] * x]), executor=executor)
    xs = [0.5, 0.8, 1.0]
    found = backward(shared.batch(xs), leaves)
    close(found, backward(tl.mean([loss(loop)([*leaves[:2], leaves[2] * x]) for x in xs]), leaves), tolerance)


@ON
@pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")
def test_compiled_functions_within_the_step_and_a_compiled_function_as_the_step(executor: Any) -> None:
    w = Value(0.4)
    inner = compile(lambda c, x: (tl.tanh(c * w + x), c * x), executor=executor)

    def f(how: How, step: Any) -> Loss:
        return lambda p: (found := how(step, p[0], [p[1], 0.2, p[2]]))[0] + tl.sum(found[1])

    for taken in (tl.value_and_grad, tl.hessian):
        expected = taken(f(loop, inner.function))(AT)
        close(compile(taken(f(tl.scan, inner)), executor=executor)(AT), expected)
        close(compile(taken(f(tl.scan, lambda c, x: inner(c, x))), executor=executor)(AT), expected)
        close(taken(f(tl.scan, inner))(AT), expected)
    leaves = [w]
    found = backward(compile(f(tl.scan, inner), executor=executor)(list(map(Value, AT))), leaves)
    close(found, backward(f(loop, inner.function)(list(map(Value, AT))), leaves))


def test_a_compiled_function_that_scans_is_called_in_all_ways() -> None:
    """By another scan, eagerly, by a transform, and with Values."""
    g = compile(lambda c, x: tl.scan(lambda c, u: (tl.sin(c + u * x), None), c, [0.1, 0.2, x])[0])

    def f(how: How, g: Any) -> Loss:
        return lambda p: how(lambda c, x: (g(c, x), None), p[0], p)[0]

    expected = tl.value_and_grad(f(loop, g.function))(AT)
    close(tl.value_and_grad(f(tl.scan, g))(AT), expected)
    close(compile(tl.value_and_grad(f(tl.scan, g)))(AT), expected)
    xs = list(map(Value, AT))
    close(backward(f(tl.scan, g)(xs), xs), [expected[0], *expected[1]])


@ON
def test_own_operations_within_the_step(executor: Any, own_operations: Any) -> None:
    cubed = own_operations("cubed_in_a_loop", lambda x: x * x * x, lambda g, y, x: g * 3.0 * x * x)
    wrong = own_operations("stopped_in_a_loop", lambda x: 2.0 * x, lambda g, y, x: 0.5 * g)  # seen: its rule is used

    def f(how: How) -> Loss:
        def loss(p: Any) -> Any:
            c, ys = how(lambda c, x: (cubed(c) * p[0] + wrong(x), wrong(c) * p[2]), p[1], [0.1, p[2], 0.3])
            return c + tl.sum(ys)

        return loss

    for taken in (tl.value_and_grad, tl.hessian):
        close(compile(taken(f(tl.scan)), executor=executor)(AT), taken(f(loop))(AT))


@ON
@pytest.mark.parametrize("reverse", [False, True])
def test_random_draws_are_those_that_eager_code_would_draw(executor: Any, reverse: bool) -> None:
    """In the order in which the steps run, from several sources, anew at each call and for each lane."""

    def f(how: How, a: Draws, b: Draws) -> Callable[[Any], Any]:
        def step(c: Any, x: Any) -> Any:
            u = a.uniform()
            return c * u + x, tl.where(b.uniform() < 0.5, c, u * a.uniform())

        return lambda x: [a.uniform() * 1.0, *how(step, x, [x, 0.5, 0.25], reverse=reverse)]

    eager, compiled = f(loop, Draws(3), Draws(4)), compile(f(tl.scan, Draws(3), Draws(4)), executor=executor)
    found = [compiled(0.7) for _ in range(3)]
    close(found, [eager(Value(0.7)) for _ in range(3)])
    assert found[0] != found[1]
    lanes = compiled.batch([0.1, 0.2, 0.3], reduce=None)
    expected = [eager(Value(x)) for x in (0.1, 0.2, 0.3)]
    for k, lane in enumerate(expected):
        close([lanes[0][k], lanes[1][k], lanes[2][k].tolist()], lane)


@ON
def test_derivatives_belong_to_the_numbers_that_were_drawn(executor: Any) -> None:
    """Dropout in a loop; also where the derivative is taken inside."""

    def f(how: How, draws: Draws) -> Callable[[Any], Any]:
        return lambda x: how(lambda c, u: (tl.where(draws.uniform() < 0.5, 0.0, c * u) + x, None), x, [2.0] * 6)[0]

    for taken in (tl.value_and_grad, tl.hessian, lambda f: lambda x: tl.jvp(f, (x,), (1.0,))):
        eager, compiled = taken(f(loop, Draws(8))), compile(taken(f(tl.scan, Draws(8))), executor=executor)
        found = [compiled(1.5) for _ in range(8)]
        close(found, [eager(1.5) for _ in range(8)])
        assert len(set(map(str, found))) > 1 or taken is tl.hessian
    x, eager, compiled = Value(1.5), f(loop, Draws(8)), compile(f(tl.scan, Draws(8)), executor=executor)
    for _ in range(4):
        close(backward(compiled(x), [x]), backward(eager(x), [x]))


def test_equal_scans_share_their_programs() -> None:
    """Those that differ in no more than the numbers they are given; a constant in the step is another."""

    def f(how: How, p: Any, scales: Any) -> Any:
        pairs = zip(p, scales, strict=True)
        return tl.sum([how(lambda c, x, s=s: (tl.sin(c * s) + x, None), q, p)[0] for q, s in pairs])  # type: ignore[misc]

    for scales, kinds in (([2.0] * 3, 1), ([2.0, 3.0, 2.0], 2)):
        compiled = compile(lambda p, scales=scales: f(tl.scan, p, scales))  # type: ignore[misc]
        close(compiled(AT), f(loop, list(map(Value, AT)), scales))
        assert len({kind for kind in compiled.program.kinds if getattr(kind, "name", "") == "scan"}) == kinds
