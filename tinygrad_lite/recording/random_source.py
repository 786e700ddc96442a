"""Draws: a source of random numbers; a compiled function draws new ones at each call."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..engine import Value, current_trace
from ..floats.expected import or_none, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy


class Draws:
    """A source of random numbers, uniform in [0, 1): the same seed gives the same numbers in the same order.

    uniform() returns a float. Inside a compiled function it returns a Value, which stands for a new draw at each call,
    and in a batch for a different draw in each lane. Threads may share a source. Copies and pickles continue from its
    present state.

    >>> draws = Draws(seed=3); first = draws.uniform()
    >>> Draws(seed=3).uniform() == first != draws.uniform()
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        import numpy as np

        self._generator = np.random.default_rng(or_none(whole(0)).checked("Draws(seed=...)", seed))
        self._lock = threading.Lock()

    def uniform(self) -> Any:
        """Draws the next number."""
        trace = current_trace()
        if trace is None:
            replayed = getattr(_replay, "numbers", None)
            if replayed is not None:
                return next(replayed)
            with self._lock:
                return self._generator.random()
        v: Value = trace.drawn(self)
        return v

    def uniforms(self, count: int) -> numpy.ndarray[Any, Any]:
        """Draws `count` numbers into a float64 array, the same ones that uniform() would give one by one."""
        with self._lock:
            return self._generator.random(count)

    def permutation(self, count: int) -> numpy.ndarray[Any, Any]:
        """The whole numbers below count in random order, as an array of shape (count,)."""
        with self._lock:
            return self._generator.permutation(count)

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            return {"state": self._generator.bit_generator.state}

    def __setstate__(self, given: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        self._generator.bit_generator.state = given["state"]


_replay = threading.local()


def replayed(
    numbers: Iterable[Any], function: Callable[..., Any], args: Iterable[Any], named: Mapping[str, Any]
) -> Any:
    """Calls a function while this thread's draws return the given numbers, in order."""
    before: Iterator[Any] | None = getattr(_replay, "numbers", None)
    try:
        try:
            _replay.numbers = iter(numbers)
            return function(*args, **named)
        finally:
            _replay.numbers = before
    finally:  # twice, see engine.within()
        _replay.numbers = before
