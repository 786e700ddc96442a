"""Random numbers within a compiled function are those that eager code would draw."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import EXECUTORS, FORCED, differences

import tinygrad_lite as tl
from tinygrad_lite import Draws, Value, compile
from tinygrad_lite.errors import TraceError


def test_random_numbers_that_would_be_frozen_are_named() -> None:
    for draw in (random.random, lambda: random.gauss(0.0, 1.0), lambda: np.random.default_rng().uniform()):
        with pytest.raises(TraceError, match=r"in a second trace.*Draws"):
            compile(lambda x, draw=draw: x * draw())(1.0)  # type: ignore[misc]
    state = [0.0]

    def counting(x: Any) -> Any:
        state.append(0.0)
        for _ in state:
            x = tl.sin(x)
        return x

    with pytest.raises(TraceError, match="two traces of it differ"):
        compile(counting)(1.0)


def eager_and_compiled(f: Callable[[Draws], Callable[..., Any]], seed: int) -> tuple[Callable[..., Any], Any]:
    return f(Draws(seed)), f(Draws(seed))


def noisy(draws: Draws) -> Callable[..., Any]:
    return lambda x: x * draws.uniform() + tl.where(draws.uniform() < 0.5, 1.0, draws.uniform())


@pytest.mark.parametrize("executor", EXECUTORS)
def test_draws_are_those_that_eager_code_would_draw(executor: Any) -> None:
    eager, other = eager_and_compiled(noisy, 7)
    compiled = compile(other, executor=executor)
    found = [compiled(2.0) for _ in range(5)]
    assert found == pytest.approx([eager(2.0) for _ in range(5)]) and len(set(found)) == 5
    lanes = compiled.batch([1.0] * 20, reduce=None)
    assert lanes.tolist() == pytest.approx([eager(1.0) for _ in range(20)]) and len(set(lanes.tolist())) == 20
    assert compiled.batch([1.0, 2.0, 3.0]).data == pytest.approx(sum([eager(x) for x in (1.0, 2.0, 3.0)]) / 3)
    x = Value(2.0)
    y = compiled(x)
    y.backward()
    before = eager(Value(0.0))
    assert x.grad == pytest.approx((y.data - float(getattr(before, "data", before))) / 2.0)
    assert compiled(1.0) == pytest.approx(eager(1.0)) and len(compiled.traces) == 2


def test_draws_of_several_sources_and_of_none() -> None:
    a, b, c, d = Draws(1), Draws(2), Draws(1), Draws(2)
    compiled = compile(lambda x: [a.uniform() + x, b.uniform(), a.uniform()])
    for _ in range(3):
        assert compiled(0.0) == [c.uniform(), d.uniform(), c.uniform()]
    lanes = compiled.batch([0.0, 0.0], reduce=None)
    assert lanes.tolist() == [[c.uniform(), d.uniform(), c.uniform()] for _ in range(2)]
    assert compile(lambda x: Draws(3).uniform() * 0.0 + x)(2.0) == 2.0


@pytest.mark.parametrize("executor", FORCED)
def test_dropout(executor: Any) -> None:
    """Derivatives belong to the numbers drawn in the call, even if they are taken eagerly or once more."""
    w = Value(2.0)

    def f(draws: Draws) -> Callable[[Any], Any]:
        return lambda x: tl.where(draws.uniform() < 0.5, 0.0, w * w * x) + tl.where(x > 0.0, 0.0, tl.sqrt(x) * w)

    for row in ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 2.0, -1.0, 3.0]):
        eager, other = eager_and_compiled(f, 5)
        compiled = compile(other, executor=executor)
        for _ in range(3):
            found = compiled.batch(row, reduce="sum")
            want = tl.sum([eager(x) for x in row]) + 0.0 * w
            pairs = [tl.gradients(y, [w], create_graph=True)[0] for y in (found, want)]
            assert not differences([found, *pairs], [want, pairs[1], pairs[1]], signs=False)
            seconds = [tl.gradients(g, [w])[0] for g in pairs]
            assert not differences(seconds[0], seconds[1], signs=False)


def test_a_seed_reproduces_and_copies_go_on() -> None:
    source = Draws(11)
    f = compile(lambda x: x + source.uniform())
    first = [f(0.0) for _ in range(3)]
    kept = pickle.loads(pickle.dumps(source))
    again = Draws(11)
    assert [again.uniform() for _ in range(3)] == first
    assert kept.uniform() == f(0.0) == again.uniform()


def test_random_numbers_within_a_transform() -> None:
    a, b = Draws(4), Draws(4)
    f = compile(tl.value_and_grad(lambda x: x * x * a.uniform()))
    for _ in range(3):
        u = b.uniform()
        assert f(3.0) == pytest.approx((9.0 * u, 6.0 * u))


@pytest.mark.parametrize("seed", ["x", -1, 1.5, True])
def test_a_source_refuses_what_is_no_seed(seed: Any) -> None:
    with pytest.raises(ValueError, match=r"Draws\(seed=...\) must be a whole number, 0 or larger, or None, got"):
        tl.Draws(seed)
