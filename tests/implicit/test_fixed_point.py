"""fixed_point: values, gradients of every order against unrolled differentiation, refusals, memory, compiled."""

from __future__ import annotations

import gc
import math
import pickle
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.engine import Linearization, is_joint, partial_derivatives, record
from tinygrad_lite.errors import ConvergenceError, HistoryError, ShapeError, TraceError
from tinygrad_lite.implicit.adjoint_solve import Solution

W, X = [0.3, -0.5, 0.2, 0.4], 0.7
PAIR = pytest.mark.parametrize("executor", ["array", "native"])


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
    monkeypatch.setattr(Solution, "pull", lambda self, g: pulls.append(list(g)) or pull(self, g))
    w = [Value(v) for v in W]
    z = tl.fixed_point(cell, [0.0, 0.0], w, X).values
    (3 * z[0] + z[1] * 2 + z[0]).backward()
    assert pulls == [[4.0, 2.0]]
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


@pytest.mark.parametrize(
    ("f", "kind", "advice"),
    [
        (lambda z: 2 * z + 1, "divergence", r"runs away: f has the slope 2 there.*No damping helps.*Newton's steps"),
        (lambda z: 1.001 * z + 1, "divergence", r"slope 1\.001 there.*No damping helps"),
        (lambda z: z + 1, "divergence", "slope 1 there.*z = f.z. may have no solution"),
        (lambda z: -1.5 * z + 1, "divergence", r"oscillates.*slope -1\.5 .*damping=0\.4 \(it must be below 0\.8\)"),
        (lambda z: 1 - z, "divergence", r"oscillates.*slope -1 there.*damping=0\.5 \(it must be below 1\)"),
        (lambda z: z * z + 2, "divergence", "runs away, faster at each step.*smaller weights"),
        (
            lambda z: -(z**3) - 2 * z + 1,
            "divergence",
            "oscillates, wider at each step.*damping=0.25, and a start nearer",
        ),
        (lambda z: 3.9 * z * (1 - z), "divergence", "does not shrink, and the steps follow no single slope"),
        (lambda z: 3.2 * z * (1 - z), "divergence", r"oscillates.*slope -1 there.*Try damping=0\.5 "),
        (lambda z: 0.99999 * z + 1, "slow convergence", r"leaves 0\.99999 of.*slope 0\.99999 there.*Try max_steps="),
        (lambda z: 0.999 * z + 1, "slow convergence", r"slope 0\.999 there.*Try max_steps="),
        (lambda z: 1 - 0.999 * z, "slow convergence", r"slope -0\.999 there.*Try damping=0\.5, or max_steps="),
        (lambda z: z - z**3, "slow convergence", r"each step leaves 0\.99.*Try max_steps="),
        (lambda z: tl.log(z - 5), "not finite", "log"),
        (lambda z: tl.sqrt(1 - z * 0.1) - 3 * tl.exp(z * 0.0), "not finite", "start elsewhere"),
    ],
)
def test_refusals_say_what_happened_and_what_to_try(f: Any, kind: str, advice: str) -> None:
    start = 20.0 if "sqrt" in f.__code__.co_names else 0.3
    with pytest.raises(ConvergenceError, match=advice) as caught:
        tl.fixed_point(f, start, max_steps=300)
    assert caught.value.kind == kind and kind in str(caught.value)
    assert 1 <= len(caught.value.residuals) <= 300
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.kind, repr(again.residuals)) == (str(caught.value), kind, repr(caught.value.residuals))


def test_what_is_advised_helps() -> None:
    found = tl.fixed_point(lambda z: -1.5 * z + 1, 0.4, damping=0.5)
    assert found.values.data == pytest.approx(0.4)
    with pytest.raises(ConvergenceError) as caught:
        tl.fixed_point(lambda z: 0.99 * z + 1, 0.0, max_steps=100)
    advised = int(str(caught.value).partition("max_steps=")[2].partition(",")[0])
    assert 100 < tl.fixed_point(lambda z: 0.99 * z + 1, 0.0, max_steps=advised).steps <= advised


