# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""What Value stands on: the storage of bound leaves, the terms of nodes, plain numbers, and what threads share."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors
from ..floats import reals

if cython.compiled:
    from cython.cimports.cpython.mem import PyMem_Free, PyMem_Malloc
else:

    def _is_real(x):
        return type(x) is float or type(x) is int or _is_other_real(x)


compiled: bool = cython.compiled
source_hash = "f7a3a860"

methods: dict = {}
"""Further methods of Value, by name: functions, or "module:function" for those to be imported when first used."""


@cython.final
@cython.cclass
class _Counts:
    """What is counted for all threads."""

    # sweeps: nodes know by its number which one reached them last. changes: how often the number of a leaf was set.
    __slots__ = ("changes", "sweeps")

    def __init__(self):
        self.changes = self.sweeps = 0


@cython.final
@cython.cclass
class _Above:
    """What methods of Value call of files that need Value themselves: each sets its part when it is imported."""

    __slots__ = ("applied", "args", "backward", "edges", "is_computed", "is_inside", "kept", "make_by_hand", "parents")
    __slots__ += ("record", "restore", "row", "stand_for")


counts = _Counts()
above = _Above()


class Origin:
    """Where a Value came from: its label, the path of the module whose call made it, the source line that did."""

    __slots__ = ("label", "line", "path")

    def __init__(self, label=None, path=None, line=None):
        self.label, self.path, self.line = label, path, line


@cython.final
@cython.cclass
class _Context:
    """How one thread records just now."""

    # recording: 1; 0 gives detached leaves; in a trace it is _STOPPING instead, which records what no gradient enters.
    # inside: where a function runs whose results a transform differentiates, by what it differentiates, else None.
    __slots__ = ("inside", "origin", "recording", "sweeping", "thread", "trace", "waiting", "watch")

    def __init__(self, thread):
        self.thread, self.recording, self.sweeping, self.origin, self.watch = thread, 1, 0, None, None
        self.trace, self.waiting, self.inside = None, [], None


@cython.final
@cython.cclass
class Storage:
    """Two shared float64 arrays, for the numbers and the gradients of the leaves bound to them.

    values, grads  array.array('d'); numpy.frombuffer(storage.values) is a view that reads and writes the leaves
    moved          how many leaves have been bound elsewhere: holders of a view bind again where it has grown
    """

    __slots__ = ("_arrays", "_cleared", "_grads", "_held", "_moved", "_seen", "_size", "_stale", "_swept", "_values")

    def __init__(self, size):
        import array  # here, since it brings collections.abc with it

        _refuse_again(self, self._arrays if cython.compiled else getattr(self, "_arrays", None))
        arrays = array.array("d", bytes(8 * size)), array.array("d", bytes(8 * size))
        self._held, self._size = (memoryview(arrays[0]), memoryview(arrays[1])), len(arrays[0])
        self._values, self._grads, self._arrays = _pointer(arrays[0]), _pointer(arrays[1]), arrays
        self._cleared, self._swept, self._moved, self._seen, self._stale = 0, 0, 0, False, False

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
        """Sets every gradient to 0, not computed."""
        self._made()
        self._stale = True
        self._cleared = counts.sweeps
        if self._seen:
            self._settle()

    def settled(self):
        """The gradients, for those who hold a view of them and call this before each use of it.

        While nobody else holds one, zeros are not written where the next sweep overwrites them.
        """
        self._settle()
        return self._made()[1]

    @cython.cfunc
    def _made(self) -> tuple:
        """The arrays: compiled, a storage that __init__ never saw has none."""
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
def _refuse_again(made, before) -> cython.void:
    """Raises TypeError where what __init__ makes is there: others may hold addresses of it."""
    if before is not None:
        raise errors.made_already(made)


@cython.cfunc
def _pointer(numbers) -> cython.p_double:
    if cython.compiled:
        return cython.cast(cython.p_double, cython.cast(cython.size_t, numbers.buffer_info()[0]))
    return numbers


@cython.no_gc
@cython.freelist(256)
@cython.final
@cython.cclass
class _Terms:
    """The arguments of a node with many: numbers, Values, tuples of them; and one local derivative for each.

    args             last, where the row is no built-in one, that row
    partials, scale  times scale, the partials are the local derivatives
    lender           the array whose numbers the partials are, where they were taken over
    """

    __slots__ = ("args", "lender", "partials", "scale")

    def __dealloc__(self):
        if cython.compiled and self.lender is None:
            PyMem_Free(self.partials)


@cython.cfunc
def _terms(args: tuple, size: cython.Py_ssize_t) -> _Terms:
    terms: _Terms = _Terms.__new__(_Terms)
    terms.args, terms.lender, terms.scale = args, None, 1.0
    if cython.compiled:
        terms.partials = cython.cast(cython.p_double, PyMem_Malloc((size + 1) * 8))
        if terms.partials is cython.NULL:
            raise MemoryError
    else:
        terms.partials = [0.0] * size
    return terms


def _refuse_subclass(cls):
    raise TypeError("Value cannot be subclassed: write functions of Values, or add operations with custom_op(...)")


@cython.cfunc
def _is_other_real(x) -> cython.bint:
    import numbers

    return isinstance(x, float) or (isinstance(x, numbers.Real) and type(x).__name__ != "timedelta64")


@cython.cfunc
def _unlike(who, other):
    """For what is not compared as a real number: a number of another kind would differ in silence."""
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
        except OverflowError:  # which as_float words
            pass
    return reals.as_float(who, x)


def leaf_changes():
    """How often the number of a leaf was set, anywhere."""
    return counts.changes


def find_method(name, kind):
    """The further method of that name, imported if need be; AttributeError for a kind of thing that has none."""
    found = methods.get(name)
    if found is None:
        instead = errors.OTHER_NAMES.get(name, "operations and attributes are listed by dir(value)")
        raise AttributeError(f"{kind!r} object has no attribute {name!r}: {instead}")
    if type(found) is str:
        import importlib

        module, _, function = found.partition(":")
        found = methods[name] = getattr(importlib.import_module(module), function)
    return found
