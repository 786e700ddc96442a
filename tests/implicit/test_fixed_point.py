"""fixed_point: values, gradients of every order against unrolled differentiation, refusals, memory, compiled."""

from __future__ import annotations

import gc
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from printed import said

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine import Linearization, is_joint, partial_derivatives, record
from tinygrad_lite.errors import TraceError
from tinygrad_lite.implicit.adjoint_solve import Solution

W, X = [0.3, -0.5, 0.2, 0.4], 0.7


def cell(z: Any, w: Any, x: Any) -> list[Any]:
    return [tl.tanh(w[0] * z[0] + w[1] * z[1] + x), tl.tanh(w[2] * z[0] + w[3] * z[1] - x * x)]


def implicit(w: Any, x: Any) -> Any:
    z = tl.fixed_point(cell, [0.0, 0.0], w, x).values
    return z[0] * z[1] + z[0] ** 2


def unrolled(w: Any, x: Any) -> Any:
    z: list[Any] = [0.0, 0.0]
    for _ in range(80):
        z = cell(z, w, x)
    return z[0] * z[1] + z[0] ** 2


def flat(tree: Any) -> list[float]:
    return [float(x) for x in np.concatenate([np.ravel(part) for part in tree])] if isinstance(tree, tuple) else tree


def close(a: Any, b: Any, tolerance: float = 1e-8) -> None:
    np.testing.assert_allclose(flat(a), flat(b), rtol=tolerance, atol=tolerance)


def test_values_and_how_they_were_found() -> None:
    found = tl.fixed_point(lambda z: tl.cos(z), 1.0)
    assert found.values.data == pytest.approx(0.7390851332151607, abs=1e-10)
    assert found.steps == len(found.residuals) > 10 and found.residuals[-1] <= 1e-10 < found.residuals[-2]
    assert found.spectral_radius == pytest.approx(math.sin(0.7390851332151607), abs=1e-9)
    assert found.adjoint_residual is None
    found.values.backward()
    assert found.adjoint_residual is not None and found.adjoint_residual <= 1e-10
    assert "steps" in repr(found)


def test_gradients_are_those_of_unrolled_differentiation_and_of_finite_differences() -> None:
    close(tl.grad(implicit, argnums=(0, 1))(W, X), tl.grad(unrolled, argnums=(0, 1))(W, X))
    for order in (1, 2):
        tl.gradcheck(lambda *w: implicit(w, X), W, order=order, raise_exception=True)
        tl.gradcheck(lambda x: implicit(W, x), [X], order=order, raise_exception=True)


@pytest.mark.parametrize("damping", [1.0, 0.7])
def test_derivatives_along_directions(damping: float) -> None:
    def damped(w: Any, x: Any) -> Any:
        return tl.sum(tl.fixed_point(cell, [0.0, 0.0], w, x, damping=damping).values)

    def all_steps(w: Any, x: Any) -> Any:
        z: list[Any] = [0.0, 0.0]
        for _ in range(80):
            z = cell(z, w, x)
        return tl.sum(z)

    direction = ([1.0, 2.0, 3.0, 4.0], 0.5)
    close(tl.jvp(damped, (W, X), direction), tl.jvp(all_steps, (W, X), direction))
    close(tl.hvp(lambda w: damped(w, X), W, direction[0]), tl.hvp(lambda w: all_steps(w, X), W, direction[0]))


def test_second_and_third_derivatives() -> None:
    close(tl.hessian(implicit)(W, X), tl.hessian(unrolled)(W, X))
    both: list[Callable[..., Any]] = [
        tl.grad(tl.grad(tl.grad(lambda s, f=f: f([s, *W[1:]], X)))) for f in (implicit, unrolled)
    ]
    close([both[0](0.3)], [both[1](0.3)])


def test_a_mixed_derivative_through_gradients_with_create_graph() -> None:
    w, x = [Value(v) for v in W], Value(X)
    first, *_ = tl.gradients(implicit(w, x), w, create_graph=True)
    (mixed,) = tl.gradients(first, [x])
    expected = tl.grad(lambda x: tl.grad(unrolled)(W, x)[0])(X)
    assert mixed == pytest.approx(expected, abs=1e-8)


def test_one_adjoint_solve_serves_all_results(monkeypatch: pytest.MonkeyPatch) -> None:
    pulls = []
    pull = Solution.pull
    monkeypatch.setattr(Solution, "pull", lambda self, g: pulls.append(dict(g)) or pull(self, g))
    w = [Value(v) for v in W]
    z = tl.fixed_point(cell, [0.0, 0.0], w, X).values
    (3 * z[0] + z[1] * 2 + z[0]).backward()
    assert pulls == [{0: 4.0, 1: 2.0}]
    close([v.grad for v in w], tl.grad(lambda w: 4 * tl.fixed_point(cell, [0.0, 0.0], w, X).values[0])(W), 10.0)


