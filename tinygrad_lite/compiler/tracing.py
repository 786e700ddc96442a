"""Tracing: one run of a function on placeholders, and the recorded graph as a Program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Value, set_recording, set_trace, topological_order
from ..errors import TraceError
from .program import INPUT, PARAMETER, Program

_INSTEAD = {
    "branching": "write where(condition, a, b), maximum or minimum",
    "formatting": "print it outside the compiled function",
}


class Trace:
    """While it lasts, no number may be read: `refuse` says where one was."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.constants: set[Value] = set()

    def __enter__(self) -> Trace:
        self._recording = set_recording(True)
        self._before = set_trace(self)
        return self

    def __exit__(self, *_: object) -> None:
        set_trace(self._before)
        set_recording(self._recording)

    def refuse(self, what: str, v: Value) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(__name__.partition(".")[0]):
            frame = frame.f_back
        instead = _INSTEAD.get(what, "use the Value itself, in operations")
        raise TraceError(
            f"compile({self.name}): {what} of a traced Value, in {frame.f_code.co_filename}:{frame.f_lineno}, would "
            f"freeze one call's number into the program: {instead}"
        )


def flattened(
    outputs: Sequence[Any], inputs: Sequence[Value], parameters: Sequence[Value]
) -> tuple[Program, list[bool]]:
    """What outputs are computed from, and which places differ between lanes: those that depend on inputs."""
    program = Program()
    places: dict[Value, int] = {}
    varies: list[bool] = []
    for kind, leaves, differs in ((PARAMETER, parameters, False), (INPUT, inputs, True)):
        for position, leaf in enumerate(leaves):
            places[leaf] = program.add(kind, (position,))
            varies.append(differs)

    def place_of(x: Any) -> int:
        if type(x) is Value:
            return places[x]
        place = program.constant(x)
        if place == len(varies):
            varies.append(False)
        return place

    for v in topological_order(*[y for y in outputs if type(y) is Value]):
        if v in places:
            continue
        if v.op is None:
            places[v] = place_of(v.data)
            continue
        args = tuple([tuple(map(place_of, a)) if type(a) is tuple else place_of(a) for a in v.args])
        place = places[v] = program.add(v.op, args)
        if place == len(varies):
            varies.append(any([varies[p] for a in args for p in (a if type(a) is tuple else (a,))]))
    program.outputs = [place_of(y) for y in outputs]
    return program, varies


def captured(outputs: Sequence[Any], inputs: Sequence[Value], constants: set[Value]) -> list[Value]:
    """The leaves that outputs depend on beside inputs and the trace's own constants."""
    known = constants.union(inputs)
    return [v for v in topological_order(*[y for y in outputs if type(y) is Value]) if v.op is None and v not in known]


def traced(function: Callable[..., Any], args: Sequence[Any], name: str) -> tuple[Any, set[Value]]:
    """What the function returns, and the leaves that it made."""
    with Trace(name) as trace:
        return function(*args), trace.constants
