"""Shared by the tests of scan: the same loop written out in Python, and when two results are the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.transforms.pytree import Structure

# How a function may run a loop: `loop` or tl.scan.
How = Callable[..., tuple[Any, Any]]


def loop(
    f: Callable[[Any, Any], Any], init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, **_: Any
) -> tuple[Any, Any]:
    """What scan means, for a list of xs and a y that is no tuple or dict."""
    carry, rows = init, [None] * (length or 0) if xs is None else list(xs)
    ys: list[Any] = [None] * len(rows)
    for t in reversed(range(len(rows))) if reverse else range(len(rows)):
        carry, ys[t] = f(carry, rows[t])
    return carry, ys


def numbers(*trees: Any) -> list[float]:
    """All numbers of these structures."""
    found = [x for tree in trees for x in Structure(tree).numbers]
    return [x.data if type(x) is Value else float(x) for x in found]


def close(found: Any, expected: Any, tolerance: float = 1e-11) -> None:
    """Both structures have the same numbers to rounding; nan is nan, and an infinity has its sign."""
    a, b = numbers(found), numbers(expected)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max([1.0, *[abs(x) for x in b if abs(x) < 1e9]]))


def backward(y: Any, leaves: Sequence[Value]) -> list[float]:
    """The number and its derivatives by leaves, by one sweep."""
    tl.engine.clear_grads(leaves)
    y.backward()
    return [y.data, *[leaf.grad for leaf in leaves]]
