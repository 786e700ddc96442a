# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""Value: records operations into a graph, and sweeps derivatives backward through it.

This file is plain Python that runs anywhere; where a compiler is found, Cython compiles this same file to C. `compiled`
says which one runs. A node holds its number, its adjoint, and for each parent a pointer and the local derivative at the
time of recording. The methods below are fast paths; every other operation goes through its row of the table (`record`),
and each fast path is tested against its row.
"""

import operator
import threading
import types

try:
    import cython
except ImportError:
    from ..cython_shim import cython

from .. import errors, ops, reals

if cython.compiled:
    from cython.cimports.cpython.mem import PyMem_Free, PyMem_Malloc, PyMem_Realloc
    from cython.cimports.cpython.memoryview import PyMemoryView_GET_BUFFER
    from cython.cimports.cpython.pythread import PyThread_get_thread_ident as get_ident
    from cython.cimports.libc.math import exp, log, pow, sqrt, tanh
else:
    from threading import get_ident

    from ..flags import clear_flags, flags_cleared
    from ..ieee import exp, log, sqrt, tanh
    from ..ieee import power as pow

compiled: bool = cython.compiled
source_hash = "f0d1be58"

# What a node's _code says: the code of its row in the table, or one of these where there is no operation.
_LEAF = cython.declare(cython.int, -1)
# A leaf whose number and gradient live in a Storage: _left is the storage, _count the cell.
_BOUND = cython.declare(cython.int, -2)
# A leaf that no gradient enters.
_DETACHED = cython.declare(cython.int, -3)
# Added to the row's code where arguments are more than two, or sequences: _left is then a _Terms.
_MANY = cython.declare(cython.int, 1 << 16)

# Added on top of that for a result of many numbers, and for the components that are taken of it.
_JOINT = cython.declare(cython.int, 3 << 16)

_ADD = cython.declare(cython.int, ops.add.code)
_SUB = cython.declare(cython.int, ops.sub.code)
_MUL = cython.declare(cython.int, ops.mul.code)
_DIV = cython.declare(cython.int, ops.div.code)
_POW = cython.declare(cython.int, ops.pow.code)
_NEG = cython.declare(cython.int, ops.neg.code)
_EXP = cython.declare(cython.int, ops.exp.code)
_LOG = cython.declare(cython.int, ops.log.code)
_SQRT = cython.declare(cython.int, ops.sqrt.code)
_TANH = cython.declare(cython.int, ops.tanh.code)
_RELU = cython.declare(cython.int, ops.relu.code)
_SIGMOID = cython.declare(cython.int, ops.sigmoid.code)
_STOP_GRADIENT = cython.declare(cython.int, ops.stop_gradient.code)
_IDENTITY = cython.declare(cython.int, ops.identity.code)
_MEAN = cython.declare(cython.int, ops.mean.code)
_SUM = cython.declare(cython.int, ops.sum.code)
_DOT = cython.declare(cython.int, ops.dot.code)
_COMPONENT = cython.declare(cython.int, (3 << 16) + ops.component.code)
_CUSTOM = cython.declare(cython.int, (1 << 16) + ops.custom.code)
_LOGSUMEXP = cython.declare(cython.int, ops.logsumexp.code)

methods: dict = {}
"""Further methods of Value, by name: functions, or "module:function" for those to be imported when first used."""

hooks: dict = {}
"""For the id of a Value, the function through which its gradient goes in every sweep; hooks.py keeps it."""


_ROWS = cython.declare(list, ops.ROWS)
# What is taken for the parents of a result made by hand.
_COLLECTIONS = cython.declare(frozenset, frozenset((tuple, list, set, frozenset)))
_Op = cython.declare(object, ops.Op)


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

    thread: cython.ulong
    recording: cython.int
    sweeping: cython.int
    inside: object
    origin: object
    watch: object
    trace: object
    waiting: list

    def __init__(self, thread):
        self.thread, self.recording, self.sweeping, self.origin, self.watch = thread, 1, 0, None, None
        self.trace, self.waiting, self.inside = None, [], None


_STOPPING = cython.declare(cython.int, 2)
_contexts = cython.declare(dict, {})
_context = cython.declare(_Context, _Context(0))  # of no thread
_ends = cython.declare(object, threading.local())


@cython.final
@cython.cclass
class _End:
    """Goes with its thread, and takes the thread's context along: its number may be another thread's next."""

    __slots__ = ("context",)

    context: _Context

    def __init__(self, context):
        self.context = context

    def __del__(self):
        global _context, _traces
        here: _Context = self.context
        if _contexts.get(here.thread) is here:
            del _contexts[here.thread]
        if _context is here:
            _context = _Context(0)
        _traces -= here.trace is not None
        here.trace = None


@cython.cfunc
@cython.inline
def _here() -> _Context:
    here: _Context = _context
    return here if here.thread == get_ident() else _switch_thread()


@cython.cfunc
def _switch_thread() -> _Context:
    global _context
    thread = get_ident()
    here: _Context = _contexts.get(thread)
    if here is None:
        here = _contexts[thread] = _Context(thread)
        if thread != threading.main_thread().ident:
            _ends.end = _End(here)
    _context = here
    return here


@cython.final
@cython.cclass
class Storage:
    """Two shared float64 arrays, for the numbers and the gradients of the leaves bound to them.

    values, grads  array.array('d'); numpy.frombuffer(storage.values) is a view that reads and writes the leaves
    moved          how many leaves have been bound elsewhere: holders of a view bind again where it has grown
    """

    __slots__ = ("_arrays", "_cleared", "_grads", "_held", "_moved", "_seen", "_size", "_stale", "_swept", "_values")

    _arrays: tuple
    _held: tuple  # a view of each array, while which it cannot be resized, and so stays where it is
    _size: cython.Py_ssize_t
    _values: cython.p_double
    _grads: cython.p_double
    _moved: cython.Py_ssize_t
    _seen: cython.bint  # a view of the gradients may be held, which shows at once what is written
    _stale: cython.bint  # all gradients are 0, and still to be written
    _cleared: cython.longlong
    _swept: cython.longlong

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
        self._cleared = _sweeps
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


@cython.final
@cython.cclass
class Span:
    """Consecutive cells of a Storage, from `start` on, as one argument of a node; `leaves` are those bound there.

    What is recorded belongs to the leaves: where one has been bound elsewhere since, sweeps go leaf by leaf.
    """

    __slots__ = ("_leaves", "_moved", "_start", "_storage")

    _storage: Storage
    _leaves: tuple
    _start: cython.Py_ssize_t
    _moved: cython.Py_ssize_t

    def __init__(self, storage, start, leaves):
        v: Value
        cell: cython.Py_ssize_t = start
        _refuse_again(self, self._leaves if cython.compiled else getattr(self, "_leaves", None))
        if type(storage) is not Storage:
            raise TypeError(f"Span(storage, ...) takes a Storage, got {errors.received(storage)}")
        given: list = _all_checked("Span(..., leaves)", leaves)
        for v in given:
            if v._code != _BOUND or v._left is not storage or v._count != cell:
                raise ValueError(
                    f"Span(storage, start={start}, leaves): cell {cell} of the storage is not that of {v!r}"
                )
            cell += 1
        self._storage, self._start, self._leaves = storage, start, tuple(given)
        self._moved = self._storage._moved

    def __reduce__(self):
        raise errors.not_copied(self, "copy the leaves instead")

    @property
    def storage(self):
        return self._storage

    @property
    def start(self):
        return self._start

    @property
    def leaves(self):
        return self._leaves


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

    args: tuple
    lender: object
    partials: cython.p_double
    scale: cython.double

    def __dealloc__(self):
        if cython.compiled and self.lender is None:
            PyMem_Free(self.partials)


@cython.cfunc
def _unspanned(args: tuple) -> tuple:
    """The arguments, with the leaves of a Span in its place."""
    for arg in args:
        if type(arg) is Span:
            return tuple([cython.cast(Span, a)._leaves if type(a) is Span else a for a in args])
    return args


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


@cython.final
@cython.cclass
class _Before:
    """What the nodes that a sweep met held before: for each its gradient, the number of its last sweep, its count.

    A fleeting sweep leaves nothing behind; it has a negative number, so that results which held nothing need not be
    noted: they read as not computed.
    """

    __slots__ = ("ended", "everything", "fleeting", "nodes", "numbers", "room")

    nodes: list
    ended: cython.bint  # they hold it again
    numbers: cython.p_double
    room: cython.Py_ssize_t
    fleeting: cython.bint
    everything: cython.bint

    def __dealloc__(self):
        if cython.compiled:
            PyMem_Free(self.numbers)


@cython.final
@cython.cclass
class _Walk:
    """What depends on some xs, parents first, and the adjoints that gather there, Values or floats.

    While it lasts, each has `mark` as its _sweep, and its place in `order` as its _count or, bound, in `leaves`. From
    `first` on they pass their adjoints on; those before are xs, and `reached` where the root depends on them.
    """

    __slots__ = ("adjoints", "before", "first", "leaves", "mark", "order", "reached")

    order: list
    adjoints: list
    leaves: dict
    reached: set
    before: _Before
    mark: cython.longlong
    first: cython.Py_ssize_t


def _as_method(row):
    """A row of the table as a method of Value."""

    def unary(self, *args):
        return row(self, *args) if args or type(self) is not Value else record(row, (self,))

    def method(self, *args, **named):
        if named or len(args) != count - 1 or type(self) is not Value:
            return row(self, *args, **named)
        return _applied(row, (self, *args))

    count: cython.Py_ssize_t = row.arity
    made = unary if count == 1 else method
    made.__name__, made.__qualname__, made.__doc__ = row.name, f"Value.{row.name}", row.doc
    return made


def _refuse_subclass(cls):
    raise TypeError("Value cannot be subclassed: write functions of Values, or add operations with custom_op(...)")


@cython.freelist(64)  # few: past that, CPython keeps together in memory what was freed together
@cython.no_gc
@cython.final
@cython.cclass
class Value:
    """A number that records what is computed from it.

    Value(data, label=None): a leaf, float64. Arithmetic, `**` and the table's operations (`v.tanh()`, `v.erf()`) give
    new Values; `backward()` fills `.grad`. Results follow IEEE 754 (log(0) is -inf). == and < compare numbers; the hash
    is that of the object, so sets and dicts go by identity. Raises TypeError for what is not a real number.

    Value(data, children, local_grads): a result made by hand, of a tuple, list or set of Values, with the derivative by
    each. It has no second derivatives; an operation made by custom_op has.

    >>> x = Value(3.0); y = x * x + 1; y.backward()
    >>> y.data, x.grad
    (10.0, 6.0)
    """

    # A result: _code is its row's; _left and _right are the parents, and where one is None its argument is the plain
    # number in its _partial (or there is none). During a sweep, _count is the number of uses still to report.
    # numpy.ma takes an attribute called _data for an array's numbers, so that none is called so here.
    __slots__ = ("__weakref__", "_code", "_count", "_grad", "_held", "_left", "_left_partial", "_origin")
    __slots__ += ("_right", "_right_partial", "_sweep")

    __weakref__: object
    _held: cython.double
    _grad: cython.double
    _left_partial: cython.double
    _right_partial: cython.double
    _left: object
    _right: object
    _origin: object
    _sweep: cython.longlong
    _code: cython.int
    _count: cython.int

    def __init__(self, data, label=None, local_grads=None, *, children=None):
        if cython.compiled and (self._code != 0 or self._left is not None or self._right is not None):
            raise errors.made_already(self)
        if type(data) is Value and is_inside():
            _stand_for(self, data)
            return
        if local_grads is not None or children is not None or type(label) in _COLLECTIONS:
            if type(label) in _COLLECTIONS and children is None:
                label, children = None, label
            if children:
                _make_by_hand(self, data, tuple(children), local_grads)
                if label is not None:
                    self.label = label
                return
            if local_grads and type(local_grads) is not str:  # micrograd's leaves name an operation there
                raise TypeError(
                    f"Value(data, children, local_grads) got {local_grads!r}, and no children to be derived by"
                )
        self._held = data if type(data) is float else _real("Value", data)
        self._grad = self._right_partial = 0.0
        self._left_partial = _calls
        self._left = self._right = None
        here: _Context = _here()
        self._origin = here.origin
        self._sweep = 0
        self._code = _LEAF
        self._count = 0
        if _traces and here.trace is not None:
            here.trace.constants.add(self)
        if label is not None:
            self.label = label

    def __dealloc__(self):
        """Frees a deep chain without deep recursion: past some depth, parents wait in _graveyard for their turn."""
        global _depth
        if self._code < 0:
            return
        if _depth > 100:
            _graveyard.append(self._left)
            self._left = None
            if self._right is not None:
                _graveyard.append(self._right)
                self._right = None
            return
        _depth += 1
        self._left = None
        self._right = None
        if _depth == 1:
            while _graveyard:
                _graveyard.pop()
        _depth -= 1

    @property
    def data(self):
        """The number. Settable on leaves: what was recorded before keeps its derivatives."""
        _refuse_in_trace("reading .data", self)
        return _number(self)

    @data.setter
    def data(self, data):
        global _changes
        number: cython.double = _real("Value.data", data)
        storage: Storage
        if _traces and _here().trace is not None and self not in _here().trace.constants:
            _here().trace.refuse("setting .data", self)
        _changes += 1
        if self._code >= 0:
            raise errors.HistoryError(
                f"the data of a result cannot be set (it is {self.op.name} of its parents): set a leaf and compute "
                "again; to see what a nudge does, put a leaf Value(v.data + h) in its place, or compute on with v + h"
            )
        if self._code == _BOUND:
            storage = self._left
            storage._values[self._count] = number
        else:
            self._held = number

    @property
    def grad(self):
        """The derivative of the swept root by this Value: 0.0 until computed; leaves add up over sweeps."""
        _refuse_in_trace("reading .grad", self)
        return 0.0 if self._code >= 0 and self._sweep < 0 else _gradient(self)

    @grad.setter
    def grad(self, grad):
        _refuse_in_trace("setting .grad", self)
        number: cython.double = 0.0 if grad is None else _real("Value.grad", grad)
        _set_gradient(self, number)
        if number == 0.0 or self._sweep < 0:
            self._sweep = 0

    @property
    def grad_state(self):
        """'computed' once a sweep has reached this Value, 'not computed' before and after its gradient is cleared."""
        _refuse_in_trace("reading .grad_state", self)
        return "computed" if _is_computed(self) else "not computed"

    @property
    def kind(self):
        """'parameter' (a leaf bound to a module's arrays), 'leaf', 'detached' (no gradient enters) or 'result'."""
        if self._code >= 0:
            return "result"
        return "leaf" if self._code == _LEAF else "parameter" if self._code == _BOUND else "detached"

    @property
    def label(self):
        """A name for pictures and messages, or None."""
        return None if self._origin is None else self._origin.label

    @label.setter
    def label(self, label):
        if label is not None and not isinstance(label, str):
            raise TypeError(f"a label is a string, got {errors.received(label)}")
        self._origin = Origin(label, self.path, self.line)

    @property
    def path(self):
        """The path of the module whose call made this Value, such as 'layers.0.neurons.3', or None."""
        return None if self._origin is None else self._origin.path

    @property
    def line(self):
        """'file:line' that recorded this Value, known under detect_anomaly() only, or None."""
        return None if self._origin is None else self._origin.line

    @property
    def op(self):
        """The table's row that made this Value, or None for a leaf."""
        return _row(self) if self._code >= 0 else None

    @property
    def args(self):
        """The operation's arguments: Values, plain numbers, tuples of them. () for a leaf."""
        if self._code < 0:
            return ()
        if self._code == _COMPONENT:
            whole, which = cython.cast(_Terms, self._left).args
            return (*cython.cast(_Terms, cython.cast(Value, whole)._left).args[: len(whole.args) - 1], which)
        if self._code >= _MANY:
            return _given(self)
        left = self._left_partial if self._left is None else self._left
        if len(ops.ROWS[self._code].args) == 1:
            return (left,)
        return (left, self._right_partial if self._right is None else self._right)

    @property
    def parents(self):
        """The arguments that are Values, in order, with duplicates: (x, x) for x * x."""
        return tuple(_parents(self))

    @property
    def local_derivatives(self):
        """One for each of .parents: the derivative of this Value by that argument, when it was recorded."""
        _refuse_in_trace("reading .local_derivatives", self)
        return tuple([derivative for _, derivative, _ in _edges(self)])

    @property
    def _prev(self):
        """micrograd's view of the parents."""
        return set(self.parents)

    @property
    def _op(self):
        """micrograd's view of the operation: its symbol, '' for a leaf."""
        return self.op.symbol if self._code >= 0 else ""

    def __setattr__(self, name, thing):
        try:
            PyObject_GenericSetAttr(self, name, thing)  # noqa: F821  engine.pxd
        except AttributeError:
            raise errors.not_settable(name, hasattr(type(self), name)) from None

    @property
    def _backward(self):
        raise AttributeError  # __getattr__ says more

    @_backward.setter
    def _backward(self, function):
        raise errors.not_settable("_backward", True)

    def item(self):
        """The number, as PyTorch and NumPy call it."""
        _refuse_in_trace("reading .item()", self)
        return _number(self)

    def detach(self):
        """A leaf with this number and no history, which no gradient enters; in a trace, stop_gradient of this Value."""
        if _here().trace is not None:
            return _node(_STOP_GRADIENT, _number(self), self, 0.0, None, 0.0)
        return _leaf(_number(self), _DETACHED)

    def backward(self):
        """Adds the derivatives of this Value to the .grad of every leaf below it (reverse-mode, one sweep)."""
        backward(self)

    def __repr__(self):
        _refuse_in_trace("formatting", self)
        text = f"Value(data={_number(self)!r}, grad={self.grad!r}"
        if self.label is not None:
            text += f", label={self.label!r}"
        return text + (f", path={self.path!r})" if self.path is not None else ")")

    def __format__(self, spec):
        _refuse_in_trace("formatting", self)
        return format(_number(self), spec) if spec else repr(self)

    def __hash__(self):
        if cython.compiled:  # the address, as object has it, without the detour over a Python int
            return cython.cast(cython.Py_ssize_t, cython.cast(cython.p_void, self)) >> 4
        return object.__hash__(self)

    def __eq__(self, other):
        if not _comparable(other):
            return _unlike("==", other)
        if _traces and _here().trace is not None:
            return record(ops.equal, (self, other))
        return _number(self) == _argument("==", other)

    def __ne__(self, other):
        if not _comparable(other):
            return _unlike("!=", other)
        if _traces and _here().trace is not None:
            return record(ops.not_equal, (self, other))
        return _number(self) != _argument("!=", other)

    def __lt__(self, other):
        if _traces and _here().trace is not None and _comparable(other):
            return record(ops.less, (self, other))
        if not _comparable(other):
            return NotImplemented
        y: cython.double = _argument("<", other)
        return flags_cleared(_number(self) < y)

    def __le__(self, other):
        if _traces and _here().trace is not None and _comparable(other):
            return record(ops.less_equal, (self, other))
        if not _comparable(other):
            return NotImplemented
        y: cython.double = _argument("<=", other)
        return flags_cleared(_number(self) <= y)

    def __gt__(self, other):
        if _traces and _here().trace is not None and _comparable(other):
            return record(ops.less, (other, self))
        if not _comparable(other):
            return NotImplemented
        y: cython.double = _argument(">", other)
        return flags_cleared(_number(self) > y)

    def __ge__(self, other):
        if _traces and _here().trace is not None and _comparable(other):
            return record(ops.less_equal, (other, self))
        if not _comparable(other):
            return NotImplemented
        y: cython.double = _argument(">=", other)
        return flags_cleared(_number(self) >= y)

    def __bool__(self):
        _refuse_in_trace("branching", self)
        raise TypeError("a Value is neither true nor false: compare its number (v > 0, v.data != 0), or use where(...)")

    def __float__(self):
        _refuse("float()", self)

    def __complex__(self):
        _refuse("complex()", self)

    def __int__(self):
        _refuse("int()", self)

    def __index__(self):
        _refuse("use as an index", self)

    def __round__(self, digits=None):
        _refuse("round()", self)

    def __floor__(self):
        _refuse("math.floor()", self)

    def __ceil__(self):
        _refuse("math.ceil()", self)

    def __trunc__(self):
        _refuse("math.trunc()", self)

    def as_integer_ratio(self):
        _refuse("as_integer_ratio()", self)

    def __floordiv__(self, other):
        return _refuse_of_two("//", self, other)

    def __rfloordiv__(self, other):
        return _refuse_of_two("//", self, other)

    def __mod__(self, other):
        return _refuse_of_two("%", self, other)

    def __rmod__(self, other):
        return _refuse_of_two("%", self, other)

    def __divmod__(self, other):
        return _refuse_of_two("divmod()", self, other)

    def __rdivmod__(self, other):
        return _refuse_of_two("divmod()", self, other)

    def __matmul__(self, other):
        return _refuse_of_two("@", self, other)

    def __rmatmul__(self, other):
        return _refuse_of_two("@", self, other)

    def __copy__(self):
        if is_inside():  # like a number, so that no gradient is cut off
            return self
        return _restore(*_kept(self))

    def __deepcopy__(self, memo):
        return self.__copy__()

    def __reduce__(self):
        _refuse_in_trace("pickling", self)
        if self._code != _DETACHED and _here().inside is not None:
            raise errors.HistoryError(
                "pickling a Value inside a transform's function would cut its gradient off: copy.copy() gives the same "
                "variable there; pickle outside, or what .detach() gives"
            )
        return _restore, _kept(self)

    def __dir__(self):
        return sorted({*dir(type(self)), *methods})

    def __getattr__(self, name):
        return types.MethodType(find_method(name, "Value"), self)

    @staticmethod
    def _apply(op, args):
        return _applied(op, args)

    def __array_ufunc__(self, ufunc, method, *inputs, **named):
        return find_method("__array_ufunc__", "Value")(ufunc, method, inputs, named)

    def __add__(self, other):
        if type(other) is Value:
            return _node(_ADD, _number(self) + _number(cython.cast(Value, other)), self, 1.0, other, 1.0)
        if not _is_real(other):
            return NotImplemented
        c: cython.double = float(other)
        return _node(_ADD, _number(self) + c, self, 1.0, None, c)

    def __radd__(self, other):
        if not _is_real(other):
            return NotImplemented
        c: cython.double = float(other)
        return _node(_ADD, c + _number(self), None, c, self, 1.0)

    def __sub__(self, other):
        if type(other) is Value:
            return _node(_SUB, _number(self) - _number(cython.cast(Value, other)), self, 1.0, other, -1.0)
        if not _is_real(other):
            return NotImplemented
        c: cython.double = float(other)
        return _node(_SUB, _number(self) - c, self, 1.0, None, c)

    def __rsub__(self, other):
        if not _is_real(other):
            return NotImplemented
        c: cython.double = float(other)
        return _node(_SUB, c - _number(self), None, c, self, -1.0)

    def __mul__(self, other):
        x: cython.double = _number(self)
        if type(other) is Value:
            y: cython.double = _number(cython.cast(Value, other))
            return _node(_MUL, x * y, self, y, other, x)
        if not _is_real(other):
            return NotImplemented
        c: cython.double = float(other)
        return _node(_MUL, x * c, self, c, None, c)

    def __rmul__(self, other):
        if not _is_real(other):
            return NotImplemented
        c: cython.double = float(other)
        return _node(_MUL, c * _number(self), None, c, self, c)

    def __truediv__(self, other):
        x: cython.double = _number(self)
        if type(other) is Value:
            y: cython.double = _number(cython.cast(Value, other))
            q: cython.double = _divide(x, y)
            by_x: cython.double = _divide(1.0, y)
            by_y: cython.double = _divide(-q, y)
            made: Value = _node(_DIV, q, self, by_x, other, by_y)
            clear_flags()
            return made
        if not _is_real(other):
            return NotImplemented
        c: cython.double = float(other)
        ratio: cython.double = _divide(x, c)
        d: cython.double = _divide(1.0, c)
        made: Value = _node(_DIV, ratio, self, d, None, c)
        clear_flags()
        return made

    def __rtruediv__(self, other):
        if not _is_real(other):
            return NotImplemented
        c: cython.double = float(other)
        x: cython.double = _number(self)
        q: cython.double = _divide(c, x)
        d: cython.double = _divide(-q, x)
        made: Value = _node(_DIV, q, None, c, self, d)
        clear_flags()
        return made

    def __pow__(self, other, modulo=None):
        if modulo is not None:
            _refuse("pow() with a modulus", self)
        if type(other) is Value:
            return record(ops.pow, (self, other))
        if not _is_real(other):
            return NotImplemented
        x: cython.double = _number(self)
        n: cython.double = float(other)
        y: cython.double = pow(x, n)
        d: cython.double = n * pow(x, n - 1.0) if n != 0.0 else 0.0
        made: Value = _node(_POW, y, self, d, None, n)
        clear_flags()
        return made

    def __rpow__(self, other, modulo=None):
        if modulo is not None:
            _refuse("pow() with a modulus", self)
        return record(ops.pow, (other, self)) if _is_real(other) else NotImplemented

    def __neg__(self):
        return _node(_NEG, -_number(self), self, -1.0, None, 0.0)

    def __pos__(self):
        return self

    def __abs__(self):
        return record(ops.abs, (self,))

    def exp(self):
        """e to the power x"""
        y: cython.double = exp(_number(self))
        made: Value = _node(_EXP, y, self, y, None, 0.0)
        clear_flags()
        return made

    def log(self):
        """natural logarithm"""
        x: cython.double = _number(self)
        y: cython.double = log(x)
        d: cython.double = _divide(1.0, x)
        made: Value = _node(_LOG, y, self, d, None, 0.0)
        clear_flags()
        return made

    def sqrt(self):
        """square root"""
        y: cython.double = sqrt(_number(self))
        d: cython.double = _divide(0.5, y)
        made: Value = _node(_SQRT, y, self, d, None, 0.0)
        clear_flags()
        return made

    def tanh(self):
        """hyperbolic tangent"""
        y: cython.double = tanh(_number(self))
        d: cython.double = 1.0 - y * y
        made: Value = _node(_TANH, y, self, d, None, 0.0)
        clear_flags()
        return made

    def sigmoid(self):
        """1 / (1 + exp(-x))"""
        x: cython.double = _number(self)
        e: cython.double = exp(-x if x > 0.0 else x)
        y: cython.double = (1.0 if x > 0.0 else e) / (1.0 + e)
        d: cython.double = y * (1.0 - y)
        made: Value = _node(_SIGMOID, y, self, d, None, 0.0)
        clear_flags()
        return made

    def identity(self):
        """x, as a node of its own"""
        return _node(_IDENTITY, _number(self), self, 1.0, None, 0.0)

    def relu(self):
        """max(x, 0); derivative 0 at 0"""
        x: cython.double = _number(self)
        if x <= 0.0:
            return _node(_RELU, 0.0, self, 0.0, None, 0.0)
        made: Value = _node(_RELU, x, self, 1.0, None, 0.0)
        if x != x:
            clear_flags()
        return made

    __init_subclass__ = classmethod(_refuse_subclass)
    # operations
    add = _as_method(ops.add)
    sub = _as_method(ops.sub)
    subtract = _as_method(ops.sub)
    mul = _as_method(ops.mul)
    multiply = _as_method(ops.mul)
    div = _as_method(ops.div)
    divide = _as_method(ops.div)
    true_divide = _as_method(ops.div)
    pow = _as_method(ops.pow)
    power = _as_method(ops.pow)
    neg = _as_method(ops.neg)
    negative = _as_method(ops.neg)
    abs = _as_method(ops.abs)
    absolute = _as_method(ops.abs)
    fabs = _as_method(ops.abs)
    expm1 = _as_method(ops.expm1)
    log1p = _as_method(ops.log1p)
    sin = _as_method(ops.sin)
    cos = _as_method(ops.cos)
    tan = _as_method(ops.tan)
    asin = _as_method(ops.asin)
    arcsin = _as_method(ops.asin)
    acos = _as_method(ops.acos)
    arccos = _as_method(ops.acos)
    atan = _as_method(ops.atan)
    arctan = _as_method(ops.atan)
    atan2 = _as_method(ops.atan2)
    arctan2 = _as_method(ops.atan2)
    sinh = _as_method(ops.sinh)
    cosh = _as_method(ops.cosh)
    softplus = _as_method(ops.softplus)
    leaky_relu = _as_method(ops.leaky_relu)
    elu = _as_method(ops.elu)
    gelu = _as_method(ops.gelu)
    silu = _as_method(ops.silu)
    step = _as_method(ops.step)
    sign = _as_method(ops.sign)
    maximum = _as_method(ops.maximum)
    minimum = _as_method(ops.minimum)
    clip = _as_method(ops.clip)
    less = _as_method(ops.less)
    less_equal = _as_method(ops.less_equal)
    equal = _as_method(ops.equal)
    not_equal = _as_method(ops.not_equal)
    where = _as_method(ops.where)
    positive = _as_method(ops.identity)
    conjugate = _as_method(ops.identity)
    stop_gradient = _as_method(ops.stop_gradient)
    erf = _as_method(ops.erf)
    erfc = _as_method(ops.erfc)
    normcdf = _as_method(ops.normcdf)
    lgamma = _as_method(ops.lgamma)
    gammaln = _as_method(ops.lgamma)
    polygamma = _as_method(ops.polygamma)
    # end of operations


_depth = cython.declare(cython.int, 0)
_graveyard = cython.declare(list, [])
_sweeps = cython.declare(cython.longlong, 0)
_changes = cython.declare(cython.longlong, 0)
# The number of the latest call of a transform, which a leaf that is made holds as its _left_partial.
_calls = cython.declare(cython.double, 0.0)
# How many threads trace just now: mostly none, which is told at once.
_traces = cython.declare(cython.int, 0)
# A list that is short for what it has allocated pops slowly; with this many elements below it never is.
_BALLAST = cython.declare(cython.int, 16)


@cython.cfunc
@cython.exceptval(-1)
def _stand_for(v: Value, other: Value) -> cython.int:
    """Makes v the same number as another Value, which a trace or a transform gave in the place of a plain one."""
    v._grad = v._right_partial = 0.0
    v._right = None
    v._held, v._left, v._left_partial = _number(other), other, 1.0
    v._origin, v._sweep, v._count = _here().origin, 0, 0
    v._code = _IDENTITY
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _make_by_hand(v: Value, data, parents: tuple, derivatives) -> cython.int:
    """Makes v a result whose number and local derivatives are given."""
    k: cython.Py_ssize_t
    here: _Context = _here()
    _refuse_in_trace("making a result by hand", v)
    number: cython.double = _real("Value", data)
    given: tuple = _arguments("Value(data, children)", parents)
    if derivatives is None or isinstance(derivatives, str) or not hasattr(derivatives, "__iter__"):
        raise errors.no_local_derivatives(len(given), derivatives)
    slopes: tuple = tuple([_real("Value(data, children, local_grads): a derivative", d) for d in derivatives])
    if len(slopes) != len(given):
        raise errors.ShapeError(
            f"Value(data, children, local_grads) takes one local derivative for each of its children, "
            f"got {len(slopes)} for {len(given)}"
        )
    known = ops.Affine(number)
    known.point, known.slopes = tuple([_argument(None, x) for x in given]), slopes
    terms: _Terms = _terms((given, known, ops.given), len(given) + 1)
    for k in range(len(given)):
        terms.partials[k] = slopes[k]
    terms.partials[len(given)] = 0.0
    v._grad = v._left_partial = v._right_partial = 0.0
    v._right = None
    v._held, v._origin, v._sweep, v._count = number, here.origin, 0, 0
    if here.recording == 0:
        v._left, v._code = None, _DETACHED
        return 0
    v._left, v._code = terms, _CUSTOM
    if here.watch is not None:
        _watched(v)
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _divide(a: cython.double, b: cython.double) -> cython.double:
    if cython.compiled:
        return a / b
    return ops.div.value(a, b)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _number(v: Value) -> cython.double:
    if v._code == _BOUND:
        return cython.cast(Storage, v._left)._values[v._count]
    return v._held


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _gradient(v: Value) -> cython.double:
    if v._code == _BOUND:
        return 0.0 if cython.cast(Storage, v._left)._stale else cython.cast(Storage, v._left)._grads[v._count]
    return v._grad


@cython.cfunc
def _is_computed(v: Value) -> cython.bint:
    """Whether a sweep has reached v since its gradient was cleared."""
    storage: Storage
    if v._code >= 0 and v._sweep < 0:
        return False
    if _gradient(v) != 0.0:
        return True
    if v._code != _BOUND:
        return v._sweep > 0
    storage = v._left
    return max(v._sweep, storage._swept) > storage._cleared


@cython.cfunc
def _swept(v: Value) -> cython.longlong:
    """The number of the last sweep that reached all that lies where v lies."""
    return cython.cast(Storage, v._left)._swept if v._code == _BOUND else 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _set_gradient(v: Value, gradient: cython.double) -> cython.void:
    if v._code == _BOUND:
        cython.cast(Storage, v._left)._settle()
        cython.cast(Storage, v._left)._grads[v._count] = gradient
    else:
        v._grad = gradient


@cython.cfunc
@cython.inline
def _is_real(x) -> cython.bint:
    return type(x) is float or type(x) is int or _is_other_real(x)


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
@cython.inline
def _comparable(x) -> cython.bint:
    return type(x) is Value or _is_real(x)


@cython.cfunc
@cython.inline
def _argument(who, x) -> cython.double:
    """The number of an argument: a Value's, or a plain one."""
    return _number(cython.cast(Value, x)) if type(x) is Value else x if type(x) is float else _real(who, x)


@cython.cfunc
def _arguments(who, items) -> tuple:
    """Values and floats as they are, other numbers as floats."""
    given: tuple = tuple(items)
    for x in given:
        if type(x) is not Value and type(x) is not float:
            return tuple([y if type(y) is Value else _item(who, y) for y in given])
    return given


@cython.cfunc
def _item(who, x) -> cython.double:
    """A plain number of a sequence."""
    return _real(who, x) if _is_real(x) else reals.as_float(who, x, reals.FLAT)


@cython.cfunc
def _applied(op, args: tuple):
    """The result of a row, recorded."""
    given: tuple = _checked(op, args)
    fast = _FAST.get(op.name)
    return record(op, given) if fast is None else fast(*given)


@cython.cfunc
def _checked(op, args: tuple) -> tuple:
    """The arguments of a row as it takes them: Values and plain numbers, tuples where it takes a sequence."""
    if type(args[0]) is tuple and op.sequences:
        return args  # bind() has looked at them, and what records them looks into the tuples
    for x in args:
        if type(x) is not Value and type(x) is not float and type(x) is not int:
            return tuple([y if type(y) is tuple and k in op.sequences else op.number(k, y) for k, y in enumerate(args)])
    return args


@cython.cfunc
def _real(who, x) -> cython.double:
    if _is_real(x):
        try:
            return float(x)
        except OverflowError:  # which as_float words
            pass
    return reals.as_float(who, x)


@cython.cfunc
def _checked_value(who, x) -> Value:
    """A Value, or TypeError: a C variable for Values would take None as well."""
    if type(x) is not Value:
        raise TypeError(f"{who} takes a Value, got {errors.received(x)}")
    return x


@cython.cfunc
def _all_checked(who, xs) -> list:
    if type(xs) is not list and (not hasattr(xs, "__iter__") or type(xs) is Value):
        raise TypeError(f"{who} takes a list of Values, got {errors.received(xs)}")
    values: list = list(xs)
    for x in values:
        if type(x) is not Value:
            raise TypeError(f"{who} takes a list of Values, got {errors.received(x)} among them")
    return values


@cython.cfunc
def _check_row(op) -> cython.void:
    if not isinstance(op, _Op):
        raise TypeError(f"what to record is a row of the table of operations, got {errors.received(op)}")


@cython.cfunc
@cython.inline
def _leaf(data: cython.double, code: cython.int) -> Value:
    v: Value = Value.__new__(Value)
    v._held = data
    v._grad = v._left_partial = v._right_partial = 0.0
    v._left = v._right = None
    v._origin = _here().origin
    v._sweep = 0
    v._code = code
    v._count = 0
    return v


@cython.cfunc
@cython.inline
def _node(
    code: cython.int, data: cython.double, left, left_partial: cython.double, right, right_partial: cython.double
) -> Value:
    if _context.thread != get_ident():
        _switch_thread()
    if _context.recording != 1:
        return _unrecorded(_context, code, data, left, left_partial, right, right_partial)
    v: Value = Value.__new__(Value)
    v._held = data
    v._grad = 0.0
    v._left_partial = left_partial
    v._right_partial = right_partial
    v._left = left
    v._right = right
    v._origin = _context.origin
    v._sweep = 0
    v._code = code
    v._count = 0
    if _context.watch is not None:
        _watched(v)
    return v


@cython.cfunc
@cython.exceptval(-1)
def _watched(v: Value) -> cython.int:
    """Tells the watch of a new result; in a trace, where its number is a placeholder's, nobody is to hear of it."""
    if _context.trace is None:
        v._origin = _context.watch.recorded(v)
    else:
        clear_flags()
    return 0


@cython.cfunc
def _unrecorded(
    here: _Context,
    code: cython.int,
    data: cython.double,
    left,
    left_partial: cython.double,
    right,
    right_partial: cython.double,
) -> Value:
    """A detached leaf; in a trace, which must be able to compute it again, a node behind a stop_gradient."""
    if here.recording == 0:
        return _leaf(data, _DETACHED)
    here.recording = 1
    try:
        v: Value = _node(code, data, left, left_partial, right, right_partial)
        return _node(_STOP_GRADIENT, data, v, 0.0, None, 0.0)
    finally:
        here.recording = _STOPPING


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _refuse_in_trace(what: str, v: Value) -> cython.int:
    if _traces and _here().trace is not None:
        _here().trace.refuse(what, v)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _refuse(what: str, v: Value) -> cython.int:
    """Of methods that are there to raise: the number alone, taken without a word, would have no gradient."""
    _refuse_in_trace(what, v)
    raise TypeError(errors.NUMBER_ALONE[what])


@cython.cfunc
def _refuse_of_two(what: str, v: Value, other):
    if _comparable(other):
        _refuse(what, v)
    return NotImplemented


@cython.cfunc
def _node_of_many(code: cython.int, data: cython.double, terms: _Terms) -> Value:
    """A node of the terms; their tuples, of Values and floats alone, cannot be in a cycle and leave the collector."""
    if cython.compiled:
        for arg in terms.args:
            if type(arg) is tuple:
                PyObject_GC_UnTrack(arg)  # noqa: F821  engine.pxd
        PyObject_GC_UnTrack(terms.args)  # noqa: F821
    return _node(_MANY + code, data, terms, 0.0, None, 0.0)


def dot(xs, ys, start=0.0):
    """start + xs[0] * ys[0] + xs[1] * ys[1] + ..., as one node."""
    return dots([(xs, start, _here().origin)], ys)[0]


def dots(rows, ys, function=None):
    """For each (xs, start, origin) of rows, dot(xs, ys, start) as of that origin, put through function: a layer.

    What ys are is read once for all rows.
    """
    here: _Context = _here()
    before = here.origin
    right: tuple = _arguments("dot(xs, ys): ys", ys)
    n: cython.Py_ssize_t = len(right)
    k: cython.Py_ssize_t
    numbers: _Terms = _terms((), n)
    for k in range(n):
        numbers.partials[k] = _argument(None, right[k])
    made: list = []
    try:
        try:
            for xs, start, here.origin in rows:
                v = _dot(tuple(xs), right, numbers.partials, start)
                made.append(v if function is None else function(v))
        finally:
            here.origin = before
    finally:  # twice, see within()
        here.origin = before
    return made


@cython.cfunc
def _dot(left: tuple, right: tuple, numbers: cython.p_double, start) -> Value:
    """A dot node, from what right's numbers are."""
    if type(start) is not Value:
        start = _real("dot(xs, ys, start): start", start)
    n: cython.Py_ssize_t = len(right)
    k: cython.Py_ssize_t
    x: cython.double
    if len(left) != n:
        raise errors.ShapeError(f"dot(xs, ys): the lengths must agree, got {len(left)} and {n}")
    terms: _Terms = _terms((left, right, start), 2 * n + 1)
    partials: cython.p_double = terms.partials
    total: cython.double = _argument(None, start)
    for k in range(n):
        item = left[k]
        if type(item) is Value:
            x = _number(cython.cast(Value, item))
        elif type(item) is float:
            x = item
        else:
            return _dot(_arguments("dot(xs, ys): xs", left), right, numbers, start)
        partials[k] = numbers[k]
        partials[n + k] = x
        total += x * numbers[k]
    partials[2 * n] = 1.0
    return _node_of_many(_DOT, total, terms)


def _sum(xs):
    items: tuple = _arguments("sum(xs): xs", xs)
    n: cython.Py_ssize_t = len(items)
    k: cython.Py_ssize_t
    terms: _Terms = _terms((items,), n)
    total: cython.double = 0.0
    for k in range(n):
        total += _argument(None, items[k])
        terms.partials[k] = 1.0
    return _node_of_many(_SUM, total, terms)


def _mean(xs):
    items: tuple = _arguments("mean(xs): xs", xs)
    n: cython.Py_ssize_t = len(items)
    k: cython.Py_ssize_t
    if n == 0:
        return record(ops.mean, (items,))
    terms: _Terms = _terms((items,), n)
    total: cython.double = 0.0
    for k in range(n):
        total += _argument(None, items[k])
        terms.partials[k] = 1.0 / n
    return _node_of_many(_MEAN, total / n, terms)


def _logsumexp(xs):
    items: tuple = _arguments("logsumexp(xs): xs", xs)
    n: cython.Py_ssize_t = len(items)
    k: cython.Py_ssize_t
    terms: _Terms = _terms((items,), n)
    y: cython.double = ops.logsumexp.value([_argument(None, x) for x in items])
    total: cython.double = 0.0
    for k in range(n):
        terms.partials[k] = exp(_argument(None, items[k]) - y)
        total += terms.partials[k]
    for k in range(n):
        terms.partials[k] = _divide(terms.partials[k], total)
    made: Value = _node_of_many(_LOGSUMEXP, y, terms)
    clear_flags()
    return made


def _where(condition, a, b):
    """A plain condition chooses at once, so that nothing of the other branch is recorded."""
    if isinstance(condition, Value):
        return record(ops.where, (condition, a, b))
    a = a if type(a) is Value else _real("where(condition, a, b): a", a)
    b = b if type(b) is Value else _real("where(condition, a, b): b", b)
    return a if _real("where(condition, a, b): condition", condition) != 0.0 else b


def _take(table, index):
    if isinstance(index, Value):
        return record(ops.take, (table, index))
    items: tuple = _arguments("take(table, index): table", table)
    return items[ops.position(_real("take(table, index): index", index), len(items))]


def record(op, args):
    """One node by its row alone: the value, and the local derivatives from its rules run on unrecorded Values."""
    here: _Context = _here()
    _check_row(op)
    places: tuple = op.places
    rules: tuple = op.rules
    args = tuple(args)
    n: cython.Py_ssize_t = len(args)
    if n != len(rules) or n != len(places) or n == 0:
        raise TypeError(f"{op.signature} takes {len(rules)} arguments, got {n}")
    k: cython.Py_ssize_t
    plain: list = []
    for k in range(n):
        arg = args[k]
        if type(arg) is Value:
            if rules[k] is None:
                raise TypeError(f"{places[k]} takes a plain number, got a Value: no derivative by it is known")
            plain.append(_number(cython.cast(Value, arg)))
        elif type(arg) is tuple:
            plain.append(tuple([_argument(None, x) for x in _arguments(places[k], arg)]))
        elif rules[k] is None and isinstance(arg, float):
            plain.append(arg)  # perhaps of a class of its own, which says more than the number
        else:
            plain.append(_argument(places[k], arg))
    value = op.value(*plain)
    if type(value) is not float and not _is_real(value):
        raise TypeError(f"{op.signature} must give one real number, got {errors.received(value)}")
    y: cython.double = float(value)
    if here.recording == 0:
        made: Value = _leaf(y, _DETACHED)
        clear_flags()
        return made
    partials: list = _local_derivatives(here, op, y, args, plain)
    clear_flags()  # of which the numbers of Values that are not recorded are long computed
    is_custom: cython.bint = op.code == _CUSTOM - _MANY
    if n > 2 or op.sequences or is_custom:
        stored: list = []
        for k in range(n):
            arg = args[k]
            stored.append(arg if type(arg) is Value else _arguments(places[k], arg) if type(arg) is tuple else plain[k])
        if is_custom:
            stored.append(op)
        terms: _Terms = _terms(tuple(stored), len(partials))
        for k in range(len(partials)):
            terms.partials[k] = partials[k]
        return _node_of_many(op.code, y, terms)
    left = args[0] if type(args[0]) is Value else None
    left_partial: cython.double = plain[0] if left is None else partials[0]
    if n == 1:
        return _node(op.code, y, left, left_partial, None, 0.0)
    right = args[1] if type(args[1]) is Value else None
    return _node(op.code, y, left, left_partial, right, plain[1] if right is None else partials[1])


def record_known(op, data, args, partials, scale=1.0):
    """One node of op whose number and local derivatives are known already.

    args      Spans, Values, tuples of Values and floats, and what no derivative is of, which stands last
    partials  an array of float64: one for each number of the Spans and tuples in order, for plain numbers too; times
              scale they are the derivatives. It is taken over: keep_partials() lets go of it
    """
    _check_row(op)
    view = memoryview(partials)
    terms: _Terms = _Terms.__new__(_Terms)
    terms.args, terms.lender, terms.scale = tuple(args), view, scale
    needed: cython.Py_ssize_t = _count_partials(terms.args)
    if view.format != "d" or view.ndim != 1 or not view.c_contiguous or len(view) < needed:
        raise errors.ShapeError(
            f"record_known({op.name}): partials are {needed} float64 numbers or more, one after the other in memory, "
            f"got {len(view) if view.ndim else 0} of format {view.format!r}"
        )
    if cython.compiled:
        terms.partials = cython.cast(cython.p_double, PyMemoryView_GET_BUFFER(view).buf)
    else:
        terms.partials = view
    return _node(_MANY + op.code, data, terms, 0.0, None, 0.0)


@cython.cfunc
@cython.exceptval(-1)
def _count_partials(args: tuple) -> cython.Py_ssize_t:
    """How many local derivatives are read by what arguments with Spans stand for."""
    count: cython.Py_ssize_t = 0
    needed: cython.Py_ssize_t = 0
    for arg in args:
        if type(arg) is tuple:
            count += len(cython.cast(tuple, arg))
            needed = count
        elif type(arg) is Span:
            if cython.compiled and cython.cast(Span, arg)._leaves is None:
                raise errors.not_made(arg)
            count += len(cython.cast(Span, arg)._leaves)
            needed = count
        else:
            count += 1
            if type(arg) is Value:
                needed = count
    return needed


def keep_partials(v):
    """Gives v a copy of the array that record_known() took over, so that another may write to it."""
    k: cython.Py_ssize_t
    node: Value = _checked_value("keep_partials(v)", v)
    if node._code == _STOP_GRADIENT and node._left is not None:
        node = node._left
    if node._code < _MANY:  # it was not recorded
        return
    terms: _Terms = cython.cast(_Terms, node._left)
    if terms.lender is None:
        return
    copied: _Terms = _terms((), len(terms.lender))
    for k in range(len(terms.lender)):
        copied.partials[k] = terms.partials[k]
    terms.partials, copied.partials = copied.partials, terms.partials
    terms.lender, copied.lender = None, terms.lender


def record_joint(op, numbers, args):
    """The nodes of the numbers of one result of many, whose adjoints are passed on together.

    args  tuples of Values and floats, and last what knows the derivatives, a float with these methods:
          pull(adjoints): a contribution for each number of the tuples; push(tangents): the tangents of the numbers
          pull_graph(whole, adjoints, wanted), wanted saying for which, and push_graph(whole, tangents): Values
          derivatives(index): what an adjoint of 1 of one number contributes
          which(index): the last argument of a component's row, a float of the index
          rows: two operations, by which programs compute the whole and a component
    """
    here: _Context = _here()
    before: cython.int = here.recording
    _check_row(op)
    for arg in args[: len(args) - 1]:
        if type(arg) is not tuple:
            raise TypeError(f"record_joint({op.name}): arguments stand in tuples, got {errors.received(arg)}")
    if len(args) == 0 or not hasattr(args[len(args) - 1], "pull"):
        raise TypeError(f"record_joint({op.name}): the last argument knows the derivatives, by a method pull(adjoints)")
    if before == 0:
        return [_leaf(y, _DETACHED) for y in numbers]
    try:
        try:
            here.recording = 1
            whole = _whole(op, numbers, args)
            found: list = []
            for k in range(len(numbers)):
                v = component(whole, k)
                found.append(v if before == 1 else _node(_STOP_GRADIENT, numbers[k], v, 0.0, None, 0.0))
            return found
        finally:
            here.recording = before
    finally:  # twice, see within()
        here.recording = before


@cython.cfunc
def _whole(op, numbers, args: tuple) -> Value:
    """The node of all the numbers, of which components are taken; it shows in no picture, and they in its place."""
    size: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    for arg in args:
        size += len(arg) if type(arg) is tuple else 1
    terms: _Terms = _terms(args, size)
    for k in range(size):
        terms.partials[k] = 0.0
    args[len(args) - 1].numbers = tuple(numbers)
    return _node(_JOINT + op.code, numbers[0] if len(numbers) else 0.0, terms, 0.0, None, 0.0)


def component(whole, index):
    """One number of a result of many, as a node."""
    v: Value = _checked_value("component(whole)", whole)
    if v._code < _JOINT or v._code == _COMPONENT:
        raise TypeError(f"component(whole, index) takes a result of many numbers, got a {v.kind}")
    solution = _solution(v)
    terms: _Terms = _terms((v, solution.which(index)), 2)
    terms.partials[0], terms.partials[1] = 1.0, 0.0
    return _node(_COMPONENT, solution.numbers[index], terms, 0.0, None, 0.0)


def whole_of(v):
    """The result of many that v is one number of."""
    value: Value = _checked_value("whole_of(v)", v)
    if value._code != _COMPONENT:
        raise TypeError(f"whole_of(v) takes one number of a result of many, got a {value.kind}")
    return cython.cast(_Terms, value._left).args[0]


def is_joint(v):
    """Whether v is a result of many numbers."""
    value: Value = _checked_value("is_joint(v)", v)
    return value._code >= _JOINT and value._code != _COMPONENT


@cython.cfunc
def _local_derivatives(here: _Context, op, y: cython.double, args, plain: list) -> list:
    """The local derivatives by every argument in order, sequences laid flat; 0 where the argument is a plain number."""
    found: list = []
    k: cython.Py_ssize_t
    rules: tuple = op.rules
    given: list = [_leaf(1.0, _DETACHED), _leaf(y, _DETACHED)]
    for k in range(len(plain)):
        p = plain[k]
        if type(p) is tuple:
            given.append(tuple([_leaf(x, _DETACHED) for x in p]))
        else:
            given.append(_leaf(p, _DETACHED) if type(args[k]) is Value else p)
    call: tuple = tuple(given)
    before: cython.int = here.recording
    try:
        try:
            here.recording = 0
            for k in range(len(plain)):
                arg = args[k]
                if type(arg) is Value:
                    found.append(_contribution(op, rules[k](*call)))
                elif type(arg) is not tuple:
                    found.append(0.0)
                elif any([type(x) is Value for x in arg]):
                    found += [_contribution(op, d) for d in _contributions(op, rules[k], call, len(arg))]
                else:
                    found += [0.0] * len(arg)
        finally:
            here.recording = before
    finally:  # twice, see within()
        here.recording = before
    return found


def backward(root):
    """Adds the derivatives of root to the .grad of every leaf below it.

    A result passes its adjoint on once every use of it has reported (Kahn's topological order, 1962): the first pass
    counts the uses, the second walks from the root to the leaves. An adjoint that is exactly zero contributes nothing,
    also where the local derivative is infinite; through an operation that is flat nothing passes, also where the
    adjoint is infinite. Raises HistoryError where no gradient could reach anything.

    Compiled, Ctrl-C comes in no sweep but in a hook, which undoes it; on the readable engine it may leave gradients
    that are added up in part: clear them.
    """
    if not isinstance(root, Value):
        raise TypeError(
            f"backward() needs one Value to differentiate, got {errors.received(root)}: "
            "reduce what you have to one Value first, as in sum(losses)"
        )
    top: Value = root
    if top._code == _DETACHED:
        raise errors.HistoryError(
            f"backward() from {top!r}, which has no history (made by detach() or under no_grad()): "
            "compute it again from leaves, outside no_grad()"
        )
    here: _Context = _here()
    _refuse_in_trace("backward()", top)
    if hooks or here.sweeping:
        _careful_sweep(here, top, None)
    else:
        _sweep(here, top, None)


def derivatives(root, xs, older=None, call=0.0):
    """The derivatives of root by each of xs, leaves or results, as floats: a sweep that changes nothing it meets.

    older  a list that gains the leaves below root which are older than the call of this number, see next_call()
    """
    root, xs = _checked_value("derivatives(root)", root), _all_checked("derivatives(..., xs)", xs)
    _refuse_in_trace("taking derivatives as floats", root)
    if hooks:  # only of what depends on xs
        if _here().watch is not None:
            _here().watch.sweeps(root)
        return _walk_back(root, xs, True, False, older, call)
    return _careful_sweep(_here(), root, xs, older, call)


@cython.cfunc
def _sweep(here: _Context, top: Value, before: "_Before | None") -> cython.longlong:
    """Counts uses, then passes adjoints on; notes in `before`, where that is given, what each node held."""
    global _sweeps
    if here.watch is not None:
        here.watch.sweeps(top)
    _sweeps += 1
    sweep: cython.longlong = _sweeps if before is None or not cython.cast(_Before, before).fleeting else -_sweeps
    waiting: list = [None] * _BALLAST
    v: Value
    _use_seldom(top, sweep, waiting, before)
    while len(waiting) > _BALLAST:
        v = waiting.pop()
        _count_uses(v, sweep, waiting, before)
    if waiting[0] is not None and before is None:  # what passes adjoints on together may refuse to
        _careful_sweep(here, top, None)
        return sweep
    _give_seldom(top, 1.0, waiting)
    while len(waiting) > _BALLAST:
        v = waiting.pop()
        if before is not None and hooks:
            v._grad = _through_hooks(v, v._grad)
        _pass_on(v, v._grad, waiting)
    return sweep


@cython.cfunc
def _careful_sweep(here: _Context, top: Value, xs, older=None, call: cython.double = 0.0) -> list:
    """A sweep that runs hooks, may itself run inside one, and leaves everything as it was where one raises.

    Given xs, it leaves everything as it was in any case, and returns the derivatives by them.
    """
    sweeping: cython.int = here.sweeping
    before: _Before = _before(xs is not None or sweeping > 0, sweeping > 0 or xs is None)
    try:
        return _careful_sweep_once(here, top, xs, before, older, call)
    finally:  # twice, see within()
        _end_again(here, sweeping, before)


@cython.cfunc
def _careful_sweep_once(here: _Context, top: Value, xs, before: _Before, older, call: cython.double) -> list:
    x: Value
    quiet: cython.bint = xs is not None
    nested: cython.bint = here.sweeping > 0
    found: list = []
    done: cython.bint = False
    try:
        here.sweeping += 1
        sweep: cython.longlong = _sweep(here, top, before)
        if quiet:
            for x in xs:
                found.append(_gradient(x) if x._sweep == sweep else 0.0)
            if older is not None:
                for x in before.nodes:
                    _add_older(older, x, call)
        else:
            for x in before.nodes:
                if x._code < 0:
                    found.append((x, _through_hooks(x, _gradient(x))))
            here.waiting += found
        done = True
    finally:
        _put_back(before, quiet or nested or not done)
        _leave(here, done)
    return found


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _add_older(older: list, v: Value, call: cython.double) -> cython.int:
    if v._code < 0 and v._left_partial < call and v._code != _DETACHED:
        older.append(v)
    return 0


@cython.cfunc
def _end_again(here: _Context, sweeping: cython.int, before: _Before) -> cython.void:
    """The end of a sweep or a walk that was itself cut short, or that never came to be."""
    here.sweeping = sweeping
    if sweeping == 0 and here.waiting:
        here.waiting = []
    if not before.ended:
        _put_back(before, True)


@cython.cfunc
def _leave(here: _Context, done: cython.bint) -> cython.void:
    """Once no sweep is under way any more, leaves get what waits for them; where it failed, nothing."""
    v: Value
    here.sweeping -= 1
    if here.sweeping == 0:
        waiting: list = here.waiting
        here.waiting = []
        if done:
            for v, gathered in waiting:
                _set_gradient(v, _gradient(v) + gathered)
                v._sweep = _sweeps


@cython.cfunc
def _before(fleeting: cython.bint, everything: cython.bint) -> _Before:
    before: _Before = _Before.__new__(_Before)
    before.nodes, before.fleeting, before.everything, before.room, before.ended = [], fleeting, everything, 0, False
    if not cython.compiled:
        before.numbers = []
    return before


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _note_if_needed(before: _Before, v: Value) -> cython.int:
    if before.everything or v._sweep > 0 or (v._sweep == 0 and v._grad != 0.0):
        _note(before, v)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _note(before: _Before, v: Value) -> cython.int:
    k: cython.Py_ssize_t = 3 * len(before.nodes)
    if not cython.compiled:
        before.numbers += (0.0, 0.0, 0.0)
    elif k == before.room:
        before.room = 2 * k + 96
        numbers = cython.cast(cython.p_double, PyMem_Realloc(before.numbers, before.room * 8))
        if numbers is cython.NULL:
            raise MemoryError
        before.numbers = numbers
    before.numbers[k] = _gradient(v)
    before.numbers[k + 1] = v._sweep
    before.numbers[k + 2] = v._count
    before.nodes.append(v)  # last: a node that is here has its numbers
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _put_back(before: _Before, results: cython.bint) -> cython.int:
    """Leaves as they were, and on request results."""
    v: Value
    k: cython.Py_ssize_t
    for k in range(len(before.nodes)):
        v = before.nodes[k]
        if results or v._code < 0:
            _set_gradient(v, before.numbers[3 * k])
            v._sweep = cython.cast(cython.longlong, before.numbers[3 * k + 1])
            if v._code != _BOUND:
                v._count = cython.cast(cython.int, before.numbers[3 * k + 2])
    before.ended = True
    return 0


@cython.cfunc
def _through_hooks(v: Value, gradient: cython.double) -> cython.double:
    function = hooks.get(id(v))
    return gradient if function is None else function(gradient)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _count_uses(v: Value, sweep: cython.longlong, met: list, before: "_Before | None") -> cython.int:
    if v._code >= _MANY:
        terms: _Terms = cython.cast(_Terms, v._left)
        if v._code >= _JOINT and met[0] is None:
            met[0] = {}
        for arg in terms.args:
            if type(arg) is tuple:
                for item in cython.cast(tuple, arg):
                    if type(item) is Value:
                        _use(cython.cast(Value, item), sweep, met, before)
            elif type(arg) is Value:
                _use(cython.cast(Value, arg), sweep, met, before)
            elif type(arg) is Span:
                _use_span(cython.cast(Span, arg), sweep, met, before)
        return 0
    if v._left is not None:
        _use(cython.cast(Value, v._left), sweep, met, before)
    if v._right is not None:
        _use(cython.cast(Value, v._right), sweep, met, before)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _use_span(span: Span, sweep: cython.longlong, met: list, before: "_Before | None") -> cython.int:
    """Leaf by leaf only where something must be noted of each, or some lie elsewhere by now."""
    if before is None and span._moved == span._storage._moved:
        span._storage._swept = sweep
    else:
        for leaf in span._leaves:
            _use_seldom(cython.cast(Value, leaf), sweep, met, before)
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _use(v: Value, sweep: cython.longlong, met: list, before: "_Before | None") -> cython.int:
    """Counts one more use of v; a result met for the first time starts a fresh adjoint."""
    if v._sweep != sweep:
        if before is not None:
            if v._code >= 0:
                _note_if_needed(before, v)
            else:
                _note(before, v)
                _set_gradient(v, 0.0)  # this sweep's contributions gather apart
        v._sweep = sweep
        if v._code >= 0:
            v._grad = 0.0
            v._count = 1
            met.append(v)
    elif v._code >= 0:
        v._count += 1
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _use_seldom(v: Value, sweep: cython.longlong, met: list, before: "_Before | None") -> cython.int:
    return _use(v, sweep, met, before)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _pass_on(v: Value, adjoint: cython.double, ready: list) -> cython.int:
    k: cython.Py_ssize_t = 0
    if adjoint - adjoint != 0.0:
        return _pass_on_one_by_one(v, adjoint, ready)
    if v._code >= _MANY:
        if v._code >= _JOINT:
            return _pass_on_jointly(v, adjoint, ready)
        terms: _Terms = cython.cast(_Terms, v._left)
        adjoint *= terms.scale
        for arg in terms.args:
            if type(arg) is tuple:
                for item in cython.cast(tuple, arg):
                    if type(item) is Value:
                        _give(cython.cast(Value, item), adjoint * terms.partials[k] if adjoint != 0.0 else 0.0, ready)
                    k += 1
            else:
                if type(arg) is Value:
                    _give(cython.cast(Value, arg), adjoint * terms.partials[k] if adjoint != 0.0 else 0.0, ready)
                elif type(arg) is Span:
                    k += _give_span(cython.cast(Span, arg), adjoint, terms.partials, k, ready) - 1
                k += 1
        return 0
    if v._left is not None:
        _give(cython.cast(Value, v._left), adjoint * v._left_partial if adjoint != 0.0 else 0.0, ready)
    if v._right is not None:
        _give(cython.cast(Value, v._right), adjoint * v._right_partial if adjoint != 0.0 else 0.0, ready)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _pass_on_one_by_one(v: Value, adjoint: cython.double, ready: list) -> cython.int:
    """As _pass_on, for an adjoint that is not finite."""
    if v._code >= _JOINT:
        return _pass_on_jointly(v, adjoint, ready)
    for k, derivative, parent in _edges(v):
        _give_seldom(cython.cast(Value, parent), _product(v, k, adjoint, derivative), ready)
    return 0


@cython.cfunc
def _product(v: Value, k: cython.Py_ssize_t, adjoint: cython.double, partial: cython.double) -> cython.double:
    """What v passes on to the k-th number of its arguments: nothing where the adjoint is 0, or where v is flat."""
    product: cython.double = adjoint * partial
    if product != product and (adjoint == 0.0 or (partial == 0.0 and _blocks(v, k))):
        return 0.0
    return product


@cython.cfunc
def _blocks(v: Value, k: cython.Py_ssize_t) -> cython.bint:
    """Whether v is flat in the k-th number of its arguments, by which its derivative is 0: its row knows."""
    op = _row(v)
    if op.flat is not None:
        return op.flat
    here: _Context = _here()
    before: cython.int = here.recording
    here.recording = 0
    try:
        return op.blocks(_leaf(v._held, _DETACHED), tuple([_unrecording(arg) for arg in v.args]), k)
    finally:
        here.recording = before


@cython.cfunc
def _unrecording(arg):
    """A number from which nothing is recorded, in the place of a Value."""
    if type(arg) is tuple:
        return tuple([_unrecording(x) for x in arg])
    return _leaf(_number(arg), _DETACHED) if type(arg) is Value else arg


def contributions(v, adjoint):
    """What v passes on to each of its parents for an adjoint, in a sweep backward."""
    k: cython.Py_ssize_t
    number: cython.double = adjoint
    found: list = []
    for k, derivative, _ in _edges(v):
        found.append(_product(v, k, number, derivative))
    return found


@cython.cfunc
@cython.exceptval(-1)
def _pass_on_jointly(v: Value, adjoint: cython.double, ready: list) -> cython.int:
    """A component gives its adjoint to the whole, whose adjoints, in ready[0], go on once all are there."""
    whole: Value
    args: tuple = cython.cast(_Terms, v._left).args
    vectors: dict = ready[0]
    if v._code == _COMPONENT:
        whole = args[0]
        vector = vectors.get(whole)
        if vector is None:
            vector = vectors[whole] = [0.0] * len(_solution(whole).numbers)
        vector[int(args[1])] += adjoint
        _give_seldom(whole, 0.0, ready)
        return 0
    for x, contribution in zip(_laid_flat(args), _solution(v).pull(vectors.pop(v)), strict=True):
        if type(x) is Value:
            _give_seldom(cython.cast(Value, x), contribution, ready)
    return 0


@cython.cfunc
def _solution(whole: Value):
    """What knows the derivatives of a result of many."""
    args: tuple = cython.cast(_Terms, whole._left).args
    return args[len(args) - 1]


@cython.cfunc
def _laid_flat(args: tuple) -> list:
    """The items of the tuples among some arguments."""
    found: list = []
    for arg in args:
        if type(arg) is tuple:
            found.extend(arg)
    return found


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _give(v: Value, contribution: cython.double, ready: list) -> cython.int:
    """Adds to v's gradient; a result whose last use this was is ready to pass its adjoint on."""
    if v._code >= 0:
        v._grad += contribution
        v._count -= 1
        if v._count == 0:
            ready.append(v)
    elif v._code == _LEAF:
        v._grad += contribution
    elif v._code == _BOUND:
        if cython.cast(Storage, v._left)._stale:
            cython.cast(Storage, v._left)._settle()
        cython.cast(Storage, v._left)._grads[v._count] += contribution
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _give_seldom(v: Value, contribution: cython.double, ready: list) -> cython.int:
    """_give, a call of it: compilers inline what stands in few places."""
    return _give(v, contribution, ready)


@cython.cfunc
@cython.exceptval(-1)
def _give_span(
    span: Span, adjoint: cython.double, partials: cython.p_double, first: cython.Py_ssize_t, ready: list
) -> cython.Py_ssize_t:
    """Adds to the gradients of all cells, or of the leaves where some lie elsewhere by now; how many they are."""
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t = len(span._leaves)
    grads: cython.p_double = span._storage._grads
    start: cython.Py_ssize_t = span._start
    if span._moved != span._storage._moved:
        for k in range(n):
            contribution = adjoint * partials[first + k] if adjoint != 0.0 else 0.0
            _give_seldom(cython.cast(Value, span._leaves[k]), contribution, ready)
    elif adjoint != 0.0 and span._storage._stale and n == span._storage._size:
        for k in range(n):
            grads[k] = 0.0 + adjoint * partials[first + k]
        span._storage._stale = False
    elif adjoint != 0.0:
        span._storage._settle()
        for k in range(n):
            grads[start + k] += adjoint * partials[first + k]
    return n


@cython.cfunc
def _row(v: Value):
    """The row of a result. A node of a row that may go again holds it, behind its arguments."""
    if v._code == _CUSTOM:
        args: tuple = cython.cast(_Terms, v._left).args
        return args[len(args) - 1]
    return _ROWS[v._code & (_MANY - 1)]


@cython.cfunc
def _given(v: Value) -> tuple:
    """The arguments of a node of many."""
    args: tuple = cython.cast(_Terms, v._left).args
    return _unspanned(args) if v._code != _CUSTOM else args[: len(args) - 1]


@cython.cfunc
def _parents(v: Value) -> list:
    """The arguments that are Values, in order; of a component those of the whole, of which it is one result."""
    args: tuple
    if v._code < _MANY:
        return [parent for parent in (v._left, v._right) if parent is not None] if v._code >= 0 else []
    args = _unspanned(cython.cast(_Terms, v._left).args)
    if v._code == _COMPONENT:
        return _parents(args[0])
    return [x for arg in args for x in (arg if type(arg) is tuple else (arg,)) if type(x) is Value]


@cython.cfunc
def _edges(v: Value) -> list:
    """For each parent its place among the numbers of the arguments, the local derivative, and itself, in order.

    Of a component, by a solve for it alone.
    """
    k: cython.Py_ssize_t = 0
    found: list = []
    if v._code == _COMPONENT:
        args: tuple = cython.cast(_Terms, v._left).args
        derivatives: list = _solution(args[0]).derivatives(int(args[1]))
        for item in _laid_flat(cython.cast(_Terms, cython.cast(Value, args[0])._left).args):
            if type(item) is Value:
                found.append((k, derivatives[k], item))
            k += 1
    elif v._code >= _MANY:
        terms: _Terms = cython.cast(_Terms, v._left)
        for arg in _unspanned(terms.args):
            for item in arg if type(arg) is tuple else (arg,):
                if type(item) is Value:
                    found.append((k, terms.partials[k] * terms.scale, item))
                k += 1
    elif v._code >= 0:
        if v._left is not None:
            found.append((0, v._left_partial, v._left))
        if v._right is not None:
            found.append((1, v._right_partial, v._right))
    return found


def derivative_graph(root, xs, below=True):
    """The derivatives of root by each of xs as Values (floats where constant), by the rules of the table.

    below  False: none of xs depends on another, and what they were computed from is not looked at
    """
    who = "derivative_graph"
    return _walk_back(_checked_value(f"{who}(root)", root), _all_checked(f"{who}(..., xs)", xs), below, True)


@cython.cfunc
@cython.inline
def _note_derivative(here: _Context, found) -> cython.void:
    """Tells a trace of an adjoint or a tangent, also on the way to what is asked for."""
    if here.trace is not None and type(found) is Value:
        here.trace.derivatives.append(found)


@cython.cfunc
def _walk_back(
    root: Value, xs, below: cython.bint, as_graph: cython.bint, older=None, call: cython.double = 0.0
) -> list:
    """The derivatives of root by each of xs, through what depends on them alone, as a graph or as floats."""
    here: _Context = _here()
    sweeping: cython.int = here.sweeping
    walk: _Walk = _walk(sweeping > 0)
    try:
        return _walk_back_once(here, walk, root, xs, below, as_graph, older, call)
    finally:  # twice, see within()
        _end_again(here, sweeping, walk.before)


@cython.cfunc
def _walk_back_once(
    here: _Context, walk: _Walk, root: Value, xs, below: cython.bint, as_graph: cython.bint, older, call: cython.double
) -> list:
    v: Value
    k: cython.Py_ssize_t
    done: cython.bint = False
    try:
        here.sweeping += 1
        _find_dependents(walk, [root], xs, below, older, call)
        if root._sweep == walk.mark:
            walk.adjoints[_place(walk, root)] = 1.0
        for k in range(len(walk.order) - 1, -1, -1):
            v = walk.order[k]
            adjoint = _total(walk.adjoints[k])
            _note_derivative(here, adjoint)
            if hooks and id(v) in hooks and (k >= walk.first or v in walk.reached):
                adjoint = hooks[id(v)](Value(adjoint) if as_graph and type(adjoint) is not Value else adjoint)
            walk.adjoints[k] = adjoint
            lost: cython.bint = _has_none(v)
            if k >= walk.first and (lost or not _is_plain_zero(adjoint)):
                if v._code >= _JOINT:
                    _walk_back_jointly(walk, v, adjoint, as_graph)
                elif as_graph:
                    _pass_on_graph(walk, v, adjoint)
                else:
                    for place, derivative, parent in _edges(v):
                        if _is_marked(parent, walk.mark):
                            _gather(walk, parent, v, -1 if lost else place, adjoint, adjoint * derivative)
        done = True
        return [_adjoint(walk, x) for x in xs]
    finally:
        _put_back(walk.before, True)
        _leave(here, done)


@cython.cfunc
def _walk_back_jointly(walk: _Walk, v: Value, adjoint, as_graph: cython.bint) -> cython.void:
    """As _pass_on_jointly; the adjoint of the whole is a dict of those of its components."""
    args: tuple = cython.cast(_Terms, v._left).args
    if v._code == _COMPONENT:
        place: cython.Py_ssize_t = _place(walk, args[0])
        if type(walk.adjoints[place]) is not dict:
            walk.adjoints[place] = {}
        vector: dict = walk.adjoints[place]
        index = int(args[1])
        vector[index] = vector[index] + adjoint if index in vector else adjoint
        return
    solution = _solution(v)
    items: list = _laid_flat(args)
    given: list = [adjoint.get(k, 0.0) for k in range(len(solution.numbers))]
    wanted: list = [_is_marked(x, walk.mark) for x in items]
    found = solution.pull_graph(v, given, wanted) if as_graph else solution.pull(given)
    for x, marked, contribution in zip(items, wanted, found, strict=True):
        if marked:
            _gather(walk, x, v, -1, 1.0, contribution)


def partial_derivatives(root, xs):
    """The derivatives of root by each of xs as floats, each as if none of them depended on another."""
    who = "partial_derivatives"
    return _walk_back(_checked_value(f"{who}(root)", root), _all_checked(f"{who}(..., xs)", xs), False, False)


@cython.final
@cython.cclass
class Linearization:
    """The derivatives of ys by xs at what was recorded, as a linear map that is quick to apply often.

    What xs were computed from is not looked at. Raises ValueError for a result of many below ys, which has no local
    derivatives.

    pull(adjoints)  of ys: those of xs
    """

    # Node k, of which the first are xs, has the edges from starts[k] up to starts[k + 1]: parents, and derivatives.
    __slots__ = ("_adjoints", "_arrays", "_first", "_nodes", "_parents", "_partials", "_places", "_roots", "_starts")

    _arrays: tuple
    _roots: list
    _places: list
    _adjoints: cython.p_double
    _partials: cython.p_double
    _parents: cython.p_longlong
    _starts: cython.p_longlong
    _nodes: cython.Py_ssize_t
    _first: cython.Py_ssize_t

    def __init__(self, ys, xs):
        walk: _Walk = _walk(_here().sweeping > 0)
        _refuse_again(self, self._arrays if cython.compiled else getattr(self, "_arrays", None))
        ys, xs = list(ys), _all_checked("Linearization(..., xs)", xs)
        try:
            _find_dependents(walk, [y for y in ys if type(y) is Value], xs, False)
            self._first, self._nodes = walk.first, len(walk.order)
            self._roots = [_place(walk, y) if _is_marked(y, walk.mark) else -1 for y in ys]
            self._places = [_place(walk, x) for x in xs]
            self._read(walk)
        finally:
            _put_back(walk.before, True)

    @cython.cfunc
    def _read(self, walk: _Walk):
        import array

        k: cython.Py_ssize_t
        edge: cython.Py_ssize_t = 0
        position: cython.Py_ssize_t
        v: Value
        count: cython.Py_ssize_t = 0
        for v in walk.order:
            if v._code >= _JOINT or _has_none(v):
                raise ValueError("a result of many has no local derivatives")
            count += 2 if 0 <= v._code < _MANY else 0
            if v._code >= _MANY:
                for arg in _unspanned(cython.cast(_Terms, v._left).args):
                    count += len(arg) if type(arg) is tuple else 1
        doubles = array.array("d", bytes(8 * self._nodes)), array.array("d", bytes(8 * count))
        integers = array.array("q", bytes(8 * (self._nodes + 1))), array.array("q", bytes(8 * count))
        self._arrays = doubles, integers
        self._adjoints, self._partials = _pointer(doubles[0]), _pointer(doubles[1])
        self._starts, self._parents = _integers(integers[0]), _integers(integers[1])
        for k in range(self._first, self._nodes):
            v = walk.order[k]
            self._starts[k] = edge
            if v._code >= _MANY:
                terms: _Terms = v._left
                position = 0
                for arg in _unspanned(terms.args):
                    for item in arg if type(arg) is tuple else (arg,):
                        if type(item) is Value:
                            edge += self._add(walk, edge, v, position, item, terms.partials[position] * terms.scale)
                        position += 1
            else:
                edge += self._add(walk, edge, v, 0, v._left, v._left_partial)
                edge += self._add(walk, edge, v, 1, v._right, v._right_partial)
        self._starts[self._nodes] = edge

    @cython.cfunc
    @cython.inline
    def _add(
        self, walk: _Walk, edge: cython.Py_ssize_t, v: Value, k: cython.Py_ssize_t, x, derivative: cython.double
    ) -> cython.Py_ssize_t:
        if not _is_marked(x, walk.mark) or (derivative == 0.0 and _blocks(v, k)):
            return 0
        self._parents[edge], self._partials[edge] = _place(walk, x), derivative
        return 1

    def __reduce__(self):
        raise errors.not_copied(self, "copy the leaves instead")

    def pull(self, adjoints):
        k: cython.Py_ssize_t
        edge: cython.Py_ssize_t
        adjoint: cython.double
        w: cython.p_double = self._adjoints
        if cython.compiled and self._arrays is None:
            raise errors.not_made(self)
        for k in range(self._nodes):
            w[k] = 0.0
        for place, given in zip(self._roots, adjoints, strict=True):
            k = place
            if k >= 0:
                w[k] += given
        for k in range(self._nodes - 1, self._first - 1, -1):
            adjoint = w[k]
            if adjoint != 0.0:
                for edge in range(self._starts[k], self._starts[k + 1]):
                    w[self._parents[edge]] += adjoint * self._partials[edge]
        return [w[cython.cast(cython.Py_ssize_t, place)] for place in self._places]


@cython.cfunc
def _integers(given) -> cython.p_longlong:
    if cython.compiled:
        return cython.cast(cython.p_longlong, cython.cast(cython.size_t, given.buffer_info()[0]))
    return given


def dependents(roots, xs, below=True):
    """What depends on any of xs among all that roots are computed from, and xs themselves, parents first."""
    walk: _Walk = _walk(_here().sweeping > 0)
    roots, xs = _all_checked("dependents(roots)", roots), _all_checked("dependents(..., xs)", xs)
    try:
        try:
            _find_dependents(walk, roots, xs, below)
            return walk.order
        finally:
            _put_back(walk.before, True)
    finally:  # twice, see within()
        if not walk.before.ended:
            _put_back(walk.before, True)


def tangents(roots, xs, direction, as_graph=False, older=None, call=0.0):
    """How roots move when xs, none of which depends on another, move along direction: in one forward sweep.

    Floats, by the local derivatives; as a graph Values (floats where constant), by the rules of the table: they are
    linear in what they pass on, so they take tangents as they do adjoints. What does not move contributes nothing: a
    zero in the direction, and what stands behind an operation that is flat. A tangent that happens to be zero moves:
    times an infinite derivative it is nan. Hooks are of sweeps backward. `older` and `call` are as in derivatives().
    """
    here: _Context = _here()
    sweeping: cython.int = here.sweeping
    walk: _Walk = _walk(sweeping > 0)
    roots, xs = _all_checked("tangents(roots)", roots), _all_checked("tangents(..., xs)", xs)
    try:
        return _tangents_once(here, walk, roots, xs, direction, as_graph, older, call)
    finally:  # twice, see within()
        _end_again(here, sweeping, walk.before)


@cython.cfunc
def _tangents_once(
    here: _Context, walk: _Walk, roots: list, xs: list, direction, as_graph: cython.bint, older, call: cython.double
) -> list:
    v: Value
    k: cython.Py_ssize_t
    done: cython.bint = False
    try:
        here.sweeping += 1
        _find_dependents(walk, roots, xs, False, older, call)
        for v, tangent in zip(xs, direction, strict=True):
            walk.adjoints[_place(walk, v)] = None if _is_plain_zero(tangent) else tangent
        for k in range(walk.first, len(walk.order)):
            v = walk.order[k]
            if v._code >= _JOINT:
                walk.adjoints[k] = _tangent_jointly(walk, v, as_graph)
                _note_derivative(here, walk.adjoints[k])
                continue
            walk.adjoints[k] = _tangent_graph(walk, v) if as_graph else _tangent(walk, v)
            _note_derivative(here, walk.adjoints[k])
            if here.watch is not None and not as_graph and walk.adjoints[k] is not None:
                here.watch.moves(v, walk.adjoints[k])
        done = True
        return [_adjoint(walk, y) for y in roots]
    finally:
        _put_back(walk.before, True)
        _leave(here, done)


@cython.cfunc
def _tangent_jointly(walk: _Walk, v: Value, as_graph: cython.bint):
    """Of a component; of the whole, a tuple of those of its components."""
    args: tuple = cython.cast(_Terms, v._left).args
    if v._code == _COMPONENT:
        moved = _tangent_of(walk, args[0])
        return None if moved is None else moved[int(args[1])]
    given: list = [_tangent_of(walk, x) for x in _laid_flat(args)]
    if all([tangent is None for tangent in given]):
        return None
    given = [0.0 if tangent is None else tangent for tangent in given]
    return tuple(_solution(v).push_graph(v, given) if as_graph else _solution(v).push(given))


@cython.cfunc
def _tangent(walk: _Walk, v: Value):
    total = None
    for k, derivative, x in _edges(v):
        tangent = _tangent_of(walk, x)
        if tangent is not None and not (derivative == 0.0 and _is_constant(v, k)):
            total = tangent * derivative if total is None else total + tangent * derivative
    return total


@cython.cfunc
def _is_constant(v: Value, k: cython.Py_ssize_t) -> cython.bint:
    """Whether v, whose derivative by the k-th number of its arguments is 0, is flat there, or multiplies it by 0."""
    if v._code == _MUL:
        return v._left is None or v._right is None
    if v._code == _MANY + _DOT:
        args: tuple = _unspanned(cython.cast(_Terms, v._left).args)
        n: cython.Py_ssize_t = len(args[0])
        return k < 2 * n and type(args[1 - k // n][k % n]) is float
    return _blocks(v, k)


@cython.cfunc
@cython.inline
def _tangent_of(walk: _Walk, x):
    """How an argument moves, or None where it does not."""
    return walk.adjoints[_place(walk, x)] if _is_marked(x, walk.mark) else None


@cython.cfunc
def _tangent_graph(walk: _Walk, v: Value):
    """By the row's rules, and for the commonest rows by what they come to."""
    if v._code >= _MANY:
        return _tangent_graph_of_many(walk, v)
    by_left = _tangent_of(walk, v._left)
    by_right = _tangent_of(walk, v._right)
    if by_left is None and by_right is None:
        return None
    if v._code == _ADD:
        return by_right if by_left is None else by_left if by_right is None else by_left + by_right
    if v._code == _SUB:
        return -by_right if by_left is None else by_left if by_right is None else by_left - by_right
    left = v._left_partial if v._left is None else v._left
    right = v._right_partial if v._right is None else v._right
    if v._code == _MUL:
        by_left = None if by_left is None or _is_plain_zero(right) else by_left * right
        by_right = None if by_right is None or _is_plain_zero(left) else by_right * left
        return by_right if by_left is None else by_left if by_right is None else by_left + by_right
    op = _ROWS[v._code]
    rules: tuple = op.rules
    terms: list = []
    if by_left is not None:
        given = rules[0](by_left, v, left) if len(rules) == 1 else rules[0](by_left, v, left, right)
        _add_term(terms, v, 0, by_left, given)
    if by_right is not None:
        _add_term(terms, v, 1, by_right, rules[1](by_right, v, left, right))
    tangent = _total(terms)
    return _by_convention(v, tangent) if op.conventional and tangent is not None else tangent


@cython.cfunc
def _by_convention(v: Value, found):
    """A derivative of v; where that is 0 by convention, since v has none at the origin, one that has none itself.

    What is multiplied with it is often 0 there too, as in norm([x**2]), so its own derivative is nan whatever the
    adjoint: a sweep multiplies that by the scale first. In a trace nan itself stands for it, which is looked at again.
    """
    args: list = _laid_flat(v.args if v._code >= _MANY else (v.args,))
    if _here().trace is not None:
        return ops.where(v if v.op is ops.norm else ops.norm(args), found, found * float("nan"))
    for x in args:
        if _argument(None, x) != 0.0:
            return found
    nothing: Value = record(ops.undefined, (tuple(args),))
    if nothing._code >= _MANY:
        cython.cast(_Terms, nothing._left).scale = float("nan")
    return found + nothing


@cython.cfunc
@cython.inline
def _has_none(v: Value) -> cython.bint:
    """Whether v is a 0 that stands for a derivative which is 0 by convention, see _by_convention()."""
    return _MANY <= v._code < _JOINT and cython.cast(_Terms, v._left).scale != cython.cast(_Terms, v._left).scale


@cython.cfunc
def _tangent_graph_of_many(walk: _Walk, v: Value):
    op = _row(v)
    args: tuple = _given(v)
    terms: list = []
    k: cython.Py_ssize_t
    first: cython.Py_ssize_t = 0
    if _has_none(v):
        return float("nan")
    for k in range(len(args)):
        arg = args[k]
        if type(arg) is not tuple:
            by_arg = _tangent_of(walk, arg)
            if by_arg is not None:
                _add_term(terms, v, first, by_arg, op.rules[k](by_arg, v, *args))
            first += 1
            continue
        if any([_tangent_of(walk, item) is not None for item in arg]):
            if v._code == _MANY + _DOT:
                derivatives = args[1 - k]
            else:
                derivatives = tuple(_contributions(op, op.rules[k], (1.0, v, *args), len(arg)))
            _add_product(walk, terms, v, first, arg, derivatives)
        first += len(arg)
    tangent = _total(terms)
    return _by_convention(v, tangent) if op.conventional and tangent is not None else tangent


@cython.cfunc
def _add_product(
    walk: _Walk, terms: list, v: Value, first: cython.Py_ssize_t, items: tuple, derivatives: tuple
) -> cython.void:
    """Adds how much a sequence, the numbers from `first` on, moves v: tangents times derivatives, as one node."""
    moved: list = []
    by: list = []
    k: cython.Py_ssize_t
    for k in range(len(items)):
        tangent = _tangent_of(walk, items[k])
        if tangent is not None and not _is_plain_zero(derivatives[k]) and not _is_blocked(v, first + k):
            moved.append(tangent)
            by.append(derivatives[k])
    if any([type(x) is Value for x in moved]) or any([type(x) is Value for x in by]):
        terms.append(dot(moved, by) if len(moved) > 1 else moved[0] * by[0])
    elif moved:
        terms.append(ops.dot.value(moved, by, 0.0))


@cython.cfunc
def _add_term(terms: list, v: Value, k: cython.Py_ssize_t, tangent, given) -> cython.void:
    """Adds what a rule made of a tangent, unless v is flat there."""
    if type(given) is not Value:
        _contribution(_row(v), given)
        if _is_plain_zero(given) and not _is_plain_zero(tangent):
            return
    if not _is_blocked(v, k):
        terms.append(given)


@cython.cfunc
def _is_plain_zero(x) -> cython.bint:
    return type(x) is float and x == 0.0


def leaf_changes():
    """How often the number of a leaf was set, anywhere."""
    return _changes


@cython.cfunc
def _walk(nested: cython.bint) -> _Walk:
    """A walk that has met nothing yet."""
    walk: _Walk = _Walk.__new__(_Walk)
    walk.order, walk.adjoints, walk.leaves, walk.reached = [], [], {}, set()
    walk.before = _before(True, nested)
    return walk


@cython.cfunc
def _find_dependents(walk: _Walk, roots, xs, below: cython.bint, older=None, call: cython.double = 0.0) -> cython.void:
    global _sweeps
    v: Value
    seen: cython.longlong = -_sweeps - 1
    walk.mark = -_sweeps - 2
    _sweeps += 2
    inner: set = set()
    for v in xs:
        if below and v._code >= 0:
            inner.add(v)
        elif v._sweep != walk.mark:
            _note_if_needed(walk.before, v)
            _mark(walk, v)
    walk.first = len(walk.order)
    stack: list = list(roots)
    while stack:
        item = stack.pop()
        if item is None:
            v = stack.pop()
            if _any_parent_marked(v, walk.mark) or (inner and v in inner):
                _mark(walk, v)
            continue
        v = item
        if v._sweep == walk.mark and hooks:
            walk.reached.add(v)
        if v._sweep == seen or v._sweep == walk.mark:
            continue
        _note_if_needed(walk.before, v)
        v._sweep = seen
        if v._code >= 0:
            stack.append(v)
            stack.append(None)
            _push_parents(stack, v)
        elif older is not None:
            _add_older(older, v, call)


@cython.cfunc
def _mark(walk: _Walk, v: Value) -> cython.void:
    v._sweep = walk.mark
    if v._code == _BOUND:
        walk.leaves[v] = len(walk.order)
    else:
        v._count = len(walk.order)
    walk.order.append(v)
    walk.adjoints.append(0.0)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _place(walk: _Walk, v: Value) -> cython.Py_ssize_t:
    k: cython.Py_ssize_t = v._count
    return k if v._code != _BOUND and 0 <= k < len(walk.order) and walk.order[k] is v else _place_elsewhere(walk, v)


@cython.cfunc
@cython.exceptval(-1)
def _place_elsewhere(walk: _Walk, v: Value) -> cython.Py_ssize_t:
    k: cython.Py_ssize_t
    place = walk.leaves.get(v)
    if place is not None:
        return place
    for k in range(len(walk.order)):  # it was free when the walk met it: a hook or a rule has bound it since
        if walk.order[k] is v:
            walk.leaves[v] = k
            return k
    raise RuntimeError("a graph was differentiated in two threads at once, which is not supported")


@cython.cfunc
def _adjoint(walk: _Walk, x: Value):
    """An adjoint, or a tangent."""
    found = walk.adjoints[_place(walk, x)] if x._sweep == walk.mark else None
    return 0.0 if found is None else found


@cython.cfunc
def _push_parents(stack: list, v: Value) -> cython.void:
    """The parents, the first on top."""
    if v._code < 0:  # of a leaf, _left is its storage
        return
    if v._code >= _MANY:
        for arg in reversed(_unspanned(cython.cast(_Terms, v._left).args)):
            for item in reversed(arg) if type(arg) is tuple else (arg,):
                if type(item) is Value:
                    stack.append(item)
        return
    if v._right is not None:
        stack.append(v._right)
    if v._left is not None:
        stack.append(v._left)


@cython.cfunc
@cython.inline
def _is_marked(x, mark: cython.longlong) -> cython.bint:
    return type(x) is Value and cython.cast(Value, x)._sweep == mark


@cython.cfunc
def _any_parent_marked(v: Value, mark: cython.longlong) -> cython.bint:
    if v._code >= _MANY:
        for arg in _unspanned(cython.cast(_Terms, v._left).args):
            for item in arg if type(arg) is tuple else (arg,):
                if _is_marked(item, mark):
                    return True
        return False
    return _is_marked(v._left, mark) or _is_marked(v._right, mark)


@cython.cfunc
def _pass_on_graph(walk: _Walk, v: Value, adjoint) -> cython.void:
    """What v passes on to those of its parents that are marked, by its row's rules."""
    mark: cython.longlong = walk.mark
    if v._code >= _MANY or v._code < 0:
        _pass_on_graph_of_many(walk, v, adjoint)
        return
    left = v._left_partial if v._left is None else v._left
    right = v._right_partial if v._right is None else v._right
    by_left: cython.bint = _is_marked(left, mark)
    by_right: cython.bint = _is_marked(right, mark)
    rules: tuple = _ROWS[v._code].rules
    if v._code == _ADD or v._code == _SUB:
        if by_left:
            _gather(walk, left, v, 0, adjoint, adjoint)
        if by_right:
            _gather(walk, right, v, 1, adjoint, adjoint if v._code == _ADD else -adjoint)
    elif v._code == _MUL:
        if by_left:
            _gather(walk, left, v, 0, adjoint, adjoint * right)
        if by_right:
            _gather(walk, right, v, 1, adjoint, adjoint * left)
    elif len(rules) == 1:
        if by_left:
            _gather(walk, left, v, 0, adjoint, rules[0](adjoint, v, left))
    else:
        if by_left:
            _gather(walk, left, v, 0, adjoint, rules[0](adjoint, v, left, right))
        if by_right:
            _gather(walk, right, v, 1, adjoint, rules[1](adjoint, v, left, right))


@cython.cfunc
def _pass_on_graph_of_many(walk: _Walk, v: Value, adjoint) -> cython.void:
    op = _row(v)
    args: tuple = _given(v)
    given: tuple = (adjoint, v, *args)
    first: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    if _has_none(v):
        for x in _laid_flat(args):
            if _is_marked(x, walk.mark):
                _gather(walk, x, v, -1, adjoint, float("nan"))
        return
    for rule, arg in zip(op.rules, args, strict=True):
        if type(arg) is not tuple:
            if _is_marked(arg, walk.mark):
                _gather(walk, arg, v, first, adjoint, rule(*given))
            first += 1
            continue
        if any([_is_marked(item, walk.mark) for item in arg]):
            found: list = _contributions(op, rule, given, len(arg))
            for k in range(len(found)):
                if _is_marked(arg[k], walk.mark):
                    _gather(walk, arg[k], v, first + k, adjoint, found[k])
        first += len(arg)


@cython.cfunc
def _contribution(op, given) -> cython.double:
    """The number of what a rule gave."""
    if type(given) is not Value and not _is_real(given):
        raise TypeError(f"a rule of {op.signature} must give one number, got {errors.received(given)}")
    return _argument(None, given)


@cython.cfunc
def _contributions(op, rule, given: tuple, size: cython.Py_ssize_t) -> list:
    """What a sequence's rule gives: one contribution for each of its elements."""
    items = rule(*given)
    if not hasattr(items, "__iter__"):
        raise TypeError(
            f"a rule of {op.signature} must give one number for each of its sequence, got {errors.received(items)}"
        )
    found: list = list(items)
    if len(found) != size:
        raise errors.ShapeError(
            f"a rule of {op.signature} must give one number for each of the {size} of its sequence, got {len(found)}"
        )
    return found


@cython.cfunc
def _gather(walk: _Walk, x: Value, v: Value, k: cython.Py_ssize_t, adjoint, contribution) -> cython.void:
    """Adds what v passes on to x, the k-th number of its arguments, to what x has, from the second on a list.

    A nan that is zero times infinity contributes nothing where the adjoint is the zero, or where v is flat.
    """
    op = _row(v)
    number: cython.double = _contribution(op, contribution)
    if number == 0.0 and (type(contribution) is not Value or (k >= 0 and _is_blocked(v, k))):
        return
    if number == 0.0 and op.conventional and _here().trace is None and not _is_zero(adjoint):
        contribution = _by_convention(v, contribution)
    if number != number and k >= 0 and (_is_zero(adjoint) or _is_blocked(v, k)):
        return
    place: cython.Py_ssize_t = _place(walk, x)
    before = walk.adjoints[place]
    if type(before) is list:
        cython.cast(list, before).append(contribution)
    elif type(before) is float and before == 0.0:
        walk.adjoints[place] = contribution
    else:
        walk.adjoints[place] = [before, contribution]


@cython.cfunc
def _is_blocked(v: Value, k: cython.Py_ssize_t) -> cython.bint:
    """Whether v passes nothing to the k-th number of its arguments: in a trace that is not known."""
    return _partial(v, k) == 0.0 and _here().trace is None and _blocks(v, k)


@cython.cfunc
def _partial(v: Value, k: cython.Py_ssize_t) -> cython.double:
    if v._code < _MANY:
        return v._right_partial if k else v._left_partial
    return cython.cast(_Terms, v._left).partials[k] * cython.cast(_Terms, v._left).scale


@cython.cfunc
def _is_zero(x) -> cython.bint:
    """Whether an adjoint is exactly zero: in a trace that is not known."""
    return _argument(None, x) == 0.0 and _here().trace is None


@cython.cfunc
def _total(gathered):
    """The sum of a list, None for no terms; what is no list as it is."""
    if type(gathered) is not list:
        return gathered
    if len(gathered) < 2:
        return gathered[0] if gathered else None
    if len(gathered) == 2:
        return gathered[0] + gathered[1]
    if any([type(x) is Value for x in gathered]):
        return _sum(gathered)
    return ops.sum.value(gathered)


def topological_order(*roots):
    """Every Value that roots depend on and they themselves, each once, parents before what was made of them."""
    order: list = []
    seen: set = set()
    stack: list = _all_checked("topological_order(*roots)", reversed(roots))
    while stack:
        v = stack.pop()
        if v is None:
            order.append(stack.pop())
        elif v not in seen:
            seen.add(v)
            stack += (v, None)
            stack += reversed(_parents(v))
    return order


def transcribe(roots, known, constant, add):
    """Does again elsewhere what roots were computed from, parents first; `known` gains what stands for results.

    known     what stands for some Values: what these were computed from is not looked at
    constant  (number) -> what stands for a plain number, and for what depends on nothing known
    add       (op, args) -> what stands for a result, from what stands for its arguments
    """
    v: Value
    fixed: set = set()
    roots = _all_checked("transcribe(roots)", roots)
    stack: list = list(reversed(roots))
    while stack:
        v = stack.pop()
        if v is None:
            v = stack.pop()
            args: tuple = cython.cast(_Terms, v._left).args if v._code == _COMPONENT else v.args
            if _are_fixed(args, fixed):
                fixed.add(v)
            else:
                known[v] = add(_program_row(v), _standing(known, constant, args))
        elif v not in known and v not in fixed:
            stack.append(v)
            stack.append(None)
            _push_parents(stack, v)
    for v in roots:
        if v in fixed:
            known[v] = constant(_number(v))


@cython.cfunc
def _program_row(v: Value):
    """The row of a result; of a result of many and of its components, those by which programs compute them."""
    if v._code < _JOINT:
        row = _row(v)
        if row is ops.given:
            raise errors.made_by_hand("program")
        return row
    if v._code == _COMPONENT:
        return _solution(cython.cast(_Terms, v._left).args[0]).rows[1]
    return _solution(v).rows[0]


@cython.cfunc
def _are_fixed(args: tuple, fixed: set) -> cython.bint:
    for arg in args:
        for item in arg if type(arg) is tuple else (arg,):
            if type(item) is Value and item not in fixed:
                return False
    return True


@cython.cfunc
def _standing(known: dict, constant, args: tuple) -> tuple:
    found: list = []
    for x in args:
        if type(x) is tuple:
            found.append(_standing(known, constant, x))
        elif type(x) is Value:
            standing = known.get(x)
            found.append(constant(_number(x)) if standing is None else standing)
        else:
            found.append(constant(x))
    return tuple(found)


def products(ys):
    """Which of ys are the product of two Values: (positions among ys, left factors, right factors)."""
    v: Value
    found: tuple = [], [], []
    k: cython.Py_ssize_t
    for k in range(len(ys)):
        if type(ys[k]) is Value:
            v = ys[k]
            if v._code == _MUL and v._left is not None and v._right is not None:
                found[0].append(k)
                found[1].append(v._left)
                found[2].append(v._right)
    return found


def sweep_number(v):
    """The number of the last backward sweep that reached v, 0 for none: sweeps are numbered from 1."""
    value: Value = _checked_value("sweep_number(v)", v)
    return max(value._sweep, 0)


def bind(leaves):
    """Puts the leaves into one Storage: (storage, cells), cells[k] being the cell of leaves[k].

    Leaves that share a storage already stay where they are; otherwise all move into a new one, numbers and gradients.
    """
    v: Value
    storage: Storage
    owner = None
    together: cython.bint = True
    leaves = _all_checked("bind(leaves)", leaves)
    for v in leaves:
        if v._code >= 0 or v._code == _DETACHED:
            raise errors.HistoryError(
                f"only leaves that gradients enter can be parameters, and this is {v.kind}: {v!r}"
            )
        together = together and v._code == _BOUND and (owner is None or owner is v._left)
        owner = v._left
    if together and owner is not None:
        return owner, [v._count for v in leaves]
    if len(set(leaves)) != len(leaves):
        raise ValueError(f"the same leaf stands twice among the {len(leaves)} to bind: pass each once")
    storage = Storage(len(leaves))
    sweeping: cython.bint = _here().sweeping > 0
    cell: cython.int
    for cell, v in enumerate(leaves):
        storage._values[cell] = _number(v)
        storage._grads[cell] = _gradient(v)
        if v._sweep >= 0 or not sweeping:  # else it may be the mark of one that is under way
            v._sweep = max(v._sweep, _swept(v)) if _is_computed(v) else 0
        if v._code == _BOUND:
            cython.cast(Storage, v._left)._moved += 1
        v._left, v._code, v._count = storage, _BOUND, cell
    return storage, list(range(len(leaves)))


def located(leaves):
    """Where bound leaves lie: their storages, and for each leaf which of these it is in, and in which cell."""
    v: Value
    storages: dict = {}
    owners: list = []
    cells: list = []
    for v in _all_checked("located(leaves)", leaves):
        if v._code != _BOUND:
            raise TypeError(f"located(leaves) takes bound leaves, and this is a {v.kind}: {v!r}")
        owners.append(storages.setdefault(v._left, len(storages)))
        cells.append(v._count)
    return list(storages), owners, cells


def clear_grads(leaves):
    """Sets the gradients to 0, not computed."""
    v: Value
    for v in _all_checked("clear_grads(leaves)", leaves):
        if v._code == _BOUND:
            cython.cast(Storage, v._left)._grads[v._count] = 0.0
        v._grad = 0.0
        v._sweep = 0


def set_origin(origin):
    """From now on this thread's new Values come from `origin` (an Origin or None); returns the one until now."""
    here: _Context = _here()
    before = here.origin
    here.origin = origin
    return before


def set_recording(on):
    """Whether this thread's operations are recorded from now on; returns whether they were until now."""
    here: _Context = _here()
    before: cython.bint = here.recording == 1
    here.recording = 1 if on else 0 if here.trace is None else _STOPPING
    return before


def current_inside():
    """What is differentiated by where this thread computes for a transform, (xs, what is around it), else None.

    Copying a Value then gives the same variable.
    """
    return _here().inside


def is_inside():
    """Whether what this thread computes just now is for a transform to differentiate, or traced."""
    here: _Context = _here()
    return here.inside is not None or here.trace is not None


def next_call():
    """The number of a call that begins now: leaves that were made before it are older, see derivatives()."""
    global _calls
    _calls += 1.0
    return _calls


def is_recording():
    """Whether this thread's operations are recorded just now."""
    return _here().recording == 1


def current_watch():
    """What is told of what this thread does (see set_watch), or None."""
    return _here().watch


def current_origin():
    """What this thread's new Values come from just now, or None."""
    return _here().origin


_KEPT = cython.declare(object, object())


def within(function, *args, recording=_KEPT, watch=_KEPT, trace=_KEPT, origin=_KEPT, inside=_KEPT):
    """function(*args), while this thread records, is watched, traces and so on as given; see the set_... beside.

    Whatever ends it, all is afterwards as it was. In C nothing comes between the call and the `finally`. Where this
    file runs as Python, Ctrl-C may come at every line, also at the first of a `finally`: what it was to do stands there
    twice, so that one of the two is done whole.
    """
    here: _Context = _here()
    before: tuple = (here.recording, here.watch, here.trace, here.origin, here.inside)
    traced = here.trace if trace is _KEPT else trace
    on: cython.int = here.recording
    if recording is not _KEPT:
        on = 1 if recording else 0 if traced is None else _STOPPING
    now: tuple = (
        on,
        here.watch if watch is _KEPT else watch,
        traced,
        here.origin if origin is _KEPT else origin,
        here.inside if inside is _KEPT else inside,
    )
    try:
        try:
            _set(here, now)
            return function(*args)
        finally:
            _set(here, before)
    finally:
        _set(here, before)


@cython.cfunc
def _set(here: _Context, state: tuple) -> cython.void:
    global _traces
    here.recording, here.watch, here.origin, here.inside = state[0], state[1], state[3], state[4]
    _traces, here.trace = _traces + (state[2] is not None) - (here.trace is not None), state[2]


def recorded(function, *args):
    """function(*args), recorded in whatever mode."""
    here: _Context = _here()
    before: cython.int = here.recording
    try:
        try:
            here.recording = 1
            return function(*args)
        finally:
            here.recording = before
    finally:  # twice, see within()
        here.recording = before


def within_transform(xs, function, args, kwargs):
    """function(*args, **kwargs), recorded in whatever mode, inside a transform that differentiates by xs."""
    here: _Context = _here()
    before: cython.int = here.recording
    inside = here.inside
    try:
        try:
            here.recording, here.inside = 1, (xs, inside)
            return function(*args, **kwargs)
        finally:
            here.recording, here.inside = before, inside
    finally:  # twice, see within()
        here.recording, here.inside = before, inside


def within_origin(origin, function, args, kwargs):
    """function(*args, **kwargs), its new Values coming from `origin`."""
    here: _Context = _here()
    before = here.origin
    try:
        try:
            here.origin = origin
            return function(*args, **kwargs)
        finally:
            here.origin = before
    finally:  # twice, see within()
        here.origin = before


@cython.cclass
class Mode:
    """A context manager that sets how this thread records, and puts back what was.

    A subclass says in `records` whether operations are recorded, and in `watcher` what makes a watch; None leaves that
    as it is. In C, entering and leaving are one step for Python: no Ctrl-C comes between a step and the `with` body.
    """

    _before: list

    def __enter__(self):
        here: _Context = _here()
        before: tuple = (here.recording, here.watch)
        records = self.records
        watch = here.watch if self.watcher is None else self.watcher()
        on: cython.int = here.recording
        if records is not None:
            on = 1 if records else 0 if here.trace is None else _STOPPING
        if (self._before if cython.compiled else getattr(self, "_before", None)) is None:
            self._before = []
        try:
            self._before.append(before)
            here.recording, here.watch = on, watch
        except BaseException:
            here.recording, here.watch = before
            raise

    def __exit__(self, kind, error, traceback):
        if not (self._before if cython.compiled else getattr(self, "_before", None)):
            raise RuntimeError(f"{type(self).__name__} was left more often than it was entered")
        try:
            _leave_mode(self)
        finally:  # twice, see within()
            _leave_mode(self)
        del self._before[len(self._before) - 1]


@cython.cfunc
def _leave_mode(mode: Mode) -> cython.void:
    here: _Context = _here()
    before: tuple = mode._before[len(mode._before) - 1]
    if mode.records is not None:
        here.recording = before[0]
    if mode.watcher is not None:
        here.watch = before[1]


def is_tracing():
    """Whether this thread traces just now."""
    return _here().trace is not None


def current_trace():
    """What this thread traces for just now (see set_trace), or None."""
    return _here().trace


def set_trace(trace):
    """An object for which this thread traces from now on, or None; returns the one until now.

    In a trace no choice may depend on a number: comparisons give 0/1 Values, trace.refuse(what, v) is called where a
    number is read, and what no_grad() or detach() makes is recorded behind a stop_gradient. New leaves are constants of
    the trace, and enter the set trace.constants; derivatives that enter it are added to the list trace.derivatives.
    """
    global _traces
    here: _Context = _here()
    before = here.trace
    here.trace = trace
    _traces += (trace is not None) - (before is not None)
    return before


def set_watch(watch):
    """An object told of what this thread does from now on, or None; returns the one until now.

    watch.recorded(v) is called with each new result and returns its Origin; watch.sweeps(root) before each sweep. In a
    trace, which is its own watch, no result is told: numbers are placeholders there, and raise no flags.
    """
    here: _Context = _here()
    before = here.watch
    here.watch = watch
    return before


def find_method(name, kind):
    """The further method of that name, imported if need be; AttributeError for a kind of thing that has none."""
    found = methods.get(name)
    if found is None:
        instead = errors.NOT_OPERATIONS.get(name) or errors.OTHER_NAMES.get(name)
        instead = instead or "operations and attributes are listed by dir(value)"
        raise AttributeError(f"{kind!r} object has no attribute {name!r}: {instead}")
    if type(found) is str:
        import importlib

        module, _, function = found.partition(":")
        found = methods[name] = getattr(importlib.import_module(module), function)
    return found


@cython.cfunc
def _kept(v: Value) -> tuple:
    """What copies and pickles keep of a leaf."""
    if v._code >= 0:
        raise errors.HistoryError(
            f"copying or pickling a result ({v.op.name}) would lose its history: use .detach(), or copy the leaves"
        )
    return _number(v), v.grad, v.label, v._code == _DETACHED


def _restore(data, grad, label, detached):
    v: Value = Value(data, label)
    v._grad = grad
    v._code = _DETACHED if detached else _LEAF
    return v


_FAST: dict = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "exp": Value.exp,
    "log": Value.log,
    "sqrt": Value.sqrt,
    "tanh": Value.tanh,
    "sigmoid": Value.sigmoid,
    "relu": Value.relu,
    "identity": Value.identity,
    "sum": _sum,
    "mean": _mean,
    "dot": dot,
    "logsumexp": _logsumexp,
    "where": _where,
    "take": _take,
}

if cython.compiled:
    let_subclasses_begin(Value)  # noqa: F821  engine.pxd: so that it is __init_subclass__ that refuses them
else:
    del Value.__setattr__  # Python would come by for every slot that a sweep sets
