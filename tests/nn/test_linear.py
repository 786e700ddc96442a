"""Linear and Residual, and their errors for inputs that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers import check_layer, check_saved, data, inputs

from tinygrad_lite import Value, nn, ops
from tinygrad_lite.errors import ShapeError


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3)])
def test_derivatives_and_executors(shape: tuple[int, ...]) -> None:
    check_layer(nn.Linear(3, 2), inputs(*shape))
    check_layer(nn.Linear(3, 1, bias=False), inputs(*shape))
    check_layer(nn.Residual(nn.Linear(3, 3)), inputs(*shape))


def test_a_row_of_the_matrix_is_one_dot_node() -> None:
    layer = nn.Linear(2, 3)
    x = [Value(1.0), Value(2.0)]
    for row, b, y in zip(layer.weight, layer.bias, layer(x), strict=True):
        assert y.op is ops.dot and y.args == (tuple(row), tuple(x), b)


def test_names_and_state(tmp_path: Path) -> None:
    layer = nn.Linear(3, 2)
    assert {name: array.shape for name, array in layer.state_dict().items()} == {"weight": (2, 3), "bias": (2,)}
    assert next(layer.named_parameters())[0] == "weight.0.0" and len(nn.Linear(3, 2, bias=False).parameters()) == 6
    check_saved(layer, nn.Linear(3, 2), inputs(3), tmp_path)
    model = nn.Sequential(nn.Linear(3, 2), nn.Residual(nn.Linear(2, 2)))
    y = model([1.0, 2.0, 3.0])
    assert [v.path for v in y] == ["layers.1"] * 2 and model.parameters()[-1].label == "bias.1"
    assert repr(model) == "Sequential(Linear(3, 2), Residual(Linear(2, 2)))"


@pytest.mark.parametrize("kind", [np.array, tuple, lambda x: iter(x), lambda x: list(map(np.array, x))])
def test_inputs_of_many_kinds(kind: Any) -> None:
    layer = nn.Linear(3, 2)
    for x in (inputs(3), inputs(2, 3)):
        assert data(layer(kind(x))) == data(layer(x))
    assert data(nn.Linear(1, 1, init=lambda *_: 2.0)(3.0)) == [6.0]


def test_a_residual_adds_item_by_item() -> None:
    twice = nn.Residual(lambda x: x)
    assert twice(2.0) == 4.0 and twice([1.0, 2.0])[0] == 2.0 and nn.Residual(np.negative)(np.ones(2)) == [0.0, 0.0]
    assert data(nn.Residual(nn.Tanh())([[Value(0.0)], [Value(0.0)]])) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Linear(3, 2)([1.0, 2.0]), ShapeError, "^Linear takes 3 numbers, got 2"),
        (lambda: nn.Linear(3, 2)([[1.0, 2.0, 3.0], [1.0]]), ShapeError, "takes 3 numbers, got 1"),
        (
            lambda: nn.Sequential(nn.Linear(1, 2), nn.Linear(1, 2))([1.0]),
            ShapeError,
            r"Linear layers.1 takes 1 number, g",
        ),
        (lambda: nn.Linear(2, 2)(["a", 1.0]), TypeError, "Linear: input 0 is a str, 'a', not a real number"),
        (lambda: nn.Linear(2, 2)([1.0, [2.0]]), ShapeError, "Linear: input 1 is a list of 1, not a number"),
        (lambda: nn.Linear(0, 2), ShapeError, r"Linear\(in_features\) must be a whole number, 1 or larger, got 0"),
        (
            lambda: nn.Linear(2, 2.0),
            TypeError,
            r"Linear\(out_features\) must be a whole number, .* or larger, got a float, 2.0",
        ),
        (lambda: nn.Linear(2, 2, init="he"), ValueError, "no initialisation is called 'he'"),
        (lambda: nn.Residual(3), TypeError, r"Residual\(module\) takes a module, got an int, 3"),
        (
            lambda: nn.Residual(nn.Linear(2, 3))([1.0, 2.0]),
            ShapeError,
            "the same shape: got a list of 2 as input and a list of 3",
        ),
        (lambda: nn.Residual(lambda x: x[0])([1.0]), ShapeError, "^Residual adds its module's result .* and a float"),
    ],
)
def test_what_does_not_fit(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
