"""What does not grow: a program with its steps, memory with its calls; threads that share a compiled function."""

from __future__ import annotations

import gc
import random
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import FORCED, few
from loops import close, loop

import tinygrad_lite as tl
from tinygrad_lite import Value, compile
from tinygrad_lite.compiler import joint_results
from tinygrad_lite.compiler.joint_results import KEPT

pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")
ON = pytest.mark.parametrize("executor", FORCED)
W = [Value(x) for x in (0.3, -0.5, 0.8, 0.1)]


def network(how: Any, xs: Any, start: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        a, b = h
        return [tl.tanh(a * W[0] + b * W[1] + x), tl.sin(a * W[2] + b * W[3])], a * x

    h, ys = how(step, [start, 0.1], xs)
    return h[0] * h[1] + tl.sum(ys)


TAKEN: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "value": lambda f: f,
    "grad": tl.grad,
    "hessian": tl.hessian,
}


@ON
@pytest.mark.parametrize("taken", TAKEN)
def test_a_program_is_as_long_for_any_number_of_steps(taken: str, executor: Any) -> None:
    """The last step's numbers and those that go on are read from the scan; xs that are known are no part of it."""
    sizes = []
    for steps in (20, 200):
        xs = np.random.default_rng(0).normal(size=steps).tolist()
        f = compile(TAKEN[taken](lambda s, xs=xs: network(tl.scan, xs, s)), executor=executor)
        close(f(0.4), TAKEN[taken](lambda s, xs=xs: network(loop, xs, s))(0.4), 1e-9)
        sizes.append((len(f.program), [len(kind.step) for kind in f.program.kinds if hasattr(kind, "step")]))
    assert sizes[0] == sizes[1] and sizes[0][1]


def test_xs_that_are_inputs_add_no_more_than_themselves() -> None:
    sizes = []
    for steps in (20, 200):
        f = compile(tl.grad(lambda xs: network(tl.scan, xs, 0.4)))
        f([0.01] * steps)
        sizes.append(len(f.program) - steps)
    assert sizes[1] - sizes[0] <= 3 * 180  # a variable for each x, and its derivative: a number of the scan at an index


def use_of(executor: Any, batch: bool) -> Callable[[], Any]:
    compiled = compile(lambda s: network(tl.scan, [0.1, s, 0.3, 0.5 * s], s), executor=executor)
    slope = compile(tl.hessian(lambda s: network(tl.scan, [0.1, s, 0.3], s)), executor=executor)

    def use() -> None:
        if batch:
            compiled.batch([0.1, 0.2, 0.3]).backward()
            slope.batch([0.1, 0.2], reduce=None)
        else:
            compiled(Value(0.3)).backward()
            compiled(0.2)
            slope(0.1)

    return use


def anew() -> None:
    """Compiled again, and differentiated again through a node."""
    x = Value(0.3)
    y = compile(lambda s: network(tl.scan, [0.1, s, 0.3], s))(x)
    (first,) = tl.gradients(y, [x], create_graph=True)
    first.backward()


def eagerly() -> None:
    def checkpointed(*args: Any) -> Any:
        return tl.scan(*args, checkpoint=2)

    network(checkpointed, [0.1, 0.2, 0.3, 0.4, 0.5], Value(0.2)).backward()
    network(tl.scan, [0.1, 0.2], Value(0.2)).backward()


def refused() -> None:
    with pytest.raises(KeyError):
        compile(lambda s: tl.scan(lambda c, x: {}["no"], s, [1.0, 2.0]))(0.1)


USES: dict[str, tuple[Callable[[], Callable[[], Any]], int]] = {
    "calls, array": (lambda: use_of("array", False), 60),
    "calls, native": (lambda: use_of("native", False), 60),
    "batches, array": (lambda: use_of("array", True), 60),
    "batches, native": (lambda: use_of("native", True), 60),
    "functions compiled anew": (lambda: anew, 12),
    "eager ones with checkpoints": (lambda: eagerly, 12),
    "refusals": (lambda: refused, 60),
}


def collected() -> None:
    """A program within a program is free once the outer one is."""
    for _ in range(4):
        gc.collect()


@pytest.mark.parametrize("name", USES)
def test_nothing_is_left_behind(name: str) -> None:
    made, times = USES[name]
    use, times = made(), few(times, max(2, times // 10))
    tracemalloc.start()
    try:
        for _ in range(max(3, times // 2)):
            use()
        collected()
        kept, rows, grown = KEPT._size, len(joint_results._shared), list[int]()
        for _ in range(2):  # a table of the whole process may grow once
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(times):
                use()
            collected()
            grown.append(tracemalloc.get_traced_memory()[0] - before)
        assert min(grown) < 20_000
        assert KEPT._size == kept and len(joint_results._shared) == rows
    finally:
        tracemalloc.stop()


@ON
def test_threads_share_a_compiled_function(executor: Any) -> None:
    """Calls, batches and gradients at once, of as many lanes as there are threads and fewer."""
    compiled = compile(lambda s: network(tl.scan, [0.1, s, 0.3, 0.5 * s], s), executor=executor)
    slope = compile(tl.value_and_grad(lambda s: network(tl.scan, [0.1, s, 0.3], s)), executor=executor)
    points = np.linspace(-1.0, 1.0, 16).tolist()
    values = [network(loop, [0.1, s, 0.3, 0.5 * s], Value(s)).data for s in points]
    slopes = [tl.value_and_grad(lambda s: network(loop, [0.1, s, 0.3], s))(s) for s in points]
    start, errors = threading.Barrier(4), list[BaseException]()

    def work(k: int) -> None:
        source = random.Random(k)
        try:
            start.wait(30.0)
            for _ in range(few(30, 3)):
                some = [source.randrange(16) for _ in range(source.randint(1, 5))]
                close(compiled.batch([points[j] for j in some], reduce=None).tolist(), [values[j] for j in some])
                j = some[0]
                close(compiled(points[j]), values[j])
                close(slope(points[j]), slopes[j])
                x = Value(points[j])
                close(tl.gradients(slope.function(x)[0], [x]), [slopes[j][1]])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120.0)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_steps_in_the_tens_of_thousands_need_no_recursion() -> None:
    """A loop of 50,000 steps, its gradient, and the size of a carry that it keeps."""
    f = compile(
        tl.value_and_grad(lambda a: tl.scan(lambda c, _: (c + 1e-4 * tl.sin(c * a), None), 0.5, length=50_000)[0])
    )
    value, slope = f(1.1)
    ahead, behind = f(1.1 + 1e-6)[0], f(1.1 - 1e-6)[0]
    assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-5) and 0.5 < value < 3.0
    assert len(f.program) < 30
