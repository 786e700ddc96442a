"""compile: a function of scalars that runs as a few array operations."""

from __future__ import annotations

import functools
import math
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NoReturn

import numpy as np

from ..engine import Value, find_later, find_method, is_inside, is_recording, is_tracing
from ..errors import HistoryError, not_copied, received
from ..floats.expected import one_of, whole
from ..source.source_lines import stack_level
from ..text.wording import shortened
from ..transforms.pytree import Whole, on_arrays
from .array.array_executor import ArrayExecutor
from .batching import Reduction, all_at_once, check_reduction, check_size, row_by_row
from .c_code.c_library import compiler
from .executor_choice import EXECUTORS, Execution
from .native.plain_call import MISSED, Call
from .passes.program import Program
from .trace.arguments import Arguments, Key, shown
from .trace.specialization import Specialization

_MANY_TRACES = 8
_TRACES_SHOWN, _LETTERS_SHOWN = 1000, 200


def compile(
    function: Callable[..., Any],
    *,
    static_argnames: str | Sequence[str] = (),
    executor: Literal["auto", "array", "native", "c"] = "auto",
    max_traces: int = 32,
) -> Compiled:
    """Traces the function once for each structure of its arguments, and runs it as array operations.

    function         takes numbers, and nested lists, tuples, dicts, dataclasses and arrays of numbers. Strings,
                     functions, modules and other arguments that hash by value are part of the program. Captured leaves
                     (a model's parameters) are read at each call. If something was replaced in a module that is an
                     argument or the function itself, the function is traced again. Everything else that it captured (a
                     number, a list, a dict, an object, another model of the same name) is read once, while it is
                     traced: later changes go unnoticed
    static_argnames  names of arguments that are not traced even if they are numbers
    executor         "array" (NumPy) or "native" (operation by operation) forces one; "auto" takes the one that is
                     expected to be quicker. "c" chooses as "auto" does, but what the native executor would run for one
                     set of inputs, and the loops of scans, are written as C and compiled, which takes a tenth of a
                     second and more for each program and is kept in a folder for the next time (pages/speed.md). It
                     needs a C compiler. Where an operation is known by its value in Python alone, the native executor
                     runs the program all the same, and .summary says so
    max_traces       how many programs are kept; the oldest is dropped first
    Raises TraceError at the first call if a choice in the function depends on a traced number, RuntimeError if
    executor="c" is asked for and there is no C compiler.

    >>> f = compile(lambda x, y: (x * y).tanh())
    >>> round(f(0.5, 1.0), 4)
    0.4621
    """
    if not callable(function):
        raise TypeError(f"compile(f) takes a function, got {received(function)}")
    executor = one_of(*EXECUTORS).checked("compile(f, executor=...)", executor)
    if executor == "c":
        compiler()  # so that its absence is known at once
    max_traces = whole(1).checked("compile(f, max_traces=...)", max_traces)
    return Compiled(function, static_argnames, executor, max_traces)


