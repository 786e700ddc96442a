"""Values under no_grad, in threads, copied, in arrays of bound leaves; and that they are freed."""

from __future__ import annotations

import copy
import math
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, detect_anomaly, engine, no_grad
from tinygrad_lite.engine import bind, set_origin
from tinygrad_lite.errors import AnomalyError, HistoryError
from tinygrad_lite.transforms.derivatives import gradients


def test_detach_and_no_grad() -> None:
    x = Value(2.0)
    d = (x * x).detach()
    assert d.kind == "detached" and d.parents == () and d.data == 4.0
    (d * x).backward()
    assert x.grad == 4.0 and d.grad == 0.0
    with no_grad():
        y = x * x
        assert y.kind == "detached"
        with no_grad():
            pass
        assert tl.dot([x], [x]).kind == tl.erf(x).kind == "detached"
    assert (x * x).kind == "result"

    @no_grad()
    def f(v: Value) -> Value:
        return v * 3

    assert f(x).kind == "detached" and (x * 3).kind == "result"


def test_no_gradient_enters_a_detached_value() -> None:
    x, other = Value(2.0), Value(1.0)
    d = (x * x).detach()
    y = d * x

    def found() -> list[Any]:
        made = [gradients(root, [d, x], create_graph) for root in (y, d) for create_graph in (False, True)]
        return [[g.data if isinstance(g, Value) else g for g in each] for each in made]

    expected = [[0.0, 4.0], [0.0, 4.0], [0.0, 0.0], [0.0, 0.0]]
    assert found() == expected
    with other.register_hook(lambda g: g):  # sweeps then are walks
        assert found() == expected
    assert y.local_derivatives == (2.0, 4.0) and engine.partial_derivatives(y, [d, x]) == [2.0, 4.0]


def test_no_grad_and_origins_belong_to_a_thread() -> None:
    x, kinds, paths = Value(1.0), [], []
    entered, looked = threading.Event(), threading.Event()

    def elsewhere() -> None:
        entered.wait()
        v = x * 2
        kinds.append(v.kind)
        paths.append(v.path)
        looked.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    with no_grad():
        before = set_origin(engine.Origin(path="here"))
        entered.set()
        looked.wait()
        set_origin(before)
        assert (x * 2).kind == "detached"
    thread.join()
    assert kinds == ["result"] and paths == [None]


def test_graphs_are_built_in_many_threads() -> None:
    losses: dict[int, float] = {}

    def work(k: int) -> None:
        x = Value(float(k))
        y = x
        for _ in range(2000):
            y = y * 0.999 + x
        y.backward()
        losses[k] = x.grad

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(losses) == 8 and len(set(losses.values())) == 1


def test_anomalies_are_named() -> None:
    x = Value(0.0, label="x")
    with detect_anomaly():
        with pytest.raises(
            AnomalyError, match=r"log of \(x = 0.0\), recorded at .*test_value_states.py:\d+, gave -inf"
        ):
            x.log()
        y = x.sqrt() + x
        with pytest.raises(AnomalyError, match=r"sqrt of \(x = 0.0\), recorded at .*passes the derivative inf"):
            y.backward()
        assert x.grad == 0.0, "nothing is accumulated where a sweep is refused"
        assert "test_value_states.py:" in (y.line or "")
    assert x.log().data == -math.inf and (x * 2).line is None


def test_leaves_copy_and_pickle_and_results_refuse() -> None:
    x = Value(2.0, label="x")
    (x * x).backward()
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y is not x and (y.data, y.grad, y.label, y.kind) == (2.0, 4.0, "x", "leaf")
    assert copy.copy(x.detach()).kind == "detached"
    for f in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(HistoryError, match=r"would lose its history: use \.detach\(\)"):
            f(x * x)


def test_bound_leaves_live_in_two_arrays() -> None:
    leaves = [Value(float(k), label=f"p{k}") for k in range(4)]
    (leaves[1] * 3).backward()
    storage, cells = bind(leaves)
    data, grads = np.frombuffer(storage.values), np.frombuffer(storage.grads)
    assert cells == [0, 1, 2, 3] and len(storage) == 4 and list(data) == [0, 1, 2, 3] and list(grads) == [0, 3, 0, 0]
    assert [p.kind for p in leaves] == ["parameter"] * 4
    assert [p.grad_state for p in leaves] == ["not computed", "computed", "not computed", "not computed"]
    data[:] = 2.0
    y = leaves[0] * leaves[1] ** 3
    y.backward()
    assert leaves[0].data == 2.0 and list(grads) == [8.0, 3.0 + 24.0, 0.0, 0.0] and leaves[1].grad == 27.0
    leaves[2].data, leaves[2].grad = 7.0, 5.0
    assert data[2] == 7.0 and grads[2] == 5.0
    storage.clear_grads()
    assert list(grads) == [0.0] * 4 and leaves[0].grad_state == "not computed"
    assert bind(leaves[1:3]) == (storage, [1, 2]) and not storage.moved
    other, cells = bind([leaves[3], Value(1.0)])
    assert storage.moved and other is not storage and leaves[3].data == 2.0 and leaves[3].label == "p3"
    copied = copy.deepcopy(leaves[0])
    assert copied.kind == "leaf"
    copied.data = 9.0
    assert leaves[0].data == 2.0


def test_bind_refuses_what_it_cannot_bind_and_moves_nothing() -> None:
    x = Value(1.0)
    with pytest.raises(HistoryError, match="only leaves that gradients enter can be parameters, and this is result"):
        bind([x, x * 2])
    for result in (x + 1.0, -x, tl.sum([x])):
        with pytest.raises(HistoryError, match="this is result"):
            bind([x, result])
    with pytest.raises(HistoryError, match="this is detached"):
        bind([x, x.detach()])
    with pytest.raises(ValueError, match="the same leaf stands twice"):
        bind([x, x])
    assert x.kind == "leaf"
