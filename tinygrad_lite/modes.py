"""How a thread records: no_grad() without history, detect_anomaly() watching for the first non-finite number."""

from __future__ import annotations

import math

from .engine import Origin, Value, contributions, set_recording, set_watch, topological_order
from .errors import AnomalyError
from .source_lines import calling_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, ParamSpec, TypeVar

    _P = ParamSpec("_P")
    _R = TypeVar("_R")


class _Mode:
    """A context manager, also usable as a decorator, that sets one thing of how this thread records."""

    def __init__(self) -> None:
        self._before: list[Any] = []

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        import functools

        @functools.wraps(function)
        def inside(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with type(self)():
                return function(*args, **kwargs)

        return inside

    def __enter__(self) -> None:
        self._before.append(self._set(None))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._set((self._before.pop(),))

    def _set(self, before: tuple[Any] | None) -> Any:
        """Enters the mode, or goes back to what was before; returns what was."""
        raise NotImplementedError


class no_grad(_Mode):
    """Inside, results have no history, and no gradient enters them.

    >>> with no_grad(): y = Value(2.0) * 3
    >>> y.kind
    'detached'
    """

    def _set(self, before: tuple[Any] | None) -> Any:
        return set_recording(before[0] if before else False)


class enable_grad(_Mode):
    """Inside, results are recorded, also within no_grad().

    >>> with no_grad(), enable_grad(): y = Value(2.0) * 3
    >>> y.kind
    'result'
    """

    def _set(self, before: tuple[Any] | None) -> Any:
        return set_recording(before[0] if before else True)


class detect_anomaly(_Mode):
    """Inside, the first non-finite value or derivative is an AnomalyError that names where it came from (slower).

    >>> with detect_anomaly(): Value(0.0).log()
    Traceback (most recent call last):
    tinygrad_lite.errors.AnomalyError: log of (Value = 0.0), recorded at ..., gave -inf
    """

    def _set(self, before: tuple[Any] | None) -> Any:
        return set_watch(before[0] if before else _Watch())


class _Watch:
    """Notes the line that recorded each result; refuses numbers and derivatives that are not finite."""

    def recorded(self, v: Value) -> Origin:
        line = calling_line()
        if not math.isfinite(v.data):
            raise AnomalyError(f"{_described(v, line)} gave {v.data}")
        return Origin(v.label, v.path, line)

    def sweeps(self, root: Value) -> None:
        """The sweep, made beside the graph first, so that a refusal leaves every gradient as it was."""
        adjoints = {root: 1.0}
        for v in reversed(topological_order(root)):
            adjoint = adjoints.pop(v, 0.0)
            if adjoint == 0.0:
                continue
            passed = zip(v.parents, v.local_derivatives, contributions(v, adjoint), strict=True)
            for parent, partial, contribution in passed:
                if not math.isfinite(contribution):
                    raise AnomalyError(
                        f"{_described(v, v.line)} passes the derivative {contribution} to {parent!r}: "
                        f"its adjoint {adjoint} times the local derivative {partial}; "
                        "explain_nan() of what is differentiated says what helps"
                    )
                adjoints[parent] = adjoints.get(parent, 0.0) + contribution

    def moves(self, v: Value, tangent: float) -> None:
        if not math.isfinite(tangent):
            raise AnomalyError(f"{_described(v, v.line)} moves by {tangent} along the tangents")


def _described(v: Value, line: str | None) -> str:
    """A result with its inputs and where it was recorded."""
    assert v.op is not None
    flat = [x for arg in v.args for x in (arg if type(arg) is tuple else (arg,))]
    shown = [f"{x.label or 'Value'} = {x.data!r}" if isinstance(x, Value) else repr(x) for x in flat[:6]]
    more = f", ... {len(flat) - 6} more" if len(flat) > 6 else ""
    module = f" in {v.path}" if v.path else ""
    return f"{v.op.name} of ({', '.join(shown)}{more}){module}{f', recorded at {line},' if line else ''}"
