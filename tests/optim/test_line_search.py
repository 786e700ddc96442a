"""The strong Wolfe line search, trial by trial, against PyTorch's recorded ones."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from record_torch_lbfgs import SEARCHES, TARGET, along

from tinygrad_lite.optim.line_search import Trial, _least, strong_wolfe

CASES = json.loads(TARGET.read_text(encoding="utf-8"))["searches"]


def trial(t: Any, loss: float, slope: float) -> Trial:
    return Trial(np.float64(t), np.float64(loss), np.float64(slope), np.array([slope]))


def test_every_case_is_recorded() -> None:
    assert [search for search, _ in CASES] == SEARCHES


def test_pytorchs_trials() -> None:
    for search, path in CASES:
        tried: list[float] = []

        def at(t: Any) -> Trial:
            tried.append(float(t))  # noqa: B023  called at once
            return trial(t, *along(search, float(t)))  # noqa: B023

        start = trial(0.0, *along(search, 0.0))
        with np.errstate(all="ignore"):
            taken, asked = strong_wolfe(at, start, np.float64(search["t"]), 1.0, search["tolerance"], search["most"])
        assert asked == len(tried)
        assert [*tried, taken.t] == pytest.approx(path, rel=1e-6, abs=1e-9), search


def test_the_least_of_a_cubic() -> None:
    with np.errstate(all="ignore"):
        cubic = trial(0.0, 2.0, -2.0), trial(2.0, 2.0, 6.0)  # of t**3 - t**2 - 2 * t + 2
        least = (1.0 + math.sqrt(7.0)) / 3.0
        assert _least(*cubic, 0.0, 2.0) == _least(*cubic[::-1], 0.0, 2.0) == pytest.approx(least)
        assert _least(*cubic, 1.5, 2.0) == 1.5
        straight = trial(0.0, 0.0, -1.0), trial(1.0, -1.0, -1.0)
        assert _least(*straight, 1.01, 10.0) == 10.0, "as far as it may"
        level = trial(0.0, 0.0, 0.0), trial(1.0, 0.0, 0.0)
        assert _least(*level, 2.0, 10.0) == 6.0 == _least(level[0], level[0], 2.0, 10.0)
