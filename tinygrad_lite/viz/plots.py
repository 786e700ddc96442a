"""Plots of a training, with matplotlib (an extra: python -m pip install "tinygrad_lite[plots]").

Each function takes axes (ax=None: those of a new figure) and returns them. Colours suit the background that the figure
has by matplotlib's settings: for a dark page call matplotlib.pyplot.style.use("dark_background") first.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..diagnosis.finding import NAMELESS
from ..diagnosis.learning_rate import LearningRates, mean_loss
from ..diagnosis.network import EXPLODES, VANISHES
from ..diagnosis.recording import Layer, Loss, Recording, layers_of
from ..engine import Value
from ..errors import ShapeError, received
from ..nn import Module
from ..ops import sum as total
from ..recording.modes import enable_grad, no_grad
from ..text.wording import count, number
from ..transforms.pytree import values_in
from .axes import BLUE, CLASSES, GREY, ORANGE, axes, colorbar, ink, ink_on, legend, mixed, paper
from .plane import Plane, Predictor, decided, probability

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def loss_curve(
    history: Sequence[Mapping[str, float]] | Sequence[float],
    ax: Axes | None = None,
    *,
    steps: Sequence[float] = (),
) -> Axes:
    """Plots the loss by epoch, and the validation loss with its minimum marked.

    history  rows with "loss" and perhaps "val_loss", as train.fit returns; or a list of losses
    steps    the loss at each step, drawn faintly behind
    """
    given = history if isinstance(history, Sequence) else ()
    rows = [row if isinstance(row, Mapping) else {"loss": row} for row in given]
    if not rows or not all("loss" in row for row in rows):
        raise ValueError(f'loss_curve(history) takes rows with a "loss", or losses, got {received(history)}')
    ax = axes(ax)
    epochs = [row.get("epoch", k + 1) for k, row in enumerate(rows)]
    losses = [row["loss"] for row in rows]
    if steps:
        each = (epochs[-1] - epochs[0] + 1) / len(steps)
        ax.plot([epochs[0] - 1 + each * (k + 1) for k in range(len(steps))], steps, color=BLUE, alpha=0.3, lw=0.8)
    ax.plot(epochs, losses, color=BLUE, marker="o", ms=3, label="training")
    drawn = [*losses, *steps]
    if all("val_loss" in row for row in rows):
        validation = [row["val_loss"] for row in rows]
        drawn += validation
        ax.plot(epochs, validation, color=ORANGE, marker="s", ms=3, label="held out")
        best = min(range(len(rows)), key=validation.__getitem__)
        label = f"minimum, epoch {epochs[best]:g}"
        ax.plot(epochs[best], validation[best], "o", ms=11, mfc="none", mec=ink(ax), label=label)
        legend(ax)
    ax.set(xlabel="epoch", ylabel="loss", yscale="log" if min(drawn) > 0.0 else "linear", title="Loss")
    ax.locator_params(axis="x", integer=True)
    ax.grid(alpha=0.25)
    return ax


def decision_boundary(
    model: Callable[[Any], Any],
    X: Any,  # noqa: N803
    y: Sequence[int],
    ax: Axes | None = None,
    *,
    held_out: tuple[Any, Sequence[int]] | None = None,
    cells: int = 100,
) -> Axes:
    """Plots the decisions of a model with two inputs over the plane, and the samples; rings mark misclassified ones.

    model     has one output, the logit of the second class, or a list of logits, one per class
    held_out  (X, y) of further samples, drawn as triangles
    """
    import numpy as np

    parts = [(np.asarray(X, float), np.asarray(y), "o", 18.0, "training")]
    if held_out is not None:
        parts.append((np.asarray(held_out[0], float), np.asarray(held_out[1]), "^", 34.0, "held out"))
    points = np.concatenate([part[0] for part in parts])
    if points.ndim != 2 or points.shape[1] != 2:
        raise ShapeError(f"decision_boundary(X) takes samples of two numbers, got {received(points)}")
    ax = axes(ax, 6.4, 5.0)
    plane, predict = Plane(points, cells), Predictor(model)
    (low, high), (xs, ys) = plane.corners, plane.sides
    outputs = predict(plane.rows)
    classes, grid = decided(outputs), (cells, cells)
    ground, many = paper(ax), max(2, int(max(classes.max(), *(part[1].max() for part in parts))) + 1)
    shades = [mixed(ground, CLASSES[k % len(CLASSES)], 0.4) for k in range(many)]
    if outputs.ndim == 1:
        from matplotlib.colors import LinearSegmentedColormap

        share = probability(outputs).reshape(grid)
        pale = LinearSegmentedColormap.from_list("pale", [shades[0], ground, shades[1]])
        mesh = ax.pcolormesh(xs, ys, share, cmap=pale, vmin=0.0, vmax=1.0, shading="gouraud")
        ax.contour(xs, ys, share, levels=[0.5], colors=ink_on(ground), linewidths=1.2)
        colorbar(ax, mesh, "probability of the second class", ticks=[0, 0.25, 0.5, 0.75, 1])
    else:
        levels = np.arange(len(shades) + 1) - 0.5
        ax.contourf(xs, ys, classes.reshape(grid), levels=levels, colors=shades)
    wrong = []
    for rows, labels, marker, size, label in parts:
        colors = [CLASSES[int(k) % len(CLASSES)] for k in labels]
        ax.scatter(rows[:, 0], rows[:, 1], c=colors, s=size, marker=marker, edgecolors=ink_on(ground), linewidths=0.5)
        ax.scatter([], [], c=GREY, s=size, marker=marker, label=label)
        wrong.append(rows[decided(predict(rows)) != labels])
    rings = np.concatenate(wrong)
    ax.scatter(rings[:, 0], rings[:, 1], s=110, facecolors="none", edgecolors=ink_on(ground), zorder=3)
    # The legend lies outside the shading, where the page may shine through.
    ax.scatter([], [], s=80, facecolors="none", edgecolors=ink(ax), label=f"misclassified: {len(rings)}")
    legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, fontsize="small")
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), title="Decision boundary")
    return ax


def confusion_matrix(
    labels: Sequence[int], decided: Sequence[int], classes: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Plots how often samples of one class (row) were classified as another (column)."""
    if len(labels) != len(decided) or len(labels) == 0:
        raise ShapeError(
            f"confusion_matrix(labels, decided) takes two lists of equal length, got {len(labels)} and {len(decided)}"
        )
    n = int(max(*labels, *decided)) + 1 if classes is None else len(classes)
    counts = [[0] * n for _ in range(n)]
    for label, decision in zip(labels, decided, strict=True):
        counts[int(label)][int(decision)] += 1
    ax = axes(ax, 0.42 * n + 2.2, 0.42 * n + 2.0)
    from matplotlib.colors import LinearSegmentedColormap

    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    ground = paper(ax)
    strong = "#08519c" if ink_on(ground) == "black" else "#8ec5ff"
    ax.imshow(shares, cmap=LinearSegmentedColormap.from_list("shares", [ground, strong]), vmin=0.0, vmax=1.0)
    for i in range(n):
        for j in range(n):
            if counts[i][j]:
                color = ink_on(mixed(ground, strong, shares[i][j]))
                weight = "normal" if i == j else "bold"
                ax.text(j, i, count(counts[i][j]), ha="center", va="center", color=color, fontsize=9, weight=weight)
    names = [str(k) for k in range(n)] if classes is None else classes
    ax.set(xticks=range(n), yticks=range(n), xticklabels=names, yticklabels=names, xlabel="predicted", ylabel="true")
    ax.set_title(f"{count(sum(counts[k][k] for k in range(n)))} of {count(len(labels))} right")
    ax.tick_params(length=0)
    return ax


