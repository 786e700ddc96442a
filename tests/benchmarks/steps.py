"""How compiling and calling grow with the steps of a scan: python tests/benchmarks/steps.py picture.png

The first and a later call of Lorenz's equations with their gradient, by Runge-Kutta, in a process of their own: seconds
of CPU, and the most memory of the first; beside it jax.jit where that is installed. --most says where to stop.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks import scans
from benchmarks.measuring import in_child, pin_to_one_core

STEPS = tuple(10**k for k in range(1, 6))
SHOWN = ("first call (s)", "memory of the first call (MB)", "later call (s)")


def draw(picture: str, most: int) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    steps = [count for count in STEPS if count <= most]
    peers = {"tinygrad_lite": scans.starting}
    if importlib.util.find_spec("jax") is not None:
        peers["jax.jit"] = scans.jax_starting
    figure, plots = pyplot.subplots(1, len(SHOWN), figsize=(13, 4))
    for label, entry in peers.items():
        found = [in_child(entry, "Lorenz", count) for count in steps]
        for axes, quantity, column in zip(plots, SHOWN, zip(*found, strict=True), strict=True):
            axes.plot(steps, column, marker="o", label=label)
            print(label, quantity, *[f"{n:,}: {x:.3g}" for n, x in zip(steps, column, strict=True)], sep="\n")
            axes.set(xscale="log", yscale="log", xlabel="Runge-Kutta steps", title=quantity)
            axes.grid(alpha=0.3)
    plots[0].legend()
    figure.savefig(picture, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", help="the file to draw to; its ending says of what kind")
    parser.add_argument("--most", type=int, default=STEPS[-1], help="the most steps (default: 100000)")
    pin_to_one_core()
    options = parser.parse_args()
    draw(options.picture, options.most)
