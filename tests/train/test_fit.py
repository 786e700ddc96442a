"""train.fit: what it learns, its bits by seed and after a stop, what it stops at, and what it refuses."""

from __future__ import annotations

import builtins
import csv
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Draws, Value, engine, nn, ops, optim, train
from tinygrad_lite.errors import AnomalyError, MissingProgramError, ShapeError, TrainingError
from tinygrad_lite.train import EarlyStopping, accuracy, evaluate, fit

source = np.random.default_rng(5)
POINTS = source.uniform(-1, 1, (40, 2))
SIDES = (POINTS[:, 0] * POINTS[:, 1] > 0).astype(int)
DATA, HELD_OUT = (POINTS[:30], SIDES[:30]), (POINTS[30:], SIDES[30:])


class Noisy(nn.Module):
    """A network whose hidden numbers are dropped at random while it trains."""

    def __init__(self, seed: int | None = None) -> None:
        self.net = nn.MLP(2, [4], activation="tanh")
        self.out = nn.Layer(4, 2)
        self.sources = {"drop": [Draws(seed)]}
        self.dropout = nn.Dropout(0.2)

    def forward(self, x: Any) -> Any:
        hidden = ops.tanh(self.net(x)[0]), *self.net(x)[1:]
        if self.training:
            draws = self.sources["drop"][0]
            hidden = tuple(ops.where(draws.uniform() < 0.7, h, 0.0) for h in hidden)
        return self.out(self.dropout(hidden))


def network(widths: tuple[int, ...] = (2, 4, 2), seed: int = 1) -> nn.MLP:
    random.seed(seed)
    return nn.MLP(widths[0], list(widths[1:]), activation="tanh", init="xavier_uniform")


def numbers(model: nn.Module) -> list[float]:
    return [p.data for p in model.parameters()]


def fitted(model: nn.Module, epochs: int = 4, **settings: Any) -> train.History:
    optimizer = settings.pop("optimizer", None) or optim.Adam(model.parameters(), lr=0.05)
    settings = {"batch_size": 8, "seed": 3, "progress": False, **settings}
    return fit(model, nn.cross_entropy, settings.pop("data", DATA), optimizer, epochs, **settings)


