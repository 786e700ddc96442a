# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""The native executor: runs a Program operation by operation, in one loop over one array of doubles.

For programs too small or too irregular to pay for array calls. Plain Python that Cython compiles to C, as the engine
is; compiled, an operation makes no Python object, but for those known by their row alone (polygamma, custom ones),
whose value is called with floats. Results are those of the rows within 4 ulps; a test holds each row against its C
form.
"""

import math
import numbers
import types
from array import array

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ... import errors, ops
from ...floats import ieee
from ...source.engine_choice import warn_of_stale
from .bytecode import Encoding

if cython.compiled:
    from cython.cimports.cpython.memoryview import PyMemoryView_GET_BUFFER
    from cython.cimports.libc import math as c
    from cython.cimports.tinygrad_lite.compiler.native import vector_math
else:
    c = types.SimpleNamespace(**{**vars(math), **vars(ieee), "pow": ieee.power})
    from . import vector_math
    from .bytecode import ADD, CALL, DIV, EQUAL, LANES, MANY, MUL, NEG, ONE, SUB, SUMS, TAKE, TWO

    One = Lanes = Two = Many = object
    ones, all_lanes, twos, manys = [None] * 128, [None] * 128, [None] * 128, [None] * 128

compiled: bool = cython.compiled
_MOST_LANES = 1 << 40
source_hash = "1ce8b773"


@cython.final
@cython.cclass
class Executor:
    """A Program made ready to run; later changes of the Program do not reach it.

    run(parameters, inputs, out=None)      one set of numbers, the results as a list of floats, or written into out
    batch(parameters, parts, lanes, out)   many sets of inputs at once, the results written into out
    Numbers are a list or tuple of real numbers, or an array of any shape (a float64 array in C order is not copied);
    out is such an array. Raises ShapeError for too few numbers, TypeError for what is not one, and what an operation
    raises (IndexError for take). Threads may share an Executor.

    >>> from tinygrad_lite.compiler.passes.program import INPUT, Program
    >>> program = Program(); x = program.add(INPUT, (0,)); program.outputs = [program.add(ops.mul, (x, x)), x]
    >>> Executor(program).run([], [3.0])
    [9.0, 3.0]
    """

    __slots__ = (
        "_arrays",
        "_calls",
        "_code",
        "_constants",
        "_inputs",
        "_length",
        "_outputs",
        "_parameters",
        "_results",
    )
    __slots__ += ("_slots", "_spaces", "_widest")

    # A place of the program has its number in a slot: inputs stand first, then parameters, then constants and results.
    _arrays: tuple
    _calls: list
    _constants: list
    _spaces: list
    _code: cython.p_int
    _results: cython.p_int
    _length: cython.Py_ssize_t
    _inputs: cython.Py_ssize_t
    _parameters: cython.Py_ssize_t
    _outputs: cython.Py_ssize_t
    _slots: cython.Py_ssize_t
    _widest: cython.Py_ssize_t

    def __init__(self, program):
        _refuse_again(self, self._arrays if cython.compiled else getattr(self, "_arrays", None))
        encoding = Encoding(program, forms)
        self._inputs, self._parameters, self._slots = encoding.inputs, encoding.parameters, encoding.slots
        self._constants, self._outputs = encoding.constants, len(encoding.results)
        for slot in (*encoding.results, *[slot for slot, _ in encoding.constants]):
            _check_slot(slot, self._slots)
        self._take(encoding.written)
        self._arrays, self._results = (*self._arrays, encoding.results), _integers(encoding.results)
        self._spaces = [_space(self, 1)]

    @cython.cfunc
    def _take(self, written) -> cython.void:
        """The operations to run: a copy, once it is known that they stay within the slots."""
        code = array("i", written.numbers)
        self._calls, self._widest = [*written.calls], max(1, written.widest)
        self._code, self._length = _integers(code), len(code)
        if cython.compiled:
            _check_code(self._calls, self._code, self._length, self._slots, self._widest)
        self._arrays = (code,)

    def __reduce__(self):
        raise errors.not_copied(self, "make another")

    @property
    def slots(self):
        """How many numbers a run holds at once."""
        return self._slots

    def run(self, parameters, inputs, out=None):
        """The program's outputs for these numbers."""
        k: cython.Py_ssize_t
        if cython.compiled and self._arrays is None:
            raise errors.not_made(self)
        try:  # a call that begins within another, on another thread or in an operation, works in a space of its own
            space: _Space = self._spaces.pop()
        except IndexError:
            space = _space(self, 1)
        w: cython.p_double = space.numbers
        try:
            _read("inputs", inputs, w, 0, self._inputs)
            _read("parameters", parameters, w, self._inputs, self._parameters)
            _sweep(self._calls, self._code, self._length, w, space.spare, 1)
            if out is None:
                return [w[self._results[k]] for k in range(self._outputs)]
            target: _View = _view("out", out, True)
            _check_size("out", target.size, self._outputs)
            for k in range(self._outputs):
                target.numbers[k] = w[self._results[k]]
        finally:
            self._spaces.append(space)

    def batch(self, parameters, parts, lanes, out):
        """The program's outputs for each of the lanes, of shape (outputs, lanes); each part is (some inputs, lanes)."""
        if cython.compiled and self._arrays is None:
            raise errors.not_made(self)
        if not 0 <= lanes <= _MOST_LANES // max(1, self._inputs, self._outputs):
            raise ValueError(f"batch(..., lanes) takes a whole number from 0 on, got {lanes}")
        count: cython.Py_ssize_t = lanes
        start: cython.Py_ssize_t
        n: cython.Py_ssize_t
        k: cython.Py_ssize_t
        lane: cython.Py_ssize_t
        given: _View = _view("parameters", parameters, False)
        source: _View
        sources: list = [_view("inputs", part, False) for part in parts]
        target: _View = _view("out", out, True)
        _check_size("parameters", given.size, self._parameters)
        size: cython.Py_ssize_t = 0
        for source in sources:
            size += source.size
        _check_size("inputs", size, self._inputs * count)
        _check_size("out", target.size, self._outputs * count)
        row: cython.Py_ssize_t
        block: cython.Py_ssize_t = max(1, min(256, 32768 // max(1, self._slots)))  # which the cache holds
        space: _Space = None
        for start in range(0, count, block):
            n = min(block, count - start)
            if space is None or space.lanes != n:
                space = _space(self, n)
                for k in range(self._parameters):
                    _spread(space.numbers, self._inputs + k, n, given.numbers[k])
            w: cython.p_double = space.numbers
            k = 0
            for source in sources:
                for row in range(min(source.size // count, self._inputs - k)):
                    for lane in range(n):
                        w[k * n + lane] = source.numbers[row * count + start + lane]
                    k += 1
            if k < self._inputs:
                raise errors.ShapeError(f"each part of the inputs has {count} lanes, got parts that have not")
            _sweep(self._calls, self._code, self._length, w, space.spare, n)
            for k in range(self._outputs):
                for lane in range(n):
                    target.numbers[k * count + start + lane] = w[self._results[k] * n + lane]


@cython.final
@cython.cclass
class _Space:
    """Where a program runs: for each slot a number a lane, and room for what one function reads."""

    numbers: cython.p_double
    spare: cython.p_double
    lanes: cython.Py_ssize_t
    _array: object


@cython.cfunc
def _space(executor: Executor, n: cython.Py_ssize_t) -> _Space:
    """A space with its constants."""
    space: _Space = _Space.__new__(_Space)
    space._array = array("d", bytes(8 * (executor._slots * n + executor._widest)))
    space.numbers, space.lanes = _doubles(space._array), n
    space.spare = space.numbers + executor._slots * n if cython.compiled else [0.0] * executor._widest
    for slot, number in executor._constants:
        _spread(space.numbers, slot, n, number)
    return space


@cython.final
@cython.cclass
class _View:
    """The numbers of an array, where they are."""

    numbers: cython.p_double
    size: cython.Py_ssize_t
    dimensions: cython.Py_ssize_t
    rows: cython.Py_ssize_t
    _memory: memoryview


@cython.final
@cython.cclass
class OnRows:
    """Operations on the rows of an array (rows, lanes) of float64, which are their slots: calling it runs them.

    written  an encoding.Code without calls
    """

    __slots__ = ("_executor", "_lanes", "_room", "_rows", "_view")

    _executor: Executor
    _lanes: cython.Py_ssize_t
    _room: object
    _view: _View

    def __init__(self, written, rows):
        _refuse_again(self, self._executor if cython.compiled else getattr(self, "_executor", None))
        executor: Executor = Executor.__new__(Executor)
        view = _view("rows", rows, True)
        if view.dimensions != 2:
            raise errors.ShapeError(f"OnRows(written, rows) takes rows of lanes, got {errors.received(rows)}")
        executor._slots = view.rows
        executor._take(written)
        self._view, self._lanes = view, view.size // max(1, view.rows)
        self._room = array("d", bytes(8 * executor._widest))
        self._executor = executor

    def __reduce__(self):
        raise errors.not_copied(self, "make another")

    def __call__(self):
        executor = self._executor
        if cython.compiled and executor is None:
            raise errors.not_made(self)
        _sweep(executor._calls, executor._code, executor._length, self._view.numbers, _doubles(self._room), self._lanes)


def hold_the_same(containers: list, items: list):
    """Whether what stands in the containers, one after the other, is these items and no others: thousands at a time."""
    count: cython.Py_ssize_t = len(items)
    k: cython.Py_ssize_t = 0
    for container in containers:
        if type(container) is list:
            for item in cython.cast(list, container):
                if k == count or items[k] is not item:
                    return False
                k += 1
        else:
            for item in container:
                if k == count or items[k] is not item:
                    return False
                k += 1
    return k == count


@cython.cfunc
def _view(who, given, writable: cython.bint) -> _View:
    """A view of a float64 array in C order, or, unless it is to be written, of a copy of other numbers."""
    view: _View = _View.__new__(_View)
    try:
        memory = memoryview(given)
        suits: cython.bint = memory.format == "d" and memory.c_contiguous and not (writable and memory.readonly)
    except (TypeError, BufferError):
        suits = False
    if not suits:
        if writable:
            raise TypeError(f"{who} takes a writable float64 array in C order, got {errors.received(given)}")
        memory = memoryview(array("d", [_real(who, x) for x in _listed(who, given)]))
    view._memory, view.size, view.dimensions = memory, memory.nbytes // 8, memory.ndim
    view.rows = memory.shape[0] if memory.ndim else 0
    if cython.compiled:
        view.numbers = cython.cast(cython.p_double, PyMemoryView_GET_BUFFER(memory).buf)
    else:
        view.numbers = memory.cast("B").cast("d") if memory.nbytes else []
    return view


@cython.cfunc
def _listed(who, given):
    """The numbers of a list or tuple, or of an array of any kind and shape."""
    if isinstance(given, (list, tuple)):
        return given
    if hasattr(given, "ravel"):
        given = given.ravel()
    if not hasattr(given, "tolist"):
        raise TypeError(f"{who} takes a list, a tuple or an array of numbers, got {errors.received(given)}")
    return given.tolist()


@cython.cfunc
@cython.boundscheck(True)  # a number's __float__ may shorten the list
@cython.exceptval(-1)
def _read(who, given, w: cython.p_double, start: cython.Py_ssize_t, count: cython.Py_ssize_t) -> cython.int:
    k: cython.Py_ssize_t
    if type(given) is list or type(given) is tuple:
        _check_size(who, len(given), count)
        for k in range(count):
            x = given[k]
            w[start + k] = x if type(x) is float else _real(who, x)
        return 0
    view: _View = _view(who, given, False)
    _check_size(who, view.size, count)
    for k in range(count):
        w[start + k] = view.numbers[k]
    return 0


@cython.cfunc
def _refuse_again(made, before) -> cython.void:
    """Raises TypeError where what __init__ makes is there: others may hold addresses of it."""
    if before is not None:
        raise errors.made_already(made)


@cython.cfunc
@cython.exceptval(-1)
def _check_slot(slot: cython.Py_ssize_t, slots: cython.Py_ssize_t) -> cython.int:
    if not 0 <= slot < slots:
        raise ValueError(f"an operation reads or writes the number {slot} of {slots}: the program is not well formed")
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _check_code(
    calls: list, code: cython.p_int, end: cython.Py_ssize_t, slots: cython.Py_ssize_t, widest: cython.Py_ssize_t
) -> cython.int:
    """Raises ValueError where what _sweep would do leads out of the slots, the room, the functions or the code."""
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
        elif operation == SUMS and i + 5 < end:
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
            raise ValueError("the operations of a program are cut short, or none that there are")
        _check_slot(code[i + 1], slots)
        if operation == CALL:
            _check_call(calls, code[i + 2], slots)
        elif ONE <= operation <= MANY:
            _check_function(operation, code[i + 2])
        for k in range(first, first + length):
            if operation != CALL and (operation != SUMS or not i + 3 <= k < i + 6):
                _check_slot(code[k], slots)
        i = first + length
    return 0


@cython.cfunc
def _check_call(calls: list, which: cython.Py_ssize_t, slots: cython.Py_ssize_t) -> cython.void:
    if not 0 <= which < len(calls):
        raise ValueError(f"a program calls the row {which} of {len(calls)}")
    _, args = calls[which]
    for arg in args:
        for slot in arg if type(arg) is tuple else (arg,):
            _check_slot(slot, slots)


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
        raise ValueError(f"a program calls the function {which}, which is not known")


@cython.cfunc
@cython.exceptval(-1)
def _check_size(who, size: cython.Py_ssize_t, needed: cython.Py_ssize_t) -> cython.int:
    if size < needed:
        raise errors.ShapeError(f"the program needs {needed} numbers in {who}, got {size}")
    return 0


@cython.cfunc
def _real(who, x) -> cython.double:
    if not isinstance(x, numbers.Real):
        raise errors.not_a_number(who, x)
    return float(x)


@cython.cfunc
def _doubles(given) -> cython.p_double:
    if cython.compiled:
        return cython.cast(cython.p_double, cython.cast(cython.size_t, given.buffer_info()[0]))
    return given


@cython.cfunc
def _integers(given) -> cython.p_int:
    if cython.compiled:
        return cython.cast(cython.p_int, cython.cast(cython.size_t, given.buffer_info()[0]))
    return given


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _spread(w: cython.p_double, slot: cython.Py_ssize_t, n: cython.Py_ssize_t, number: cython.double) -> cython.void:
    lane: cython.Py_ssize_t
    for lane in range(n):
        w[slot * n + lane] = number


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
) -> cython.int:
    """Runs the code on n lanes: those of a slot stand together. There is room at xs for what one function reads."""
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
                w[d + lane] = _divide(w[a + lane], w[b + lane])
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
        elif operation == SUMS:
            _sums(code, i + 2, w, d, n)
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
def _call(call: tuple, w: cython.p_double, n: cython.Py_ssize_t, lane: cython.Py_ssize_t):
    """What a row gives for the numbers of a lane."""
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
    code: cython.p_int, i: cython.Py_ssize_t, w: cython.p_double, d: cython.Py_ssize_t, n: cython.Py_ssize_t
) -> cython.void:
    """Writes start + the pairs' products + plus - minus at d, from left to right."""
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
    if i + 4 < plus:  # start and the first product in one pass
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


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _divide(a: cython.double, b: cython.double) -> cython.double:
    if cython.compiled:
        return a / b
    return ieee.divide(a, b)


# What follows are rows' values in C, where its library has none.
_inf, _pi, _sqrt_half, _period = math.inf, math.pi, math.sqrt(0.5), 128.0 / 29.0 * math.pi
_rules = [array("d", [row[k] for k in (0, 1) for row in rule]) for rule in (ieee._ERFC_RULE, ieee._NORMCDF_RULE)]
_nan, _sqrt_2_pi = math.nan, math.sqrt(2.0 * math.pi)
_mills_nodes = array("d", [row[k] for k in (0, 1) for row in ieee._mills_rule()])
_mills_rule, _mills_count = _doubles(_mills_nodes), len(ieee._mills_rule())
_erfc_rule, _normcdf_rule, _nodes = _doubles(_rules[0]), _doubles(_rules[1]), len(ieee._ERFC_RULE)


def _softplus(x):
    return (0.0 if x < 0.0 else x) + c.log1p(c.exp(-c.fabs(x)))


def _cbrt(x):
    if x == 0.0 or x - x != 0.0:
        return x
    y = c.copysign(c.pow(c.fabs(x), 1.0 / 3.0), x)
    return y - (y - x / (y * y)) / 3.0


def _sinc(x):
    if x == 0.0 or x - x != 0.0:
        return 1.0 if x == 0.0 else x - x
    size = c.fabs(x)
    part = c.fmod(size, 2.0)
    return c.sin(_pi * max(min(part, 1.0 - part), part - 2.0)) / (_pi * size)


def _logit(p):
    return c.log(p / (1.0 - p)) if p < 0.25 else 2.0 * c.atanh(2.0 * p - 1.0)


def _xlogy(x, y):
    return 0.0 if x == 0.0 and y == y else x * c.log(y)


def _logaddexp(a, b):
    top = b if a < b else a
    other = a if a < b else b
    if not (top < _inf and other < _inf and top > -_inf):
        return a + b if a != a or b != b else top
    if c.fabs(top) > 16.0:
        return top + c.log1p(c.exp(other - top))
    return top + c.log1p(c.exp(other) * c.exp(-top))


def _silu(x):
    if x < 0.0:
        half = c.exp(0.5 * x)
        return x * half / (1.0 + half * half) * half
    return x / (1.0 + c.exp(-x))


def _relu(x):
    return 0.0 if x <= 0.0 else x


def _step(x):
    return 1.0 if x > 0.0 else 0.0 if x <= 0.0 else x


def _sign(x):
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 if x == 0.0 else x


def _mod(a, b):
    y = c.fmod(a, b)
    if y == 0.0:
        return c.copysign(0.0, b)
    return y + b if (y < 0.0) != (b < 0.0) else y


def _maximum(a, b):
    return a if a != a or a > b else b


def _minimum(a, b):
    return a if a != a or a < b else b


def _less(a, b):
    return 1.0 if a < b else 0.0


def _less_equal(a, b):
    return 1.0 if a <= b else 0.0


def _equal(a, b):
    return 1.0 if a == b else 0.0


def _not_equal(a, b):
    return 1.0 if a != b else 0.0


def _leaky_relu(x, slope):
    return x if x > 0.0 else slope * x


def _elu(x, alpha):
    return x if x > 0.0 else alpha * c.expm1(x)


def _clip(xs, n):
    return _minimum(_maximum(xs[0], xs[1]), xs[2])


def _where(xs, n):
    return xs[1] if xs[0] != 0.0 else xs[2]


def _prod(xs, n):
    k: cython.Py_ssize_t
    product = 1.0
    for k in range(n):
        product *= xs[k]
    return product


def _exact_sum(xs, n):
    """The sum of positive numbers with a rounding error that does not grow with n (Kahan 1965)."""
    k: cython.Py_ssize_t
    total = 0.0
    lost = 0.0
    for k in range(n):
        term = xs[k] - lost
        after = total + term
        lost = (after - total) - term
        total = after
    return total


def _logsumexp(xs, n):
    k: cython.Py_ssize_t
    largest: cython.Py_ssize_t = 0
    top = -_inf
    for k in range(n):
        if xs[k] != xs[k]:
            return xs[k]
        if xs[k] > top:
            largest, top = k, xs[k]
    if top - top != 0.0:
        return top
    shift = top if c.fabs(top) > 16.0 else 0.0
    for k in range(n):
        xs[k] = c.exp(xs[k] - shift) if k != largest else 0.0
    return top + c.log1p(_exact_sum(xs, n) * c.exp(shift - top))


def _unit(xs, n):
    """What huge numbers are multiplied with first."""
    k: cython.Py_ssize_t
    for k in range(n):
        if c.fabs(xs[k]) > 1e300:
            return 0.25
    return 1.0


def _deviations(xs, n):
    """Writes differences from their mean in the place of numbers, or quarters of them; gives the largest, or nan."""
    k: cython.Py_ssize_t
    low = _inf
    high = -_inf
    for k in range(n):
        if xs[k] - xs[k] != 0.0:
            return _nan
        low = min(low, xs[k])
        high = max(high, xs[k])
    unit = _unit(xs, n)
    middle = low * unit if low == high else 0.5 * (low * unit) + 0.5 * (high * unit)
    share = 1.0 if unit == 1.0 else 1.0 / n
    rest = 0.0
    for k in range(n):
        xs[k] = xs[k] * unit - middle
        rest += xs[k] * share
    if unit == 1.0:
        rest /= n
    top = 0.0
    for k in range(n):
        xs[k] -= rest
        top = max(top, c.fabs(xs[k]))
    return top


def _mean_square(xs, n, top):
    """The sum of squares of n - 1 differences, in units of the largest, over their number without xs[n - 1]."""
    k: cython.Py_ssize_t
    count = _maximum(n - 1 - xs[n - 1], 0.0)
    for k in range(n - 1):
        xs[k] = (xs[k] / top) * (xs[k] / top) if top != 0.0 else 0.0
    return _divide(_exact_sum(xs, n - 1), count)


def _var(xs, n):
    unit = _unit(xs, n - 1)
    top = _deviations(xs, n - 1)
    square = _mean_square(xs, n, top)
    return top * (square * top) / unit / unit if top != 0.0 else square


def _std(xs, n):
    unit = _unit(xs, n - 1)
    top = _deviations(xs, n - 1)
    square = _mean_square(xs, n, top)
    return top * c.sqrt(square) / unit if top != 0.0 else square


def _norm(xs, n):
    k: cython.Py_ssize_t
    top = 0.0
    for k in range(n):
        if xs[k] != xs[k]:
            return xs[k]
        top = max(top, c.fabs(xs[k]))
    if top == 0.0 or top == _inf:
        return top
    for k in range(n):
        xs[k] = (xs[k] / top) * (xs[k] / top)
    return top * c.sqrt(_exact_sum(xs, n))


def _tail_ratio(x, scale, rule):
    """ieee's."""
    k: cython.Py_ssize_t
    z = x * c.sqrt(scale)
    total = 0.0
    if z < 6.9:
        total = 2.0 * scale * c.exp(z * (z - _period)) / (1.0 + c.exp(-_period * z))
    for k in range(_nodes - 1, -1, -1):
        total += rule[_nodes + k] / (x + rule[k] / x)
    return total


def _tail(factor, x, scale, rule):
    """ieee's _gauss_tail."""
    total = factor * _tail_ratio(x, scale, rule)
    head = 134217729.0 * x
    head -= head - x
    total += total * c.expm1(scale * (head - x) * (head + x))
    return total * c.exp(-scale * head * head)


def _erfc(x):
    if not x > 0.5:
        return c.erfc(x)
    return _tail(1.0, x, 1.0, _erfc_rule) if x < 40.0 else 0.0


def _normcdf(x):
    if not x < -0.7:
        return 0.5 * c.erfc(-x * _sqrt_half)
    return _tail(1.0, -x, 0.5, _normcdf_rule) if x > -40.0 else 0.0


def _log_ndtr(x):
    if x < -0.7:
        return c.log(_tail_ratio(-x, 0.5, _normcdf_rule)) - 0.5 * x * x if x > -_inf else x
    return c.log(_normcdf(x)) if x < 0.0 else c.log1p(-_normcdf(-x))


def _mills(n, x):
    k: cython.Py_ssize_t
    if not (0.0 <= n <= 20.0 and c.floor(n) == n) or x != x:
        return _nan
    if x == _inf:
        return 0.0
    order: cython.Py_ssize_t = int(n)
    value = 0.0
    if x < -1.0:
        if x < -1e9:
            value = _inf
        else:
            head = 134217729.0 * x
            head -= head - x
            value = c.exp(0.5 * head * head) * c.exp(0.5 * (x - head) * (x + head)) * _normcdf(-x) * _sqrt_2_pi
        before = 1.0
        for k in range(order):
            after = (k * before if k else 1.0) - x * value
            before, value = value, after
        return value
    scale = 1.0
    if x >= 2.0:
        scale = c.exp2(c.floor(c.log2(x)))
    half = 0.5 / scale / scale
    lost = 0.0
    for k in range(_mills_count):  # as _exact_sum
        u = _mills_rule[k]
        term = _mills_rule[_mills_count + k] * c.pow(u, n) * c.exp(-u * (half * u + x / scale)) - lost
        after = value + term
        lost = (after - value) - term
        value = after
    return value / scale * c.pow(scale, -n)


def _erfinv(x):
    if not c.fabs(x) <= 0.5:
        if not c.fabs(x) <= 1.0:
            return _nan
        return c.copysign(_sqrt_half * _ndtri(0.5 - 0.5 * c.fabs(x)), x)
    w = 0.5 * c.sqrt(_pi) * x
    y = w * (1.0 + w * w * (1.0 / 3.0 + w * w * (7.0 / 30.0 + w * w * (127.0 / 630.0))))
    off = (c.erf(y) - x) * (0.5 * c.sqrt(_pi)) * c.exp(y * y)
    y -= off / (1.0 + y * off)
    off = (c.erf(y) - x) * (0.5 * c.sqrt(_pi)) * c.exp(y * y)
    return y - off / (1.0 + y * off)


def _ndtri(p):
    k: cython.Py_ssize_t
    if p > 0.75:
        return 0.0 - _ndtri(1.0 - p)
    if p > 0.25:
        return c.sqrt(2.0) * _erfinv(2.0 * p - 1.0)
    if not p > 0.0:
        return -_inf if p == 0.0 else _nan
    logarithm = c.log(p)
    t = c.sqrt(-2.0 * logarithm)
    y = (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
    for k in range(3):
        ratio = _tail_ratio(-y, 0.5, _normcdf_rule)
        slope = 1.0 / (_sqrt_2_pi * ratio)
        if k < 2:
            off = (c.log(ratio) - 0.5 * y * y - logarithm) / slope
            y -= off / (1.0 + 0.5 * off * (slope + y))
        elif p > 1e-300:
            y -= (1.0 - p / _normcdf(y)) / slope
    return y


def _gelu(x):
    return _tail(x, -x, 0.5, _normcdf_rule) if -40.0 < x < -0.7 else x * _normcdf(x)


def _lgamma(x):
    """C's, but by reflection (Abramowitz & Stegun 6.1.17) where it has roots that C's own may miss."""
    if not -_inf < x < -1.0:
        return c.lgamma(x)
    distance = c.fabs(c.remainder(x, 1.0))
    return c.log(_pi / -x / c.sin(_pi * distance)) - c.lgamma(-x) if distance != 0.0 else _inf


@cython.cfunc
def _one(op, form: One) -> cython.void:
    forms[op] = ONE, op.code
    ones[op.code] = form


@cython.cfunc
def _lanes(op, form: Lanes) -> cython.void:
    if cython.compiled:
        forms[op] = LANES, op.code
        all_lanes[op.code] = form
    else:  # where there are no vectors, one by one is quicker
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


# The code of a row's operation and, where that calls a function, its place among them.
forms: dict = {ops.add: (ADD,), ops.sub: (SUB,), ops.mul: (MUL,), ops.div: (DIV,), ops.neg: (NEG,)}
_one(ops.abs, c.fabs)
_lanes(ops.sqrt, vector_math.sqrt)
_one(ops.cbrt, _cbrt)
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
_one(ops.sinc, _sinc)
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
_one(ops.logit, _logit)
_one(ops.softplus, _softplus)
_one(ops.relu, _relu)
_one(ops.gelu, _gelu)
_one(ops.silu, _silu)
_one(ops.step, _step)
_one(ops.sign, _sign)
_one(ops.floor, c.floor)
_one(ops.ceil, c.ceil)
_one(ops.trunc, c.trunc)
_one(ops.round, c.rint)
_lanes(ops.erf, vector_math.erf)
_one(ops.erfc, _erfc)
_one(ops.normcdf, _normcdf)
_one(ops.log_ndtr, _log_ndtr)
_one(ops.erfinv, _erfinv)
_one(ops.ndtri, _ndtri)
_two(ops.mills, _mills)
_one(ops.lgamma, _lgamma)
_two(ops.fmod, c.fmod)
_two(ops.mod, _mod)
_two(ops.pow, c.pow)
_two(ops.xlogy, _xlogy)
_two(ops.atan2, c.atan2)
_two(ops.hypot, c.hypot)
_two(ops.logaddexp, _logaddexp)
_two(ops.leaky_relu, _leaky_relu)
_two(ops.elu, _elu)
_two(ops.maximum, _maximum)
_two(ops.minimum, _minimum)
_two(ops.less, _less)
_two(ops.less_equal, _less_equal)
_two(ops.equal, _equal)
_two(ops.not_equal, _not_equal)
_many(ops.clip, _clip)
_many(ops.where, _where)
_many(ops.prod, _prod)
_many(ops.logsumexp, _logsumexp)
_many(ops.norm, _norm)
_many(ops.var, _var)
_many(ops.std, _std)

if compiled:
    warn_of_stale(__name__, source_hash)
