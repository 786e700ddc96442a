"""Frames of a picture: modules, parameters that they share, and a frame for each call."""

from __future__ import annotations

import pytest
from test_picture import frame, node

from tinygrad_lite import Value, nn, ops
from tinygrad_lite.viz.diagram.module_frames import separate_calls, split_path


def test_frames_are_modules_and_parameters_stand_with_their_neuron() -> None:
    net = nn.MLP(2, [2, 1])
    root = (net([Value(1.0, "x0"), Value(-1.0, "x1")]) - 1.0) ** 2
    picture = root.graph(max_nodes=100)
    titles = [c.title for c in picture.clusters]
    around = [(c.title, None if c.parent is None else titles[c.parent]) for c in picture.clusters]
    assert sorted(around, key=str) == [
        ("layers.0", None), ("layers.1.neurons.0", None), ("neurons.0", "layers.0"), ("neurons.1", "layers.0"),
    ]  # fmt: skip
    places = [(n.label, frame(picture, n)) for n in picture.nodes if n.kind == "parameter"]
    assert ("b", ["neurons.1", "layers.0"]) in places
    assert len(places) == 9
    assert ("b", ["layers.1.neurons.0"]) in places, "a module around one module shares its frame"
    assert frame(picture, node(picture, "x0")) == frame(picture, node(picture, "** 2")) == []


def test_a_parameter_that_modules_share_stands_around_them() -> None:
    layer = nn.Layer(1, 2)
    first, second = layer.neurons
    second.w = first.w
    net = nn.Sequential(layer)
    root = ops.sum(net([Value(1.0)])) + first.w[0] ** 2
    picture = root.graph()
    assert frame(picture, node(picture, "w.0")) == ["layers.0"]


def test_a_module_whose_results_come_back_has_a_frame_for_each_call() -> None:
    class Cell(nn.Module):
        def __init__(self) -> None:
            self.w, self.u = Value(0.5), Value(0.1)

        def forward(self, h: Value, x: float) -> Value:
            return (self.w * h + self.u * x).tanh()

    class Net(nn.Module):
        def __init__(self) -> None:
            self.cell = Cell()

        def forward(self, xs: list[float]) -> Value:
            h = Value(0.0)
            for x in xs:
                h = self.cell(h, x) * 0.9
            return h

    picture = Net()([1.0, 2.0, 3.0]).graph()
    assert [c.title for c in picture.clusters] == ["cell (call 1)", "cell (call 2)", "cell (call 3)"]
    assert [sum(n.cluster == k for n in picture.nodes) for k in range(3)] == [6, 4, 4]
    straight = Cell()
    assert not straight(Value(0.0), 1.0).graph().clusters


def test_separate_calls_leaves_what_is_in_order_alone() -> None:
    places = [(), ("a",), ("b",), ("a", "c"), ()]
    assert separate_calls(places, [(0, 1), (1, 3), (1, 2), (2, 4)]) == places


@pytest.mark.parametrize(
    ("path", "levels"),
    [("layers.0.neurons.3", ("layers.0", "neurons.3")), ("0.1", ("0", "1")), ("a.b", ("a", "b")), ("", ())],
)
def test_levels_of_a_path(path: str, levels: tuple[str, ...]) -> None:
    assert split_path(path) == levels
