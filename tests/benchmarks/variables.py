"""How second derivatives grow with the number of variables: python tests/benchmarks/variables.py picture.png

The first and a later call of the compiled sparse Hessian of Rosenbrock's function, in a process of its own: seconds of
CPU, and the most memory of the first; beside it CasADi, given the same scalar code, and jax.jit's dense Hessian, where
these are installed. --most says where to stop, at most 10,000; jax stops at 1,000.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks import sparse
from benchmarks.measuring import in_child, pin_to_one_core
from benchmarks.wide_networks import first_and_later

NUMBERS = (10, 30, 100, 300, 1000, 3000, 10_000)
MOST_DENSE = 1000
SHOWN = ("first call (s)", "memory of the first call (MB)", "later call (s)")


def calls(who: str, n: int) -> list[float]:
    """The first call includes what precedes it: for CasADi and jax the expression and its derivative."""
    made: list[sparse.Call] = []

    def call() -> None:
        if not made:
            args = {"ours": ("Hessian", n), "casadi": ("Hessian", n, False), "jax": ("dense Hessian", n)}[who]
            made.append(sparse.MAKERS[who](*args))
        made[0]()

    return first_and_later(call)


def draw(picture: str, most: int) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    labels = {"ours": "tinygrad_lite, sparse", "casadi": "CasADi, sparse", "jax": "jax.jit, dense"}
    figure, plots = pyplot.subplots(1, len(SHOWN), figsize=(13, 4))
    for who, label in labels.items():
        if who != "ours" and importlib.util.find_spec(who) is None:
            continue
        numbers = [n for n in NUMBERS if n <= (min(most, MOST_DENSE) if who == "jax" else most)]
        found = [in_child(calls, who, n) for n in numbers]
        for axes, quantity, column in zip(plots, SHOWN, zip(*found, strict=True), strict=True):
            axes.plot(numbers, column, marker="o", label=label)
            print(label, quantity, *[f"{n}: {x:.3g}" for n, x in zip(numbers, column, strict=True)], sep="\n")
            axes.set(xscale="log", yscale="log", xlabel="variables of Rosenbrock's function", title=quantity)
            axes.grid(alpha=0.3)
    plots[0].legend()
    figure.savefig(picture, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", help="the file to draw to; its ending says of what kind")
    parser.add_argument("--most", type=int, default=NUMBERS[-1], help="the most variables (default: 10000)")
    pin_to_one_core()
    options = parser.parse_args()

    from benchmarks import variables  # whose functions the child processes find by their module's name

    variables.draw(options.picture, options.most)
