"""The pass that fills up ragged sums of products, so that those of one kind become one matrix product.

A token of causal attention sees those before it: its sums are like those of the next token, but shorter. Two fillings
make them alike. Where rows of left and right factors form most of a cross product, the missing sums are added, which
nothing reads. Where the rows of one side are parts of longer rows, they are read as long, with zeros on the other side.
A zero times a number that is not finite is nan: the executor looks for that, see Program.padded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from .matrix_products import Cross, crosses
from .program import SUM, Program, Row

# A call that is saved is worth so many multiplications; at most so many times as many are done as are needed.
_CALL, _MOST_PADDING = 1000, 2
# A product with more factors on one side than these is not looked through for parts; so many are tried for each.
_MOST_FACTORS, _MOST_TRIED = 1 << 16, 8


def pad(program: Program, levels: list[int], apart: frozenset[int]) -> None:
    """Fills up sums of products, in place.

    levels  those of the places, see Program.levels(); gains those of places that are added
    apart   places that stay as they are
    """
    first = len(program)
    zero = program.constant(0.0)
    added = [0] * (len(program) - first)
    alike: dict[tuple[int, bool, int, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, kind in enumerate(program.kinds):
        if kind == SUM and place not in apart:
            lefts, _, plus, minus = program.args[place]
            if len(lefts) > 1:
                alike[levels[place], program.varies[place], len(plus), len(minus)][len(lefts)].append(place)
    for (level, varies, *terms), by_length in alike.items():
        found = {length: crosses(program, members)[0] for length, members in by_length.items()}
        if not any(terms):
            found = {length: _completed(program, some, varies) for length, some in found.items()}
            added += [level] * (len(program) - first - len(added))
        if len(found) > 1:
            _lengthen(program, [cross for length in sorted(found, reverse=True) for cross in found[length]], zero)
    levels[first:first] = added


def _completed(program: Program, found: Sequence[Cross], varies: bool) -> list[Cross]:
    """The cross products, with those that share rows as one where few sums are missing; these are added."""
    made: list[Cross] = []
    for some in _connected(found):
        lefts = list(dict.fromkeys([row for cross in some for row in cross.lefts]))
        rights = list(dict.fromkeys([row for cross in some for row in cross.rights]))
        whole = len(lefts) * len(rights)
        missing = whole - sum(map(len, some))
        if whole > _MOST_PADDING * (whole - missing) or missing * len(lefts[0]) > _CALL * (len(some) - 1):
            made += some
            continue
        of_left, of_right = ({row: k for k, row in enumerate(rows)} for rows in (lefts, rights))
        places = [[-1] * len(lefts) for _ in rights]
        for cross in some:
            columns = [of_left[left] for left in cross.lefts]
            for right, row in zip(cross.rights, cross.places, strict=True):
                for column, place in zip(columns, row, strict=True):
                    places[of_right[right]][column] = place
        for right, row in zip(rights, places, strict=True):
            row[:] = [
                program.append(SUM, (left, right, (), ()), varies) if place < 0 else place
                for left, place in zip(lefts, row, strict=True)
            ]
        made.append(Cross(lefts, rights, places))
    return made


def _connected(found: Sequence[Cross]) -> Iterator[list[Cross]]:
    """The cross products in sets that share rows."""
    owner = list(range(len(found)))
    first: dict[tuple[bool, Row], int] = {}

    def root(k: int) -> int:
        while owner[k] != k:
            owner[k] = k = owner[owner[k]]
        return k

    for k, cross in enumerate(found):
        for side, rows in ((False, cross.lefts), (True, cross.rights)):
            for row in rows:
                owner[root(first.setdefault((side, row), k))] = root(k)
    sets: dict[int, list[Cross]] = defaultdict(list)
    for k, cross in enumerate(found):
        sets[root(k)].append(cross)
    yield from sets.values()


class _Long:
    """A product, and those whose rows of one side are parts of its rows.

    side    the side on which they are: 0 for the left rows, 1 for the right ones, None while there are none
    needed  how many products of two numbers they need for each row of that side; done is how many with padding
    """

    def __init__(self, cross: Cross) -> None:
        self.cross = cross
        self.side: int | None = None
        self.needed = self.done = 0


def _lengthen(program: Program, found: Sequence[Cross], zero: int) -> None:
    """Fills up products, from the longest on, that are parts of longer ones on one side."""
    where: dict[tuple[int, int], list[tuple[_Long, Row]]] = defaultdict(list)  # by side and place: rows that have it
    for cross in found:
        sides = (cross.lefts, cross.rights)
        longer = [(side, *item) for side in (1, 0) for item in where.get((side, sides[side][0][0]), ())]
        if any(_lengthened(program, cross, side, long, row, zero) for side, long, row in longer[:_MOST_TRIED]):
            continue
        made = _Long(cross)
        for side, rows in enumerate(sides):
            if len(rows) * len(rows[0]) <= _MOST_FACTORS:
                for row in rows:
                    for place in row:
                        where[side, place].append((made, row))


def _lengthened(program: Program, cross: Cross, side: int, long: _Long, row: Row, zero: int) -> bool:
    """Fills up a product if its rows of one side are parts of those of a longer one, the first a part of this row."""
    kept, others = (cross.lefts, cross.rights)[:: 1 - 2 * side]
    rows, first_others = (long.cross.lefts, long.cross.rights)[:: 1 - 2 * side]
    at = {place: k for k, place in enumerate(row)}
    if long.side not in (None, side) or len(rows) != len(kept):
        return False
    taken = [at[place] for place in kept[0] if place in at]
    if len(set(taken)) < len(kept[0]):
        return False
    whole = {tuple([row[k] for k in taken]): row for row in rows}
    before = len(first_others) * len(row) if long.side is None else 0
    needed, done = before + len(others) * len(taken), before + len(others) * len(row)
    if done + long.done > _MOST_PADDING * (needed + long.needed) or not all(tuple(row) in whole for row in kept):
        return False
    long.side, long.needed, long.done = side, needed + long.needed, done + long.done
    filled: dict[Row, Row] = {}
    for other in others:
        numbers = [zero] * len(row)
        for k, place in zip(taken, other, strict=True):
            numbers[k] = place
        filled[other] = tuple(numbers)
    for right, by_left in zip(cross.rights, cross.places, strict=True):
        for left, place in zip(cross.lefts, by_left, strict=True):
            terms = program.args[place][2:]
            lefts, rights = (filled[left], whole[tuple(right)]) if side else (whole[tuple(left)], filled[right])
            program.args[place] = lefts, rights, *terms
            if len(taken) < len(row):
                program.padded.add(place)
    return True