def linear(rows: list[list[float]]) -> Any:
    return lambda z: [tl.dot(row, z, 1.0 + k) for k, row in enumerate(rows)]


def turning(size: float, angle: float) -> list[list[float]]:
    c, s = size * math.cos(angle), size * math.sin(angle)
    return [[c, -s], [s, c]]


@pytest.mark.parametrize(
    ("rows", "message", "damping"),
    [
        (
            [[2.0, 0.3], [0.1, -1.0]],
            r"runs away: .*radius 2\.01 there, from the eigenvalue 2\.01 .*No damping helps",
            None,
        ),
        ([[-2.0, 0.3], [0.1, 0.5]], r"oscillates.*from the eigenvalue -2\.012 .*damping=0\.33 ", 0.33),
        (turning(1.3, 1.2), r"circles.*radius 1\.3 there, from the eigenvalue 0\.471 ± 1\.21i .*damping=0\.3 ", 0.3),
        (turning(1.3, 0.3), r"runs away: .*from the eigenvalue 1\.24 ± 0\.384i .*No damping helps", None),
        (turning(0.999, 1.2), r"leaves 0\.999 .*0\.362 ± 0\.931i .*Try damping=0\.5, or max_steps=", 0.5),
    ],
)
@pytest.mark.parametrize("way", ["eager", "call", "batch"])
def test_the_slope_of_vectors_is_told_and_the_damping_that_is_advised_helps(
    rows: list[list[float]], message: str, damping: float | None, way: str
) -> None:
    def found(start: float) -> Any:
        z = tl.fixed_point(linear(rows), [start, 0.0], max_steps=200).values
        return z if way == "eager" else z[0]

    compiled = tl.compile(found)
    with pytest.raises(ConvergenceError, match=message):
        if way == "eager":
            found(0.5)
        elif way == "call":
            compiled(0.5)
        else:
            compiled.batch(np.array([0.5, 0.7]), reduce=None)
    if damping is not None:
        z = [v.data for v in tl.fixed_point(linear(rows), [0.5, 0.0], damping=damping).values]
        close(linear(rows)(z), z)


def test_the_slope_of_damped_steps_is_that_of_f() -> None:
    for f, damping, message in (
        (lambda z: 1 - 3 * z, 0.8, r"slope -3 there.*damping=0\.25 "),
        (lambda z: 2 * z + 1, 0.1, "slope 2 there.*No damping helps"),
        (lambda z: 0.5 * z + 1, 0.01, r"slope 0\.5 there.*Try damping=1, or max_steps="),
    ):
        with pytest.raises(ConvergenceError, match=message):
            tl.fixed_point(f, 0.3, damping=damping, max_steps=100)
    for steps in (1, 2):
        with pytest.raises(ConvergenceError, match="runs away: f has the slope 2 there"):
            tl.fixed_point(lambda z: 2 * z + 1, 0.3, max_steps=steps)
        with pytest.raises(ConvergenceError, match=r"leaves 0\.5 of the residual.*Try max_steps="):
            tl.fixed_point(lambda z: 0.5 * z + 1, 0.3, max_steps=steps)


def test_an_error_of_f_further_on_does_not_hide_what_happened() -> None:
    def f(z: Any) -> Any:
        if len(met) >= 20:
            raise ZeroDivisionError("mine")
        met.append(z)
        return 2 * z + 1

    met: list[Any] = []
    with pytest.raises(ConvergenceError, match="does not shrink"):
        tl.fixed_point(f, 0.3, max_steps=20)


def test_a_tolerance_below_rounding_is_told() -> None:
    with pytest.raises(ConvergenceError, match="rounding"):
        tl.fixed_point(lambda z: tl.cos(z) * 1.1 + tl.sin(3 * z) * 0.01, 1.0, tol=1e-30, max_steps=500)


def test_no_gradient_is_passed_on_where_the_adjoints_are_not_reached() -> None:
    a, b = Value(1.0), Value(3.0)
    z = tl.fixed_point(lambda z: 2 * z - a, 1.0).values  # starts where it is, and would not come back
    loss = z + b * a
    b.backward()
    with pytest.raises(ConvergenceError, match=r"the adjoints of .*slope 2 there.*No damping helps"):
        loss.backward()
    assert (a.grad, b.grad) == (0.0, 1.0)
    with pytest.raises(ConvergenceError, match="adjoints"):
        tl.gradients(loss, [a], create_graph=True)


