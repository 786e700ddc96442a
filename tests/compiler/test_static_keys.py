"""Arguments besides numbers: they are distinguished by type and value, and refused if they may change."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import functools
import math
import pathlib
import random
import re
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_held_modules import Settings

import tinygrad_lite as tl
from tinygrad_lite import Draws, Value, compile, nn, optim


class Colour(enum.Enum):
    RED = 2.0


class Loss:
    """A callable that can be changed."""

    factor = 2.0

    def __call__(self, x: Any) -> Any:
        return self.factor * x


class ByValue:
    def __init__(self, x: float) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByValue) and other.x == self.x

    def __hash__(self) -> int:
        return hash(self.x)


STATIC: list[Any] = [
    "text", b"bytes", None, True, 2j, ("a", None, b"c"), frozenset(["a", ("b", None)]), Colour.RED, Colour, float, abs,
    math.sin, np.sin, np.float64, np.dtype(float), tl.sin, nn.mse, nn.ReLU(), Draws(0), compile(abs), len, str.join,
    functools.partial(max, 1.0), functools.lru_cache(abs), decimal.Decimal(2), datetime.date(2020, 1, 1),
    pathlib.Path("x"), math, ..., ByValue(1.0), ByValue(1.0).__hash__, lambda x: x, list[int],
    re.compile("a"),
]  # fmt: skip


@pytest.mark.parametrize("thing", STATIC, ids=lambda thing: type(thing).__name__)
def test_what_may_stand_beside_numbers(thing: Any) -> None:
    seen: list[Any] = []

    def f(x: Any, thing: Any) -> Any:
        seen.append(thing)
        return 2.0 * x

    compiled = compile(f)
    for _ in range(3):
        assert compiled(1.0, thing) == compiled(1.0, thing=thing) == 2.0
        assert compiled({"x": 1.0}["x"], thing) == 2.0 and compiled.batch([1.0], thing, reduce=None).tolist() == [2.0]
    assert len(compiled.traces) == 3 and all(x is thing or x == thing for x in seen)
    assert compile(lambda t: t["x"] * 2.0)({"x": 1.0, "y": [thing, (thing,)]}) == 2.0


class Hashed:
    """Its hash is unrelated to equality."""

    def __hash__(self) -> int:
        return 1


MUTABLE: dict[str, tuple[Any, bool]] = {
    "an object": (Loss(), True),
    "of no class": (object(), True),
    "one with a hash": (Hashed(), True),
    "a namespace": (types.SimpleNamespace(a=1.0), False),
    "a set": ({1.0}, False),
    "a deque": (collections.deque([1.0]), False),
    "bytes to write to": (bytearray(b"x"), False),
    "a list of a class": (type("Mine", (list,), {})([1.0]), False),
    "a generator of numbers": (np.random.default_rng(0), True),
    "a source of numbers": (random.Random(0), True),
    "an optimizer": (optim.SGD([Value(1.0)], lr=0.1), True),
    "an iterator": (iter([1.0]), True),
    "a frozen set of objects": (frozenset([Loss()]), True),
}


@pytest.mark.parametrize(("thing", "hashed"), MUTABLE.values(), ids=MUTABLE)
def test_what_may_change_unnoticed_is_refused(thing: Any, hashed: bool) -> None:
    def f(x: Any, thing: Any) -> Any:
        return 2.0 * x

    compiled = compile(f)
    calls: list[Callable[[], Any]] = [
        lambda: compiled(1.0, thing),
        lambda: compiled(1.0, thing=thing),
        lambda: compiled(1.0, {"a": [(1.0, thing)]}),
        lambda: compiled(1.0, Settings(thing)),
        lambda: compiled.batch([1.0], thing),
        lambda: compiled.batch([1.0], thing=(thing, [1.0])),
        lambda: compile(f, static_argnames="x")(1, thing),
    ]
    if isinstance(thing, list):  # which is an array there
        del calls[4:6]
    for call in calls:
        with pytest.raises(TypeError, match=r"compile\(f\): argument thing has .* may change") as caught:
            call()
        assert ("static_argnames" in str(caught.value)) == hashed
    assert compiled.traces == []
    named = compile(f, static_argnames="thing")
    if hashed:
        assert named(1.0, thing) == 2.0 and named.batch([1.0], thing, reduce=None).tolist() == [2.0]
    else:
        with pytest.raises(TypeError, match="must be hashable"):
            named(1.0, thing)


def test_methods_of_a_thing_are_one_program() -> None:
    """Each access gives another object; methods of a thing that may change are refused, like the thing itself."""
    layer, compiled = nn.ReLU(), compile(lambda g, x: g(x))
    for _ in range(3):
        assert compiled(layer.forward, 2.0) == 2.0
    assert len(compiled.traces) == 1
    for method in (Loss().__call__, functools.partial(max, [1.0]), {"a": 1.0}.get):
        with pytest.raises(TypeError, match="may change without being noticed"):
            compiled(method, 2.0)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


def test_static_things_that_only_compare_equal_are_told_apart() -> None:
    chosen = compile(lambda x, level: x * (10.0 if level is Level.HIGH else 1.0))
    assert chosen(1.0, Level.HIGH) == 10.0 and chosen(1.0, Level.LOW) == 1.0
    assert chosen.batch([1.0], Level.HIGH, reduce=None).tolist() == [10.0]
    angle = compile(lambda x, y: tl.atan2(y, x), static_argnames="y")
    assert angle(-1.0, 0.0) == math.pi and angle(-1.0, -0.0) == -math.pi
    first = compile(lambda x, p: x * (10.0 if isinstance(p[0], bool) else 1.0), static_argnames="p")
    assert first(1.0, (1,)) == 1.0 and first(1.0, (True,)) == 10.0 and first(1.0, (1.0,)) == 1.0
