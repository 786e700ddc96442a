"""Plots: they show the right data, on the given axes, in colours that are visible on their background."""

from __future__ import annotations

import builtins
import math
import random
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from sklearn.datasets import make_moons

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.diagnosis import gradient_norms
from tinygrad_lite.engine import Value
from tinygrad_lite.errors import MissingProgramError, ShapeError
from tinygrad_lite.viz import plots

POINTS, HALVES = make_moons(60, noise=0.15, random_state=0)
HISTORY = [{"epoch": k + 1, "loss": 0.8**k, "val_loss": 0.3 + (k - 4) ** 2 / 40} for k in range(8)]
binary = nn.binary_cross_entropy_with_logits


@pytest.fixture(autouse=True)
def _without_a_screen() -> Iterator[None]:
    with matplotlib.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


def network(widths: Any = (8, 8, 1), activation: str = "tanh", seed: int = 0) -> nn.MLP:
    random.seed(seed)
    return nn.MLP(2, list(widths), activation=activation, init="xavier_uniform")


def flow(model: nn.MLP, steps: int = 6) -> list[dict[str, float]]:
    optimizer, found = optim.SGD(model.parameters(), lr=0.01), []
    for _ in range(steps):
        optimizer.zero_grad()
        binary([model(x) for x in POINTS[:10]], HALVES[:10]).backward()
        found.append(gradient_norms(model))
        optimizer.step()
    return found


def labels(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


ALL = {
    "loss_curve": lambda ax: plots.loss_curve(HISTORY, ax),
    "decision_boundary": lambda ax: plots.decision_boundary(network(), POINTS, HALVES, ax, cells=20),
    "confusion_matrix": lambda ax: plots.confusion_matrix([0, 1, 1], [0, 1, 0], ax=ax),
    "gradient_flow": lambda ax: plots.gradient_flow(flow(network()), ax),
    "activation_histograms": lambda ax: plots.activation_histograms(network(), POINTS[:10], ax),
    "landscape": lambda ax: plots.landscape(network(), binary, (POINTS, HALVES), ax, cells=5),
    "learning_rates": lambda ax: plots.learning_rates(
        tl.lr_find(model := network(), binary, (POINTS, HALVES), optim.SGD(model.parameters())), ax
    ),
}


def brightness(color: Any) -> float:
    return float(np.dot(to_rgb(color), (0.299, 0.587, 0.114)))


def contrast(one: Any, other: Any) -> float:
    """By WCAG 2: 1 for the same colour, 21 for black and white."""
    parts = [np.array(to_rgb(color)) for color in (one, other)]
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in parts]
    low, high = sorted(float(c @ (0.2126, 0.7152, 0.0722)) for c in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("ground", "expected"), [("black", "white"), ("white", "black")])
def test_axes_of_a_subfigure_stand_on_the_ground_of_the_whole_figure(ground: str, expected: str) -> None:
    figure = plt.figure(facecolor=ground)
    ax = figure.subfigures(1, 2)[0].subfigures(1, 2)[1].subplots()
    ax.set_facecolor("none")
    plots.loss_curve(HISTORY, ax)
    assert abs(brightness(ax.title.get_color()) - brightness(expected)) < 0.2


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("name", ALL)
def test_all_that_is_written_is_seen_on_its_ground(name: str, style: str) -> None:
    with plt.style.context(style):
        ax = ALL[name](None)
        figure = ax.get_figure()
        figure.canvas.draw()
        ground = figure.get_facecolor()
        written = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()]
        for beside in figure.axes[1:]:
            written += [beside.yaxis.label, *beside.get_yticklabels()]
        if ax.get_legend():
            written += ax.get_legend().get_texts()
        assert ax.get_title() and sum(bool(text.get_text()) for text in written) > 3
        assert min(contrast(text.get_color(), ground) for text in written) >= 4.5
        lines = [line.get_color() for line in ax.get_lines() if line.get_alpha() is None and name != "landscape"]
        filled = [patch.get_facecolor() for patch in ax.patches]
        assert min((contrast(color, ground) for color in [*lines, *filled]), default=21.0) >= 3.0


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_a_plane_is_shaded_from_the_ground_and_its_marks_are_seen(style: str) -> None:
    with plt.style.context(style):
        for model, labels_ in ((network(), HALVES), (network((8, 3)), HALVES + (POINTS[:, 0] > 1.2))):
            ax = plots.decision_boundary(model, POINTS, labels_, cells=20)
            ax.figure.canvas.draw()
            shades = [ax.collections[0].cmap(x) for x in (0.0, 0.5, 1.0)]
            assert contrast(shades[1], ax.get_facecolor()) < 1.5 or len(set(labels_)) == 3
            there = [drawn for drawn in ax.collections[1:] if len(drawn.get_offsets())]
            marks = [color for drawn in there for color in drawn.get_edgecolors()]
            assert len(marks) >= 2
            assert min(contrast(mark, shade) for mark in marks for shade in shades) >= 3.0


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_the_counts_of_a_confusion_matrix_are_seen_on_their_cells(style: str) -> None:
    with plt.style.context(style):
        labels_ = [k for k in range(10) for _ in range(10)]
        decided = [k if j < 10 - k else (k + 1) % 10 for k in range(10) for j in range(10)]
        ax = plots.confusion_matrix(labels_, decided)
        image = ax.get_images()[0]
        for text in ax.texts:
            j, i = map(int, text.get_position())
            cell = image.cmap(image.norm(image.get_array()[i, j]))
            assert contrast(text.get_color(), cell) >= 4.5
            assert (text.get_fontweight() == "bold") == (i != j)
        assert len(ax.texts) == 19


