"""Every row of the table, at ordinary and at odd places, against mpmath and finite differences."""

from __future__ import annotations

import math
import struct
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from table import (
    DIGITS,
    EPSILON,
    NO_GRADIENT,
    SEQUENCE_LENGTH,
    TRUTH,
    as_float,
    differentiable,
    exactly,
    flat,
    owners,
    points,
    truth,
    with_leaves,
)
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value, gradcheck, no_grad, ops
from tinygrad_lite.engine import record, tangents
from tinygrad_lite.ops import Op
from tinygrad_lite.transforms.derivatives import gradients

ROWS = [pytest.param(row, id=row.name) for row in ops.TABLE.values()]
UNARY = [pytest.param(row, id=row.name) for row in ops.TABLE.values() if row.arity == 1]
SUMS = {"sum", "dot", "mean"}  # their error is of the size of their terms, not of their result
EDGES = (0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1.7e308, -1.7e308, 1.0, -1.0, 0.5)


def bits(x: float) -> bytes:
    """A float to the last bit; nan has one sign here, which IEEE 754 leaves open."""
    return struct.pack("d", math.nan if x != x else x)


def partial_truth(row: Op, args: tuple[Any, ...], *ks: int) -> float:
    """The derivative of the truth by the ks-th differentiable numbers: one, or two for a second derivative."""
    numbers = flat(args)
    positions = [j for j, i in enumerate(owners(args)) if row.rules[i] is not None]
    at = [positions[k] for k in ks]
    if any((row.name, owners(args)[j]) in NO_GRADIENT for j in at):
        return 0.0

    def moved(*news: Any) -> Any:
        now: list[Any] = [mpf(x) for x in numbers]
        for j, x in zip(at, news, strict=True):
            now[j] = x
        rest = iter(now)
        return exactly(row)(*[[next(rest) for _ in a] if isinstance(a, tuple) else next(rest) for a in args])

    with mp.workdps(DIGITS):
        x = [mpf(numbers[j]) for j in at]
        if len(at) == 1:
            return as_float(mpmath.diff(moved, x[0], relative=True))
        if at[0] == at[1]:
            return as_float(mpmath.diff(lambda x: moved(x, x), x[0], 2, relative=True))
        return as_float(mpmath.diff(moved, tuple(x), (1, 1), relative=True))


def wrong_values(row: Op, reach: float) -> list[str]:
    """Points at which the value is more than 4 ulps from the truth."""
    wrong = []
    for args in points(row, 60, reach / SEQUENCE_LENGTH if row is ops.prod else reach):
        got, want = row.value(*args), truth(row, *args)
        nearest = as_float(want)
        if (
            math.isinf(nearest)
            or (row.name == "lgamma" and abs(nearest) < 0.5)
            or (row.name == "polygamma" and abs(nearest) < 0.1)
        ):
            continue
        allowed = 4 * math.ulp(nearest)
        if row.name in SUMS:
            allowed = SEQUENCE_LENGTH * EPSILON * sum(map(abs, _terms(row, args)))
        if not abs(got - want) <= allowed:
            wrong.append(f"{row.name}{args} = {got}, not {nearest}")
    return wrong


def _terms(row: Op, args: tuple[Any, ...]) -> list[float]:
    if row is ops.dot:
        return [x * y for x, y in zip(args[0], args[1], strict=True)] + [args[2]]
    return [x / (SEQUENCE_LENGTH if row is ops.mean else 1) for x in args[0]]


def wrong_first_derivatives(row: Op, count: int = 25) -> list[str]:
    """Points at which a local derivative is more than 8 eps * max(1, |d|) from the truth."""
    wrong = []
    for args in points(row, count, 2.0):
        made, _ = with_leaves(row, args)
        for k, got in enumerate(record(row, made).local_derivatives):
            want = partial_truth(row, args, k)
            if math.isinf(want) or not abs(got - want) <= 8 * EPSILON * max(1.0, abs(want)):
                wrong.append(f"derivative {k} of {row.name}{args} = {got}, not {want}")
    return wrong


