"""The ways to draw a graph with fewer boxes: what is alike together, loops as one step, modules closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from .alike import Groups, bands, by_height, by_structure, leaf_kind, leaves_split
from .group_order import in_order, parents_of_groups
from .loops import Loop, folded
from .module_frames import Place, alike_place
from .walk import Graph

_MOST_GROUPS = 4000
"""In a graph with more groups than this, loops are not looked for."""

_LEVELS = 40
"""If there are more groups by operation and height than this, bands are clearer."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """Groups of a graph's Values, for pictures.

    groups  for each Value, the number of its group
    depth   modules are closed from this level on; 0 if modules are ignored
    loops   the loops of which one step is drawn
    """

    groups: Groups
    depth: int
    loops: Sequence[Loop] = ()

    @property
    def size(self) -> int:
        return len(set(self.groups))


def groupings(graph: Graph, homes: Sequence[Place], limit: int) -> Iterator[Grouping]:
    """Groupings with at most `limit` groups, those that keep the most first.

    First, what all samples have in common is drawn once, with each parameter by itself. Then parameters, and modules of
    a list, are drawn once where they are alike. Then loops are drawn as one step. Then modules are closed, deepest
    first. Last, modules that follow on each other and are alike are drawn as one.
    """
    apart = own_leaves(graph)
    if max(apart) < limit:
        apart[-1] = max(apart) + 1
        yield from _within(limit, by_structure(graph, apart, homes, limit), len(max(homes, key=len)) + 1)
    flat = list(map(alike_place, homes))
    deepest = max(map(len, homes)) + 1
    units: Groups | None = None
    found: dict[int, tuple[Groups, Groups]] = {}
    for depth in range(deepest, 0, -1):
        given = _closed(homes, depth, limit, flat, units)
        groups = by_structure(graph, given, flat, max(limit, _MOST_GROUPS), split=False)
        if groups is None:
            continue
        found[depth] = given, groups
        split = leaves_split(graph, given, groups.copy(), len(graph))
        units = units or split
        yield from _within(limit, split, depth)
        yield from _looped(graph, homes, given, groups, limit, depth)
    for depth, (given, groups) in found.items():
        yield from _looped(graph, flat, given, groups, limit, depth)


def coarse(graph: Graph, homes: Sequence[Place], limit: int) -> Grouping:
    """Groups by operation and height above the leaves, else by bands of height, around closed modules if they fit."""
    for places, depth in ((homes, 1), ([()] * len(graph), 0)):
        given = _closed(places, 1, limit)
        closed = max(given) + 1
        if closed < limit or (closed <= limit and -1 not in given):
            found = by_structure(graph, given, places, limit) if not depth else None
            found = found or by_height(graph, given, min(limit, closed + _LEVELS)) or bands(graph, given, limit)
            if found:
                return Grouping(found, depth)
    return Grouping([0] * len(graph), 0)


def own_leaves(graph: Graph) -> Groups:
    """A group for each parameter and each leaf with a label, -1 for other Values."""
    given = [-1] * len(graph)
    own = 0
    for i, v in enumerate(graph.values):
        if v.op is None and (v.kind == "parameter" or v.label):
            given[i] = own
            own += 1
    return given


def _within(limit: int, groups: Groups | None, depth: int) -> Iterator[Grouping]:
    found = None if groups is None else Grouping(groups, depth)
    if found and found.size <= limit:
        yield found


def _looped(
    graph: Graph, homes: Sequence[Place], given: Groups, groups: Groups, limit: int, depth: int
) -> Iterator[Grouping]:
    """The grouping with loops of operations in the same modules as one step, if there are loops."""
    numbers, edges = in_order(graph.parents, groups)
    kinds: list[set[Hashable]] = [set() for _ in range(max(numbers) + 1)]
    for g, op, v, home in zip(numbers, graph.ops, graph.values, homes, strict=True):
        kinds[g].add((op or leaf_kind(v), home))
    if any(s > t for s, t in edges):
        return  # modules in a circle
    sizes = Counter(numbers)
    alike = [(frozenset(kind), sizes[g]) for g, kind in enumerate(kinds)]
    found, loops = folded(parents_of_groups(graph.parents, numbers), numbers, alike)
    if not loops:
        return
    split = leaves_split(graph, given, found, len(graph))
    split[-1] = max(split) + 1
    yield from [Grouping(g.groups, depth, loops) for g in _within(limit, split, depth)]


def _closed(
    homes: Sequence[Place], depth: int, limit: int, flat: Sequence[Place] = (), groups: Groups | None = None
) -> Groups:
    """A group for each module at this depth, and one for the root; -1 for Values outside.

    With `groups`, modules whose places are alike (`flat`) and that hold the same groups are one.
    """
    held: dict[Place, set[int]] = {}
    for p, g in zip(homes, groups or (), strict=False):
        if len(p) >= depth:
            held.setdefault(p[:depth], set()).add(g)
    alike: dict[Place, Hashable] = {}
    for p, even in zip(homes, flat, strict=False):
        if p[:depth] in held and p[:depth] not in alike:
            alike[p[:depth]] = even[:depth], frozenset(held[p[:depth]])
    table: dict[Hashable, int] = {}
    last = homes[-1] if limit == 1 else ()
    given = [
        table.setdefault(alike.get(p[:depth], p[:depth]), len(table)) if len(p) >= depth else -1
        for p in (*homes[:-1], last)
    ]
    if limit > 1:
        given[-1] = len(table)
    return given
