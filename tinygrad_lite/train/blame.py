"""Finds the sample that made a step's loss or gradient inf or nan, and explains why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ..compiler.batch_columns import rows_of
from ..engine import Value
from ..errors import AnomalyError
from ..explanation import NanExplanation, explain_nan
from ..recording.modes import detect_anomaly
from .checkpoint import Sources
from .objective import Objective


@dataclass(frozen=True)
class Blame:
    """What made a step's loss or gradient inf or nan.

    sample       the position in the data of the first sample whose own loss or gradient is not finite; None: no sample
    explanation  what explain_nan says about its loss
    cause        the error of running it eagerly, which names the line of the operation
    """

    sample: int | None = None
    explanation: NanExplanation | None = None
    cause: Exception | None = None

    def __str__(self) -> str:
        if self.explanation is not None:
            text = f"Sample {self.sample} of the data causes it; explain_nan of its loss says:\n{self.explanation}"
            return text if self.cause is None else f"{text}\nUnder detect_anomaly(): {self.cause}"
        if self.cause is not None:
            return f"Sample {self.sample} of the data, run eagerly, raises {type(self.cause).__name__}: {self.cause}"
        return "No single sample causes it, only their sum does: scale the loss down, or use smaller batches"


def blame(objective: Objective, sources: Sources, columns: Any, positions: Sequence[int], value: bool) -> Blame:
    """Runs the samples of a batch eagerly, one by one, until a loss (value=True) or a gradient is not finite.

    The random draws must be set to their state before the batch, so that each sample gets the same ones again.
    """
    for k, position in enumerate(positions):
        sample, begun = rows_of(columns, k), sources.state_dict()
        try:
            y = objective.of_sample(*sample)
        except (ValueError, TypeError, LookupError, ArithmeticError) as error:
            return Blame(int(position), None, error)
        if not isinstance(y, Value) or (value and isfinite(y.data)):
            continue
        explanation = explain_nan(y)
        if explanation.kind is None:
            continue
        sources.load_state_dict(begun)
        try:
            with detect_anomaly():
                objective.of_sample(*sample).backward()
        except AnomalyError as error:
            return Blame(int(position), explanation, error)
        return Blame(int(position), explanation)
    return Blame()
