"""Transforms in several threads, each with graphs of its own."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from switching import in_threads
from test_derivatives import cube

from tinygrad_lite import Value, grad, gradients, hessian, hvp, jvp, no_grad

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")


def test_each_thread_has_its_own_transforms() -> None:
    """A transform that waits inside f in one thread does not turn another's results into Values."""
    inside, done, found = threading.Event(), threading.Event(), []

    def elsewhere() -> None:
        inside.wait(10)
        found.extend((grad(cube)(2.0), hessian(cube)(2.0), (Value(1.0) * 2).kind))
        done.set()

    def f(x: Any) -> Any:
        with no_grad():
            inside.set()
            assert done.wait(10)
        return x**3

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert grad(f)(2.0) == 12.0
    thread.join()
    assert found == [12.0, 12.0, "result"] and type(found[0]) is float


def test_threads_with_graphs_of_their_own() -> None:
    found: dict[int, list[Any]] = {}

    def all_kinds(k: float) -> list[Any]:
        x = Value(k)
        h = x * x
        y = h.tanh() + x
        y.backward()
        by_graph = gradients(y, [x], create_graph=True)[0].data
        products = hvp(cube, k, 1.0), hessian(lambda a: a * a * h)(2.0), jvp(Value.tanh, (k,), (1.0,))[1]
        return [x.grad, *gradients(y, [x]), by_graph, *products]

    def work(k: int) -> None:
        found[k] = [all_kinds(float(k)) for _ in range(100)]

    in_threads(work, range(1, 5))
    for k in range(1, 5):
        slope = 2 * k * (1 - math.tanh(k * k) ** 2) + 1
        expected = [slope, slope, slope, 6.0 * k, 2.0 * k * k, 1 - math.tanh(k) ** 2]
        assert found[k] == [pytest.approx(expected)] * 100
