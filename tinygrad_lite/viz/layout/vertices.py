"""The vertices and segments of a level's layers, and the gaps between vertices."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Vertex:
    """An item, a label, or a point where a longer link passes through a layer."""

    layer: int
    along: float
    across: float
    item: int = -1
    label: bool = False
    frame: bool = False


@dataclass(slots=True)
class Segment:
    """The part of a link between two neighbouring layers."""

    source: int
    target: int
    source_port: float = 0.0
    target_port: float = 0.0
    weight: float = 1.0


def gap(a: Vertex, b: Vertex) -> float:
    """The smallest distance between the middles of two neighbours in a layer."""
    if a.item >= 0 and b.item >= 0:
        apart = 22.0 if a.frame or b.frame else 15.0
    elif a.item >= 0 or b.item >= 0:
        apart = 11.0
    else:
        apart = 2.0 if a.label and b.label else 9.0
    return (a.across + b.across) / 2 + apart
