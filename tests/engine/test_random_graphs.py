"""Random expression graphs, shared nodes and duplicate parents included, against HIPS autograd."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_graphs import autograd, moderate, programs, run
from thoroughness import up_to

from tinygrad_lite import Value, gradients
from tinygrad_lite.engine import topological_order


@pytest.mark.filterwarnings("ignore:Output seems independent of input")
@settings(max_examples=up_to(150), deadline=None)
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


@settings(max_examples=up_to(60), deadline=None)
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


@settings(max_examples=up_to(60), deadline=None)
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
