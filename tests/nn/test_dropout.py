"""Dropout: which numbers are dropped, when, and that a compiled function draws like an eager one."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from compiled import FORCED
from layers import check_layer, data, inputs

import tinygrad_lite as tl
from tinygrad_lite import Value, nn

ONES = [1.0] * 40


def test_numbers_are_left_out_or_made_larger() -> None:
    ys = nn.Dropout(0.25, seed=1)([1.0] * 4000)
    assert set(ys) == {0.0, 1 / 0.75}
    assert ys.count(0.0) == pytest.approx(1000, abs=100) and np.mean(ys) == pytest.approx(1.0, abs=0.05)


def test_draws_are_new_at_each_call_and_repeat_with_the_seed() -> None:
    first, second = nn.Dropout(0.5, seed=7), nn.Dropout(0.5, seed=7)
    masks = [first(ONES) for _ in range(3)]
    assert [second(ONES) for _ in range(3)] == masks and masks[0] != masks[1] != masks[2]
    assert nn.Dropout(0.5, seed=8)(ONES) != masks[0] and nn.Dropout(0.5)(ONES) != nn.Dropout(0.5)(ONES)


def test_a_gradient_passes_where_a_number_does() -> None:
    x = [Value(v) for v in inputs(40)]
    ys = nn.Dropout(0.5, seed=0)(x)
    tl.sum(ys).backward()
    assert [v.grad * v.data for v in x] == data(ys) and {v.grad for v in x} == {0.0, 2.0}


def test_only_in_training() -> None:
    model = nn.Sequential(nn.Dropout(0.5, seed=0), nn.Tanh())
    assert 0.0 in model(ONES)
    model.eval()
    x = [Value(v) for v in inputs(3)]
    assert model.layers[0](x) is x and model(ONES) == nn.Tanh()(ONES)
    check_layer(model, inputs(3))
    assert 0.0 in model.train()(ONES)


def test_the_extremes() -> None:
    assert nn.Dropout(0.0)(ONES) is ONES
    x = Value(3.0)
    y = nn.Dropout(1.0)(x)
    y.backward()
    assert y.data == x.grad == 0.0
    compiled = tl.compile(nn.Dropout(1.0))
    assert compiled(3.0) == 0.0


def test_inputs_of_many_forms() -> None:
    dropout = nn.Dropout(0.5, seed=0)
    assert np.shape(dropout(np.ones((2, 3, 4)))) == (2, 3, 4) and dropout(1.0) in (0.0, 2.0)
    assert len(set(np.ravel(dropout(np.ones((2, 3, 4)))))) == 2 and len(dropout((1.0, 2.0))) == 2


@pytest.mark.parametrize("executor", FORCED)
def test_compiled_draws_as_eager_does(executor: Any) -> None:
    eager, dropout = nn.Dropout(0.3, seed=5), nn.Dropout(0.3, seed=5)
    compiled = tl.compile(lambda x: dropout(x), executor=executor)
    x = inputs(6)
    rows = [compiled(x) for _ in range(5)]
    assert rows == [pytest.approx(eager(x)) for _ in range(5)] and rows[0] != rows[1]
    lanes = compiled.batch([x] * 5, reduce=None)
    assert lanes.tolist() == [pytest.approx(eager(x)) for _ in range(5)]


@pytest.mark.parametrize("executor", FORCED)
def test_compiled_values_and_gradients_are_of_the_same_draws(executor: Any) -> None:
    dropout = nn.Dropout(0.5, seed=5)
    w = Value(1.0)
    loss = tl.compile(lambda x: tl.sum(dropout([w * v for v in x])), executor=executor)
    found = set()
    for _ in range(8):
        w.grad = 0.0
        y = loss.batch([inputs(10), inputs(10, seed=1)])
        y.backward()
        assert w.grad == pytest.approx(y.data)
        found.add(y.data)
    assert len(found) == 8
    value, slope = tl.compile(tl.value_and_grad(lambda x: tl.sum(dropout(x))), executor=executor)(inputs(10))
    assert set(slope) == {0.0, 2.0} and value == pytest.approx(np.dot(slope, inputs(10)))


@pytest.mark.parametrize("executor", FORCED)
def test_a_compiled_function_follows_training(executor: Any) -> None:
    model = nn.Sequential(nn.Dropout(0.5, seed=5))
    compiled = tl.compile(lambda x: model(x), executor=executor)
    assert 0.0 in compiled(ONES)
    model.eval()
    assert compiled(ONES) == ONES and compiled.batch([ONES], reduce=None).tolist() == [ONES]
    model.train()
    assert 0.0 in compiled(ONES)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_copy_goes_on_where_it_stands(copied: Any) -> None:
    dropout = nn.Dropout(0.5, seed=5)
    dropout(ONES)
    other = copied(dropout)
    assert other(ONES) == dropout(ONES) and not dropout.state_dict() and repr(other) == "Dropout(0.5)"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Dropout(-0.1), ValueError, r"Dropout\(p\) must be a number from 0 to 1, got -0.1"),
        (lambda: nn.Dropout(50), ValueError, "got 50"),
        (lambda: nn.Dropout("0.5"), TypeError, r"Dropout\(p\) must be a number from 0 to 1, got a str"),
        (lambda: nn.Dropout(True), TypeError, "got a bool"),
        (lambda: nn.Dropout(float("nan")), ValueError, "got nan"),
    ],
)
def test_bad_settings(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
