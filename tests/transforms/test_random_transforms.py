"""Transforms of random programs: against autograd, JAX and mpmath, and against one another."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
import random_graphs
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from random_graphs import STEPS, moderate, programs, run
from table import DIGITS, TRUTH
from thoroughness import up_to

from tinygrad_lite import Value, grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from tinygrad_lite.engine import topological_order

Program = list[tuple[str, int, int, int]]
Function = Callable[..., Any]

short_programs = programs.map(lambda program: program[:12])
points = st.lists(moderate, min_size=1, max_size=4)
directions = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=4, max_size=4)


def function(program: Program, xs: list[float]) -> Function:
    """The program as a function; at xs it stays below 300: tanh of more overflows in autograd, which squares cosh."""
    order = topological_order(run(program, [Value(x) for x in xs], 0))
    assume(all(abs(v.data) < 300.0 for v in order))
    return lambda xs: run(program, xs, 0)


def functions(program: Program, xs: list[float]) -> Function:
    """Three outputs, which share most of what they are computed from."""
    parts = [function(program[:k], xs) for k in (len(program), len(program) - 1, len(program) // 2)]
    return lambda xs: [f(xs) for f in parts]


def elsewhere(program: Program, namespace: Any, xs: Any) -> Any:
    """The same program with another library's functions in place of autograd.numpy's."""
    steps = {}
    for name, (count, ours, theirs) in STEPS.items():
        found = theirs
        if isinstance(theirs, FunctionType) and theirs.__name__ == "<lambda>":
            found = FunctionType(theirs.__code__, {"anp": namespace})
        else:
            found = getattr(namespace, theirs.__name__)
        steps[name] = (count, ours, found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random_graphs, "STEPS", steps)
        return run(program, xs, 1)


def alike(got: Any, want: Any, rounding: float = 1e-10) -> bool:
    """Within rounding of the largest number, or of 1: terms that cancel inside a program have about that size."""
    ours, theirs = np.asarray(got, float), np.asarray(want, float)
    size = max(1.0, float(np.max(np.abs(theirs))))
    return ours.shape == theirs.shape and bool(np.max(np.abs(ours - theirs)) <= rounding * size)


@pytest.mark.filterwarnings("ignore:Output seems independent of input")
@settings(max_examples=up_to(100), deadline=None)
@given(programs, points)
def test_hessians_are_autograds_and_symmetric(program: Program, xs: list[float]) -> None:
    autograd = pytest.importorskip("autograd")
    found = hessian(function(program, xs))(xs)
    theirs = autograd.hessian(lambda xs: run(program, [xs[k] for k in range(xs.shape[0])], 1))(np.array(xs))
    assert alike(found, theirs)
    assert alike(found, np.transpose(found))


@settings(max_examples=10, deadline=None)
@given(short_programs, st.lists(moderate, min_size=2, max_size=2))  # of one size, for which JAX compiles its steps once
def test_hessians_are_jax(program: Program, xs: list[float]) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    theirs = jax.hessian(lambda xs: elsewhere(program, jax.numpy, [xs[k] for k in range(xs.shape[0])]))(np.array(xs))
    assert alike(hessian(function(program, xs))(xs), theirs)


@settings(max_examples=up_to(100), deadline=None)
@given(short_programs, moderate)
def test_third_derivatives_are_mpmaths(program: Program, x: float) -> None:
    exact = SimpleNamespace(arctan2=mpmath.atan2, arcsinh=mpmath.asinh, arccosh=mpmath.acosh, arctanh=mpmath.atanh)
    exact.__dict__.update({name: getattr(mpmath, name) for name in ("exp", "log", "log10", "sin", "sqrt", "tanh")})
    exact.__dict__.update({name: TRUTH[name] for name in ("exp2", "log2", "logaddexp", "sinc")})
    f = function(program, [x])
    with mp.workdps(DIGITS):
        want = float(mpmath.diff(lambda x: elsewhere(program, exact, [x]), mpf(x), 3))
    assert alike(grad(grad(grad(lambda x: f([x]))))(x), want, 1e-9)


@settings(max_examples=up_to(100), deadline=None)
@given(programs, points, directions)
def test_hvp_is_the_hessian_times_the_vector(program: Program, xs: list[float], v: list[float]) -> None:
    f, v = function(program, xs), v[: len(xs)]
    want = np.asarray(hessian(f)(xs)) @ v
    assert alike(hvp(f, xs, v), want)
    assert alike(jvp(grad(f), (xs,), (v,))[1], want)
    assert alike(grad(lambda xs: jvp(f, (xs,), (v,))[1])(xs), want)
    assert alike(vjp(grad(f), xs)[1](v)[0], want)


@settings(max_examples=up_to(100), deadline=None)
@given(programs, points, directions, directions)
def test_jvp_and_vjp_are_adjoint(program: Program, xs: list[float], v: list[float], u: list[float]) -> None:
    """The dot-product test: u . (J v) = (J' u) . v, J the Jacobian."""
    f, v, u = functions(program, xs), v[: len(xs)], u[:3]
    ys, tangents = jvp(f, (xs,), (v,))
    same, pullback = vjp(f, xs)
    (cotangents,) = pullback(u)
    assert ys == same == [y.data for y in f([Value(x) for x in xs])]
    size = np.abs(jacobian(f)(xs)).max()
    assert math.isclose(np.dot(u, tangents), np.dot(cotangents, v), rel_tol=0, abs_tol=1e-12 * max(1.0, size))


@settings(max_examples=up_to(100), deadline=None)
@given(programs, points)
def test_the_rows_of_a_jacobian_are_gradients(program: Program, xs: list[float]) -> None:
    f, leaves = functions(program, xs), [Value(x) for x in xs]
    rows, ys = jacobian(f)(xs), f(leaves)
    for y, row in zip(ys, rows, strict=True):
        assert row == gradients(y, leaves)
        for leaf in leaves:
            leaf.grad = 0.0
        y.backward()
        assert alike([leaf.grad for leaf in leaves], row)
    assert value_and_grad(lambda xs: f(xs)[0])(xs) == (ys[0].data, rows[0])
    assert alike([list(c) for c in zip(*rows, strict=True)], _columns(f, xs))


def _columns(f: Function, xs: list[float]) -> list[list[float]]:
    """The Jacobian's columns, by forward sweeps."""
    axes = [[float(i == k) for i in range(len(xs))] for k in range(len(xs))]
    return [jvp(f, (xs,), (axis,))[1] for axis in axes]
