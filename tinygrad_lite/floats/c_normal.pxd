# C's side of c_normal.py.
cdef enum:
    # How many nodes the rules have.
    _NODES = 14
    _MILLS = 141

cdef double _inf, _nan, _pi, _sqrt_half, _sqrt_2_pi, _period
cdef double _erfc_rule[28]
cdef double _normcdf_rule[28]
cdef double _mills_rule[282]

cdef double _tail_ratio(double x, double scale, double *rule) noexcept
cdef double _tail(double factor, double x, double scale, double *rule) noexcept
cdef double erfc(double x) noexcept
cdef double normcdf(double x) noexcept
cdef double log_ndtr(double x) noexcept
cdef double mills(double n, double x) noexcept
cdef double erfinv(double x) noexcept
cdef double ndtri(double p) noexcept
cdef double gelu(double x) noexcept
