"""compare: right rules pass, and every wrong rule is found at its node."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
import table
from hypothesis import given, settings
from hypothesis import strategies as st
from printed import said
from random_graphs import moderate, programs, run
from thoroughness import up_to

from tinygrad_lite import Value, detect_anomaly, no_grad, ops
from tinygrad_lite.engine import record
from tinygrad_lite.explanation.comparison import Comparison, compare
from tinygrad_lite.ops import Op


def on_values(row: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leaves in place of the numbers for which the row has a rule."""
    made = []
    for rule, arg in zip(row.rules, args, strict=True):
        made.append(tuple(map(Value, arg)) if isinstance(arg, tuple) else Value(arg) if rule else arg)
    return tuple(made)


def by_rule(row: Op, x: Value) -> Value:
    """Recorded by the rule of the table, past the one that was compiled from it."""
    return record(row, (x,))


def verdicts(report: Comparison, v: Value) -> list[str]:
    (row,) = [row for row in report.rows if row.node is v]
    return [rule.verdict for rule in row.rules]


def adjoint(report: Comparison, v: Value) -> Any:
    (row,) = [row for row in report.rows if row.node is v]
    return row.adjoint


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Op]:
    def make(row: Op, position: int = 0, factor: float = 1.01) -> Op:
        """The row, with the rule for one argument wrong by a factor."""
        right = row.rules[position]
        assert right is not None

        def wrong(g: Any, y: Any, *args: Any) -> Any:
            given = right(g, y, *args)
            return [c * factor for c in given] if isinstance(given, list) else given * factor

        monkeypatch.setattr(row, "rules", (*row.rules[:position], wrong, *row.rules[position + 1 :]))
        return row

    return make


@pytest.mark.parametrize("row", ops.TABLE.values(), ids=lambda row: row.name)
def test_every_row_is_sound(row: Op) -> None:
    for reach in (0.5, 3.0):
        for args in table.points(row, 20, reach):
            y = row(*on_values(row, args))
            if y.data - y.data == 0.0:
                report = compare(y)
                assert report.ok and not report.wrong and report.topmost is None, f"{row.name}{args}\n{report}"


SLOPED = [
    (row, k) for row in ops.TABLE.values() for k, rule in enumerate(row.rules) if rule not in (None, ops.no_gradient)
]


@pytest.mark.parametrize(("row", "position"), SLOPED, ids=[f"{row.name}-{row.args[k]}" for row, k in SLOPED])
def test_every_wrong_rule_is_found_and_named(row: Op, position: int, broken: Callable[..., Op]) -> None:
    broken(row, position)
    found = 0
    for args in table.points(row, 20, 0.5):
        if row is ops.where and position == 2:
            args = (0.0, *args[1:])
        given = on_values(row, args)
        y = record(row, given)  # by the rules, past the engine's fast paths
        report = compare(y)
        broken_by = given[position] if isinstance(given[position], tuple) else (given[position],)
        for parent, d, verdict in zip(y.parents, y.local_derivatives, verdicts(report, y), strict=True):
            hit = any(parent is v for v in broken_by) and abs(d) > 1e-6
            assert verdict in (("WRONG",) if hit else ("ok", "by design")), str(report)
            found += hit
        if any(v == "WRONG" for v in verdicts(report, y)):
            assert not report.ok and report.topmost is not None and report.topmost.node is y
            assert f"WRONG: the rule of {row.name} by " in said(report)
    assert found


@settings(max_examples=up_to(100), deadline=None)
@given(programs, st.lists(st.one_of(moderate, st.sampled_from([0.0, 1e-6, 1.0])), min_size=1, max_size=3))
def test_random_graphs_are_sound(program: list[tuple[str, int, int, int]], numbers: list[float]) -> None:
    y = run(program, [Value(x) for x in numbers], 0)
    report = compare(y)
    assert report.ok, str(report)
    assert all(row.adjoint is not None for row in report.rows)


