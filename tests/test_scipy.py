"""SciPy's optimizers take the derivatives as they are: one line each, with the right answer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import tinygrad_lite as tl

_Function = Callable[..., Any]


def rosenbrock(x: Any) -> Any:
    """In scalars; its minimum is 0 at (1, ..., 1)."""
    return sum([100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1)])


def rosenbrock_of_array(x: Any) -> Any:
    """As NumPy's users write it."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def residuals(x: Any) -> Any:
    return [10 * (x[1] - x[0] ** 2), 1 - x[0]]


def residuals_of_array(x: Any) -> Any:
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def uncompiled(f: _Function) -> _Function:
    return f


both_ways = pytest.mark.parametrize("run", [uncompiled, tl.compile], ids=["eager", "compiled"])
both_writings = pytest.mark.parametrize("f", [rosenbrock, rosenbrock_of_array])


def frozen(x: Any) -> Any:
    x.flags.writeable = False
    return x


ARRAYS = {
    "floats": np.array([-1.2, 1.0, 0.5]),
    "integers": np.array([-1, 1, 2]),
    "float32": np.array([-1.25, 1.0, 0.5], np.float32),
    "longdouble": np.array([-1.25, 1.0, 0.5], np.longdouble),
    "objects": np.array([-1.2, 1.0, 0.5], object),
    "read-only": frozen(np.array([-1.2, 1.0, 0.5])),
    "every second": np.arange(6.0)[::2],
    "backwards": np.arange(3.0)[::-1],
    "a Fortran column": np.asfortranarray(np.arange(6.0).reshape(3, 2))[:, 1],
    "a Fortran row": np.asfortranarray(np.arange(6.0).reshape(2, 3))[1],
    "big-endian": np.array([-1.2, 1.0, 0.5], ">f8"),
}


@both_ways
@both_writings
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_where_arrays_are_given(run: Any, f: Any, name: str) -> None:
    x = ARRAYS[name]
    before = x.copy()
    at = x.astype(float)
    value, gradient = run(tl.value_and_grad(f))(x)
    assert type(value) is float and value == pytest.approx(optimize.rosen(at), rel=1e-14)
    for found in (gradient, run(tl.grad(f))(x), run(tl.jacobian(f))(x)):
        assert type(found) is np.ndarray and found.dtype == np.float64 and found.shape == (3,)
        assert found.flags.writeable and found.flags.c_contiguous
        assert found == pytest.approx(optimize.rosen_der(at), rel=1e-12)
    second = run(tl.hessian(f))(x)
    assert type(second) is np.ndarray and second.dtype == np.float64 and second.flags.writeable
    assert second == pytest.approx(optimize.rosen_hess(at), rel=1e-12)
    product = run(functools.partial(tl.hvp, f))(x, at)
    assert product.dtype == np.float64 and product == pytest.approx(optimize.rosen_hess_prod(at, at), rel=1e-12)
    slopes = run(tl.jacobian(residuals_of_array))(x)
    assert slopes.dtype == np.float64 and slopes.tolist() == [[-20 * at[0], 10.0, 0.0], [-1.0, 0.0, 0.0]]
    assert np.array_equal(np.array(run(tl.jacobian(residuals))(x)), slopes)
    assert type(tl.compile(f)(x)) is float and type(tl.compile(residuals_of_array)(x)) is np.ndarray
    assert np.array_equal(x, before)


@both_ways
def test_arrays_of_results_where_some_are_plain_numbers(run: Any) -> None:
    def f(x: Any) -> Any:
        return np.array([x[0] * x[1], np.float64(2.0), 3, np.float32(0.5), np.int32(4)])

    x = np.array([2.0, 3.0])
    expected = [6.0, 2.0, 3.0, 0.5, 4.0]
    for value in (
        run(lambda x: tl.vjp(f, x)[0])(x),
        run(lambda x: tl.jvp(f, (x,), (x,))[0])(x),
        run(tl.grad(lambda x: (x[0], f(x)), has_aux=True))(x)[1],
        run(f)(x) if run is tl.compile else tl.vjp(f, x)[0],
    ):
        assert value.dtype == np.float64 and value.tolist() == expected
    slopes = run(tl.jacobian(f))(x)
    assert slopes.dtype == np.float64 and slopes.tolist() == [[3.0, 2.0]] + [[0.0, 0.0]] * 4


