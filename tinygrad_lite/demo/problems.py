"""The demo's problems: data, split into training and held-out samples, and a network of a suitable size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine import Value, compiled
from ..nn import MLP, binary_cross_entropy_with_logits, cross_entropy

Rows = list[list[float]]


@dataclass
class Problem:
    """A classification problem: rows of numbers with their classes, and the settings of the training."""

    name: str
    data: str
    learned: tuple[Rows, list[int]]
    held_out: tuple[Rows, list[int]]
    classes: Sequence[str]
    inputs: Sequence[str]
    widths: list[int]
    epochs: int
    rate: float

    def network(self) -> MLP:
        """A new network; its weights are drawn with Python's random module."""
        return MLP(len(self.inputs), self.widths, activation="tanh", init="xavier_uniform")

    def loss(self, outputs: Any, labels: Any) -> Value:
        """The cross-entropy of an output (one number for two classes, else one per class), or of lists of outputs."""
        compare = binary_cross_entropy_with_logits if self.widths[-1] == 1 else cross_entropy
        return compare(outputs, labels)

    def decide(self, output: Any) -> int:
        """The class that an output predicts."""
        if isinstance(output, (Value, float)):
            return int(output > 0)
        return max(range(len(output)), key=output.__getitem__)


def digits(seed: int) -> Problem:
    """The 1,797 handwritten digits of scikit-learn (UCI's optical recognition data, 1998), 8 x 8 pixels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return Problem(
        name="digits",
        data=f"{len(images):,} images of handwritten digits, 8 x 8 pixels, from scikit-learn",
        **_split(images / 16.0, labels, seed),
        classes=[str(k) for k in range(10)],
        inputs=[f"pixel {k // 8},{k % 8}" for k in range(64)],
        widths=[24, 10],
        epochs=12 if compiled else 3,
        rate=0.03,
    )


def moons(seed: int) -> Problem:
    """Two interleaved half moons."""
    from sklearn.datasets import make_moons

    points, labels = make_moons(400, noise=0.15, random_state=seed)
    return _plane("moons", "400 points on two half moons", points, labels, seed, [16, 16], 40 if compiled else 20)


def spirals(seed: int) -> Problem:
    """Two intertwined spirals (Lang and Witbrock 1988, "Learning to tell two spirals apart")."""
    import numpy as np

    draw = np.random.default_rng(seed)
    labels = np.arange(400) % 2
    radius = np.sqrt(draw.uniform(0.02, 1.0, 400))
    angle = 2.5 * np.pi * radius + np.pi * labels
    points = 3.0 * (radius * np.array([np.cos(angle), np.sin(angle)])).T + draw.normal(0.0, 0.08, (400, 2))
    data = "400 points on two spirals, 1.25 turns each"
    return _plane("spirals", data, points, labels, seed, [24, 16], 100 if compiled else 40)


PROBLEMS: dict[str, Callable[[int], Problem]] = {"digits": digits, "moons": moons, "spirals": spirals}


def _plane(name: str, data: str, points: Any, labels: Any, seed: int, hidden: list[int], epochs: int) -> Problem:
    return Problem(
        name=name,
        data=data,
        **_split(points, labels, seed),
        classes=["first", "second"],
        inputs=["x", "y"],
        widths=[*hidden, 1],
        epochs=epochs,
        rate=0.03,
    )


def _split(rows: Any, labels: Any, seed: int) -> dict[str, Any]:
    """Holds out a fifth of the rows, with the same share of each class."""
    from sklearn.model_selection import (
        train_test_split,
    )

    parts = train_test_split(rows, labels, test_size=0.2, stratify=labels, random_state=seed)
    a, b, labels_a, labels_b = (part.tolist() for part in parts)
    return {"learned": (a, labels_a), "held_out": (b, labels_b)}
