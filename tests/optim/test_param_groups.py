"""Parameter groups: PyTorch's recorded trajectories, settings read and written, states, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from record_torch_trajectories import GROUPED, RECORDED, SPANS, START, STEPS, TARGET, loss
from test_optimizers import leaves, take_steps

from tinygrad_lite import Value, nn, ops, optim
from tinygrad_lite.engine import bind
from tinygrad_lite.errors import HistoryError
from tinygrad_lite.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSprop

CASES = json.loads(TARGET.read_text(encoding="utf-8"))["grouped"]


def made(case: Any, x: list[Value]) -> Optimizer:
    name, settings, groups = case[:3]
    given = [{"params": x[a:b], **own} for (a, b), own in zip(SPANS, groups, strict=True)]
    optimizer: Optimizer = getattr(optim, name)(given, **settings)
    return optimizer


def same(a: Any, b: Any) -> bool:
    """Compares two states."""
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


def test_clipping_takes_all_parameters() -> None:
    x = leaves()
    optimizer = made(CASES[0], x)
    for v in x:
        v.grad = 2.0
    assert optim.clip_grad_norm_(optimizer.params, 1.0) == 4.0
    assert [v.grad for v in x] == pytest.approx([0.5] * 4, rel=1e-6)
