"""Writes torch_trajectories.json: where PyTorch's optimizers and schedules go, for tests to follow without PyTorch.

Run it from anywhere: python tests/tools/record_torch_trajectories.py
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("torch_trajectories.json")
START = [0.8, -1.5, 2.0, 0.3]
STEPS = 20
RECORDED = [1, 2, 20]

OPTIONS: dict[str, dict[str, list[Any]]] = {
    "SGD": {
        "lr": [0.05],
        "momentum": [0.0, 0.9],
        "dampening": [0.0, 0.3],
        "weight_decay": [0.0, 0.1],
        "nesterov": [False, True],
        "maximize": [False, True],
    },
    "RMSprop": {
        "lr": [0.02],
        "alpha": [0.99, 0.5],
        "eps": [1e-8, 0.1],
        "weight_decay": [0.0, 0.1],
        "momentum": [0.0, 0.9],
        "centered": [False, True],
        "maximize": [False, True],
    },
    "Adam": {
        "lr": [0.05],
        "betas": [[0.9, 0.999], [0.5, 0.7]],
        "eps": [1e-8, 0.1],
        "weight_decay": [0.0, 0.1],
        "amsgrad": [False, True],
        "maximize": [False, True],
    },
}
OPTIONS["AdamW"] = OPTIONS["Adam"]
OPTIONS["Adagrad"] = {
    "lr": [0.2],
    "lr_decay": [0.0, 0.1],
    "weight_decay": [0.0, 0.1],
    "initial_accumulator_value": [0.0, 0.5],
    "eps": [1e-10, 0.1],
    "maximize": [False, True],
}
OPTIONS["NAdam"] = {
    "lr": [0.05],
    "betas": [[0.9, 0.999], [0.5, 0.7]],
    "eps": [1e-8, 0.1],
    "weight_decay": [0.0, 0.1],
    "momentum_decay": [0.004, 0.5],
    "decoupled_weight_decay": [False, True],
    "maximize": [False, True],
}

# Where the parameters of several groups begin and end.
SPANS = [(0, 1), (1, 3), (3, 4)]
GROUPED: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("SGD", {"lr": 0.05, "momentum": 0.9}, [{}, {"lr": 0.01, "weight_decay": 0.1}, {"momentum": 0.0}]),
    ("SGD", {"lr": 0.05}, [{"momentum": 0.9, "nesterov": True}, {"maximize": True, "lr": 0.001}, {"dampening": 0.3}]),
    ("RMSprop", {}, [{"centered": True}, {"alpha": 0.5, "momentum": 0.5}, {"lr": 0.03, "eps": 0.1}]),
    ("Adam", {"lr": 0.05}, [{"amsgrad": True}, {"betas": [0.5, 0.7], "weight_decay": 0.1}, {"eps": 0.1, "lr": 0.2}]),
    ("AdamW", {"lr": 0.05}, [{"weight_decay": 0.0}, {}, {"weight_decay": 0.3, "maximize": True}]),
    ("Adagrad", {"lr": 0.2}, [{"lr_decay": 0.1}, {}, {"lr": 0.1, "eps": 0.1, "weight_decay": 0.2}]),
    ("NAdam", {"lr": 0.05}, [{"momentum_decay": 0.5}, {"weight_decay": 0.3}, {"decoupled_weight_decay": True}]),
]
Spec = tuple[str, dict[str, Any]]
SCHEDULE_STEPS = 30
METRICS = [3.0, 2.0, 2.5, 1.9999, 1.9, 1.9, 2.0, 1.95, 1.9, -1.0, -1.5, -1.4, -1.5, -1.5, -1.49] * 2
SGD, ADAM, RMSPROP = ("SGD", {"lr": 0.3, "momentum": 0.5}), ("Adam", {"lr": 0.3}), ("RMSprop", {"lr": 0.3})
CYCLES: list[dict[str, Any]] = [
    {},
    {"three_phase": True},
    {"anneal_strategy": "linear", "pct_start": 0.45, "div_factor": 10.0, "final_div_factor": 50.0},
    {"cycle_momentum": False, "three_phase": True, "anneal_strategy": "linear", "pct_start": 0.2},
    {"base_momentum": 0.1, "max_momentum": 0.3, "pct_start": 0.95},
]
PLATEAUS: list[dict[str, Any]] = [
    {"patience": 1},
    {"patience": 0, "cooldown": 3, "factor": 0.5},
    {"patience": 1, "mode": "max", "factor": 0.5, "min_lr": 0.1},
    {"patience": 2, "threshold": 0.2, "threshold_mode": "abs", "factor": 0.7},
    {"patience": 1, "mode": "max", "threshold": 0.3, "threshold_mode": "abs", "factor": 0.9, "eps": 0.025},
]
WARMUP: tuple[Spec, ...] = (("LinearLR", {"start_factor": 0.1, "total_iters": 4}), ("CosineAnnealingLR", {"T_max": 20}))
STEPS_DOWN: tuple[Spec, ...] = (*WARMUP, ("StepLR", {"step_size": 2, "gamma": 0.5}))


def schedule_cases() -> list[tuple[Spec, Spec]]:
    """An optimizer and a schedule on it; the schedules of a SequentialLR are specs in turn."""
    schedules: list[Spec] = [
        ("StepLR", {"step_size": 4}),
        ("StepLR", {"step_size": 1, "gamma": 0.9}),
        ("CosineAnnealingLR", {"T_max": 12}),
        ("CosineAnnealingLR", {"T_max": 30, "eta_min": 0.02}),
        ("ExponentialLR", {"gamma": 0.9}),
        ("MultiStepLR", {"milestones": [3, 12, 5, 12]}),
        ("MultiStepLR", {"milestones": [0, 20], "gamma": 0.5}),
        ("LambdaLR", {"lr_lambda": "inverse"}),
        ("LinearLR", {}),
        ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 25}),
        ("SequentialLR", {"schedulers": [list(spec) for spec in WARMUP], "milestones": [4]}),
        ("SequentialLR", {"schedulers": [list(spec) for spec in STEPS_DOWN], "milestones": [6, 20]}),
        *[("ReduceLROnPlateau", settings) for settings in PLATEAUS],
        *[("OneCycleLR", {"max_lr": 0.8, "total_steps": SCHEDULE_STEPS + 1, **settings}) for settings in CYCLES],
        ("OneCycleLR", {"max_lr": 0.8, "epochs": 5, "steps_per_epoch": 7}),
    ]
    others = [(ADAM, schedules[-1]), (RMSPROP, schedules[-1]), (ADAM, schedules[0])]
    return [*[(SGD, schedule) for schedule in schedules], *others]


LRS = [0.3, 0.02, 1.0]
EACH = {"lr_lambda": ["saw", "one", "inverse"]}
STEPS_EACH: tuple[Spec, ...] = (("ExponentialLR", {"gamma": 0.8}), ("LambdaLR", EACH))
FACTORS: dict[str, Any] = {"inverse": lambda n: 1 / (n + 1), "saw": lambda n: 0.25 * (n % 4), "one": lambda n: 1}


def grouped_schedule_cases() -> list[tuple[Spec, Spec]]:
    """Schedules over groups whose lr are LRS, on an optimizer with momentum or betas."""
    schedules: list[Spec] = [
        ("StepLR", {"step_size": 4}),
        ("MultiStepLR", {"milestones": [4, 7]}),
        ("ExponentialLR", {"gamma": 0.9}),
        ("LambdaLR", {"lr_lambda": "inverse"}),
        ("LambdaLR", EACH),
        ("CosineAnnealingLR", {"T_max": 30, "eta_min": 0.01}),
        ("LinearLR", {"start_factor": 0.5, "end_factor": 0.1}),
        ("SequentialLR", {"schedulers": [list(spec) for spec in WARMUP], "milestones": [4]}),
        ("SequentialLR", {"schedulers": [list(spec) for spec in STEPS_EACH], "milestones": [6]}),
        ("ReduceLROnPlateau", {"patience": 1, "min_lr": [0.1, 0.0, 0.2]}),
        ("ReduceLROnPlateau", {"patience": 0, "factor": 0.5, "min_lr": 0.01, "eps": 0.02}),
        ("OneCycleLR", {"max_lr": 0.8, "total_steps": SCHEDULE_STEPS + 1}),
        ("OneCycleLR", {"max_lr": [0.8, 0.1, 0.2], "total_steps": SCHEDULE_STEPS + 1, "three_phase": True}),
    ]
    momenta = {"base_momentum": [0.1, 0.5, 0.8], "max_momentum": [0.3, 0.9, 0.85]}
    each = ("OneCycleLR", {"max_lr": [0.8, 0.1, 0.2], "total_steps": SCHEDULE_STEPS + 1, **momenta})
    return [*[(SGD, schedule) for schedule in [*schedules, each]], (ADAM, each)]


def loss(x: Any, sin: Any) -> Any:
    """Curved, coupled, and flat enough that 20 steps of every optimizer stay near."""
    return (x[0] - 1.0) ** 2 + 3.0 * (x[1] + 0.5) ** 2 + 0.1 * x[2] ** 2 + sin(x[0] * x[3]) + sin(x[1] + x[2])


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Every combination of options that PyTorch takes; and each optimizer with its defaults."""
    found: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in OPTIONS]
    for name, options in OPTIONS.items():
        for values in itertools.product(*options.values()):
            settings = dict(zip(options, values, strict=True))
            if settings.get("nesterov") and (settings["momentum"] == 0.0 or settings["dampening"] != 0.0):
                continue
            found.append((name, settings))
    return found


