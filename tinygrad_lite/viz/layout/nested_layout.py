"""The package's own layout: a layered drawing with nested frames, in plain Python.

Each frame is laid out by itself, innermost first, and is one item in the frame around it. So a frame holds only what
belongs to it, boxes never overlap, and no edge runs over a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .layered_layout import OUTSIDE, Item, Level, Link, Margins, Point, arrange_level

RankDir = Literal["LR", "TB"]


@dataclass(frozen=True, slots=True)
class Rectangle:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge's curve; points: the start, then three points for each cubic Bezier part; label: its text's middle."""

    points: list[Point]
    label: Point | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    width: float
    height: float
    boxes: list[Rectangle]
    frames: list[Rectangle]
    curves: list[Curve]


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of what a layout has to place.

    boxes    the width and height of each box
    edges    the source and target boxes of each edge; one from a later to an earlier box is drawn around the others
    apart    for each edge, whether it has its own way instead of sharing the way of others from its source
    texts    the width and height of the text at each edge, (0, 0) for none
    frames   for each frame, the frame around it or None, and the size of its title
    homes    for each box, the frame around it or None
    """

    boxes: Sequence[tuple[float, float]]
    edges: Sequence[tuple[int, int]]
    apart: Sequence[bool]
    texts: Sequence[tuple[float, float]]
    frames: Sequence[tuple[int | None, float, float]] = ()
    homes: Sequence[int | None] = ()


def own_layout(shape: Shape, rankdir: RankDir = "LR") -> Layout:
    """Places everything, leaves left (LR) or above (TB), the root at the other end."""
    return _Nested(shape, rankdir == "TB").layout()


_TOP = -1
_BORDER = 13.0


class _Nested:
    """Computes the layout; an item is a box (its number) or a frame (its number plus the number of boxes)."""

    def __init__(self, shape: Shape, upright: bool) -> None:
        self.shape, self.upright = shape, upright
        self.size = len(shape.boxes)
        self.parent = [_TOP if parent is None else parent for parent, _, _ in shape.frames]
        self.home = [_TOP if home is None else home for home in shape.homes] or [_TOP] * self.size
        self.items: dict[int, list[int]] = {frame: [] for frame in range(_TOP, len(self.parent))}
        self.position: dict[int, int] = {}
        for item, frame in self._in_order():
            self.position[item] = len(self.items[frame])
            self.items[frame].append(item)
        self.links: dict[int, list[Link]] = {frame: [] for frame in self.items}
        self.levels: dict[int, Level] = {}
        self.parts: list[list[tuple[int, int]]] = [[] for _ in shape.edges]
        """For each edge, its links: their frames, and their positions among the frames' links."""
        self._known: dict[tuple[int, int, int, int], int] = {}
        for e, (s, t) in enumerate(shape.edges):
            self._route(e, s, t)

    def _in_order(self) -> list[tuple[int, int]]:
        """Each item with the frame around it; a frame takes the position of its first box."""
        first: dict[int, int] = {}
        for box, frame in enumerate(self.home):
            while frame != _TOP and frame not in first:
                first[frame] = box
                frame = self.parent[frame]
        ordered = [(box, box, home) for box, home in enumerate(self.home)]
        ordered += [(at, self.size + frame, self.parent[frame]) for frame, at in first.items()]
        return [(item, frame) for _, item, frame in sorted(ordered)]

    def _chain(self, box: int) -> list[int]:
        """The frames around a box, innermost first; the whole drawing comes last."""
        chain = [self.home[box]]
        while chain[-1] != _TOP:
            chain.append(self.parent[chain[-1]])
        return chain

    def _route(self, edge: int, s: int, t: int) -> None:
        """Adds a link in the frame that holds both ends, and one to or from each border on the way."""
        up, down = self._chain(s), self._chain(t)
        while len(up) > 1 and len(down) > 1 and up[-2] == down[-2]:
            up.pop()
            down.pop()
        leaving = [s, *(self.size + frame for frame in up[:-1])]
        entering = [*(self.size + frame for frame in down[-2::-1]), t]
        for item, frame in zip(leaving, up[:-1], strict=False):
            self._link(edge, frame, item, None)
        self._link(edge, up[-1], leaving[-1], entering[0], back=s > t)
        for item, frame in zip(entering[1:], down[-2::-1], strict=True):
            self._link(edge, frame, None, item)

    def _link(self, edge: int, frame: int, source: int | None, target: int | None, *, back: bool = False) -> None:
        """Adds a link of an edge; edges from one box share links, except the last one, which reaches the box."""
        start = OUTSIDE if source is None else self.position[source]
        end = OUTSIDE if target is None else self.position[target]
        (net, reader), label = self.shape.edges[edge], None
        if self.shape.apart[edge] or net > reader:
            net = self.size + edge
        own = target is not None and target < self.size
        if own and self.shape.texts[edge][0]:
            wide, high = self.shape.texts[edge]
            label = (high, wide + 10, 4 - (wide + 10) / 2) if self.upright else (wide, high, high / 2 - 1)
        links = self.links[frame]
        known = self._known.setdefault((frame, start, -2 - edge if own else end, net), len(links))
        if known == len(links):
            links.append(Link(start, end, net, label, back=back))
        self.parts[edge].append((frame, known))

    def layout(self) -> Layout:
        for frame in range(len(self.parent) - 1, _TOP - 1, -1):
            self._arrange(frame)
        corners: dict[int, Point] = {_TOP: (0.0, 0.0)}
        for frame in range(_TOP, len(self.parent)):
            x, y = corners[frame if frame == _TOP else self.size + frame]
            for item, (along, across) in zip(self.items[frame], self.levels[frame].corners, strict=True):
                corners[item] = (x + along, y + across)
        return self._drawn(corners)

    def _arrange(self, frame: int) -> None:
        """Arranges a frame; its inner frames, which come later in the list, are arranged already."""
        items: list[Item] = []
        for item in self.items[frame]:
            if item >= self.size:
                level = self.levels[item - self.size]
                items.append(Item(level.along, level.across, frame=True))
            else:
                wide, high = self.shape.boxes[item]
                items.append(Item(high, wide) if self.upright else Item(wide, high))
        for link in self.links[frame]:
            for end, inward in ((link.source, False), (link.target, True)):
                item = self.items[frame][end] if end != OUTSIDE else -1
                if item >= self.size:
                    level = self.levels[item - self.size]
                    port = (level.entries if inward else level.exits)[link.net] - level.across / 2
                    if inward:
                        link.target_port = port
                    else:
                        link.source_port = port
        self.levels[frame] = arrange_level(items, self.links[frame], self._margins(frame))

    def _margins(self, frame: int) -> Margins:
        if frame == _TOP:
            return Margins()
        _, wide, high = self.shape.frames[frame]
        if self.upright:
            return Margins(high + 8, _BORDER, _BORDER, _BORDER, 0.0, wide + 16)
        return Margins(_BORDER, _BORDER, high + 8, _BORDER, wide + 16, 0.0)

    def _drawn(self, corners: dict[int, Point]) -> Layout:
        whole = self.levels[_TOP]
        boxes = [self._rectangle(corners[i], size) for i, size in enumerate(self.shape.boxes)]
        sizes = [(level.along, level.across) for _, level in sorted(self.levels.items())][1:]
        frames = [
            self._rectangle(corners[self.size + f], size[::-1] if self.upright else size)
            for f, size in enumerate(sizes)
        ]
        curves = [self._curve(parts, corners) for parts in self.parts]
        wide, high = (whole.across, whole.along) if self.upright else (whole.along, whole.across)
        return Layout(wide, high, boxes, frames, curves)

    def _rectangle(self, corner: Point, size: Point) -> Rectangle:
        x, y = corner[::-1] if self.upright else corner
        return Rectangle(x, y, *size)

    def _curve(self, parts: list[tuple[int, int]], corners: dict[int, Point]) -> Curve:
        way: list[Point] = []
        label: Point | None = None
        for frame, k in parts:
            level = self.levels[frame]
            x, y = corners[frame if frame == _TOP else self.size + frame]
            way += [(x + along, y + across) for along, across in level.ways[k]]
            middle = level.labels[k]
            if middle is not None:
                label = (x + middle[0], y + middle[1])
        points = _bends(way)
        if self.upright:
            return Curve([(y, x) for x, y in points], label and (label[1] + 4, label[0]))
        return Curve(points, label and (label[0], label[1] - 1.5))


def _bends(way: list[Point]) -> list[Point]:
    """Cubic parts through the points: a line between two points at the same height, an S between two heights."""
    kept = [way[0]]
    for point in way[1:]:
        if len(kept) > 1 and abs(kept[-2][1] - kept[-1][1]) < 0.01 and abs(kept[-1][1] - point[1]) < 0.01:
            kept[-1] = point
        elif point != kept[-1]:
            kept.append(point)
    points = [kept[0]]
    for (a, b), (c, d) in pairwise(kept):
        points += [((a + c) / 2, b), ((a + c) / 2, d), (c, d)]
    return points
