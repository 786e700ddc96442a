"""Initialisations: functions (fan_in, fan_out) -> weight, which draw with Python's random module (see random.seed).

fan_in is the number of inputs of a neuron, fan_out the number of neurons in its layer.

Xavier: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16.
He: He et al. 2015, "Delving deep into rectifiers", eq. 10.
LeCun: LeCun et al. 1998, "Efficient BackProp", eq. 16.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable

from ..errors import received
from .names import unknown_name

Initialisation = Callable[[int, int], float]

_many: dict[Initialisation, Callable[[int, int, int], list[float]]] = {}


def uniforms(bound: float, count: int) -> list[float]:
    """Numbers from -bound to bound, the same ones as from so many calls of random.uniform(-bound, bound)."""
    low, width, draw = -bound, bound - -bound, random.random
    return [low + width * draw() for _ in range(count)]


def normals(deviation: float, count: int) -> list[float]:
    """Normally distributed numbers, the same ones as from so many calls of random.gauss(0.0, deviation)."""
    draw = random.gauss
    return [draw(0.0, deviation) for _ in range(count)]


def _uniform(variance: Initialisation) -> Initialisation:
    """Makes an initialisation of a function that gives its variance."""
    return _drawing(variance, lambda of, count: uniforms(math.sqrt(3.0 * of), count))


def _normal(variance: Initialisation) -> Initialisation:
    return _drawing(variance, lambda of, count: normals(math.sqrt(of), count))


def _drawing(variance: Initialisation, drawn: Callable[[float, int], list[float]]) -> Initialisation:
    @functools.wraps(variance)
    def draw(fan_in: int, fan_out: int = 1) -> float:
        return drawn(variance(fan_in, fan_out), 1)[0]

    _many[draw] = lambda count, fan_in, fan_out: drawn(variance(fan_in, fan_out), count)
    return draw


@_uniform
def uniform(fan_in: int, fan_out: int = 1) -> float:
    """Uniform between -1 and 1, whatever the fan-in: the default, as in micrograd."""
    return 1.0 / 3.0


@_uniform
def xavier_uniform(fan_in: int, fan_out: int = 1) -> float:
    """Variance 2 / (fan_in + fan_out), for tanh and linear neurons."""
    return 2.0 / (fan_in + fan_out)


@_normal
def xavier_normal(fan_in: int, fan_out: int = 1) -> float:
    """Variance 2 / (fan_in + fan_out), for tanh and linear neurons."""
    return 2.0 / (fan_in + fan_out)


@_uniform
def he_uniform(fan_in: int, fan_out: int = 1) -> float:
    """Variance 2 / fan_in, for relu, which lets half of the signal pass."""
    return 2.0 / fan_in


@_normal
def he_normal(fan_in: int, fan_out: int = 1) -> float:
    """Variance 2 / fan_in, for relu, which lets half of the signal pass."""
    return 2.0 / fan_in


@_uniform
def lecun_uniform(fan_in: int, fan_out: int = 1) -> float:
    """Variance 1 / fan_in, so that the output varies as much as the inputs."""
    return 1.0 / fan_in


@_normal
def lecun_normal(fan_in: int, fan_out: int = 1) -> float:
    """Variance 1 / fan_in, so that the output varies as much as the inputs."""
    return 1.0 / fan_in


INITIALISATIONS: dict[str, Initialisation] = {
    function.__name__: function
    for function in (uniform, xavier_uniform, xavier_normal, he_uniform, he_normal, lecun_uniform, lecun_normal)
}


def initialisation(init: str | Initialisation) -> Initialisation:
    """The initialisation with this name, or the given function itself.

    >>> initialisation("he_normal").__name__
    'he_normal'
    """
    if callable(init):
        return init
    if not isinstance(init, str):
        raise TypeError(
            "init must be a name or a function (fan_in, fan_out) -> weight, of a layer's inputs and outputs, "
            f"got {received(init)}"
        )
    if init not in INITIALISATIONS:
        raise unknown_name("initialisation", init, INITIALISATIONS)
    return INITIALISATIONS[init]


def drawn(init: Initialisation, count: int, fan_in: int, fan_out: int) -> list[float]:
    """The numbers of so many calls init(fan_in, fan_out)."""
    many = _many.get(init)
    return [init(fan_in, fan_out) for _ in range(count)] if many is None else many(count, fan_in, fan_out)
