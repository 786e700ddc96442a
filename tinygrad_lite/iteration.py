"""z = f(z) by iteration, and what is said where it does not settle."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import ConvergenceError

_GROWTH, _FLOOR, _SHOWN = 1e12, 1e-13, 4


@dataclass(frozen=True)
class Settings:
    """How to iterate.

    tol        a step that changes nothing by more than this, relative to the largest |z|, is the last
    max_steps  how many there are at most
    damping    how much of the way each goes: z + damping * (f(z) - z)
    of         what is iterated, for messages
    relative   whether tol is relative to the largest |z| also where that is below 1
    """

    tol: float
    max_steps: int
    damping: float
    of: str
    relative: bool = False


def settled(
    step: Callable[[list[float]], list[float]], start: Sequence[float], settings: Settings
) -> tuple[list[float], list[float]]:
    """The fixed point, and the residual of each step. Raises ConvergenceError."""
    z, residuals = list(start), list[float]()
    if not z:
        return z, residuals
    least = 0.0 if settings.relative else 1.0
    damping, tol, first = settings.damping, settings.tol, 0.0
    for _ in range(settings.max_steps):
        after = step(z)
        change = max(map(abs, map(operator.sub, after, z)))
        size = max(least, max(map(abs, after)))
        residual = change / size if size > 0.0 else change
        if not math.isfinite(sum(after)):  # max() overlooks nan
            residual = math.nan
        first = first or max(1.0, size)
        residuals.append(residual)
        z = after if damping == 1.0 else [a + damping * (b - a) for a, b in zip(z, after, strict=True)]
        if residual <= tol:
            return z, residuals
        if not residual <= _GROWTH or size > _GROWTH * first:
            break
    raise _refusal(settings, residuals, None)


def settled_lanes(step: Callable[[Any], Any], start: Any, settings: Settings) -> Any:
    """The fixed points of many lanes, (numbers, lanes), by a step on arrays of that shape. Raises ConvergenceError.

    A lane that has settled stays as it is while others go on, so that it gets what it would get alone.
    """
    z = np.asarray(start, dtype=float)
    if z.size == 0:
        return z
    history: list[Any] = []
    open_lanes, first = np.ones(z.shape[1], bool), 0.0
    with np.errstate(all="ignore"):
        for _ in range(settings.max_steps):
            after = step(z)
            change, size = np.abs(after - z).max(0), np.abs(after).max(0)
            if not settings.relative:
                size = np.maximum(size, 1.0)
            residual = np.where(open_lanes, np.divide(change, size, out=change.copy(), where=size > 0.0), 0.0)
            history.append(residual)
            if settings.damping != 1.0:
                after = z + settings.damping * (after - z)
            z = after if open_lanes.all() else np.where(open_lanes, after, z)
            worst = residual.max()
            if worst <= settings.tol:
                return z
            first = first or max(1.0, size.max())
            if not worst <= _GROWTH or size.max() > _GROWTH * first:
                break
            open_lanes = residual > settings.tol
    lane = int(np.argmax(np.where(np.isnan(history[-1]), math.inf, history[-1])))
    raise _refusal(settings, [float(r[lane]) for r in history], lane)


def _refusal(settings: Settings, residuals: Sequence[float], lane: int | None) -> ConvergenceError:
    """The error for an iteration with these residuals."""
    last, steps = residuals[-1], len(residuals)
    where = "" if lane is None else f" in lane {lane} of the batch"
    shown = ", ".join([f"{r:.3g}" for r in residuals[-_SHOWN:]])
    start = f"{settings.of}{where}: no fixed point after {steps} step{'s' * (steps != 1)}: "
    trace = f"; residuals {'..., ' if steps > _SHOWN else ''}{shown}. "
    rate = _rate(residuals)
    if not math.isfinite(last) and rate < 2.0:
        kind, text = "not finite", f"f(z) is not finite from step {steps} on{trace}"
        text += "Look for a log, a division or an exp of what may be out of range, or start elsewhere"
    elif last <= _FLOOR:
        kind, text = "slow convergence", f"what remains is rounding, tol={settings.tol:g} asks for less{trace}"
        text += "Take a larger tol"
    elif rate < 0.9999:
        more = math.ceil(math.log(settings.tol / last) / math.log(rate))
        kind, text = "slow convergence", f"each step leaves {rate:.4g} of the residual{trace}"
        text += f"Try max_steps={steps + 2 * more}, or smaller weights, which contract more"
    else:
        kind, text = "divergence", f"the residual does not shrink{trace}"
        damped = settings.damping / 2
        text += f"Try damping={damped:g}, which helps where z swings to and fro, or smaller weights"
    return ConvergenceError(f"{start}{kind}: {text}", kind, tuple(residuals))


def _rate(residuals: Sequence[float]) -> float:
    """By how much a step changes the residual, over the second half of those that are finite."""
    finite = [r for r in residuals if math.isfinite(r) and r > 0.0]
    half = len(finite) // 2
    if len(finite) - 1 <= half:
        return 1.0
    return float((finite[-1] / finite[half]) ** (1.0 / (len(finite) - 1 - half)))
