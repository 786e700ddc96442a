"""Layers whose output is a fixed point, trained by recurrent backpropagation."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from ..engine import dot
from ..errors import ShapeError, received
from ..implicit.fixed_point_equation import FixedPoint, fixed_point
from .activations import Function, on_values
from .activations import activation as activation_named
from .init import drawn
from .inputs import positive
from .layers import Layer
from .module import Module
from .parameters import parameters


class Equilibrium(Module):
    """The fixed point z = cell(z, x): a network of any depth, with the memory of one layer.

    cell   a module or function of (z, x) that returns as many numbers as z has
    units  how many numbers z has
    tol, max_steps, damping are those of fixed_point, whose errors are raised. `solve(x)` returns its whole result.

    >>> half = Equilibrium(lambda z, x: [0.5 * z[0] + x], 1, tol=1e-12)
    >>> round(half(3.0)[0].data, 9)
    6.0
    """

    def __init__(self, cell: Callable[[Any, Any], Any], units: int, **settings: Any) -> None:
        if not callable(cell):
            raise TypeError(f"Equilibrium(cell, units): cell must be a function of (z, x), got {received(cell)}")
        self.cell, self.units = cell, positive("Equilibrium(units)", units)
        self.settings = settings

    def solve(self, x: Any) -> FixedPoint:
        """The fixed point for x, with how it was reached."""
        return fixed_point(self.cell, [0.0] * self.units, x, **self.settings)

    def forward(self, x: Any) -> Any:
        return self.solve(x).values

    def __repr__(self) -> str:
        return f"Equilibrium({getattr(self.cell, '__name__', self.cell)}, {self.units})"


class AlmeidaPineda(Module):
    """A fully recurrent network: each unit reads all units and all inputs, and the output is where they settle.

    inputs, units  how many; a call takes the inputs and returns the units, z = activation(W z + U x + b)
    activation     bounded activations settle more easily
    gain           roughly the spectral radius of W at the start; below 1 the network settles for any inputs
    settings       those of fixed_point

    >>> net = AlmeidaPineda(3, 2, tol=1e-6)
    >>> len(net([1.0, 0.0, -1.0])), net
    (2, AlmeidaPineda(3, 2))
    """

    def __init__(
        self, inputs: int, units: int, activation: str | Function = "tanh", gain: float = 0.5, **settings: Any
    ) -> None:
        if isinstance(activation, str) or not callable(activation):
            activation_named(activation)
        size = positive("AlmeidaPineda(units)", units)
        self.drive = Layer(positive("AlmeidaPineda(inputs)", inputs), size, nonlin=False, init=_scaled(1.0))
        self.w = parameters(drawn(_scaled(gain), size * size, size, size), size, size)
        self.activation, self.settings = activation, settings

    def step(self, z: Any, drive: Any) -> list[Any]:
        """One step of all units; drive is what the inputs contribute to each unit, U x + b."""
        if len(z) != len(self.w):
            raise ShapeError(f"AlmeidaPineda.step(z, drive) takes a z of {len(self.w)} units, got {len(z)}")
        function = on_values(self.activation)
        return [function(dot(row, z, d)) for row, d in zip(self.w, drive, strict=True)]

    def solve(self, x: Any) -> FixedPoint:
        """The fixed point for x, with how it was reached."""
        drive = self.drive(x)
        drive = drive if isinstance(drive, list) else [drive]
        return fixed_point(self.step, [0.0] * len(self.w), drive, **self.settings)

    def forward(self, x: Any) -> Any:
        return self.solve(x).values

    def __repr__(self) -> str:
        return f"AlmeidaPineda({len(self.drive.neurons[0].w)}, {len(self.w)})"


def _scaled(gain: float) -> Callable[[int, int], float]:
    """Uniform weights of variance gain**2 / fan_in, so that a weighted sum is gain times as large as its inputs."""

    def draw(fan_in: int, fan_out: int) -> float:
        return gain * math.sqrt(3.0 / fan_in) * random.uniform(-1, 1)

    return draw
