"""Conv1d and Conv2d; test_as_torch.py compares their numbers with PyTorch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers import check_layer, check_saved, data, inputs

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, ops
from tinygrad_lite.errors import ShapeError


@pytest.mark.parametrize("settings", [{}, {"stride": 2}, {"padding": 1}, {"stride": 2, "padding": 2, "bias": False}])
def test_derivatives_and_executors(settings: Any) -> None:
    check_layer(nn.Conv1d(2, 3, 2, **settings), inputs(2, 5))
    check_layer(nn.Conv2d(2, 2, 2, **settings), inputs(2, 3, 2))


def test_an_output_is_one_dot_node_of_a_filter_and_a_window() -> None:
    conv = nn.Conv2d(1, 2, (1, 2))
    image = [[[Value(1.0), Value(2.0), Value(3.0)]]]
    y = conv(image)[1][0][1]
    assert y.op is ops.dot and y.args == (tuple(conv.weight[1][0][0]), tuple(image[0][0][1:]), conv.bias[1])


@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(1, 1, 0), (3, 1, 1), (3, 2, 0), (2, 3, 1), (5, 1, 0), ((2, 1), (1, 3), (0, 2))]
)
def test_sizes(size: Any, stride: Any, padding: Any) -> None:
    maps = nn.Conv2d(2, 3, size, stride, padding)(inputs(2, 5, 6))
    pairs = [(v, v) if isinstance(v, int) else v for v in (size, stride, padding)]
    expected = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip((5, 6), *pairs, strict=True)]
    assert np.shape(maps) == (3, *expected)
    if isinstance(size, int):
        assert np.shape(nn.Conv1d(2, 3, size, stride, padding)(inputs(2, 6))) == (3, expected[1])


def test_what_moves_in_the_input_moves_in_the_output() -> None:
    conv = nn.Conv2d(1, 1, 2, padding=1)
    image = np.zeros((5, 5))
    image[1:3, 1:3] = [[1.0, 2.0], [3.0, 4.0]]
    first = np.array([[y.data for y in row] for row in conv([image])[0]])
    second = np.array([[y.data for y in row] for row in conv([np.roll(image, (1, 2), (0, 1))])[0]])
    assert (np.roll(first, (1, 2), (0, 1)) == second).all()


def test_compiled_without_padding_the_windows_are_one_product() -> None:
    conv = nn.Conv2d(1, 4, 3)
    compiled = tl.compile(lambda image: conv(image), executor="array")
    compiled(inputs(1, 8, 8))
    assert "1 of them matrix product" in compiled.summary


def test_names_and_state(tmp_path: Path) -> None:
    conv = nn.Conv2d(2, 3, (1, 2))
    assert {name: array.shape for name, array in conv.state_dict().items()} == {"weight": (3, 2, 1, 2), "bias": (3,)}
    check_saved(conv, nn.Conv2d(2, 3, (1, 2)), inputs(2, 2, 2), tmp_path)
    check_saved(nn.Conv1d(2, 3, 2), nn.Conv1d(2, 3, 2), inputs(2, 4), tmp_path)
    assert repr(nn.Sequential(conv, nn.Conv1d(1, 2, 3))) == "Sequential(Conv2d(2, 3, (1, 2)), Conv1d(1, 2, 3))"
    assert len(nn.Conv1d(1, 2, 3, bias=False).parameters()) == 6
    assert len({w.data for w in nn.Conv1d(2, 2, 2, init="he_normal").parameters()}) == 9
    image = inputs(2, 2, 3)
    assert data(conv(np.array(image))) == data(conv(image)) == data(conv(tuple(map(tuple, image))))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Conv1d(2, 1, 2)([1.0, 2.0]), ShapeError, r"^Conv1d takes \[2\]\[time\] numbers, got \[2\]"),
        (lambda: nn.Conv1d(2, 1, 2)([[1.0, 2.0]]), ShapeError, r"got \[1\]\[2\]"),
        (
            lambda: nn.Conv1d(2, 1, 2)([[1.0, 2.0], [1.0]]),
            ShapeError,
            "takes .* numbers: .* equal lengths, got .1,. and .2,.",
        ),
        (lambda: nn.Conv1d(1, 1, 2)(1.0), ShapeError, "got a float, 1.0"),
        (lambda: nn.Conv1d(1, 1, 1)([[]]), ShapeError, r"got \[1\]\[0\]"),
        (
            lambda: nn.Conv1d(1, 1, 3)([[1.0, 2.0]]),
            ShapeError,
            "^Conv1d has filters of size 3 for 2 numbers, .* add padding",
        ),
        (lambda: nn.Conv2d(1, 1, 2)([[1.0, 2.0]]), ShapeError, r"takes \[1\]\[row\]\[column\] numbers, got \[1\]\[2\]"),
        (lambda: nn.Conv2d(1, 1, (1, 3))([[[1.0, 2.0]]]), ShapeError, "^Conv2d has filters of size 3 for 2 numbers"),
        (lambda: nn.Conv2d(1, 1, 1)([[["a"]]]), TypeError, "takes a real number, got a str, 'a'"),
        (lambda: nn.Conv1d(1, 0, 2), ShapeError, r"Conv1d\(out_channels\) must be a whole number, 1 or larger, got 0"),
        (
            lambda: nn.Conv1d(1, 1, 2, stride=0),
            ShapeError,
            r"Conv1d\(stride\) must be a whole number, 1 or larger, got 0",
        ),
        (
            lambda: nn.Conv1d(1, 1, 2, padding=-1),
            ShapeError,
            r"Conv1d\(padding\) must be a whole number, 0 or larger, got -1",
        ),
        (
            lambda: nn.Conv1d(1, 1, (2, 2)),
            TypeError,
            r"Conv1d\(kernel_size\) must be a whole number, .* or larger, got a tuple of 2",
        ),
        (
            lambda: nn.Conv2d(1, 1, (2, 2, 2)),
            ShapeError,
            r"Conv2d\(kernel_size\) must be one whole number, or two as .*tuple of 3",
        ),
        (
            lambda: nn.Conv2d(1, 1, 2, padding="same"),
            TypeError,
            r"Conv2d\(padding\) must be a whole number, .* or larger, got a str",
        ),
        (
            lambda: nn.Conv2d(1, 1, 2, stride=(1, 0)),
            ShapeError,
            r"Conv2d\(stride\) must be a whole number, 1 or larger, got 0",
        ),
        (lambda: nn.Conv2d(1, 1, 2, init="he"), ValueError, "no initialisation is called 'he'"),
    ],
)
def test_what_does_not_fit(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
