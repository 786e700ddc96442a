"""The pass that writes sums over the lanes as sums of products, and separates what all lanes share."""

from __future__ import annotations

from collections.abc import Sequence

from ..joint_results import COMPONENT, Joint
from .program import SUM, Outer, Program, Row, row_of

Pair = tuple[int, int]


class LaneSums:
    """The outputs of a program, summed over its lanes: the sum of one place, plus the number of lanes times another.

    by_lane        by output: the place of a sum of products that differs between lanes; nothing else reads it
    shared         by output: the place of what all lanes share
    again          by output: an earlier output that is the same
    outers         outer products that differ between lanes
    shared_outers  outer products that all lanes share, to be added to any outputs
    taken          what outputs receive at an index, to be added to any outputs
    read_by_lane   joint results of which operations read a summable number, see joint_results.py
    """

    def __init__(self, program: Program) -> None:
        """Changes the program: its outputs become sums of products, with 1.0 and -1.0 as factors of single terms."""
        self.by_lane: dict[int, int] = {}
        self.shared: dict[int, int] = {}
        self._program = program
        self._zero, self._one, self._minus_one = map(program.constant, (0.0, 1.0, -1.0))
        self.outers, self.shared_outers = list(map(_sorted, program.outers)), program.shared
        self.taken = program.taken
        read = program.read()
        components = [program.args[place] for place in read if program.kinds[place] is COMPONENT]
        self.read_by_lane = {
            whole
            for whole, index in components
            if isinstance(kind := program.kinds[whole], Joint) and int(program.args[index][0]) in kind.summable
        }
        first: dict[int, int] = {}
        self.again: dict[int, int] = {}
        for position, place in zip(program.positions, program.outputs, strict=True):
            if first.setdefault(place, position) != position:
                self.again[position] = first[place]
            elif not program.by_lane(place):
                self.shared[position] = place
            elif program.kinds[place] == SUM and place not in read:
                self._divide(position, place)
            else:
                self.by_lane[position] = program.append(SUM, ((place,), (self._one,), (), ()), True)
        for outer in [outer for outer in self.outers if len(outer) == 1]:
            self.outers.remove(outer)
            self.by_lane[outer.first] = program.append(SUM, next(outer.products()), True)
        program.outputs, program.sparse = list(self.by_lane.values()), None
        program.outers, program.shared, program.taken = [], [], []

    def _divide(self, position: int, place: int) -> None:
        """Divides a sum in two: the products that differ between lanes, and the terms that lanes share."""
        program, varies = self._program, self._program.by_lane
        lefts, rights, plus, minus = program.args[place]
        pairs = list(zip(lefts, rights, strict=True))
        by_lane = [(b, a) if varies(b) and not varies(a) else (a, b) for a, b in pairs if varies(a) or varies(b)]
        by_lane += [(p, self._one) for p in plus if varies(p)] + [(m, self._minus_one) for m in minus if varies(m)]
        rest = [pair for pair in pairs if not varies(pair[0]) and not varies(pair[1])]
        program.args[place] = *_columns(sorted(by_lane)), (), ()
        self.by_lane[position] = place
        shared = *_columns(rest), self._shared(plus), self._shared(minus)
        if any(shared) and shared != ((), (), (self._zero,), ()):
            self.shared[position] = program.add(SUM, shared, False)

    def _shared(self, places: Sequence[int]) -> tuple[int, ...]:
        return tuple([p for p in places if not self._program.by_lane(p)])


def _columns(pairs: Sequence[Pair]) -> tuple[Row, Row]:
    lefts, rights = zip(*pairs, strict=True) if pairs else ((), ())
    return row_of(lefts), row_of(rights)


def _sorted(outer: Outer) -> Outer:
    """An outer product with its terms in the order of their rows, so that equal ones are recognized."""
    terms = sorted(zip(outer.factors, outer.rows, strict=True), key=lambda term: (term[1][0], term[0]))
    factors, rows = zip(*terms, strict=True)
    return Outer(outer.first, factors, rows)