def test_wrong_calls() -> None:
    with pytest.raises(TypeError, match="takes a function of z"):
        tl.fixed_point(3, 0.0)  # type: ignore[arg-type]
    for settings, text in (({"tol": 0.0}, "tol"), ({"damping": 1.5}, "damping"), ({"max_steps": 0}, "max_steps")):
        with pytest.raises(ValueError, match=text):
            tl.fixed_point(tl.cos, 0.0, **settings)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="structure of z0"):
        tl.fixed_point(lambda z: [z[0]], [0.0, 1.0])
    with pytest.raises(TypeError, match="z0"):
        tl.fixed_point(lambda z: z, "no")


def test_a_leaf_that_changed_since_is_an_error_where_it_matters() -> None:
    a = Value(2.0)
    y = tl.fixed_point(lambda z: tl.tanh(0.5 * z + a), 0.0).values ** 2
    a.data = 1.0
    assert tl.gradients(y, [a])[0] > 0.0
    with pytest.raises(HistoryError, match="changed"):
        tl.gradients(y, [a], create_graph=True)


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


def test_fixed_points_that_differ_within_are_told_apart_in_a_program() -> None:
    def outer(scale: float, p: Any) -> Any:
        return tl.fixed_point(
            lambda z: 0.3 * tl.fixed_point(lambda w: scale * tl.sin(w) + z, 0.0).values + p, 0.0
        ).values

    compiled = tl.compile(lambda p: [outer(0.5, p), outer(-0.5, p)])
    assert compiled(0.4) == pytest.approx([outer(0.5, 0.4).data, outer(-0.5, 0.4).data], abs=1e-9)
    assert compiled(0.4)[0] != pytest.approx(compiled(0.4)[1], abs=0.01)


def test_a_compiled_function_settles_as_well() -> None:
    f = tl.compile(lambda z, p: [tl.tanh(0.5 * z[0] + p), z[0] * p])
    second = tl.grad(tl.grad(lambda p, f: tl.sum(tl.fixed_point(f, [0.0, 0.0], p).values)))
    assert second(0.3, f) == pytest.approx(second(0.3, f.function), abs=1e-9)


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
    assert "fixed_point" in str(y.formula()) and y.graph()._repr_mimebundle_()
    assert tl.gradients(record(y.op, y.args), [b, a]) == pytest.approx(expected, abs=1e-8)
    with tl.detect_anomaly():
        tl.fixed_point(lambda z: tl.tanh(b * z + a), 0.0).values.backward()


def test_memory_does_not_grow_with_the_steps() -> None:
    rng = np.random.default_rng(0)
    weights = [[Value(x) for x in row] for row in rng.normal(size=(30, 30)) / 30**0.5]

    def most(steps: int) -> int:
        """Bytes at most, for a contraction that takes so many steps to pass the tolerance."""

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


def test_a_linearization_of_a_compiled_batch() -> None:
    """Whose node has the derivatives of the sum over the lanes, and the share of a lane apart."""
    w, b = Value(0.5), Value(-1.0)
    line = tl.compile(lambda x: w * x + b)
    ys = [line.batch([1.0, 3.0, 5.0]) * 2.0, line.batch([1.0, 3.0], reduce="sum") * w]
    assert Linearization(ys, [w, b]).pull([1.0, 0.0]) == pytest.approx([6.0, 2.0])
    assert Linearization(ys, [w, b]).pull([0.0, 1.0]) == pytest.approx([2.0, 1.0])


