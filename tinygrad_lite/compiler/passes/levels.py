"""Levels: how long the longest path of operations is that leads to a place."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from .program import SUM, Program, listed


def levels_of(program: Program, places: Sequence[int]) -> list[int]:
    """The level of each place: the length of the longest path of operations that leads to it."""
    levels = [0] * len(program)
    of_rows: dict[int, int] = {}  # by the id of a row, which many operations share
    for place in places:
        level = 0
        for row in program.rows(place):
            if len(row) <= 2:
                for operand in row:
                    if operand >= 0 and levels[operand] > level:
                        level = levels[operand]
                continue
            found = of_rows.get(id(row), -1)
            if found < 0:
                found = of_rows[id(row)] = max([levels[operand] for operand in listed(row)], default=0)
            level = max(level, found)
        levels[place] = 1 + level
    return levels


def put_higher_left(program: Program) -> None:
    """Puts the factor of the higher level on the left in all products of sums that multiply results, in place.

    The order of places does not tell: of two results that do not depend on each other, either may come first.
    """
    sums = [place for place, kind in enumerate(program.kinds) if kind == SUM and len(program.args[place][0]) > 1]
    of_results = [place for place in sums if program.args[place][0][0] >= 0 and program.args[place][1][0] >= 0]
    levels = levels_of(program, program.operations()) if of_results else []
    for place in of_results:
        lefts, rights, *terms = program.args[place]
        below = [a >= 0 and b >= 0 and levels[a] < levels[b] for a, b in zip(lefts, rights, strict=True)]
        if any(below):
            turned = [(b, a) if wrong else (a, b) for a, b, wrong in zip(lefts, rights, below, strict=True)]
            program.args[place] = *zip(*sorted(turned, key=itemgetter(1)), strict=True), *terms
