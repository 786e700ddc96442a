"""explain: terms that add up to the gradient, and say why there is none."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from printed import said
from random_graphs import moderate, programs, run
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, gradients, ops
from tinygrad_lite.engine import topological_order
from tinygrad_lite.errors import HistoryError
from tinygrad_lite.explanation import Explanation, Path, Use, explain


def total(report: Explanation) -> float:
    return sum(term.contribution for term in report.terms) + report.rest + report.hooked


def notes(report: Explanation) -> list[str]:
    return [term.note for term in report.terms]


@settings(max_examples=up_to(100), deadline=None)
@given(programs, st.lists(moderate, min_size=1, max_size=3), st.integers(1, 9), st.data())
def test_terms_add_up_to_the_gradient(
    program: list[tuple[str, int, int, int]], numbers: list[float], limit: int, data: Any
) -> None:
    y = run(program, [Value(x) for x in numbers], 0)
    x = data.draw(st.sampled_from(topological_order(y)[:-1]))
    (derivative,) = gradients(y, [x])
    uses, paths = explain(x, wrt=y, limit=limit), explain(x, wrt=y, by="paths", limit=limit)
    for report in (uses, paths):
        assert report.derivative == derivative
        assert total(report) == pytest.approx(derivative, rel=1e-9, abs=1e-9)
        assert len(report.terms) == min(limit, report.number)
        sizes = [abs(term.contribution) for term in report.terms]
        assert sizes == sorted(sizes, reverse=True)
    for use in uses.terms:
        assert isinstance(use, Use) and use.node.parents[use.position] is x
        assert use.local_derivative == use.node.local_derivatives[use.position]
        assert use.upstream == gradients(y, [use.node])[0]
        assert use.contribution == pytest.approx(use.upstream * use.local_derivative)
    for path in paths.terms:
        assert isinstance(path, Path) and (path.nodes[0], path.nodes[-1]) == (y, x)
        for above, below, factor in zip(path.nodes, path.nodes[1:], path.factors, strict=False):
            assert (below, factor) in list(zip(above.parents, above.local_derivatives, strict=True))


def test_all_paths_are_there_and_the_largest_are_shown() -> None:
    x = Value(1.5)
    a, b = 2.0 * x, x * x
    y = a * b + 10.0 * b + a
    report = explain(x, wrt=y, by="paths")
    assert [term.contribution for term in report.terms] == [15.0, 15.0, 4.5, 4.5, 4.5, 2.0]
    few = explain(x, wrt=y, by="paths", limit=2)
    assert (few.terms, few.number, few.rest) == (report.terms[:2], 6, 15.5)
    h = x * 2.0
    late = explain(x, wrt=ops.dot([h, h, h], [0.1, -7.0, 0.2]), by="paths", limit=1)
    assert late.terms[0].contribution == -14.0 and late.rest == pytest.approx(0.6)


def test_more_paths_than_anyone_could_walk() -> None:
    x = Value(1.0)
    y = x
    for _ in range(80):
        y = ops.dot([y, y], [0.5, 0.5])
    report = explain(x, wrt=y, by="paths", limit=3)
    assert report.number == 2.0**80 and report.rest == pytest.approx(1.0)
    assert "about 1.2e+24 more" in said(report) and report.derivative == 1.0


def test_table_of_uses() -> None:
    w, x = Value(0.5, "w"), Value(2.0, "x")
    h = w * x
    h.label = "h"
    y = h.tanh() + 3.0 * w
    y.label = "y"
    lines = str(explain(w, wrt=y)).splitlines()
    assert lines[0] == "d y / d w = 3.83995  at y = 2.26159, w = 0.5"
    assert lines[1].split() == ["through", "upstream", "local", "derivative", "contribution"]
    assert lines[2].split() == ["3", "*", "w", "1", "3", "3"]
    assert lines[3].split() == ["h", "=", "w", "*", "x", "0.419974", "x", "=", "2", "0.839949"]
    assert lines[5].split() == ["total", "3.83995"] and set(lines[4]) == {"-"}
    words = "upstream: the derivative of y by the result of that use. local derivative: of that result by w in this one"
    assert words in said(explain(w, wrt=y)) and "factors: the local derivatives" in said(explain(w, wrt=y, by="paths"))
    assert "1 - tanh(h)**2 = 0.419974" in said(explain(y, wrt=h))


def test_either_order_is_the_same() -> None:
    x = Value(0.3)
    y = x.sin() * x
    assert explain(x, wrt=y) == explain(y, wrt=x)


def test_a_duplicate_is_two_rows() -> None:
    x = Value(3.0, "x")
    assert [(use.position, use.contribution) for use in explain(x, wrt=x * x).terms] == [(0, 3.0), (1, 3.0)]  # type: ignore[union-attr]


def test_sequences_and_bound_parameters() -> None:
    w, b = Value(2.0, "w"), Value(1.0, "b")
    engine.bind([w, b])
    y = ops.dot([b, w, 5.0], [w, w, b], b)
    report = explain(w, wrt=y)
    assert sorted(use.position for use in report.terms) == [1, 2, 3]  # type: ignore[union-attr]
    assert total(report) == report.derivative == 5.0 and {use.formula for use in report.terms} == {"b", "w"}  # type: ignore[union-attr]


def test_many_uses_are_cut_and_added_up() -> None:
    w = Value(0.5, "w")
    y = ops.sum([w * float(k) for k in range(3000)])
    report = explain(w, wrt=y, limit=4)
    assert [term.contribution for term in report.terms] == [2999.0, 2998.0, 2997.0, 2996.0]
    assert report.number == 3000 and total(report) == report.derivative == 2999 * 1500
    assert "2,996 more" in said(report) and len(str(report).splitlines()) == 14


@pytest.mark.parametrize(
    ("function", "use", "path"),
    [
        (lambda x: x.relu(), "blocked: relu(x) is flat at x = -2", "blocked: relu(x) is flat at x = -2"),
        (
            lambda x: (3.0 * x).relu(),
            "blocked above: relu(3 * x) is flat at 3 * x = -6",
            "blocked: relu(3 * x) is flat at 3 * x = -6",
        ),
        (
            lambda x: (3.0 * x * 2.0).relu(),
            "blocked above: relu(… * 2) is flat at … * 2 = -12",
            "blocked: relu(… * 2) is flat",
        ),
        (lambda x: ops.stop_gradient(x), "blocked: stop_gradient(x)", "blocked: stop_gradient(x)"),
        (lambda x: tl.where(1.0 + 0 * x.detach(), 1.0, x), "blocked: where(1 + …, 1, x)", "where(1 + …, 1, x)"),
        (lambda x: x**0, "blocked: x ** 0 is flat at x = -2", "blocked: x ** 0 is flat at x = -2"),
        (lambda x: x * 0.0, "zero: x * 0 is flat at x = -2", "zero: x * 0 is flat at x = -2"),
        (
            lambda x: (x + 1.0) * 0.0,
            "zero above: (x + 1) * 0 is flat at x + 1 = -1",
            "zero: (x + 1) * 0 is flat at x + 1 = -1",
        ),
    ],
)
def test_what_stops_a_gradient_is_said(function: Any, use: str, path: str) -> None:
    x = Value(-2.0, "x")
    y = function(x)
    assert use in notes(explain(x, wrt=y))[0]
    assert path in notes(explain(x, wrt=y, by="paths"))[0]
    assert use in said(explain(x, wrt=y))


def test_a_gradient_that_cancels_is_said() -> None:
    x = Value(2.0, "x")
    h = x * 3.0
    h.label = "h"
    assert notes(explain(x, wrt=h - h)) == ["zero above: the terms at h cancel or vanish"]


def test_detached_values_get_nothing() -> None:
    d = Value(2.0).detach()
    d.label = "d"
    report = explain(d, wrt=d * 3.0)
    assert report.derivative == total(report) == 0.0 and notes(report) == ["blocked: d is detached"]
    assert total(explain(d, wrt=d * 3.0, by="paths")) == 0.0


def test_zero_times_infinity_contributes_nothing() -> None:
    x = Value(0.0, "x")
    y = tl.where(x, x.sqrt(), 2.0 * x)
    for by in ("uses", "paths"):
        report = explain(x, wrt=y, by=by)  # type: ignore[arg-type]
        assert report.derivative == total(report) == 2.0
        assert "0 times an inf or nan contributes nothing" in said(report)


def test_vanishing_is_shown_by_its_factors() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(20):
        y = (2.0 * y).tanh()
    (path,) = explain(x, wrt=y, by="paths").terms
    assert isinstance(path, Path) and len(path.factors) == 40
    assert path.note == f"40 factors, of typical size {path.contribution ** (1 / 40):.4g}"
    assert 0.0 < path.contribution < 1e-12
    assert "(37 more)" in said(explain(x, wrt=y, by="paths"))


def test_what_is_not_finite_points_further() -> None:
    x = Value(0.0, "x")
    report = explain(x, wrt=x.sqrt())
    assert "explain_nan()" in notes(report)[0] and report.terms[0].contribution == float("inf")


def test_a_leaf_that_has_changed_is_said() -> None:
    w, x = Value(2.0, "w"), Value(3.0, "x")
    y = w * x
    assert notes(explain(w, wrt=y)) == [""]
    x.data = 4.0
    report = explain(w, wrt=y)
    assert report.derivative == 3.0 and "leaves have changed since" in notes(report)[0]


def test_hooks_have_a_row_of_their_own() -> None:
    x, w = Value(2.0, "x"), Value(3.0, "w")
    h = x * w
    y = h * 5.0
    for by in ("uses", "paths"):
        with h.register_hook(lambda g: g * 0.1):
            on_the_way, itself = (explain(v, wrt=y, by=by) for v in (x, h))  # type: ignore[arg-type]
        assert itself.derivative == 0.5 and itself.hooked == -4.5 and "changed by hooks" in said(itself)
        assert on_the_way.derivative == total(on_the_way) == 1.5
        with h.register_hook(lambda g: None):
            assert explain(h, wrt=y, by=by).hooked == 0.0  # type: ignore[arg-type]


def test_no_gradient_is_touched() -> None:
    x = Value(0.7)
    h = x.tanh()
    y = h * h
    y.backward()
    before = [(v.grad, v.grad_state) for v in (x, h, y)]
    explain(x, wrt=h), explain(x, wrt=h, by="paths")
    assert [(v.grad, v.grad_state) for v in (x, h, y)] == before


@pytest.mark.parametrize("by", ["uses", "paths"])
def test_deep_graphs(by: Any) -> None:
    x = y = Value(1.0, "x")
    for _ in range(20_000):
        y = y * 1.0
    report = explain(x, wrt=y, by=by)
    assert report.derivative == total(report) == 1.0 and len(str(report)) < 1000


def test_html_is_well_formed_and_escaped() -> None:
    x, y = Value(2.0, "<b>&'\"\x1b[31m"), Value(-1.0, "x" * 10_000)
    html = explain(x, wrt=(x * y).relu() * x)._repr_html_()
    page = ET.fromstring(html)
    (table,) = page.iter("table")
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    assert rows[0] == ["through", "upstream", "local derivative", "contribution", ""]
    assert rows[-1][0] == "total" and [len(row) for row in rows] == [5] * 4
    assert "<b>&'\"\\x1b[31m" in rows[1][0] and len(html) < 4000
    assert "color" not in html, "the page's own colours, dark or light"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a, b: explain(a, wrt=b), HistoryError, "of a and b, neither was computed from the other"),
        (lambda a, b: explain(a, wrt=(a * 2).detach() * b), HistoryError, "1 detached Value below them"),
        (lambda a, b: explain(a, wrt=a), ValueError, "two different Values, got a twice"),
        (lambda a, b: explain(a, wrt=2.0), TypeError, "got a float, 2.0"),
        (lambda a, b: explain("a", wrt=a), TypeError, "got a str, 'a'"),
        (lambda a, b: explain(a, wrt=a * b, by="path"), ValueError, "must be 'uses' or 'paths', got 'path'"),
        (lambda a, b: explain(a, wrt=a * b, limit=0), ValueError, "1 or larger, got 0"),
        (lambda a, b: explain(a, wrt=a * b, limit=True), ValueError, "1 or larger, got a bool, True"),
    ],
)
def test_wrong_use(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(Value(1.0, "a"), Value(2.0, "b"))
