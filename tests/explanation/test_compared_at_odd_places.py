"""compare where numbers alone do not decide: kinks, changed leaves, inf and nan, hooks, ends of domains."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from test_comparison import adjoint, verdicts

import tinygrad_lite as tl
from tinygrad_lite import Value, ops
from tinygrad_lite.explanation.comparison import compare
from tinygrad_lite.ops import Op


def test_what_is_meant_to_differ(own_operations: Callable[..., Op]) -> None:
    through = own_operations("through", lambda x: float(round(x)), lambda g, y, x: g)
    frozen = own_operations("frozen", lambda xs: sum(xs), lambda g, y, xs: [0.0] * len(xs), args="*xs")
    x = Value(1.3, "x")
    made = [through(x), frozen([x, x]), x.stop_gradient()]
    h = ops.sum([v * v for v in made])
    report = compare(h)
    assert report.ok and [verdicts(report, v) for v in made] == [["by design"], ["by design"] * 2, ["by design"]]
    assert adjoint(report, x).verdict == "ok", "moved by the rules where they are meant to differ"
    assert "by design:" in str(report)


def test_kinks_are_told() -> None:
    x = Value(0.0, "x")
    y = x.relu() + x * 2.0
    report = compare(y)
    assert report.ok and [row.verdict for row in report.rows].count("kink") == 1
    assert "1 kink" in str(report) and "kink: the function bends" in str(report)


def test_a_leaf_that_has_changed_is_told() -> None:
    w, x = Value(2.0, "w"), Value(-3.0, "x")
    product, absolute = w * x, abs(x)
    y = product.tanh() + absolute
    assert compare(y).ok
    w.data = 2.5
    report = compare(y)
    assert verdicts(report, product) == ["other numbers"] * 2 and not report.ok and not report.wrong
    assert verdicts(report, absolute) == ["ok"] and adjoint(report, product).verdict == "ok"
    assert adjoint(report, w).verdict == adjoint(report, x).verdict == "other numbers"
    assert "other numbers: a leaf has changed" in str(report)
    w.data, x.data = -2.0, 3.0
    report = compare(y)
    assert verdicts(report, product) == ["ok"] * 2 or not report.ok
    assert verdicts(report, absolute) == ["other numbers"], "the value is the same, the slope another"


def test_what_is_not_finite() -> None:
    x = Value(0.0, "x")
    root = x.sqrt()
    assert verdicts(report := compare(root * 2.0), root) == ["not finite"] and not report.ok and not report.wrong
    log = x.log()
    report = compare(tl.where(x, log, x * 2.0))
    assert report.ok and verdicts(report, log) == ["unused"] and adjoint(report, x).analytic == 2.0


@pytest.mark.parametrize("y", [Value(1e-7).log(), Value(-0.9999999).log1p(), Value(1e-12).sqrt(), 1.0 / Value(1e-9)])
def test_close_to_where_an_operation_ends(y: Value) -> None:
    report = compare(y)
    assert report.ok and verdicts(report, y) == ["ok"], str(report)


def test_hooks_are_meant() -> None:
    x = Value(0.5, "x")
    h = x.tanh()
    y = h * 3.0
    with h.register_hook(lambda g: 10.0 * g):
        report = compare(y)
    assert report.ok and adjoint(report, h).verdict == adjoint(report, x).verdict == "by design"
