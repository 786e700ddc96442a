"""SGD, Adagrad, RMSprop, Adam, AdamW and NAdam, with PyTorch's formulas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..floats.expected import FINITE, FLAG, NONNEGATIVE, Expected
from .optimizer import Optimizer, Params
from .settings import BELOW_1, Setting, each

if TYPE_CHECKING:
    from .groups import Group
    from .leaves import Array


def _pair(x: Any) -> tuple[Any, ...]:
    betas = tuple(each(BELOW_1, x))
    if len(betas) != 2:
        raise ValueError
    return betas


_BETAS = Expected("two numbers from 0 to below 1", _pair)


class SGD(Optimizer):
    """Gradient descent, with Polyak's momentum (1964) in PyTorch's form, or nesterov (Sutskever et al. 2013, eq. 3-4).

    >>> from tinygrad_lite import Value
    >>> x = Value(3.0); opt = SGD([x], lr=0.1)
    >>> (x * x).backward(); opt.step(); round(x.data, 3)
    2.4
    """

    momentum = Setting(NONNEGATIVE)
    dampening = Setting(FINITE)
    nesterov = Setting(FLAG)
    _setting_names = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
    _buffer_names = ("momentum_buffer",)

    def __init__(
        self,
        params: Params,
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

    def _update(self, group: Group, values: Array, grads: Array, t: int) -> None:
        if group.momentum:
            buffer = group.buffers["momentum_buffer"]
            buffer *= group.momentum
            buffer += grads if t == 1 else (1.0 - group.dampening) * grads
            grads = grads + group.momentum * buffer if group.nesterov else buffer
        values -= group.lr * grads


class Adagrad(Optimizer):
    """Adagrad in its diagonal form: Duchi, Hazan and Singer 2011, "Adaptive subgradient methods".

    >>> from tinygrad_lite import Value
    >>> x = Value(3.0); opt = Adagrad([x], lr=0.1)
    >>> (x * x).backward(); opt.step(); round(x.data, 4)
    2.9
    """

    lr_decay = Setting(NONNEGATIVE)
    initial_accumulator_value = Setting(NONNEGATIVE)
    eps = Setting(NONNEGATIVE)
    _setting_names = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps", "maximize")
    _buffer_names = ("sum",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, lr_decay, weight_decay, initial_accumulator_value, eps, maximize)

    def _fresh(self, group: Group) -> dict[str, Array]:
        import numpy as np

        return {"sum": np.full(len(group.params), group.initial_accumulator_value)}

    def _update(self, group: Group, values: Array, grads: Array, t: int) -> None:
        import numpy as np

        total = group.buffers["sum"]
        total += grads * grads
        values -= group.lr / (1.0 + (t - 1) * group.lr_decay) * (grads / (np.sqrt(total) + group.eps))


class RMSprop(Optimizer):
    """RMSprop: Tieleman and Hinton 2012, "Lecture 6.5: rmsprop"; centered: Graves 2013, eq. 38-41.

    >>> from tinygrad_lite import Value
    >>> x = Value(3.0); opt = RMSprop([x], lr=0.1, alpha=0.5)
    >>> (x * x).backward(); opt.step(); round(x.data, 4)
    2.8586
    """

    alpha = Setting(NONNEGATIVE)
    eps = Setting(NONNEGATIVE)
    momentum = Setting(NONNEGATIVE)
    centered = Setting(FLAG)
    _setting_names = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize")
    _buffer_names = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Params,
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

    def _update(self, group: Group, values: Array, grads: Array, t: int) -> None:
        import numpy as np

        square = group.buffers["square_avg"]
        square *= group.alpha
        square += (1.0 - group.alpha) * grads * grads
        spread = square
        if group.centered:
            mean = group.buffers["grad_avg"]
            mean += (1.0 - group.alpha) * (grads - mean)
            spread = square - mean * mean
        moves = grads / (np.sqrt(spread) + group.eps)
        if group.momentum:
            buffer = group.buffers["momentum_buffer"]
            buffer *= group.momentum
            buffer += moves
            moves = buffer
        values -= group.lr * moves


class Adam(Optimizer):
    """Adam: Kingma and Ba 2015, "Adam", algorithm 1; amsgrad: Reddi et al. 2018, algorithm 2.

    >>> from tinygrad_lite import Value
    >>> x = Value(3.0); opt = Adam([x], lr=0.1)
    >>> (x * x).backward(); opt.step(); round(x.data, 4)
    2.9
    """

    betas = Setting(_BETAS)
    eps = Setting(NONNEGATIVE)
    amsgrad = Setting(FLAG)
    _setting_names = ("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize")
    _buffer_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize)

    def _update(self, group: Group, values: Array, grads: Array, t: int) -> None:
        import numpy as np

        beta1, beta2 = group.betas
        mean, square = group.buffers["exp_avg"], group.buffers["exp_avg_sq"]
        mean += (1.0 - beta1) * (grads - mean)
        square *= beta2
        square += (1.0 - beta2) * grads * grads
        if group.amsgrad:
            largest = group.buffers["max_exp_avg_sq"]
            square = np.maximum(largest, square, out=largest)
        spread = np.sqrt(square) / math.sqrt(1.0 - beta2**t) + group.eps
        values -= group.lr / (1.0 - beta1**t) * (mean / spread)


class AdamW(Adam):
    """Adam with weight decay kept out of the gradient: Loshchilov and Hutter 2019, algorithm 2.

    >>> from tinygrad_lite import Value
    >>> x = Value(3.0); opt = AdamW([x], lr=0.1, weight_decay=0.1)
    >>> (x * x).backward(); opt.step(); round(x.data, 4)
    2.87
    """

    _decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum: Dozat 2016, "Incorporating Nesterov momentum into Adam", algorithm 8.

    decoupled_weight_decay  True: weight decay is kept out of the gradient, as in AdamW

    >>> from tinygrad_lite import Value
    >>> x = Value(3.0); opt = NAdam([x], lr=0.1)
    >>> (x * x).backward(); opt.step(); round(x.data, 4)
    2.8944
    """

    betas = Setting(_BETAS)
    eps = Setting(NONNEGATIVE)
    momentum_decay = Setting(NONNEGATIVE)
    decoupled_weight_decay = Setting(FLAG)
    _setting_names = (
        "lr", "betas", "eps", "weight_decay", "momentum_decay", "decoupled_weight_decay", "maximize"
    )  # fmt: skip
    _buffer_names = ("exp_avg", "exp_avg_sq", "mu_product")

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize)

    def _fresh(self, group: Group) -> dict[str, Array]:
        import numpy as np

        return {**super()._fresh(group), "mu_product": np.ones(())}

    def _decouples(self, group: Group) -> bool:
        decoupled: bool = group.decoupled_weight_decay
        return decoupled

    def _update(self, group: Group, values: Array, grads: Array, t: int) -> None:
        import numpy as np

        beta1, beta2 = group.betas
        mean, square, product = (group.buffers[name] for name in self._buffer_names)
        mu, following = (beta1 * (1.0 - 0.5 * 0.96 ** (n * group.momentum_decay)) for n in (t, t + 1))
        product *= mu
        mean += (1.0 - beta1) * (grads - mean)
        square *= beta2
        square += (1.0 - beta2) * grads * grads
        moves = (1.0 - mu) / (1.0 - product) * grads + following / (1.0 - product * following) * mean
        values -= group.lr * moves / (np.sqrt(square / (1.0 - beta2**t)) + group.eps)
