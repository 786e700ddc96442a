"""Modes around every kind of function, and next to other threads: they apply where they are written, nowhere else."""

from __future__ import annotations

import functools
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
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
