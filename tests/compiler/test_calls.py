"""A call with plain numbers runs in compiled code from its arguments to its result, and nobody notices."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, engine, nn
from tinygrad_lite.compiler.native.plain_call import MISSED, Call
from tinygrad_lite.errors import CutOffWarning
from tinygrad_lite.transforms.pytree import Structure, mapped, positions

NUMBERS = st.floats(-10, 10) | st.integers(-10, 10)
TREES: Any = st.recursive(
    NUMBERS, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple), max_leaves=12
)


def called(f: Any, *args: Any) -> Any:
    """What the second call with such arguments gives, which the compiled code answers."""
    f(*args)
    assert f._call is not None
    found = f._call(args)
    assert found is not MISSED
    return found


@pytest.mark.skipif(not engine.compiled, reason="on the readable engine arrays are quicker")
@given(TREES, TREES)
def test_any_structure_of_lists_and_tuples(first: Any, second: Any) -> None:
    f = compile(lambda *args: mapped(lambda x: 2.0 * x + 1.0, args), executor="native")
    expected = mapped(lambda x: 2.0 * float(x) + 1.0, (first, second))
    assert called(f, first, second) == expected
    assert repr(f(first, second)) == repr(expected)


@given(TREES)
def test_positions_are_in_order(tree: Any) -> None:
    numbers = Structure(tree).numbers

    def filled(structure: Any) -> Any:
        if type(structure) is int:
            return numbers[structure]
        kind, *rest = structure
        inner = numbers[rest[0] : rest[0] + rest[1]] if len(rest) == 2 else map(filled, rest[0])
        return kind(inner)

    assert filled(positions(tree)) == tree


@pytest.mark.parametrize("tree", [{"a": 1.0}, [1.0, {"a": 1.0}], "text", None])
def test_other_structures_have_no_positions(tree: Any) -> None:
    assert positions(tree) is None


def test_another_argument_takes_the_long_way() -> None:
    f = compile(lambda x, ys: [x * y for y in ys], executor="native")
    assert called(f, 2.0, [1.0, 2.0]) == [2.0, 4.0]
    big = 2**60 + 1
    for x, ys in (
        (2.0, (1.0, 2.0)), (2.0, [1.0]), (2.0, [1.0, 2.0, 3.0]), ([2.0], [1.0, 2.0]), (np.float64(2.0), [1.0, 2.0]),
        (2.0, np.ones(2)), (True, [1.0, 2.0]), (big, [1.0, 2.0]), (2.0, [10**400, 1.0]), ("2", [1.0, 2.0]), (None, []),
    ):  # fmt: skip
        f(2.0, [1.0, 2.0])
        assert f._call((x, ys)) is MISSED
    assert f(big, [1.0, 2.0]) == [float(big), 2.0 * float(big)]
    with pytest.raises(OverflowError):
        f(2.0, [10**400, 1.0])
    assert f(2.0, ys=[1.0, 3.0]) == [2.0, 6.0] and f(3.0, [1.0, 2.0]) == [3.0, 6.0]


def test_a_static_number_is_no_input() -> None:
    f = compile(lambda x, n: x * n, static_argnames="n", executor="native")
    assert [f(3.0, n) for n in (2, 2, 3, 3, 2)] == [6.0, 6.0, 9.0, 9.0, 6.0]
    assert [f(x, 2) for x in (3.0, 4.0)] == [6.0, 8.0]


def test_a_value_gets_a_gradient_after_plain_numbers() -> None:
    f, x = compile(lambda x: x * x), Value(3.0)
    assert f(2.0) == f(2.0) == 4.0
    y = f(x)
    y.backward()
    assert y.data == 9.0 and x.grad == 6.0 and f(2.0) == 4.0


def test_captured_leaves_are_read_at_each_call_wherever_they_lie() -> None:
    w = [Value(2.0), Value(3.0)]
    f = compile(lambda x: w[0] * x + w[1], executor="native")
    assert called(f, 1.0) == 5.0
    w[0].data = 4.0
    assert f(1.0) == 7.0
    engine.bind(w[::-1])
    w[1].data = 10.0
    assert f(1.0) == 14.0
    assert copy.copy(w[0]).data == 4.0 and f(2.0) == 18.0


def test_inside_a_transform_captured_leaves_get_derivatives() -> None:
    w = Value(2.0)
    f = compile(lambda x: w * x)
    assert f(3.0) == f(3.0) == 6.0
    with pytest.warns(CutOffWarning):
        assert tl.grad(lambda t: f(3.0) * t)(5.0) == 6.0
    y = tl.compile(lambda x: f(3.0) + x)
    w.data = 4.0
    assert y(1.0) == 13.0 and f(3.0) == 12.0


def test_a_replaced_weight_is_noticed() -> None:
    model = nn.MLP(1, [1])
    f = compile(model)
    f([1.0]), f([1.0])
    for p in model.parameters():
        p.data = 0.0
    assert f([1.0]) == 0.0
    neuron = model.layers[0].neurons[0]
    neuron.b = Value(7.0)
    assert f([1.0]) == 7.0


def test_what_is_not_finite_is_computed_again_eagerly() -> None:
    f = compile(tl.grad(lambda x: tl.sqrt(x) * 0.0), executor="native")
    assert f(4.0) == f(4.0) == 0.0
    assert f(0.0) == tl.grad(lambda x: tl.sqrt(x) * 0.0)(0.0) == 0.0
    h = compile(tl.grad(lambda x: tl.where(x > 0.0, tl.log(x), 3.0 * x)), executor="native")
    assert called(h, 2.0) == 0.5 and h(0.0) == 3.0, "the zero adjoint of log passes nothing on"
    g = compile(lambda x: tl.log(x), executor="native")
    assert g(1.0) == 0.0 and g(0.0) == -math.inf


def test_the_summary_is_of_what_ran_last() -> None:
    w = [[Value(0.01 * i * j) for j in range(40)] for i in range(40)]
    f = compile(lambda xs: [tl.dot(row, xs) for row in w])
    xs = [1.0] * 40
    if engine.compiled:
        assert called(f, xs) == f.batch(np.ones((300, 40)), reduce=None)[0].tolist()
        assert "array executor" in f.summary
        assert f(xs) == f(xs) and "native executor" in f.summary


def test_an_error_leaves_it_usable() -> None:
    f = compile(lambda xs, k: tl.take(xs, k), executor="native")
    assert called(f, [1.0, 2.0], 1) == 2.0
    with pytest.raises(IndexError):
        f([1.0, 2.0], 5)
    assert f([1.0, 2.0], 0) == 1.0


def test_calls_within_calls_and_on_many_threads(own_operations: Callable[..., Any]) -> None:
    depth: list[int] = []

    def value(x: float) -> float:
        if len(depth) < 5:
            depth.append(0)
            return float(f(x + 1.0)) + 1.0
        return x

    op = own_operations("deeper", value, lambda g, y, x: g)
    f = compile(lambda x: op(x) * 2.0, executor="native")
    f(0.0)
    depth.clear()
    expected = 5.0
    for _ in range(5):
        expected = expected * 2.0 + 1.0
    assert f(0.0) == expected * 2.0
    h, wrong = compile(lambda x: [x * k for k in range(50)], executor="native"), list[float]()

    def run(start: float) -> None:
        for k in range(2000):
            x = start + k
            if h(x) != [x * k for k in range(50)]:
                wrong.append(x)

    threads = [threading.Thread(target=run, args=(1e4 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_it_is_made_once() -> None:
    f = compile(lambda x: x * 2.0, executor="native")
    called(f, 1.0)
    made = f._call
    assert made is not None
    with pytest.raises(TypeError, match="called a second time"):
        made.__init__(None, None, None, None, False)  # type: ignore[misc]
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.copy(made)
    if engine.compiled:
        with pytest.raises(TypeError):
            Call.__new__(Call)((1.0,))
