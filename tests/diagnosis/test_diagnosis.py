"""diagnose and lr_find: deliberate defects are found, and nothing is found in sound networks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from printed import said
from sklearn.datasets import load_digits, make_moons

import tinygrad_lite as tl
from tinygrad_lite import nn, ops, optim
from tinygrad_lite.diagnosis import Diagnosis
from tinygrad_lite.engine import Value
from tinygrad_lite.errors import ShapeError

IMAGES, DIGITS = load_digits(return_X_y=True)
POINTS, HALVES = make_moons(200, noise=0.15, random_state=0)
SEEDS = range(4)
binary = nn.binary_cross_entropy_with_logits


def digits(start: int = 0, size: int = 24) -> tuple[Any, Any]:
    return IMAGES[start : start + size] / 16, DIGITS[start : start + size]


def moons(size: int = 24) -> tuple[Any, Any]:
    return POINTS[:size], HALVES[:size]


def found(report: Diagnosis) -> set[str]:
    return {finding.what for finding in report.findings}


@pytest.mark.parametrize("seed", SEEDS)
def test_vanishing_gradients(seed: int) -> None:
    random.seed(seed)
    model = nn.MLP(2, [8] * 9 + [1], activation="sigmoid", init="xavier_uniform")
    (finding,) = tl.diagnose(model, binary, moons()).findings
    assert (finding.what, finding.where) == ("vanishing gradients", "layers.0")
    batch = list(zip(*moons(), strict=True))
    first, last = [], []
    for x, y in batch:
        hidden = model.layers[0](x)
        through = hidden
        for layer in model.layers[1:]:
            through = layer(through)
        first += tl.gradients(binary(through, y), hidden)
        last += tl.gradients(binary(through, y), [through])
    assert finding.number == pytest.approx(math.hypot(*first) / math.hypot(*last), rel=1e-9)
    assert finding.number < 1e-3 and f"{finding.number:.3g}"[:3] in finding.words and "relu" in finding.cure


def test_weights_of_zero_pass_no_gradient() -> None:
    model = nn.MLP(2, [4, 4, 1], activation="tanh", init=lambda fan_in, fan_out: 0.0)
    (finding,) = tl.diagnose(model, binary, moons()).findings
    assert (finding.what, finding.number) == ("vanishing gradients", 0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_exploding_gradients(seed: int) -> None:
    random.seed(seed)
    model = nn.MLP(2, [12] * 8 + [1], activation="leaky_relu", init=lambda fan_in, fan_out: random.gauss(0.0, 1.5))
    report = tl.diagnose(model, nn.huber, moons())
    (finding,) = report.named("exploding gradients")
    assert finding.where in ("layers.0", "layers.1") and finding.number > 100
    assert "vanishing gradients" not in found(report)


@pytest.mark.parametrize("seed", SEEDS)
def test_dead_relus(seed: int) -> None:
    random.seed(seed)
    model = nn.MLP(64, [16, 16, 10], init="he_normal")
    for neuron in model.layers[1].neurons[:13]:
        neuron.b.data = -20.0
    report = tl.diagnose(model, nn.cross_entropy, digits())
    (finding,) = report.findings
    assert (finding.what, finding.where) == ("dead relus", "layers.1")
    assert finding.number == report.layers[1].dead / 16 >= 13 / 16
    assert "relus give 0 for all 24 samples" in finding.words
    with tl.no_grad():
        outputs = [model.layers[1](model.layers[0](x)) for x in digits()[0]]
    assert report.layers[1].dead == sum(all(y.data == 0.0 for y in unit) for unit in zip(*outputs, strict=True))


def test_dead_relus_of_a_module_of_their_own() -> None:
    random.seed(0)
    model = nn.Sequential(nn.Layer(2, 8, nonlin=False), nn.ReLU(), nn.Layer(8, 1, nonlin=False))
    for neuron in model[0].neurons:
        neuron.b.data = -9.0
    report = tl.diagnose(model, nn.mse, moons())
    assert [f.where for f in report.named("dead relus")] == ["layers.1"] and report.layers[1].dead == 8


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_saturated_units(activation: str, seed: int) -> None:
    random.seed(seed)
    model = nn.MLP(64, [16, 10], activation=activation, init="xavier_uniform")
    report = tl.diagnose(model, nn.cross_entropy, (255.0 * digits()[0], digits()[1]))
    (finding,) = report.named("saturated units")
    assert finding.where == "layers.0" and finding.number > 0.8 and "deviation 1" in finding.cure


@pytest.mark.parametrize("seed", SEEDS)
def test_bad_initial_loss(seed: int) -> None:
    random.seed(seed)
    model = nn.MLP(64, [16, 10], activation="tanh", init="xavier_uniform")
    for p in model.layers[1].parameters():
        p.data *= 10.0
    (finding,) = tl.diagnose(model, nn.cross_entropy, digits()).findings
    assert (finding.what, finding.where) == ("bad initial loss", "loss")
    assert "-log(1/10) = 2.303" in finding.words
    losses = [nn.cross_entropy(model(x), y).data for x, y in zip(*digits(), strict=True)]
    assert finding.number == pytest.approx(sum(losses) / 24)


def test_bad_initial_loss_of_one_output_and_of_probabilities() -> None:
    random.seed(0)
    one = nn.MLP(2, [8, 1], activation="tanh", init="xavier_uniform")
    one.layers[1].neurons[0].b.data = 20.0
    (finding,) = tl.diagnose(one, binary, moons()).findings
    assert "-log(1/2) = 0.6931" in finding.words
    sure = nn.Sequential(nn.Layer(2, 3, nonlin=False), lambda xs: [40.0 * x for x in xs], nn.Softmax())
    report = tl.diagnose(sure, lambda p, label: -p[label].log(), moons())
    assert found(report) == {"bad initial loss"} and "of 3 classes" in report.findings[0].words


@pytest.mark.parametrize(
    "loss",
    [
        lambda y, label: nn.cross_entropy(y, 3),
        lambda y, label: nn.cross_entropy(y, 0 * label),
        lambda y, label: ops.sum([x * x for x in y]),
    ],
)
def test_labels_without_effect(loss: Callable[..., Value]) -> None:
    random.seed(0)
    model = nn.MLP(64, [16, 10], activation="tanh", init="xavier_uniform")
    (finding,) = tl.diagnose(model, loss, digits()).findings
    assert (finding.what, finding.where, finding.number) == ("labels without effect", "loss", 24)


def test_labels_that_are_all_the_same_say_nothing_of_their_effect() -> None:
    random.seed(0)
    model = nn.MLP(2, [8, 1], activation="tanh", init="xavier_uniform")
    assert tl.diagnose(model, binary, (POINTS[:20], [1] * 20))


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.0, 1.01])
def test_wrong_gradients(factor: float, own_operations: Callable[..., ops.Op]) -> None:
    random.seed(0)
    wrong = own_operations("wrong_tanh", math.tanh, lambda g, y, x: factor * g * (1 - y * y))
    model = nn.MLP(2, [8, 1], activation=wrong, init="xavier_uniform")
    finding = tl.diagnose(model, binary, moons()).named("wrong gradients")[0]
    assert finding.where.startswith("layers.0.neurons.") and finding.number > 0.0
    assert "finite differences" in finding.words and "compare" in finding.cure


class Cut(nn.Module):
    """Two layers, of which the first is cut off, or not used."""

    def __init__(self, how: Callable[[Any], Any]) -> None:
        self.first, self.last = (nn.Layer(2, 2, activation="tanh", init="xavier_uniform") for _ in range(2))
        self.how = how

    def forward(self, x: Any) -> Any:
        return ops.sum(self.last([self.how(v) for v in self.first(x)]))


@pytest.mark.parametrize("how", [lambda v: v.detach(), ops.stop_gradient, lambda v: v.data, ops.sign])
def test_parameters_without_gradient(how: Callable[[Any], Any]) -> None:
    random.seed(0)
    (finding,) = tl.diagnose(Cut(how), binary, moons()).findings
    assert (finding.what, finding.where, finding.number) == ("no gradient", "first", 6)


def test_parameters_that_are_not_used() -> None:
    random.seed(0)
    model = Cut(lambda v: v)
    model.forgotten = Value(1.0)
    (finding,) = tl.diagnose(model, binary, moons()).findings
    assert (finding.what, finding.where, finding.number) == ("no gradient", "the model", 1)
    assert "1 of 1 parameter:" in finding.words


def test_a_loss_that_lost_its_history() -> None:
    random.seed(0)
    model = nn.MLP(2, [4, 1], activation="tanh", init="xavier_uniform")
    optimizer = optim.SGD(model.parameters(), lr=1e3)
    report = tl.diagnose(model, lambda y, t: (y.data - t) ** 2, moons(), optimizer=optimizer)
    assert [(f.what, f.where, f.number) for f in report.findings] == [
        ("no gradient", "layers.0", 12),
        ("no gradient", "layers.1", 5),
    ]


def test_what_is_not_finite() -> None:
    random.seed(0)
    model = nn.MLP(2, [4, 1], activation="tanh")
    (finding,) = tl.diagnose(model, lambda y, t: (y - y).log(), moons()).findings
    assert finding.what == "not finite" and finding.number == -math.inf and "log" in finding.cure
    (finding,) = tl.diagnose(model, lambda y, t: (y - y).sqrt(), moons()).findings
    assert finding.what == "not finite" and "a derivative" in finding.words


def test_nothing_is_changed() -> None:
    random.seed(0)
    model = nn.Sequential(nn.Layer(2, 4), nn.Layer(4, 1, nonlin=False))
    model[0].eval()
    for k, p in enumerate(model.parameters()):
        p.grad = float(k)
    before = [(p.data, p.grad) for p in model.parameters()]
    with tl.no_grad():
        tl.diagnose(model, nn.mse, moons())
    assert [(p.data, p.grad) for p in model.parameters()] == before
    assert [m.training for _, m in model.named_modules()].count(False) == 5


def test_a_part_of_a_larger_model_is_looked_at_alone() -> None:
    random.seed(0)
    whole = nn.Sequential(nn.MLP(2, [4, 4, 1], init="he_normal"))
    whole([0.1, 0.2])
    report = tl.diagnose(whole[0], nn.mse, moons())
    assert [layer.path for layer in report.layers] == ["layers.0", "layers.1", "layers.2"]
    assert all(layer.gradient > 0.0 for layer in report.layers)


def test_the_report_is_text_and_html() -> None:
    model = nn.MLP(2, [4, 4, 1], activation="tanh", init=lambda fan_in, fan_out: 30.0)
    report = tl.diagnose(model, nn.mse, moons())
    text = said(report)
    assert not report and text.startswith(f"{len(report.findings)} finding")
    for finding in report.findings:
        assert f"{finding.what} ({finding.where})\n    do: {finding.cure}\n    why: {finding.words}" in text
    assert "layers.1" in text and "<table" in report._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, nn.mse, moons()), TypeError, r"diagnose\(model\) takes a Module, got an int, 3"),
        ((nn.MLP(2, [1]), 3, moons()), TypeError, r"diagnose\(loss\) takes a function loss\(prediction, target\)"),
        ((nn.MLP(2, [1]), nn.mse, POINTS), TypeError, r"diagnose\(batch\) takes \(X, y\)"),
        ((nn.MLP(2, [1]), nn.mse, ([[1.0, 2.0]], [])), ShapeError, "a target for each sample, got 1 and 0"),
        ((nn.MLP(2, [1]), nn.mse, ([], [])), ShapeError, "got 0 and 0"),
    ],
)
def test_bad_arguments(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tl.diagnose(*arguments)
