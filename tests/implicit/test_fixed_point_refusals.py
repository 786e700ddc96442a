"""fixed_point raises if it does not settle: the error says what happened and what to try; tolerance; wrong calls."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from test_fixed_point import close

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.errors import ConvergenceError, HistoryError, ShapeError


@pytest.mark.parametrize(
    ("f", "kind", "advice"),
    [
        (lambda z: 2 * z + 1, "divergence", r"No damping helps.*Newton's steps.*runs away: f has the slope 2 there"),
        (lambda z: 1.001 * z + 1, "divergence", r"No damping helps.*slope 1\.001 there"),
        (lambda z: z + 1, "divergence", "z = f.z. may have no solution.*slope 1 there"),
        (lambda z: -1.5 * z + 1, "divergence", r"damping=0\.4 \(it must be below 0\.8\).*oscillates.*slope -1\.5 "),
        (lambda z: 1 - z, "divergence", r"damping=0\.5 \(it must be below 1\).*oscillates.*slope -1 there"),
        (lambda z: z * z + 2, "divergence", "smaller weights.*runs away, faster at each step"),
        (
            lambda z: -(z**3) - 2 * z + 1,
            "divergence",
            "damping=0.25, and a start nearer.*oscillates, wider at each step",
        ),
        (lambda z: 3.9 * z * (1 - z), "divergence", "does not shrink, and the steps follow no single slope"),
        (lambda z: 3.2 * z * (1 - z), "divergence", r"Try damping=0\.5 .*oscillates.*slope -1 there"),
        (lambda z: 0.99999 * z + 1, "slow convergence", r"Try max_steps=.*leaves 0\.99999 of.*slope 0\.99999 there"),
        (lambda z: 0.999 * z + 1, "slow convergence", r"Try max_steps=.*slope 0\.999 there"),
        (lambda z: 1 - 0.999 * z, "slow convergence", r"Try damping=0\.5, or max_steps=.*slope -0\.999 there"),
        (lambda z: z - z**3, "slow convergence", r"Try max_steps=.*each step leaves 0\.99"),
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
            r"No damping helps.*runs away: .*radius 2\.01 there, from the eigenvalue 2\.01 ",
            None,
        ),
        ([[-2.0, 0.3], [0.1, 0.5]], r"damping=0\.33 .*oscillates.*from the eigenvalue -2\.012 ", 0.33),
        (turning(1.3, 1.2), r"damping=0\.3 .*circles.*radius 1\.3 there, from the eigenvalue 0\.471 ± 1\.21i ", 0.3),
        (turning(1.3, 0.3), r"No damping helps.*runs away: .*from the eigenvalue 1\.24 ± 0\.384i ", None),
        (turning(0.999, 1.2), r"Try damping=0\.5, or max_steps=.*leaves 0\.999 .*0\.362 ± 0\.931i ", 0.5),
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
        (lambda z: 1 - 3 * z, 0.8, r"damping=0\.25 .*slope -3 there"),
        (lambda z: 2 * z + 1, 0.1, "No damping helps.*slope 2 there"),
        (lambda z: 0.5 * z + 1, 0.01, r"Try damping=1, or max_steps=.*slope 0\.5 there"),
    ):
        with pytest.raises(ConvergenceError, match=message):
            tl.fixed_point(f, 0.3, damping=damping, max_steps=100)
    for steps in (1, 2):
        with pytest.raises(ConvergenceError, match="runs away: f has the slope 2 there"):
            tl.fixed_point(lambda z: 2 * z + 1, 0.3, max_steps=steps)
        with pytest.raises(ConvergenceError, match=r"Try max_steps=.*leaves 0\.5 of the residual"):
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
    z = tl.fixed_point(lambda z: 2 * z - a, 1.0).values  # starts at the fixed point, and would not return to it
    loss = z + b * a
    b.backward()
    with pytest.raises(ConvergenceError, match=r"the adjoints of .*No damping helps.*slope 2 there"):
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
