"""The pass that writes arithmetic as sums of products, and flattens sums of sums."""

from __future__ import annotations

from collections.abc import Sequence

from .. import ops
from .program import CONSTANT, SOURCES, SUM, Program

Pair = tuple[int, int]


def as_sums_of_products(program: Program, varies: Sequence[bool]) -> tuple[Program, list[bool]]:
    """The same program with add, sub, mul, neg, sum, dot and mean as sums of products of two.

    A sum that is read once, as a term of another, is written out there: terms used often would grow without bound.
    varies  which places differ between lanes; comes back for the new places. In a pair what does not stands left.
    """
    uses = program.uses()
    needed = program.alive()
    made = Program()
    lanes: list[bool] = []
    place_of: list[int] = [-1] * len(program)

    def add(kind: object, args: tuple[object, ...], differs: bool) -> int:
        place = made.add(kind, args)  # type: ignore[arg-type]
        if place == len(lanes):
            lanes.append(differs)
        return place

    def constant(number: float) -> int:
        return add(CONSTANT, (number,), False)

    def pair(a: int, b: int) -> Pair:
        """What lanes share stands left, then the later value."""
        return (a, b) if (not lanes[a], a) >= (not lanes[b], b) else (b, a)

    for place in range(len(program)):
        if not needed[place]:
            continue
        kind, args = program.kinds[place], program.args[place]
        if kind in SOURCES:
            place_of[place] = add(kind, args, varies[place])
            continue
        pairs: list[Pair] = []
        plus: list[int] = []
        minus: list[int] = []
        work: list[tuple[int, bool, bool]] = [(place, False, True)]  # place, negative, top
        mean = kind is ops.mean
        if mean:
            work = [(a, False, False) for a in reversed(args[0])]
        elif not (
            kind in (ops.add, ops.sub, ops.mul, ops.sum, ops.dot)
            or (kind is ops.pow and program.number(args[1]) == 2.0)
        ):
            continue_with = tuple(
                tuple([place_of[a] for a in arg]) if type(arg) is tuple else place_of[arg] for arg in args
            )
            place_of[place] = add(kind, continue_with, varies[place])
            continue
        while work:
            at, negative, top = work.pop()
            kind, args = program.kinds[at], program.args[at]
            inside = top or (uses[at] == 1)
            if inside and kind is ops.add:
                work += [(args[1], negative, False), (args[0], negative, False)]
            elif inside and kind is ops.sub:
                work += [(args[1], not negative, False), (args[0], negative, False)]
            elif inside and kind is ops.neg:
                work.append((args[0], not negative, False))
            elif inside and kind is ops.sum:
                work += [(a, negative, False) for a in reversed(args[0])]
            elif inside and not negative and kind is ops.mul:
                pairs.append(pair(place_of[args[0]], place_of[args[1]]))
            elif inside and not negative and kind is ops.pow and program.number(args[1]) == 2.0:
                pairs.append((place_of[args[0]], place_of[args[0]]))
            elif inside and not negative and kind is ops.dot:
                pairs += [pair(place_of[a], place_of[b]) for a, b in zip(args[0], args[1], strict=True)]
                if program.number(args[2]) != 0.0:
                    work.append((args[2], False, False))
            else:
                (minus if negative else plus).append(place_of[at])
        if not pairs and not minus and len(plus) == 1:
            place_of[place] = plus[0]
        else:
            place_of[place] = add(SUM, (tuple(pairs), tuple(plus), tuple(minus)), varies[place])
        if mean:
            count = constant(1.0 / len(program.args[place][0]))
            place_of[place] = add(SUM, ((pair(count, place_of[place]),), (), ()), varies[place])
    made.outputs = [place_of[place] for place in program.outputs]
    return made, lanes
