# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""Operations: the numbered list that a Program is, and what is asked about all of it at once."""

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ... import ops
from ...source.engine_choice import warn_of_stale

compiled: bool = cython.compiled
source_hash = "875e24bb"

INPUT, PARAMETER, CONSTANT, SUM = "input", "parameter", "constant", "sum of products"
SOURCES = frozenset((INPUT, CONSTANT))
_INPUT = cython.declare(object, INPUT)
_PARAMETER = cython.declare(object, PARAMETER)
_CONSTANT = cython.declare(object, CONSTANT)
_SUM = cython.declare(object, SUM)
_TAKE = cython.declare(object, ops.take)
_LONG = cython.declare(cython.Py_ssize_t, 10)
_SHORT = cython.declare(cython.Py_ssize_t, 2)


def listed(row):
    """The places of a row without parameters."""
    if type(row) is range:
        return row if not row or row[0] >= 0 else ()
    return row if not row or min(row) >= 0 else tuple([place for place in row if place >= 0])


@cython.cclass
class Operations:
    """Operations in topological order; equal ones occur once, if add() adds them.

    parameters  how many there are
    kinds       of each place: an Op, or INPUT, CONSTANT, SUM
    args        of each place: see Args
    varies      whether a place depends on an input, and so differs between the lanes of a batch
    places      by kind: the places that add() recognizes, by their arguments
    """

    # Rows are known by their ids, since many operations share one: as numbers that stand for them, and as listed().
    def __init__(self):
        self.kinds, self.args, self.varies, self.parameters = [], [], [], 0
        self.places, self._by_id, self._by_row, self._listed = {}, {}, {}, {}

    def __len__(self):
        return len(self.kinds)

    def add(self, kind, args, varies=None):
        """Adds an operation unless there is an equal one, and returns its place; varies if it is known already."""
        return self._add(kind, args, varies)

    @cython.cfunc
    def _add(self, kind, args: tuple, varies):
        if kind is _PARAMETER:
            self.parameters = max(self.parameters, args[0] + 1)
            return ~args[0]
        first = args[0]
        key = args
        if kind is _CONSTANT:  # 0.0 == -0.0 and nan != nan: constants are compared by their text
            key = repr(first)
        elif type(first) is not int and len(first) >= _LONG:
            key = tuple([self.known(arg) for arg in args])
        known: dict = self.places.get(kind)
        if known is None:
            known = self.places[kind] = {}
        place = known.get(key)
        if place is None:
            place = known[key] = len(self.kinds)
            self.kinds.append(kind)
            self.args.append(args)
            self.varies.append(self._depends(kind, args) if varies is None else varies)
        return place

    def known(self, arg):
        """What stands for an argument in a comparison: for a long row, which many operations share, a number."""
        if type(arg) is not tuple or len(arg) < _LONG:
            return arg
        found = self._by_id.get(id(arg))
        if found is None:
            found = self._by_id[id(arg)] = arg, self._by_row.setdefault(arg, len(self._by_row))
        return found[1]

    def append(self, kind, args, varies):
        """Adds an operation, even if there is an equal one, and returns its place."""
        self.kinds.append(kind)
        self.args.append(args)
        self.varies.append(varies)
        return len(self.kinds) - 1

    @cython.cfunc
    def _depends(self, kind, args: tuple) -> cython.bint:
        if type(kind) is str and kind is not _SUM:
            return kind is _INPUT
        for arg in args:
            if type(arg) is int:
                if self._is_by_lane(arg):
                    return True
                continue
            for place in self.listed(arg):
                if self._is_by_lane(place):
                    return True
        return False

    @cython.cfunc
    def _is_by_lane(self, place: cython.Py_ssize_t) -> cython.bint:
        return place >= 0 and self.varies[place]

    def by_lane(self, place):
        """Whether a place, which may be that of a parameter, differs between lanes."""
        return self._is_by_lane(place)

    def constant(self, number):
        return self._add(CONSTANT, (float(number),), None)

    def rows(self, place):
        """The places that an operation reads, as rows, in order, with duplicates."""
        return _rows(self.kinds[place], self.args[place])

    def listed(self, row):
        """The places of a row without parameters."""
        if len(row) < _LONG:
            return listed(row)
        found = self._listed.get(id(row))
        if found is None:  # of rows that many operations share, found once
            found = self._listed[id(row)] = row, listed(row)
        return found[1]

    def operations(self):
        """The places of all but inputs and constants."""
        kinds: list = self.kinds
        return [k for k in range(len(kinds)) if kinds[k] is not _CONSTANT and kinds[k] is not _INPUT]

    def count_operands(self, place):
        """How many numbers an operation reads; of a table it reads one."""
        return _count(self.kinds[place], self.args[place])

    def count_all_operands(self):
        """How many numbers all operations read together."""
        place: cython.Py_ssize_t
        count: cython.Py_ssize_t = 0
        for place in range(len(self.kinds)):
            count += _count(self.kinds[place], self.args[place])
        return count

    def read_by_operations(self):
        """The places that operations read, without parameters."""
        place: cython.Py_ssize_t
        k: cython.Py_ssize_t
        found: set = set()
        seen: set = set()  # the ids of long rows
        for place in range(len(self.kinds)):
            for row in _rows(self.kinds[place], self.args[place]):
                if len(row) > _SHORT:
                    if id(row) not in seen:
                        seen.add(id(row))
                        found.update(listed(row))
                    continue
                for operand in row:
                    k = operand
                    if k >= 0:
                        found.add(operand)
        return found

    def uses_by_operations(self):
        """How often operations read each place."""
        place: cython.Py_ssize_t
        k: cython.Py_ssize_t
        found: list = [0] * len(self.kinds)
        often: dict = {}  # by the id of a long row: how many operations read it
        long_rows: dict = {}
        for place in range(len(self.kinds)):
            for row in _rows(self.kinds[place], self.args[place]):
                if len(row) > _SHORT:
                    often[id(row)] = often.get(id(row), 0) + 1
                    long_rows[id(row)] = row
                    continue
                for operand in row:
                    k = operand
                    if k >= 0:
                        found[k] += 1
        for key, row in long_rows.items():
            for operand in listed(row):
                k = operand
                found[k] += often[key]
        return found

    def levels(self):
        """The level of each place, also at ~k of parameter k: the length of the longest path of operations to it."""
        place: cython.Py_ssize_t
        k: cython.Py_ssize_t
        level: cython.Py_ssize_t
        other: cython.Py_ssize_t
        before: cython.Py_ssize_t
        count: cython.Py_ssize_t = len(self.kinds)
        levels: list = [0] * (count + self.parameters)
        of_rows: dict = {}  # by the id of a row, which many operations share
        for place in range(count):
            kind = self.kinds[place]
            if kind is _CONSTANT or kind is _INPUT:
                continue
            level = 0
            for row in _rows(kind, self.args[place]):
                found = of_rows.get(id(row)) if len(row) > _SHORT else None
                if found is None:
                    other = 0
                    for operand in row if type(row) is tuple else listed(row):
                        k = operand
                        if k >= 0:
                            before = levels[k]
                            other = max(other, before)
                    if len(row) > _SHORT:
                        of_rows[id(row)] = other
                else:
                    other = found
                level = max(level, other)
            levels[place] = 1 + level
        return levels

    def alike(self, places, levels):
        """The operations among these places, by their level, whether they vary, kind and the lengths of arguments."""
        place: cython.Py_ssize_t
        found: dict = {}
        for item in places:
            place = item
            args: tuple = self.args[place]
            lengths: list = [levels[place], self.varies[place], self.kinds[place]]
            lengths.extend([0 if type(arg) is int else len(arg) for arg in args])
            key = tuple(lengths)
            some = found.get(key)
            if some is None:
                found[key] = [item]
            else:
                cython.cast(list, some).append(item)
        return found


@cython.cfunc
def _rows(kind, args: tuple):
    """What Operations.rows() gives."""
    if type(kind) is str:
        return args if kind is _SUM else ()
    return [arg if type(arg) is not int else (arg,) for arg in args] if kind.sequences else (args,)


@cython.cfunc
def _count(kind, args: tuple) -> cython.Py_ssize_t:
    count: cython.Py_ssize_t = 0
    if kind is _TAKE:
        return 2
    for row in _rows(kind, args):
        count += len(row)
    return count


if compiled:
    warn_of_stale(__name__, source_hash)
