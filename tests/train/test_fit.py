"""train.fit: it learns, gives the same bits by seed and after a stop, stops at nan, and refuses bad arguments."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Draws, engine, nn, ops, optim, train
from tinygrad_lite.errors import ShapeError
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
        model = Noisy()  # its draws have no seed of their own
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
    """Each source starts again with the seed, even those behind a source that was met before."""
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
        ({"data": x}, TypeError, r"fit\(data\) must be a pair of inputs and targets, \(X, y\), got an ndarray"),
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
            r"inputs must be .* with rows of 1 and 2 numbers: all rows must have the same length",
        ),
        ({"validation": (x,)}, TypeError, r"fit\(validation\) must be a pair"),
        ({"optimizer": 0.1}, TypeError, r"fit\(optimizer\) takes an optimizer from optim, got a float"),
        ({"optimizer": foreign}, ValueError, "moves 22 leaves, none of which is a parameter of this MLP"),
        ({"epochs": 0}, ValueError, r"fit\(epochs=...\) must be a whole number, 1 or larger, got 0"),
        ({"epochs": None}, ValueError, "epochs"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"batch_size": True}, ValueError, "batch_size"),
        (
            {"early_stopping": 0},
            ValueError,
            r"EarlyStopping\(patience=...\) must be a whole number, 1 or larger, got 0",
        ),
        ({"early_stopping": "val_loss"}, TypeError, "takes a patience or an EarlyStopping, got a str"),
        (
            {"early_stopping": EarlyStopping(monitor="f1")},
            ValueError,
            "no column 'f1' to monitor, columns are: epoch, lr, loss",
        ),
        ({"metrics": [accuracy, accuracy]}, ValueError, "whose names differ, since they name columns"),
        ({"metrics": ["accuracy"]}, ValueError, "takes functions metric"),
        ({"schedule": optim.StepLR(foreign, 2)}, TypeError, r"takes a schedule of the same optimizer, got a StepLR"),
        ({"schedule": 0.9}, TypeError, "takes a schedule of the same optimizer, got a float"),
        ({"schedule_each": "batch"}, ValueError, "must be 'epoch' or 'step', got 'batch'"),
        ({"resume": True}, ValueError, "needs the file to continue from: pass checkpoint"),
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
