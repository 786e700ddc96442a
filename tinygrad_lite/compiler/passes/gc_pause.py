"""Pauses the cyclic garbage collector while passes make hundreds of thousands of tuples."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


def collector_paused(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorates a function so that the cyclic garbage collector does not run during it.

    Traces and passes make no cyclic garbage, but the search for it would take half of the time, and grow.
    """

    @functools.wraps(function)
    def paused(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        again = gc.enable if gc.isenabled() else bool
        try:
            try:
                gc.disable()
                return function(*args, **kwargs)
            finally:
                again()
        finally:  # twice, see engine.within()
            again()

    return paused
