"""Matches predictions, targets and weights number by number, and reduces the losses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ShapeError, not_a_number, received
from ..floats.expected import NONNEGATIVE, one_of
from .inputs import as_list, as_lists


def prepared(name: str, reduction: str, predictions: Any) -> Any:
    """The predictions, as nested lists where "none" needs their nesting again; ValueError for an unknown reduction."""
    if reduction == "mean" or reduction == "sum":
        return predictions
    one_of("mean", "sum", "none").checked(f"{name}(reduction=...)", reduction)
    return as_lists(predictions)


def reduced(reduction: str, losses: Sequence[Any], predictions: Any) -> Any:
    """The mean or the sum of the losses, or all of them, nested like the predictions."""
    if reduction == "none":
        return _nested_as(predictions, iter(losses))
    return scaled(reduction, ops.sum(losses), len(losses))


def scaled(reduction: str, total: Any, n: int) -> Any:
    """The total of n losses, or their mean."""
    return total * (1.0 / n) if reduction == "mean" else total


def _nested_as(lists: Any, numbers: Iterator[Any]) -> Any:
    return [_nested_as(item, numbers) for item in lists] if isinstance(lists, list) else next(numbers)


def pairs(name: str, predictions: Any, targets: Any, called: str = "targets") -> Sequence[tuple[Any, Any]]:
    """A flat list of (prediction, target) pairs, from any nesting; ShapeError if the nestings differ."""
    predictions, targets = as_list(predictions), as_list(targets)
    nested = isinstance(predictions, list), isinstance(targets, list)
    if nested == (False, False):
        for who, number in (("predictions", predictions), (called, targets)):
            if type(number) is not Value and not isinstance(number, Real):
                raise not_a_number(f"{name}({who})", number)
        return [(predictions, targets)]
    if nested != (True, True) or len(predictions) != len(targets):
        raise ShapeError(
            f"{name}(...) takes {called} nested like the predictions, got {received(predictions)} as predictions "
            f"and {received(targets)} as {called}"
        )
    if not predictions:
        raise no_samples(name)
    found: list[tuple[Any, Any]] = []
    for p, t in zip(predictions, targets, strict=True):
        if type(p) is Value and (type(t) is float or type(t) is int):
            found.append((p, t))
        else:
            found += pairs(name, p, t, called)
    return found


def no_samples(name: str) -> ShapeError:
    return ShapeError(f"{name}(...) is not defined for no samples, got an empty list")


def from_zero(who: str, x: Any) -> Any:
    """A weight or a variance: a Value as it is, a plain number checked; True, of a mask, is 1."""
    return x if type(x) is Value else NONNEGATIVE.checked(who, float(x) if type(x) is bool else x, TypeError)


def for_each(who: str, numbers: Any, predictions: Any) -> list[Any]:
    """A flat list with a number for each prediction; one number may stand for a whole list of predictions."""
    numbers = as_list(numbers)
    if not isinstance(numbers, list):
        return [from_zero(who, numbers)] * _size(predictions)
    if not isinstance(predictions, list) or len(numbers) != len(predictions):
        raise ShapeError(
            f"{who} takes a number, or numbers nested like the predictions, where one may stand for a whole list, got "
            f"{received(numbers)} for predictions that are {received(predictions)}"
        )
    return [x for part, inner in zip(numbers, predictions, strict=True) for x in for_each(who, part, inner)]


def along_last(who: str, weights: Any, predictions: Any) -> list[Any]:
    """A flat list with a weight for each prediction, from one for all, one per position on the last axis, or all."""
    weights = as_lists(weights)
    if isinstance(weights, list) and _depth(weights) < _depth(predictions):
        return [x for inner in predictions for x in along_last(who, weights, inner)]
    if isinstance(weights, list) and isinstance(predictions, list) and len(weights) == len(predictions):
        return [x for part, inner in zip(weights, predictions, strict=True) for x in along_last(who, part, inner)]
    if isinstance(weights, list):
        raise ShapeError(
            f"{who} takes a number, one for each prediction of a sample, or numbers nested like the predictions, got "
            f"{received(weights)} for predictions that are {received(predictions)}"
        )
    return [from_zero(who, weights)] * _size(predictions)


def _depth(lists: Any) -> int:
    return 1 + max(map(_depth, lists), default=0) if isinstance(lists, list) else 0


def _size(lists: Any) -> int:
    return sum(map(_size, lists)) if isinstance(lists, list) else 1
