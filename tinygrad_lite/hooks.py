"""Hooks: functions through which a Value's gradient goes in every sweep."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any

from . import engine
from .engine import Value
from .errors import HistoryError, not_a_number, received

HookFunction = Callable[[Any], Any]


class Hook:
    """A hook on a Value's gradient, until remove(); in a `with` statement, until its end."""

    __slots__ = ("_chain", "_function")

    def __init__(self, chain: _Chain, function: HookFunction) -> None:
        self._chain, self._function = chain, function

    def remove(self) -> None:
        """Takes the hook off; once is enough, twice does no harm."""
        self._chain.remove(self)

    def __enter__(self) -> Hook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def __call__(self, gradient: Any) -> Any:
        changed = self._function(gradient)
        if changed is None:
            return gradient
        if isinstance(gradient, Value):
            return changed if isinstance(changed, Value) else Value(changed)
        if isinstance(changed, Value):
            raise not_a_number("what a hook returns", changed)
        return Value(changed).data


class _Chain:
    """The hooks of one Value, in the order of their registration. It stands beside the graph and holds no node."""

    __slots__ = ("_hooks", "_key", "_value")

    def __init__(self, v: Value) -> None:
        self._hooks: list[Hook] = []
        self._key = key = id(v)
        self._value = weakref.ref(v, lambda _: engine.hooks.pop(key, None))

    def add(self, function: HookFunction) -> Hook:
        self._hooks.append(Hook(self, function))
        return self._hooks[-1]

    def remove(self, hook: Hook) -> None:
        if hook in self._hooks:
            self._hooks.remove(hook)
            if not self._hooks and self._value() is not None:
                del engine.hooks[self._key]

    def __call__(self, gradient: Any) -> Any:
        for hook in list(self._hooks):
            gradient = hook(gradient)
        return gradient


def register_hook(v: Value, hook: HookFunction) -> Hook:
    """Has hook(gradient) called in every sweep that reaches v, once v's gradient is complete.

    What the hook returns, unless None, takes the gradient's place: in v.grad, and in what goes on to v's parents. For a
    leaf it is what this sweep adds to .grad. In a sweep that makes a graph (create_graph, nested transforms) the
    gradient is a Value. A sweep in which a hook raises leaves every gradient as it was. Raises HistoryError for a
    detached Value, and warns of a hook that holds v itself: both would then live until remove().

    >>> x = Value(2.0); hook = register_hook(x, lambda gradient: 10 * gradient)
    >>> (x * x).backward(); x.grad
    40.0
    """
    if not isinstance(v, Value):
        raise TypeError(f"register_hook(v, hook) takes a Value, got {received(v)}")
    if not callable(hook):
        raise TypeError(f"register_hook(v, hook) takes a function of the gradient, got {received(hook)}")
    if v.kind == "detached":
        raise HistoryError(f"register_hook: no gradient enters {v!r}: it was made by detach() or under no_grad()")
    if _holds(hook, v):
        warnings.warn(
            "this hook holds the Value that it is registered on, so both live until .remove(): "
            "let it use the gradient alone, or the Value's label",
            stacklevel=2,
        )
    chain = engine.hooks.get(id(v))
    if not isinstance(chain, _Chain):
        chain = engine.hooks[id(v)] = _Chain(v)
    return chain.add(hook)


def _holds(hook: HookFunction, v: Value) -> bool:
    cells = [cell.cell_contents for cell in getattr(hook, "__closure__", None) or () if _is_filled(cell)]
    defaults = getattr(hook, "__defaults__", None) or ()
    return any(held is v for held in (*cells, *defaults, getattr(hook, "__self__", None)))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
