# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
"""The loop that runs bytecode, operation by operation, on one array of doubles."""

import numbers

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ... import errors, ops
from ...source.engine_choice import warn_of_stale

if cython.compiled:
    from cython.cimports.libc import math as c
else:
    from ...floats.ieee import divide
    from .bytecode import ADD, DIV, EQUAL, LANES, MANY, MUL, NEG, ONE, SUB, SUMS, TAKE, TWO, WEIGHTED
    from .bytecode_functions import Lanes, Many, One, Two, all_lanes, manys, ones, twos

    Target = object

compiled: bool = cython.compiled
source_hash = "e343dc7e"


@cython.cfunc
@cython.exceptval(-1)
def run_code(
    calls: list,
    code: cython.p_int,
    end: cython.Py_ssize_t,
    w: cython.p_double,
    xs: cython.p_double,
    n: cython.Py_ssize_t,
    shared: cython.p_double,
    apart: cython.Py_ssize_t,
) -> cython.int:
    """Runs the code on n lanes; the lanes of a slot are contiguous. xs has room for the numbers one function reads.

    shared  where weights stand, which all lanes share: that of slot k at k * apart
    """
    if n == 1:
        return _sweep(calls, code, end, w, xs, 1, shared, apart)
    return _run_lanes(calls, code, end, w, xs, n, shared, apart)


@cython.cfunc
@cython.exceptval(-1)
def _run_lanes(
    calls: list,
    code: cython.p_int,
    end: cython.Py_ssize_t,
    w: cython.p_double,
    xs: cython.p_double,
    n: cython.Py_ssize_t,
    shared: cython.p_double,
    apart: cython.Py_ssize_t,
) -> cython.int:
    return _sweep(calls, code, end, w, xs, n, shared, apart)


@cython.cfunc
@cython.exceptval(-1)
def _position(index: cython.double, length: cython.Py_ssize_t) -> cython.Py_ssize_t:
    if cython.compiled and 0.0 <= index < length and c.floor(index) == index:
        return cython.cast(cython.Py_ssize_t, index)
    return ops.position(index, length)


@cython.cfunc
@cython.exceptval(-1)
def _sweep(
    calls: list,
    code: cython.p_int,
    end: cython.Py_ssize_t,
    w: cython.p_double,
    xs: cython.p_double,
    n: cython.Py_ssize_t,
    shared: cython.p_double,
    apart: cython.Py_ssize_t,
) -> cython.int:
    """The body of run_code. It is inlined into both callers, so that the loop over a single lane disappears."""
    i: cython.Py_ssize_t = 0
    a: cython.Py_ssize_t
    b: cython.Py_ssize_t
    d: cython.Py_ssize_t
    e: cython.Py_ssize_t
    f: cython.Py_ssize_t
    k: cython.Py_ssize_t
    lane: cython.Py_ssize_t
    operation: cython.int
    one: One
    lanes: Lanes
    two: Two
    many: Many
    while i < end:
        operation = code[i]
        d = code[i + 1] * n
        if operation == ADD:
            a, b = code[i + 2] * n, code[i + 3] * n
            for lane in range(n):
                w[d + lane] = w[a + lane] + w[b + lane]
            i += 4
        elif operation == SUB:
            a, b = code[i + 2] * n, code[i + 3] * n
            for lane in range(n):
                w[d + lane] = w[a + lane] - w[b + lane]
            i += 4
        elif operation == MUL:
            a, b = code[i + 2] * n, code[i + 3] * n
            for lane in range(n):
                w[d + lane] = w[a + lane] * w[b + lane]
            i += 4
        elif operation == DIV:
            a, b = code[i + 2] * n, code[i + 3] * n
            for lane in range(n):
                w[d + lane] = divide(w[a + lane], w[b + lane])
            i += 4
        elif operation == NEG:
            a = code[i + 2] * n
            for lane in range(n):
                w[d + lane] = -w[a + lane]
            i += 3
        elif operation == ONE:
            a = code[i + 3] * n
            one = ones[code[i + 2]]
            for lane in range(n):
                w[d + lane] = one(w[a + lane])
            i += 4
        elif operation == LANES:
            lanes = all_lanes[code[i + 2]]
            lanes(w + code[i + 3] * n, w + d, n)
            i += 4
        elif operation == TWO:
            a, b = code[i + 3] * n, code[i + 4] * n
            two = twos[code[i + 2]]
            for lane in range(n):
                w[d + lane] = two(w[a + lane], w[b + lane])
            i += 5
        elif operation == MANY:
            many = manys[code[i + 2]]
            a = code[i + 3]
            i += 4
            for lane in range(n):
                for k in range(a):
                    xs[k] = w[code[i + k] * n + lane]
                w[d + lane] = many(xs, a)
            i += a
        elif operation in (SUMS, WEIGHTED):
            _sums(code, i + 2, w, d, n, shared if operation == WEIGHTED else cython.NULL, apart)
            i += 6 + 2 * code[i + 3] + code[i + 4] + code[i + 5]
        elif operation == TAKE:
            a = code[i + 2]
            i += 3
            for lane in range(n):
                k = _position(w[code[i + a] * n + lane], a)
                w[d + lane] = w[code[i + k] * n + lane]
            i += a + 1
        elif operation == EQUAL:
            a, b, e, f = code[i + 2] * n, code[i + 3] * n, code[i + 4] * n, code[i + 5] * n
            for lane in range(n):
                w[d + lane] = w[e + lane] if w[a + lane] == w[b + lane] else w[f + lane]
            i += 6
        else:
            for lane in range(n):
                w[d + lane] = _call(calls[code[i + 2]], w, n, lane)
            i += 3
    return 0


