"""Every row of the table, at ordinary and at odd places, against mpmath and finite differences."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
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

import tinygrad_lite as tl
from tinygrad_lite import Value, gradcheck, ops
from tinygrad_lite.engine import record, tangents
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.floats import normal_law
from tinygrad_lite.ops import Op
from tinygrad_lite.transforms.derivatives import gradients

ROWS = [pytest.param(row, id=row.name) for row in ops.TABLE.values()]
SUMS = {"sum", "dot", "mean"}  # their error is of the size of their terms, not of their result
EDGES = (0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1.7e308, -1.7e308, 1.0, -1.0, 0.5)


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
    """The tests above can fail: a rule that is off by a thousandth fails them."""
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
    """What a user's call records is what the row alone would record."""
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


@pytest.mark.parametrize("row", ROWS)
def test_edges_give_ieee_results_and_never_raise(row: Op) -> None:
    """By the fast path and by the row it is the row's value, and NumPy's where NumPy has the function."""
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


@pytest.mark.parametrize("row", ROWS)
def test_the_array_form_is_the_value(row: Op) -> None:
    """The array form, evaluated by NumPy with SciPy's special functions, gives what the value gives."""
    many = points(row, 30, 1.0)
    want = np.array([row.value(*p) for p in many])
    np.testing.assert_allclose(by_array_form(row, many), want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("row", ROWS)
def test_the_array_form_is_the_value_also_of_special_numbers(row: Op) -> None:
    """Infinities, nan, zeros of both signs, what overflows or underflows on the way."""
    numbers = [*EDGES, 800.0, -800.0]
    if row is ops.take:
        many: list[Any] = [((x, 1.0, x), index) for x in numbers for index in (0.0, 2.0)]
    elif row in (ops.polygamma, ops.mills):
        many = [(n, x) for n in (0.0, 2.0) for x in (1e-100, 1e100, math.inf, math.nan)]
    elif row.sequences:
        many = [
            tuple((x, y) if i in row.sequences else x if row.rules[i] else 1.0 for i in range(len(row.args)))
            for x in numbers
            for y in numbers
        ]
    else:
        pairs = itertools.product(numbers, repeat=min(len(row.args), 2))
        many = [(*some, *[0.25] * (len(row.args) - len(some))) for some in pairs]
    if row is ops.lgamma:
        many = [(x,) for (x,) in many if not (x < 0.0 or 0.0 < x < 1e-300)]  # where SciPy's errs
    if row is ops.erfinv:
        many = [(x,) for (x,) in many if str(x) != "-0.0"]  # where SciPy's is 0.0
    got, want = by_array_form(row, many), np.array([row.value(*p) for p in many])
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15 if row is ops.logsumexp else 0.0)
    zeros = (want == 0.0) & (got == 0.0)
    assert np.array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))


def by_array_form(row: Op, many: list[Any]) -> Any:
    special = pytest.importorskip("scipy.special")
    named = ("erf", "erfc", "erfinv", "gammaln", "log_ndtr", "ndtri", "polygamma")
    namespace = {name: getattr(special, name) for name in named}
    namespace["mills"] = np.vectorize(normal_law.mills)  # which SciPy has not
    namespace |= {name: getattr(np, name) for name in dir(np) if not name.startswith("_")}
    columns = {
        name: np.array([p[i] for p in many]).T if i in row.sequences else np.array([p[i] for p in many])
        for i, name in enumerate(row.args)
    }
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return np.broadcast_to(eval(row.array, namespace | columns), (len(many),))


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


@pytest.mark.parametrize("name", ["arcsinh", "arccosh", "arctanh", "log2", "log10", "exp2", "cbrt", "hypot"])
def test_numpys_functions_of_object_arrays_find_the_rows(name: str) -> None:
    ufunc = getattr(np, name)
    xs = [0.25, 0.75] if name == "arctanh" else [1.25, 2.75]
    arguments = [np.array([Value(x) for x in xs]) for _ in range(ufunc.nin)]
    found = ufunc(*arguments)
    row = ops.TABLE.get(name) or ops.ALIASES[name]
    assert [y.op for y in found] == [row, row]
    np.testing.assert_allclose([y.data for y in found], ufunc(*[np.array(xs)] * ufunc.nin), rtol=1e-15)


def test_hypot_of_a_value_and_a_number() -> None:
    x = Value(3.0)
    assert np.hypot(x, 4.0).data == np.hypot(np.array([x]), 4.0)[0].data == x.hypot(4.0).data == tl.hypot(4.0, x).data
    np.hypot(x, 4.0).backward()
    assert x.grad == 0.6


