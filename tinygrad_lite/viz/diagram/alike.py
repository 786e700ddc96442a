"""Groups similar Values of a graph, for pictures that cannot show each one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ... import ops
from ...engine import Value
from .module_frames import Place
from .walk import Graph

Groups = list[int]
"""For each Value of a graph, the number of its group."""

_BANDS = 10
"""The most bands of height that can be read at a glance."""

_DIGITS = str.maketrans("", "", "0123456789")


def leaf_kind(v: Value) -> tuple[str, str]:
    """What makes leaves alike: their kind, and the label without its digits."""
    return v.kind, (v.label or "").translate(_DIGITS)


def by_structure(
    graph: Graph, given: Groups, homes: Sequence[Place], limit: int, *, split: bool = True
) -> Groups | None:
    """Groups Values made by the same operation from the same groups in the same module; None for over `limit` groups.

    A sum that is added term by term is one group, like any chain of one operation that takes in nothing new on its way;
    in a sum, the terms may come from several groups in turn. Such groups never form a cycle, since the sources of each
    are fixed when it begins. Leaves are distinguished by kind, by label without digits, and with `split` by what uses
    them and how often. `given` holds the groups that exist already, and -1 elsewhere.
    """
    first = max(given, default=-1) + 1
    table: dict[Hashable, int] = {}
    sources: list[frozenset[int]] = [frozenset()] * first
    makers: list[tuple[Hashable, ...] | None] = [None] * first

    def group_of(maker: tuple[Hashable, ...], met: frozenset[int], apart: bool) -> int:
        for g in met:
            if makers[g] == maker and met <= sources[g] | {g}:
                return g
        group = table.setdefault((maker, met, apart), len(sources))
        if group == len(sources):
            summed = [sources[g] for g in met if makers[g] == maker == (ops.add, *maker[1:])]
            sources.append(met.union(*summed))
            makers.append(maker)
        return group

    known: dict[Hashable, int] = {}
    groups: Groups = []
    told = zip(graph.values, graph.ops, graph.parents, given, graph.derived, homes, strict=True)
    for v, op, parents, group, derived, home in told:
        if group < 0:
            maker: tuple[Hashable, ...] = (op or leaf_kind(v), derived, home)
            met = tuple([groups[p] for p in parents])
            key = maker, met, len(set(parents)) == len(parents)
            if key not in known:
                known[key] = group_of(maker, frozenset(met), key[2])
                if known[key] >= limit:
                    return None
            group = known[key]
        groups.append(group)
    return leaves_split(graph, given, groups, limit) if split else groups


def by_height(graph: Graph, given: Groups, limit: int) -> Groups | None:
    """Groups Values by operation and height above the leaves, and leaves by kind; None for over `limit` groups."""
    return _numbered(graph, given, limit, [height or None for height in graph.heights], by_operation=True)


def bands(graph: Graph, given: Groups, limit: int) -> Groups | None:
    """Groups Values into bands of similar height above the leaves, as many as fit; None if there is no room."""
    heights = graph.heights
    room = limit - max(given, default=-1) - 1
    if room < 1:
        return None
    kinds = len(
        {v.kind for v, given_group in zip(graph.values, given, strict=True) if v.op is None and given_group < 0}
    )
    apart = room > kinds
    count = min(room - kinds * apart, _BANDS)
    top = max(heights) + 1
    level = [h * count // top if h or not apart else None for h in heights]
    return _numbered(graph, given, limit, level, by_operation=False)


def _numbered(
    graph: Graph, given: Groups, limit: int, levels: Sequence[int | None], *, by_operation: bool
) -> Groups | None:
    """Numbers groups by level and, if asked, by operation; leaves without a level are grouped by kind."""
    table: dict[Hashable, int] = {}
    first = max(given, default=-1) + 1
    groups: Groups = []
    for i, (op, group, level) in enumerate(zip(graph.ops, given, levels, strict=True)):
        if group < 0:
            key = graph.values[i].kind if level is None else (level, op) if by_operation else level
            group = table.setdefault(key, first + len(table))
            if group >= limit:
                return None
        groups.append(group)
    return groups


def leaves_split(graph: Graph, given: Groups, groups: Groups, limit: int) -> Groups:
    """Splits leaves by what uses them and how often, if that makes few groups; else by what uses them; else not."""
    users: dict[int, list[int]] = {i: [] for i, v in enumerate(graph.values) if given[i] < 0 and v.op is None}
    for group, parents in zip(groups, graph.parents, strict=True):
        for p in parents:
            if p in users:
                users[p].append(group)
    exact: dict[int, tuple[Hashable, ...]] = {i: (groups[i], frozenset(u), len(u)) for i, u in users.items()}
    coarse: dict[int, tuple[Hashable, ...]] = {i: key[:2] for i, key in exact.items()}
    used = len(set(groups))
    kinds = len({groups[i] for i in users})
    for keys in (exact, coarse):
        parted = set(keys.values())
        if used - kinds + len(parted) <= limit and len(parted) <= 8 * kinds:
            table: dict[Hashable, int] = {}
            next_group = max(groups) + 1
            for i, key in keys.items():
                groups[i] = table.setdefault(key, next_group + len(table))
            break
    return groups
