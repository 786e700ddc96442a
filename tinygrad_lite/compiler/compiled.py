"""compile: a function of scalars that runs as a few array operations."""

from __future__ import annotations

import functools
import math
import threading
import warnings
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from .. import ops
from ..engine import Value, derivative_graph, is_tracing, record_known
from ..errors import HistoryError, ShapeError, TraceError, received
from ..nesting import Structure, has_values, mapped
from ..ops import REAL, Op
from .executors import ArrayExecutor
from .parameters import Parameters
from .program import Program
from .tracing import captured, flattened, traced

Reduction = Literal["mean", "sum"] | None

_MANY_TRACES = 8


def compile(function: Callable[..., Any], *, static_argnames: Sequence[str] = (), max_traces: int = 32) -> Compiled:
    """The function, traced once for each structure of its arguments and run as array operations.

    function         of numbers and nested lists, tuples and dicts of them; leaves that it captured (a model's
                     parameters) are read at each call. Captured Python numbers are constants
    static_argnames  arguments by name that are no numbers to trace: another value traces again, as strings do
    max_traces       programs that are kept; the longest unused goes first
    Raises TraceError, at the first call, where a choice in the function depends on a number.

    >>> f = compile(lambda x, y: (x * y).tanh())
    >>> round(f(0.5, 1.0), 4)
    0.4621
    """
    if not callable(function):
        raise TypeError(f"compile(f) takes a function, got {received(function)}")
    return Compiled(function, tuple(static_argnames), max_traces)