@cython.cfunc
@cython.exceptval(check=False)
def _weighted(
    code: cython.p_int,
    i: cython.Py_ssize_t,
    end: cython.Py_ssize_t,
    w: cython.p_double,
    y: Target,
    n: cython.Py_ssize_t,
    shared: cython.p_double,
    apart: cython.Py_ssize_t,
) -> cython.void:
    """Adds products to y, of which all lanes share the first factors: four in one pass over the lanes."""
    lane: cython.Py_ssize_t
    p: cython.double
    q: cython.double
    r: cython.double
    s: cython.double
    a: cython.Py_ssize_t
    b: cython.Py_ssize_t
    d: cython.Py_ssize_t
    e: cython.Py_ssize_t
    while i + 8 <= end:
        p, q = shared[code[i] * apart], shared[code[i + 2] * apart]
        r, s = shared[code[i + 4] * apart], shared[code[i + 6] * apart]
        a, b, d, e = code[i + 1] * n, code[i + 3] * n, code[i + 5] * n, code[i + 7] * n
        for lane in range(n):
            y[lane] = (((y[lane] + p * w[a + lane]) + q * w[b + lane]) + r * w[d + lane]) + s * w[e + lane]
        i += 8
    while i < end:
        p, a = shared[code[i] * apart], code[i + 1] * n
        for lane in range(n):
            y[lane] += p * w[a + lane]
        i += 2


@cython.cfunc
def _call(call: tuple, w: cython.p_double, n: cython.Py_ssize_t, lane: cython.Py_ssize_t):
    """The value of a row for the numbers of one lane."""
    op, args = call
    i: cython.Py_ssize_t
    given: list = []
    for arg in args:
        if type(arg) is tuple:
            given.append(tuple([w[cython.cast(cython.Py_ssize_t, i) * n + lane] for i in arg]))
        else:
            i = arg
            given.append(w[i * n + lane])
    value = op.value(*given)
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{op.signature} must give one real number, got {errors.received(value)}")
    return float(value)


@cython.cfunc
@cython.exceptval(check=False)
def _sums(
    code: cython.p_int,
    i: cython.Py_ssize_t,
    w: cython.p_double,
    d: cython.Py_ssize_t,
    n: cython.Py_ssize_t,
    shared: cython.p_double,
    apart: cython.Py_ssize_t,
) -> cython.void:
    """Writes start + products of pairs + plus terms - minus terms at d, added from left to right.

    shared  where the first factors of pairs stand, if all lanes share them
    """
    start: cython.Py_ssize_t = code[i] * n
    plus: cython.Py_ssize_t = i + 4 + 2 * code[i + 1]
    minus: cython.Py_ssize_t = plus + code[i + 2]
    end: cython.Py_ssize_t = minus + code[i + 3]
    lane: cython.Py_ssize_t
    k: cython.Py_ssize_t
    a: cython.Py_ssize_t
    b: cython.Py_ssize_t
    total: cython.double
    if n == 1:
        total = w[start]
        for k in range(i + 4, plus, 2):
            total += w[code[k]] * w[code[k + 1]]
        for k in range(plus, minus):
            total += w[code[k]]
        for k in range(minus, end):
            total -= w[code[k]]
        w[d] = total
        return
    if shared is not cython.NULL:
        for lane in range(n):
            w[d + lane] = w[start + lane]
        _weighted(code, i + 4, plus, w, w + d if cython.compiled else memoryview(w)[d:], n, shared, apart)
        i = plus
    elif i + 4 < plus:  # start and the first product in one pass
        a, b = code[i + 4] * n, code[i + 5] * n
        for lane in range(n):
            w[d + lane] = w[start + lane] + w[a + lane] * w[b + lane]
    else:
        for lane in range(n):
            w[d + lane] = w[start + lane]
    for k in range(i + 6, plus, 2):
        a, b = code[k] * n, code[k + 1] * n
        for lane in range(n):
            w[d + lane] += w[a + lane] * w[b + lane]
    for k in range(plus, minus):
        a = code[k] * n
        for lane in range(n):
            w[d + lane] += w[a + lane]
    for k in range(minus, end):
        a = code[k] * n
        for lane in range(n):
            w[d + lane] -= w[a + lane]


if compiled:
    warn_of_stale(__name__, source_hash)
