"""Behaviour that people know from autograd and JAX: scalar functions, loops and branches, pytrees."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import compile, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from tinygrad_lite.errors import ShapeError

# autograd: functions of one number, at a point, whose derivatives of first and second order are checked both ways.
SCALAR: dict[str, tuple[Callable[[Any], Any], float]] = {
    "abs": (lambda x: abs(x), -1.3),
    "add a constant from both sides": (lambda x: 2.0 + (x + 3.0), 0.4),
    "reflected subtraction": (lambda x: 1.0 - x, 0.4),
    "reflected division": (lambda x: 2.0 / x, -0.7),
    "reflected power": (lambda x: 2.0**x, 0.3),
    "negative power": (lambda x: x**-2.5, 1.2),
    "power of itself": (lambda x: x**x, 1.4),
    "remainder of constants": (lambda x: x * (7 % 4), 0.3),
    "negation": (lambda x: -(-x * x), 0.6),
    "a product of itself": (lambda x: x * x * x, -0.9),
    "the sum of a list": (lambda x: sum([x, x * x, 1.0]), 0.8),
    "an unused argument of a function": (lambda x: (lambda a, b: a * a)(x, 5.0), 0.8),
    "the same number twice in max": (lambda x: tl.maximum(x * x, x - 1.0), 0.8),
    "nested functions": (lambda x: (lambda f: f(f(x)))(lambda y: tl.sin(y) * y), 0.7),
    "exp of log": (lambda x: tl.exp(tl.log(x) * 2.0), 1.7),
    "numpy on scalars": (lambda x: np.sin(x) * np.float64(2.0) + np.square(np.tanh(x)), 0.9),
    "numpy on lists": (lambda x: np.sum(np.array([x, 2.0 * x]) * np.array([1.0, 3.0])) ** 2, 0.9),
}


@pytest.mark.parametrize("name", SCALAR)
def test_functions_of_a_number(name: str) -> None:
    f, x = SCALAR[name]
    h = 1e-5
    first, second = grad(f)(x), grad(grad(f))(x)
    assert first == pytest.approx((float(f(x + h)) - float(f(x - h))) / (2 * h), rel=1e-6, abs=1e-8)
    assert second == pytest.approx((grad(f)(x + h) - grad(f)(x - h)) / (2 * h), rel=1e-6, abs=1e-7)
    assert jvp(f, (x,), (1.0,))[1] == pytest.approx(first, rel=1e-13) and hvp(f, x, 1.0) == pytest.approx(second)
    assert compile(grad(f))(x) == pytest.approx(first, rel=1e-13)
    assert compile(grad(grad(f)))(x) == pytest.approx(second, rel=1e-12)


def test_loops_and_branches_of_python() -> None:
    def f(x: Any, n: int) -> Any:
        y = x
        for k in range(n):
            y = y * x if y < 10.0 else tl.sin(y) + k
            if k == 2:
                continue
        while y < 1.0:
            y = y + x
        return y

    assert grad(f)(1.5, 3) == pytest.approx(4 * 1.5**3)
    assert grad(f)(0.3, 1) == pytest.approx(2 * 0.3 + 4.0)  # 0.09 and 0.3 four times
    assert grad(lambda x: f(x, 2) if x > 0 else -x)(-1.0) == -1.0


def test_fan_out_and_functions_that_ignore_their_argument() -> None:
    assert grad(lambda x: sum(tl.sin(x + x) * k for k in range(4)))(0.5) == pytest.approx(12 * math.cos(1.0))
    assert grad(lambda x: 5.0)(1.0) == 0.0 and hessian(lambda x: x[0])([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert grad(lambda x, y: x)(1.0, 2.0) == 1.0 and grad(lambda x, y: x, argnums=1)(1.0, 2.0) == 0.0


def test_keyword_arguments_and_defaults() -> None:
    def f(x: Any, scale: float = 2.0, *, power: int = 2) -> Any:
        return scale * x**power

    assert grad(f)(3.0) == 12.0 and grad(f)(3.0, power=3) == 54.0 and grad(f)(3.0, scale=1.0) == 6.0


class Pair(NamedTuple):
    left: Any
    right: Any


TREES: list[Any] = [
    {"a": 2.0, "b": [3.0, {"c": 0.5}]},
    (2.0, (3.0, [0.5])),
    Pair(2.0, {"x": (3.0, 0.5)}),
    [2.0, None, (3.0, 0.5), {}],
    {"w": np.array([[2.0, 3.0], [0.5, 1.0]]), "b": 0.25},
]


def numbers(tree: Any) -> list[Any]:
    return tl.ravel(tree)[0].tolist()


def of_tree(tree: Any) -> Any:
    """A function of all its numbers, each with another curvature and with its neighbour."""
    xs = list(tl.ravel(tree)[0]) if not isinstance(tree, dict) or "w" not in tree else [*tree["w"].ravel(), tree["b"]]
    return sum((k + 1.0) * x**3 for k, x in enumerate(xs)) + sum(x * y for x, y in itertools.pairwise(xs))


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_pytrees_through_every_transform(tree: Any) -> None:
    flat, restore = tl.ravel(tree)
    n = len(flat)
    expected = [3.0 * (k + 1) * x * x for k, x in enumerate(flat)]
    for k in range(n - 1):
        expected[k] += flat[k + 1]
        expected[k + 1] += flat[k]
    found = grad(of_tree)(tree)
    assert type(found) is type(tree) and numbers(found) == pytest.approx(expected)
    y, again = value_and_grad(of_tree)(tree)
    assert numbers(again) == numbers(found) and y == pytest.approx(of_tree(tree))
    assert numbers(jacobian(of_tree)(tree)) == numbers(found)
    ones = restore([1.0] * n)
    assert jvp(of_tree, (tree,), (ones,)) == pytest.approx((y, sum(expected)))
    value, pullback = vjp(of_tree, tree)
    assert value == pytest.approx(y) and numbers(pullback(2.0)[0]) == pytest.approx([2.0 * x for x in expected])
    curvature = np.diag([6.0 * (k + 1) * x for k, x in enumerate(flat)]) + np.eye(n, k=1) + np.eye(n, k=-1)
    assert numbers(hvp(of_tree, tree, ones)) == pytest.approx(curvature.sum(axis=1))
    assert numbers(compile(grad(of_tree))(tree)) == pytest.approx(expected)
    for found in (hessian(of_tree)(tree), compile(hessian(of_tree))(tree)):  # of an array, its blocks stand together
        assert sorted(numbers(found)) == pytest.approx(sorted(curvature.ravel()))
        assert "w" in tree or numbers(found) == pytest.approx(curvature.ravel())


def test_a_hessian_has_the_structure_of_the_tree_twice() -> None:
    found = hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 2.0, "b": 3.0})
    assert found == {"a": {"a": 6.0, "b": 4.0}, "b": {"a": 4.0, "b": 0.0}}
    assert jacobian(lambda p: {"y": p[0] * p[1], "z": p[0]})([2.0, 3.0]) == {"y": [3.0, 2.0], "z": [1.0, 0.0]}


def test_structures_that_do_not_match_are_refused() -> None:
    with pytest.raises((TypeError, ShapeError, ValueError)):
        jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},))
    with pytest.raises((TypeError, ShapeError, ValueError)):
        vjp(lambda x: [x, x], 1.0)[1]([1.0])
    with pytest.raises(TypeError, match="it must return one number"):
        grad(lambda x: [x, x])(1.0)


def test_forward_and_reverse_agree_as_linear_maps() -> None:
    """The adjoint identity, <v, J u> = <J' v, u>, and linearity of both."""

    def f(x: Any) -> Any:
        return [x[0] * x[1], tl.sin(x[1]) * x[2], x[2] ** 2]

    x, u, v = [0.3, -1.2, 0.7], [1.0, 2.0, -0.5], [0.2, -1.0, 3.0]
    _, pushed = jvp(f, (x,), (u,))
    _, pullback = vjp(f, x)
    (pulled,) = pullback(v)
    assert np.dot(v, pushed) == pytest.approx(np.dot(pulled, u), rel=1e-14)
    assert pullback([2.0 * k for k in v])[0] == pytest.approx([2.0 * k for k in pulled])
    assert np.asarray(jacobian(f)(x)) @ u == pytest.approx(pushed)


def test_auxiliary_results_pass_through() -> None:
    def f(p: Any) -> Any:
        return p["w"] ** 2, {"doubled": 2.0 * p["w"], "name": "w", "shape": (1, 2)}

    found, aux = grad(f, has_aux=True)({"w": 3.0})
    assert found == {"w": 6.0} and aux == {"doubled": 6.0, "name": "w", "shape": (1, 2)}
    (y, aux), found = value_and_grad(f, has_aux=True)({"w": 3.0})
    assert (y, aux["doubled"], found) == (9.0, 6.0, {"w": 6.0})
