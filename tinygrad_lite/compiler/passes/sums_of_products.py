"""The pass that writes arithmetic as sums of products, and flattens sums of sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter, le

from ... import ops
from .gc_pause import collector_paused
from .program import CONSTANT, PARAMETER, SUM, Args, Outer, Program, Row, Taken, row_of

_SUMS = frozenset((ops.add, ops.sub, ops.mul, ops.neg, ops.sum, ops.dot, ops.mean, ops.pow))
_COPIES = frozenset((ops.identity, ops.stop_gradient))
_POWERS = (1.0, 2.0, 3.0)

Pair = tuple[int, int]


@collector_paused
def as_sums_of_products(program: Program) -> Program:
    """The same program with add, sub, mul, neg, sum, dot, mean and small powers as sums of products of two.

    A sum that is read once, as a term of another, is written out there; a sum that is read often is not, since the
    program would grow without bound. In a pair, a factor that lanes share comes first, otherwise the later one; the
    pairs of a sum are sorted, so that equal rows are recognized. Results change by rounding, and a sum of several
    products that is zero may lose its sign; other results that are infinite, nan or -0.0 stay the same. A program that
    is written so already is returned.
    """
    return program if SUM in program.kinds else _Rewriting(program).made


class _Rewriting:
    """Writes the new program place by place.

    A sum that is read once waits for its reader, but its factors and subtracted terms are written at once. If they
    waited too, the reader would have to find them by a recursion as deep as the program is long.
    """

    def __init__(self, program: Program) -> None:
        self.made = program.begun()
        first = len(self.made)
        self._kinds, self._args, self._varies = program.kinds, program.args, program.varies
        self._uses = program.uses()
        constants = [k for k, kind in enumerate(program.kinds) if kind is CONSTANT]
        self._units = {k for k in constants if abs(program.args[k][0]) == 1.0}
        self._places: list[int | None] = [*range(first), *[None] * (len(program) - first)]
        # By id: rows of the old program as rows of the new one; of these, whether they vary, and their order.
        self._rows: dict[int, Row] = {}
        self._kept: dict[int, tuple[Row, bool | None]] = {}
        self._orders: dict[int, tuple[Row, list[int] | None, Row]] = {}
        for place in range(first, len(program)):
            self._visit(place)
        self.made.outputs = list(map(self._place, program.outputs))
        self.made.watched, self.made.sparse = program.watched, program.sparse
        self.made.outers, self.made.shared = (
            [Outer(o.first, tuple(self._row(o.factors)), tuple(map(self._row, o.rows))) for o in some]
            for some in (program.outers, program.shared)
        )
        self.made.taken = [
            Taken(t.first, t.step, t.size, self._place(t.index), self._place(t.number)) for t in program.taken
        ]

    def _visit(self, place: int) -> None:
        kind, args = self._kinds[place], self._args[place]
        if kind is ops.mul:
            if self._negated(args) is None:
                for factor in args:
                    if factor >= 0 and self._places[factor] is None:
                        self._place(factor)
        elif kind is CONSTANT:
            return
        elif kind in _COPIES:
            self._places[place] = self._place(args[0])
        elif kind not in _SUMS or (kind is ops.pow and self._exponent(args) is None):
            self._places[place] = self.made.add(
                kind, args if type(kind) is str else self._moved(args), self._varies[place]
            )
        elif kind is ops.dot:
            self._moved(args[:2])
        elif kind is ops.sub or kind is ops.neg or kind is ops.pow:
            self._place(args[0] if kind is ops.pow else args[-1])
        if self._uses[place] != 1 or kind is ops.mean:
            self._place(place)

    def _place(self, place: int) -> int:
        """The new place of an old one; writes it now if it waited."""
        if place < 0:
            return place
        found = self._places[place]
        if found is None:
            kind, args = self._kinds[place], self._args[place]
            if kind is CONSTANT:
                found = self.made.add(CONSTANT, args, False)
            elif kind is ops.mul and self._units.isdisjoint(args):
                found = self._written([self._pair(args)], (), (), self._varies[place])
            else:
                found = self._sum(place)
            self._places[place] = found
        return found

    def _pair(self, args: Args) -> Pair:
        """The factors of a product; of a constant and a negative, -constant and the number that was negated."""
        negated = self._negated(args)
        if negated is None:
            return self._ordered(self._place(args[0]), self._place(args[1]))
        constant, place = negated
        return self._ordered(self.made.constant(-constant), self._place(place))

    def _negated(self, args: Args) -> tuple[float, int] | None:
        """Of a product of a constant and a negative that is read nowhere else: the constant, and what was negated."""
        for constant, other in (args, args[::-1]):
            negative = other >= 0 and self._kinds[other] is ops.neg and self._uses[other] == 1
            if negative and constant >= 0 and self._kinds[constant] is CONSTANT and constant not in self._units:
                return self._args[constant][0], self._args[other][0]
        return None

    def _moved(self, args: Args) -> Args:
        return tuple([self._place(arg) if type(arg) is int else self._row(arg) for arg in args])

    def _row(self, row: Row) -> Row:
        found = row if type(row) is range else self._rows.get(id(row))
        if found is None:
            found = self._rows[id(row)] = row_of(list(map(self._place, row)))
        return found

    def _sum(self, place: int) -> int:
        """Writes a sum of products, including the sums that are its terms and are read nowhere else."""
        rows: list[tuple[Row, Row]] = []
        pairs: list[Pair] = []
        plus: list[int] = []
        minus: list[int] = []
        zero = False  # whether 0.0 is added, which turns -0.0 into 0.0
        work = [place]
        while work:
            at = work.pop()
            kind, args = (self._kinds[at], self._args[at]) if at >= 0 else (PARAMETER, ())
            if kind is CONSTANT and args[0] == 0.0:
                zero = zero or math.copysign(1.0, args[0]) > 0.0
            elif kind not in _SUMS or self._places[at] is not None:
                plus.append(self._place(at))
            elif kind is ops.mul:
                if self._units.isdisjoint(args):
                    pairs.append(self._pair(args))
                else:
                    unit, other = args if args[0] in self._units else reversed(args)
                    (plus if self._args[unit][0] > 0.0 else minus).append(self._place(other))
            elif kind is ops.add:
                work += (args[1], args[0])
            elif kind is ops.sub:
                minus.append(self._place(args[1]))
                work.append(args[0])
            elif kind is ops.neg:
                minus.append(self._place(args[0]))
            elif kind is ops.dot:
                rows.append(self._turned(self._row(args[0]), self._row(args[1])))
                work.append(args[2])
            elif kind is ops.pow:
                x, n = self._place(args[0]), self._exponent(args)
                if n == 1.0:
                    plus.append(x)
                elif n == 2.0:
                    pairs.append((x, x))
                else:
                    pairs.append(self._ordered(x, self._written([(x, x)], (), (), self.made.by_lane(x))))
            else:
                zero = True
                work += reversed(args[0])
        count = len(pairs) + sum([len(lefts) for lefts, _ in rows])
        if count < 2 and zero:
            plus.append(self.made.constant(0.0))
        varies = self._varies[place]
        if len(rows) == 1 and not pairs and count > 1:
            total = self.made.add(SUM, (*self._sorted(*rows[0]), tuple(plus), tuple(minus)), varies)
        else:
            if rows:
                pairs += chain.from_iterable([zip(*both, strict=True) for both in rows])
            if len(pairs) > 1:
                pairs.sort(key=itemgetter(1))
            total = self._written(pairs, plus, minus, varies)
        if self._kinds[place] is ops.mean:
            share = self.made.constant(1.0 / len(self._args[place][0]))
            total = self._written([self._ordered(share, total)], (), (), varies)
        return total

    def _written(self, pairs: Sequence[Pair], plus: Sequence[int], minus: Sequence[int], varies: bool) -> int:
        if len(plus) == 1 and not pairs and not minus:
            return plus[0]
        if len(pairs) == 1:
            ((left, right),) = pairs
            return self.made.add(SUM, ((left,), (right,), tuple(plus), tuple(minus)), varies)
        lefts, rights = map(row_of, zip(*pairs, strict=True)) if pairs else ((), ())
        return self.made.add(SUM, (lefts, rights, tuple(plus), tuple(minus)), varies)

    def _turned(self, lefts: Row, rights: Row) -> tuple[Row, Row]:
        """The factors of each pair in order, see _ordered."""
        one, other = self._varying(lefts), self._varying(rights)
        if one is False and other is True:
            return lefts, rights
        if one is True and other is False:
            return rights, lefts
        if type(lefts) is range or type(rights) is range:
            return (lefts, rights) if type(lefts) is range else (rights, lefts)
        if not lefts:
            return (), ()
        if one and other:  # whole rows, so that those of one kind meet those of the other
            return (lefts, rights) if self._ordered(lefts[0], rights[0])[0] == lefts[0] else (rights, lefts)
        a, b = zip(*map(self._ordered, lefts, rights), strict=True)
        return row_of(a), row_of(b)

    def _varying(self, row: Row) -> bool | None:
        """Whether the numbers of a row differ between lanes; None if some do and others do not."""
        if type(row) is range:
            return False
        found = self._kept.get(id(row))
        if found is None:
            varies = set(map(self.made.by_lane, row))
            found = self._kept[id(row)] = row, varies.pop() if len(varies) == 1 else None
        return found[1]

    def _sorted(self, lefts: Row, rights: Row) -> tuple[Row, Row]:
        """The pairs sorted by a row of weights, else by their right factors, so that equal rows are recognized.

        All windows of an image then have the same weights, also those that reach beyond it.
        """
        if type(rights) is range:
            return (lefts, rights) if rights.step > 0 else (lefts[::-1], rights[::-1])
        if type(lefts) is range:  # parameter k is at ~k
            return (lefts, rights) if lefts.step < 0 else (lefts[::-1], rights[::-1])
        found = self._orders.get(id(rights))
        if found is None:
            order = None if all(map(le, rights, rights[1:])) else sorted(range(len(rights)), key=rights.__getitem__)
            found = rights, order, rights if order is None else row_of([rights[k] for k in order])
            self._orders[id(rights)] = found
        _, order, in_order = found
        return (lefts, rights) if order is None else (row_of([lefts[k] for k in order]), in_order)

    def _ordered(self, a: int, b: int) -> Pair:
        """The pair with a factor first that lanes share, of two of these a parameter; otherwise the later one first."""
        by_lane, other = self.made.by_lane(a), self.made.by_lane(b)
        if by_lane is other:
            return (a, b) if (a >= b) is (min(a, b) >= 0) else (b, a)
        return (b, a) if by_lane else (a, b)

    def _exponent(self, args: Args) -> float | None:
        """The exponent of a power that is written as a product, else None."""
        constant = args[1] >= 0 and self._kinds[args[1]] is CONSTANT
        n: float = self._args[args[1]][0] if constant else 0.0
        return n if n in _POWERS else None
