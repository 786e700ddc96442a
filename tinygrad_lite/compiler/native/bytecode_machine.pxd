# The codes of bytecode_machine.py's operations, and what they call.
from tinygrad_lite.compiler.native.vector_math cimport Target

cdef extern from *:
    """
    /* _sweep and _sums by Cython's names. What is declared below is exported in a table, which GCC 12 must not find them
       in: it then defines the function for any processor twice. */
    #define native_sweep __pyx_f_13tinygrad_lite_8compiler_6native__sweep
    #define native_sums __pyx_f_13tinygrad_lite_8compiler_6native__sums
    IN_WIDE_VECTORS_TOO static int native_sweep(PyObject *, int *, Py_ssize_t, double *, double *, Py_ssize_t);
    IN_WIDE_VECTORS_TOO static void native_sums(int *, Py_ssize_t, double *, Py_ssize_t, Py_ssize_t);
    """

cdef enum:
    ADD, SUB, MUL, DIV, NEG, ONE, LANES, TWO, MANY, SUMS, TAKE, EQUAL, CALL

ctypedef double (*One)(double) noexcept
ctypedef void (*Lanes)(double *, Target, Py_ssize_t) noexcept
ctypedef double (*Two)(double, double) noexcept
ctypedef double (*Many)(double *, Py_ssize_t) noexcept

# By the code of their row in the table.
cdef One ones[128]
cdef Lanes all_lanes[128]
cdef Two twos[128]
cdef Many manys[128]

cdef double _inf, _nan, _pi, _sqrt_half, _sqrt_2_pi, _period
cdef double *_mills_rule
cdef Py_ssize_t _mills_count
cdef double *_erfc_rule
cdef double *_normcdf_rule
cdef Py_ssize_t _nodes

cdef double _softplus(double x) noexcept
cdef double _cbrt(double x) noexcept
cdef double _sinc(double x) noexcept
cdef double _logit(double p) noexcept
cdef double _xlogy(double x, double y) noexcept
cdef double _logaddexp(double a, double b) noexcept
cdef double _silu(double x) noexcept
cdef double _relu(double x) noexcept
cdef double _step(double x) noexcept
cdef double _sign(double x) noexcept
cdef double _mod(double a, double b) noexcept
cdef double _maximum(double a, double b) noexcept
cdef double _minimum(double a, double b) noexcept
cdef double _less(double a, double b) noexcept
cdef double _less_equal(double a, double b) noexcept
cdef double _equal(double a, double b) noexcept
cdef double _not_equal(double a, double b) noexcept
cdef double _leaky_relu(double x, double slope) noexcept
cdef double _elu(double x, double alpha) noexcept
cdef double _clip(double *xs, Py_ssize_t n) noexcept
cdef double _where(double *xs, Py_ssize_t n) noexcept
cdef double _prod(double *xs, Py_ssize_t n) noexcept
cdef double _exact_sum(double *xs, Py_ssize_t n) noexcept
cdef double _logsumexp(double *xs, Py_ssize_t n) noexcept
cdef double _unit(double *xs, Py_ssize_t n) noexcept
cdef double _deviations(double *xs, Py_ssize_t n) noexcept
cdef double _mean_square(double *xs, Py_ssize_t n, double top) noexcept
cdef double _var(double *xs, Py_ssize_t n) noexcept
cdef double _std(double *xs, Py_ssize_t n) noexcept
cdef double _norm(double *xs, Py_ssize_t n) noexcept
cdef double _tail_ratio(double x, double scale, double *rule) noexcept
cdef double _tail(double factor, double x, double scale, double *rule) noexcept
cdef double _erfc(double x) noexcept
cdef double _normcdf(double x) noexcept
cdef double _log_ndtr(double x) noexcept
cdef double _mills(double n, double x) noexcept
cdef double _erfinv(double x) noexcept
cdef double _ndtri(double p) noexcept
cdef double _gelu(double x) noexcept
cdef double _lgamma(double x) noexcept
