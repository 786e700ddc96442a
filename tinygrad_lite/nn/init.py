"""Initialisations: functions (fan_in, fan_out) -> weight, which draw with Python's random module (see random.seed).

fan_in is the number of inputs of a neuron, fan_out the number of neurons in its layer.

Xavier: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16.
He: He et al. 2015, "Delving deep into rectifiers", eq. 10.
LeCun: LeCun et al. 1998, "Efficient BackProp", eq. 16.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from ..errors import received
from .names import unknown_name

Initialisation = Callable[[int, int], float]


def uniform(fan_in: int, fan_out: int = 1) -> float:
    """Uniform between -1 and 1, whatever the fan-in: the default, as in micrograd."""
    return random.uniform(-1, 1)


def xavier_uniform(fan_in: int, fan_out: int = 1) -> float:
    """Variance 2 / (fan_in + fan_out), for tanh and linear neurons."""
    return _uniform(2.0 / (fan_in + fan_out))


def xavier_normal(fan_in: int, fan_out: int = 1) -> float:
    """Variance 2 / (fan_in + fan_out), for tanh and linear neurons."""
    return _normal(2.0 / (fan_in + fan_out))


def he_uniform(fan_in: int, fan_out: int = 1) -> float:
    """Variance 2 / fan_in, for relu, which lets half of the signal pass."""
    return _uniform(2.0 / fan_in)


def he_normal(fan_in: int, fan_out: int = 1) -> float:
    """Variance 2 / fan_in, for relu, which lets half of the signal pass."""
    return _normal(2.0 / fan_in)


def lecun_uniform(fan_in: int, fan_out: int = 1) -> float:
    """Variance 1 / fan_in, so that the output varies as much as the inputs."""
    return _uniform(1.0 / fan_in)


def lecun_normal(fan_in: int, fan_out: int = 1) -> float:
    """Variance 1 / fan_in, so that the output varies as much as the inputs."""
    return _normal(1.0 / fan_in)


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
        raise TypeError(f"init must be a name or a function (fan_in, fan_out) -> weight, got {received(init)}")
    if init not in INITIALISATIONS:
        raise unknown_name("initialisation", init, INITIALISATIONS)
    return INITIALISATIONS[init]


def _uniform(variance: float) -> float:
    bound = math.sqrt(3.0 * variance)
    return random.uniform(-bound, bound)


def _normal(variance: float) -> float:
    return random.gauss(0.0, math.sqrt(variance))
