"""The hierarchy in which the explorer shows a large graph: classes of similar Values, in frames with few children."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

from ...text.wording import count
from ..diagram.alike import Groups, by_structure, leaf_kind
from ..diagram.group_order import in_order, parents_of_groups
from ..diagram.loops import folded
from ..diagram.module_frames import UNTITLED, Place, common, places, separate_calls
from ..diagram.walk import Graph

ROOM = 120
"""The most children of a frame; a graph with at most this many Values is shown as it is."""

_PART = 100
"""The number of children in each part of a frame that is split because it has too many."""

_STEPS_IN_A_ROW, _STEPS_IN_A_PART = 12, 10
"""The same two numbers for the steps of a loop, which stand in one row."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A box around classes and frames: a module, a call of a module, a loop's step, or a part of a frame that is split.

    parent  the position of the frame around it, -1 for none
    path    the module's path, None for a step or a part
    """

    title: str
    parent: int
    kind: Literal["module", "call", "step", "part"]
    path: str | None


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Classes of Values, and the frames around them. Classes are in topological order unless they form a cycle.

    classes  the class of each Value
    frames   parents before children
    homes    the innermost frame of each class, -1 for none
    """

    classes: Groups
    frames: Sequence[Frame]
    homes: Sequence[int]


def hierarchy_of(graph: Graph) -> Hierarchy:
    """Values made by the same operation from the same parameters, such as those of all samples, form a class.

    In modules with too many classes, parameters that are used in the same way form a class too.
    """
    values_homes = places(graph)
    groups = list(range(len(graph)))
    if len(graph) > ROOM:
        groups = _alike(graph, values_homes, apart=True)
        full = _overfull(groups, values_homes)
        if full:
            # The fine classes are parts of the coarse ones, so mixing the two makes no cycle.
            coarse = _alike(
                graph, [h if op else () for h, op in zip(values_homes, graph.ops, strict=True)], apart=False
            )
            table: dict[Hashable, int] = {}
            groups = [
                table.setdefault((c, h) if h in full else g, len(table))
                for g, c, h in zip(groups, coarse, values_homes, strict=True)
            ]
    classes, edges = in_order(graph.parents, groups)
    first: dict[int, int] = {}
    for i, c in enumerate(classes):
        first.setdefault(c, i)
    homes = [values_homes[first[c]] for c in range(len(first))]
    if len(graph) > ROOM:
        homes = _by_steps(graph, classes, homes)
    called = separate_calls(homes, [(s, t) for s, t in edges if s < t])
    tree = _Tree(homes, called)
    _divided(tree, edges)
    return tree.hierarchy(classes)


def _alike(graph: Graph, homes: Sequence[Place], *, apart: bool) -> Groups:
    """Groups by structure; with `apart`, every parameter and every leaf with a label is a group of its own."""
    given = [-1] * len(graph)
    own = 0
    for i, v in enumerate(graph.values if apart else ()):
        if v.op is None and (v.kind == "parameter" or v.label):
            given[i] = own
            own += 1
    found = by_structure(graph, given, homes, len(graph) + own + 1)
    assert found is not None  # there are fewer groups than Values
    return found


def _overfull(groups: Groups, homes: Sequence[Place]) -> set[Place]:
    held: dict[Place, set[int]] = {}
    for group, home in zip(groups, homes, strict=True):
        held.setdefault(home, set()).add(group)
    return {home for home, inside in held.items() if len(inside) > ROOM}


def _by_steps(graph: Graph, classes: Groups, homes: Sequence[Place]) -> list[Place]:
    """Places with a frame for each step of a loop, inside the modules that the whole loop is in."""
    found = list(homes)
    kinds: list[Hashable] = [()] * len(homes)
    for c, v, op in zip(classes, graph.values, graph.ops, strict=True):
        kinds[c] = op or leaf_kind(v), homes[c]
    groups, loops = folded(parents_of_groups(graph.parents, classes), list(range(len(homes))), kinds)
    for loop in loops:
        inside: dict[int, list[int]] = {g: [] for g in loop.members}
        for c, g in enumerate(groups):
            if g in inside:
                inside[g].append(c)
        shared = len(reduce(common, [homes[c] for some in inside.values() for c in some]))
        for some in inside.values():
            for k, c in enumerate(some, 1 + loop.steps - len(some)):
                found[c] = (*homes[c][:shared], f"step {k}{UNTITLED}", *homes[c][shared:])
    return found


