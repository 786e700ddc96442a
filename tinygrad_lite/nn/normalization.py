"""Normalization: layers that bring a row of numbers to the same scale."""

from __future__ import annotations

import sys
from typing import Any

from .. import ops
from ..floats.expected import UP_TO_INF
from .inputs import check_row, on_rows, positive
from .module import Module
from .parameters import biases, parameters


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias, for a row of numbers, or for each row in a list of rows.

    normalized_shape    how many numbers a row has; the variance is their mean squared distance from the mean
    elementwise_affine  False: neither weight nor bias is learned
    bias                False: no bias
    Ba, Kiros and Hinton 2016, "Layer normalization", eq. 4.

    >>> [round(y.data, 3) for y in LayerNorm(2)([1.0, 3.0])]
    [-1.0, 1.0]
    """

    def __init__(
        self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True
    ) -> None:
        size = positive("LayerNorm(normalized_shape)", normalized_shape)
        self.eps = UP_TO_INF.checked("LayerNorm(eps)", eps, TypeError)
        self.weight = parameters([1.0] * size, size) if elementwise_affine else [1.0] * size
        self.bias = biases(size, elementwise_affine and bias)

    def forward(self, x: Any) -> Any:
        return on_rows(self._of_row, x)

    def _of_row(self, row: list[Any]) -> list[Any]:
        check_row(self, row, len(self.weight))
        mean = ops.mean(row)
        centered = [x - mean for x in row]
        variance = ops.dot(centered, centered) / len(row)
        deviation = ops.sqrt(variance + self.eps)
        return [c / deviation * w + b for c, w, b in zip(centered, self.weight, self.bias, strict=True)]

    def __repr__(self) -> str:
        return f"LayerNorm({len(self.weight)})"


class RMSNorm(Module):
    """x / sqrt(mean(x**2) + eps) * weight, for a row of numbers, or for each row in a list of rows.

    normalized_shape    how many numbers a row has
    eps                 None: the distance from 1 to the next float, as in PyTorch
    elementwise_affine  False: no weight is learned
    Zhang and Sennrich 2019, "Root mean square layer normalization", eq. 4.

    >>> [round(y.data, 3) for y in RMSNorm(2)([3.0, 3.0])]
    [1.0, 1.0]
    """

    def __init__(self, normalized_shape: int, eps: float | None = None, elementwise_affine: bool = True) -> None:
        size = positive("RMSNorm(normalized_shape)", normalized_shape)
        self.eps = sys.float_info.epsilon if eps is None else UP_TO_INF.checked("RMSNorm(eps)", eps, TypeError)
        self.weight = parameters([1.0] * size, size) if elementwise_affine else [1.0] * size

    def forward(self, x: Any) -> Any:
        return on_rows(self._of_row, x)

    def _of_row(self, row: list[Any]) -> list[Any]:
        check_row(self, row, len(self.weight))
        scale = ops.sqrt(ops.dot(row, row) / len(row) + self.eps)
        return [x / scale * w for x, w in zip(row, self.weight, strict=True)]

    def __repr__(self) -> str:
        return f"RMSNorm({len(self.weight)})"
