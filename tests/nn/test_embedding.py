"""Embedding: plain and traced indices, and invalid ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import FORCED
from layers import check_layer, check_saved, data

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.errors import ShapeError


@pytest.mark.parametrize("x", [2.0, [0.0, 3.0, 3.0, 1.0], [[0.0, 1.0], [2.0, 0.0]]])
def test_derivatives_and_executors(x: Any) -> None:
    check_layer(nn.Embedding(4, 3), x, differentiable=False)


def test_a_plain_index_gives_the_parameters_themselves() -> None:
    module = nn.Embedding(4, 3)
    for index in (2, 2.0, np.int64(2), np.array(2)):
        assert module(index) == module.weight[2] and module(index) is not module.weight[2]
    assert module([3, 0]) == [module.weight[3], module.weight[0]] == module(np.array([3, 0]))
    assert data(module(Value(2.0))) == data(module.weight[2])


def test_gradients_add_up_in_the_rows_that_were_used() -> None:
    for index in ([1, 2, 1], [Value(1.0), Value(2.0), Value(1.0)]):
        module = nn.Embedding(4, 2)
        tl.sum([v for row in module(index) for v in row]).backward()
        assert [[w.grad for w in row] for row in module.weight] == [[0.0] * 2, [2.0] * 2, [1.0] * 2, [0.0] * 2]


def test_compiled_all_indices_are_one_gather() -> None:
    module = nn.Embedding(5, 4)
    compiled = tl.compile(lambda xs: module(xs), executor="array")
    compiled([0, 1, 2, 3, 4, 4, 4])
    assert compiled.program.counts()["take"] == 28 and "1 array operations" in compiled.summary


@pytest.mark.parametrize("index", [4, -1, 1.5, float("nan")])
def test_indices_out_of_range(index: float) -> None:
    module = nn.Embedding(4, 2)
    message = r"the index must be a whole number in 0\.\.3"
    calls: list[Any] = [module, lambda i: module(Value(i)), lambda i: module([0, i])]
    for executor in FORCED:
        compiled = tl.compile(lambda i: module(i), executor=executor)
        calls += [compiled, lambda i, f=compiled: f.batch([0.0, i], reduce=None)]
    for call in calls:
        with pytest.raises(IndexError, match=message):
            call(index)


def test_names_and_state(tmp_path: Path) -> None:
    module = nn.Embedding(4, 2)
    assert {name: array.shape for name, array in module.state_dict().items()} == {"weight": (4, 2)}
    check_saved(module, nn.Embedding(4, 2), [1.0, 3.0], tmp_path)
    assert repr(module) == "Embedding(4, 2)"
    weights = nn.Embedding(300, 10).state_dict()["weight"]
    assert weights.mean() == pytest.approx(0.0, abs=0.1) and weights.std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.Embedding(0, 2),
            ShapeError,
            r"Embedding\(num_embeddings\) must be a whole number, 1 or larger, got 0",
        ),
        (
            lambda: nn.Embedding(2, None),
            TypeError,
            r"Embedding\(embedding_dim\) must be a whole number, .* or larger, got None",
        ),
        (lambda: nn.Embedding(2, 2)("a"), TypeError, r"Embedding\(index\) takes a real number, got a str, 'a'"),
        (lambda: nn.Embedding(2, 2)(None), TypeError, "got None"),
    ],
)
def test_what_does_not_fit(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
