"""Values as arguments of transforms: the results differentiate further, and a changed graph is noticed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from test_derivatives import SECOND, TRANSFORMS, cube

from tinygrad_lite import Value, grad, gradients, hessian, hvp, jvp, nn, no_grad, optim, value_and_grad, vjp
from tinygrad_lite.errors import HistoryError

# Derivatives at plain numbers, by design.
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_lite.errors.CutOffWarning")


def test_values_in_give_values_that_differentiate_further() -> None:
    for name, transform in TRANSFORMS.items():
        x = Value(2.0)
        slope = transform(cube, x)
        assert isinstance(slope, Value) and slope.data == 12.0 and (x.grad, x.grad_state) == (0.0, "not computed")
        slope.backward()
        assert x.grad == 12.0, name
        assert gradients(gradients(slope, [x], create_graph=True)[0], [x]) == [6.0]
    for name, transform in SECOND.items():
        x = Value(2.0)
        transform(cube, x).backward()
        assert x.grad == 6.0, name


def test_the_value_beside_the_derivative_differentiates_too() -> None:
    x = Value(3.0)
    y, slope = value_and_grad(cube)(x)
    (y * slope).backward()
    assert x.grad == 5 * 3 * 3.0**4
    y, tangent = jvp(cube, (Value(3.0),), (1.0,))
    assert isinstance(y, Value) and isinstance(tangent, Value)
    assert all(isinstance(v, Value) for v in value_and_grad(lambda x: 2.0)(x))


def test_values_among_the_other_arguments_and_the_directions() -> None:
    w, v = Value(2.0), Value(5.0)
    for slope in (grad(lambda x, w: x * x * w)(3.0, w), grad(lambda x, *, w: x * x * w)(3.0, w=w)):
        slope.backward()
        assert w.grad == 6.0
        w.grad = 0.0
    product = hvp(cube, 2.0, v)
    product.backward()
    assert product.data == 60.0 and v.grad == 12.0
    assert gradients(jvp(cube, (2.0,), (v,))[1], [v]) == gradients(vjp(cube, 2.0)[1](v)[0], [v]) == [12.0]


def test_one_value_as_two_arguments() -> None:
    x = Value(3.0)
    by_first, by_second = grad(lambda xs: xs[0] * xs[0] * xs[1])([x, x])
    assert (by_first.data, by_second.data) == (18.0, 9.0)
    (by_first + by_second).backward()
    assert x.grad == 4 * 3.0 + 6.0, "d/dx (2 x x + x x)"


def test_a_mix_of_values_and_numbers_gives_values() -> None:
    assert all(isinstance(g, Value) for g in grad(lambda xs: xs[0] * xs[1])([Value(3.0), 2.0]))
    found = grad(lambda xs: (xs * xs).sum())(np.array([Value(1.0), Value(2.0)]))
    assert found.dtype == object and [g.data for g in found] == [2.0, 4.0]


def test_a_detached_argument_is_a_number_to_differentiate_by() -> None:
    slope = grad(cube)(Value(2.0).detach())
    assert isinstance(slope, Value) and slope.data == 12.0


def test_gradients_wants_values_and_an_unchanged_graph() -> None:
    x = Value(2.0)
    y = x**3
    for wrong in ((3.0, [x]), (y, [x, 3.0]), (None, [x])):
        with pytest.raises(TypeError, match=r"gradients\(y, xs\) takes a Value y and a list of Values xs, got"):
            gradients(*wrong)  # type: ignore[arg-type]
    h = x * x
    z = h.tanh()
    x.data = 3.0
    for changed in (y, z, y + z):
        with pytest.raises(HistoryError, match=r"was recorded as .* and would be .* now: a leaf below it has changed"):
            gradients(changed, [x], create_graph=True)
    assert gradients(y, [x]) == [12.0], "numbers are those of the recording"
    assert gradients(z * 1.0, [h], create_graph=True)[0].data == pytest.approx(1 - math.tanh(4.0) ** 2)
    x.data = 2.0
    assert gradients(y, [x], create_graph=True)[0].data == 12.0
    assert [gradients(v, [x], create_graph=True)[0].data for v in (x, x * 1, Value(1.0))] == [1.0, 1.0, 0.0]


def test_a_changed_leaf_is_noticed_where_the_number_is_the_same() -> None:
    x, w = Value(3.0), Value(0.0)
    y = x * w
    x.data = 5.0
    with pytest.raises(HistoryError, match="a leaf below it has changed"):
        gradients(y, [w], create_graph=True)


def test_a_pullback_after_a_parameter_changed() -> None:
    """It gives the derivative as of the recording, or says that it cannot."""
    w = Value(3.0)
    _, of_numbers = vjp(lambda x: x * w, 2.0)
    _, of_values = vjp(lambda x: x * w, Value(2.0))
    w.data = 100.0
    assert of_numbers(1.0) == (3.0,)
    with pytest.raises(HistoryError, match="a leaf below it has changed"):
        of_values(1.0)
    model = nn.MLP(1, [1])
    x = Value(0.5)
    value, pullback = vjp(lambda x: model([x]) ** 2, x)
    value.backward()
    optim.SGD(model.parameters(), lr=0.5).step()
    with pytest.raises(HistoryError, match="a leaf below it has changed"):
        pullback(1.0)


def test_graphs_are_compared_with_their_leaves_under_no_grad_too() -> None:
    x, other = Value(3.0), Value(1.0)
    y = x * x

    def f(a: Any) -> Any:
        other.data = other.data + 1.0
        return a**3

    with no_grad():
        assert [g.data for g in gradients(y, [x], create_graph=True)] == [6.0]
        assert hessian(f)(2.0) == hvp(f, 2.0, 1.0) == grad(grad(f))(2.0) == 12.0 and other.data == 4.0
        x.data = 4.0
        with pytest.raises(HistoryError, match="a leaf below it has changed"):
            gradients(y, [x], create_graph=True)


def test_gradients_by_inner_results() -> None:
    x = Value(2.0)
    h = x * x
    y = h * h + x
    for create_graph in (False, True):
        by_h, by_x, by_y = (float(g.data if isinstance(g, Value) else g) for g in gradients(y, [h, x, y], create_graph))
        assert (by_h, by_x, by_y) == (8.0, 33.0, 1.0)
    assert (x.grad, h.grad_state) == (0.0, "not computed")