class Compiled:
    """What compile returns: call it as the function, or batch() over many arguments at once.

    traces  how often it traced, and of what
    """

    def __init__(self, function: Callable[..., Any], static_argnames: tuple[str, ...], max_traces: int) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.traces = function, list[str]()
        self._static, self._max = frozenset(static_argnames), max_traces
        self._name = getattr(function, "__name__", type(function).__name__)
        self._kept: OrderedDict[Any, _Traced] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<compiled {self._name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_tracing() or has_values(args) or has_values(kwargs):
            return self.function(*args, **kwargs)
        names = tuple(kwargs)
        found, numbers = self._traced((*args, *kwargs.values()), names, False)
        inputs = np.array(numbers, dtype=float).reshape(len(numbers), 1)
        outputs = found.values().run(found.parameters.numbers(), inputs)
        return found.filled([float(y[0]) for y in outputs])

    def batch(self, *arrays: Any, reduce: Reduction = "mean") -> Any:
        """The function of each row of arrays, at once: every argument has a leading axis of the batch.

        arrays  in the place of each number (batch,), of a list of n numbers (batch, n), of a nested list more axes;
                dicts and tuples hold arrays
        reduce  "mean" or "sum": one Value, on which backward() reaches what the function captured; None: arrays of all
                results. The function must return one number for "mean" and "sum".
        Raises ShapeError where batches differ or are empty under "mean".
        """
        if reduce not in ("mean", "sum", None):
            raise ValueError(f'batch(reduce=...) takes "mean", "sum" or None, got {reduce!r}')
        columns = [_checked(position, arg) for position, arg in enumerate(arrays)]
        leaves = [leaf for column in columns for leaf in _arrays_of(column)]
        size = self._batch_size(leaves, reduce)
        samples = tuple([mapped(_nested_zeros, column) for column in map(_as_shapes, columns)])
        found, _ = self._traced(samples, (), True)
        inputs = np.concatenate([leaf.reshape(size, -1).T for leaf in leaves]) if leaves else np.empty((0, size))
        if reduce is None:
            outputs = found.values().run(found.parameters.numbers(), inputs)
            return _stacked(found.filled(outputs), size)
        return found.reduced(columns, inputs, reduce)

    def _batch_size(self, leaves: Sequence[Any], reduce: Reduction) -> int:
        sizes = {len(leaf) for leaf in leaves}
        if len(sizes) != 1:
            raise ShapeError(
                f"{self._name}.batch(...): every array needs the same number of rows, got shapes "
                f"{', '.join(str(leaf.shape) for leaf in leaves) or 'of no array'}"
            )
        (size,) = sizes
        if size == 0 and reduce == "mean":
            raise ShapeError(f"{self._name}.batch(...): the mean over an empty batch is not defined")
        return int(size)

    def _traced(self, args: tuple[Any, ...], names: tuple[str, ...], batched: bool) -> tuple[_Traced, list[float]]:
        numbers: list[float] = []
        key = (names, _sketch(args, numbers), batched)
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = _Traced(self, args, names, first=not self.traces)
                self.traces.append(f"{self._name} of {key[1]}")
                if len(self._kept) > self._max:
                    self._kept.popitem(last=False)
                if len(self.traces) == _MANY_TRACES:
                    warnings.warn(
                        f"{self._name} was traced {_MANY_TRACES} times: each structure of arguments is traced by "
                        "itself (see .traces); numbers that change belong into arguments, not into strings or lengths",
                        stacklevel=4,
                    )
            else:
                self._kept.move_to_end(key)
        return found, numbers

    @property
    def program(self) -> Program:
        """The program of the last structure of arguments."""
        return self._last().program

    @property
    def source(self) -> str:
        """The array operations that run it."""
        return self._last().values().source

    def _last(self) -> _Traced:
        if not self._kept:
            raise HistoryError(f"{self!r} was not called yet, so that it has no program: call it once")
        return next(reversed(self._kept.values()))


class _Traced:
    """A function's program for one structure of arguments."""

    def __init__(self, owner: Compiled, args: tuple[Any, ...], names: tuple[str, ...], first: bool) -> None:
        self._owner, self._name = owner, owner._name
        self._inputs: list[Value] = []
        self._made: dict[str, ArrayExecutor] = {}

        def placeholder(x: Any) -> Any:
            if isinstance(x, (str, bool)) or not _is_number(x):
                return x
            self._inputs.append(Value(x))
            return self._inputs[-1]

        given = mapped(placeholder, list(args))
        plain = len(args) - len(names)
        kwargs = dict(zip(names, given[plain:], strict=True))
        output, constants = traced(functools.partial(owner.function, **kwargs), given[:plain], self._name)
        structure = Structure(output, self._not_a_number)
        self.filled, self._outputs = structure.filled, structure.numbers
        self.parameters = Parameters(captured(self._outputs, self._inputs, constants))
        self.program = flattened(self._outputs, self._inputs, self.parameters.leaves)
        if first:
            again, _ = traced(functools.partial(owner.function, **kwargs), given[:plain], self._name)
            repeated = flattened(Structure(again).numbers, self._inputs, self.parameters.leaves)
            _check_repeated(self._name, self.program, repeated)

    def _not_a_number(self, x: Any) -> Exception:
        return TypeError(f"compile({self._name}): it must return numbers, got {received(x)}")

    def values(self) -> ArrayExecutor:
        made = self._made.get("values")
        if made is None:
            made = self._made["values"] = ArrayExecutor(self.program)
        return made

    def gradients(self) -> ArrayExecutor:
        """Of the value and, summed over the lanes, its derivatives by the parameters that gradients enter."""
        made = self._made.get("gradients")
        if made is None:
            y = self.scalar()
            wanted = self.parameters.leaves[: self.parameters.trainable]
            firsts: list[Any] = []
            if type(y) is Value:
                firsts, _ = traced(lambda: derivative_graph(y, wanted, False), (), self._name)
            program = flattened([y, *firsts], self._inputs, self.parameters.leaves)
            made = self._made["gradients"] = ArrayExecutor(program, True)
        return made

    def scalar(self) -> Any:
        if len(self._outputs) != 1:
            raise TypeError(
                f"{self._name}.batch(reduce=...): it must return one number to be reduced, got {len(self._outputs)}: "
                "reduce=None gives all"
            )
        return self._outputs[0]

    def reduced(self, columns: Sequence[Any], inputs: Any, reduce: Reduction) -> Value:
        size = inputs.shape[1]
        found = self.gradients().sums(self.parameters.numbers(), inputs)
        if not math.isfinite(float(found.sum())):
            return self._eager(columns, size, reduce)
        if reduce == "mean":
            found /= size
        return record_known(_REDUCED, found[0], self.parameters.arguments, array("d", found[1:].tobytes()))

    def _eager(self, columns: Sequence[Any], size: int, reduce: Reduction) -> Value:
        """Recorded lane by lane: where numbers are not finite, what zero times infinity is must be looked at."""
        rows = [_wrapped(column) for column in columns]

        def lane(k: int) -> Any:
            return self._owner.function(*[mapped(lambda leaf: leaf[k].tolist(), row) for row in rows])

        total: Value = ops.sum([lane(k) for k in range(size)])
        return total / size if reduce == "mean" else total


def _no_value(xs: Sequence[float]) -> float:
    raise HistoryError("a compiled loss is not computed again from its parameters: call batch() again")


def _no_rule(g: Any, y: Any, xs: Sequence[Any]) -> Any:
    raise HistoryError(
        "a compiled loss gives first derivatives: for higher ones compile the derivative, as in compile(grad(f))"
    )


_REDUCED = Op("compiled", _no_value, (_no_rule,), args="*xs", array="", domain=(REAL,), doc="a compiled loss")


def _check_repeated(name: str, program: Program, repeated: Program) -> None:
    if len(program) != len(repeated) or program.kinds != repeated.kinds:
        raise TraceError(f"compile({name}): two traces of it differ, so it does not do the same at each call")
    for place, (args, others) in enumerate(zip(program.args, repeated.args, strict=True)):
        if repr(args) != repr(others):
            number = program.number(place)
            raise TraceError(
                f"compile({name}): the number {number} in operation %{place} was another in a second trace, "
                f"{repeated.number(place)}: a random number drawn inside would be frozen; draw it outside, pass it in"
            )


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.number)) and not isinstance(x, bool)


