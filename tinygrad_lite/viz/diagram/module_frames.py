"""The frames around a Value: the modules that made it, with a frame for each call if calls alternate."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from ...text.wording import times
from .elements import Cluster
from .walk import Graph

Place = tuple[str, ...]
"""The titles of the frames around a node, outermost first. The part of a title after UNTITLED is not drawn."""

_INDEX = re.compile(r"(?<![^.])\d+$")
"""The index of a module in a list."""

UNTITLED = "\0"
"""Starts the part of a title that only distinguishes frames that are not modules."""


def split_path(path: str) -> Place:
    """Splits a module's path into levels; an index stays with its list.

    >>> split_path("layers.0.neurons.3")
    ('layers.0', 'neurons.3')
    """
    levels: list[str] = []
    for name in path.split("."):
        if name.isdigit() and levels and "." not in levels[-1] and not levels[-1].isdigit():
            levels[-1] += "." + name
        elif name:
            levels.append(name)
    return tuple(levels)


def alike_place(place: Place) -> Place:
    """The place with a star for each index, which modules of one list share.

    >>> alike_place(("layers.0", "neurons.3", "act"))
    ('layers.*', 'neurons.*', 'act')
    """
    return tuple([_INDEX.sub("*", level) for level in place])


def common_place(places: Iterable[Place]) -> Place:
    """The frames that several places share; modules of one list share a frame, which tells their indices.

    >>> common_place([("layers.0", "act"), ("layers.0", "neurons.1")])
    ('layers.0',)
    """
    shared: list[str] = []
    for titles in zip(*places, strict=False):
        distinct = sorted(set(titles), key=lambda title: (len(title), title))
        if len({_INDEX.sub("*", title) for title in distinct}) > 1:
            break
        shared.append(_titles_together(distinct))
    return tuple(shared)


def _titles_together(titles: Sequence[str]) -> str:
    """One title for modules of one list, in the order of their indices."""
    if len(titles) == 1:
        return titles[0]
    stem = _INDEX.sub("", titles[0])
    indices = [int(title[len(stem) :]) for title in titles]
    if indices[-1] - indices[0] == len(indices) - 1:
        return f"{stem}{indices[0]} … {indices[-1]} {times(len(indices))}"
    return f"{stem.rstrip('.')} {times(len(indices))}: {', '.join(map(str, indices))}"


def places(graph: Graph) -> list[Place]:
    """The place of each Value's module; a parameter without one gets the common place of the modules that use it."""
    known: dict[str | None, Place] = {None: ()}
    found: list[Place] = []
    homeless: set[int] = set()
    for i, v in enumerate(graph.values):
        path = v.path
        if path is not None and path not in known:
            known[path] = split_path(path)
        found.append(known[path])
        if path is None and v.kind == "parameter":
            homeless.add(i)
    if not homeless:
        return found
    shared: dict[int, Place] = {}
    for parents, place in zip(graph.parents, found, strict=True):
        if place:
            for p in homeless.intersection(parents):
                shared[p] = common(shared[p], place) if p in shared else place
    for p, place in shared.items():
        found[p] = place
    return found


def separate_calls(places: Sequence[Place], edges: Iterable[tuple[int, int]]) -> list[Place]:
    """Splits frames, so that each can be drawn as a box that edges enter on one side and leave on the other.

    A module whose results come back to it through other modules (a recurrent cell) gets a frame for each call. Nodes
    are in topological order.
    """
    found = list(places)
    edges = list(edges)
    for depth in range(max([len(p) for p in found], default=0)):
        inside = [(s, t) for s, t in edges if found[s][:depth] == found[t][:depth]]
        items = [p[: depth + 1] if len(p) > depth else i for i, p in enumerate(found)]
        for circle in _circles(items, inside):
            _number_calls(found, items, circle, inside, depth)
    return found


def frames(places: Sequence[Place]) -> tuple[list[Cluster], list[int | None]]:
    """The clusters for these places, and the innermost cluster of each place.

    A module that holds nothing but one module shares a frame with it, titled by both names.
    """
    inside: dict[Place, set[Place]] = defaultdict(set)
    for place in set(places):
        inside[place].add(place)  # something stands here itself
        for depth in range(len(place)):
            inside[place[:depth]].add(place[: depth + 1])
    clusters: list[Cluster] = []
    index: dict[Place, int | None] = {(): None}
    names: dict[Place, str] = {}
    for place in places:
        for depth in range(len(place)):
            prefix = place[: depth + 1]
            if prefix in index or prefix in names:
                continue
            title, untitled, _ = prefix[-1].partition(UNTITLED)
            around = names.get(prefix[:-1])
            title = f"{around}.{title}" if around else title
            only = inside[prefix]
            if len(only) == 1 and prefix not in only and not untitled and UNTITLED not in min(only)[-1]:
                names[prefix] = title
                index[prefix] = index[prefix[:-1]]
                continue
            index[prefix] = len(clusters)
            clusters.append(Cluster(title, index[prefix[:-1]], module=not untitled))
    return clusters, [index[place] for place in places]


def common(a: Place, b: Place) -> Place:
    """The frames that both places share."""
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return a[:length]


def _number_calls(
    found: list[Place], items: Sequence[Hashable], circle: set[Hashable], edges: list[tuple[int, int]], depth: int
) -> None:
    """Numbers the calls within a cycle of items: a step from one item to another starts a new stage.

    Each node then moves to the last stage that its readers allow, so it belongs to the call that uses it.
    """
    members = [i for i, item in enumerate(items) if item in circle]
    stage = dict.fromkeys(members, 0)
    entered: dict[int, list[int]] = defaultdict(list)
    left: dict[int, list[int]] = defaultdict(list)
    for s, t in edges:
        if s in stage and t in stage:
            entered[t].append(s)
            left[s].append(t)
    for i in members:
        stage[i] = max([stage[s] + (items[s] != items[i]) for s in entered[i]], default=0)
    for i in reversed(members):
        if left[i]:
            stage[i] = min(stage[t] - (items[t] != items[i]) for t in left[i])
    calls: dict[Hashable, set[int]] = defaultdict(set)
    for i in members:
        calls[items[i]].add(stage[i])
    for i in members:
        numbers = sorted(calls[items[i]])
        if len(found[i]) > depth and len(numbers) > 1:
            title = f"{found[i][depth]} (call {numbers.index(stage[i]) + 1})"
            found[i] = (*found[i][:depth], title, *found[i][depth + 1 :])


def _circles(items: Sequence[Hashable], edges: list[tuple[int, int]]) -> list[set[Hashable]]:
    """The strongly connected components with more than one item (Tarjan 1972, without recursion)."""
    following: dict[Hashable, dict[Hashable, None]] = {item: {} for item in items}
    for s, t in edges:
        if items[s] != items[t]:
            following[items[s]][items[t]] = None
    number: dict[Hashable, int] = {}
    low: dict[Hashable, int] = {}
    open_items: dict[Hashable, None] = {}
    circles: list[set[Hashable]] = []
    for start in following:
        if start in number:
            continue
        number[start] = low[start] = len(number)
        open_items[start] = None
        work = [(start, iter(following[start]))]
        while work:
            item, rest = work[-1]
            for nxt in rest:
                if nxt not in number:
                    number[nxt] = low[nxt] = len(number)
                    open_items[nxt] = None
                    work.append((nxt, iter(following[nxt])))
                    break
                if nxt in open_items:
                    low[item] = min(low[item], number[nxt])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[item])
                if low[item] == number[item]:
                    component = set()
                    while item not in component:
                        component.add(open_items.popitem()[0])
                    if len(component) > 1:
                        circles.append(component)
    return circles
