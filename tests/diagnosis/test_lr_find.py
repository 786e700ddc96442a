"""lr_find suggests a rate that learns, and leaves no trace."""

from __future__ import annotations

import random
from typing import Any

import pytest
from printed import said
from test_diagnosis import SEEDS, binary, digits, found, moons

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.engine import Value


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("make", "low", "good", "high"),
    [(optim.SGD, 1e-7, 0.1, 1e3), (optim.Adam, 1e-8, 0.01, 1e4)],
)
def test_learning_rates(make: type[optim.Optimizer], low: float, good: float, high: float, seed: int) -> None:
    random.seed(seed)
    model = nn.MLP(64, [16, 10], activation="tanh", init="xavier_uniform")
    for rate, expected in ((low, {"learning rate too low"}), (good, set()), (high, {"learning rate too high"})):
        optimizer = make(model.parameters(), lr=rate)
        report = tl.diagnose(model, nn.cross_entropy, digits(), optimizer=optimizer)
        assert found(report) == expected and optimizer.lr == rate
        assert all(f.where == "optimizer" and f.number == rate and "lr=" in f.cure for f in report.findings)


def test_lr_find_suggests_a_rate_that_learns_and_leaves_no_trace() -> None:
    random.seed(2)
    model = nn.MLP(2, [12, 1], activation="tanh", init="xavier_uniform")
    beside = Value(3.0)
    optimizer = optim.SGD([*model.parameters(), beside], lr=0.5, momentum=0.9, weight_decay=0.1)
    loss = tl.compile(lambda x, y: binary(model(x), y))
    loss.batch(*moons()).backward()
    optimizer.step()
    moved = [*model.parameters(), beside]
    before, state = [p.data for p in moved], optimizer.state_dict()
    found = tl.lr_find(model, binary, moons(100), optimizer)
    assert [p.data for p in moved] == before and not any(p.grad for p in moved)
    after = optimizer.state_dict()
    assert (after.pop("momentum_buffer") == state.pop("momentum_buffer")).all() and after == state
    assert found.rates[0] == 1e-6 and found.rates == sorted(found.rates) and len(found.rates) == len(found.losses)
    assert found.suggestion is not None and f"use {found.suggestion:.2g}" in said(found)
    optimizer = optim.SGD(model.parameters(), lr=found.suggestion)
    for _ in range(100):
        optimizer.zero_grad()
        loss.batch(*moons(100)).backward()
        optimizer.step()
    assert loss.batch(*moons(100)).data < 0.7 * found.losses[0]


def test_lr_find_of_what_cannot_be_compiled() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            self.w = Value(0.1)

        def forward(self, x: float) -> Value:
            return self.w * x if self.w.data < 1e6 else -self.w

    model = Branching()
    found = tl.lr_find(model, nn.mse, ([1.0, 2.0], [3.0, 6.0]), optim.SGD([model.w]), low=1e-3, high=10.0)
    assert found.suggestion is not None and found.diverged is not None and model.w.data == 0.1


def test_lr_find_where_no_loss_falls() -> None:
    model = nn.MLP(1, [1])
    found = tl.lr_find(model, lambda y, t: y * 0.0 + t, ([1.0], [2.0]), optim.SGD(model.parameters()))
    assert found.suggestion is None and "falls at no rate" in said(found) and "never diverges" in said(found)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"low": 0.0}, r"two rates with 0 < low < high, got 0.0"),
        ({"low": 2.0, "high": 1.0}, "0 < low < high"),
        ({"steps": 1}, "a whole number, 2 or larger"),
        ({"steps": 2.5}, "a whole number, 2 or larger"),
    ],
)
def test_bad_arguments_of_lr_find(named: Any, message: str) -> None:
    model = nn.MLP(2, [1])
    with pytest.raises(ValueError, match=message):
        tl.lr_find(model, nn.mse, moons(), optim.SGD(model.parameters()), **named)
    with pytest.raises(TypeError, match=r"lr_find\(optimizer\) takes an optimizer"):
        tl.lr_find(model, nn.mse, moons(), 0.1)
