"""A compiled training notices what was replaced in a model or a loss while it runs."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, optim


def test_a_replaced_leaf_while_fit_runs() -> None:
    """A new number as an attribute is used from then on; a new leaf is refused: the optimizer would not move it."""
    data = ([1.0, 2.0], [3.0, 6.0])

    class Line(nn.Module):
        def __init__(self) -> None:
            self.w, self.scale = Value(0.0), 1.0

        def forward(self, x: Any) -> Any:
            return self.scale * self.w * x

    def numbers(eager: bool) -> list[float]:
        line = Line()
        found: list[float] = []

        def anneal(state: Any) -> None:
            line.scale = 1.0 / (1.0 + state.epoch)
            found.append(line.w.data)

        optimizer = optim.SGD([line.w], lr=0.1)
        tl.train.fit(line, nn.mse, data, optimizer, 4, progress=False, eager=eager, callbacks=anneal)
        return found

    assert numbers(False) == pytest.approx(numbers(True), rel=1e-12)
    for eager in (False, True):
        line = Line()
        optimizer = optim.SGD(line.parameters(), lr=0.1)
        with pytest.raises(ValueError, match=r"fit: the parameter w was replaced .* set its \.data"):
            tl.train.fit(
                line, nn.mse, data, optimizer, 3, progress=False, eager=eager,
                callbacks=lambda state, line=line: setattr(line, "w", Value(1.0)),
            )  # fmt: skip


class Weighted(nn.Module):
    def __init__(self) -> None:
        self.weight = 1.0

    def forward(self, p: Any, y: Any) -> Any:
        return self.weight * (p - y) ** 2


def test_fit_notices_what_was_replaced_in_a_loss() -> None:
    model, loss = nn.MLP(1, [1], activation="identity"), Weighted()
    history = tl.train.fit(
        model, loss, ([[1.0]], [[2.0]][0]), tl.optim.SGD(model.parameters(), lr=1e-300), 3, progress=False,
        callbacks=lambda state: setattr(loss, "weight", 100.0),
    )  # fmt: skip
    assert history[1]["loss"] == pytest.approx(100.0 * history[0]["loss"])
