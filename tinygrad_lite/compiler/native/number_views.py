# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""Reads numbers from lists, tuples and arrays, and writes numbers to arrays, in place."""

import numbers
from array import array

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ... import errors
from ...source.engine_choice import warn_of_stale

if cython.compiled:
    from cython.cimports.cpython.memoryview import PyMemoryView_GET_BUFFER

compiled: bool = cython.compiled
source_hash = "786d8dda"


@cython.final
@cython.cclass
class View:
    """The numbers of an array, in place; `copied` if they are a copy."""

    __slots__ = ("_memory", "copied", "numbers", "shape", "size")


@cython.cfunc
def view_of(who, given, writable: cython.bint) -> View:
    """A view of a float64 array in C order. Other numbers are copied first, unless the view is writable."""
    view: View = view_in_place(given, writable)
    if view is None:
        if writable:
            raise TypeError(f"{who} takes a writable float64 array in C order, got {errors.received(given)}")
        view = view_in_place(array("d", [_real(who, x) for x in _listed(who, given)]), False)
        view.copied = True
    return view


@cython.cfunc
def view_in_place(given, writable: cython.bint) -> View:
    """A view of a float64 array in C order; None for anything else."""
    try:
        memory = memoryview(given)
        if memory.format != "d" or not memory.c_contiguous or (writable and memory.readonly):
            return None
    except (TypeError, BufferError):
        return None
    view: View = View.__new__(View)
    view._memory, view.size, view.shape, view.copied = memory, memory.nbytes // 8, memory.shape, False
    if cython.compiled:
        view.numbers = cython.cast(cython.p_double, PyMemoryView_GET_BUFFER(memory).buf)
    else:
        view.numbers = memory.cast("B").cast("d") if memory.nbytes else []
    return view


@cython.final
@cython.cclass
class Rows:
    """Rows of numbers in place, with a number for each lane.

    size   how many numbers there are
    count  how many rows there are
    lanes  how many lanes stand evenly spaced, one after the other; then begins another step, with as many
    apart, step, lane  how far it is from one row to the next, from one step, from one lane
    """

    __slots__ = ("_memory", "apart", "count", "lane", "lanes", "numbers", "size", "step")

    @cython.cfunc
    @cython.exceptval(check=False)
    def copy(
        self, rows: cython.Py_ssize_t, w: cython.p_double, n: cython.Py_ssize_t, start: cython.Py_ssize_t
    ) -> cython.void:
        """Copies n lanes of the first rows to w, from one lane on."""
        row: cython.Py_ssize_t
        done: cython.Py_ssize_t
        k: cython.Py_ssize_t
        for row in range(rows):
            done = 0
            while done < n:
                first: cython.Py_ssize_t = (start + done) % self.lanes
                some: cython.Py_ssize_t = min(n - done, self.lanes - first)
                to: cython.Py_ssize_t = row * n + done
                of: cython.Py_ssize_t = row * self.apart + (start + done) // self.lanes * self.step + first * self.lane
                if self.lane == 1:
                    for k in range(some):
                        w[to + k] = self.numbers[of + k]
                else:
                    for k in range(some):
                        w[to + k] = self.numbers[of + k * self.lane]
                done += some


@cython.cfunc
def rows_of(who, given, lanes: cython.Py_ssize_t) -> Rows:
    """Rows of this many lanes: of a float64 array (rows, lanes) or (rows, steps, lanes), or of other numbers."""
    rows: Rows = Rows.__new__(Rows)
    rows.lanes, rows.step, rows.lane = max(1, lanes), 0, 1
    try:
        memory = memoryview(given)
        strides = [stride // 8 for stride in memory.strides]
        is_even = sum([stride % 8 for stride in memory.strides]) == 0
    except (TypeError, BufferError):
        is_even = False
    if is_even and memory.format == "d" and len(strides) > 1 and memory.nbytes == 8 * memory.shape[0] * lanes:
        if not cython.compiled and not memory.c_contiguous:
            memory = memoryview(memory.tobytes()).cast("B").cast("d", memory.shape)
            strides = [stride // 8 for stride in memory.strides]
        rows._memory, rows.size, rows.count = memory, memory.nbytes // 8, memory.shape[0]
        rows.apart, rows.lane = strides[0], strides[len(strides) - 1]
        if len(strides) == 3 and memory.shape[2] == 1:
            rows.lane = strides[1]
        elif len(strides) == 3 and strides[1] != memory.shape[2] * strides[2]:
            rows.lanes, rows.step = max(1, memory.shape[2]), strides[1]
        if cython.compiled:
            rows.numbers = cython.cast(cython.p_double, PyMemoryView_GET_BUFFER(memory).buf)
        else:
            rows.numbers = memory.cast("B").cast("d") if memory.nbytes else []
        return rows
    view: View = view_of(who, given, False)
    rows._memory, rows.numbers, rows.size = view, view.numbers, view.size
    rows.count, rows.apart = view.size // rows.lanes, rows.lanes
    return rows


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
def read(who, given, w: cython.p_double, start: cython.Py_ssize_t, count: cython.Py_ssize_t) -> cython.int:
    k: cython.Py_ssize_t
    if type(given) is list or type(given) is tuple:
        check_size(who, len(given), count)
        for k in range(count):
            x = given[k]
            w[start + k] = x if type(x) is float else _real(who, x)
        return 0
    view: View = view_of(who, given, False)
    check_size(who, view.size, count)
    for k in range(count):
        w[start + k] = view.numbers[k]
    return 0


@cython.cfunc
@cython.exceptval(-1)
def check_size(who, size: cython.Py_ssize_t, needed: cython.Py_ssize_t) -> cython.int:
    if size < needed:
        raise errors.ShapeError(f"the program needs {needed} numbers in {who}, got {size}")
    return 0


@cython.cfunc
def _real(who, x) -> cython.double:
    if not isinstance(x, numbers.Real):
        raise errors.not_a_number(who, x)
    return float(x)


@cython.cfunc
def doubles(given) -> cython.p_double:
    if cython.compiled:
        return cython.cast(cython.p_double, cython.cast(cython.size_t, given.buffer_info()[0]))
    return given


@cython.cfunc
def integers(given) -> cython.p_int:
    if cython.compiled:
        return cython.cast(cython.p_int, cython.cast(cython.size_t, given.buffer_info()[0]))
    return given


if compiled:
    warn_of_stale(__name__, source_hash)
