"""What stands for arguments that are not traced in the key of a program: what may change unnoticed is refused."""

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

from ..draws import Draws
from ..nesting import Whole, is_nested, items_of
from ..ops import Op

_FIXED = (
    Draws, Op, np.ufunc, ModuleType, FunctionType, BuiltinFunctionType, MethodType, MethodDescriptorType,
    MethodWrapperType, WrapperDescriptorType, functools.partial, type(functools.lru_cache(abs)),
    type(None), type(...), type(NotImplemented),
)  # fmt: skip
"""What hashes by identity and does not change, or, as Draws, in what no program depends on."""


class Refused(Exception):  # noqa: N818  it reaches nobody
    """For a thing that may change without another hash."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing


def static(thing: Any) -> Any:
    """What stands for it in a key."""
    kind: Any = type(thing)
    if isinstance(thing, (type, Enum, Whole)):  # modules are looked at otherwise, see held.py
        return Same(thing)
    if isinstance(thing, _FIXED):
        return thing
    if kind.__eq__ is object.__eq__ or kind.__hash__ in (None, object.__hash__):
        raise Refused(thing)
    for inner in thing if isinstance(thing, (tuple, frozenset)) else ():
        static(inner)
    try:
        hash(thing)
    except TypeError:
        raise Refused(thing) from None
    return thing


def holds(arg: Any, thing: Any) -> bool:
    """Whether thing is arg, or somewhere in it."""
    inner = items_of(arg) if is_nested(arg) else arg if isinstance(arg, frozenset) else ()
    return arg is thing or any(holds(item, thing) for item in inner)


class Same:
    """A thing as itself, by identity."""

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing
