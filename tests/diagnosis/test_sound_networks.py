"""diagnose finds nothing in sound networks with many kinds of layers and activations, nor in a sound training."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from test_diagnosis import HALVES, POINTS, SEEDS, binary, digits, moons

import tinygrad_lite as tl
from tinygrad_lite import nn, optim


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("activation", "init"),
    [("tanh", "xavier_uniform"), ("sigmoid", "xavier_normal"), ("relu", "he_normal"), ("gelu", "he_uniform")],
)
def test_sound_networks(activation: str, init: str, seed: int) -> None:
    random.seed(seed)
    for widths in ([24, 10], [16, 16, 16, 10]):
        model = nn.MLP(64, widths, activation=activation, init=init)
        assert tl.diagnose(model, nn.cross_entropy, digits(24 * seed)).findings == []
    for widths in ([16, 1], [8, 8, 8, 1]):
        model = nn.MLP(2, widths, activation=activation, init=init)
        assert tl.diagnose(model, binary, moons()).findings == []
        assert tl.diagnose(model, nn.mse, moons()).findings == []


class Rows(nn.Module):
    """Reads an image row by row."""

    def __init__(self) -> None:
        self.rnn, self.out = nn.GRU(8, 8), nn.Linear(8, 10)

    def forward(self, x: Any) -> Any:
        return self.out(self.rnn([x[8 * k : 8 * k + 8] for k in range(8)])[0][-1])


def block() -> nn.Module:
    """A network with layers that differ between training and eval, that normalize, and that skip."""
    inner = nn.Residual(nn.Sequential(nn.Linear(16, 16), nn.Tanh()))
    return nn.Sequential(nn.Linear(64, 16), nn.LayerNorm(16), nn.ReLU(), nn.Dropout(0.5), inner, nn.Linear(16, 10))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("make", [Rows, block])
def test_sound_networks_of_other_layers(make: Callable[[], nn.Module], seed: int) -> None:
    random.seed(seed)
    report = tl.diagnose(make(), nn.cross_entropy, digits(24 * seed))
    assert report.findings == [] and all(layer.gradient > 0.0 for layer in report.layers)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sound_training(seed: int) -> None:
    random.seed(seed)
    model = nn.MLP(2, [12, 12, 1], activation="tanh", init="xavier_uniform")
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    loss = tl.compile(lambda x, y: binary(model(x), y))
    history = []
    for _ in range(40):
        row = {"loss": loss.batch(*moons(150)).data, "val_loss": loss.batch(POINTS[150:], HALVES[150:]).data}
        history.append(row)
        optimizer.zero_grad()
        loss.batch(*moons(150)).backward()
        optimizer.step()
    report = tl.diagnose(model, binary, moons(), history=history, optimizer=optimizer)
    assert report.findings == [] and report.ok and history[-1]["loss"] < 0.6 * history[0]["loss"]
    assert str(report).startswith("Nothing wrong was found in 3 layers, 24 samples, 40 epochs.")
