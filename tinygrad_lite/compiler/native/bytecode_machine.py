# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""The native executor: runs a Program operation by operation, in one loop over one array of doubles.

It is for programs that are too small or too irregular for array calls. Like the engine, it is plain Python that Cython
compiles to C. Compiled, an operation makes no Python object, except those without a C function (polygamma, custom
ones), whose row's value is called with floats. Results agree with the rows within 4 ulps; a test compares each row with
its C form.
"""

import mmap
from array import array

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ... import errors, ops
from ...source.engine_choice import warn_of_stale
from .bytecode import Encoding
from .bytecode_functions import forms

if not cython.compiled:
    import ctypes

    from .bytecode_functions import check_code, check_slot
    from .bytecode_loop import run_code
    from .number_views import Rows, View, check_size, doubles, integers, read, rows_of, view_of

    InC = object

compiled: bool = cython.compiled
_MOST_LANES = 1 << 40
source_hash = "2b0e8a37"


@cython.final
@cython.cclass
class _Space:
    """The memory of one run: for each slot one number per lane, and spare room for the numbers one function reads."""


@cython.final
@cython.cclass
class Executor:
    """A Program made ready to run; later changes of the Program have no effect on it.

    in_c  from the Encoding of the program, the address of a function in C that runs it for one lane; None or 0: no such
          function. It gets the slots and room for the numbers one function reads, and returns 1 if the index of a
          `take` is none: the room then holds it and the length of the table

    run(parameters, inputs, out=None)      one set of inputs; returns the results as floats, or writes them to out
    batch(parameters, parts, lanes, out)   many sets of inputs at once; writes the results to out
    sums(parameters, parts, lanes, out)    the same, but writes only their sums over the lanes
    loop(parameters, table, carry, kept, backward)   step by step, the first results being inputs of the next step
    Numbers are a list or tuple of real numbers, or an array of any shape (a float64 array in C order is not copied);
    out is such an array. Parts have the shape (some inputs, lanes) or (some inputs, steps, lanes of a step), and any
    strides. Raises ShapeError for too few numbers, TypeError for anything but numbers, and what operations raise
    (IndexError for take). Threads may share an Executor.

    >>> from tinygrad_lite import ops
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
        "_in_c",
        "_inputs",
        "_latest",
        "_length",
        "_outputs",
        "_parameters",
        "_results",
    )
    __slots__ += ("_slots", "_spaces", "_spread", "_wide", "_widest")

    def __init__(self, program, in_c=None):
        _refuse_again(self, self._arrays if cython.compiled else getattr(self, "_arrays", None))
        encoding = Encoding(program, forms)
        self._inputs, self._parameters, self._slots = encoding.inputs, encoding.parameters, encoding.slots
        self._constants, self._outputs, self._latest = encoding.constants, len(encoding.results), ((), None)
        for slot in (*encoding.results, *[slot for slot, _ in encoding.constants]):
            check_slot(slot, self._slots)
        self._take(encoding.written)
        self._arrays, self._results = (*self._arrays, encoding.results), integers(encoding.results)
        self._spaces, self._wide, self._spread = [_space(self, 1)], [], sorted(encoding.spread)
        address = 0 if in_c is None else in_c(encoding)
        if cython.compiled:
            self._in_c = cython.cast(InC, cython.cast(cython.size_t, address))
        else:
            self._in_c = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(address) if address else None

    @cython.cfunc
    def _take(self, written) -> cython.void:
        """Copies the operations to run and checks that they stay within the slots."""
        code = array("i", written.numbers)
        self._calls, self._widest = [*written.calls], max(2, written.widest)
        self._code, self._length = integers(code), len(code)
        if cython.compiled:
            check_code(self._calls, self._code, self._length, self._slots, self._widest)
        self._arrays = (code,)

    @cython.cfunc
    @cython.exceptval(-1)
    def _sweep(self, space: _Space, n: cython.Py_ssize_t) -> cython.int:
        """Runs the program on the n lanes of a space."""
        if n != 1 or not self._in_c:
            return run_code(
                self._calls, self._code, self._length, space.numbers, space.spare, n,
                space.numbers if n == 1 else space.shared, 1,
            )  # fmt: skip
        if cython.compiled:
            failed: cython.int = self._in_c(space.numbers, space.spare)
        else:
            failed = self._in_c(space.numbers.buffer_info()[0], space.spare.buffer_info()[0])
        return ops.position(space.spare[0], int(space.spare[1])) if failed else 0

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
        space: _Space = _idle_space(self)
        w: cython.p_double = space.numbers
        try:
            read("inputs", inputs, w, 0, self._inputs)
            self._read_parameters(parameters, w)
            self._sweep(space, 1)
            if out is None:
                return [w[self._results[k]] for k in range(self._outputs)]
            target: View = view_of("out", out, True)
            check_size("out", target.size, self._outputs)
            for k in range(self._outputs):
                target.numbers[k] = w[self._results[k]]
        finally:
            self._spaces.append(space)

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_parameters(self, given, w: cython.p_double) -> cython.int:
        """The parameters' numbers; where an array is given again, its buffer is known already."""
        k: cython.Py_ssize_t
        if self._parameters == 0:
            return 0
        known, view = self._latest  # one tuple, so that threads never see the half of it
        if known is not given:
            if type(given) is list or type(given) is tuple:
                return read("parameters", given, w, self._inputs, self._parameters)
            view = view_of("parameters", given, False)
            check_size("parameters", cython.cast(View, view).size, self._parameters)
            if not cython.cast(View, view).copied:
                self._latest = given, view
        numbers: cython.p_double = cython.cast(View, view).numbers
        for k in range(self._parameters):
            w[self._inputs + k] = numbers[k]
        return 0

    def batch(self, parameters, parts, lanes, out):
        """Writes the outputs of all lanes, (outputs, lanes), to out."""
        self._run_blocks(parameters, parts, lanes, out, False)

    def sums(self, parameters, parts, lanes, out):
        """Writes the sums of the outputs over all lanes to out."""
        self._run_blocks(parameters, parts, lanes, out, True)

    @cython.cfunc
    @cython.exceptval(-1)
    def _run_blocks(self, parameters, parts, lanes, out, summed: cython.bint) -> cython.int:
        """Runs blocks of lanes, whose numbers stay in the cache."""
        if cython.compiled and self._arrays is None:
            raise errors.not_made(self)
        if not 0 <= lanes <= _MOST_LANES // max(1, self._inputs, self._outputs):
            raise ValueError(f"batch(..., lanes) takes a whole number, 0 or larger, got {lanes}")
        count: cython.Py_ssize_t = lanes
        start: cython.Py_ssize_t
        n: cython.Py_ssize_t
        k: cython.Py_ssize_t
        lane: cython.Py_ssize_t
        given: View = view_of("parameters", parameters, False)
        source: Rows
        sources: list = [rows_of("inputs", part, count) for part in parts]
        target: View = view_of("out", out, True)
        check_size("parameters", given.size, self._parameters)
        size: cython.Py_ssize_t = 0
        rows: cython.Py_ssize_t = 0
        for source in sources:
            size += source.size
            rows += source.count
        check_size("inputs", size, self._inputs * count)
        if rows < self._inputs:
            raise errors.ShapeError(f"each part of the inputs must have {count} lanes, got parts that do not")
        check_size("out", target.size, self._outputs * (1 if summed else count))
        block: cython.Py_ssize_t = _block(self, count)
        space: _Space = _wide_space(self, block)
        w: cython.p_double = space.numbers
        for k in range(self._outputs if summed else 0):
            target.numbers[k] = 0.0
        for start in range(0, count, block):
            n = min(block, count - start)
            _fill(self, space, n, given)
            k = 0
            for source in sources:
                rows = min(source.count, self._inputs - k)
                source.copy(rows, w + k * n if cython.compiled else memoryview(w)[k * n :], n, start)
                k += rows
            self._sweep(space, n)
            for k in range(self._outputs):
                if summed:
                    target.numbers[k] += _total(w, self._results[k] * n, n)
                else:
                    for lane in range(n):
                        target.numbers[k * count + start + lane] = w[self._results[k] * n + lane]
        self._wide.append(space)
        return 0

    def loop(self, parameters, table, carry, kept, backward):
        """Runs the program once a step, from the carry and what the step reads to the next carry and what is kept.

        table  what steps read, (numbers, steps, lanes)
        carry  (numbers, steps + 1, lanes); the first is given, or the last if the steps run backward. The others are
               filled in
        kept   (numbers, steps, lanes), filled in
        """
        if cython.compiled and self._arrays is None:
            raise errors.not_made(self)
        carried: cython.Py_ssize_t = carry.shape[0]
        times: cython.Py_ssize_t = carry.shape[1]
        count: cython.Py_ssize_t = carry.shape[2]
        steps: cython.Py_ssize_t = times - 1
        given: View = view_of("parameters", parameters, False)
        source: View = view_of("table", table, False)
        target: View = view_of("carry", carry, True)
        others: View = view_of("kept", kept, True)
        if carried > self._outputs:
            raise errors.ShapeError(f"the program has {self._outputs} outputs, got a carry of {carried} numbers")
        check_size("parameters", given.size, self._parameters)
        check_size("table", source.size, (self._inputs - carried) * steps * count)
        check_size("carry", target.size, carried * times * count)
        check_size("kept", others.size, (self._outputs - carried) * steps * count)
        down: cython.bint = backward
        block: cython.Py_ssize_t = _block(self, count)
        space: _Space = _wide_space(self, block)
        w: cython.p_double = space.numbers
        start: cython.Py_ssize_t
        n: cython.Py_ssize_t
        k: cython.Py_ssize_t
        t: cython.Py_ssize_t
        now: cython.Py_ssize_t
        step: cython.Py_ssize_t
        lane: cython.Py_ssize_t
        for start in range(0, count, block):
            n = min(block, count - start)
            _fill(self, space, n, given)
            for step in range(steps):
                t = steps - 1 - step if down else step
                now = t + 1 if down else t
                for k in range(carried):
                    for lane in range(n):
                        w[k * n + lane] = target.numbers[(k * times + now) * count + start + lane]
                for k in range(carried, self._inputs):
                    for lane in range(n):
                        w[k * n + lane] = source.numbers[((k - carried) * steps + t) * count + start + lane]
                self._sweep(space, n)
                now = t if down else t + 1
                for k in range(carried):
                    for lane in range(n):
                        target.numbers[(k * times + now) * count + start + lane] = w[self._results[k] * n + lane]
                for k in range(carried, self._outputs):
                    for lane in range(n):
                        others.numbers[((k - carried) * steps + t) * count + start + lane] = w[
                            self._results[k] * n + lane
                        ]
        self._wide.append(space)


