"""The leaves that a compiled function captured, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import Span, Storage, Value, bind

_MOST_SPANS = 8


class Parameters:
    """Leaves ordered by where they are bound, those that no gradient enters last; they are read at each call.

    leaves      all of them
    trainable   how many of them gradients enter
    """

    def __init__(self, leaves: Sequence[Value]) -> None:
        fixed = [v for v in leaves if v.kind == "detached"]
        free = [v for v in leaves if v.kind == "leaf"]
        if free:
            bind(free)
        bound = [v for v in leaves if v.kind == "parameter"]
        places = [_cell(v) for v in bound]
        storages = list(dict.fromkeys(id(storage) for storage, _ in places))
        order = sorted(range(len(bound)), key=lambda k: (storages.index(id(places[k][0])), places[k][1]))
        self.leaves = [bound[k] for k in order] + fixed
        self.trainable = len(bound)
        self._locate()

    def _locate(self) -> None:
        places = [_cell(v) for v in self.leaves[: self.trainable]]
        self._storages: list[Storage] = list({id(storage): storage for storage, _ in places}.values())
        self._pieces: list[tuple[Any, int, int]] = []
        start = 0
        for k in range(1, len(places) + 1):
            storage, cell = places[k - 1]
            if k == len(places) or places[k][0] is not storage or places[k][1] != cell + 1:
                first = places[start][1]
                self._pieces.append((storage, first, k - start))
                start = k
        self._views = [np.frombuffer(storage.values)[first : first + n] for storage, first, n in self._pieces]
        self.arguments: tuple[Any, ...] = (tuple(self.leaves[: self.trainable]),)
        if len(self._pieces) <= _MOST_SPANS:
            spans, start = [], 0
            for storage, first, n in self._pieces:
                spans.append(Span(storage, first, self.leaves[start : start + n]))
                start += n
            self.arguments = tuple(spans)

    def numbers(self) -> Any:
        """What they are now."""
        if any([storage.moved for storage in self._storages]):
            self._locate()
        fixed = self.leaves[self.trainable :]
        if len(self._views) == 1 and not fixed:
            return self._views[0]
        return np.concatenate([*self._views, [v.data for v in fixed]]) if self.leaves else np.empty(0)


def _cell(v: Value) -> tuple[Storage, int]:
    storage, cells = bind([v])
    return storage, cells[0]
