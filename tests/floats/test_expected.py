"""Plain arguments are checked in one way: what was expected, what came, and what to do instead."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Value
from tinygrad_lite.floats.expected import (
    FINITE,
    FLAG,
    NONNEGATIVE,
    NUMBER,
    POSITIVE,
    SHARE,
    UP_TO_INF,
    Expected,
    one_of,
    or_none,
    whole,
)

HUGE = 10**400


@pytest.mark.parametrize(
    ("expected", "given", "made"),
    [
        (whole(1), np.int64(3), 3),
        (whole(-2), -2, -2),
        (or_none(whole(0)), None, None),
        (NUMBER, math.inf, math.inf),
        (FINITE, Fraction(1, 2), 0.5),
        (NONNEGATIVE, 0, 0.0),
        (UP_TO_INF, math.inf, math.inf),
        (SHARE, np.float32(1.0), 1.0),
        (FLAG, True, True),
        (one_of("a", None), None, None),
        (one_of("a", "b"), "b", "b"),
    ],
)
def test_what_fits_comes_in_its_own_type(expected: Expected, given: Any, made: Any) -> None:
    found = expected.checked("f(x)", given)
    assert found == made and type(found) is type(made)


@pytest.mark.parametrize(
    ("expected", "given", "error", "message"),
    [
        (whole(1), 0, IndexError, "f(x) must be a whole number, 1 or larger, got 0"),
        (whole(1), True, KeyError, "f(x) must be a whole number, 1 or larger, got a bool, True"),
        (whole(1), 2.0, KeyError, "f(x) must be a whole number, 1 or larger, got a float, 2.0: write int(...)"),
        (whole(1), 2.5, KeyError, "f(x) must be a whole number, 1 or larger, got a float, 2.5"),
        (
            whole(1), Value(2.0), KeyError,
            "f(x) must be a whole number, 1 or larger, got a Value, Value(data=2.0, grad=0.0): take int(v.data)",
        ),
        (or_none(whole(0)), -1, IndexError, "f(x) must be a whole number, 0 or larger, or None, got -1"),
        (
            NONNEGATIVE, "1", KeyError,
            "f(x) must be a number, 0 or larger, got a str, '1': turn it into a number first, with float(...)",
        ),
        (NONNEGATIVE, math.nan, IndexError, "f(x) must be a number, 0 or larger, got nan"),
        (NONNEGATIVE, math.inf, IndexError, "f(x) must be a number, 0 or larger, got inf"),
        (NONNEGATIVE, HUGE, IndexError, "f(x) must be a number, 0 or larger, got an int of 1329 bits"),
        (FINITE, -math.inf, IndexError, "f(x) must be a finite number, got -inf"),
        (POSITIVE, 0.0, IndexError, "f(x) must be a positive number, got 0.0"),
        (SHARE, 1.5, IndexError, "f(x) must be a number from 0 to 1, got 1.5"),
        (FLAG, 1, KeyError, "f(x) must be True or False, got an int, 1"),
        (one_of("a", "b", None), "c", IndexError, "f(x) must be 'a', 'b' or None, got 'c'"),
        (one_of("a"), np.zeros(2), IndexError, "f(x) must be 'a', got an ndarray of shape (2,)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(expected: Expected, given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        expected.checked("f(x)", given, KeyError, IndexError)
    assert caught.value.args == (message,)
