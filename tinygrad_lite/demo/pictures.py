"""The pictures that the demo draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import ops
from ..engine import Value
from ..modes import no_grad
from ..nn import MLP
from .problems import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .course import Course

BLUE, ORANGE, GREY = "#1f6fb4", "#d9691a", "#7a7a7a"
STRONGEST = 5


def draw_loss_curve(course: Course, path: Path) -> None:
    """Loss while learning, and on the held-out samples; how many of those are right."""
    from matplotlib.ticker import MaxNLocator

    figure, (left, right) = _figure(2, (9.0, 3.6))
    history = course.history
    epochs = history.column("epoch")
    left.plot(epochs, history.column("loss"), color=BLUE, marker="o", ms=3, label="learned from")
    left.plot(epochs, history.column("val_loss"), color=ORANGE, marker="s", ms=3, label="held out")
    left.set(xlabel="epoch", ylabel="cross-entropy", yscale="log", title="Loss")
    left.legend(frameon=False)
    right.plot(epochs, [100 * share for share in history.column("val_accuracy")], color=ORANGE, marker="s", ms=3)
    right.set(xlabel="epoch", ylabel="% right", title="Held-out samples")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(path, dpi=120)


def draw_confusion_matrix(problem: Problem, decided: Sequence[int], path: Path) -> None:
    """How often a held-out sample of one class (row) was taken for another (column)."""
    n, labels = len(problem.classes), problem.held_out[1]
    counts = [[0] * n for _ in range(n)]
    for label, decision in zip(labels, decided, strict=True):
        counts[label][decision] += 1
    figure, (axes,) = _figure(1, (0.42 * n + 2.2, 0.42 * n + 2.0))
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for i in range(n):
        for j in range(n):
            if counts[i][j]:
                color = "white" if shares[i][j] > 0.5 else ORANGE if i != j else "black"
                axes.text(j, i, str(counts[i][j]), ha="center", va="center", color=color, fontsize=9)
    right = sum(counts[k][k] for k in range(n))
    axes.set(xticks=range(n), yticks=range(n), xticklabels=problem.classes, yticklabels=problem.classes)
    axes.set(xlabel="taken for", ylabel="was", title=f"{right} of {len(labels)} right")
    axes.tick_params(length=0)
    figure.savefig(path, dpi=130)


def draw_decision_boundary(problem: Problem, model: MLP, path: Path, cells: int) -> None:
    """The probability of the second class over the plane, and all samples; a ring marks one that is taken wrongly."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.lines import Line2D

    everything = np.array(problem.learned[0] + problem.held_out[0])
    low, high = everything.min(axis=0) - 0.4, everything.max(axis=0) + 0.4
    xs, ys = np.linspace(low[0], high[0], cells), np.linspace(low[1], high[1], cells)
    with no_grad():
        shares = [[model([x, y]).sigmoid().data for x in xs.tolist()] for y in ys.tolist()]
    width, height = high - low
    figure, (axes,) = _figure(1, (6.6, 5.0 * height / width + 0.9))
    pale = LinearSegmentedColormap.from_list("pale", ["#f6c9a8", "#ffffff", "#a9cdea"])
    extent = (low[0], high[0], low[1], high[1])
    shading = axes.imshow(shares, origin="lower", extent=extent, cmap=pale, vmin=0, vmax=1, interpolation="bilinear")
    axes.contour(xs, ys, shares, levels=[0.5], colors="black", linewidths=1.2)
    wrong = []
    for (rows, labels), marker, size in ((problem.learned, "o", 16), (problem.held_out, "^", 36)):
        x, y = zip(*rows, strict=True)
        colors = [BLUE if label else ORANGE for label in labels]
        axes.scatter(x, y, c=colors, s=size, marker=marker, edgecolors="white", linewidths=0.5)
        with no_grad():
            wrong += [row for row, label in zip(rows, labels, strict=True) if problem.decide(model(row)) != label]
    axes.scatter([x for x, _ in wrong], [y for _, y in wrong], s=110, facecolors="none", edgecolors="black")
    axes.set(xlabel="x", ylabel="y", title="Decision boundary")
    marks = [Line2D([], [], ls="", marker="o", color=GREY, ms=5, label="learned from")]
    marks.append(Line2D([], [], ls="", marker="^", color=GREY, ms=7, label="held out"))
    marks.append(Line2D([], [], ls="", marker="o", mfc="none", mec="black", ms=9, label="taken wrongly"))
    figure.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False)
    figure.colorbar(shading, ax=axes, label="probability of the second class", ticks=[0, 0.25, 0.5, 0.75, 1])
    figure.savefig(path, dpi=120)


def draw_neuron(problem: Problem, model: MLP, path: Path) -> str:
    """The hidden neuron that matters most for the hardest held-out sample, with gradients; returns what is to be seen.

    Of many inputs the strongest are drawn, and the others stand as the one number that they add up to.
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
        f"Neuron {chosen} of the first layer with {which}, on the held-out sample of the largest loss, "
        f"{losses[hardest]:.2f} (its class is {problem.classes[label]}). grad is the derivative of that loss."
    )


def _through(layers: Sequence[Any], x: Any) -> Any:
    for layer in layers:
        x = layer(x)
    return x


def _figure(columns: int, size: tuple[float, float]) -> tuple[Any, list[Axes]]:
    """A figure drawn without a screen, apart from pyplot's own state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])
