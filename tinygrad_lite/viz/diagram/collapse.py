"""Draws a large graph as a diagram of groups: modules are closed from the inside out, and similar Values grouped."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

from ...transforms.check import WRONG, Row
from .alike import Groups, bands, by_height, by_structure
from .checks import Checks, edge_checks, has_wrong_rule
from .elements import Diagram, Edge, Group, Node
from .gradient_states import gradient_states, stopped_edges
from .module_frames import Place, frames, places, separate_calls
from .nodes_and_edges import KINDS, operation_text, value_node
from .walk import Graph

MOST_BOXES = 300
"""A graph with more boxes is drawn collapsed, unless the caller says otherwise."""

OVERVIEW = 50
"""The most boxes of a collapsed graph, which should fit on a page."""

_LEVELS = 40
"""If there are more groups by operation and height than this, bands are clearer."""

_PLURALS = {"parameter": "parameters", "leaf": "inputs", "detached": "constants"}


def collapsed(graph: Graph, checks: Checks, limit: int) -> Diagram:
    """A diagram with at most `limit` boxes, for a graph of any size.

    Modules are closed into one box each, deepest level first, until the boxes fit. If too many Values remain outside of
    closed modules, they are grouped by structure, else by operation and height above the leaves, else in bands of
    height. Boxes come in topological order; an edge that leads back closes a cycle.
    """
    homes = places(graph)
    groups, depth = _fitting(graph, homes, limit)
    return _Collapse(graph, checks, homes, groups, depth).diagram()


class _Collapse:
    """Builds a collapsed diagram; modules are closed from level `depth` on, 0 if modules are ignored."""

    def __init__(self, graph: Graph, checks: Checks, homes: list[Place], groups: Groups, depth: int) -> None:
        self.graph, self.checks, self.homes, self.depth = graph, checks, homes, depth
        groups, self.counts = in_order(graph.parents, groups)
        self.members: list[list[int]] = [[] for _ in range(max(groups) + 1)]
        for i, group in enumerate(groups):
            self.members[group].append(i)
        self.states = gradient_states(graph)

    def diagram(self) -> Diagram:
        around = separate_calls(
            [self._around(inside) for inside in self.members], [e for e in self.counts if e[0] < e[1]]
        )
        clusters, homes = frames(around)
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
        shared = self.homes[inside[0]]
        for i in inside:
            while self.homes[i][: len(shared)] != shared:
                shared = shared[:-1]
        closed = 0 < self.depth <= len(shared) and (len(inside) > 1 or self._is_root(inside[0]))
        return shared[: self.depth - 1] if closed else shared

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
        kinds = Counter(v.kind for v in values)
        modules = {self.homes[i][: self.depth] for i in inside}
        module = self.depth > 0 and len(modules) == 1 and len(min(modules)) == self.depth
        if module:
            title = min(modules)[-1]
        elif leaves == len(values):
            title = _stem([v.label or "" for v in values]) or _PLURALS[values[0].kind]
        else:
            title = next(iter(operations)) if len(operations) == 1 and not leaves else "operations"
        return Group(
            title=title,
            values=len(values),
            parameters=kinds["parameter"],
            kind=KINDS[values[0].kind] if len(kinds) == 1 else "result",
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


def _fitting(graph: Graph, homes: list[Place], limit: int) -> tuple[Groups, int]:
    """Groups that fit, and the depth from which on modules are closed (0: modules are ignored)."""
    for depth in range(max(len(p) for p in homes), 0, -1):
        given = _closed(homes, depth, limit)
        closed = max(given) + 1
        free = given.count(-1)
        if closed + free <= limit:
            numbers = iter(range(closed, limit))
            return [g if g >= 0 else next(numbers) for g in given], depth
        if closed < limit:
            found = by_structure(graph, given, homes, limit)
            if found is None and depth == 1:
                found = by_height(graph, given, min(limit, closed + _LEVELS)) or bands(graph, given, limit)
            if found is not None:
                return found, depth
    nowhere: list[Place] = [()] * len(graph)
    given = _closed(nowhere, 1, limit)
    found = by_structure(graph, given, nowhere, limit)
    found = found or by_height(graph, given, min(limit, _LEVELS)) or bands(graph, given, limit)
    return found or [0] * len(graph), 0


def _closed(homes: list[Place], depth: int, limit: int) -> Groups:
    """A group for each module at this depth, and one for the root; -1 for Values outside."""
    table: dict[Place, int] = {}
    last = homes[-1] if limit == 1 else ()
    given = [table.setdefault(p[:depth], len(table)) if len(p) >= depth else -1 for p in (*homes[:-1], last)]
    if limit > 1:
        given[-1] = len(table)
    return given


def in_order(parents_of: Sequence[Sequence[int]], groups: Groups) -> tuple[Groups, dict[tuple[int, int], int]]:
    """Renumbers groups in topological order, and counts the edges from each group to each other.

    If groups form a cycle, the one whose last Value was recorded earliest comes first.
    """
    pairs: dict[tuple[int, int], int] = {}
    for target, parents in zip(groups, parents_of, strict=True):
        for p in parents:
            source = groups[p]
            if source != target:
                pair = source, target
                pairs[pair] = pairs.get(pair, 0) + 1
    last = {group: i for i, group in enumerate(groups)}
    first: dict[int, int] = {}
    for i, group in enumerate(groups):
        first.setdefault(group, i)
    waits = Counter(t for _, t in pairs)
    following: dict[int, list[int]] = {group: [] for group in first}
    for s, t in pairs:
        following[s].append(t)
    ready = [(first[g], g) for g in first if not waits[g]]
    waiting = sorted(((last[g], g) for g in first if waits[g]), reverse=True)
    heapq.heapify(ready)
    number: dict[int, int] = {}
    while len(number) < len(first):
        group = heapq.heappop(ready)[1] if ready else waiting.pop()[1]
        if group in number:
            continue
        number[group] = len(number)
        for t in following[group]:
            waits[t] -= 1
            if not waits[t]:
                heapq.heappush(ready, (first[t], t))
    return [number[g] for g in groups], {(number[s], number[t]): n for (s, t), n in pairs.items()}


def _stem(labels: list[str]) -> str:
    """The common beginning of the labels, with an ellipsis if it was cut."""
    low, high = min(labels), max(labels)
    shared = 0
    while shared < len(low) and shared < len(high) and low[shared] == high[shared]:
        shared += 1
    return low if low == high else f"{low[:shared]}…" if shared else ""
