"""Hooks live as long as their nodes, and each thread has its own."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import tracemalloc
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest
from switching import in_threads
from test_hooks import nothing_left  # noqa: F401  a fixture, of every test here too
from thoroughness import up_to

from tinygrad_lite import Value, engine, gradients


def test_a_hook_that_holds_its_value_is_warned_of() -> None:
    x = Value(2.0)

    class Holder:
        def __init__(self, v: Value) -> None:
            self.v = v

        def hook(self, g: Any) -> Any:
            return g * self.v.data

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for hook in (print, lambda g: g, lambda g, k=3: g * k, Holder(Value(1.0)).hook):
            x.register_hook(hook).remove()
    for hook in (lambda g: g * x.data, lambda g, v=x: g * v.data, x.__mul__):
        with pytest.warns(UserWarning, match=r"this hook holds the Value that it is registered on, so both live until"):
            handle = x.register_hook(hook)
        handle.remove()


def test_hooks_die_with_their_nodes_at_once() -> None:
    class Thing:
        pass

    x = Value(2.0)
    thing = Thing()
    gone = weakref.ref(thing)
    gc.disable()
    try:
        h = x * x
        handle = h.register_hook(lambda g, thing=thing: None)
        y = h * 2
        node = weakref.ref(h)
        y.backward()
        del thing
        assert gone() is not None
        del h, y
        assert node() is None and not engine.hooks, "also while the handle is kept"
        again = x * x
        again.register_hook(lambda g: 5 * g)
        handle.remove()
        assert gradients(again, [x]) == [20.0]
        del handle
        assert gone() is None
    finally:
        gc.enable()


def test_a_new_value_never_gets_the_hooks_of_an_old_one() -> None:
    kept = []
    for _ in range(2000):
        v = Value(1.0)
        assert gradients(v * 2, [v]) == [2.0]
        kept.append(v.register_hook(lambda g: 100.0))
        if len(kept) % 3 == 0:
            kept[-1].remove()
        del v


def test_many_hooked_nodes_and_their_memory_returns() -> None:
    length = up_to(250_000) if engine.compiled else 50_000
    count, leaf = [0], Value(1.0)

    def counted(g: float) -> None:
        count[0] += 1

    def nodes(many: int) -> None:
        y = leaf
        for _ in range(many):
            y = y + 1.0
            y.register_hook(counted)
        assert len(engine.hooks) == many
        y.backward()

    gc.disable()
    tracemalloc.start()
    try:
        nodes(1000)
        before = tracemalloc.get_traced_memory()[0]
        count[0] = 0
        nodes(10_000)
        assert count[0] == 10_000 and not engine.hooks
        assert tracemalloc.get_traced_memory()[0] - before < 500_000, "of some 4 MB; the table keeps its room"
    finally:
        tracemalloc.stop()
        gc.enable()
    nodes(length)  # the engine keeps some memory of a graph for the next one
    count[0] = 0
    before_resident = resident()
    nodes(length)
    assert count[0] == length and not engine.hooks
    assert resident() - before_resident < 100 * length, "of some 500 bytes a node"


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 if sys.platform == "linux" else 0


def test_hooks_left_at_the_end_of_a_program_are_no_trouble() -> None:
    program = (
        "from tinygrad_lite import Value; x = Value(2.0); h = x * x; handle = h.register_hook(lambda g: 2 * g)\n"
        "class A: pass\n"
        "a = A(); a.a = a; a.x = x; a.handle = x.register_hook(print); h.backward()"
    )
    out = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert (out.stdout, out.stderr) == ("8.0\n", "")


def test_a_hooked_value_may_outlive_the_package_at_the_end_of_a_program() -> None:
    program = (
        "import gc, sys, types; early = sys.modules['early'] = types.ModuleType('early'); early.own = vars(early)\n"
        "from tinygrad_lite import Value; early.x = Value(2.0); early.x.register_hook(lambda g: g); gc.freeze()"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stderr == b""


def test_hooks_in_threads_with_graphs_of_their_own() -> None:
    sums: dict[int, float] = {}

    def work(k: int) -> None:
        x = Value(float(k))
        for _ in range(200):
            h = x * x
            h.register_hook(lambda g: 2 * g)
            (h.tanh() + x).backward()
        sums[k] = x.grad

    in_threads(work, range(1, 5))
    for k, total in sums.items():
        assert total == pytest.approx(200 * (4 * k * (1 - math.tanh(k * k) ** 2) + 1))
    assert len(sums) == 4
