"""Ctrl-C at any moment ends what a thread was doing, and the next forward and backward are right.

At every line of this package that a piece of work runs, on the readable engine its own lines among them; and by real
signals, which come between two steps of the interpreter, at any time.
"""

from __future__ import annotations

import gc
import random
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from interruption import interrupted

import tinygrad_lite as tl
from tinygrad_lite import Value, detect_anomaly, engine, gradients, nn, no_grad, optim, register_hook
from tinygrad_lite.compiler.passes.gc_pause import collector_paused
from tinygrad_lite.engine import Linearization, bind, clear_grads, tangents
from tinygrad_lite.recording import random_source as draws


class Work:
    """Two leaves, and what is done with them again and again."""

    def __init__(self) -> None:
        self.ws = [Value(0.5, "a"), Value(-1.5, "b")]
        self.model = nn.Neuron(2)
        self.model.parameters()
        self.draws = tl.Draws(seed=1)
        self.x = Value(2.0)

    def loss(self, x: Any) -> Any:
        a, b = self.ws
        return tl.dot([a * x, x], [b, a]).tanh() + tl.maximum(a, b) * x

    def expected(self) -> tuple[float, list[float]]:
        a, b = (w.data for w in self.ws)
        x = 2.0
        y = float(tl.ops.tanh.value(a * x * b + x * a))
        slope = 1 - y * y
        return y + max(a, b) * x, [slope * (x * b + x) + x * (a >= b), slope * a * x + x * (a < b)]


def sweep_plainly(work: Work) -> None:
    work.loss(work.x).backward()


def sweep_with_hooks(work: Work) -> None:
    y = work.loss(work.x)
    inner = y * 2.0

    def nested(gradient: float) -> None:
        (work.ws[0] * work.ws[1]).backward()

    with register_hook(inner, nested), register_hook(work.ws[0], lambda g: 3 * g):
        (inner + y).backward()


def sweep_for_numbers(work: Work) -> None:
    y = work.loss(work.x)
    gradients(y, [work.x, *work.ws])
    with register_hook(y, lambda g: 3 * g):
        gradients(y * 2.0, work.ws)


def walk(work: Work) -> None:
    y = work.loss(work.x)
    first = gradients(y, work.ws, create_graph=True)
    gradients(first[0] * first[1], work.ws)
    tangents([y], work.ws, [1.0, 2.0])
    tangents([y], work.ws, [1.0, 2.0], True)
    Linearization([y], work.ws).pull([1.0])


def transform(work: Work) -> None:
    tl.hvp(lambda x: work.loss(x), 2.0, 1.0)
    tl.grad(lambda x: tl.grad(work.loss)(x))(2.0)
    tl.jvp(work.loss, [2.0], [1.0])


def bind_anew(work: Work) -> None:
    bind(work.ws[:1])
    bind([work.ws[1], Value(1.0)])
    bind(work.ws)
    optim.SGD([work.ws[1], Value(1.0), work.ws[0]], lr=0.1).zero_grad()


def compile_it(work: Work) -> None:
    def function(x: Any) -> Any:
        return work.loss(x) + tl.grad(lambda t: t * t * work.ws[0])(x) * work.draws.uniform() + work.model([x, 1.0])

    tl.compile(function)(2.0)


def batch(work: Work) -> None:
    work.batched.batch([1.0, 2.0]).backward()  # type: ignore[attr-defined]


def settle(work: Work) -> None:
    tl.fixed_point(lambda z: 0.5 * tl.tanh(z * work.ws[0]) + work.ws[1], 0.0).values.backward()


def call_modules(work: Work) -> None:
    nn.MLP(1, [2, 1])([work.x])


def use_modes(work: Work) -> None:
    with no_grad():
        work.loss(work.x)
    with detect_anomaly():
        work.loss(work.x).backward()
    no_grad(work.loss)(work.x)
    list(no_grad(lambda: (yield work.loss(work.x)))())


WORKS = (
    sweep_plainly, sweep_with_hooks, sweep_for_numbers, walk, transform, bind_anew, compile_it, batch, settle,
    call_modules, use_modes,
)  # fmt: skip


def check(work: Work) -> None:
    """Nothing of the interrupted work is left, and the next forward and backward are right."""
    assert not engine.is_tracing() and engine.is_recording() and engine.current_watch() is None
    assert engine.current_origin() is None and gc.isenabled() and not engine.hooks
    assert engine.current_inside() is None and getattr(draws._replay, "numbers", None) is None
    clear_grads(work.ws)
    y = work.loss(work.x)
    y.backward()
    value, derivatives = work.expected()
    assert (y.data, y.path) == pytest.approx((value, None)) and [w.grad for w in work.ws] == pytest.approx(derivatives)
    y.backward()
    assert [w.grad for w in work.ws] == pytest.approx([2 * d for d in derivatives])
    with register_hook(y, lambda g: g):
        y.backward()
    assert [w.grad for w in work.ws] == pytest.approx([3 * d for d in derivatives])
    assert gradients(y, work.ws) == pytest.approx(derivatives)
    assert gradients(y, work.ws, create_graph=True)[0].data == pytest.approx(derivatives[0])


