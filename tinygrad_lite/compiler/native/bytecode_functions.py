# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
"""The functions that bytecode may call, and the check that it calls and reads only what exists."""

import math
import types

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ... import ops
from ...floats import ieee
from ...source.engine_choice import warn_of_stale

if cython.compiled:
    from cython.cimports.libc import math as c
    from cython.cimports.tinygrad_lite.compiler.native import sequence_functions, vector_math
    from cython.cimports.tinygrad_lite.floats import c_functions, c_normal
else:
    import ctypes

    c = types.SimpleNamespace(**{**vars(math), **vars(ieee), "pow": ieee.power})
    from ...floats import c_functions, c_normal
    from . import sequence_functions, vector_math
    from .bytecode import ADD, CALL, DIV, EQUAL, LANES, MANY, MUL, NEG, ONE, SUB, SUMS, TAKE, TWO, WEIGHTED

    One = Lanes = Two = Many = object
    ones, all_lanes, twos, manys = [None] * 128, [None] * 128, [None] * 128, [None] * 128
    _callbacks: dict = {}

    def _callback(operation, which):
        """The address at which C code finds a function in Python."""
        number = ctypes.c_double
        many = (ctypes.POINTER(number), ctypes.c_ssize_t)
        arguments, found = {ONE: ((number,), ones), TWO: ((number, number), twos), MANY: (many, manys)}[operation]
        if (operation, which) not in _callbacks:
            _callbacks[operation, which] = ctypes.CFUNCTYPE(number, *arguments)(found[which])
        return ctypes.cast(_callbacks[operation, which], ctypes.c_void_p).value


compiled: bool = cython.compiled
source_hash = "6cea78a4"


@cython.cfunc
@cython.exceptval(-1)
def check_slot(slot: cython.Py_ssize_t, slots: cython.Py_ssize_t) -> cython.int:
    if not 0 <= slot < slots:
        raise ValueError(f"an operation reads or writes slot {slot} of {slots}: the program is not well formed")
    return 0


@cython.cfunc
@cython.exceptval(-1)
def check_code(
    calls: list, code: cython.p_int, end: cython.Py_ssize_t, slots: cython.Py_ssize_t, widest: cython.Py_ssize_t
) -> cython.int:
    """Raises ValueError if _sweep would leave the slots, the spare room, the functions or the code."""
    i: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    first: cython.Py_ssize_t
    length: cython.Py_ssize_t
    operation: cython.int
    while i < end:
        operation = code[i]
        first = i + (3 if operation in (ONE, LANES, TWO) else 2)
        length = 2
        if operation in (ONE, LANES, NEG):
            length = 1
        elif operation == EQUAL:
            length = 4
        elif operation == MANY and i + 3 < end:
            first, length = i + 4, code[i + 3]
        elif operation in (SUMS, WEIGHTED) and i + 5 < end:
            length = 4
            for k in range(i + 3, i + 6):
                length = -end if code[k] < 0 else length + (2 if k == i + 3 else 1) * code[k]
        elif operation == TAKE and i + 2 < end:
            first, length = i + 3, cython.cast(cython.Py_ssize_t, code[i + 2]) + 1
        elif operation == CALL:
            length = 1
        elif not 0 <= operation < MANY:
            length = -1
        if length < 0 or first + length > end or (operation == MANY and length > widest):
            raise ValueError("an operation of a program is cut short or does not exist")
        check_slot(code[i + 1], slots)
        if operation == CALL:
            _check_call(calls, code[i + 2], slots)
        elif ONE <= operation <= MANY:
            _check_function(operation, code[i + 2])
        for k in range(first, first + length):
            if operation != CALL and (operation not in (SUMS, WEIGHTED) or not i + 3 <= k < i + 6):
                check_slot(code[k], slots)
        i = first + length
    return 0


@cython.cfunc
def _check_call(calls: list, which: cython.Py_ssize_t, slots: cython.Py_ssize_t) -> cython.void:
    if not 0 <= which < len(calls):
        raise ValueError(f"a program calls row {which} of {len(calls)}")
    _, args = calls[which]
    for arg in args:
        for slot in arg if type(arg) is tuple else (arg,):
            check_slot(slot, slots)


@cython.cfunc
def _check_function(operation: cython.int, which: cython.Py_ssize_t) -> cython.void:
    known: cython.bint = 0 <= which < 128
    if known and operation == ONE:
        known = ones[which] is not cython.NULL
    elif known and operation == LANES:
        known = all_lanes[which] is not cython.NULL
    elif known and operation == TWO:
        known = twos[which] is not cython.NULL
    elif known:
        known = manys[which] is not cython.NULL
    if not known:
        raise ValueError(f"a program calls function {which}, which does not exist")


