"""What micrograd lacks for the benchmarks' programs, in its own style."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from micrograd.engine import Value

__all__ = ["Value", "exp", "log", "tanh"]


def _unary(function: Callable[[float], float], slope: Callable[[float, float], float]) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        y = Value(function(x.data), (x,))

        def backward() -> None:
            x.grad += slope(x.data, y.data) * y.grad

        y._backward = backward
        return y

    return apply


tanh = _unary(math.tanh, lambda x, y: 1 - y * y)
exp = _unary(math.exp, lambda x, y: y)
log = _unary(math.log, lambda x, y: 1 / x)
