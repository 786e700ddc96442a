"""Draws a large graph as a diagram of groups: what is alike once, loops as one step, modules closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from itertools import chain

from ...text.wording import times
from ...transforms.check import WRONG, Row
from .checks import Checks, edge_checks, has_wrong_rule
from .elements import Diagram, Edge, Group, Node
from .gradient_states import gradient_states, stopped_edges
from .group_order import in_order
from .groupings import Grouping, coarse, groupings
from .module_frames import UNTITLED, Place, common, common_place, frames, places, separate_calls
from .nodes_and_edges import kind_of, operation_text, value_node
from .walk import Graph

MOST_BOXES = 300
"""A graph with more boxes is never drawn one by one, unless the caller says otherwise."""

OVERVIEW = 50
"""The most boxes of a collapsed graph, which should fit on a page."""

_PLURALS = {"parameter": "parameters", "leaf": "inputs", "detached": "constants"}


def collapsed(graph: Graph, checks: Checks, limit: int) -> Iterator[Diagram]:
    """Yields diagrams with at most `limit` boxes, for a graph of any size, those that show the most first.

    If none of `groupings` has so few boxes, there is one of groups by height above the leaves, or of bands of height.
    Boxes come in topological order; an edge that leads back closes a cycle.
    """
    homes = places(graph)
    found = groupings(graph, homes, limit)
    first = next(found, None) or coarse(graph, homes, limit)
    for grouping in chain([first], found):
        yield _Collapse(graph, checks, homes, grouping).diagram()


class _Collapse:
    def __init__(self, graph: Graph, checks: Checks, homes: list[Place], grouping: Grouping) -> None:
        self.graph, self.checks, self.homes, self.depth = graph, checks, homes, grouping.depth
        groups, self.counts = in_order(graph.parents, grouping.groups)
        self.members: list[list[int]] = [[] for _ in range(max(groups) + 1)]
        for i, group in enumerate(groups):
            self.members[group].append(i)
        self.states = gradient_states(graph)
        new = dict(zip(grouping.groups, groups, strict=True))
        self.loops = [(loop.steps, {new[g] for g in loop.members if g in new}) for loop in grouping.loops]

    def diagram(self) -> Diagram:
        around = self._in_loops([self._around(inside) for inside in self.members])
        clusters, homes = frames(separate_calls(around, [e for e in self.counts if e[0] < e[1]]))
        nodes = [
            self._group(inside, home) if len(inside) > 1 else self._single(inside[0], home)
            for inside, home in zip(self.members, homes, strict=True)
        ]
        edges = [edge for (s, t), n in self.counts.items() for edge in self._edges(s, t, n)]
        return Diagram(nodes, edges, clusters, len(self.graph))

    def _is_root(self, i: int) -> bool:
        return i == len(self.graph) - 1

    def _around(self, inside: list[int]) -> Place:
        """The frames around a box: those that its members share, without the closed module that it stands for."""
        shared = common_place({self.homes[i] for i in inside})
        closed = 0 < self.depth <= len(shared) and (len(inside) > 1 or self._is_root(inside[0]))
        return shared[: self.depth - 1] if closed else shared

    def _in_loops(self, around: list[Place]) -> list[Place]:
        """Adds a frame around the step of each loop, with the leaves that each step reads and nothing else does."""
        readers: dict[int, dict[int, int]] = {}
        for (s, t), n in self.counts.items():
            readers.setdefault(s, {})[t] = n
        read_from = {t for _, t in self.counts}
        for number, (steps, members) in enumerate(self.loops):
            shared = reduce(common, [around[g] for g in members])
            leaves = {
                s
                for s, some in readers.items()
                if s not in read_from and some.keys() <= members and sum(some.values()) >= steps
            }
            for g in members | leaves:
                if around[g][: len(shared)] == shared:
                    title = f"one step {times(steps)}{UNTITLED}{number}"
                    around[g] = (*shared, title, *around[g][len(shared) :])
        return around

    def _single(self, i: int, cluster: int | None) -> Node:
        v = self.graph.values[i]
        state, root, operation = self.states[i], self._is_root(i), operation_text(v)
        return value_node(self.graph, v, state, self.checks, root=root, operation=operation, cluster=cluster)

    def _group(self, inside: list[int], cluster: int | None) -> Group:
        values = [self.graph.values[i] for i in inside]
        data = [v.data for v in values]
        grads = [self.graph.grads[i] for i in inside if self.states[i] != "not computed"] or [0.0]
        rows = Counter(self.graph.ops[i] for i in inside)
        leaves = rows.pop(None, 0)
        operations = Counter({op.name if op.name == "neg" else op.symbol: n for op, n in rows.items() if op})
        kinds = Counter(map(kind_of, values))
        shared = common_place({self.homes[i] for i in inside})
        module = 0 < self.depth <= len(shared)
        if module:
            title = shared[self.depth - 1]
        elif leaves == len(values):
            title = _stem([v.label or "" for v in values]) or _PLURALS[values[0].kind]
        else:
            title = next(iter(operations)) if len(operations) == 1 and not leaves else "operations"
        return Group(
            title=title,
            values=len(values),
            parameters=kinds["parameter"],
            kind=min(kinds) if len(kinds) == 1 else "result",
            module=module,
            operations=operations,
            states=Counter(self.states[i] for i in inside),
            data=(min(data), max(data)),
            grads=(min(grads), max(grads)),
            root=self._is_root(inside[-1]),
            cluster=cluster,
            wrong=sum(has_wrong_rule(self.checks, v) for v in values),
            accumulated=sum(v in self.graph.accumulated for v in values),
            changed=sum(v in self.graph.changed for v in values),
        )

    def _edges(self, s: int, t: int, n: int) -> list[Edge]:
        """One edge that stands for n edges; between two single Values, each edge by itself."""
        if len(self.members[s]) > 1 or len(self.members[t]) > 1:
            return [Edge(s, t, count=n, check=self._wrong_between(s, t))]
        source, target = self.members[s][0], self.members[t][0]
        v, parents = self.graph.values[target], self.graph.parents[target]
        stopped, checks = stopped_edges(v, self.states[target]), edge_checks(self.checks, v)
        told = zip(parents, v.local_derivatives, stopped, checks, strict=True)
        return [Edge(s, t, d, blocked=blocked, check=check) for p, d, blocked, check in told if p == source]

    def _wrong_between(self, s: int, t: int) -> Row | None:
        """The row of a wrong rule that computed a member of t from a member of s, if there is one."""
        if not self.checks:
            return None
        sources = set(self.members[s])
        for i in self.members[t]:
            v = self.graph.values[i]
            for p, check in zip(self.graph.parents[i], edge_checks(self.checks, v), strict=True):
                if check is not None and check.verdict == WRONG and p in sources:
                    return check
        return None


def _stem(labels: list[str]) -> str:
    """The common beginning of the labels: the name of a list of parameters, else with an ellipsis where it was cut."""
    low, high = min(labels), max(labels)
    shared = 0
    while shared < len(low) and shared < len(high) and low[shared] == high[shared]:
        shared += 1
    stem = low[:shared]
    return stem.rstrip(".") if low == high or stem.endswith(".") else f"{stem}…" if shared else ""
