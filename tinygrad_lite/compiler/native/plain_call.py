# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""A call of a compiled function with plain numbers, from its arguments to its result, without a step in Python.

Of an array of numbers neither the arguments nor the result are looked at one by one outside of C.
"""

from array import array

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ... import errors
from ...source.engine_choice import warn_of_stale

if not cython.compiled:
    from .bytecode_machine import Executor, _idle_space, _refuse_again, _Space
    from .number_views import View, check_size, doubles, integers, view_in_place, view_of

compiled: bool = cython.compiled
source_hash = "94270a30"

MISSED = object()


@cython.final
@cython.cclass
class Call:
    """A call of a compiled function with plain numbers, from its arguments to its result.

    executor    the native Executor of its program; or (inputs, outputs, run), where run(parameters, numbers of the
                inputs, as an array.array) gives a float64 array of the outputs
    parameters  a function that gives the parameters' numbers, or None if there are none
    arguments   the structure of the tuple of its arguments, see pytree.positions()
    result      the structure of its result, see Results.layout
    finite      whether numbers that are not finite need a closer look
    Given the tuple of arguments, it returns MISSED where another structure came, or where results need a closer look.
    """

    __slots__ = ("_arguments", "_executor", "_finite", "_inputs", "_outputs", "_parameters", "_places", "_result")
    __slots__ += ("_run",)

    _executor: Executor
    _parameters: object
    _arguments: object
    _result: object
    _run: object
    _places: object
    _inputs: cython.Py_ssize_t
    _outputs: cython.Py_ssize_t
    _finite: cython.bint

    def __init__(self, executor, parameters, arguments, result, finite):
        _refuse_again(self, self._arguments if cython.compiled else getattr(self, "_arguments", None))
        self._executor = self._run = None
        if type(executor) is tuple:
            self._inputs, self._outputs, self._run = executor
            self._places = array("i", range(self._outputs))
        else:
            self._executor = executor
        self._parameters, self._result, self._finite = parameters, result, finite
        self._arguments = arguments

    def __reduce__(self):
        raise errors.not_copied(self, "make another")

    def __call__(self, args):
        executor: Executor = self._executor
        if cython.compiled and self._arguments is None:
            raise errors.not_made(self)
        if executor is None:
            return self._call_on_arrays(args)
        space: _Space = _idle_space(executor)
        w: cython.p_double = space.numbers
        try:
            if not _flattened(self._arguments, args, w):
                return MISSED
            if self._parameters is not None:
                executor._read_parameters(self._parameters(), w)
            executor._sweep(space, 1)
            return self._made(w, executor._results, executor._outputs)
        finally:
            executor._spaces.append(space)

    @cython.cfunc
    def _call_on_arrays(self, args):
        inputs = array("d", bytes(8 * self._inputs))
        if not _flattened(self._arguments, args, doubles(inputs)):
            return MISSED
        found: View = view_of("the results", self._run(self._parameters(), inputs), True)
        check_size("the results", found.size, self._outputs)
        return self._made(found.numbers, integers(self._places), self._outputs)

    @cython.cfunc
    def _made(self, w: cython.p_double, results: cython.p_int, count: cython.Py_ssize_t):
        """The result, from the numbers at these places."""
        k: cython.Py_ssize_t
        if self._finite:
            total: cython.double = 0.0
            for k in range(count):
                total += w[results[k]]
            if total - total != 0.0:
                return MISSED
        return _structured(self._result, w, results)


@cython.cfunc
@cython.exceptval(-1)
def _flattened(structure, thing, w: cython.p_double) -> cython.int:
    """Writes the numbers of a thing to w; 0 where it has another structure, or numbers that are of another type."""
    k: cython.Py_ssize_t
    if type(structure) is int:
        if type(thing) is float or (type(thing) is int and -_EXACT <= thing <= _EXACT):
            w[cython.cast(cython.Py_ssize_t, structure)] = thing
            return 1
        return 0
    if type(thing) is not structure[0]:
        return 0
    if len(structure) == 2:
        inner: tuple = structure[1]
        if len(thing) != len(inner):
            return 0
        for k in range(len(inner)):
            if not _flattened(inner[k], thing[k], w):
                return 0
        return 1
    start: cython.Py_ssize_t = structure[1]
    if type(structure[2]) is tuple:
        view: View = view_in_place(thing, False)
        if view is None or view.shape != structure[2]:
            return 0
        for k in range(view.size):
            w[start + k] = view.numbers[k]
        return 1
    count: cython.Py_ssize_t = structure[2]
    if len(thing) != count:
        return 0
    for k in range(count):
        x = thing[k]
        if type(x) is float or (type(x) is int and -_EXACT <= x <= _EXACT):
            w[start + k] = x
        else:
            return 0
    return 1


# Integers up to here are floats without rounding, and cannot overflow.
_EXACT = cython.declare(object, 1 << 53)


@cython.cfunc
def _structured(structure, w: cython.p_double, results: cython.p_int):
    """A result in its structure."""
    if type(structure) is int:
        return w[results[cython.cast(cython.Py_ssize_t, structure)]]
    if type(structure) is not tuple:
        return structure
    kind = structure[0]
    if len(structure) == 2:
        inner: list = [_structured(item, w, results) for item in structure[1]]
        return inner if kind is list else kind(inner)
    made: list
    k: cython.Py_ssize_t
    start: cython.Py_ssize_t = structure[1]
    count: cython.Py_ssize_t
    if len(structure) == 3:
        count = structure[2]
        made = [None] * count  # at its size at once
        for k in range(count):
            made[k] = w[results[start + k]]
        return made if kind is list else tuple(made)
    places: cython.p_int = integers(structure[3])
    count = len(structure[3])
    if kind is list or kind is tuple:
        made = structure[2][:]
        for k in range(count):
            made[places[k]] = w[results[start + k]]
        return made if kind is list else tuple(made)
    filled = structure[2].copy()
    target: View = view_of("a result", filled, True)
    for k in range(count):
        target.numbers[places[k]] = w[results[start + k]]
    return filled


if compiled:
    warn_of_stale(__name__, source_hash)
