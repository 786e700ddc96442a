"""Optimizers against PyTorch's recorded trajectories, on bound, unbound, scattered and moving parameters."""

from __future__ import annotations

import copy
import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from record_torch_trajectories import RECORDED, START, STEPS, TARGET, cases, loss

from tinygrad_lite import Value, no_grad, ops
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
from tinygrad_lite.optim.leaves import Leaves

KINDS: dict[str, type[Optimizer]] = {kind.__name__: kind for kind in (SGD, Adagrad, RMSprop, Adam, AdamW, NAdam)}
CASES = json.loads(TARGET.read_text(encoding="utf-8"))["cases"]
THOROUGH: list[tuple[type[Optimizer], dict[str, Any]]] = [
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (RMSprop, {"lr": 0.01, "momentum": 0.5, "centered": True}),
    (Adam, {"lr": 0.1, "amsgrad": True}),
    (AdamW, {"lr": 0.1}),
    (Adagrad, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    (NAdam, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
]


def leaves() -> list[Value]:
    return [Value(x) for x in START]


def take_steps(optimizer: Optimizer, x: list[Value], steps: int) -> list[list[float]]:
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss(x, ops.sin).backward()
        optimizer.step()
        path.append([v.data for v in x])
    return path


def test_every_case_is_recorded() -> None:
    assert [(name, settings) for name, settings, _ in CASES] == cases()


@pytest.mark.parametrize(
    ("name", "settings", "path"),
    CASES,
    ids=lambda x: "-".join(map(str, x.values())) if x and isinstance(x, dict) else None,
)
def test_pytorchs_trajectory(name: str, settings: dict[str, Any], path: list[list[float]]) -> None:
    x = leaves()
    found = take_steps(KINDS[name](x, **settings), x, STEPS)
    for step, expected in zip(RECORDED, path, strict=True):
        assert found[step - 1] == pytest.approx(expected, rel=1e-9, abs=1e-12), f"step {step}"


@pytest.mark.parametrize(("kind", "settings"), THOROUGH)
def test_wherever_the_leaves_are_bound(kind: type[Optimizer], settings: dict[str, Any]) -> None:
    alone = leaves()
    expected = take_steps(kind(alone, **settings), alone, 5)

    in_order = leaves()
    bind(in_order)
    assert take_steps(kind(in_order, **settings), in_order, 5) == expected

    among_others = leaves()
    others = [Value(7.0), Value(8.0)]
    bind([others[0], *among_others, others[1]])
    assert take_steps(kind(among_others, **settings), among_others, 5) == expected

    scattered = leaves()
    bind([scattered[2], others[0], scattered[0], scattered[3], others[1], scattered[1]])
    assert take_steps(kind(scattered, **settings), scattered, 5) == expected
    assert [v.data for v in others] == [7.0, 8.0]

    moving = leaves()
    optimizer = kind(iter(moving), **settings)
    path = take_steps(optimizer, moving, 2)
    bind([others[1], *reversed(moving)])
    path += take_steps(optimizer, moving, 1)
    bind([Value(0.0), *moving])
    assert path + take_steps(optimizer, moving, 2) == expected


@pytest.mark.parametrize("others", [0, 1])
def test_a_step_after_zero_grad_moves_nothing(others: int) -> None:
    """Zeros are written late; the arrays that an optimizer holds have them in time."""
    x = leaves()
    bind([*x, *[Value(0.0) for _ in range(others)]])
    optimizer = SGD(x, lr=0.1)
    loss(x, ops.sin).backward()
    optimizer.step()
    here = [v.data for v in x]
    optimizer.zero_grad()
    optimizer.step()
    assert [v.data for v in x] == here != list(START)
    assert clip_grad_norm_(x, 1.0) == 0.0 and [v.grad for v in x] == [0.0] * 4


def test_numbers_are_put_back_wherever_the_leaves_are_bound() -> None:
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        x = leaves()
        bind([x[k] for k in order])
        taken = Leaves("test", x)
        before = taken.numbers()[0].copy()
        loss(x, ops.sin).backward()
        grads = [v.grad for v in x]
        SGD(x, lr=0.1).step()
        assert [v.data for v in x] != before.tolist()
        taken.set_values(before)
        assert [v.data for v in x] == before.tolist() == list(START) and [v.grad for v in x] == grads


def test_two_optimizers_on_parts_of_one_model() -> None:
    model = MLP(2, [3, 1], activation="tanh")
    whole = copy.deepcopy(model)
    first, last = model.layers[0].parameters(), model.layers[1].parameters()
    parts = [SGD(first, lr=0.1, momentum=0.9), SGD(last, lr=0.1, momentum=0.9)]
    both = SGD(whole.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        model.zero_grad()  # the model binds all its parameters anew, away from the optimizers' arrays
        (model([1.0, 2.0]) ** 2).backward()
        for optimizer in parts:
            optimizer.step()
        both.zero_grad()
        (whole([1.0, 2.0]) ** 2).backward()
        both.step()
    assert [p.data for p in model.parameters()] == [p.data for p in whole.parameters()]


def test_zero_grad_clears_its_own_parameters_alone() -> None:
    x, other = leaves(), Value(2.0)
    bind([*x, other])
    loss([v * other for v in x], ops.sin).backward()
    SGD(x).zero_grad()
    assert [(v.grad, v.grad_state) for v in x] == [(0.0, "not computed")] * 4
    assert other.grad != 0.0 and other.grad_state == "computed"
    SGD([*x, other]).zero_grad(set_to_none=False)
    assert other.grad_state == "not computed"


def test_a_step_leaves_gradients_as_they_are() -> None:
    x = leaves()
    bind(list(reversed(x)))
    loss(x, ops.sin).backward()
    before = [v.grad for v in x]
    AdamW(x, maximize=True, weight_decay=0.5).step()
    assert [v.grad for v in x] == before


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
            r"clip_grad_norm_\(max_norm\) is a number from 0 up, or inf, got -1.0",
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


def test_not_finite_gradients_follow_pytorch() -> None:
    x = [Value(1.0), Value(2.0)]
    x[0].grad, x[1].grad = math.inf, 1.0
    SGD(x, lr=0.5).step()
    assert [v.data for v in x] == [-math.inf, 1.5]
    with np.errstate(all="raise"):
        Adam(x, lr=0.5).step()
    assert math.isnan(x[0].data) and x[1].data == pytest.approx(1.0)


def test_clipping_by_norm() -> None:
    x = [Value(0.0), Value(0.0), Value(0.0)]
    bind([x[2], x[0], x[1]])
    for v, grad in zip(x, (3.0, 0.0, 4.0), strict=True):
        v.grad = grad
    assert clip_grad_norm_(iter(x), 10.0) == 5.0 and [v.grad for v in x] == [3.0, 0.0, 4.0]
    assert clip_grad_norm_(x, 1.0, norm_type=math.inf) == 4.0
    assert [v.grad for v in x] == pytest.approx([0.75, 0.0, 1.0], rel=1e-6)
    assert clip_grad_norm_(x, 0.5) == pytest.approx(1.25, rel=1e-6)
    assert [v.grad for v in x] == pytest.approx([0.3, 0.0, 0.4], rel=1e-5)
    for v, grad in zip(x, (3.0, 0.0, -4.0), strict=True):
        v.grad = grad
    assert clip_grad_norm_(x, 100.0, norm_type=1) == 7.0
    assert clip_grad_norm_(x, 100.0, norm_type=0.5) == pytest.approx((3.0**0.5 + 2.0) ** 2)
    x[0].grad = math.inf
    with pytest.raises(ValueError, match="is inf, so nothing was scaled"):
        clip_grad_norm_(x, 1.0, error_if_nonfinite=True)
    assert x[0].grad == math.inf
    assert clip_grad_norm_(x, 1.0) == math.inf and math.isnan(x[0].grad) and x[2].grad == 0.0


def test_clipping_by_value() -> None:
    x = [Value(0.0) for _ in range(3)]
    bind([x[1], Value(0.0), x[0], x[2]])
    for v, grad in zip(x, (3.0, -0.25, -math.inf), strict=True):
        v.grad = grad
    clip_grad_value_(x, 0.5)
    assert [v.grad for v in x] == [0.5, -0.25, -0.5]


def test_a_step_records_nothing_and_works_without_recording() -> None:
    x = leaves()
    loss(x, ops.sin).backward()
    with no_grad():
        SGD(x).step()
    assert all(v.kind == "parameter" and v.data != start for v, start in zip(x, START, strict=True))