@PAIR
def test_compiled_calls_batches_and_derivatives(executor: Any) -> None:
    points = [0.7, 0.1, -0.4, 1.3]
    compiled = tl.compile(tl.value_and_grad(implicit, argnums=(0, 1)), executor=executor)
    value, gradient = compiled(W, X)
    assert value == pytest.approx(implicit(W, X).data, abs=1e-9)
    close(gradient, tl.grad(unrolled, argnums=(0, 1))(W, X))
    values, (by_w, by_x) = compiled.batch(np.array([W] * 4), np.array(points), reduce=None)
    for lane, x in enumerate(points):
        close((by_w[lane], by_x[lane]), tl.grad(unrolled, argnums=(0, 1))(W, x))
        assert values[lane] == pytest.approx(compiled(W, x)[0], abs=1e-14)
    close(tl.compile(tl.hessian(implicit), executor=executor)(W, X), tl.hessian(unrolled)(W, X))


@PAIR
def test_compiled_with_captured_leaves(executor: Any) -> None:
    points = [0.7, 0.1, -0.4, 1.3]
    w = [Value(v) for v in W]
    compiled = tl.compile(lambda x: implicit(w, x), executor=executor)
    compiled.batch(np.array(points)).backward()
    ours = [v.grad for v in w]
    close(ours, tl.grad(lambda w: tl.mean([unrolled(w, x) for x in points]))(W))
    x = Value(X)
    y = compiled(x)
    close(tl.gradients(y, [x, *w]), [*tl.gradients(unrolled(w, x), [x, *w])])
    (first,) = tl.gradients(y, [x], create_graph=True)
    close(tl.gradients(first, [x]), [tl.grad(tl.grad(lambda x: unrolled(W, x)))(X)])
    w[0].data = -0.3
    assert compiled(X) == pytest.approx(unrolled([-0.3, *W[1:]], X), abs=1e-9)


def test_compiled_it_is_one_operation_whatever_the_steps() -> None:
    compiled = tl.compile(tl.grad(implicit))
    compiled(W, X)
    counts = compiled.program.counts()
    assert counts["fixed_point"] == 2 and counts["tanh"] == 2  # the adjoints' solve is the other
    assert "fixed_point" in str(compiled.program) and compiled.summary


def test_a_fixed_point_found_outside_is_found_again_in_a_program() -> None:
    a = Value(0.4)
    y = tl.fixed_point(lambda z: tl.tanh(0.5 * z + a), 0.0).values
    compiled = tl.compile(lambda x: x * y)
    assert compiled(2.0) == pytest.approx(2 * y.data, abs=1e-9)
    a.data = 0.9
    again = tl.fixed_point(lambda z: tl.tanh(0.5 * z + a), 0.0).values
    assert compiled(2.0) == pytest.approx(2 * again.data, abs=1e-9)
    assert tl.compile(lambda x: x + tl.fixed_point(tl.cos, 1.0).values)(0.0) == pytest.approx(0.7390851332151607)


def test_two_fixed_points_found_outside_are_told_apart() -> None:
    w, v = Value(1.0), Value(2.0)
    by_w, by_v = (tl.fixed_point(lambda z, p=p: [0.5 * z[0] + p, 0.25 * z[1] + p], [0.0, 0.0]).values for p in (w, v))
    compiled = tl.compile(lambda x: by_w[0] * x + by_v[0] + 10.0 * by_v[1] + 100.0 * by_w[1])
    for _ in range(2):
        expected = 2.0 * w.data * 3.0 + 2.0 * v.data + 10.0 * v.data / 0.75 + 100.0 * w.data / 0.75
        assert compiled(3.0) == pytest.approx(expected)
        tl.engine.clear_grads([w, v])
        compiled.batch([3.0]).backward()
        assert (w.grad, v.grad) == (pytest.approx(6.0 + 100.0 / 0.75), pytest.approx(2.0 + 10.0 / 0.75))
        w.data, v.data = -1.0, 0.5


def test_several_fixed_points_of_one_kind_in_a_program() -> None:
    def loss(xs: Any) -> Any:
        zs = [tl.fixed_point(cell, [0.0, 0.0], W, x).values for x in xs]
        return tl.sum([z[0] for z in zs]) + tl.prod([z[1] for z in zs])

    points = [0.7, 0.1, -0.4]
    for executor in ("array", "native"):
        gradient = tl.compile(tl.grad(loss), executor=executor)
        close(gradient(points), tl.grad(loss)(points), 1e-9)
        rows = gradient.batch(np.array([points, points[::-1]]), reduce=None)
        close(rows[1].tolist(), tl.grad(loss)(points[::-1]), 1e-9)


