"""How second derivatives grow with the number of variables: python tests/benchmarks/variables.py picture.png

The first and a later call of the compiled sparse Hessian of Rosenbrock's function, in a process of its own: seconds of
CPU, and the most memory of the first; beside it CasADi, given the same scalar code, and jax.jit's dense Hessian, where
these are installed. --most says where to stop, at most 10,000; jax stops at 1,000.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks import growth, sparse
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
    labels = {"ours": "tinygrad_lite, sparse", "casadi": "CasADi, sparse", "jax": "jax.jit, dense"}
    lines = []
    for who, label in labels.items():
        if who == "ours" or importlib.util.find_spec(who) is not None:
            numbers = [n for n in NUMBERS if n <= (min(most, MOST_DENSE) if who == "jax" else most)]
            lines.append(growth.Line(label, numbers, calls, (who,)))
    growth.draw(picture, "variables of Rosenbrock's function", SHOWN, lines)


if __name__ == "__main__":
    from benchmarks import variables  # whose functions the child processes find by their module's name

    variables.draw(*growth.asked(__doc__, "most", NUMBERS[-1]))
