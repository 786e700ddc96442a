"""The leaves that a compiled function captured, as one array."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np

from ..engine import Span, Value, are_parameters, located, storage_of
from ..transforms.bound_leaves import BoundLeaves

_MOST_SPANS = 8


class Parameters(BoundLeaves):
    """The captured leaves, in the order of their storages and cells; leaves that are not bound yet are bound.

    leaves     all of them; the detached ones, which receive no gradient, come last
    trainable  how many of them receive gradients
    arguments  the trainable leaves as arguments of one node: as spans, if a few spans cover them
    """

    def __init__(self, leaves: Sequence[Value]) -> None:
        bound, self._fixed = leaves, []
        if not are_parameters(leaves, bound=True):
            free = [v for v in leaves if v.kind == "leaf"]
            if free:
                storage_of(free)
            bound = [v for v in leaves if v.kind == "parameter"]
            self._fixed = [v for v in leaves if v.kind == "detached"]
        _, owners, cells, sizes = located(bound)
        stops = [*accumulate(sizes)]
        runs = [bound[stops[k] - sizes[k] : stops[k]] for k in np.lexsort((cells, owners))]
        bound = list(chain.from_iterable(runs))
        self.leaves, self.trainable = [*bound, *self._fixed], len(bound)
        super().__init__(bound)

    def _locate(self) -> None:
        super()._locate()
        self._views = [np.frombuffer(storage.values)[first:][: len(its)] for storage, first, its in self.runs]
        self._copied = bool(self._fixed) or len(self.runs) != 1
        self._numbers = np.empty(len(self.leaves)) if self._copied else self._views[0]
        few = len(self.runs) <= _MOST_SPANS
        self.arguments: tuple[Any, ...] = tuple([Span(*run) for run in self.runs]) if few else (tuple(self.bound),)

    def numbers(self) -> Any:
        """Their current numbers: one array that stays current until a leaf moves to another storage."""
        if self.leaves:
            self.locate()
            if self._copied:
                self._numbers[...] = np.concatenate([*self._views, [v.data for v in self._fixed]])
        return self._numbers
