# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""What Value builds on: the storage of bound leaves, the terms of nodes, plain numbers, and what threads share."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors
from ..floats import reals

if cython.compiled:
    from cython.cimports.cpython.mem import PyMem_Calloc, PyMem_Free, PyMem_Malloc
    from cython.cimports.libc.string import memset
else:

    def _is_real(x):
        return type(x) is float or type(x) is int or _is_other_real(x)


compiled: bool = cython.compiled
source_hash = "6de50446"

methods: dict = {}
"""Further methods of Value by name: functions, or "module:function" to import on first use."""


later: dict = {}
"""Functions of files further down that files further up call, by name: "module:function" to import on first use."""


@cython.final
@cython.cclass
class _Counts:
    """Counters that all threads share."""

    # sweeps: each node holds the number of the last sweep that reached it. changes: how often a leaf's number was set.
    # recorded: how many results traces have recorded, see recorded_results.py.
    __slots__ = ("changes", "recorded", "sweeps")

    def __init__(self):
        self.changes = self.sweeps = self.recorded = 0


@cython.final
@cython.cclass
class _Above:
    """Functions that methods of Value call, from files that import Value: each file sets its own when imported."""

    __slots__ = ("applied", "args", "backward", "edges", "is_computed", "is_inside", "kept", "make_by_hand", "parents")
    __slots__ += ("hooks", "record", "restore", "row", "stand_for")


counts = _Counts()
above = _Above()


class Origin:
    """Where a Value came from: its label, the path of the module whose call made it, and the source line.

    derived  whether a transform recorded it to differentiate, so that no line of the user's code stands for it
    """

    __slots__ = ("derived", "label", "line", "path")

    def __init__(self, label=None, path=None, line=None, derived=False):
        self.label, self.path, self.line, self.derived = label, path, line, derived


class RowOrigin(Origin):
    """The origin that leaves in consecutive cells share: the one in cell first + k is labelled f"{label}{k}".

    Labels are put together when they are read, so that a row of any length costs one object.
    """

    __slots__ = ("first",)

    def __init__(self, label, first, path=None, line=None):
        self.label, self.first, self.path, self.line, self.derived = label, first, path, line, False


@cython.final
@cython.cclass
class _Context:
    """One thread's recording context."""

    # recording: 1 records; 0 makes detached leaves; in a trace _STOPPING replaces 0 and records behind stop_gradient.
    # inside: (xs, the outer `inside`) while a function runs for a transform that differentiates by xs, else None.
    # rows: in a trace, its rows by hash_of_items(), so that all neurons of a layer, and all windows at one place, hold
    # one; None outside of a trace.
    __slots__ = ("inside", "origin", "recording", "rows", "sweeping", "thread", "trace", "waiting", "watch")

    def __init__(self, thread):
        self.thread, self.recording, self.sweeping, self.origin, self.watch = thread, 1, 0, None, None
        self.trace, self.waiting, self.inside, self.rows = None, [], None, None


