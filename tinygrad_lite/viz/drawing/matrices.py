"""Draws an equation in matrices: grids of cells, with their names and shapes below."""

from __future__ import annotations

from collections.abc import Sequence

from ...text.wording import xml
from ..diagram.elements import Matrix
from ..diagram.grids import CELL, MOST_CELLS, NAME_SIZE, caption, grid_size, grids_height, part_width
from . import theme


def equation(parts: Sequence[Matrix | str], x: float, y: float) -> str:
    """The equation with its upper left corner at (x, y)."""
    high = grids_height(parts)
    out = []
    for part in parts:
        wide = part_width(part)
        middle = x + wide / 2
        if isinstance(part, str):
            out.append(_text(part, middle, y + high / 2 + 4, theme.TEXT_SIZE))
        else:
            columns, rows = grid_size(part)
            out.append(_grid(part, middle - columns / 2, y + (high - rows) / 2))
            out.append(_text(caption(part), middle, y + high + 11, NAME_SIZE))
        x += wide
    return "".join(out)


def _text(text: str, x: float, y: float, size: float) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{theme.INK}" font-size="{size:g}" text-anchor="middle" direction="ltr" '
        f'unicode-bidi="isolate">{xml(text)}</text>'
    )


def _grid(matrix: Matrix, x: float, y: float) -> str:
    colours = theme.BOXES[matrix.kind]
    wide, high = grid_size(matrix)
    lines = [f"M{x:.1f} {y + CELL * k:.1f}h{wide:g}" for k in range(1, min(matrix.rows, MOST_CELLS))]
    lines += [f"M{x + CELL * k:.1f} {y:.1f}v{high:g}" for k in range(1, min(matrix.columns, MOST_CELLS))]
    out = (
        f'<path d="M{x:.1f} {y:.1f}h{wide:g}v{high:g}h{-wide:g}z" fill="{colours.head}" stroke="{colours.line}"/>'
        f'<path d="{"".join(lines)}" fill="none" stroke="{colours.line}" stroke-opacity="0.45" stroke-width="0.8"/>'
    )
    return out + _cut(x, y, matrix, wide, high)


def _cut(x: float, y: float, matrix: Matrix, wide: float, high: float) -> str:
    """Dots across the middle where rows or columns are left out."""
    out = ""
    if matrix.columns > MOST_CELLS:
        out += f'<path d="M{x + wide / 2:.1f} {y:.1f}v{high:g}" class="cut" stroke="{theme.PANEL}" stroke-width="4"/>'
    if matrix.rows > MOST_CELLS:
        out += f'<path d="M{x:.1f} {y + high / 2:.1f}h{wide:g}" class="cut" stroke="{theme.PANEL}" stroke-width="4"/>'
    return out
