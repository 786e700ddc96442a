"""SciPy's optimizers take the derivatives as they are: one line each, with the right answer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize

import tinygrad_lite as tl
from tinygrad_lite import nn

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


def circle_and_line(x: Any) -> Any:
    """Powell's pair of the manual: they meet at (sqrt(1/2), sqrt(1/2))."""
    return [x[0] ** 2 + x[1] ** 2 - 1, x[0] - x[1]]


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
    start = [1.1, 1.1] if method == "dogleg" else [-1.2, 1.0]  # which wants it to be positive definite
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


@both_ways
@pytest.mark.parametrize("f", [residuals, residuals_of_array])
@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(run: Any, f: Any, method: str) -> None:
    found = optimize.least_squares(run(f), [-1, 2], jac=run(tl.jacobian(f)), method=method)
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-8) and found.cost < 1e-16


@both_ways
@pytest.mark.parametrize("as_array", [False, True])
@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root(run: Any, as_array: bool, method: str) -> None:
    def f(x: Any) -> Any:
        return np.array(circle_and_line(x)) if as_array else circle_and_line(x)

    found = optimize.root(run(f), [1, 2], jac=run(tl.jacobian(f)), method=method)
    assert found.success and found.x == pytest.approx([0.5**0.5] * 2, abs=1e-9)
    assert optimize.fsolve(run(f), [1, 2], fprime=run(tl.jacobian(f))) == pytest.approx([0.5**0.5] * 2, abs=1e-9)


TIMES = np.linspace(0.0, 4.0, 40)


def decay(t: Any, a: Any, b: Any) -> Any:
    return a * np.exp(-b * t)


def decay_in_scalars(t: Any, a: Any, b: Any) -> Any:
    return [a * tl.exp(-b * s) for s in t]


@both_ways
@pytest.mark.parametrize("method", ["lm", "trf", "dogbox"])
@pytest.mark.parametrize("sigma", [None, 0.1 + TIMES])
def test_curve_fit(run: Any, method: str, sigma: Any) -> None:
    """By several arguments a list of results has tuples for rows, and an array is a tuple of columns."""
    measured = decay(TIMES, 2.5, 1.3)
    rows = run(tl.jacobian(decay_in_scalars, argnums=(1, 2)))
    columns = run(tl.jacobian(decay, argnums=(1, 2)))
    fits = [
        optimize.curve_fit(decay_in_scalars, TIMES, measured, jac=rows, method=method, sigma=sigma),
        optimize.curve_fit(
            decay, TIMES, measured, jac=lambda *at: np.column_stack(columns(*at)), method=method, sigma=sigma
        ),
        optimize.curve_fit(run(decay) if run is tl.compile else decay, TIMES, measured, [1, 1], sigma, jac=rows),
    ]
    for found, covariance in fits:
        assert found == pytest.approx([2.5, 1.3], abs=1e-8)
        assert covariance.shape == (2, 2) and np.abs(covariance).max() < 1e-12
    slopes = np.stack([np.exp(-1.3 * TIMES), -2.5 * TIMES * np.exp(-1.3 * TIMES)], axis=1)
    assert np.array(rows(TIMES, 2.5, 1.3)) == pytest.approx(slopes, abs=1e-15)
    assert np.column_stack(columns(TIMES, 2.5, 1.3)) == pytest.approx(slopes, abs=1e-15)


@both_ways
def test_scalars_and_differential_equations(run: Any) -> None:
    def f(x: Any) -> Any:
        return x**3 - 2

    slope, bend = run(tl.grad(f)), run(tl.grad(tl.grad(f)))
    assert optimize.newton(f, 1.0, fprime=slope, fprime2=bend) == pytest.approx(2 ** (1 / 3), rel=1e-12)
    found = optimize.root_scalar(run(tl.value_and_grad(f)), x0=1.0, fprime=True, method="newton")
    assert found.root == pytest.approx(2 ** (1 / 3), rel=1e-12)

    def van_der_pol(t: Any, y: Any) -> Any:
        return [y[1], 30 * (1 - y[0] ** 2) * y[1] - y[0]]

    def end(**settings: Any) -> Any:
        return integrate.solve_ivp(van_der_pol, (0, 10), [2, 0], method="Radau", **settings).y[:, -1]

    assert end(jac=run(tl.jacobian(van_der_pol, argnums=1))) == pytest.approx(end(), rel=1e-2)


@both_ways
def test_a_structure_is_fitted_by_way_of_its_numbers(run: Any) -> None:
    xs = [(-1.0, 2.0), (0.5, 1.0), (2.0, -1.0), (1.0, 1.0)]
    ys = [3.0 * a - 2.0 * b + 0.5 for a, b in xs]

    def predicted(p: Any, x: Any) -> Any:
        return tl.dot(p["w"], x) + p["b"]

    flat, restore = tl.ravel({"w": np.zeros(2), "b": 0})

    def loss(flat: Any) -> Any:
        p = restore(flat)
        return nn.mse([predicted(p, x) for x in xs], ys)

    found = restore(optimize.minimize(run(tl.value_and_grad(loss)), flat, jac=True, tol=1e-10).x)
    assert found["w"] == pytest.approx([3.0, -2.0], abs=1e-6) and found["b"] == pytest.approx(0.5, abs=1e-6)
    assert type(found["w"]) is np.ndarray and type(found["b"]) is float
    found = restore(
        optimize.minimize(loss, flat, jac=run(tl.grad(loss)), hess=run(tl.hessian(loss)), method="trust-exact").x
    )
    assert found["w"] == pytest.approx([3.0, -2.0], abs=1e-6)

    def errors(flat: Any) -> Any:
        p = restore(flat)
        return [predicted(p, x) - y for x, y in zip(xs, ys, strict=True)]

    found = restore(optimize.least_squares(errors, flat, jac=run(tl.jacobian(errors))).x)
    assert found["w"] == pytest.approx([3.0, -2.0], abs=1e-9)


def test_a_model_is_trained_by_way_of_its_numbers() -> None:
    """A model's parameters are read and set in place."""
    import random

    random.seed(1)
    model = nn.MLP(2, [4, 1], activation="tanh")
    xs, ys = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1.0, 1.0, 1.0, -1.0]
    compiled = tl.compile(lambda x, y: (model(x) - y) ** 2)
    parameters = model.parameters()
    flat, restore = tl.ravel(model.state_dict())

    def loss_and_gradient(x: Any) -> Any:
        model.load_state_dict(restore(x))
        model.zero_grad()
        loss = compiled.batch(xs, ys)
        loss.backward()
        return loss.data, np.array([p.grad for p in parameters])

    assert optimize.check_grad(lambda x: loss_and_gradient(x)[0], lambda x: loss_and_gradient(x)[1], flat) < 1e-6
    found = optimize.minimize(loss_and_gradient, flat, jac=True, method="L-BFGS-B")
    assert found.fun < 1e-6
