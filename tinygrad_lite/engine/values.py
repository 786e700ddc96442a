# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""Value, how its operators record nodes, and how a thread's context controls recording.

A node holds its number, its adjoint, and for each parent a pointer and the local derivative at the time of recording.
The methods below are fast paths. Rows with one argument use functions that are generated from them; every other
operation goes through its row of the table (`record`). Each fast path is tested against its row.
"""

import sys
import types
from _thread import _local  # threading.local; threading itself takes as long to import as the rest of the package

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors, ops
from .storage import Origin, RowOrigin, _refuse_subclass, find_method, methods

if cython.compiled:
    from cython.cimports.cpython.pythread import PyThread_get_thread_ident as get_ident
    from cython.cimports.libc.math import pow
    from cython.cimports.tinygrad_lite.engine.node_memory import living_values, made_of, make_and_free_quickly
else:
    from _thread import get_ident

    from ..floats.flags import clear_flags, flags_cleared
    from ..floats.ieee import power as pow
    from .storage import Storage, _Context, _is_real, _note_death, _real, _Terms, _unlike, above, counts
    from .unary_slopes import slopes, values

    # What values.pxd says for compiled files: see there.
    _LEAF, _BOUND, _DETACHED, _STOPPING = -1, -2, -3, 2
    _MANY, _LAYER, _JOINT = 1 << 16, 2 << 16, 3 << 16

    def _number(v):
        if v._code == _BOUND:
            return v._left._values[v._count]
        return v._held

    def _gradient(v):
        if v._code == _BOUND:
            return 0.0 if v._left._stale else v._left._grads[v._count]
        return v._grad

    def _argument(who, x):
        """The number of an argument: a Value's, or a plain one."""
        return _number(x) if type(x) is Value else x if type(x) is float else _real(who, x)


compiled: bool = cython.compiled
source_hash = "1fb823bf"

_ADD = cython.declare(cython.int, ops.add.code)
_SUB = cython.declare(cython.int, ops.sub.code)
_MUL = cython.declare(cython.int, ops.mul.code)
_DIV = cython.declare(cython.int, ops.div.code)
_POW = cython.declare(cython.int, ops.pow.code)
_NEG = cython.declare(cython.int, ops.neg.code)
_STOP_GRADIENT = cython.declare(cython.int, ops.stop_gradient.code)
# The types accepted as the parents of a result made by hand.
_COLLECTIONS = cython.declare(frozenset, frozenset((tuple, list, set, frozenset)))

_contexts = cython.declare(dict, {})
_context = cython.declare(_Context, _Context(0))  # of no thread
_ends = cython.declare(object, _local())
_main = cython.declare(
    cython.ulong, sys.modules["threading"].main_thread().ident if "threading" in sys.modules else get_ident()
)


@cython.final
@cython.cclass
class _End:
    """Dies with its thread and removes the thread's context, since another thread may get the same number later."""

    __slots__ = ("context",)

    context: _Context

    def __init__(self, context):
        self.context = context

    def __del__(self):
        global _context
        here: _Context = self.context
        if _contexts.get(here.thread) is here:
            del _contexts[here.thread]
        if _context is here:
            _context = _Context(0)
        _trace_for(here, None)


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
        if thread != _main:
            _ends.end = _End(here)
    _context = here
    return here