@cython.cfunc
@cython.exceptval(check=False)
def _total(w: cython.p_double, first: cython.Py_ssize_t, n: cython.Py_ssize_t) -> cython.double:
    """The sum of n numbers, in four parts, since an addition takes longer than it takes to begin the next one."""
    a: cython.double = 0.0
    b: cython.double = 0.0
    c: cython.double = 0.0
    d: cython.double = 0.0
    k: cython.Py_ssize_t
    for k in range(first, first + n - 3, 4):
        a += w[k]
        b += w[k + 1]
        c += w[k + 2]
        d += w[k + 3]
    for k in range(first + n // 4 * 4, first + n):
        a += w[k]
    return (a + b) + (c + d)


@cython.cfunc
def _space(executor: Executor, n: cython.Py_ssize_t) -> _Space:
    """A new space for n lanes."""
    space: _Space = _Space.__new__(_Space)
    size: cython.Py_ssize_t = 8 * (executor._slots * n + executor._widest)
    space._array = array("d", bytes(size))
    space.numbers, space.room = doubles(space._array), n
    space.spare = space.numbers + executor._slots * n if cython.compiled else array("d", bytes(8 * executor._widest))
    for slot, number in executor._constants if n == 1 else ():
        space.numbers[cython.cast(cython.Py_ssize_t, slot)] = number
    return space


@cython.cfunc
def _wide_space(executor: Executor, n: cython.Py_ssize_t) -> _Space:
    """A space for up to n lanes: one that was used before, since new memory costs as much as writing it several times.

    Slots of weights are never written, so that they take no memory.
    """
    space: _Space
    try:
        space = executor._wide.pop()
    except IndexError:
        space = None
    if space is not None and space.room >= n:
        return space
    if not cython.compiled:
        space = _space(executor, n)
    else:
        space = _Space.__new__(_Space)
        memory = mmap.mmap(-1, 8 * (executor._slots * n + executor._widest))
        space._array = view_of("space", memoryview(memory).cast("d"), True)
        space.numbers, space.room = cython.cast(View, space._array).numbers, n
        space.spare = space.numbers + executor._slots * n
    space._weights = array("d", bytes(8 * executor._slots))
    space.shared = doubles(space._weights)
    return space


@cython.cfunc
@cython.exceptval(-1)
def _fill(executor: Executor, space: _Space, n: cython.Py_ssize_t, parameters: View) -> cython.int:
    """Fills in the constants and the parameters, for n lanes."""
    k: cython.Py_ssize_t
    slot: cython.Py_ssize_t
    for number_of in executor._constants:
        slot = number_of[0]
        space.shared[slot] = number_of[1]
        _spread(space.numbers, slot, n, number_of[1])
    for k in range(executor._parameters):
        space.shared[executor._inputs + k] = parameters.numbers[k]
    for number_of in executor._spread if n > 1 else range(executor._parameters):
        k = number_of
        _spread(space.numbers, executor._inputs + k, n, parameters.numbers[k])
    return 0


@cython.cfunc
def _block(executor: Executor, count: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """How many of so many lanes run at once, so that their numbers stay in the cache: about as many in each block."""
    slots: cython.Py_ssize_t = executor._slots - executor._parameters + len(executor._spread)
    most: cython.Py_ssize_t = max(1, min(256, 32768 // max(1, slots)))
    blocks: cython.Py_ssize_t = max(1, (count + most - 1) // most)
    return max(1, (count + blocks - 1) // blocks)


@cython.cfunc
def _idle_space(executor: Executor) -> _Space:
    """A space for one lane. Calls that overlap, in another thread or inside an operation, take one each."""
    try:
        return executor._spaces.pop()
    except IndexError:
        return _space(executor, 1)


@cython.final
@cython.cclass
class OnRows:
    """Operations whose slots are the rows of a float64 array (rows, lanes). Calling it runs them.

    written  a bytecode.Code without calls
    """

    __slots__ = ("_executor", "_lanes", "_room", "_rows", "_view")

    _executor: Executor
    _lanes: cython.Py_ssize_t
    _room: object
    _view: View

    def __init__(self, written, rows):
        _refuse_again(self, self._executor if cython.compiled else getattr(self, "_executor", None))
        executor: Executor = Executor.__new__(Executor)
        view = view_of("rows", rows, True)
        if len(view.shape) != 2:
            raise errors.ShapeError(f"OnRows(written, rows) takes rows of lanes, got {errors.received(rows)}")
        executor._slots = view.shape[0]
        executor._take(written)
        self._view, self._lanes = view, view.size // max(1, view.shape[0])
        self._room = array("d", bytes(8 * executor._widest))
        self._executor = executor

    def __reduce__(self):
        raise errors.not_copied(self, "make another")

    def __call__(self):
        executor = self._executor
        if cython.compiled and executor is None:
            raise errors.not_made(self)
        run_code(
            executor._calls, executor._code, executor._length, self._view.numbers, doubles(self._room), self._lanes,
            self._view.numbers, self._lanes,
        )  # fmt: skip


def hold_the_same(containers: list, items: list):
    """Whether the containers, one after the other, hold exactly these items. A loop in C, since there are thousands."""
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
def _refuse_again(made, before) -> cython.void:
    """Raises TypeError if __init__ has run already: others may hold addresses of what it made."""
    if before is not None:
        raise errors.made_already(made)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _spread(w: cython.p_double, slot: cython.Py_ssize_t, n: cython.Py_ssize_t, number: cython.double) -> cython.void:
    lane: cython.Py_ssize_t
    for lane in range(n):
        w[slot * n + lane] = number


if compiled:
    warn_of_stale(__name__, source_hash)
