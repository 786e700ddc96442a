"""Linear: a matrix and a bias, as in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine import current_origin, dots
from .init import Initialisation, drawn, initialisation
from .inputs import check_row, on_rows, positive
from .module import Module
from .parameters import biases, parameters


def affine(weight: Sequence[Any], x: Sequence[Any], bias: Sequence[Any]) -> list[Any]:
    """weight @ x + bias, with one dot node for each row of the matrix.

    >>> from tinygrad_lite import Value
    >>> [y.data for y in affine([[1.0, 2.0], [0.0, 3.0]], [Value(10.0), Value(1.0)], [0.0, 0.5])]
    [12.0, 3.5]
    """
    origin = current_origin()
    return dots([(row, b, origin) for row, b in zip(weight, bias, strict=True)], x)


class Linear(Module):
    """weight @ x + bias, for a row of numbers or for each row in a list of rows; the result is always a list.

    weight  [out_features][in_features], drawn by init (see `initialisation`)
    bias    [out_features], starts at 0; False: no bias
    `Layer` has separate neurons instead, each with an activation.

    >>> layer = Linear(3, 2)
    >>> layer, len(layer([1.0, 2.0, 3.0])), len(layer([[1.0, 2.0, 3.0]] * 5))
    (Linear(3, 2), 2, 5)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, init: str | Initialisation = "lecun_uniform"
    ) -> None:
        fan_in = positive("Linear(in_features)", in_features)
        fan_out = positive("Linear(out_features)", out_features)
        numbers = drawn(initialisation(init), fan_out * fan_in, fan_in, fan_out)
        self.weight = parameters(numbers, fan_out, fan_in)
        self.bias = biases(fan_out, bias)

    def forward(self, x: Any) -> Any:
        return on_rows(self._of_row, x)

    def _of_row(self, row: list[Any]) -> list[Any]:
        check_row(self, row, len(self.weight[0]))
        return affine(self.weight, row, self.bias)

    def __repr__(self) -> str:
        return f"Linear({len(self.weight[0])}, {len(self.weight)})"
