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
from ...floats.reals import has_masked
from ...transforms.pytree import by_name, is_dataclass, is_list, static_fields
from ..batch_columns import as_column, count_rows, is_column, on_columns, tuple_of_columns
from .static_keys import Keyed, Refused, Same, fixed, holds, static

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
    """The arguments of one function: knows which are static, by name in `static`, and makes keys.

    Raises ValueError for the name of a static argument that the function does not take.
    """

    def __init__(self, name: str, function: Callable[..., Any], static: Sequence[str]) -> None:
        self.name, self.static = name, frozenset([static] if isinstance(static, str) else static)
        self._names: list[str] = []
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):  # a built-in function may have no signature
            parameters = {}  # type: ignore[assignment]
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self._names = [key for key, p in parameters.items() if p.kind in positional]
        unknown = sorted(self.static - parameters.keys())
        if unknown and not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            raise ValueError(
                f"compile({name}, static_argnames=...): it takes no argument {', '.join(unknown)}: "
                f"its arguments are {', '.join(parameters) or 'not known'}"
            )

    def key(self, args: Sequence[Any], named: dict[str, Any], found: list[Any]) -> Key:
        """The key of a call; adds its numbers and Values, in order, to `found`."""
        if not named and not self.static:
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
                parts.append((label, self._fixed(label, arg) if label in self.static else _sketch(arg, found)))
        except Refused as refused:
            raise self._refusal(refused.thing, args, named) from None
        return tuple(parts)

    def mapped(
        self, function: Callable[[Any, Any], Any], args: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """(args, named), with function(label, arg) in place of each argument that is not static."""
        labelled = self._labelled(args, named)
        made = [(label, arg if label in self.static else function(label, arg)) for label, arg in labelled]
        return [arg for _, arg in made[: len(args)]], dict(made[len(args) :])

    def columns(self, args: Sequence[Any], named: dict[str, Any]) -> Columns:
        """The arguments of a batch. Raises ShapeError, TypeError."""
        if not named and not self.static and all(map(is_column, args)):
            arrays: list[Any] = [arg if arg.dtype is _FLOAT64 else arg.astype(float) for arg in args]
            return Columns(
                (_BATCH, (), *[array.shape[1:] for array in arrays]),
                arrays,
                named,
                arrays,
                count_rows(self.name, arrays, args),
            )
        arrays = []

        def column(where: str, arg: Any) -> Any:
            holds_numbers = isinstance(arg, (numbers.Real, list, range, array, Value)) or hasattr(arg, "__array__")
            if not holds_numbers or isinstance(arg, (bool, type, Enum)):
                return arg
            arrays.append(as_column(where, arg, "batch").astype(float, copy=False))
            return arrays[-1]

        try:
            given, given_named = self.mapped(
                lambda label, arg: on_columns(column, f"{self.name}.batch(...): argument {label}", arg), args, named
            )
        except ShapeError as error:
            raise ShapeError(f"{error}{tuple_of_columns(*args)}") from None
        try:
            parts = [
                self._fixed(label, arg) if label in self.static else _sketch(arg, [], True)
                for label, arg in self._labelled(given, given_named)
            ]
        except Refused as refused:
            raise self._refusal(refused.thing, args, named) from None
        return Columns((_BATCH, tuple(named), *parts), given, given_named, arrays, count_rows(self.name, arrays, args))

    def _labelled(self, args: Sequence[Any], named: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
        """The arguments with their names, or with their positions where the names are not known."""
        for position, arg in enumerate(args):
            yield self._names[position] if position < len(self._names) else position, arg
        yield from named.items()

    def _fixed(self, label: Any, arg: Any) -> Key:
        return fixed(f"compile({self.name}): the static argument {label}", arg)

    def _refusal(self, thing: Any, args: Sequence[Any], named: Mapping[str, Any]) -> TypeError:
        """The error for a thing that an argument is or holds."""
        labels = [label for label, arg in self._labelled(args, named) if label not in self.static and holds(arg, thing)]
        hashed = type(thing).__hash__ is not None
        instead = "a list of it, list(...)" if hasattr(thing, "__next__") else "its numbers"
        return TypeError(
            f"compile({self.name}): argument {labels[0] if labels else ''} has {received(thing)} in it, which holds no "
            f"numbers to trace, {'hashes by identity only' if hashed else 'has no hash'} and may change without being "
            f"noticed: pass {instead}, a tuple or a dataclass of them"
            + (", or name the argument in static_argnames if it stays as it is" if hashed else "")
        )


def is_number(x: Any) -> bool:
    """Whether an argument x is itself a number to trace."""
    return type(x) is Value or (isinstance(x, numbers.Real) and not isinstance(x, (bool, Enum)))


def _sketch(tree: Any, found: list[Any], in_batch: bool = False) -> Key:
    """The part of a key for one argument; adds its numbers to `found` (in a batch, its arrays)."""
    kind = type(tree)
    if kind is float or kind is int:
        found.append(tree)
        return _NUMBER
    if is_list(tree):
        if _PLAIN.issuperset(map(type, tree)):
            found += tree
            return kind, len(tree)
        items = [_sketch(item, found, in_batch) for item in tree]
        return (kind, len(items)) if items.count(_NUMBER) == len(items) else (kind, *items)
    if isinstance(tree, np.ndarray):
        if in_batch:
            return tree.shape[1:]
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
    if isinstance(tree, dict) or is_dataclass(tree):
        return kind, *_beside(tree), *[(key, _sketch(item, found, in_batch)) for key, item in by_name(tree).items()]
    return kind, static(tree)


def _beside(tree: Any) -> list[Any]:
    """What is held besides items: a dict subclass's default factory and attributes, a dataclass's static fields."""
    if not isinstance(tree, dict):
        return [(name, (type(x), static(x))) for name, x in static_fields(tree).items()]
    if type(tree) is dict:
        return []
    beside = {} if getattr(tree, "__dict__", tree) is tree else vars(tree)
    if isinstance(tree, defaultdict):
        beside = {"default_factory": tree.default_factory, **beside}
    return [(f".{name}", (type(x), static(x))) for name, x in beside.items()]


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
