"""The explorer's frames are modules, calls and parts: few on each level, and in no circle."""

from __future__ import annotations

import graphlib
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from test_explorer import GRAPHS, chain, payload, wide

from tinygrad_lite import Value, nn, ops
from tinygrad_lite.viz.diagram.walk import Graph
from tinygrad_lite.viz.explorer import page
from tinygrad_lite.viz.explorer.hierarchy import ROOM


@pytest.mark.parametrize("name", GRAPHS)
def test_hierarchy_is_small_everywhere(name: str) -> None:
    root = GRAPHS[name]()
    found, graph = payload(root), Graph(root)
    classes, frames, homes = found["class"], found["frames"], found["frame"]
    assert set(classes) == set(range(len(homes)))
    assert all(-1 <= f["parent"] < k for k, f in enumerate(frames)) and all(-1 <= h < len(frames) for h in homes)
    children = Counter([f["parent"] for f in frames] + homes)
    assert max(children.values()) <= ROOM and set(children) >= set(range(len(frames)))
    kinds: dict[int, set[Any]] = {}
    for v, c in zip(graph.values, classes, strict=True):
        kinds.setdefault(c, set()).add((v.op, v.kind if v.op is None else None))
    assert all(len(k) == 1 for k in kinds.values())
    if len(graph) <= ROOM:
        assert len(set(classes)) == len(graph)
    # With all frames closed, and with any of them open, arrows lead forward only.
    around = [list(ancestors(frames, h)) for h in homes]
    for level in {len(a) for a in around}:
        units = [("frame", a[level]) if len(a) > level else ("class", c) for c, a in enumerate(around)]
        assert is_acyclic({(units[classes[p]], units[classes[i]]) for i, ps in enumerate(graph.parents) for p in ps})


def ancestors(frames: list[dict[str, Any]], frame: int) -> Iterator[int]:
    """The frames around a frame, from the outermost to the frame itself."""
    if frame >= 0:
        yield from ancestors(frames, frames[frame]["parent"])
        yield frame


def is_acyclic(edges: set[tuple[Any, Any]]) -> bool:
    sorter: graphlib.TopologicalSorter[Any] = graphlib.TopologicalSorter()
    for s, t in edges:
        if s != t:
            sorter.add(t, s)
    try:
        sorter.prepare()
    except graphlib.CycleError:
        return False
    return True


def test_frames_are_modules_calls_and_parts() -> None:
    demo = payload(GRAPHS["demo"]())
    assert {f["kind"] for f in demo["frames"]} == {"module"} and len(demo["frames"]) == 3 + 33
    assert ("neurons.3", "layers.1.neurons.3") in [(f["title"], f["path"]) for f in demo["frames"]]
    outermost = demo["frame"].count(-1) + [f["parent"] for f in demo["frames"]].count(-1)
    assert outermost <= 15  # the penalty, a sum over 337 parameters of two kinds in turn, is one class
    sizes = Counter(demo["class"])
    assert {100, 1} <= set(sizes.values())  # what each sample does alike, and each parameter
    loop = payload(GRAPHS["loop"]())
    steps = [k for k, f in enumerate(loop["frames"]) if f["kind"] == "step"]
    cells = [f["parent"] for f in loop["frames"] if f["path"] == "cell"]
    assert sorted(cells) == [-1, *steps] and len(steps) == 5  # the parameters stand outside of the steps
    parts = payload(chain())["frames"]
    assert {f["kind"] for f in parts} == {"part", "step"}
    assert {"steps 1 to 100", "steps 4,101 to 4,200"} <= {f["title"] for f in parts}
    assert any(f["title"].startswith("modules 1 to 1") for f in payload(wide())["frames"])


def test_names_of_joined_modules_are_told_apart() -> None:
    found = re.findall(r"^(?:async )?(?:const|let|function|class) (\w+)", page.module(), re.MULTILINE)
    assert len(found) > 60 and not [name for name, count in Counter(found).items() if count > 1]


def steps_of(root: Value) -> list[dict[str, Any]]:
    return [frame for frame in payload(root)["frames"] if frame["kind"] == "step"]


def test_steps_of_a_loop_are_frames_in_parts() -> None:
    def looped(steps: int) -> Value:
        a, h = Value(0.9, "a"), Value(1.0, "h")
        for _ in range(steps):
            h = (h * a + 0.1).tanh()
        return h

    assert {f["title"] for f in steps_of(looped(50))} == {f"step {k}" for k in range(1, 51)}
    outermost = [f["title"] for f in payload(looped(250))["frames"] if f["parent"] == -1]
    assert outermost == ["steps 1 to 100", "steps 101 to 200", "steps 201 to 250"]


def test_time_steps_are_frames_inside_their_cell() -> None:
    random.seed(0)
    outputs = nn.RNN(2, 4)([[Value(0.1), Value(0.2)] for _ in range(8)])[0]
    frames = payload(ops.sum(outputs[-1]))["frames"]
    assert [(f["title"], f["path"]) for f in frames if f["kind"] == "module"] == [("cells.0", "cells.0")]
    assert [f["title"] for f in frames if f["parent"] == 0] == [f"step {k}" for k in range(1, 9)]
