"""Results of differentiation in pictures: in a colour of their own, without what transforms only pass on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine import is_derived
from tinygrad_lite.viz.diagram.boxes import boxes
from tinygrad_lite.viz.diagram.elements import Node
from tinygrad_lite.viz.diagram.legend import legend
from tinygrad_lite.viz.diagram.walk import Graph


def f(x: Any, y: Any) -> Any:
    return (x * y).tanh() * x


@pytest.mark.parametrize(
    "derivative",
    [
        tl.grad(f),
        tl.grad(tl.grad(f)),
        lambda x, y: tl.hessian(lambda v: f(*v))([x, y])[0][1],
        lambda x, y: tl.jvp(f, (x, y), (x, y))[1],
        lambda x, y: tl.gradients(f(x, y), [x], create_graph=True)[0],
    ],
)
def test_derivatives_differ_from_what_the_user_wrote(derivative: Callable[..., Any]) -> None:
    root = derivative(Value(0.5, "x"), Value(0.3, "y"))
    picture = root.graph(max_nodes=100)
    kinds = {n.operation: n.kind for n in picture.nodes if isinstance(n, Node) and not n.root}
    assert kinds["tanh"] == "result" and "derived" in kinds.values()
    assert not {"identity", "1 * ·", "* 1"} & kinds.keys()
    assert "derived" in {box.colours for box in boxes(picture._diagram)}
    assert ("derived", "result of differentiation") in [(e.swatch, e.text) for e in legend(picture._diagram)]
    assert any(is_derived(v) for v in Graph(root).values)


def test_what_is_passed_on_keeps_numbers_and_gradients() -> None:
    x, y = Value(0.5, "x"), Value(0.3, "y")
    root = tl.grad(tl.grad(f))(x, y)
    root.backward()
    whole, shown = Graph(root), Graph(root, passing=False)
    assert len(shown) < len(whole) and shown.values[-1] is root
    assert [v for v in whole.values if v in set(shown.values)] == shown.values
    for v, parents in zip(shown.values, shown.parents, strict=True):
        assert [shown.values[p].data for p in parents] == [p.data for p in v.parents]
    leaf = next(n for n in root.graph(max_nodes=100).nodes if isinstance(n, Node) and n.label == "x")
    assert leaf.grad == x.grad != 0.0


def test_what_the_user_wrote_stays() -> None:
    x = Value(0.5, "x")
    operations = [n.operation for n in (x.identity() * 1.0).tanh().graph().nodes if isinstance(n, Node)]
    assert operations == [None, "identity", "* 1", "tanh"]
    assert not any(is_derived(v) for v in Graph(f(x, x)).values)


def test_a_label_keeps_where_a_result_comes_from() -> None:
    slope = tl.grad(f)(Value(0.5), Value(0.3))
    slope.label = "slope"
    assert is_derived(slope)


def test_derivatives_are_known_while_lines_are_noted() -> None:
    with tl.detect_anomaly():
        slope = tl.grad(f)(Value(0.5), Value(0.3))
    assert is_derived(slope) and slope.line is not None
