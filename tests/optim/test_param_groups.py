"""Parameter groups: PyTorch's recorded trajectories, settings read and written, states, and what is refused."""

from __future__ import annotations

import copy
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interruption import interrupted
from record_torch_trajectories import GROUPED, RECORDED, SPANS, START, STEPS, TARGET, loss
from test_optimizers import leaves, take_steps

from tinygrad_lite import Value, nn, ops, optim
from tinygrad_lite.engine import bind
from tinygrad_lite.errors import HistoryError, StateDictError
from tinygrad_lite.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSprop

CASES = json.loads(TARGET.read_text(encoding="utf-8"))["grouped"]


def made(case: Any, x: list[Value]) -> Optimizer:
    name, settings, groups = case[:3]
    given = [{"params": x[a:b], **own} for (a, b), own in zip(SPANS, groups, strict=True)]
    optimizer: Optimizer = getattr(optim, name)(given, **settings)
    return optimizer


def same(a: Any, b: Any) -> bool:
    """Of two states."""
    return repr(a) == repr(b)


def named(case: Any) -> str:
    return str(case[0])


def test_every_case_is_recorded() -> None:
    assert [case[:3] for case in CASES] == json.loads(json.dumps(GROUPED))


@pytest.mark.parametrize("case", CASES, ids=named)
def test_pytorchs_trajectory(case: Any) -> None:
    x = leaves()
    found = take_steps(made(case, x), x, STEPS)
    for step, expected in zip(RECORDED, case[3], strict=True):
        assert found[step - 1] == pytest.approx(expected, rel=1e-9, abs=1e-12), f"step {step}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_wherever_the_leaves_are_bound(case: Any) -> None:
    alone, scattered, others = leaves(), leaves(), [Value(7.0), Value(8.0)]
    expected = take_steps(made(case, alone), alone, 4)
    optimizer = made(case, scattered)
    path = take_steps(optimizer, scattered, 2)
    bind([scattered[2], others[0], scattered[0], scattered[3], others[1], scattered[1]])
    assert path + take_steps(optimizer, scattered, 2) == expected
    assert [v.data for v in others] == [7.0, 8.0]


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam, AdamW, Adagrad, NAdam])
def test_groups_with_the_same_settings_are_as_none(kind: Any) -> None:
    x, y = leaves(), leaves()
    assert take_steps(kind(x), x, 3) == take_steps(kind([{"params": y[:1]}, {"params": iter(y[1:])}]), y, 3)


