"""The cost of a fixed point with its gradient, relative to its own forward iterations."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from .measuring import Findings, own_row
from .racing import Contender, alone, repeated, totals

UNITS, RADIUS = (2, 8, 64, 128), 0.9


def network(units: int) -> Callable[[Any], list[Any]]:
    """One step of a fully recurrent network of tanh units, which shrinks the residual by a factor of about RADIUS."""
    import tinygrad_lite as tl

    draw = random.Random(units)
    size = RADIUS * (3.0 / units) ** 0.5
    weights = [[tl.Value(size * draw.uniform(-1, 1)) for _ in range(units)] for _ in range(units)]
    biases = [tl.Value(0.1 * draw.uniform(-1, 1)) for _ in range(units)]
    return lambda z: [tl.tanh(tl.dot(row, z, bias)) for row, bias in zip(weights, biases, strict=True)]


def iterations(units: int) -> Contender:
    """The time of the steps alone: nothing is recorded, and there is no gradient."""
    import tinygrad_lite as tl

    step = network(units)

    def forward() -> Any:
        with tl.no_grad():
            return tl.fixed_point(step, [0.0] * units)

    return repeated(forward, 1)


def with_gradient(units: int) -> Contender:
    import tinygrad_lite as tl

    step = network(units)
    return repeated(lambda: tl.sum(tl.fixed_point(step, [0.0] * units).values).backward(), 1)


def gradient_over_iterations(_: str, quick: bool) -> Findings:
    findings = Findings()
    for units in UNITS:
        ratios = []
        for _ in range(3 if quick else 9):
            ours, theirs = (alone((make, (units,)), 1) for make in (with_gradient, iterations))
            ratios.append(totals(ours)[0] / totals(theirs)[0])
        case = f"fixed point of {units}, gradient"
        findings.rows.append(own_row(case, "of its steps", ratios, (3.0, 2.0)))
    return findings
