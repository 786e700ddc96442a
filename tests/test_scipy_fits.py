"""SciPy fits curves, solves equations and trains models by derivatives from here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize
from test_scipy import both_ways, residuals, residuals_of_array

import tinygrad_lite as tl
from tinygrad_lite import nn


def circle_and_line(x: Any) -> Any:
    """Two equations whose common solution is (sqrt(1/2), sqrt(1/2))."""
    return [x[0] ** 2 + x[1] ** 2 - 1, x[0] - x[1]]


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
    """For several arguments, a list of results has tuples as rows, and an array gives a tuple of columns."""
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
