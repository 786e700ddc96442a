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
from .attention import Attention
from .convolution import Conv1d, Conv2d
from .dropout import Dropout
from .embedding import Embedding
from .equilibrium import AlmeidaPineda, Equilibrium
from .layers import MLP, Layer, Neuron, Residual, Sequential
from .linear import Linear
from .losses import binary_cross_entropy_with_logits, cross_entropy, gaussian_nll, hinge, huber, l1, mse
from .module import Module
from .normalization import LayerNorm, RMSNorm
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "AlmeidaPineda",
    "Attention",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Equilibrium",
    "GRUCell",
    "LSTMCell",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Module",
    "Neuron",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "activation",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "gaussian_nll",
    "hinge",
    "huber",
    "init",
    "l1",
    "mse",
]
