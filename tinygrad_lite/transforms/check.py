"""gradcheck: compares derivatives with finite differences."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engine import Value
from ..errors import GradcheckError, received
from ..floats.expected import POSITIVE, UP_TO_INF
from ..recording.modes import enable_grad, no_grad
from ..text.reports import Report, Table
from .derivatives import gradients
from .replay import EPSILON
from .runs import inside_transform

STEP = EPSILON ** (1 / 3)
"""The step that balances the truncation error of a central difference against its rounding error."""
KINK, WRONG, OK, NOT_FINITE = "kink", "WRONG", "ok", "not finite"
_CREDIBLE = 1e-3
"""A difference with an unusual step counts only if rounding is at most this fraction of it."""


@dataclass(frozen=True)
class Row:
    """The result for one derivative: its argument, the computed and the measured number, and the verdict.

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


@dataclass(frozen=True, repr=False)
class GradcheckReport(Report):
    """The report of gradcheck: `.rows`, `.ok`, and a table as its text."""

    rows: list[Row] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no derivative is wrong or not finite; kinks are shown, but do not count as wrong."""
        return all(row.verdict in (OK, KINK) for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def parts(self) -> list[str | Table]:
        headings = ["argument", "analytic", "numeric", "error", "verdict"]
        cells = [(r.argument, f"{r.analytic:.8g}", f"{r.numeric:.8g}", f"{r.error:.2g}", r.verdict) for r in self.rows]
        return [Table(headings, cells, "lrrrl")]


def gradcheck(
    f: Callable[..., Value],
    inputs: Sequence[float | Value],
    *,
    eps: float = STEP,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    order: int = 1,
    raise_exception: bool = False,
) -> GradcheckReport:
    """Compares the derivatives of f(*inputs), one Value, with central differences; order=2: its second derivatives.

    inputs  numbers, or leaves, which are moved and restored; f may also use these leaves directly, as a model does
    eps     the step, times max(1, |input|); the default balances truncation against rounding
    rtol, atol  tolerances, in addition to the rounding of f itself, which the difference magnifies
    Raises GradcheckError with the report's table if raise_exception is True and a derivative is wrong.

    >>> gradcheck(lambda x, y: x * y.tanh(), [2.0, 0.5]).ok
    True
    """
    if order not in (1, 2):
        raise ValueError(f"gradcheck(order=...) checks first (1) or second (2) derivatives, got {order}")
    check_tolerances("gradcheck", eps, rtol, atol)
    leaves = [x if isinstance(x, Value) else Value(x) for x in inputs]
    if not leaves:
        raise ValueError("gradcheck(f, inputs) needs at least one input to move, got none")
    for leaf in leaves:
        if leaf.op is not None:
            raise ValueError(
                f"gradcheck moves leaves, got {leaf!r}, the result of {leaf.op.name}: pass the leaf below it"
            )
    names = _names(f, leaves)
    f = functools.partial(inside_transform, f)

    def value() -> list[float]:
        with no_grad():
            return [_output(f(*leaves)).data]

    @enable_grad()
    def slopes() -> list[float]:
        return [float(d) for d in gradients(_output(f(*leaves)), leaves)]

    rows: list[Row] = []
    if order == 1:
        measured = [Differences(_moving(leaf, value), leaf.data, eps) for leaf in leaves]
        for name, analytic, around in zip(names, slopes(), measured, strict=True):
            rows.append(around.row(0, name, analytic, rtol, atol))
    else:
        with enable_grad():
            firsts = gradients(_output(f(*leaves)), leaves, create_graph=True)
            seconds = [gradients(first, leaves) for first in firsts]
        for k, leaf in enumerate(leaves):
            around = Differences(_moving(leaf, slopes), leaf.data, eps)
            for i, first in enumerate(names):
                rows.append(around.row(i, f"{first}, {names[k]}", float(seconds[i][k]), rtol, atol))
    report = GradcheckReport(rows)
    if raise_exception and not report.ok:
        raise GradcheckError(f"derivatives of order {order} disagree with finite differences:\n{report}")
    return report


def check_tolerances(who: str, eps: float, rtol: float, atol: float) -> None:
    """Raises ValueError for an invalid step or tolerance."""
    for name, expected, x in (("eps", POSITIVE, eps), ("rtol", UP_TO_INF, rtol), ("atol", UP_TO_INF, atol)):
        expected.checked(f"{who}({name}=...)", x)


class Differences:
    """Finite differences of several functions around x; values(x) gives their numbers at x."""

    def __init__(self, values: Callable[[float], list[float]], x: float, eps: float) -> None:
        self._values, self._x, self._here = values, x, values(x)
        size = abs(x)
        usual = eps * max(1.0, size)
        # The usual step suits most functions. The other suits functions that change with the magnitude of a small x
        # (log, 1/x) or faster than a large x (sin). The short ones are for points near the edge of the domain.
        self._usual, self._other, self._short = usual, eps * min(1.0, size), (usual / 256, usual / 65536)
        self._known: dict[float, tuple[list[float], list[float], float, float]] = {}
        self._sides(usual)

    def row(self, i: int, name: str, analytic: float, rtol: float, atol: float, rounding: float | None = None) -> Row:
        """The row for the derivative of values(x)[i], whose rounding error is that of numbers of size `rounding`."""
        noise = 16 * EPSILON * (abs(self._here[i]) if rounding is None else rounding)
        found = self._judged(i, self._usual, name, analytic, rtol, atol, noise)
        if found.verdict == OK or not math.isfinite(analytic):
            return found
        for step in (self._other, *self._short):
            if step in self._short and found.verdict != NOT_FINITE:
                break
            if 0.0 < step != self._usual:
                row = self._judged(i, step, name, analytic, rtol, atol, noise)
                told = noise / step < _CREDIBLE * abs(row.numeric)
                if told and (row.verdict == OK or found.verdict in (NOT_FINITE, KINK)):
                    found = row
        return found

    def _judged(self, i: int, step: float, name: str, analytic: float, rtol: float, atol: float, noise: float) -> Row:
        """The row from differences with this step, and with a smaller one if these do not agree."""
        right, left = self._slopes(i, step)
        numeric = 0.5 * right + 0.5 * left
        tolerance = atol + rtol * abs(numeric) + noise / step
        if not (math.isfinite(analytic) and math.isfinite(numeric)):
            return Row(name, analytic, numeric, NOT_FINITE)
        if abs(analytic - numeric) <= tolerance:
            return Row(name, analytic, numeric, OK)
        # At a smooth point the slopes of both sides approach each other as the step shrinks; at a kink they do not.
        shrink = 16.0
        near_right, near_left = self._slopes(i, step / shrink)
        near = 0.5 * near_right + 0.5 * near_left
        truncation = abs(near - numeric) / (shrink * shrink / 2)
        if abs(analytic - near) <= atol + rtol * abs(near) + shrink * noise / step + truncation:
            return Row(name, analytic, near, OK)
        bends = abs(near_right - near_left) > 0.5 * abs(right - left) > tolerance
        between = min(near_right, near_left) - tolerance <= analytic <= max(near_right, near_left) + tolerance
        # Across a jump the difference stays the same while the step shrinks.
        jumps = abs(near) > 0.5 * shrink * abs(numeric)
        return Row(name, analytic, numeric, KINK if jumps or (bends and between) else WRONG)

    def _slopes(self, i: int, step: float) -> tuple[float, float]:
        above, below, step_right, step_left = self._sides(step)
        if not (step_right and step_left):
            return math.nan, math.nan
        return (above[i] - self._here[i]) / step_right, (self._here[i] - below[i]) / step_left

    def _sides(self, step: float) -> tuple[list[float], list[float], float, float]:
        """The numbers to the right and left of the point, and the actual steps after rounding."""
        if step not in self._known:
            right, left = self._x + step, self._x - step
            self._known[step] = self._values(right), self._values(left), right - self._x, self._x - left
        return self._known[step]


def _moving(leaf: Value, values: Callable[[], list[float]]) -> Callable[[float], list[float]]:
    """The numbers as a function of the leaf's number; the leaf is restored after each call."""

    def moved(x: float) -> list[float]:
        before = leaf.data
        try:
            leaf.data = x
            return values()
        finally:
            leaf.data = before

    return moved


def _output(y: Any) -> Value:
    if not isinstance(y, Value):
        raise TypeError(f"gradcheck(f, ...): f must return one Value, got {received(y)}")
    return y


def _names(f: Callable[..., Any], leaves: list[Value]) -> list[str]:
    """The names of the arguments: their labels, or f's parameter names."""
    try:
        parameters = [p.name for p in inspect.signature(f).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        parameters = []
    return [leaf.label or (parameters[k] if k < len(parameters) else f"x[{k}]") for k, leaf in enumerate(leaves)]
