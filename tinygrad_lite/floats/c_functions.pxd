# cython: cdivision=True
# C's side of c_functions.py.
cdef double _inf, _pi

cdef double softplus(double x) noexcept
cdef double cbrt(double x) noexcept
cdef double sinc(double x) noexcept
cdef double logit(double p) noexcept
cdef double xlogy(double x, double y) noexcept
cdef double logaddexp(double a, double b) noexcept
cdef double sigmoid(double x) noexcept
cdef double silu(double x) noexcept
cdef double relu(double x) noexcept
cdef double step(double x) noexcept
cdef double sign(double x) noexcept
cdef double mod(double a, double b) noexcept
cdef double maximum(double a, double b) noexcept
cdef double minimum(double a, double b) noexcept
cdef double less(double a, double b) noexcept
cdef double less_equal(double a, double b) noexcept
cdef double equal(double a, double b) noexcept
cdef double not_equal(double a, double b) noexcept
cdef double leaky_relu(double x, double slope) noexcept
cdef double elu(double x, double alpha) noexcept
cdef double lgamma(double x) noexcept

cdef inline double divide(double a, double b) noexcept:
    return a / b
