"""argnums: which of its arguments a function is differentiated by."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from ..engine import Value
from ..errors import received


def named_by(argnums: Any, count: int, who: str) -> list[int]:
    """The positions, from 0, of the arguments that argnums names. Raises TypeError, ValueError."""
    at = list(argnums) if isinstance(argnums, Iterable) and not isinstance(argnums, str) else [argnums]
    for place, k in enumerate(at):
        if isinstance(k, (bool, Value)) or not hasattr(k, "__index__"):
            raise TypeError(f"{who}: argnums is the position of an argument, or several, got {received(k)}")
        at[place] = k = operator.index(k)
        if not -count <= k < count:
            raise TypeError(
                f"{who}: argnums={argnums} was asked for, but it was called with {count} positional arguments: "
                f"argnums counts from 0"
            )
        at[place] = k % count
        if at[place] in at[:place]:
            raise ValueError(f"{who}: argnums={argnums} names an argument twice")
    return at