def trajectory(name: str, settings: dict[str, Any]) -> list[list[float]]:
    import torch

    x = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)([x], **settings)
    path = []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss(x, torch.sin).backward()
        optimizer.step()
        if step in RECORDED:
            path.append(x.tolist())
    return path


def made_schedule(makers: Any, optimizer: Any, spec: Any) -> Any:
    """The schedule of a spec, from PyTorch's module of them or from ours."""
    name, settings = spec
    if name == "SequentialLR":
        parts = [made_schedule(makers, optimizer, part) for part in settings["schedulers"]]
        return makers.SequentialLR(optimizer, parts, settings["milestones"])
    if name == "LambdaLR":
        named = settings["lr_lambda"]
        return makers.LambdaLR(optimizer, FACTORS[named] if type(named) is str else [FACTORS[each] for each in named])
    return getattr(makers, name)(optimizer, **settings)


def scheduled(optimizer: Any, schedule: Any) -> list[list[float]]:
    """Each group's lr, and the momentum or the first beta, when the schedule is made and after each step."""

    def now() -> list[float]:
        momenta = [group["betas"][0] if "betas" in group else group["momentum"] for group in optimizer.param_groups]
        assert schedule.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        return [*schedule.get_last_lr(), *momenta]

    path = [now()]
    for metric in METRICS[:SCHEDULE_STEPS]:
        optimizer.step()
        schedule.step(*[metric] * (type(schedule).__name__ == "ReduceLROnPlateau"))
        path.append(now())
    return path


