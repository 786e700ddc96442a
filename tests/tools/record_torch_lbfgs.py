"""Writes torch_lbfgs.json: where PyTorch's LBFGS and its line search go, for tests to follow without PyTorch.

Run it from anywhere: python tests/tools/record_torch_lbfgs.py
"""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

from record_torch_trajectories import START, loss, write

TARGET = Path(__file__).with_name("torch_lbfgs.json")
LBFGS_STEPS = 4
WOLFE: dict[str, Any] = {"line_search_fn": "strong_wolfe"}
LBFGS: list[tuple[str, dict[str, Any]]] = [
    *[
        ("loss", {"line_search_fn": search, "lr": lr, "max_iter": iterations, "history_size": size})
        for search, lr, iterations, size in itertools.product(["strong_wolfe", None], [1.0, 0.2], [1, 3], [2, 100])
    ],
    *[
        (function, {**WOLFE, "lr": lr, "max_iter": 3, "tolerance_change": tolerance})
        for function, lr, tolerance in itertools.product(
            ["loss", "valley", "waves"], [0.001, 0.5, 1.0, 5.0, 30.0], [1e-9, 0.02, 0.3]
        )
    ],
    *[("waves", {**WOLFE, "lr": 5.0, "max_iter": 2, "max_eval": most}) for most in range(1, 9)],
    ("valley", {"lr": 0.0001, "tolerance_change": 0.03}),
    ("loss", {"max_iter": 5, "max_eval": 2}),
    ("loss", {"tolerance_grad": 0.5, "lr": 0.3}),
    ("loss", {"tolerance_change": 0.02, "lr": 0.3}),
]

# A line search's function of the step, its first step, its tolerance and how many more it may try.
SEARCHES: list[dict[str, float]] = [
    {"often": often, "shift": shift, "tilt": tilt, "t": t, "tolerance": tolerance, "most": most}
    for often, shift, tilt, t, (tolerance, most) in itertools.product(
        [0.7, 3.0, 9.0], [1.6, 1.8, 4.5], [0.01, 0.7], [0.01, 0.4, 1.0, 8.0], [(1e-9, 25), (0.3, 6), (1e-9, 3)]
    )
]

# Where a bracket is chosen, or its ends change places, for a reason that is rare.
SEARCHES += [
    {"often": often, "shift": shift, "tilt": tilt, "t": t, "tolerance": 1e-9, "most": 25}
    for often, shift, tilt, t in [
        (20.67, 4.29, 0.01, 3.082),
        (10.17, 2.02, 0.1, 0.812),
        (18.74, 1.83, 0.01, 0.445),
        (14.79, 1.63, 2.0, 6.809),
        (5.87, 1.59, 0.1, 7.504),
    ]
]


def along(search: dict[str, float], t: float) -> tuple[float, float]:
    """The loss and its slope after a step t along a direction: waves on a slope in a bowl."""
    turn = search["often"] * t + search["shift"]
    value = math.sin(turn) - math.sin(search["shift"]) - search["tilt"] * t + 0.01 * t**2
    return value, search["often"] * math.cos(turn) - search["tilt"] + 0.02 * t


def valley(x: Any, sin: Any) -> Any:
    """Narrow and bent, after Rosenbrock."""
    return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2 + (x[2] - x[3]) ** 2


def waves(x: Any, sin: Any) -> Any:
    """A function with many minima, whose slope changes sign along a step."""
    return sin(3.0 * x[0]) + sin(2.0 * x[1] + x[2]) + sin(5.0 * x[3]) + 0.05 * (x[0] ** 2 + x[1] ** 2 + x[2] ** 2)


FUNCTIONS = {"loss": loss, "valley": valley, "waves": waves}


def lbfgs_trajectory(function: str, settings: dict[str, Any]) -> list[list[float]]:
    """After each step the loss that it returned, the evaluations so far, and the parameters."""
    import torch

    x = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], **settings)

    def closure() -> Any:
        optimizer.zero_grad()
        now = FUNCTIONS[function](x, torch.sin)
        now.backward()
        return now

    path = []
    for _ in range(LBFGS_STEPS):
        returned = optimizer.step(closure)
        path.append([returned.item(), optimizer.state[x]["func_evals"], *x.tolist()])
    return path


def search_path(search: dict[str, float]) -> list[float]:
    """Every step that PyTorch's line search tries, and the one that it takes."""
    import torch
    from torch.optim.lbfgs import _strong_wolfe

    tried = []

    def asked(x: Any, t: Any, d: Any) -> tuple[float, Any]:
        tried.append(float(t))
        value, slope = along(search, float(t))
        return value, torch.tensor([slope])

    value, slope = along(search, 0.0)
    d, g = torch.tensor([1.0]), torch.tensor([slope])
    *_, taken, evaluations = _strong_wolfe(
        asked, None, search["t"], d, value, g, g.dot(d), tolerance_change=search["tolerance"], max_ls=search["most"]
    )
    assert evaluations == len(tried)
    return [*tried, float(taken)]


def main() -> None:
    import torch

    torch.set_default_dtype(torch.float64)
    steps = [json.dumps([*case, lbfgs_trajectory(*case)]) for case in LBFGS]
    searches = [json.dumps([search, search_path(search)]) for search in SEARCHES]
    write(TARGET, {"lbfgs": steps, "searches": searches})


if __name__ == "__main__":
    main()