def gradient_flow(norms: Sequence[Mapping[str, float]], ax: Axes | None = None) -> Axes:
    """Plots the gradient of each layer by step; one far from the last layer's is labelled vanishing or exploding.

    norms  for each step a dict of the layers' gradient norms, the last layer last, as diagnosis.gradient_norms returns
           when called between backward() and step()
    """
    if not norms or not norms[0]:
        raise ValueError("gradient_flow(norms) takes a dict of layers for each step, got none: see gradient_norms")
    ax = axes(ax)
    names = list(norms[0])
    recent = norms[-max(1, len(norms) // 4) :]
    ends = {name: _middle([row[name] for row in recent]) for name in names}
    lowest = min((x for row in norms for x in row.values() if x > 0.0), default=1.0)
    for k, name in enumerate(names):
        ratio = ends[name] / ends[names[-1]] if ends[names[-1]] else 1.0
        word = "vanishing" if ratio < VANISHES else "exploding" if ratio > EXPLODES else ""
        label = f"{name or NAMELESS}: {word}, {number(ratio, 3)} of the last" if word else name or NAMELESS
        # A zero, which has no logarithm, is drawn at the bottom.
        heights = [max(row[name], 0.1 * lowest) for row in norms]
        style = {"lw": 2.5, "ls": "--"} if word else {"lw": 1.5}
        ax.plot(range(1, len(norms) + 1), heights, color=_along(k, len(names)), label=label, **style)
    ax.set(xlabel="step", ylabel="root mean square", yscale="log", title="Gradients of the parameters")
    ax.grid(alpha=0.25)
    legend(ax, fontsize="small")
    return ax


@enable_grad()
def activation_histograms(model: Module, X: Any, ax: Axes | None = None, *, bins: int = 60) -> Axes:  # noqa: N803
    """Plots a histogram of each hidden layer's outputs for these samples, the first layer on top."""
    import numpy as np

    rows = X.tolist() if hasattr(X, "tolist") else list(X)
    recording = Recording(model, lambda output, _: total(values_in(output)), rows, rows)
    layers = [layer for layer in recording.layers() if recording.handed_on[layer.path]]
    results = set(values_in(recording.outputs))
    layers = [layer for layer in layers if recording.handed_on[layer.path] - results] or layers
    if not layers:
        raise ValueError("activation_histograms(model) found no layer in the model that computes anything")
    ax = axes(ax, 6.0, 0.9 * len(layers) + 1.4)
    ticks = []
    for k, layer in enumerate(layers):
        values = np.array([v.data for v in recording.handed_on[layer.path]])
        floor = 1.15 * (len(layers) - 1 - k)
        heights, edges = np.histogram(values, bins)
        ax.stairs(floor + heights / heights.max(), edges, baseline=floor, fill=True, color=_along(k, len(layers)))
        ticks.append((floor, _told(layer)))
    ax.set_yticks([floor for floor, _ in ticks], [text for _, text in ticks])
    ax.set(xlabel="activation", title=f"Activations of {count(len(rows))} samples")
    ax.grid(axis="x", alpha=0.25)
    return ax


def landscape(
    model: Module,
    loss: Loss,
    data: tuple[Any, Any],
    ax: Axes | None = None,
    *,
    span: float = 1.0,
    cells: int = 31,
    seed: int = 0,
) -> Axes:
    """Plots the loss around the present parameters, along two random directions; the parameters are restored.

    In each layer, a direction has the length of the layer's weights, after Li et al. 2018, "Visualizing the loss
    landscape of neural nets", section 4.
    loss  loss(prediction, target) of one sample
    span  how far to go to each side, in lengths of the weights
    """
    import numpy as np

    ax, draw = axes(ax, 6.0, 4.8), random.Random(seed)
    leaves, ways = _directions(model, draw)
    before = np.array([p.data for p in leaves])
    mean, sides = mean_loss(model, loss, data), np.linspace(-span, span, cells)
    heights = np.empty((cells, cells))
    try:
        with no_grad():
            for i, up in enumerate(sides):
                for j, right in enumerate(sides):
                    for p, x in zip(leaves, (before + right * ways[0] + up * ways[1]).tolist(), strict=True):
                        p.data = x
                    heights[i, j] = mean().data
    finally:
        for p, x in zip(leaves, before.tolist(), strict=True):
            p.data = x
    finite = heights[np.isfinite(heights) & (heights > 0.0)]
    steep = finite.size == heights.size and finite.max() > 10.0 * finite.min()
    levels = np.geomspace(finite.min(), finite.max(), 24) if steep else 24
    filled = ax.contourf(sides, sides, heights, levels=levels, cmap="viridis", norm="log" if steep else None)
    ax.contour(sides, sides, heights, levels=levels, colors="white", linewidths=0.4, alpha=0.6)
    ax.plot(0.0, 0.0, "*", color="white", mec="black", ms=13)
    colorbar(ax, filled, "loss", format="%.3g")
    ax.set(xlabel="first direction", ylabel="second direction", title="Loss around the present weights", aspect="equal")
    return ax


def learning_rates(found: LearningRates, ax: Axes | None = None) -> Axes:
    """Plots the result of lr_find: the loss by learning rate, and the suggestion."""
    ax = axes(ax)
    ax.plot(found.rates, found.losses, color=BLUE)
    if found.suggestion is not None:
        ax.axvline(found.suggestion, color=ORANGE, ls="--", label=f"use {number(found.suggestion, 2)}")
    if found.diverged is not None:
        ax.axvline(found.diverged, color=GREY, ls=":", label=f"diverges at {number(found.diverged, 2)}")
    ax.set(xlabel="learning rate", ylabel="loss", xscale="log", title="Which learning rate?")
    ax.grid(alpha=0.25)
    if ax.get_legend_handles_labels()[0]:
        legend(ax)
    return ax


def _along(k: int, many: int) -> Any:
    """The colour of layer k, along a map whose ends are visible on dark and light backgrounds."""
    import matplotlib

    return matplotlib.colormaps["plasma"](0.37 + 0.25 * k / max(1, many - 1))


def _middle(numbers: Sequence[float]) -> float:
    return sorted(numbers)[len(numbers) // 2]


def _told(layer: Layer) -> str:
    """A layer's name, and how many of its units pass no gradient."""
    name = layer.path or NAMELESS
    if layer.relus:
        return f"{name}\n{layer.dead} of {layer.relus} dead"
    return f"{name}\n{layer.saturated / layer.bounded:.0%} saturated" if layer.bounded else name


def _directions(model: Module, draw: random.Random) -> tuple[list[Value], Any]:
    """The parameters, and two random directions; in every layer each is as long as the layer's weights."""
    import numpy as np

    leaves: list[Value] = []
    ways: list[list[float]] = [[], []]
    for layer in layers_of(model).values():
        own = list(layer.parameters.values())
        leaves += own
        for way in ways:
            drawn = [draw.gauss(0.0, 1.0) for _ in own]
            scale = math.hypot(*(p.data for p in own)) / (math.hypot(*drawn) or 1.0)
            way += [scale * x for x in drawn]
    return leaves, np.array(ways)
