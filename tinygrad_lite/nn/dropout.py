"""Dropout: numbers are set to 0 at random in training."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..floats.expected import SHARE
from ..recording.random_source import Draws
from .inputs import as_list
from .module import Module


class Dropout(Module):
    """Sets each number to 0 with probability p in training, else divides it by 1 - p; after eval() it changes nothing.

    p     a probability, from 0 to 1
    seed  the seed of the draws (see `Draws`); each call draws anew, compiled or not; give each layer its own seed
    The input may be a number, a list, or nested lists.
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", in inverted form.

    >>> dropout = Dropout(0.5, seed=2)
    >>> dropout([1.0] * 6), dropout.eval()([1.0] * 6)
    ([0.0, 0.0, 2.0, 0.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """

    def __init__(self, p: float = 0.5, seed: int | None = None) -> None:
        self.p = SHARE.checked("Dropout(p)", p, TypeError)
        self._draws = Draws(seed)

    def forward(self, x: Any) -> Any:
        return self._thinned(x) if self.training and self.p > 0.0 else x

    def _thinned(self, x: Any) -> Any:
        x = as_list(x)
        if isinstance(x, list):
            return [self._thinned(item) for item in x]
        kept = ops.less_equal(self.p, self._draws.uniform())
        return x * (kept / (1.0 - self.p)) if self.p < 1.0 else x * 0.0

    def __repr__(self) -> str:
        return f"Dropout({self.p:g})"