def test_captured_leaves_inner_results_and_a_leaf_used_twice() -> None:
    a, b = Value(0.4), Value(0.9)

    def loss(found: Callable[[Callable[[Any], Any]], Any]) -> Any:
        inner = a * b  # captured, and below it what is captured as well
        return found(lambda z: tl.tanh(a * z + inner) * b + 0.1) * a

    def steps(f: Callable[[Any], Any]) -> Any:
        z: Any = 0.0
        for _ in range(120):
            z = f(z)
        return z

    loss(lambda f: tl.fixed_point(f, 0.0).values).backward()
    ours = [a.grad, b.grad]
    a.grad = b.grad = 0.0
    loss(steps).backward()
    close(ours, [a.grad, b.grad])


def test_structures() -> None:
    w = {"a": np.array([0.2, 0.3]), "b": (0.5,)}

    def step(z: Any, w: Any) -> Any:
        return {"u": [w["a"][0] * z["v"][0] + 1.0], "v": np.array([tl.sin(z["u"][0] * w["a"][1]), w["b"][0]], object)}

    z = tl.fixed_point(step, {"u": [0.0], "v": np.zeros(2)}, w).values
    assert set(z) == {"u", "v"} and z["v"].shape == (2,) and z["v"][1].data == 0.5
    gradient = tl.grad(lambda w: tl.fixed_point(step, {"u": [0.0], "v": np.zeros(2)}, w).values["v"][0])(w)
    z0, z1 = z["u"][0].data, z["v"][0].data
    slope = math.cos(0.3 * z0)
    assert gradient["a"][0] == pytest.approx(slope * 0.3 * z1 / (1 - slope * 0.06), abs=1e-8)
    assert gradient["a"][1] == pytest.approx(slope * z0 / (1 - slope * 0.06), abs=1e-8)
    assert gradient["b"] == (0.0,)


def test_results_that_do_not_depend_on_z_and_empty_ones() -> None:
    a = Value(2.0)
    z = tl.fixed_point(lambda z: [a, 3.0, z[0] * a], [0.0, 0.0, 0.0]).values
    tl.sum(z).backward()
    assert [v.data for v in z] == [2.0, 3.0, 4.0] and a.grad == 5.0
    assert tl.fixed_point(lambda z: [], []).values == []


def test_no_gradient_enters_the_start() -> None:
    start = Value(0.5)
    z = tl.fixed_point(lambda z: tl.cos(z) + 0 * start, start).values
    z.backward()
    assert start.grad == 0.0
    assert tl.compile(tl.grad(lambda s: tl.fixed_point(tl.cos, s).values))(0.5) == 0.0


def test_under_no_grad_results_are_detached() -> None:
    with tl.no_grad():
        found = tl.fixed_point(lambda z: 0.5 * z + 1.0, 0.0)
    assert found.values.kind == "detached" and found.values.data == pytest.approx(2.0)
    with pytest.raises(TraceError, match="no_grad"):
        _ = found.spectral_radius


def test_a_fixed_point_within_a_fixed_point() -> None:
    def inner(w: Any, z: Any, p: Any) -> Any:
        return tl.tanh(0.5 * w + z + p)

    def ours(p: Any) -> Any:
        return tl.fixed_point(lambda z: 0.3 * tl.fixed_point(inner, 0.0, z, p).values + p, 0.0).values

    def steps(p: Any) -> Any:
        z: Any = 0.0
        for _ in range(40):
            w: Any = 0.0
            for _ in range(60):
                w = inner(w, z, p)
            z = 0.3 * w + p
        return z

    for derivative in (tl.grad, lambda f: tl.grad(tl.grad(f)), lambda f: tl.compile(tl.grad(f))):
        assert derivative(ours)(0.4) == pytest.approx(derivative(steps)(0.4), abs=1e-8)
    assert tl.jvp(ours, (0.4,), (1.0,))[1] == pytest.approx(tl.grad(steps)(0.4), abs=1e-8)


def test_hooks_see_what_passes() -> None:
    a, seen = Value(2.0), []
    z = tl.fixed_point(lambda z: [tl.tanh(0.5 * z[0] + a), 0.1 * z[0]], [0.0, 0.0]).values
    expected = tl.gradients(z[1], [a])[0]
    with tl.register_hook(a, lambda g: 10 * g), tl.register_hook(z[1], seen.append):
        z[1].backward()
        assert tl.gradients(z[1], [a])[0] == pytest.approx(10 * expected)
    assert a.grad == pytest.approx(10 * expected) and seen == [1.0, 1.0]


