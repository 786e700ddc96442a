"""A masked element is not a number, wherever it occurs; a masked array without any is an ordinary array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_plain_arguments import MASKED, MASKED_MATRIX, doubled, total

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, optim

MASKED_PLACES: dict[str, Callable[[], Any]] = {
    "Value": lambda: Value(np.ma.masked),
    "Value of an array": lambda: Value(np.ma.array([1.0], mask=[True])),
    "grad": lambda: tl.grad(total)(MASKED),
    "grad, in a dict": lambda: tl.grad(lambda d: tl.sum(d["a"]))({"a": MASKED}),
    "grad, in a list": lambda: tl.grad(total)([1.0, np.ma.masked]),
    "jacobian": lambda: tl.jacobian(lambda x: [tl.sum(row) for row in x])(MASKED_MATRIX),
    "jvp": lambda: tl.jvp(total, ([1.0, 2.0],), (MASKED,)),
    "jvp, of a number": lambda: tl.jvp(doubled, (1.0,), (np.ma.masked,)),
    "hvp": lambda: tl.hvp(total, [1.0, 2.0], MASKED),
    "vjp": lambda: tl.vjp(lambda x: [x, x], 1.0)[1](MASKED),
    "compiled": lambda: tl.compile(total)(MASKED),
    "compiled, in a list": lambda: tl.compile(lambda xs: tl.sum(xs[0]))([MASKED]),
    "compiled, a number": lambda: tl.compile(doubled)(np.ma.masked),
    "compiled, in a list of numbers": lambda: tl.compile(total)([1.0, np.ma.masked]),
    "batch": lambda: tl.compile(total).batch(MASKED_MATRIX),
    "batch, of rows": lambda: tl.compile(total).batch([MASKED, MASKED]),
    "batch, in nested lists": lambda: tl.compile(total).batch([[1.0, 2.0], [3.0, np.ma.masked]]),
    "batch, in a dict": lambda: tl.compile(lambda d: d["a"]).batch({"a": MASKED}),
    "layer": lambda: nn.Linear(2, 1)(MASKED),
    "perceptron": lambda: nn.MLP(2, [1])(MASKED),
    "loss": lambda: nn.mse([Value(1.0), Value(2.0)], MASKED),
    "fit": lambda: fitted(MASKED_MATRIX, [[1.0], [2.0]]),
    "fit, targets": lambda: fitted([[1.0, 2.0], [3.0, 4.0]], np.ma.array([[1.0], [2.0]], mask=[[True], [False]])),
    "fit, in nested lists": lambda: fitted([[1.0, 2.0], [3.0, np.ma.masked]], [[1.0], [2.0]]),
}


def fitted(inputs: Any, targets: Any) -> Any:
    model = nn.Linear(2, 1)
    return tl.train.fit(
        model, nn.mse, (inputs, targets), optim.SGD(model.parameters(), lr=0.1), epochs=1, progress=False
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", MASKED_PLACES)
def test_a_masked_element_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=r"takes a real number, got a Masked.* masked element"):
        MASKED_PLACES[name]()


def test_masked_arrays_without_a_masked_element_are_arrays() -> None:
    free = np.ma.array([1.0, 2.0], mask=[False, False])
    assert tl.grad(total)(free).tolist() == [1.0, 1.0] and tl.compile(total)(free) == 3.0
    assert tl.compile(doubled).batch(free).data == 3.0 and nn.Linear(2, 1)(free)[0].kind == "result"
    assert fitted(np.ma.array([[1.0, 2.0]]), [[1.0]])[-1]["loss"] >= 0.0
    x = Value(2.0)
    for product in (x * MASKED, MASKED * x):
        assert isinstance(product, np.ma.MaskedArray) and product.mask.tolist() == [False, True]
        assert isinstance(product[0], Value) and product[0].parents == (x,)
