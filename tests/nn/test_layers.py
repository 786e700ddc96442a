"""Neuron, Layer, MLP, Sequential, activations and initialisations."""

from __future__ import annotations

import math
import random
import statistics
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Value, nn, ops
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.nn import MLP, Layer, Module, Neuron, Sequential, init


def test_a_neuron_is_one_dot_node_and_its_activation() -> None:
    n = Neuron(3)
    x = [Value(1.0), 2.0, Value(-1.0)]
    y = n(x)
    assert y.op is ops.relu and y.parents[0].op is ops.dot
    assert y.parents[0].args == (tuple(n.w), tuple(x), n.b)
    linear = Neuron(3, nonlin=False)(x)
    assert linear.op is ops.dot


def test_numbers_of_a_neuron_and_its_gradients() -> None:
    n = Neuron(2, activation="tanh")
    for p, number in zip(n.parameters(), (0.5, -1.5, 0.25), strict=True):
        p.data = number
    x = Value(2.0)
    y = n([x, 1.0])
    expected = math.tanh(0.5 * 2.0 - 1.5 + 0.25)
    assert y.data == pytest.approx(expected, rel=1e-15)
    y.backward()
    slope = 1 - expected**2
    assert [p.grad for p in n.parameters()] == pytest.approx([2 * slope, slope, slope], rel=1e-14)
    assert x.grad == pytest.approx(0.5 * slope, rel=1e-14)


@pytest.mark.parametrize(
    "x",
    [
        [1.0, -2.0],
        (1.0, -2.0),
        [1, -2],
        np.array([1.0, -2.0]),
        np.array([[1.0, -2.0]], dtype=np.float32)[0],
        np.array([1, -2]),
        [Value(1.0), -2.0],
        np.array([Value(1.0), Value(-2.0)]),
        iter([1.0, -2.0]),
    ],
    ids=lambda x: type(x).__name__,
)
def test_inputs_of_many_kinds(x: Any) -> None:
    model = MLP(2, [3, 2], activation="tanh")
    expected = [y.data for y in model([1.0, -2.0])]
    assert [y.data for y in model(x)] == pytest.approx(expected, rel=1e-15)


def test_inputs_are_kept_as_plain_floats() -> None:
    y = Neuron(2, nonlin=False)(np.array([1.0, 2.0], dtype=np.float32))
    assert [type(number) for number in y.args[1]] == [float, float]


def test_hidden_layers_of_width_one() -> None:
    model = MLP(2, [1, 3, 1, 2])
    y = model([1.0, 2.0])
    assert len(y) == 2
    ops.sum(y).backward()
    layer = Layer(1, 2, nonlin=False)
    assert [v.data for v in layer(0.5)] == [v.data for v in layer([0.5])] == [v.data for v in layer(np.array(0.5))]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m([1.0]), ShapeError, r"Neuron layers.0.neurons.0 takes 2 numbers, got 1"),
        (lambda m: m([1.0, 2.0, 3.0]), ShapeError, r"Neuron layers.0.neurons.0 takes 2 numbers, got 3"),
        (lambda m: m([]), ShapeError, "takes 2 numbers, got 0"),
        (lambda m: m(1.0), ShapeError, "takes 2 numbers, got 1"),
        (lambda m: m(np.zeros((5, 2))), ShapeError, r"of shape \(5, 2\): a layer takes one sample.*for row in X"),
        (lambda m: m([[1.0, 2.0], [3.0, 4.0]]), ShapeError, "input 0 is a list of 2, not a number: .*for row in X"),
        (lambda m: m([1.0, "2"]), TypeError, "input 1 is a str, '2', not a real number"),
        (lambda m: m("ab"), ShapeError, "got 1"),
        (lambda m: m([None, 1.0]), TypeError, "input 0 is None"),
        (lambda m: m([1j, 1.0]), TypeError, "input 0 is a complex"),
        (lambda m: m.layers[1]([1.0, 2.0]), ShapeError, r"layers.1.neurons.0 takes 3 numbers, got 2"),
        (lambda m: Neuron(1)([1.0, 2.0]), ShapeError, "^Neuron takes 1 number, got 2"),
        (lambda m: Neuron(2)(["a", 1.0]), TypeError, "^Neuron: input 0 is a str"),
    ],
)
def test_inputs_that_do_not_fit(call: Any, error: type[Exception], message: str) -> None:
    model = MLP(2, [3, 1])
    model([1.0, 2.0])
    with pytest.raises(error, match=message):
        call(model)


