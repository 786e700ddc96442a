"""gradcheck tells right rules, wrong rules and kinks apart, and leaves everything as it was."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, gradcheck, ops
from tinygrad_lite.engine import record
from tinygrad_lite.errors import GradcheckError


def test_a_right_function_passes_and_prints_as_a_table() -> None:
    report = gradcheck(lambda x, y: x * y.tanh() + x**3, [2.0, 0.5])
    assert report.ok and bool(report)
    lines = str(report).splitlines()
    assert lines[0].split() == ["argument", "analytic", "numeric", "error", "verdict"]
    assert [line.split()[0] for line in lines[1:]] == ["x", "y"] and lines[1].endswith("ok")


@pytest.mark.parametrize("order", [1, 2])
def test_a_wrong_rule_is_found(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.erf, "rules", (lambda g, y, x: g * 1.1 * tl.exp(-x * x),))
    erf_by_its_rule = lambda x: record(ops.erf, (x,)) * x  # noqa: E731
    report = gradcheck(erf_by_its_rule, [0.7], order=order)
    assert not report.ok and "WRONG" in str(report)
    with pytest.raises(GradcheckError, match=r"(?s)disagree with finite differences.*WRONG"):
        gradcheck(erf_by_its_rule, [0.7], order=order, raise_exception=True)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.relu(),
        lambda x: abs(x),
        lambda x: 3 * x.step() + x,
        lambda x: tl.maximum(x, 0.0) - tl.minimum(2 * x, 0.0),
        lambda x: tl.leaky_relu(x) + (x + 2).log(),
        lambda x: tl.clip(x, 0.0, 1.0),
    ],
)
@pytest.mark.parametrize("at", [0.0, 1e-7, -1e-7])
def test_kinks_are_told_apart_from_wrong_rules(f: object, at: float) -> None:
    report = gradcheck(f, [at], raise_exception=True)  # type: ignore[arg-type]
    assert report.rows[0].verdict in ("kink", "ok")


def test_a_jump_is_a_kink_also_where_both_sides_are_alike() -> None:
    assert gradcheck(lambda x: tl.sign(x), [0.0]).rows[0].verdict == "kink"


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda x: x.log(), 1e-7),
        (lambda x: 1 / x, 1e-9),
        (lambda x: x.log1p(), -0.99999999),
        (lambda x: x.asin(), 1 - 1e-9),
        (lambda x: x.sin(), 2345678.9),
        (lambda x: x.cosh(), 709.9),
    ],
)
def test_steps_fit_the_place(f: Callable[[Value], Value], at: float) -> None:
    right = gradcheck(f, [at]).rows[0]
    assert right.verdict == "ok"

    def off(x: Value) -> Value:
        return f(x) - 0.01 * right.analytic * (x - x.stop_gradient())

    assert gradcheck(off, [at]).rows[0].verdict == "WRONG"


def test_a_wrong_rule_at_a_kink_is_still_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.leaky_relu, "rules", (lambda g, y, x, slope: g * 5.0, None))
    assert gradcheck(lambda x: tl.leaky_relu(x), [0.0]).rows[0].verdict == "WRONG"


def test_infinite_derivatives_are_said() -> None:
    report = gradcheck(lambda x: x.sqrt(), [0.0])
    assert not report.ok and report.rows[0].verdict == "not finite" and math.isinf(report.rows[0].analytic)


def test_leaves_are_moved_and_put_back() -> None:
    w, x = Value(0.3, label="w"), Value(-0.8)
    w.grad = 7.0
    report = gradcheck(lambda *_: (w * x).tanh(), [w])
    assert report.ok and report.rows[0].argument == "w" and (w.data, w.grad, x.grad) == (0.3, 7.0, 0.0)

    def fails(*_: Value) -> Value:
        if w.data != 0.3:
            raise RuntimeError("elsewhere")
        return w * 2

    with pytest.raises(RuntimeError):
        gradcheck(fails, [w])
    assert w.data == 0.3


def test_large_and_small_inputs_scale_the_step() -> None:
    assert gradcheck(lambda x: (x * 1e-6).sin(), [1e6]).ok
    assert gradcheck(lambda x: (x * 1e6).sin(), [1e-9], eps=1e-12).ok


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gradcheck(lambda x: 1.0, [1.0]), TypeError, "f must return one Value, got a float"),  # type: ignore
        (lambda: gradcheck(lambda x: x, []), ValueError, "at least one input"),
        (lambda: gradcheck(lambda x: x, [1.0], order=3), ValueError, "got 3"),
        (lambda: gradcheck(lambda x: x, [1.0], eps=0.0), ValueError, "eps"),
        (lambda: gradcheck(lambda x: x, [Value(1.0) * 2]), ValueError, "moves leaves"),
        (lambda: gradcheck(lambda x: x, ["a"]), TypeError, "got a str"),  # type: ignore[list-item]
    ],
)
def test_wrong_use(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]
