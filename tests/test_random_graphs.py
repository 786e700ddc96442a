"""Random expression graphs, shared nodes and duplicate parents included, against HIPS autograd."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tinygrad_lite import Value, gradients, ops
from tinygrad_lite.engine import topological_order

anp = pytest.importorskip("autograd.numpy")
autograd = pytest.importorskip("autograd")

# What both sides know, kept where values stay moderate: (on Values, on autograd's boxes).
STEPS: dict[str, tuple[int, Callable[..., Any], Callable[..., Any]]] = {
    "add": (2, lambda a, b: a + b, lambda a, b: a + b),
    "sub": (2, lambda a, b: a - b, lambda a, b: a - b),
    "mul": (2, lambda a, b: a * b, lambda a, b: a * b),
    "div": (2, lambda a, b: a / (b * b + 1), lambda a, b: a / (b * b + 1)),
    "cube": (1, lambda a: a.tanh() ** 3, lambda a: anp.tanh(a) ** 3),
    "scale": (1, lambda a: 0.5 * a - 0.25, lambda a: 0.5 * a - 0.25),
    "tanh": (1, lambda a: a.tanh(), anp.tanh),
    "sin": (1, lambda a: a.sin(), anp.sin),
    "exp": (1, lambda a: (-a * a).exp(), lambda a: anp.exp(-a * a)),
    "log": (1, lambda a: (a * a + 1).log(), lambda a: anp.log(a * a + 1)),
    "sqrt": (1, lambda a: (a * a + 1).sqrt(), lambda a: anp.sqrt(a * a + 1)),
    "sigmoid": (1, lambda a: a.sigmoid(), lambda a: 1 / (1 + anp.exp(-a))),
    "atan2": (2, lambda a, b: a.atan2(b * b + 1), lambda a, b: anp.arctan2(a, b * b + 1)),
    # autograd's second derivatives are off where an exponent is exactly 0, so it never is.
    "power": (2, lambda a, b: (a * a + 1) ** (b.tanh() + 1.5), lambda a, b: (a * a + 1) ** (anp.tanh(b) + 1.5)),
    "dot": (3, lambda a, b, c: ops.dot([a, b, 2.0], [b, c, a], c), lambda a, b, c: a * b + b * c + 2.0 * a + c),
    "sum": (3, lambda a, b, c: ops.sum([a, b, a, c]), lambda a, b, c: a + b + a + c),
    "logsumexp": (2, lambda a, b: ops.logsumexp([a, b]), lambda a, b: anp.log(anp.exp(a) + anp.exp(b))),
    "logaddexp": (2, lambda a, b: a.logaddexp(b), anp.logaddexp),
    "sinc": (1, lambda a: (a * a + 0.5).sinc(), lambda a: anp.sinc(a * a + 0.5)),
    "asinh": (1, lambda a: a.asinh(), anp.arcsinh),
    "acosh": (1, lambda a: (a * a + 1.5).acosh(), lambda a: anp.arccosh(a * a + 1.5)),
    "atanh": (1, lambda a: (0.5 * a.sin()).atanh(), lambda a: anp.arctanh(0.5 * anp.sin(a))),
    "logarithms": (
        1,
        lambda a: (a * a + 1).log2() + (a * a + 1).log10(),
        lambda a: anp.log2(a * a + 1) + anp.log10(a * a + 1),
    ),
    "exp2": (1, lambda a: (-a * a).exp2(), lambda a: anp.exp2(-a * a)),
    "norm": (2, lambda a, b: ops.norm([a, b, 1.0]), lambda a, b: anp.sqrt(a * a + b * b + 1.0)),
}
moderate = st.floats(-2, 2, allow_subnormal=False)
programs = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=25,
)


def run(program: list[tuple[str, int, int, int]], inputs: list[Any], side: int) -> Any:
    """Each step works on earlier results, chosen by its numbers: they are shared, and may be the same one twice."""
    known = list(inputs)
    for name, *picks in program:
        count, *sides = STEPS[name]
        made = sides[side](*[known[p % len(known)] for p in picks[:count]])
        known.append(made * 0.5 if side == 0 else 0.5 * made)
    total = known[-1]
    for v in known[-4:-1]:
        total = total + v
    return total


@pytest.mark.filterwarnings("ignore:Output seems independent of input")
@settings(max_examples=150, deadline=None)
@given(programs, st.lists(moderate, min_size=1, max_size=4))
def test_values_gradients_and_second_derivatives(
    program: list[tuple[str, int, int, int]], numbers: list[float]
) -> None:
    leaves = [Value(x) for x in numbers]
    y = run(program, leaves, 0)
    y.backward()

    def theirs(*xs: Any) -> Any:
        return run(program, list(xs), 1)

    assert y.data == pytest.approx(theirs(*numbers), rel=1e-10, abs=1e-10)
    expected = [float(autograd.grad(theirs, k)(*numbers)) for k in range(len(numbers))]
    assert [x.grad for x in leaves] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert gradients(y, leaves) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    firsts = gradients(y, leaves, create_graph=True)
    assert [g.data for g in firsts] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    second = gradients(firsts[0], leaves)[0]
    theirs_second = float(autograd.grad(autograd.grad(theirs, 0), 0)(*numbers))
    assume(math.isfinite(theirs_second))  # autograd overflows on the way earlier than we do
    assert second == pytest.approx(theirs_second, rel=1e-7, abs=1e-7)


@settings(max_examples=60, deadline=None)
@given(programs, st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=3))
def test_no_numbers_make_it_raise(program: list[tuple[str, int, int, int]], numbers: list[float]) -> None:
    """And values and gradients are those of plain arithmetic on the same numbers."""
    leaves = [Value(x) for x in numbers]
    y = run(program, leaves, 0)
    for v in topological_order(y):
        if v.op is not None:
            expected = v.op.value(*[tuple(map(number, arg)) if type(arg) is tuple else number(arg) for arg in v.args])
            assert same(v.data, expected), v.op
    adjoints, sizes = swept(y)
    y.backward()
    for x in leaves:
        expected, size = adjoints.get(x, 0.0), sizes.get(x, 0.0)
        assert same(x.grad, expected) or abs(x.grad - expected) <= 1e-12 * size < math.inf


def number(x: Any) -> float:
    return x.data if isinstance(x, Value) else x


def same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def swept(y: Value) -> tuple[dict[Value, float], dict[Value, float]]:
    """The adjoints of what y depends on, by local derivatives alone; and what they would be without cancellation."""
    adjoints, sizes = {y: 1.0}, {y: 1.0}
    for v in reversed(topological_order(y)):
        for parent, derivative in zip(v.parents, v.local_derivatives, strict=True):
            if adjoints[v] != 0.0:
                adjoints[parent] = adjoints.get(parent, 0.0) + adjoints[v] * derivative
                sizes[parent] = sizes.get(parent, 0.0) + sizes[v] * abs(derivative)
            else:
                adjoints.setdefault(parent, 0.0)
                sizes.setdefault(parent, 0.0)
    return adjoints, sizes


@settings(max_examples=60, deadline=None)
@given(programs, st.lists(moderate, min_size=1, max_size=3))
def test_topological_order_and_local_derivatives(
    program: list[tuple[str, int, int, int]], numbers: list[float]
) -> None:
    y = run(program, [Value(x) for x in numbers], 0)
    order = topological_order(y)
    place = {v: k for k, v in enumerate(order)}
    assert len(place) == len(order) and order[-1] is y
    for v in order:
        assert all(place[p] < place[v] for p in v.parents)
        assert len(v.parents) == len(v.local_derivatives)
        assert all(math.isfinite(d) for d in v.local_derivatives)
