"""Takes the numbers out of nested lists, tuples, dicts, dataclasses and arrays in order, and puts others in."""

from __future__ import annotations

import copy
import functools
import itertools
import numbers
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..engine import Value
from ..errors import ShapeError, not_a_number
from ..floats.reals import has_masked, is_choice, listed

_NUMBERS = frozenset((float, int, Value))
_ONLY = operator.itemgetter(0)


class Whole:
    """The base of classes that count as a single thing in a structure, even if they are dataclasses."""


class Holder(Whole):
    """An object whose attributes are searched: a module.

    _apart    names of attributes that do not affect what it computes
    _written  a list with a number that changes when an attribute of any object of this class is set, or None
    """

    _apart: frozenset[str] = frozenset()
    _written: list[int] | None = None

    def _attributes(self) -> Iterable[tuple[str, Any]]:
        return vars(self).items()


class Structure:
    """The numbers and Values in nested lists, tuples, dicts, dataclasses and arrays, or a single one; None holds none.

    A dataclass is rebuilt from its fields, in the same class, without its __init__; other attributes are left out. A
    field with metadata={"static": True} stays as it is, as in jax.tree_util.register_dataclass.

    numbers     all numbers and Values, in order
    has_values  whether any of them is a Value
    filled      filled(items): the structure with these items in place of its numbers; an array of arrays becomes one
    Raises error(x) for any other x in the structure.

    >>> weights = Structure({"w": [1.0, 2.0], "b": 3.0})
    >>> weights.numbers, weights.filled("xyz")
    ([1.0, 2.0, 3.0], {'w': ['x', 'y'], 'b': 'z'})
    """

    __slots__ = ("_plain", "filled", "has_values", "numbers")

    numbers: list[Any]
    has_values: bool
    filled: Callable[[Sequence[Any]], Any]
    _plain: bool

    def __init__(self, tree: Any, error: Callable[[Any], Exception] = TypeError) -> None:
        kind = type(tree)
        self._plain = True
        if kind in _NUMBERS:
            self.numbers, self.has_values, self.filled = [tree], kind is Value, _ONLY
            return
        if kind is list or kind is tuple:  # the common case, made fast
            kinds = set(map(type, tree))
            if kinds <= _NUMBERS:
                self.numbers, self.has_values, self.filled = list(tree), Value in kinds, kind
                return
        self.numbers = _numbers_of(tree, error)
        kinds = set(map(type, self.numbers))
        self._plain, self.has_values = kinds <= _NUMBERS, Value in kinds
        self.filled = lambda items: _filled(tree, items)

    def refuse_choices(self, error: Callable[[Any], Exception]) -> None:
        """Raises error(x) for a bool or a member of an enum, which a number or a Value must not replace."""
        if not self._plain:
            for x in self.numbers:
                if is_choice(x):
                    raise error(x)


