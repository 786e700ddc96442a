"""Notices when something that a module holds was replaced after a function of the module was traced."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from numbers import Real
from types import MethodType
from typing import Any

from ...engine import Value
from ...transforms.pytree import Holder, by_name, is_dataclass, is_nested, items_of
from ..native.bytecode_machine import hold_the_same

_END = (object(),)
_PLAIN = frozenset((Value, float, int, str, bool, type(None)))


class Held:
    """What some modules hold now: leaves and other objects by identity, numbers and strings by value.

    It looks into lists, tuples, dicts, dataclasses and modules, but not into other objects, functions and arrays. It
    does not distinguish one recorded result from another.
    """

    def __init__(self, modules: Iterable[Holder]) -> None:
        self._modules = list(modules)
        self._contents = list(_contents(self._modules))
        self._look_at()

    def _look_at(self) -> None:
        """Notes the containers and their items: while these are the same, nothing else needs to be looked at."""
        self._containers: list[Any] = [x for each in _containers(self._modules) for x in (each, _END)]
        self._items = list(chain.from_iterable(self._containers))

    def is_unchanged(self) -> bool:
        try:
            return self._is_unchanged()
        except RuntimeError:  # another thread is adding an attribute
            return False

    def _is_unchanged(self) -> bool:
        if hold_the_same(self._containers, self._items):
            return True
        now = list(_contents(self._modules))
        if len(now) != len(self._contents) or not all(map(_alike, now, self._contents)):
            return False
        self._look_at()
        return True


def modules_of(things: Iterable[Any]) -> list[Holder]:
    """The modules among some things, inside nested structures, and behind bound methods, partials and wrappers."""
    found: list[Holder] = []
    for thing in things:
        if isinstance(thing, Holder):
            found.append(thing)
        elif isinstance(thing, MethodType):
            found += modules_of([thing.__self__])
        elif isinstance(thing, partial):
            found += modules_of([thing.func, *thing.args, *thing.keywords.values()])
        elif is_nested(thing):
            found += modules_of(items_of(thing))
        elif isinstance(thing, frozenset):
            found += modules_of(thing)
        elif hasattr(thing, "__wrapped__"):
            found += modules_of([thing.__wrapped__])
    return found


def _containers(modules: Iterable[Holder]) -> Iterator[Any]:
    """The containers that can be written to: attributes of modules and dataclasses, lists, and the values of dicts."""
    for thing in _met(modules):
        if isinstance(thing, list):
            yield thing
        elif isinstance(thing, dict):
            yield thing
            yield thing.values()
        elif isinstance(thing, Holder) and thing._written is not None:
            yield thing._written
        elif isinstance(thing, Holder) or is_dataclass(thing):
            held = getattr(thing, "__dict__", None)
            yield _Slots(thing) if held is None else held
            yield () if held is None else held.values()


def _contents(modules: Iterable[Holder]) -> Iterator[Any]:
    """For each container its kind and its keys; anything else is given as it is."""
    for thing in _met(modules):
        if isinstance(thing, dict):
            yield type(thing), *thing
        elif isinstance(thing, Holder):
            yield id(thing), *_attributes(thing)
        elif is_nested(thing):
            yield type(thing), len(items_of(thing))
        else:
            yield thing


class _Slots:
    """The current fields of a dataclass that has no __dict__."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def __iter__(self) -> Iterator[Any]:
        return iter(by_name(self._thing).values())


def _met(modules: Iterable[Holder]) -> Iterator[Any]:
    """Everything in modules, each container once and before its items."""
    seen: set[int] = set()
    waiting: list[Any] = list(modules)[::-1]
    while waiting:
        thing = waiting.pop()
        if type(thing) in _PLAIN:
            yield thing
            continue
        if isinstance(thing, Holder):
            inner = list(_attributes(thing).values())
        elif is_nested(thing):
            inner = items_of(thing)
        else:
            yield thing
            continue
        if id(thing) not in seen:
            seen.add(id(thing))
            yield thing
            waiting += inner[::-1]


def _attributes(module: Holder) -> dict[str, Any]:
    return {name: thing for name, thing in module._attributes() if name not in module._apart}


def _alike(now: Any, before: Any) -> bool:
    if now is before:
        return True
    if type(now) is Value and type(before) is Value:
        return now.op is not None and before.op is not None
    if type(now) is not type(before) or not isinstance(now, (Real, str, bytes, tuple)):
        return False
    if isinstance(now, float) and now == 0.0:
        return before == 0.0 and math.copysign(1.0, now) == math.copysign(1.0, before)
    return bool(now == before) or (now != now and before != before)
