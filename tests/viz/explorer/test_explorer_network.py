"""A network in the explorer's page: its leaves show the chosen step of training, and its layers are in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_page import Shown, opened

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, optim
from tinygrad_lite.viz import Explorer

pytestmark = pytest.mark.browser
Show = Callable[[Explorer], Shown]
SIDES = "(box) => [box.getBoundingClientRect().left, box.getBoundingClientRect().right]"


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Show]:
    yield from opened(browser, tmp_path)


def test_leaves_follow_the_training_unless_moved_by_hand(show: Show) -> None:
    model = nn.Neuron(1, activation="tanh")
    w, b = model.w[0], model.b
    w.label, b.label = "w", "b"
    recorder, optimizer = tl.viz.Recorder(model), optim.SGD(model.parameters(), lr=0.5)
    for _ in range(5):
        loss = (model([2.0]) - 0.5) ** 2
        optimizer.zero_grad()
        loss.backward()
        recorder(loss)
        optimizer.step()
    at = {name: [record.numbers[k] for record in recorder._records] for k, name in enumerate("wb")}
    shown = show(loss.explore(training=recorder))
    shown.field("b").fill("0.25")

    shown.root.locator(".tgl-run-time input[type=range]").fill("1")
    assert float(shown.field("w").input_value()) == pytest.approx(at["w"][1], rel=1e-5)
    assert float(shown.field("b").input_value()) == 0.25
    shown.root.locator(".tgl-reset").click()
    assert float(shown.field("b").input_value()) == pytest.approx(at["b"][1], rel=1e-5)


def test_an_open_layer_stands_right_of_the_one_before_it(show: Show) -> None:
    shown = show((nn.MLP(2, [8, 8, 1])([1.0, -2.0]) - 1).explore())
    edges = [
        shown.drawing.locator(".tgl-frame", has_text=f"layers.{k}").locator("rect").evaluate(SIDES) for k in range(3)
    ]
    assert edges[0][0] < edges[0][1] < edges[1][0] < edges[1][1] < edges[2][0]


def test_all_leaves_can_be_reached_by_module(show: Show) -> None:
    net = nn.MLP(3, [4, 4, 1])
    shown = show((net([1.0, -2.0, 0.5]) - 1).explore())
    lists = shown.root.locator(".tgl-leaves details")
    assert lists.locator("> summary").all_text_contents() == [
        "layers.0: 16 leaves", "layers.1: 20 leaves", "layers.2: 5 leaves",
    ]  # fmt: skip
    for summary in ("layers.1", "neurons.3"):
        shown.root.locator(".tgl-leaves summary", has_text=f"{summary}:").click()
    rows = shown.root.locator(".tgl-leaves .tgl-leaf")
    assert rows.locator("bdi").all_text_contents() == ["w.0", "w.1", "w.2", "w.3", "b"]
    assert rows.locator("label").first.get_attribute("title") == "layers.1.neurons.3.w.0"
    shown.field("layers.1.neurons.3.w.0").fill("0.25")
    shown.root.locator(".tgl-reset").click()
    w = net.layers[1].neurons[3].w[0].data
    assert float(shown.field("layers.1.neurons.3.w.0").input_value()) == pytest.approx(w, rel=1e-5)


def test_many_leaves_of_one_module_come_in_parts(show: Show) -> None:
    net = nn.Linear(30, 1)
    shown = show(net([1.0] * 30)[0].explore())
    rows = shown.root.locator(".tgl-leaves .tgl-leaf")
    assert rows.count() == 24
    shown.root.get_by_role("button", name="7 more").click()
    assert rows.count() == 31


def test_two_nodes_with_the_same_name_are_told_apart(show: Show) -> None:
    """Sums of two embeddings are named by their modules, other results without a label by their place."""

    class Net(nn.Module):
        def __init__(self) -> None:
            self.tokens, self.places = nn.Embedding(2, 1), nn.Embedding(2, 1)

        def forward(self, k: int) -> Value:
            return (self.tokens(k)[0] + self.places(k)[0]).exp()

    shown = show(Net()(1).explore())
    shown.keys("End", "ArrowLeft", "ArrowLeft")
    assert "tokens.weight.1.0 + places.weight.1.0" in str(shown.root.locator(".tgl-step").text_content())