@PAIR
def test_compiled_refusals(executor: Any) -> None:
    compiled = tl.compile(lambda a: tl.fixed_point(lambda z: a * z + 1, 0.0).values, executor=executor)
    assert compiled(0.5) == pytest.approx(2.0)
    with pytest.raises(ConvergenceError, match="divergence"):
        compiled(2.0)
    lane = " in lane 2 of the batch" if executor == "array" else ""  # the other solves lane by lane
    with pytest.raises(ConvergenceError, match=f"{lane}: no fixed point.*divergence.*slope 3 there"):
        compiled.batch(np.array([0.1, 0.2, 3.0]), reduce=None)

    def looks(a: Any) -> Any:
        found = tl.fixed_point(lambda z: a * z + 1, 0.0)
        return found.values * found.steps

    with pytest.raises(TraceError, match="again at each call"):
        tl.compile(looks)(0.5)


def test_no_grad_and_detach_within_a_program() -> None:
    def loss(a: Any) -> Any:
        with tl.no_grad():
            z = tl.fixed_point(lambda z: 0.5 * z + a, 0.0).values
        return z * a

    assert tl.compile(tl.grad(loss))(3.0) == pytest.approx(6.0)


def test_an_equilibrium_layer_trains() -> None:
    random.seed(0)
    layer = nn.Equilibrium(lambda z, x: [0.5 * tl.sin(z[0]) + slope * x], 1)
    slope = Value(0.3)
    layer.slope = slope  # type: ignore[attr-defined]
    assert layer.parameters() == [slope] and layer.solve(1.0).steps > 3
    for _ in range(60):
        loss = (layer(1.0)[0] - 1.5) ** 2
        layer.zero_grad()
        loss.backward()
        slope.data -= 0.1 * slope.grad
    assert layer(1.0)[0].data == pytest.approx(1.5, abs=1e-3)
    with pytest.raises(TypeError, match="cell must be a function"):
        nn.Equilibrium(3, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_an_almeida_pineda_network(activation: str) -> None:
    random.seed(1)
    net = nn.AlmeidaPineda(3, 5, activation=activation)
    x = [0.5, -1.0, 2.0]
    loss = tl.sum([z * z for z in net(x)])
    leaves = net.parameters()
    found = tl.gradients(loss, leaves)
    assert len(leaves) == 5 * 5 + 5 * 4

    z: list[Any] = [0.0] * 5
    drive = net.drive(x)
    for _ in range(80):
        z = net.step(z, drive)
    close(found, tl.gradients(tl.sum([v * v for v in z]), leaves))
    compiled = tl.compile(lambda x: tl.sum([z * z for z in net(x)])).batch(np.array([x, x]))
    close(tl.gradients(compiled, leaves), found)
    assert net.solve(x).spectral_radius < 1.0
    with pytest.raises(ShapeError, match="5 units"):
        net.step([0.0], drive)


def test_an_almeida_pineda_network_learns_to_restore_images() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    images = datasets.load_digits().data / 8.0 - 1.0
    source = np.random.default_rng(0)
    hit = source.random(images.shape) < 0.3
    given = np.where(hit, source.choice([-1.0, 1.0], images.shape), images)
    random.seed(0)
    net = nn.AlmeidaPineda(64, 64, gain=0.4, tol=1e-4)
    loss = tl.compile(lambda x, y: tl.mean([(a - b) ** 2 for a, b in zip(net(x), y, strict=True)]))
    optimizer = tl.optim.Adam(net.parameters(), lr=0.003)
    for start in [*range(0, 1200, 50)] * 4:
        optimizer.zero_grad()
        loss.batch(given[start : start + 50], images[start : start + 50]).backward()
        optimizer.step()
    held_out = loss.batch(given[1200:], images[1200:]).data
    assert held_out < 0.5 * float(np.mean((given - images)[1200:] ** 2))
