# C's side of vector_math.py.
cdef extern from *:
    """
    #include <string.h>

    static inline unsigned long long lane_bits(double x) { unsigned long long b; memcpy(&b, &x, 8); return b; }
    static inline double lane_number(unsigned long long b) { double x; memcpy(&x, &b, 8); return x; }

    /* The numbers there are read by no other name. */
    #if defined(_MSC_VER)
    typedef double *__restrict lane_target;
    #else
    typedef double *__restrict__ lane_target;
    #endif

    /* A function so declared is compiled twice, and the system picks the one that suits the processor. */
    #if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
    #define IN_WIDE_VECTORS_TOO __attribute__((target_clones("avx2", "default")))
    #else
    #define IN_WIDE_VECTORS_TOO
    #endif

    #if defined(__PYX_HAVE__tinygrad_lite__compiler__native__vector_math)  /* and not for bytecode_machine.py, which uses them */
    IN_WIDE_VECTORS_TOO static void lanes_of_sqrt(double *, lane_target, Py_ssize_t);
    IN_WIDE_VECTORS_TOO static void lanes_of_exp(double *, lane_target, Py_ssize_t);
    IN_WIDE_VECTORS_TOO static void lanes_of_sigmoid(double *, lane_target, Py_ssize_t);
    IN_WIDE_VECTORS_TOO static void lanes_of_log(double *, lane_target, Py_ssize_t);
    IN_WIDE_VECTORS_TOO static void lanes_of_tanh(double *, lane_target, Py_ssize_t);
    IN_WIDE_VECTORS_TOO static void lanes_of_erf(double *, lane_target, Py_ssize_t);
    #endif
    """
    ctypedef double *Target "lane_target"
    unsigned long long _bits "lane_bits"(double x) noexcept
    double _number "lane_number"(unsigned long long bits) noexcept

cdef double _powers[128]
cdef double _tanh_at[1281]
cdef double _erf_at[769]
cdef double _slope_at[769]
cdef double _rounder, _inf

cdef double _exp(double x) noexcept
cdef double _sigmoid(double x, double e) noexcept
cdef double _log(double x) noexcept
cdef double _tanh(double x) noexcept
cdef double _erf(double x) noexcept

cdef void sqrt "lanes_of_sqrt"(double *x, Target y, Py_ssize_t n) noexcept
cdef void exp "lanes_of_exp"(double *x, Target y, Py_ssize_t n) noexcept
cdef void sigmoid "lanes_of_sigmoid"(double *x, Target y, Py_ssize_t n) noexcept
cdef void log "lanes_of_log"(double *x, Target y, Py_ssize_t n) noexcept
cdef void tanh "lanes_of_tanh"(double *x, Target y, Py_ssize_t n) noexcept
cdef void erf "lanes_of_erf"(double *x, Target y, Py_ssize_t n) noexcept
