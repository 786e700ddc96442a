"""Finds the parameters and modules in a module's attributes, and in lists, tuples and dicts of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from ..engine import Storage, Value, are_parameters, distinct, hold_the_same, storage_of
from ..transforms.pytree import Holder

Found = tuple[str, Sequence[Any], Sequence[Any]]
"""(prefix, keys, things): the name of a thing is f"{prefix}{key}", which is put together only when needed."""

_TRAINABLE = frozenset(("parameter", "leaf"))
_PLAIN = frozenset((str, float, int, bool, type(None)))


def is_parameter(v: Value) -> bool:
    """Whether training may change v: it is a leaf that takes gradients, neither a result nor detached.

    >>> is_parameter(Value(1.0)), is_parameter(Value(1.0).detach()), is_parameter(Value(1.0) * 2)
    (True, False, False)
    """
    return v.kind in _TRAINABLE


class Node(Holder):
    """An object whose attributes `walk` searches."""


def walk(
    root: Node, *, whole_arrays: bool = False, into_modules: bool = True, read: list[Any] | None = None
) -> Iterator[Found]:
    """Yields every parameter and every module below root, in the order of the attributes.

    Each list, dict or module is entered once. A parameter comes each time it is met (see `each_once`): alone, or
    together with the rest of its list if the list holds only parameters.

    whole_arrays  True: a list that is an array of parameters (`array_shape`) comes as one thing
    into_modules  False: root's own modules come, but are not entered
    read          gets everything below root that was looked into and can change
    """
    read = [] if read is None else read
    seen = {id(root)}
    stack: list[tuple[str, Iterator[tuple[Any, Any]]]] = [("", iter(root._attributes()))]
    while stack:
        prefix, items = stack[-1]
        for key, thing in items:
            kind = type(thing)
            if kind in _PLAIN:
                continue
            if kind is Value:
                if thing.kind in _TRAINABLE:
                    yield prefix, (key,), (thing,)
                continue
            inner: Iterable[tuple[Any, Any]]
            if isinstance(thing, (list, tuple)):
                if whole_arrays and array_shape(thing) is not None:
                    yield prefix, (key,), (thing,)
                    continue
                if isinstance(thing, list):
                    read.append(thing)
                if are_parameters(thing):
                    yield f"{prefix}{key}.", range(len(thing)), thing
                    continue
                inner = enumerate(thing)
            elif isinstance(thing, dict):
                inner = thing.items()
                read.append(thing.values())
            elif isinstance(thing, Node):
                inner = thing._attributes() if into_modules else ()
                read.append(_own(thing))
            else:
                continue
            if id(thing) not in seen:
                seen.add(id(thing))
                if isinstance(thing, Node):
                    yield prefix, (key,), (thing,)
                stack.append((f"{prefix}{key}.", iter(inner)))
                break
        else:
            stack.pop()


def _own(node: Node) -> Iterable[Any]:
    """What changes when an attribute of the node is set."""
    return vars(node).values() if node._written is None else node._written


class Leaves:
    """The parameters below a module, each once, in one storage, and a note of everything that was looked into.

    found  what walk() yielded
    Nothing here leads back to the module, which holds this object, so that a model is freed at once.
    """

    def __init__(self, root: Node) -> None:
        self._read: list[Any] = []
        self.found = list(walk(root, read=self._read))
        rows = [things for _, _, things in self.found if type(things[0]) is Value]
        self.leaves = distinct(list(chain.from_iterable(rows)))
        self.storage = storage_of(self.leaves) if self.leaves else Storage(0)
        self._moved = self.storage.moved
        self._items = tuple(chain.from_iterable(self._read))
        self._attributes = self._other(root)

    def _other(self, root: Node) -> tuple[Any, ...]:
        return tuple([x for x in _own(root) if not isinstance(x, Leaves)])

    def are_those_of(self, root: Node) -> bool:
        """Whether a new search of the same module would find the same, in the same storage."""
        return (
            self.storage.moved == self._moved
            and hold_the_same([self._other(root)], self._attributes)
            and hold_the_same(self._read, self._items)
        )


def each_once(found: Iterable[Found]) -> Iterator[tuple[str, Any, Any]]:
    """Yields (prefix, key, thing) for what was found, leaving out what came before."""
    seen: set[int] = set()
    for prefix, keys, things in found:
        for key, thing in zip(keys, things, strict=True):
            if id(thing) not in seen:
                seen.add(id(thing))
                yield prefix, key, thing


def array_shape(thing: Any) -> tuple[int, ...] | None:
    """The shape of a parameter, (), or of a list or tuple of n arrays of one shape, (n, ...); None for anything else.

    >>> array_shape([[Value(1.0), Value(2.0)]]), array_shape([Value(1.0), "x"]), array_shape([])
    ((1, 2), None, None)
    """
    if type(thing) is Value:
        return () if is_parameter(thing) else None
    if not isinstance(thing, (list, tuple)) or not thing:
        return None
    if are_parameters(thing):
        return (len(thing),)
    first = array_shape(thing[0])
    if first is None or any(array_shape(item) != first for item in thing[1:]):
        return None
    return (len(thing), *first)


def leaves_of(array: Any) -> list[Value]:
    """The parameters of an array, row by row."""
    if type(array) is Value:
        return [array]
    if type(array[0]) is Value:
        return list(array)
    return [v for item in array for v in leaves_of(item)]
