"""Orders groups of Values, and finds the edges between them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

from .alike import Groups


def in_order(parents_of: Sequence[Sequence[int]], groups: Groups) -> tuple[Groups, dict[tuple[int, int], int]]:
    """Renumbers groups in topological order, and counts the edges from each group to each other.

    If groups form a cycle, the one whose first Value was recorded earliest comes first.
    """
    pairs: dict[tuple[int, int], int] = {}
    for target, parents in zip(groups, parents_of, strict=True):
        for p in parents:
            source = groups[p]
            if source != target:
                pair = source, target
                pairs[pair] = pairs.get(pair, 0) + 1
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
    return [number[g] for g in groups], {(number[s], number[t]): n for (s, t), n in pairs.items()}


def parents_of_groups(parents_of: Sequence[Sequence[int]], groups: Groups) -> list[list[int]]:
    """For each group, the other groups that its members were computed from, in the order of their arguments."""
    found: list[dict[int, None]] = [{} for _ in range(max(groups) + 1)]
    for target, parents in zip(groups, parents_of, strict=True):
        known = found[target]
        for p in parents:
            if groups[p] not in known and groups[p] != target:
                known[groups[p]] = None
    return list(map(list, found))
