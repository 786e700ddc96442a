"""Hooks: what they are called with, what they may change, and that sweeps inside and around them stay right."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from random_graphs import STEPS, run

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, gradients, nn, optim, register_hook
from tinygrad_lite.engine import sweep_number, topological_order
from tinygrad_lite.errors import HistoryError

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")

# Every kind of backward sweep from y, with its gradient of the leaf x.
SWEEPS: dict[str, Callable[[Value, Value], float]] = {
    "backward": lambda y, x: y.backward() or x.grad,
    "gradients": lambda y, x: gradients(y, [x])[0],
    "create_graph": lambda y, x: gradients(y, [x], create_graph=True)[0].data,
}
every_sweep = pytest.mark.parametrize("sweep", SWEEPS.values(), ids=SWEEPS)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After every test the table of hooks is empty: an error's traceback may hold a graph until the collector comes."""
    yield
    if engine.hooks:
        gc.collect()
    left = len(engine.hooks)
    engine.hooks.clear()
    assert not left


def state(v: Value) -> tuple[Any, ...]:
    return v.data, v.grad, v.grad_state, sweep_number(v), v.kind


@every_sweep
def test_a_hook_gets_the_whole_gradient_once_and_may_replace_it(sweep: Any) -> None:
    x, seen = Value(3.0), []

    def tenfold(g: Any) -> Any:
        seen.append(float(g.data if isinstance(g, Value) else g))
        return 10 * g

    h = x * x
    y = h * h + 5 * h
    handle = h.register_hook(tenfold)
    assert sweep(y, x) == 10 * (2 * 9 + 5) * 6 and seen == [23.0], "complete: of both uses together"
    handle.remove()
    x.grad = 0.0
    assert sweep(y, x) == 23 * 6 and seen == [23.0]
    with x.register_hook(tenfold):
        x.grad = 0.0
        assert sweep(y, x) == 10 * 23 * 6 and seen == [23.0, 23 * 6.0]
    x.grad = 0.0
    with y.register_hook(lambda g: g + 1):
        assert sweep(y, x) == 2 * 23 * 6, "the root's gradient is 1"
    with x.register_hook(lambda g: None), h.register_hook(lambda g: None), y.register_hook(lambda g: None):
        x.grad = 0.0
        assert sweep(y, x) == 23 * 6, "a hook that returns None only looks"


@pytest.mark.parametrize("changed", [7, 7.0, np.float32(7), np.int64(7), np.array(7.0)])
@every_sweep
def test_a_hook_may_return_any_number(sweep: Any, changed: Any) -> None:
    x = Value(2.0)
    with x.register_hook(lambda g: changed):
        found = sweep(x * x, x)
        assert type(found) is float and found == 7.0


@pytest.mark.parametrize("seed", range(30))
def test_hooks_that_look_on_see_every_adjoint_and_change_none(seed: int) -> None:
    source = random.Random(seed)
    program = [(source.choice(sorted(STEPS)), *[source.randrange(100) for _ in range(3)]) for _ in range(12)]
    leaves = [Value(source.uniform(-2, 2)) for _ in range(3)]
    y = run(program, leaves, 0)
    order = topological_order(y)
    used = [x for x in leaves if x in order]
    adjoints = gradients(y, order)
    by_graph = [g.data for g in gradients(y, used, create_graph=True)]
    assert by_graph == pytest.approx(gradients(y, used), rel=1e-10, abs=1e-12)
    seen: dict[int, float] = {}

    def look(k: int, g: Any) -> None:
        seen[k] = g.data if isinstance(g, Value) else g  # a Value would hold the graph, and the hook it

    for k, v in enumerate(order):
        v.register_hook(partial(look, k))
    y.backward()
    assert [seen[k] for k in range(len(order))] == [v.grad for v in order] == pytest.approx(adjoints, rel=1e-12)
    seen.clear()
    assert gradients(y, order) == [seen[k] for k in range(len(order))] == pytest.approx(adjoints, rel=1e-12)
    seen.clear()
    assert [g.data for g in gradients(y, used, create_graph=True)] == pytest.approx(by_graph, rel=1e-12)
    assert [seen[order.index(x)] for x in used] == pytest.approx(by_graph, rel=1e-12)


def test_what_the_hook_left_is_the_gradient() -> None:
    x = Value(2.0)
    h = x * x
    y = h * 3
    with h.register_hook(lambda g: g / 3), y.register_hook(lambda g: -g):
        y.backward()
        assert (x.grad, h.grad, y.grad) == (-4.0, -1.0, -1.0)
        assert gradients(y, [x, h, y]) == [-4.0, -1.0, -1.0]
        assert [g.data for g in gradients(y, [x, h, y], create_graph=True)] == [-4.0, -1.0, -1.0]


def test_a_leafs_hook_is_of_this_sweep_alone() -> None:
    x, seen = Value(2.0), []
    with x.register_hook(lambda g: seen.append(g) or -g):
        for _ in range(3):
            (x * x).backward()
        assert seen == [4.0] * 3 and x.grad == -12.0
        x.backward()
        assert x.grad == -13.0 and seen[-1] == 1.0
        (Value(1.0) * 2).backward()
        gradients(Value(1.0) * 2, [x])
        gradients(Value(1.0) * 2, [x], create_graph=True)
        assert len(seen) == 4, "sweeps that do not reach it do not call it"


