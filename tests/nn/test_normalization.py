"""LayerNorm and RMSNorm."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers import check_layer, check_saved, data, inputs

from tinygrad_lite import Value, nn
from tinygrad_lite.errors import ShapeError


@pytest.mark.parametrize("make", [nn.LayerNorm, nn.RMSNorm])
@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 1, 4)])
def test_derivatives_and_executors(make: Any, shape: tuple[int, ...]) -> None:
    check_layer(make(4, eps=0.01), inputs(*shape))
    check_layer(make(4, elementwise_affine=False), inputs(*shape))


def test_rows_come_to_the_same_scale() -> None:
    row = [1000.0, 1001.0, 1003.0, 990.0]
    ys = data(nn.LayerNorm(4)(row))
    assert statistics.fmean(ys) == pytest.approx(0.0, abs=1e-14) and statistics.pstdev(ys) == pytest.approx(1.0, 1e-6)
    ys = data(nn.RMSNorm(4)(row))
    assert statistics.fmean(y * y for y in ys) == pytest.approx(1.0, rel=1e-14) and min(ys) > 0.9


def test_a_row_of_equal_numbers_is_no_division_by_zero() -> None:
    x = [Value(2.0), Value(2.0)]
    ys = nn.LayerNorm(2)(x)
    assert data(ys) == [0.0, 0.0]
    ys[0].backward()
    assert x[0].grad == pytest.approx(0.5 / 1e-5**0.5)
    assert data(nn.RMSNorm(2)([0.0, 0.0])) == [0.0, 0.0]


def test_names_and_state(tmp_path: Path) -> None:
    assert {n: a.tolist() for n, a in nn.LayerNorm(2).state_dict().items()} == {"weight": [1, 1], "bias": [0, 0]}
    assert list(nn.LayerNorm(2, bias=False).state_dict()) == list(nn.RMSNorm(2).state_dict()) == ["weight"]
    for make in (nn.LayerNorm, nn.RMSNorm):
        module = make(3)
        module.weight[1].data = 5.0
        check_saved(module, make(3), inputs(3), tmp_path)
    assert not nn.LayerNorm(2, elementwise_affine=False).parameters()
    assert repr(nn.Sequential(nn.LayerNorm(3), nn.RMSNorm(2))) == "Sequential(LayerNorm(3), RMSNorm(2))"


@pytest.mark.parametrize("make", [nn.LayerNorm, nn.RMSNorm])
def test_what_does_not_fit(make: Any) -> None:
    kind = make.__name__
    for call, error, message in [
        (lambda: make(3)([1.0, 2.0]), ShapeError, f"{kind} takes 3 numbers, got 2"),
        (lambda: make(3)(np.zeros((2, 2))), ShapeError, "takes 3 numbers, got 2"),
        (lambda: make(2)(["a", 1.0]), TypeError, f"{kind}: input 0 is a str, 'a', not a real number"),
        (lambda: make(0), ShapeError, rf"{kind}\(normalized_shape\) must be a whole number, 1 or larger, got 0"),
        (
            lambda: make((2, 3)),
            TypeError,
            rf"{kind}\(normalized_shape\) must be a whole number, .* or larger, got a tuple of 2",
        ),
        (lambda: make(2, eps=-1.0), ValueError, rf"{kind}\(eps\) must be a number, 0 or larger, or inf, got -1"),
        (lambda: make(2, eps="1"), TypeError, rf"{kind}\(eps\) must be a number, 0 or larger, or inf, got a str, '1'"),
    ]:
        with pytest.raises(error, match=message):
            call()
