"""Writes torch_trajectories.json: where PyTorch's optimizers and schedules go, for tests to follow without PyTorch.

Run it from anywhere: python tests/record_torch_trajectories.py
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
    return getattr(makers, name)(optimizer, **settings)


def scheduled(settings: Any, optimizer: Any, schedule: Any) -> list[list[float]]:
    """The lr, and the momentum or the first beta, when the schedule is made and after each step."""

    def now() -> list[float]:
        return [settings()["lr"], settings()["betas"][0] if "betas" in settings() else settings()["momentum"]]

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
    return scheduled(lambda: optimizer.param_groups[0], optimizer, schedule)


def main() -> None:
    import torch

    runs = [json.dumps([name, settings, trajectory(name, settings)]) for name, settings in cases()]
    schedules = [json.dumps([*specs, rates(*specs)]) for specs in schedule_cases()]
    parts = [f'"{key}": [\n' + ",\n".join(lines) + "\n]" for key, lines in (("cases", runs), ("schedules", schedules))]
    TARGET.write_text(f'{{"torch": "{torch.__version__}",\n' + ",\n".join(parts) + "}\n", encoding="utf-8")
    print(f"{len(runs)} + {len(schedules)} trajectories of PyTorch {torch.__version__} in {TARGET.name}")


if __name__ == "__main__":
    main()
