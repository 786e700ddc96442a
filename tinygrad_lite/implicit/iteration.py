"""Solves z = f(z) by iteration, and explains why an iteration does not settle."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import ConvergenceError

_GROWTH, _FLOOR, _SHOWN = 1e12, 1e-13, 4
# The slope is estimated from _LAST steps, if they follow one slope up to the part _STEADY of their length.
_LAST, _STEADY, _LARGEST = 6, 0.05, 1e150
# A step that leaves a part of the residual this close to 1 makes no progress; the second if z may approach a cycle.
_EVEN, _EVEN_IN_CIRCLES = 1e-6, 1e-4
_OTHERWISE = (
    "solve the equation for another z in it (where f runs away, its inverse settles), or use Newton's steps, "
    "z - (f(z) - z) / (slope - 1), or smaller weights"
)


@dataclass(frozen=True)
class Settings:
    """The settings of an iteration.

    tol        a step is the last if it changes no number by more than this, relative to the largest |z|
    max_steps  the most steps
    damping    the part of the way that each step goes: z + damping * (f(z) - z)
    of         what is iterated, for messages
    relative   whether tol is relative to the largest |z| even if that is below 1
    """

    tol: float
    max_steps: int
    damping: float
    of: str
    relative: bool = False


def settled(
    step: Callable[[list[float]], list[float]], start: Sequence[float], settings: Settings
) -> tuple[list[float], list[float]]:
    """Iterates to the fixed point; returns it and the residual of each step. Raises ConvergenceError."""
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
    more = _differences(lambda z: np.array(step(z.tolist())), np.array(z), settings.damping, slice(None))
    raise _refusal(settings, residuals, more, None)


def settled_lanes(step: Callable[[Any], Any], start: Any, settings: Settings) -> Any:
    """Iterates to the fixed points of many lanes, with a step on arrays (numbers, lanes). Raises ConvergenceError.

    A lane that has settled stays as it is while others go on, so its result is the same as without the others.
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
    more = _differences(step, z, settings.damping, (slice(None), lane))
    raise _refusal(settings, [float(r[lane]) for r in history], more, lane)


def _differences(step: Callable[[Any], Any], z: Any, damping: float, which: Any) -> list[Any]:
    """The vectors f(z) - z of a few more steps, as far as they are finite."""
    found: list[Any] = []
    with np.errstate(all="ignore"), suppress(ArithmeticError, ValueError, LookupError):
        while len(found) < _LAST:
            difference = step(z) - z
            if not np.isfinite(difference[which]).all():
                break
            found.append(difference[which])
            z = z + damping * difference
    return found


def slope_of(differences: Sequence[Any], damping: float) -> complex | None:
    """Estimates the largest eigenvalue of f's derivatives from the vectors f(z) - z of successive steps.

    For a complex pair, it is the one above the real axis; None if the steps follow neither one eigenvalue nor a pair.
    """
    rows, sizes = list(differences), [float(np.abs(row).max()) for row in differences]
    if len(rows) < 3 or not all(0.0 < size < _LARGEST for size in sizes):
        return None
    for order in (1, 2) if len(rows) > 4 and len(rows[0]) > 1 else (1,):  # how many earlier steps a step combines
        given = [np.concatenate([rows[k - j] / sizes[k] for k in range(order, len(rows))]) for j in range(1, order + 1)]
        wanted = np.concatenate([rows[k] / sizes[k] for k in range(order, len(rows))])
        factors = np.linalg.lstsq(np.array(given).T, wanted)[0]
        missed = wanted - factors @ np.array(given)
        if missed @ missed <= _STEADY**2 * (wanted @ wanted):
            largest = max(np.roots([1.0, *-factors]).tolist(), key=lambda root: (abs(root), root.imag))
            return complex(largest - 1.0 + damping) / damping
    return None


