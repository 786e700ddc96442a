"""Numbers in nested lists, tuples, dicts and arrays: taken out in order, and others put in their place."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Callable, Iterable
from typing import Any

from .engine import Value

_NUMBERS = frozenset((float, int, Value))


def elements(tree: Any, error: Callable[[Any], Exception] = TypeError) -> list[Any]:
    """The numbers and Values of a structure, in order; None holds none. Raises error(x) for any other x in it.

    >>> elements({"w": [1.0, 2.0], "b": 3.0})
    [1.0, 2.0, 3.0]
    """
    if _is_flat(tree):
        return list(tree)
    found: list[Any] = []

    def collect(item: Any) -> None:
        if type(item) is not Value and not isinstance(item, numbers.Real):
            raise error(item)
        found.append(item)

    mapped(collect, tree)
    return found


def has_values(tree: Any) -> bool:
    """Whether a structure holds a Value."""
    if _is_flat(tree):
        return Value in set(map(type, tree))
    found: list[Any] = []
    mapped(lambda x: found.append(x) if type(x) is Value else None, tree)
    return bool(found)


def rebuilt(tree: Any, items: Iterable[Any]) -> Any:
    """The structure with these in the place of its numbers; an array of arrays becomes one array.

    >>> rebuilt({"w": [1.0, 2.0], "b": 3.0}, "xyz")
    {'w': ['x', 'y'], 'b': 'z'}
    """
    rest = iter(items)
    if _is_flat(tree):
        return type(tree)(rest)
    return mapped(lambda item: next(rest), tree)


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The structure with function(x) in the place of each x in it that is neither a structure itself nor None."""
    if type(tree) in _NUMBERS:
        return function(tree)
    if _is_flat(tree):
        return type(tree)(map(function, tree))
    if isinstance(tree, (list, tuple)):
        inner = [function(item) if type(item) in _NUMBERS else mapped(function, item) for item in tree]
        return type(tree)(*inner) if hasattr(tree, "_fields") else type(tree)(inner)
    if isinstance(tree, dict):
        return {key: mapped(function, item) for key, item in tree.items()}
    if _is_array(tree):
        return _array([function(item) for item in tree.ravel().tolist()], tree.shape)
    return None if tree is None else function(tree)


def alike(a: Any, b: Any) -> bool:
    """Whether two structures hold numbers in the same places, be they lists, tuples or arrays."""
    if isinstance(a, dict) or isinstance(b, dict):
        return (
            isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
        )
    if _is_flat(a) and _is_flat(b):
        return len(a) == len(b)
    nested = [isinstance(x, (list, tuple)) or (_is_array(x) and x.ndim > 0) for x in (a, b)]
    if not all(nested):
        return not any(nested) and (a is None) == (b is None)
    return len(a) == len(b) and all(map(alike, a, b))


def _is_flat(tree: Any) -> bool:
    """A plain list or tuple of nothing but numbers, which is the common case and the quick one."""
    return (type(tree) is list or type(tree) is tuple) and _NUMBERS.issuperset(map(type, tree))


def _is_array(x: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray)


def _array(items: list[Any], shape: tuple[int, ...]) -> Any:
    """An array of that shape: of floats, of whole arrays beside each other, or of objects."""
    import numpy as np

    if items and all(_is_array(item) for item in items) and len({item.shape for item in items}) == 1:
        return np.array(items).reshape(shape + items[0].shape)
    if all(type(item) is float for item in items):
        return np.array(items, dtype=float).reshape(shape)
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made.reshape(shape)
