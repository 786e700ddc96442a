"""Programs written around other small Value classes give the same numbers with ours."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from typing import Any

import pytest
from programs import gpt, lecture, moons
from programs.small_values import ClosureValue, SmallMLP, TupleValue

from tinygrad_lite.engine import Value
from tinygrad_lite.nn import MLP, Layer, Module, Neuron

SAME = 1e-10

needs_micrograd = pytest.mark.skipif(importlib.util.find_spec("micrograd") is None, reason="micrograd is not installed")


def closest(numbers: list[float]) -> Any:
    return pytest.approx(numbers, rel=SAME, abs=SAME)


def small_network() -> tuple[Callable[[Any], Any], Any]:
    return ClosureValue, SmallMLP(ClosureValue, 2, [8, 8, 1])


def micrograd_network() -> tuple[Callable[[Any], Any], Any]:
    from micrograd import engine, nn

    return engine.Value, nn.MLP(2, [8, 8, 1])


@pytest.mark.parametrize("network", [small_network, pytest.param(micrograd_network, marks=needs_micrograd)])
def test_demo_on_moons(network: Callable[[], tuple[Callable[[Any], Any], Any]]) -> None:
    points, sides = moons.half_moons(30)
    random.seed(1337)
    their_value, their_model = network()
    random.seed(1337)
    model = MLP(2, [8, 8, 1])
    assert [p.data for p in model.parameters()] == [p.data for p in their_model.parameters()]
    theirs = moons.train(their_value, their_model, points, sides, 8)
    assert moons.train(Value, model, points, sides, 8) == closest(theirs)
    assert theirs[-1] < theirs[0]
    assert [p.data for p in model.parameters()] == closest([p.data for p in their_model.parameters()])
    _, accuracy = moons.loss_and_accuracy(Value, model, points, sides)
    assert accuracy == moons.loss_and_accuracy(their_value, their_model, points, sides)[1]


def test_demo_takes_numpy_arrays_as_micrograd_does() -> None:
    numpy = pytest.importorskip("numpy")
    points, sides = moons.half_moons(12)
    losses = []
    for convert in (list, numpy.array):
        random.seed(5)
        losses.append(moons.train(Value, MLP(2, [4, 1]), convert(points), convert(sides), 3))
    assert losses[0] == closest(losses[1])


def test_network_has_micrograds_parts() -> None:
    model = MLP(3, [4, 1])
    assert isinstance(model, Module)
    layer = model.layers[0]
    assert isinstance(layer, Layer)
    neuron = layer.neurons[0]
    assert isinstance(neuron, Neuron)
    assert len(neuron.w) == 3
    assert neuron.parameters() == [*neuron.w, neuron.b]
    assert model.parameters() == [p for part in model.layers for p in part.parameters()]
    model([1.0, -2.0, 0.5]).backward()
    for p in model.parameters():
        p.data -= 0.1 * p.grad
        p.grad = 0
    assert not any(p.grad for p in model.parameters())


def test_weights_changed_by_hand_are_what_the_network_computes_with() -> None:
    """The user owns the lists of weights: setting or replacing a weight, or a list, takes effect at once."""
    x = [0.5, -1.5]
    model = MLP(2, [1])
    neuron = model.layers[0].neurons[0]
    model(x).backward()
    neuron.w[0].data = 3.0
    neuron.w[1] = Value(-2.0)
    neuron.b = Value(0.25)
    assert model(x).data == 3.0 * 0.5 + -2.0 * -1.5 + 0.25
    neuron.w = [Value(1.0), Value(1.0)]
    out = model(x)
    assert out.data == 0.5 - 1.5 + 0.25
    out.backward()
    assert [w.grad for w in neuron.w] == x


def test_gpt() -> None:
    spellings = sorted(gpt.words(), key=len)[:40:10]
    assert gpt.train(Value, spellings) == closest(gpt.train(TupleValue, spellings))


@pytest.mark.parametrize("program", [lecture.expression, lecture.neuron])
def test_lecture_values_and_gradients(program: Callable[[Callable[..., Any]], tuple[Any, list[Any]]]) -> None:
    numbers = []
    for value in (ClosureValue, Value):
        result, named = program(value)
        result.backward()
        numbers.append([result.data, *(v.data for v in named), *(v.grad for v in named)])
    assert numbers[1] == closest(numbers[0])


def test_lecture_fit() -> None:
    losses = lecture.fit(Value, 30)
    assert losses == closest(lecture.fit(ClosureValue, 30))
    assert losses[-1] < losses[0]


def test_drawing_code_of_ones_own_sees_the_same_graph() -> None:
    pictures = []
    for value in (ClosureValue, Value):
        result, _ = lecture.expression(value)
        result.backward()
        pictures.append(lecture.picture(result))
    assert pictures[0] == pictures[1]


def test_views_are_read_only() -> None:
    a = Value(2.0)
    product = a * a
    assert product._prev == {a}
    assert product._op == "*"
    assert a._prev == set()
    assert a._op == ""
    for name, thing in (("_prev", set()), ("_op", "+")):
        with pytest.raises(AttributeError):
            setattr(product, name, thing)


def test_sum_and_max_over_values() -> None:
    values = [Value(float(k)) for k in range(4)]
    assert max(v.data for v in values) == 3.0
    assert max(values, key=lambda v: v.data) is values[3]
    total: Any = sum(values)
    total.backward()
    assert total.data == 6.0
    assert [v.grad for v in values] == [1.0] * 4


def test_gradients_reach_parameters_bound_elsewhere_after_the_forward_pass() -> None:
    first, second = MLP(2, [3, 1]), MLP(2, [3, 1])
    x = [0.5, -1.5]
    expected = []
    for model in (first, second):
        model(x).backward()
        expected += [p.grad for p in model.parameters()]
        model.zero_grad()
    loss = first(x) + second(x)

    class Both(Module):
        def __init__(self) -> None:
            self.models = [first, second]

    parameters = Both().parameters()
    loss.backward()
    assert [p.grad for p in parameters] == expected


def test_a_hidden_value_used_by_a_layer_and_beside_it_has_both_gradients() -> None:
    layer = Layer(2, 3, nonlin=False)
    layer([0.0, 0.0])
    a = Value(0.3)
    hidden = a.tanh()
    outputs = layer([hidden, hidden])
    loss = outputs[0] * 2.0 - outputs[2] + hidden * 5.0
    for times in (1, 2):
        loss.backward()
        weights = [sum(w.data for w in neuron.w) for neuron in layer.neurons]
        slope = (2.0 * weights[0] - weights[2] + 5.0) * (1 - hidden.data**2)
        assert a.grad == pytest.approx(times * slope, rel=1e-12)
        assert [w.grad for w in layer.neurons[0].w] == pytest.approx([2.0 * hidden.data * times] * 2)
        assert [w.grad for w in layer.neurons[1].w] == [0.0, 0.0]
