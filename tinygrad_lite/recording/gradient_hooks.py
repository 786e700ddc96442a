"""Gradient hooks: functions that receive, and may replace, a Value's gradient in every sweep."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any

from .. import engine
from ..engine import Value
from ..errors import HistoryError, received
from ..source.source_lines import stack_level

HookFunction = Callable[[Any], Any]


class Hook:
    """A hook on a Value's gradient, active until remove(), or until the end of a `with` statement."""

    __slots__ = ("_chain", "_function")

    def __init__(self, chain: _Chain, function: HookFunction) -> None:
        self._chain, self._function = chain, function

    def remove(self) -> None:
        """Removes the hook; a second call does nothing."""
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
        if isinstance(gradient, Value) and isinstance(changed, Value):
            return changed
        try:
            number = Value(changed)
        except TypeError:
            raise TypeError(
                f"a hook must return a number to replace the gradient, or None to keep it, got {received(changed)}"
            ) from None
        return number if isinstance(gradient, Value) else number.data


class _Chain:
    """The hooks of one Value, in the order of registration; it is kept outside the graph and holds no node."""

    __slots__ = ("_hooks", "_value")

    def __init__(self, v: Value) -> None:
        self._hooks: list[Hook] = []
        self._value = _Reference(v, _forget)
        self._value.key = id(v)

    def add(self, function: HookFunction) -> Hook:
        self._hooks.append(Hook(self, function))
        return self._hooks[-1]

    def remove(self, hook: Hook) -> None:
        if hook in self._hooks:
            self._hooks.remove(hook)
            if not self._hooks and self._value() is not None:
                del engine.hooks[self._value.key]

    def clear(self) -> None:
        self._hooks.clear()

    def __call__(self, gradient: Any) -> Any:
        for hook in list(self._hooks):
            if hook in self._hooks:  # unless an earlier hook removed it
                gradient = hook(gradient)
        return gradient


class _Reference(weakref.ref[Value]):
    """A weak reference to a Value, with the key under which the engine finds its hooks."""

    __slots__ = ("key",)

    key: int


def _forget(value: _Reference, hooks: dict[int, Any] = engine.hooks, kind: type[_Chain] = _Chain) -> None:
    """Clears the hooks of a Value that is gone, since chain and hooks hold each other until the collector runs.

    What it needs are defaults: when a program ends, a Value may live longer than the names of this file.
    """
    chain = hooks.pop(value.key, None)
    if isinstance(chain, kind):
        chain.clear()


def register_hook(v: Value, hook: HookFunction) -> Hook:
    """Registers a function that is called with v's gradient in every sweep that reaches v, once it is complete.

    Unless the hook returns None, its result replaces the gradient, in v.grad and in what v passes on to its parents.
    For a leaf, the gradient is what this sweep adds to .grad. In a sweep that makes a graph (create_graph, nested
    transforms) it is a Value. gradients() and the transforms call the hooks of Values between the result and what it is
    differentiated by. A backward() inside a hook adds to leaves after the outer sweep has ended. If a hook raises, the
    sweep leaves every gradient as it was. A hook that holds v, or anything computed from v (gradients that are Values
    too), keeps both alive until remove(); holding v itself gives a warning. Raises HistoryError for a detached Value.

    >>> x = Value(2.0); hook = register_hook(x, lambda gradient: 10 * gradient)
    >>> (x * x).backward(); x.grad
    40.0
    """
    if not isinstance(v, Value):
        raise TypeError(f"register_hook(v, hook) takes a Value, got {received(v)}")
    if not callable(hook):
        raise TypeError(f"register_hook(v, hook) takes a function of the gradient, got {received(hook)}")
    if v.kind == "detached":
        raise HistoryError(f"register_hook: {v!r} gets no gradient: it was made by detach() or under no_grad()")
    if _holds(hook, v):
        warnings.warn(
            "this hook holds the Value that it is registered on, so both live until .remove(): "
            "use only the gradient in it, or the Value's label",
            stacklevel=stack_level(),
        )
    chain = engine.hooks.get(id(v))
    if not isinstance(chain, _Chain):
        chain = engine.hooks[id(v)] = _Chain(v)
    return chain.add(hook)


def _holds(hook: HookFunction, v: Value) -> bool:
    for cell in getattr(hook, "__closure__", None) or ():
        try:
            if cell.cell_contents is v:
                return True
        except ValueError:  # not yet filled
            pass
    return getattr(hook, "__self__", None) is v or any(x is v for x in getattr(hook, "__defaults__", None) or ())