def test_settings_are_read_and_written_by_group() -> None:
    x = leaves()
    optimizer = SGD([{"params": x[:2], "lr": 0.5, "name": "front"}, {"params": x[2]}], lr=0.1, momentum=0.9)
    first, second = optimizer.param_groups
    assert (first["lr"], second.lr, optimizer.momentum, first.get("name"), second.get("name")) == (
        0.5, 0.1, 0.9, "front", None
    )  # fmt: skip
    assert [[*group["params"]] == own for group, own in zip(optimizer.param_groups, (x[:2], x[2:3]), strict=True)]
    assert list(first) == ["params", "lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "name"]
    assert "momentum" in first and "betas" not in first and len(dict(second)) == 7
    assert repr(second) == (
        "Group(1 parameters, lr=0.1, momentum=0.9, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False)"
    )
    assert "3 parameters in 2 groups" in repr(optimizer)
    for group in optimizer.param_groups:
        group["lr"] *= 0.5
    second.momentum = 0
    assert ([g["lr"] for g in optimizer.param_groups], second["momentum"]) == ([0.25, 0.05], 0.0)
    with pytest.raises(
        ValueError, match=r"SGD.lr differs between parameter groups, the first has 0.25: read param_groups"
    ):
        optimizer.lr *= 0.5
    optimizer.lr = 0.125
    assert [g.lr for g in optimizer.param_groups] == [0.125, 0.125] and optimizer.lr == 0.125
    assert optimizer.defaults["lr"] == 0.1


def test_one_group_is_what_there_is_without_groups() -> None:
    x = leaves()
    optimizer = Adam(x, lr=0.5)
    (group,) = optimizer.param_groups
    assert [*group["params"]] == x and group["betas"] == (0.9, 0.999)
    group["lr"] = 0.25
    assert optimizer.lr == 0.25 and "lr=0.25" in repr(optimizer)
    optimizer.betas = [0.5, 0.5]
    assert group.betas == (0.5, 0.5)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda g: g.update(lr=-1.0), ValueError, r"SGD\(lr=...\) must be a number, 0 or larger, got -1.0"),
        (lambda g: setattr(g, "lr", "0.1"), TypeError, r"SGD\(lr=...\) must be a number, 0 or larger, got a str"),
        (lambda g: g.__setitem__("momentun", 0.9), KeyError, "no setting 'momentun', did you mean 'momentum'?"),
        (
            lambda g: setattr(g, "betas", (0.9, 0.9)),
            AttributeError,
            "SGD has no setting 'betas'. Settings are: lr, mom",
        ),
        (lambda g: g["betas"], KeyError, "betas"),
        (lambda g: g.betas, AttributeError, "betas"),
        (lambda g: g.pop("lr"), TypeError, "setting cannot be deleted, got 'lr': set it instead"),
        (
            lambda g: g.__setitem__("params", []),
            TypeError,
            r"parameters cannot be set: call add_param_group\(\) to add",
        ),
        (lambda g: g.update(lr=0.5, momentum=-1.0), ValueError, "momentum"),
        (lambda g: g.update({"lr": 0.5, "params": []}), TypeError, "parameters cannot be set"),
        (lambda g: g.clear(), TypeError, "setting cannot be deleted"),
        (lambda g: g.update(name=3), TypeError, "SGD: the name must be a str, got an int, 3"),
    ],
)
def test_bad_settings_of_a_group_change_nothing(act: Any, error: type[Exception], message: str) -> None:
    optimizer = SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)]}], lr=0.1)
    before = [dict(group) for group in optimizer.param_groups]
    with pytest.raises(error, match=message):
        act(optimizer.param_groups[1])
    assert [dict(group) for group in optimizer.param_groups] == before


BAD_GROUPS: list[tuple[Any, type[Exception], str]] = [
    (lambda p: [{"params": p[:2]}, {"params": p[1:]}], ValueError, "parameter 0 of group 1 is in group 0 too"),
    (
        lambda p: [{"params": [p[0], p[0]]}],
        ValueError,
        r"param_groups\[0\] of SGD: one of the 2 parameters is listed twice",
    ),
    (
        lambda p: [{"params": p[:2]}, p[2]],
        TypeError,
        r"param_groups\[1\] of SGD must be a dict with 'params'.*got a Value",
    ),
    (lambda p: [{"params": p}, {"lr": 0.1}], TypeError, r"param_groups\[1\] of SGD must be a dict with 'params' and"),
    (lambda p: [p[0], {"params": p[1:]}], TypeError, "parameter 1 is a dict of 1"),
    (lambda p: {"params": p, "lr": 0.1}, TypeError, r"takes a list of parameter groups, got a single one: pass \[\{"),
    (
        lambda p: [{"params": p, "weigth_decay": 0.1}],
        TypeError,
        "no setting 'weigth_decay', did you mean 'weight_decay",
    ),
    (lambda p: [{"params": p, "betas": (0.9, 0.9)}], TypeError, "SGD has no setting 'betas'"),
    (
        lambda p: [{"params": p}, {"params": [], "lr": -1}],
        ValueError,
        r"param_groups\[1\] of SGD\(lr=...\) must be a number",
    ),
    (lambda p: [{"params": p, "nesterov": True}], ValueError, r"momentum above 0.*: see param_groups\[0\]"),
    (lambda p: [{"params": []}], ValueError, "empty list"),
    (lambda p: [{"params": nn.MLP(1, [1])}], TypeError, r"param_groups\[0\] of SGD takes a list of parameters"),
    (lambda p: [{"params": 3.0}], TypeError, r"param_groups\[0\] of SGD takes a list of parameters, got a float"),
    (lambda p: [{"params": [p[0] * 2]}], HistoryError, r"param_groups\[0\] of SGD: parameter 0 is of kind 'result'"),
]


