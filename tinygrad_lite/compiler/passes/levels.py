"""Levels: how long the longest path of operations is that leads to a place."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from .program import SUM, Program


def put_higher_left(program: Program, levels: Sequence[int]) -> None:
    """Puts the factor of the higher level on the left in all products of sums that multiply results, in place.

    On one level, the kinds of the results decide for all of these products. The order of places does not tell: of two
    results that do not depend on each other, either may come first. A factor that lanes share stays where it is.
    """
    varies = program.varies
    names = [kind if type(kind) is str else kind.name for kind in program.kinds]  # type: ignore[union-attr]
    for place, kind in enumerate(program.kinds):
        if kind != SUM:
            continue
        lefts, rights, *terms = program.args[place]
        if not lefts or lefts[0] < 0 or rights[0] < 0:
            continue
        pairs = zip(lefts, rights, strict=True)
        rises = [levels[b] - levels[a] if min(a, b) >= 0 and varies[a] == varies[b] else -1 for a, b in pairs]
        level = [k for k, rise in enumerate(rises) if rise == 0]
        if level and max([names[lefts[k]] for k in level]) < max([names[rights[k]] for k in level]):
            rises = [rise or 1 for rise in rises]
        if max(rises) > 0:
            turned = [(b, a) if rise > 0 else (a, b) for a, b, rise in zip(lefts, rights, rises, strict=True)]
            program.args[place] = *zip(*sorted(turned, key=itemgetter(1)), strict=True), *terms