def _as_method(row):
    """A row of the table as a method of Value."""

    def unary(self, *args):
        return row(self, *args) if args or type(self) is not Value else _unary(code, self)

    def method(self, *args, **named):
        if named or len(args) != count - 1 or type(self) is not Value:
            return row(self, *args, **named)
        return above.applied(row, (self, *args))

    code: cython.int = row.code
    count: cython.Py_ssize_t = row.arity
    made = unary if count == 1 else method
    made.__name__, made.__qualname__, made.__doc__ = row.name, f"Value.{row.name}", row.doc
    return made


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

    def __init__(self, data, _children=None, local_grads=None, name=None, *, label=None, children=None, _op=None):
        if cython.compiled and (self._code != 0 or self._left is not None or self._right is not None):
            raise errors.made_already(self)
        if _children is not None or children is not None or local_grads is not None or name is not None:
            if type(_children) is Value:
                raise TypeError("Value(data, children, local_grads) takes a tuple of children: Value(data, (x,), (d,))")
            if type(_children) in _COLLECTIONS:
                children = _children if children is None else children
            elif _children is not None:
                label = _children
            label = name if label is None else label  # micrograd's lecture takes the label as fourth argument
            if children:
                above.make_by_hand(self, data, tuple(children), _op if local_grads is None else local_grads)
                if label is not None:
                    self.label = label
                return
            if local_grads and type(local_grads) is not str:  # micrograd's leaves name an operation there
                raise TypeError(
                    f"Value(data, children, local_grads) got {local_grads!r} and no children to be derived by"
                )
        if type(data) is Value and above.is_inside():
            above.stand_for(self, data)
            return
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

    @property
    def data(self):
        """The number. Settable on leaves: what was recorded before keeps its derivatives."""
        _refuse_in_trace("reading .data", self)
        return _number(self)

    @data.setter
    def data(self, data):
        number: cython.double = _real("Value.data", data)
        storage: Storage
        if _traces and _here().trace is not None and self not in _here().trace.constants:
            _here().trace.refuse("setting .data", self)
        counts.changes += 1
        if self._code >= 0:
            raise errors.HistoryError(
                f"the data of a result cannot be set (it is {self.op.name} of its parents): set a leaf and compute "
                "again; to see what a nudge does, use a leaf Value(v.data + h) instead, or compute with v + h"
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
            _forget_sweep(self)

    @property
    def grad_state(self):
        """'computed' once a sweep has reached this Value, 'not computed' before and after its gradient is cleared."""
        _refuse_in_trace("reading .grad_state", self)
        return "computed" if above.is_computed(self) else "not computed"

    @property
    def kind(self):
        """'parameter' (a leaf bound to a module's arrays), 'leaf', 'detached' (no gradient enters) or 'result'."""
        if self._code >= 0:
            return "result"
        return "leaf" if self._code == _LEAF else "parameter" if self._code == _BOUND else "detached"

    @property
    def label(self):
        """A name for pictures and messages, or None."""
        origin = self._origin
        if type(origin) is RowOrigin:
            return f"{origin.label}{self._count - origin.first}"
        return None if origin is None else origin.label

    @label.setter
    def label(self, label):
        if label is not None and not isinstance(label, str):
            raise TypeError(f"a label is a string, got {errors.received(label)}")
        self._origin = Origin(label, self.path, self.line, self._origin is not None and self._origin.derived)

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
        return above.row(self)

    @property
    def args(self):
        """The operation's arguments: Values, plain numbers, tuples of them. () for a leaf."""
        return above.args(self)

    @property
    def parents(self):
        """The arguments that are Values, in order, with duplicates: (x, x) for x * x."""
        return above.parents(self)

    @property
    def local_derivatives(self):
        """For each of .parents, the derivative of this Value by it at the time of recording."""
        _refuse_in_trace("reading .local_derivatives", self)
        return tuple([derivative for _, derivative, _ in above.edges(self)])

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
            PyObject_GenericSetAttr(self, name, thing)  # noqa: F821  from_c.pxd
        except AttributeError:
            raise errors.not_settable(name, hasattr(type(self), name)) from None

    @property
    def _backward(self):
        raise AttributeError  # __getattr__ gives the message

    @_backward.setter
    def _backward(self, function):
        raise errors.not_settable("_backward", True)

    def item(self):
        """The number, as PyTorch and NumPy call it."""
        _refuse_in_trace("reading .item()", self)
        return _number(self)

    def conjugate(self):
        """This Value, which is real: for NumPy's var, std and vdot of object arrays."""
        return self

    def detach(self):
        """A leaf with this number and no history, which no gradient enters; in a trace, stop_gradient of this Value."""
        if _here().trace is not None:
            return _node(_STOP_GRADIENT, _number(self), self, 0.0, None, 0.0)
        return _leaf(_number(self), _DETACHED)

    def backward(self):
        """Adds the derivatives of this Value to the .grad of every leaf below it (reverse-mode, one sweep)."""
        above.backward(self)

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
            return above.record(ops.equal, (self, other))
        return _number(self) == _argument("==", other)

    def __ne__(self, other):
        if not _comparable(other):
            return _unlike("!=", other)
        if _traces and _here().trace is not None:
            return above.record(ops.not_equal, (self, other))
        return _number(self) != _argument("!=", other)

    def __lt__(self, other):
        if _traces and _here().trace is not None and _comparable(other):
            return above.record(ops.less, (self, other))
        if not _comparable(other):
            return NotImplemented
        y: cython.double = _argument("<", other)
        return flags_cleared(_number(self) < y)

    def __le__(self, other):
        if _traces and _here().trace is not None and _comparable(other):
            return above.record(ops.less_equal, (self, other))
        if not _comparable(other):
            return NotImplemented
        y: cython.double = _argument("<=", other)
        return flags_cleared(_number(self) <= y)

    def __gt__(self, other):
        if _traces and _here().trace is not None and _comparable(other):
            return above.record(ops.less, (other, self))
        if not _comparable(other):
            return NotImplemented
        y: cython.double = _argument(">", other)
        return flags_cleared(_number(self) > y)

    def __ge__(self, other):
        if _traces and _here().trace is not None and _comparable(other):
            return above.record(ops.less_equal, (other, self))
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
        return above.record(ops.mod, (self, other)) if _comparable(other) else NotImplemented

    def __rmod__(self, other):
        return above.record(ops.mod, (other, self)) if _comparable(other) else NotImplemented

    def __divmod__(self, other):
        return _refuse_of_two("divmod()", self, other)

    def __rdivmod__(self, other):
        return _refuse_of_two("divmod()", self, other)

    def __matmul__(self, other):
        return _refuse_of_two("@", self, other)

    def __rmatmul__(self, other):
        return _refuse_of_two("@", self, other)

    def __copy__(self):
        if above.is_inside():  # like a number, so that no gradient is cut off
            return self
        return above.restore(*above.kept(self))

    def __deepcopy__(self, memo):
        return self.__copy__()

    def __reduce__(self):
        _refuse_in_trace("pickling", self)
        if self._code != _DETACHED and _here().inside is not None:
            raise errors.HistoryError(
                "pickling a Value inside a transform's function would cut its gradient off: copy.copy() gives the same "
                "variable there; pickle outside, or what .detach() gives"
            )
        return above.restore, above.kept(self)

    def __dir__(self):
        return sorted({*dir(type(self)), *methods})

    def __getattr__(self, name):
        return types.MethodType(find_method(name, "Value"), self)

    @staticmethod
    def _apply(op, args):
        if not args:
            raise TypeError(f"{op.signature} of no arguments")
        return above.applied(op, args)

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
            return above.record(ops.pow, (self, other))
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
        return above.record(ops.pow, (other, self)) if _is_real(other) else NotImplemented

    def __neg__(self):
        return _node(_NEG, -_number(self), self, -1.0, None, 0.0)

    def __pos__(self):
        return self

    def __abs__(self):
        return self.abs()

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
    fmod = _as_method(ops.fmod)
    mod = _as_method(ops.mod)
    remainder = _as_method(ops.mod)
    pow = _as_method(ops.pow)
    power = _as_method(ops.pow)
    neg = _as_method(ops.neg)
    negative = _as_method(ops.neg)
    abs = _as_method(ops.abs)
    absolute = _as_method(ops.abs)
    fabs = _as_method(ops.abs)
    sqrt = _as_method(ops.sqrt)
    cbrt = _as_method(ops.cbrt)
    exp = _as_method(ops.exp)
    expm1 = _as_method(ops.expm1)
    exp2 = _as_method(ops.exp2)
    log = _as_method(ops.log)
    log1p = _as_method(ops.log1p)
    log2 = _as_method(ops.log2)
    log10 = _as_method(ops.log10)
    xlogy = _as_method(ops.xlogy)
    sin = _as_method(ops.sin)
    cos = _as_method(ops.cos)
    tan = _as_method(ops.tan)
    sinc = _as_method(ops.sinc)
    asin = _as_method(ops.asin)
    arcsin = _as_method(ops.asin)
    acos = _as_method(ops.acos)
    arccos = _as_method(ops.acos)
    atan = _as_method(ops.atan)
    arctan = _as_method(ops.atan)
    atan2 = _as_method(ops.atan2)
    arctan2 = _as_method(ops.atan2)
    hypot = _as_method(ops.hypot)
    sinh = _as_method(ops.sinh)
    cosh = _as_method(ops.cosh)
    asinh = _as_method(ops.asinh)
    arcsinh = _as_method(ops.asinh)
    acosh = _as_method(ops.acosh)
    arccosh = _as_method(ops.acosh)
    tanh = _as_method(ops.tanh)
    atanh = _as_method(ops.atanh)
    arctanh = _as_method(ops.atanh)
    sigmoid = _as_method(ops.sigmoid)
    logit = _as_method(ops.logit)
    softplus = _as_method(ops.softplus)
    logaddexp = _as_method(ops.logaddexp)
    relu = _as_method(ops.relu)
    leaky_relu = _as_method(ops.leaky_relu)
    elu = _as_method(ops.elu)
    gelu = _as_method(ops.gelu)
    silu = _as_method(ops.silu)
    step = _as_method(ops.step)
    sign = _as_method(ops.sign)
    floor = _as_method(ops.floor)
    ceil = _as_method(ops.ceil)
    trunc = _as_method(ops.trunc)
    round = _as_method(ops.round)
    rint = _as_method(ops.round)
    maximum = _as_method(ops.maximum)
    minimum = _as_method(ops.minimum)
    clip = _as_method(ops.clip)
    less = _as_method(ops.less)
    less_equal = _as_method(ops.less_equal)
    equal = _as_method(ops.equal)
    not_equal = _as_method(ops.not_equal)
    where = _as_method(ops.where)
    identity = _as_method(ops.identity)
    positive = _as_method(ops.identity)
    stop_gradient = _as_method(ops.stop_gradient)
    erf = _as_method(ops.erf)
    erfc = _as_method(ops.erfc)
    erfinv = _as_method(ops.erfinv)
    normcdf = _as_method(ops.normcdf)
    log_ndtr = _as_method(ops.log_ndtr)
    ndtri = _as_method(ops.ndtri)
    mills = _as_method(ops.mills)
    lgamma = _as_method(ops.lgamma)
    gammaln = _as_method(ops.lgamma)
    polygamma = _as_method(ops.polygamma)
    # end of operations


# The number of the latest call of a transform. Every new leaf holds it as its _left_partial.
_calls = cython.declare(cython.double, 0.0)
# How many threads trace now. It is mostly 0, which is quick to check.
_traces = cython.declare(cython.int, 0)


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
def _set_gradient(v: Value, gradient: cython.double) -> cython.void:
    if v._code == _BOUND:
        cython.cast(Storage, v._left)._settle()
        cython.cast(Storage, v._left)._grads[v._count] = gradient
    else:
        v._grad = gradient


@cython.cfunc
def _forget_sweep(v: Value) -> cython.void:
    """Marks the gradient as not computed."""
    v._sweep = 0
    if v._code == _BOUND:
        cython.cast(Storage, v._left)._reached[v._count] = False


@cython.cfunc
@cython.exceptval(check=False)
def _let_go(leaf: Value) -> cython.void:
    """Takes a bound leaf that dies out of its storage, which keeps what a Span needs to make it anew."""
    storage: Storage = cython.cast(Storage, leaf._left)
    storage._bound[leaf._count] = cython.NULL
    if storage._spans:
        _note_death(storage, leaf._count, leaf._origin, leaf._left_partial)


@cython.cfunc
@cython.inline
def _comparable(x) -> cython.bint:
    return type(x) is Value or _is_real(x)


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
def _leaf_in_cell(storage: Storage, cell: cython.int, origin) -> Value:
    """A new leaf that is bound to a cell."""
    v: Value = _leaf(0.0, _BOUND)
    v._left_partial = _calls
    v._left, v._count, v._origin = storage, cell, origin
    if cython.compiled:
        storage._bound[cell] = cython.cast(cython.p_void, v)
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
    v: Value
    if cython.compiled:
        v = cython.cast(Value, made_of(left, right, _context.origin))
    else:
        v = Value.__new__(Value)
        v._left, v._right, v._origin = left, right, _context.origin
    v._held = data
    v._grad = 0.0
    v._left_partial = left_partial
    v._right_partial = right_partial
    v._sweep = 0
    v._code = code
    v._count = 0
    if _context.watch is not None:
        _watched(v)
    return v


@cython.cfunc
def _unary(code: cython.int, v: Value) -> Value:
    """Records a row with one argument."""
    x: cython.double = _number(v)
    y: cython.double = values[code](x)
    slope: cython.double = slopes[code](x, y) if _context.recording or _here().recording else 0.0
    made: Value = _node(code, y, v, slope, None, 0.0)
    clear_flags()
    return made


@cython.cfunc
@cython.exceptval(-1)
def _watched(v: Value) -> cython.int:
    """Tells the watch of a new result. In a trace, where the number is a placeholder, it clears the flags instead.

    In a trace _count is the number of the result, which walks put back.
    """
    if _context.trace is None:
        v._origin = _context.watch.recorded(v)
    else:
        clear_flags()
        counts.recorded = counts.recorded + 1 if counts.recorded < 0x7FFFFFFF else 0
        v._count = counts.recorded
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
    """A detached leaf; in a trace, which must be able to recompute it, a node behind a stop_gradient."""
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
    """For methods that exist only to raise: a plain number, taken silently, would lose the gradient."""
    _refuse_in_trace(what, v)
    raise TypeError(errors.NUMBER_ALONE[what])


@cython.cfunc
def _refuse_of_two(what: str, v: Value, other):
    if _comparable(other):
        _refuse(what, v)
    return NotImplemented


@cython.cfunc
def _node_of_many(code: cython.int, data: cython.double, terms: _Terms) -> Value:
    """A node with these terms; their tuples cannot be in a cycle, so the garbage collector need not track them."""
    if cython.compiled:
        for arg in terms.args:
            if type(arg) is tuple:
                PyObject_GC_UnTrack(arg)  # noqa: F821  from_c.pxd
        PyObject_GC_UnTrack(terms.args)  # noqa: F821
    return _node(_MANY + code, data, terms, 0.0, None, 0.0)


def next_call():
    """Returns the number of a call that begins now; leaves made before the call are older, see derivatives()."""
    global _calls
    _calls += 1.0
    return _calls


def living():
    """How many Values there are, which tracemalloc does not see in the compiled engine; there only, else 0."""
    return living_values() if cython.compiled else 0


@cython.cfunc
def _trace_for(here: _Context, trace) -> cython.void:
    """Sets the trace of the thread with this context, or ends it if `trace` is None."""
    global _traces
    _traces, here.trace = _traces + (trace is not None) - (here.trace is not None), trace
    here.rows = None if trace is None else {}


if cython.compiled:
    let_subclasses_begin(Value)  # noqa: F821  from_c.pxd: so that __init_subclass__ refuses them, with a message
    make_and_free_quickly(Value, _BOUND, cython.cast(cython.p_void, _let_go))
else:
    del Value.__setattr__  # Python would call it for every slot that a sweep sets
