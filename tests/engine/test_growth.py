"""Memory does not grow over things that a notebook or a server does again and again."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, nn, ops, optim, train
from tinygrad_lite.compiler import compiled as compiling
from tinygrad_lite.compiler import executor_choice as execution
from tinygrad_lite.compiler.compiled import Compiled
from tinygrad_lite.compiler.joint_results import COMPONENT, KEPT, Joint
from tinygrad_lite.compiler.native import bytecode_machine as native
from tinygrad_lite.compiler.passes.program import Program

# Objects kept for reuse (free nodes, small arrays) cannot explain more than this.
MOST = 20_000
X, Y = np.linspace(-1.0, 1.0, 16).reshape(8, 2), np.arange(8.0)

Use = Callable[[int], Any]


def batches_of_all_sizes() -> Use:
    w = Value(2.0)
    if not native.compiled:
        pytest.skip("the native sweep, which keeps no arrays as large as the batch, takes long in plain Python")
    compiled = tl.compile(lambda x: x * w, executor="native")

    def use(k: int) -> None:
        compiled.batch(np.zeros(k + 1)).backward()

    return use


def batches_that_choose_of_a_table() -> Use:
    compiled = tl.compile(lambda table, index: ops.take(table, index), executor="array")
    return lambda k: compiled.batch(np.zeros((k + 1000, 3)), np.zeros(k + 1000), reduce=None)


def structures_of_all_kinds() -> Use:
    compiled = tl.compile(lambda x, mode: x * 2, max_traces=1)
    return lambda k: compiled(1.0, f"{k}" * 1000)


def functions_compiled_anew() -> Use:
    def use(k: int) -> None:
        compiled = tl.compile(lambda x: x * x * float(k))
        compiled(Value(2.0)).backward()
        compiled.batch(np.ones(3), reduce=None)

    return use


def fixed_points_of(executor: Any, call: Callable[[Compiled], Any]) -> Callable[[], Use]:
    def made() -> Use:
        def cell(z: Any, a: Any) -> Any:
            inner = tl.fixed_point(lambda v: 0.1 * v + a, 0.0).values
            return [0.5 * tl.tanh(x * a) + inner for x in z]

        compiled = tl.compile(lambda a: tl.sum(tl.fixed_point(cell, [0.1] * 20, a).values), executor=executor)
        return lambda k: call(compiled)

    return made


def operations_defined_anew() -> Use:
    def use(k: int) -> None:
        row = tl.custom_op("of_this_test", lambda x: x * float(k), lambda g, y, x: g * float(k))
        row(Value(1.0)).backward()
        tl.compile(lambda x: row(x))(1.0)

    return use


def trainings() -> Use:
    model = nn.MLP(2, [1])
    optimizer = optim.Adam(model.parameters())
    return lambda k: train.fit(model, nn.mse, (X, Y), optimizer, 1, 4, progress=False)


def hooks_of_results() -> Use:
    x = Value(1.0)

    def use(k: int) -> None:
        y = x * x
        tl.register_hook(y, lambda g: g)
        y.backward()

    return use


def threads() -> Use:
    def use(k: int) -> None:
        thread = threading.Thread(target=lambda: (Value(1.0) * 2).backward())
        thread.start()
        thread.join()

    return use


def pictures() -> Use:
    def use(k: int) -> None:
        x = Value(1.0, label=f"x{k}")
        y = (x * k).tanh()
        y.backward()
        assert y.graph().svg() and str(y.formula()) and tl.explain(y, x) and y.explore()._page()

    return use


USES: dict[str, tuple[Callable[[], Use], int]] = {
    "batches of all sizes": (batches_of_all_sizes, 800),
    "batches that choose of a table": (batches_that_choose_of_a_table, 150),
    "structures of all kinds": (structures_of_all_kinds, 400),
    "functions compiled anew": (functions_compiled_anew, 80),
    "fixed points, array": (fixed_points_of("array", lambda f: f.batch(np.full(50, 0.3), reduce=None)), 24),
    "fixed points, native": (fixed_points_of("native", lambda f: f.batch(np.full(50, 0.3), reduce="sum").data), 10),
    "fixed points, sums": (fixed_points_of("array", lambda f: f.batch(np.full(50, 0.3), reduce="mean").data), 24),
    "fixed points, one by one": (fixed_points_of("native", lambda f: f(0.3)), 200),
    "fixed points, arrays of one": (fixed_points_of("array", lambda f: f(0.3)), 120),
    "operations defined anew": (operations_defined_anew, 80),
    "trainings": (trainings, 80),
    "hooks of results": (hooks_of_results, 200),
    "threads": (threads, 200),
    "pictures": (pictures, 12),
}


def held() -> int:
    """Bytes that Python sees, and those of Values, which it does not see in the compiled engine."""
    return tracemalloc.get_traced_memory()[0] + 96 * engine.values.living()


# What is kept of these is bounded, by some hundred; its own size is some ten thousand bytes.
SLOWLY_FULL = {"batches of all sizes", "batches that choose of a table", "structures of all kinds"}


@pytest.mark.parametrize("name", USES)
@pytest.mark.filterwarnings("ignore:.*was traced 8 times")
def test_it_does_not_grow(name: str, own_operations: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_TRACES_SHOWN", 100)
    made, times = USES[name]
    use = made()
    before_it_counts = times if name in SLOWLY_FULL else times // 4
    tracemalloc.start()
    try:
        for k in range(before_it_counts):
            use(k)
        gc.collect()
        before = held()
        for k in range(before_it_counts, before_it_counts + times):
            use(k)
        gc.collect()
        assert held() - before < (3 * MOST if name in SLOWLY_FULL else MOST)
    finally:
        tracemalloc.stop()


def test_what_a_run_found_is_forgotten_and_what_was_before_is_not() -> None:
    row = Joint("all", lambda *_: lambda start, xs, *_: np.full((1, start.shape[1]), xs[0]), Program())
    first = row.value([0.0], [1.0], 0.0)
    mark = KEPT.next
    second, third = row.value([0.0], [2.0], 0.0), row.value([0.0], [3.0], 0.0)
    assert [COMPONENT.value(handle, 0) for handle in (first, second, third)] == [1.0, 2.0, 3.0]
    KEPT.forget(mark)
    assert COMPONENT.value(first, 0) == 1.0 and len(KEPT._found) == KEPT._size == 1
    again = row.value([0.0], [4.0], 0.0)
    assert again == second and COMPONENT.value(again, 0) == 4.0
    KEPT.forget(0)
    assert not KEPT._found and KEPT._size == 0


def test_the_last_traces_are_shown_and_all_are_counted() -> None:
    compiled = tl.compile(lambda x, k: x * 2, static_argnames="k", max_traces=1)
    with pytest.warns(UserWarning, match="was traced 8 times in 8 calls"):
        for k in range(1003):
            compiled(1.0, k=k)
    assert compiled.trace_count == 1003 and len(compiled.traces) == 1000
    assert compiled.traces[0] == "x: *, k: 3" and compiled.traces[-1] == "x: *, k: 1002"
    compiled(1.0, k="long" * 1000)
    assert compiled.traces[-1].startswith("x: *, k: 'longlong") and len(compiled.traces[-1]) == 200


def test_which_executor_runs_does_not_depend_on_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [tl.compile(lambda xs: tl.sum([tl.sin(x) for x in xs])) for _ in range(2)]
    sizes = [1, 3, 900, 2, 3000, 5, 1, 900, 3000, 2]

    def ran(compiled: Compiled) -> list[str]:
        found = []
        for size in sizes:
            compiled.batch(np.ones((size, 20)), reduce=None)
            found.append(compiled._ran().chosen)
        return found

    expected = ran(made[0])
    monkeypatch.setattr(execution, "_CHOICES_KEPT", 2)
    assert ran(made[1]) == expected and len(made[1]._ran()._choices) <= 2
