"""A function traced twice: what differs depends on more than its arguments, and would be frozen."""

from __future__ import annotations

from itertools import islice

from ...errors import TraceError
from ..passes.program import CONSTANT, Program


def check_repeated(repeated: Program, program: Program, name: str) -> None:
    """Raises TraceError where two programs of one function are not the same."""
    both = zip(program.kinds, program.args, repeated.args, strict=False)
    rows = islice(enumerate(both), program.first, None)  # before that, parameters in order
    differs = (place for place, (kind, a, b) in rows if (repr(a) != repr(b) if kind == CONSTANT else a != b))
    other = next(differs, None)
    alike = len(program) == len(repeated) and program.kinds == repeated.kinds
    if not alike or (other is not None and program.number(other) is None):
        raise TraceError(
            f"compile({name}): two traces of it differ, of {len(program)} and {len(repeated)} operations: it does not "
            "do the same at each call; what it does must depend on its arguments alone"
        )
    if other is not None:
        raise TraceError(
            f"compile({name}): the number {program.number(other)} in operation %{other} was another in a second trace, "
            f"{repeated.number(other)}: a random number drawn inside would be frozen; draw it by a "
            "tinygrad_lite.Draws source, which draws anew at each call, or outside, and pass it in"
        )
