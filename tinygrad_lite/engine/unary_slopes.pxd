# What compiled files know of unary_slopes.py.
ctypedef double (*_ValueFunction)(double x) except? -1
ctypedef double (*_Slope)(double x, double y) except? -1

# By the code of their row in the table.
cdef _ValueFunction values[128]
cdef _Slope slopes[128]

# rows
cdef double _neg_value(double x) except? -1
cdef double _neg(double x, double y) except? -1
cdef double _abs(double x, double y) except? -1
cdef double _sqrt(double x, double y) except? -1
cdef double _cbrt(double x, double y) except? -1
cdef double _exp(double x, double y) except? -1
cdef double _expm1(double x, double y) except? -1
cdef double _exp2(double x, double y) except? -1
cdef double _log(double x, double y) except? -1
cdef double _log1p(double x, double y) except? -1
cdef double _log2(double x, double y) except? -1
cdef double _log10(double x, double y) except? -1
cdef double _sin(double x, double y) except? -1
cdef double _cos(double x, double y) except? -1
cdef double _tan(double x, double y) except? -1
cdef double _sinc(double x, double y) except? -1
cdef double _asin(double x, double y) except? -1
cdef double _acos(double x, double y) except? -1
cdef double _atan(double x, double y) except? -1
cdef double _sinh(double x, double y) except? -1
cdef double _cosh(double x, double y) except? -1
cdef double _asinh(double x, double y) except? -1
cdef double _acosh(double x, double y) except? -1
cdef double _tanh(double x, double y) except? -1
cdef double _atanh(double x, double y) except? -1
cdef double _sigmoid(double x, double y) except? -1
cdef double _logit(double x, double y) except? -1
cdef double _softplus(double x, double y) except? -1
cdef double _relu(double x, double y) except? -1
cdef double _gelu_value(double x) except? -1
cdef double _gelu(double x, double y) except? -1
cdef double _silu(double x, double y) except? -1
cdef double _step(double x, double y) except? -1
cdef double _sign(double x, double y) except? -1
cdef double _floor(double x, double y) except? -1
cdef double _ceil(double x, double y) except? -1
cdef double _trunc(double x, double y) except? -1
cdef double _round(double x, double y) except? -1
cdef double _identity_value(double x) except? -1
cdef double _identity(double x, double y) except? -1
cdef double _stop_gradient_value(double x) except? -1
cdef double _stop_gradient(double x, double y) except? -1
cdef double _erf(double x, double y) except? -1
cdef double _erfc_value(double x) except? -1
cdef double _erfc(double x, double y) except? -1
cdef double _erfinv_value(double x) except? -1
cdef double _erfinv(double x, double y) except? -1
cdef double _normcdf_value(double x) except? -1
cdef double _normcdf(double x, double y) except? -1
cdef double _log_ndtr_value(double x) except? -1
cdef double _log_ndtr(double x, double y) except? -1
cdef double _ndtri_value(double x) except? -1
cdef double _ndtri(double x, double y) except? -1
cdef double _lgamma_value(double x) except? -1
cdef double _lgamma(double x, double y) except? -1
# end of rows