def test_rounding_is_not_taken_for_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    x, large = Value(0.5, "x"), Value(1e10)
    assert compare(ops.sum([large, x, -large])).ok, "terms that cancel"
    assert compare((large * x - large * 0.5 + x).sin()).ok, "numbers that cancel on the way"
    y = x.tanh()
    monkeypatch.setattr(ops.tanh, "value", lambda x: math.nextafter(math.tanh(x), 1.0))
    assert compare(y).ok, "a fast path that rounds otherwise"


def test_where_the_error_stands_and_what_follows_from_it(broken: Callable[..., Op]) -> None:
    broken(ops.erf)
    x, w = Value(0.5, "x"), Value(-0.4, "w")
    h = w * x
    p = by_rule(ops.erf, h)
    p.label = "p"
    y = p * 2.0 + x
    report = compare(y)
    assert [row.node for row in report.wrong] == [p] and not report.ok and not report
    assert verdicts(report, p) == ["WRONG"] and verdicts(report, h) == verdicts(report, y) == ["ok", "ok"]
    assert adjoint(report, p).verdict == "ok" and adjoint(report, h).verdict == "wrong from above"
    assert adjoint(report, w).verdict == adjoint(report, x).verdict == "wrong from above"
    assert adjoint(report, h).numeric == pytest.approx(adjoint(report, h).analytic / 1.01, rel=1e-6)
    first = said(report).splitlines()[0]
    assert first.startswith("WRONG: the rule of erf by w * x, in p = erf(w * x), gives 1.09498, but 1.08413")
    assert said(report).splitlines()[4].split()[:5] == ["p", "=", "erf(w", "*", "x)"], "wrong ones come first"


def test_small_errors_are_shown_with_digits_enough(broken: Callable[..., Op]) -> None:
    broken(ops.erf, factor=1.000002)
    report = compare(by_rule(ops.erf, Value(0.3, "x")))
    rule = report.rows[0].rules[0]
    assert f"{rule.analytic:.6g}" == f"{rule.numeric:.6g}"
    assert f"gives {rule.analytic:.9g}, but {rule.numeric:.9g} was measured" in said(report)


def test_a_leaf_alone() -> None:
    assert compare(Value(2.0)).ok and compare(Value(2.0).detach()).ok
    assert str(compare(Value(2.0).detach())).splitlines()[1] == "0 local derivatives: none"


def test_the_topmost_is_the_nearest(broken: Callable[..., Op]) -> None:
    broken(ops.erf)
    broken(ops.atan)
    x = Value(0.5, "x")
    near = by_rule(ops.atan, x)
    y = (near + by_rule(ops.erf, by_rule(ops.erf, x) * 2.0) * 3.0).sin()
    report = compare(y)
    assert [row.node.op.name for row in report.wrong if row.node.op] == ["atan", "erf", "erf"]
    assert [row.distance for row in report.wrong] == [2, 3, 5] and report.topmost is report.wrong[0]
    assert "WRONG further down: erf (2)" in said(report)


def test_a_wrong_rule_whose_effect_is_hidden(broken: Callable[..., Op]) -> None:
    broken(ops.erf)
    x = Value(0.5)
    hidden = by_rule(ops.erf, x)
    report = compare(hidden * 0.0 + x)
    assert [row.node for row in report.wrong] == [hidden] and adjoint(report, x).verdict == "ok"


def test_custom_rows(own_operations: Callable[..., Op]) -> None:
    leaky = own_operations("leak", lambda x: max(x, 0.0), lambda g, y, x: g)
    by_all, by_last_wrong = lambda g, r, xs, y: [g * y] * len(xs), lambda g, r, xs, y: g
    pair = own_operations("pair", lambda xs, y: sum(xs) * y, [by_all, by_last_wrong], args="*xs y")
    cube = own_operations("cubed", lambda x: x**3, lambda g, y, x: g * 3.0 * x * x)
    x = Value(-1.5, "x")
    wrong, other, right = leaky(x), pair([x, 2.0, x], x), cube(x)
    report = compare(wrong + other + right)
    assert verdicts(report, wrong) == ["WRONG"] and verdicts(report, right) == ["ok"]
    assert verdicts(report, other) == ["ok", "ok", "WRONG"]


