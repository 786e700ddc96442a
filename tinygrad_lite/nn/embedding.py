"""Embedding: a table with a learned vector for each whole number."""

from __future__ import annotations

from numbers import Real
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import not_a_number
from .init import normals
from .inputs import as_list, called, positive
from .module import Module
from .parameters import parameters


class Embedding(Module):
    """Looks up the row of `weight` at an index; a list of indices gives a list of rows.

    weight  [num_embeddings][embedding_dim], drawn from the standard normal distribution
    Raises IndexError for an index that is not a whole number in 0..num_embeddings - 1, also in a compiled call.

    >>> tokens = Embedding(27, 4)
    >>> len(tokens(26)), len(tokens([0, 1, 2])), tokens(3)[0] is tokens.weight[3][0]
    (4, 3, True)
    """

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        size = positive("Embedding(num_embeddings)", num_embeddings)
        width = positive("Embedding(embedding_dim)", embedding_dim)
        self.weight = parameters(normals(1.0, size * width), size, width)

    def forward(self, index: Any) -> Any:
        index = as_list(index)
        if isinstance(index, list):
            return [self.forward(item) for item in index]
        if not isinstance(index, (Value, Real)):
            raise not_a_number(f"{called(self)}(index)", index)
        if type(index) is Value:
            return [ops.take(column, index) for column in zip(*self.weight, strict=True)]
        # Taking from range(n) gives the index itself, or raises the error that it is out of range.
        return list(self.weight[int(ops.take(range(len(self.weight)), index))])

    def __repr__(self) -> str:
        return f"Embedding({len(self.weight)}, {len(self.weight[0])})"
