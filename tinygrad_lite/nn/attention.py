"""Multi-head self-attention."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..errors import ShapeError
from .inputs import positive, shaped
from .linear import Linear
from .module import Module


class Attention(Module):
    """Multi-head self-attention: takes a list of token vectors, and returns a list of the same length.

    embed_dim  length of a token's vector, with the heads side by side
    num_heads  number of heads, which must divide embed_dim
    causal     True: a token sees itself and the tokens before it; False: it sees all tokens
    bias       whether the four projections `query`, `key`, `value` and `out` have biases
    Vaswani et al. 2017, "Attention is all you need", eq. 1 and section 3.2.2.

    >>> attention = Attention(4, num_heads=2, causal=True)
    >>> attention, [len(y) for y in attention([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])]
    (Attention(4, num_heads=2, causal=True), [4, 4, 4])
    """

    def __init__(self, embed_dim: int, num_heads: int = 1, causal: bool = False, bias: bool = True) -> None:
        width = positive("Attention(embed_dim)", embed_dim)
        self.num_heads = positive("Attention(num_heads)", num_heads)
        if width % self.num_heads:
            raise ShapeError(f"Attention(embed_dim={width}) does not divide into num_heads={num_heads} equal parts")
        self.causal = causal
        self.query, self.key, self.value, self.out = (Linear(width, width, bias) for _ in range(4))

    def forward(self, tokens: Any) -> Any:
        tokens = shaped(self, tokens, "token", len(self.query.weight))
        queries, keys, values = self.query(tokens), self.key(tokens), self.value(tokens)
        mixed = []
        for t, query in enumerate(queries):
            seen = t + 1 if self.causal else len(queries)
            mixed.append(self._mixed(query, keys[:seen], values[:seen]))
        return self.out(mixed)

    def _mixed(self, query: list[Any], keys: list[list[Any]], values: list[list[Any]]) -> list[Any]:
        """For one token, the weighted mean of the values: in each head, the weights say how well keys fit its query."""
        size = len(query) // self.num_heads
        mixed = []
        for start in range(0, len(query), size):
            head = slice(start, start + size)
            scores = [ops.dot(query[head], key[head]) / math.sqrt(size) for key in keys]
            weights = ops.softmax(scores)
            mixed += [ops.dot(weights, column) for column in zip(*(value[head] for value in values), strict=True)]
        return mixed

    def __repr__(self) -> str:
        return f"Attention({len(self.query.weight)}, num_heads={self.num_heads}, causal={self.causal})"
