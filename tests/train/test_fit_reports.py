"""Reports and options of a training: callbacks, schedules, history, progress bar, several parts."""

from __future__ import annotations

import builtins
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_fit import HELD_OUT, POINTS, fitted, network, numbers

from tinygrad_lite import Value, nn, optim, train
from tinygrad_lite.errors import MissingProgramError
from tinygrad_lite.train import accuracy, fit


def test_callbacks_see_and_cannot_change() -> None:
    seen: list[train.TrainingState] = []
    model = network()
    history = fitted(model, 5, callbacks=[seen.append, lambda state: state.epoch == 3])
    assert [state.epoch for state in seen] == [1, 2, 3] and history.stopped == "callback"
    last = seen[-1]
    assert last.model is model and last.epochs == 5 and last.row == history[-1] and list(last.history) == history
    with pytest.raises(AttributeError):
        last.epoch = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        last.row["loss"] = 0.0  # type: ignore[index]


@pytest.mark.parametrize("each", ["epoch", "step"])
def test_schedules_by_epoch_and_by_step(each: Any) -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    schedule = optim.StepLR(optimizer, 1, gamma=0.5)
    history = fitted(model, 3, optimizer=optimizer, schedule=schedule, schedule_each=each)
    rates = {"epoch": [1.0, 0.5, 0.25], "step": [0.5**4, 0.5**8, 0.5**12]}
    assert history.column("lr") == rates[each] and schedule.last_epoch == {"epoch": 3, "step": 12}[each]


def test_a_plateau_is_one_of_the_validation_loss() -> None:
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=1e-9)
    told: list[float] = []

    class Heard(optim.ReduceLROnPlateau):
        def step(self, metrics: float) -> None:
            told.append(metrics)
            super().step(metrics)

    history = fitted(model, 2, optimizer=optimizer, schedule=Heard(optimizer), validation=HELD_OUT)
    assert told == history.column("val_loss") != history.column("loss")
    told.clear()
    fitted(model, 1, optimizer=optimizer, schedule=Heard(optimizer), schedule_each="step", validation=HELD_OUT)
    assert len(told) == 4


def test_the_history_is_a_table(tmp_path: Path) -> None:
    history = fitted(network(), 3, validation=HELD_OUT)
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: float(number) for name, number in row.items()} for row in rows] == history
    assert history.column("epoch") == [1, 2, 3] and isinstance(history, list)
    assert str(history).splitlines()[0].split() == history.columns == ["epoch", "lr", "loss", "val_loss"]
    assert "<table" in history._repr_html_()
    with pytest.raises(KeyError, match="no column 'accuracy': it has epoch, lr, loss, val_loss"):
        history.column("accuracy")
    assert train.History().column("loss") == [] and str(train.History()) == "no epoch is finished yet"


def test_the_progress_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fitted(network(), 3, validation=HELD_OUT, progress=True)
    told = capsys.readouterr().err
    assert "training: 100%" in told and "12/12" in told and "epoch=3/3" in told and "val_loss=" in told
    imported = builtins.__import__

    def without_tqdm(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "tqdm":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_tqdm)
    model = network()
    before = numbers(model)
    with pytest.raises(MissingProgramError, match=r'pip install "tinygrad_lite\[train\]"  or pass progress=False'):
        fitted(model, 1, progress=True)
    assert numbers(model) == before
    fitted(model, 1)
    assert numbers(model) != before and not capsys.readouterr().err


def test_inputs_and_targets_of_several_parts() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            self.w = [Value(0.0), Value(0.0)]

        def forward(self, x: Any) -> Any:
            return self.w[0] * x["a"] + self.w[1] * x["b"][0]

    def loss(prediction: Any, target: Any) -> Any:
        value, weight = target
        return weight * (prediction - value) ** 2

    a, b = POINTS[:, 0], POINTS[:, 1:]
    data = {"a": a, "b": b}, (2 * a - b[:, 0], np.linspace(0.5, 1.5, 40))
    for eager in (False, True):
        model = Sum()
        optimizer = optim.SGD(model.parameters(), lr=0.5)
        assert fit(model, loss, data, optimizer, 60, 20, seed=0, eager=eager, progress=False)[-1]["loss"] < 1e-8
        assert numbers(model) == pytest.approx([2.0, -1.0], abs=1e-3)


def test_accuracy_of_signs_and_of_classes() -> None:
    assert [accuracy(2.0, 1), accuracy(2.0, 0), accuracy(-2.0, 0), accuracy(2.0, -1)] == [1.0, 0.0, 1.0, 0.0]
    assert [accuracy([0.0, 1.0], 1.0), accuracy([0.0, 1.0], 0)] == [1.0, 0.0]
    assert [accuracy([0.0, 1.0], [0.25, 0.75]), accuracy([0.0, 1.0], [1.0, 0.0])] == [1.0, 0.0]
