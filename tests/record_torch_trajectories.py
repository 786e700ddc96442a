"""Writes torch_trajectories.json: where PyTorch's optimizers go, for test_optim.py to follow without PyTorch.

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


def main() -> None:
    import torch

    lines = [json.dumps([name, settings, trajectory(name, settings)]) for name, settings in cases()]
    TARGET.write_text(
        f'{{"torch": "{torch.__version__}",\n"cases": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8"
    )
    print(f"{len(lines)} trajectories of PyTorch {torch.__version__} in {TARGET.name}")


if __name__ == "__main__":
    main()
