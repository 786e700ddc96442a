"""Gradient clipping, to be called between backward() and step()."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..engine import Value
from ..floats.expected import POSITIVE, UP_TO_INF
from .leaves import Leaves


def clip_grad_norm_(
    params: Iterable[Value], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scales the gradients down, as one vector, to a norm of at most max_norm; returns the norm before scaling.

    >>> x = Value(1.0); (30 * x).backward()
    >>> clip_grad_norm_([x], 1.0), round(x.grad, 5)
    (30.0, 1.0)
    """
    import numpy as np

    who = "clip_grad_norm_"
    limit = UP_TO_INF.checked(f"{who}(max_norm)", max_norm, TypeError)
    norm_type = POSITIVE.checked(f"{who}(norm_type)", norm_type)
    leaves = Leaves(who, params)
    values, grads = leaves.numbers()
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm(grads, norm_type))
        if error_if_nonfinite and not math.isfinite(norm):
            raise ValueError(f"{who}: the norm of the gradients is {norm}, so nothing was scaled")
        if not norm + 1e-6 <= limit:
            grads *= limit / (norm + 1e-6)
            leaves.write(values, grads)
    return norm


def clip_grad_value_(params: Iterable[Value], clip_value: float) -> None:
    """Limits every gradient to the range from -clip_value to clip_value.

    >>> x = Value(1.0); (30 * x).backward()
    >>> clip_grad_value_([x], 2.0); x.grad
    2.0
    """
    import numpy as np

    limit = UP_TO_INF.checked("clip_grad_value_(clip_value)", clip_value, TypeError)
    leaves = Leaves("clip_grad_value_", params)
    values, grads = leaves.numbers()
    np.clip(grads, -limit, limit, out=grads)
    leaves.write(values, grads)
