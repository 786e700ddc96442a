"""The functions of floats against mpmath in ulps, and how these errors are measured."""

from __future__ import annotations

import mpmath  # type: ignore[import-untyped]
import pytest
import test_gamma
import test_ieee
import test_normal_law
import test_sequences
from accuracy import MAX, TINY, Accuracy, inf, nan, ulps

BY_MODULE = {file.ACCURACY.module.__name__.rpartition(".")[2]: file.ACCURACY for file in (
    test_ieee, test_normal_law, test_gamma, test_sequences,
)}  # fmt: skip
each_case = pytest.mark.parametrize(
    ("accuracy", "name"),
    [pytest.param(accuracy, name, id=name) for accuracy in BY_MODULE.values() for name in accuracy.cases],
)


@each_case
def test_within_four_ulps(accuracy: Accuracy, name: str) -> None:
    accuracy.is_within_four_ulps(name)


@each_case
def test_an_error_of_ten_ulps_would_be_seen(accuracy: Accuracy, name: str) -> None:
    accuracy.would_show_ten_ulps(name)


@each_case
def test_nothing_raises(accuracy: Accuracy, name: str) -> None:
    accuracy.never_raises(name)


@pytest.mark.parametrize("module", BY_MODULE)
def test_every_function_has_a_case(module: str) -> None:
    BY_MODULE[module].has_a_case_for_each()


def test_ulps() -> None:
    assert ulps(1.0, mpmath.mpf(1)) == 0.0
    assert ulps(1.0 + 2**-52, mpmath.mpf(1)) == 1.0
    assert ulps(3 * TINY, mpmath.mpf(TINY)) == 2.0
    assert ulps(inf, mpmath.mpf(MAX)) == 1.0
    assert ulps(inf, mpmath.mpf(10) ** 400) == 0.0
    assert ulps(-inf, mpmath.mpf(10) ** 400) > 1e15
    assert ulps(nan, mpmath.mpf(1)) == inf
    assert ulps(1e-20, mpmath.mpf(0), scale=1.0) < 1.0