class Compiled(Whole):
    """What compile returns: call it like the function, or call batch() for many arguments at once.

    traces       the argument structures that it was traced for, in order: the last 1,000
    trace_count  how often it was traced

    >>> f = compile(lambda xs: [2 * x for x in xs])
    >>> f([1.0, 2.0]), f([1.0]), f.traces
    ([2.0, 4.0], [2.0], ['[*, *]', '[*]'])
    """

    def __init__(
        self, function: Callable[..., Any], static: str | Sequence[str], executor: str, max_traces: int
    ) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.traces, self.trace_count = function, list[str](), 0
        self._name = getattr(function, "__name__", type(function).__name__)
        self._arguments = Arguments(self._name, function, static)
        self._executor, self._max, self._calls = executor, max_traces, 0
        self._kept: dict[Key, list[Specialization]] = {}
        self._last: Specialization | None = None
        self._call: Call | None = None  # of self._last, while a call with plain numbers is what it ran last
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        ran = self._last.execution if self._last is not None else None
        return f"<compiled {self._name}{f': {ran.summary}' if ran is not None else ''}>"

    def __reduce__(self) -> NoReturn:
        raise not_copied(self, "compile the function of the copied object, so that it reads the copied leaves")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, with floats in place of Values.

        Called with Values, it returns Values, which backward() and the transforms differentiate to any order. Called
        with numbers, it returns numbers without a gradient, even if it captured leaves; but inside a function that a
        transform differentiates, the captured leaves receive their derivatives.
        """
        inside = is_inside()
        if inside and is_tracing():
            return self.function(*args, **kwargs)
        self._calls += 1
        call = self._call
        if call is not None and not kwargs and not inside:
            result = call(args)
            if result is not MISSED:
                return result
        self._call = None
        numbers: list[Any] = []
        key = self._arguments.key(args, kwargs, numbers)
        found = self._found(key) or self._trace(key, args, kwargs)
        has_values = type(key) is not int and Value in set(map(type, numbers))
        if inside and found.parameters.trainable and (found.of_variables or not has_values) and is_recording():
            return self.function(*args, **kwargs)  # floats would cut off the transform's variables
        if has_values:
            return found.results.of_values(found.nodes(numbers))
        if found.graph.draws:
            numbers += found.graph.drawn(1)[:, 0].tolist()
        found.execution = found.one
        outputs = found.one.one(found.parameters.numbers(), numbers)
        if found.differentiates and not math.isfinite(sum(outputs)):
            outputs = found.graph.eagerly(numbers)
        self._call = found.call
        return found.results.of_floats(outputs)

    def batch(self, *arrays: Any, reduce: Reduction = "mean", **named: Any) -> Any:
        """Computes the function for each row of the arrays at once; every argument has the batch as first axis.

        arrays  shape (batch,) in place of a number, (batch, n) in place of a list of n numbers, more axes for a nested
                list. Dicts and tuples hold arrays; an argument that holds no numbers is passed on as it is
        reduce  "mean" or "sum" gives one Value, whose backward() reaches the captured leaves; the function must then
                return one number. None gives arrays of all results
        Raises ShapeError if the batch sizes differ or a "mean" has no rows, TypeError for what is not a number.

        >>> w = Value(3.0); loss = compile(lambda x, y: (w * x - y) ** 2).batch([1.0, 2.0], [3.0, 5.0])
        >>> loss.backward(); loss.data, w.grad
        (0.5, 2.0)
        """
        check_reduction(self._name, reduce)
        self._call = None
        columns = self._arguments.columns(arrays, named)
        check_size(self._name, columns.size, reduce)
        inside = is_inside()
        if inside and is_tracing():
            return row_by_row(self.function, columns, reduce)
        self._calls += 1
        found = self._found(columns.key)
        if found is None:
            sample = on_arrays(lambda array: np.zeros(array.shape[1:]).tolist(), (tuple(columns.args), columns.named))
            found = self._trace(columns.key, *sample)
        if inside and found.parameters.trainable and (found.of_variables or reduce is None) and is_recording():
            return row_by_row(self.function, columns, reduce)
        return all_at_once(found, columns, reduce)

    def _found(self, key: Key) -> Specialization | None:
        for kept in self._kept.get(key, ()):
            if not kept.depends or kept.holds():
                self._last = kept
                return kept
        return None

    def _trace(self, key: Key, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Specialization:
        with self._lock:
            found = self._found(key)
            if found is not None:
                return found
            found = Specialization(self.function, self._arguments, args, kwargs, self._executor, not self.trace_count)
            self._kept.setdefault(key, []).insert(0, found)  # the latest first
            self.traces.append(shortened(shown(key), _LETTERS_SHOWN))
            self.trace_count += 1
            del self.traces[:-_TRACES_SHOWN]
            while sum(map(len, self._kept.values())) > self._max:
                first = next(iter(self._kept))
                del self._kept[first][-1]
                if not self._kept[first]:
                    del self._kept[first]
            self._last = found
            if self.trace_count == _MANY_TRACES and self._calls <= 2 * _MANY_TRACES:
                warnings.warn(
                    f"{self._name} was traced {_MANY_TRACES} times in {self._calls} calls, last for {shown(key)}: "
                    "each structure of arguments is a program of its own (see .traces); what changes from call to "
                    "call belongs in numbers, not in lengths, strings or static arguments",
                    stacklevel=stack_level(),
                )
            return found

    @property
    def program(self) -> Program:
        """The program that ran last, as traced. `print` shows it as numbered lines."""
        return self._ran().program

    @property
    def passes(self) -> dict[str, Program]:
        """The program that ran last, before and after each pass, by the names of the passes."""
        return self._ran().passes

    @property
    def source(self) -> str:
        """The NumPy source that runs the program on arrays; with few lanes, the native sweep does part of the work."""
        return self.array.plain.text

    @property
    def summary(self) -> str:
        """How many nodes the program has, its loops, which executor ran it, and as how many operations."""
        return self._ran().summary

    @property
    def matrix_form(self) -> Any:
        """A table of the array operations that the scalar operations of the last run became, to be printed.

        >>> f = compile(lambda x: x[0] * x[1] + 1.0); f([2.0, 3.0])
        7.0
        >>> print(f.matrix_form.parts()[0])
        <lambda>: 1 scalar operation run as 1 array operation, 0 of them matrix products
        """
        return find_later("matrix_form")(self)

    def graph(self, *, rankdir: str | None = None, max_nodes: int | None = None) -> Any:
        """Draws what ran last: the scalar graph, and beside it the matrix form, one box per array operation.

        rankdir    "TB" (inputs on top, the two side by side) or "LR" (inputs left, one below the other); None: "TB" if
                   that fits a page
        max_nodes  with more nodes (None: 50), the scalar graph is that of one layer; a matrix form with more boxes is
                   drawn in parts
        """
        return find_method("graph", "Compiled")(self, rankdir=rankdir, max_nodes=max_nodes)

    @property
    def leaves(self) -> tuple[Sequence[Value], Sequence[Value]]:
        """(inputs, parameters) of what ran last: the placeholders of its inputs, and its captured leaves, in order."""
        self._ran()
        assert self._last is not None
        return self._last.graph.inputs, self._last.graph.parameters.leaves

    @property
    def array(self) -> ArrayExecutor:
        """The array executor of the program that ran last, whichever executor ran it."""
        return self._ran().array

    def _ran(self) -> Execution:
        if self._last is None or self._last.execution is None:
            raise HistoryError(f"{self!r} was not called yet, so it has no program: call it once")
        return self._last.execution
