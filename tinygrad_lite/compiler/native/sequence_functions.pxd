# C's side of sequence_functions.py.
from tinygrad_lite.floats.c_functions cimport divide, maximum, minimum

cdef double _inf, _nan

cdef double clip(double *xs, Py_ssize_t n) noexcept
cdef double where(double *xs, Py_ssize_t n) noexcept
cdef double prod(double *xs, Py_ssize_t n) noexcept
cdef double _exact_sum(double *xs, Py_ssize_t n) noexcept
cdef double logsumexp(double *xs, Py_ssize_t n) noexcept
cdef double _unit(double *xs, Py_ssize_t n) noexcept
cdef double _deviations(double *xs, Py_ssize_t n) noexcept
cdef double _mean_square(double *xs, Py_ssize_t n, double top) noexcept
cdef double var(double *xs, Py_ssize_t n) noexcept
cdef double std(double *xs, Py_ssize_t n) noexcept
cdef double norm(double *xs, Py_ssize_t n) noexcept
