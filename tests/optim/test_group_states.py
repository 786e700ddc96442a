"""States of optimizers and schedules with groups: they continue where they were, and a bad state changes nothing."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interruption import interrupted
from record_torch_trajectories import loss
from test_optimizers import leaves, take_steps
from test_param_groups import CASES, made, named, same

from tinygrad_lite import Value, ops, optim
from tinygrad_lite.engine import bind
from tinygrad_lite.errors import StateDictError
from tinygrad_lite.optim import SGD, Adam


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_state_continues_where_it_was(case: Any, tmp_path: Path) -> None:
    x = leaves()
    optimizer = made(case, x)
    take_steps(optimizer, x, 3)
    optimizer.save(tmp_path / "groups.npz")
    here, state = [v.data for v in x], optimizer.state_dict()
    expected = take_steps(optimizer, x, 2)
    for load in (lambda o: o.load(tmp_path / "groups.npz"), lambda o: o.load_state_dict(state)):
        again = [Value(number) for number in here]
        other = made(case, again)
        other.lr = 9.0
        load(other)
        assert take_steps(other, again, 2) == expected
    assert [its["steps"] for its in state["groups"]] == [3, 3, 3], "state_dict() is a copy"


@pytest.mark.parametrize("order", [1, -1])
def test_the_state_of_a_group_that_came_later(order: int) -> None:
    x, y = leaves(), leaves()
    optimizer = Adam(x[:3], lr=0.1)
    for v in [*x, *y]:
        v.grad = 1.0
    optimizer.step()
    optimizer.add_param_group({"params": x[3]})
    optimizer.step()
    state = optimizer.state_dict()
    state["groups"] = state["groups"][::order]
    other = Adam([{"params": group["params"]} for group in [{"params": y[:3]}, {"params": y[3:]}][::order]])
    other.load_state_dict(state)
    assert same(other.state_dict(), state)
    for v, w in zip(x, y, strict=True):
        w.data = v.data
    optimizer.step()
    other.step()
    assert [v.data for v in x] == [w.data for w in y]
    assert [its["steps"] for its in other.state_dict()["groups"]] == [3, 2][::order]


def test_states_of_other_groups_change_nothing() -> None:
    x = leaves()
    optimizer = made(CASES[3], x)
    take_steps(optimizer, x, 2)
    good = optimizer.state_dict()
    first, *rest = good["groups"]
    bad: list[tuple[Any, str]] = [
        ({**good, "groups": rest}, "parameter groups: the state has 2, this optimizer has 3"),
        (Adam(x).state_dict(), "parameter groups: the state has 1, this optimizer has 3"),
        ({**good, "groups": 3}, "groups: must be a list of states, got an int, 3"),
        ({**good, "groups": [{**first, "lr": -1.0}, *rest]}, r"groups: parameter group 0(.|\n)*lr: .*got -1.0"),
        (
            {**good, "groups": [first, rest[1], rest[0]]},
            r"parameter group 1(.|\n)*has the shape \(1,\), expected \(2,\)",
        ),
        ({**good, "groups": [first, 3, 4]}, "groups: .*got an int, 3"),
        (made(CASES[4], leaves()).state_dict(), "optimizer: is AdamW, not Adam"),
    ]
    for state, message in bad:
        with pytest.raises(StateDictError, match=message):
            optimizer.load_state_dict(state)
        assert same(optimizer.state_dict(), good)
    with pytest.raises(StateDictError, match="parameter groups: the state has 3, this optimizer has 1"):
        Adam(x).load_state_dict(good)
    unfit = made(CASES[1], leaves()).state_dict()
    unfit["groups"][1]["nesterov"] = True
    with pytest.raises(StateDictError, match="momentum above 0"):
        made(CASES[1], leaves()).load_state_dict(unfit)


def test_a_state_from_before_there_were_groups() -> None:
    state = {
        "optimizer": "SGD", "steps": 2, "lr": 0.5, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0,
        "nesterov": False, "maximize": False, "momentum_buffer": np.array([1.0, 2.0]),
    }  # fmt: skip
    x = [Value(0.0), Value(0.0)]
    optimizer = SGD(x, lr=9.0)
    optimizer.load_state_dict(state)
    assert same({**optimizer.state_dict()}, state)
    optimizer.step()
    assert [v.data for v in x] == pytest.approx([-0.45, -0.9])
    schedule = optim.StepLR(optimizer, 2)
    schedule.load_state_dict({"schedule": "StepLR", "last_epoch": 3, "base_lr": 0.75, "step_size": 2, "gamma": 0.5})
    schedule.step()
    assert schedule.base_lrs == [0.75] and optimizer.lr == 0.1875


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_have_their_own_groups(copied: Any) -> None:
    x = leaves()
    pairs = [(x, made(CASES[0], x))]
    take_steps(pairs[0][1], x, 2)
    pairs.append(copied(pairs[0]))
    ours, theirs = [take_steps(optimizer, own, 2) for own, optimizer in pairs]
    assert ours == theirs
    pairs[1][1].param_groups[0]["lr"] = 0.0
    assert pairs[0][1].param_groups[0]["lr"] == 0.05
    assert pairs[1][1].param_groups[0]["params"][0] is pairs[1][0][0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: optim.LambdaLR(o, [lambda n: 1.0]), ValueError, "is a list of 1, but the optimizer has 2 parameter"),
        (lambda o: optim.LambdaLR(o, 0.5), ValueError, r"LambdaLR\(lr_lambda=...\) must be a function .*got 0.5"),
        (lambda o: optim.LambdaLR(o, [lambda n: 1.0, None]), ValueError, "or a list of them, one for each"),
        (lambda o: optim.LambdaLR(o, lambda n: "1"), ValueError, "must be a number, 0 or larger, got a str"),
        (lambda o: optim.LambdaLR(o, [lambda n: 0.5, lambda n: -1.0]), ValueError, "of parameter group 1 gives"),
        (lambda o: optim.LambdaLR(o, lambda n: math.nan), ValueError, "0 or larger, got nan: the learning rates are"),
        (lambda o: optim.OneCycleLR(o, [0.1], 5), ValueError, r"max_lr=...\) is a list of 1, but the optimizer has 2"),
        (lambda o: optim.OneCycleLR(o, 0.1, 5, base_momentum=[0.1, 2.0]), ValueError, "base_momentum"),
        (lambda o: optim.OneCycleLR(o, [0.1, "1"], 5), TypeError, "max_lr=.* must be a number, 0 or larger, or a list"),
        (lambda o: optim.ReduceLROnPlateau(o, min_lr=[0.1] * 3), ValueError, "min_lr=...\\) is a list of 3"),
        (lambda o: optim.ExponentialLR(o, -0.1), ValueError, "gamma"),
        (lambda o: optim.MultiStepLR(o, [3, -1]), ValueError, "milestones=.* a list of whole numbers, 0 or larger"),
        (lambda o: optim.MultiStepLR(o, [1.5]), TypeError, "milestones"),
        (lambda o: optim.MultiStepLR(o, 3), TypeError, "milestones"),
    ],
)  # fmt: skip
def test_bad_schedules_leave_the_groups_as_they_were(make: Any, error: type[Exception], message: str) -> None:
    optimizer = SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)], "lr": 0.5}], lr=0.1)
    before = [dict(group) for group in optimizer.param_groups]
    with pytest.raises(error, match=message):
        make(optimizer)
    assert [dict(group) for group in optimizer.param_groups] == before


def test_a_function_that_fails_later_changes_nothing() -> None:
    optimizer = SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)], "lr": 0.5}], lr=0.1)
    schedule = optim.LambdaLR(optimizer, [lambda n: 1.0 / (n + 1), lambda n: 1.0 / (1 - n)])
    with pytest.raises(ZeroDivisionError):
        schedule.step()
    assert schedule.get_last_lr() == [0.1, 0.5] and schedule.last_epoch == 0


def test_states_of_schedules_over_other_groups() -> None:
    two = SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)], "lr": 0.5}], lr=0.1)
    one = SGD([Value(1.0)], lr=0.1)
    ours, theirs = optim.StepLR(two, 2), optim.StepLR(one, 2)
    with pytest.raises(StateDictError, match="base_lr: has 1 parameter groups, but the optimizer has 2"):
        ours.load_state_dict(theirs.state_dict())
    with pytest.raises(StateDictError, match="base_lr: has 2 parameter groups, but the optimizer has 1"):
        theirs.load_state_dict(ours.state_dict())
    plateau = optim.ReduceLROnPlateau(two, min_lr=[0.1, 0.2])
    with pytest.raises(StateDictError, match=r"min_lr: .*is a list of 3"):
        plateau.load_state_dict({**plateau.state_dict(), "min_lr": [0.1, 0.2, 0.3]})


def test_a_step_that_was_cut_short_goes_on() -> None:
    line, reached = 1, True
    while reached:
        x, other = leaves(), Value(5.0)
        bind([x[3], other, *x[:3]])
        optimizer = made(CASES[3], x)
        loss(x, ops.sin).backward()
        reached = interrupted(optimizer.step, line)
        states = optimizer.state_dict()["groups"]
        assert len({its["steps"] for its in states}) == 1 and other.data == 5.0
        take_steps(optimizer, x, 1)
        assert optimizer.state_dict()["groups"][2]["steps"] == states[0]["steps"] + 1
        line += 1
    assert line > 20
