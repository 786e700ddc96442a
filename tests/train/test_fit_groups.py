"""fit and lr_find with several parameter groups, and with an optimizer that asks for the loss again and again."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from test_fit import DATA, Noisy, fitted, network, numbers

from tinygrad_lite import Value, diagnose, lr_find, nn, optim, train
from tinygrad_lite.errors import StateDictError


def grouped(model: nn.Module, lr: float = 0.05, other: float = 0.5) -> optim.AdamW:
    first, *rest = model.parameters()
    return optim.AdamW([{"params": rest}, {"params": first, "lr": other, "weight_decay": 0.0}], lr=lr)


def test_rates_are_columns_and_a_training_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    def run(epochs: int, path: Path, groups: bool = True) -> tuple[list[float], train.History]:
        model = network(seed=random.randrange(100) if path.exists() else 1)
        optimizer = grouped(model) if groups else optim.AdamW(model.parameters())
        schedule = optim.ExponentialLR(optimizer, 0.5)
        history = fitted(
            model, epochs, optimizer=optimizer, schedule=schedule, checkpoint=path, resume=True,
            early_stopping=train.EarlyStopping(9, monitor="lr[1]") if groups else None,
        )  # fmt: skip
        return numbers(model), history

    parts, whole = tmp_path / "parts.npz", tmp_path / "whole.npz"
    for epochs in (1, 3):
        there = run(epochs, parts)
    assert there == run(3, whole) and parts.read_bytes() == whole.read_bytes()
    history = there[1]
    assert history.columns == ["epoch", "lr", "lr[1]", "loss"]
    assert history.column("lr") == [0.05, 0.025, 0.0125] and history.column("lr[1]") == [0.5, 0.25, 0.125]
    content = run(1, tmp_path / "single.npz", groups=False)
    assert content[1].columns == ["epoch", "lr", "loss"]
    with pytest.raises(
        StateDictError, match=r"optimizer: (.|\n)*parameter groups: the state has 1, this optimizer has 2"
    ):
        model = network()
        optimizer = grouped(model)
        fitted(
            model, 2, optimizer=optimizer, schedule=optim.ExponentialLR(optimizer, 0.5), resume=True,
            checkpoint=tmp_path / "single.npz",
        )  # fmt: skip


def test_the_bar_shows_what_was_measured_alone(capsys: pytest.CaptureFixture[str]) -> None:
    model = network()
    fitted(model, 2, optimizer=grouped(model), progress=True)
    shown = capsys.readouterr().err
    assert "loss=" in shown and "lr" not in shown


@pytest.mark.parametrize("eager", [False, True])
def test_a_loss_that_is_asked_for_again_is_that_of_the_same_draws(eager: bool) -> None:
    """Otherwise a line search would compare the losses of different networks."""
    model, asked = network(), []
    optimizer: Any = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=5)
    history = fitted(model, 6, optimizer=optimizer, batch_size=None, eager=eager)
    assert optimizer.state_dict()["steps"] == 6 and history[-1]["loss"] < 0.5 * history[0]["loss"]

    class Asking(optim.LBFGS):
        def step(self, closure: Any = None) -> Any:
            asked.append([closure().data for _ in range(3)])
            return super().step(closure)

    noisy = Noisy(seed=1)
    fitted(noisy, 2, optimizer=Asking(noisy.parameters(), max_iter=2), eager=eager)
    assert all(losses == losses[:1] * 3 for losses in asked) and len({losses[0] for losses in asked}) == 8


def test_a_loss_that_is_asked_for_again_has_its_gradients() -> None:
    model, by_hand = network(), network()
    optimizer = optim.LBFGS(model.parameters(), max_iter=4)
    history = fitted(model, 1, optimizer=optimizer, batch_size=None)
    other = optim.LBFGS(by_hand.parameters(), max_iter=4)

    def closure() -> Value:
        other.zero_grad()
        mean = nn.cross_entropy([by_hand(x) for x in DATA[0].tolist()], DATA[1].tolist())
        mean.backward()
        return mean

    assert other.step(closure).data == pytest.approx(history[0]["loss"])
    assert numbers(model) == pytest.approx(numbers(by_hand), rel=1e-7)


def test_lr_find_keeps_the_groups_parts_and_leaves_no_trace() -> None:
    model = network()
    optimizer = grouped(model, lr=0.02, other=0.1)
    before, state, rates = numbers(model), repr(optimizer.state_dict()), []
    step = optim.AdamW.step

    class Watched(optim.AdamW):
        def step(self, closure: Any = None) -> Any:
            rates.append([group.lr for group in self.param_groups])
            return step(self, closure)

    optimizer.__class__ = Watched
    found = lr_find(model, nn.cross_entropy, DATA, optimizer, low=1e-4, high=1.0, steps=20)
    assert numbers(model) == before and repr(optimizer.state_dict()) == state.replace("'AdamW'", "'Watched'")
    assert [rate for _, rate in rates] == found.rates and all(a == pytest.approx(0.2 * b) for a, b in rates)


@pytest.mark.parametrize(("rate", "what"), [(1e-9, "learning rate too low"), (1e3, "learning rate too high")])
def test_diagnose_names_the_fastest_group(rate: float, what: str) -> None:
    model = network()
    optimizer = grouped(model, lr=0.1 * rate, other=rate)
    report = diagnose(model, nn.cross_entropy, DATA, optimizer=optimizer)
    finding = next(finding for finding in report.findings if finding.where == "optimizer")
    assert (finding.what, finding.number) == (what, rate)
    assert finding.cure.startswith("in the fastest parameter group lr=") and "keep their ratios to it" in finding.cure
    assert [group.lr for group in optimizer.param_groups] == [0.1 * rate, rate]


def test_lr_find_with_an_optimizer_that_asks_for_the_loss() -> None:
    model = network()
    optimizer = optim.LBFGS(model.parameters(), max_iter=2)
    before = numbers(model)
    found = lr_find(model, nn.cross_entropy, DATA, optimizer, low=1e-3, high=1.0, steps=10)
    assert found.suggestion is not None and numbers(model) == before
    assert (optimizer.lr, optimizer.state_dict()["func_evals"]) == (1.0, 0)
