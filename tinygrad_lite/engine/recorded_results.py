# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""The results below some roots in the order in which a trace recorded them, as numbers: to find what repeats."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import ops

if not cython.compiled:
    from .graph import Span, _all_checked, _args_but_cells, _cells_of, _row
    from .storage import _Layer, counts
    from .values import _JOINT, _MANY, Value

compiled: bool = cython.compiled
source_hash = "4700f776"

_ROWS = cython.declare(list, ops.ROWS)
# What only adds: a chain of these is a sum, not a recurrence.
_ADDING = cython.declare(
    frozenset, frozenset([row.code for row in (ops.add, ops.sub, ops.neg, ops.identity, ops.sum, ops.mean)])
)
# Rows with an argument that is no variable, such as the order of a polygamma: its number belongs to the row.
_FIXING = cython.declare(
    frozenset, frozenset([row.code for row in ops.ROWS if row is not None and None in row.rules and not row.flat])
)


def recorded_so_far():
    """How many results traces have recorded; each holds the number that it had when it was recorded."""
    return counts.recorded


@cython.final
@cython.cclass
class RecordedOrder:
    """Results in the order in which a trace recorded them. A row is an entry of its own, before its first reader.

    items    Values, and rows (tuples) that hold some of them
    kinds    of each item a number, the same for items of one operation that take as many arguments
    starts   where the arguments of each item begin, and where the last end
    args     positions of items, or ~k for number k of `sources`
    depths   how many operations that do more than add stand one behind the other, up to the item
    sources  what is read, but is not among the items: Values, numbers, rows and Spans of these
    """

    __slots__ = ("_known", "_numbers", "_places", "_rows", "args", "depths", "items", "kinds", "sources", "starts")

    args: list
    depths: list
    items: list
    kinds: list
    sources: list
    starts: list
    _known: dict
    _numbers: dict
    _places: dict
    _rows: dict

    def __init__(self):
        self.items, self.kinds, self.starts, self.args, self.depths, self.sources = [], [], [0], [], [], []
        self._places, self._rows, self._numbers, self._known = {}, {}, {}, {}

    def parts(self):
        """Items, kinds, starts, args, depths, sources."""
        return self.items, self.kinds, self.starts, self.args, self.depths, self.sources

    @cython.cfunc
    def _add(self, item, key, first: cython.Py_ssize_t, more: cython.bint) -> cython.Py_ssize_t:
        """Adds an item whose arguments from `first` on stand in args already."""
        k: cython.Py_ssize_t
        place: cython.Py_ssize_t = len(self.items)
        depth: cython.Py_ssize_t = 0
        for k in range(first, len(self.args)):
            arg: cython.Py_ssize_t = self.args[k]
            if arg >= 0 and self.depths[arg] > depth:
                depth = self.depths[arg]
        self.items.append(item)
        self.kinds.append(self._known.setdefault(key, len(self._known)))
        self.starts.append(len(self.args))
        self.depths.append(depth + more)
        return place

    @cython.cfunc
    def _source(self, x, key) -> cython.Py_ssize_t:
        place = self._numbers.get(key)
        if place is None:
            place = self._numbers[key] = ~len(self.sources)
            self.sources.append(x)
        return place

    @cython.cfunc
    def _of(self, x) -> cython.Py_ssize_t:
        """The position of an argument that is no row."""
        if type(x) is Value:
            place = self._places.get(x)
            if place is None:
                place = self._places[x] = ~len(self.sources)
                self.sources.append(x)
            return place
        return self._source(x, x if x == x and x != 0.0 else repr(x))

    @cython.cfunc
    def _of_row(self, row) -> cython.Py_ssize_t:
        found = self._rows.get(id(row))
        if found is not None:
            return found[0]
        if type(row) is Span:
            span: Span = row
            place: cython.Py_ssize_t = self._source(span, (id(span._storage), span._start, span._size))
        else:
            refs: list = [self._of(x) for x in row]
            first: cython.Py_ssize_t = len(self.args)
            if any([ref >= 0 for ref in refs]):
                self.args += refs
                place = self._add(row, ("row", len(refs)), first, False)
            else:
                place = self._source(row, tuple(refs))
        self._rows[id(row)] = place, row  # which keeps the row, so that no other has its id
        return place

    @cython.cfunc
    def _add_result(self, v: Value, marked: cython.bint) -> cython.void:
        """Adds a result; one that is marked is like other marked ones only, and a joint result like no other."""
        args: tuple = _args_but_cells(v)
        places: list = []
        key = v._code * 2 + marked
        code: cython.int = v._code & (_MANY - 1)
        if v._code < _MANY:
            args = args[: len(_ROWS[v._code].rules)]
        else:
            row = _row(v)
            key = (key, id(row), tuple([_length(arg) for arg in args]))
            if row is args[len(args) - 1]:
                args = args[: len(args) - 1]
            cell: cython.Py_ssize_t = _cells_of(v)
            if cell >= 0:
                key = (key, id(cython.cast(_Layer, v._left).storage), cell)
        if code in _FIXING:
            key = (key, repr([arg for arg in args if type(arg) is not Value and type(arg) is not tuple]))
        if v._code >= _JOINT:
            key = id(v), "joint"
        for arg in args:
            places.append(self._of_row(arg) if type(arg) is tuple or type(arg) is Span else self._of(arg))
        first: cython.Py_ssize_t = len(self.args)
        self.args += places
        self._places[v] = self._add(v, key, first, code not in _ADDING)


@cython.cfunc
@cython.exceptval(-2)
def _length(arg) -> cython.Py_ssize_t:
    """How many numbers a row holds; -1 for a number."""
    if type(arg) is Span:
        return cython.cast(Span, arg)._size
    return len(arg) if type(arg) is tuple else -1


def _number_of(v: Value):
    return v._count


def recorded_order(roots, since, stops, marked, least):
    """The RecordedOrder of the results below roots, or None if there are fewer than `least`.

    since   what was recorded before there were so many results is a source; see recorded_so_far()
    stops   Values that are sources too
    marked  Values that are like each other only
    """
    v: Value
    order: list = []
    seen: set = set(stops)
    before: cython.longlong = since
    stack: list = list(reversed(_all_checked("recorded_order(roots)", roots)))
    while stack:
        v = stack.pop()
        if v is None:
            order.append(stack.pop())
        elif v._code >= 0 and v._count > before and v not in seen:
            seen.add(v)
            stack.append(v)
            stack.append(None)
            for arg in reversed(_args_but_cells(v)):
                if type(arg) is Value:
                    stack.append(arg)
                elif type(arg) is tuple and id(arg) not in seen:
                    seen.add(id(arg))
                    stack += [x for x in reversed(cython.cast(tuple, arg)) if type(x) is Value]
    if len(order) < least:
        return None
    found: RecordedOrder = RecordedOrder()
    for v in sorted(order, key=_number_of):
        found._add_result(v, v in marked)
    return found
