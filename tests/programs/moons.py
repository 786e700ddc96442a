"""micrograd's well-known demo, rewritten: a network separates two half moons, with hinge loss and weight decay."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

NewValue = Callable[[Any], Any]
Points = Sequence[Sequence[Any]]


def half_moons(count: int, seed: int = 7) -> tuple[list[list[float]], list[int]]:
    """Points on two interleaved half circles, with noise, and the class (-1 or 1) of each."""
    draw = random.Random(seed)
    points, sides = [], []
    for k in range(count):
        angle = draw.uniform(0, math.pi)
        side = 1 if k % 2 else -1
        x, y = (1 - math.cos(angle), 0.5 - math.sin(angle)) if side == 1 else (math.cos(angle), math.sin(angle))
        points.append([x + draw.gauss(0, 0.1), y + draw.gauss(0, 0.1)])
        sides.append(side)
    return points, sides


def loss_and_accuracy(value: NewValue, model: Any, points: Points, sides: Sequence[Any]) -> tuple[Any, float]:
    """The loss as a Value, and the fraction of points that are classified correctly."""
    inputs = [list(map(value, point)) for point in points]
    scores = list(map(model, inputs))
    hinges = [(1 + -side * score).relu() for side, score in zip(sides, scores, strict=True)]
    data_loss = sum(hinges) * (1.0 / len(hinges))
    decay = 1e-4 * sum(p * p for p in model.parameters())
    right = [(side > 0) == (score.data > 0) for side, score in zip(sides, scores, strict=True)]
    return data_loss + decay, sum(right) / len(right)


def step(value: NewValue, model: Any, points: Points, sides: Sequence[Any], rate: float) -> float:
    """One step of gradient descent; returns the loss before it."""
    loss, _ = loss_and_accuracy(value, model, points, sides)
    model.zero_grad()
    loss.backward()
    for p in model.parameters():
        p.data -= rate * p.grad
    return float(loss.data)


def train(value: NewValue, model: Any, points: Points, sides: Sequence[Any], steps: int) -> list[float]:
    """Loss before each step, with the demo's falling learning rate."""
    return [step(value, model, points, sides, 1.0 - 0.9 * k / 100) for k in range(steps)]
