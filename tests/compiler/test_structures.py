"""Structures of arguments and results, keys and traces, captured leaves and models, transforms: compiled as eager."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pytest
from compiled import EXECUTORS, differences

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn
from tinygrad_lite.transforms.pytree import Structure, mapped


class Point(NamedTuple):
    x: Any
    y: Any


def values(tree: Any) -> Any:
    return mapped(lambda x: Value(x) if isinstance(x, Real) else x, tree)


def total(tree: Any) -> Any:
    """A sum of all numbers in it, each with a different weight."""
    found: list[Any] = []
    mapped(lambda x: found.append(x) or x if isinstance(x, (Value, Real)) else x, tree)
    return tl.dot(found, [float(k + 1) for k in range(len(found))])


ARGUMENTS: list[Any] = [
    2,
    -1.5,
    np.float32(0.25),
    np.int64(3),
    [],
    [1.0],
    [[1.0, 2.0], [3.0]],
    (1.0, [2.0, (3.0,)]),
    Point(1.0, [2.0, 3.0]),
    {"a": 1.0, "b": {"c": [2.0, 3.0]}},
    np.arange(6.0).reshape(2, 3),
    np.arange(3),
    np.array(2.5),
    {"rows": np.ones((2, 2)), "more": (None, 4.0)},
    [None, 1.0],
]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("argument", ARGUMENTS, ids=repr)
def test_structures_come_in_and_go_out(argument: Any, executor: Any) -> None:
    def f(tree: Any, scale: Any) -> Any:
        return {"total": total(tree), "same": mapped(lambda x: x * scale, tree), "list": [scale, 7.0]}

    compiled = compile(f, executor=executor)
    expected = f(values(argument), Value(3.0))
    for _ in range(2):
        found = compiled(argument, 3.0)
        assert repr(mapped(lambda x: 0, found)) == repr(mapped(lambda x: 0, expected))
        assert not differences(found, expected)
        assert not any(type(x) is Value for x in Structure(found).numbers)
    assert len(compiled.traces) == 1


RESULTS: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x,
    lambda x, y: 3,
    lambda x, y: None,
    lambda x, y: [],
    lambda x, y: [x, 2.0, x * y],
    lambda x, y: (x * y, (y, [x, x])),
    lambda x, y: Point(x + y, [x, None]),
    lambda x, y: {"a": x, 5: [y], "more": {"b": x * x}},
    lambda x, y: np.array([[x, y], [x * y, x]]),
    lambda x, y: [np.array([x, y]), np.array([y, y])],
    lambda x, y: {"a": np.float64(2.0), "b": Value(4.0) * x},
]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("f", RESULTS)
def test_results_in_calls_and_in_batches(f: Callable[[Any, Any], Any], executor: Any) -> None:
    rows = [(0.5, 2.0), (-1.0, 4.0), (3.0, 0.25)]
    compiled = compile(f, executor=executor)
    eager = [f(Value(x), Value(y)) for x, y in rows]
    for (x, y), want in zip(rows, eager, strict=True):
        found = compiled(x, y)
        assert not differences(found, want) and repr(mapped(lambda x: 0, found)) == repr(mapped(lambda x: 0, want))
    columns = compiled.batch(*map(list, zip(*rows, strict=True)), reduce=None)
    for lane, want in enumerate(eager):
        assert not differences(lane_of(columns, lane), want)
    inside = tl.grad(lambda w: total(compiled(w, 2.0)) if Structure(f(w, 2.0)).numbers else w)
    assert not differences(inside(0.5), tl.grad(lambda w: total(f(w, 2.0)) if Structure(f(w, 2.0)).numbers else w)(0.5))


def lane_of(tree: Any, lane: int) -> Any:
    if isinstance(tree, dict):
        return {key: lane_of(item, lane) for key, item in tree.items()}
    if isinstance(tree, (tuple, list)):
        items = [lane_of(item, lane) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return None if tree is None else tree[lane]


def test_shapes_of_a_batch_of_results() -> None:
    w = Value(2.0)

    def f(x: Any, rows: Any) -> Any:
        return {
            "one": w * x,
            "list": [x, x],
            "matrix": [[x, w, 1.0], [x, x, x]],
            "ragged": [[x], [x, x]],
            "tuple": (x, x),
            "array": np.array([[x, rows[0]]]),
            "point": Point(x, [x, x]),
        }

    for size in (0, 1, 2, 5):
        found = compile(f).batch(np.ones(size), np.ones((size, 3)), reduce=None)
        assert found["one"].shape == (size,)
        assert found["list"].shape == (size, 2)
        assert found["matrix"].shape == (size, 2, 3)
        assert [item.shape for item in found["ragged"]] == [(size, 1), (size, 2)]
        assert type(found["tuple"]) is tuple and [item.shape for item in found["tuple"]] == [(size,)] * 2
        assert found["array"].shape == (size, 1, 2)
        assert type(found["point"]) is Point and found["point"].y.shape == (size, 2)


def test_what_is_not_numbers_is_part_of_the_program() -> None:
    seen: list[Any] = []

    def f(x: Any, mode: str = "double", flag: bool = True, options: Any = None) -> Any:
        seen.append((mode, flag, options))
        return (2.0 if mode == "double" else 3.0) * x + (1.0 if flag else 0.0)

    compiled = compile(f)
    assert [compiled(1.0), compiled(2.0, "triple"), compiled(2.0, "triple"), compiled(1.0, flag=False)] == [3, 7, 7, 2]
    assert compiled(x=4.0, mode="double") == 9.0
    assert compiled(1.0, options={"a": None}) == 3.0
    assert len(compiled.traces) == 5
    assert compiled.traces[1] == "*, 'triple'"
    assert compiled.batch([1.0, 2.0], "triple", reduce=None).tolist() == [4.0, 7.0]
    assert compiled.batch([1.0, 2.0], flag=False, reduce=None).tolist() == [2.0, 4.0]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_static_names(executor: Any) -> None:
    def power(x: Any, n: int, *, terms: int = 2, names: tuple[str, ...] = ()) -> Any:
        assert type(n) is int and type(terms) is int
        y = x
        for _ in range(n - 1):
            y = y * x
        return tl.sum([y] * terms)

    compiled = compile(power, static_argnames=["n", "terms"], executor=executor)
    assert [compiled(2.0, 3), compiled(2.0, n=3), compiled(2.0, 4, terms=1)] == [16.0, 16.0, 16.0]
    assert compiled(3.0, 3) == 54.0
    assert tl.grad(compiled)(2.0, 3) == 24.0
    assert compiled.batch([1.0, 2.0], 3, reduce=None).tolist() == [2.0, 16.0]
    assert compiled.batch([1.0, 2.0], n=2, terms=5, reduce=None).tolist() == [5.0, 20.0]
    one = compile(lambda x, n: x * len(range(n)), static_argnames="n", executor=executor)
    assert one(2.0, 3) == 6.0 and one(2.0, True) == 2.0
    with pytest.raises(TypeError, match=r"static argument n .* hashable, got a list"):
        one(2.0, [3])
    any_name = compile(lambda x, **named: x * len(named["many"]), static_argnames="many", executor=executor)
    assert any_name(2.0, many="abc") == 6.0 and any_name(2.0, many="ab") == 4.0
    with pytest.raises(ValueError, match="takes no argument m: its arguments are x, n"):
        compile(lambda x, n: x, static_argnames="m")


def test_a_static_argument_is_told_apart_by_type_and_value() -> None:
    compiled = compile(lambda x, n: x * (2 if n is True else 3 if type(n) is int else 4), static_argnames="n")
    assert [compiled(1.0, True), compiled(1.0, 1), compiled(1.0, 1.0)] == [2.0, 3.0, 4.0]


def test_traces_are_bounded_and_told() -> None:
    compiled = compile(lambda xs: tl.sum(xs), max_traces=2)
    for length in (1, 2, 3, 3, 2, 1):
        assert compiled([1.0] * length) == length
    assert compiled.traces == ["[*]", "[*, *]", "[*, *, *]", "[*]"]
    for bad in (0, -1, True, 1.5, "3"):
        with pytest.raises(ValueError, match="max_traces"):
            compile(lambda x: x, max_traces=bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="executor"):
        compile(lambda x: x, executor="gpu")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes a function"):
        compile(3.0)  # type: ignore[arg-type]


def test_a_function_that_is_traced_at_each_call_is_warned_of_once() -> None:
    compiled = compile(lambda xs: tl.sum(xs))
    with pytest.warns(UserWarning, match=r"<lambda> was traced 8 times in 8 calls, last for \[\*, .*\.traces"):
        for length in range(1, 9):
            compiled([1.0] * length)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for length in range(9, 20):
            compiled([1.0] * length)
        quiet = compile(lambda xs: tl.sum(xs))
        for length in range(1, 12):
            for _ in range(10):
                quiet([1.0] * length)


class Noisy(nn.Module):
    """A module that doubles while it trains."""

    def __init__(self) -> None:
        self.inner = nn.Neuron(2, activation="tanh")

    def forward(self, x: Any) -> Any:
        return self.inner(x) * (2.0 if self.training else 1.0)


def test_the_mode_of_a_module_is_part_of_the_key() -> None:
    model = Noisy()
    for call in (compile(lambda x: model(x)), compile(model)):
        for training in (True, False, True, False):
            model.train(training)
            assert call([0.5, -1.0]) == pytest.approx(model([0.5, -1.0]).data, rel=1e-14)
        assert len(call.traces) == 2
    loss = compile(lambda x: model(x) ** 2)
    for training in (True, False):
        model.train(training)
        assert loss.batch([[0.5, -1.0]]).data == pytest.approx(model([0.5, -1.0]).data ** 2, rel=1e-14)
    passed = compile(lambda m, x: m(x))
    other = Noisy()
    assert passed(model, [0.5, 1.0]) == pytest.approx(model([0.5, 1.0]).data)
    assert passed(other, [0.5, 1.0]) == pytest.approx(other([0.5, 1.0]).data)
    assert passed.batch(other, [[0.5, 1.0]], reduce="sum").data == pytest.approx(other([0.5, 1.0]).data)
