"""Lays out one level of a nested layout: items side by side in layers, edges through the gaps between them.

Positions here are along the axis from leaves to root, and across it; nested_layout.py turns them into x and y.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from .coordinates import place_across
from .crossings import reduce_crossings
from .ranks import ranks
from .vertices import Segment, Vertex

Point = tuple[float, float]
_LEAD = 7.0
"""Edges run straight into their box for this length, that of an arrow's head."""

_GAP, _GAP_TO_LABEL, _GAP_TO_BOX = 26.0, 9.0, 13.0
"""The gaps between two boxes, from a box to a label, and from there to the next box."""

OUTSIDE = -1
"""The source or target of a link that comes from, or goes to, the outside of this level."""


@dataclass(slots=True)
class Link:
    """A link from an item to an item, or to or from the OUTSIDE.

    net    links of one net that start together share their way as long as they can
    label  its room along and across, and where the line runs across it, counted from its middle
    port   where the link starts or ends across its item, counted from the middle; None: a place is found
    back   whether it leads back against the layers: it then runs around all items, in a channel beside them
    """

    source: int
    target: int
    net: int
    label: tuple[float, float, float] | None = None
    source_port: float | None = None
    target_port: float | None = None
    back: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    along: float
    across: float
    frame: bool = False


@dataclass(slots=True)
class Level:
    """A finished level with its corner at (0, 0).

    corners  where each item begins, along and across
    ways     the points of each link; two points at the same height are joined by a line, others by a bend
    labels   the middle of each link's label
    entries, exits  where each net from or to the outside passes the border, across the level
    """

    along: float
    across: float
    corners: list[Point]
    ways: list[list[Point]]
    labels: list[Point | None]
    entries: dict[int, float] = field(default_factory=dict)
    exits: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Margins:
    """The room inside a frame's border, and the smallest size, which its title needs."""

    before: float = 0.0
    after: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    least_along: float = 0.0
    least_across: float = 0.0


def arrange_level(items: list[Item], links: list[Link], margins: Margins) -> Level:
    return _Arrangement(items, links, margins).level()


