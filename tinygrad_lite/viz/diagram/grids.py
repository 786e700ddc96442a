"""The sizes of matrices that are drawn as grids of cells, in an equation."""

from __future__ import annotations

from collections.abc import Sequence

from ..drawing.text_width import width
from .elements import Matrix

CELL = 7.0
MOST_CELLS = 8
"""More rows or columns than this are not drawn one by one: the last cell drawn holds an ellipsis."""

NAME_SIZE = 10.0
SIGN_WIDTH = 16.0
_NAME_HEIGHT = 15.0
_MARGIN = 7.0


def caption(matrix: Matrix) -> str:
    """What stands below a grid: its name and its shape."""
    return f"{matrix.name} {matrix.rows} x {matrix.columns}"


def grid_size(matrix: Matrix) -> tuple[float, float]:
    return CELL * min(matrix.columns, MOST_CELLS), CELL * min(matrix.rows, MOST_CELLS)


def part_width(part: Matrix | str) -> float:
    """The room of a matrix with its caption, or of a sign."""
    return SIGN_WIDTH if isinstance(part, str) else max(grid_size(part)[0], width(caption(part), NAME_SIZE))


def equation_width(parts: Sequence[Matrix | str]) -> float:
    return sum(map(part_width, parts))


def grids_height(parts: Sequence[Matrix | str]) -> float:
    return max(grid_size(part)[1] for part in parts if isinstance(part, Matrix))


def equation_height(parts: Sequence[Matrix | str]) -> float:
    return grids_height(parts) + _NAME_HEIGHT + _MARGIN