def has_values(tree: Any) -> bool:
    """Whether a structure, of any kind, holds a Value."""
    if type(tree) in _NUMBERS:
        return type(tree) is Value
    if is_nested(tree):
        items = items_of(tree)
        kinds = set(map(type, items))
        return Value in kinds or (not kinds <= _NUMBERS and any(map(has_values, items)))
    return _is_array(tree) and tree.dtype == object and has_values(tree.ravel().tolist())


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The structure with function(x) in place of each x in it that is neither a structure nor None."""
    return _mapped(lambda run: list(map(function, run)), tree)


def values_in(tree: Any) -> list[Value]:
    """All Values in a structure."""
    found: list[Value] = []
    mapped(lambda v: found.append(v) if type(v) is Value else None, tree)
    return found


def numbers_along(tree: Any, given: Any) -> list[Any] | None:
    """The numbers of `given` in the order of `tree`; None if the structures differ.

    Lists, tuples and arrays are interchangeable, and dicts may have their keys in another order.
    """
    if is_dataclass(tree) or is_dataclass(given):
        if type(tree) is not type(given):
            return None
        tree, given = by_name(tree), by_name(given)
    if isinstance(tree, dict):
        if not isinstance(given, dict) or tree.keys() != given.keys():
            return None
        pairs = [(tree[key], given[key]) for key in tree]
    elif _is_row(tree):
        if not _is_row(given) or len(tree) != len(given):
            return None
        if is_flat(tree) and is_flat(given):
            return list(given)
        pairs = list(zip(tree, given, strict=True))
    else:
        if isinstance(given, dict) or _is_row(given) or (tree is None) != (given is None):
            return None
        return [] if given is None else [given.item() if _is_array(given) and not has_masked(given) else given]
    found: list[Any] = []
    for inner, inner_given in pairs:
        numbers = numbers_along(inner, inner_given)
        if numbers is None:
            return None
        found += numbers
    return found


def numbers_like(tree: Any, given: Any, what: str) -> list[Any]:
    """The same as Values and floats. Raises ShapeError if the structures differ, TypeError for what is not a number."""
    found = numbers_along(tree, given)
    if found is None:
        raise ShapeError(f"{what} must have the structure of {sketch(tree)}, got {sketch(given)}")
    if {Value, float}.issuperset(map(type, found)):
        return found
    for x in found:
        if not isinstance(x, (Value, numbers.Real)):
            raise not_a_number(what, x)
    return [x if isinstance(x, Value) else float(x) for x in found]


def filler(tree: Any) -> Callable[[list[Any]], Any]:
    """The same as Structure(tree).filled, for lists of items: slower to make, but faster to call.

    >>> filler({"w": [1.0, 2.0], "b": 3.0})([4.0, 5.0, 6.0])
    {'w': [4.0, 5.0], 'b': 6.0}
    """
    text, _ = _filling(tree, 0)
    if text is not None:
        try:
            found: Callable[[list[Any]], Any] = eval(f"lambda v: {text}", {"array": _array})
            return found
        except SyntaxError:  # more nested brackets than Python accepts
            pass
    return functools.partial(_filled, tree)


def _filling(tree: Any, at: int) -> tuple[str | None, int]:
    """The structure as an expression in the list v, from a position on, and the position after it."""
    kind = type(tree)
    if kind in _NUMBERS:
        return f"v[{at}]", at + 1
    if kind is list and is_flat(tree):
        return f"v[{at}:{at + len(tree)}]", at + len(tree)
    if _is_array(tree):
        return f"array(v[{at}:{at + tree.size}], {tree.shape})", at + tree.size
    if kind not in (list, tuple, dict):
        return None, at
    parts = []
    for item in tree.values() if kind is dict else tree:
        text, at = _filling(item, at)
        if text is None:
            return None, at
        parts.append(text)
    if kind is dict:
        if not all(type(key) in (str, int) for key in tree):
            return None, at
        return "{" + ", ".join([f"{key!r}: {part}" for key, part in zip(tree, parts, strict=True)]) + "}", at
    return (f"[{', '.join(parts)}]" if kind is list else f"({', '.join(parts)}{',' * (len(parts) == 1)})"), at


def positions(tree: Any) -> Any:
    """A structure of lists, tuples and arrays with the position of each number in its place; None for another one.

    A list or tuple of numbers alone is (list or tuple, the first position, how many), another one (its kind, items);
    an array is (its kind, the first position, its shape).

    >>> positions((1.0, [2.0, 3.0]))
    (<class 'tuple'>, (0, (<class 'list'>, 1, 2)))
    """
    return _positions(tree, 0)[0]


def _positions(tree: Any, at: int) -> tuple[Any, int]:
    kind = type(tree)
    if kind in _NUMBERS:
        return at, at + 1
    if _is_array(tree):
        return (kind, at, tree.shape), at + tree.size
    if kind is not list and kind is not tuple:
        return None, at
    if all(type(item) in _NUMBERS for item in tree):
        return (kind, at, len(tree)), at + len(tree)
    found = []
    for item in tree:
        inner, at = _positions(item, at)
        if inner is None:
            return None, at
        found.append(inner)
    return (kind, tuple(found)), at


def sketch(tree: Any) -> str:
    """A structure as a short text, with * for every number.

    >>> sketch({"w": [1.0, 2.0], "b": 3.0})
    "{'w': [*, *], 'b': *}"
    """
    text = _sketched(tree)
    return text if len(text) <= 60 else text[:57] + "..."


def _sketched(tree: Any) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join([f"{key!r}: {_sketched(item)}" for key, item in tree.items()]) + "}"
    if is_dataclass(tree):
        items = ", ".join([f"{name}={_sketched(item)}" for name, item in by_name(tree).items()])
        return f"{type(tree).__name__}({items})"
    if is_list(tree):
        inner = ", ".join(map(_sketched, tree))
        return f"[{inner}]" if type(tree) is list else f"({inner},)" if len(tree) == 1 else f"({inner})"
    return f"an array of shape {tree.shape}" if _is_array(tree) else "None" if tree is None else "*"


def is_nested(x: Any) -> bool:
    """Whether x is a list, a tuple, a dict or a dataclass, which with_items() can rebuild."""
    return is_list(x) or isinstance(x, dict) or is_dataclass(x)


def items_of(tree: Any) -> list[Any]:
    """The items of a list, a tuple, a dict or a dataclass."""
    return list(tree if is_list(tree) else by_name(tree).values())


def named_items(tree: Any) -> list[tuple[str, Any]]:
    """The items, each with the text that selects it, such as "['w']", "[0]" or ".w"."""
    names = "[{}]" if is_list(tree) else "[{!r}]" if isinstance(tree, dict) else ".{}"
    pairs = enumerate(tree) if is_list(tree) else by_name(tree).items()
    return [(names.format(name), item) for name, item in pairs]


def by_name(tree: Any) -> dict[Any, Any]:
    """The items of a dict by key, or of a dataclass by the names of the fields that are set."""
    if isinstance(tree, dict):
        return tree
    return _fields(tree, False)


def static_fields(tree: Any) -> dict[str, Any]:
    """The other fields of a dataclass, which hold no numbers: those with metadata={"static": True}."""
    return _fields(tree, True)


def _fields(tree: Any, static: bool) -> dict[str, Any]:
    from dataclasses import fields

    names = [field.name for field in fields(tree) if bool(field.metadata.get("static")) is static]
    return {name: getattr(tree, name) for name in names if hasattr(tree, name)}


def on_arrays(function: Callable[[Any], Any], tree: Any) -> Any:
    """The structure with function(array) in place of each array; everything else stays."""
    if is_nested(tree):
        return with_items(tree, [on_arrays(function, item) for item in items_of(tree)])
    return function(tree) if _is_array(tree) else tree


def _is_row(x: Any) -> bool:
    return is_list(x) or (_is_array(x) and x.ndim > 0)


def is_list(x: Any) -> bool:
    """Whether x is a list, a tuple or a named tuple; other kinds of sequences count as a single thing."""
    return type(x) is list or type(x) is tuple or (isinstance(x, tuple) and hasattr(x, "_fields"))


def is_dataclass(x: Any) -> bool:
    """Whether x is an instance of a dataclass, and neither a member of an enum nor a module."""
    if not hasattr(type(x), "__dataclass_fields__"):
        return False
    from enum import Enum

    return not isinstance(x, (Enum, Whole, list, numbers.Number))


def with_items(tree: Any, items: Iterable[Any]) -> Any:
    """A list, a tuple, a dict or a dataclass like the given one, with these items in place of its own."""
    kind: Any = type(tree)
    if isinstance(tree, dict):
        made = copy.copy(tree)
        if getattr(tree, "__dict__", None) is tree:  # its attributes are its keys
            made.__dict__ = made
        made.update(zip(tree, items, strict=True))
        return made
    if is_list(tree):
        return kind._make(items) if hasattr(tree, "_fields") else kind(items)
    made = object.__new__(kind)
    for name, item in (*zip(by_name(tree), items, strict=True), *static_fields(tree).items()):
        object.__setattr__(made, name, item)  # works for a frozen dataclass too
    return made


def _mapped(function: Callable[[list[Any]], list[Any]], tree: Any) -> Any:
    """The same as mapped, with a function of whole runs: all numbers of an array, or of a list of numbers only."""
    if type(tree) in _NUMBERS:
        return function([tree])[0]
    if is_nested(tree):
        items = items_of(tree)
        return with_items(tree, function(items) if is_flat(tree) else [_mapped(function, item) for item in items])
    if _is_array(tree):
        items = listed(tree.ravel())
        found = function(items)
        same = len(found) == len(items) and all(map(operator.is_, found, items))
        return tree if same else _array(found, tree.shape)
    return None if tree is None else function([tree])[0]


def _numbers_of(tree: Any, error: Callable[[Any], Exception]) -> list[Any]:
    found: list[Any] = []

    def collect(run: list[Any]) -> list[Any]:
        for x in run:
            if type(x) not in _NUMBERS and not isinstance(x, numbers.Real):
                raise error(x)
        found.extend(run)
        return run

    _mapped(collect, tree)
    return found


def _filled(tree: Any, items: Sequence[Any]) -> Any:
    rest = iter(items)
    return _mapped(lambda run: list(itertools.islice(rest, len(run))), tree)


def is_flat(tree: Any) -> bool:
    """Whether a list or tuple holds only numbers."""
    return is_list(tree) and _NUMBERS.issuperset(map(type, tree))


def _is_array(x: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray)


def _array(items: list[Any], shape: tuple[int, ...]) -> Any:
    """An array of this shape: of floats, of whole arrays side by side, or of objects."""
    import numpy as np

    kinds = set(map(type, items))
    if all(kind in (float, int) or issubclass(kind, (np.floating, np.integer)) for kind in kinds):
        return np.array(items, dtype=float).reshape(shape)
    first = items[0]
    if isinstance(first, dict):
        return with_items(first, [_array([item[key] for item in items], shape) for key in first])
    if is_nested(first):
        columns = zip(*map(items_of, items), strict=True)
        return with_items(first, [_array(list(column), shape) for column in columns])
    if all(map(_is_array, items)) and len({item.shape for item in items}) == 1:
        return np.array(items).reshape(shape + first.shape)
    return np.fromiter(items, object, len(items)).reshape(shape)  # which asks no Value whether it is an array