@cython.final
@cython.cclass
class Storage:
    """Two float64 arrays with the numbers and the gradients of the leaves bound to it.

    values, grads  array.array('d'); numpy.frombuffer(storage.values) is a view that reads and writes the leaves
    moved          how many leaves have moved to another storage: if it has grown, holders of a view must bind again
    """

    __slots__ = ("_arrays", "_bound", "_cleared", "_dead", "_gone", "_grads", "_held", "_last", "_moved", "_reached")
    __slots__ += ("_seen", "_size", "_spans", "_stale", "_swept", "_values")

    def __init__(self, size):
        import array  # only when needed: it imports collections.abc

        _refuse_again(self, self._arrays if cython.compiled else getattr(self, "_arrays", None))
        arrays = array.array("d", bytes(8 * size)), array.array("d", bytes(8 * size))
        self._held, self._size = (memoryview(arrays[0]), memoryview(arrays[1])), len(arrays[0])
        self._values, self._grads, self._arrays = _pointer(arrays[0]), _pointer(arrays[1]), arrays
        self._cleared, self._swept, self._moved, self._seen, self._stale = 0, 0, 0, False, False
        self._spans, self._gone, self._dead, self._last = 0, {}, [], None
        if cython.compiled:
            self._bound = cython.cast(cython.pp_void, PyMem_Calloc(self._size, 8))
            self._reached = cython.cast(cython.p_uchar, PyMem_Calloc(self._size, 1))
            if self._bound is cython.NULL or self._reached is cython.NULL:
                raise MemoryError
        else:
            self._reached = bytearray(self._size)

    def __dealloc__(self):
        if cython.compiled:
            PyMem_Free(self._bound)
            PyMem_Free(self._reached)

    @property
    def values(self):
        return self._made()[0]

    @property
    def grads(self):
        self._seen = True
        return self.settled()

    @property
    def moved(self):
        return self._moved

    def __len__(self):
        return self._size

    def __reduce__(self):
        raise errors.not_copied(self, "copy the leaves instead")

    def clear_grads(self):
        """Sets every gradient to 0 and marks it as not computed."""
        self._made()
        self._stale = True
        self._cleared = counts.sweeps
        if self._seen:
            self._settle()

    def settled(self):
        """The gradients, for a caller that holds a view and calls this before each use of the view.

        While there is no other holder, clear_grads() need not write zeros that the next sweep overwrites.
        """
        self._settle()
        return self._made()[1]

    @cython.cfunc
    def _made(self) -> tuple:
        """The arrays. In the compiled engine, a storage whose __init__ never ran has none."""
        if cython.compiled and self._arrays is None:
            raise errors.not_made(self)
        return self._arrays

    @cython.cfunc
    @cython.exceptval(check=False)
    def _settle(self) -> cython.void:
        k: cython.Py_ssize_t
        if self._stale:
            for k in range(self._size):
                self._grads[k] = 0.0
            self._stale = False

    @cython.cfunc
    @cython.exceptval(check=False)
    def _reach(self, start: cython.Py_ssize_t, size: cython.Py_ssize_t, sweep: cython.longlong) -> cython.void:
        """Notes that a sweep has reached these cells."""
        if not cython.compiled:
            if self._swept <= self._cleared:
                self._reached[:] = bytes(self._size)
            self._reached[start : start + size] = b"\1" * size
        else:
            if self._swept <= self._cleared:
                memset(self._reached, 0, self._size)
            memset(self._reached + start, 1, size)
        self._swept = sweep


@cython.cfunc
def _refuse_again(made, before) -> cython.void:
    """Raises TypeError if __init__ has run already: others may hold addresses of what it made."""
    if before is not None:
        raise errors.made_already(made)


@cython.cfunc
def _pointer(numbers) -> cython.p_double:
    """Where the numbers of an array.array are."""
    if cython.compiled:
        return cython.cast(cython.p_double, cython.cast(cython.size_t, numbers.buffer_info()[0]))
    return numbers


@cython.cfunc
def _integers(numbers) -> cython.p_longlong:
    """The same for integers."""
    if cython.compiled:
        return cython.cast(cython.p_longlong, cython.cast(cython.size_t, numbers.buffer_info()[0]))
    return numbers


@cython.no_gc
@cython.freelist(256)
@cython.final
@cython.cclass
class _Terms:
    """Arguments of a node with many: numbers, Values, tuples of them; and one local derivative for each number.

    args             the arguments; a custom row comes last
    partials, scale  partials times scale are the local derivatives; a dot in a trace has none until they are asked for
    lender           the array that owns the memory of partials, or None
    """

    __slots__ = ("args", "lender", "partials", "scale")

    def __dealloc__(self):
        if cython.compiled and self.lender is None:
            PyMem_Free(self.partials)


@cython.cfunc
def _terms(args: tuple, size: cython.Py_ssize_t) -> _Terms:
    terms: _Terms = _Terms.__new__(_Terms)
    terms.args, terms.lender, terms.scale = args, None, 1.0
    terms.partials = _doubles(size)
    return terms


@cython.cfunc
def _drop_partials(terms: _Terms) -> cython.void:
    if cython.compiled:
        PyMem_Free(terms.partials)
    terms.partials = cython.NULL


@cython.cfunc
def _doubles(size: cython.Py_ssize_t) -> cython.p_double:
    if not cython.compiled:
        return [0.0] * size
    made: cython.p_double = cython.cast(cython.p_double, PyMem_Malloc((size + 1) * 8))
    if made is cython.NULL:
        raise MemoryError
    return made


