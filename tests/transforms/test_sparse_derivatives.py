"""sparse_hessian and sparse_jacobian against hessian and jacobian."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import SparseMatrix, Value, compile, ops
from tinygrad_lite.errors import CutOffWarning

N = 7
# Rows that take a sequence, or that take only some numbers, are drawn with arguments that suit them.
ROWS = [row.name for row in ops.TABLE.values() if row not in (ops.take, ops.polygamma, ops.mills, ops.lgamma)]
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5])
STEPS = st.lists(
    st.tuples(st.sampled_from(ROWS), st.lists(st.integers(0, 99) | NUMBERS, min_size=6, max_size=6)),
    min_size=1,
    max_size=12,
)
POINTS = st.lists(st.floats(-2.0, 2.0).map(lambda x: round(x, 3)) | NUMBERS, min_size=N, max_size=N)


def run(steps: Sequence[tuple[str, list[Any]]], xs: Sequence[Any]) -> list[Any]:
    """All that the steps compute, each from earlier results and plain numbers."""
    known = list(xs)
    for name, picks in steps:
        row, rest = ops.TABLE[name], iter(picks)

        def pick(rest: Any = rest) -> Any:
            which = next(rest)
            return which if type(which) is float else known[-1 - which % len(known)]

        args = [(pick(), pick()) if k in row.sequences else pick() for k in range(len(row.args))]
        if row in (ops.var, ops.std):
            args[1] = 0.0
        known.append(row(*args))
    return known


def same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-9)


def forward(f: Callable[..., Any], x: Any) -> Any:
    """The Jacobian by forward sweeps, which differ where something is not finite."""
    columns = [tl.jvp(f, (x,), (unit.tolist(),))[1] for unit in np.eye(len(x))]
    return np.array(columns, float).T


def check(found: SparseMatrix, expected: Any, symmetric: bool, forward: Any = None) -> None:
    """Each entry is that of the whole matrix, or of that by forward sweeps; what is not listed is 0 there."""
    whole = np.array(expected, float).reshape(found.shape)
    rest = whole.copy()
    assert found.rows.tolist() == sorted(found.rows.tolist())
    listed = list(zip(found.rows.tolist(), found.columns.tolist(), strict=True))
    assert listed == sorted(set(listed))
    for i, j, x in zip(found.rows, found.columns, found.values, strict=True):
        others = [whole[j, i]] if symmetric else [] if forward is None else [forward[i, j]]
        assert same(x, whole[i, j]) or any(same(x, other) for other in others), (i, j, x, whole[i, j])
        rest[i, j] = 0.0
    assert not np.any(rest), rest
    assert not symmetric or np.array_equal(found.toarray(), found.toarray().T, equal_nan=True)


@settings(max_examples=up_to(600), deadline=None)
@given(STEPS, POINTS)
def test_random_programs_of_all_rows(steps: Any, xs: list[float]) -> None:
    def f(xs: Any) -> Any:
        return run(steps, xs)[-3:]

    check(tl.sparse_jacobian(f)(xs), tl.jacobian(f)(xs), False, forward(f, xs))
    for k in range(3):
        check(tl.sparse_hessian(lambda xs, k=k: f(xs)[k])(xs), tl.hessian(lambda xs, k=k: f(xs)[k])(xs), True)


@settings(max_examples=up_to(120), deadline=None)
@given(STEPS, POINTS, st.sampled_from(["native", "array"]))
def test_random_programs_compiled(steps: Any, xs: list[float], executor: Any) -> None:
    def f(xs: Any) -> Any:
        return run(steps, xs)[-3:]

    for function, whole, symmetric in (
        (tl.sparse_jacobian(f), tl.jacobian(f), False),
        (tl.sparse_hessian(lambda xs: f(xs)[-1]), tl.hessian(lambda xs: f(xs)[-1]), True),
    ):
        compiled = compile(function, executor=executor)
        eager, found = function(xs), compiled(xs)
        check(found, whole(xs), symmetric, None if symmetric else forward(f, xs))
        assert {*zip(eager.rows, eager.columns, strict=True)} <= {*zip(found.rows, found.columns, strict=True)}


# Functions of many variables by the form of their Hessian, or of a scalar's gradient.
def rosenbrock(x: Any) -> Any:
    return tl.sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(x)])


def arrow(x: Any) -> Any:
    return tl.sum([(x[0] * a).sin() + a**4 for a in x[1:]])


def blocks(x: Any) -> Any:
    return tl.sum([tl.prod(x[k : k + 3]).exp() for k in range(0, len(x), 3)])


def grid(x: Any) -> Any:
    m = math.isqrt(len(x))
    pairs = [(i, i + d) for i in range(m * m) for d in (1, m) if (i + d) % m or d == m if i + d < m * m]
    return tl.sum([(x[i] - 0.5 * x[j]).cosh() for i, j in pairs])


def dense(x: Any) -> Any:
    return tl.logsumexp(x) * x[0]


def linear(x: Any) -> Any:
    return tl.mean(x) - 2.0 * x[0] + abs(x[1])


def stencil(u: Any) -> Any:
    full = [0.0, *u, 0.0]
    return [full[k - 1] * full[k + 1] - 2.0 * full[k] + full[k].exp() for k in range(1, len(full) - 1)]


def tall(x: Any) -> Any:
    return [x[0] * x[1] * k + x[2].sin() for k in range(12)]


def wide(x: Any) -> Any:
    return [tl.norm(x), x[0] * x[1]]


def half_arrow(x: Any) -> Any:
    """Rows of two kinds: a full one, and short ones."""
    return [tl.prod(x), *[a * a for a in x]]


@pytest.mark.parametrize("n", [4, 9, 16])
@pytest.mark.parametrize("f", [rosenbrock, arrow, blocks, grid, dense, linear])
def test_hessians_of_many_forms(f: Callable[..., Any], n: int) -> None:
    x = np.linspace(0.3, 1.5, n)
    expected = tl.hessian(f)(x)
    for function in (
        tl.sparse_hessian(f),
        compile(tl.sparse_hessian(f)),
        compile(tl.sparse_hessian(f), executor="array"),
    ):
        for given_ in (x, x.tolist(), x):
            found = function(given_)
            assert found.values.dtype == float and found.shape == (n, n)
            check(found, expected, True)
    batch = compile(tl.sparse_hessian(f)).batch(np.array([x, 2.0 * x]), reduce=None)
    if len(batch.values.T):
        assert np.allclose(batch.toarray(), [expected, tl.hessian(f)(2.0 * x)])


@pytest.mark.parametrize("f", [stencil, tall, wide, half_arrow, lambda x: [], lambda x: [1.0, x[0]], rosenbrock])
def test_jacobians_of_many_forms(f: Callable[..., Any]) -> None:
    x = np.linspace(0.3, 1.5, 9)
    expected = np.array(tl.jacobian(f)(x)) if f is not stencil else tl.jacobian(f)(x)
    for function in (
        tl.sparse_jacobian(f),
        compile(tl.sparse_jacobian(f)),
        compile(tl.sparse_jacobian(f), executor="array"),
    ):
        for given_ in (x, x.tolist(), x):
            check(function(given_), expected, False)


@pytest.mark.parametrize(("f", "sweeps"), [(rosenbrock, 3), (arrow, 2), (dense, 20), (linear, 0)])
def test_a_hessian_takes_few_sweeps(f: Any, sweeps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(_sweeps(tl.sparse_hessian(f), monkeypatch)) == sweeps


@pytest.mark.parametrize(("f", "sweeps"), [(stencil, 3), (tall, 3), (wide, 2), (half_arrow, 2), (lambda x: list(x), 1)])
def test_a_jacobian_takes_few_sweeps(f: Any, sweeps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(_sweeps(tl.sparse_jacobian(f), monkeypatch)) == sweeps


def test_sweeps_are_reverse_ones_where_as_many_would_be_forward_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    names = _sweeps(tl.sparse_jacobian(lambda x: [x[0] * x[1], x[1] * x[2], x[2] * x[0]]), monkeypatch)
    assert names == ["derivatives"] * 3
    assert _sweeps(tl.sparse_jacobian(tall), monkeypatch) == ["tangents"] * 3


def _sweeps(function: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the sweeps that it takes."""
    from tinygrad_lite.transforms import runs, sparse_derivatives

    names: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(sparse_derivatives, "hooks", {})  # where another test has left a hook, nothing is swept together
        for name in ("derivatives", "tangents"):
            sweep = getattr(runs, name)
            patch.setattr(runs, name, lambda *args, name=name, sweep=sweep: names.append(name) or sweep(*args))
        function(np.linspace(0.1, 1.0, 20))
    return names


