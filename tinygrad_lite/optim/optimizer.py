"""Optimizer: what all optimizers share, the step, clearing, and their state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

from ..engine import Value
from ..states import Checks, Stateful, as_numbers, count, refuse, same
from .leaves import Leaves
from .settings import nonnegative, switch

if TYPE_CHECKING:
    from .leaves import Array


class Optimizer(Stateful):
    """The base of optimizers: params are leaves, each once, from one module, from several, or from none.

    A subclass names its settings and its buffers (float64 arrays, one number for each parameter, 0 at first), and
    writes `_update(values, grads, t)`, which changes values in place at step t = 1, 2, ...
    Settings, such as `.lr`, can be set at any time. maximize=True climbs instead.
    """

    lr = nonnegative()
    initial_lr: float  # what lr was before the first schedule
    weight_decay = nonnegative()
    maximize = switch()

    _setting_names: ClassVar[tuple[str, ...]] = ("lr", "weight_decay", "maximize")
    _buffer_names: ClassVar[tuple[str, ...]] = ()
    _decoupled: ClassVar[bool] = False

    def __init__(self, params: Iterable[Value], *settings: Any) -> None:
        import numpy as np

        for name, value in zip(self._setting_names, settings, strict=True):
            setattr(self, name, value)
        self._check(vars(self))
        self._leaves = Leaves(type(self).__name__, params)
        self._steps = 0
        self._buffers: dict[str, Array] = {name: np.zeros(len(self._leaves)) for name in self._buffer_names}

    @property
    def params(self) -> Sequence[Value]:
        """The leaves that it moves, in the order in which they were given."""
        return self._leaves.leaves

    def _check(self, settings: Mapping[str, Any]) -> None:
        """Raises ValueError for settings that do not go together."""

    def _update(self, values: Array, grads: Array, t: int) -> None:
        raise NotImplementedError

    def step(self) -> None:
        """Moves every parameter once, by its present gradient.

        Ctrl-C may cut it short between two of its array operations, when some buffers and numbers are changed already:
        to go on with the same bits, load a state from before.
        """
        values, given = self._leaves.numbers()
        _quietly_moved()(self, values, given)
        self._leaves.write(values, given)
        self._steps += 1

    def _move(self, values: Array, given: Array) -> None:
        grads = -given if self.maximize else given
        decay = self.weight_decay
        if decay and self._decoupled:
            values *= 1.0 - self.lr * decay
        elif decay:
            grads = grads + decay * values
        self._update(values, grads, self._steps + 1)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Sets the gradients to 0, not computed; set_to_none is PyTorch's, and changes nothing here."""
        self._leaves.clear_grads()

    def state_dict(self) -> dict[str, Any]:
        """The kind of optimizer, its settings, the number of steps so far, and a copy of its buffers.

        >>> from tinygrad_lite.optim import SGD
        >>> SGD([Value(1.0)], lr=0.1, momentum=0.9).state_dict()["momentum_buffer"]
        array([0.])
        """
        settings = {name: getattr(self, name) for name in self._setting_names}
        buffers = {name: buffer.copy() for name, buffer in self._buffers.items()}
        return {"optimizer": type(self).__name__, "steps": self._steps, **settings, **buffers}

    def _checks(self) -> Checks:
        kind = type(self)
        settings = {name: partial(getattr(kind, name).checked, kind.__name__) for name in self._setting_names}
        buffers = {name: partial(as_numbers, shape=(len(self._leaves),)) for name in self._buffer_names}
        return {"optimizer": same(kind.__name__), "steps": count, **settings, **buffers}

    def _fitting(self, state: Any) -> dict[str, Any]:
        loaded = super()._fitting(state)
        try:
            self._check(loaded)
        except ValueError as error:
            refuse([str(error)], f"load_state_dict() into {type(self).__name__}")
        return loaded

    def _take(self, loaded: dict[str, Any]) -> None:
        vars(self).update({name: loaded[name] for name in self._setting_names})
        self._steps, self._buffers = loaded["steps"], {name: loaded[name] for name in self._buffer_names}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._setting_names)
        return f"{type(self).__name__}({len(self._leaves)} parameters, {settings})"


@cache
def _quietly_moved() -> Callable[[Optimizer, Array, Array], None]:
    """Optimizer._move without warnings; made once, since entering errstate anew takes as long as a small step."""
    import numpy as np

    return np.errstate(all="ignore")(Optimizer._move)