@both_ways
def test_results_of_one_call_are_not_changed_by_the_next(run: Any) -> None:
    """Quasi-Newton methods keep the last gradient beside the new one."""
    both, second = run(tl.value_and_grad(rosenbrock)), run(tl.hessian(rosenbrock))
    x = np.array([-1.2, 1.0])
    first, bend = both(x)[1], second(x)
    kept = first.tolist(), bend.tolist()
    x += 1.0
    assert both(x)[1] is not first and second(x) is not bend
    assert (first.tolist(), bend.tolist()) == kept


@both_ways
@pytest.mark.parametrize("f", [lambda x: 3.0, lambda x: x[0], lambda x: np.array(x[0]), lambda x: np.float64(2.0)])
def test_functions_that_hardly_depend_on_anything(run: Any, f: Any) -> None:
    value, gradient = run(tl.value_and_grad(f))(np.ones(2))
    assert float(value) in (1.0, 2.0, 3.0) and gradient.dtype == float and gradient.shape == (2,)
    second = run(tl.hessian(f))(np.ones(2))
    assert second.dtype == float and second.tolist() == [[0.0, 0.0], [0.0, 0.0]]


GRADIENT_METHODS = ("CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP")
HESSIAN_METHODS = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr", "trust-exact", "dogleg")
PRODUCT_METHODS = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr")


@both_ways
@both_writings
@pytest.mark.parametrize("method", GRADIENT_METHODS)
@pytest.mark.parametrize("start", [[2, 0], np.array([1.2, 1.1]), frozen(np.array([0.5, 2.0]))])
def test_minimize_by_the_gradient(run: Any, f: Any, method: str, start: Any) -> None:
    options = {"maxfun": 1000} if method == "TNC" else {"ftol": 1e-12} if method == "SLSQP" else {}
    found = optimize.minimize(run(tl.value_and_grad(f)), start, jac=True, method=method, options=options)
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-2) and found.fun < 1e-5


@both_ways
@both_writings
@pytest.mark.parametrize("method", HESSIAN_METHODS)
def test_minimize_by_the_hessian(run: Any, f: Any, method: str) -> None:
    start = [1.1, 1.1] if method == "dogleg" else [-1.2, 1.0]  # dogleg needs a positive definite Hessian
    found = optimize.minimize(
        run(tl.value_and_grad(f)),
        start,
        jac=True,
        hess=run(tl.hessian(f)),
        method=method,
        options={"gtol": 1e-8} if method != "Newton-CG" else {"xtol": 1e-9},
    )
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-6)


@both_ways
@pytest.mark.parametrize("method", PRODUCT_METHODS)
def test_minimize_by_products_with_the_hessian(run: Any, method: str) -> None:
    f = rosenbrock
    options = {"xtol": 1e-9} if method == "Newton-CG" else {"gtol": 1e-8}
    for product in (functools.partial(tl.hvp, f), lambda x, p: tl.hvp(f, x, p)):
        found = optimize.minimize(
            f, [-1.2, 1.0, 2.0], jac=run(tl.grad(f)), hessp=run(product), method=method, options=options
        )
        assert found.x == pytest.approx([1.0] * 3, abs=1e-6)


@both_ways
def test_minimize_with_further_arguments_and_constraints(run: Any) -> None:
    def distance(x: Any, to: Any, scale: Any) -> Any:
        return scale * ((x[0] - to[0]) ** 2 + (x[1] - to[1]) ** 2)

    def on_the_circle(x: Any) -> Any:
        return x[0] ** 2 + x[1] ** 2 - 1

    both = run(tl.value_and_grad(distance))
    args = (np.array([3, 4]), 2)
    assert optimize.minimize(both, [0.5, 0.5], args=args, jac=True).x == pytest.approx([3.0, 4.0], abs=1e-5)
    circle = {"type": "eq", "fun": on_the_circle, "jac": run(tl.grad(on_the_circle))}
    found = optimize.minimize(both, [0.5, 0.5], args=args, jac=True, method="SLSQP", constraints=[circle])
    assert found.x == pytest.approx([0.6, 0.8], abs=1e-5)
    bend = run(tl.hessian(lambda x, v: v[0] * on_the_circle(x)))
    there = optimize.NonlinearConstraint(on_the_circle, 0, 0, jac=circle["jac"], hess=bend)
    found = optimize.minimize(
        both,
        [0.5, 0.5],
        args=args,
        jac=True,
        hess=run(tl.hessian(distance)),
        method="trust-constr",
        constraints=[there],
    )
    assert found.x == pytest.approx([0.6, 0.8], abs=1e-5)
