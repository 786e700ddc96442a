# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""The results below some roots in the order in which a trace recorded them, as numbers: to find what repeats."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import ops

if not cython.compiled:
    from .graph import Span, _all_checked, _args_but_cells, _cells_of, _is_row, _row, _size
    from .storage import _integers, _Layer, counts
    from .values import _JOINT, _MANY, Value

compiled: bool = cython.compiled
source_hash = "0f1e6661"

# What only adds: a chain of these is a sum, not a recurrence.
_ADDING = cython.declare(
    list, [row in (ops.add, ops.sub, ops.neg, ops.identity, ops.sum, ops.mean) for row in ops.ROWS]
)
# Rows with an argument that is no variable, such as the order of a polygamma: its number belongs to the row.
_FIXING = cython.declare(list, [row is not None and None in row.rules and not row.flat for row in ops.ROWS])
_RULES = cython.declare(list, [0 if row is None else len(row.rules) for row in ops.ROWS])


def recorded_so_far():
    """How many results traces have recorded; each holds the number that it had when it was recorded."""
    return counts.recorded


@cython.final
@cython.cclass
class RecordedOrder:
    """Results in the order in which a trace recorded them. A row is an item of its own, before its first reader.

    items    Values, and rows (tuples) that hold some of them
    kinds    of each item a number, the same for items of one operation that take as many arguments
    starts   where the arguments of each item begin, and where the last end
    args     positions of items, or ~k for number k of `sources`
    depths   how many operations that do more than add stand one behind the other, up to the item
    sources  what is read, but is not among the items: Values, numbers, rows and Spans of these
    """

    __slots__ = ("_args", "_before", "_by_number", "_depths", "_end", "_filled", "_found", "_kinds", "_known")
    __slots__ += ("_marked", "_places", "_rows", "_size", "_sources", "_starts", "args", "depths", "items", "kinds")
    __slots__ += ("sources", "starts")

    args: object
    depths: object
    items: list
    kinds: object
    sources: list
    starts: object
    _args: cython.p_longlong
    _depths: cython.p_longlong
    _kinds: cython.p_longlong
    _places: cython.p_longlong
    _starts: cython.p_longlong
    _before: cython.longlong
    _end: cython.Py_ssize_t
    _filled: cython.Py_ssize_t
    _size: cython.Py_ssize_t
    _known: dict
    _by_number: object
    _marked: object
    _found: list
    _rows: dict
    _sources: dict

    def parts(self):
        """Items, kinds, starts, args, depths, sources."""
        return self.items, self.kinds, self.starts, self.args, self.depths, self.sources

    def places(self, values):
        """The positions of those of these Values that are among the items."""
        found: list = [self._at(x) for x in values]
        return [place for place in found if place >= 0]

    @cython.cfunc
    @cython.exceptval(-2)
    def _at(self, x) -> cython.longlong:
        """What _places holds for a result: its depth, later its position; -1 for anything else."""
        v: Value
        k: cython.Py_ssize_t
        if type(x) is not Value:
            return -1
        v = x
        k = v._count - self._before - 1
        return self._places[k] if v._code >= 0 and 0 <= k < self._size and self._found[k] is v else -1

    @cython.cfunc
    def _walk(self, roots, before: cython.longlong) -> cython.Py_ssize_t:
        """Finds the results; returns how many there are."""
        v: Value
        k: cython.Py_ssize_t
        count: cython.Py_ssize_t = 0
        self._before, self._size, self._end = before, counts.recorded - before, 0
        if self._size <= 0:
            return 0
        found: list = [None] * self._size
        self._found = found
        rows: set = set()
        stack: list = list(_all_checked("recorded_order(roots)", roots))
        while stack:
            v = stack.pop()
            k = v._count - before - 1
            if v._code < 0 or k < 0 or k >= self._size or found[k] is not None:
                continue
            found[k] = v
            count += 1
            args: tuple = _args_but_cells(v)
            self._end += len(args)
            for arg in args:
                if type(arg) is Value:
                    if cython.cast(Value, arg)._code >= 0:
                        stack.append(arg)
                elif type(arg) is tuple and id(arg) not in rows:
                    rows.add(id(arg))
                    self._end += len(arg)
                    stack.extend([x for x in cython.cast(tuple, arg) if type(x) is Value])
        self._filled = count + len(rows)
        return count

    @cython.cfunc
    def _is_deep(self, least: cython.longlong) -> cython.bint:
        """Whether so many operations that do more than add stand one behind the other."""
        v: Value
        k: cython.Py_ssize_t
        depth: cython.longlong
        import array

        self._by_number = array.array("q", bytes(8 * self._size))
        self._places = _integers(self._by_number)
        rows: dict = {}
        for k in range(self._size):
            v = self._found[k]
            if v is None:
                continue
            depth = 0
            if v._code < _MANY:
                if v._left is not None:
                    depth = max(depth, self._at(v._left))
                if v._right is not None:
                    depth = max(depth, self._at(v._right))
            else:
                for arg in _args_but_cells(v):
                    if type(arg) is Value:
                        depth = max(depth, self._at(arg))
                    elif type(arg) is tuple:
                        if id(arg) not in rows:
                            rows[id(arg)] = max([self._at(x) for x in arg], default=0)
                        depth = max(depth, rows[id(arg)])
            depth += v._code & (_MANY - 1) >= len(_ADDING) or not _ADDING[v._code & (_MANY - 1)]
            if depth >= least:
                return True
            self._places[k] = depth
        return False

    @cython.cfunc
    def _fill(self, marked) -> cython.void:
        v: Value
        k: cython.Py_ssize_t
        import array

        size: cython.Py_ssize_t = self._filled
        self.kinds, self.depths = array.array("q", bytes(8 * size)), array.array("q", bytes(8 * size))
        self.starts, self.args = array.array("q", bytes(8 * (size + 1))), array.array("q", bytes(8 * self._end))
        self._kinds, self._depths, self._starts = _integers(self.kinds), _integers(self.depths), _integers(self.starts)
        self._args = _integers(self.args)
        self.items, self.sources, self._marked = [], [], marked if marked else None
        self._known, self._rows, self._sources, self._end, self._filled = {}, {}, {}, 0, 0
        for k in range(self._size):
            self._places[k] = -1
        for k in range(self._size):
            v = self._found[k]
            if v is not None:
                self._places[k] = self._add_result(v)
        del self.kinds[self._filled :], self.depths[self._filled :], self.starts[self._filled + 1 :]
        del self.args[self._end :]

    @cython.cfunc
    def _add(self, item, key, args: cython.Py_ssize_t, more: cython.bint) -> cython.Py_ssize_t:
        """Adds an item whose arguments are the last so many."""
        k: cython.Py_ssize_t
        place: cython.Py_ssize_t = self._filled
        depth: cython.longlong = 0
        for k in range(self._end - args, self._end):
            if self._args[k] >= 0 and self._depths[self._args[k]] > depth:
                depth = self._depths[self._args[k]]
        kind = self._known.get(key)
        if kind is None:
            kind = self._known[key] = len(self._known)
        self.items.append(item)
        self._kinds[place] = kind
        self._depths[place] = depth + more
        self._starts[place + 1] = self._end
        self._filled += 1
        return place

    @cython.cfunc
    def _source(self, x, key) -> cython.Py_ssize_t:
        place = self._sources.get(key)
        if place is None:
            place = self._sources[key] = ~len(self.sources)
            self.sources.append(x)
        return place

    @cython.cfunc
    def _of(self, x) -> cython.Py_ssize_t:
        """The position of an argument that is no row."""
        place: cython.Py_ssize_t = self._at(x)
        if place >= 0:
            return place
        if type(x) is Value:
            return self._source(x, id(x))
        # 0.0 == -0.0 and nan != nan: numbers are compared by their text, others quickly.
        return self._source(x, (x,) if x == x and x != 0.0 else repr(x))

    @cython.cfunc
    def _of_row(self, row) -> cython.Py_ssize_t:
        k: cython.Py_ssize_t
        count: cython.Py_ssize_t
        found = self._rows.get(id(row))
        if found is not None:
            return found[0]
        if type(row) is Span:
            span: Span = row
            place: cython.Py_ssize_t = self._source(span, (id(span._storage), span._start, span._size))
        else:
            count = len(row)
            refs: list = [self._of(x) for x in row]
            if any([ref >= 0 for ref in refs]):
                for k in range(count):
                    self._args[self._end] = refs[k]
                    self._end += 1
                place = self._add(row, ("row", count), count, False)
            else:
                place = self._source(row, ("row", *refs))
        self._rows[id(row)] = place, row  # which keeps the row, so that no other has its id
        return place

    @cython.cfunc
    def _add_result(self, v: Value) -> cython.Py_ssize_t:
        """Adds a result; one that is marked is like other marked ones only, and a joint result like no other."""
        a: cython.Py_ssize_t
        b: cython.Py_ssize_t
        code: cython.int = v._code & (_MANY - 1)
        key = v._code
        if code >= len(_RULES):  # a row of joint results, which are like no other
            code = 0
        if v._code < _MANY and not _FIXING[code] and self._marked is None:
            a = self._of(v._left_partial if v._left is None else v._left)
            self._args[self._end] = a
            if cython.cast(cython.Py_ssize_t, _RULES[code]) == 1:
                self._end += 1
                return self._add(v, key, 1, not _ADDING[code])
            b = self._of(v._right_partial if v._right is None else v._right)
            self._args[self._end + 1] = b
            self._end += 2
            return self._add(v, key, 2, not _ADDING[code])
        args: tuple = _args_but_cells(v)
        if v._code < _MANY:
            args = args[: cython.cast(cython.Py_ssize_t, _RULES[code])]
        else:
            row = _row(v)
            key = (key, id(row), tuple([_size(arg) for arg in args]))
            if row is args[len(args) - 1]:
                args = args[: len(args) - 1]
            cell: cython.Py_ssize_t = _cells_of(v)
            if cell >= 0:
                key = (key, id(cython.cast(_Layer, v._left).storage), cell)
        if _FIXING[code]:
            key = (key, repr([arg for arg in args if type(arg) is not Value and type(arg) is not tuple]))
        if self._marked is not None and v in self._marked:
            key = (key, "marked")
        if v._code >= _JOINT:
            key = id(v), "joint"
        places: list = [self._of_row(arg) if _is_row(arg) else self._of(arg) for arg in args]
        for a in range(len(places)):
            self._args[self._end] = places[a]
            self._end += 1
        return self._add(v, key, len(places), not _ADDING[code])


def recorded_order(roots, since, marked, least, depth):
    """The RecordedOrder of the results below roots; None if there are fewer than `least`, or none is at that depth.

    since   what was recorded before there were so many results is a source; see recorded_so_far()
    marked  a set of Values that are like each other only
    """
    order: RecordedOrder = RecordedOrder()
    if order._walk(roots, since) < least or not order._is_deep(depth):
        return None
    order._fill(marked)
    return order
