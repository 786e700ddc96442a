"""Every row of the table with plain arguments: real numbers give floats, and anything else is refused."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from table import points

import tinygrad_lite as tl
from tinygrad_lite import Value, ops
from tinygrad_lite.engine import record
from tinygrad_lite.errors import TraceError
from tinygrad_lite.floats.reals import as_array, as_float, as_sequence, has_masked, is_real, listed
from tinygrad_lite.ops import Op

ROWS = [pytest.param(row, id=row.name) for row in ops.TABLE.values()]
MASKED = np.ma.array([1.0, 2.0], mask=[False, True])
NO_NUMBERS: dict[str, tuple[Any, str]] = {
    "str": ("1", r"got a str, '1': turn it into a number first, with float\(...\)"),
    "empty str": ("", "got a str, ''"),
    "bytes": (b"1", "got a bytes"),
    "None": (None, "got None: a function that was meant to return it may lack its return statement"),
    "complex": (1j, r"got a complex, 1j: take its \.real"),
    "NumPy's complex": (np.complex64(1j), r"got a complex64 .*: take its \.real"),
    "Decimal": (Decimal(1), r"got a Decimal, Decimal\('1'\): turn it into a float first"),
    "list": ([1.0, 2.0], "got a list of 2: (call it for each|a sequence holds numbers alone)"),
    "tuple": ((1.0,), "got a tuple of 1"),
    "dict": ({1.0: 2.0}, "got a dict of 1"),
    "set": ({1.0}, "got a set of 1"),
    "array": (np.array([1.0, 2.0]), r"got an ndarray of shape \(2,\): (call it for each|a sequence holds)"),
    "matrix": (np.ones((2, 2)), r"got an ndarray of shape \(2, 2\)"),
    "array of a Value": (np.array(Value(1.0)), r"got an ndarray of shape \(\): take its \.item\(\)"),
    "masked": (np.ma.masked, "got a MaskedConstant .*: a masked element has no number"),
    "masked array": (MASKED, r"got a MaskedArray .*: masked elements have no number: .*\.filled\(0\.0\)"),
    "masked array of one": (np.ma.array([1.0], mask=[True]), "got a MaskedArray .*: masked elements have no number"),
    "generator": (iter([1.0]), "got a list_iterator"),
    "function": (math.sin, "got a builtin_function_or_method"),
    "object": (object(), "got an object, .*: pass an int or a float"),
    "time": (np.timedelta64(5, "ns"), "got a timedelta64"),
}
TOO_LARGE = {"int": 10**400, "int that Python does not print": 10**6000, "Fraction": Fraction(10**400)}
REALS: dict[str, Callable[[float], Any]] = {
    "int": int,
    "bool": bool,
    "float64": np.float64,
    "float32": np.float32,
    "longdouble": np.longdouble,
    "int8": np.int8,
    "bool_": np.bool_,
    "Fraction": lambda x: Fraction(int(x)),
    "array of no axis": np.array,
    "array of one": lambda x: np.array([x]),
    "masked array of one, not masked": lambda x: np.ma.array([x], mask=[False]),
    "of a class of its own": lambda x: type("Mine", (float,), {})(x),
}


def ones(row: Op) -> list[Any]:
    """Arguments of 1, with sequences of two."""
    return [(1.0, 1.0) if k in row.sequences else 1.0 for k in range(len(row.args))]


def with_one(row: Op, position: int, x: Any, values: bool) -> list[Any]:
    """Arguments, one of which is x, or has x as its last element; the others are Values if asked for and allowed."""
    made = [
        tuple(map(Value, arg)) if values and k in row.sequences else Value(arg) if values and row.rules[k] else arg
        for k, arg in enumerate(ones(row))
    ]
    made[position] = (*made[position][:-1], x) if position in row.sequences else x
    return made


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_no_number_is_refused_in_every_place(row: Op, name: str) -> None:
    x, message = NO_NUMBERS[name]
    for position, argument in enumerate(row.args):
        for values in (False, True):
            with pytest.raises(TypeError, match=rf"^{row.name}\(.*{argument} takes a real number, {message}"):
                row(*with_one(row, position, x, values))


@pytest.mark.parametrize("row", [row for row in ops.TABLE.values() if row.sequences], ids=lambda row: row.name)
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (1.0, r"got a float, 1\.0: put it in a list, \[x\]"),
        (Value(1.0), "got a Value"),
        (None, "got None"),
        ("ab", "got a str, 'ab'"),
        ("", "got a str, ''"),
        (b"ab", "got a bytes"),
        ({1.0: 2.0}, r"got a dict of 1: take its values, list\(d\.values\(\)\)"),
        ({1.0}, "got a set of 1, which has no order: make a list of it"),
        (np.array(1.0), "got an ndarray of shape"),
        (np.ones((2, 2)), r"got an ndarray of shape \(2, 2\): .*lay it flat"),
        (np.ma.masked, "got a MaskedConstant"),
    ],
)
def test_what_is_no_sequence_is_refused(row: Op, x: Any, message: str) -> None:
    for position in row.sequences:
        for values in (False, True):
            args = with_one(row, position, 1.0, values)
            args[position] = x
            with pytest.raises(TypeError, match=f"{row.args[position]} is a sequence of numbers, {message}"):
                row(*args)


@pytest.mark.parametrize("name", TOO_LARGE)
@pytest.mark.parametrize("row", ROWS)
def test_what_no_float_can_hold_is_refused(row: Op, name: str) -> None:
    for position in range(len(row.args)):
        for values in (False, True):
            with pytest.raises(OverflowError, match=r"real number up to 1\.8e308, got an? |int too large to convert"):
                row(*with_one(row, position, TOO_LARGE[name], values))
    shown = "Fraction" if name == "Fraction" else r"int of \d+ bits"
    with pytest.raises(OverflowError, match=rf"^Value takes a real number up to 1\.8e308, got an? {shown}"):
        Value(TOO_LARGE[name])
    for f in (lambda x: Value(1.0) + x, lambda x: Value(1.0) < x):
        with pytest.raises(OverflowError):
            f(TOO_LARGE[name])


@pytest.mark.parametrize("name", REALS)
@pytest.mark.parametrize("row", ROWS)
def test_real_numbers_give_plain_floats(row: Op, name: str) -> None:
    """This holds for every kind of number; next to Values they are kept as floats."""
    make = REALS[name]
    given = [tuple(map(make, arg)) if isinstance(arg, tuple) else make(arg) for arg in ones(row)]
    want = row(*ones(row))
    assert type(want) is float and type(row(*given)) is float and row(*given) == want
    for position in range(len(row.args)):
        y = row(*with_one(row, position, make(1.0), True))
        if isinstance(y, Value):
            assert y.data == want
            flat = [x for arg in y.args for x in (arg if isinstance(arg, tuple) else (arg,))]
            assert {type(x) for x in flat} <= {float, Value}
        else:
            assert (
                type(y) is float
                and y == want
                and row in (ops.where, ops.take, ops.polygamma, ops.mills, *one_argument())
            )


def one_argument() -> list[Op]:
    """Rows whose only number is then plain."""
    return [row for row in ops.TABLE.values() if len(row.args) == 1]


@pytest.mark.parametrize("row", ROWS)
def test_floats_give_what_the_row_gives(row: Op) -> None:
    for args in points(row, 10, 2.0):
        assert row(*args) == row.value(*args) and type(row(*args)) is float


def test_sequences_may_be_of_any_kind() -> None:
    for xs in ([1, 2], (1, 2), np.array([1, 2]), iter([1, 2]), range(1, 3), {1: 1, 2: 2}.values(), array("d", [1, 2])):
        assert tl.sum(xs) == 3.0
    assert tl.sum(np.ma.array([1.0, 2.0])) == 3.0
    empty = (tl.sum([]), tl.prod([]), tl.norm([]), tl.dot([], []), tl.logsumexp([]))
    assert empty == (0.0, 1.0, 0.0, 0.0, -math.inf) and {type(x) for x in empty} == {float}
    assert tl.compile(lambda xs: tl.prod(xs))([]) == 1.0 and tl.softmax([]) == []
    with pytest.raises(IndexError, match="the table is empty"):
        tl.take([], 0)
    for f in (tl.softmax, tl.log_softmax):
        for wrong in ("", {1.0: 2.0}, 1.0):
            with pytest.raises(TypeError, match=rf"^{f.__name__}\(xs\): xs is a sequence of numbers, got"):
                f(wrong)


def test_a_choice_looks_at_what_it_does_not_take() -> None:
    for call in (
        lambda: tl.where(1.0, Value(1.0), "a"),
        lambda: tl.where(0, None, Value(1.0)),
        lambda: tl.take([Value(1.0), "a"], 0),
        lambda: tl.take([1.0, None], 0),
    ):
        with pytest.raises(TypeError, match="takes a real number, got"):
            call()
    x = Value(2.0)
    assert tl.where(1, x, 3) is x and tl.where(0, x, 3) == 3.0 and type(tl.where(0, x, 3)) is float
    assert tl.take([1, x], 1) is x and type(tl.take([1, x], 0)) is float


def test_methods_look_at_their_arguments() -> None:
    x = Value(1.0)
    with pytest.raises(TypeError, match=r"clip\(x, low, high\): low takes a real number, got a list of 1"):
        x.clip([0.0], [1.0])  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"add\(a, b\): b takes a real number, got an ndarray .* numpy\.add of the array"
    ):
        tl.add(x, np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"leaky_relu\(x, slope=0.01\): x takes a real number, got a tuple of 1"):
        tl.leaky_relu((1.0,))
    with pytest.raises(TypeError, match=r"sin\(x\): x takes .* call it for each, \[sin\(x\) for x in ...\]$"):
        tl.sin([1.0, 2.0])


def test_a_power_forgets_no_modulus() -> None:
    for call in (lambda: pow(Value(2.0), 2, 3), lambda: pow(2, Value(2.0), 3), lambda: pow(Value(2.0), Value(2.0), 3)):
        with pytest.raises(TypeError, match=r"pow\(\)"):
            call()
    with pytest.raises(TypeError, match=r"pow\(\) with a modulus of a Value .* write pow\(v, n\)"):
        pow(Value(2.0), 2, 3)
    assert pow(Value(2.0), 2, None).data == 4.0  # type: ignore[call-overload]


def test_operations_of_ones_own_look_at_theirs(own_operations: Callable[..., Op]) -> None:
    up = own_operations("up", lambda x: math.ceil(x), lambda g, y, x: g)
    assert up(1.5) == 2.0 and type(up(1.5)) is type(up(1)) is float and up(Value(1.5)).data == 2.0
    with pytest.raises(TypeError, match=r"up\(x\): x takes a real number, got a list of 1"):
        up([1.0])
    words = own_operations("words", lambda x: "two words", lambda g, y, x: g)
    for call in (lambda: words(1.0), lambda: words(Value(1.0)), lambda: record(words, (Value(1.0),))):
        with pytest.raises(TypeError, match=r"words\(x\) must give one real number, got a str, 'two words'"):
            call()


def doubled(x: Any) -> Any:
    return 2.0 * x


def total(xs: Any) -> Any:
    return tl.sum(xs)


MASKED_MATRIX = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])


def test_a_batch_is_of_any_sequence_of_numbers() -> None:
    f = tl.compile(doubled)
    for xs in (range(3), array("d", [0.0, 1.0, 2.0]), [0, 1, 2], np.arange(3)):
        assert f.batch(xs, reduce=None).tolist() == [0.0, 2.0, 4.0]
    assert tl.compile(total).batch([range(2), range(2)]).data == 1.0
    for xs, message in (({1.0}, "a set of 1"), ("ab", "a str, 'ab'"), (iter([1.0]), "a list_iterator")):
        with pytest.raises((ValueError, TypeError), match=f"{message}.*: pass (its numbers|a list|a tuple)"):
            f.batch(xs)


def test_what_is_a_real_number() -> None:
    assert all(map(is_real, (1, 1.0, True, Fraction(1, 3), np.float32(1), np.int64(1), math.nan)))
    assert not any(map(is_real, (1j, "1", None, Decimal(1), [1.0], np.timedelta64(1, "ns"), Value(1.0))))
    assert as_float("f", np.array([2])) == 2.0 and as_sequence("f", range(2)) == (0, 1)
    assert has_masked(np.ma.masked) and has_masked(MASKED) and not has_masked(np.ma.array([1.0])) and not has_masked([])
    assert listed(MASKED)[1] is np.ma.masked and listed(np.eye(2)) == [[1.0, 0.0], [0.0, 1.0]]
    assert listed(MASKED_MATRIX)[1] == [3.0, 4.0] and listed(np.ma.masked) is np.ma.masked
    assert as_array("f", [(1.0, 2), [3.0, True]]).shape == (2, 2)


def test_in_a_trace_too() -> None:
    with pytest.raises(TypeError, match=r"maximum\(a, b\): b takes a real number, got a list of 2") as caught:
        tl.compile(lambda x: tl.maximum(x, [1.0, 2.0]))(1.0)
    assert not isinstance(caught.value, TraceError)
