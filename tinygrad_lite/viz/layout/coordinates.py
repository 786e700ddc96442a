"""Places each vertex across its layer: near its neighbours, in order, with gaps, and with straight long edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from .vertices import Segment, Vertex, gap

_ROUNDS = 24


def place_across(layers: list[list[int]], vertices: list[Vertex], segments: list[Segment]) -> list[float]:
    """The middle of each vertex across its layer.

    Layer by layer, each vertex moves to the weighted mean of its neighbours, while least squares keep the order and the
    distances (pool adjacent violators).
    """
    above: list[list[tuple[int, float, float]]] = [[] for _ in vertices]
    below: list[list[tuple[int, float, float]]] = [[] for _ in vertices]
    for s in segments:
        shift = s.source_port - s.target_port
        above[s.target].append((s.source, shift, s.weight))
        below[s.source].append((s.target, -shift, s.weight))
    distances = [[gap(vertices[a], vertices[b]) for a, b in pairwise(layer)] for layer in layers]
    y = [0.0] * len(vertices)
    for layer, distance in zip(layers, distances, strict=True):
        at = -sum(distance) / 2
        for v, step in zip(layer, [*distance, 0.0], strict=True):
            y[v] = at
            at += step
    both = [a + b for a, b in zip(above, below, strict=True)]
    for turn in range(_ROUNDS):
        down = turn % 2 == 0
        sides = both if turn >= _ROUNDS // 3 else above if down else below
        for k in range(len(layers)) if down else range(len(layers) - 1, -1, -1):
            _settle(layers[k], distances[k], sides, y)
    _straighten(layers, distances, above, below, y)
    return y


def _settle(
    layer: list[int], distance: list[float], sides: list[list[tuple[int, float, float]]], y: list[float]
) -> None:
    wanted, weights = [], []
    for v in layer:
        total = sum([w for _, _, w in sides[v]])
        wanted.append(sum([w * (y[u] + shift) for u, shift, w in sides[v]]) / total if total else y[v])
        weights.append(total or 0.05)
    for v, at in zip(layer, spaced(wanted, weights, distance), strict=True):
        y[v] = at


def spaced(wanted: Sequence[float], weights: Sequence[float], distance: Sequence[float]) -> list[float]:
    """The positions nearest to the wanted ones, by weighted least squares, that keep at least the given distances.

    >>> spaced([0.0, 0.0], [1.0, 1.0], [10.0])
    [-5.0, 5.0]
    """
    offset, offsets = 0.0, [0.0]
    for step in distance:
        offset += step
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []
    for x, weight, shift in zip(wanted, weights, offsets, strict=False):
        mean, total, size = x - shift, weight, 1
        while pools and pools[-1][0] > mean:
            before, mass, length = pools.pop()
            mean = (mean * total + before * mass) / (total + mass)
            total, size = total + mass, size + length
        pools.append((mean, total, size))
    flat = [mean for mean, _, size in pools for _ in range(size)]
    return [x + shift for x, shift in zip(flat, offsets, strict=False)]


def _straighten(
    layers: list[list[int]],
    distances: list[list[float]],
    above: list[list[tuple[int, float, float]]],
    below: list[list[tuple[int, float, float]]],
    y: list[float],
) -> None:
    """Moves chains of vertices onto one line if the room between their neighbours allows it."""
    where = {v: (k, i) for k, layer in enumerate(layers) for i, v in enumerate(layer)}

    def room(v: int) -> tuple[float, float]:
        k, i = where[v]
        layer = layers[k]
        low = y[layer[i - 1]] + distances[k][i - 1] if i else float("-inf")
        high = y[layer[i + 1]] - distances[k][i] if i + 1 < len(layer) else float("inf")
        return low, high

    follower: dict[int, tuple[int, float]] = {}
    for v in range(len(y)):
        if not below[v]:
            continue
        target, shift, _ = max(below[v], key=lambda edge: (edge[2], -abs(y[edge[0]] + edge[1] - y[v])))
        nearest = max(above[target], key=lambda edge: (edge[2], -abs(y[edge[0]] + edge[1] - y[target])))
        if nearest[0] == v:
            follower[v] = target, -shift
    for _ in range(3):
        started = set(follower) - {target for target, _ in follower.values()}
        for v in sorted(started):
            chain, shift = [(v, 0.0)], 0.0
            while v in follower:
                v, step = follower[v]
                shift += step
                chain.append((v, shift))
            _align(chain, room, y)
    for v, (into, out) in enumerate(zip(above, below, strict=True)):
        if len(into) == len(out) == 1 and v not in follower:
            low, high = room(v)
            sides = [y[u] + shift for u, shift, _ in (*out, *into)]
            y[v] = next((at for at in sides if low <= at <= high), y[v])


def _align(chain: list[tuple[int, float]], room: Callable[[int], tuple[float, float]], y: list[float]) -> None:
    """Aligns each part of a chain that has room for a line; the chain has vertices with their offsets from the line."""
    begin = 0
    while begin < len(chain):
        low, high, end = float("-inf"), float("inf"), begin
        while end < len(chain):
            v, shift = chain[end]
            lowest, highest = room(v)
            if max(low, lowest - shift) > min(high, highest - shift):
                break
            low, high, end = max(low, lowest - shift), min(high, highest - shift), end + 1
        part = chain[begin : max(end, begin + 1)]
        if end > begin:
            mean = sum(y[v] - shift for v, shift in part) / len(part)
            at = min(max(mean, low), high)
            for v, shift in part:
                y[v] = at + shift
        begin = max(end, begin + 1)
