"""Optimizer: the base class, with the step, the clearing of gradients, and the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from ..engine import Value
from ..errors import received
from ..floats.expected import FLAG, NONNEGATIVE, NUMBER
from ..recording.modes import enable_grad
from ..saving.state_dicts import Checks, Stateful, as_numbers, count, fitting, refuse, same
from .groups import Group, part, refuse_shared, taken_apart
from .leaves import Leaves
from .settings import Setting

if TYPE_CHECKING:
    from .leaves import Array

Params = Iterable[Value] | Iterable[Mapping[str, Any]]
Closure = Callable[[], Any]
_LOSS = "let it return the loss, a Value or a number"


class Optimizer(Stateful):
    """The base of optimizers: params are leaves, each listed once, from any number of modules or from none.

    Or params are parameter groups, as in PyTorch: dicts of "params" and the settings that differ from the rest.
    `.param_groups` has the groups. `.lr`, like every setting, stands for all groups: setting it sets it in all of them,
    and reading it is a ValueError if the groups differ. maximize=True makes steps go up.

    A subclass names its settings and its buffers (float64 arrays, one number for each parameter, 0 at first), and
    writes `_update(group, values, grads, t)`. That changes values in place at step t = 1, 2, ..., from the group's
    settings, such as group.lr, and its group.buffers.

    >>> from tinygrad_lite.optim import SGD
    >>> x, y = Value(1.0), Value(1.0)
    >>> opt = SGD([{"params": [x]}, {"params": [y], "lr": 0.5}], lr=0.1); (x + y).backward(); opt.step()
    >>> x.data, y.data, opt.param_groups[1]["lr"]
    (0.9, 0.5, 0.5)
    """

    lr = Setting(NONNEGATIVE)
    initial_lr = Setting(NONNEGATIVE)  # what lr was before the first schedule
    weight_decay = Setting(NONNEGATIVE)
    maximize = Setting(FLAG)

    _setting_names: ClassVar[tuple[str, ...]] = ("lr", "weight_decay", "maximize")
    _buffer_names: ClassVar[tuple[str, ...]] = ()
    _decoupled: ClassVar[bool] = False
    needs_closure: ClassVar[bool] = False  # whether step() evaluates the loss

    def __init__(self, params: Params, *settings: Any) -> None:
        kind = type(self)
        self.defaults: dict[str, Any] = {
            name: getattr(kind, name).checked(kind.__name__, value)
            for name, value in zip(self._setting_names, settings, strict=True)
        }
        self._check(self.defaults)
        parts = taken_apart(kind, params)
        self._steps = 0
        self._groups: tuple[Group, ...] = ()
        for leaves, own in parts:
            self._groups += (self._made(leaves, own),)
        self._leaves = Leaves(kind.__name__, list(chain.from_iterable([leaves for leaves, _ in parts])))

    @property
    def params(self) -> Sequence[Value]:
        """The parameters, in the order in which they were given."""
        return self._leaves.leaves

    @property
    def param_groups(self) -> Sequence[Group]:
        """The parameter groups (one if a plain list was given): group["lr"] or group.lr, and group["params"]."""
        return self._groups

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Adds a group, a dict of "params" and its own settings; the other groups stay as they are."""
        kind, k = type(self), len(self._groups)
        leaves, own = part(kind, k, param_group)
        refuse_shared(kind.__name__, [*[group.params for group in self._groups], leaves])
        made = self._made(leaves, own)
        joined = Leaves(kind.__name__, [*self.params, *leaves])
        vars(self).update(_leaves=joined, _groups=(*self._groups, made))  # both or neither, even at Ctrl-C

    def _made(self, leaves: list[Value], own: Mapping[str, Any]) -> Group:
        """Makes the next group."""
        settings = {**self.defaults, **own}
        try:
            self._check(settings)
        except ValueError as error:
            raise ValueError(f"{error}: see param_groups[{len(self._groups)}]") from None
        start = self._groups[-1].span.stop if self._groups else 0
        group = Group(type(self), leaves, start, self._steps, settings)
        group.buffers = self._fresh(group)
        return group

    def _fresh(self, group: Group) -> dict[str, Array]:
        """The buffers of a group before its first step."""
        import numpy as np

        return {name: np.zeros(len(group.params)) for name in self._buffer_names}

    def _setting(self, name: str) -> Any:
        found = [vars(group)[name] for group in self._groups if name in vars(group)]
        if len(found) < len(self._groups):
            raise AttributeError(f"{type(self).__name__} has no setting {name!r}")
        if any(one != found[0] for one in found):
            raise ValueError(
                f"{type(self).__name__}.{name} differs between parameter groups, the first has {found[0]!r}: read "
                f"param_groups[k][{name!r}]"
            )
        return found[0]

    def _set_setting(self, name: str, value: Any) -> None:
        if name not in self._setting_names and name != "initial_lr":
            raise AttributeError(f"{type(self).__name__} has no setting {name!r}")
        for group in self._groups:
            vars(group)[name] = value

    def _check(self, settings: Mapping[str, Any]) -> None:
        """Raises ValueError for settings that do not go together."""

    def _update(self, group: Group, values: Array, grads: Array, t: int) -> None:
        raise NotImplementedError

    def step(self, closure: Closure | None = None) -> Any:
        """Updates every parameter once, from its present gradient.

        A closure is a function that clears the gradients, calls backward() and returns the loss; if one is given, step
        calls it first and returns its result.
        Ctrl-C can interrupt a step between two array operations, with some buffers and numbers changed already. To
        continue with exactly the same numbers, load an earlier state.
        """
        loss = None if closure is None else self._evaluated(closure)[0]
        values, given = self._leaves.numbers()
        _quietly_moved()(self, values, given)
        self._leaves.write(values, given)
        self._steps += 1
        return loss

    def _evaluated(self, closure: Closure) -> tuple[Any, float]:
        """Calls the closure; returns its result, and the result as a float."""
        who = f"{type(self).__name__}.step(closure)"
        if not callable(closure):
            raise TypeError(
                f"{who} takes a function that clears the gradients, calls backward() and returns the loss, got "
                f"{received(closure)}"
            )
        with enable_grad():
            loss = closure()
        number = loss.data if type(loss) is Value else loss
        return loss, NUMBER.checked(f"{who}: what the closure returns", number, TypeError, instead=_LOSS)

    def _move(self, values: Array, given: Array) -> None:
        alone, done = len(self._groups) == 1, self._steps + 1
        for group in self._groups:
            its, grads = (values, given) if alone else (values[group.span], given[group.span])
            if group.maximize:
                grads = -grads
            decay = group.weight_decay
            if decay and self._decouples(group):
                its *= 1.0 - group.lr * decay
            elif decay:
                grads = grads + decay * its
            self._update(group, its, grads, done - group.since)

    def _decouples(self, group: Group) -> bool:
        """Whether the group's weight decay is kept out of the gradient."""
        return self._decoupled

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Sets the gradients to 0, in the state "not computed"; set_to_none, from PyTorch, has no effect."""
        self._leaves.clear_grads()

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's name, its settings, the number of steps so far, and a copy of its buffers.

        With several parameter groups, "groups" holds a list with these for each group.

        >>> from tinygrad_lite.optim import SGD
        >>> SGD([Value(1.0)], lr=0.1, momentum=0.9).state_dict()["momentum_buffer"]
        array([0.])
        """
        states = [self._state_of(group) for group in self._groups]
        return {"optimizer": type(self).__name__, **(states[0] if len(states) == 1 else {"groups": states})}

    def _state_of(self, group: Group) -> dict[str, Any]:
        settings = {name: group[name] for name in self._setting_names}
        buffers = {name: buffer.copy() for name, buffer in group.buffers.items()}
        return {"steps": self._steps - group.since, **settings, **buffers}

    def _checks(self) -> Checks:
        its = self._checks_of(self._groups[0]) if len(self._groups) == 1 else {"groups": self._each_fitting}
        return {"optimizer": same(type(self).__name__), **its}

    def _checks_of(self, group: Group) -> Checks:
        kind = type(self)
        settings = {name: partial(getattr(kind, name).checked, kind.__name__) for name in self._setting_names}
        buffers = {name: partial(as_numbers, shape=buffer.shape) for name, buffer in group.buffers.items()}
        return {"steps": count, **settings, **buffers}

    def _each_fitting(self, states: Any) -> list[dict[str, Any]]:
        if not isinstance(states, list):
            raise TypeError(f"must be a list of states, got {received(states)}")
        loaded = [
            fitting(f"parameter group {k}", state, self._checks_of(group))
            for k, (group, state) in enumerate(zip(self._groups, states, strict=True))
        ]
        for its in loaded:
            self._check(its)
        return loaded

    def _fitting(self, state: Any) -> dict[str, Any]:
        what = f"load_state_dict() into {type(self).__name__}"
        groups = state.get("groups", [None]) if isinstance(state, Mapping) else None
        if isinstance(groups, list) and len(groups) != len(self._groups):
            refuse([f"parameter groups: the state has {len(groups)}, this optimizer has {len(self._groups)}"], what)
        loaded = super()._fitting(state)
        try:
            if len(self._groups) == 1:
                self._check(loaded)
        except ValueError as error:
            refuse([str(error)], what)
        return loaded

    def _take(self, loaded: dict[str, Any]) -> None:
        states = loaded.get("groups", [loaded])
        self._steps = max([its["steps"] for its in states])
        for group, its in zip(self._groups, states, strict=True):
            self._take_of(group, its)

    def _take_of(self, group: Group, its: dict[str, Any]) -> None:
        vars(group).update({name: its[name] for name in self._setting_names})
        group.since, group.buffers = self._steps - its["steps"], {name: its[name] for name in group.buffers}

    def __repr__(self) -> str:
        kind = type(self).__name__
        if len(self._groups) > 1:
            return f"{kind}({len(self._leaves)} parameters in {len(self._groups)} groups, {[*self._groups]})"
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._setting_names)
        return f"{kind}({len(self._leaves)} parameters, {settings})"


@cache
def _quietly_moved() -> Callable[[Optimizer, Array, Array], None]:
    """Optimizer._move without NumPy's warnings; made once, since entering errstate takes as long as a small step."""
    import numpy as np

    return np.errstate(all="ignore")(Optimizer._move)
