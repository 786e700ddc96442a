"""How compiling and calling grow with the steps of a scan: python tests/benchmarks/steps.py picture.png

The first and a later call of Lorenz's equations with their gradient, by Runge-Kutta, in a process of their own: seconds
of CPU, and the most memory of the first; beside it jax.jit where that is installed. --most says where to stop.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks import growth, scans

STEPS = tuple(10**k for k in range(1, 6))
SHOWN = ("first call (s)", "memory of the first call (MB)", "later call (s)")


def draw(picture: str, most: int) -> None:
    steps = [count for count in STEPS if count <= most]
    peers = {"tinygrad_lite": scans.starting}
    if importlib.util.find_spec("jax") is not None:
        peers["jax.jit"] = scans.jax_starting
    lines = [growth.Line(label, steps, entry, ("Lorenz",)) for label, entry in peers.items()]
    growth.draw(picture, "Runge-Kutta steps", SHOWN, lines)


if __name__ == "__main__":
    draw(*growth.asked(__doc__, "most", STEPS[-1]))
