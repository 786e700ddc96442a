"""The arguments of a compiled function: which numbers are traced, and what is part of the program.

Numbers are traced, also in nested lists, tuples, dicts, dataclasses and arrays. Everything else is static: it is passed
on as it is, and another value makes another program. A key holds everything that a program depends on, and no traced
number. An argument that could change without a change of its key is refused.
"""

from __future__ import annotations

import inspect
import math
import numbers
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from ...engine import Value
from ...errors import ShapeError, not_a_number, received
from ...floats.reals import as_array, has_masked
from ...transforms.pytree import fields_of, is_dataclass, is_nested, items_of, named_items, with_items
from .static_arguments import Keyed, Refused, Same, holds, static, typed

Key = Any
_PLAIN = frozenset((float, int))
_FLOAT64 = np.dtype(float)
_NUMBER, _BATCH = "*", "batch"


class Mixed(int):
    """The key of this many arguments that are all numbers or Values."""


class Columns(NamedTuple):
    """The arguments of a batch, with float64 arrays for everything that holds numbers.

    key          what a program depends on
    args, named  the arguments; their dicts and tuples hold arrays
    arrays       these arrays, in order
    size         how many rows each has
    """

    key: Key
    args: Sequence[Any]
    named: dict[str, Any]
    arrays: list[Any]
    size: int

    def parts(self) -> list[Any]:
        """The numbers by lane: arrays of shape (some inputs, lanes)."""
        return [
            array.T
            if array.ndim == 2
            else array[None]
            if array.ndim == 1
            else array.reshape(self.size, math.prod(array.shape[1:])).T
            for array in self.arrays
        ]


