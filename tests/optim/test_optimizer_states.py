"""Settings and states of optimizers: set, saved, copied with the model, and refused if they do not fit."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from record_torch_trajectories import loss
from test_optimizers import THOROUGH, leaves, take_steps

from tinygrad_lite import Value, ops
from tinygrad_lite.engine import bind
from tinygrad_lite.errors import HistoryError, StateDictError
from tinygrad_lite.nn import MLP
from tinygrad_lite.optim import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    NAdam,
    Optimizer,
    RMSprop,
    clip_grad_norm_,
    clip_grad_value_,
)


def test_settings_can_be_set_and_are_checked_then_too() -> None:
    x = Value(1.0)
    optimizer = SGD([x], lr=0.5)
    (x * 2.0).backward()
    optimizer.lr *= 0.5
    optimizer.step()
    assert x.data == 0.5
    with pytest.raises(ValueError, match=r"SGD\(lr=...\) must be a number, 0 or larger, got -1.0"):
        optimizer.lr = -1.0
    assert optimizer.lr == 0.25 and "lr=0.25" in repr(optimizer)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: SGD(p, lr=-0.1), ValueError, r"SGD\(lr=...\) must be a number, 0 or larger, got -0.1"),
        (lambda p: SGD(p, lr=math.nan), ValueError, "got nan"),
        (lambda p: SGD(p, lr=math.inf), ValueError, "got inf"),
        (lambda p: SGD(p, lr="0.1"), TypeError, "got a str, '0.1'"),
        (lambda p: SGD(p, lr=Value(0.1)), TypeError, "got a Value"),
        (lambda p: SGD(p, momentum=-1), ValueError, "momentum"),
        (lambda p: SGD(p, weight_decay=-1), ValueError, "weight_decay"),
        (lambda p: SGD(p, nesterov=True), ValueError, "needs a momentum above 0 and a dampening of 0"),
        (lambda p: SGD(p, momentum=0.9, dampening=0.1, nesterov=True), ValueError, "a dampening of 0"),
        (lambda p: SGD(p, momentum=0.9, nesterov=1), TypeError, "nesterov=...\\) must be True or False, got an int, 1"),
        (lambda p: RMSprop(p, alpha=-0.1), ValueError, "alpha"),
        (lambda p: RMSprop(p, eps=-1e-8), ValueError, "eps"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), ValueError, r"from 0 to below 1, got \(0.9, 1.0\)"),
        (lambda p: Adam(p, betas=(-0.1, 0.9)), ValueError, "betas"),
        (lambda p: Adam(p, betas=(0.9,)), ValueError, "two numbers"),
        (lambda p: Adam(p, betas=0.9), TypeError, "two numbers"),
        (lambda p: AdamW(p, eps=math.nan), ValueError, "eps"),
        (lambda p: Adagrad(p, initial_accumulator_value=-1), ValueError, "initial_accumulator_value"),
        (lambda p: Adagrad(p, lr_decay=-1), ValueError, "lr_decay"),
        (lambda p: NAdam(p, momentum_decay=-1), ValueError, "momentum_decay"),
        (lambda p: NAdam(p, decoupled_weight_decay=1), TypeError, "decoupled_weight_decay"),
        (lambda p: SGD([]), ValueError, "empty list"),
        (lambda p: SGD(iter(())), ValueError, "empty list"),
        (lambda p: SGD(p[0]), TypeError, "takes a list of parameters, got a Value"),
        (
            lambda p: SGD(MLP(2, [1])),
            TypeError,
            r"takes a list of parameters, got a MLP.*pass model.parameters\(\)|an MLP",
        ),
        (lambda p: SGD({"w": p[0]}), TypeError, "takes a list of parameters, got a dict of 1"),
        (lambda p: SGD([p[0], 1.0]), TypeError, "parameter 1 is a float, 1.0, not a Value"),
        (lambda p: SGD([p[0], [p[1]]]), TypeError, "parameter 1 is a list of 1"),
        (lambda p: SGD([p[0], p[1] * 2]), HistoryError, "parameter 1 is of kind 'result'"),
        (lambda p: SGD([p[0].detach()]), HistoryError, "parameter 0 is of kind 'detached'"),
        (lambda p: SGD([p[0], p[1], p[0]]), ValueError, "one of the 3 parameters is listed twice"),
        (
            lambda p: clip_grad_norm_(p, -1.0),
            ValueError,
            r"clip_grad_norm_\(max_norm\) must be a number, 0 or larger, or inf, got -1.0",
        ),
        (lambda p: clip_grad_norm_(p, "1"), TypeError, "got a str"),
        (lambda p: clip_grad_norm_(p, 1.0, norm_type=0), ValueError, "norm_type"),
        (lambda p: clip_grad_norm_([], 1.0), ValueError, "empty list"),
        (lambda p: clip_grad_value_(p, math.nan), ValueError, "got nan"),
        (lambda p: clip_grad_value_([1.0], 1.0), TypeError, "parameter 0"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(make: Any, error: type[Exception], message: str) -> None:
    for bound in (False, True):
        x = leaves()
        if bound:
            bind(x)
        loss(x, ops.sin).backward()
        before = [(v.data, v.grad, v.kind) for v in x]
        with pytest.raises(error, match=message):
            make(x)
        assert [(v.data, v.grad, v.kind) for v in x] == before


@pytest.mark.parametrize(("kind", "settings"), THOROUGH)
def test_the_state_continues_where_it_was(kind: type[Optimizer], settings: dict[str, Any]) -> None:
    x = leaves()
    optimizer = kind(x, **settings)
    take_steps(optimizer, x, 3)
    state, here = optimizer.state_dict(), [v.data for v in x]
    expected = take_steps(optimizer, x, 2)
    again = [Value(number) for number in here]
    other = kind(again, lr=9.0)
    other.load_state_dict(state)
    assert take_steps(other, again, 2) == expected
    assert state["steps"] == 3, "state_dict() is a copy"


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    x = leaves()
    optimizer = Adam(x)
    take_steps(optimizer, x, 2)
    good = optimizer.state_dict()
    bad: list[tuple[dict[str, Any], str]] = [
        ({name: thing for name, thing in good.items() if name != "exp_avg"}, "missing: exp_avg"),
        ({**good, "velocity": 1}, "unexpected: velocity"),
        ({**good, "exp_avg": np.zeros(3)}, r"exp_avg: has the shape \(3,\), expected \(4,\)"),
        ({**good, "exp_avg": ["a"] * 4}, "exp_avg: must hold real numbers"),
        ({**good, "lr": -1.0}, "lr: .*got -1.0"),
        ({**good, "steps": 1.5}, "steps: must be a number of steps"),
        (SGD(x).state_dict(), "optimizer: is SGD, not Adam"),
    ]
    for state, message in bad:
        with pytest.raises(StateDictError, match=message):
            optimizer.load_state_dict(state)
        now = optimizer.state_dict()
        assert all(np.array_equal(now[name], good[name]) for name in good)
    with pytest.raises(StateDictError, match="momentum above 0"):
        SGD(x).load_state_dict({**SGD(x).state_dict(), "nesterov": True})
    with pytest.raises(TypeError, match=r"a dict.*, got a list of 1"):
        optimizer.load_state_dict([1])  # type: ignore[arg-type]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_model_and_its_optimizer_copy_together(copied: Any) -> None:
    model = MLP(2, [2, 1], activation="tanh")
    optimizer = Adam(model.parameters(), lr=0.1)
    pairs = [(model, optimizer), copied((model, optimizer))]
    for net, its in pairs:
        for _ in range(2):
            its.zero_grad()
            (net([1.0, -1.0]) ** 2).backward()
            its.step()
    ours, theirs = ([p.data for p in net.parameters()] for net, _ in pairs)
    assert ours == theirs
    pairs[1][1].lr = 0.0
    pairs[1][1].step()
    assert [p.data for p in model.parameters()] == ours
