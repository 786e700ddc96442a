"""Formulas of every row and of random graphs against the graphs themselves, in exact arithmetic; large ones too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from table import DIGITS, exactly, flat, points
from thoroughness import up_to

from tinygrad_lite import Value, ops
from tinygrad_lite.engine import topological_order
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.formula import Formula, local_derivative_texts
from tinygrad_lite.ops import Op
from tinygrad_lite.transforms.derivatives import gradients

BUILT_IN = tuple(ops.TABLE.values())
ROWS = [pytest.param(row, id=row.name) for row in BUILT_IN]
x, w, b, a = Value(0.7, "x"), Value(-1.3, "w"), Value(0.4, "b"), Value(1.9, "a")


def exact(y: Value) -> Any:
    """The graph's value in exact arithmetic, from its leaves."""
    known: dict[Value, Any] = {}

    def number(item: Any) -> Any:
        return known[item] if isinstance(item, Value) else mpf(item)

    for v in topological_order(y):
        known[v] = mpf(v.data)
        if v.op is not None:
            known[v] = exactly(v.op)(*[[*map(number, arg)] if type(arg) is tuple else number(arg) for arg in v.args])
    return known[y]


def evaluated(f: Formula, number: Callable[[float], Any], functions: dict[str, Any]) -> Any:
    """The value of the lines, run as Python with the names bound to the leaves' numbers."""
    names = functions | {name: number(leaf.data) for name, leaf in f.leaves.items()}
    *definitions, last = f.lines
    for line in definitions:
        exec(line, names)
    return eval(last, names)


def agrees(f: Formula, y: Value) -> None:
    """The text has the same value as the graph; in exact arithmetic no rounding can excuse a difference."""
    with mp.workdps(2 * DIGITS):
        functions = {row.name: (lambda *args, row=row: exactly(row)(*args)) for row in BUILT_IN}
        assert float(evaluated(f, mpf, functions)) == pytest.approx(float(exact(y)), rel=1e-12, abs=1e-60), str(f)


def agree_to_second_order(y: Value, leaves: list[Value]) -> None:
    f = Formula(y)
    agrees(f, y)
    for leaf, first in zip(leaves, gradients(y, leaves, create_graph=True), strict=True):
        agrees(f.derivative(leaf), first)
        for other, second in zip(leaves[:3], gradients(first, leaves[:3], create_graph=True), strict=True):
            agrees(f.derivative(leaf).derivative(other), second)


@pytest.mark.parametrize("row", ROWS)
def test_every_row(row: Op) -> None:
    for point in points(row, count=6, reach=2.0):
        leaves: list[Value] = []

        def leaf(number: float, into: list[Value] = leaves) -> Value:
            into.append(Value(number))
            return into[-1]

        args = [
            tuple(map(leaf, arg)) if type(arg) is tuple else arg if rule is None else leaf(arg)
            for arg, rule in zip(point, row.rules, strict=True)
        ]
        y = row(*args)
        agree_to_second_order(y, leaves)
        functions: dict[str, Any] = dict(ops.TABLE)
        assert evaluated(Formula(y), float, functions) == pytest.approx(y.data, rel=1e-12)
        for x, slope in zip(leaves, gradients(y, leaves), strict=True):
            assert evaluated(Formula(y).derivative(x), float, functions) == pytest.approx(slope, rel=1e-12, abs=1e-300)


KINKED = {"abs", "leaky_relu", "elu", "norm", "atan2", "hypot", "cbrt", "sinc", "xlogy", "std"}
JUMPING = {"floor", "ceil", "trunc", "round"}


def into(interval: tuple[float, float], v: Any) -> Any:
    """v, moved into a row's domain if that has bounds."""
    low, high = interval
    if math.isinf(low):
        return v
    return low + 0.5 + v * v if math.isinf(high) else low + (high - low) * v.sigmoid()


def recorded(program: list[tuple[Op, list[int]]], leaves: list[Value]) -> Value:
    """Each step works on earlier results, chosen by its numbers: they are shared, and may be the same one twice."""
    known: list[Value] = list(leaves)
    for row, picks in program:
        chosen = [known[pick % len(known)] for pick in picks]
        args: list[Any] = [into(interval, v) for interval, v in zip(row.domain, chosen, strict=False)]
        for position in row.sequences:
            args[position] = (*chosen[: 1 + picks[0] % 3], 1.5)
        if row is ops.take:
            args[1] = ops.less(chosen[2], chosen[3])
        if row in (ops.polygamma, ops.mills):
            args[0] = float(picks[3] % 3)
        elif row in (ops.var, ops.std):
            args[1] = 0.0
        # Where a row bends or jumps, two ways to compute the same number may end on different sides.
        at = [0.0, *[getattr(item, "data", item) for item in flat(tuple(args))]]
        if (row.flat or row.name in KINKED) and min(abs(p - q) for i, p in enumerate(at) for q in at[:i]) < 1e-6:
            continue
        if row.name in JUMPING and abs(math.remainder(at[1], 0.5)) < 1e-6:
            continue
        if row in (ops.fmod, ops.mod) and abs(math.remainder(at[1], at[2] or math.inf)) < 1e-6:
            continue
        made = row(*args)
        if math.isfinite(made.data):
            known.append(made.tanh() if abs(made.data) > 4 else made)
    return known[-1] + 0.5 * known[-2]