def _frame(title: str, parent: int, home: Place) -> Frame:
    """The frame of a module, of one of its calls, or of a loop's step."""
    name, step, _ = title.partition(UNTITLED)
    if step:
        return Frame(name, parent, "step", None)
    path = ".".join([level for level in home if UNTITLED not in level])
    return Frame(title, parent, "module" if title == home[-1] else "call", path)


class _Tree:
    """Frames under construction, with their children: class numbers, or -2 - position for frames; -1 is the outside."""

    def __init__(self, homes: Sequence[Place], called: Sequence[Place]) -> None:
        self.frames: list[Frame] = []
        self.children: dict[int, list[int]] = {-1: []}
        known: dict[Place, int] = {(): -1}
        for c, (home, place) in enumerate(zip(homes, called, strict=True)):
            for depth, title in enumerate(place):
                if place[: depth + 1] not in known:
                    known[place[: depth + 1]] = self.add(_frame(title, known[place[:depth]], home[: depth + 1]))
            self.children[known[place]].append(c)

    def add(self, frame: Frame) -> int:
        position = len(self.frames)
        self.frames.append(frame)
        self.children[position] = []
        self.children[frame.parent].append(-2 - position)
        return position

    def hierarchy(self, classes: Groups) -> Hierarchy:
        """The finished hierarchy, with frames in reading order."""
        frames: list[Frame] = []
        homes = [-1] * (max(classes) + 1)
        waiting = [(-1, -1)]
        while waiting:
            position, number = waiting.pop()
            inside = []
            for child in self.children[position]:
                if child >= 0:
                    homes[child] = number
                else:
                    inside.append(-2 - child)
            for child in inside:
                found = self.frames[child]
                frames.append(Frame(found.title, number, found.kind, found.path))
                waiting.append((child, len(frames) - 1))
        return Hierarchy(classes, frames, homes)


def _divided(tree: _Tree, edges: dict[tuple[int, int], int]) -> None:
    """Splits frames with too many children into parts, in topological order; the steps of a loop by themselves."""
    for position in [p for p, inside in tree.children.items() if len(inside) > _STEPS_IN_A_ROW]:
        steps = {c for c in tree.children[position] if c < 0 and tree.frames[-2 - c].kind == "step"}
        if len(steps) <= _STEPS_IN_A_ROW and len(tree.children[position]) <= ROOM:
            continue
        inside = _sorted(tree, position, edges)
        if len(steps) > _STEPS_IN_A_ROW:
            rest = [child for child in inside if child not in steps]
            found = [child for child in inside if child in steps]
            inside = [*rest, *_parts(tree, position, found, "steps", _STEPS_IN_A_ROW, _STEPS_IN_A_PART)]
        noun = "operations" if max(inside) >= 0 else "modules"
        tree.children[position] = _parts(tree, position, inside, noun, ROOM, _PART)


def _parts(tree: _Tree, position: int, inside: list[int], noun: str, room: int, size: int) -> list[int]:
    """At most `room` frames around children, which say in their titles which ones they hold."""
    level = [(child, k + 1, k + 1) for k, child in enumerate(inside)]
    while len(level) > room:
        parts = []
        for start in range(0, len(level), size):
            taken = level[start : start + size]
            low, high = taken[0][1], taken[-1][2]
            part = tree.add(Frame(f"{noun} {count(low)} to {count(high)}", position, "part", None))
            tree.children[part] = [child for child, _, _ in taken]
            parts.append((-2 - part, low, high))
        level = parts
    return [child for child, _, _ in level]


def _sorted(tree: _Tree, position: int, edges: dict[tuple[int, int], int]) -> list[int]:
    """The children of a frame in topological order, unless they form a cycle."""
    unit: dict[int, int] = {}
    for k, child in enumerate(tree.children[position]):
        waiting = [child]
        while waiting:
            inner = waiting.pop()
            if inner >= 0:
                unit[inner] = k
            else:
                waiting += tree.children[-2 - inner]
    order = sorted(unit)
    place = {c: k for k, c in enumerate(order)}
    parents: list[list[int]] = [[] for _ in order]
    for s, t in edges:
        if s in unit and t in unit:
            parents[place[t]].append(place[s])
    numbers, _ = in_order(parents, [unit[c] for c in order])
    children = tree.children[position]
    found = {number: children[unit[c]] for c, number in zip(order, numbers, strict=True)}
    return [found[k] for k in sorted(found)]
