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
from tinygrad_lite import Draws, Value, compile, engine
from tinygrad_lite.compiler.joint_results import KEPT
from tinygrad_lite.engine import is_joint
from tinygrad_lite.errors import HistoryError, TraceError

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
    """Its step is traced, so it may not choose by a number."""
    a = Value(0.5)
    c, ys = tl.scan(lambda c, x: (c * a + x, c), 1.0, [1.0, 2.0, 3.0, 4.0], checkpoint=2)
    assert all(is_joint(engine.whole_of(v)) for v in (c, *ys)) and len({engine.whole_of(v) for v in (c, *ys)}) == 1
    assert [v.data for v in (c, *ys)] == [6.1875, 1.0, 1.5, 2.75, 4.375]
    with pytest.raises(TraceError, match="branching"):
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
    with pytest.raises(HistoryError, match="changed"):
        tl.gradients(c, [a], create_graph=True)


def most(f: Callable[[], Any]) -> int:
    """The peak of memory in bytes while it runs, with what would else be used again."""
    gc.collect()
    KEPT._free.clear()
    tracemalloc.start()
    try:
        f()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def growth(every: int | None, call: Callable[[Callable[[Any], Any]], Any]) -> float:
    """How many bytes a step takes, of a network with a state of 20 numbers."""
    rows = (np.random.default_rng(0).normal(size=(20, 20)) / 20**0.5).tolist()

    def total(a: Any, steps: int) -> Any:
        def step(h: Any, x: Any) -> Any:
            return [tl.tanh(tl.dot(row, h) + a) for row in rows], None

        return tl.sum(tl.scan(step, [a] * 20, length=steps, checkpoint=every)[0])

    few, many = 500, 2500
    call(lambda a: total(a, few))
    return (most(lambda: call(lambda a: total(a, many))) - most(lambda: call(lambda a: total(a, few)))) / (many - few)


CALLS: dict[str, Callable[[Any], Any]] = {
    "eagerly": lambda f: f(Value(0.1)).backward(),
    "a gradient, array": lambda f: compile(tl.grad(f), executor="array")(0.1),
    "a gradient, native": lambda f: compile(tl.grad(f), executor="native")(0.1),
    "a batch": lambda f: compile(tl.grad(f)).batch([0.1, 0.2], reduce=None),
}


@pytest.mark.parametrize("way", CALLS)
def test_memory_hardly_grows_with_the_steps(way: str) -> None:
    """It keeps the state of each block of 50 steps, not of each step, and no graph of the steps."""
    assert growth(50, CALLS[way]) < growth(None, CALLS[way]) / 25
