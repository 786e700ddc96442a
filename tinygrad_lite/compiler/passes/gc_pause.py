"""The cyclic collector, at rest while passes make hundreds of thousands of tuples."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


def collector_paused(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, during which no cyclic garbage is looked for.

    Where none is made, the search takes a third of the time, and grows.
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
