"""The pass that writes some operations as others, which arrays compute in fewer steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .. import ops
from ..ops import Op
from .program import CONSTANT, SOURCES, Program


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
        elif kind is ops.where and program.kinds[args[0]] is ops.equal:
            conditions.add(args[0])
            program.kinds[place], program.args[place] = WHERE_EQUAL, (*program.args[args[0]], *args[1:])
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
