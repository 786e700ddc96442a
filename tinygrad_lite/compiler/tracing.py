"""Tracing: one run of a function on placeholders, and the recorded graph as a Program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Value, set_recording, set_trace, topological_order
from ..errors import TraceError
from .program import INPUT, PARAMETER, Program

_INSTEAD = {
    "branching": "write where(condition, a, b), maximum(a, b) or minimum(a, b), which choose for each call",
    "formatting": "print it outside the compiled function",
}
_PACKAGE = __name__.partition(".")[0]


class Trace:
    """While it lasts, no number may be read: `refuse` says where one was.

    constants  the leaves that the function made itself
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.constants: set[Value] = set()

    def __enter__(self) -> Trace:
        self._recording = set_recording(True)
        self._before = set_trace(self)
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        set_trace(self._before)
        set_recording(self._recording)
        if type(error) is TypeError and "'Value' object" in str(error):  # Python's own, of int(v), range(v), xs[v]
            error.add_note(
                f"compile({self.name}): a traced Value stands for any number, so it is no Python number, index or "
                "range: choose by take(xs, index) or where(condition, a, b), or name the argument in static_argnames"
            )

    def refuse(self, what: str, v: Value) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
            frame = frame.f_back
        instead = _INSTEAD.get(what, "use the Value itself, in operations")
        raise TraceError(
            f"compile({self.name}): {what} of a traced Value, in {frame.f_code.co_filename}:{frame.f_lineno}, would "
            f"freeze one call's number into the program: {instead}"
        )


def traced(function: Callable[..., Any], args: Sequence[Any], name: str) -> tuple[Any, set[Value]]:
    """What the function returns, and the leaves that it made."""
    with Trace(name) as trace:
        return function(*args), trace.constants


def captured(outputs: Sequence[Any], inputs: Sequence[Value], constants: set[Value]) -> list[Value]:
    """The leaves that outputs depend on beside inputs and the trace's own constants."""
    known = constants.union(inputs)
    return [v for v in topological_order(*_values(outputs)) if v.op is None and v not in known]


def flattened(outputs: Sequence[Any], inputs: Sequence[Value], parameters: Sequence[Value]) -> Program:
    """What outputs are computed from, as a Program; what depends on neither inputs nor parameters is a constant."""
    program = Program()
    places = dict(zip(parameters, program.add_all(PARAMETER, len(parameters)), strict=True))
    places.update(zip(inputs, program.add_all(INPUT, len(inputs)), strict=True))
    constants: set[int] = set()

    def place_of(x: Any) -> int:
        if type(x) is Value:
            return places[x]
        place = program.constant(x)
        constants.add(place)
        return place

    def sequence(xs: tuple[Any, ...]) -> tuple[int, ...]:
        try:
            return tuple([places[x] for x in xs])
        except KeyError:
            return tuple(map(place_of, xs))

    for v in topological_order(*_values(outputs)):
        if v in places:
            continue
        op, args = v.op, v.args
        try:
            found: Any = tuple([places[x] for x in args])
        except KeyError:  # numbers or sequences are among them
            found = tuple([sequence(x) if type(x) is tuple else place_of(x) for x in args])
        if op is None or constants.issuperset(found):
            places[v] = place_of(v.data)
        else:
            places[v] = program.add(op, found)
    program.outputs = [place_of(y) for y in outputs]
    return program


def _values(outputs: Sequence[Any]) -> list[Value]:
    return [y for y in outputs if type(y) is Value]
