"""The pass that writes arithmetic as sums of products, and flattens sums of sums."""

from __future__ import annotations

import math
from collections import Counter
from itertools import chain
from operator import itemgetter

from .. import ops
from .program import CONSTANT, SUM, Args, Program

_SUMS = frozenset((ops.add, ops.sub, ops.mul, ops.neg, ops.sum, ops.dot, ops.mean, ops.pow))
_COPIES = frozenset((ops.identity, ops.stop_gradient))


def as_sums_of_products(program: Program) -> Program:
    """The same program with add, sub, mul, neg, sum, dot, mean and small powers as sums of products of two.

    A sum that is read once, as a term of another, is written out there: one read often would grow without bound. What
    lanes share stands left in a pair, then the later value; the pairs of a sum are sorted, so that rows of factors are
    found again. Results change by rounding, and a sum of several products that is zero may lose its sign; else what
    becomes of infinities, nan and -0.0 stays.
    """
    return _Rewriting(program).made


class _Rewriting:
    """A sum that is read once waits for its reader; only its factors, and what it subtracts, are written before.

    (They would else be found by recursion, as deep as the program is long.)
    """

    def __init__(self, program: Program) -> None:
        self.made = program.begun()
        first = len(self.made)
        self._kinds, self._args, self._number = program.kinds, program.args, program.number
        self._uses = Counter(chain(program.outputs, *map(program.operands, range(first, len(program)))))
        self._places = [*range(first), *[-1] * (len(program) - first)]
        for place in range(first, len(program)):
            self._visit(place)
        self.made.outputs = [self._place(place) for place in program.outputs]

    def _visit(self, place: int) -> None:
        kind, args = self._kinds[place], self._args[place]
        if kind in _COPIES:
            self._places[place] = self._place(args[0])
        elif kind not in _SUMS or (kind is ops.pow and self._number(args[1]) not in (1.0, 2.0, 3.0)):
            self._places[place] = self.made.add(kind, self._moved(args) if kind is not CONSTANT else args)
        else:
            if kind is ops.mul or kind is ops.pow:
                self._place(args[0])
                self._place(args[1])
            elif kind is ops.dot:
                self._moved(args[:2])
            elif kind is ops.sub or kind is ops.neg:
                self._place(args[-1])
            if self._uses[place] != 1 or kind is ops.mean:
                self._place(place)

    def _place(self, place: int) -> int:
        """The new place of an old one, which is written now if it waited."""
        if self._places[place] < 0:
            self._places[place] = self._sum(place)
        return self._places[place]

    def _moved(self, args: Args) -> Args:
        return tuple([tuple(map(self._place, arg)) if type(arg) is tuple else self._place(arg) for arg in args])

    def _sum(self, place: int) -> int:
        """Writes a sum of products, with the sums in it that are read nowhere else."""
        pairs: list[tuple[int, int]] = []
        plus: list[int] = []
        minus: list[int] = []
        zero = False  # whether 0.0 is added, which makes -0.0 positive
        work = [place]
        while work:
            at = work.pop()
            kind, args = self._kinds[at], self._args[at]
            if kind is CONSTANT and args[0] == 0.0:
                zero = zero or math.copysign(1.0, args[0]) > 0.0
            elif self._places[at] >= 0 or kind not in _SUMS:
                plus.append(self._place(at))
            elif kind is ops.mul:
                pairs.append(self._pair(args[0], args[1]))
            elif kind is ops.add:
                work += (args[1], args[0])
            elif kind is ops.sub:
                minus.append(self._place(args[1]))
                work.append(args[0])
            elif kind is ops.neg:
                minus.append(self._place(args[0]))
            elif kind is ops.dot:
                pairs += map(self._pair, *args[:2])
                work.append(args[2])
            elif kind is ops.pow:
                ...
            else:
                zero = True
                work += reversed(args[0])
        ...
