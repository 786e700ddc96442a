"""The pass that writes sums over the lanes as sums of products, and separates what all lanes share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from .program import SUM, Program

Pair = tuple[int, int]


class LaneSums:
    """The outputs of a program, summed over its lanes: the sum of one place, plus the number of lanes times another.

    by_lane  by output: the place of a sum of products that differs between lanes; nothing else reads it
    shared   by output: the place of what all lanes share
    again    by output: an earlier output that is the same
    """

    def __init__(self, program: Program) -> None:
        """Changes the program: its outputs become sums of products, with 1.0 and -1.0 as factors of single terms."""
        self.by_lane: dict[int, int] = {}
        self.shared: dict[int, int] = {}
        self._program = program
        self._zero, self._one, self._minus_one = map(program.constant, (0.0, 1.0, -1.0))
        read = set(np.unique(program.products[:, 1:]).tolist())
        read.update(chain.from_iterable(map(program.operands, program.operations())))
        first: dict[int, int] = {}
        self.again: dict[int, int] = {}
        for position, place in enumerate(program.outputs):
            if place < 0:
                continue
            if first.setdefault(place, position) != position:
                self.again[position] = first[place]
            elif not program.varies[place]:
                self.shared[position] = place
            elif program.kinds[place] == SUM and place not in read:
                self._divide(position, place)
            else:
                self.by_lane[position] = program.add(SUM, (((place, self._one),), (), ()), True)
        self.by_lane.update(zip(program.products[:, 0].tolist(), program.add_products(), strict=True))
        program.outputs = list(self.by_lane.values())

    def _divide(self, position: int, place: int) -> None:
        """Divides a sum in two: the products that differ between lanes, and the terms that lanes share."""
        program, varies = self._program, self._program.varies
        pairs, plus, minus = program.args[place]
        by_lane = [(b, a) if varies[b] and not varies[a] else (a, b) for a, b in pairs if varies[a] or varies[b]]
        by_lane += [(p, self._one) for p in plus if varies[p]] + [(m, self._minus_one) for m in minus if varies[m]]
        program.args[place] = tuple(sorted(by_lane)), (), ()
        rest = (
            tuple([pair for pair in pairs if not varies[pair[0]] and not varies[pair[1]]]),
            self._shared(plus),
            self._shared(minus),
        )
        self.by_lane[position] = place
        if any(rest) and rest != ((), (self._zero,), ()):
            self.shared[position] = program.add(SUM, rest, False)

    def _shared(self, places: Sequence[int]) -> tuple[int, ...]:
        return tuple([p for p in places if not self._program.varies[p]])
