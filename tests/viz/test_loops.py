"""Loops in pictures: the steps of a plain loop, of a scan and of a recurrent network are drawn as one."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, ops
from tinygrad_lite.viz import Picture
from tinygrad_lite.viz.diagram.elements import Group, Node
from tinygrad_lite.viz.diagram.loops import folded

TIMES = "\N{MULTIPLICATION SIGN}"


def plain_loop(steps: int) -> Value:
    a, h = Value(0.9, "a"), Value(1.0, "h0")
    for k in range(steps):
        h = (h * a + 0.1 * k).tanh()
    return h


def scan(steps: int) -> Value:
    a = Value(0.9, "a")
    step = lambda c, x: ((c * a + x).tanh(), c)  # noqa: E731
    last: Value = tl.scan(step, Value(1.0, "h0"), [0.1 * k for k in range(steps)])[0]
    return last


def recurrent(kind: type[nn.Module], steps: int) -> Value:
    random.seed(0)
    outputs = kind(2, 3)([[Value(0.1 * k), Value(0.2 * k)] for k in range(steps)])[0]
    return ops.sum(outputs[-1])


def steps_in(picture: Picture) -> list[str]:
    return [c.title for c in picture.clusters if not c.module]


def edges_back(picture: Picture) -> list[tuple[str, str]]:
    titles = [n.title if isinstance(n, Group) else "" for n in picture.nodes]
    return [(titles[e.source], titles[e.target]) for e in picture.edges if e.source > e.target]


@pytest.mark.parametrize("made", [plain_loop, scan])
@pytest.mark.parametrize("steps", [8, 40, 1000])
def test_one_step_of_a_loop(made: Callable[[int], Value], steps: int) -> None:
    picture = made(steps).graph()
    assert steps_in(picture) == [f"one step {TIMES}{steps:,}"]
    assert [(g.title, g.values) for g in picture.nodes if isinstance(g, Group)] == [
        ("*", steps), ("+", steps), ("tanh", steps - 1),
    ]  # fmt: skip
    assert edges_back(picture) == [("tanh", "*")], "the carry leads back"
    assert [n.root for n in picture.nodes].count(True) == 1
    leaves = {n.label: n.cluster for n in picture.nodes if isinstance(n, Node) and n.kind == "input"}
    assert leaves == {"a": 0, "h0": None}, "each step reads a, and only the first h0"


@pytest.mark.parametrize(("kind", "carries"), [(nn.RNN, 1), (nn.LSTM, 2)])
def test_one_time_step_of_a_recurrent_network(kind: type[nn.Module], carries: int) -> None:
    picture = recurrent(kind, 5).graph()
    assert steps_in(picture) == [f"one step {TIMES}5"]
    assert len(edges_back(picture)) == carries
    leaves = {g.title for g in picture.nodes if isinstance(g, Group) and g.kind == "parameter"}
    assert leaves == {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}


def test_two_steps_are_no_loop() -> None:
    assert not steps_in(plain_loop(2).graph(max_nodes=5))
    assert steps_in(plain_loop(3).graph(max_nodes=6)) == [f"one step {TIMES}3"]


def test_steps_that_differ_are_no_loop() -> None:
    h = Value(1.0, "h0")
    for k in range(40):
        h = h.tanh() if k in (0, 1, 4, 9, 16, 25, 36) else h.sin()
    assert not steps_in(h.graph())
    x = Value(1.0, "x")
    for k in range(6):
        x = x.tanh()
        for _ in range(k + 1):
            x = x.sin()
    assert not steps_in(x.graph(max_nodes=10)), "chains of different lengths are no steps"


def test_layers_that_follow_on_each_other_are_drawn_as_one_if_closing_them_is_not_enough() -> None:
    random.seed(0)
    net = nn.Sequential(*[nn.Residual(nn.Sequential(nn.Linear(2, 2), nn.Tanh())) for _ in range(30)])
    picture = ops.sum(net([Value(1.0), Value(2.0)])).graph()
    assert steps_in(picture) == [f"one step {TIMES}30"]


def test_operations_in_the_middle_of_a_step_are_told_apart() -> None:
    """Each step has two products; the first is not the second."""
    parents = [[], [0], [1, 0], [2], [3, 0], [4], [5, 0], [6]]
    kinds = ["x", "*", "*", "*", "*", "*", "*", "+"]
    groups, loops = folded(parents, list(range(8)), kinds)
    assert len(loops) == 1 and loops[0].steps == 3
    assert len({groups[1], groups[2]}) == 2


def test_the_same_graph_gives_the_same_picture() -> None:
    assert plain_loop(30).graph().svg("own") == plain_loop(30).graph().svg("own")
