"""Rows of weights in compiled programs: slices, shared and repeated rows, lists that change between calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn
from tinygrad_lite.compiler.executor_choice import EXECUTORS
from tinygrad_lite.engine import sums_of_products

COUNT = 8

Picked = list[tuple[str, int, int, int]]

picks = st.lists(
    st.tuples(st.sampled_from("nrxmc"), st.integers(0, COUNT), st.integers(0, COUNT), st.sampled_from((-2, -1, 1, 2))),
    min_size=1,
    max_size=3,
)
ways = st.lists(
    st.tuples(st.sampled_from(("dot", "sum", "mean", "added", "norm")), picks, picks), min_size=1, max_size=5
)


def row(picked: Picked, weights: list[Value], xs: list[Any], made: list[Any]) -> list[Any]:
    """Slices of the weights, of results before, of inputs, of numbers, and of a mixture."""
    found: list[Any] = []
    for kind, a, b, step in picked:
        some = {"n": weights, "r": made or weights, "x": xs, "m": [*xs, *weights], "c": [0.5, -1.0, 0.0, 2.0]}[kind]
        found += some[min(a, b) : max(a, b) + 1][::step]
    return found


def computed(steps: list[tuple[str, Picked, Picked]], weights: list[Value], xs: list[Any]) -> Any:
    made: list[Any] = []
    for way, left, right in steps:
        a, b = row(left, weights, xs, made), row(right, weights, xs, made)
        a, b = a[: len(b)], b[: len(a)]
        if way == "dot":
            y = tl.dot(a, b, 0.25)
        elif way == "added":
            y = sum([u * v for u, v in zip(a, b, strict=True)]) + 0.5
        elif way == "sum":
            y = tl.sum([u * v for u, v in zip(a, b, strict=True)])
        elif way == "mean":
            y = tl.mean([*[u * v for u, v in zip(a, b, strict=True)], xs[0]])
        else:
            y = tl.dot(a, a)
        made.append(tl.tanh(y * 0.25 + xs[0]))
    return tl.sum(made)


def gradients(y: Value, weights: list[Value]) -> list[float]:
    for w in weights:
        w.grad = 0.0
    y.backward()
    return [w.grad for w in weights]


@pytest.mark.parametrize("executor", EXECUTORS)
@settings(max_examples=up_to(100), deadline=None)
@given(steps=ways, seed=st.integers(0, 99))
def test_rows_of_all_kinds(executor: Any, steps: list[tuple[str, Picked, Picked]], seed: int) -> None:
    """The loss of a batch, its gradient, the gradient of a squared derivative, and all again with other numbers."""
    source = np.random.default_rng(seed)
    weights = [Value(x) for x in source.uniform(-1, 1, COUNT)]
    lanes = source.uniform(-1, 1, (3, 2))
    f = compile(lambda xs: computed(steps, weights, xs), executor=executor)
    slope = compile(lambda xs: tl.grad(lambda x: computed(steps, weights, [x, xs[1]]))(xs[0]) ** 2, executor=executor)
    for _ in range(2):
        eager = tl.mean([computed(steps, weights, list(map(Value, lane))) for lane in lanes.tolist()])
        expected = gradients(eager, weights)
        batch = f.batch(lanes)
        assert batch.data == pytest.approx(eager.data, rel=1e-12, abs=1e-12)
        assert gradients(batch, weights) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        given = list(map(Value, lanes[0].tolist()))
        once = tl.grad(lambda x, given=given: computed(steps, weights, [x, given[1]]))(given[0]) ** 2  # type: ignore[misc]
        wanted = gradients(once, weights)
        assert gradients(slope.batch(lanes[:1]), weights) == pytest.approx(wanted, rel=1e-9, abs=1e-12)
        for w in weights:
            w.data = -0.5 * w.data + 0.1


def test_additions_become_dots() -> None:
    """Also behind one another; what is read elsewhere, or must be kept, stays as it is."""
    w, v = [Value(0.1 * k) for k in range(8)], [Value(1.0 - k) for k in range(8)]

    def layer(x: Any) -> Any:
        return sum([a * b for a, b in zip(w, [sum(a * b for a, b in zip(v, x, strict=True)) + w[0]] * 8, strict=True)])

    f = compile(layer)
    f.batch(np.ones((2, 8)), reduce=None)
    assert f.program.counts() == {"input": 8, "constant": 1, "dot": 2}
    means = compile(lambda x: tl.mean([a * b for a, b in zip(w, x, strict=True)]))
    assert means([float(k) for k in range(8)]) == pytest.approx(0.1 * 140 / 8)
    assert means.program.counts() == {"input": 8, "constant": 2, "dot": 1, "div": 1}
    inner = w[0] * v[0]
    y = inner + w[1] * v[1]
    assert list(sums_of_products([y], (), 2)[0]) == [y] and sums_of_products([y], {id(inner)}, 2)[0] == {}
    again = inner * inner + (w[1] * v[1] + inner)
    assert sums_of_products([again], (), 2)[0] == {again: ((inner, w[1]), (inner, v[1]), [inner])}


@pytest.mark.parametrize("change", [lambda ws: ws.reverse(), lambda ws: ws.append(Value(2.0)), lambda ws: ws.pop(0)])
def test_a_list_that_changes_between_traces(change: Callable[[list[Value]], None]) -> None:
    ws = [Value(0.5 + k) for k in range(4)]
    for _ in range(2):
        total = compile(lambda x: tl.dot(ws, [x, *[2.0] * (len(ws) - 1)]))
        xs = [1.0, 3.0]
        eager = [tl.dot(ws, [x, *[2.0] * (len(ws) - 1)]).data for x in xs]
        assert total.batch(xs, reduce=None) == pytest.approx(np.array(eager))
        leaves = list(ws)
        assert gradients(total.batch(xs), leaves) == pytest.approx([2.0] * len(ws))
        change(ws)


def test_a_penalty_on_all_weights_and_the_layers_overlap() -> None:
    """The penalty is one row over all weights; the layers' rows are parts of it. What only it reads is written anew."""
    model = nn.MLP(3, [4, 2], activation="tanh")
    weights = [*model.parameters(), *[Value(0.5 - k) for k in range(5)]]

    def loss(x: Any) -> Any:
        return tl.dot(model(x), [1.0, -2.0]) + 0.1 * tl.dot(weights, weights) + weights[5] ** 2

    lanes = np.random.default_rng(0).normal(size=(5, 3))
    expected = gradients(tl.mean([loss(list(lane)) for lane in lanes.tolist()]), weights)
    f = compile(loss, executor="array")
    for _ in range(2):
        assert gradients(f.batch(lanes), weights) == pytest.approx(expected, rel=1e-12)
    assert f.array.plain.operations < 32  # the penalty's gradient is added in one piece, not neuron by neuron