def _sketch(tree: Any, numbers: list[float]) -> Any:
    """What of the arguments a trace depends on: the structure, and what are no numbers; numbers are noted."""
    if _is_number(tree):
        numbers.append(float(tree))
        return "*"
    if isinstance(tree, dict):
        return ("dict", *[(key, _sketch(item, numbers)) for key, item in tree.items()])
    if isinstance(tree, (list, tuple)):
        return (type(tree).__name__, *[_sketch(item, numbers) for item in tree])
    if isinstance(tree, np.ndarray):
        numbers += tree.ravel().tolist()
        return ("array", tree.shape)
    return tree if isinstance(tree, (str, bool, type(None))) else id(tree)


def _checked(position: int, arg: Any) -> Any:
    """An argument's arrays of float64, in its dicts and tuples."""
    if isinstance(arg, dict):
        return {key: _checked(position, item) for key, item in arg.items()}
    if isinstance(arg, tuple):
        return tuple([_checked(position, item) for item in arg])
    try:
        found = np.asarray(arg, dtype=float)
    except (TypeError, ValueError):
        raise ShapeError(
            f"batch(...): argument {position} must be an array of numbers with the batch as its first axis, "
            f"got {received(arg)}: rows of different lengths do not make one"
        ) from None
    if found.ndim == 0:
        raise ShapeError(f"batch(...): argument {position} needs the batch as its first axis, got one number")
    return found


def _arrays_of(column: Any) -> list[Any]:
    if isinstance(column, dict):
        return [leaf for item in column.values() for leaf in _arrays_of(item)]
    if isinstance(column, tuple):
        return [leaf for item in column for leaf in _arrays_of(item)]
    return [column]


class _Shape:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


def _as_shapes(column: Any) -> Any:
    if isinstance(column, dict):
        return {key: _as_shapes(item) for key, item in column.items()}
    if isinstance(column, tuple):
        return tuple([_as_shapes(item) for item in column])
    return _Shape(column.shape[1:])


def _nested_zeros(shape: _Shape) -> Any:
    return np.zeros(shape.shape).tolist()


class _Rows:
    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __getitem__(self, k: int) -> Any:
        return self.rows[k]


def _wrapped(column: Any) -> Any:
    if isinstance(column, dict):
        return {key: _wrapped(item) for key, item in column.items()}
    if isinstance(column, tuple):
        return tuple([_wrapped(item) for item in column])
    return _Rows(column)


def _stacked(tree: Any, size: int) -> Any:
    """Results by lane as arrays with the batch first."""
    if isinstance(tree, dict):
        return {key: _stacked(item, size) for key, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        inner = [_stacked(item, size) for item in tree]
        if inner and all(isinstance(item, np.ndarray) and item.shape == inner[0].shape for item in inner):
            return np.stack(inner, axis=1)
        return inner
    return tree
