"""The array form of every row is its value, of special numbers too; NumPy's functions find the rows."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pytest
from table import (
    points,
)
from test_ops import EDGES, ROWS

from tinygrad_lite import Value, ops
from tinygrad_lite.floats import normal_law
from tinygrad_lite.ops import Op


@pytest.mark.parametrize("row", ROWS)
def test_the_array_form_is_the_value(row: Op) -> None:
    """The array form, evaluated by NumPy with SciPy's special functions, gives what the value gives."""
    many = points(row, 30, 1.0)
    want = np.array([row.value(*p) for p in many])
    np.testing.assert_allclose(by_array_form(row, many), want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("row", ROWS)
def test_the_array_form_is_the_value_also_of_special_numbers(row: Op) -> None:
    """Infinities, nan, zeros of both signs, what overflows or underflows on the way."""
    numbers = [*EDGES, 800.0, -800.0]
    if row is ops.take:
        many: list[Any] = [((x, 1.0, x), index) for x in numbers for index in (0.0, 2.0)]
    elif row in (ops.polygamma, ops.mills):
        many = [(n, x) for n in (0.0, 2.0) for x in (1e-100, 1e100, math.inf, math.nan)]
    elif row.sequences:
        many = [
            tuple((x, y) if i in row.sequences else x if row.rules[i] else 1.0 for i in range(len(row.args)))
            for x in numbers
            for y in numbers
        ]
    else:
        pairs = itertools.product(numbers, repeat=min(len(row.args), 2))
        many = [(*some, *[0.25] * (len(row.args) - len(some))) for some in pairs]
    if row is ops.lgamma:
        many = [(x,) for (x,) in many if not (x < 0.0 or 0.0 < x < 1e-300)]  # where SciPy's errs
    if row is ops.erfinv:
        many = [(x,) for (x,) in many if str(x) != "-0.0"]  # where SciPy's is 0.0
    got, want = by_array_form(row, many), np.array([row.value(*p) for p in many])
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15 if row is ops.logsumexp else 0.0)
    zeros = (want == 0.0) & (got == 0.0)
    assert np.array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))


def by_array_form(row: Op, many: list[Any]) -> Any:
    special = pytest.importorskip("scipy.special")
    named = ("erf", "erfc", "erfinv", "gammaln", "log_ndtr", "ndtri", "polygamma")
    namespace = {name: getattr(special, name) for name in named}
    namespace["mills"] = np.vectorize(normal_law.mills)  # which SciPy has not
    namespace |= {name: getattr(np, name) for name in dir(np) if not name.startswith("_")}
    columns = {
        name: np.array([p[i] for p in many]).T if i in row.sequences else np.array([p[i] for p in many])
        for i, name in enumerate(row.args)
    }
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return np.broadcast_to(eval(row.array, namespace | columns), (len(many),))


@pytest.mark.parametrize("name", ["arcsinh", "arccosh", "arctanh", "log2", "log10", "exp2", "cbrt", "hypot"])
def test_numpys_functions_of_object_arrays_find_the_rows(name: str) -> None:
    ufunc = getattr(np, name)
    xs = [0.25, 0.75] if name == "arctanh" else [1.25, 2.75]
    arguments = [np.array([Value(x) for x in xs]) for _ in range(ufunc.nin)]
    found = ufunc(*arguments)
    row = ops.TABLE.get(name) or ops.ALIASES[name]
    assert [y.op for y in found] == [row, row]
    np.testing.assert_allclose([y.data for y in found], ufunc(*[np.array(xs)] * ufunc.nin), rtol=1e-15)