def _refusal(
    settings: Settings, residuals: Sequence[float], differences: Sequence[Any], lane: int | None
) -> ConvergenceError:
    """The error for an iteration with these residuals; `differences` are the vectors f(z) - z of a few more steps."""
    last, steps = residuals[-1], len(residuals)
    where = "" if lane is None else f" in row {lane} of the batch"
    shown = ", ".join([f"{r:.3g}" for r in residuals[-_SHOWN:]])
    trace = f"the residuals, the sizes of f(z) - z, were {'..., ' if steps > _SHOWN else ''}{shown}"
    slope = slope_of(differences, settings.damping)
    rate = _rate(residuals) if slope is None else abs(_left(slope, settings.damping))
    seen = "" if slope is None else f": {_told(slope, len(differences[0]))}"
    kind = "divergence"
    if not math.isfinite(last) and rate < 2.0:
        kind, way = "not finite", f"f(z) is not finite from step {steps} on"
        advice = "Look for a log, a division or an exp whose argument is out of range, or start elsewhere"
    elif last <= _FLOOR:
        kind, way = "slow convergence", f"only rounding remains, which is above tol={settings.tol:g}"
        advice = "Use a larger tol"
    elif rate < 1.0 - (_EVEN if slope is not None and slope.real > 0.0 and not slope.imag else _EVEN_IN_CIRCLES):
        more = math.ceil(math.log(settings.tol / last) / math.log(rate))
        kind, way = "slow convergence", f"each step leaves {_shown(rate)} of the residual{seen}"
        advice = f"Try {_quicker(slope, rate)}max_steps={steps + 2 * more}, or smaller weights, which contract more"
    elif slope is None:
        way, advice = _unsteady(differences, settings.damping)
    elif slope.real < 1.0 - _EVEN:
        best = _best(slope)
        way = f"z {'circles' if slope.imag else 'oscillates'} and comes no closer{seen}"
        advice = f"Try damping={best:.2g} (it must be below {2 * best:.2g}), or smaller weights"
    else:
        way = f"z runs away{seen}"
        if abs(slope - 1.0) < _EVEN:
            advice = "Check f: with a slope of 1, steps of equal size go on forever, and z = f(z) may have no solution"
        else:
            advice = f"No damping helps if the slope is 1 or more: {_OTHERWISE}"
    start = f"{settings.of}{where}: no fixed point after {steps} step{'s' * (steps != 1)}"
    return ConvergenceError(f"{start}. {advice}. Why: {kind}: {way}; {trace}", kind, tuple(residuals))


def _left(slope: complex, damping: float) -> complex:
    """The part of an error that remains after a step, if f has this slope."""
    return 1.0 + damping * (slope - 1.0)


def _best(slope: complex) -> float:
    """The damping with which the least of an error remains, for this slope."""
    return (1.0 - slope.real) / abs(1.0 - slope) ** 2


def _quicker(slope: complex | None, rate: float) -> str:
    """Advice for another damping, if one step with it does as much as two."""
    if slope is None or slope.real >= 1.0:
        return ""
    best = float(f"{min(1.0, _best(slope)):.2g}")
    return f"damping={best:g}, or " if abs(_left(slope, best)) < rate**2 else ""


def _shown(number: float) -> str:
    """A number with four digits, or with enough to tell it from 1."""
    text = f"{number:.4g}"
    return f"{number:.7g}" if text == "1" else text


def _told(slope: complex, numbers: int) -> str:
    real = _shown(slope.real)
    if numbers == 1:
        return f"f has the slope {real} there (steps settle if it is between -1 and 1)"
    radius, eigenvalue = real.lstrip("-"), real
    if slope.imag:
        radius, eigenvalue = f"{abs(slope):.4g}", f"{slope.real:.3g} ± {slope.imag:.3g}i"
    return (
        f"f's derivatives have the spectral radius {radius} there, from the eigenvalue {eigenvalue} (steps settle if "
        "it is below 1)"
    )


def _unsteady(differences: Sequence[Any], damping: float) -> tuple[str, str]:
    """The diagnosis and the advice for steps that do not shrink and follow no slope."""
    rows, sizes = list(differences), [float(np.abs(row).max()) for row in differences]
    if len(rows) > 1 and sizes[0] > 0.0 and all(2.0 * a < b for a, b in pairwise(sizes[-4:])):
        if (rows[-2] / sizes[-2]) @ (rows[-1] / sizes[-1]) > 0.0:
            return "z runs away, faster at each step", f"Start elsewhere; if that does not help, {_OTHERWISE}"
        return "z oscillates, wider at each step", f"Try damping={damping / 4:g}, and a start nearer to z"
    halved = f"Try damping={damping / 2:g}, which helps if z oscillates, or smaller weights"
    return "the residual does not shrink, and the steps follow no single slope of f", halved


def _rate(residuals: Sequence[float]) -> float:
    """The factor by which a step changes the residual, from its last two quarters; 1 if they hardly differ."""
    finite = [r for r in residuals if math.isfinite(r) and r > 0.0]
    quarter = len(finite) // 4
    if not quarter:
        return math.inf if len(finite) > 1 and finite[-1] > 2.0 * finite[-2] else 1.0
    first, third, last = (max(finite[k : k + quarter]) for k in (0, len(finite) - 2 * quarter, len(finite) - quarter))
    rate = (last / third) ** (1.0 / quarter)
    return 1.0 if rate < 1.0 and last > 0.5 * first else float(rate)
