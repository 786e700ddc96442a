"""What a leaf's gradient is made of: this graph's sweep, others; and leaves that have changed since."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from printed import said
from random_graphs import moderate, programs, run

import tinygrad_lite as tl
from tinygrad_lite import Value, detect_anomaly, nn, optim
from tinygrad_lite.engine import began_sweep, topological_order
from tinygrad_lite.explanation.accumulation import CHANGED, REASON, Accumulated, accumulated, changed_leaves


def product() -> tuple[Value, Value, Value]:
    w, x = Value(2.0, "w"), Value(4.0, "x")
    return w, x, w * x


def changed(y: Value) -> dict[str | None, bool]:
    return {v.label: certain for v, certain in changed_leaves(topological_order(y)).items()}


def test_sweeps_without_zero_grad_are_told_apart() -> None:
    w, x, y = product()
    assert accumulated(y) == {}
    y.backward()
    assert accumulated(y) == {}
    y.backward()
    y.backward()
    assert accumulated(y) == {w: Accumulated("before", 12.0, 4.0), x: Accumulated("before", 6.0, 2.0)}
    assert accumulated(y)[w].words() == "12 = 8 from other sweeps + 4 from this one"
    assert said(tl.explain(w, wrt=y)).endswith(f"w.grad: 12 = 8 from other sweeps + 4 from this one; {REASON}")
    report = said(tl.compare(y))
    assert f"w.grad: 12 = 8 from other sweeps + 4 from this one; {REASON}\nSo it is for 2 leaves" in report
    fixed = Value(1.0).detach()
    fixed.grad = 5.0
    assert accumulated(fixed * 2.0 + Value(1.0)) == {}, "no sweep gives it anything"
    w.grad = 0.0
    y.backward()
    assert list(accumulated(y)) == [x] and said(tl.explain(w, wrt=y)).endswith("would replace the others.")


def test_negative_parts_stand_in_brackets() -> None:
    assert Accumulated("before", 1.5, -0.5).words() == "1.5 = 2 from other sweeps + (-0.5) from this one"


@pytest.mark.parametrize("bound", [False, True])
def test_a_sweep_for_each_sample_of_a_batch(bound: bool) -> None:
    model = nn.Neuron(2, activation="tanh")
    if bound:
        model.parameters()
    losses = [(model([0.1 * k, 0.5]) - 1.0) ** 2 for k in range(3)]
    for loss in losses:
        loss.backward()
    found = [accumulated(loss) for loss in losses]
    assert [{parts.kind for parts in each.values()} for each in found] == [{"after"}, {"after"}, {"before"}]
    for loss, each in zip(losses, found, strict=True):
        for p in each:
            assert each[p].given == pytest.approx(tl.gradients(loss, [p])[0], rel=1e-14) and each[p].grad == p.grad
    assert "; this graph's own sweep gave " in found[0][model.b].words()
    model.zero_grad()
    tl.sum(losses).backward()
    assert accumulated(tl.sum(losses)) == {p: Accumulated("none", p.grad, 0.0) for p in model.parameters()}


def test_a_graph_inside_of_the_swept_one_and_one_that_was_not_swept() -> None:
    a = Value(3.0, "a")
    h = a * 2.0
    y = h + a * 5.0
    y.backward()
    assert h.grad == 1.0 and (began_sweep(y), began_sweep(h), began_sweep(a)) == (True, False, False)
    assert accumulated(y) == {} and accumulated(h)[a].words() == "7 = 5 from outside this graph + 2 through it"
    assert accumulated(a * 4.0)[a].words() == "7, all from other sweeps: backward() was not called on this graph"
    h.backward()
    assert accumulated(h)[a].words() == "9 = 7 from other sweeps + 2 from this one"
    assert accumulated(y)[a].kind == "after" and began_sweep(y) and began_sweep(h)
    tl.gradients(y, [h])
    tl.gradients(y, [h], create_graph=True)
    assert began_sweep(y) and began_sweep(h)
    y.backward()
    assert began_sweep(y) and not began_sweep(h)


def test_clipped_gradients_are_not_said_to_be_sums() -> None:
    model = nn.Neuron(2, activation="tanh")
    loss = (model([0.3, 0.4]) - 9.0) ** 2
    loss.backward()
    optim.clip_grad_norm_(model.parameters(), 0.1)
    found = accumulated(loss)
    assert {parts.kind for parts in found.values()} == {"scaled"} and "clip_grad_norm_" in found[model.b].words()
    assert REASON not in found[model.b].sentence("b")
    w, x, y = product()
    w.grad, x.grad = -1.0, -0.2
    y.backward()
    assert [parts.kind for parts in accumulated(y).values()] == ["before"] * 2, "parts that differ are no clipping"


@settings(deadline=None)
@given(programs, st.lists(moderate, min_size=3, max_size=3))
def test_one_sweep_is_not_said_to_be_more(program: list[tuple[str, int, int, int]], at: list[float]) -> None:
    """Nor are parts of its graph, in which only what came from outside is told."""
    leaves = [Value(x) for x in at]
    y = run(program, leaves, 0)
    y.backward()
    assert accumulated(y) == {}
    for v in topological_order(y):
        assert {parts.kind for parts in accumulated(v).values()} <= {"outside"}
    y.backward()
    for leaf in leaves:
        if leaf.grad and math.isfinite(leaf.grad):
            assert accumulated(y)[leaf].others == pytest.approx(0.5 * leaf.grad, rel=1e-9)


def test_terms_that_cancel_leave_only_rounding() -> None:
    x = Value(1.0, "x")
    h = x * 3.0
    y = tl.sum([h * 1e15, h * -1e15, h * 0.1, h * -1e15, h * 1e15])
    (y * 0.3).backward()
    assert accumulated(y) == {}, "the product of the adjoint of y and its derivative by x is rounded otherwise"
    x.grad = x.grad + 1e6
    assert accumulated(y)[x].kind == "outside"


def test_what_is_not_finite_or_hooked_is_not_taken_apart() -> None:
    x = Value(0.0, "x")
    y = x.sqrt()
    y.backward()
    y.backward()
    assert x.grad == math.inf and accumulated(y) == {}
    z = x * 2.0
    z.backward()
    assert accumulated(z)[x].words() == "inf = inf from other sweeps + 2 from this one"
    nowhere = (x * x).sqrt()
    nowhere.backward()
    assert math.isnan(x.grad) and accumulated(nowhere) == {}
    w, _, y = product()
    met: list[float] = []
    with w.register_hook(met.append):
        y.backward()
        y.backward()
        assert accumulated(y) == {} and met == [4.0, 4.0], "nor does asking run a hook"


def test_asking_changes_nothing_in_any_mode() -> None:
    w, _, y = product()
    y.backward()
    y.backward()
    before = [(v.grad, v.grad_state) for v in topological_order(y)]
    with detect_anomaly():
        assert accumulated(y)[w].given == 4.0
    assert [(v.grad, v.grad_state) for v in topological_order(y)] == before and began_sweep(y)
    assert accumulated(w) == {}


CHANGES: dict[str, tuple[Callable[[Value, Value], Value], dict[str | None, bool]]] = {
    "a factor": (lambda w, x: (w * x).tanh(), {"w": True}),
    "a factor of a dot": (lambda w, x: tl.dot([w, 2.0], [x, x], x), {"w": True}),
    "alone": (lambda w, x: w.exp() * x, {"w": True}),
    "with a plain number": (lambda w, x: 2.0 * w + x, {"w": True}),
    "one of two terms": (lambda w, x: w + x, {"w": False, "x": False}),
    "one of two terms, told by a product": (lambda w, x: (w + x) * (w * x), {"w": True}),
    "told by the other's product": (lambda w, x: (w + x) * (x * Value(1.0) * w), {"w": True}),
    "an iteration": (lambda w, x: tl.fixed_point(lambda z: 0.5 * z * w + 1.0, 0.0).values * x, {"w": True}),
    "an iteration of two": (
        lambda w, x: tl.sum(tl.fixed_point(lambda z: [0.5 * z[1] * w + x, 0.3 * z[0]], [0.0, 0.0]).values),
        {"w": False, "x": False},
    ),
    "a result among the factors": (lambda w, x: w * (w * x), {"w": True}),
    "not reached": (lambda w, x: w.relu() * 0.0 + x, {}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_leaves_are_found(name: str) -> None:
    build, wanted = CHANGES[name]
    w, x = Value(-1.0 if name == "not reached" else 0.5, "w"), Value(3.0, "x")
    y = build(w, x)
    assert changed(y) == {}
    w.data -= 0.25
    assert changed(y) == wanted


def test_a_step_of_an_optimizer_changes_the_parameters() -> None:
    model = nn.MLP(2, [3, 1], activation="tanh")
    xs = [Value(0.3, "x0"), Value(-0.4, "x1")]
    loss = (model(xs) - 1.0) ** 2
    loss.backward()
    optim.SGD(model.parameters(), lr=0.1).step()
    assert {v.kind for v in changed_leaves(topological_order(loss))} == {"parameter"}
    assert CHANGED[True] == "the value has changed since: the gradient is that at the earlier value"
