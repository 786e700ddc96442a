# The codes of native.py's operations, and what they call.
cdef enum:
    ADD, SUB, MUL, DIV, NEG, ONE, TWO, MANY, SUMS, TAKE, EQUAL, CALL

ctypedef double (*One)(double) noexcept
ctypedef double (*Two)(double, double) noexcept
ctypedef double (*Many)(double *, Py_ssize_t) noexcept

# By the code of their row in the table.
cdef One ones[128]
cdef Two twos[128]
cdef Many manys[128]

cdef double _inf, _pi, _sqrt_half, _period
cdef double *_erfc_rule
cdef double *_normcdf_rule
cdef Py_ssize_t _nodes

cdef double _sigmoid(double x) noexcept
cdef double _softplus(double x) noexcept
cdef double _silu(double x) noexcept
cdef double _relu(double x) noexcept
cdef double _step(double x) noexcept
cdef double _sign(double x) noexcept
cdef double _maximum(double a, double b) noexcept
cdef double _minimum(double a, double b) noexcept
cdef double _less(double a, double b) noexcept
cdef double _less_equal(double a, double b) noexcept
cdef double _leaky_relu(double x, double slope) noexcept
cdef double _elu(double x, double alpha) noexcept
cdef double _clip(double *xs, Py_ssize_t n) noexcept
cdef double _where(double *xs, Py_ssize_t n) noexcept
cdef double _prod(double *xs, Py_ssize_t n) noexcept
cdef double _exact_sum(double *xs, Py_ssize_t n) noexcept
cdef double _logsumexp(double *xs, Py_ssize_t n) noexcept
cdef double _norm(double *xs, Py_ssize_t n) noexcept
cdef double _tail(double factor, double x, double scale, double *rule) noexcept
cdef double _erfc(double x) noexcept
cdef double _normcdf(double x) noexcept
cdef double _gelu(double x) noexcept
cdef double _lgamma(double x) noexcept
