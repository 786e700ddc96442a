"""The passes that replace some operations by others that arrays compute in fewer steps."""

from __future__ import annotations

from ... import ops
from ...ops import Op
from .program import CONSTANT, Program


def _array_only(name: str, args: str, array: str) -> Op:
    """An operation outside the table that only arrays compute."""
    op = Op.__new__(Op)
    op.name, op.args, op.array, op.sequences = name, tuple(args.split()), array, ()
    return op


WHERE_EQUAL = _array_only("where_equal", "a b x y", "where(a == b, x, y)")


_MASKS = frozenset((ops.step, ops.less, ops.less_equal, ops.equal, ops.not_equal))


def multiply_by_masks(program: Program, adjoints: set[int]) -> None:
    """Replaces where(mask, g, 0.0) by g * mask, in place, if it is an adjoint, or if g is one or a product with one.

    The two differ where g is not finite. The result is then not finite either, and is computed again eagerly.
    """
    for place, kind in enumerate(program.kinds):
        if kind is not ops.where or program.number(program.args[place][2]) != 0.0:
            continue
        mask, g, _ = program.args[place]
        factors = program.args[g] if g >= 0 and program.kinds[g] is ops.mul else (g,)
        if (place in adjoints or not adjoints.isdisjoint(factors)) and _is_mask(program, mask):
            program.kinds[place], program.args[place] = ops.mul, (g, mask)


def _is_mask(program: Program, place: int) -> bool:
    """Whether a place always holds 0 or 1."""
    kind = program.kinds[place] if place >= 0 else None
    if kind is ops.mul or kind is ops.maximum:
        return all(_is_mask(program, arg) for arg in program.args[place])
    return kind in _MASKS


def rewrite(program: Program) -> None:
    """Replaces step by the sign of a relu, and where(a == b, ...) by one operation, in place."""
    relus: dict[int, int] = {}
    conditions: set[int] = set()
    for place, (kind, args) in enumerate(zip(program.kinds, program.args, strict=True)):
        if kind is ops.relu:
            relus[args[0]] = place
        elif kind is ops.step and args[0] in relus:
            program.kinds[place], program.args[place] = ops.sign, (relus[args[0]],)
        elif kind is ops.where and args[0] >= 0 and program.kinds[args[0]] is ops.equal:
            conditions.add(args[0])
            program.kinds[place], program.args[place] = WHERE_EQUAL, (*program.args[args[0]], *args[1:])
    for place in conditions.difference(program.read(), program.outputs) if conditions else ():
        program.kinds[place], program.args[place], program.varies[place] = CONSTANT, (0.0,), False
