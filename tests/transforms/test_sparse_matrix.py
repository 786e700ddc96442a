"""SparseMatrix: what it shows, its other forms, and its place in structures."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

import tinygrad_lite as tl
from tinygrad_lite import SparseMatrix, Value, compile
from tinygrad_lite.errors import MissingProgramError
from tinygrad_lite.transforms.pytree import Structure, mapped


def matrix(places: set[tuple[int, int]], shape: tuple[int, int] = (4, 5)) -> SparseMatrix:
    rows, columns = np.array(sorted(places), int).reshape(-1, 2).T
    return SparseMatrix(rows, columns, np.arange(1.0, len(rows) + 1.0), shape)


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 4))))
def test_as_an_array_and_as_scipys(places: set[tuple[int, int]]) -> None:
    found = matrix(places)
    whole = found.toarray()
    assert {(i, j) for i, j in np.argwhere(whole).tolist()} == places and whole.shape == (4, 5)
    assert whole[found.rows, found.columns].tolist() == found.values.tolist()
    theirs = found.to_scipy()
    assert isinstance(theirs, csr_array) and theirs.has_canonical_format
    assert np.array_equal(theirs.toarray(), whole)
    theirs.data[:] = 0.0
    assert np.array_equal(found.toarray(), whole), "scipy's arrays are its own"


def test_what_scipy_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    found = matrix({(0, 1)}, (1, 2))
    values = SparseMatrix(found.rows, found.columns, np.array([Value(1.0)], dtype=object), (1, 2))
    with pytest.raises(
        TypeError, match=r"\[0, 1\] Value\(data=1.0, grad=0.0\)> holds Values, .* \.values or \.toarray"
    ):
        values.to_scipy()
    batch = SparseMatrix(found.rows, found.columns, np.ones((3, 1)), (1, 2))
    assert batch.toarray().tolist() == [[[0.0, 1.0]]] * 3
    with pytest.raises(TypeError, match="holds a batch of matrices"):
        batch.to_scipy()
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingProgramError, match=r"needs SciPy: install it with .* take \.toarray\(\)"):
        found.to_scipy()


def test_how_it_is_shown() -> None:
    assert repr(matrix(set())) == "<SparseMatrix 4 x 5, 0 entries>"
    assert repr(matrix({(1, 2)})) == "<SparseMatrix 4 x 5, 1 entry: [1, 2] 1.0>"
    assert repr(matrix({(i, 0) for i in range(4)})).endswith("[0, 0] 1.0, [1, 0] 2.0, [2, 0] 3.0, [3, 0] 4.0>")
    big = repr(matrix({(i, i) for i in range(1000)}, (1000, 20_000)))
    assert big.startswith("<SparseMatrix 1,000 x 20,000, 1,000 entries: [0, 0] 1.0, ") and big.endswith(" 4.0, ...>")


def test_in_a_structure_only_its_values_are_numbers() -> None:
    found = matrix({(0, 1), (2, 0)})
    assert Structure([found, 3.0]).numbers == [1.0, 2.0, 3.0]
    doubled = mapped(lambda x: 2.0 * x, found)
    assert doubled.values.tolist() == [2.0, 4.0] and doubled.rows is found.rows and doubled.shape == (4, 5)
    with pytest.raises(TypeError, match=r"argument m has an ndarray .* in it, .*: pass its numbers"):
        compile(lambda m: m.values[0])(found)


@dataclass
class Layer:
    weights: Any
    kind: str = field(default="tanh", metadata={"static": True})


def test_static_fields_of_a_dataclass_are_kept() -> None:
    def f(layer: Layer, x: Any) -> Any:
        y = tl.dot(layer.weights, x)
        return y.tanh() if layer.kind == "tanh" else y

    layer, x = Layer([0.5, 0.25]), [1.0, 2.0]
    assert tl.grad(f)(Layer([0.5, 0.25], "linear"), x) == Layer([1.0, 2.0], "linear")
    g = compile(f)
    assert g(layer, x) == g(layer, x) == np.tanh(1.0) and g(Layer([0.5, 0.25], "linear"), x) == 1.0
    assert g.trace_count == 2 and g.traces[1] == "Layer(kind='linear', weights=[*, *]), [*, *]"
    assert compile(lambda x: Layer([x], "linear"))(3.0) == Layer([3.0], "linear")
