# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""A call of a compiled function with plain numbers, from its arguments to its result, without a step in Python."""

try:
    import cython
except ImportError:
    from ...source.cython_shim import cython

from ... import errors
from ...source.engine_choice import warn_of_stale

if not cython.compiled:
    from .bytecode_machine import Executor, _idle_space, _refuse_again, _Space

compiled: bool = cython.compiled
source_hash = "9c75b119"

MISSED = object()


@cython.final
@cython.cclass
class Call:
    """A call of a compiled function with plain numbers, from its arguments to its result.

    executor    runs its program
    parameters  a function that gives the parameters' numbers, or None if there are none
    arguments   the structure of the tuple of its arguments: a position among the inputs for a number, (list or tuple,
                the first position, how many) where only numbers are in it, else (list or tuple, structures)
    result      the structure of its result, with positions among the outputs
    finite      whether numbers that are not finite need a closer look
    Given the tuple of arguments, it returns MISSED where another structure came, or where results need a closer look.
    """

    __slots__ = ("_arguments", "_executor", "_finite", "_parameters", "_result")

    _executor: Executor
    _parameters: object
    _arguments: object
    _result: object
    _finite: cython.bint

    def __init__(self, executor, parameters, arguments, result, finite):
        _refuse_again(self, self._executor if cython.compiled else getattr(self, "_executor", None))
        self._executor, self._parameters = executor, parameters
        self._arguments, self._result, self._finite = arguments, result, finite

    def __reduce__(self):
        raise errors.not_copied(self, "make another")

    def __call__(self, args):
        executor: Executor = self._executor
        k: cython.Py_ssize_t
        if cython.compiled and executor is None:
            raise errors.not_made(self)
        space: _Space = _idle_space(executor)
        w: cython.p_double = space.numbers
        try:
            if not _flattened(self._arguments, args, w):
                return MISSED
            if self._parameters is not None:
                executor._read_parameters(self._parameters(), w)
            executor._sweep(space, 1)
            if self._finite:
                total: cython.double = 0.0
                for k in range(executor._outputs):
                    total += w[executor._results[k]]
                if total - total != 0.0:
                    return MISSED
            return _structured(self._result, w, executor._results)
        finally:
            executor._spaces.append(space)


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
    made: list
    if len(structure) == 2:
        made = [_structured(inner, w, results) for inner in structure[1]]
    else:
        k: cython.Py_ssize_t
        start: cython.Py_ssize_t = structure[1]
        count: cython.Py_ssize_t = structure[2]
        made = [None] * count  # at its size at once
        for k in range(count):
            made[k] = w[results[start + k]]
    return made if structure[0] is list else tuple(made)


if compiled:
    warn_of_stale(__name__, source_hash)
