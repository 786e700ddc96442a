"""Equilibrium layers and Almeida-Pineda networks train."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from test_fixed_point import close

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.errors import ShapeError


def test_an_equilibrium_layer_trains() -> None:
    random.seed(0)
    layer = nn.Equilibrium(lambda z, x: [0.5 * tl.sin(z[0]) + slope * x], 1)
    slope = Value(0.3)
    layer.slope = slope  # type: ignore[attr-defined]
    assert layer.parameters() == [slope] and layer.solve(1.0).steps > 3
    for _ in range(60):
        loss = (layer(1.0)[0] - 1.5) ** 2
        layer.zero_grad()
        loss.backward()
        slope.data -= 0.1 * slope.grad
    assert layer(1.0)[0].data == pytest.approx(1.5, abs=1e-3)
    with pytest.raises(TypeError, match="cell must be a function"):
        nn.Equilibrium(3, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_an_almeida_pineda_network(activation: str) -> None:
    random.seed(1)
    net = nn.AlmeidaPineda(3, 5, activation=activation)
    x = [0.5, -1.0, 2.0]
    loss = tl.sum([z * z for z in net(x)])
    leaves = net.parameters()
    found = tl.gradients(loss, leaves)
    assert len(leaves) == 5 * 5 + 5 * 4

    z: list[Any] = [0.0] * 5
    drive = net.drive(x)
    for _ in range(80):
        z = net.step(z, drive)
    close(found, tl.gradients(tl.sum([v * v for v in z]), leaves))
    compiled = tl.compile(lambda x: tl.sum([z * z for z in net(x)])).batch(np.array([x, x]))
    close(tl.gradients(compiled, leaves), found)
    assert net.solve(x).spectral_radius < 1.0
    with pytest.raises(ShapeError, match="5 units"):
        net.step([0.0], drive)


def test_an_almeida_pineda_network_learns_to_restore_images() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    images = datasets.load_digits().data / 8.0 - 1.0
    source = np.random.default_rng(0)
    hit = source.random(images.shape) < 0.3
    given = np.where(hit, source.choice([-1.0, 1.0], images.shape), images)
    random.seed(0)
    net = nn.AlmeidaPineda(64, 64, gain=0.4, tol=1e-4)
    loss = tl.compile(lambda x, y: tl.mean([(a - b) ** 2 for a, b in zip(net(x), y, strict=True)]))
    optimizer = tl.optim.Adam(net.parameters(), lr=0.003)
    for start in [*range(0, 1200, 50)] * 4:
        optimizer.zero_grad()
        loss.batch(given[start : start + 50], images[start : start + 50]).backward()
        optimizer.step()
    held_out = loss.batch(given[1200:], images[1200:]).data
    assert held_out < 0.5 * float(np.mean((given - images)[1200:] ** 2))
