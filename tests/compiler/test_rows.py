"""Rows of weights in compiled programs: slices, shared and repeated rows, lists that change between calls."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import EXECUTORS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn
from tinygrad_lite.engine import bind, compiled, sums_of_products
from tinygrad_lite.nn.linear import affine
from tinygrad_lite.nn.parameters import parameters

COUNT = 8

Picked = list[tuple[str, int, int, int]]

picks = st.lists(
    st.tuples(st.sampled_from("nrxmc"), st.integers(0, COUNT), st.integers(0, COUNT), st.sampled_from((-2, -1, 1, 2))),
    min_size=1,
    max_size=3,
)
ways = st.lists(
    st.tuples(st.sampled_from(("dot", "sum", "mean", "added", "norm", "take")), picks, picks), min_size=1, max_size=5
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
        elif way == "take":
            chosen = tl.where(tl.less(0.0, xs[0]), 0.0, max(0.0, len(a) - 1.0))
            y = tl.take([*a, 0.5], chosen) if len(b) % 2 else tl.take(a or [1.0], chosen) * xs[-1]
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
@example(  # a constant stands where the next parameter of a row would
    steps=[
        ("dot", [("n", 0, 3, -2)], [("n", 0, 2, -2)]),
        ("dot", [("n", 0, 0, -2)], [("n", 0, 0, -2)]),
        ("added", [("n", 0, 0, -2), ("n", 0, 3, -2)], [("m", 0, 2, -2)]),
    ],
    seed=0,
)
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


def dots(matrix: list[list[Value]], x: Any) -> list[Any]:
    return [tl.dot(w, x) for w in matrix]


def linear(matrix: list[list[Value]], x: Any) -> list[Any]:
    return affine(matrix, x, [0.0] * len(matrix))


@pytest.mark.parametrize("layer", [dots, linear])
def test_a_traced_layer_makes_up_its_derivatives_when_asked(layer: Any) -> None:
    """The trace has none; the Values that a function leaves behind can be differentiated nevertheless."""
    matrix = parameters([0.5, 1.0, -1.0, 2.0, 0.25, 3.0], 2, 3)
    weights = [w for row in matrix for w in row]
    kept: list[Value] = []

    def loss(xs: Any) -> Any:
        made = layer(matrix, [x * 2.0 for x in xs])
        kept.extend([*xs, made[0] + 3.0 * made[1]])
        return made[0] * made[1]

    compile(loss).batch(np.zeros((2, 3)))
    reads_now = layer is dots or compiled  # the readable engine's layers keep numbers always
    *xs, y = kept[:4]
    weights[0].data = 7.0 if reads_now else weights[0].data
    slope = 2.0 * (7.0 if reads_now else 0.5) + 12.0
    assert gradients(y, weights) == [0.0] * 6
    assert [x.grad for x in xs] == [slope, 3.5, 16.0]
    assert tl.gradients(y, xs) == [slope, 3.5, 16.0]
    bind([*weights, Value(1.0)])  # the leaves move
    *xs, y = kept[4:]
    weights[0].data = 1.0
    assert tl.gradients(y, xs) == [14.0 if reads_now else slope, 3.5, 16.0]


def test_hand_written_neurons_of_a_layer_hold_one_row() -> None:
    """So do all results that they are read by, and a tuple or a list that was changed is another row."""
    inward, outward = ([[Value(0.1 * k - j) for k in range(12)] for j in range(12)] for _ in range(2))

    def loss(x: Any) -> Any:
        x = dots(outward, dots(inward, x))
        again = tl.dot([*x[1:], x[0]], x) + tl.dot(x, x[::-1])
        x[0] = x[1]
        return again + tl.dot(x, x)

    f = compile(loss)
    f.batch(np.ones((3, 12)), reduce=None)
    rows = [args[1] for kind, args in zip(f.program.kinds, f.program.args, strict=True) if kind is tl.ops.dot]
    assert len(set(map(id, rows[:24]))) == 2 and len(set(rows)) == 5
    x = [float(k) for k in range(12)]
    assert f(x) == pytest.approx(loss(x).data)


def test_a_compiled_function_outlives_its_leaves() -> None:
    """They are made anew where they are asked for, and what is kept of them does not grow with their number."""
    model = nn.MLP(30, [20, 2], activation="tanh")
    shown = [(v.label, v.data) for v in model.parameters()]
    holder = [model]
    loss = compile(lambda x: tl.sum(holder[0](x)))
    y = loss.batch(np.ones((2, 30)))
    del model
    tracemalloc.start()
    try:
        holder.clear()
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()
    y.backward()
    leaves = loss.leaves[1]
    assert [(v.label, v.data) for v in leaves] == shown
    assert leaves[-1].grad == 1.0 and loss.batch(np.ones((2, 30))).data == y.data


def test_a_function_of_nothing_but_leaves_in_rows() -> None:
    """A row that is summed, a row of one, leaves of several storages, and a leaf that also stands alone."""
    ours, theirs = nn.Linear(3, 2), [Value(0.5 - k) for k in range(4)]
    weights = [*ours.parameters(), *theirs]

    def loss(x: Any) -> Any:
        first = ours.weight[0]
        total = tl.sum(first) * tl.mean(theirs) + tl.dot(first, theirs[:3]) + tl.dot(first[:1], [x])
        return total + first[1] * x + tl.dot(theirs, theirs) + tl.logsumexp(theirs[1:3])

    f, g = compile(loss), compile(lambda x: weights[0] + x)
    for _ in range(2):
        expected = gradients(loss(2.0), weights)
        assert gradients(f.batch([2.0]), weights) == pytest.approx(expected, rel=1e-12)
        assert gradients(g.batch([2.0]), weights) == [1.0, *[0.0] * 11]
