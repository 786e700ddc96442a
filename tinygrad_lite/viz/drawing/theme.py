"""Colours and sizes of pictures; the colours suit the panel's own light background, on any page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a box: border and operation, background of the title, background below it."""

    line: str
    head: str
    body: str


BOXES = {
    "parameter": Colours("#a8620a", "#ffe2b0", "#fff6e6"),
    "input": Colours("#2563a8", "#cfe3fa", "#f0f6fe"),
    "constant": Colours("#76766f", "#e6e6e1", "#f6f6f3"),
    "result": Colours("#47535f", "#dfe6ec", "#ffffff"),
    "derived": Colours("#5d6a1b", "#e3eabf", "#fbfcf1"),
    "root": Colours("#1d7340", "#c6ebd2", "#f1fbf4"),
    "product": Colours("#0b6f80", "#c4e9ee", "#f0fafb"),
    "module": Colours("#6b4aa0", "#e5dbf6", "#f8f5fd"),
    "wrong": Colours("#a1127d", "#f9c9ec", "#fdf2fb"),
}

PANEL, PANEL_LINE = "#fdfdfb", "#d9d9d3"
FRAME, FRAME_LINE = "#6b4aa0", "#a792c9"
INK, MUTED = "#1c2126", "#6a6f76"
EDGE, EDGE_TEXT = "#7d8791", "#3f4750"
BLOCKED = "#b3261e"
WARNING = "#b3261e"
WRONG, WRONG_WIDTH = "#a1127d", 2.0
GROUNDS = {"blocked": "#fbe1de", "wrong": "#fbdcf3"}
"""The background of a row with this style."""

SANS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"

TITLE_SIZE = 13.0
TEXT_SIZE = 11.5
EDGE_SIZE = 10.5
FRAME_SIZE = 12.0

HEAD_HEIGHT = 23.0
ROW_HEIGHT = 16.0
PLAIN_HEIGHT = 22.0
PADDING = 9.0

_MANY_EDGES = 150


def edge_width(count: int, edges: int) -> float:
    """The width of an edge: thicker if it stands for more edges, thinner in a picture with many."""
    if edges > _MANY_EDGES:
        return 0.7
    return min(1.0 + 0.35 * len(str(count)), 3.0)
