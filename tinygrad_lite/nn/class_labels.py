"""The targets of cross_entropy: class labels or probabilities, class weights, and a label to ignore."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ShapeError, not_a_number, received
from ..floats.expected import SHARE, Expected, as_whole
from .inputs import as_list, as_row
from .targets import from_zero, no_samples

_SUM_TO_ONE = 1e-3
"""How far the sum of probabilities may be from 1, enough for half precision."""
_LABELS = "cross_entropy(labels) takes class indices"


def samples(logits: Any, labels: Any) -> tuple[list[Any], list[Any], bool]:
    """The logits of each sample, its target (a label or a list of probabilities), and whether it is a single sample."""
    rows, targets = as_list(logits), as_list(labels)
    if not isinstance(targets, list):
        return [rows], [targets], True
    if isinstance(rows, list):
        rows = [as_list(row) for row in rows]
        if len(rows) > 1 and not isinstance(rows[0], list):
            return [rows], [targets], True
    if not isinstance(rows, list) or len(rows) != len(targets):
        raise ShapeError(
            "cross_entropy(logits, labels) takes a list of logits (scores before softmax) and a label for each sample, "
            f"got {received(rows)} as logits and {len(targets)} labels"
        )
    if not rows:
        raise no_samples("cross_entropy")
    if not isinstance(targets[0], (int, float, Value)):
        targets = [as_list(target) for target in targets]
    return rows, targets, False


class Classes:
    """The settings of cross_entropy, checked: how much each class counts.

    weights  one for each class, or None
    ignored  the label of samples that do not count, or None
    """

    def __init__(self, weight: Any, ignore_index: Any, label_smoothing: Any) -> None:
        self._smoothing = SHARE.checked("cross_entropy(label_smoothing=...)", label_smoothing, TypeError)
        self.ignored: int | None = None
        if ignore_index is not None:
            self.ignored = _CLASS.checked("cross_entropy(ignore_index=...)", ignore_index)
        self.weights: list[Any] | None = None
        if weight is not None:
            self.weights = [from_zero("cross_entropy(weight=...)", w) for w in as_row(weight)]
            self._mean_weight = ops.mean(self.weights)
        self.count_alike = weight is None and ignore_index is None  # then the mean over labels is that over samples
        self._plain = self.count_alike and not self._smoothing

    def of_label(self, row: Any, label: Any) -> tuple[Any, Any]:
        """The loss for logits and a class index, and its weight in a mean."""
        if self._plain and type(label) is int and type(row) is list and 0 <= label < len(row):
            return ops.logsumexp(row) - row[label], 1.0
        self._check(row)
        counts: Any = None
        if type(label) is Value:  # operations choose here, so that a compiled program can choose too
            if self.ignored is not None:
                counts = ops.not_equal(label, float(self.ignored))
                if not 0 <= self.ignored < len(row):
                    label = ops.where(counts, label, 0.0)
            score = ops.take(row, label)
            share = 1.0 if self.weights is None else ops.take(self.weights, label)
        else:
            index = label if type(label) is int else _CLASS.checked("a label of cross_entropy(labels)", label)
            if index == self.ignored:
                return Value(0.0) if any(type(x) is Value for x in row) else 0.0, 0.0
            if not 0 <= index < len(row):
                raise self._out_of_range(index, len(row))
            score = row[index]
            share = 1.0 if self.weights is None else self.weights[index]
        loss = self._loss(row, share, score if self.weights is None else share * score)
        if counts is None:
            return loss, share
        return ops.where(counts, loss, 0.0), counts if self.weights is None else share * counts

    def of_probabilities(self, row: Any, target: Any) -> Any:
        """The loss for logits and the probabilities of their classes."""
        self._check(row)
        if self.ignored is not None:
            raise ValueError(
                "cross_entropy(ignore_index=...) is for labels that are class indices, got probabilities: leave out "
                "the samples that should not count"
            )
        chosen = _probabilities(row, target)
        if self.weights is not None:
            chosen = [w * p for w, p in zip(self.weights, chosen, strict=True)]
        return self._loss(row, ops.sum(chosen), ops.dot(row, chosen))

    def _loss(self, row: list[Any], share: Any, score: Any) -> Any:
        """The target's part of -log(softmax(row)): share * logsumexp(row) - score, with label smoothing.

        share  the sum of the target's weights
        score  the logits times these weights, summed
        """
        smoothing = self._smoothing
        if smoothing and self.weights is None:
            score = (1.0 - smoothing) * score + smoothing * ops.mean(row)
            share = (1.0 - smoothing) * share + smoothing
        elif smoothing:
            score = (1.0 - smoothing) * score + (smoothing / len(row)) * ops.dot(row, self.weights)
            share = (1.0 - smoothing) * share + smoothing * self._mean_weight
        total = ops.logsumexp(row)
        return total - score if _is_one(share) else share * total - score

    def _check(self, row: Any) -> None:
        if not isinstance(row, list) or not row:
            raise ShapeError(
                f"cross_entropy(logits) takes a list of logits for each sample, one per class, got {received(row)}: "
                "for a single output use binary_cross_entropy_with_logits"
            )
        if self.weights is not None and len(self.weights) != len(row):
            raise ShapeError(
                f"cross_entropy(weight=...) takes one weight per class, here {len(row)}, got {len(self.weights)}"
            )

    def _out_of_range(self, index: int, classes: int) -> ValueError:
        instead = f": pass ignore_index={index} to leave such samples out" if index < 0 and self.ignored is None else ""
        return ValueError(f"{_LABELS}, here 0..{classes - 1}, got {index}{instead}")


def _class_index(x: Any) -> int:
    return int(x) if type(x) is bool or (isinstance(x, float) and x.is_integer()) else as_whole(x)


_CLASS = Expected("a class index", _class_index)


def _is_one(share: Any) -> bool:
    return type(share) is float and share == 1.0


def _probabilities(row: list[Any], target: Any) -> list[Any]:
    """The probabilities of one sample's classes; plain numbers are checked."""
    if not isinstance(target, list) or len(target) != len(row):
        raise ShapeError(
            "cross_entropy(labels) takes a class index for every sample, or for every sample a list of probabilities, "
            f"one per class, here {len(row)}, got {received(target)}"
        )
    for p in target:
        if type(p) is not Value and not isinstance(p, Real):
            raise not_a_number("cross_entropy(labels)", p)
    plain = [p for p in target if type(p) is not Value]
    wrong = [received(p) for p in plain if not 0 <= p <= 1]
    if not wrong and len(plain) == len(target) and abs(math.fsum(plain) - 1.0) > _SUM_TO_ONE:
        wrong = [f"probabilities that add up to {math.fsum(plain):g}"]
    if wrong:
        raise ValueError(
            "cross_entropy(labels) takes a class index for a list of logits, or probabilities that add up to 1, got "
            f"{wrong[0]}: if each sample has a single logit, use binary_cross_entropy_with_logits"
        )
    return target
