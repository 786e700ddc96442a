"""Compares two traces of a function: a difference means that it depends on more than its arguments."""

from __future__ import annotations

from ...errors import TraceError
from ..passes.program import CONSTANT, Program
from .results import Results

_SAME = "it does not do the same in each call; what it does may depend only on its arguments"
_DRAWN = (
    "a random number drawn inside would be frozen; draw it from a tinygrad_lite.Draws source, which draws again in "
    "each call, or draw it outside and pass it in"
)


def check_constants(repeated: Results, results: Results, name: str) -> None:
    """Raises TraceError if the constants among the results of two traces differ."""
    counts = [found.count - len(found.at) for found in (results, repeated)]
    if results.count != repeated.count or list(results.at) != list(repeated.at):
        raise TraceError(
            f"compile({name}): {counts[0]} of its results were constants, and {counts[1]} in a second trace: {_SAME}"
        )
    for k, (a, b) in enumerate(zip(results.template, repeated.template, strict=True)):
        if a != b and (a == a or b == b):
            raise TraceError(f"compile({name}): the number {a} in result {k} was {b} in a second trace: {_DRAWN}")


def check_repeated(repeated: Program, program: Program, name: str) -> None:
    """Raises TraceError if two programs of one function differ."""
    both = zip(program.kinds, program.args, repeated.args, strict=False)
    differs = (place for place, (kind, a, b) in enumerate(both) if (repr(a) != repr(b) if kind == CONSTANT else a != b))
    other = next(differs, None)
    alike = len(program) == len(repeated) and program.kinds == repeated.kinds
    if not alike or (other is not None and program.number(other) is None):
        raise TraceError(
            f"compile({name}): two traces of it differ, of {len(program)} and {len(repeated)} operations: {_SAME}"
        )
    if other is not None:
        raise TraceError(
            f"compile({name}): the number {program.number(other)} in operation %{other} was {repeated.number(other)} "
            f"in a second trace: {_DRAWN}"
        )
