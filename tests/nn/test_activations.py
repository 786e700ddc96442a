"""Activations: every unary operation, their names, modules, and custom ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Value, nn, ops
from tinygrad_lite.nn import MLP, Layer, Module, Neuron, Sequential, activation

UNARY = [row.name for row in ops.TABLE.values() if not row.sequences and len(row.args) - len(row.defaults) == 1]


@pytest.mark.parametrize("name", UNARY)
def test_every_unary_operation_is_an_activation(name: str) -> None:
    n = Neuron(1, activation=name)
    n.w[0].data, n.b.data = 0.5, 0.125
    row = ops.TABLE[name]
    y = n([1.0])
    assert y.op is row and y.data == pytest.approx(row(0.625), rel=1e-15, nan_ok=True)
    assert activation(name)(0.625) == row(0.625) or math.isnan(row(0.625))


def test_linear_activations_and_numpys_names() -> None:
    for none in (None, "linear"):
        assert activation(none)(3.0) == 3.0
        assert MLP(2, [2, 1], activation=none)([1.0, 2.0]).op is ops.dot
    assert Neuron(1, activation="arctan")([1.0]).op is ops.atan
    assert repr(Neuron(1, activation="linear")) == "LinearNeuron(1)"
    assert Neuron(1, nonlin=False, activation="tanh")([1.0]).op is ops.dot


@pytest.mark.parametrize(
    ("given", "text"),
    [("tanh", "TanhNeuron(1)"), ("leaky_relu", "LeakyReLUNeuron(1)"), ("log1p", "Log1pNeuron(1)")],
)
def test_neurons_are_written_with_their_activation(given: str, text: str) -> None:
    assert repr(Neuron(1, activation=given)) == text


def test_activations_of_ones_own() -> None:
    n = Neuron(1, activation=lambda v: v * v)
    n.w[0].data = 3.0
    assert n([1.0]).data == 9.0

    class PReLU(Module):
        def __init__(self) -> None:
            self.slope = Value(0.25)

        def forward(self, x: Any) -> Any:
            return ops.leaky_relu(x, self.slope)

    layer = Layer(1, 2, activation=PReLU())
    for neuron in layer.neurons:
        neuron.w[0].data = -2.0
    outputs = layer([1.0])
    assert [y.data for y in outputs] == [-0.5, -0.5]
    assert [y.path for y in outputs] == ["neurons.0", "neurons.1"], "an activation computes for its neuron"
    assert [name for name, _ in layer.named_parameters()].count("neurons.0.activation.slope") == 1
    assert repr(layer.neurons[0]) == "PReLUNeuron(1)"


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (nn.ReLU(), ops.relu),
        (nn.Tanh(), ops.tanh),
        (nn.Sigmoid(), ops.sigmoid),
        (nn.Softplus(), ops.softplus),
        (nn.GELU(), ops.gelu),
        (nn.SiLU(), ops.silu),
        (nn.LeakyReLU(0.3), lambda x: ops.leaky_relu(x, 0.3)),
        (nn.ELU(0.5), lambda x: ops.elu(x, 0.5)),
    ],
)
def test_activation_modules(module: Any, function: Any) -> None:
    for x in (-1.5, 0.5):
        assert module(Value(x)).data == pytest.approx(function(x), rel=1e-15)
        assert module(x) == function(x)
    assert [y.data for y in module([Value(-1.5), Value(0.5)])] == [module(Value(-1.5)).data, module(Value(0.5)).data]
    assert module(np.array([[-1.5]])) == [[function(-1.5)]]
    assert module(Value(0.5)).path == "" and Sequential(module)(Value(0.5)).path == "layers.0"
    assert repr(module).startswith(type(module).__name__ + "(")


def test_softmax_modules() -> None:
    xs = [Value(1.0), Value(2.0), Value(3.0)]
    assert sum(p.data for p in nn.Softmax()(xs)) == pytest.approx(1.0, rel=1e-15)
    assert [p.data for p in nn.LogSoftmax()(xs)] == pytest.approx([math.log(p.data) for p in nn.Softmax()(xs)])