@pytest.mark.parametrize("name", ALL)
def test_they_draw_on_the_axes_given_and_need_no_screen(name: str) -> None:
    ax = Figure().subplots()
    assert ALL[name](ax) is ax and ax.has_data() and not plt.get_fignums()


@pytest.mark.parametrize("name", ALL)
def test_on_a_page_that_shines_through_they_are_grey(name: str) -> None:
    figure = Figure(facecolor="none")
    ax = ALL[name](figure.add_subplot(facecolor="none"))
    assert 0.4 < brightness(ax.title.get_color()) < 0.7


def test_without_matplotlib_they_say_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def missing(name: str, *args: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingProgramError, match=r'pip install "tinygrad_lite\[plots\]"'):
        plots.loss_curve(HISTORY)


def test_loss_curve() -> None:
    ax = plots.loss_curve(HISTORY, steps=[1.0, 0.9] * 8)
    steps, learned, held_out, least = ax.get_lines()
    assert steps.get_xdata()[-1] == 8 and len(steps.get_xdata()) == 16
    assert list(learned.get_ydata()) == [row["loss"] for row in HISTORY]
    assert list(held_out.get_xdata()) == list(range(1, 9))
    assert (least.get_xdata()[0], least.get_ydata()[0]) == (5, 0.3) and "minimum, epoch 5" in labels(ax)
    assert ax.get_yscale() == "log"
    assert plots.loss_curve([0.5, 0.0]).get_yscale() == "linear"
    for nothing in ([], [{"val_loss": 1.0}]):
        with pytest.raises(ValueError, match=r'rows with a "loss"'):
            plots.loss_curve(nothing)


def test_decision_boundary_of_one_output() -> None:
    model = nn.MLP(2, [1])
    for p, x in zip(model.parameters(), (1.0, 0.0, -0.5), strict=True):
        p.data = x
    X = [[0.0, 0.0], [1.0, 0.0], [0.2, 1.0]]  # noqa: N806
    ax = plots.decision_boundary(model, X, [0, 1, 1], held_out=([[0.9, 0.9]], [0]), cells=11)
    assert "misclassified: 2" in labels(ax) and "held out" in labels(ax)
    rings = max((c.get_offsets() for c in ax.collections if len(c.get_offsets()) == 2), key=len)
    assert rings.tolist() == [[0.2, 1.0], [0.9, 0.9]]
    (line,) = ax.collections[1].get_paths()
    assert line.vertices[:, 0] == pytest.approx(0.5, abs=1e-3)


def test_decision_boundary_of_many_classes_and_of_what_cannot_be_compiled() -> None:
    def nearest(x: Any) -> Any:
        return [Value(-abs(x[0] - k)) if x[0] < 9 else Value(0.0) for k in range(3)]

    ax = plots.decision_boundary(nearest, [[0.0, 0.0], [1.1, 1.0], [2.0, 0.5]], [0, 1, 0], cells=9)
    assert "misclassified: 1" in labels(ax)
    with pytest.raises(ShapeError, match="samples of two numbers"):
        plots.decision_boundary(nearest, [[0.0, 0.0, 1.0]], [0])


