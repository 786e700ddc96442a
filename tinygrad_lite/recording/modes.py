"""Modes of recording: no_grad() without history, enable_grad() with it, detect_anomaly() to find an inf or nan."""

from __future__ import annotations

import math

from ..engine import (
    Mode,
    Origin,
    Value,
    contributions,
    current_watch,
    is_derived,
    is_recording,
    topological_order,
    within,
)
from ..errors import AnomalyError, received
from ..source.source_lines import calling_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, NoReturn, ParamSpec, Self, TypeVar, overload

    _P = ParamSpec("_P")
    _R = TypeVar("_R")
else:

    def overload(function):
        return function


class _Bracketless(type):
    """The metaclass of modes, which makes `with no_grad:` an error that says what to write."""

    def __enter__(cls) -> NoReturn:
        raise TypeError(f"`with {cls.__name__}:` lacks brackets: write `with {cls.__name__}():`")

    def __exit__(cls, *_: object) -> None:
        """Never called, since __enter__ raises; `with` requires it."""


class _Mode(Mode, metaclass=_Bracketless):
    """A context manager, also usable as a decorator with or without brackets, that sets how this thread records.

    On a generator, a coroutine or an asynchronous generator it is active while the body runs, but not while it waits.
    """

    records: bool | None = None
    watcher: Callable[[], Any] | None = None

    @overload
    def __new__(cls) -> Self: ...
    @overload
    def __new__(cls, function: Callable[_P, _R]) -> Callable[_P, _R]: ...  # type: ignore[misc]  # noqa: F811
    def __new__(cls, function: Any = None) -> Any:  # noqa: F811
        made = super().__new__(cls)
        return made if function is None else made(function)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        import functools
        import inspect

        mode: Any = type(self)
        if not callable(function) or isinstance(function, type):
            what = "the methods of a class, one by one" if isinstance(function, type) else "a function"
            raise TypeError(f"{mode.__name__} takes no argument, or decorates {what}, got {received(function)}")
        called: Any = function

        def is_a(kind: Callable[[Any], bool]) -> bool:
            return kind(called) or kind(getattr(called, "__call__", None))  # noqa: B004  not whether, but of what kind

        inside: Any
        if is_a(inspect.isgeneratorfunction):

            def inside(*args: Any, **kwargs: Any) -> Any:
                return (yield from _stepwise(mode, called(*args, **kwargs)))

        elif is_a(inspect.iscoroutinefunction):

            async def inside(*args: Any, **kwargs: Any) -> Any:
                return await _Awaited(mode, called(*args, **kwargs))

        elif is_a(inspect.isasyncgenfunction):

            def inside(*args: Any, **kwargs: Any) -> Any:
                return _alternating(mode, called(*args, **kwargs))

        else:

            def inside(*args: Any, **kwargs: Any) -> Any:
                return within(functools.partial(called, **kwargs) if kwargs else called, *args, **_state(mode))

        found: Callable[_P, _R] = functools.wraps(called)(inside)
        return found


def _state(mode: type[_Mode]) -> dict[str, Any]:
    """The settings of a mode, as arguments of engine.within()."""
    state: dict[str, Any] = {}
    if mode.records is not None:
        state["recording"] = mode.records
    if mode.watcher is not None:
        state["watch"] = mode.watcher()
    return state


def _stepwise(mode: type[_Mode], steps: Any) -> Generator[Any, Any, Any]:
    """Runs a generator, or what a coroutine awaits; each step continues in the state in which the last one ended."""
    state = _state(mode)
    now = {"recording": is_recording, "watch": current_watch}

    def step(go_on: Callable[[Any], Any], sent: Any) -> Any:
        try:
            return go_on(sent)
        finally:
            state.update({name: now[name]() for name in state})

    go_on, sent = steps.send, None
    try:
        while True:
            given = within(step, go_on, sent, **state)
            try:
                sent, go_on = (yield given), steps.send
            except GeneratorExit:
                within(steps.close, **state)
                raise
            except BaseException as error:
                sent, go_on = error, steps.throw
    except StopIteration as end:
        return end.value


