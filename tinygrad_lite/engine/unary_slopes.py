# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
"""For each row with one argument, its value and its slope (the rule's result for an adjoint of 1) as two functions.

Both agree with the row to the last bit: if C's function rounds differently, Python's is called. The part between the
comments `rows` and `end of rows` is generated from the table.
"""

import math
import types

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import ops
from ..floats import gamma, ieee, normal_law

if cython.compiled:
    from cython.cimports.libc import math as c
    from cython.cimports.tinygrad_lite.floats import c_functions
else:
    c = types.SimpleNamespace(**{**vars(math), **vars(ieee)})
    from ..floats import c_functions

    values, slopes = [None] * 128, [None] * 128
    _ValueFunction = _Slope = object

compiled: bool = cython.compiled
source_hash = "0ae7ae1c"


@cython.cfunc
def _row(op, value: _ValueFunction, slope: _Slope) -> cython.void:
    values[op.code], slopes[op.code] = value, slope


# rows


def _neg_value(x):
    return -x


def _neg(x, y):
    return -1.0


def _abs(x, y):
    return c_functions.sign(x)


def _sqrt(x, y):
    return c_functions.divide(0.5, y)


def _cbrt(x, y):
    return c_functions.divide(1.0, 3.0 * (y * y))


def _exp(x, y):
    return y


def _expm1(x, y):
    return c.exp(x)


def _exp2(x, y):
    return y * 0.6931471805599453


def _log(x, y):
    return c_functions.divide(1.0, x)


def _log1p(x, y):
    return c_functions.divide(1.0, 1.0 + x)


def _log2(x, y):
    return c_functions.divide(1.0, x) * 1.4426950408889634


def _log10(x, y):
    return c_functions.divide(1.0, x) * 0.43429448190325176


def _sin(x, y):
    return c.cos(x)


def _cos(x, y):
    return -1.0 * c.sin(x)


def _tan(x, y):
    return 1.0 + y * y


def _sinc(x, y):
    t0 = -2.632339739993873e-22 * (x * x) + 2.98717191589536e-20
    t1 = t0 * (x * x) + -2.996371563190511e-18
    t2 = (t1 * (x * x) + 2.635212528439635e-16) * (x * x)
    t3 = (t2 + -2.0132015080808862e-14) * (x * x)
    t4 = (t3 + 1.3217901389162304e-12) * (x * x)
    t5 = (t4 + -7.365893777096939e-11) * (x * x)
    t6 = (t5 + 3.433076949964284e-09) * (x * x) + -1.3148481279991983e-07
    t7 = (t6 * (x * x) + 4.049947846619241e-06) * (x * x)
    t8 = (t7 + -9.766223126318928e-05) * (x * x)
    t9 = (t8 + 0.001781145516372851) * (x * x) + -0.023460810354558225
    t10 = (t9 * (x * x) + 0.20918278254123832) * (x * x)
    t11 = (t10 + -1.144510944732505) * (x * x) + 3.246969701133414
    t12 = x * (t11 * (x * x) + -3.289868133696453)
    t13 = c_functions.divide(c.cos(3.141592653589793 * x) - y, x)
    return t12 if c_functions.less(c.fabs(x), 1.0) != 0.0 else t13


def _asin(x, y):
    return c_functions.divide(1.0, c.sqrt((1.0 - x) * (1.0 + x)))


def _acos(x, y):
    return c_functions.divide(-1.0, c.sqrt((1.0 - x) * (1.0 + x)))


def _atan(x, y):
    return c_functions.divide(1.0, 1.0 + x * x)


def _sinh(x, y):
    return c.cosh(x)


def _cosh(x, y):
    return c.sinh(x)


def _asinh(x, y):
    return c_functions.divide(1.0, ieee.hypot(x, 1.0))


def _acosh(x, y):
    t0 = c_functions.divide(1.0, c.sqrt(x - 1.0))
    return c_functions.divide(t0, c.sqrt(x + 1.0))


def _tanh(x, y):
    return 1.0 - y * y


def _atanh(x, y):
    t0 = c_functions.divide(1.0, 1.0 - x) + c_functions.divide(1.0, 1.0 + x)
    return 0.5 * t0


def _sigmoid(x, y):
    return y * (1.0 - y)


def _logit(x, y):
    return c_functions.divide(1.0, x) + c_functions.divide(1.0, 1.0 - x)


def _softplus(x, y):
    return c_functions.sigmoid(x)


def _relu(x, y):
    return 1.0 if c_functions.step(x) != 0.0 else 0.0


def _gelu_value(x):
    return normal_law.gelu(x)