@cython.cfunc
def _one(op, form: One) -> cython.void:
    forms[op] = ONE, op.code
    ones[op.code] = form


@cython.cfunc
def _lanes(op, form: Lanes) -> cython.void:
    if cython.compiled:
        forms[op] = LANES, op.code
        all_lanes[op.code] = form
    else:  # without vector instructions, one by one is quicker
        forms[op] = ONE, op.code
        ones[op.code] = getattr(c, op.name)


@cython.cfunc
def _two(op, form: Two) -> cython.void:
    forms[op] = TWO, op.code
    twos[op.code] = form


@cython.cfunc
def _many(op, form: Many) -> cython.void:
    forms[op] = MANY, op.code
    manys[op.code] = form


def address_of(op):
    """The address of an operation's function, by which other C code calls it."""
    operation, which = forms[op]
    if not cython.compiled:
        return _callback(operation, which)
    if operation == ONE:
        return cython.cast(cython.size_t, ones[which])
    if operation == LANES:
        return cython.cast(cython.size_t, all_lanes[which])
    if operation == TWO:
        return cython.cast(cython.size_t, twos[which])
    return cython.cast(cython.size_t, manys[which])


# For each row the code of its operation and, if that calls a function, the index of the function.
forms: dict = {ops.add: (ADD,), ops.sub: (SUB,), ops.mul: (MUL,), ops.div: (DIV,), ops.neg: (NEG,)}
_one(ops.abs, c.fabs)
_lanes(ops.sqrt, vector_math.sqrt)
_one(ops.cbrt, c_functions.cbrt)
_lanes(ops.exp, vector_math.exp)
_one(ops.expm1, c.expm1)
_one(ops.exp2, c.exp2)
_lanes(ops.log, vector_math.log)
_one(ops.log1p, c.log1p)
_one(ops.log2, c.log2)
_one(ops.log10, c.log10)
_one(ops.sin, c.sin)
_one(ops.cos, c.cos)
_one(ops.tan, c.tan)
_one(ops.sinc, c_functions.sinc)
_one(ops.asin, c.asin)
_one(ops.acos, c.acos)
_one(ops.atan, c.atan)
_one(ops.sinh, c.sinh)
_one(ops.cosh, c.cosh)
_one(ops.asinh, c.asinh)
_one(ops.acosh, c.acosh)
_lanes(ops.tanh, vector_math.tanh)
_one(ops.atanh, c.atanh)
_lanes(ops.sigmoid, vector_math.sigmoid)
_one(ops.logit, c_functions.logit)
_one(ops.softplus, c_functions.softplus)
_one(ops.relu, c_functions.relu)
_one(ops.gelu, c_normal.gelu)
_one(ops.silu, c_functions.silu)
_one(ops.step, c_functions.step)
_one(ops.sign, c_functions.sign)
_one(ops.floor, c.floor)
_one(ops.ceil, c.ceil)
_one(ops.trunc, c.trunc)
_one(ops.round, c.rint)
_lanes(ops.erf, vector_math.erf)
_one(ops.erfc, c_normal.erfc)
_one(ops.normcdf, c_normal.normcdf)
_one(ops.log_ndtr, c_normal.log_ndtr)
_one(ops.erfinv, c_normal.erfinv)
_one(ops.ndtri, c_normal.ndtri)
_two(ops.mills, c_normal.mills)
_one(ops.lgamma, c_functions.lgamma)
_two(ops.fmod, c.fmod)
_two(ops.mod, c_functions.mod)
_two(ops.pow, c.pow)
_two(ops.xlogy, c_functions.xlogy)
_two(ops.atan2, c.atan2)
_two(ops.hypot, c.hypot)
_two(ops.logaddexp, c_functions.logaddexp)
_two(ops.leaky_relu, c_functions.leaky_relu)
_two(ops.elu, c_functions.elu)
_two(ops.maximum, c_functions.maximum)
_two(ops.minimum, c_functions.minimum)
_two(ops.less, c_functions.less)
_two(ops.less_equal, c_functions.less_equal)
_two(ops.equal, c_functions.equal)
_two(ops.not_equal, c_functions.not_equal)
_many(ops.clip, sequence_functions.clip)
_many(ops.where, sequence_functions.where)
_many(ops.prod, sequence_functions.prod)
_many(ops.logsumexp, sequence_functions.logsumexp)
_many(ops.norm, sequence_functions.norm)
_many(ops.var, sequence_functions.var)
_many(ops.std, sequence_functions.std)

if compiled:
    warn_of_stale(__name__, source_hash)