def test_explanations_see_local_derivatives() -> None:
    a, b = Value(2.0, label="a"), Value(0.3, label="b")
    y = tl.fixed_point(lambda z: [tl.tanh(b * z[1] + a), z[0] * b], [0.0, 0.0]).values[0]
    expected = tl.gradients(y, [b, a])
    assert y.parents == (b, a) and not is_joint(y)
    close(list(y.local_derivatives), expected)
    explained = tl.explain(2 * y, a)
    assert f"{2 * expected[1]:.4g}" in str(explained)
    assert "component" in str(y.formula()) and y.graph()._repr_mimebundle_()
    assert tl.gradients(record(y.op, y.args), [b, a]) == pytest.approx(expected, abs=1e-8)
    with tl.detect_anomaly():
        tl.fixed_point(lambda z: tl.tanh(b * z + a), 0.0).values.backward()


def test_memory_does_not_grow_with_the_steps() -> None:
    rng = np.random.default_rng(0)
    weights = [[Value(x) for x in row] for row in rng.normal(size=(30, 30)) / 30**0.5]

    def most(steps: int) -> int:
        """The peak of memory in bytes, for a contraction that takes this many steps to reach the tolerance."""

        def f(z: Any) -> Any:
            return [0.3 * tl.tanh(tl.dot(row, z, 1.0)) + 0.7 * x for row, x in zip(weights, z, strict=True)]

        gc.collect()
        tracemalloc.start()
        found = tl.fixed_point(f, [0.0] * 30, tol=0.75**steps)
        loss = tl.sum(found.values)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert steps / 2 < found.steps < 2 * steps
        loss.backward()
        return peak

    most(20)
    few, many = most(20), most(80)
    assert many < 1.2 * few


def test_nothing_is_left_behind() -> None:
    a = Value(2.0)

    def once() -> None:
        z = tl.fixed_point(lambda z: [tl.tanh(0.5 * z[0] + a), 0.1 * z[0]], [0.0, 0.0]).values
        (z[0] * z[1]).backward()
        tl.gradients(z[0], [a], create_graph=True)

    once()
    gc.collect()
    tracemalloc.start()
    once()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(20):
        once()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 4000


def test_a_linearization_is_the_derivatives() -> None:
    x = [Value(0.3), Value(-1.2)]
    shared = x[0] * x[1]
    ys = [tl.tanh(shared) + x[0] ** 2, tl.dot([2.0, shared], x, 1.0), 4.0, x[1]]
    us = [0.5, -2.0, 7.0, 3.0]
    expected = partial_derivatives(tl.dot(us, ys), x)
    close(Linearization(ys, x).pull(us), expected)
    apart = partial_derivatives(tl.dot(us, ys), [*x, shared])  # as if shared did not depend on x
    close(Linearization(ys, [*x, shared]).pull(us), apart)
    assert apart[0] != pytest.approx(expected[0])


def test_printed_it_says_whether_it_has_a_gradient() -> None:
    w = Value(0.5, "w")
    one = tl.fixed_point(lambda z: (w * z + 1.0).tanh(), 0.0)
    slope = 0.5 * (1.0 - one.values.data**2)
    assert said(one).startswith(
        f"Fixed point after {one.steps} steps: f moves z by no more than {one.residuals[-1]:.2g} "
    )
    assert f"z has a gradient, since the slope df/dz has the size {slope:.3g}, below 1." in said(one)
    two = tl.fixed_point(lambda z: [0.5 * z[1], 0.5 * z[0] + w], [0.0, 0.0])
    assert "the spectral radius 0.5, below 1, the size of its largest eigenvalue." in said(two)
    steep = tl.fixed_point(lambda z: 1.0 - 3.0 * z * w, 0.0, damping=0.5)
    assert "unless 1 is an eigenvalue of df/dz. But the slope df/dz has the size 1.5, not below 1" in said(steep)
    steep.values.backward()
    assert w.grad == pytest.approx(-3.0 * steep.values.data / 2.5)
    with tl.no_grad():
        assert "z has no gradient" in said(tl.fixed_point(lambda z: 0.5 * z, 1.0))
    assert "spectral radius" in two._repr_html_() and repr(two).startswith("<fixed point after ")
    traced: list[str] = []
    tl.compile(lambda x: traced.append(str(tl.fixed_point(lambda z: 0.5 * z + x, 0.0))) or x)(1.0)
    assert set(traced) == {"<fixed point in a trace>"}