class _Arrangement:
    def __init__(self, items: list[Item], links: list[Link], margins: Margins) -> None:
        self.items, self.every, self.margins = items, links, margins
        self.links = [link for link in links if not link.back]
        self.vertices: list[Vertex] = []
        self.segments: list[Segment] = []
        self.chains: list[list[int]] = [[] for _ in self.links]
        """For each link, its vertices, including the items or borders at both ends."""
        self.steps: list[list[Segment]] = [[] for _ in self.links]
        """For each link, the segments between its vertices."""
        self._between: dict[tuple[int, int, int], Segment] = {}
        self._stand()
        self._thread()

    def _vertex(self, layer: int, along: float = 0.0, across: float = 0.0, **what: object) -> int:
        self.vertices.append(Vertex(layer, along, across, **what))  # type: ignore[arg-type]
        return len(self.vertices) - 1

    def _stand(self) -> None:
        """Puts items into layers; if links have labels, every other layer is for labels."""
        inner = [(k.source, k.target) for k in self.links if k.source >= 0 and k.target >= 0]
        self.step = 2 if any(k.label for k in self.links) else 1
        layer_of = [rank * self.step for rank in ranks(len(self.items), inner)]
        self.first = first = self.step if any(k.source == OUTSIDE for k in self.links) else 0
        self.last = max(layer_of, default=0) + first + 1
        for i, item in enumerate(self.items):
            self._vertex(layer_of[i] + first, item.along, item.across, item=i, frame=item.frame)

    def _thread(self) -> None:
        """Splits links into segments from layer to layer, with a vertex in every layer that they pass."""
        borders: dict[tuple[bool, int], int] = {}
        trunks: dict[tuple[int, int, int], int] = {}
        for k, link in sorted(enumerate(self.links), key=lambda pair: pair[1].source != OUTSIDE):
            source, target = link.source, link.target
            if source == OUTSIDE:
                source = borders.setdefault((False, link.net), len(self.vertices))
                if source == len(self.vertices):
                    self._vertex(0)
            if target == OUTSIDE:
                target = borders.setdefault((True, link.net), len(self.vertices))
                if target == len(self.vertices):
                    self._vertex(self.last)
            start, end = self.vertices[source].layer, self.vertices[target].layer
            chain = [source]
            for layer in range(start + 1, end - bool(link.label)):
                key = (source, link.net, layer)
                vertex = trunks.setdefault(key, len(self.vertices))
                if vertex == len(self.vertices):
                    self._vertex(layer)
                chain.append(vertex)
            if link.label:
                chain.append(self._vertex(end - 1, link.label[0], link.label[1], label=True))
            self.chains[k] = [*chain, target]
            self.steps[k] = [self._segment(s, t, link) for s, t in pairwise(self.chains[k])]

    def _segment(self, s: int, t: int, link: Link) -> Segment:
        """The segment between two vertices, which links of one net share."""
        known = self._between.get((s, t, link.net))
        if known:
            return known
        turns = (self.vertices[s].item >= 0) + (self.vertices[t].item >= 0)
        segment = Segment(s, t, self._port(s, link), self._port(t, link), (8.0, 3.0, 2.0)[turns])
        self.segments.append(segment)
        self._between[s, t, link.net] = segment
        return segment

    def _port(self, v: int, link: Link) -> float:
        vertex = self.vertices[v]
        if vertex.label and link.label:
            return link.label[2]
        if v == link.source:
            return link.source_port or 0.0
        return (link.target_port or 0.0) if v == link.target else 0.0

    def level(self) -> Level:
        layers: list[list[int]] = [[] for _ in range(max([v.layer for v in self.vertices], default=-1) + 1)]
        for v, vertex in enumerate(self.vertices):
            layers[vertex.layer].append(v)
        reduce_crossings(layers, self.vertices, self.segments)
        self._spread_ports(layers)
        y = place_across(layers, self.vertices, self.segments)
        return self._measured(layers, y)

    def _spread_ports(self, layers: list[list[int]]) -> None:
        """Gives links that end at the same item, without fixed ports, places of their own in their order."""
        place = {v: k for layer in layers for k, v in enumerate(layer)}
        fixed = {k.target for k in self.links if k.target_port is not None}
        ending: dict[int, list[Segment]] = defaultdict(list)
        for segment in self.segments:
            if self.vertices[segment.target].item >= 0 and segment.target not in fixed:
                ending[segment.target].append(segment)
        for target, segments in ending.items():
            segments.sort(key=lambda s: place[s.source])
            step = min(12.0, (self.vertices[target].across - 16.0) / max(1, len(segments) - 1))
            for k, segment in enumerate(segments):
                segment.target_port = (k - (len(segments) - 1) / 2) * step

    def _measured(self, layers: list[list[int]], y: list[float]) -> Level:
        """Sets the distances between layers and all final positions, with room for the frame around the level."""
        margins, vertices = self.margins, self.vertices
        starts, ends = self._along(layers, y)
        needed = (ends[-1] if ends else margins.before) + margins.after
        channels = [link for link in self.every if link.back]
        low = min((y[v] - vertex.across / 2 for v, vertex in enumerate(vertices)), default=0.0)
        high = max((y[v] + vertex.across / 2 for v, vertex in enumerate(vertices)), default=0.0)
        wanted = high - low + margins.top + margins.bottom + sum(map(_channel, channels))
        along, across = max(needed, margins.least_along), max(wanted, margins.least_across)
        right, down = (along - needed) / 2, (across - wanted) / 2 + margins.top - low
        spans = [(start + right, end + right) for start, end in zip(starts, ends, strict=True)]
        y = [at + down for at in y]
        level = Level(along, across, [], [], [])
        readers, sources = {link.target for link in self.links}, {link.source for link in self.links}
        for i, item in enumerate(self.items):
            begin, end = spans[vertices[i].layer]
            at = (begin + end - item.along) / 2 if i in readers else end - item.along if i in sources else begin
            level.corners.append((at, y[i] - item.across / 2))
        threaded = zip(self.chains, self.steps, strict=True)
        channel = high + down
        for link in self.every:
            if link.back:
                channel += _channel(link)
                self._around(level, link, spans, y, channel)
                continue
            chain, steps = next(threaded)
            begin = level.corners[chain[0]][0] + self.items[chain[0]].along if link.source != OUTSIDE else 0.0
            end = level.corners[chain[-1]][0] if link.target != OUTSIDE else along
            lead = 0.0 if link.target == OUTSIDE or self.items[link.target].frame else _LEAD
            way = [(begin, y[chain[0]] + steps[0].source_port)]
            way.append((spans[vertices[chain[0]].layer][1], way[0][1]))
            for v, step in zip(chain[1:-1], steps, strict=False):
                way += [(x, y[v] + step.target_port) for x in spans[vertices[v].layer]]
            arrival = y[chain[-1]] + steps[-1].target_port
            way += [(spans[vertices[chain[-1]].layer][0] - lead, arrival), (end, arrival)]
            level.ways.append(way)
            middle = chain[-2]
            place = (sum(spans[vertices[middle].layer]) / 2, y[middle]) if vertices[middle].label else None
            level.labels.append(place)
            if link.source == OUTSIDE:
                level.entries[link.net] = way[0][1]
            if link.target == OUTSIDE:
                level.exits[link.net] = way[-1][1]
        return level

    def _around(
        self, level: Level, link: Link, spans: list[tuple[float, float]], y: list[float], channel: float
    ) -> None:
        """Adds the way of a link that leads back: out of its source, along the channel, and into its target."""
        (start, _), (end, _) = level.corners[link.source], level.corners[link.target]
        leaving = y[link.source] + self._lower(link.source, link.source_port)
        arriving = y[link.target] + self._lower(link.target, link.target_port)
        right = spans[self.vertices[link.source].layer][1] + _LEAD
        left = spans[self.vertices[link.target].layer][0] - _LEAD
        way = [(start + self.items[link.source].along, leaving), (right, leaving), (right, channel)]
        level.ways.append([*way, (left, channel), (left, arriving), (end, arriving)])
        level.labels.append(((left + right) / 2, channel - link.label[1] / 2 - 4.0) if link.label else None)

    def _lower(self, item: int, port: float | None) -> float:
        """Where a link that leads back ends at an item, below the others."""
        return self.items[item].across * 0.3 if port is None else port

    def _along(self, layers: list[list[int]], y: list[float]) -> tuple[list[float], list[float]]:
        """Where each layer begins and ends; steep edges between two layers push them apart."""
        steepest = [0.0] * len(layers)
        for s in self.segments:
            drop = abs(y[s.source] + s.source_port - y[s.target] - s.target_port)
            k = self.vertices[s.source].layer
            steepest[k] = max(steepest[k], drop)
        starts, ends = [], []
        at = self.margins.before
        for k, (layer, drop) in enumerate(zip(layers, steepest, strict=True)):
            along = max([self.vertices[v].along for v in layer], default=0.0)
            gap = _GAP if self.step == 1 else _GAP_TO_BOX if k % 2 else _GAP_TO_LABEL
            starts.append(at)
            at += along
            ends.append(at)
            at += gap + min(0.07 * drop, 40.0)
        return starts, ends


def _channel(link: Link) -> float:
    """The room across that a link that leads back takes up beside all items, with its label."""
    return 12.0 if link.label is None else max(12.0, link.label[1] + 8.0)
