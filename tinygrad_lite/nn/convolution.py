"""Convolutions, written out: every output is the dot product of a filter and the window that it covers."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..errors import ShapeError, received
from .init import Initialisation, drawn, initialisation
from .inputs import called, positive, shaped
from .module import Module
from .parameters import biases, parameters


class Conv1d(Module):
    """Filters that slide along a signal: takes lists [in_channels][time], returns lists [out_channels][time].

    weight   [out_channels][in_channels][kernel_size], drawn by init (see `initialisation`)
    bias     [out_channels], starts at 0; False: no bias
    stride   how far a filter moves at a time
    padding  number of zeros before and after the signal
    Each filter has (time + 2 * padding - kernel_size) // stride + 1 outputs; ShapeError if that is less than 1.

    >>> edges = Conv1d(1, 1, kernel_size=2, bias=False)
    >>> edges.weight[0][0][0].data, edges.weight[0][0][1].data = -1.0, 1.0
    >>> [y.data for y in edges([[0.0, 0.0, 5.0, 5.0]])[0]]
    [0.0, 5.0, 0.0]
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        init: str | Initialisation = "lecun_uniform",
    ) -> None:
        self.in_channels = channels = positive("Conv1d(in_channels)", in_channels)
        self.out_channels = filters = positive("Conv1d(out_channels)", out_channels)
        self.kernel_size = size = positive("Conv1d(kernel_size)", kernel_size)
        self.stride = positive("Conv1d(stride)", stride)
        self.padding = positive("Conv1d(padding)", padding, least=0)
        numbers = drawn(initialisation(init), filters * channels * size, channels * size, filters * size)
        self.weight = parameters(numbers, filters, channels, size)
        self.bias = biases(filters, bias)

    def forward(self, signal: Any) -> Any:
        size, ends = self.kernel_size, [0.0] * self.padding
        padded = [[*ends, *channel, *ends] for channel in shaped(self, signal, self.in_channels, "time")]
        windows = [
            [channel[start + k] for channel in padded for k in range(size)]
            for start in _starts(self, len(padded[0]), size, self.stride)
        ]
        filters = [[w for channel in weights for w in channel] for weights in self.weight]
        return [[ops.dot(f, window, b) for window in windows] for f, b in zip(filters, self.bias, strict=True)]

    def __repr__(self) -> str:
        return f"Conv1d({self.in_channels}, {self.out_channels}, {self.kernel_size})"


class Conv2d(Module):
    """Filters that slide over an image: takes [in_channels][row][column], returns [out_channels][row][column].

    weight   [out_channels][in_channels][row][column], drawn by init (see `initialisation`)
    bias     [out_channels], starts at 0; False: no bias
    kernel_size, stride, padding  as in Conv1d: one number for both directions, or (rows, columns)

    >>> blur = Conv2d(1, 1, kernel_size=2, init=lambda fan_in, fan_out: 1 / fan_in)
    >>> [[y.data for y in row] for row in blur([[[0.0, 0.0, 4.0], [0.0, 4.0, 8.0]]])[0]]
    [[1.0, 4.0]]
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
        init: str | Initialisation = "lecun_uniform",
    ) -> None:
        self.in_channels = channels = positive("Conv2d(in_channels)", in_channels)
        self.out_channels = filters = positive("Conv2d(out_channels)", out_channels)
        self.kernel_size = height, width = _pair("Conv2d(kernel_size)", kernel_size)
        self.stride = _pair("Conv2d(stride)", stride)
        self.padding = _pair("Conv2d(padding)", padding, least=0)
        area = height * width
        numbers = drawn(initialisation(init), filters * channels * area, channels * area, filters * area)
        self.weight = parameters(numbers, filters, channels, height, width)
        self.bias = biases(filters, bias)

    def forward(self, image: Any) -> Any:
        height, width = self.kernel_size
        padded = [self._padded(channel) for channel in shaped(self, image, self.in_channels, "row", "column")]
        windows = [
            [
                tuple([channel[top + i][left + j] for channel in padded for i in range(height) for j in range(width)])
                for left in _starts(self, len(padded[0][0]), width, self.stride[1])
            ]
            for top in _starts(self, len(padded[0]), height, self.stride[0])
        ]
        filters = [tuple([w for channel in weights for row in channel for w in row]) for weights in self.weight]
        return [
            [[ops.dot(f, window, b) for window in row] for row in windows]
            for f, b in zip(filters, self.bias, strict=True)
        ]

    def _padded(self, channel: Any) -> list[list[Any]]:
        """The rows of a channel, with zeros around them."""
        above, ends = self.padding[0], [0.0] * self.padding[1]
        rows = [[*ends, *row, *ends] for row in channel]
        zeros = [0.0] * len(rows[0])
        return [zeros] * above + rows + [zeros] * above

    def __repr__(self) -> str:
        return f"Conv2d({self.in_channels}, {self.out_channels}, {self.kernel_size})"


def _pair(who: str, size: int | tuple[int, int], least: int = 1) -> tuple[int, int]:
    """A size as (rows, columns), given as one number for both or as two."""
    if not isinstance(size, (tuple, list)):
        return (positive(who, size, least),) * 2
    if len(size) != 2:
        raise ShapeError(f"{who} must be one whole number, or two as (rows, columns), got {received(size)}")
    return positive(who, size[0], least), positive(who, size[1], least)


def _starts(module: Module, length: int, size: int, stride: int) -> range:
    """The positions at which windows of this size begin."""
    if length < size:
        raise ShapeError(
            f"{called(module)} has filters of size {size} for {length} numbers, padding included: add padding"
        )
    return range(0, length - size + 1, stride)
