"""Assigns items to layers: the first step of a layered layout (Sugiyama, Tagawa and Toda 1981)."""

from __future__ import annotations

from collections.abc import Iterable


def ranks(size: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """A layer for each item, so that every edge leads to a later layer.

    Each item starts as early as the longest path to it allows. Then each item with at least as many outgoing as
    incoming edges moves as late as its readers allow, so that leaves are next to what uses them. The edges must not
    form a cycle.
    """
    into: list[list[int]] = [[] for _ in range(size)]
    out: list[list[int]] = [[] for _ in range(size)]
    for s, t in edges:
        into[t].append(s)
        out[s].append(t)
    waits = [len(sources) for sources in into]
    order = [i for i in range(size) if not waits[i]]
    found = [0] * size
    for i in order:
        for t in out[i]:
            found[t] = max(found[t], found[i] + 1)
            waits[t] -= 1
            if not waits[t]:
                order.append(t)
    if len(order) < size:
        raise ValueError("the edges form a cycle, so no order of layers exists")
    for i in reversed(order):
        if out[i] and len(out[i]) >= len(into[i]):
            found[i] = min(found[t] for t in out[i]) - 1
    first = min(found, default=0)
    return [rank - first for rank in found]
