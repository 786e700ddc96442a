"""Functions that take the number out of a Value, and NumPy's: they are right, or an error says what to do."""

from __future__ import annotations

import array
import cmath
import json
import math
import numbers
import operator
import random
import re
import statistics
import struct
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, errors, ops
from tinygrad_lite.errors import TraceError

ALONE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "float()": (lambda v: float(v), r"write v\.exp\(\) .* for math\.exp\(v\), .* v\.data"),
    "math.exp": (lambda v: math.exp(v), r"write v\.exp\(\)"),
    "math.isnan": (lambda v: math.isnan(v), r"v\.data"),
    "math.isclose": (lambda v: math.isclose(v, 1.5), r"v\.data"),
    "math.fsum": (lambda v: math.fsum([v, v]), r"v\.data"),
    "math.hypot": (lambda v: math.hypot(v, v), r"v\.data"),
    "percent": (lambda v: "%.2f" % v, r"f'\{v:\.2f\}'"),  # noqa: UP031
    "array.array": (lambda v: array.array("d", [v]), r"v\.data"),
    "statistics.fmean": (lambda v: statistics.fmean([v, v]), r"v\.data"),
    "statistics.mean": (lambda v: statistics.mean([v, v]), r"tinygrad_lite\.mean\(values\)"),
    "statistics.stdev": (lambda v: statistics.stdev([v, 2.0]), r"v\.data"),
    "random.choices": (lambda v: random.choices([1, 2], weights=[v, v]), r"v\.data"),
    "NumPy's array of floats": (lambda v: np.array([v, v], dtype=float), r"v\.data"),
    "element of NumPy's array": (lambda v: np.zeros(2).__setitem__(0, v), r"v\.data"),
    "np.float64": (lambda v: np.float64(v), r"v\.data"),
    "np.gradient": (lambda v: np.gradient([v, v]), r"v\.data"),
    "complex()": (lambda v: complex(v), r"write v\.data"),
    "cmath.exp": (lambda v: cmath.exp(v), r"write v\.data"),
    "int()": (lambda v: int(v), r"write tinygrad_lite\.trunc\(v\) .*, or int\(v\.data\)"),
    "round()": (lambda v: round(v), r"write tinygrad_lite\.round\(v\) .*, or round\(v\.data\)"),
    "round(), of digits": (lambda v: round(v, 2), r"f'\{v:\.2f\}' to print it"),
    "math.floor": (lambda v: math.floor(v), r"write tinygrad_lite\.floor\(v\) .*math\.floor\(v\.data\)"),
    "math.ceil": (lambda v: math.ceil(v), r"write tinygrad_lite\.ceil\(v\) .*math\.ceil\(v\.data\)"),
    "math.trunc": (lambda v: math.trunc(v), r"write tinygrad_lite\.trunc\(v\) .*math\.trunc\(v\.data\)"),
    "np.floor": (lambda v: np.floor(np.array([v])), r"write tinygrad_lite\.floor\(v\)"),
    "//": (lambda v: v // 2, r"tinygrad_lite\.floor\(v / n\) .*or v\.data // n"),
    "//, right": (lambda v: 2.0 // v, r"tinygrad_lite\.floor\(v / n\)"),
    "//, of two": (lambda v: v // v, r"tinygrad_lite\.floor\(v / n\)"),
    "//, an array": (lambda v: np.array([1.0, 2.0]) // v, r"tinygrad_lite\.floor\(v / n\)"),
    "divmod": (lambda v: divmod(v, 2), r"tinygrad_lite\.floor\(v / n\).* and v % n, or divmod\(v\.data, n\)"),
    "divmod, right": (lambda v: divmod(2, v), r"tinygrad_lite\.floor\(v / n\)"),
    "element": (lambda v: [1, 2, 3][v], r"write take\(xs, v\)"),
    "slice": (lambda v: [1, 2, 3][:v], r"write take\(xs, v\)"),
    "range": (lambda v: range(v), r"range\(int\(v\.data\)\)"),
    "operator.index": (lambda v: operator.index(v), r"write take\(xs, v\)"),
    "many of a list": (lambda v: [0.0] * v, r"range\(int\(v\.data\)\)"),
    "@": (lambda v: v @ v, r"write v \* w, or dot\(xs, ys\)"),
    "@, right": (lambda v: 2.0 @ v, r"write v \* w, or dot\(xs, ys\)"),
    "pow with a modulus": (lambda v: pow(v, 2, 3), r"write pow\(v, n\)"),
    "not": (lambda v: not v, r"compare its number .*where"),
    "and": (lambda v: v and v, r"compare its number .*where"),
    "np.where": (lambda v: np.where([v, v], 1.0, 2.0), r"compare its number .*where"),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_number_is_not_taken_out_in_silence(name: str) -> None:
    """In a trace the error names the line, too."""
    f, message = ALONE[name]
    with pytest.raises(TypeError, match=message) as caught:
        f(Value(1.5))
    assert not isinstance(caught.value, TraceError)
    with pytest.raises(TypeError, match=message):
        tl.grad(lambda v: v * f(v))(1.5)
    with pytest.raises(TraceError, match=r"test_numbers_taken\.py:\d+.*(take\(|where\()"):
        tl.compile(lambda v: f(v))(1.5)


def test_messages_name_what_there_is() -> None:
    for text in [*errors.NUMBER_ALONE.values(), *errors.OTHER_NAMES.values()]:
        names = re.findall(r"tinygrad_lite\.(\w+)", text)
        assert all(hasattr(tl, name) for name in names), text
        methods = set(re.findall(r"\bv\.(\w+)\(", text))
        assert all(hasattr(Value(0.5), name) for name in methods), text
    for name in errors.OTHER_NAMES:
        assert not hasattr(Value(0.5), name), f"{name} is there: leave it out"


def test_what_keeps_the_gradient_still_does() -> None:
    v, w = Value(1.5), Value(2.0)
    for y in (
        sum([v, w]), math.prod([v, w]), statistics.median([v, w]), random.uniform(v, 2.0), max(v, w), min(v, w),
        np.sum([v, w]), np.prod([v, w]), np.mean([v, w]), np.float64(3) * v, v * np.float64(3), np.int64(2) - v,
        np.float32(2) / v, np.full(2, v)[1], np.linspace(v, w, 3)[1], np.array(v).item(), np.asarray(v).item(),
        np.conjugate(np.array([v, w]))[0], np.square(v), np.reciprocal(v), v % 2, 7 % v, v % w, np.float64(2.0) % v,
        np.mod([v, w], 2.0)[0], np.fmod(np.array([v]), np.array([w]))[0], np.vdot([v, w], [w, v]), np.var([v, w]),
    ):  # fmt: skip
        assert isinstance(y, Value) and tl.gradients(y, [v, w]) != [0.0, 0.0]
    assert np.array([v]).dtype == np.array(v).dtype == object
    assert sorted([w, v]) == [v, w] and f"{v:.1f}" == "1.5"
    for kind in (numbers.Real, numbers.Number, float, int):
        assert not isinstance(v, kind)
    for f in (json.dumps, Decimal, Fraction, lambda v: struct.pack("d", v)):
        with pytest.raises((TypeError, struct.error)):
            f(v)
    for f in (lambda v: v // "a", lambda v: v % None, lambda v: divmod(v, [1.0]), lambda v: [1.0] @ v):
        with pytest.raises(TypeError, match="unsupported operand"):
            f(v)


def test_the_conjugate_is_the_value_itself() -> None:
    v, w = Value(1.5), Value(-2.0)
    assert v.conjugate() is v and np.conjugate(np.array([v, w]))[1] is w
    y = np.vdot([v, w], [w, v])
    assert tl.gradients(y, [v, w]) == [-4.0, 3.0]
    assert tl.compile(lambda a, b: np.vdot([a, b], [b, a]))(1.5, -2.0) == y.data == -6.0


def test_variance_by_numpy() -> None:
    values = [Value(1.0), Value(2.0), Value(6.0)]
    for f, ours in ((np.var, tl.var), (np.std, tl.std)):
        for ddof in (0, 1):
            y, own = f(values, ddof=ddof), ours(values, ddof=ddof)
            assert y.data == pytest.approx(f([1.0, 2.0, 6.0], ddof=ddof)) == own.data
            assert tl.gradients(y, values) == pytest.approx(tl.gradients(own, values))
    assert tl.gradients(np.var(values), values) == pytest.approx([2.0 * (x - 3.0) / 3.0 for x in (1.0, 2.0, 6.0)])
    assert tl.compile(lambda *xs: np.var(xs))(1.0, 2.0, 6.0) == pytest.approx(np.var([1.0, 2.0, 6.0]))


def test_numpys_functions_of_two_are_the_rows() -> None:
    v, w = Value(0.5), Value(2.0)
    array = np.array([1.0, 3.0])
    assert np.arctan2(3.0, v).data == np.arctan2(np.float64(3.0), v).data == math.atan2(3.0, 0.5)
    assert [y.data for y in np.arctan2(array, v)] == [math.atan2(x, 0.5) for x in (1.0, 3.0)]
    assert [y.data for y in np.maximum(w, array)] == [2.0, 3.0] and np.minimum(v, w).op is ops.minimum
    assert tl.compile(lambda x: np.maximum(x, 0.0))(-1.0) == 0.0 and tl.grad(lambda x: np.maximum(x, 0.0))(2.0) == 1.0
    for left, right in ((np.float64(2.0), v), (v, np.float32(2.0)), (np.int64(2), v)):
        assert type(np.multiply(left, right)) is Value and (left * right).data == 1.0
    assert np.float64(2.0) > v and not np.float64(0.5) > v
    assert [y.data for y in array * v] == [0.5, 1.5] and list(array > w) == [False, True]
    box = np.empty((), dtype=object)
    assert np.add(v, w, out=box) is not None and box[()].data == 2.5
    assert tl.gradients(sum(np.multiply.outer(array, v)), [v]) == [4.0]


@pytest.mark.parametrize("function", [np.isnan, np.isfinite, np.signbit, np.spacing])
def test_functions_of_numpy_that_are_no_operations(function: Any) -> None:
    with pytest.raises(TypeError, match=rf"^np\.{function.__name__} is not an operation on Values: .*v\.data"):
        function(Value(1.0))


SINGULAR = (0.0, -0.0, -1.0, 1000.0, -1000.0, math.inf, -math.inf, math.nan, 1e200, 5e-324, 1e308)
UFUNCS = sorted(
    {u.__name__: u for u in vars(np).values() if isinstance(u, np.ufunc)}.values(), key=lambda u: u.__name__
)
OWN_FLAGS = {"add", "subtract", "multiply", "square", "matmul", "vecdot", "matvec", "vecmat"}
OWN_FLAGS |= {"deg2rad", "radians", "rad2deg", "degrees"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_results_raise_nothing_through_numpy(ufunc: Any) -> None:
    """log(0) and the 1 / 0 in the derivative of sqrt raise no warning; sums and products warn as floats do."""
    if ufunc.__name__ in OWN_FLAGS or ufunc.nin > 2:
        return
    for x in SINGULAR:
        for rest in [()] if ufunc.nin == 1 else [(y,) for y in SINGULAR]:
            arrays = [np.array([Value(a), Value(a)]) for a in (x, *rest)]
            with np.errstate(all="raise"):
                try:
                    ufunc(*arrays)
                except (TypeError, AttributeError):  # no loop over Values
                    return


SUMS_AND_PRODUCTS = {ops.add, ops.sub, ops.mul, ops.sum, ops.mean, ops.dot}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("row", ops.TABLE.values(), ids=lambda row: row.name)
def test_rows_raise_nothing_through_numpy(row: ops.Op) -> None:
    """By Values alone, beside plain numbers, and unrecorded."""
    if row in SUMS_AND_PRODUCTS:
        return

    def called(x: float, y: float) -> None:
        for make in (Value, float):
            rest = [1.0 if rule is None or make is float else Value(y) for rule in row.rules]
            for k, rule in enumerate(row.rules):
                if rule is not None and row is not ops.take:
                    args = [*rest[:k], Value(x), *rest[k + 1 :]]
                    row(*[(arg, y) if j in row.sequences else arg for j, arg in enumerate(args)])

    loop = np.frompyfunc(called, 2, 1)
    for recording in (tl.enable_grad, tl.no_grad):
        with np.errstate(all="raise"), recording():
            loop(np.array(SINGULAR)[:, None], np.array(SINGULAR)[None])


@pytest.mark.filterwarnings("error")
def test_operators_beside_plain_numbers_raise_nothing_through_numpy() -> None:
    values = np.array([Value(x) for x in SINGULAR])
    with np.errstate(all="raise"):
        for x in SINGULAR:
            for y in (values**x, x**values, values / x, x / values, values < x, values >= x):
                assert len(y) == len(SINGULAR)


@pytest.mark.parametrize("ufunc", [np.multiply, np.add])
def test_what_a_product_raises_is_its_own(ufunc: Any) -> None:
    large = np.array([Value(1e308)])
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow encountered"):
        ufunc(large, large)


INSIDE: dict[str, Callable[[Any], Any]] = {
    "np.log": lambda x: np.log(x),
    "np.log of an array": lambda x: np.log(np.array([x, 2.0 * x]))[1],
    "np.sqrt of an array": lambda x: np.sqrt(np.array([x]))[0],
    "np.divide": lambda x: (1.0 / np.array([x, x]))[0],
    "np.power": lambda x: np.power(np.array([x]), -1.0)[0],
    "np.exp": lambda x: np.exp(np.array([x * 1e5]))[0],
    "np.vectorize": lambda x: np.vectorize(lambda y: y.log() / y)(np.array([x]))[0],
    "product": lambda x: tl.where(x > 5.0, np.multiply(np.array([x.log()]), np.array([x]))[0], x),
    "overflow": lambda x: tl.where(x > 5.0, np.multiply(np.array([x * 1e308]), np.array([x * 1e308]))[0], x),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", INSIDE)
def test_placeholders_raise_nothing(name: str) -> None:
    """Neither do their derivatives, whatever number the trace is made with."""
    f = INSIDE[name]
    with np.errstate(all="raise"):
        for x in (0.0, 1.0, -1.0, 1e300):
            tl.compile(f)(x)
        assert tl.compile(f).batch([1.0, 2.0], reduce=None).shape == (2,)
        assert tl.compile(tl.grad(f)).batch([1.0, 2.0], reduce=None).shape == (2,)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):  # the user's own numbers are looked at
        tl.compile(lambda x: x * np.log(np.zeros(2))[0])(1.0)


def test_detect_anomaly_inside_a_trace_says_nothing_of_placeholders() -> None:
    def f(x: Any) -> Any:
        with tl.detect_anomaly():
            return x.log()

    assert tl.compile(f)(1.0) == 0.0 and tl.compile(f).batch([1.0]).data == 0.0


def test_a_value_is_no_whole_number_where_one_is_asked_for() -> None:
    """It has an __index__, but only to raise an error."""
    two = Value(2.0)
    for call, message in (
        (lambda: tl.Draws(two), r"seed=...\) must be a whole number, 0 or larger, or None, got a Value"),
        (
            lambda: tl.grad(lambda x: x, argnums=two)(1.0),
            "argnums is the position of an argument, or several, got a Value",
        ),
        (lambda: tl.nn.Linear(two, 1), r"Linear\(in_features\) must be a whole number, 1 or larger, got a Value"),
        (lambda: tl.compile(lambda x: x, max_traces=two), "must be a whole number, 1 or larger, got a Value"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call()