def test_a_layer_on_several_rows() -> None:
    """What its weights and its biases receive from all rows is one product, whatever the order of the rows."""
    layer, mixing = nn.Linear(3, 4), nn.Attention(4, causal=True)
    weights = [*layer.parameters(), *mixing.parameters()]
    for k, w in enumerate(weights):  # biases start at 0
        w.data += 0.1 * (k % 7 - 3)

    def loss(rows: Any) -> Any:
        return tl.sum([tl.dot(row, row) for row in mixing(layer(rows))])

    lanes = np.random.default_rng(0).normal(size=(5, 6, 3))
    expected = gradients(tl.mean([loss([list(row) for row in lane]) for lane in lanes.tolist()]), weights)
    f = compile(loss, executor="array")
    assert gradients(f.batch(lanes), weights) == pytest.approx(expected, rel=1e-10, abs=1e-12)
    over_lanes = [group.summed.shape for group in f.array.groups if group.summed is not None]
    assert over_lanes == [(4, 4), (8, 5), (4, 5), (4, 5), (1,)]  # the layer; queries and keys, values, output; the loss


def test_weights_that_are_used_at_each_step_receive_one_product() -> None:
    """Also if the terms come in another order for each neuron."""
    inward, recurrent, outward = ([[Value(0.1 * k - j) for k in range(n)] for j in range(4)] for n in (2, 4, 4))

    def loss(xs: Any, target: Any) -> Any:
        h = [tl.tanh(tl.dot(u, xs[0])) for u in inward]
        for x in xs[1:]:
            h = [tl.tanh(tl.dot(u, x) + tl.dot(w, h)) for u, w in zip(inward, recurrent, strict=True)]
        return (tl.dot(outward[0], h) - target) ** 2

    f = compile(loss, executor="array")
    f.batch(np.ones((7, 3, 2)), np.ones(7)).backward()
    shapes = [group.summed.shape for group in f.array.groups if group.summed is not None]
    assert shapes == [(4, 2), (4, 4), (1, 4), (1,)]


def test_no_list_of_a_program_is_as_long_as_its_weights() -> None:
    model = nn.MLP(200, [50, 3], activation="tanh")
    f = compile(lambda x, label: nn.cross_entropy(model(x), label))
    f.batch(np.zeros((4, 200)), np.zeros(4)).backward()
    for program in (*f.passes.values(), f.array.program):
        lists = (program.kinds, program.outputs, program.outers, program.positions)
        assert max(map(len, lists)) < 1_200 < len(model.parameters()) == program.parameters
