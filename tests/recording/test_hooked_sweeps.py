"""Sweeps inside hooks and around them: gradients are right, and a failed sweep changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from test_hooks import (
    SWEEPS,
    every_sweep,
    nothing_left,  # noqa: F401  a fixture, of every test here too
    state,
)

from tinygrad_lite import Value, engine, grad, gradients, hessian, hvp, jvp, nn, vjp
from tinygrad_lite.engine import topological_order

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")


def test_a_sweep_in_which_a_hook_raises_changes_nothing() -> None:
    x, w = Value(2.0), Value(5.0)
    p = nn.Neuron(1).parameters()[0]
    h = w * x * p
    (h * w).backward()
    y = h * h
    values = [x, w, p, h, y, *topological_order(h)]
    before = [state(v) for v in values]

    def boom(g: Any) -> None:
        raise RuntimeError("boom")

    for v in (x, p, h, y):
        with v.register_hook(boom):
            for call in (
                lambda: y.backward(),
                lambda: gradients(y, [x, p]),
                lambda: gradients(y, [x, p], create_graph=True),
                lambda: gradients(y, [h, x, p]),
                lambda: vjp(lambda a: y * a, Value(1.0))[1](x * p * y)[0].backward(),
            ):
                with pytest.raises(RuntimeError, match="boom"):
                    call()
                assert [state(v) for v in values] == before
    leaf_sums = [v.grad for v in (x, w, p)]
    y.backward()
    for v, before_it, others in zip((x, w, p), leaf_sums, (w * p, x * p, x * w), strict=True):
        assert v.grad == pytest.approx(before_it + 2 * h.data * others.data)


@pytest.mark.parametrize("outer", SWEEPS)
@pytest.mark.parametrize("inner", [*SWEEPS, "transforms"])
@pytest.mark.parametrize("place", ["x", "h", "y"])
def test_a_sweep_inside_a_hook_does_not_disturb_the_one_around_it(outer: str, inner: str, place: str) -> None:
    """Both may meet the same nodes: the outer sweep finds what it finds alone, and the inner one's result is added."""

    def graph() -> dict[str, Value]:
        x, w = Value(2.0), Value(0.5)
        h = x * w
        k = h * h + x
        return {"x": x, "w": w, "h": h, "k": k, "y": k * h + w}

    alone, both = graph(), graph()
    found_alone = SWEEPS[outer](alone["y"], alone["x"])
    inside: list[Any] = []

    def hook(g: Any) -> None:
        if inside:  # the inner sweep may come here too
            return
        inside.append("entered")
        if inner == "transforms":
            inside.append((grad(lambda a: a * a * both["k"])(3.0), hvp(lambda a: a**3 * both["h"], 1.0, 1.0)))
            inside.append(jvp(lambda a: a * both["k"], (1.0,), (1.0,))[1])
        else:
            SWEEPS[inner](both["k"] * 3, both["x"])

    with both[place].register_hook(hook):
        found = SWEEPS[outer](both["y"], both["x"])
    assert inside == (["entered", (18.0, 6.0), 3.0] if inner == "transforms" else ["entered"])
    added = {"x": 3 * (2 * 1.0 * 0.5 + 1), "w": 3 * 2 * 1.0 * 2.0} if inner == "backward" else {"x": 0.0, "w": 0.0}
    assert found == found_alone + (added["x"] if outer == "backward" else 0.0)
    for name, more in added.items():
        assert both[name].grad == alone[name].grad + more, name
        assert both[name].grad_state == ("computed" if "backward" in (inner, outer) else "not computed"), name
    for name in ("h", "k", "y"):
        assert state(both[name])[:3] == state(alone[name])[:3], name


@every_sweep
def test_a_leafs_hook_and_a_sweep_inside_another_hook(sweep: Any) -> None:
    x = Value(2.0)
    h = x * x
    running: list[int] = []

    def nested(g: Any) -> None:
        if not running:
            running.append(1)
            (x * 3).backward()

    with x.register_hook(lambda g: 2 * g), h.register_hook(nested):
        found = sweep(h, x)
    assert x.grad == (8.0 if sweep is SWEEPS["backward"] else 0.0) + 6.0, "each contribution goes through the hook once"
    assert found == (14.0 if sweep is SWEEPS["backward"] else 8.0)


