"""A large graph as a diagram of groups: modules closed from the inside out, and what is alike taken together."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

from .alike import Groups, bands, by_height, by_structure
from .details import KINDS, operation_text, value_node
from .gradients import GradientState, gradient_states
from .modules import Place, frames, places, separate_calls
from .picture import Diagram, Edge, Group, Node
from .walk import Graph

_LEVELS = 40
"""More groups of one operation and height than this tell less than bands do."""

_PLURALS = {"parameter": "parameters", "leaf": "inputs", "detached": "constants"}


def collapsed(graph: Graph, limit: int) -> Diagram:
    """At most `limit` boxes for a graph of any size.

    Modules are closed deepest level first, a box each, until the boxes fit. Values outside of closed modules that are
    still too many are drawn as groups of alike ones: of the same structure, else of the same operation and height over
    the leaves, else in bands of height. Boxes come in topological order; an edge that leads back closes a circle.
    """
    homes = places(graph)
    groups, depth = _fitting(graph, homes, limit)
    groups, counts = _in_order(graph, groups)
    members: list[list[int]] = [[] for _ in range(max(groups) + 1)]
    for i, group in enumerate(groups):
        members[group].append(i)
    around = [_around([homes[i] for i in inside], depth) for inside in members]
    around = separate_calls(around, [(s, t) for s, t in counts if s < t])
    clusters, cluster_of = frames(around)
    states = gradient_states(graph)
    nodes: list[Node | Group] = []
    for inside, cluster in zip(members, cluster_of, strict=True):
        if len(inside) == 1:
            v, root = graph.values[inside[0]], inside[0] == len(graph) - 1
            text = operation_text(v)
            nodes.append(value_node(v, states[inside[0]], root=root, operation=text, cluster=cluster))
        else:
            nodes.append(_group(graph, inside, states, homes, depth, cluster))
    edges = [edge for (s, t), n in counts.items() for edge in _edges(graph, members, states, s, t, n)]
    return Diagram(nodes, edges, clusters, len(graph))


def _fitting(graph: Graph, homes: list[Place], limit: int) -> tuple[Groups, int]:
    """Groups that fit, and the depth from which on modules are closed (0: modules play no part)."""
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
    """A group for each module of this depth, and one for the root; -1 for what stands outside."""
    table: dict[Place, int] = {}
    last = homes[-1] if limit == 1 else ()
    given = [table.setdefault(p[:depth], len(table)) if len(p) >= depth else -1 for p in (*homes[:-1], last)]
    if limit > 1:
        given[-1] = len(table)
    return given


def _around(homes: Sequence[Place], depth: int) -> Place:
    """The frames around a group: what its members share, less the module that it stands for itself."""
    shared = homes[0]
    for place in homes:
        while place[: len(shared)] != shared:
            shared = shared[:-1]
    return shared[: depth - 1] if len(homes) > 1 and 0 < depth <= len(shared) else shared


def _in_order(graph: Graph, groups: Groups) -> tuple[Groups, Counter[tuple[int, int]]]:
    """The groups numbered in topological order, and how many edges lead from each to each other.

    Where groups make a circle, the one whose first Value was recorded earliest comes first.
    """
    pairs: Counter[tuple[int, int]] = Counter()
    for i, parents in enumerate(graph.parents):
        if parents:
            target = groups[i]
            pairs.update([(groups[p], target) for p in parents if groups[p] != target])
    first: dict[int, int] = {}
    for i, group in enumerate(groups):
        first.setdefault(group, i)
    waits = Counter(t for _, t in pairs)
    following: dict[int, list[int]] = {group: [] for group in first}
    for s, t in pairs:
        following[s].append(t)
    ready = [(first[g], g) for g in first if not waits[g]]
    waiting = sorted(((first[g], g) for g in first if waits[g]), reverse=True)
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
    ordered = Counter({(number[s], number[t]): n for (s, t), n in pairs.items()})
    return [number[g] for g in groups], ordered


def _group(
    graph: Graph,
    inside: list[int],
    states: list[GradientState],
    homes: list[Place],
    depth: int,
    cluster: int | None,
) -> Group:
    values = [graph.values[i] for i in inside]
    data = [v.data for v in values]
    grads = [v.grad for v, i in zip(values, inside, strict=True) if states[i] != "not computed"] or [0.0]
    rows = Counter(v.op for v in values)
    leaves = rows.pop(None, 0)
    operations = Counter({op.name if op.name == "neg" else op.symbol: n for op, n in rows.items() if op})
    kinds = Counter(v.kind for v in values)
    module = 0 < depth <= len(homes[inside[0]]) and all(homes[i][:depth] == homes[inside[0]][:depth] for i in inside)
    if module:
        title = homes[inside[0]][depth - 1]
    elif leaves == len(values):
        title = _stem([v.label or "" for v in values]) or _PLURALS[values[0].kind]
    else:
        title = next(iter(operations)) if len(operations) == 1 and not leaves else "operations"
    return Group(
        title=title,
        values=len(values),
        parameters=kinds["parameter"],
        kind=KINDS[next(iter(kinds))] if len(kinds) == 1 else "result",
        module=module,
        operations=operations,
        states=Counter(states[i] for i in inside),
        data=(min(data), max(data)),
        grads=(min(grads), max(grads)),
        root=inside[-1] == len(graph) - 1,
        cluster=cluster,
    )


def _stem(labels: list[str]) -> str:
    """What the labels begin with in common, marked as being cut."""
    low, high = min(labels), max(labels)
    shared = 0
    while shared < len(low) and shared < len(high) and low[shared] == high[shared]:
        shared += 1
    return low if low == high else f"{low[:shared]}…" if shared else ""


def _edges(graph: Graph, members: list[list[int]], states: list[GradientState], s: int, t: int, n: int) -> list[Edge]:
    """One edge that stands for n; between two single Values, each as it is."""
    if len(members[s]) > 1 or len(members[t]) > 1:
        return [Edge(s, t, count=n)]
    target, source = members[t][0], members[s][0]
    v = graph.values[target]
    flat = v.op is not None and v.op.flat
    arrives = states[target] in ("computed", "blocked")
    stops = graph.values[source].kind == "detached"
    return [
        Edge(s, t, d, blocked=arrives and (stops or (flat and d == 0.0)))
        for p, d in zip(graph.parents[target], v.local_derivatives, strict=True)
        if p == source
    ]
