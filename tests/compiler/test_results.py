"""What a compiled function returns: constants are in a template, arrays are filled by the executor."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, engine
from tinygrad_lite.compiler.native.plain_call import MISSED
from tinygrad_lite.errors import TraceError
from tinygrad_lite.transforms.pytree import mapped, on_arrays

EXECUTORS = ("native", "array")
# How each number of a result comes about: computed, a Value that the function makes, a plain number.
KINDS = st.sampled_from(["computed", "made", -0.0, 2.5, 3])


@dataclass
class Pair:
    left: Any
    right: Any


class Named(NamedTuple):
    a: Any
    b: Any


def array_of(items: list[Any]) -> Any:
    return np.array(items, dtype=object).reshape(-1, 1)


TREES: Any = st.recursive(
    KINDS | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
        | st.builds(Pair, inner, inner)
        | st.builds(Named, inner, inner)
        | st.lists(KINDS, min_size=1, max_size=4).map(array_of)
    ),
    max_leaves=12,
)


def returning(tree: Any) -> Any:
    """A function that returns this tree."""

    def f(xs: Any) -> Any:
        at = iter(range(1000))

        def number(kind: Any) -> Any:
            if kind == "computed":
                return xs[next(at) % 3] * 2.0
            return Value(7.0) if kind == "made" else kind

        return mapped(number, tree)

    return f


def as_text(tree: Any) -> str:
    """Kinds and numbers, -0.0 and 0.0 apart, Values as what they hold."""
    numbers = mapped(lambda x: float(x.data if isinstance(x, Value) else x), tree)
    return repr(on_arrays(lambda array: ("array", array.shape, array.tolist()), numbers))


@pytest.mark.parametrize("executor", EXECUTORS)
@given(TREES)
def test_any_structure_of_any_numbers(executor: Any, tree: Any) -> None:
    f = returning(tree)
    expected = as_text(f([1.0, 2.0, 3.0]))
    for given_ in ([1.0, 2.0, 3.0], np.array([1.0, 2.0, 3.0])):
        g = compile(f, executor=executor)
        assert as_text(g(given_)) == expected, "the first call"
        assert g._call is not None
        found = g._call((given_,))
        assert found is not MISSED and as_text(found) == expected, "a later call"
        assert as_text(g([Value(1.0), 2.0, 3.0])) == expected, "of Values"


@pytest.mark.parametrize("executor", EXECUTORS)
@given(TREES)
def test_any_structure_in_a_batch(executor: Any, tree: Any) -> None:
    f = compile(returning(tree), executor=executor)
    one = [f([1.0 * k, 2.0, 3.0]) for k in range(3)]
    found = f.batch([[1.0 * k, 2.0, 3.0] for k in range(3)], reduce=None)
    assert _numbers(found, 3) == [list(lane) for lane in zip(*map(_flat, one), strict=True)]


def _flat(tree: Any) -> list[float]:
    numbers: list[float] = []
    mapped(lambda x: numbers.append(float(x)), tree)
    return numbers


def _numbers(tree: Any, lanes: int) -> list[list[float]]:
    """Of each number of a batch what it is in each lane; every array in it has the lanes first."""
    if tree is None:
        return []
    if isinstance(tree, np.ndarray):
        return tree.reshape(lanes, -1).T.tolist() if tree.size else []
    items = tree.values() if isinstance(tree, dict) else vars(tree).values() if isinstance(tree, Pair) else tree
    return [number for item in items for number in _numbers(item, lanes)]


def test_the_zeros_of_a_hessian_are_no_outputs() -> None:
    def f(x: Any) -> Any:
        return tl.sum([a * a * b for a, b in pairwise(x)])

    for executor in EXECUTORS:
        h = compile(tl.hessian(f), executor=executor)
        x = np.linspace(1.0, 2.0, 20)
        found = h(x)
        assert isinstance(found, np.ndarray) and found.dtype == float and found.shape == (20, 20)
        assert h(x.tolist()) == found.tolist() == tl.hessian(f)(x.tolist())
        assert len(h.program.outputs) < 3 * 20
        assert np.array_equal(h.batch(np.array([x, 2.0 * x]), reduce=None), [h(x), h(2.0 * x)])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_arrays_come_back_as_new_arrays(executor: Any) -> None:
    f = compile(lambda x: x * 2.0 + np.array([[0.0, 1.0]]), executor=executor)
    x = np.arange(4.0).reshape(2, 2)
    found = [f(x) for _ in range(3)]
    found[0][:] = 100.0
    for given_ in (
        x,
        x.astype(int),
        x.astype(np.float32),
        np.asfortranarray(x),
        np.repeat(x, 2, 0)[::2],
        x.astype(">f8"),
    ):
        assert np.array_equal(f(given_), found[1]) and f(given_).dtype == float
    assert f(x[:1]).shape == (1, 2) and f(x).shape == (2, 2) and f.trace_count == 2
    assert np.array_equal(f(np.array([[Value(0.0), 1.0], [2.0, 3.0]]))[1], [Value(4.0), Value(7.0)])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_only_a_plain_array_of_the_same_shape_goes_the_short_way(executor: Any) -> None:
    f = compile(lambda x: x.sum() * x, executor=executor)
    x = np.array([[1.0, 2.0]])
    f(x)
    assert f._call((x,)) is not MISSED
    for other in (
        x[0],
        x.T,
        x.astype(int),
        x.astype(np.float32),
        np.ma.array(x),
        x.tolist(),
        np.array([[1.0, Value(2.0)]]),
    ):
        f(x)
        assert f._call((other,)) is MISSED
    assert f(np.zeros((1, 0)) + 0.0).shape == (1, 0)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_arrays_of_any_order_and_of_constants_only(executor: Any) -> None:
    constants = np.array([1.0, 2.0], dtype=object)
    f = compile(lambda x: {"a": np.asfortranarray(x * 2.0), "b": Pair(constants, x.T)}, executor=executor)
    x = np.arange(6.0).reshape(2, 3)
    found = [f(x) for _ in range(3)]
    for some in found:
        assert np.array_equal(some["a"], 2.0 * x) and np.array_equal(some["b"].right, x.T)
        assert some["b"].left.tolist() == [1.0, 2.0] and some["b"].left.dtype == float
        some["b"].left[:] = 5.0
    assert constants.tolist() == [1.0, 2.0]


def test_of_no_dimensions_and_of_no_numbers() -> None:
    f = compile(lambda x: (x * 2.0, np.array(3.0), np.zeros((0, 2)), []))
    for _ in range(2):
        a, b, c, d = f(np.array(2.0))
        assert a == 4.0 and b.shape == () and b == 3.0 and c.shape == (0, 2) and d == []


@pytest.mark.parametrize("executor", EXECUTORS)
def test_where_all_or_nothing_is_constant(executor: Any) -> None:
    f = compile(lambda x: [1.0, Value(2.0), np.array([3, 4])], executor=executor)
    for _ in range(2):
        a, b, c = f(5.0)
        assert (a, b, c.tolist()) == (1.0, 2.0, [3.0, 4.0])
    found = f(Value(5.0))
    assert found[0] == 1.0 and isinstance(found[1], Value) and found[1].data == 2.0
    assert f(Value(5.0))[1] is not found[1]
    g = compile(lambda x: 3.0, executor=executor)
    assert g(1.0) == g(1.0) == 3.0 and g.batch([1.0, 2.0], reduce="sum").data == 6.0
    with pytest.raises(TypeError, match="must return one number to be reduced, got 2"):
        compile(lambda x: [x, 0.0]).batch([1.0, 2.0])


def test_constants_that_are_not_finite() -> None:
    f = compile(lambda x: [tl.grad(tl.sin)(x), math.nan, math.inf])
    for _ in range(2):
        assert repr(f(0.0)) == "[1.0, nan, inf]"
    assert repr(f.batch([0.0], reduce=None).tolist()) == "[[1.0, nan, inf]]"


def test_a_random_constant_is_not_frozen() -> None:
    source = random.Random(0)
    with pytest.raises(TraceError, match=r"the number 0\.\d+ in result 1 was 0\.\d+ in a second trace: .*Draws"):
        compile(lambda x: [x, source.random()])(1.0)
    with pytest.raises(TraceError, match=r"2 of its results were constants, and 1 in a second trace"):
        calls = iter(range(10))
        compile(lambda x: [x, 1.0, 2.0 if next(calls) == 0 else x])(1.0)


@pytest.mark.skipif(not engine.compiled, reason="on the readable engine arrays are quicker")
def test_captured_leaves_are_read_by_both_executors() -> None:
    for executor in EXECUTORS:
        w = Value(2.0)
        f = compile(lambda x, w=w: w * x, executor=executor)
        x = np.array([1.0, 3.0])
        assert [f(x).tolist(), f(x).tolist()] == [[2.0, 6.0]] * 2
        w.data = 4.0
        assert f(x).tolist() == [4.0, 12.0]
