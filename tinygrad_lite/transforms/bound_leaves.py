"""Where leaves lie in storages. They are located again when they move to another storage."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from ..engine import Span, Storage, Value, located


class BoundLeaves:
    """Bound leaves. A subclass makes arrays of them in _locate(), which is called again after any leaf has moved.

    runs  a Span for each run of leaves in consecutive cells
    """

    def __init__(self, runs: Sequence[Span]) -> None:
        self._settle(runs)

    @property
    def bound(self) -> list[Value]:
        """The leaves, in order."""
        return [leaf for run in self.runs for leaf in run.leaves]

    def _locate(self) -> None:
        raise NotImplementedError

    def _settle(self, runs: Sequence[Span]) -> None:
        self.runs = runs
        found = {run.storage: run.storage.moved for run in runs}
        self._locate()
        self._moved: dict[Storage, int] = found  # last, so that an interrupted call is repeated

    def locate(self) -> None:
        """Locates the leaves again if any has moved to another storage."""
        for storage, moved in self._moved.items():
            if storage.moved != moved:
                self._settle(runs_of(self.bound))
                break


def runs_of(leaves: Sequence[Value]) -> list[Span]:
    """Spans of bound leaves, one after the other."""
    storages, owners, cells, sizes = located(leaves)
    ends = pairwise(accumulate(sizes, initial=0))
    return [
        Span(storages[owner], cell, leaves if len(owners) == 1 else leaves[start:stop])
        for owner, cell, (start, stop) in zip(owners, cells, ends, strict=True)
    ]