def test_a_layer_gives_what_its_neurons_give() -> None:
    layer = Layer(3, 4, activation="tanh")
    x = [Value(0.5), -1.0, Value(2.0)]
    layer(x)
    layer.neurons[1].activation = "relu"
    layer.neurons[2].nonlin = False
    assert [y.op for y in layer(x)] == [ops.tanh, ops.relu, ops.dot, ops.tanh]
    layer.neurons[3] = Sequential(Neuron(3), lambda v: v * 2)  # type: ignore[call-overload]
    for changed in (layer, Layer(3, 2), Layer(3, 2, nonlin=False)):
        for _ in range(2):
            outputs = changed(x)
            assert [y.data for y in outputs] == [n(x).data for n in changed.neurons]
            assert [y.op for y in outputs] == [n(x).op for n in changed.neurons]
    assert [y.op for y in layer(x)] == [ops.tanh, ops.relu, ops.dot, ops.mul]
    assert [y.path for y in layer(x)][:3] == ["neurons.0", "neurons.1", "neurons.2"]


def test_a_layer_notices_whatever_changes_of_its_neurons() -> None:
    layer = Layer(2, 3, nonlin=False)
    x = [1.0, 2.0]

    def agree() -> bool:
        return [y.data for y in layer(x)] == [n(x).data for n in layer.neurons]

    assert agree()
    layer.neurons[0].b = Value(100.0)
    assert agree() and layer(x)[0].data > 90
    layer.neurons[1].w = [Value(50.0), Value(50.0)]
    assert agree() and layer(x)[1].data == 150.0
    layer.neurons[1].w[0] = Value(-50.0)
    assert agree() and layer(x)[1].data == 50.0
    layer.neurons[2], layer.neurons[0] = layer.neurons[0], layer.neurons[2]
    assert agree() and layer(x)[2].data > 90
    layer.neurons.append(Neuron(2, activation="exp"))
    assert agree() and len(layer(x)) == 4
    del layer.neurons[1:]
    assert layer(x).data == layer.neurons[0](x).data


def test_errors_of_a_users_neuron_are_its_own() -> None:
    class Odd(Module):
        def forward(self, x: Any) -> Any:
            raise TypeError("odd")

    layer = Layer(2, 2)
    layer.neurons[1] = Odd()  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"^odd$"):
        layer([1.0, 2.0])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Neuron(0), ShapeError, r"Neuron\(nin\) must be a whole number, 1 or larger, got 0"),
        (lambda: Neuron(-2), ShapeError, "1 or larger, got -2"),
        (lambda: Neuron(2.0), TypeError, r"Neuron\(nin\) must be a whole number, .* or larger, got a float, 2.0"),
        (lambda: Neuron("2"), TypeError, "got a str, '2'"),
        (lambda: Neuron(True), TypeError, "got a bool"),
        (lambda: Layer(2, 0), ShapeError, r"Layer\(nout\) must be a whole number, 1 or larger, got 0"),
        (lambda: Layer(0, 2), ShapeError, r"nin\) must be a whole number, 1 or larger"),
        (lambda: Layer(2, None), TypeError, r"Layer\(nout\) must be a whole number, .* or larger, got None"),
        (lambda: MLP(2, []), ShapeError, "needs at least one layer"),
        (lambda: MLP(2, 3), TypeError, r"takes the widths of its layers as a list, such as \[16, 1\], got an int, 3"),
        (lambda: MLP(2, "31"), TypeError, "as a list"),
        (lambda: MLP(2, [3, 0]), ShapeError, "1 or larger, got 0"),
        (lambda: MLP(2, [3.5, 1]), TypeError, "got a float, 3.5"),
        (lambda: MLP(2, [3, 1], activation="relv"), ValueError, "no activation is called 'relv', did you mean 'relu'"),
        (lambda: Layer(2, 2, activation="Tanh"), ValueError, "did you mean 'tanh'"),
        (lambda: Neuron(2, activation="atan2"), ValueError, "no activation is called 'atan2'"),
        (lambda: Neuron(2, activation="dot"), ValueError, "Known are: linear, neg, abs, .*softplus, relu"),
        (lambda: Neuron(2, activation=3), TypeError, "given by its name, such as 'tanh', got an int, 3"),
        (lambda: Neuron(2, init="he"), ValueError, "no initialisation is called 'he'.*xavier_uniform"),
        (lambda: Neuron(2, init=3), TypeError, "init must be a name or a function"),
        (lambda: Neuron(2, nonlinear=False), TypeError, r"^Neuron\.__init__\(\) got an unexpected .* 'nonlinear'"),
        (lambda: Layer(2, 2, nonlinear=False), TypeError, r"^Layer\.__init__\(\) got an unexpected .* 'nonlinear'"),
        (lambda: MLP(2, [2, 1], nonlinear=False), TypeError, r"^MLP\.__init__\(\) got an unexpected .* 'nonlinear'"),
        (lambda: Sequential(Layer(2, 2), 3), TypeError, "takes modules, got an int, 3 at position 1"),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_wide_and_deep_networks_are_written_by_their_sizes() -> None:
    eight = "Layer of [ReLUNeuron(3), ReLUNeuron(3), ReLUNeuron(3), ReLUNeuron(3), "
    assert repr(Layer(3, 8)).startswith(eight) and repr(Layer(3, 9)) == "Layer of 9 ReLUNeuron(3)"
    assert repr(nn.MLP(784, [512, 10])) == "MLP of [Layer of 512 ReLUNeuron(784), Layer of 10 LinearNeuron(512)]"
    mixed = Layer(3, 9)
    mixed.neurons[4].activation = "tanh"
    assert repr(mixed) == "Layer of [4 ReLUNeuron(3), TanhNeuron(3), 4 ReLUNeuron(3)]"
    deep = repr(nn.MLP(16, [16] * 20 + [1]))
    assert deep == "MLP of [20 times Layer of 16 ReLUNeuron(16), Layer of [LinearNeuron(16)]]"


