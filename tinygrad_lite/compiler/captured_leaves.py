"""The leaves that a compiled function captured, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..engine import Span, Storage, Value, bind, located

_MOST_SPANS = 8


class Parameters:
    """The captured leaves in the order of their cells in storage. Free leaves are bound first.

    leaves     all of them; the detached ones, which receive no gradient, come last
    trainable  how many of them receive gradients
    arguments  the trainable leaves as arguments of one node: as spans, if a few spans cover them
    """

    def __init__(self, leaves: Sequence[Value]) -> None:
        free = [v for v in leaves if v.kind == "leaf"]
        if free:
            bind(free)
        bound = [v for v in leaves if v.kind == "parameter"]
        _, owners, cells = located(bound)
        self.leaves = [bound[k] for k in np.lexsort((cells, owners))] + [v for v in leaves if v.kind == "detached"]
        self.trainable = len(bound)
        self._where: dict[Storage, int] = {}
        self._locate()

    def _locate(self) -> None:
        """Finds the storages and cells of the leaves, and makes views of their numbers."""
        storages, owners, cells = located(self.leaves[: self.trainable])
        where = {storage: storage.moved for storage in storages}
        apart = (np.diff(owners) != 0) | (np.diff(cells) != 1)
        ends = [0, *(np.flatnonzero(apart) + 1).tolist(), self.trainable]
        pieces = [(storages[owners[a]], cells[a], b - a) for a, b in pairwise(ends) if a < b]
        self._views = [np.frombuffer(storage.values)[first : first + count] for storage, first, count in pieces]
        self._copied = len(pieces) != 1 or len(self.leaves) > self.trainable
        self._numbers = np.empty(len(self.leaves)) if self._copied else self._views[0]
        starts = np.cumsum([0, *[count for _, _, count in pieces]]).tolist()
        self.arguments: tuple[Any, ...] = (tuple(self.leaves[: self.trainable]),)
        if len(pieces) <= _MOST_SPANS:
            self.arguments = tuple(
                [
                    Span(storage, first, self.leaves[start : start + count])
                    for start, (storage, first, count) in zip(starts, pieces, strict=False)
                ]
            )
        self._where = where  # set last: after an interrupt, the next call locates again

    def numbers(self) -> Any:
        """The leaves' current numbers: always the same array, until a leaf is bound elsewhere."""
        if not self.leaves:
            return self._numbers
        for storage, moved in self._where.items():
            if storage.moved != moved:
                self._locate()
                break
        if self._copied:
            fixed = [v.data for v in self.leaves[self.trainable :]]
            self._numbers[...] = np.concatenate([*self._views, fixed])
        return self._numbers
