"""gradcheck: derivatives against finite differences."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .engine import Value
from .errors import GradcheckError, received
from .modes import no_grad
from .transforms import gradients

_EPSILON = 2.0**-52
_KINK, _WRONG, _OK = "kink", "WRONG", "ok"


@dataclass(frozen=True)
class Row:
    """One derivative: by which argument, as computed, as measured, how far apart, and the verdict.

    verdict  "ok"; "kink": the function bends or jumps here, and the derivative lies between the slopes of both sides;
             "WRONG"; "not finite": a value or derivative is inf or nan, or the function is not defined around the point
    """

    argument: str
    analytic: float
    numeric: float
    verdict: str

    @property
    def error(self) -> float:
        return abs(self.analytic - self.numeric)


@dataclass(frozen=True)
class GradcheckReport:
    """What gradcheck found: `.rows`, `.ok`, and a table as its text."""

    rows: list[Row] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """No derivative is wrong or not finite; kinks are told, not held against it."""
        return all(row.verdict in (_OK, _KINK) for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        width = max([8, *(len(row.argument) for row in self.rows)])
        lines = [f"{'argument':{width}}  {'analytic':>14}  {'numeric':>14}  {'error':>9}  verdict"]
        for r in self.rows:
            lines.append(f"{r.argument:{width}}  {r.analytic:14.8g}  {r.numeric:14.8g}  {r.error:9.2g}  {r.verdict}")
        return "\n".join(lines)

    __repr__ = __str__


def gradcheck(
    f: Callable[..., Value],
    inputs: Sequence[float | Value],
    *,
    eps: float = _EPSILON ** (1 / 3),
    rtol: float = 1e-6,
    atol: float = 1e-8,
    order: int = 1,
    raise_exception: bool = False,
) -> GradcheckReport:
    """Compares the derivatives of f(*inputs), one Value, with central differences; order=2 its second derivatives.

    inputs  numbers, or leaves, which are moved and put back: f may use them from where they are, as a model does
    eps     step, times max(1, |input|); the default balances truncation against rounding
    rtol, atol  what they may differ by, beside the rounding of f itself that the difference magnifies
    Raises GradcheckError with the report's table when raise_exception is set and a derivative is wrong.

    >>> gradcheck(lambda x, y: x * y.tanh(), [2.0, 0.5]).ok
    True
    """
    if order not in (1, 2):
        raise ValueError(f"gradcheck(order=...) checks first (1) or second (2) derivatives, got {order}")
    for name, number in (("eps", eps), ("rtol", rtol), ("atol", atol)):
        if not (number > 0 or (number == 0 and name != "eps")):
            raise ValueError(f"gradcheck({name}=...) must be positive, got {number}")
    leaves = [x if isinstance(x, Value) else Value(x) for x in inputs]
    if not leaves:
        raise ValueError("gradcheck(f, inputs) needs at least one input to move, got none")
    for leaf in leaves:
        if leaf.op is not None:
            raise ValueError(
                f"gradcheck moves leaves, got {leaf!r}, the result of {leaf.op.name}: pass the leaf below it"
            )
    names = _names(f, leaves)

    def value() -> list[float]:
        with no_grad():
            return [_output(f(*leaves)).data]

    def slopes() -> list[float]:
        return [float(d) for d in gradients(_output(f(*leaves)), leaves)]

    rows: list[Row] = []
    if order == 1:
        measured = [_Differences(value, leaf, eps) for leaf in leaves]
        for name, analytic, around in zip(names, slopes(), measured, strict=True):
            rows.append(around.row(0, name, analytic, rtol, atol))
    else:
        firsts = gradients(_output(f(*leaves)), leaves, create_graph=True)
        seconds = [gradients(first, leaves) for first in firsts]
        for k, leaf in enumerate(leaves):
            around = _Differences(slopes, leaf, eps)
            for i, first in enumerate(names):
                rows.append(around.row(i, f"{first}, {names[k]}", float(seconds[i][k]), rtol, atol))
    report = GradcheckReport(rows)
    if raise_exception and not report.ok:
        raise GradcheckError(f"derivatives of order {order} disagree with finite differences:\n{report}")
    return report


class _Differences:
    """Finite differences of some numbers around one leaf's present number."""

    def __init__(self, values: Callable[[], list[float]], leaf: Value, eps: float) -> None:
        self._values, self._leaf = values, leaf
        self._x = leaf.data
        self._step = eps * max(1.0, abs(self._x))
        self._here = values()
        self._sides = self._both_sides(self._step)

    def _both_sides(self, step: float) -> tuple[list[float], list[float], float, float]:
        """The numbers right and left of the point, and the steps there as they are after rounding."""
        right, left = self._x + step, self._x - step
        try:
            self._leaf.data = right
            above = self._values()
            self._leaf.data = left
            below = self._values()
        finally:
            self._leaf.data = self._x
        return above, below, right - self._x, self._x - left

    def row(self, i: int, name: str, analytic: float, rtol: float, atol: float) -> Row:
        """The verdict on one derivative, of values()[i]."""
        right, left = self._slopes(i, self._sides)
        numeric = 0.5 * (right + left)
        tolerance = atol + rtol * abs(numeric) + 16 * _EPSILON * abs(self._here[i]) / self._step
        if not (math.isfinite(analytic) and math.isfinite(numeric)):
            return Row(name, analytic, numeric, "not finite")
        if abs(analytic - numeric) <= tolerance:
            return Row(name, analytic, numeric, _OK)
        # In a smooth place the slopes of both sides draw together as the step shrinks; at a kink they do not.
        shrink = 16.0
        near_right, near_left = self._slopes(i, self._both_sides(self._step / shrink))
        near = 0.5 * (near_right + near_left)
        if abs(analytic - near) <= atol + rtol * abs(near) + 16 * _EPSILON * abs(self._here[i]) * shrink / self._step:
            return Row(name, analytic, near, _OK)
        bends = abs(near_right - near_left) > 0.5 * abs(right - left) > tolerance
        between = min(near_right, near_left) - tolerance <= analytic <= max(near_right, near_left) + tolerance
        jumps = abs(near) > 2 * abs(numeric)
        return Row(name, analytic, numeric, _KINK if bends and (between or jumps) else _WRONG)

    def _slopes(self, i: int, sides: tuple[list[float], list[float], float, float]) -> tuple[float, float]:
        above, below, step_right, step_left = sides
        return (above[i] - self._here[i]) / step_right, (self._here[i] - below[i]) / step_left


def _output(y: Any) -> Value:
    if not isinstance(y, Value):
        raise TypeError(f"gradcheck(f, ...): f must return one Value, got {received(y)}")
    return y


def _names(f: Callable[..., Any], leaves: list[Value]) -> list[str]:
    """What to call the arguments: their labels, or f's own names for them."""
    try:
        parameters = [p.name for p in inspect.signature(f).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        parameters = []
    return [leaf.label or (parameters[k] if k < len(parameters) else f"x[{k}]") for k, leaf in enumerate(leaves)]
