"""How untraced arguments enter the key of a program. An argument that could change unnoticed is refused."""

from __future__ import annotations

import functools
from enum import Enum
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from ...errors import received
from ...ops import Op
from ...recording.random_source import Draws
from ...transforms.pytree import Whole, is_dataclass, is_nested, items_of, static_fields

_FIXED = (
    Draws, Op, np.ufunc, ModuleType, FunctionType, BuiltinFunctionType, MethodType, MethodDescriptorType,
    MethodWrapperType, WrapperDescriptorType, functools.partial, type(functools.lru_cache(abs)),
    type(None), type(...), type(NotImplemented),
)  # fmt: skip
"""Types that hash by identity and do not change, or, as Draws, only in ways that no program depends on."""


class Refused(Exception):  # noqa: N818  internal, always caught
    """Raised for a thing that may change while its hash stays the same."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing


def fixed(who: str, arg: Any) -> tuple[type, Keyed]:
    """The key of an argument that is named as static. Raises TypeError for what is not hashable."""
    try:
        hash(arg)
    except TypeError:
        raise TypeError(
            f"{who} is part of the program's key and must be hashable, got {received(arg)}: pass a tuple, or let it be "
            "traced"
        ) from None
    return type(arg), Keyed(arg, typed(arg))


def static(thing: Any) -> Any:
    """The form of a thing in a key. Raises Refused."""
    kind: Any = type(thing)
    if isinstance(thing, (type, Enum, Whole)):  # changes in modules are noticed elsewhere, see held_modules.py
        return Same(thing)
    if isinstance(thing, functools.partial):
        parts = (thing.func, *thing.args, *thing.keywords.items())
        return Keyed(thing, (Same(thing), *map(static, parts)))
    if isinstance(thing, (MethodType, BuiltinFunctionType, MethodWrapperType)):
        owner = getattr(thing, "__self__", None)
        return Keyed(thing, (thing, None if isinstance(owner, (type, ModuleType, type(None))) else static(owner)))
    if isinstance(thing, _FIXED):
        return thing
    if kind.__eq__ is object.__eq__ or kind.__hash__ in (None, object.__hash__):
        raise Refused(thing)
    for inner in thing if isinstance(thing, (tuple, frozenset)) else ():
        static(inner)
    try:
        hash(thing)
    except (TypeError, ValueError):
        raise Refused(thing) from None
    return Keyed(thing, typed(thing))


def typed(thing: Any) -> Any:
    """A key that distinguishes a thing from others that compare equal: 1 from 1.0 and True, 0.0 from -0.0."""
    if isinstance(thing, (tuple, frozenset)):
        return type(thing), tuple(map(typed, thing)) if isinstance(thing, tuple) else frozenset(map(typed, thing))
    return (float, repr(thing)) if type(thing) is float else (type(thing), thing)


class Keyed:
    """A thing that compares and hashes by its static() form."""

    def __init__(self, thing: object, key: Any) -> None:
        self.thing, self._key = thing, key

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keyed) and other._key == self._key


def holds(arg: Any, thing: Any) -> bool:
    """Whether thing is arg, or is somewhere inside it."""
    inner = items_of(arg) if is_nested(arg) else arg if isinstance(arg, frozenset) else ()
    fixed = static_fields(arg).values() if is_dataclass(arg) else ()
    return arg is thing or any(holds(item, thing) for item in (*inner, *fixed))


class Same:
    """A thing that compares and hashes by identity."""

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing
