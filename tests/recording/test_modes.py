"""Modes around every kind of function, and beside other threads: they hold where they are written, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tinygrad_lite import Value, detect_anomaly, enable_grad, engine, no_grad
from tinygrad_lite.engine import set_recording, set_watch
from tinygrad_lite.errors import AnomalyError

MODES = {"with brackets": no_grad(), "without": no_grad}
every_mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)


def kind() -> str:
    return (Value(2.0) * 3.0).kind


@every_mode
def test_a_function(mode: Any) -> None:
    @mode
    def inside(x: float, *, y: float = 0.0) -> tuple[str, float]:
        """Its text."""
        return kind(), x + y

    assert inside(1.0, y=2.0) == ("detached", 3.0) and inside.__name__ == "inside" and inside.__doc__ == "Its text."
    assert kind() == "result"
    with pytest.raises(ZeroDivisionError):
        mode(lambda: 1 / 0)()
    assert kind() == "result"
    with no_grad():
        assert enable_grad(kind)() == "result" and enable_grad()(kind)() == "result" and kind() == "detached"


def test_detect_anomaly_decorates_too() -> None:
    for mode in (detect_anomaly, detect_anomaly()):
        with pytest.raises(AnomalyError):
            mode(lambda: Value(0.0).log())()
    Value(0.0).log()

    @detect_anomaly
    def logs() -> Iterator[Value]:
        yield Value(1.0).log()
        yield Value(0.0).log()

    steps = logs()
    next(steps)
    Value(0.0).log()
    with pytest.raises(AnomalyError, match="test_modes"):
        next(steps)


@every_mode
def test_a_generator_holds_it_while_its_body_runs(mode: Any) -> None:
    seen = []

    @mode
    def inside(first: str) -> Any:
        try:
            sent = first
            while sent != "end":
                try:
                    sent = yield f"{sent} {kind()}"
                except KeyError:
                    sent = "caught"
            return f"done {kind()}"
        finally:
            seen.append(kind())

    assert inspect.isgeneratorfunction(inside)
    steps = inside("a")
    assert kind() == "result" and next(steps) == "a detached" and kind() == "result"
    assert steps.send("b") == "b detached" and kind() == "result"
    assert steps.throw(KeyError()) == "caught detached" and kind() == "result"
    with no_grad(), enable_grad():  # whatever mode it is consumed in
        assert steps.send("c") == "c detached" and kind() == "result"
    with pytest.raises(StopIteration) as end:
        steps.send("end")
    assert end.value.value == "done detached" and seen == ["detached"] and kind() == "result"
    steps = inside("a")
    next(steps)
    steps.close()
    assert seen == ["detached"] * 2 and kind() == "result"
    steps = inside("a")
    next(steps)
    with pytest.raises(ValueError, match="mine"):
        steps.throw(ValueError("mine"))
    assert seen == ["detached"] * 3 and kind() == "result"
    del steps
    assert list(mode(lambda: (kind() for _ in range(2)))()) == ["result"] * 2  # made inside, run outside


def test_a_generator_goes_on_in_the_mode_in_which_it_stopped() -> None:
    @no_grad
    def inside() -> Iterator[str]:
        yield kind()
        with enable_grad():
            yield kind()
            yield kind()
        yield kind()

    found = []
    for k in inside():
        found.append(k)
        assert kind() == "result"
    assert found == ["detached", "result", "result", "detached"]


def test_generators_side_by_side() -> None:
    make: Callable[[], Any] = no_grad(lambda: None)
    assert make() is None

    def steps() -> Iterator[str]:
        while True:
            yield kind()

    ours, others = no_grad(steps)(), steps()
    assert [next(ours), next(others), next(ours), next(others)] == ["detached", "result"] * 2
    with contextlib.closing(ours):
        pass
    assert kind() == "result"


def test_methods_partials_and_objects() -> None:
    class Thing:
        @no_grad
        def method(self) -> str:
            return kind()

        @no_grad()
        def steps(self) -> Iterator[str]:
            yield kind()

        @staticmethod
        @no_grad
        def static() -> str:
            return kind()

        def __call__(self) -> Iterator[str]:
            yield kind()

    thing = Thing()
    assert (thing.method(), *thing.steps(), Thing.static()) == ("detached",) * 3
    assert [*no_grad(functools.partial(thing.steps))(), *no_grad(functools.wraps(kind)(Thing()))()] == ["detached"] * 2


@every_mode
def test_coroutines_beside_each_other(mode: Any) -> None:
    @mode
    async def inside() -> list[str]:
        found = [kind()]
        for _ in range(3):
            await asyncio.sleep(0)
            found.append(kind())
        with pytest.raises(KeyError):
            await fails()
        return [*found, kind()]

    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError

    async def outside() -> list[str]:
        found = []
        for _ in range(6):
            await asyncio.sleep(0)
            found.append(kind())
        return found

    @mode
    async def forever() -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return kind()
        return "never"

    async def both() -> Any:
        task = asyncio.ensure_future(forever())
        found = await asyncio.gather(inside(), outside(), inside())
        task.cancel()
        return found, await task

    assert inspect.iscoroutinefunction(inside)
    (first, second, third), cancelled = asyncio.run(both())
    assert first == third == ["detached"] * 5 and second == ["result"] * 6 and cancelled == "detached"
    assert kind() == "result"


@every_mode
def test_asynchronous_generators(mode: Any) -> None:
    closed = []

    @mode
    async def inside() -> AsyncIterator[str]:
        try:
            sent = None
            while sent != "end":
                await asyncio.sleep(0)
                try:
                    sent = yield f"{sent} {kind()}"  # type: ignore[misc]
                except KeyError:
                    sent = "caught"
        finally:
            await asyncio.sleep(0)
            closed.append(kind())

    async def consume() -> None:
        steps: Any = inside()
        assert await anext(steps) == "None detached" and kind() == "result"
        assert await steps.asend("b") == "b detached" and kind() == "result"
        assert await steps.athrow(KeyError()) == "caught detached" and kind() == "result"
        with pytest.raises(StopAsyncIteration):
            await steps.asend("end")
        steps = inside()
        await anext(steps)
        await steps.aclose()
        assert kind() == "result"
        async for found in inside():
            assert found.endswith("detached") and kind() == "result"
            break

    asyncio.run(consume())
    assert closed[:2] == ["detached"] * 2 and set(closed) == {"detached"} and kind() == "result"


def test_what_was_written_wrongly_is_told_how() -> None:
    for mode in (no_grad, enable_grad, detect_anomaly):
        name = mode.__name__
        with pytest.raises(TypeError, match=rf"`with {name}:` lacks brackets: write `with {name}\(\):`"), mode:  # type: ignore[attr-defined]
            pass
        with pytest.raises(TypeError, match=rf"{name} takes no argument, or decorates a function, got a bool"):
            mode(False)  # type: ignore[call-overload]
        with pytest.raises(
            TypeError, match=rf"{name} takes no argument, or decorates the methods of a class, one by one"
        ):
            mode(Value)
    assert kind() == "result"


def test_one_object_may_be_entered_again() -> None:
    mode = no_grad()
    with mode, enable_grad(), mode:
        assert kind() == "detached"
    assert kind() == "result"


def test_leaving_what_was_not_entered_is_refused() -> None:
    mode = no_grad()
    with pytest.raises(RuntimeError, match="no_grad was left more often than it was entered"):
        mode.__exit__(None, None, None)
    with mode:
        pass
    with pytest.raises(RuntimeError, match="left more often"):
        mode.__exit__(None, None, None)


def in_thread(function: Callable[[], Any]) -> Any:
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_leaves_no_mode_to_the_next() -> None:
    """The system gives the number of a thread that has ended to a later one."""
    numbers = set()

    def leave() -> None:
        numbers.add(threading.get_ident())
        no_grad().__enter__()
        detect_anomaly().__enter__()
        assert kind() == "detached"

    def look() -> Any:
        again = threading.get_ident() in numbers
        Value(0.0).log()
        return again, kind()

    for _ in range(10):
        in_thread(leave)
        _, found = in_thread(look)
        assert found == "result"
    assert in_thread(look)[0], "no thread had the number of an earlier one, so that this shows nothing"
    assert kind() == "result"


def test_a_thread_that_ends_in_a_trace_ends_it() -> None:
    class Refusing:
        constants: set[Value] = set()  # noqa: RUF012

        def refuse(self, what: str, v: Value) -> None:
            raise AssertionError(what)

    in_thread(lambda: engine.set_trace(Refusing()))
    assert Value(1.0).data == 1.0 and in_thread(lambda: (engine.is_tracing(), Value(1.0) < 2.0)) == (False, True)


def test_what_is_known_of_a_thread_goes_with_it() -> None:
    class Watch:
        def recorded(self, v: Value) -> None:
            return None

    def leave() -> weakref.ref[Watch]:
        watch = Watch()
        set_watch(watch)
        set_recording(False)
        return weakref.ref(watch)

    gone = [in_thread(leave) for _ in range(20)]
    gc.collect()
    assert not any(reference() for reference in gone)
