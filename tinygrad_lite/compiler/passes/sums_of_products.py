"""The pass that writes arithmetic as sums of products, and flattens sums of sums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import itemgetter

import numpy as np

from ... import ops
from .gc_pause import collector_paused
from .program import CONSTANT, SUM, Args, Program

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
    products that is zero may lose its sign; other results that are infinite, nan or -0.0 stay the same.
    """
    return _Rewriting(program).made


class _Rewriting:
    """Writes the new program place by place.

    A sum that is read once waits for its reader, but its factors and subtracted terms are written at once. If they
    waited too, the reader would have to find them by a recursion as deep as the program is long.
    """

    def __init__(self, program: Program) -> None:
        self.made = program.begun()
        first = len(self.made)
        self._kinds, self._args, self._varies = program.kinds, program.args, program.varies
        self._uses = np.bincount(np.fromiter(program.reads(), int), minlength=len(program)).tolist()
        constants = [k for k in range(program.first, len(program)) if program.kinds[k] is CONSTANT]
        self._units = {k for k in constants if abs(program.args[k][0]) == 1.0}
        self._places = [*range(first), *[-1] * (len(program) - first)]
        for place in range(first, len(program)):
            self._visit(place)
        self.made.outputs = [self._place(place) if place >= 0 else -1 for place in program.outputs]
        self.made.watched, self.made.products = program.watched, program.products.copy()
        for place in np.unique(program.products[:, 1:]).tolist():
            self._place(place)
        self.made.products[:, 1:] = np.array(self._places)[program.products[:, 1:]]

    def _visit(self, place: int) -> None:
        kind, args = self._kinds[place], self._args[place]
        if kind is ops.mul:
            for factor in args:
                if self._places[factor] < 0:
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
        found: int = self._places[place]
        if found < 0:
            kind, args = self._kinds[place], self._args[place]
            if kind is CONSTANT:
                found = self.made.add(CONSTANT, args, False)
            elif kind is ops.mul and self._units.isdisjoint(args):
                pair = self._ordered(self._places[args[0]], self._places[args[1]])
                found = self.made.add(SUM, ((pair,), (), ()), self._varies[place])
            else:
                found = self._sum(place)
            self._places[place] = found
        return found

    def _moved(self, args: Args) -> Args:
        return tuple([self._row(arg) if type(arg) is tuple else self._place(arg) for arg in args])

    def _row(self, places: tuple[int, ...]) -> tuple[int, ...]:
        found = tuple([self._places[place] for place in places])
        return tuple(map(self._place, places)) if -1 in found else found

    def _sum(self, place: int) -> int:
        """Writes a sum of products, including the sums that are its terms and are read nowhere else."""
        pairs: list[Pair] = []
        plus: list[int] = []
        minus: list[int] = []
        zero = False  # whether 0.0 is added, which turns -0.0 into 0.0
        work = [place]
        while work:
            at = work.pop()
            kind, args = self._kinds[at], self._args[at]
            if kind is CONSTANT and args[0] == 0.0:
                zero = zero or math.copysign(1.0, args[0]) > 0.0
            elif self._places[at] >= 0 or kind not in _SUMS:
                plus.append(self._place(at))
            elif kind is ops.mul:
                if self._units.isdisjoint(args):
                    pairs.append(self._ordered(self._places[args[0]], self._places[args[1]]))
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
                pairs += self._pairs(self._row(args[0]), self._row(args[1]))
                work.append(args[2])
            elif kind is ops.pow:
                x, n = self._place(args[0]), self._exponent(args)
                if n == 1.0:
                    plus.append(x)
                else:
                    pairs.append(
                        (x, x) if n == 2.0 else self._ordered(x, self._written([(x, x)], (), (), self.made.varies[x]))
                    )
            else:
                zero = True
                work += reversed(args[0])
        if len(pairs) > 1:
            pairs.sort(key=itemgetter(1))
        elif zero:
            plus.append(self.made.constant(0.0))
        varies = self._varies[place]
        total = self._written(pairs, plus, minus, varies)
        if self._kinds[place] is ops.mean:
            share = self.made.constant(1.0 / len(self._args[place][0]))
            total = self._written([self._ordered(share, total)], (), (), varies)
        return total

    def _written(self, pairs: Sequence[Pair], plus: Sequence[int], minus: Sequence[int], varies: bool) -> int:
        if len(plus) == 1 and not pairs and not minus:
            return plus[0]
        return self.made.add(SUM, (tuple(pairs), tuple(plus), tuple(minus)), varies)

    def _pairs(self, lefts: tuple[int, ...], rights: tuple[int, ...]) -> Iterable[Pair]:
        varies = self.made.varies.__getitem__
        whole = not any(map(varies, lefts)) and all(map(varies, rights))
        return zip(lefts, rights, strict=True) if whole else map(self._ordered, lefts, rights)

    def _ordered(self, a: int, b: int) -> Pair:
        """The pair with a shared factor first, otherwise with the later factor first."""
        by_lane, other = self.made.varies[a], self.made.varies[b]
        if by_lane is other:
            return (a, b) if a >= b else (b, a)
        return (b, a) if by_lane else (a, b)

    def _exponent(self, args: Args) -> float | None:
        """The exponent of a power that is written as a product, else None."""
        n: float = self._args[args[1]][0] if self._kinds[args[1]] is CONSTANT else 0.0
        return n if n in _POWERS else None
