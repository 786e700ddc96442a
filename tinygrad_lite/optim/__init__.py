"""Optimizers and schedules with PyTorch's names, arguments and formulas; a step is a few array operations.

A gradient that no sweep has reached counts as 0 (PyTorch skips such a parameter). Nothing checks for inf and nan.
Optimizers take parameter groups, each with its own settings, and schedules start each group from its own lr.
All have state_dict(), load_state_dict(), save() and load().
"""

from .algorithms import SGD, Adagrad, Adam, AdamW, NAdam, RMSprop
from .clipping import clip_grad_norm_, clip_grad_value_
from .lbfgs import LBFGS
from .one_cycle import OneCycleLR
from .optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .schedule import Schedule
from .schedules import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    SequentialLR,
    StepLR,
)

__all__ = [
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
]
