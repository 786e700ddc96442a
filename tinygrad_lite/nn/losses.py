"""Losses: predictions and targets in, one Value out, ready for backward().

Predictions are a Value, or a list of them (one for each sample), or a list of such lists; targets are of the same
shape, except where they are class labels. reduction is "mean" or "sum", over all elements. All are stable: from logits,
by softplus and logsumexp, never by the logarithm of a probability.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, cast

from .. import ops
from ..engine import Value
from ..errors import ShapeError, not_a_number, received
from .inputs import as_list, within


def mse(predictions: Any, targets: Any, reduction: str = "mean") -> Value:
    """Squared error, (p - t)**2.

    >>> mse([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    2.5
    """
    reduce = _reduction("mse", reduction)
    errors = [p - t for p, t in _pairs("mse", predictions, targets)]
    return reduce(ops.dot(errors, errors), len(errors))


def huber(predictions: Any, targets: Any, delta: float = 1.0, reduction: str = "mean") -> Value:
    """Squared error / 2 up to delta, from there on linear (Huber 1964, "Robust estimation of a location parameter").

    >>> huber([Value(0.5), Value(3.0)], [0.0, 0.0], reduction="sum").data
    2.625
    """
    reduce = _reduction("huber", reduction)
    if not (isinstance(delta, (int, float)) and delta > 0.0):
        raise ValueError(f"huber(delta=...) must be a positive number, got {received(delta)}")
    losses = []
    for p, t in _pairs("huber", predictions, targets):
        error = p - t
        near = ops.clip(error, -delta, delta)
        losses.append(near * (error - 0.5 * near))
    return reduce(ops.sum(losses), len(losses))


def hinge(scores: Any, labels: Any, reduction: str = "mean") -> Value:
    """max(0, 1 - label * score), for labels -1 and 1 (Cortes and Vapnik 1995, "Support-vector networks").

    >>> hinge([Value(0.5), Value(0.5)], [1, -1]).data
    1.0
    """
    reduce = _reduction("hinge", reduction)
    losses = []
    for score, label in _pairs("hinge", scores, labels, "labels"):
        if type(label) is not Value and label != 1 and label != -1:
            raise ValueError(
                f"hinge(labels) takes -1 and 1, got {received(label)}: 2 * label - 1 makes them of 0 and 1"
            )
        losses.append(_relu(1.0 - label * score))
    return reduce(ops.sum(losses), len(losses))


def binary_cross_entropy_with_logits(logits: Any, targets: Any, reduction: str = "mean") -> Value:
    """-t log(p) - (1 - t) log(1 - p) with p = sigmoid(logit), for targets from 0 to 1.

    >>> round(binary_cross_entropy_with_logits(Value(100.0), 0).data, 3)
    100.0
    """
    name = "binary_cross_entropy_with_logits"
    reduce = _reduction(name, reduction)
    losses = []
    for logit, target in _pairs(name, logits, targets):
        if type(target) is not Value:
            if not 0 <= target <= 1:
                raise ValueError(f"{name}(targets) takes probabilities from 0 to 1, got {received(target)}")
            if target == 0 or target == 1:
                losses.append(ops.softplus(-logit if target else logit))
                continue
        losses.append(target * ops.softplus(-logit) + (1.0 - target) * ops.softplus(logit))
    return reduce(ops.sum(losses), len(losses))


def cross_entropy(logits: Any, labels: Any, reduction: str = "mean", label_smoothing: float = 0.0) -> Value:
    """-log(softmax(logits)[label]): logits of one sample and its class index, or lists of both.

    label_smoothing  the share of the target, from 0 to 1, that is spread evenly over all classes, so that a wrong label
                     pulls less (Szegedy et al. 2016, "Rethinking the Inception architecture", section 7)
    ValueError for a label that is not a whole number in 0..classes - 1.

    >>> round(cross_entropy([[Value(0.0), Value(0.0)]], [1]).data, 4)
    0.6931
    """
    reduce = _reduction("cross_entropy", reduction)
    smoothing = within("cross_entropy(label_smoothing=...)", label_smoothing, 0.0, 1.0)
    rows, indices = as_list(logits), as_list(labels)
    if not isinstance(indices, list):
        rows, indices = [rows], [indices]
    if not isinstance(rows, list) or len(rows) != len(indices):
        raise ShapeError(
            "cross_entropy(logits, labels) takes a list of logits and a label for each sample, "
            f"got {received(rows)} and {len(indices)} labels"
        )
    if not rows:
        raise _no_samples("cross_entropy")
    losses = []
    for row, label in zip(rows, indices, strict=True):
        row = as_list(row)
        if not isinstance(row, list) or not row:
            raise ShapeError(
                f"cross_entropy(logits) takes a list of logits for each sample, one a class, got {received(row)}: "
                "for a single output there is binary_cross_entropy_with_logits"
            )
        target = _of_class(row, label)
        if smoothing:
            target = (1.0 - smoothing) * target + smoothing * ops.mean(row)
        losses.append(ops.logsumexp(row) - target)
    return reduce(ops.sum(losses), len(losses))


def _of_class(row: list[Any], label: Any) -> Any:
    """The logit of a class; of a Value, by an operation, so that a trace may choose."""
    if type(label) is Value:
        return ops.take(row, label)
    try:
        index = int(label) if isinstance(label, float) and label.is_integer() else operator.index(label)
    except TypeError:
        raise ValueError(f"cross_entropy(labels) takes class indices, got {received(label)}") from None
    if not 0 <= index < len(row):
        raise ValueError(f"cross_entropy(labels) takes class indices, here 0..{len(row) - 1}, got {index}")
    return row[index]


def _relu(x: Any) -> Any:
    return x.relu() if type(x) is Value else ops.relu(x)


def _reduction(name: str, reduction: str) -> Callable[[Any, int], Value]:
    """What to do with the total of so many losses."""
    if reduction == "mean":
        return lambda total, n: cast(Value, total * (1.0 / n))
    if reduction == "sum":
        return lambda total, n: cast(Value, total)
    raise ValueError(f"{name}(reduction=...) is 'mean' or 'sum', got {reduction!r}")


def _pairs(name: str, predictions: Any, targets: Any, called: str = "targets") -> Sequence[tuple[Any, Any]]:
    """Predictions with their targets, of any nesting, laid flat; ShapeError where the nesting differs."""
    predictions, targets = as_list(predictions), as_list(targets)
    nested = isinstance(predictions, list), isinstance(targets, list)
    if nested == (False, False):
        for who, number in (("predictions", predictions), (called, targets)):
            if type(number) is not Value and not isinstance(number, Real):
                raise not_a_number(f"{name}({who})", number)
        return [(predictions, targets)]
    if nested != (True, True) or len(predictions) != len(targets):
        raise ShapeError(
            f"{name}(...) takes {called} nested as the predictions, got {received(predictions)} for the predictions "
            f"and {received(targets)} for the {called}"
        )
    if not predictions:
        raise _no_samples(name)
    pairs: list[tuple[Any, Any]] = []
    for p, t in zip(predictions, targets, strict=True):
        if type(p) is Value and (type(t) is float or type(t) is int):
            pairs.append((p, t))
        else:
            pairs += _pairs(name, p, t, called)
    return pairs


def _no_samples(name: str) -> ShapeError:
    return ShapeError(f"{name}(...) of no samples is not defined, got an empty list")