def test_a_rule_that_gives_a_flat_operation_a_slope_is_wrong(broken: Callable[..., Op], monkeypatch: Any) -> None:
    monkeypatch.setattr(ops.step, "rules", (lambda g, y, x: g,))
    assert verdicts(report := compare(y := by_rule(ops.step, Value(0.7))), y) == ["WRONG"] and not report.ok
    monkeypatch.setattr(ops.cos, "rules", (lambda g, y, x: 0.0 * g,))
    assert not compare(by_rule(ops.cos, Value(0.7))).ok


def test_the_sweep_itself_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Value(0.5, "x")
    h = x.tanh()
    y = h * h
    monkeypatch.setattr(
        "tinygrad_lite.explanation.comparison.gradients", lambda y, xs: [2.0 if v is h else 1.0 for v in xs]
    )
    report = compare(y)
    assert not report.ok and report.topmost is not None and report.topmost.node is h
    assert "WRONG: the adjoint of tanh(x), though all rules between it and the top are right" in said(report)


def test_many_arguments_are_moved_together(monkeypatch: pytest.MonkeyPatch) -> None:
    xs = [Value(0.1 * k, f"x{k}") for k in range(200)]
    report = compare(y := ops.norm(xs))
    assert report.ok and len(report.rows[0].rules) == 1 and "200 local derivatives: 200 ok" in said(report)
    right = ops.norm.rules[0]
    assert right is not None
    swapped = lambda g, y, xs: (lambda d: [d[1], d[0], *d[2:]])(right(g, y, xs))  # noqa: E731
    monkeypatch.setattr(ops.norm, "rules", (swapped,))
    report = compare(y := ops.norm(xs))
    assert [k for k, verdict in enumerate(verdicts(report, y)) if verdict != "ok"] == [0, 1]
    assert said(report).splitlines()[0].startswith("WRONG: the rule of norm by x0")


def test_large_graphs_have_their_rules_checked(broken: Callable[..., Op]) -> None:
    broken(ops.erf)
    x = y = Value(0.5)
    for k in range(5000):
        y = y * 0.999 if k != 4000 else by_rule(ops.erf, y)
    report = compare(y)
    assert len(report.rows) == 5001 and all(row.adjoint is None for row in report.rows)
    assert len(report.wrong) == 1 and report.topmost is not None and report.topmost.distance == 999
    assert "adjoints were not measured, since 5,001 nodes" in said(report) and len(said(report).splitlines()) < 30
    assert compare(x.tanh(), max_nodes=2).rows[0].adjoint is not None
    assert compare(x.tanh(), max_nodes=1).rows[0].adjoint is None


def test_nothing_is_disturbed() -> None:
    x = Value(0.5)
    y = x.tanh() * x
    y.backward()
    before = x.grad
    assert compare(y).ok and (x.grad, x.data) == (before, 0.5)
    with no_grad():
        assert compare(y).ok and (x * 2).kind == "detached"
    root = Value(0.0).sqrt()
    with detect_anomaly():
        assert not compare(root).ok
        with pytest.raises(ArithmeticError):
            Value(0.0).log()


def test_html_lists_the_wrong_ones_first(broken: Callable[..., Op]) -> None:
    broken(ops.erf)
    x = Value(0.5, "<x>")
    html = compare(x.sin() * by_rule(ops.erf, x))._repr_html_()
    rows = [["".join(cell.itertext()) for cell in row] for row in ET.fromstring(html).iter("tr")]
    assert rows[0] == ["node", "by", "rule", "measured", "", "adjoint", "measured", ""]
    assert rows[1][:2] == ["erf(<x>)", "<x>"] and rows[1][4] == "WRONG" and html.count("bold") == 8


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: compare(1.0), TypeError, "got a float, 1.0"),  # type: ignore[arg-type]
        (lambda: compare(Value(1.0), max_nodes=-1), ValueError, "0 or larger, got -1"),
        (lambda: compare(Value(1.0), max_nodes=2.5), ValueError, "0 or larger, got a float, 2.5"),  # type: ignore[arg-type]
        (lambda: compare(Value(1.0), eps=0.0), ValueError, r"compare\(eps=...\) must be a positive number, got 0"),
    ],
)
def test_wrong_use(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
