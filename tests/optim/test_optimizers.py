"""Optimizers against PyTorch's recorded trajectories, on bound, unbound, scattered and moving parameters."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import numpy as np
import pytest
from record_torch_trajectories import RECORDED, START, STEPS, TARGET, cases, loss

from tinygrad_lite import Value, no_grad, ops
from tinygrad_lite.engine import bind
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
    """Zeros are written late, but before the arrays that an optimizer holds are read."""
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
        model.zero_grad()  # the model binds all its parameters again, away from the optimizers' arrays
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
