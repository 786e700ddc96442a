"""One compiled function called by several threads at once, also while it is being traced."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import EXECUTORS, few

import tinygrad_lite as tl
from tinygrad_lite import Draws, Value, compile, nn

THREADS = 4


def together(work: Callable[[int], Any]) -> list[Any]:
    """The results of the work for each thread's number; an error in a thread is raised."""
    start, results, errors = threading.Barrier(THREADS), [None] * THREADS, list[BaseException]()

    def run(k: int) -> None:
        try:
            start.wait(30.0)
            results[k] = work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive()
    if errors:
        raise errors[0]
    return results


@pytest.mark.parametrize("executor", EXECUTORS)
def test_calls_and_batches(executor: Any) -> None:
    w = Value(0.5)

    def f(xs: Any) -> Any:
        total: Any = 0.0
        for k in range(20):
            total = tl.tanh(tl.dot(xs, xs) * w * 0.1 - total + float(k) / 40.0)
        return total

    compiled = compile(f, executor=executor)
    source = np.random.default_rng(2)
    rows = source.normal(size=(THREADS, few(50, 5), 3))
    expected = [[f(list(map(Value, row))).data for row in some] for some in rows.tolist()]

    def work(k: int) -> None:
        for turn in range(few(20, 3)):
            assert compiled.batch(rows[k], reduce=None) == pytest.approx(expected[k], rel=1e-12)
            mine = turn % len(expected[k])
            assert compiled(rows[k][mine].tolist()) == pytest.approx(expected[k][mine], rel=1e-12)
            assert compiled.batch(rows[k]).data == pytest.approx(np.mean(expected[k]), rel=1e-12)
            x = [Value(v) for v in rows[k][mine].tolist()]
            y = compiled(x)
            y.backward()
            assert y.data == pytest.approx(expected[k][mine], rel=1e-12) and x[0].grad != 0.0

    together(work)
    assert len(compiled.traces) == 2


@pytest.mark.parametrize("executor", EXECUTORS)
def test_while_it_is_traced(executor: Any) -> None:
    inside = threading.Semaphore(0)

    def slow(x: Any) -> Any:
        inside.acquire(timeout=0.05)  # gives another thread time to arrive
        return tl.grad(lambda t: tl.sin(t) * t)(x)

    compiled = compile(slow, executor=executor)
    expected = [tl.grad(lambda t: tl.sin(t) * t)(float(k)) for k in range(THREADS)]
    assert together(lambda k: compiled(float(k))) == pytest.approx(expected)
    assert together(lambda k: compiled.batch([float(k)], reduce=None).tolist()[0]) == pytest.approx(expected)
    assert together(lambda k: tl.grad(compiled)(float(k))) == pytest.approx(
        [tl.grad(slow)(float(k)) for k in range(THREADS)]
    )
    assert len(compiled.traces) == 2


def test_a_trace_is_of_its_own_thread() -> None:
    """Eager code that reads numbers, while another thread traces."""
    entered, leave = threading.Event(), threading.Event()

    def waiting(x: Any) -> Any:
        entered.set()
        assert leave.wait(30.0)
        return x * 2.0

    compiled = compile(waiting)
    results: list[float] = []
    thread = threading.Thread(target=lambda: results.append(compiled(3.0)))
    thread.start()
    assert entered.wait(30.0)
    x = Value(2.0)
    y = x * x
    y.backward()
    assert (y.data, x.grad, float(f"{y:.1f}"), y > 1.0) == (4.0, 4.0, 4.0, True)
    assert tl.grad(lambda t: t**3)(2.0) == 12.0 and compile(lambda t: t + 1.0)(1.0) == 2.0
    leave.set()
    thread.join(30.0)
    assert results == [6.0]


def test_structures_of_arguments_are_traced_once_each() -> None:
    compiled = compile(lambda xs: tl.sum(xs), max_traces=64)
    for _ in range(40):  # so many calls of one structure that the others are not warned of
        compiled([1.0])

    def work(k: int) -> None:
        for length in range(1, 12):
            n = (length * (k + 1)) % 11 + 1
            assert compiled([1.0] * n) == n

    together(work)
    assert len(compiled.traces) == len(set(compiled.traces)) == 11


def test_modules_of_each_thread_s_own() -> None:
    compiled = compile(lambda model, x: model(x))
    models = [nn.MLP(2, [3, 1], activation="tanh") for _ in range(THREADS)]

    def work(k: int) -> list[float]:
        return [compiled(models[k], [float(turn), 1.0]) for turn in range(5)]

    expected = [[model([float(turn), 1.0]).data for turn in range(5)] for model in models]
    assert together(work) == [pytest.approx(row) for row in expected]


def test_draws_are_shared_and_none_twice() -> None:
    source = Draws(9)
    compiled = compile(lambda x: x + source.uniform())
    compiled(0.0)
    found = together(lambda k: [compiled(0.0) for _ in range(50)] + compiled.batch([0.0] * 50, reduce=None).tolist())
    drawn = [x for row in found for x in row]
    assert len(set(drawn)) == len(drawn) == THREADS * 100
    again = Draws(9)
    again.uniform()
    assert set(drawn) == {again.uniform() for _ in drawn}
