"""What scan refuses, eagerly and in compiled functions, and what its errors say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, compile
from tinygrad_lite.errors import ShapeError, TraceError


def running(c: Any, x: Any) -> Any:
    return c + x, c


REFUSED: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (
        lambda a: tl.scan(3.0, a, [1.0]),
        TypeError,
        "of the carry .what a step hands to the next. and x, got a float, 3.0$",
    ),
    (
        lambda a: tl.scan(running, a),
        TypeError,
        r"^scan\(running\): without xs, length must say how many steps to take$",
    ),
    (
        lambda a: tl.scan(running, a, 7),
        TypeError,
        r"^scan\(running\): xs must be a list or an array, or a tuple, dict or dataclass of these, got an int, 7$",
    ),
    (lambda a: tl.scan(running, a, "abc"), TypeError, r"xs must be a list or an array, .* got a str, 'abc'$"),
    (lambda a: tl.scan(running, a, iter([1.0])), TypeError, r"xs must be a list or an array, .* got a list_iterator"),
    (lambda a: tl.scan(running, a, np.array(2.0)), TypeError, r"xs must be a list or an array"),
    (lambda a: tl.scan(running, a, (1.0, 2.0)), TypeError, r"xs must be a list or an array, .* got a float, 1.0$"),
    (lambda a: tl.scan(running, a, [1.0, 2.0], 3), ShapeError, r"^scan\(running\): length is 3, but xs has 2 rows$"),
    (
        lambda a: tl.scan(running, a, ([1.0, 2.0], [3.0])),
        ShapeError,
        r"all lists of xs must have the same length, got lengths \[1, 2\]$",
    ),
    (lambda a: tl.scan(running, a, {"u": [1.0], "v": [2.0]}, 2), ShapeError, "length is 2, but xs has 1 row"),
    (
        lambda a: tl.scan(running, a, [1.0], length=-1),
        ValueError,
        r"^scan\(running\): length must be a whole number, 0 or larger, or None, got -1$",
    ),
    (lambda a: tl.scan(running, a, [1.0], length=1.5), ValueError, r"^scan\(running\): length must be a whole number"),
    (
        lambda a: tl.scan(running, a, [1.0], checkpoint=0),
        ValueError,
        r"^scan\(running\): checkpoint must be a whole number, 1 or larger, or None, got 0$",
    ),
    (
        lambda a: tl.scan(running, a, [1.0], reverse=2),
        ValueError,
        r"^scan\(running\): reverse must be True or False, got an int, 2$",
    ),
    (
        lambda a: tl.scan(running, "no", [1.0]),
        TypeError,
        r"^scan\(running\): init takes a real number, got a str, 'no'",
    ),
    (
        lambda a: tl.scan(running, [a, object()], [1.0]),
        TypeError,
        r"^scan\(running\): init takes a real number, got an object",
    ),
    (
        lambda a: tl.scan(lambda c, x: c + x, a, [1.0, 2.0]),
        TypeError,
        r"^scan\(<lambda>\): f must return \(carry, y\), got ",
    ),
    (lambda a: tl.scan(lambda c, x: None, a, [1.0, 2.0]), TypeError, r"f must return \(carry, y\), got None$"),
    (
        lambda a: tl.scan(lambda c, x: (c, x, c), a, [1.0, 2.0]),
        TypeError,
        r"f must return \(carry, y\), got a tuple of 3",
    ),
    (lambda a: tl.scan(lambda c, x: [c, x], a, [1.0, 2.0]), TypeError, r"f must return \(carry, y\), got a list of 2"),
    (
        lambda a: tl.scan(lambda c, x: (c[0], x), [a, a], [1.0, 2.0]),
        ShapeError,
        r"^scan\(<lambda>\): the carry that f returns must have the structure of \[\*, \*\], got \*$",
    ),
    (
        lambda a: tl.scan(lambda c, x: ([c[0]], x), [a, a], [1.0, 2.0]),
        ShapeError,
        r"the carry that f returns must have the structure of \[\*, \*\], got \[\*\]$",
    ),
    (
        lambda a: tl.scan(lambda c, x: (None, x), {"h": a}, [1.0, 2.0]),
        ShapeError,
        r"the carry that f returns must have the structure of \{'h': \*\}, got None$",
    ),
    (lambda a: tl.scan(lambda c, x: ({"k": a}, x), {"h": a}, [1.0, 2.0]), ShapeError, r"\{'h': \*\}, got \{'k': \*\}$"),
    (
        lambda a: tl.scan(lambda c, x: ("no", x), a, [1.0, 2.0]),
        TypeError,
        r"^scan\(<lambda>\): the carry that f returns takes a real number, got a str, 'no'",
    ),
    (
        lambda a: tl.scan(lambda c, x: ("2.5", x), a, [1.0, 2.0]),
        TypeError,
        r"the carry that f returns takes a real number, got a str, '2.5'",
    ),
    (
        lambda a: tl.scan(lambda c, x: ([c[0], None], x), [a, a], [1.0, 2.0]),
        ShapeError,
        r"structure of \[\*, \*\], got \[\*, None\]$",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
@pytest.mark.parametrize("run", [lambda f: f(Value(2.0)), lambda f: compile(f)(2.0)], ids=["eager", "compiled"])
def test_what_does_not_fit(run: Any, call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run(call)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda a: tl.scan(running, a, ["x", "y"]),
            TypeError,
            r"^scan\(running\): xs takes a real number, got a str, 'x'",
        ),
        (
            lambda a: tl.scan(running, a, [[1.0], [1.0, 2.0]]),
            ShapeError,
            r"^scan\(running\): each x must have the structure of the first, \[\*\], got \[\*, \*\]$",
        ),
        (
            lambda a: tl.scan(lambda c, x: (c, "y"), a, [1.0, 2.0]),
            TypeError,
            r"^scan\(<lambda>\): y takes a real number, got a str, 'y'",
        ),
        (
            lambda a: tl.scan(lambda c, x: (c, lambda: 0), a, [1.0, 2.0]),
            TypeError,
            r"y takes a real number, got a function",
        ),
    ],
)
def test_what_does_not_fit_in_a_compiled_function(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compile(call)(2.0)
    with pytest.raises(error, match=message):
        call_with_checkpoints(call)


def call_with_checkpoints(call: Any) -> Any:
    """The same, traced outside a compiled function."""
    original = tl.scan
    try:
        tl.scan = lambda f, init, xs: original(f, init, xs, checkpoint=5)
        return call(Value(2.0))
    finally:
        tl.scan = original


def test_choices_by_a_number_are_refused_where_the_step_is_traced() -> None:
    """The error names the line in the step, and what to write instead."""

    def step(c: Any, x: Any) -> Any:
        return (c * x if c > 0.0 else x), None  # the line

    assert tl.scan(step, Value(1.0), [2.0, 3.0])[0].data == 6.0
    with pytest.raises(TraceError, match=r"branching of a traced Value.*test_scan_refusals.py:\d+.*where"):
        compile(lambda a: tl.scan(step, a, [2.0, 3.0])[0])(1.0)
    with pytest.raises(TraceError, match="float"):
        compile(lambda a: tl.scan(lambda c, x: (c * math.exp(x), None), a, [2.0, 3.0])[0])(1.0)
    with pytest.raises(TraceError):
        compile(lambda a: tl.scan(lambda c, x: (c * [1.0, 2.0][x], None), a, [0, 1])[0])(1.0)


def test_an_error_in_the_step_is_that_of_the_step_and_leaves_no_trace_behind() -> None:
    def failing(c: Any, x: Any) -> Any:
        raise KeyError("mine")

    f = compile(lambda a: tl.scan(failing, a, [2.0, 3.0])[0])
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            f(1.0)
        with pytest.raises(KeyError, match="mine"):
            tl.scan(failing, Value(1.0), [2.0, 3.0], checkpoint=2)
    a = Value(2.0)
    y = a * a
    y.backward()
    assert not tl.engine.is_tracing() and a.grad == 4.0 and float(y.data) == 4.0


def test_what_a_step_lets_out_of_the_loop_is_refused() -> None:
    """A number that is assigned to something outside stands for every step, so it has no value outside."""
    out: list[Any] = []

    def leaking(c: Any, x: Any) -> Any:
        out.append(c * x)
        return c + x, None

    def f(a: Any) -> Any:
        out.clear()
        c, _ = tl.scan(leaking, a, [2.0, 3.0])
        return c + out[0]

    assert f(Value(1.0)).data == 8.0
    with pytest.raises(
        TraceError, match=r"^compile\(f\): a number from within a step of scan .*let the step return it"
    ):
        compile(f)(1.0)
    with pytest.raises(TraceError, match="a number from within a step"):
        compile(lambda a: tl.scan(lambda c, x: (f(c) * x, None), a, [2.0, 3.0])[0])(1.0)
    draws = tl.Draws(1)

    def drawing(c: Any, x: Any) -> Any:
        out.append(draws.uniform())
        return c + x, None

    out.clear()
    with pytest.raises(TraceError, match="a number from within a step"):
        compile(lambda a: tl.scan(drawing, a, [2.0, 3.0])[0] + out[0])(1.0)
