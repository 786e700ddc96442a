"""LBFGS against PyTorch's recorded steps; its closure, its state, and what it restores."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interruption import interrupted
from record_torch_lbfgs import FUNCTIONS, START, TARGET
from record_torch_lbfgs import LBFGS as SETTINGS

from tinygrad_lite import Value, no_grad, ops
from tinygrad_lite.engine import bind
from tinygrad_lite.errors import StateDictError
from tinygrad_lite.optim import LBFGS, SGD, StepLR

CASES = json.loads(TARGET.read_text(encoding="utf-8"))["lbfgs"]
WOLFE: dict[str, Any] = {"line_search_fn": "strong_wolfe", "max_iter": 2, "history_size": 3}


def leaves() -> list[Value]:
    return [Value(number) for number in START]


def closure_of(optimizer: Any, x: list[Value], function: str = "loss") -> Callable[[], Value]:
    def closure() -> Value:
        optimizer.zero_grad()
        now: Value = FUNCTIONS[function](x, ops.sin)
        now.backward()
        return now

    return closure


def steps_of(optimizer: LBFGS, x: list[Value], steps: int, function: str = "loss") -> list[list[float]]:
    path = []
    for _ in range(steps):
        returned = optimizer.step(closure_of(optimizer, x, function))
        path.append([returned.data, optimizer.state_dict()["func_evals"], *[v.data for v in x]])
    return path


def test_every_case_is_recorded() -> None:
    assert [case[:2] for case in CASES] == [[*case] for case in SETTINGS]


@pytest.mark.parametrize(("function", "settings", "path"), CASES, ids=lambda x: "" if type(x) is list else str(x))
def test_pytorchs_steps(function: str, settings: dict[str, Any], path: list[list[float]]) -> None:
    x = leaves()
    for found, expected in zip(steps_of(LBFGS(x, **settings), x, len(path), function), path, strict=True):
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_it_finds_the_least_value() -> None:
    """Rosenbrock's valley."""
    x = [Value(-1.2), Value(1.0)]
    optimizer = LBFGS(x, line_search_fn="strong_wolfe", max_iter=100, tolerance_change=1e-14)

    def closure() -> float:
        optimizer.zero_grad()
        now = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        now.backward()
        return now.data

    assert optimizer.step(closure) == pytest.approx(24.2)
    assert [v.data for v in x] == pytest.approx([1.0, 1.0], abs=1e-6)


def test_wherever_the_leaves_are_bound() -> None:
    alone, scattered, others = leaves(), leaves(), [Value(7.0), Value(8.0)]
    expected = steps_of(LBFGS(alone, **WOLFE), alone, 3)
    bind([scattered[2], others[0], scattered[0], scattered[3], others[1], scattered[1]])
    assert steps_of(LBFGS(scattered, **WOLFE), scattered, 3) == expected
    assert [v.data for v in others] == [7.0, 8.0]


@pytest.mark.parametrize("settings", [WOLFE, {"lr": 0.2, "max_iter": 2}], ids=["strong_wolfe", "fixed"])
def test_the_state_continues_where_it_was(settings: dict[str, Any], tmp_path: Path) -> None:
    x = leaves()
    optimizer = LBFGS(x, **settings)
    empty = optimizer.state_dict()
    steps_of(optimizer, x, 3)
    optimizer.save(tmp_path / "lbfgs.npz")
    here, copied = [v.data for v in x], copy.deepcopy((x, optimizer))
    expected = steps_of(optimizer, x, 2)
    assert steps_of(copied[1], copied[0], 2) == expected
    again = [Value(number) for number in here]
    other = LBFGS(again, lr=9.0).load(tmp_path / "lbfgs.npz")
    assert steps_of(other, again, 2) == expected and other.state_dict()["steps"] == 5
    other.load_state_dict(empty)
    fresh, state = LBFGS(leaves(), **settings).state_dict(), other.state_dict()
    assert all(np.array_equal(state[name], fresh[name]) for name in fresh)


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    x = leaves()
    optimizer = LBFGS(x, **WOLFE)
    steps_of(optimizer, x, 2)
    good = optimizer.state_dict()
    bad = [
        ({**good, "ro": good["ro"][:-1]}, "old_dirs, old_stps, ro must be of the same length, got"),
        ({**good, "old_dirs": good["old_dirs"][:, :2]}, r"old_dirs: has the shape \(\d, 2\)"),
        ({**good, "d": [1.0]}, "d: has the shape"),
        ({**good, "t": "1"}, "t: must be a number"),
        ({**good, "n_iter": -1}, "n_iter: must be a number of steps"),
        ({**good, "line_search_fn": "armijo"}, "'strong_wolfe' or None"),
    ]
    for state, message in bad:
        with pytest.raises(StateDictError, match=message):
            optimizer.load_state_dict(state)
        now = optimizer.state_dict()
        assert all(np.array_equal(now[name], good[name]) for name in good)


