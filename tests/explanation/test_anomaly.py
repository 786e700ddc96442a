"""explain_nan: where a number or derivative that is not finite began."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from printed import said

import tinygrad_lite as tl
from tinygrad_lite import Value, detect_anomaly, ops
from tinygrad_lite.errors import AnomalyError
from tinygrad_lite.explanation import explain_nan
from tinygrad_lite.ops import Op

Build = Callable[[Value, Value, Value], Value]


def leaves() -> tuple[Value, Value, Value]:
    return Value(0.0, "zero"), Value(2.0, "two"), Value(1000.0, "big")


# What is built of 0, 2 and 1000; the operation that it began in; the labels of the inputs that did it; what is said.
VALUES: dict[str, tuple[Build, str, list[str | None], str]] = {
    "log(0)": (lambda z, t, b: (z.log() * t + t).tanh() * z.log(), "log", ["zero"], "log(zero) = -inf at zero = 0"),
    "log below 0": (lambda z, t, b: (z - t).log(), "log", [None], "must be above 0"),
    "0/0": (lambda z, t, b: z / z + t, "div", ["zero", "zero"], "zero / zero = nan at zero = 0"),
    "1/0": (lambda z, t, b: 1.0 / z, "div", [None, "zero"], "the denominator"),
    "inf - inf": (lambda z, t, b: b.exp() - (b * 1.0).exp(), "exp", ["big"], "beyond 710 this overflows"),
    "0 ** -1": (lambda z, t, b: (z**-1) * t, "pow", ["zero", None], "0 an exponent of 0 or more"),
    "root of a negative": (lambda z, t, b: (z - t) ** 0.5, "pow", [None, None], "needs a whole exponent"),
    "sqrt below 0": (lambda z, t, b: (z - t).sqrt() + b, "sqrt", [None], "maximum(x, 0.0)"),
    "asin of 2": (lambda z, t, b: t.asin(), "asin", ["two"], "from -1 to 1"),
    "log2(0)": (lambda z, t, b: z.log2(), "log2", ["zero"], "above 0"),
    "2 * log(0)": (lambda z, t, b: tl.xlogy(t, z), "xlogy", ["two", "zero"], "unless the first is 0"),
    "logit of 2": (lambda z, t, b: t.logit(), "logit", ["two"], "between 0 and 1"),
    "acosh of 0": (lambda z, t, b: z.acosh(), "acosh", ["zero"], "not be below 1"),
    "atanh of 2": (lambda z, t, b: t.atanh(), "atanh", ["two"], "between -1 and 1"),
    "exp2 of 2000": (lambda z, t, b: (b * t).exp2(), "exp2", [None], "beyond 1024"),
    "poles": (lambda z, t, b: z.lgamma(), "lgamma", ["zero"], "poles at 0"),
    "product": (lambda z, t, b: b * 1e200 * 1e200, "mul", [None, None], "beyond 1.8e308"),
    "prod": (lambda z, t, b: ops.prod([b] * 200), "prod", ["big"] * 200, "= inf at big = 1000\n"),
    "where takes it": (lambda z, t, b: tl.where(z, t / z, z.log()) * t, "log", ["zero"], "where(zero, …, …)"),
    "a plain number": (lambda z, t, b: t * math.nan + z, "mul", [None], "its plain number"),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    build, operation, labels, text = VALUES[name]
    y = build(*leaves())
    found = explain_nan(y)
    assert found.kind == "value" and found.node is not None and found.node.op is not None
    assert found.node.op.name == operation and not math.isfinite(found.node.data)
    assert [x.label if isinstance(x, Value) else None for x in found.inputs] == labels
    assert text in said(found) and f"is {y.data}. It began in" in said(found)


DERIVATIVES: dict[str, tuple[Build, str, list[str | None], str]] = {
    "sqrt'(0)": (lambda z, t, b: z.sqrt() * t, "sqrt", ["zero"], "zero  2  inf  inf"),
    "0 ** 0.5": (lambda z, t, b: z**0.5, "pow", ["zero"], "infinite for n below 1"),
    "cbrt'(0)": (lambda z, t, b: z.cbrt() * t, "cbrt", ["zero"], "slope of cbrt at 0"),
    "acosh'(1)": (lambda z, t, b: (t - 1.0).acosh(), "acosh", [None], "slope of acosh at 1"),
    "xlogy'(0, 0)": (lambda z, t, b: tl.xlogy(z, z), "xlogy", ["zero"], "log of the second"),
    "acos(1)": (lambda z, t, b: (t - 1.0).acos(), "acos", [None], "clip(x, -1 + 1e-9, 1 - 1e-9)"),
    "inf * 0 in the sweep": (
        lambda z, t, b: (z * t).sqrt() * 1.0,
        "sqrt",
        [None],
        "Derivatives by zero: inf, by two: nan",
    ),
    "they grow": (lambda z, t, b: (z * 1e200) * 1e200, "mul", ["zero"], "beyond 1.8e308"),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives(name: str) -> None:
    build, operation, labels, text = DERIVATIVES[name]
    y = build(*leaves())
    found = explain_nan(y)
    assert math.isfinite(y.data) and found.kind == "derivative"
    assert found.node is not None and found.node.op is not None and found.node.op.name == operation
    assert [x.label if isinstance(x, Value) else None for x in found.inputs] == labels
    assert text in said(found) and "not all of its derivatives are" in said(found)


def test_a_number_inside_is_told(own_operations: Callable[..., Op]) -> None:
    odd = own_operations("odd", lambda x: math.exp(x), lambda g, y, x: g * (y + x))
    z = Value(0.0, "z")
    found = explain_nan(odd(z.log()) * 2.0)
    assert found.kind == "derivative" and found.node is not None and found.node.op is odd
    assert "add a small number to the argument, as in log(x + 1e-12), since it must be above 0" in said(found)
    own = explain_nan(own_operations("odder", lambda x: x, lambda g, y, x: g * math.inf)(Value(1.0)))
    assert "where the rule of odder gives this slope" in said(own)


@pytest.mark.parametrize("label", ["w", None])
@pytest.mark.parametrize("number", [math.nan, -math.inf])
def test_a_leaf_is_named(label: str | None, number: float) -> None:
    w = Value(number, label)
    found = explain_nan((w * 2.0).tanh() * w)
    assert (found.kind, found.node, found.inputs, found.line) == ("value", w, (), None)
    assert (f"the leaf w = {number}" if label else f"a leaf, Value({number})") in said(found)
    assert explain_nan(w).node is w and "see where this leaf got its number" in said(explain_nan(w))


def test_the_first_of_several_and_the_way_up() -> None:
    z = Value(0.0, "z")
    first, second = z.log(), (z * 2.0).log()
    first.label, second.label = "a", "b"
    found = explain_nan(first - second)
    assert found.node is first and "Other such numbers began in b = log(z * 2) = -inf at z * 2 = 0" in said(found)
    assert [line.split() for line in said(found).splitlines()[2:5]] == [
        ["from", "there", "on", "at", "result"],
        ["a", "=", "log(z)", "z", "=", "0", "-inf"],
        ["a", "-", "b", "a", "=", "-inf,", "b", "=", "-inf", "nan"],
    ]


def test_the_line_is_known_under_detect_anomaly() -> None:
    z = Value(0.0, "z")
    with detect_anomaly():
        y = z.sqrt() * 3.0
        found = explain_nan(y)
        with pytest.raises(AnomalyError, match=r"explain_nan\(\)"):
            y.backward()
    assert found.kind == "derivative" and found.line == found.node.line  # type: ignore[union-attr]
    assert found.line is not None and "test_anomaly.py:" in found.line and f"recorded at {found.line}" in said(found)
    assert "detect_anomaly()" in said(explain_nan(z.sqrt())) and "detect_anomaly()" not in said(found)


def test_what_does_not_reach_the_result() -> None:
    z = Value(0.0, "z")
    y = tl.where(z, z.log(), z * 2.0)
    found = explain_nan(y)
    assert (found.kind, found.node, found.inputs, found.line) == (None, None, (), None)
    assert "and all its derivatives are finite" in said(found)
    assert "do not reach it: log(z) = -inf at z = 0" in said(found) and "exactly 0: log(z)" in said(found)
    assert len(said(explain_nan(z * 2.0)).splitlines()) == 1


def test_detached_values_take_no_derivative() -> None:
    z = Value(0.0)
    assert explain_nan(z.detach().sqrt() * 2.0).kind is None
    assert explain_nan(z.sqrt() * 2.0).kind == "derivative"


def test_a_sum_of_finite_terms() -> None:
    x = Value(1e-10, "x")
    found = explain_nan(x * 1e308 + x * 1e308)
    assert (found.kind, found.node) == ("derivative", x) and "at x, where finite terms add up to inf" in said(found)


def test_a_hook_is_named() -> None:
    x = Value(1.0, "x")
    h = x * 2.0
    h.label = "h"
    with h.register_hook(lambda g: math.nan):
        found = explain_nan(h * 3.0)
    assert found.node is h and "a hook on h, which turned 3 into nan" in said(found)
    assert explain_nan(h * 3.0).kind is None


def test_a_leaf_that_has_changed_is_said() -> None:
    w = Value(0.0, "w")
    y = w.log()
    w.data = 1.0
    assert "A leaf has changed since" in said(explain_nan(y))


def test_long_ways_and_many_inputs_are_cut() -> None:
    z = Value(0.0, "z")
    y = ops.sum([z.log() for _ in range(100)])
    assert "and 96 more" in said(explain_nan(y))
    for _ in range(20_000):
        y = y * 1.0
    text = said(explain_nan(y))
    assert "(19,997 more)" in text and len(text) < 2500
    for _ in range(20_000):
        z = z + 0.0
    assert explain_nan(z.sqrt()).kind == "derivative"


def test_no_gradient_is_touched_and_html_is_well_formed() -> None:
    z = Value(0.0, "<z>")
    y = z.sqrt()
    found = explain_nan(y)
    assert (z.grad, z.grad_state, y.grad_state) == (0.0, "not computed", "not computed")
    page = ET.fromstring(found._repr_html_())
    assert next(p.text for p in page.iter("p")) == said(found).splitlines()[0]
    assert [cell.text for cell in list(page.iter("tr"))[1]] == ["<z>", "1", "inf", "inf"]


@pytest.mark.parametrize("wrong", [math.nan, None, [Value(1.0)]])
def test_wrong_use(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"explain_nan\(y\) takes a Value"):
        explain_nan(wrong)
