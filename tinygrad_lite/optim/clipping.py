"""Gradient clipping, to be called between backward() and step()."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from ..engine import Value
from ..errors import received
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
    limit = _limit(f"{who}(max_norm)", max_norm)
    if not (isinstance(norm_type, (int, float)) and norm_type > 0):
        raise ValueError(f"{who}(norm_type) must be a number above 0, or inf, got {norm_type!r}")
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

    limit = _limit("clip_grad_value_(clip_value)", clip_value)
    leaves = Leaves("clip_grad_value_", params)
    values, grads = leaves.numbers()
    np.clip(grads, -limit, limit, out=grads)
    leaves.write(values, grads)


def _limit(who: str, limit: Any) -> float:
    if not isinstance(limit, Real):
        raise TypeError(f"{who} must be a number, 0 or larger, got {received(limit)}")
    if not float(limit) >= 0.0:
        raise ValueError(f"{who} must be a number, 0 or larger, got {limit!r}")
    return float(limit)
