"""The order of rows in which the members of groups read, and are read, side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from .program import CONSTANT, INPUT, PARAMETER, Program

Row = tuple[int, ...]

_MOST_PARTS = 3


class RowOrder:
    """The rows of the places, so that the members of a group can be ordered as they read and are read."""

    def __init__(self, program: Program) -> None:
        self._program = program
        owners = {PARAMETER: -3, CONSTANT: -2, INPUT: -1}
        rest = program.kinds[program.first :]
        self._owner = [owners[PARAMETER]] * program.first
        self._owner += [owners.get(kind, 0) if type(kind) is str else 0 for kind in rest]
        self._position = list(range(len(program)))
        self._groups, self._rows = 0, len(program)

    def place(self, members: Sequence[int]) -> None:
        """Places the members of a group after all rows that are placed already."""
        self._groups += 1
        for place in members:
            self._owner[place] = self._groups
            self._position[place] = self._rows
            self._rows += 1

    def of_columns(self, row: Row) -> list[int]:
        """The order of columns in which the factors of a row are contiguous."""
        return sorted(range(len(row)), key=lambda k: self._position[row[k]])

    def of(self, places: Any) -> Any:
        return np.array([self._position[place] for place in places.tolist()])

    def of_row(self, row: Row) -> int:
        return self._position[row[0]]

    def parts(self, members: Sequence[int]) -> Iterator[list[int]]:
        """The members in the order of what they read, in a few parts if they read from a few groups."""
        parts: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
        for place in members:
            operands = tuple(self._program.operands(place))
            first = next((p for p in operands if self._program.varies[p]), operands[0] if operands else 0)
            parts[tuple([self._owner[p] for p in operands])].append((self._position[first], place))
        if len(parts) > _MOST_PARTS:
            parts = {(): [item for part in parts.values() for item in part]}
        for part in parts.values():
            yield [place for _, place in sorted(part)]

    def reads(self, places: Sequence[int]) -> int:
        """How many neighbours stand in the order in which they are read first."""
        first = self._first_read
        return sum([first.get(a, 0) < first.get(b, 0) for a, b in pairwise(places)])

    @cached_property
    def _first_read(self) -> dict[int, int]:
        program = self._program
        found: dict[int, int] = {}
        count = 0
        for place in range(program.first, len(program)):
            for operand in program.operands(place):
                found.setdefault(operand, count)
                count += 1
        return found
