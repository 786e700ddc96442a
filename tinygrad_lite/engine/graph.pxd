# What compiled files know of graph.py.
cimport cython

from .storage cimport Storage, _Context, _Dead, _dead_in, _doubles, _forget_gone, _Layer, _real, _refuse_again, _Terms, above
from .from_c cimport are_items, count_these, holds_these, listed
from .values cimport (
    _BOUND, _DETACHED, _JOINT, _LAYER, _LEAF, _MANY, Value, _argument, _forget_sweep, _gradient, _here, _leaf_in_cell, _number,
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
cdef tuple _items(row)
cdef bint _holds(items, tuple row) except? -1
cdef Py_ssize_t _first_cell(items) noexcept
cdef bint _are_row(leaves) except? -1
cdef Py_ssize_t _size(arg) except? -2
cdef int _read(sequence, double *into, Py_ssize_t first) except? -1
cdef void _write_partials_of_dot(_Terms terms, Py_ssize_t n) except *
cdef void _make_up_partials(_Terms terms) except *
cdef void _make_room(_Layer layer) except *
cdef void _keep_weights(_Layer layer) except *
cdef tuple _unspanned(tuple args)
cdef tuple _left_in_layer(Value v)
cdef Value _checked_value(who, x)
cdef list _all_checked(who, xs)
cdef bint _has_none(Value v) noexcept
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
cdef list _in_order(list stack, bint leaves)

cdef inline bint _is_row(arg) noexcept:
    return type(arg) is tuple or type(arg) is Span