@cython.no_gc
@cython.freelist(64)
@cython.final
@cython.cclass
class _Layer:
    """Dots with the same second argument, whose numbers are read once. dot k is start + lefts[k] * items.

    items    the second argument: Values and floats; size: how many; dots: how many dots there are
    lefts    for each dot, its first argument, a tuple; None where it was read from cells and nobody has asked for it
    storage  that of the cells, or None; moved: what storage.moved was; cells: for each dot, the first of its cells
    flows    whether any item is a Value; if so, and in a trace when they are asked for:
    weights  the numbers of all lefts, one after the other
    adjoints of the items; a sweep gathers them from the dots, and passes them on after the last. The sweep has this
             number and waits for so many dots
    """

    __slots__ = ("adjoints", "cells", "dots", "flows", "items", "lefts", "moved", "numbers", "size", "storage", "sweep")
    __slots__ += ("waiting", "weights")

    def __dealloc__(self):
        if cython.compiled:
            PyMem_Free(self.numbers)
            PyMem_Free(self.adjoints)
            if self.storage is not None:
                _forget_gone(self.storage)


@cython.cfunc
def _forget_gone(storage: Storage) -> cython.void:
    """Counts one reader of cells less that may ask for leaves which have died or moved."""
    storage._spans -= 1
    if storage._spans == 0 and (storage._gone or storage._last is not None):
        storage._gone, storage._dead, storage._last = {}, [], None


@cython.final
@cython.cclass
class _Dead:
    """What is kept of leaves that have died, in consecutive cells: from first on, before end."""

    __slots__ = ("call", "end", "first", "origin")


@cython.cfunc
def _note_death(storage: Storage, cell: cython.Py_ssize_t, origin, call: cython.double) -> cython.void:
    """Keeps what makes a leaf anew. Leaves of a row mostly die one after the other, from either end."""
    last: _Dead = storage._last
    if last is None or last.origin is not origin or last.call != call or not (last.first - 1 <= cell <= last.end):
        last = _Dead.__new__(_Dead)
        last.origin, last.call, last.first, last.end = origin, call, cell, cell
        storage._dead.append(last)
        storage._last = last
    last.first, last.end = min(last.first, cell), max(last.end, cell + 1)


@cython.cfunc
def _dead_in(storage: Storage, cell: cython.Py_ssize_t) -> _Dead:
    """What is kept of the leaf that died last in a cell."""
    dead: _Dead = storage._last
    if dead is not None and dead.first <= cell < dead.end:
        return dead
    for dead in reversed(storage._dead):
        if dead.first <= cell < dead.end:
            storage._last = dead
            return dead
    raise KeyError(cell)


def _refuse_subclass(cls):
    raise TypeError("Value cannot be subclassed: write functions of Values, or add operations with custom_op(...)")


@cython.cfunc
def _is_other_real(x) -> cython.bint:
    import numbers

    return isinstance(x, float) or (isinstance(x, numbers.Real) and type(x).__name__ != "timedelta64")


@cython.cfunc
def _unlike(who, other):
    """Comparison with something that is no real number. Raises for another kind of number: no silent False."""
    import numbers

    if isinstance(other, numbers.Number):
        raise errors.not_a_number(f"a Value {who}", other)
    return NotImplemented


@cython.cfunc
def _item(who, x) -> cython.double:
    """A plain number of a sequence."""
    return _real(who, x) if _is_real(x) else reals.as_float(who, x, reals.FLAT)


@cython.cfunc
def _real(who, x) -> cython.double:
    if _is_real(x):
        try:
            return float(x)
        except OverflowError:  # as_float raises it with a better message
            pass
    return reals.as_float(who, x)


def leaf_changes():
    """How often the number of any leaf was set."""
    return counts.changes


def find_method(name, kind):
    """The further method of that name, imported if needed; raises AttributeError if `kind` has none."""
    found = methods.get(name)
    if found is None:
        instead = errors.OTHER_NAMES.get(name, "operations and attributes are listed by dir(value)")
        raise AttributeError(f"{kind!r} object has no attribute {name!r}: {instead}")
    return _imported(methods, name)


def find_later(name):
    """The function of that name in `later`, imported if needed."""
    return _imported(later, name)


def _imported(functions, name):
    found = functions[name]
    if type(found) is str:
        import importlib

        module, _, function = found.partition(":")
        found = functions[name] = getattr(importlib.import_module(module), function)
    return found
