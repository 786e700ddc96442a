"""How the tests of floats measure errors."""

from __future__ import annotations

import mpmath  # type: ignore[import-untyped]
from accuracy import MAX, TINY, inf, nan, ulps


def test_ulps() -> None:
    assert ulps(1.0, mpmath.mpf(1)) == 0.0
    assert ulps(1.0 + 2**-52, mpmath.mpf(1)) == 1.0
    assert ulps(3 * TINY, mpmath.mpf(TINY)) == 2.0
    assert ulps(inf, mpmath.mpf(MAX)) == 1.0
    assert ulps(inf, mpmath.mpf(10) ** 400) == 0.0
    assert ulps(-inf, mpmath.mpf(10) ** 400) > 1e15
    assert ulps(nan, mpmath.mpf(1)) == inf
    assert ulps(1e-20, mpmath.mpf(0), scale=1.0) < 1.0
