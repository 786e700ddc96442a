"""The cost of a lane in batches of 1 to 100,000, and a plot of it: python tests/benchmarks/lanes.py picture.png

The step of training of W2, a perceptron of 2-16-16-1; beside it jax.jit where that is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks import compiled_programs, perceptron_peers
from benchmarks.measuring import Findings, Spread, Unit, pin_to_one_core, ratio_row
from benchmarks.racing import Entry, alone, race, totals

SIZES = tuple(10**k for k in range(6))


def _ours(size: int) -> Entry:
    return compiled_programs.ours, ("moons", "auto", size)


def _theirs(size: int) -> Entry:
    return perceptron_peers.jax, ("moons", size)


def lanes(peer: str, quick: bool) -> Findings:
    findings = Findings()
    for size in SIZES[:-1] if quick else SIZES:
        a, b = race(f"{size} lanes", _ours(size), _theirs(size), 5 if quick else 11)
        unit = Unit("us a lane", 1e-6 * size)
        findings.rows.append(ratio_row(f"lanes, {size:,}", peer, unit, totals(a), totals(b)))
    return findings


def draw(picture: str) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    entries = {"tinygrad_lite": _ours}
    if importlib.util.find_spec("jax") is not None:
        entries["jax.jit"] = _theirs
    _, axes = pyplot.subplots()
    for label, entry in entries.items():
        spreads = [Spread.of([s / size * 1e6 for s in totals(alone(entry(size), 7))]) for size in SIZES]
        axes.plot(SIZES, [spread.median for spread in spreads], marker="o", label=label)
        axes.fill_between(SIZES, [s.low for s in spreads], [s.high for s in spreads], alpha=0.3)
        print(label, *[f"{size:,}: {spread.median:.3g}" for size, spread in zip(SIZES, spreads, strict=True)], sep="\n")
    axes.set(xscale="log", yscale="log", xlabel="lanes in a batch", ylabel="CPU time a lane (us)")
    axes.set_title("A step of training, perceptron of 2-16-16-1, one thread")
    axes.legend()
    axes.grid(alpha=0.3)
    pyplot.savefig(picture, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", help="the file to draw to; its ending says of what kind")
    pin_to_one_core()
    draw(parser.parse_args().picture)
