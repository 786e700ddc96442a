# What compiled files know of storage.py.
cimport cython

@cython.final
cdef class _Counts:
    cdef long long changes, sweeps
    cdef int recorded

@cython.final
cdef class _Above:
    cdef object applied, args, backward, edges, hooks, is_computed, is_inside, kept, make_by_hand, parents, record, restore
    cdef object row, stand_for

@cython.final
cdef class _Context:
    cdef unsigned long thread
    cdef int recording, sweeping
    cdef object inside, origin, watch, trace
    cdef list waiting
    cdef dict rows

@cython.final
cdef class _Dead:
    cdef object origin
    cdef double call
    cdef Py_ssize_t first, end

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
    cdef unsigned char *_reached  # for each cell, whether a sweep since _cleared has reached it through a Span
    cdef void **_bound  # for each cell, the leaf bound to it, not owned; NULL once it has died or moved
    cdef Py_ssize_t _spans  # how many Spans do not hold their leaves
    cdef dict _gone  # while there are such Spans: by cell, the leaves that have moved
    cdef list _dead  # and what is kept of those that have died; _last is what was noted or read last
    cdef _Dead _last
    cdef tuple _made(self)
    cdef void _settle(self) noexcept
    cdef void _reach(self, Py_ssize_t start, Py_ssize_t size, long long sweep) noexcept

@cython.final
cdef class _Terms:
    cdef tuple args
    cdef object lender
    cdef double *partials
    cdef double scale

@cython.final
cdef class _Layer:
    cdef tuple items
    cdef list lefts
    cdef Storage storage
    cdef Py_ssize_t size, dots, moved, waiting
    cdef double *numbers
    cdef double *adjoints
    cdef double *cells
    cdef double *weights
    cdef bint flows
    cdef long long sweep

cdef _Counts counts
cdef _Above above
cdef void _refuse_again(made, before) except *
cdef double *_pointer(numbers) except? NULL
cdef long long *_integers(numbers) except? NULL
cdef _Terms _terms(tuple args, Py_ssize_t size)
cdef void _drop_partials(_Terms terms) except *
cdef double *_doubles(Py_ssize_t size) except? NULL
cdef void _forget_gone(Storage storage) except *
cdef void _note_death(Storage storage, Py_ssize_t cell, origin, double call) except *
cdef _Dead _dead_in(Storage storage, Py_ssize_t cell)
cdef bint _is_other_real(x) except? -1
cdef _unlike(who, other)
cdef double _item(who, x) except? -1
cdef double _real(who, x) except? -1

cdef inline bint _is_real(x) except? -1:
    return type(x) is float or type(x) is int or _is_other_real(x)