def test_it_learns_what_is_held_out() -> None:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16.0, labels[order]
    model = network((64, 24, 10))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    history = fit(
        model, nn.cross_entropy, (images[:1400], labels[:1400]), optimizer, 8 if engine.compiled else 3,
        validation=(images[1400:], labels[1400:]), metrics=[accuracy], seed=0, progress=False,
        schedule=optim.CosineAnnealingLR(optimizer, T_max=8),
    )  # fmt: skip
    assert history.columns == ["epoch", "lr", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert history[-1]["val_accuracy"] >= (0.94 if engine.compiled else 0.85)
    assert history.column("loss")[-1] < 0.3 * history.column("loss")[0]
    assert evaluate(model, nn.cross_entropy, (images[1400:], labels[1400:]), [accuracy]) == {
        "loss": history[-1]["val_loss"], "accuracy": history[-1]["val_accuracy"]
    }  # fmt: skip


@pytest.mark.parametrize("batch_size", [None, 8, 7, 100])
def test_compiled_and_eager_take_the_same_steps(batch_size: int | None) -> None:
    compiled, eager = network(), network()
    settings: dict[str, Any] = {"batch_size": batch_size, "validation": HELD_OUT, "metrics": accuracy}
    a, b = fitted(compiled, 3, **settings), fitted(eager, 3, eager=True, **settings)
    assert numbers(compiled) == pytest.approx(numbers(eager), rel=1e-9, abs=1e-12)
    assert a.columns == b.columns
    for ours, theirs in zip(a, b, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)


def test_full_batch_is_gradient_descent_on_the_mean() -> None:
    model, by_hand = network(), network()
    fitted(model, 3, batch_size=None, optimizer=optim.SGD(model.parameters(), lr=0.5))
    optimizer = optim.SGD(by_hand.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        nn.cross_entropy([by_hand(x) for x in DATA[0].tolist()], DATA[1].tolist()).backward()
        optimizer.step()
    assert numbers(model) == pytest.approx(numbers(by_hand), rel=1e-9)


@pytest.mark.parametrize("eager", [False, True])
def test_the_seed_repeats_a_training_to_the_last_bit(eager: bool) -> None:
    found = []
    for seed in (3, 3, 4):
        random.seed(1)
        model = Noisy()  # whose draws have no seed of their own
        history = fitted(model, 2, seed=seed, eager=eager, validation=HELD_OUT)
        found.append((numbers(model), list(history)))
    assert found[0] == found[1] and found[0][0] != found[2][0]


def test_without_a_seed_the_draws_go_on() -> None:
    model = Noisy(seed=1)
    before = model.sources["drop"][0].__getstate__()
    fitted(model, 1, seed=None)
    drawn = Draws(1)
    drawn.uniforms(4 * 30)
    assert model.sources["drop"][0].__getstate__() == drawn.__getstate__() != before


def test_a_seed_is_for_all_sources_also_where_modules_share_one() -> None:
    """Each begins anew with it, what stands behind a source that was met before too."""
    found = []
    for own in (1, 2):
        model = Noisy(seed=own)
        shared, alone = model.sources["drop"][0], Draws(own)
        model.out.sources = [shared, {"again": shared, "alone": alone}]
        fitted(model, 1)
        found.append([draws.uniforms(3).tolist() for draws in (shared, alone)])
    assert found[0] == found[1] and found[0][0] != found[0][1]


def test_validation_is_in_the_mode_eval_and_the_modes_come_back() -> None:
    model = Noisy()
    model.out.eval()
    history = fitted(model, 1, validation=HELD_OUT)
    assert model.training and not model.out.training
    modes: list[bool] = []
    fitted(model, 1, callbacks=lambda state: modes.append(state.model.out.training))
    assert modes == [True]
    expected = evaluate(model.eval(), nn.cross_entropy, HELD_OUT)["loss"]
    assert not model.training and expected != history[-1]["val_loss"]
    assert expected == pytest.approx(
        np.mean([nn.cross_entropy(model(x), y).data for x, y in zip(*map(np.ndarray.tolist, HELD_OUT), strict=True)])
    )


PROGRAM = """
import random, sys, time
sys.path[:0] = {path!r}
from test_fit import DATA, HELD_OUT, Noisy, nn, optim, train
random.seed(1)
model = Noisy()
optimizer = optim.Adam(model.parameters(), lr=0.05)
def slowly(state):
    print(state.epoch, flush=True)
    time.sleep({pause})
train.fit(
    model, nn.cross_entropy, DATA, optimizer, 6, 8, HELD_OUT, [slowly], 4, 3, progress=False,
    schedule=optim.OneCycleLR(optimizer, 0.1, epochs=6, steps_per_epoch=4), schedule_each="step",
    checkpoint={checkpoint!r}, resume=True,
).to_csv({table!r})
model.save({weights!r})
"""


def start(folder: Path, pause: float) -> subprocess.Popen[str]:
    here = Path(__file__).parent
    program = PROGRAM.format(
        path=[str(here), str(here.parents[1])], pause=pause, checkpoint=str(folder / "run.npz"),
        table=str(folder / "table.csv"), weights=str(folder / "weights.npz"),
    )  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def test_a_killed_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    uninterrupted = start(whole, 0.0)
    assert uninterrupted.communicate()[0].split() == list("123456") and uninterrupted.returncode == 0
    for until in ("1", "3"):
        process = start(parts, 0.5)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == until:
                time.sleep(random.uniform(0.0, 0.7))  # before, amid or after the writing of the file
                process.kill()
                break
        process.communicate()
        assert process.returncode != 0 and not (parts / "weights.npz").exists()
    last = start(parts, 0.0)
    assert set(last.communicate()[0].split()) <= set("3456") and last.returncode == 0
    for name in ("run.npz", "table.csv", "weights.npz"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize("eager", [False, True])
def test_more_epochs_go_on_where_fewer_ended(eager: bool, tmp_path: Path) -> None:
    def run(epochs: int, path: Path) -> tuple[list[float], train.History]:
        model = network(seed=random.randrange(100) if path.exists() else 1)
        extra = Value(0.5)
        optimizer = optim.SGD([*model.parameters(), extra], lr=0.05, momentum=0.9)
        schedule = optim.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
        history = fit(
            model, lambda p, t: nn.cross_entropy([z * extra for z in p], t), DATA, optimizer, epochs, 8, HELD_OUT,
            seed=3, eager=eager, progress=False, schedule=schedule, checkpoint=path, resume=True,
        )  # fmt: skip
        return [*numbers(model), extra.data, optimizer.lr], history

    for epochs in (1, 2, 5):
        there = run(epochs, tmp_path / "parts.npz")
    assert there == run(5, tmp_path / "whole.npz")
    assert run(5, tmp_path / "parts.npz") == there, "nothing is left to do"
    assert (tmp_path / "parts.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    fitted(network(), 1, checkpoint=path)
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match="pass resume=True to continue from it, name another, or delete it"):
        fitted(network(), 1, checkpoint=path)
    assert path.read_bytes() == content


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


def test_bad_input_is_refused_and_changes_nothing() -> None:
    model, other = network(), network()
    optimizer, foreign = optim.SGD(model.parameters()), optim.SGD(other.parameters())
    x, y = DATA
    good: dict[str, Any] = {
        "model": model, "loss": nn.cross_entropy, "data": DATA, "optimizer": optimizer, "progress": False
    }  # fmt: skip
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"model": lambda x: x}, TypeError, r"fit\(model\) takes a Module, got a function"),
        (
            {"loss": "mse"},
            TypeError,
            r"fit\(loss\) takes a function loss\(prediction, target\) of one sample, got a str",
        ),
        ({"data": x}, TypeError, r"fit\(data\) is a pair of inputs and targets, \(X, y\), got a ndarray|an ndarray"),
        ({"data": (x, y[:5])}, ShapeError, r"one row per sample each, got .*inputs of shape \(30, 2\); .*\(5,\)"),
        ({"data": (x[:0], y[:0])}, ShapeError, "holds no samples"),
        ({"data": ((), ())}, ShapeError, "no array at all"),
        (
            {"data": (x, 3)},
            ShapeError,
            r"fit\(data\), targets needs the samples as its first axis, got the single number 3",
        ),
        (
            {"data": (x, ["a"] * 30)},
            TypeError,
            r"fit\(data\), targets must be an array of numbers with the samples .*, got a list of 30",
        ),
        (
            {"data": ([[1.0], [1.0, 2.0]], [0, 1])},
            ShapeError,
            r"inputs must be .* with rows of 1 and 2 numbers: rows must be of one length",
        ),
        ({"validation": (x,)}, TypeError, r"fit\(validation\) is a pair"),
        ({"optimizer": 0.1}, TypeError, r"fit\(optimizer\) takes an optimizer of optim, got a float"),
        ({"optimizer": foreign}, ValueError, "moves 22 leaves, none of which is a parameter of this MLP"),
        ({"epochs": 0}, ValueError, r"fit\(epochs=...\) is a whole number from 1 on, got 0"),
        ({"epochs": None}, ValueError, "epochs"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"batch_size": True}, ValueError, "batch_size"),
        (
            {"early_stopping": 0},
            ValueError,
            r"EarlyStopping\(patience=...\) is a whole number from 1 on, got 0",
        ),
        ({"early_stopping": "val_loss"}, TypeError, "takes a patience or an EarlyStopping, got a str"),
        ({"early_stopping": EarlyStopping(monitor="f1")}, ValueError, "no column 'f1' to monitor: epoch, lr, loss"),
        ({"metrics": [accuracy, accuracy]}, ValueError, "whose different names are the columns"),
        ({"metrics": ["accuracy"]}, ValueError, "takes functions metric"),
        ({"schedule": optim.StepLR(foreign, 2)}, TypeError, r"takes a schedule of the same optimizer, got a StepLR"),
        ({"schedule": 0.9}, TypeError, "takes a schedule of the same optimizer, got a float"),
        ({"schedule_each": "batch"}, ValueError, "is 'epoch' or 'step', got 'batch'"),
        ({"resume": True}, ValueError, "needs the file to go on from: pass checkpoint"),
        ({"checkpoint": "/nowhere/at/all/run.npz"}, FileNotFoundError, "create the folder"),
    ]
    before = numbers(model)
    for changed, error, message in bad:
        with pytest.raises(error, match=message):
            fit(**{**good, **changed})
        assert numbers(model) == before, changed
    for settings in ({"mode": "least"}, {"min_delta": -1.0}, {"min_delta": math.nan}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            EarlyStopping(**settings)  # type: ignore[arg-type]
