"""Findings in a training's history: overfitting and rising losses; none if the training is sound."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from test_diagnosis import DIGITS, IMAGES, binary, digits, moons

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.diagnosis import Finding


def rows(losses: list[float], validation: list[float] | None = None) -> list[dict[str, float]]:
    if validation is None:
        return [{"loss": x} for x in losses]
    return [{"loss": x, "val_loss": v} for x, v in zip(losses, validation, strict=True)]


def in_history(history: list[dict[str, float]]) -> list[Finding]:
    random.seed(0)
    return tl.diagnose(nn.MLP(2, [4, 1], "tanh", init="xavier_uniform"), binary, moons(), history=history).findings


def test_overfitting() -> None:
    random.seed(1)
    model = nn.MLP(64, [24, 10], activation="tanh", init="xavier_uniform")
    noisy = np.where(np.arange(60) % 3 == 0, (DIGITS[:60] + 1) % 10, DIGITS[:60])
    loss = tl.compile(lambda x, y: nn.cross_entropy(model(x), y))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    history = []
    for _ in range(80):
        optimizer.zero_grad()
        now = loss.batch(IMAGES[:60] / 16, noisy)
        now.backward()
        optimizer.step()
        history.append({"loss": now.data, "val_loss": loss.batch(IMAGES[60:160] / 16, DIGITS[60:160]).data})
    (finding,) = tl.diagnose(model, nn.cross_entropy, digits(), history=history).named("overfitting")
    validation = [row["val_loss"] for row in history]
    best = validation.index(min(validation))
    assert f"since epoch {best + 1} " in finding.words and f"at epoch {best + 1};" in finding.cure
    assert finding.number == pytest.approx(sum(validation[-3:]) / 3 / min(validation)) and finding.number > 1.25


def test_histories_that_are_sound() -> None:
    falling = [2.0 * 0.8**k for k in range(12)]
    assert in_history(rows(falling)) == in_history(rows(falling, falling)) == in_history([]) == []
    assert in_history(rows(falling, [1.1 + x for x in falling])) == []
    wavy = [x * (1.0 + 0.05 * (-1) ** k) for k, x in enumerate(falling)]
    assert in_history(rows(wavy, [0.5 + x for x in wavy])) == []
    assert in_history(rows([0.3, 0.31, 0.32])) == []


@pytest.mark.parametrize(
    "losses",
    [[1.0, 0.8, 0.9, 3.0, 8.0, 9.0], [1.0, 0.5, 0.4, math.nan], [math.nan], [1.0, math.inf], [1.0, 0.2, 0.8, 0.7, 0.9]],
)
def test_a_loss_that_rises(losses: list[float]) -> None:
    (finding,) = in_history(rows(losses))
    assert (finding.what, finding.where) == ("learning rate too high", "history")


def test_rows_without_a_loss() -> None:
    with pytest.raises(ValueError, match=r'diagnose\(history\) takes rows with a "loss"'):
        in_history([{"epoch": 1.0}])
