"""Shared by the tests of compile: when two numbers are the same, and how much to ask of the pure engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.transforms.pytree import Structure

EXECUTORS = ("array", "native", "auto")
FORCED = EXECUTORS[:2]
UGLY = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.5, -1e300, 1e-310)


def few(compiled: int, pure: int) -> int:
    """How many to run: the pure engine is a hundred times slower."""
    return compiled if tl.engine.compiled else pure


def differences(found: Any, expected: Any, ulps: float = 8.0, scale: float = 0.0, signs: bool = True) -> list[Any]:
    """The places where two structures of numbers differ: nan equals nan, inf must have the same sign, others be near.

    ulps   how near, of the expected number
    scale  of what was added up to it, whose rounding counts too
    signs  whether -0.0 differs from 0.0
    """
    a, b = (
        np.array([float(x.data if type(x) is Value else x) for x in Structure(t).numbers]) for t in (found, expected)
    )
    if a.shape != b.shape:
        return [("shapes", a.shape, b.shape)]
    eps = 2.0**-52
    with np.errstate(all="ignore"):
        near = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= ulps * eps * np.abs(b) + scale * eps)
        near |= np.abs(a - b) <= 1e-307  # below this, rounding is no longer relative
        if signs:
            near &= (np.signbit(a) == np.signbit(b)) | (b != 0.0) | (a != 0.0)
    return [(k, a[k], b[k]) for k in np.flatnonzero(~near)]


def columns(rows: Sequence[Any]) -> list[Any]:
    """The arguments of a batch from those of its lanes."""
    return [np.array(column, dtype=float) for column in zip(*rows, strict=True)]
