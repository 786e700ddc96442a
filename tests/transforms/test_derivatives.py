"""grad and the other transforms: what they compute, take and return, and their errors for bad arguments."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from random_graphs import STEPS, anp, autograd, run

import tinygrad_lite as tl
from tinygrad_lite import Value, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from tinygrad_lite.errors import ShapeError

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")

# Every transform, of a function of one number at one point.
TRANSFORMS: dict[str, Callable[[Any, Any], Any]] = {
    "grad": lambda f, x: grad(f)(x),
    "value_and_grad": lambda f, x: value_and_grad(f)(x)[1],
    "jacobian": lambda f, x: jacobian(f)(x),
    "jvp": lambda f, x: jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f, x: vjp(f, x)[1](1.0)[0],
}
SECOND: dict[str, Callable[[Any, Any], Any]] = {
    "hessian": lambda f, x: hessian(f)(x),
    "hvp": lambda f, x: hvp(f, x, 1.0),
    **{f"{a} of {b}": lambda f, x, a=a, b=b: TRANSFORMS[a](partial(TRANSFORMS[b], f), x)
       for a in TRANSFORMS for b in TRANSFORMS},
}  # fmt: skip
first = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
second = pytest.mark.parametrize("transform", SECOND.values(), ids=SECOND)


def cube(x: Any) -> Any:
    return x**3


@first
@pytest.mark.parametrize("x", [2, 2.0, np.float32(2), np.int64(2), np.float64(2)])
def test_numbers_give_floats(transform: Any, x: Any) -> None:
    derivative = transform(cube, x)
    assert type(derivative) is float and derivative == 12.0


@second
def test_second_derivatives_in_every_way(transform: Any) -> None:
    derivative = transform(cube, 2.0)
    assert type(derivative) is float and derivative == 12.0


def test_values_come_beside_derivatives_as_floats() -> None:
    assert value_and_grad(cube)(2) == (8.0, 12.0) and jvp(cube, (2,), (1,)) == (8.0, 12.0)
    value, pullback = vjp(cube, 2)
    assert type(value) is float and value == 8.0 and pullback(2.0) == (24.0,) and pullback(1) == (12.0,)
    assert [type(y) for y in value_and_grad(lambda x: 5)(2.0)] == [float, float]


def test_orders_one_to_five() -> None:
    f: Any = Value.tanh
    t = math.tanh(0.5)
    s = 1 - t * t
    expected = [s, -2 * t * s, s * (6 * t * t - 2), 8 * t * s * (2 - 3 * t * t), s * (16 - 120 * t * t + 120 * t**4)]
    for derivative in expected:
        f = grad(f)
        assert f(0.5) == pytest.approx(derivative, rel=1e-13)


@pytest.mark.filterwarnings("ignore:Output seems independent of input")
@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_agree_with_autograd_in_every_way(seed: int) -> None:
    source = random.Random(seed)
    program = [
        (source.choice(sorted(STEPS)), *[source.randrange(100) for _ in range(3)])
        for _ in range(source.randrange(1, 18))
    ]
    n = source.randrange(1, 4)
    x = [source.uniform(-2, 2) for _ in range(n)]
    v = [source.choice((0.0, source.uniform(-1, 1))) for _ in range(n)]

    def f(xs: Any) -> Any:
        return run(program, list(xs), 0)

    def theirs(xs: Any) -> Any:
        return run(program, [xs[k] for k in range(n)], 1)

    gradient = autograd.grad(theirs)(anp.array(x))
    matrix = autograd.hessian(theirs)(anp.array(x)).reshape(n, n)
    for found, expected in (
        (grad(f)(x), gradient),
        (jvp(f, (x,), (v,))[1], gradient @ v),
        (hessian(f)(np.array(x)), matrix),
        (jacobian(grad(f))(x), matrix),
        (hvp(f, x, v), matrix @ v),
        (jvp(grad(f), (x,), (v,))[1], matrix @ v),
        (grad(lambda a: jvp(f, (a,), (v,))[1])(x), matrix @ v),
        (vjp(lambda a: vjp(f, a)[1](1.0)[0], x)[1](v)[0], matrix @ v),
        (jvp(lambda a: jvp(f, (a,), (v,))[1], (x,), (v,))[1], v @ matrix @ v),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


def test_functions_that_depend_on_nothing_or_little() -> None:
    w = Value(7.0)
    for constant in (lambda x: 5.0, lambda x: 5, lambda x: np.float32(5), lambda x: w, lambda x: w * w):
        assert grad(constant)(2.0) == hessian(constant)(2.0) == hvp(constant, 2.0, 1.0) == 0.0
        assert jvp(constant, (2.0,), (1.0,))[1] == 0.0 and vjp(constant, 2.0)[1](1.0) == (0.0,)
    assert grad(lambda x, y: y * 2, (0, 1))(1.0, 3.0) == (0.0, 2.0)
    assert value_and_grad(lambda x: x)(2.0) == (2.0, 1.0) and jacobian(lambda x: x)([1.0, 2.0]) == [[1, 0], [0, 1]]
    assert jacobian(lambda x: [x, 3, x, w])(2.0) == [1.0, 0.0, 1.0, 0.0]
    assert (w.grad, w.grad_state) == (0.0, "not computed")


def test_a_0_d_array_is_a_number_for_f() -> None:
    for f in (lambda x: x, lambda x: x * 1.0, lambda x: np.sum(x)):
        derivative = grad(f)(np.array(3.0))
        assert derivative.shape == () and derivative == 1.0


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda x: None, "got None"),
        (lambda x: "a", "got a str, 'a'"),
        (lambda x: [x], "got a list of 1"),
        (lambda x: (x, x), "got a tuple of 2"),
        (lambda x: {"y": x}, "got a dict of 1"),
        (lambda x: np.array([x]), r"got an? ndarray of shape \(1,\)"),
        (lambda x: np.array([5.0]), r"got an? ndarray of shape \(1,\)"),
        (lambda x: np.array([x, x]), r"got an? ndarray of shape \(2,\)"),
        (lambda x: 1j, "got a complex"),
    ],
)
def test_what_is_not_one_number_is_refused(output: Any, message: str) -> None:
    def loss(x: Any) -> Any:
        return output(x)

    for call in (grad(loss), value_and_grad(loss), hessian(loss), lambda x: hvp(loss, x, 1.0)):
        with pytest.raises(TypeError, match=f"of loss: it must return one number, {message}"):
            call(2.0)
        with pytest.raises(TypeError, match="it must return one number"):
            call(Value(2.0))


def test_outputs_without_numbers_are_refused_where_many_are_taken() -> None:
    def words(x: Any) -> Any:
        return [x, "a"]

    for call in (jacobian(words), lambda x: jvp(words, (x,), (1.0,))):
        with pytest.raises(TypeError, match=r"of words: what it returns takes a real number, got a str, 'a'"):
            call(2.0)
    with pytest.raises(TypeError, match="got a str, 'a'"):
        vjp(words, 2.0)[1]([1.0, 1.0])


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return x**3, {"twice": [2 * x, "text", None], "x": (x,)}

    more = {"twice": [4.0, "text", None], "x": (2.0,)}
    assert grad(f, has_aux=True)(2.0) == (12.0, more)
    assert value_and_grad(f, has_aux=True)(2.0) == ((8.0, more), 12.0)
    assert jacobian(f, has_aux=True)(2.0) == hessian(f, has_aux=True)(2.0) == (12.0, more)
    assert jvp(f, (2.0,), (1.0,), has_aux=True) == (8.0, 12.0, more)
    value, pullback, aux = vjp(f, 2.0, has_aux=True)
    assert (value, pullback(1.0), aux) == (8.0, (12.0,), more)
    product = grad(lambda x: math.prod(grad(lambda y: (y**3, y * y), has_aux=True)(x)))
    assert product(2.0) == 96.0, "aux is differentiated where it leaves an inner function"


@pytest.mark.parametrize("output", [lambda x: x, lambda x: [x, 1], lambda x: (x, 1, 2), lambda x: None])
def test_has_aux_wants_a_pair(output: Any) -> None:
    with pytest.raises(TypeError, match=r"with has_aux: it must return \(y, more\), got"):
        grad(output, has_aux=True)(2.0)


@pytest.mark.parametrize(
    "aux",
    [np.array([1, 2]), np.array(["a", "b"]), np.zeros((2, 0)), {1, 2}, object(), b"bytes"],
    ids=lambda x: str(x)[:9],
)
def test_aux_without_values_comes_as_it_is(aux: Any) -> None:
    found = grad(lambda x: (x, aux), has_aux=True)(2.0)[1]
    assert type(found) is type(aux)
    if isinstance(aux, np.ndarray):
        assert found.dtype == aux.dtype and found.shape == aux.shape and np.array_equal(found, aux)
    else:
        assert found is aux


def test_wrong_directions_are_named() -> None:
    for call, what in (
        (
            lambda: hvp(lambda x: x[0] * x[1], [1.0, 2.0], [1.0]),
            r"hvp\(f, x, v\): v must have the structure of \[\*, \*\]",
        ),
        (lambda: hvp(lambda x: x[0] * x[1], [1.0, 2.0], None), r"v must have the structure of \[\*, \*\], got None"),
        (lambda: hvp(cube, 1.0, [1.0]), r"structure of \*, got \[\*\]"),
        (lambda: jvp(cube, (1.0,), (1.0, 2.0)), r"tangents must have the structure of \(\*,\), got \(\*, \*\)"),
        (lambda: jvp(cube, (1.0,), ([1.0],)), r"tangents must have the structure of \(\*,\), got \(\[\*\],\)"),
        (lambda: vjp(cube, 1.0)[1]([1.0]), r"the cotangents must have the structure of \*, got \[\*\]"),
        (lambda: vjp(lambda x: [x, x], 1.0)[1](1.0), r"cotangents must have the structure of \[\*, \*\], got \*"),
        (
            lambda: vjp(lambda x: {"a": x}, 1.0)[1]({"b": 1.0}),
            "cotangents must have the structure of {'a': \\*}, got {'b': \\*}",
        ),
        (lambda: jvp(np.sum, (np.ones((2, 3)),), (np.ones((3, 2)),)), r"tangents must .*\(2, 3\).*, got .*\(3, 2\)"),
    ):
        with pytest.raises(ShapeError, match=what):
            call()
    for call, what in (
        (lambda: jvp(cube, 1.0, 1.0), r"primals is a list or tuple of f's arguments, got a float, 1.0"),
        (lambda: jvp(cube, (1.0,), 1.0), r"tangents is a list or tuple of f's arguments, got a float, 1.0"),
        (lambda: hvp(cube, 1.0, "ab"), r"^hvp\(f, x, v\): v takes a real number, got a str, 'ab'"),
        (lambda: jvp(cube, (1.0,), ("a",)), r"tangents takes? a real number, got a str, 'a'"),
        (lambda: vjp(cube, 1.0)[1]("a"), r"cotangents takes? a real number, got a str, 'a'"),
    ):
        with pytest.raises(TypeError, match=what):
            call()


def test_a_pullback_may_be_called_often_and_late() -> None:
    y, pullback = vjp(lambda x: [x, x * x, 3.0], 3.0)
    assert y == [3.0, 9.0, 3.0]
    assert [pullback(c) for c in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [1.0, 10.0, 100.0])] == [(1,), (6,), (0,), (61,)]
    assert grad(lambda c: pullback([c, c * c, 0.0])[0])(2.0) == 1.0 + 2 * 2.0 * 6.0


def test_what_is_exactly_zero_moves_nothing() -> None:
    """A singular branch that is not taken harms neither the backward nor the forward sweep."""
    for f, slope in (
        (lambda x: tl.where(Value(0.0), x.sqrt(), x * 2), 2.0),
        (lambda x: x.log() * 0.0 + x, 1.0),
        (lambda x: tl.maximum(x.log(), x), 1.0),
        (lambda x: tl.where(x, x.sqrt(), x * 2), 2.0),
    ):
        for name, transform in TRANSFORMS.items():
            assert transform(f, 0.0) == slope, name
            assert transform(f, Value(0.0)).data == slope, f"{name} of a Value"
    x: Any = [0.0, 1.0]
    assert jvp(lambda x: x[0].log() + x[1], (x,), ([0.0, 1.0],))[1] == 1.0
    assert hvp(lambda x: x[0].sqrt() + x[1] ** 2, x, [0.0, 1.0]) == [0.0, 2.0]
    assert vjp(lambda x: [x.log(), x], 0.0)[1]([0.0, 1.0]) == (1.0,)
