# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""The pass that writes arithmetic as sums of products, and flattens sums of sums."""

import math
from itertools import chain
from operator import itemgetter, le

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ... import ops
from ...source.engine_choice import warn_of_stale
from .gc_pause import collector_paused
from .program import CONSTANT, SUM, Outer, Taken, row_of

if not cython.compiled:
    from .operations import Operations

compiled: bool = cython.compiled
source_hash = "431651b4"

_ADD = cython.declare(object, ops.add)
_SUB = cython.declare(object, ops.sub)
_MUL = cython.declare(object, ops.mul)
_NEG = cython.declare(object, ops.neg)
_DOT = cython.declare(object, ops.dot)
_MEAN = cython.declare(object, ops.mean)
_POW = cython.declare(object, ops.pow)
_SUMS = cython.declare(frozenset, frozenset((ops.add, ops.sub, ops.mul, ops.neg, ops.sum, ops.dot, ops.mean, ops.pow)))
_COPIES = cython.declare(frozenset, frozenset((ops.identity, ops.stop_gradient)))
_CONSTANT = cython.declare(object, CONSTANT)
_SUM = cython.declare(object, SUM)
_POWERS = cython.declare(tuple, (1.0, 2.0, 3.0))


@collector_paused
def as_sums_of_products(program):
    """The same program with add, sub, mul, neg, sum, dot, mean and small powers as sums of products of two.

    A sum that is read once, as a term of another, is written out there; a sum that is read often is not, since the
    program would grow without bound. In a pair, a factor that lanes share comes first, otherwise the later one; the
    pairs of a sum are sorted, so that equal rows are recognized. Results change by rounding, and a sum of several
    products that is zero may lose its sign; other results that are infinite, nan or -0.0 stay the same. A program that
    is written so already is returned.
    """
    if SUM in program.kinds:
        return program
    rewriting: _Rewriting = _Rewriting(program)
    return rewriting.made


