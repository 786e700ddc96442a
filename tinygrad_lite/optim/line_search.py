"""A line search for a step that meets the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .leaves import Array

# The share of the decrease that the slope predicts, and of the slope itself, that the strong Wolfe conditions allow.
_FALL, _FLAT = 1e-4, 0.9


class Trial(NamedTuple):
    """A step t along the direction, with the loss and gradient found there; NumPy numbers, which follow IEEE 754."""

    t: Any
    loss: Any
    slope: Any
    gradient: Array


def strong_wolfe(
    at: Callable[[Any], Trial], start: Trial, t: Any, width: float, tolerance: float, most: int
) -> tuple[Trial, int]:
    """The step to take, and how many were tried: Nocedal and Wright 2006, "Numerical optimization", alg. 3.5 and 3.6.

    It tries steps where the cubic through two earlier ones is smallest, as in minFunc (Schmidt 2005) and PyTorch.
    t          the first step to try
    width      the largest component of the direction
    tolerance  the search ends when the bracket moves no parameter further than this
    most       how many steps are tried after the first
    """
    before, now, tried = start, at(t), 0
    while tried < most:
        if not _falls(now, start) or (tried > 1 and now.loss >= before.loss):
            break
        if _is_flat(now, start):
            return now, tried + 1
        if now.slope >= 0.0:
            break
        further = _least(before, now, now.t + 0.01 * (now.t - before.t), 10.0 * now.t)
        before, now, tried = now, at(further), tried + 1
    else:
        before = start
    low, high = (before, now) if before.loss <= now.loss else (now, before)
    stalled = False
    while tried < most and not abs(high.t - low.t) * width < tolerance:
        ends = (low.t, high.t)
        t, stalled = _within(_least(low, high, min(ends), max(ends)), min(ends), max(ends), stalled)
        now, tried = at(t), tried + 1
        if not _falls(now, start) or now.loss >= low.loss:
            low, high = (low, now) if low.loss <= now.loss else (now, low)
        elif _is_flat(now, start):
            return now, tried + 1
        else:
            low, high = now, low if now.slope * (high.t - low.t) >= 0.0 else high
    return low, tried + 1


def _falls(now: Trial, start: Trial) -> bool:
    return not now.loss > start.loss + _FALL * now.t * start.slope


def _is_flat(now: Trial, start: Trial) -> bool:
    return bool(abs(now.slope) <= -_FLAT * start.slope)


def _within(t: Any, left: Any, right: Any, stalled: bool) -> tuple[Any, bool]:
    """Keeps t a tenth of the bracket away from its ends, but lets it come nearer once; returns (t, whether it did)."""
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if not stalled and left < t < right:
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False


def _least(a: Trial, b: Trial, lowest: Any, highest: Any) -> Any:
    """Where the cubic through two steps' losses and slopes is smallest, within the bounds; else their middle."""
    import numpy as np

    left, right = (a, b) if a.t <= b.t else (b, a)
    bend = left.slope + right.slope - 3.0 * (left.loss - right.loss) / (left.t - right.t)
    square = bend * bend - left.slope * right.slope
    if square >= 0.0:
        root = np.sqrt(square)
        share = (right.slope + root - bend) / (right.slope - left.slope + 2.0 * root)
        t = right.t - (right.t - left.t) * share
        if not np.isnan(t):
            return min(max(t, lowest), highest)
    return (lowest + highest) / 2.0
