# C's side of bytecode_machine.py.
cimport cython

from tinygrad_lite.compiler.native.bytecode_functions cimport check_code, check_slot
from tinygrad_lite.compiler.native.bytecode_loop cimport run_code
from tinygrad_lite.compiler.native.number_views cimport Rows, View, check_size, doubles, integers, read, rows_of, view_of

cdef class _Space

ctypedef int (*InC)(double *, double *) noexcept

@cython.final
cdef class Executor:
    # Each place of the program has its number in a slot: first inputs, then parameters, then constants and results.
    cdef tuple _arrays, _latest
    cdef list _calls, _constants, _spaces, _spread, _wide
    cdef int *_code
    cdef int *_results
    cdef InC _in_c
    cdef Py_ssize_t _length, _inputs, _parameters, _outputs, _slots, _widest

    cdef void _take(self, written) except *
    cdef int _sweep(self, _Space space, Py_ssize_t n) except? -1
    cdef int _read_parameters(self, given, double *w) except? -1
    cdef int _run_blocks(self, parameters, parts, lanes, out, bint summed) except? -1

@cython.final
cdef class _Space:
    cdef double *numbers
    cdef double *spare
    cdef double *shared
    cdef Py_ssize_t lanes, room
    cdef object _array, _weights

cdef _Space _idle_space(Executor executor)
cdef void _refuse_again(made, before) except *
