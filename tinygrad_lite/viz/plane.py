"""Computes the outputs of a model with two inputs over the plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..compiler import compile
from ..errors import TraceError
from ..recording.modes import no_grad
from ..transforms.pytree import values_in


class Plane:
    """A grid of cells x cells points over the plane around samples of two numbers.

    corners  the smallest and the largest values of both numbers, arrays of shape (2,)
    sides    the coordinates of the points along both axes, in ascending order
    rows     the points, of shape (cells * cells, 2); the first number changes fastest
    """

    def __init__(self, samples: Any, cells: int) -> None:
        low, high = samples.min(axis=0), samples.max(axis=0)
        margin = np.where(high > low, 0.1 * (high - low), 0.5)
        self.corners = low - margin, high + margin
        self.sides = tuple(np.linspace(*self.corners, cells).T)
        self.rows = np.stack(np.meshgrid(*self.sides), axis=-1).reshape(-1, 2)


class Predictor:
    """Computes a model's outputs for many inputs at once, compiled if the model can be."""

    def __init__(self, model: Callable[[Any], Any]) -> None:
        self._model, self._compiled = model, compile(model)

    def __call__(self, rows: Any) -> Any:
        """The outputs as an array: (rows,) if each is one number, (rows, classes) if each is a list."""
        with no_grad():
            try:
                outputs = self._compiled.batch(rows, reduce=None)
            except TraceError:
                outputs = [[v.data for v in values_in(self._model(row))] for row in rows.tolist()]
        array = np.asarray(outputs)
        return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def decided(outputs: Any) -> Any:
    """The class that each output predicts."""
    return (outputs > 0.0).astype(int) if outputs.ndim == 1 else outputs.argmax(axis=1)


def probability(logits: Any) -> Any:
    """The probability of the second class: the sigmoid of the logits."""
    return 0.5 + 0.5 * np.tanh(0.5 * logits)