def test_confusion_matrix() -> None:
    ax = plots.confusion_matrix([0, 0, 1, 2, 2], [0, 1, 1, 2, 2], ["cat", "dog", "owl"])
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "1", (1, 0): "1", (1, 1): "1", (2, 2): "2"}
    assert ax.get_title() == "4 of 5 right" and ax.get_ylabel() == "true"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["cat", "dog", "owl"]
    for wrong in (([0], []), ([], [])):
        with pytest.raises(ShapeError, match="two lists of equal length"):
            plots.confusion_matrix(*wrong)


def test_gradient_norms() -> None:
    model = network((4, 1))
    binary(model(POINTS[0]), 1).backward()
    norms = gradient_norms(model)
    assert list(norms) == ["layers.0", "layers.1"]
    grads = [p.grad for p in model.layers[1].parameters()]
    assert norms["layers.1"] == pytest.approx(math.sqrt(sum(g * g for g in grads) / 5))


def test_gradient_flow_calls_out_what_vanishes_and_explodes() -> None:
    assert labels(plots.gradient_flow(flow(network()))) == ["layers.0", "layers.1", "layers.2"]
    vanishing = labels(plots.gradient_flow(flow(network([8] * 9 + [1], "sigmoid"))))
    assert vanishing[0].startswith("layers.0: vanishing, ") and vanishing[-1] == "layers.9"
    ax = plots.gradient_flow([{"first": 500.0, "cut": 0.0, "last": 1.0}] * 3)
    assert labels(ax) == ["first: exploding, 500 of the last", "cut: vanishing, 0 of the last", "last"]
    assert all((np.array(line.get_ydata()) > 0.0).all() for line in ax.get_lines())
    for nothing in ([], [{}]):
        with pytest.raises(ValueError, match=r"gradient_flow\(norms\)"):
            plots.gradient_flow(nothing)


def test_activation_histograms() -> None:
    model = network((6, 5, 1), "relu")
    for neuron in model.layers[1].neurons[:4]:
        neuron.b.data = -50.0
    ax = plots.activation_histograms(model, POINTS[:20], bins=10)
    first, second = (text.get_text() for text in ax.get_yticklabels())
    assert first.startswith("layers.0\n") and second in ("layers.1\n4 of 5 dead", "layers.1\n5 of 5 dead")
    assert [len(p.get_data().values) for p in ax.patches] == [10, 10]
    alone = plots.activation_histograms(nn.MLP(2, [1]), POINTS[:20])
    assert [text.get_text() for text in alone.get_yticklabels()] == ["layers.0"]
    assert "saturated" in plots.activation_histograms(network(), POINTS[:20]).get_yticklabels()[0].get_text()


def test_landscape_is_the_loss_and_leaves_the_parameters() -> None:
    model = network((3, 1))
    before = [p.data for p in model.parameters()]
    ax = plots.landscape(model, binary, (POINTS, HALVES), span=0.5, cells=5, seed=3)
    assert [p.data for p in model.parameters()] == before
    assert ax.get_xlim() == ax.get_ylim() == (-0.5, 0.5)
    line = nn.Module()
    line.w = Value(2.0)
    line.forward = lambda x: line.w * x
    bowl = plots.landscape(line, nn.mse, ([1.0, -1.0], [0.0, 0.0]), span=1.0, cells=3)
    # One weight: both directions are as long as it is, so that at the corners the loss is 0, 4, 16 or 36.
    low, high = bowl.collections[0].get_clim()
    assert low <= 4.0 and high == pytest.approx(36.0, rel=0.1) and line.w.data == 2.0


def test_learning_rates() -> None:
    model = network()
    found = tl.lr_find(model, binary, (POINTS, HALVES), optim.SGD(model.parameters()), high=1e4)
    ax = plots.learning_rates(found)
    assert list(ax.get_lines()[0].get_ydata()) == found.losses and ax.get_xscale() == "log"
    assert [text.split()[0] for text in labels(ax)] == ["use", "diverges"]


@pytest.mark.parametrize("history", [3, [], [{"val_loss": 1.0}]])
def test_a_loss_curve_refuses_what_has_no_losses(history: Any) -> None:
    with pytest.raises(ValueError, match=r'loss_curve\(history\) takes rows with a "loss", or losses, got'):
        plots.loss_curve(history)
