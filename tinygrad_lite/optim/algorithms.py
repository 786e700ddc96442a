"""SGD, RMSprop, Adam, AdamW, by PyTorch's formulas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..engine import Value
from .optimizer import Optimizer
from .settings import Setting, nonnegative, number, pair, switch

if TYPE_CHECKING:
    from .leaves import Array


class SGD(Optimizer):
    """Gradient descent; momentum is Polyak's (1964) as PyTorch has it, nesterov after Sutskever et al. 2013, eq. 3-4.

    >>> x = Value(3.0); opt = SGD([x], lr=0.1)
    >>> (x * x).backward(); opt.step(); round(x.data, 3)
    2.4
    """

    momentum = nonnegative()
    dampening = Setting("a finite number", number(-math.inf))
    nesterov = switch()
    _setting_names = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
    _buffer_names = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, momentum, dampening, weight_decay, nesterov, maximize)

    def _check(self, settings: Mapping[str, Any]) -> None:
        if settings["nesterov"] and (settings["momentum"] == 0 or settings["dampening"] != 0):
            raise ValueError("SGD(nesterov=True) needs a momentum above 0 and a dampening of 0")

    def _update(self, values: Array, grads: Array, t: int) -> None:
        if self.momentum:
            buffer = self._buffers["momentum_buffer"]
            buffer *= self.momentum
            buffer += grads if t == 1 else (1.0 - self.dampening) * grads
            grads = grads + self.momentum * buffer if self.nesterov else buffer
        values -= self.lr * grads


class RMSprop(Optimizer):
    """Tieleman and Hinton 2012, "Lecture 6.5: rmsprop"; centered after Graves 2013, eq. 38-41.

    >>> x = Value(3.0); opt = RMSprop([x], lr=0.1, alpha=0.5)
    >>> (x * x).backward(); opt.step(); round(x.data, 4)
    2.8586
    """

    alpha = nonnegative()
    eps = nonnegative()
    momentum = nonnegative()
    centered = switch()
    _setting_names = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize")
    _buffer_names = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Iterable[Value],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, alpha, eps, weight_decay, momentum, centered, maximize)

    def _update(self, values: Array, grads: Array, t: int) -> None:
        import numpy as np

        square = self._buffers["square_avg"]
        square *= self.alpha
        square += (1.0 - self.alpha) * grads * grads
        spread = square
        if self.centered:
            mean = self._buffers["grad_avg"]
            mean += (1.0 - self.alpha) * (grads - mean)
            spread = square - mean * mean
        moves = grads / (np.sqrt(spread) + self.eps)
        if self.momentum:
            buffer = self._buffers["momentum_buffer"]
            buffer *= self.momentum
            buffer += moves
            moves = buffer
        values -= self.lr * moves


class Adam(Optimizer):
    """Kingma and Ba 2015, "Adam", algorithm 1; amsgrad after Reddi et al. 2018, algorithm 2.

    >>> x = Value(3.0); opt = Adam([x], lr=0.1)
    >>> (x * x).backward(); opt.step(); round(x.data, 4)
    2.9
    """

    betas = Setting("two numbers from 0 up to, not including, 1", pair)
    eps = nonnegative()
    amsgrad = switch()
    _setting_names = ("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize")
    _buffer_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize)

    def _update(self, values: Array, grads: Array, t: int) -> None:
        import numpy as np

        beta1, beta2 = self.betas
        mean, square = self._buffers["exp_avg"], self._buffers["exp_avg_sq"]
        mean += (1.0 - beta1) * (grads - mean)
        square *= beta2
        square += (1.0 - beta2) * grads * grads
        if self.amsgrad:
            largest = self._buffers["max_exp_avg_sq"]
            square = np.maximum(largest, square, out=largest)
        spread = np.sqrt(square) / math.sqrt(1.0 - beta2**t) + self.eps
        values -= self.lr / (1.0 - beta1**t) * (mean / spread)


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: Loshchilov and Hutter 2019, algorithm 2.

    >>> x = Value(3.0); opt = AdamW([x], lr=0.1, weight_decay=0.1)
    >>> (x * x).backward(); opt.step(); round(x.data, 4)
    2.87
    """

    _decoupled = True

    def __init__(
        self,
        params: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