def test_of_one_number() -> None:
    found = tl.sparse_hessian(lambda x: x**3)(2.0)
    assert found.shape == (1, 1) and found.toarray().tolist() == [[12.0]]
    found = tl.sparse_jacobian(tl.sin)(0.0)
    assert found.shape == (1, 1) and found.values.tolist() == [1.0]
    for function in (
        tl.sparse_hessian(lambda x: 3.0),
        tl.sparse_hessian(lambda x: 2.0 * x),
        tl.sparse_jacobian(lambda x: 3.0),
    ):
        for f in (function, compile(function)):
            assert f(1.0).shape == (1, 1) and f(1.0).values.shape == (0,) and f(1.0).toarray().tolist() == [[0.0]]


@dataclass
class Spring:
    stiffness: Any
    ends: Any


def energy(spring: Any, scale: Any, power: float = 2.0) -> Any:
    return scale["by"] * spring.stiffness * (spring.ends[0] - spring.ends[1]) ** power


def test_structures_of_arguments_are_numbers_in_order() -> None:
    spring, scale = Spring(2.0, (1.0, 3.0)), {"by": 0.5}
    flat = tl.hessian(lambda x: energy(Spring(x[0], x[1:3]), {"by": x[3]}, 3.0))([2.0, 1.0, 3.0, 0.5])
    whole = np.array(flat)
    for transform in (lambda f: f, compile):
        first = transform(tl.sparse_hessian(energy))(spring, scale, power=3.0)
        assert np.allclose(first.toarray(), whole[:3, :3])
        assert np.allclose(transform(tl.sparse_hessian(energy, argnums=1))(spring, scale, power=3.0).toarray(), 0.0)
        both = transform(tl.sparse_hessian(energy, argnums=(0, 1)))(spring, scale, power=3.0)
        assert np.allclose(both.toarray(), whole)
        turned = transform(tl.sparse_hessian(energy, argnums=(-1, 0)))(spring, scale, power=3.0)
        assert np.allclose(turned.toarray(), whole[[3, 0, 1, 2]][:, [3, 0, 1, 2]])
    found = tl.sparse_jacobian(lambda a, b: {"y": [a * b, b], "z": a}, argnums=(1, 0))(2.0, 3.0)
    assert found.toarray().tolist() == [[2.0, 3.0], [1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("transform", [lambda f: f, compile])
def test_what_else_the_function_returns(transform: Any) -> None:
    hessian, more = transform(tl.sparse_hessian(lambda x: (x[0] ** 2, [x[1] * 3.0]), has_aux=True))([1.0, 2.0])
    assert hessian.toarray().tolist() == [[2.0, 0.0], [0.0, 0.0]] and more == [6.0]
    jacobian, more = transform(tl.sparse_jacobian(lambda x: ([x[0] ** 2], x[1]), has_aux=True))([1.0, 2.0])
    assert jacobian.toarray().tolist() == [[2.0, 0.0]] and more == 2.0


def test_errors_name_what_was_called() -> None:
    with pytest.raises(TypeError, match=r"sparse_hessian of <lambda>: it must return one number, got .* jacobian\(f\)"):
        tl.sparse_hessian(lambda x: [x, x])(1.0)
    with pytest.raises(TypeError, match="sparse_jacobian of <lambda>: argnums=3 was asked for"):
        tl.sparse_jacobian(lambda x: x, argnums=3)(1.0)
    with pytest.raises(TypeError, match=r"sparse_hessian\(f\) takes a function"):
        tl.sparse_hessian(3.0)(1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("f", [rosenbrock, arrow, dense])
def test_of_values_it_can_be_differentiated_again(f: Any) -> None:
    xs = [Value(x) for x in (0.5, 1.5, -0.5, 0.25)]
    found, whole = tl.sparse_hessian(f)(xs), tl.hessian(f)(xs)
    assert {type(x) for x in found.values} == {Value} and found.values.dtype == object
    for i, j, x in zip(found.rows, found.columns, found.values, strict=True):
        assert np.allclose(tl.gradients(x, xs), tl.gradients(whole[i][j], xs))
    jacobian = tl.sparse_jacobian(stencil)(xs)
    expected = tl.jacobian(stencil)(xs)
    for i, j, x in zip(jacobian.rows, jacobian.columns, jacobian.values, strict=True):
        assert np.allclose(tl.gradients(x, xs), tl.gradients(expected[i][j], xs))


def test_compiled_of_values_too() -> None:
    f = compile(tl.sparse_hessian(arrow))
    xs = [Value(x) for x in (0.5, 1.5, -0.5)]
    found, eager = f(xs), tl.sparse_hessian(arrow)(xs)
    for a, b in zip(found.values, eager.values, strict=True):
        assert math.isclose(a.data, b.data) and np.allclose(tl.gradients(a, xs), tl.gradients(b, xs))


def test_inside_other_transforms() -> None:
    def trace(x: Any) -> Any:
        return tl.sum(tl.sparse_hessian(rosenbrock)(x).values)

    def dense_trace(x: Any) -> Any:
        return tl.sum([h for row in tl.hessian(rosenbrock)(x) for h in row])

    x = [0.5, 1.5, -0.5, 0.25]
    assert np.allclose(tl.grad(trace)(x), tl.grad(dense_trace)(x))
    assert np.allclose(compile(tl.grad(trace))(x), tl.grad(dense_trace)(x))
    assert np.allclose(tl.sparse_hessian(trace)(x).toarray(), tl.hessian(dense_trace)(x))
    third = tl.jacobian(tl.sparse_hessian(rosenbrock))(np.array(x))
    assert repr(third) == "<SparseMatrix 4 x 4, 10 entries>" and third.values.shape == (10, 4)
    whole = np.array(tl.jacobian(tl.hessian(rosenbrock))(np.array(x)))
    assert np.allclose(third.values, whole[third.rows, third.columns])


def test_captured_leaves_and_modes() -> None:
    w = Value(2.0)

    def f(x: Any) -> Any:
        return w * x[0] ** 2 * x[1]

    with pytest.warns(CutOffWarning):
        assert tl.sparse_hessian(f)([1.0, 3.0]).values.tolist() == [12.0, 4.0, 4.0]
    g = compile(tl.sparse_hessian(f))
    assert g([1.0, 3.0]).values.tolist() == [12.0, 4.0, 4.0]
    w.data = 4.0
    assert g([1.0, 3.0]).values.tolist() == [24.0, 8.0, 8.0]
    with tl.no_grad():
        found = tl.sparse_hessian(f)([Value(1.0), Value(3.0)])
        assert [x.data for x in found.values] == [24.0, 8.0, 8.0] and not found.values[0].parents


def test_a_hook_runs_as_for_the_whole_matrix() -> None:
    def f(x: Any) -> Any:
        inner = x[0] * x[1]
        inner.register_hook(lambda g: 3.0 * g)
        return inner.sin() + x[1] * x[2] ** 2

    x = [0.5, 1.5, -0.5]
    assert np.array_equal(tl.sparse_hessian(f)(x).toarray(), tl.hessian(f)(x))

    def h(x: Any) -> Any:
        x[0].register_hook(lambda g: 10.0 * g)
        return [x[0] * k for k in range(4)]

    assert tl.sparse_jacobian(h)([2.0]).toarray().tolist() == [[0.0], [10.0], [20.0], [30.0]]


def test_where_derivatives_are_not_finite() -> None:
    def f(x: Any) -> Any:
        return x[0].sqrt() * 0.0 + x[1].log() * x[2] + (x[3] * x[4]).sqrt()

    for x in ([0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 1.0, math.inf, 1.0, 0.0], [math.nan, 1.0, 1.0, 0.0, 4.0]):
        for g in (tl.sparse_hessian(f), compile(tl.sparse_hessian(f)), compile(tl.sparse_hessian(f), executor="array")):
            check(g(x), tl.hessian(f)(x), True)
    # Forward sweeps alone would give nan: a tangent of 0 times infinity.
    g = tl.sparse_jacobian(lambda x: [(x[0] * x[0]).sqrt() * k for k in range(5)])
    for function in (g, compile(g)):
        check(function([0.0]), tl.jacobian(lambda x: [(x[0] * x[0]).sqrt() * k for k in range(5)])([0.0]), False)
