"""Losses: predictions and targets in, one Value out, ready for backward().

Predictions are a Value, or a list of them (one for each sample), or a list of such lists; targets are of the same
shape, except where they are class labels. reduction is "mean" or "sum", over all elements, or "none": a loss for each,
nested as the predictions. All are stable: from logits, by softplus and logsumexp, never by the logarithm of a
probability. Targets, weights and variances may be Values, also traced ones; what is checked is plain numbers.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal, overload

from .. import ops
from ..engine import Value
from ..errors import received
from ..floats.expected import POSITIVE, UP_TO_INF
from .class_labels import Classes, samples
from .inputs import as_lists
from .targets import along_last, for_each, pairs, prepared, reduced, scaled


@overload
def mse(predictions: Any, targets: Any, reduction: Literal["none"]) -> Any: ...
@overload
def mse(predictions: Any, targets: Any, reduction: str = "mean") -> Value: ...
def mse(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """Squared error, (p - t)**2.

    >>> mse([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    2.5
    """
    predictions = prepared("mse", reduction, predictions)
    errors = [p - t for p, t in pairs("mse", predictions, targets)]
    if reduction == "none":
        return reduced(reduction, [error * error for error in errors], predictions)
    return scaled(reduction, ops.dot(errors, errors), len(errors))


@overload
def l1(predictions: Any, targets: Any, reduction: Literal["none"]) -> Any: ...
@overload
def l1(predictions: Any, targets: Any, reduction: str = "mean") -> Value: ...
def l1(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """Absolute error, abs(p - t); its derivative is 0 where there is no error.

    >>> l1([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    1.5
    """
    predictions = prepared("l1", reduction, predictions)
    losses = [abs(p - t) for p, t in pairs("l1", predictions, targets)]
    return reduced(reduction, losses, predictions)


@overload
def huber(predictions: Any, targets: Any, delta: float = 1.0, *, reduction: Literal["none"]) -> Any: ...
@overload
def huber(predictions: Any, targets: Any, delta: float = 1.0, reduction: str = "mean") -> Value: ...
def huber(predictions: Any, targets: Any, delta: float = 1.0, reduction: str = "mean") -> Any:
    """Squared error / 2 up to delta, from there on linear (Huber 1964, "Robust estimation of a location parameter").

    >>> huber([Value(0.5), Value(3.0)], [0.0, 0.0], reduction="sum").data
    2.625
    """
    predictions = prepared("huber", reduction, predictions)
    delta = POSITIVE.checked("huber(delta=...)", delta)
    losses = []
    for p, t in pairs("huber", predictions, targets):
        error = p - t
        near = ops.clip(error, -delta, delta)
        losses.append(near * (error - 0.5 * near))
    return reduced(reduction, losses, predictions)


@overload
def gaussian_nll(
    predictions: Any, targets: Any, var: Any, full: bool = False, eps: float = 1e-6, *, reduction: Literal["none"]
) -> Any: ...
@overload
def gaussian_nll(
    predictions: Any, targets: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Value: ...
def gaussian_nll(
    predictions: Any, targets: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """(log(var) + (p - t)**2 / var) / 2: targets are normally distributed around the predictions with variance var.

    var   nested as the predictions, where a number may stand for a whole list of them; a Value below 0 gives nan
    full  True: the constant log(2 pi) / 2 is added, so that it is the negative logarithm of the density
    eps   the least variance that is reckoned with; what var gets is the derivative there, so that it may rise again
    Nix and Weigend 1994, "Estimating the mean and variance of the target probability distribution".

    >>> gaussian_nll([Value(1.0), Value(3.0)], [0.0, 1.0], [1.0, 1.0]).data
    1.25
    """
    name = "gaussian_nll"
    predictions = as_lists(prepared(name, reduction, predictions))
    least = UP_TO_INF.checked(f"{name}(eps=...)", eps, TypeError)
    matched = pairs(name, predictions, targets)
    losses = []
    for (p, t), variance in zip(matched, for_each(f"{name}(var)", var, predictions), strict=True):
        v, error = _at_least(variance, least), p - t
        loss = 0.5 * (ops.log(v) + ops.div(error * error, v))
        losses.append(loss + 0.5 * math.log(2.0 * math.pi) if full else loss)
    return reduced(reduction, losses, predictions)


def _at_least(var: Any, least: float) -> Any:
    """A variance that is not below the least, with derivative 1 also where it was; a negative one stays, for its log.

    >>> _at_least(Value(1.0), 0.5).data, _at_least(Value(0.25), 0.5).data, _at_least(Value(-1.0), 0.5).data
    (1.0, 0.5, -1.0)
    """
    if type(var) is not Value:
        return max(var, least)
    still = ops.stop_gradient(var)
    return var + ops.where(ops.less(still, 0.0), 0.0, ops.relu(least - still))


@overload
def hinge(scores: Any, labels: Any, reduction: Literal["none"]) -> Any: ...
@overload
def hinge(scores: Any, labels: Any, reduction: str = "mean") -> Value: ...
def hinge(scores: Any, labels: Any, reduction: str = "mean") -> Any:
    """max(0, 1 - label * score), for labels -1 and 1 (Cortes and Vapnik 1995, "Support-vector networks").

    >>> hinge([Value(0.5), Value(0.5)], [1, -1]).data
    1.0
    """
    scores = prepared("hinge", reduction, scores)
    losses = []
    for score, label in pairs("hinge", scores, labels, "labels"):
        if type(label) is not Value and label != 1 and label != -1:
            raise ValueError(
                f"hinge(labels) takes -1 and 1, got {received(label)}: 2 * label - 1 makes them of 0 and 1"
            )
        losses.append(_relu(1.0 - label * score))
    return reduced(reduction, losses, scores)


def _relu(x: Any) -> Any:
    return x.relu() if type(x) is Value else ops.relu(x)


@overload
def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, reduction: Literal["none"], *, weight: Any = None, pos_weight: Any = None
) -> Any: ...
@overload
def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, reduction: str = "mean", *, weight: Any = None, pos_weight: Any = None
) -> Value: ...
def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, reduction: str = "mean", *, weight: Any = None, pos_weight: Any = None
) -> Any:
    """-t log(p) - (1 - t) log(1 - p) with p = sigmoid(logit), for targets from 0 to 1.

    weight      of each loss: a number, one for each logit of a sample, or nested as the logits; the mean is over their
                number, whatever the weights
    pos_weight  of the first term alone, given likewise: above 1, ones that are missed cost more than false alarms

    >>> round(binary_cross_entropy_with_logits(Value(100.0), 0).data, 3)
    100.0
    >>> binary_cross_entropy_with_logits([-100.0, 100.0], [1, 0], "none", pos_weight=3.0)
    [300.0, 100.0]
    """
    name = "binary_cross_entropy_with_logits"
    logits = prepared(name, reduction, logits)
    if weight is not None or pos_weight is not None:
        logits = as_lists(logits)
    losses = []
    positive = None if pos_weight is None else along_last(f"{name}(pos_weight=...)", pos_weight, logits)
    for k, (logit, target) in enumerate(pairs(name, logits, targets)):
        if type(target) is not Value and not 0 <= target <= 1:
            raise ValueError(f"{name}(targets) takes probabilities from 0 to 1, got {received(target)}")
        losses.append(_binary(logit, target, None if positive is None else positive[k]))
    if weight is not None:
        weights = along_last(f"{name}(weight=...)", weight, logits)
        losses = [w * loss for w, loss in zip(weights, losses, strict=True)]
    return reduced(reduction, losses, logits)


def _binary(logit: Any, target: Any, positive: Any) -> Any:
    if type(target) is not Value and (target == 0 or target == 1):
        loss = ops.softplus(-logit if target else logit)
        return loss if positive is None or not target else positive * loss
    ones = target if positive is None else positive * target
    return ones * ops.softplus(-logit) + (1.0 - target) * ops.softplus(logit)


@overload
def cross_entropy(
    logits: Any, labels: Any, reduction: Literal["none"], label_smoothing: float = 0.0, *, weight: Any = None,
    ignore_index: int | None = None,
) -> Any: ...  # fmt: skip
@overload
def cross_entropy(
    logits: Any, labels: Any, reduction: str = "mean", label_smoothing: float = 0.0, *, weight: Any = None,
    ignore_index: int | None = None,
) -> Value: ...  # fmt: skip
def cross_entropy(
    logits: Any, labels: Any, reduction: str = "mean", label_smoothing: float = 0.0, *, weight: Any = None,
    ignore_index: int | None = None,
) -> Any:  # fmt: skip
    """-log(softmax(logits)[label]): logits of one sample and its class index, or lists of both.

    labels           class indices, or for each sample a list of probabilities, one a class: a mean over their losses
    label_smoothing  the share of the target, from 0 to 1, that is spread evenly over all classes, so that a wrong label
                     pulls less (Szegedy et al. 2016, "Rethinking the Inception architecture", section 7)
    weight           of each class, by which its losses are multiplied; the mean divides by the weights of the labels,
                     with probabilities by the number of samples
    ignore_index     a label whose samples count for nothing, in the mean neither; the mean of none is nan
    Of one sample alone the mean takes its weight out again. train.fit and .batch take the mean over samples themselves,
    so give them reduction="sum" there, which is 0 for a sample that is ignored.
    ValueError for a label that is not a whole number in 0..classes - 1, for probabilities that do not add up to 1.

    >>> round(cross_entropy([[Value(0.0), Value(0.0)]], [1]).data, 4)
    0.6931
    >>> [round(x, 4) for x in cross_entropy([[0.0, 0.0]] * 3, [0, 1, -1], "none", weight=[1.0, 2.0], ignore_index=-1)]
    [0.6931, 1.3863, 0.0]
    """
    prepared("cross_entropy", reduction, None)
    classes = Classes(weight, ignore_index, label_smoothing)
    rows, targets, alone = samples(logits, labels)
    soft, losses, shares = isinstance(targets[0], list), [], []
    for row, target in zip(rows, targets, strict=True):
        if soft:
            losses.append(classes.of_probabilities(row, target))
        else:
            loss, share = classes.of_label(row, target)
            losses.append(loss)
            shares.append(share)
    if reduction == "none":
        return losses[0] if alone else losses
    total = ops.sum(losses)
    if soft or reduction == "sum" or classes.count_alike:
        return scaled(reduction, total, len(losses))
    if alone and (weight is not None or type(shares[0]) is Value or not shares[0]):
        warnings.warn(_ALONE, stacklevel=2)
    return ops.div(total, ops.sum(shares))


_ALONE = (
    "cross_entropy(reduction='mean') of one sample alone divides by its weight, which is taken out again, and is nan "
    "where it is ignored: pass reduction='sum' where another takes the mean over samples, as train.fit and .batch do"
)
