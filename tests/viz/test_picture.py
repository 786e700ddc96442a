"""The picture model: what becomes a box, an edge and a frame, and the text for each gradient."""

from __future__ import annotations

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, ops
from tinygrad_lite.viz import Picture, graph
from tinygrad_lite.viz.diagram.diagram import Node
from tinygrad_lite.viz.diagram.gradient_states import gradient_states
from tinygrad_lite.viz.diagram.walk import Graph


def node(picture: Picture, text: str) -> Node:
    """The only node with this label, or without a label, with this operation."""
    found = [
        n for n in picture.nodes if isinstance(n, Node) and text in (n.label, n.operation if not n.label else None)
    ]
    assert len(found) == 1, f"{len(found)} nodes called {text!r}"
    return found[0]


def frame(picture: Picture, item: Node) -> list[str]:
    """Titles of the frames around a node, innermost first."""
    titles, cluster = [], item.cluster
    while cluster is not None:
        titles.append(picture.clusters[cluster].title)
        cluster = picture.clusters[cluster].parent
    return titles


def states(root: Value) -> dict[str | None, str]:
    found = Graph(root)
    return {v.label: state for v, state in zip(found.values, gradient_states(found), strict=True)}


def test_a_box_for_each_value_and_an_edge_for_each_argument() -> None:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    root = a * b + a
    root.backward()
    picture = root.graph()
    assert [n.label for n in picture.nodes if n.kind == "input"] == ["a", "b"]
    assert [(n.data, n.grad, n.root) for n in picture.nodes] == [
        (2, -2, False),
        (-3, 2, False),
        (-6, 1, False),
        (-4, 1, True),
    ]
    assert [(e.source, e.target, e.derivative) for e in picture.edges] == [(0, 2, -3), (1, 2, 2), (2, 3, 1), (0, 3, 1)]


def test_an_argument_used_twice_is_drawn_twice() -> None:
    x = Value(1.5)
    assert [(e.source, e.target, e.derivative) for e in (x * x).graph().edges] == [(0, 1, 1.5), (0, 1, 1.5)]


def test_kinds() -> None:
    w, x = Value(2.0, "w"), Value(3.0, "x")
    tl.engine.bind([w])
    picture = (w * x + x.detach()).graph()
    assert [n.kind for n in picture.nodes] == ["parameter", "input", "result", "constant", "result"]
    assert [n.detached for n in picture.nodes] == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("* 0.5", lambda x: x * 0.5),
        ("2 - ·", lambda x: 2 - x),
        ("** 3", lambda x: x**3),
        ("2 ** ·", lambda x: 2**x),
        ("neg", lambda x: -x),
        ("clip(·, -1, 1)", lambda x: x.clip(-1, 1)),
        ("leaky_relu", lambda x: x.leaky_relu()),
        ("leaky_relu(·, 0.2)", lambda x: x.leaky_relu(0.2)),
        ("maximum(0, ·)", lambda x: ops.maximum(0.0, x)),
        ("dot(…, 1.5)", lambda x: ops.dot([x], [x], 1.5)),
        ("dot", lambda x: ops.dot([x], [x])),
        ("sum(…, 20 numbers)", lambda x: ops.sum([x] + [1.0] * 20)),
    ],
)
def test_plain_numbers_stand_in_the_operation(text: str, function: object) -> None:
    assert callable(function)
    nodes = function(Value(0.5)).graph().nodes
    assert nodes[-1].operation == text
    assert len(nodes) == 2


def test_few_plain_numbers_of_a_sequence_get_small_boxes() -> None:
    picture = ops.dot([Value(1.0), Value(2.0)], [0.5, -1.0]).graph()
    plain = [n for n in picture.nodes if n.plain]
    assert [n.data for n in plain] == [0.5, -1.0]
    assert {n.kind for n in plain} == {"constant"}
    assert [e.derivative for e in picture.edges if e.plain] == [None, None]


def test_numbers_are_those_of_the_moment() -> None:
    x = Value(2.0, "x")
    root = x * x
    before = root.graph()
    root.backward()
    assert (node(before, "x").state, node(before, "x").grad) == ("not computed", 0.0)
    assert (node(root.graph(), "x").state, node(root.graph(), "x").grad) == ("computed", 4.0)


def test_expanded_dot_is_products_and_their_sum() -> None:
    w, x, b = [Value(2.0, "w0"), Value(3.0, "w1")], [Value(5.0, "x0"), 7.0], Value(1.0, "b")
    root = ops.dot(w, x, b).tanh()
    root.backward()
    picture = root.graph(expand=True)
    products = [n for n in picture.nodes if n.operation in ("*", "* 7")]
    assert [n.data for n in products] == [10.0, 21.0]
    total = node(picture, "sum")
    assert total.data == 32.0
    assert {n.grad for n in products} == {total.grad}
    derivatives = {
        (picture.nodes[e.source].label, picture.nodes[e.target].operation): e.derivative for e in picture.edges
    }
    assert derivatives["w0", "*"] == 5.0
    assert derivatives["x0", "*"] == 2.0
    assert derivatives["w1", "* 7"] == 7.0
    assert derivatives["b", "sum"] == derivatives[None, "sum"] == 1.0
    assert frame(picture, total) == frame(picture, products[0]) == ["dot"]
    assert not picture.clusters[0].module
    assert [n.operation for n in root.graph().nodes if n.kind == "result"] == ["dot", "tanh"]