@pytest.mark.parametrize(("groups", "error", "message"), BAD_GROUPS)
def test_bad_groups_are_refused(groups: Any, error: type[Exception], message: str) -> None:
    x = leaves()
    loss(x, ops.sin).backward()
    before = [(v.data, v.grad, v.kind) for v in x]
    with pytest.raises(error, match=message):
        SGD(groups(x))
    assert [(v.data, v.grad, v.kind) for v in x] == before


def test_a_group_may_be_empty() -> None:
    x = leaves()
    optimizer = Adam([{"params": x}, {"params": [], "weight_decay": 0.1}])
    y = leaves()
    assert take_steps(optimizer, x, 2) == take_steps(Adam(y), y, 2)


def test_a_group_is_added() -> None:
    """It counts its own steps, as PyTorch does: its first is Adam's first."""
    x, y = leaves(), [Value(START[3])]
    optimizer = Adam(x[:3], lr=0.1)
    for v, grad in zip(x, (1.0, 2.0, 3.0, 4.0), strict=True):
        v.grad = grad
    optimizer.step()
    schedule = optim.StepLR(optimizer, 2, gamma=0.5)
    before = [v.data for v in x]
    for bad in ({"params": x[2:]}, {"params": [x[3]], "lr": -1.0}, {"params": [3.0]}, {"lr": 0.1}, [x[3]]):
        with pytest.raises((ValueError, TypeError)):
            optimizer.add_param_group(bad)  # type: ignore[arg-type]
        assert len(optimizer.param_groups) == 1 and len(optimizer.params) == 3
    with pytest.raises(ValueError, match="parameter 0 of group 1 is in group 0 too"):
        optimizer.add_param_group({"params": x[2:]})
    optimizer.add_param_group({"params": x[3], "lr": 0.2})
    assert [*optimizer.params] == x and optimizer.param_groups[1].betas == (0.9, 0.999)
    alone = Adam(y, lr=0.2)
    y[0].grad = 4.0
    optimizer.step()
    alone.step()
    assert x[3].data == y[0].data and all(v.data != was for v, was in zip(x, before, strict=True))
    assert [group["steps"] for group in optimizer.state_dict()["groups"]] == [2, 1]
    for _ in range(2):
        schedule.step()
    assert schedule.get_last_lr() == [0.05, 0.1] and schedule.base_lrs == [0.1, 0.2]
    given = optim.LambdaLR(SGD([Value(1.0)], lr=1.0), [lambda n: 0.5])
    given.optimizer.add_param_group({"params": [Value(1.0)]})
    with pytest.raises(ValueError, match=r"LambdaLR\(lr_lambda=...\) is a list of 1, but the optimizer has 2"):
        given.step()
    assert given.get_last_lr() == [0.5, 1.0] and given.last_epoch == 0


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
        (lambda o: optim.LambdaLR(o, lambda n: "1"), ValueError, "gives for 0 steps is a number from 0 up, got a str"),
        (lambda o: optim.LambdaLR(o, [lambda n: 0.5, lambda n: -1.0]), ValueError, "of parameter group 1 gives"),
        (lambda o: optim.LambdaLR(o, lambda n: math.nan), ValueError, "from 0 up, got nan: the learning rates are"),
        (lambda o: optim.OneCycleLR(o, [0.1], 5), ValueError, r"max_lr=...\) is a list of 1, and the optimizer has 2"),
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


def test_clipping_takes_all_parameters() -> None:
    x = leaves()
    optimizer = made(CASES[0], x)
    for v in x:
        v.grad = 2.0
    assert optim.clip_grad_norm_(optimizer.params, 1.0) == 4.0
    assert [v.grad for v in x] == pytest.approx([0.5] * 4, rel=1e-6)


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
