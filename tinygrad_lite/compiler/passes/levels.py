"""Levels: how long the longest path of operations is that leads to a place."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from .program import SUM, Program

_SHORT = 2


def levels_of(program: Program, places: Sequence[int]) -> list[int]:
    """The level of each place, also at ~k of parameter k: the length of the longest path of operations to it.

    places  the operations that count, in order
    """
    levels = [0] * (len(program) + program.parameters)
    of_rows: dict[int, int] = {}  # by the id of a row, which many operations share
    level_of = levels.__getitem__
    for place in places:
        level = 0
        for row in program.rows(place):
            if len(row) <= _SHORT:
                for operand in row:
                    if levels[operand] > level:
                        level = levels[operand]
            elif row[0] >= 0 or type(row) is tuple:
                found = of_rows.get(id(row))
                if found is None:
                    found = of_rows[id(row)] = max(map(level_of, row))
                if found > level:
                    level = found
        levels[place] = 1 + level
    return levels


def put_higher_left(program: Program, levels: Sequence[int]) -> None:
    """Puts the factor of the higher level on the left in all products of sums that multiply results, in place.

    On one level, the kinds of the results in the first of these products decide, and the weights that they have as
    factors. The order of places does not tell: of two results that do not depend on each other, either may come first.
    """

    def key(place: int) -> tuple[str, int]:
        kind, args = program.kinds[place], program.args[place]
        return getattr(kind, "name", SUM), min(args[0][0], 0) if kind == SUM and args[0] else 0

    for place, kind in enumerate(program.kinds):
        if kind != SUM:
            continue
        lefts, rights, *terms = program.args[place]
        if not lefts or lefts[0] < 0 or rights[0] < 0:
            continue
        rises = [levels[b] - levels[a] if a >= 0 and b >= 0 else -1 for a, b in zip(lefts, rights, strict=True)]
        if 0 in rises and key(lefts[rises.index(0)]) < key(rights[rises.index(0)]):
            rises = [rise or 1 for rise in rises]
        if max(rises) > 0:
            turned = [(b, a) if rise > 0 else (a, b) for a, b, rise in zip(lefts, rights, rises, strict=True)]
            program.args[place] = *zip(*sorted(turned, key=itemgetter(1)), strict=True), *terms
