"""The pass that writes some operations as others, which arrays compute in fewer steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .. import ops
from ..ops import Op
from .program import CONSTANT, SOURCES, SUM, Program


def _array_only(name: str, args: str, array: str) -> Op:
    """An operation outside the table, which only arrays compute."""
    op = Op.__new__(Op)
    op.name, op.args, op.array, op.sequences = name, tuple(args.split()), array, ()
    return op


WHERE_EQUAL = _array_only("where_equal", "a b x y", "where(a == b, x, y)")


def rewrite(program: Program) -> None:
    """Changes a program, in sums of products, in place."""
    relus: dict[int, int] = {}
    conditions: set[int] = set()
    for place, kind in enumerate(program.kinds):
        args = program.args[place]
        if kind is ops.relu:
            relus[args[0]] = place
        elif kind is ops.step and args[0] in relus:
            program.kinds[place], program.args[place] = ops.sign, (relus[args[0]],)
        elif kind is ops.where:
            compared = _compared(program, args[0])
            if compared:
                conditions.add(args[0])
                program.kinds[place], program.args[place] = WHERE_EQUAL, (*compared, *args[1:])
    if conditions:
        _drop(program, conditions)


def _drop(program: Program, places: Iterable[int]) -> None:
    """Makes constants of those places that nothing reads, and of what they alone read."""
    readers = Counter(program.reads())
    work = list(places)
    while work:
        place = work.pop()
        if not readers[place] and program.kinds[place] not in SOURCES:
            operands = tuple(program.operands(place))
            readers.subtract(operands)
            work += operands
            program.kinds[place], program.args[place], program.varies[place] = CONSTANT, (0.0,), False


def _compared(program: Program, place: int) -> tuple[int, int] | None:
    """a and b, where the place has less_equal(a, b) * less_equal(b, a)."""
    pairs, *terms = program.args[place] if program.kinds[place] is SUM else ((),)
    if len(pairs) != 1 or any(terms) or any(program.kinds[k] is not ops.less_equal for k in pairs[0]):
        return None
    (a, b), others = (program.args[k] for k in pairs[0])
    return (a, b) if others == (b, a) else None