def forgotten() -> None:
    """An interrupted hook may be left to the collector."""
    gc.collect()
    engine.hooks.clear()


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    made.batched = tl.compile(made.loss)  # type: ignore[attr-defined]
    made.batched.batch([1.0, 2.0])  # type: ignore[attr-defined]
    yield made
    engine.hooks.clear()
    engine.set_trace(None)
    engine.set_watch(None)
    engine.set_origin(None)
    engine.set_recording(True)


@pytest.mark.parametrize("what", WORKS, ids=lambda what: what.__name__)
def test_at_every_line(what: Callable[[Work], None], work: Work) -> None:
    what(work)
    check(work)
    line, step, reached = 1, 1, True
    while reached:
        reached = interrupted(lambda: what(work), line)
        if engine.hooks:
            forgotten()
        check(work)
        line += step
        if line > 400:  # of long works, some lines: no step divides all loops
            step = random.Random(line).randrange(1, 2 + line // 100)
    assert line > 2


@pytest.mark.parametrize("what", [sweep_for_numbers, walk, transform], ids=lambda what: what.__name__)
def test_what_only_asks_changes_no_gradient(what: Callable[[Work], None], work: Work) -> None:
    (work.ws[0] * work.ws[1] * work.x).backward()
    leaves = [work.x, *work.ws]
    before = [(v.grad, v.grad_state) for v in leaves]
    line = 1
    while interrupted(lambda: what(work), line):
        assert [(v.grad, v.grad_state) for v in leaves] == before
        line += 1 + line // 500


def test_a_cleared_gradient_stays_cleared() -> None:
    line, reached = 1, True
    while reached:
        leaves = [Value(1.0), Value(2.0), Value(3.0)]
        storage, _ = bind(leaves)
        for v in leaves:
            v.grad = 5.0
        storage.clear_grads()
        reached = interrupted(storage.settled, line)
        assert [v.grad for v in leaves] == [0.0] * 3
        line += 1


def test_an_optimizer_goes_on_after_a_step_that_was_cut_short() -> None:
    """A step may be done in part, as its docstring says; its leaves and buffers stay valid."""
    for make in (lambda ws: optim.Adam(ws, lr=0.1), lambda ws: optim.SGD(ws, lr=0.1, momentum=0.9)):
        line, reached = 1, True
        while reached:
            ws, others = [Value(1.0), Value(-2.0)], [Value(1.0), Value(3.0)]
            bind([ws[0], others[0], ws[1], others[1]])
            optimizer = make(ws)
            (ws[0] * ws[1]).backward()
            bind([ws[1], others[1], others[0]])  # so that the step has to locate them again
            reached = interrupted(optimizer.step, line)
            assert [w.data for w in others] == [1.0, 3.0] and all(w.kind == "parameter" for w in ws)
            steps, before = optimizer.state_dict()["steps"], [w.data for w in ws]
            assert steps in (0, 1) and (before == [1.0, -2.0] or steps == 1 or line > 1)
            optimizer.zero_grad()
            assert [w.grad for w in ws] == [0.0, 0.0]
            (ws[0] * ws[1]).backward()
            assert [w.grad for w in ws] == [ws[1].data, ws[0].data]
            optimizer.step()
            assert optimizer.state_dict()["steps"] == steps + 1
            assert all(w.data != was for w, was in zip(ws, before, strict=True))
            line += 1


def test_what_pauses_the_collector_starts_it_again() -> None:
    line = 1
    while interrupted(collector_paused(lambda: None), line):
        assert gc.isenabled()
        line += 1
    assert line > 4


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers that send signals")
@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals come to the main thread")
@pytest.mark.skipif(not engine.compiled, reason="the readable engine is looked at line by line")
@pytest.mark.parametrize("what", WORKS, ids=lambda what: what.__name__)
def test_at_any_time(what: Callable[[Work], None], work: Work) -> None:
    draw = random.Random(what.__name__)
    armed = False

    def handler(*_: object) -> None:
        if armed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handler)
    met = 0
    try:
        for _ in range(60):
            armed = True
            try:
                signal.setitimer(signal.ITIMER_REAL, draw.uniform(2e-6, 400e-6))
                for _ in range(1000):
                    what(work)
            except KeyboardInterrupt:
                met += 1
            armed = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            if engine.hooks:
                forgotten()
            check(work)
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert met > 30
