"""Large graphs: as many boxes as asked for at most, nothing lost in the counts, and alike things together."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import up_to

from tinygrad_lite import Value, engine, nn, ops
from tinygrad_lite.engine import Origin, set_origin
from tinygrad_lite.viz import Picture
from tinygrad_lite.viz.diagram.alike import by_structure
from tinygrad_lite.viz.diagram.elements import Group, Node
from tinygrad_lite.viz.diagram.group_order import in_order
from tinygrad_lite.viz.diagram.walk import Graph


def groups(picture: Picture) -> list[Group]:
    return [n for n in picture.nodes if isinstance(n, Group)]


def check_counts(root: Value, picture: Picture, limit: int) -> None:
    assert len(picture.nodes) <= limit
    assert sum(n.values if isinstance(n, Group) else 1 for n in picture.nodes) == len(Graph(root))
    assert sum(n.root for n in picture.nodes) == 1
    assert all(0 <= e.source < len(picture.nodes) and 0 <= e.target < len(picture.nodes) for e in picture.edges)
    assert sum(e.count for e in picture.edges) <= sum(map(len, Graph(root).parents))


def plain_loss(samples: int, sizes: tuple[int, ...] = (2, 16, 16, 1)) -> Value:
    """A loss over samples, every neuron recorded as products and sums."""
    draw = random.Random(0)
    net = [
        [([Value(draw.uniform(-1, 1)) for _ in range(fan_in)], Value(0.0)) for _ in range(fan_out)]
        for fan_in, fan_out in pairwise(sizes)
    ]
    losses = []
    for _ in range(samples):
        x = [Value(draw.uniform(-1, 1)) for _ in range(sizes[0])]
        for layer in net:
            x = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b).relu() for w, b in layer]
        losses.append((1 - x[0]) ** 2)
    return sum(losses) * (1.0 / samples)


def loss_of_a_network() -> Value:
    random.seed(0)
    net = nn.MLP(2, [4, 4, 1])
    return (net([Value(1.0, "x0"), Value(-1.0, "x1")]) - 1.0) ** 2


def test_what_is_alike_is_drawn_once_before_modules_close() -> None:
    root = loss_of_a_network()
    alike = root.graph(max_nodes=30)
    titles = [c.title for c in alike.clusters]
    assert sorted(titles) == [
        "layers.0.neurons.0 … 3 \N{MULTIPLICATION SIGN}4", "layers.1.neurons.0 … 3 \N{MULTIPLICATION SIGN}4",
        "layers.2.neurons.0",
    ]  # fmt: skip
    inside = [(g.title, g.values) for g in groups(alike) if g.cluster == titles.index(sorted(titles)[1])]
    assert inside == [("w", 16), ("b", 4), ("dot", 4), ("relu", 4)]
    closed = root.graph(max_nodes=8)
    assert [(g.title, g.values, g.parameters) for g in groups(closed) if g.module] == [
        ("neurons.0 … 3 \N{MULTIPLICATION SIGN}4", 20, 12), ("neurons.0 … 3 \N{MULTIPLICATION SIGN}4", 28, 20),
        ("neurons.0", 6, 5),
    ]  # fmt: skip
    assert [c.title for c in closed.clusters] == ["layers.0", "layers.1", "layers.2"]
    assert [(e.source, e.target, e.count) for e in closed.edges if e.count > 8] == [(1, 2, 16)]
    for limit in range(1, 62):
        check_counts(root, root.graph(max_nodes=limit), limit)


def test_modules_that_differ_are_not_one_box() -> None:
    random.seed(0)
    layer = nn.Layer(2, 3)
    layer.neurons[1].activation = Value.tanh
    root = ops.sum(layer([Value(1.0), Value(2.0)]))
    closed = [g.title for g in groups(root.graph(max_nodes=4)) if g.module]
    assert closed == ["neurons \N{MULTIPLICATION SIGN}2: 0, 2", "neurons.1"]


def test_many_calls_of_a_module_are_one_box() -> None:
    net = nn.MLP(2, [3, 1])
    root = ops.mean([(net([Value(1.0), Value(2.0)]) - 1.0) ** 2 for _ in range(50)])
    picture = root.graph(max_nodes=7)
    first = next(g for g in groups(picture) if g.module)
    assert (first.title, first.values) == ("neurons.0 … 2 \N{MULTIPLICATION SIGN}3", 3 * (3 + 100))
    assert first.operations == {"dot": 150, "relu": 150}
    check_counts(root, picture, 7)


def test_at_the_limit_and_one_over_it() -> None:
    root = ops.sum([Value(1.0) for _ in range(299)])
    assert not groups(root.graph(max_nodes=300))
    assert [g.values for g in groups((root * 2.0).graph(max_nodes=300))] == [299]


def test_constants_count_as_boxes() -> None:
    root = ops.dot([Value(1.0), Value(2.0)], [0.5, -1.0])
    assert len(root.graph(max_nodes=5).nodes) == 5
    assert len(root.graph(max_nodes=4).nodes) <= 4


def test_a_loss_of_70_000_nodes_without_modules() -> None:
    root = plain_loss(105)
    root.backward()
    picture = root.graph()
    assert len(Graph(root)) > 68_000
    check_counts(root, picture, 300)
    assert len(picture.nodes) < 30, "neurons and samples that are alike are told apart"
    products = [g for g in groups(picture) if set(g.operations) == {"*"}]
    assert sorted(g.values for g in products) == [105 * 16, 105 * 32, 105 * 256]
    sums = [g for g in groups(picture) if set(g.operations) == {"+"}]
    assert 105 * 256 in [g.values for g in sums], "a sum added up term by term is not one box"
    assert picture.svg("own").count("<text") < 1000


def test_a_chain_of_a_million_nodes() -> None:
    length = up_to(1_000_000) if engine.compiled else 100_000
    x = Value(1.0, "x")
    for _ in range(length):
        x = x * 1.0
    picture = x.graph()
    assert [g.values for g in groups(picture)] == [length - 1]
    assert f"{length - 1:,}" in picture.svg("own")


def test_a_deep_chain_without_a_pattern_is_drawn_in_bands() -> None:
    draw, x = random.Random(0), Value(0.5)
    for _ in range(6000):
        x = draw.choice([lambda x: x * 0.9, Value.tanh, Value.sin])(x)
    picture = x.graph()
    check_counts(x, picture, 300)
    assert 5 < len(picture.nodes) < 20
    assert all(e.source < e.target for e in picture.edges)
    assert set(groups(picture)[0].operations) == {"*", "tanh", "sin"}


def test_groups_of_alike_values_make_no_circle() -> None:
    """A residual stream: each sum takes something new in, so it does not join the sum before it."""
    x = Value(0.5)
    for _ in range(6):
        x = x + x.tanh()
    graph = Graph(x)
    groups = by_structure(graph, [-1] * len(graph), [()] * len(graph), 100)
    assert groups is not None and len(set(groups)) == 13
    assert all(s < t for s, t in in_order(graph.parents, groups)[1])


def test_groups_say_what_is_in_them() -> None:
    xs = [Value(float(k), f"x{k}") for k in range(-5, 5)]
    root = ops.sum([x.relu() for x in xs])
    root.backward()
    inputs, hidden = groups(root.graph(max_nodes=3))
    assert (inputs.title, inputs.kind, inputs.data) == ("x…", "input", (-5.0, 4.0))
    assert (inputs.states["blocked"], inputs.states["computed"], inputs.grads) == (6, 4, (0.0, 1.0))
    assert (hidden.title, hidden.states["computed"], hidden.grads) == ("relu", 10, (1.0, 1.0))


def test_single_values_keep_their_edges() -> None:
    xs = [Value(1.0) for _ in range(50)]
    total = ops.sum(xs)
    picture = (total * total).graph(max_nodes=5)
    assert [(e.count, e.derivative) for e in picture.edges] == [(50, None), (1, 50.0), (1, 50.0)]


def inside(path: str, v: Value | None) -> Value:
    """A function of v, or a leaf, made as if inside the module with this path."""
    before = set_origin(Origin(None, path))
    try:
        return Value(1.0) if v is None else (v * 0.5).tanh()
    finally:
        set_origin(before)


def test_more_modules_than_boxes() -> None:
    v = None
    for k in range(20):
        v = inside(f"m{k}", inside(f"m{k}", v))
    assert v is not None
    for limit in (1, 2, 5, 19, 21):
        check_counts(v, v.graph(max_nodes=limit), limit)


def test_a_circle_of_modules_is_drawn() -> None:
    v = Value(1.0)
    for _ in range(40):
        v = inside("b", inside("a", v)) + 1.0
    picture = v.graph(max_nodes=6)
    check_counts(v, picture, 6)
    assert {g.title for g in groups(picture)} >= {"a", "b"}
    assert any(e.source > e.target for e in picture.edges), "the circle has no way back"
    assert picture.svg("own").count("<path") > len(picture.edges)


UNARY = ("tanh", "relu", "exp")


@st.composite
def random_graphs(draw: st.DrawFn) -> Value:
    paths = [None, None, "a", "b", "a.0", "a.b.1", "b.c"]
    values = []
    for k in range(draw(st.integers(1, 4))):
        before = set_origin(Origin(None, draw(st.sampled_from(paths))))
        values.append(Value(0.1 * k))
        set_origin(before)
    for _ in range(draw(st.integers(1, 40))):
        before = set_origin(Origin(None, draw(st.sampled_from(paths))))
        try:
            x, y = draw(st.sampled_from(values)), draw(st.sampled_from(values))
            what = draw(st.integers(0, 4))
            made = [x + y, x * y, getattr(x, draw(st.sampled_from(UNARY)))(), ops.sum([x, y, 0.5]), x * 0.1][what]
        finally:
            set_origin(before)
        values.append(made)
    return values[-1]


@settings(max_examples=up_to(150), deadline=None)
@given(random_graphs(), st.integers(1, 45))
def test_any_graph_at_any_limit(root: Value, limit: int) -> None:
    picture = root.graph(max_nodes=limit)
    assert len(picture.nodes) <= limit
    if groups(picture):
        check_counts(root, picture, limit)
    else:
        assert sum(not n.plain for n in picture.nodes if isinstance(n, Node)) == len(Graph(root))
    assert picture.svg("own").endswith("</svg>\n")


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_tiny_limits(limit: int) -> None:
    root = plain_loss(2)
    check_counts(root, root.graph(max_nodes=limit), limit)
