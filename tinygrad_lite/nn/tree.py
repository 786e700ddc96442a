"""What stands in a module: the parameters and modules among its attributes, and in lists, tuples and dicts of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..engine import Value

Found = tuple[str, Any, Any]
"""prefix, key, thing: the thing's name is f"{prefix}{key}", put together only where it is wanted."""

Items = Iterator[tuple[Any, Any]]


_TRAINABLE = ("parameter", "leaf")


def is_parameter(v: Value) -> bool:
    """Whether training may move v: a leaf that gradients enter, so neither a result nor detached.

    >>> is_parameter(Value(1.0)), is_parameter(Value(1.0).detach()), is_parameter(Value(1.0) * 2)
    (True, False, False)
    """
    return v.kind in _TRAINABLE


class Node:
    """What `walk` enters: an object with attributes."""

    def _attributes(self) -> Iterable[tuple[str, Any]]:
        return vars(self).items()


def walk(root: Node, *, whole_arrays: bool = False, into_modules: bool = True) -> Iterator[Found]:
    """Every parameter and every module below root, each once, in the order of the attributes.

    whole_arrays  gives a list that is an array of parameters (`array_shape`) as one thing
    into_modules  False: gives root's own modules without entering them
    """
    seen = {id(root)}
    stack: list[tuple[str, Items]] = [("", iter(root._attributes()))]
    while stack:
        prefix, items = stack[-1]
        for key, thing in items:
            inner: Items
            if type(thing) is Value:
                if id(thing) not in seen:
                    seen.add(id(thing))
                    if thing.kind in _TRAINABLE:
                        yield prefix, key, thing
                continue
            if isinstance(thing, (list, tuple)):
                if whole_arrays and array_shape(thing) is not None:
                    leaves = {id(v) for v in leaves_of(thing)}
                    if not leaves <= seen:
                        yield prefix, key, thing
                    seen |= leaves
                    continue
                inner = enumerate(thing)
            elif isinstance(thing, dict):
                inner = iter(thing.items())
            elif isinstance(thing, Node):
                inner = iter(thing._attributes() if into_modules else ())
            else:
                continue
            if id(thing) not in seen:
                seen.add(id(thing))
                if isinstance(thing, Node):
                    yield prefix, key, thing
                stack.append((f"{prefix}{key}.", inner))
                break
        else:
            stack.pop()


def array_shape(thing: Any) -> tuple[int, ...] | None:
    """() for a parameter, (n, ...) for a list or tuple of n arrays of one shape, None for anything else.

    >>> array_shape([[Value(1.0), Value(2.0)]]), array_shape([Value(1.0), "x"]), array_shape([])
    ((1, 2), None, None)
    """
    if type(thing) is Value:
        return () if is_parameter(thing) else None
    if not isinstance(thing, (list, tuple)) or not thing:
        return None
    first = array_shape(thing[0])
    if first is None or any(array_shape(item) != first for item in thing[1:]):
        return None
    return (len(thing), *first)


def leaves_of(array: Any) -> list[Value]:
    """The parameters of an array, row by row."""
    if type(array) is Value:
        return [array]
    return [v for item in array for v in leaves_of(item)]
