"""sparse_hessian and sparse_jacobian: the derivatives that may differ from 0, a few sweeps for all of them.

The pattern comes from the recorded graph (see sparsity.py). Rows, or columns, that do not touch share a colour and a
sweep, and each entry is read where it is alone (see colouring.py). So most matrices of thousands of variables take as
many sweeps as they have entries in a row.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..engine import Value, hooks, is_tracing, recorded
from .colouring import colours_apart, star_colours, transposed
from .runs import Run, as_value
from .sparse_matrix import SparseMatrix
from .sparsity import hessian_pattern, jacobian_pattern

_Function = Callable[..., Any]
_Pattern = Sequence[Collection[int]]
"""For each row the columns in which it has an entry."""


def sparse_hessian(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """Returns the function that computes the second derivatives of f that may differ from 0, as a SparseMatrix.

    Arguments are those of hessian. The matrix has a row and a column for each number of the argument, in order; which
    entries it has depends on f's operations, not on the numbers. Both of two symmetric entries are the same number.
    To compile it, write compile(sparse_hessian(f)): if f itself is compiled, its operations are not seen, and all of
    its arguments count together.

    >>> sparse_hessian(lambda x: x[0] ** 2 * x[1] + x[2])([2.0, 3.0, 4.0])
    <SparseMatrix 3 x 3, 3 entries: [0, 0] 6.0, [0, 1] 4.0, [1, 0] 4.0>
    """

    @functools.wraps(f, updated=())
    def sparse_hessian_of_f(*args: Any, **kwargs: Any) -> Any:
        run = Run("sparse_hessian", f, args, kwargs, argnums, has_aux)
        y = run.scalar()
        pattern = list(map(sorted, hessian_pattern(y, run.variables)))
        # Hooks may make it unsymmetric.
        colours = colours_apart(pattern, len(pattern)) if hooks else star_colours(pattern)
        values = _by_rows(run, run.gradient_graph(y), colours, _where_alone(pattern, colours))
        found = _matrix(pattern, len(pattern), values)
        return (found, run.aux) if has_aux else found

    return sparse_hessian_of_f


def sparse_jacobian(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """Returns the function that computes the derivatives of f's numbers that may differ from 0, as a SparseMatrix.

    Arguments are those of jacobian. The matrix has a row for each number that f returns, and a column for each number
    of the argument, in order; which entries it has depends on f's operations, not on the numbers. It takes reverse
    sweeps through sums of rows, or, if these are fewer, forward sweeps along sums of columns. In these, as in jvp, what
    is multiplied by a plain 0 does not move, even where another factor is infinite or nan.

    >>> sparse_jacobian(lambda x: [x[0] * x[1], x[2]])([2.0, 3.0, 4.0])
    <SparseMatrix 2 x 3, 3 entries: [0, 0] 3.0, [0, 1] 2.0, [1, 2] 1.0>
    """

    @functools.wraps(f, updated=())
    def sparse_jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        run = Run("sparse_jacobian", f, args, kwargs, argnums, has_aux)
        ys, count = run.outputs().numbers, len(run.variables)
        pattern = list(map(sorted, jacobian_pattern(ys, run.variables)))
        by_row, colours = _rows_or_columns(pattern, count)
        if by_row:
            read = [(colours[i], j) for i, row in enumerate(pattern) for j in row]
            values = _by_rows(run, ys, colours, read)
        else:
            values = _by_columns(run, ys, colours, pattern)
        found = _matrix(pattern, count, values)
        return (found, run.aux) if has_aux else found

    return sparse_jacobian_of_f


def _where_alone(pattern: _Pattern, colours: Sequence[int]) -> list[tuple[int, int]]:
    """For each entry of a symmetric matrix the colour of the rows, and the column, in whose sum it is alone."""
    once, often = [0] * len(pattern), [0] * len(pattern)
    for i, row in enumerate(pattern):
        for j in row:
            bit = 1 << colours[j]
            often[i] |= once[i] & bit
            once[i] |= bit
    read = []
    for i, row in enumerate(pattern):
        for j in row:
            # Both symmetric entries are read in the same place.
            low, high = (i, j) if i < j else (j, i)
            read.append((colours[low], high) if not often[high] >> colours[low] & 1 else (colours[high], low))
    return read


def _rows_or_columns(pattern: _Pattern, count: int) -> tuple[bool, list[int]]:
    """Whether rows are coloured, and the colours, so that these are few; rows if it is a tie."""
    rows = colours_apart(pattern, count)
    fewest = max(map(len, pattern), default=0)  # columns need a colour for each entry of a row
    if hooks or len(set(rows)) <= fewest:
        return True, rows
    columns = colours_apart(transposed(pattern, count), len(pattern))
    return (True, rows) if len(set(rows)) <= len(set(columns)) else (False, columns)


def _by_rows(run: Run, ys: Sequence[Any], colours: Sequence[int], read: Sequence[tuple[int, int]]) -> list[Any]:
    """The numbers to read, (colour, column), in the derivatives of the sums of the ys of one colour."""
    together: dict[int, list[Value]] = {colour: [] for colour, _ in read}
    for y, colour in zip(ys, colours, strict=True):
        if type(y) is Value and colour in together:
            together[colour].append(y)
    found = {colour: run.derivatives(recorded(ops.sum, some)) for colour, some in together.items()}
    return [found[colour][column] for colour, column in read]


def _by_columns(run: Run, ys: Sequence[Any], colours: Sequence[int], pattern: _Pattern) -> list[Any]:
    """The entries of the pattern, from the derivatives of ys along the sums of the variables of one colour."""
    values = list(map(as_value, ys))
    seeds = [[float(colour == other) for other in colours] for colour in range(max(colours) + 1)]
    found = [run.tangents_of(values, seed) for seed in seeds]
    made = []
    for i, row in enumerate(pattern):
        some = [found[colours[j]][i] for j in row]
        if not is_tracing() and not math.isfinite(sum(getattr(x, "data", x) for x in some)):
            again = run.derivatives(ys[i])  # a zero tangent times infinity is nan, which a zero adjoint is not
            some = [again[j] for j in row]
        made += some
    return made


def _matrix(pattern: _Pattern, count: int, values: Sequence[Any]) -> SparseMatrix:
    rows = np.repeat(np.arange(len(pattern)), list(map(len, pattern)))
    columns = np.fromiter((j for row in pattern for j in row), int, len(rows))
    kind = object if Value in set(map(type, values)) else float
    return SparseMatrix(rows, columns, np.fromiter(values, kind, len(values)), (len(pattern), count))
