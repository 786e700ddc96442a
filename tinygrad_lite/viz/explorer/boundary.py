"""Records a model's outputs over the plane around its data during a training, if it has two inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from ...nn import Module
from ...nn.module import kept_modes
from ...train.checkpoint import Sources
from ..plane import Plane, Predictor, probability
from .packing import packed

_POINTS = 1000
"""The most samples that are drawn."""
_LEVELS, _NO_NUMBER = 254, 255
"""An output is stored as a level of one byte: 0 to 254 over the range, 255 for nan."""


class Boundary:
    """A grid over the plane around samples of two numbers, and the samples.

    kind  "probability" (one logit, targets 0 and 1 or -1 and 1), "value" (one number), "class" (logits, targets 0, 1,
          ...), or None if there is nothing to draw
    """

    def __init__(self, model: Module, inputs: Any, targets: Any, cells: int) -> None:
        self._plane, self._cells = Plane(inputs, cells), cells
        self._predict, self._sources = Predictor(model), Sources(model, None)
        self._model = model
        self.kind = _kind(self.outputs(), set(targets.tolist()))
        which = np.linspace(0, len(inputs) - 1, min(len(inputs), _POINTS)).astype(int)
        self._inputs, self._targets = inputs[which], targets[which]

    def outputs(self) -> Any:
        """The model's present outputs at the points of the grid, in eval() mode."""
        with self._undisturbed(), np.errstate(over="ignore"):
            return self._predict(self._plane.rows).astype(np.float32)

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Puts the model into eval() mode, and restores its modes and its random draws on exit."""
        draws = self._sources.state_dict() if self._sources.are_drawn else None
        try:
            with kept_modes(self._model):
                self._model.eval()
                yield
        finally:
            if draws is not None:
                self._sources.load_state_dict(draws)

    def payload(self, outputs: Sequence[Any]) -> dict[str, Any]:
        """The grids of all records as bytes, row by row in ascending order of the second number, and the samples."""
        assert self.kind is not None
        over_time = np.stack(outputs)
        if self.kind == "class":
            classes, span = list(range(over_time.shape[-1])), [0.0, float(_LEVELS)]
            levels = np.where(np.isnan(over_time).any(axis=-1), _NO_NUMBER, over_time.argmax(axis=-1))
            marks = self._targets
        elif self.kind == "probability":
            classes, span = [-1 if -1 in self._targets else 0, 1], [0.0, 1.0]
            levels, marks = _levels(probability(over_time), *span), (self._targets > 0).astype(int)
            # Rounding must not move a point to the other side of the boundary.
            levels = np.where(over_time > 0.0, np.maximum(levels, _LEVELS // 2 + 1), levels)
            levels = np.where(over_time <= 0.0, np.minimum(levels, _LEVELS // 2), levels)
        else:
            finite = np.concatenate([over_time[np.isfinite(over_time)], self._targets])
            classes, span = None, [float(finite.min()), float(finite.max())]
            levels, marks = _levels(over_time, *span), self._targets
        low, high = self._plane.corners
        return {
            "kind": self.kind,
            "classes": classes and [str(name) for name in classes],
            "x": [float(low[0]), float(high[0])],
            "y": [float(low[1]), float(high[1])],
            "size": self._cells,
            "values": packed("u8", levels),
            "range": span,
            "points": np.column_stack([self._inputs, marks]).tolist(),
        }


def boundary_of(model: Module, inputs: Any, targets: Any, cells: int) -> Boundary | None:
    """The Boundary of a model and its data; None if samples are not two numbers and a target, or nothing shows."""
    if not isinstance(inputs, np.ndarray) or inputs.ndim != 2 or inputs.shape[1] != 2:
        return None
    if not isinstance(targets, np.ndarray) or targets.size != len(inputs):
        return None
    try:
        boundary = Boundary(model, inputs, targets.reshape(-1), cells)
    except (TypeError, ValueError, LookupError):  # the model takes only certain numbers, such as two tokens
        return None
    return boundary if boundary.kind else None


def _kind(outputs: Any, targets: set[float]) -> Literal["probability", "value", "class"] | None:
    if outputs.ndim == 1:
        return "probability" if targets <= {0.0, 1.0} or targets <= {-1.0, 1.0} else "value"
    known = outputs.ndim == 2 and outputs.shape[1] < _LEVELS
    return "class" if known and targets <= set(range(outputs.shape[1])) else None


def _levels(numbers: Any, low: float, high: float) -> Any:
    """Converts numbers from low to high into levels."""
    share = (np.clip(numbers, low, high) - low) / ((high - low) or 1.0)
    return np.where(np.isnan(share), _NO_NUMBER, np.rint(_LEVELS * np.nan_to_num(share)))
