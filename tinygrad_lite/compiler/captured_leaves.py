"""The leaves that a compiled function captured, as one array."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import Span, Storage, Value, storage_of
from ..transforms.bound_leaves import BoundLeaves, runs_of

_MOST_SPANS = 8


class Parameters(BoundLeaves):
    """The captured leaves: bound ones storage by storage, then those that were free and are bound now, then detached
    ones, which receive no gradient.

    count      how many there are
    trainable  how many of them receive gradients
    arguments  the trainable leaves as arguments of one node: as spans, if a few spans cover them
    """

    def __init__(self, free: Sequence[Value], bound: Sequence[Span], detached: Sequence[Value]) -> None:
        """
        bound  in the order of their cells
        """
        if free:
            storage_of(free)
        self._fixed = detached
        runs = [*bound, *runs_of(free)]
        self.trainable = sum(map(len, runs))
        self.count = self.trainable + len(detached)
        super().__init__(runs)

    @property
    def leaves(self) -> list[Value]:
        return [*self.bound, *self._fixed]

    def _locate(self) -> None:
        self._views = [np.frombuffer(run.storage.values)[run.start :][: len(run)] for run in self.runs]
        self._copied = bool(self._fixed) or len(self.runs) != 1
        self._numbers = np.empty(self.count) if self._copied else self._views[0]
        few = len(self.runs) <= _MOST_SPANS
        self.arguments: tuple[Any, ...] = tuple(self.runs) if few else (tuple(self.bound),)

    def numbers(self) -> Any:
        """Their current numbers: one array that stays current until a leaf moves to another storage."""
        if self.count:
            self.locate()
            if self._copied:
                self._numbers[...] = np.concatenate([*self._views, [v.data for v in self._fixed]])
        return self._numbers

    def places(self) -> tuple[dict[Value, int], dict[Storage, list[tuple[int, int, int]]]]:
        """The places of the detached leaves in a Program, and those of the others by their cells; see transcribe()."""
        self.locate()
        cells: dict[Storage, list[tuple[int, int, int]]] = defaultdict(list)
        position = 0
        for run in self.runs:
            cells[run.storage].append((run.start, run.start + len(run), ~position))
            position += len(run)
        return {v: ~k for k, v in enumerate(self._fixed, self.trainable)}, dict(cells)
