"""A training that stops: at a loss or gradient that is not finite, at an error, an interrupt, or early."""

from __future__ import annotations

import math
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_fit import POINTS, SIDES, fitted, network, numbers

from tinygrad_lite import Draws, Value, nn, ops, optim, train
from tinygrad_lite.errors import AnomalyError, TrainingError
from tinygrad_lite.train import EarlyStopping, fit


@pytest.mark.parametrize("eager", [False, True])
def test_a_loss_that_is_nan_names_the_sample(eager: bool) -> None:
    model = network((2, 1))
    inputs = POINTS[:30].copy()
    inputs[17] = math.inf, -math.inf
    history: list[Any] = []
    with pytest.raises(TrainingError, match=r"(?s)in epoch 1, step \d of 4, the loss is inf; .*Sample 17 of") as caught:
        fit(
            model, nn.mse, (inputs, POINTS[:30, 0]), optim.SGD(model.parameters(), lr=0.1), 3, 8, seed=3, eager=eager,
            progress=False, callbacks=[lambda state: history.append(numbers(model))],
        )  # fmt: skip
    error = caught.value
    assert "explain_nan" in str(error) and "inf" in str(error.explanation)
    assert (error.epoch, error.sample, error.history) == (1, 17, []) and all(map(math.isfinite, numbers(model)))
    assert all(p.grad_state == "not computed" for p in model.parameters())


def test_the_parameters_are_those_before_the_bad_step() -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            self.w = Value(0.25)

        def forward(self, x: Any) -> Any:
            return (self.w - x).sqrt()

    model, after = Root(), []
    with pytest.raises(TrainingError, match=r"in epoch 3, step 1 of 1, the loss is nan") as caught:
        fit(
            model, lambda p, t: p * t, ([0.0, 0.0], [1.0, 1.0]), optim.SGD(model.parameters(), lr=0.13), 9, None,
            callbacks=[lambda state: after.append(model.w.data)], progress=False,
        )  # fmt: skip
    assert model.w.data == after[-1] < 0.0 and len(after) == 2 == len(caught.value.history)  # type: ignore[arg-type]
    assert isinstance(caught.value.__cause__, AnomalyError) and f"{Path(__file__).name}:" in str(caught.value)


def test_a_gradient_that_is_not_finite_is_no_step() -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            self.w = Value(0.0)

        def forward(self, x: Any) -> Any:
            return (self.w * x).sqrt()

    model = Root()
    with pytest.raises(TrainingError, match=r"the loss is 1, but not all gradients are finite") as caught:
        fit(model, nn.mse, ([2.0, 1.0], [0.0, 1.0]), optim.SGD(model.parameters()), 1, 1, seed=0, progress=False)
    assert model.w.data == 0.0 and caught.value.explanation is not None


def test_a_step_too_far_and_a_sum_too_large() -> None:
    model = network((1, 1))
    before = numbers(model)
    with pytest.raises(TrainingError, match=r"a parameter inf or nan; .* The learning rate is too large"):
        fit(model, nn.mse, ([1e9], [1.0]), optim.SGD(model.parameters(), lr=1e300), 1, progress=False)
    assert numbers(model) == before
    with pytest.raises(TrainingError, match="No single sample causes it") as caught:
        fit(
            model,
            lambda p, t: p * 0.0 + t,
            ([1.0] * 2, [1.5e308] * 2),
            optim.SGD(model.parameters()),
            eager=True,
            progress=False,
        )
    assert caught.value.sample is None and numbers(model) == before


def test_a_bad_sample_meets_the_draws_that_it_met() -> None:
    class Unlucky(nn.Module):
        def __init__(self) -> None:
            self.w, self.draws = Value(1.0), Draws(0)

        def forward(self, x: Any) -> Any:
            return ops.log(self.draws.uniform() - 0.02) * self.w

    model = Unlucky()
    with pytest.raises(TrainingError) as caught:
        fit(model, nn.mse, ([0.0] * 64, [0.0] * 64), optim.SGD(model.parameters(), lr=1e-3), 50, 16, seed=1,
            progress=False)  # fmt: skip
    assert caught.value.sample is not None and caught.value.explanation is not None


def test_an_error_of_a_sample_is_told() -> None:
    model = network()
    for eager in (False, True):
        with pytest.raises(ValueError, match=r"class indices, here 0..1, got 7") as caught:
            fitted(model, 1, data=(POINTS[:30], np.where(np.arange(30) == 4, 7, SIDES[:30])), eager=eager)
        assert caught.value.__notes__ == ["fit: sample 4 of the data raised this"]


def test_an_interrupt_leaves_a_model_and_a_history(tmp_path: Path) -> None:
    def interrupt(state: train.TrainingState) -> None:
        if state.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1.0)

    model, path = network(), tmp_path / "run.npz"
    history = fitted(model, 5, callbacks=[interrupt], checkpoint=path)
    assert history.stopped == "interrupted" and history.column("epoch") == [1, 2]
    assert all(map(math.isfinite, numbers(model)))
    whole = network()
    expected = fitted(whole, 5)
    again = network(seed=9)
    assert fitted(again, 5, checkpoint=path, resume=True) == expected and numbers(again) == numbers(whole)


def test_an_interrupt_amid_a_step_takes_the_step_back() -> None:
    class Interrupted(optim.SGD):
        def step(self) -> None:
            super().step()
            if self._steps == 6:
                raise KeyboardInterrupt

    model, whole = network(), network()
    history = fitted(model, 3, optimizer=Interrupted(model.parameters(), lr=0.1))
    fitted(whole, 1, optimizer=optim.SGD(whole.parameters(), lr=0.1))
    assert len(history) == 1 and history.stopped == "interrupted" and numbers(model) != numbers(whole)
    assert all(p.data != q.data for p, q in zip(model.parameters(), whole.parameters(), strict=True))


def test_early_stopping_gives_back_the_best_weights(tmp_path: Path) -> None:
    model, weights = network(), []

    def remember(state: train.TrainingState) -> None:
        weights.append(numbers(model))

    losses = iter([3.0, 2.0, 2.5, 1.0, 1.0, math.nan, 0.5])
    path = tmp_path / "run.npz"
    settings: dict[str, Any] = {
        "early_stopping": EarlyStopping(2, "planned"), "metrics": [planned := lambda p, t: 0.0], "checkpoint": path,
        "callbacks": [remember], "batch_size": None,
    }  # fmt: skip
    planned.__name__ = "planned"
    evaluated = train.objective.Objective.evaluated

    def plan(self: Any, samples: Any, prefix: str = "", with_loss: bool = True) -> dict[str, float]:
        return {**evaluated(self, samples, prefix, with_loss), "planned": next(losses)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.objective.Objective, "evaluated", plan)
        history = fitted(model, 20, **settings)
    assert history.stopped == "early stopping" and len(history) == 6 and history.best_epoch == 4
    assert numbers(model) == weights[3]
    again = network(seed=2)
    assert len(fitted(again, 20, **settings, resume=True)) == 6 and numbers(again) == weights[3]


@pytest.mark.parametrize(("mode", "best"), [("min", 1), ("max", 5)])
def test_early_stopping_by_any_column(mode: Any, best: int) -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    history = fitted(
        model, 5, optimizer=optimizer, schedule=optim.LinearLR(optimizer, 0.5, total_iters=9),
        early_stopping=EarlyStopping(9, "lr", mode=mode),
    )  # fmt: skip
    assert history.best_epoch == best and history.stopped == ""
