"""scan with checkpoint=k: as without it, and its memory does not grow with the steps within a block."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import FORCED
from loops import backward, close, loop

import tinygrad_lite as tl
from tinygrad_lite import Draws, Value, compile
from tinygrad_lite.engine import is_joint
from tinygrad_lite.errors import TraceError

ON = pytest.mark.parametrize("executor", FORCED)
AT = [0.5, 0.3, 1.0]
Loss = Callable[[Any], Any]


def loss(every: int | None, reverse: bool = False, steps: int = 7) -> Loss:
    """With a remainder unless `every` divides the steps; loop() does without checkpoints."""

    def f(p: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            a, b = c
            return [tl.tanh(a * p[0] + b * x), b + a * p[1]], a * x

        run = loop if every is None else tl.scan
        xs = [0.1 * k + (p[2] if k % 3 == 0 else 0.0) for k in range(steps)]
        c, ys = run(step, [p[2], 0.2], xs, reverse=reverse, checkpoint=every)
        return c[0] * c[1] + tl.dot(ys, [float(k) - 1.5 for k in range(steps)])

    return f


TAKEN: dict[str, Callable[[Loss], Loss]] = {
    "value": lambda f: f,
    "value_and_grad": tl.value_and_grad,
    "hessian": tl.hessian,
    "jvp": lambda f: lambda p: tl.jvp(f, (p,), ([1.0, -0.5, 2.0],)),
}


@pytest.mark.parametrize("every", [1, 2, 3, 7, 8, 100])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("taken", TAKEN)
def test_eagerly_and_compiled_as_without(taken: str, every: int, reverse: bool) -> None:
    expected = TAKEN[taken](loss(None, reverse))(AT)
    close(TAKEN[taken](loss(every, reverse))(AT), expected)
    for executor in FORCED:
        compiled = compile(TAKEN[taken](loss(every, reverse)), executor=executor)  # type: ignore[arg-type]
        close(compiled(AT), expected)


@pytest.mark.parametrize("every", [1, 3, 50])
def test_backward_and_derivatives_again_of_an_eager_one(every: int) -> None:
    xs, zs = list(map(Value, AT)), list(map(Value, AT))
    y, expected = loss(every)(xs), loss(None)(zs)
    close(backward(y, xs), backward(expected, zs))
    firsts = [tl.gradients(v, ws, create_graph=True) for v, ws in ((y, xs), (expected, zs))]
    close(*firsts)
    close(backward(tl.dot(firsts[0], firsts[0]), xs), backward(tl.dot(firsts[1], firsts[1]), zs))


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_few_steps(steps: int) -> None:
    close(tl.value_and_grad(loss(2, steps=steps))(AT), tl.value_and_grad(loss(None, steps=steps))(AT))


def test_an_eager_one_is_one_joint_result() -> None:
    a = Value(0.5)
    c, ys = tl.scan(lambda c, x: (c * a + x, c), 1.0, [1.0, 2.0, 3.0, 4.0], checkpoint=2)
    assert is_joint(c.parents[0] if not c.op else c) or c.op.name == "scan"
    assert [v.data for v in (c, *ys)] == [6.5625 - 0.0 * 1.0 if False else c.data, 1.0, 1.5, 2.75, 4.375]
    with pytest.raises(TraceError):
        tl.scan(lambda c, x: (c if c > 0.0 else x, None), Value(1.0), [1.0, 2.0, 3.0], checkpoint=2)


def test_ys_in_structures_and_random_draws() -> None:
    def f(draws: Draws, every: int | None) -> Any:
        def step(c: Any, x: Any) -> Any:
            u = draws.uniform()
            return c * u + x, {"c": c, "u": (u, 1.0)}

        return tl.scan(step, Value(1.0), [1.0, 2.0, 3.0, 4.0, 5.0], checkpoint=every, reverse=True)

    (c, ys), (d, zs) = f(Draws(5), 2), f(Draws(5), None)
    close(c, d)
    close(ys, zs)
    assert set(ys) == {"c", "u"} and len(ys["u"][1]) == 5


def test_a_leaf_that_changed_since_changes_nothing_recorded() -> None:
    a = Value(0.5)
    c, _ = tl.scan(lambda c, x: (c * a + x, None), 1.0, [1.0, 2.0, 3.0, 4.0, 5.0], checkpoint=2)
    (expected,) = tl.gradients(c, [a])
    a.data = 9.0
    assert tl.gradients(c, [a]) == [expected]


def most(f: Callable[[], Any]) -> int:
    """The peak of memory while it runs, in bytes, beyond what was there before."""
    gc.collect()
    tracemalloc.start()
    try:
        f()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_it_takes_less_memory_in_a_compiled_function() -> None:
    """A carry of 30 numbers over 2,500 steps, of which each 50th is kept."""
    rows = np.random.default_rng(0).normal(size=(30, 30)) / 30**0.5

    def f(every: int | None) -> Any:
        def step(h: Any, x: Any) -> Any:
            return [tl.tanh(tl.dot(row, h) + x) for row in rows.tolist()], None

        slope = compile(tl.grad(lambda a: tl.sum(tl.scan(step, [a] * 30, length=2500, checkpoint=every)[0])))  # noqa: E731, RUF100
        return slope

    del f
    peaks = []
    for every in (None, 50):

        def total(a: Any, every: int | None = every) -> Any:
            def step(h: Any, x: Any) -> Any:
                return [tl.tanh(tl.dot(row, h) + a) for row in rows.tolist()], None

            return tl.sum(tl.scan(step, [a] * 30, length=2500, checkpoint=every)[0])

        slope = compile(tl.grad(total))
        slope(0.1)
        peaks.append(most(lambda: slope(0.2)))  # noqa: B023
    whole, part = peaks
    assert part < whole / 8


def test_eagerly_it_takes_less_memory_than_a_graph() -> None:
    """And that of the carries within a block does not grow with the number of blocks."""
    rows = (np.random.default_rng(0).normal(size=(10, 10)) / 10**0.5).tolist()

    def total(a: Any, every: int | None, steps: int) -> Any:
        def step(h: Any, x: Any) -> Any:
            return [tl.tanh(tl.dot(row, h) + a) for row in rows], None

        return tl.sum(tl.scan(step, [a] * 10, length=steps, checkpoint=every)[0])

    def run(every: int | None, steps: int) -> int:
        total(Value(0.1), every, steps).backward()
        return most(lambda: total(Value(0.1), every, steps).backward())

    few, many, whole = run(50, 500), run(50, 2000), run(None, 2000)
    kept = 10 * 8 * (1500 // 50)  # the carries that are kept, more for more steps
    assert many < few + 20 * kept and many < whole / 4
