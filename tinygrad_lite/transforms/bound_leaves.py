"""Where leaves lie in storages. They are located again when they move to another storage."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine import Storage, Value, runs_of


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
        runs = runs_of(self.bound)
        self._found = {storage: storage.moved for storage, *_ in runs}
        self.runs = [(storage, first, self.bound[start:stop]) for storage, first, start, stop in runs]

    def locate(self, first: bool = False) -> None:
        """Locates the leaves again if any has moved to another storage."""
        for storage, moved in self._moved.items():
            if storage.moved != moved:
                first = True
                break
        if first:
            self._locate()
            self._moved = self._found  # last, so that an interrupted call is repeated
