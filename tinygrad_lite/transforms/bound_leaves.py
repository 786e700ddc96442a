"""Where leaves lie in storages. They are located again when they move to another storage."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from ..engine import Storage, Value, located


class BoundLeaves:
    """Bound leaves. A subclass makes arrays of them in _locate(), which is called again after any leaf has moved.

    bound  the leaves
    runs   (storage, first cell, leaves) for each run of leaves in consecutive cells
    """

    def __init__(self, bound: Sequence[Value]) -> None:
        self.bound = bound
        self._moved: dict[Storage, int] = {}
        self.locate(first=True)

    def _locate(self) -> None:
        storages, owners, cells, sizes = located(self.bound)
        self._found = {storage: storage.moved for storage in storages}
        ends = pairwise(accumulate(sizes, initial=0))
        self.runs = [
            (storages[owner], cell, self.bound if len(owners) == 1 else self.bound[start:stop])
            for owner, cell, (start, stop) in zip(owners, cells, ends, strict=True)
        ]

    def locate(self, first: bool = False) -> None:
        """Locates the leaves again if any has moved to another storage."""
        for storage, moved in self._moved.items():
            if storage.moved != moved:
                first = True
                break
        if first:
            self._locate()
            self._moved = self._found  # last, so that an interrupted call is repeated
