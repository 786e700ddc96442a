"""Activation functions, by name and as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .. import ops
from ..engine import Value
from ..errors import received
from .module import Module
from .names import unknown_name

Function = Callable[[Any], Any]

LINEAR = "linear"


def linear(x: Any) -> Any:
    """Returns x as it is: no activation."""
    return x


def activation(name: str | None) -> Function:
    """The activation function with this name in the table of operations; "linear" and None leave x as it is.

    Raises ValueError for a name that is not in the table, or whose operation does not take one number.

    >>> activation("tanh")(0.0), activation("linear")(3.0)
    (0.0, 3.0)
    """
    if name is None or name == LINEAR:
        return linear
    if not isinstance(name, str):
        raise TypeError(f"an activation is given by its name, such as 'tanh', got {received(name)}")
    row = ops.TABLE.get(name) or ops.ALIASES.get(name)
    if row is None or not _is_unary(row):
        raise unknown_name("activation", name, [LINEAR, *(row.name for row in ops.TABLE.values() if _is_unary(row))])
    return row


FASTEST: dict[Any, Function] = {LINEAR: linear}
"""What on_values found so far, by name."""


def on_values(which: str | Function) -> Function:
    """The fastest form of an activation, for Values only; if it is a module, its results get the neuron's path."""
    function = FASTEST.get(which)
    if function is not None:
        return function
    if isinstance(which, Module):
        return which.forward
    if not isinstance(which, str):
        return which
    row = activation(which)
    method: Function | None = vars(Value).get(getattr(row, "name", ""))
    if method is None:
        return row  # not kept: a user may define an operation of their own again
    FASTEST[which] = method
    return method


def _is_unary(row: ops.Op) -> bool:
    return not row.sequences and len(row.args) - len(row.defaults) == 1


class Activation(Module):
    """An operation as a module: it takes a number, or a list and is applied to each element.

    >>> [y.data for y in ReLU()([Value(-1.0), Value(2.0)])]
    [0.0, 2.0]
    """

    operation: ClassVar[str]

    def function(self, x: Any) -> Any:
        """The activation of one number."""
        return on_values(self.operation)(x) if type(x) is Value else activation(self.operation)(x)

    def forward(self, x: Any) -> Any:
        if isinstance(x, (list, tuple)) or getattr(x, "ndim", 0) > 0:
            return [self.forward(item) for item in x]
        return self.function(x)


class ReLU(Activation):
    """max(x, 0)."""

    operation = "relu"


class Tanh(Activation):
    """The hyperbolic tangent."""

    operation = "tanh"


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    operation = "sigmoid"


class Softplus(Activation):
    """log(1 + exp(x))."""

    operation = "softplus"


class GELU(Activation):
    """x * normcdf(x): Hendrycks and Gimpel 2016, "Gaussian error linear units"."""

    operation = "gelu"


class SiLU(Activation):
    """x * sigmoid(x): Elfwing et al. 2017, "Sigmoid-weighted linear units"."""

    operation = "silu"


class LeakyReLU(Activation):
    """x if positive, else negative_slope * x: Maas et al. 2013, "Rectifier nonlinearities"."""

    operation = "leaky_relu"

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def function(self, x: Any) -> Any:
        return ops.leaky_relu(x, self.negative_slope)

    def __repr__(self) -> str:
        return f"LeakyReLU({self.negative_slope:g})"


class ELU(Activation):
    """x if positive, else alpha * (exp(x) - 1): Clevert et al. 2015, "Exponential linear units"."""

    operation = "elu"

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def function(self, x: Any) -> Any:
        return ops.elu(x, self.alpha)

    def __repr__(self) -> str:
        return f"ELU({self.alpha:g})"


class Softmax(Module):
    """Turns a list into probabilities proportional to exp(x).

    >>> Softmax()([0.0, 0.0])
    [0.5, 0.5]
    """

    def forward(self, xs: Any) -> list[Any]:
        return ops.softmax(xs)


class LogSoftmax(Module):
    """The logarithm of Softmax, without underflow."""

    def forward(self, xs: Any) -> list[Any]:
        return ops.log_softmax(xs)


DISPLAYED = {kind.operation: kind.__name__ for kind in (ReLU, Tanh, Sigmoid, Softplus, GELU, SiLU, LeakyReLU, ELU)}
"""How the name of an activation is written before "Neuron"."""