def rates(optimizer_spec: Spec, schedule_spec: Spec) -> list[list[float]]:
    import torch

    name, settings = optimizer_spec
    optimizer = getattr(torch.optim, name)([torch.tensor(START, dtype=torch.float64)], **settings)
    schedule = made_schedule(torch.optim.lr_scheduler, optimizer, schedule_spec)
    return scheduled(optimizer, schedule)


def grouped_rates(optimizer_spec: Spec, schedule_spec: Spec) -> list[list[float]]:
    import torch

    name, settings = optimizer_spec
    groups = [{"params": [torch.tensor(START, dtype=torch.float64)], "lr": lr} for lr in LRS]
    optimizer = getattr(torch.optim, name)(groups, **settings)
    return scheduled(optimizer, made_schedule(torch.optim.lr_scheduler, optimizer, schedule_spec))


def grouped_trajectory(name: str, settings: dict[str, Any], groups: list[dict[str, Any]]) -> list[list[float]]:
    import torch

    parts = [torch.tensor(START[a:b], dtype=torch.float64, requires_grad=True) for a, b in SPANS]
    given = [{"params": [part], **own} for part, own in zip(parts, groups, strict=True)]
    optimizer = getattr(torch.optim, name)(given, **settings)
    path = []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss(torch.cat(parts), torch.sin).backward()
        optimizer.step()
        if step in RECORDED:
            path.append(torch.cat(parts).tolist())
    return path


def write(target: Path, kinds: dict[str, list[str]]) -> None:
    """A file of lists, each entry a line of JSON."""
    import torch

    parts = [f'"{key}": [\n' + ",\n".join(lines) + "\n]" for key, lines in kinds.items()]
    target.write_text(f'{{"torch": "{torch.__version__}",\n' + ",\n".join(parts) + "}\n", encoding="utf-8")
    print(f"{sum(map(len, kinds.values()))} trajectories of PyTorch {torch.__version__} in {target.name}")


def main() -> None:
    import torch

    torch.set_default_dtype(torch.float64)  # NAdam's product of factors would be of float32
    runs = [json.dumps([name, settings, trajectory(name, settings)]) for name, settings in cases()]
    schedules = [json.dumps([*specs, rates(*specs)]) for specs in schedule_cases()]
    grouped = [json.dumps([*case, grouped_trajectory(*case)]) for case in GROUPED]
    grouped_schedules = [json.dumps([*specs, grouped_rates(*specs)]) for specs in grouped_schedule_cases()]
    kinds = {"cases": runs, "grouped": grouped, "schedules": schedules, "grouped_schedules": grouped_schedules}
    write(TARGET, kinds)


if __name__ == "__main__":
    main()
