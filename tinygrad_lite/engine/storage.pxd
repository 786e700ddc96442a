# What compiled files know of storage.py.
cimport cython

@cython.final
cdef class _Counts:
    cdef long long changes, sweeps

@cython.final
cdef class _Above:
    cdef object applied, args, backward, edges, is_computed, is_inside, kept, make_by_hand, parents, record, restore
    cdef object row, stand_for

@cython.final
cdef class _Context:
    cdef unsigned long thread
    cdef int recording, sweeping
    cdef object inside, origin, watch, trace
    cdef list waiting

@cython.final
cdef class Storage:
    cdef tuple _arrays
    cdef tuple _held  # a view of each array: while it exists, the array cannot be resized or move
    cdef Py_ssize_t _size
    cdef double *_values
    cdef double *_grads
    cdef Py_ssize_t _moved
    cdef bint _seen  # somebody may hold a view of the gradients, so changes must be written at once
    cdef bint _stale  # all gradients are 0, but the zeros are not written yet
    cdef long long _cleared, _swept
    cdef tuple _made(self)
    cdef void _settle(self) noexcept

@cython.final
cdef class _Terms:
    cdef tuple args
    cdef object lender
    cdef double *partials
    cdef double scale

cdef _Counts counts
cdef _Above above
cdef void _refuse_again(made, before) except *
cdef double *_pointer(numbers) except? NULL
cdef _Terms _terms(tuple args, Py_ssize_t size)
cdef bint _is_other_real(x) except? -1
cdef _unlike(who, other)
cdef double _item(who, x) except? -1
cdef double _real(who, x) except? -1

cdef inline bint _is_real(x) except? -1:
    return type(x) is float or type(x) is int or _is_other_real(x)