@every_sweep
def test_a_sweep_inside_a_hook_that_fails(sweep: Any) -> None:
    """If its error is caught, it has changed nothing; if the outer sweep fails later, neither has."""
    x, w = Value(2.0), Value(3.0)
    h = x * w

    def boom(g: Any) -> None:
        raise RuntimeError("boom")

    def catching(g: Any) -> None:
        with w.register_hook(boom), pytest.raises(RuntimeError, match="boom"):
            (x * w).backward()
        (x * 5).backward()

    with h.register_hook(catching):
        found = sweep(h * 2, x)
    assert x.grad == 5.0 + (6.0 if sweep is SWEEPS["backward"] else 0.0)
    assert found == (x.grad if sweep is SWEEPS["backward"] else 6.0)
    assert w.grad == (4.0 if sweep is SWEEPS["backward"] else 0.0)

    def failing(g: Any) -> None:
        (x * 7).backward()
        raise RuntimeError("boom")

    before = [state(v) for v in (x, w, h)]
    with h.register_hook(failing), pytest.raises(RuntimeError, match="boom"):
        sweep(h * 2, x)
    assert [state(v) for v in (x, w, h)] == before
    (x * 7).backward()
    assert x.grad == before[0][1] + 7.0


@pytest.mark.filterwarnings("ignore:this hook holds the Value")
def test_a_transform_runs_no_hooks_of_what_it_does_not_differentiate_by() -> None:
    w, seen = Value(2.0), []
    h = w * w
    with w.register_hook(seen.append), h.register_hook(seen.append):
        assert grad(lambda a: a * a * h)(3.0) == 24.0 and hessian(lambda a: a * a * w)(3.0) == 4.0
        assert hvp(lambda a: a**3 * h, 1.0, 1.0) == 24.0 and vjp(lambda a: a * h, 1.0)[1](1.0) == (4.0,)
        assert seen == []
        with h.register_hook(lambda g: g * grad(lambda a: a * h)(1.0)):
            h.backward()
        assert seen == [1.0, 16.0] and w.grad == 16.0


def test_hooks_where_a_graph_is_made() -> None:
    x, seen = Value(3.0), []
    h = x * x
    with h.register_hook(lambda g: seen.append(type(g)) or g * g):
        slope = gradients(h * x, [x], create_graph=True)[0]
        assert seen == [Value] and slope.data == 3.0**2 * 6.0 + 9.0
    by_x, by_h = gradients(slope, [x, h])
    assert by_h == 1.0 and by_x == pytest.approx(2 * 3.0 * 6.0 + 9.0 * 2.0 + 6.0), "of x**2 * 2 x + h"
    with h.register_hook(lambda g: 2.0):
        slope = gradients(h, [x], create_graph=True)[0]
        assert isinstance(slope, Value) and slope.data == 12.0
    with h.register_hook(lambda g: seen.append((type(g), g.data)) or g * x):
        slope = gradients(h, [x], create_graph=True)[0]  # the adjoint of the root is a Value there as well
        assert seen[-1] == (Value, 1.0) and slope.data == 18.0 and gradients(slope, [x]) == [12.0]


def test_hooks_put_on_inside_a_transforms_function() -> None:
    def f(x: Any) -> Any:
        h = x * x
        h.register_hook(lambda g: 2 * g)
        return h * 1.0

    assert grad(f)(3.0) == vjp(f, 3.0)[1](1.0)[0] == 12.0
    assert jvp(f, (3.0,), (1.0,)) == (9.0, 6.0), "a hook is of sweeps backward"
    for second in (hessian(f)(3.0), grad(grad(f))(3.0), hvp(f, 3.0, 1.0)):
        assert second == 4.0
    assert not engine.hooks