class Arguments:
    """The arguments of one function: knows which are static, and makes keys.

    Raises ValueError for the name of a static argument that the function does not take.
    """

    def __init__(self, name: str, function: Callable[..., Any], static: Sequence[str]) -> None:
        self.name, self._static = name, frozenset([static] if isinstance(static, str) else static)
        self._names: list[str] = []
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):  # a built-in function may have no signature
            parameters = {}  # type: ignore[assignment]
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self._names = [key for key, p in parameters.items() if p.kind in positional]
        unknown = sorted(self._static - parameters.keys())
        if unknown and not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            raise ValueError(
                f"compile({name}, static_argnames=...): it takes no argument {', '.join(unknown)}: "
                f"its arguments are {', '.join(parameters) or 'not known'}"
            )

    def key(self, args: Sequence[Any], named: dict[str, Any], found: list[Any]) -> Key:
        """The key of a call; adds its numbers and Values, in order, to `found`."""
        if not named and not self._static:
            if _PLAIN.issuperset(map(type, args)):
                found += args
                return len(args)
            try:
                sketches = [_sketch(arg, found) for arg in args]
            except Refused as refused:
                raise self._refusal(refused.thing, args, named) from None
            return Mixed(len(args)) if sketches.count(_NUMBER) == len(args) else tuple(sketches)
        parts: list[Key] = []
        try:
            for label, arg in self._labelled(args, named):
                parts.append((label, self._fixed(label, arg) if label in self._static else _sketch(arg, found)))
        except Refused as refused:
            raise self._refusal(refused.thing, args, named) from None
        return tuple(parts)

    def mapped(
        self, function: Callable[[Any, Any], Any], args: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """(args, named), with function(label, arg) in place of each argument that is not static."""
        labelled = self._labelled(args, named)
        made = [(label, arg if label in self._static else function(label, arg)) for label, arg in labelled]
        return [arg for _, arg in made[: len(args)]], dict(made[len(args) :])

    def columns(self, args: Sequence[Any], named: dict[str, Any]) -> Columns:
        """The arguments of a batch as arrays. Raises ShapeError, TypeError."""
        if not named and not self._static and all(map(_is_column, args)):
            arrays: list[Any] = [arg if arg.dtype is _FLOAT64 else arg.astype(float) for arg in args]
            return Columns(
                (_BATCH, (), *[array.shape[1:] for array in arrays]), arrays, named, arrays, self._size(arrays, args)
            )
        arrays = []
        try:
            given, given_named = self.mapped(lambda label, arg: self._column(label, arg, arrays), args, named)
        except ShapeError as error:
            raise ShapeError(f"{error}{tuple_of_columns(*args)}") from None
        try:
            parts = [
                self._fixed(label, arg) if label in self._static else _column_sketch(arg)
                for label, arg in self._labelled(given, given_named)
            ]
        except Refused as refused:
            raise self._refusal(refused.thing, args, named) from None
        return Columns((_BATCH, tuple(named), *parts), given, given_named, arrays, self._size(arrays, args))

    def _size(self, arrays: Sequence[Any], args: Sequence[Any]) -> int:
        """How many rows the arrays have. Raises ShapeError if they differ."""
        sizes = {len(array) for array in arrays}
        if len(sizes) != 1:
            shapes = ", ".join([str(array.shape) for array in arrays])
            raise ShapeError(
                f"{self.name}.batch(...): every array needs the same number of rows as its first axis, got "
                + (f"shapes {shapes}{tuple_of_columns(*args)}" if arrays else f"no array{_in_its_place(args)}")
            )
        return sizes.pop()

    def _labelled(self, args: Sequence[Any], named: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
        """The arguments with their names, or with their positions where the names are not known."""
        for position, arg in enumerate(args):
            yield self._names[position] if position < len(self._names) else position, arg
        yield from named.items()

    def _fixed(self, label: Any, arg: Any) -> Key:
        try:
            hash(arg)
        except TypeError:
            raise TypeError(
                f"compile({self.name}): the static argument {label} is part of the program's key and must be "
                f"hashable, got {received(arg)}: pass a tuple, or let it be traced"
            ) from None
        return type(arg), Keyed(arg, typed(arg))

    def _refusal(self, thing: Any, args: Sequence[Any], named: Mapping[str, Any]) -> TypeError:
        """The error for a thing that an argument is or holds."""
        labels = [
            label for label, arg in self._labelled(args, named) if label not in self._static and holds(arg, thing)
        ]
        hashed = type(thing).__hash__ is not None
        instead = "a list of it, list(...)" if hasattr(thing, "__next__") else "its numbers"
        return TypeError(
            f"compile({self.name}): argument {labels[0] if labels else ''} has {received(thing)} in it, which holds no "
            f"numbers to trace, {'hashes by identity only' if hashed else 'has no hash'} and may change without being "
            f"noticed: pass {instead}, a tuple or a dataclass of them"
            + (", or name the argument in static_argnames if it stays as it is" if hashed else "")
        )

    def _column(self, label: Any, arg: Any, columns: list[Any]) -> Any:
        """An argument with arrays in its dicts and tuples; an argument that holds no numbers is returned as it is."""
        if is_nested(arg) and type(arg) is not list:
            check_columns(f"{self.name}.batch(...): argument {label}", arg)
            return with_items(arg, [self._column(f"{label}{at}", item, columns) for at, item in named_items(arg)])
        if not isinstance(arg, (numbers.Real, list, range, array, Value)) and not hasattr(arg, "__array__"):
            return arg
        if isinstance(arg, (bool, type, Enum)):
            return arg
        where = f"{self.name}.batch(...): argument {label}"
        try:
            found = as_array(where, arg)
        except ValueError:
            found = None
        if found is None or found.dtype.kind not in "biuf":
            raise (ShapeError if found is None else TypeError)(
                f"{where} must be an array of numbers with the batch as its first axis, got {received(arg)}"
                f"{_complaint(arg, found)}"
            )
        if found.ndim == 0:
            raise ShapeError(
                f"{where} needs the batch as its first axis, got the one number {arg}: pass an array of shape (batch,)"
            )
        columns.append(found.astype(float, copy=False))
        return columns[-1]


def tuple_of_columns(*args: object) -> str:
    """What to add to a message about batches if an argument is a tuple, as zip(*pairs) gives."""
    if not any(type(arg) is tuple for arg in args):
        return ""
    return (
        "; a tuple stands for a tuple of columns here: where tuples hold the samples, as X, y = zip(*pairs) makes "
        "them, write list(X), list(y)"
    )


def check_columns(where: str, column: object) -> None:
    """Refuses a tuple of lists: if these are samples, taking them as columns would silently transpose them."""
    if type(column) is tuple and column and all(type(item) is list for item in column):
        raise ShapeError(f"{where} is a tuple of {len(column)} lists: where they are columns, make arrays of them")


def _in_its_place(args: Sequence[Any]) -> str:
    if not args:
        return ": call the function itself"
    return f" but {received(args[0])}: pass a list or an array of numbers, or call the function itself"


def _complaint(arg: Any, found: Any) -> str:
    if found is None:
        if all(isinstance(row, (tuple, list)) and len(row) == 2 for row in arg) and hasattr(arg[0][0], "__len__"):
            return " of pairs: separate them, X, y = zip(*pairs), and pass list(X), list(y)"
        lengths = sorted({len(row) if hasattr(row, "__len__") else 0 for row in arg})
        return f" with rows of {' and '.join(map(str, lengths[:4]))} numbers: rows must be of one length"
    if found.dtype == object and any(type(x) is Value for x in found.ravel()):
        return ", with Values in it: a batch takes plain numbers, gradients enter what the function captured"
    return f", an array of {found.dtype}"


def _is_column(arg: Any) -> bool:
    return type(arg) is np.ndarray and (arg.dtype is _FLOAT64 or arg.dtype.kind in "biuf") and arg.ndim > 0


def on_arrays(function: Callable[[Any], Any], column: Any) -> Any:
    """A column with function(array) in place of each of its arrays."""
    if is_nested(column):
        return with_items(column, [on_arrays(function, item) for item in items_of(column)])
    return function(column) if isinstance(column, np.ndarray) else column


def is_number(x: Any) -> bool:
    """Whether an argument x is itself a number to trace."""
    return type(x) is Value or (isinstance(x, numbers.Real) and not isinstance(x, (bool, Enum)))


def _sketch(tree: Any, found: list[Any]) -> Key:
    kind = type(tree)
    if kind is float or kind is int:
        found.append(tree)
        return _NUMBER
    if kind is list or kind is tuple or (isinstance(tree, tuple) and hasattr(tree, "_fields")):
        if _PLAIN.issuperset(map(type, tree)):
            found += tree
            return kind, len(tree)
        items = [_sketch(item, found) for item in tree]
        return (kind, len(items)) if items.count(_NUMBER) == len(items) else (kind, *items)
    if isinstance(tree, dict):
        return kind, *_beside(tree), *[(key, _sketch(item, found)) for key, item in tree.items()]
    if isinstance(tree, np.ndarray):
        if has_masked(tree):
            raise not_a_number("a compiled function", tree)
        if tree.dtype.kind in "iuf":
            found += tree.ravel().tolist()
            return np.ndarray, tree.shape
        items = [_sketch(item, found) for item in tree.ravel().tolist()]
        return np.ndarray, tree.shape, *items[: 0 if items.count(_NUMBER) == len(items) else None]
    if is_number(tree):
        found.append(tree)
        return _NUMBER
    if is_dataclass(tree):
        return kind, *[(name, _sketch(item, found)) for name, item in fields_of(tree).items()]
    return kind, static(tree)


def _beside(tree: Any) -> list[Any]:
    """What belongs to the key of an instance of a dict subclass beside its items: default_factory and attributes."""
    if type(tree) is dict:
        return []
    beside = {} if getattr(tree, "__dict__", tree) is tree else vars(tree)
    if isinstance(tree, defaultdict):
        beside = {"default_factory": tree.default_factory, **beside}
    return [(f".{name}", (type(x), static(x))) for name, x in beside.items()]


def _column_sketch(column: Any) -> Key:
    if isinstance(column, np.ndarray):
        return column.shape[1:]
    if isinstance(column, dict):
        return type(column), *_beside(column), *[(key, _column_sketch(item)) for key, item in column.items()]
    if is_dataclass(column):
        return type(column), *[(name, _column_sketch(item)) for name, item in fields_of(column).items()]
    if isinstance(column, tuple):
        return type(column), *[_column_sketch(item) for item in column]
    return _sketch(column, [])


def shown(key: Key) -> str:
    """A key as text for people: `[*, *]` for a list of two numbers.

    >>> shown(Arguments("f", lambda x, mode: x, ["mode"]).key([[1.0, 2.0], "sum"], {}, []))
    "x: [*, *], mode: 'sum'"
    """
    if isinstance(key, int):
        return ", ".join("*" * key) or "nothing"
    if key[:1] == (_BATCH,):
        _, names, *parts = key
        labels = ["" for _ in parts[len(names) :]] + [f"{name}: " for name in names]
        return "a batch of " + ", ".join([label + _shown(part) for label, part in zip(labels, parts, strict=True)])
    texts = []
    for part in key:
        is_labelled = len(part) == 2 and isinstance(part[0], (str, int))
        texts.append(f"{part[0]}: {_shown(part[1])}" if is_labelled else _shown(part))
    return ", ".join(texts) or "nothing"


def _shown(key: Key) -> str:
    if key == _NUMBER:
        return "*"
    if all(type(size) is int for size in key):
        return f"rows of shape {key}" if key else "numbers"
    kind, *parts = key
    if parts and isinstance(parts[0], (Keyed, Same)):
        return repr(parts[0].thing)
    if kind is np.ndarray:
        return f"an array of shape {parts[0]}"
    if isinstance(kind, type) and issubclass(kind, dict):
        return "{" + ", ".join([f"{name!r}: {_shown(part)}" for name, part in parts]) + "}"
    if hasattr(kind, "__dataclass_fields__") and all(type(part) is tuple for part in parts):
        return f"{kind.__name__}({', '.join([f'{name}={_shown(part)}' for name, part in parts])})"
    if isinstance(kind, type) and issubclass(kind, (list, tuple)):
        if parts and isinstance(parts[0], int):
            count = parts[0]
            inner = ", ".join("*" * count) if count <= 8 else f"{count} numbers"
        else:
            inner = ", ".join(map(_shown, parts))
        return f"[{inner}]" if kind is list else f"({inner})"
    return repr(parts[0])
