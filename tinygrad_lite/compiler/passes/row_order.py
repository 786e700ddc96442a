"""The order of rows in which the members of groups read, and are read, side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from operator import sub
from typing import Any

import numpy as np

from .program import CONSTANT, INPUT, Program, Row

_MOST_PARTS, _SHORT, _NEVER = 3, 2, (0, 0)
_OF_PARAMETERS = -3
_FIRST = -(1 << 40)  # where parameters stand: before all other places


class RowOrder:
    """The rows of the places, so that the members of a group can be ordered as they read and are read."""

    def __init__(self, program: Program) -> None:
        self._program = program
        owners = {CONSTANT: -2, INPUT: -1}
        self._owner = [owners.get(kind, 0) if type(kind) is str else 0 for kind in program.kinds]
        self._position = list(range(len(program)))
        self._groups, self._rows = 0, len(program)

    def place(self, members: Sequence[int]) -> None:
        """Places the members of a group after all rows that are placed already."""
        self._groups += 1
        for place in members:
            self._owner[place] = self._groups
            self._position[place] = self._rows
            self._rows += 1

    def of_columns(self, *rows: Row) -> list[int]:
        """The order of columns in which the factors of a row are evenly spaced: of the first row that can be that."""
        first: list[int] = []
        for row in rows:
            at = list(map(self._at, row))
            order = sorted(range(len(row)), key=at.__getitem__)
            if _is_even([at[k] for k in order]):
                return order
            first = first or order
        return first

    def of(self, places: Any) -> Any:
        return np.array([self._at(place) for place in places.tolist()])

    def of_row(self, row: Row) -> int:
        return self._at(row[0])

    def _at(self, place: int) -> int:
        return self._position[place] if place >= 0 else _FIRST + ~place

    def parts(self, members: Sequence[int]) -> Iterator[list[int]]:
        """The members in the order of what they read, in a few parts if they read from a few groups."""
        parts: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
        owner, varies, rows_of = self._owner, self._program.varies, self._program.rows
        for place in members:
            owners, shared, first = [], None, None
            for row in rows_of(place):
                if row and shared is None:
                    shared = row[0]
                for operand in (-1,) if type(row) is range else row:
                    owners.append(owner[operand] if operand >= 0 else _OF_PARAMETERS)
                    if first is None and operand >= 0 and varies[operand]:
                        first = operand
            parts[tuple(owners)].append((self._at(shared or 0 if first is None else first), place))
        if len(parts) > _MOST_PARTS:
            parts = {(): [item for part in parts.values() for item in part]}
        for part in parts.values():
            part.sort()
            found = [place for _, place in part]
            yield found if _is_even([at for at, _ in part]) else self._as_read(found)

    def _as_read(self, members: list[int]) -> list[int]:
        """The members in the order in which they are read, unless they then read more out of order themselves."""
        others = sorted(members, key=lambda place: self._first_read.get(place, _NEVER))
        return others if self._count_even(others) >= self._count_even(members) else members

    def _count_even(self, members: Sequence[int]) -> int:
        """How many of the first and last operands in rows are evenly spaced over the members."""
        ends = [[row[k] for row in self._program.rows(place) if row for k in {0, len(row) - 1}] for place in members]
        return sum([_is_even(list(map(self._at, column))) for column in zip(*ends, strict=True)])

    def reads(self, places: Sequence[int]) -> int:
        """How many neighbours stand in the order in which they are read first."""
        first = self._first_read
        return sum([first.get(a, _NEVER) < first.get(b, _NEVER) for a, b in pairwise(places)])

    @cached_property
    def _first_read(self) -> dict[int, tuple[int, int]]:
        """By place: its position in the row that reads it first, and the number of that row."""
        program = self._program
        found: dict[int, tuple[int, int]] = {}
        seen: set[int] = set()  # the ids of long rows
        count = 0
        for place in program.operations():
            for row in program.rows(place):
                if len(row) > _SHORT:
                    if id(row) in seen:
                        continue
                    seen.add(id(row))
                if not program.listed(row):  # parameters stand where they are
                    continue
                count += 1
                for k, operand in enumerate(row):
                    found.setdefault(operand, (k, count))
        return found


def _is_even(positions: Sequence[int]) -> bool:
    return len(set(map(sub, positions[1:], positions))) < 2
