"""Where an operation is flat, so that no gradient passes."""

from __future__ import annotations

import math

from .. import engine
from ..engine import Value


def blocking(v: Value) -> list[bool]:
    """For each parent, whether v passes nothing to it even if v's adjoint is infinite.

    v is flat there (a relu at a negative input, x ** 0), or the parent is detached.

    >>> x = Value(-1.0)
    >>> blocking(x.relu()), blocking(x**0), blocking(x * 0.0), blocking(x * x.detach())
    ([True], [True], [False], [False, True])
    """
    passed = engine.contributions(v, math.inf)
    return [x == 0.0 or parent.kind == "detached" for x, parent in zip(passed, v.parents, strict=True)]
