"""Colours and sizes of pictures, whose panel is light, or dark where the reader prefers that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a box: border and operation, background of the title, background below it."""

    line: str
    head: str
    body: str


BOXES = {
    "parameter": Colours("#8f5206", "#ffe2b0", "#fff6e6"),
    "input": Colours("#2563a8", "#cfe3fa", "#f0f6fe"),
    "constant": Colours("#5f5f59", "#e6e6e1", "#f6f6f3"),
    "result": Colours("#47535f", "#dfe6ec", "#ffffff"),
    "derived": Colours("#5d6a1b", "#e3eabf", "#fbfcf1"),
    "root": Colours("#1d7340", "#c6ebd2", "#f1fbf4"),
    "product": Colours("#0b6f80", "#c4e9ee", "#f0fafb"),
    "module": Colours("#6b4aa0", "#e5dbf6", "#f8f5fd"),
    "wrong": Colours("#a1127d", "#f9c9ec", "#fdf2fb"),
}

PANEL, PANEL_LINE = "#fdfdfb", "#d9d9d3"
FRAME, FRAME_LINE = "#6b4aa0", "#9076bb"
INK, MUTED = "#1c2126", "#565d65"
EDGE, EDGE_TEXT = "#7d8791", "#3f4750"
BLOCKED = "#b3261e"
WARNING = "#b3261e"
WRONG, WRONG_WIDTH = "#a1127d", 2.0
GROUNDS = {"blocked": "#fbe1de", "wrong": "#fbdcf3"}
"""The background of a row with this style."""

_DARK_BOXES = {
    "parameter": Colours("#f0b45c", "#4d3507", "#2a2213"),
    "input": Colours("#82b5f2", "#173a61", "#16222f"),
    "constant": Colours("#b5b5ae", "#393a3a", "#242526"),
    "result": Colours("#9eabb8", "#333c45", "#20252a"),
    "derived": Colours("#c0d06a", "#38401a", "#1f2315"),
    "root": Colours("#6fcf93", "#17492b", "#142419"),
    "product": Colours("#5fc4d4", "#0e424b", "#122427"),
    "module": Colours("#c4adf0", "#3b2d5c", "#221d2e"),
    "wrong": Colours("#f49bdc", "#571a4a", "#2c1628"),
}
DARK = {
    PANEL: "#171a1e",
    PANEL_LINE: "#3d444c",
    FRAME: "#c4adf0",
    FRAME_LINE: "#8a73b5",
    INK: "#e8eaed",
    MUTED: "#a9b0b8",
    EDGE: "#828d98",
    EDGE_TEXT: "#c0c6cd",
    BLOCKED: "#ff9187",
    WRONG: "#f49bdc",
    GROUNDS["blocked"]: "#45201d",
    GROUNDS["wrong"]: "#4a1a40",
    **{c.line: _DARK_BOXES[name].line for name, c in BOXES.items()},
    **{c.head: _DARK_BOXES[name].head for name, c in BOXES.items()},
    **{c.body: _DARK_BOXES[name].body for name, c in BOXES.items()},
}
"""What each colour becomes where the reader prefers dark pages."""

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
