# What compiled files know of sweep.py.
cimport cython

from .storage cimport Storage, _Context, _Layer, _Terms, above, counts
from .graph cimport (
    Span, _checked_value, _edges, _keep_weights, _laid_flat_jointly, _left_in_layer, _leaves_of, _make_up_partials, _row,
    _solution,
)
from .values cimport (
    _BOUND, _DETACHED, _LAYER, _JOINT, _LEAF, _MANY, Value, _gradient, _here, _leaf, _number, _refuse_in_trace,
    _set_gradient,
)

@cython.final
cdef class _Snapshot:
    cdef list nodes, layers
    cdef bint ended  # the nodes hold it again
    cdef double *numbers
    cdef Py_ssize_t room
    cdef bint fleeting, everything

@cython.final
cdef class _Waiting:
    cdef void **items
    cdef Py_ssize_t size, room
    cdef dict vectors
    cdef object reached
    cdef int push(self, Value v) except? -1
    cdef Value pop(self)
    cdef int grow(self) except? -1

cdef list _careful_sweep(_Context here, Value top, xs, older=*, double call=*)
cdef void _end_again(_Context here, int sweeping, _Snapshot snapshot) except *
cdef void _leave(_Context here, bint done) except *
cdef _Snapshot _new_snapshot(bint fleeting, bint everything)
cdef int _note(_Snapshot snapshot, Value v) except? -1
cdef int _put_back(_Snapshot snapshot, bint results) except? -1
cdef bint _blocks(Value v, Py_ssize_t k) except? -1
cdef set _reached(Value top)

cdef inline int _note_if_needed(_Snapshot snapshot, Value v) except? -1:
    if snapshot.everything or v._sweep > 0 or (v._sweep == 0 and v._grad != 0.0):
        _note(snapshot, v)
    return 0

cdef inline int _add_older(list older, Value v, double call) except? -1:
    if v._code < 0 and v._left_partial < call and v._code != _DETACHED:
        older.append(v)
    return 0
