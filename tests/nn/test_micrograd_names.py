"""micrograd's users change the import line: the same nets, the same draws, the same losses."""

from __future__ import annotations

import random
from types import ModuleType
from typing import Any

import pytest

from tinygrad_lite import nn
from tinygrad_lite.engine import Value, topological_order
from tinygrad_lite.nn import MLP, Layer, Module, Neuron

POINTS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
WANTED = [1.0, -1.0, -1.0, 1.0]

# What micrograd 0.1.0 gives for train(micrograd.nn).
MICROGRAD = [
    18.432196474034008,
    4.583689567052447,
    4.327827373197986,
    4.175891143162357,
    4.08102611016967,
    4.016457011261124,
    -0.15844713689366013,
    -0.10260141266572634,
]


def train(package: ModuleType) -> list[float]:
    """Losses of six steps, then the first and the last parameter."""
    random.seed(1337)
    model = package.MLP(3, [4, 4, 1])
    losses = []
    for _ in range(6):
        predictions = [model(x) for x in POINTS]
        loss = sum((p - y) ** 2 for p, y in zip(predictions, WANTED, strict=True))
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.02 * p.grad
        losses.append(loss.data)
    return [*losses, model.parameters()[0].data, model.parameters()[-1].data]


def test_the_same_losses() -> None:
    assert train(nn) == pytest.approx(MICROGRAD, rel=1e-10)


def test_the_same_losses_as_the_package_itself() -> None:
    assert train(pytest.importorskip("micrograd.nn")) == pytest.approx(train(nn), rel=1e-10)


def test_the_same_draws() -> None:
    random.seed(7)
    drawn = [random.uniform(-1, 1) for _ in range(2 * 3 + 3)]
    random.seed(7)
    layers = MLP(2, [3, 1]).layers
    assert [w.data for layer in layers for n in layer.neurons for w in n.w] == drawn
    assert [n.b.data for layer in layers for n in layer.neurons] == [0.0] * 4


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (lambda: Neuron(2), "ReLUNeuron(2)"),
        (lambda: Neuron(3, nonlin=False), "LinearNeuron(3)"),
        (lambda: Layer(2, 2), "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"),
        (lambda: MLP(2, [1, 1]), "MLP of [Layer of [ReLUNeuron(2)], Layer of [LinearNeuron(1)]]"),
    ],
)
def test_the_same_text(module: Any, text: str) -> None:
    assert repr(module()) == text


def test_the_same_attributes() -> None:
    model = MLP(2, [3, 1])
    neuron = model.layers[0].neurons[0]
    assert isinstance(neuron.w, list) and isinstance(neuron.b, Value) and neuron.nonlin is True
    assert model.layers[-1].neurons[0].nonlin is False
    assert neuron.parameters() == [*neuron.w, neuron.b]
    assert model.parameters() == [p for layer in model.layers for n in layer.neurons for p in [*n.w, n.b]]
    assert isinstance(model, Module) and Module().parameters() == []
    for p in neuron.parameters():
        p.grad = 2
    neuron.zero_grad()
    assert [p.grad for p in neuron.parameters()] == [0.0] * 3


def test_one_output_is_the_value_itself() -> None:
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value) and isinstance(MLP(2, [4, 1])([1.0, 2.0]), Value)
    assert [type(y) for y in Layer(2, 2)([1.0, 2.0])] == [Value, Value]


def test_nonlin_can_be_changed_as_in_micrograd() -> None:
    n = Neuron(1)
    n.w[0].data, n.b.data = -1.0, 0.0
    assert n([2.0]).data == 0.0
    n.nonlin = False
    assert n([2.0]).data == -2.0 and repr(n) == "LinearNeuron(1)"
    n.nonlin = True
    assert n([2.0]).data == 0.0


def test_modules_that_people_wrote_for_micrograd() -> None:
    class Unit(Module):
        def __init__(self, nin: int) -> None:
            self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
            self.b = Value(0)

        def __call__(self, x: Any) -> Any:
            return sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b).tanh()

        def parameters(self) -> list[Value]:
            return [*self.w, self.b]

    class Net(Module):
        def __init__(self) -> None:
            self.units = [Unit(2), Unit(2)]
            self.out = Unit(2)

        def __call__(self, x: Any) -> Any:
            return self.out([unit(x) for unit in self.units])

        def parameters(self) -> list[Value]:
            return [p for unit in [*self.units, self.out] for p in unit.parameters()]

    net = Net()
    y = net([1.0, -2.0])
    net.zero_grad()
    y.backward()
    assert len(net.parameters()) == 9 and all(p.grad != 0.0 for p in net.parameters())
    assert {v.path for v in topological_order(y) if v.op} == {"units.0", "units.1", "out"}
    assert list(net.state_dict()) == ["units.0.w", "units.0.b", "units.1.w", "units.1.b", "out.w", "out.b"]