def _gelu(x, y):
    t0 = c.exp(-0.5 * x * x) * 0.3989422804014327
    return normal_law.normcdf(x) + x * t0


def _silu(x, y):
    return c_functions.sigmoid(x) + y * c_functions.sigmoid(-x)


def _step(x, y):
    return 0.0


def _sign(x, y):
    return 0.0


def _floor(x, y):
    return 0.0


def _ceil(x, y):
    return 0.0


def _trunc(x, y):
    return 0.0


def _round(x, y):
    return 0.0


def _identity_value(x):
    return x


def _identity(x, y):
    return 1.0


def _stop_gradient_value(x):
    return x


def _stop_gradient(x, y):
    return 0.0


def _erf(x, y):
    return 1.1283791670955126 * c.exp(-x * x)


def _erfc_value(x):
    return normal_law.erfc(x)


def _erfc(x, y):
    return -1.1283791670955126 * c.exp(-x * x)


def _erfinv_value(x):
    return normal_law.erfinv(x)


def _erfinv(x, y):
    return 0.8862269254527579 * c.exp(y * y)


def _normcdf_value(x):
    return normal_law.normcdf(x)


def _normcdf(x, y):
    return c.exp(-0.5 * x * x) * 0.3989422804014327


def _log_ndtr_value(x):
    return normal_law.log_ndtr(x)


def _log_ndtr(x, y):
    t0 = -x if c_functions.less(x, 0.0) != 0.0 else 0.0
    t1 = 0.0 if c_functions.less(x, 0.0) != 0.0 else x
    t2 = c.exp(-0.5 * x * x) * 0.3989422804014327
    t3 = c_functions.divide(1.0, normal_law.mills(0.0, t0))
    t4 = c_functions.divide(t2, normal_law.normcdf(t1))
    return t3 if c_functions.less(x, 0.0) != 0.0 else t4


def _ndtri_value(x):
    return normal_law.ndtri(x)


def _ndtri(x, y):
    return 2.5066282746310002 * c.exp(0.5 * y * y)


def _lgamma_value(x):
    return gamma.lgamma(x)


def _lgamma(x, y):
    return gamma.polygamma(0.0, x)


_row(ops.neg, _neg_value, _neg)
_row(ops.abs, c.fabs, _abs)
_row(ops.sqrt, c.sqrt, _sqrt)
_row(ops.cbrt, c_functions.cbrt, _cbrt)
_row(ops.exp, c.exp, _exp)
_row(ops.expm1, c.expm1, _expm1)
_row(ops.exp2, c.exp2, _exp2)
_row(ops.log, c.log, _log)
_row(ops.log1p, c.log1p, _log1p)
_row(ops.log2, c.log2, _log2)
_row(ops.log10, c.log10, _log10)
_row(ops.sin, c.sin, _sin)
_row(ops.cos, c.cos, _cos)
_row(ops.tan, c.tan, _tan)
_row(ops.sinc, c_functions.sinc, _sinc)
_row(ops.asin, c.asin, _asin)
_row(ops.acos, c.acos, _acos)
_row(ops.atan, c.atan, _atan)
_row(ops.sinh, c.sinh, _sinh)
_row(ops.cosh, c.cosh, _cosh)
_row(ops.asinh, c.asinh, _asinh)
_row(ops.acosh, c.acosh, _acosh)
_row(ops.tanh, c.tanh, _tanh)
_row(ops.atanh, c.atanh, _atanh)
_row(ops.sigmoid, c_functions.sigmoid, _sigmoid)
_row(ops.logit, c_functions.logit, _logit)
_row(ops.softplus, c_functions.softplus, _softplus)
_row(ops.relu, c_functions.relu, _relu)
_row(ops.gelu, _gelu_value, _gelu)
_row(ops.silu, c_functions.silu, _silu)
_row(ops.step, c_functions.step, _step)
_row(ops.sign, c_functions.sign, _sign)
_row(ops.floor, c.floor, _floor)
_row(ops.ceil, c.ceil, _ceil)
_row(ops.trunc, c.trunc, _trunc)
_row(ops.round, c.rint, _round)
_row(ops.identity, _identity_value, _identity)
_row(ops.stop_gradient, _stop_gradient_value, _stop_gradient)
_row(ops.erf, c.erf, _erf)
_row(ops.erfc, _erfc_value, _erfc)
_row(ops.erfinv, _erfinv_value, _erfinv)
_row(ops.normcdf, _normcdf_value, _normcdf)
_row(ops.log_ndtr, _log_ndtr_value, _log_ndtr)
_row(ops.ndtri, _ndtri_value, _ndtri)
_row(ops.lgamma, _lgamma_value, _lgamma)
# end of rows
