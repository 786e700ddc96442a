"""fixed_point: solves z = f(z) without recording the iteration, and differentiates by recurrent backpropagation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..compiler.compiled import Compiled
from ..engine import Value, is_tracing, within
from ..errors import ShapeError, TraceError, not_a_number, received
from ..floats.expected import POSITIVE, number, whole
from ..text.reports import Report, Table
from ..text.wording import counted
from ..transforms.pytree import Structure, has_values, mapped, numbers_along, sketch
from ..transforms.runs import as_number, inside_transform
from .adjoint_solve import Solution, recorded_nodes, traced_nodes
from .iteration import Settings, settled

_Vector = list[Any]


class FixedPoint(Report):
    """The result of fixed_point; printed, it says whether z has a gradient.

    values     z, in the structure of z0; its numbers are nodes of one solve
    steps      how many steps it took
    residuals  one per step: max |f(z) - z| over max(1, max |z|)
    """

    def __init__(self, values: Any, residuals: Sequence[float] | None, solution: Solution | None) -> None:
        self.values = values
        self._residuals, self._solution = residuals, solution

    def __repr__(self) -> str:
        if self._residuals is None:
            return "<fixed point in a trace>"
        return f"<fixed point after {self.steps} steps, residual {self._last:.2g}>"

    def parts(self) -> list[str | Table]:
        if self._residuals is None:
            return [repr(self)]
        steps, moved = counted(self.steps, "step"), f"{self._last:.2g} (the residual)"
        told = f"Fixed point after {steps}: f moves z by no more than {moved}."
        if self._solution is None:
            return [told, "z has no gradient: the derivatives of f are not recorded under no_grad()."]
        return [told, _gradient(self.spectral_radius, isinstance(self.values, Value))]

    @property
    def _last(self) -> float:
        return self.residuals[-1] if self.steps else 0.0

    @property
    def residuals(self) -> tuple[float, ...]:
        if self._residuals is None:
            raise TraceError(
                "a fixed point in a compiled function is found again at each call, so its residuals are unknown while "
                "the function is traced: call fixed_point outside to see them"
            )
        return tuple(self._residuals)

    @property
    def steps(self) -> int:
        return len(self.residuals)

    @property
    def adjoint_residuals(self) -> tuple[float, ...]:
        """The residuals of the last adjoint solve, one per step, relative to the largest adjoint; () before any."""
        return () if self._solution is None else self._solution.adjoint_residuals

    @property
    def adjoint_residual(self) -> float | None:
        """The final residual of the last adjoint solve; None before any."""
        return self.adjoint_residuals[-1] if self.adjoint_residuals else None

    @property
    def spectral_radius(self) -> float:
        """The largest |eigenvalue| of J; undamped steps settle if it is below 1. Estimated if z has over 40 numbers."""
        _ = self.residuals
        if self._solution is None:
            raise TraceError("spectral_radius needs the derivatives of f, which are not recorded under no_grad()")
        return self._solution.spectral_radius()


def _gradient(radius: float, alone: bool) -> str:
    """Whether z has a gradient, for this spectral radius of df/dz, and how it is found."""
    name = "the slope df/dz has the size" if alone else "df/dz has the spectral radius"
    meaning = "" if alone else ", the size of its largest eigenvalue"
    if radius < 1.0:
        return (
            f"z has a gradient, since {name} {radius:.3g}, below 1{meaning}. It is dz/da = df/da / (1 - df/dz) for "
            "each a that f depends on, and backward() finds it by steps, which settle as those of f did; with a size "
            "above 1 they would grow without end."
        )
    return (
        "z has a gradient, dz/da = df/da / (1 - df/dz) for each a that f depends on, unless 1 is an eigenvalue of "
        f"df/dz. But {name} {radius:.3g}, not below 1{meaning}: backward() finds the gradient only if steps with this "
        "damping settle, and raises ConvergenceError if not."
    )


_DAMPING = number("a positive number, up to 1", lambda x: 0.0 < x <= 1.0)


def fixed_point(
    f: Callable[..., Any],
    z0: Any,
    *args: Any,
    tol: float = 1e-10,
    max_steps: int = 1000,
    damping: float = 1.0,
) -> FixedPoint:
    """Finds z = f(z, *args) by iteration from z0, with gradients for args and for the Values that f captures.

    z0         a number, or nested lists, tuples, dicts and arrays of numbers; f returns the same structure. z does not
               depend on z0, so z0 gets no gradient
    tol        the residual, max |f(z) - z| relative to max(1, max |z|), at which the iteration ends; also for adjoints
    max_steps  the most steps, for z and for the adjoints
    damping    each step goes this part of the way, 0 < damping <= 1
    The steps are not recorded, so memory does not grow with them. Raises ConvergenceError if z, or later its adjoints,
    are not reached; no gradient is passed on then.

    >>> a = Value(2.0); z = fixed_point(lambda z: 0.5 * (z + a / z), 1.0).values; z.backward()
    >>> round(z.data, 9), round(a.grad, 9)
    (1.414213562, 0.353553391)
    """
    settings = _settings(f, tol, max_steps, damping)
    start = Structure(z0, lambda x: not_a_number(f"{settings.of}: z0", x))

    def step(zs: _Vector) -> _Vector:
        given = inside_transform(f, start.filled(zs), *args)
        found = numbers_along(z0, given)
        if found is None:
            raise ShapeError(
                f"{settings.of}: f must return the structure of z0, {sketch(z0)}, got "
                f"{received(given) if given is None else sketch(given)}"
            )
        return found

    if is_tracing():
        return FixedPoint(start.filled(traced_nodes(step, start.numbers, settings)), None, None)
    first = list(map(as_number, start.numbers))
    numbers, residuals = settled(_on_numbers(f, step, start, args), first, settings)
    nodes, solution = recorded_nodes(step, first, numbers, settings)
    return FixedPoint(start.filled(nodes), residuals, solution)


def _settings(f: Any, tol: float, max_steps: int, damping: float) -> Settings:
    if not callable(f):
        raise TypeError(f"fixed_point(f, z0) takes a function of z, got {received(f)}")
    of = f"fixed_point({getattr(f, '__name__', type(f).__name__)})"
    tol, damping = POSITIVE.checked(f"{of}: tol", tol), _DAMPING.checked(f"{of}: damping", damping)
    return Settings(tol, whole(1).checked(f"{of}: max_steps", max_steps), damping, of)


def _on_numbers(
    f: Callable[..., Any], step: Callable[[_Vector], _Vector], start: Structure, args: Sequence[Any]
) -> Callable[[list[float]], list[float]]:
    """f as a function on plain numbers, without recording; a compiled f is called with plain numbers."""
    wrapped: Callable[[_Vector], _Vector] = lambda numbers: list(map(Value, numbers))  # noqa: E731
    if isinstance(f, Compiled):
        wrapped = list
        plain = mapped(lambda x: x.data if isinstance(x, Value) else x, args) if has_values(list(args)) else args
        compiled = f

        def step(zs: _Vector) -> _Vector:
            return Structure(compiled(start.filled(zs), *plain)).numbers

    def on_numbers(z: list[float]) -> list[float]:
        found = within(lambda: step(wrapped(z)), recording=False, watch=None)
        return [y.data if type(y) is Value else float(y) for y in found]

    return on_numbers
