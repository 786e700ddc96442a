"""The demo's pictures, and its explorer page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import ops
from ..engine import Value
from ..nn import MLP
from ..recording.modes import no_grad
from ..saving.atomic import replacing
from ..viz.axes import ORANGE, axes
from ..viz.plots import confusion_matrix, decision_boundary, loss_curve
from .problems import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .outcome import Outcome

STRONGEST = 5
EXPLORED = 6


def draw_loss_curve(outcome: Outcome, path: Path) -> None:
    """Draws the training and held-out losses, and the share of held-out samples that are classified right."""
    figure, (left, right) = _figure(2, (9.0, 3.6))
    history = outcome.history
    loss_curve(history, left)
    shares = [100 * share for share in history.column("val_accuracy")]
    axes(right).plot(history.column("epoch"), shares, color=ORANGE, marker="s", ms=3)
    right.set(xlabel="epoch", ylabel="accuracy (%)", title="Held-out samples")
    right.grid(alpha=0.25)
    right.locator_params(axis="x", integer=True)
    _save(figure, path, 120)


def draw_confusion_matrix(problem: Problem, decided: Sequence[int], path: Path) -> None:
    """Draws how often held-out samples of one class (row) were classified as another (column)."""
    size = 0.42 * len(problem.classes) + 2.2
    figure, (ax,) = _figure(1, (size, size))
    confusion_matrix(problem.held_out[1], decided, problem.classes, ax)
    _save(figure, path, 130)


def draw_decision_boundary(problem: Problem, model: MLP, path: Path) -> None:
    """Draws the probability of the second class over the plane, and all samples; rings mark the wrong ones."""
    figure, (ax,) = _figure(1, (6.6, 5.6))
    decision_boundary(model, *problem.learned, ax, held_out=problem.held_out)
    _save(figure, path, 120)


def draw_neuron(problem: Problem, model: MLP, path: Path) -> str:
    """Draws the hidden neuron that matters most for the hardest held-out sample, with gradients; returns a caption.

    If there are many inputs, the strongest are drawn, and one number stands for the sum of the others.
    """
    with no_grad():
        losses = [problem.loss([model(x)], [c]).data for x, c in zip(*problem.held_out, strict=True)]
    hardest = losses.index(max(losses))
    row, label = problem.held_out[0][hardest], problem.held_out[1][hardest]
    layer, *later = model.layers
    hidden = layer(row)
    problem.loss([_through(later, hidden)], [label]).backward()
    chosen = max(range(len(hidden)), key=lambda k: abs(hidden[k].grad))
    neuron = layer.neurons[chosen]

    order = sorted(range(len(row)), key=lambda k: -abs(neuron.w[k].data * row[k]))
    shown, others = sorted(order[:STRONGEST]), order[STRONGEST:]
    inputs = [Value(row[k], label=problem.inputs[k]) for k in shown]
    start: Any = neuron.b
    if others:
        rest = Value(sum(neuron.w[k].data * row[k] for k in others), label=f"{len(others)} other inputs")
        start = rest + start
    hidden[chosen] = ops.dot([neuron.w[k] for k in shown], inputs, start).tanh()
    hidden[chosen].label = f"neuron {chosen}"
    model.zero_grad()
    problem.loss([_through(later, hidden)], [label]).backward()
    hidden[chosen].graph().save(path)
    model.zero_grad()
    which = f"its {STRONGEST} strongest of {len(row)} inputs" if others else f"its {len(row)} inputs"
    return (
        f"Neuron {chosen} of the first layer with {which}, for the held-out sample with the largest loss, "
        f"{losses[hardest]:.2f} (its class is {problem.classes[label]}). grad is the derivative of that loss."
    )


def write_explorer(problem: Problem, model: MLP, outcome: Outcome, path: Path) -> str:
    """Writes an explorer page for the loss of a few held-out samples and the training; returns a caption."""
    rows, labels = problem.held_out[0][:EXPLORED], problem.held_out[1][:EXPLORED]
    loss = problem.loss([model(row) for row in rows], labels)
    loss.label = "loss"
    loss.explore(training=outcome.recorder).save(path)
    named = ", ".join(problem.classes[label] for label in labels)
    return (
        f"The loss of {EXPLORED} held-out samples (their classes: {named}), forward and backward, step by step, with "
        "the network as it was at each epoch. You can move its parameters. The page works offline."
    )


def _through(layers: Sequence[Any], x: Any) -> Any:
    for layer in layers:
        x = layer(x)
    return x


def _save(figure: Any, path: Path, dpi: int) -> None:
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=dpi)


def _figure(columns: int, size: tuple[float, float]) -> tuple[Any, list[Axes]]:
    """A figure that needs no screen and leaves pyplot's state alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])
