# C's side of number_views.py.
cimport cython

@cython.final
cdef class View:
    cdef double *numbers
    cdef Py_ssize_t size
    cdef object _memory
    cdef tuple shape
    cdef bint copied

@cython.final
cdef class Rows:
    cdef double *numbers
    cdef Py_ssize_t size, count, lanes, apart, step, lane
    cdef object _memory

    cdef void copy(self, Py_ssize_t rows, double *w, Py_ssize_t n, Py_ssize_t start) noexcept

cdef Rows rows_of(who, given, Py_ssize_t lanes)
cdef View view_in_place(given, bint writable)
cdef View view_of(who, given, bint writable)
cdef int read(who, given, double *w, Py_ssize_t start, Py_ssize_t count) except? -1
cdef int check_size(who, Py_ssize_t size, Py_ssize_t needed) except? -1
cdef double *doubles(given) except? NULL
cdef int *integers(given) except? NULL