@cython.final
@cython.cclass
class _Rewriting:
    """Writes the new program place by place.

    A sum that is read once waits for its reader, but its factors and subtracted terms are written at once. If they
    waited too, the reader would have to find them by a recursion as deep as the program is long.

    units   the constants 1.0 and -1.0
    places  of each old place the new one, None while it waits
    rows    by id: rows of the old program as rows of the new one
    kept    of these by id, whether they vary
    orders  and their order
    """

    __slots__ = ("_args", "_kept", "_kinds", "_orders", "_places", "_rows", "_to", "_units", "_uses", "_varies", "made")

    made: object
    _to: Operations
    _kinds: list
    _args: list
    _varies: list
    _uses: list
    _units: set
    _places: list
    _rows: dict
    _kept: dict
    _orders: dict

    def __init__(self, program):
        k: cython.Py_ssize_t
        self.made = self._to = program.begun()
        first: cython.Py_ssize_t = len(self.made)
        count: cython.Py_ssize_t = len(program)
        self._kinds, self._args, self._varies = program.kinds, program.args, program.varies
        self._uses = program.uses()
        constants = [k for k in range(count) if self._kinds[k] is _CONSTANT]
        self._units = {k for k in constants if abs(program.args[k][0]) == 1.0}
        self._places = [*range(first), *[None] * (count - first)]
        self._rows, self._kept, self._orders = {}, {}, {}
        for k in range(first, count):
            self._visit(k)
        self.made.outputs = [self._place(place) for place in program.outputs]
        self.made.watched, self.made.sparse = program.watched, program.sparse
        self.made.outers, self.made.shared = [
            [Outer(o.first, tuple(self._row(o.factors)), tuple([self._row(row) for row in o.rows])) for o in some]
            for some in (program.outers, program.shared)
        ]
        self.made.taken = [
            Taken(t.first, t.step, t.size, self._place(t.index), self._place(t.number)) for t in program.taken
        ]

    @cython.cfunc
    def _visit(self, place: cython.Py_ssize_t) -> cython.void:
        kind = self._kinds[place]
        args: tuple = self._args[place]
        if kind is _MUL:
            if self._negated(args) is None:
                self._place(args[0])
                self._place(args[1])
        elif kind is _CONSTANT:
            return
        elif kind in _COPIES:
            self._places[place] = self._place(args[0])
        elif kind not in _SUMS or (kind is _POW and self._exponent(args) is None):
            moved: tuple = args if type(kind) is str else self._moved(args)
            self._places[place] = self._to._add(kind, moved, self._varies[place])
        elif kind is _DOT:
            self._row(args[0])
            self._row(args[1])
        elif kind is _SUB or kind is _NEG or kind is _POW:
            self._place(args[1] if kind is _SUB else args[0])
        if self._uses[place] != 1 or kind is _MEAN:
            self._place(place)

    @cython.cfunc
    def _place(self, old):
        """The new place of an old one; writes it now if it waited."""
        place: cython.Py_ssize_t = old
        if place < 0:
            return old
        found = self._places[place]
        if found is None:
            kind = self._kinds[place]
            args: tuple = self._args[place]
            if kind is _CONSTANT:
                found = self._to._add(_CONSTANT, args, False)
            elif kind is _MUL and args[0] not in self._units and args[1] not in self._units:
                found = self._written([self._pair(args)], [], [], self._varies[place])
            else:
                found = self._sum(place)
            self._places[place] = found
        return found

    @cython.cfunc
    def _pair(self, args: tuple) -> tuple:
        """The factors of a product; of a constant and a negative, -constant and the number that was negated."""
        negated = self._negated(args)
        if negated is None:
            return self._ordered(self._place(args[0]), self._place(args[1]))
        constant, place = negated
        return self._ordered(self.made.constant(-constant), self._place(place))

    @cython.cfunc
    def _negated(self, args: tuple):
        """Of a product of a constant and a negative that is read nowhere else: the constant, and what was negated."""
        found = self._negated_by(args[0], args[1])
        return self._negated_by(args[1], args[0]) if found is None else found

    @cython.cfunc
    def _negated_by(self, constant: cython.Py_ssize_t, other: cython.Py_ssize_t):
        if other < 0 or constant < 0 or self._kinds[other] is not _NEG or self._kinds[constant] is not _CONSTANT:
            return None
        if self._uses[other] != 1 or constant in self._units:
            return None
        return self._args[constant][0], self._args[other][0]

    @cython.cfunc
    def _moved(self, args: tuple) -> tuple:
        return tuple([self._place(arg) if type(arg) is int else self._row(arg) for arg in args])

    @cython.cfunc
    def _row(self, row):
        found = row if type(row) is range else self._rows.get(id(row))
        if found is None:
            found = self._rows[id(row)] = row_of([self._place(place) for place in row])
        return found

    @cython.cfunc
    def _sum(self, place: cython.Py_ssize_t):
        """Writes a sum of products, including the sums that are its terms and are read nowhere else."""
        at: cython.Py_ssize_t
        rows: list = []
        pairs: list = []
        plus: list = []
        minus: list = []
        zero: cython.bint = False  # whether 0.0 is added, which turns -0.0 into 0.0
        work: list = [place]
        while work:
            item = work.pop()
            at = item
            if at < 0:
                plus.append(item)
                continue
            kind = self._kinds[at]
            args: tuple = self._args[at]
            if kind is _CONSTANT and args[0] == 0.0:
                zero = zero or math.copysign(1.0, args[0]) > 0.0
            elif kind not in _SUMS or self._places[at] is not None:
                plus.append(self._place(item))
            elif kind is _MUL:
                if args[0] in self._units:
                    (plus if self._args[args[0]][0] > 0.0 else minus).append(self._place(args[1]))
                elif args[1] in self._units:
                    (plus if self._args[args[1]][0] > 0.0 else minus).append(self._place(args[0]))
                else:
                    pairs.append(self._pair(args))
            elif kind is _ADD:
                work.append(args[1])
                work.append(args[0])
            elif kind is _SUB:
                minus.append(self._place(args[1]))
                work.append(args[0])
            elif kind is _NEG:
                minus.append(self._place(args[0]))
            elif kind is _DOT:
                rows.append(self._turned(self._row(args[0]), self._row(args[1])))
                work.append(args[2])
            elif kind is _POW:
                x, n = self._place(args[0]), self._exponent(args)
                if n == 1.0:
                    plus.append(x)
                elif n == 2.0:
                    pairs.append((x, x))
                else:
                    pairs.append(self._ordered(x, self._written([(x, x)], [], [], self._to._is_by_lane(x))))
            else:
                zero = True
                work.extend(reversed(args[0]))
        count: cython.Py_ssize_t = len(pairs) + sum([len(lefts) for lefts, _ in rows])
        if count < 2 and zero:
            plus.append(self.made.constant(0.0))
        varies = self._varies[place]
        if len(rows) == 1 and not pairs and count > 1:
            lefts, rights = rows[0]
            lefts, rights = self._sorted(lefts, rights)
            total = self._to._add(_SUM, (lefts, rights, tuple(plus), tuple(minus)), varies)
        else:
            if rows:
                pairs += chain.from_iterable([zip(*both, strict=True) for both in rows])
            if len(pairs) > 1:
                pairs.sort(key=itemgetter(1))
            total = self._written(pairs, plus, minus, varies)
        if self._kinds[place] is _MEAN:
            share = self.made.constant(1.0 / len(self._args[place][0]))
            total = self._written([self._ordered(share, total)], [], [], varies)
        return total

    @cython.cfunc
    def _written(self, pairs: list, plus: list, minus: list, varies):
        if len(plus) == 1 and not pairs and not minus:
            return plus[0]
        if len(pairs) == 1:
            left, right = pairs[0]
            return self._to._add(_SUM, ((left,), (right,), tuple(plus), tuple(minus)), varies)
        lefts = row_of([left for left, _ in pairs])
        rights = row_of([right for _, right in pairs])
        return self._to._add(_SUM, (lefts, rights, tuple(plus), tuple(minus)), varies)

    @cython.cfunc
    def _turned(self, lefts, rights) -> tuple:
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
        pairs: list = [self._ordered(a, b) for a, b in zip(lefts, rights, strict=True)]
        return row_of([a for a, _ in pairs]), row_of([b for _, b in pairs])

    @cython.cfunc
    def _varying(self, row):
        """Whether the numbers of a row differ between lanes; None if some do and others do not."""
        if type(row) is range:
            return False
        found = self._kept.get(id(row))
        if found is None:
            varies: set = {self._to._is_by_lane(place) for place in row}
            found = self._kept[id(row)] = row, varies.pop() if len(varies) == 1 else None
        return found[1]

    @cython.cfunc
    def _sorted(self, lefts, rights) -> tuple:
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

    @cython.cfunc
    def _ordered(self, one, other) -> tuple:
        """The pair with a factor first that lanes share, of two of these a parameter; otherwise the later one first."""
        a: cython.Py_ssize_t = one
        b: cython.Py_ssize_t = other
        varies: cython.bint = self._to._is_by_lane(a)
        if varies == self._to._is_by_lane(b):
            return (one, other) if (a >= b) == (min(a, b) >= 0) else (other, one)
        return (other, one) if varies else (one, other)

    @cython.cfunc
    def _exponent(self, args: tuple):
        """The exponent of a power that is written as a product, else None."""
        at: cython.Py_ssize_t = args[1]
        n = self._args[at][0] if at >= 0 and self._kinds[at] is _CONSTANT else 0.0
        return n if n in _POWERS else None


if compiled:
    warn_of_stale(__name__, source_hash)
