"""A step that came to inf or nan: which sample is to blame, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ..compiler.batching import rows_of
from ..engine import Value
from ..errors import AnomalyError
from ..explanation import NanExplanation, explain_nan
from ..recording.modes import detect_anomaly
from .checkpoint import Sources
from .objective import Objective


@dataclass(frozen=True)
class Blame:
    """The first sample that came to such a number alone, by its position in the data; None: none does.

    cause  names the line of the operation, where it is known
    """

    sample: int | None = None
    explanation: NanExplanation | None = None
    cause: Exception | None = None

    def __str__(self) -> str:
        if self.explanation is not None:
            text = f"Sample {self.sample} of the data has it alone; explain_nan of its loss says:\n{self.explanation}"
            return text if self.cause is None else f"{text}\nUnder detect_anomaly(): {self.cause}"
        if self.cause is not None:
            return f"Sample {self.sample} of the data, run eagerly, raises {type(self.cause).__name__}: {self.cause}"
        return "No sample has it alone: it comes of adding them up; scale the loss, or take smaller batches"


def blame(objective: Objective, sources: Sources, columns: Any, positions: Sequence[int], value: bool) -> Blame:
    """Runs the samples of a batch eagerly, one by one, until a loss (value=True) or a gradient is not finite.

    The draws are as they are before the batch, so that each sample meets the numbers that it met there.
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
