"""Optimizers with PyTorch's names, arguments and formulas; a step is a few array operations over all parameters.

A gradient that no sweep has reached counts as 0 (PyTorch passes such a parameter by). Inf and nan are not looked for.
"""

from .algorithms import SGD, Adam, AdamW, RMSprop
from .clipping import clip_grad_norm_, clip_grad_value_
from .optimizer import Optimizer

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm_", "clip_grad_value_"]
