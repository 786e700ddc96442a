# C's side of bytecode_functions.py.
from tinygrad_lite.compiler.native.vector_math cimport Target

cdef enum:
    ADD, SUB, MUL, DIV, NEG, ONE, LANES, TWO, MANY, SUMS, WEIGHTED, TAKE, EQUAL, CALL

ctypedef double (*One)(double) noexcept
ctypedef void (*Lanes)(double *, Target, Py_ssize_t) noexcept
ctypedef double (*Two)(double, double) noexcept
ctypedef double (*Many)(double *, Py_ssize_t) noexcept

# By the code of their row in the table.
cdef One ones[128]
cdef Lanes all_lanes[128]
cdef Two twos[128]
cdef Many manys[128]

cdef int check_slot(Py_ssize_t slot, Py_ssize_t slots) except? -1
cdef int check_code(list calls, int *code, Py_ssize_t end, Py_ssize_t slots, Py_ssize_t widest) except? -1
