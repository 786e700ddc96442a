"""Derivatives of functions: grad and related transforms, nested arguments, gradcheck, custom operations."""

from .derivatives import grad as grad
from .derivatives import gradients as gradients
from .derivatives import hessian as hessian
from .derivatives import hvp as hvp
from .derivatives import jacobian as jacobian
from .derivatives import jvp as jvp
from .derivatives import value_and_grad as value_and_grad
from .derivatives import vjp as vjp

__all__ = ["grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
