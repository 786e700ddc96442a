# cython: cdivision=True
# What compiled files know of values.py.
cimport cython

from .storage cimport Storage, _Context, _Terms, _is_real, _note_death, _real, _unlike, above, counts
from .from_c cimport (
    PyObject_GC_UnTrack, PyObject_GenericSetAttr, clear_flags, flags_cleared, let_subclasses_begin,
)
from .unary_slopes cimport slopes, values

cdef enum:
    # The _code of a node: the code of its row in the table, or one of these if no operation made it.
    _LEAF = -1
    # A leaf whose number and gradient live in a Storage: _left is the storage, _count the cell.
    _BOUND = -2
    # A leaf that no gradient enters.
    _DETACHED = -3
    # Added to the row's code if there are more than two arguments, or sequences: _left is then a _Terms.
    _MANY = 1 << 16
    # Added on top of that for a joint result (one node of many numbers) and for its components.
    _JOINT = 3 << 16
    # Added instead of _MANY for a dot of a layer: _left is then a _Layer, _left_partial the number of the dot in it.
    _LAYER = 2 << 16
    # The `recording` of a context in a trace that records behind stop_gradient.
    _STOPPING = 2

@cython.final
cdef class Value:
    cdef object __weakref__
    cdef double _held, _grad, _left_partial, _right_partial
    cdef object _left, _right, _origin
    cdef long long _sweep
    cdef int _code, _count

cdef _Context _here()
cdef double _divide(double a, double b) noexcept
cdef void _set_gradient(Value v, double gradient) noexcept
cdef void _forget_sweep(Value v) except *
cdef Value _leaf(double data, int code)
cdef Value _leaf_in_cell(Storage storage, int cell, origin)
cdef Value _node(int code, double data, left, double left_partial, right, double right_partial)
cdef Value _unary(int code, Value v)
cdef Value _node_of_many(int code, double data, _Terms terms)
cdef int _watched(Value v) except? -1
cdef int _refuse_in_trace(str what, Value v) except? -1
cdef void _trace_for(_Context here, trace) except *

cdef inline double _number(Value v) noexcept:
    if v._code == _BOUND:
        return (<Storage>v._left)._values[v._count]
    return v._held

cdef inline double _gradient(Value v) noexcept:
    if v._code == _BOUND:
        return 0.0 if (<Storage>v._left)._stale else (<Storage>v._left)._grads[v._count]
    return v._grad

cdef inline double _argument(who, x) except? -1:
    """The number of an argument: a Value's, or a plain one."""
    return _number(<Value>x) if type(x) is Value else x if type(x) is float else _real(who, x)
