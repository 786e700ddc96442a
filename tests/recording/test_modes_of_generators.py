"""Modes around generators and coroutines: they hold while a body runs, side by side."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from test_modes import every_mode, kind

from tinygrad_lite import enable_grad, no_grad


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
