"""Schedules against PyTorch's recorded rates, step by step; and the arguments they refuse."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from record_torch_trajectories import LRS, TARGET, grouped_schedule_cases, made_schedule, schedule_cases, scheduled

from tinygrad_lite import Value, optim
from tinygrad_lite.errors import StateDictError
from tinygrad_lite.optim import SGD, Adam, Optimizer, RMSprop

RECORDED = json.loads(TARGET.read_text(encoding="utf-8"))
CASES, GROUPED = RECORDED["schedules"], RECORDED["grouped_schedules"]


def made(optimizer_spec: Any, schedule_spec: Any, lrs: Any = ()) -> tuple[Optimizer, Any]:
    name, settings = optimizer_spec
    groups = [{"params": [Value(1.0)], "lr": lr} for lr in lrs]
    optimizer: Optimizer = getattr(optim, name)(groups or [Value(1.0)], **settings)
    return optimizer, made_schedule(optim, optimizer, schedule_spec)


def named(case: Any) -> str:
    if case == () or case == LRS:
        return "groups" if case else "single"
    return "-".join(str(part) for part in (case[0][0], case[1][0], *case[1][1].values()))


def test_every_case_is_recorded() -> None:
    assert [case[:2] for case in CASES] == json.loads(json.dumps(schedule_cases()))
    assert [case[:2] for case in GROUPED] == json.loads(json.dumps(grouped_schedule_cases()))


@pytest.mark.parametrize(
    ("case", "lrs"), [*[(case, ()) for case in CASES], *[(case, LRS) for case in GROUPED]], ids=named
)
def test_pytorchs_rates(case: Any, lrs: Any) -> None:
    *specs, path = case
    found = scheduled(*made(*specs, lrs))
    assert len(found) == len(path) == 31
    for step, (ours, theirs) in enumerate(zip(found, path, strict=True)):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-15), f"after {step} steps"


@pytest.mark.parametrize(
    ("case", "lrs"), [*[(case, ()) for case in CASES], *[(case, LRS) for case in GROUPED]], ids=named
)
def test_the_state_continues_where_it_was(case: Any, lrs: Any, tmp_path: Path) -> None:
    (optimizer, schedule), (other_optimizer, other) = made(*case[:2], lrs), made(*case[:2], lrs)
    arguments = lambda k: [1.0 / (k % 4 + 1)] * isinstance(schedule, optim.ReduceLROnPlateau)  # noqa: E731
    for k in range(11):
        schedule.step(*arguments(k))
    optimizer.save(tmp_path / "optimizer.npz")
    schedule.save(tmp_path / "schedule.npz")
    state = json.loads(json.dumps(schedule.state_dict()))
    expected = []
    for k in range(11, 25):
        schedule.step(*arguments(k))
        expected.append(repr(optimizer))
    for load in (lambda: other.load(tmp_path / "schedule.npz"), lambda: other.load_state_dict(state)):
        load()
        other_optimizer.load(tmp_path / "optimizer.npz")
        found = []
        for k in range(11, 25):
            other.step(*arguments(k))
            found.append(repr(other_optimizer))
        assert found == expected and other.state_dict() == schedule.state_dict()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: optim.StepLR(o, 0), ValueError, r"StepLR\(step_size=.* a whole number, 1 or larger, got 0"),
        (lambda o: optim.StepLR(o, 1.5), TypeError, "a whole number, 1 or larger, got a float, 1.5"),
        (lambda o: optim.StepLR(o, True), TypeError, "got a bool"),
        (lambda o: optim.StepLR(o, 2, gamma=-1.0), ValueError, "gamma"),
        (lambda o: optim.StepLR([1.0], 2), TypeError, r"StepLR\(optimizer\) takes an optimizer, got a list of 1"),
        (lambda o: optim.CosineAnnealingLR(o, T_max=-2), ValueError, "T_max"),
        (lambda o: optim.CosineAnnealingLR(o, 2, eta_min=math.nan), ValueError, "eta_min.*got nan"),
        (lambda o: optim.LinearLR(o, start_factor=2.0), ValueError, "start_factor.*a number from 0 to 1, got 2.0"),
        (lambda o: optim.LinearLR(o, total_iters=0), ValueError, "total_iters"),
        (lambda o: optim.OneCycleLR(o, 0.1), ValueError, "total_steps, or epochs and steps_per_epoch, got neither"),
        (lambda o: optim.OneCycleLR(o, 0.1, epochs=3), ValueError, "got neither"),
        (lambda o: optim.OneCycleLR(o, 0.1, 9, anneal_strategy="poly"), ValueError, "'cos' or 'linear', got 'poly'"),
        (lambda o: optim.OneCycleLR(o, 0.1, 9, div_factor=0.5), ValueError, "div_factor.*1 or larger, got 0.5"),
        (lambda o: optim.OneCycleLR(o, 0.1, 9, pct_start="0.3"), TypeError, "pct_start"),
        (lambda o: optim.ReduceLROnPlateau(o, mode="low"), ValueError, "mode=...\\) must be 'min' or 'max', got 'low'"),
        (lambda o: optim.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor.*to below 1, got 1.0"),
        (lambda o: optim.ReduceLROnPlateau(o, patience=-1), ValueError, "patience"),
        (lambda o: optim.ReduceLROnPlateau(o, threshold=math.inf), ValueError, "threshold"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 2)], [3]), ValueError, r"than the 1 schedules, got \[3\]"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 2)] * 3, [4, 3]), ValueError, "ascending"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 2)] * 2, [0]), ValueError, "ascending"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 2)] * 2, [1.5]), ValueError, r"ascending.*got \[1.5\]"),
        (lambda o: optim.SequentialLR(o, [optim.ReduceLROnPlateau(o)], []), TypeError, "schedules that count steps"),
        (lambda o: optim.SequentialLR(o, [o], []), TypeError, "schedules that count steps, got a"),
        (
            lambda o: optim.SequentialLR(o, [optim.StepLR(SGD([Value(1.0)]), 2)], []),
            ValueError,
            r"StepLR\(step_size=2, gamma=0.1\) has another optimizer",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(SGD([Value(1.0)], lr=0.1))


def test_more_steps_than_a_cycle_has() -> None:
    optimizer = SGD([Value(1.0)])
    schedule = optim.OneCycleLR(optimizer, 1.0, total_steps=3)
    for _ in range(3):
        schedule.step()
    before = optimizer.lr, schedule.last_epoch
    with pytest.raises(ValueError, match=r"total_steps=3\): step\(\) was called once more"):
        schedule.step()
    assert (optimizer.lr, schedule.last_epoch) == before


@pytest.mark.parametrize("settings", [{"total_steps": 1}, {"total_steps": 10, "pct_start": 0.1}, {"pct_start": 1.0}])
def test_cycles_whose_rise_or_fall_has_no_length(settings: dict[str, Any]) -> None:
    optimizer = SGD([Value(1.0)])
    schedule = optim.OneCycleLR(optimizer, 1.0, **{"total_steps": 5, **settings})
    for _ in range(schedule.total_steps - 1):
        schedule.step()
        assert 0.0 < optimizer.lr <= 1.0


def test_an_optimizer_without_momentum() -> None:
    class Plain(Optimizer):
        pass

    optimizer = Plain([Value(1.0)], 0.1, 0.0, False)
    with pytest.raises(ValueError, match="Plain has no momentum: pass False"):
        optim.OneCycleLR(optimizer, 1.0, 5)
    assert optim.OneCycleLR(optimizer, 1.0, 5, cycle_momentum=False) and round(optimizer.lr, 9) == 0.04


def test_a_metric_that_is_nan_is_no_better() -> None:
    optimizer = RMSprop([Value(1.0)], lr=1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, patience=0)
    schedule.step(math.nan)
    assert optimizer.lr == pytest.approx(0.1) and schedule.best == math.inf and schedule.last_epoch == 1
    schedule.step(2.0)
    assert optimizer.lr == pytest.approx(0.1) and schedule.best == 2.0 and schedule.last_epoch == 2


def test_what_a_later_schedule_begins_with() -> None:
    """As in PyTorch: the lr before the first schedule; a cycle has one of its own, a plateau has none."""
    optimizer = SGD([Value(1.0)], lr=1.0, momentum=0.9)
    plateau = optim.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    plateau.step(1.0)
    plateau.step(2.0)
    assert optim.ExponentialLR(optimizer, 0.5).base_lrs == [0.5] == [optimizer.initial_lr]
    optimizer.lr = 3.0
    assert optim.StepLR(optimizer, 2).base_lrs == [0.5] and optimizer.lr == 0.5
    optim.OneCycleLR(optimizer, 1.0, 5)
    assert optim.StepLR(optimizer, 2).base_lrs == [0.04] == [optimizer.initial_lr]


def test_a_metric_that_is_no_number_changes_nothing() -> None:
    schedule = optim.ReduceLROnPlateau(SGD([Value(1.0)], lr=1.0), patience=0)
    before = schedule.state_dict()
    for bad, message in ((Value(1.0), "a Value.*: take its .data"), ("1.0", "a str, '1.0'"), (None, "None")):
        with pytest.raises(TypeError, match=rf"step\(metrics\) must be a number, got {message}"):
            schedule.step(bad)  # type: ignore[arg-type]
        assert schedule.state_dict() == before and schedule.optimizer.lr == 1.0


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    optimizer = Adam([Value(1.0)], lr=0.1)
    step, plateau = optim.StepLR(optimizer, 2), optim.ReduceLROnPlateau(optimizer)
    both = optim.SequentialLR(optimizer, [optim.StepLR(optimizer, 2), optim.LinearLR(optimizer)], [3])
    states = [schedule.state_dict() for schedule in (step, plateau, both)]
    bad: list[tuple[Any, dict[str, Any], str]] = [
        (step, states[1], "schedule: is ReduceLROnPlateau, not StepLR(.|\n)*missing: step_size"),
        (step, {**states[0], "gamma": -1.0}, "gamma: .*got -1.0"),
        (step, {**states[0], "last_epoch": -1}, "last_epoch: must be a number of steps, 0 or larger, got -1"),
        (step, {**states[0], "more": 1}, "unexpected: more"),
        (plateau, {**states[1], "best": "low"}, "best: must be a number"),
        (both, {**states[2], "milestones": [3, 4]}, "milestones: SequentialLR"),
        (both, {**states[2], "schedules": [states[0]]}, "schedules: must be a list of 2 states"),
        (both, {**states[2], "schedules": [states[0], {**states[0], "gamma": 0.5}]}, "schedule: is StepLR, not Linear"),
    ]
    for schedule, state, message in bad:
        with pytest.raises(StateDictError, match=message):
            schedule.load_state_dict(state)
        assert [s.state_dict() for s in (step, plateau, both)] == states
    with pytest.raises(TypeError, match=r"a dict.*, got a list of 1"):
        step.load_state_dict([1])
