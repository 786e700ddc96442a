"""Losses: they take predictions and targets, and return one Value, ready for backward().

Predictions are a Value, or a list of them (one for each sample), or a list of such lists. Targets have the same shape,
unless they are class labels. reduction is "mean" or "sum", over all elements, or "none", which returns a loss for each
element, nested like the predictions. All losses are numerically stable: they compute from logits, with softplus and
logsumexp, and never take the logarithm of a probability. Targets, weights and variances may be Values, also traced
ones; only plain numbers are checked.
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
    """The squared error, (p - t)**2.

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
    """The absolute error, abs(p - t); its derivative is 0 where the error is 0.

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
    """Half the squared error up to delta, linear beyond (Huber 1964, "Robust estimation of a location parameter").

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
    """(log(var) + (p - t)**2 / var) / 2, for targets that are normal around the predictions, with variance var.

    var   nested like the predictions; one number may stand for a whole list of them; a Value below 0 gives nan
    full  True: adds the constant log(2 pi) / 2, so that the loss is the negative log of the density
    eps   a smaller variance is replaced by eps; var still gets the derivative at eps, so that it can grow again
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
    """max(var, least), but with derivative 1 by var even below `least`; a negative Value stays, so its log is nan.

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
                f"hinge(labels) takes -1 and 1, got {received(label)}: write 2 * label - 1 if yours are 0 and 1"
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

    weight      multiplies each loss: a number, one for each logit of a sample, or nested like the logits; the mean
                still divides by the number of losses
    pos_weight  multiplies the first term only, in the same forms; above 1, missed ones cost more than false alarms

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
    """-log(softmax(logits)[label]), for the logits of one sample and its class index, or for lists of both.

    labels           class indices, or for each sample a list of probabilities, one per class, which weight the losses
                     of the classes
    label_smoothing  the share of the target, from 0 to 1, that is spread evenly over all classes, so that a wrong label
                     pulls less (Szegedy et al. 2016, "Rethinking the Inception architecture", section 7)
    weight           one per class, multiplies the losses of that class; the mean divides by the sum of the labels'
                     weights, or for probabilities by the number of samples
    ignore_index     a label whose samples do not count, in the mean either; the mean of no samples is nan
    For a single sample the mean divides by its weight, so the weight has no effect. train.fit and .batch take the mean
    over samples themselves: give them reduction="sum", which is 0 for an ignored sample.
    Raises ValueError for a label that is not a whole number in 0..classes - 1, and for probabilities that do not add up
    to 1.

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
    "cross_entropy(reduction='mean') of a single sample divides by its weight, which then has no effect, and is nan if "
    "the sample is ignored: pass reduction='sum' if the mean is taken over samples later, as train.fit and .batch do"
)