COMPOSITIONS = {
    "square": (lambda x: x * x, lambda x: 2 * x),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / (x * x)),
    "deg2rad": (math.radians, lambda x: math.pi / 180),
    "radians": (math.radians, lambda x: math.pi / 180),
    "rad2deg": (math.degrees, lambda x: 180 / math.pi),
    "degrees": (math.degrees, lambda x: 180 / math.pi),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_compositions(name: str) -> None:
    """Of floats, Values, arrays of Values, in traces and formulas; and what is no number is named."""
    f, (value, slope) = getattr(tl, name), COMPOSITIONS[name]
    assert name in tl.__all__ and name in dir(Value(1.0)) and name not in ops.TABLE
    for x in (0.75, -30.0):
        assert f(x) == pytest.approx(value(x), rel=4 * EPSILON) and type(f(x)) is float
        v = Value(x)
        for y in (f(v), getattr(v, name)(), getattr(np, name)(np.array([v]))[0]):
            assert y.data == f(x) and tl.gradients(y, [v]) == pytest.approx([slope(x)], rel=4 * EPSILON)
        compiled = tl.compile(tl.value_and_grad(f))
        assert compiled(x) == pytest.approx((value(x), slope(x)), rel=4 * EPSILON)
        assert compiled.batch([x, x], reduce=None)[0] == pytest.approx([value(x)] * 2, rel=4 * EPSILON)
    assert f(2) == f(np.float32(2.0)) == f(2.0) and type(f(2)) is float
    symbol = tl.Formula.symbol("x")
    assert str(f(symbol)) == str(getattr(symbol, name)()) == str(tl.Formula(f(Value(1.0, "x"))))
    own = f.__name__
    with pytest.raises(TypeError, match=rf"{own}\(x\): x takes a real number, got a str"):
        f("2")
    with pytest.raises(TypeError, match=rf"{own}\(x\): x takes .* numpy\.{own} of the array"):
        f(np.array([1.0, 2.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: tl.dot([x], [x, x]), "lengths must agree, got 1 and 2"),
        (lambda x: tl.dot([1.0], [2.0, 3.0]), "lengths must agree, got 1 and 2"),
        (lambda x: tl.mean([]), "mean of no numbers"),
    ],
)
def test_shapes_that_do_not_fit(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call(Value(1.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: tl.sum(x), r"sum\(xs\): xs is a sequence of numbers, got a Value"),
        (lambda x: tl.sum("12"), "xs is a sequence of numbers, got a str"),
        (lambda x: tl.sum([x, "2"]), "real number, got a str"),
        (lambda x: tl.clip(x), r"clip\(x, low, high\) got 1 arguments"),
        (lambda x: x.erf(2.0), r"erf\(x\) got 2 arguments"),
        (lambda x: tl.atan2(x, None), r"atan2\(a, b\): b takes a real number, got None"),
        (lambda x: tl.polygamma(x, x), "n takes a plain number, got a Value"),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(Value(1.0))


@pytest.mark.parametrize("index", [-1, 3, 0.5, math.nan])
def test_take_wants_a_whole_number_in_range(index: float) -> None:
    for i in (index, Value(index)):
        with pytest.raises(IndexError, match=r"whole number in 0\.\.2"):
            tl.take([Value(1.0), 2.0, 3.0], i)


def test_a_plain_condition_or_index_chooses_without_a_node() -> None:
    x, y = Value(1.0), Value(2.0)
    assert tl.where(1.0, x, y) is x and tl.where(0, x, y) is y
    assert tl.take([x, y], 1) is y


def test_the_branch_not_taken_may_be_singular() -> None:
    x = Value(0.0)
    y = tl.where(x > 0, x.log(), x * 2)
    y.backward()
    assert x.grad == 2.0
    x = Value(0.0)
    y = tl.where(Value(0.0), x.sqrt(), x * 2)
    y.backward()
    assert x.grad == 2.0
    assert gradients(y, [x], create_graph=True)[0].data == 2.0


def test_powers_where_they_usually_break() -> None:
    zero = Value(0.0)
    (zero**0).backward()
    assert zero.grad == 0.0
    p = Value(2.0)
    (0.0**p).backward()
    assert p.grad == 0.0
    x, n = Value(3.0), Value(0.0)
    slope = gradients(x**n, [x], create_graph=True)[0]
    assert slope.data == 0.0 and gradients(slope, [n])[0] == pytest.approx(1 / 3)
    x = Value(-2.0)
    (x**3).backward()
    assert x.grad == 12.0
    assert math.isnan(((-1.0) ** Value(0.5)).data)


def test_softmax_is_one_logsumexp_and_one_node_an_element() -> None:
    xs = [Value(1000.0 + k) for k in range(4)]
    probabilities = tl.softmax(xs)
    assert sum(p.data for p in probabilities) == pytest.approx(1.0, rel=1e-13)
    from tinygrad_lite.engine import topological_order

    nodes = {v for p in probabilities for v in topological_order(p) if v.op is not None}
    assert sorted(v.op.name for v in nodes) == ["exp"] * 4 + ["logsumexp"] + ["sub"] * 4
