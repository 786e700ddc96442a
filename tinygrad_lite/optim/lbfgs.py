"""LBFGS: an optimizer that estimates the curvature from its last gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..floats.expected import NONNEGATIVE, one_of, whole
from ..saving.state_dicts import Checks, as_numbers, count, kept_number
from .line_search import Trial, strong_wolfe
from .optimizer import Closure, Optimizer, Params
from .settings import Setting

if TYPE_CHECKING:
    from ..engine import Value
    from .groups import Group
    from .leaves import Array

_PAIRS = ("old_dirs", "old_stps", "ro")
# A pair of changes (y, s) whose product is smaller says nothing about the curvature.
_LEAST = 1e-10


@dataclass(frozen=True)
class Memory:
    """What LBFGS remembers from iteration to iteration, with PyTorch's names.

    d, t      the last direction, and the step length along it
    old_stps  the last moves of the parameters
    old_dirs  the change of the gradient over each of these moves
    ro        1 over the product of each move and change
    H_diag    the estimate of the inverse Hessian's diagonal with which the recursion starts
    """

    d: Array
    prev_flat_grad: Array
    t: float = 0.0
    H_diag: float = 1.0
    n_iter: int = 0
    func_evals: int = 0
    old_dirs: list[Array] = field(default_factory=list)
    old_stps: list[Array] = field(default_factory=list)
    ro: list[Any] = field(default_factory=list)

    def turned(self, grad: Array, history_size: int) -> Memory:
        """A new memory with the direction to take at this gradient; Nocedal and Wright 2006, algorithm 7.4."""
        if self.n_iter == 0:
            return replace(self, d=-grad, prev_flat_grad=grad, n_iter=1)
        ys, ss, rho, scale = [*self.old_dirs], [*self.old_stps], [*self.ro], self.H_diag
        y, s = grad - self.prev_flat_grad, self.d * self.t
        product = y.dot(s)
        if product > _LEAST:
            for pairs, new in ((ys, y), (ss, s), (rho, 1.0 / product)):
                del pairs[: len(pairs) + 1 - history_size]
                pairs.append(new)
            scale = float(product / y.dot(y))
        d = -grad
        shares = []
        for y, s, r in zip(reversed(ys), reversed(ss), reversed(rho), strict=True):
            shares.append(r * s.dot(d))
            d = d - shares[-1] * y
        d = d * scale
        for y, s, r, share in zip(ys, ss, rho, reversed(shares), strict=True):
            d = d + (share - r * y.dot(d)) * s
        return replace(
            self, d=d, prev_flat_grad=grad, H_diag=scale, n_iter=self.n_iter + 1, old_dirs=ys, old_stps=ss, ro=rho
        )


class LBFGS(Optimizer):
    """The limited-memory quasi-Newton method (Liu and Nocedal 1989), for a loss over all the data, without noise.

    A step takes up to max_iter iterations. Each evaluates the closure once, or with line_search_fn="strong_wolfe" as
    often as its line search needs. A step makes at most max_eval evaluations, by default 5/4 of max_iter.
    LBFGS has no weight decay and only one parameter group, as in PyTorch.

    >>> from tinygrad_lite import Value
    >>> x = Value(3.0); opt = LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure(): opt.zero_grad(); loss = (x - 1) ** 4; loss.backward(); return loss
    >>> opt.step(closure).data, abs(x.data - 1) < 0.02
    (16.0, True)
    """

    max_iter = Setting(whole(1))
    max_eval = Setting(whole(1))
    tolerance_grad = Setting(NONNEGATIVE)
    tolerance_change = Setting(NONNEGATIVE)
    history_size = Setting(whole(1))
    line_search_fn = Setting(one_of("strong_wolfe", None))
    _setting_names = (
        "lr", "max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size", "line_search_fn"
    )  # fmt: skip
    needs_closure = True

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None:
            max_eval = LBFGS.max_iter.checked("LBFGS", max_iter) * 5 // 4
        super().__init__(
            params, lr, max_iter, max_eval, tolerance_grad, tolerance_change, history_size, line_search_fn
        )  # fmt: skip
        self._memory = self._nothing()

    def _made(self, leaves: list[Value], own: Mapping[str, Any]) -> Group:
        if self._groups:
            raise ValueError("LBFGS takes one parameter group, since its directions span all parameters: pass one list")
        return super()._made(leaves, own)

    def _nothing(self) -> Memory:
        import numpy as np

        return Memory(np.zeros(len(self._leaves)), np.zeros(len(self._leaves)))

    def step(self, closure: Closure | None = None) -> Any:
        """Iterates from the present parameters, and returns the closure's first result, the loss before the step.

        The closure clears the gradients, calls backward() and returns the loss, a Value or a number. It is called many
        times, at each point that is tried. If it raises, or at Ctrl-C, everything is restored.
        """
        if closure is None:
            raise TypeError(
                "LBFGS.step(closure) needs a function that clears the gradients, calls backward() and returns the loss"
            )
        values, memory, steps = self._leaves.numbers()[0].copy(), self._memory, self._steps
        try:
            first, self._memory = self._iterated(_Course(self, closure))
            self._steps += 1
        except BaseException:
            self._leaves.set_values(values)
            self._memory, self._steps = memory, steps
            raise
        return first

    def _iterated(self, course: _Course) -> tuple[Any, Memory]:
        import numpy as np

        group = self._groups[0]
        first, loss, grad = course.evaluated()
        memory = replace(self._memory, func_evals=self._memory.func_evals + 1)
        evals = 1
        with np.errstate(all="ignore"):
            for n in range(1, group.max_iter + 1):
                if np.abs(grad).max() <= group.tolerance_grad:
                    break
                memory = memory.turned(grad, group.history_size)
                t = group.lr * (min(1.0, 1.0 / np.abs(grad).sum()) if memory.n_iter == 1 else 1.0)
                slope = grad.dot(memory.d)
                here = Trial(np.float64(0.0), np.float64(loss), slope, grad)
                if slope > -group.tolerance_change:
                    memory = replace(memory, t=float(t))
                    break
                tried, asked = course.moved(here, memory.d, np.float64(t), n == group.max_iter, group.max_eval - evals)
                evals += asked
                memory = replace(memory, t=float(tried.t), func_evals=memory.func_evals + asked)
                loss, grad = float(tried.loss), tried.gradient
                if evals >= group.max_eval or np.abs(memory.d * memory.t).max() <= group.tolerance_change:
                    break
                if abs(tried.loss - here.loss) < group.tolerance_change:
                    break
        return first, memory

    def _state_of(self, group: Group) -> dict[str, Any]:
        import numpy as np

        memory, size = self._memory, len(self._leaves)
        pairs = {name: np.array(getattr(memory, name)) for name in _PAIRS}
        return {
            **super()._state_of(group),
            **{name: getattr(memory, name) for name in ("t", "H_diag", "n_iter", "func_evals")},
            **{name: getattr(memory, name).copy() for name in ("d", "prev_flat_grad")},
            **{name: array.reshape(-1, *[size] * (name != "ro")) for name, array in pairs.items()},
        }

    def _checks_of(self, group: Group) -> Checks:
        size = len(self._leaves)
        numbers: Callable[[Any], Any] = partial(as_numbers, shape=(size,))
        return {
            **super()._checks_of(group), "t": kept_number, "H_diag": kept_number, "n_iter": count, "func_evals": count,
            "d": numbers, "prev_flat_grad": numbers, "old_dirs": partial(_rows, shape=(size,)),
            "old_stps": partial(_rows, shape=(size,)), "ro": partial(_rows, shape=()),
        }  # fmt: skip

    def _check(self, settings: Mapping[str, Any]) -> None:
        lengths = [len(settings[name]) for name in _PAIRS if name in settings]
        if len({*lengths}) > 1:
            raise ValueError(f"{', '.join(_PAIRS)} must be of the same length, got {lengths}")

    def _take_of(self, group: Group, its: dict[str, Any]) -> None:
        super()._take_of(group, its)
        self._memory = Memory(
            its["d"], its["prev_flat_grad"], its["t"], its["H_diag"], its["n_iter"], its["func_evals"],
            [*its["old_dirs"]], [*its["old_stps"]], [*its["ro"]],
        )  # fmt: skip


class _Course:
    """A step in progress: the closure, and the parameters that it reads."""

    def __init__(self, optimizer: LBFGS, closure: Closure) -> None:
        import numpy as np

        self._optimizer, self._leaves, self._closure = optimizer, optimizer._leaves, closure
        self._outside = np.geterr()

    def evaluated(self) -> tuple[Any, float, Array]:
        """Calls the closure; returns its result, the loss, and the gradient."""
        import numpy as np

        with np.errstate(**self._outside):
            returned, loss = self._optimizer._evaluated(self._closure)
        grad = self._leaves.numbers()[1].copy()
        if not grad.any() and all(leaf.grad_state == "not computed" for leaf in self._leaves.leaves):
            raise ValueError("LBFGS.step(closure): the closure computed no gradient: let it call loss.backward()")
        return returned, loss, grad

    def moved(self, here: Trial, d: Array, t: Any, is_last: bool, most: int) -> tuple[Trial, int]:
        """Moves the parameters along d; returns the trial at the new point and the number of evaluations."""
        import numpy as np

        values = self._leaves.numbers()[0].copy()

        def at(t: Any) -> Trial:
            self._leaves.set_values(values + t * d)
            _, loss, grad = self.evaluated()
            return Trial(t, np.float64(loss), grad.dot(d), grad)

        group = self._optimizer.param_groups[0]
        if group.line_search_fn is not None:
            found, tried = strong_wolfe(at, here, t, float(np.abs(d).max()), group.tolerance_change, most)
            self._leaves.set_values(values + found.t * d)
            return found, tried
        if not is_last:
            return at(t), 1
        self._leaves.set_values(values + t * d)  # as in PyTorch, the loss there is not evaluated
        return here._replace(t=t), 0


def _rows(given: Any, shape: tuple[int, ...]) -> Array:
    return as_numbers(given, (len(given), *shape))
