"""Orders the vertices of each layer so that few edges cross, by barycenter sweeps (Sugiyama 1981)."""

from __future__ import annotations

from bisect import bisect_right, insort

from .vertices import Segment, Vertex

_SWEEPS = 12


def reduce_crossings(layers: list[list[int]], vertices: list[Vertex], segments: list[Segment]) -> None:
    """Reorders each layer in place; the given order stays unless crossings decide otherwise."""
    below: list[list[tuple[int, float]]] = [[] for _ in vertices]
    above: list[list[tuple[int, float]]] = [[] for _ in vertices]
    between: list[list[Segment]] = [[] for _ in layers]
    for segment in segments:
        above[segment.target].append((segment.source, _share(vertices[segment.source], segment.source_port)))
        below[segment.source].append((segment.target, _share(vertices[segment.target], segment.target_port)))
        between[vertices[segment.source].layer].append(segment)
    place = [0.0] * len(vertices)
    for layer in layers:
        _number(layer, place)
    best, least = [list(layer) for layer in layers], _crossings(between, vertices, place)
    idle = 0
    for sweep in range(_SWEEPS):
        if not least or idle == 3:
            break
        down = sweep % 2 == 0
        for layer in layers[1:] if down else layers[-2::-1]:
            _sort(layer, above if down else below, place)
        found = _crossings(between, vertices, place)
        idle = 0 if found < least else idle + 1
        if found < least:
            best, least = [list(layer) for layer in layers], found
    layers[:] = best
    for layer in layers:
        _number(layer, place)
    if least and len(segments) < 2000:
        for layer in layers:
            _swap_neighbours(layer, above, below, place)


def _share(vertex: Vertex, port: float) -> float:
    return 0.9 * port / vertex.across if vertex.across else 0.0


def _number(layer: list[int], place: list[float]) -> None:
    for k, v in enumerate(layer):
        place[v] = float(k)


def _sort(layer: list[int], neighbours: list[list[tuple[int, float]]], place: list[float]) -> None:
    """Sorts a layer by the mean position of the neighbours; a vertex without neighbours keeps its position."""
    movable = [v for v in layer if neighbours[v]]
    mean = {v: sum(place[u] + share for u, share in neighbours[v]) / len(neighbours[v]) for v in movable}
    ordered = iter(sorted(movable, key=mean.__getitem__))
    layer[:] = [next(ordered) if v in mean else v for v in layer]
    _number(layer, place)


def _crossings(between: list[list[Segment]], vertices: list[Vertex], place: list[float]) -> int:
    total = 0
    for segments in between:
        ends = sorted(
            (
                place[s.source] + _share(vertices[s.source], s.source_port),
                place[s.target] + _share(vertices[s.target], s.target_port),
            )
            for s in segments
        )
        seen: list[float] = []
        for _, end in ends:
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total


def _swap_neighbours(
    layer: list[int],
    above: list[list[tuple[int, float]]],
    below: list[list[tuple[int, float]]],
    place: list[float],
) -> None:
    """Swaps adjacent vertices while that saves crossings."""
    for _ in range(4):
        swapped = False
        for k in range(len(layer) - 1):
            a, b = layer[k], layer[k + 1]
            saved = 0
            for side in (above, below):
                first = [place[u] + share for u, share in side[a]]
                second = [place[u] + share for u, share in side[b]]
                saved += sum((x > y) - (x < y) for x in first for y in second)
            if saved > 0:
                layer[k], layer[k + 1] = b, a
                place[a], place[b] = place[b], place[a]
                swapped = True
        if not swapped:
            return
