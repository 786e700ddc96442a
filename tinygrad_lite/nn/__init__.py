"""Neural networks on Values: modules, layers, activations, initialisations, losses."""

from . import init
from .activations import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    activation,
)
from .layers import MLP, Layer, Neuron, Sequential
from .losses import binary_cross_entropy_with_logits, cross_entropy, hinge, huber, mse
from .module import Module

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "Layer",
    "LeakyReLU",
    "LogSoftmax",
    "Module",
    "Neuron",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "activation",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "hinge",
    "huber",
    "init",
    "mse",
]