def test_a_gradient_of_zero_is_a_gradient() -> None:
    for name, sweep in SWEEPS.items():
        x, seen = Value(2.0), []
        h = x * 1.0
        of_x, of_h = (lambda g, seen=seen: seen.append("x") or 5.0), (lambda g, seen=seen: seen.append("h"))
        with x.register_hook(of_x), h.register_hook(of_h):
            assert sweep(h * 0.0, x) == 5.0, name
            assert seen == ["h", "x"], name


def test_several_hooks_go_in_order() -> None:
    x = Value(2.0)
    handles = [x.register_hook(lambda g, k=k: 10 * g + k) for k in range(1, 5)]
    assert gradients(x * 1, [x]) == [11234.0]
    handles[1].remove()
    handles[1].remove()
    assert gradients(x * 1, [x]) == [1134.0]
    handles.append(register_hook(x, lambda g: -g))
    assert gradients(x * 1, [x]) == [-1134.0]
    double = handles[0]
    same = [x.register_hook(print), x.register_hook(print)]
    for handle in (*handles, *same):
        handle.remove()
    assert gradients(x * 1, [x]) == [1.0] and double is not handles[1]


def test_hooks_taken_off_and_put_on_inside_a_hook() -> None:
    x, seen = Value(2.0), []
    h, other = x * x, x * 3
    later: dict[str, Any] = {}

    def once(g: float) -> None:
        seen.append("once")
        later["itself"].remove()

    def removing(g: float) -> None:
        seen.append("removing")
        later["next"].remove()

    later["itself"] = h.register_hook(once)
    stays = h.register_hook(removing)
    later["next"] = h.register_hook(lambda g: seen.append("next"))
    (h + other).backward()
    assert seen == ["once", "removing"] and x.grad == 7.0, "until remove(), not a moment longer"
    (h + other).backward()
    assert seen == ["once", "removing", "removing"]
    stays.remove()

    def put_on(g: float) -> None:
        later["new"] = x.register_hook(lambda g: seen.append(f"new {g}"))

    seen.clear()
    with h.register_hook(put_on):
        h.backward()
    x.grad = 0.0
    h.backward()
    assert seen[-1] == "new 4.0" and x.grad == 4.0
    later["new"].remove()


def test_parameters_of_a_module_keep_their_hooks() -> None:
    random.seed(0)
    plain, hooked = nn.MLP(2, [3, 1]), nn.MLP(2, [3, 1])
    hooked.load_state_dict(plain.state_dict())
    leaf = Value(0.5)
    handle = leaf.register_hook(lambda g: 7.0)
    handles = [p.register_hook(lambda g: 0.5 * g) for p in hooked.parameters()]
    bound, _ = engine.bind([leaf, Value(1.0)])
    (leaf * 3).backward()
    assert leaf.kind == "parameter" and leaf.grad == 7.0 and list(bound.grads) == [7.0, 0.0], "binding keeps its id"
    for model in (plain, hooked):
        for x in ([0.3, -0.4], [1.0, 2.0]):
            model(x).backward()
    assert [q.grad for q in hooked.parameters()] == pytest.approx([0.5 * p.grad for p in plain.parameters()])
    optim.SGD(hooked.parameters(), lr=0.1).step()
    expected = [p.data - 0.05 * p.grad for p in plain.parameters()]
    assert [q.data for q in hooked.parameters()] == pytest.approx(expected)
    for each in (handle, *handles):
        each.remove()


def test_clipping_and_naming_as_people_use_hooks() -> None:
    x, log = Value(10.0, label="x"), {}
    with x.register_hook(lambda g: tl.clip(g, -1.0, 1.0)):
        assert gradients(x**3, [x]) == [1.0] and gradients(x**3, [x], create_graph=True)[0].data == 1.0
    y = x * x
    handles = [v.register_hook(lambda g, name=name: log.update({name: g})) for name, v in (("x", x), ("y", y))]
    (y * 2).backward()
    assert log == {"y": 2.0, "x": 40.0}
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a", "got a str, 'a'"),
        ([1.0], "got a list of 1"),
        (1j, "got a complex"),
        (np.ones(2), r"ndarray of shape \(2,\)"),
        ({}, "got a dict of 0"),
    ],
)
def test_what_is_no_gradient_is_refused(given: Any, message: str) -> None:
    x = Value(2.0)
    h = x * x
    h.backward()
    before = state(x), state(h)
    for v in (x, h):
        with v.register_hook(lambda g: given):
            for sweep in SWEEPS.values():
                with pytest.raises(
                    TypeError, match=f"a hook must return a number to replace the gradient, .*{message}"
                ):
                    sweep(h, x)
                assert (state(x), state(h)) == before
    with x.register_hook(lambda g: Value(3.0)):
        with pytest.raises(TypeError, match=r"a hook must return a number .*got a Value"):
            h.backward()
        assert gradients(h, [x], create_graph=True)[0].data == 3.0, "where a graph is made, a Value is what it takes"


def test_what_cannot_have_a_hook() -> None:
    x = Value(2.0)
    for call, kind, message in (
        (lambda: x.register_hook(3), TypeError, "takes a function of the gradient, got an int, 3"),
        (lambda: x.register_hook(None), TypeError, "takes a function of the gradient, got None"),
        (lambda: register_hook(3.0, print), TypeError, "takes a Value, got a float, 3.0"),
        (lambda: x.detach().register_hook(print), HistoryError, "Value.* gets no gradient"),
        (lambda: tl.no_grad()(lambda: x * 2)().register_hook(print), HistoryError, "Value.* gets no gradient"),
    ):
        with pytest.raises(kind, match=message):
            call()
