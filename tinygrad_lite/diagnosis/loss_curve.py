"""Findings from the history of a training: a loss that rises, and overfitting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..text.wording import number
from .finding import Finding

RISES = 1.25
"""The validation loss may end at its minimum times this."""
LOST = 0.5
"""The loss may rise again by this part of its fall."""
_LAST = 3
"""The mean over this many epochs is the end of a training, since a single epoch is noisy."""


def in_history(history: Sequence[Mapping[str, float]]) -> list[Finding]:
    """The findings from rows with "loss" and perhaps "val_loss"; ValueError for rows without a loss."""
    if not all(isinstance(row, Mapping) and "loss" in row for row in history):
        raise ValueError('diagnose(history) takes rows with a "loss", such as {"loss": 0.5, "val_loss": 0.7}')
    losses = [row["loss"] for row in history]
    if len(losses) <= _LAST and all(map(math.isfinite, losses)):
        return []
    found = _rising(losses)
    if not found and all("val_loss" in row for row in history):
        found = _overfitting(losses, [row["val_loss"] for row in history])
    return found


def _end(losses: Sequence[float]) -> float:
    return sum(losses[-_LAST:]) / _LAST


def _rising(losses: Sequence[float]) -> list[Finding]:
    finite = [x for x in losses if math.isfinite(x)] or [math.nan]
    first, least, end = losses[0], min(finite), _end(losses)
    if math.isfinite(end) and end - least <= LOST * (first - least):
        return []
    words = f"the loss started at {number(first)}, fell to {number(least)}, and ended at {number(losses[-1])}"
    cure = "a third or a tenth of the learning rate, a schedule that lowers it, optim.clip_grad_norm_ before each step"
    return [Finding("learning rate too high", "history", losses[-1], words, cure)]


def _overfitting(losses: Sequence[float], validation: Sequence[float]) -> list[Finding]:
    best = min(range(len(validation)), key=validation.__getitem__)
    end = _end(validation)
    if end <= RISES * validation[best] or _end(losses) >= losses[best]:
        return []
    words = (
        f"since epoch {best + 1} the validation loss has risen from {number(validation[best])} to {number(end)}, while "
        f"the loss has fallen from {number(losses[best])} to {number(losses[-1])}"
    )
    cure = (
        f"stop early, at epoch {best + 1}; weight decay (optim.AdamW), dropout, a smaller network, or more data, which "
        "helps most"
    )
    return [Finding("overfitting", "history", end / validation[best], words, cure)]