@pytest.mark.parametrize(("n", "x"), [(0, -3.0), (1, 0.25), (3, 2.0), (4, 40.0)])
def test_the_truth_of_mills_is_its_integral(n: int, x: float) -> None:
    with mp.workdps(30):
        integral = mpmath.quad(lambda u: u**n * mpmath.exp(-u * u / 2 - u * x), [0, 0.1, 1, 4, 20, mpmath.inf])
        assert abs(TRUTH["mills"](n, mpf(x)) / integral - 1) < 1e-25


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("reach", [2.0, 250.0])
def test_values_are_within_4_ulps_of_mpmath(row: Op, reach: float) -> None:
    assert wrong_values(row, reach) == []


@pytest.mark.parametrize("row", ROWS)
def test_first_derivatives_are_mpmaths(row: Op) -> None:
    assert wrong_first_derivatives(row) == []


@pytest.mark.parametrize("row", ROWS)
def test_second_derivatives_are_mpmaths(row: Op) -> None:
    """All second derivatives, mixed ones too, by the rules applied to Values."""
    for args in points(row, 6, 1.0):
        made, leaves = with_leaves(row, args)
        firsts = gradients(row(*made), leaves, create_graph=True)
        for k, first in enumerate(firsts):
            seconds = gradients(first, leaves)
            for j in range(len(leaves)):
                want = partial_truth(row, args, k, j)
                assert abs(seconds[j] - want) <= 8 * EPSILON * max(1.0, abs(want)), (
                    row.name,
                    args,
                    k,
                    j,
                    seconds[j],
                    want,
                )


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("order", [1, 2])
def test_finite_differences_agree(row: Op, order: int) -> None:
    for args in points(row, 3, 0.5):
        _, leaves = with_leaves(row, args)
        if row is ops.stop_gradient:
            continue

        def f(*moved: Value, args: tuple[Any, ...] = args) -> Value:
            rest = iter(moved)
            made = [
                a if row.rules[i] is None else tuple(next(rest) for _ in a) if isinstance(a, tuple) else next(rest)
                for i, a in enumerate(args)
            ]
            return record(row, tuple(made)) if order == 1 else row(*made)

        if row is ops.take:
            leaves = leaves[:-1]
            rest = args[1]
            report = gradcheck(lambda *t, i=rest: tl.take(t, Value(i)), leaves, order=order)
        else:
            report = gradcheck(f, leaves, order=order)
        assert report.ok and all(r.verdict == "ok" for r in report.rows), f"{row.name}{args}\n{report}"