def test_sequential() -> None:
    net = Sequential(Layer(2, 3, nonlin=False), nn.Tanh(), Layer(3, 1, nonlin=False), lambda y: y * 2)
    y = net([1.0, 2.0])
    assert isinstance(y, Value) and y.op is ops.mul and len(net) == 4 and net[1] is list(net)[1]
    assert [name for name, _ in net.named_parameters()][-1] == "layers.2.neurons.0.b"
    assert repr(Sequential(nn.Tanh(), Layer(1, 1))) == "Sequential(Tanh(), Layer of [ReLUNeuron(1)])"
    assert repr(Sequential(*[nn.Linear(2, 2)] * 9, nn.Tanh())) == "Sequential(9 times Linear(2, 2), Tanh())"
    assert Sequential()(3.0) == 3.0


@pytest.mark.parametrize(
    ("name", "variance", "bound"),
    [
        ("uniform", 1 / 3, 1.0),
        ("xavier_uniform", 2 / 400, math.sqrt(6 / 400)),
        ("xavier_normal", 2 / 400, math.inf),
        ("he_uniform", 2 / 300, math.sqrt(6 / 300)),
        ("he_normal", 2 / 300, math.inf),
        ("lecun_uniform", 1 / 300, math.sqrt(3 / 300)),
        ("lecun_normal", 1 / 300, math.inf),
    ],
)
def test_initialisations_know_their_fan(name: str, variance: float, bound: float) -> None:
    random.seed(5)
    layer = Layer(300, 100, init=name)
    weights = [w.data for n in layer.neurons for w in n.w]
    assert statistics.pvariance(weights) == pytest.approx(variance, rel=0.03)
    assert statistics.mean(weights) == pytest.approx(0.0, abs=3 * math.sqrt(variance / len(weights)))
    assert max(map(abs, weights)) <= bound
    assert max(map(abs, weights)) > 0.99 * bound if bound < math.inf else max(weights) > 3.5 * math.sqrt(variance)
    assert all(n.b.data == 0.0 for n in layer.neurons)
    random.seed(5)
    again = Layer(300, 100, init=getattr(init, name))
    assert [w.data for n in again.neurons for w in n.w] == weights


def test_an_initialisation_of_ones_own() -> None:
    model = MLP(3, [2, 1], init=lambda fan_in, fan_out: fan_in + 10.0 * fan_out)
    assert model.layers[0].neurons[0].w[0].data == 23.0 and model.layers[1].neurons[0].w[0].data == 12.0
