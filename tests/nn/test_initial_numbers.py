"""The numbers that layers draw are those of single calls of Python's random module, whatever is drawn at once."""

from __future__ import annotations

import math
import random
from itertools import chain
from typing import Any

import pytest

from tinygrad_lite import nn
from tinygrad_lite.engine import storage_of
from tinygrad_lite.nn.init import INITIALISATIONS, drawn

VARIANCES = {
    "xavier_uniform": lambda fan_in, fan_out: 2.0 / (fan_in + fan_out),
    "xavier_normal": lambda fan_in, fan_out: 2.0 / (fan_in + fan_out),
    "he_uniform": lambda fan_in, fan_out: 2.0 / fan_in,
    "he_normal": lambda fan_in, fan_out: 2.0 / fan_in,
    "lecun_uniform": lambda fan_in, fan_out: 1.0 / fan_in,
    "lecun_normal": lambda fan_in, fan_out: 1.0 / fan_in,
}


def one(name: str, fan_in: int, fan_out: int) -> float:
    if name == "uniform":
        return random.uniform(-1, 1)
    variance = VARIANCES[name](fan_in, fan_out)
    if name.endswith("normal"):
        return random.gauss(0.0, math.sqrt(variance))
    bound = math.sqrt(3.0 * variance)
    return random.uniform(-bound, bound)


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_an_initialisation(name: str) -> None:
    init = INITIALISATIONS[name]
    random.seed(7)
    expected = [one(name, 5, 3) for _ in range(9)]
    random.seed(7)
    assert [*drawn(init, 4, 5, 3), init(5, 3), *drawn(init, 3, 5, 3), init(5, 3)] == expected
    assert init.__name__ == name and init.__doc__


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_perceptrons(name: str) -> None:
    random.seed(8)
    layers = ((3, 4), (4, 2))
    neurons = [[*[one(name, nin, nout) for _ in range(nin)], 0.0] for nin, nout in layers for _ in range(nout)]
    for make, expected in (
        (lambda: nn.MLP(3, [4, 2], init=name), neurons),
        (lambda: nn.Layer(3, 4, init=name), neurons[:4]),
        (lambda: nn.Neuron(3, fan_out=4, init=name), neurons[:1]),
    ):
        random.seed(8)
        model: Any = make()
        assert [v.data for v in model.parameters()] == list(chain.from_iterable(expected)), model


def test_the_default_is_that_of_micrograd() -> None:
    random.seed(8)
    numbers = [random.uniform(-1, 1) for _ in range(3)]
    random.seed(8)
    assert [v.data for v in nn.MLP(3, [1]).parameters()] == [*numbers, 0.0]


def test_other_layers() -> None:
    def uniform(bound: float, count: int) -> list[float]:
        return [random.uniform(-bound, bound) for _ in range(count)]

    for make, expected in (
        (lambda: nn.Linear(3, 2), lambda: uniform(1.0, 6) + [0.0] * 2),
        (lambda: nn.Conv1d(2, 3, 2), lambda: uniform(math.sqrt(3.0 / 4), 12) + [0.0] * 3),
        (lambda: nn.Conv2d(1, 2, (1, 3)), lambda: uniform(1.0, 6) + [0.0] * 2),
        (lambda: nn.Embedding(3, 2), lambda: [random.gauss(0.0, 1.0) for _ in range(6)]),
        (lambda: nn.GRUCell(2, 4), lambda: uniform(0.5, 12 * 2 + 12 * 4 + 12 + 12)),
        (lambda: nn.LayerNorm(2), lambda: [1.0, 1.0, 0.0, 0.0]),
    ):
        random.seed(9)
        numbers = expected()
        after = random.random()
        random.seed(9)
        model: Any = make()
        assert [v.data for v in model.parameters()] == numbers and random.random() == after, model


def test_a_function_of_the_user_draws_weight_by_weight() -> None:
    calls: list[tuple[int, int]] = []

    def init(fan_in: int, fan_out: int) -> float:
        calls.append((fan_in, fan_out))
        return float(len(calls))

    model = nn.MLP(2, [2, 1], init=init)
    assert [v.data for v in model.parameters()] == [1.0, 2.0, 0.0, 3.0, 4.0, 0.0, 5.0, 6.0, 0.0]
    assert calls == [(2, 2)] * 4 + [(2, 1)] * 2


def test_leaves_are_made_where_they_stay() -> None:
    model = nn.MLP(3, [4, 2])
    storage = storage_of(model.layers[1].neurons[1].w)
    model([1.0, 2.0, 3.0])
    assert storage_of(model.parameters()) is storage and not storage.moved
    assert len(storage) == len(model.parameters())
