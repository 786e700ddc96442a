"""SparseMatrix: the entries of a matrix that may differ from 0, and where they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import MissingProgramError
from ..text.wording import shortened

_SHOWN, _LETTERS_SHOWN = 4, 60


@dataclass(frozen=True, eq=False, repr=False)
class SparseMatrix:
    """A matrix by its entries, row by row. Entries that are not listed are 0; a listed one may happen to be 0 too.

    rows, columns  where each entry is, as integer arrays, sorted by row, then by column
    values         the entries as a float64 array, or an object array where they are Values; of a batch (batch, entries)
    shape          (number of rows, number of columns)
    In a structure of arguments or results only the values count as numbers.

    >>> SparseMatrix(np.array([0, 1]), np.array([0, 2]), np.array([1.5, 2.0]), (2, 3))
    <SparseMatrix 2 x 3, 2 entries: [0, 0] 1.5, [1, 2] 2.0>
    """

    rows: Any = field(metadata={"static": True})
    columns: Any = field(metadata={"static": True})
    values: Any
    shape: tuple[int, int] = field(metadata={"static": True})

    def __repr__(self) -> str:
        count = len(self.rows)
        size = f"{self.shape[0]:,} x {self.shape[1]:,}, {count:,} {'entry' if count == 1 else 'entries'}"
        if not count or np.shape(self.values) != (count,):
            return f"<SparseMatrix {size}>"
        first = zip(self.rows[:_SHOWN], self.columns[:_SHOWN], self.values[:_SHOWN], strict=True)
        entries = [f"[{i}, {j}] {shortened(str(x), _LETTERS_SHOWN)}" for i, j, x in first]
        return f"<SparseMatrix {size}: {', '.join(entries)}{', ...' * (count > _SHOWN)}>"

    def toarray(self) -> np.ndarray[Any, Any]:
        """The whole matrix as an array, for a batch (batch, rows, columns); its numbers are those of the values.

        >>> SparseMatrix(np.array([0]), np.array([1]), np.array([1.5]), (1, 2)).toarray()
        array([[0. , 1.5]])
        """
        made = np.zeros((*self.values.shape[:-1], *self.shape), self.values.dtype)
        made[..., self.rows, self.columns] = self.values
        return made

    def to_scipy(self) -> Any:
        """The same as a scipy.sparse.csr_array, whose arrays are copies.

        Raises MissingProgramError where SciPy is not installed, TypeError for Values and for a batch.
        """
        if self.values.dtype == object or self.values.ndim != 1:
            what = "Values, which SciPy does not take" if self.values.dtype == object else "a batch of matrices"
            raise TypeError(f"to_scipy() is for one matrix of floats; {self!r} holds {what}: use .values or .toarray()")
        try:
            from scipy import sparse
        except ImportError as error:
            raise MissingProgramError(
                "to_scipy() needs SciPy: install it with  python -m pip install scipy  or take .toarray(), or .rows, "
                ".columns and .values"
            ) from error
        starts = np.searchsorted(self.rows, np.arange(self.shape[0] + 1))
        return sparse.csr_array((self.values.copy(), self.columns.copy(), starts), shape=self.shape)