def test_two_expanded_dots_have_a_frame_each() -> None:
    x = Value(1.0)
    root = ops.dot([ops.dot([x, x], [x, x]), x], [x, x])
    assert [(c.title, c.parent) for c in root.graph(expand=True).clusters] == [("dot", None), ("dot", None)]


def test_what_does_not_fit_expanded_is_drawn_unexpanded() -> None:
    xs = [Value(1.0) for _ in range(10)]
    root = ops.dot(xs, xs)
    assert len(root.graph(expand=True, max_nodes=21).nodes) == 21
    assert len(root.graph(expand=True, max_nodes=20).nodes) == 11


def test_gradients_before_and_after_backward() -> None:
    x = Value(0.5, "x")
    y = x.tanh()
    y.label = "y"
    assert states(y) == {"x": "not computed", "y": "not computed"}
    y.backward()
    assert states(y) == {"x": "computed", "y": "computed"}
    x.grad = 0.0
    assert states(y) == {"x": "not computed", "y": "computed"}


def test_gradients_of_another_root_are_not_this_ones() -> None:
    x = Value(0.5, "x")
    shared = x.tanh()
    shared.label = "shared"
    other, root = shared * 2.0, shared * 3.0
    root.label = "root"
    other.backward()
    assert states(root) == {"x": "computed", "shared": "not computed", "root": "not computed"}
    root.backward()
    assert states(root) == {"x": "computed", "shared": "computed", "root": "computed"}
    other.backward()
    assert states(root) == {"x": "computed", "shared": "not computed", "root": "computed"}


def test_zero_is_not_blocked() -> None:
    a, b, c = Value(2.0, "a"), Value(0.0, "b"), Value(1.0, "c")
    root = a * b + (c - c)
    root.backward()
    assert states(root)["a"] == "zero"
    assert states(root)["b"] == "computed"
    assert states(root)["c"] == "zero"


@pytest.mark.parametrize(
    "flat",
    [
        lambda x: x.relu(),
        lambda x: x.step(),
        lambda x: x.clip(-1, 1),
        lambda x: x.stop_gradient(),
        lambda x: ops.maximum(x, 0.0),
        lambda x: ops.where(Value(0.0), x, 1.0),
        lambda x: x**0,
        lambda x: x.leaky_relu(0.0),
        lambda x: tl.compile(lambda x: x.relu() * 2.0)(x),
    ],
)
def test_a_flat_operation_blocks_all_that_is_behind_it(flat: object) -> None:
    assert callable(flat)
    w, x, b = Value(-2.0, "w"), Value(3.0, "x"), Value(0.5, "b")
    inner = w * x
    inner.label = "inner"
    root = flat(inner) * 2.0 + b
    root.backward()
    found = states(root)
    assert [found[name] for name in ("w", "x", "inner")] == ["blocked"] * 3
    assert found["b"] == "computed"
    edges = [(root.graph().nodes[e.source].label, e.derivative) for e in root.graph().edges if e.blocked]
    assert ("inner", 0.0) in edges


def test_a_gradient_that_arrives_another_way_is_not_blocked() -> None:
    x = Value(-1.0, "x")
    root = x.relu() + x * 3.0
    root.backward()
    assert states(root)["x"] == "computed"
    cancelled = x.relu() + (x - x)
    x.grad = 0.0
    cancelled.backward()
    assert states(cancelled)["x"] == "zero"


def test_a_zero_factor_on_the_way_to_a_block_is_zero() -> None:
    """Behind the zero factor, no gradient arrives that the relu could stop."""
    x, zero = Value(-1.0, "x"), Value(0.0)
    hidden = x.relu()
    hidden.label = "hidden"
    root = hidden * zero
    root.backward()
    assert states(root)["hidden"] == "zero"
    assert states(root)["x"] == "zero"


def test_an_infinite_derivative_does_not_disturb() -> None:
    x = Value(0.0, "x")
    root = ops.where(0.0 * x, x.log(), x)
    root.backward()
    assert states(root)["x"] == "computed"


def test_detached_is_blocked_before_and_after() -> None:
    x = Value(2.0, "x")
    stopped = x.detach()
    stopped.label = "stopped"
    root = stopped * x
    assert states(root)["stopped"] == "blocked"
    assert not any(e.blocked for e in root.graph().edges)
    root.backward()
    assert states(root)["stopped"] == "blocked"
    assert [e.blocked for e in root.graph().edges] == [True, False]


def test_graph_as_function_and_method_are_one() -> None:
    assert graph(Value(1.0)).svg() == Value(1.0).graph().svg()