@settings(max_examples=up_to(100), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(BUILT_IN), st.lists(st.integers(0, 9), min_size=4, max_size=4)), max_size=8),
    st.lists(st.integers(-2000, 2000).map(lambda k: k / 1000), min_size=1, max_size=3),
)
def test_random_graphs(program: list[tuple[Op, list[int]]], numbers: list[float]) -> None:
    leaves = [Value(number) for number in numbers]
    y = recorded(program, [*leaves, leaves[0] + 0.25])
    agree_to_second_order(y, leaves)
    assert evaluated(Formula(y), float, dict(ops.TABLE)) == pytest.approx(y.data, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("row", ROWS)
def test_local_derivatives(row: Op) -> None:
    """The names are the parents' labels, or for parents without one the row's names of its arguments."""
    for labelled in (True, False):
        (point,) = points(row, count=1, reach=1.0)
        leaves: list[Value] = []

        def leaf(number: float, into: list[Value] = leaves, labelled: bool = labelled) -> Value:
            into.append(Value(number, f"p{len(into)}" if labelled else None))
            return into[-1]

        y = row(
            *[
                tuple(map(leaf, arg)) if type(arg) is tuple else arg if rule is None else leaf(arg)
                for arg, rule in zip(point, row.rules, strict=True)
            ]
        )
        names: dict[str, Any] = dict(ops.TABLE) | dict(zip(row.args, point, strict=True))
        if labelled:
            names |= {leaf.label: leaf.data for leaf in leaves if leaf.label}
        texts = local_derivative_texts(y, limit=1000)
        assert [eval(text, names) for text in texts] == pytest.approx(y.local_derivatives, rel=1e-12)


def test_local_derivatives_are_short() -> None:
    assert local_derivative_texts(x.tanh()) == ["1 - tanh(x)**2"]
    assert local_derivative_texts(x * x) == ["x", "x"]
    assert local_derivative_texts(x) == []
    assert local_derivative_texts(Value(1.0, "b") * Value(2.0)) == ["b_2", "b"]
    many = local_derivative_texts(ops.logsumexp([Value(0.0) for _ in range(2000)]))
    assert len(many) == 2000 and many[7].startswith("exp(xs[7] - ...) / (")
    assert max(map(len, many)) < 400


def test_a_branch_not_taken_may_be_singular() -> None:
    """As in the graph, a factor of 0 hides the other factor."""
    for number in (-1.0, 0.0, 2.0):
        z = Value(number, "z")
        y = ops.where(ops.less(0.0, z), (z.sqrt() * 3).tanh(), 0.0)
        (first,) = gradients(y, [z], create_graph=True)
        f = Formula(y).derivative(z)
        for formula, slope in ((f, first), (f.derivative(z), gradients(first, [z], create_graph=True)[0])):
            assert math.isfinite(slope.data)
            assert evaluated(formula, Value, dict(ops.TABLE)).data == pytest.approx(slope.data, rel=1e-12)


def test_numbers_that_would_leave_the_range_are_not_put_together() -> None:
    tiny, huge = Value(1e-300, "tiny"), Value(1e300, "huge")
    inf = math.inf
    assert str(Formula(x * inf * inf * 1e-310 * 1e-310)) and str(Formula(inf) * inf) and str(Formula(1e-310) * 1e-310)
    for y in (
        1e200 * tiny * 1e200,
        tiny / 1e-200 / 1e-200,
        1e308 * (tiny + 1) + 1e308 * (tiny - 1),
        huge * 1e-200 * 1e-200,
    ):
        assert evaluated(Formula(y), float, dict(ops.TABLE)) == pytest.approx(y.data, rel=1e-12)


def test_sharing_is_kept() -> None:
    y = x
    for _ in range(60):
        y = y * y + b
    f = Formula(y)
    assert len(f.lines) < 20 and all(line.count("(") <= 6 for line in f.lines)
    assert 20 < len(f.derivative(x).lines) < 100 and str(f.derivative(x)).splitlines() == f.derivative(x).lines
    agrees(f, y)
    agrees(f.derivative(x), gradients(y, [x], create_graph=True)[0])
    z = x
    for _ in range(60):
        z = z * z
    assert str(Formula(z)) == "x**1.152921504606847e+18"


def chain(steps: int) -> Value:
    """Two nodes per step."""
    y = x
    for _ in range(steps):
        y = y * 0.9999 + 1e-6
    return y


def test_deep_and_large_graphs() -> None:
    """Nothing recurses; time and text stay in proportion."""
    assert len(str(Formula(chain(up_to(50_000))))) < 20_000
    assert evaluated(Formula(chain(2_000)).derivative(x), float, {}) == pytest.approx(0.9999**2_000, rel=1e-10)
    deep = x
    for _ in range(2_000):
        deep = ops.where(deep.less(0.5), deep.tanh(), deep / a)
    assert len(str(Formula(deep).derivative(x))) < 40_000
    wide = ops.logsumexp([ops.dot([Value(k) for k in range(700)], [x, w] * 350, b) for _ in range(10)])
    assert len(str(Formula(wide).derivative(x))) < 60_000
    product = 1 / ops.prod([Value(k) for k in range(1, 20_000)])
    assert len(str(Formula(product))) < 40_000


def test_rows_from_outside(own_operations: Callable[..., Op]) -> None:
    """They are printed by name and differentiated by their own rules, whatever those are, even if they call methods."""
    cubed = own_operations("cubed", lambda x: x**3, lambda g, y, x: g * 3.0 * x.cos() * x)
    f = Formula(cubed(x * 2) + 1)
    assert str(f) == "cubed(2*x) + 1" and f.latex() == r"\operatorname{cubed}\left(2 x\right) + 1"
    assert str(f.derivative(x)) == "12*x*cos(2*x)"
    assert str(f.derivative(x).derivative(x)) == "12*cos(2*x) - 24*x*sin(2*x)"
    assert Formula(Value(1.0, "cubed") * 2).leaves.keys() == {"cubed_"}


def test_formulas_calculate() -> None:
    p, q = Formula.symbol("p"), Formula.symbol("q[0]")
    assert str((p + 1) * (1 + p) - q / 2) == "(p + 1)**2 - q[0]/2"
    assert str(2**p + p**2 - abs(-p) + +p) == "2**p + p**2 - abs(-p) + p"
    assert str(1 - p) == "1 - p" and str(1 / p) == "1/p" and str(-(p - q)) == "-(p - q[0])"
    assert str(ops.tanh(p) * p.tanh()) == "tanh(p)**2" and str(ops.dot([p, 2], [q, p], 1)) == "p*q[0] + 2*p + 1"
    assert str(ops.take([p, q], 1)) == "q[0]" and str(p.maximum(1).where(p, q)) == "p"
    for number in (-1, 0):  # below which p may be, so that the larger of both is 0 or not
        assert str(p.maximum(number).where(p, q)) == f"where(maximum(p, {number}), p, q[0])"
    assert str(Formula(x * 2) + x) == "3*x" == str(x + Formula(x * 2)) == str(Formula.symbol("x") + Formula(x * 2))
    assert str(Formula(x) * Formula(Value(1.0, "x"))) == "x*x_2"
    assert str(Formula(x).derivative(p)) == "0" and str((p * q).derivative(q)) == "p"
    assert str(Formula.symbol("exp")) == "exp_" and str(Formula.symbol("a b").derivative("a b")) == "1"
    assert (Formula(x, limit=7) * 2).derivative(x).limit == 7
    assert p.latex() == "p" and q.latex() == "q_{0}"


def test_errors() -> None:
    f = Formula(x * w)
    with pytest.raises(ValueError, match=r"derivative\('z'\): the formula has no such name, its names are: x, w"):
        f.derivative("z")
    with pytest.raises(TypeError, match=r"takes a leaf, a name or a Formula\.symbol, got a Value"):
        f.derivative(x * 2)
    with pytest.raises(TypeError, match=r"takes a leaf, a name or a Formula\.symbol, got an int, 3"):
        f.derivative(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a formula takes a real number, got a str, 'x'"):
        Formula("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unsupported operand"):
        f + "x"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        f.nonsense  # noqa: B018
    with pytest.raises(ShapeError, match="got 1 and 2"):
        ops.dot([f], [f, f])
    with pytest.raises(ShapeError, match="mean of no numbers"):
        ops.where(f, ops.mean([f]), ops.mean([]))
