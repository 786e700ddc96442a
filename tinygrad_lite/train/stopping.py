"""Early stopping: ends a training that no longer improves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from ..floats.expected import UP_TO_INF, one_of, whole
from ..optim.leaves import Leaves
from ..saving.state_dicts import Checks, Stateful, as_numbers, count, same
from .history import Row


@dataclass(frozen=True)
class EarlyStopping:
    """Stops after `patience` epochs without an improvement of more than min_delta in a column of the history.

    monitor  the column; None: "val_loss" with validation data, "loss" without
    mode     "min": smaller is better; "max": larger is better
    However the training ends, the model then has the weights of the best epoch.

    >>> EarlyStopping(patience=3, monitor="val_accuracy", mode="max").patience
    3
    """

    patience: int = 5
    monitor: str | None = None
    min_delta: float = 0.0
    mode: Literal["min", "max"] = "min"

    def __post_init__(self) -> None:
        whole(1).checked("EarlyStopping(patience=...)", self.patience)
        one_of("min", "max").checked("EarlyStopping(mode=...)", self.mode)
        UP_TO_INF.checked("EarlyStopping(min_delta=...)", self.min_delta)


class Best(Stateful):
    """The best epoch of a training so far: its number (0: none yet), the monitored number, and the weights."""

    def __init__(self, settings: EarlyStopping, monitor: str, leaves: Leaves) -> None:
        self._settings, self._monitor, self._leaves = settings, monitor, leaves
        self.epoch, self._waited = 0, 0
        self._number = -math.inf if settings.mode == "max" else math.inf
        self._weights = np.zeros(len(leaves))

    def is_over(self, row: Row) -> bool:
        """Takes a finished epoch; returns True if the patience is used up."""
        number, sign = row[self._monitor], -1.0 if self._settings.mode == "min" else 1.0
        if sign * (number - self._number) > self._settings.min_delta:
            self.epoch, self._number, self._waited = int(row["epoch"]), number, 0
            self._weights = self._leaves.numbers()[0].copy()
        else:
            self._waited += 1
        return self._waited >= self._settings.patience

    def restore(self) -> None:
        """Sets the model's weights to those of the best epoch, if there was one."""
        if self.epoch:
            self._leaves.set_values(self._weights)

    def state_dict(self) -> dict[str, Any]:
        return {
            "monitor": self._monitor,
            "epoch": self.epoch,
            "number": self._number,
            "waited": self._waited,
            "weights": self._weights.copy(),
        }

    def _checks(self) -> Checks:
        return {
            "monitor": same(self._monitor),
            "epoch": count,
            "number": float,
            "waited": count,
            "weights": partial(as_numbers, shape=(len(self._leaves),)),
        }

    def _take(self, loaded: dict[str, Any]) -> None:
        self.epoch, self._number, self._waited = loaded["epoch"], loaded["number"], loaded["waited"]
        self._weights = loaded["weights"]