@pytest.mark.parametrize("row", ROWS)
def test_breaking_a_rule_is_noticed(row: Op, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail: a rule that is wrong by a thousandth fails them."""
    for position in differentiable(row):
        rules = list(row.rules)
        right = rules[position]

        def broken(g: Any, y: Any, *args: Any, right: Any = right) -> Any:
            given = right(g, y, *args)
            if isinstance(given, list):
                return [*given[:-1], given[-1] * 1.001 + g * 0.01]
            return given * 1.001 + g * 0.01

        rules[position] = broken
        monkeypatch.setattr(row, "rules", tuple(rules))
        assert wrong_first_derivatives(row, 8) != [], f"a broken rule {position} of {row.name} went unnoticed"
        monkeypatch.undo()


@pytest.mark.parametrize("row", ROWS)
def test_the_fast_path_is_its_row(row: Op) -> None:
    """A user's call records the same as the row alone."""
    for args in points(row, 40, 3.0):
        made, leaves = with_leaves(row, args)
        fast, slow = row(*made), record(row, made)
        assert fast.op is slow.op is row
        assert fast.args == slow.args and fast.parents == slow.parents
        assert fast.data == pytest.approx(slow.data, rel=2 * EPSILON, nan_ok=True)
        for d, e in zip(fast.local_derivatives, slow.local_derivatives, strict=True):
            assert d == e or abs(d - e) <= 8 * EPSILON * max(1.0, abs(e)), (row.name, args)
        fast.backward()
        for leaf, derivative in zip(leaves, fast.local_derivatives, strict=True):
            assert leaf.grad == derivative
        if math.isfinite(fast.data):
            for g, e in zip(gradients(fast, leaves, create_graph=True), slow.local_derivatives, strict=True):
                assert g.data == e or abs(g.data - e) <= 8 * EPSILON * max(1.0, abs(e)), (row.name, args)
            for k, e in enumerate(slow.local_derivatives):
                along = [float(j == k) for j in range(len(leaves))]
                (given,) = tangents([fast], leaves, along, as_graph=True)
                t = given.data if isinstance(given, Value) else given
                assert t == e or abs(t - e) <= 8 * EPSILON * max(1.0, abs(e)), (row.name, args)


@pytest.mark.parametrize("row", UNARY)
@settings(max_examples=up_to(100), deadline=None)
@given(x=st.sampled_from(EDGES) | st.floats(-4.0, 4.0) | st.floats())
def test_what_is_compiled_from_a_row_of_one_number_is_that_row_to_the_last_bit(row: Op, x: float) -> None:
    made = Value(x)
    fast, slow = getattr(made, row.name)(), record(row, (made,))
    assert fast.op is row and fast.parents == (made,)
    assert bits(fast.data) == bits(slow.data)
    assert bits(*fast.local_derivatives) == bits(*slow.local_derivatives)


@pytest.mark.parametrize("row", UNARY)
def test_every_row_of_one_number_is_compiled(row: Op, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its value nor its rule is asked any more when it is called."""
    monkeypatch.setattr(row, "value", None)
    monkeypatch.setattr(row, "rules", (None,))
    for y in (getattr(Value(0.5), row.name)(), row(Value(0.5))):
        assert y.op is row and len(y.local_derivatives) == 1
        with no_grad():
            assert bits(getattr(Value(0.5), row.name)().data) == bits(y.data)


@pytest.mark.parametrize("row", ROWS)
def test_edges_give_ieee_results_and_never_raise(row: Op) -> None:
    """The fast path gives the row's value, and so does NumPy if it has the function."""
    ufunc = getattr(
        np, next((a for a in (row.name, *row.aliases) if isinstance(getattr(np, a, None), np.ufunc)), ""), None
    )
    if row.sequences or row.name in ("polygamma", "mills"):
        samples: list[tuple[Any, ...]] = [(tuple(EDGES[i : i + 3]),) for i in range(len(EDGES) - 2)]
        if row.name in ("take", "polygamma", "mills"):
            samples = [((1.0, x), 1.0) if row.name == "take" else (1.0, x) for x in EDGES]
        elif row.name in ("var", "std"):
            samples = [(s[0], ddof) for s in samples for ddof in (0.0, 1.0)]
        elif row.name == "dot":
            samples = [(s[0], s[0][::-1], 0.0) for s in samples]
    elif len(row.args) == 1:
        samples = [(x,) for x in EDGES]
    else:
        rest = (0.25,) * (len(row.args) - 2)
        samples = [(a, b, *rest) for a in EDGES for b in EDGES]
    for args in samples:
        want = row.value(*args)
        made, _ = with_leaves(row, args)
        for node in (row(*made), record(row, made)):
            assert node.data == want or (math.isnan(node.data) and math.isnan(want)), (row.name, args)
            node.backward()
        if ufunc is not None:
            with np.errstate(all="ignore"):
                theirs = float(ufunc(*[np.full(2, a) for a in args])[0])
            assert want == pytest.approx(theirs, rel=1e-15, abs=0, nan_ok=True), (row.name, args)
            if want == 0.0 and row.name not in ("maximum", "minimum", "sign", "pow"):
                assert math.copysign(1.0, want) == math.copysign(1.0, theirs), (row.name, args)


def test_every_row_has_truth_and_domain() -> None:
    for row in ops.TABLE.values():
        assert row.name in TRUTH or hasattr(mpmath, row.name)
        assert all(low < high for low, high in row.domain)
        assert row.doc and row.array and row.symbol


def test_methods_bear_the_names_of_the_rows_and_of_numpy() -> None:
    x = Value(0.3)
    assert x.arcsin().op is x.asin().op is ops.asin
    assert np.tanh(np.array([x, x]))[0].op is ops.tanh
    assert np.arctan(np.array([x]))[0].op is ops.atan
    assert (x.clip(0.0, 1.0)).op is ops.clip
    assert "erf" in dir(x) and "arcsin" in dir(x)


def test_hypot_of_a_value_and_a_number() -> None:
    x = Value(3.0)
    assert np.hypot(x, 4.0).data == np.hypot(np.array([x]), 4.0)[0].data == x.hypot(4.0).data == tl.hypot(4.0, x).data
    np.hypot(x, 4.0).backward()
    assert x.grad == 0.6