@pytest.mark.parametrize(
    "settings", [{**WOLFE, "max_iter": 4}, {"lr": 0.2, "max_iter": 4}], ids=["strong_wolfe", "fixed"]
)
def test_a_closure_that_raises_changes_nothing(settings: dict[str, Any]) -> None:
    for fails_at in range(1, 4):
        x = leaves()
        optimizer = LBFGS(x, **settings)
        steps_of(optimizer, x, 1)
        before, state, calls = [v.data for v in x], optimizer.state_dict(), 0

        def closure() -> Value:
            nonlocal calls
            calls += 1
            if calls == fails_at:  # noqa: B023  called at once
                raise KeyboardInterrupt
            return closure_of(optimizer, x)()  # noqa: B023

        with pytest.raises(KeyboardInterrupt):
            optimizer.step(closure)
        after = optimizer.state_dict()
        assert [v.data for v in x] == before and all(np.array_equal(after[name], state[name]) for name in state)


def test_an_interrupt_changes_nothing() -> None:
    line, whole, reached = 1, [0, 0], True
    while reached:
        x = leaves()
        optimizer = LBFGS(x, max_iter=2, line_search_fn="strong_wolfe")
        closure = closure_of(optimizer, x)
        reached = interrupted(lambda: optimizer.step(closure), line)  # noqa: B023  called at once
        done = optimizer.state_dict()["steps"]
        assert ([v.data for v in x] != START) == (optimizer.state_dict()["n_iter"] > 0) == bool(done), line
        whole[done] += 1
        line += 7
    assert whole[0] > 20 and whole[1] >= 1


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda o: o.step(), TypeError, r"LBFGS.step\(closure\) needs a function that clears the gradients"),
        (lambda o: o.step(3.0), TypeError, "takes a function that clears the gradients.*got a float, 3.0"),
        (lambda o: o.step(lambda: None), TypeError, "must be a number, got None: let it return the loss"),
        (lambda o: o.step(lambda: 1.0), ValueError, "the closure computed no gradient"),
        (lambda o: o.add_param_group({"params": [Value(1.0)]}), ValueError, "takes one parameter group"),
        (lambda o: LBFGS([{"params": [v]} for v in o.params]), ValueError, "takes one parameter group"),
        (lambda o: LBFGS(o.params, max_iter=0), ValueError, "max_iter=...\\) must be a whole number, 1 or larger"),
        (lambda o: LBFGS(o.params, max_iter=1.5), TypeError, "max_iter"),
        (lambda o: LBFGS(o.params, history_size=0), ValueError, "history_size"),
        (lambda o: LBFGS(o.params, line_search_fn="wolfe"), ValueError, "must be 'strong_wolfe' or None, got 'wolfe'"),
        (lambda o: setattr(o, "weight_decay", 0.1), AttributeError, "LBFGS has no setting 'weight_decay'"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_and_changes_nothing(act: Any, error: type[Exception], message: str) -> None:
    x = leaves()
    optimizer = LBFGS(x)
    with pytest.raises(error, match=message):
        act(optimizer)
    assert [v.data for v in x] == START and optimizer.state_dict()["steps"] == 0
    assert len(optimizer.param_groups) == 1


def test_numbers_that_are_not_finite_come_to_an_end() -> None:
    for settings in ({}, WOLFE):
        x = [Value(1.0)]
        optimizer = LBFGS(x, **settings)

        def closure() -> Value:
            optimizer.zero_grad()  # noqa: B023  called at once
            now = (x[0] - 3.0).log() + x[0]  # noqa: B023
            now.backward()
            assert np.geterr()["divide"] == "raise", "a closure runs as it would outside"
            return now

        with np.errstate(all="raise"):
            optimizer.step(closure)
        assert optimizer.state_dict()["func_evals"] <= 25
    still = LBFGS(x := leaves(), lr=0.0, **WOLFE)
    steps_of(still, x, 1)
    assert [v.data for v in x] == START


def test_a_schedule_and_a_closure_within_no_grad() -> None:
    x = leaves()
    optimizer = LBFGS(x, lr=0.5, max_iter=1)
    schedule = StepLR(optimizer, 1, gamma=0.5)
    with no_grad():
        steps_of(optimizer, x, 1)
    schedule.step()
    assert [v.data for v in x] != START and optimizer.lr == 0.25


def test_every_optimizer_takes_a_closure() -> None:
    x, y = leaves(), leaves()
    with_closure, by_hand = SGD(x, lr=0.1), SGD(y, lr=0.1)
    returned = with_closure.step(closure_of(with_closure, x))
    expected = closure_of(by_hand, y)()
    assert by_hand.step() is None
    assert returned.data == expected.data and [v.data for v in x] == [v.data for v in y]
    assert with_closure.step(lambda: 2.5) == 2.5
    with pytest.raises(TypeError, match=r"SGD.step\(closure\): what the closure returns must be a number, got a str"):
        with_closure.step(lambda: "loss")
    assert math.isfinite(x[0].data)
