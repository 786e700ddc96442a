"""Which arguments transforms differentiate by: argnums; other arguments pass unchanged; calls without arguments."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from test_derivatives import cube

from tinygrad_lite import grad, hessian, jacobian, jvp, value_and_grad, vjp

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")


def f_of_two(x: Any, y: Any) -> Any:
    return x * y * y


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 9.0),
        (1, 12.0),
        (-1, 12.0),
        (-2, 9.0),
        ((0,), (9.0,)),
        ((0, 1), (9.0, 12.0)),
        ((1, 0), (12.0, 9.0)),
        ([1], (12.0,)),
        (range(2), (9.0, 12.0)),
        ((), ()),
        (np.int64(1), 12.0),
    ],
)
def test_argnums(argnums: Any, expected: Any) -> None:
    assert grad(f_of_two, argnums)(2.0, 3.0) == jacobian(f_of_two, argnums)(2.0, 3.0) == expected
    assert value_and_grad(f_of_two, argnums)(2.0, 3.0) == (18.0, expected)


@pytest.mark.parametrize(
    ("argnums", "message"),
    [
        (2, "argnums=2 was asked for, but it was called with 2 positional arguments"),
        (-3, "argnums=-3 was asked for, but it was called with 2 positional arguments"),
        ((0, 5), r"argnums=\(0, 5\) was asked for"),
        (True, "argnums is the position of an argument, or several, got a bool, True"),
        (False, "argnums is the position of an argument, or several, got a bool, False"),
        (0.0, "argnums is the position of an argument, or several, got a float, 0.0"),
        (None, "argnums is the position of an argument, or several, got None"),
        ("x", "argnums is the position of an argument, or several, got a str, 'x'"),
        ((0, "y"), "argnums is the position of an argument, or several, got a str, 'y'"),
    ],
)
def test_argnums_that_are_no_positions(argnums: Any, message: str) -> None:
    for transform in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(TypeError, match=message):
            transform(f_of_two, argnums)(2.0, 3.0)


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2), (1, 0, 1)])
def test_one_argument_twice_is_refused(argnums: Any) -> None:
    with pytest.raises(ValueError, match="twice"):
        grad(f_of_two, argnums)(2.0, 3.0)


def test_the_hessian_by_several_arguments() -> None:
    assert hessian(f_of_two, (0, 1))(2.0, 3.0) == ((0.0, 6.0), (6.0, 4.0))
    assert hessian(f_of_two, -1)(2.0, 3.0) == 4.0
    by_both = hessian(lambda x, y: (x * x).sum() * y, (0, 1))(np.array([1.0, 2.0]), 3.0)
    assert by_both[0][0].tolist() == [[6.0, 0.0], [0.0, 6.0]] and by_both[0][1].tolist() == [2.0, 4.0]
    assert by_both[1][0].tolist() == [2.0, 4.0] and by_both[1][1] == 0.0


def test_other_arguments_are_passed_as_they_are() -> None:
    array, text = np.array([1, 2]), "twice"

    def f(x: Any, how: Any, numbers: Any, *, factor: Any = 1, flag: Any = None) -> Any:
        assert how is text and numbers is array and flag in (None, True)
        return x * x * factor

    assert grad(f)(3.0, text, array) == 6.0
    assert grad(f)(3.0, text, array, factor=5, flag=True) == 30.0
    assert value_and_grad(partial(f_of_two, 2.0))(3.0) == (18.0, 12.0)
    assert grad(lambda *xs, **more: xs[0] * xs[1] * more["k"], (0, 1))(2.0, 3.0, k=2.0) == (6.0, 4.0)


def test_a_call_without_the_argument() -> None:
    for call in (lambda: grad(cube)(), lambda: grad(cube)(x=2.0), lambda: hessian(cube)()):
        with pytest.raises(TypeError, match="called with 0 positional arguments"):
            call()
    assert jvp(lambda: 3.0, (), ()) == (3.0, 0.0) and vjp(lambda: 3.0)[1](1.0) == ()


def test_a_transformed_function_bears_its_name() -> None:
    for transform in (grad, value_and_grad, jacobian, hessian):
        assert transform(cube).__name__ == "cube" and transform(cube).__wrapped__ is cube
