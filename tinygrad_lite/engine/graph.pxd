# What compiled files know of graph.py.
cimport cython

from .storage cimport Storage, _Context, _Dead, _dead_in, _forget_gone, _Layer, _real, _refuse_again, _Terms, above
from .from_c cimport are_items, count_these, holds_these, listed
from .values cimport (
    _BOUND, _DETACHED, _JOINT, _LAYER, _LEAF, _MANY, Value, _forget_sweep, _gradient, _here, _leaf_in_cell, _number,
)

@cython.final
cdef class Span:
    cdef Storage _storage
    cdef tuple _leaves
    cdef Py_ssize_t _start, _size, _moved

cdef _span_of(items)
cdef Span _span_at(Storage storage, Py_ssize_t start, Py_ssize_t size)
cdef Py_ssize_t _cell_of_row(row) noexcept
cdef Storage _storage_of_row(row)
cdef tuple _leaves_of(Span span)
cdef Py_ssize_t _first_cell(items) noexcept
cdef bint _are_row(leaves) except? -1
cdef tuple _unspanned(tuple args)
cdef tuple _left_in_layer(Value v)
cdef Value _checked_value(who, x)
cdef list _all_checked(who, xs)
cdef _row(Value v)
cdef _solution(Value whole)
cdef _left(Value v)
cdef _right(Value v)
cdef list _laid_flat(Value v)
cdef list _laid_flat_jointly(Value whole)
cdef double _partial(Value v, Py_ssize_t k) except? -1
cdef tuple _given(Value v)
cdef list _parents(Value v)
cdef list _edges(Value v)
cdef void _push_parents(list stack, Value v) except *
cdef tuple _args(Value v)
cdef tuple _args_but_cells(Value v)
cdef Py_ssize_t _cells_of(Value v) noexcept
cdef Value _leaf_at(Storage storage, Py_ssize_t cell)
cdef void _push_results(list stack, Value v, set seen) except *
