"""Compares two traces of a function: a difference means that it depends on more than its arguments."""

from __future__ import annotations

from ...errors import TraceError
from ..passes.program import CONSTANT, Program


def check_repeated(repeated: Program, program: Program, name: str) -> None:
    """Raises TraceError if two programs of one function differ."""
    both = zip(program.kinds, program.args, repeated.args, strict=False)
    differs = (place for place, (kind, a, b) in enumerate(both) if (repr(a) != repr(b) if kind == CONSTANT else a != b))
    other = next(differs, None)
    alike = len(program) == len(repeated) and program.kinds == repeated.kinds
    if not alike or (other is not None and program.number(other) is None):
        raise TraceError(
            f"compile({name}): two traces of it differ, of {len(program)} and {len(repeated)} operations: it does not "
            "do the same in each call; what it does may depend only on its arguments"
        )
    if other is not None:
        raise TraceError(
            f"compile({name}): the number {program.number(other)} in operation %{other} was {repeated.number(other)} "
            "in a second trace: a random number drawn inside would be frozen; draw it from a tinygrad_lite.Draws "
            "source, which draws again in each call, or draw it outside and pass it in"
        )
