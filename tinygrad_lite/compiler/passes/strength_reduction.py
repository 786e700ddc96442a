"""The passes that write some operations as others, which arrays compute in fewer steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ... import ops
from ...ops import Op
from .program import CONSTANT, SOURCES, Program


def _array_only(name: str, args: str, array: str) -> Op:
    """An operation outside the table, which only arrays compute."""
    op = Op.__new__(Op)
    op.name, op.args, op.array, op.sequences = name, tuple(args.split()), array, ()
    return op


WHERE_EQUAL = _array_only("where_equal", "a b x y", "where(a == b, x, y)")


_MASKS = frozenset((ops.step, ops.less, ops.less_equal, ops.equal, ops.not_equal))


def multiply_by_masks(program: Program, adjoints: set[int]) -> None:
    """Writes where(mask, g, 0.0) as g * mask, in place, where that is an adjoint, or g is or is a product with one.

    They differ where a number is not finite; what comes of that is not finite either, and is then looked at eagerly.
    """
    for place, kind in enumerate(program.kinds):
        if kind is not ops.where or program.number(program.args[place][2]) != 0.0:
            continue
        mask, g, _ = program.args[place]
        factors = program.args[g] if program.kinds[g] is ops.mul else (g,)
        if (place in adjoints or not adjoints.isdisjoint(factors)) and _is_mask(program, mask):
            program.kinds[place], program.args[place] = ops.mul, (g, mask)


def _is_mask(program: Program, place: int) -> bool:
    """Whether a place has 0 or 1."""
    kind = program.kinds[place]
    if kind is ops.mul or kind is ops.maximum:
        return all(_is_mask(program, arg) for arg in program.args[place])
    return kind in _MASKS


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
