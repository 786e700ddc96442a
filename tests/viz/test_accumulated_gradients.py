"""Pictures of gradients from several sweeps, and of leaves that have changed since."""

from __future__ import annotations

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, optim
from tinygrad_lite.viz.diagram.boxes import Box, boxes
from tinygrad_lite.viz.diagram.legend import legend

SWEEP = "sweep: one backward(), which adds to grad until zero_grad()"
EARLIER = "earlier value: a leaf has changed since backward()"


def shown(y: Value, max_nodes: int = 300) -> dict[str, Box]:
    return {box.title: box for box in boxes(y.graph(max_nodes=max_nodes)._diagram)}


def rows(box: Box) -> list[tuple[str, str]]:
    return [(row.name, row.value) for row in box.rows]


def legends(y: Value) -> list[str]:
    return [entry.text for entry in legend(y.graph()._diagram)]


def example() -> tuple[Value, Value]:
    w = Value(2.0, "w")
    y = w * 4.0
    y.label = "y"
    return w, y


def test_other_sweeps_are_shown_beside_this_one() -> None:
    w, y = example()
    y.backward()
    assert rows(shown(y)["w"]) == [("value", "2"), ("grad", "4")] and SWEEP not in legends(y)
    y.backward()
    y.backward()
    found = shown(y)
    assert rows(found["w"]) == [("value", "2"), ("grad", "12"), ("other sweeps", "8"), ("+ this sweep", "4")]
    assert "grad 12 = 8 from other sweeps + 4 from this one" in found["w"].tooltip.splitlines()
    assert "until zero_grad() clears it" in found["w"].tooltip
    assert rows(found["y"]) == [("value", "8"), ("grad", "1")] and SWEEP in legends(y)
    assert rows(shown(w * 3.0)["w"])[1:] == [("grad", "12"), ("", "from other sweeps")]


def test_a_part_of_a_swept_graph_and_a_graph_of_an_earlier_sweep() -> None:
    w, y = example()
    z = y + w
    z.backward()
    assert rows(shown(y)["w"])[1:] == [("grad", "5"), ("from outside", "1"), ("+ this graph", "4")]
    y.backward()
    assert rows(shown(z)["w"])[1:] == [("grad", "9"), ("", "other sweeps too"), ("this sweep", "5")]


@pytest.mark.parametrize("bound", [False, True])
def test_a_leaf_that_has_changed_is_marked(bound: bool) -> None:
    w, y = example()
    if bound:
        tl.engine.bind([w])
    w.data = 3.0
    assert rows(shown(y)["w"])[1:] == [("grad", "not computed")], "without a sweep there is no gradient to mark"
    y.backward()
    row = shown(y)["w"].rows[-1]
    assert (row.value, row.style) == ("of an earlier value", "warning") and EARLIER in legends(y)
    assert "the value has changed since: the gradient is that at the earlier value" in shown(y)["w"].tooltip
    assert EARLIER not in legends(w * 4.0)
    a, b = Value(1.0, "a"), Value(2.0, "b")
    total = a + b
    total.backward()
    a.data = 2.0
    assert [shown(total)[name].rows[-1].value for name in "ab"] == ["of earlier values"] * 2


def test_closed_boxes_count_such_leaves() -> None:
    model = nn.MLP(2, [4, 4, 1], activation="tanh")
    loss = nn.mse([model([0.1 * k, 0.5]) for k in range(8)], [1.0] * 8)
    loss.backward()
    loss.backward()
    found = boxes(loss.graph(max_nodes=8)._diagram)  # two of them have the same title, in two frames
    told = [dict(rows(box)) for box in found]
    counts = [int(row["other sweeps"].removeprefix("in ")) for row in told if "other sweeps" in row]
    assert sum(counts) == len(model.parameters()) and SWEEP in legends(loss)
    assert any("other sweeps added to" in box.tooltip for box in found)
    optim.SGD(model.parameters(), lr=0.1).step()
    told = [dict(rows(box)) for box in boxes(loss.graph(max_nodes=8)._diagram)]
    assert sum(int(row["earlier value"].removeprefix("in ")) for row in told if "earlier value" in row) > 10