class _Awaited:
    """An awaitable that runs a coroutine in a mode."""

    def __init__(self, mode: type[_Mode], steps: Any) -> None:
        self._mode, self._steps = mode, steps

    def __await__(self) -> Generator[Any, Any, Any]:
        return _stepwise(self._mode, self._steps)


async def _alternating(mode: type[_Mode], generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """Runs an asynchronous generator in a mode."""
    step = generator.asend(None)
    try:
        while True:
            given = await _Awaited(mode, step)
            try:
                step = generator.asend((yield given))
            except GeneratorExit:
                await _Awaited(mode, generator.aclose())
                raise
            except BaseException as error:
                step = generator.athrow(error)
    except StopAsyncIteration:
        return


class no_grad(_Mode):
    """A mode in which results have no history and get no gradient.

    In a `with` statement that contains a yield or an await, the mode stays on for other code that runs meanwhile:
    decorate the generator or the coroutine instead.

    >>> with no_grad(): y = Value(2.0) * 3
    >>> y.kind
    'detached'
    """

    records = False


class enable_grad(_Mode):
    """A mode in which results are recorded, even inside no_grad().

    >>> with no_grad(), enable_grad(): y = Value(2.0) * 3
    >>> y.kind
    'result'
    """

    records = True


class _Watch:
    """Notes the line that recorded each result, and raises for numbers and derivatives that are not finite."""

    def recorded(self, v: Value) -> Origin:
        line = calling_line()
        if not math.isfinite(v.data):
            raise AnomalyError(f"{_described(v, line)} gave {v.data}")
        return Origin(v.label, v.path, line, is_derived(v))

    def sweeps(self, root: Value) -> None:
        """Checks a sweep before it runs, without writing to the graph, so that an error changes no gradient."""
        adjoints = {root: 1.0}
        for v in reversed(topological_order(root)):
            adjoint = adjoints.pop(v, 0.0)
            if adjoint == 0.0:
                continue
            passed = zip(v.parents, v.local_derivatives, contributions(v, adjoint), strict=True)
            for parent, partial, contribution in passed:
                if not math.isfinite(contribution):
                    raise AnomalyError(
                        f"{_described(v, v.line)} passes the derivative {contribution} to {parent!r}: "
                        f"its adjoint (the derivative of the result by it) {adjoint} times the local derivative "
                        f"{partial}; call explain_nan() on the differentiated Value to see what helps"
                    )
                adjoints[parent] = adjoints.get(parent, 0.0) + contribution

    def moves(self, v: Value, tangent: float) -> None:
        if not math.isfinite(tangent):
            raise AnomalyError(
                f"{_described(v, v.line)} moves by {tangent} along the tangents, the direction of the derivative"
            )


class detect_anomaly(_Mode):
    """A mode in which the first inf or nan raises an AnomalyError that names its origin; everything runs slower.

    >>> with detect_anomaly(): Value(0.0).log()
    Traceback (most recent call last):
    tinygrad_lite.errors.AnomalyError: log of (Value = 0.0), recorded at ..., gave -inf
    """

    watcher = _Watch


def _described(v: Value, line: str | None) -> str:
    """A result in words: its operation, its inputs, and where it was recorded."""
    assert v.op is not None
    flat = [x for arg in v.args for x in (arg if type(arg) is tuple else (arg,))]
    shown = [f"{x.label or 'Value'} = {x.data!r}" if isinstance(x, Value) else repr(x) for x in flat[:6]]
    more = f", ... {len(flat) - 6} more" if len(flat) > 6 else ""
    module = f" in {v.path}" if v.path else ""
    return f"{v.op.name} of ({', '.join(shown)}{more}){module}{f', recorded at {line},' if line else ''}"
