"""Draws how quantities grow with a size: a plot for each quantity, a line for each library."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .measuring import in_child, pin_to_one_core


@dataclass(frozen=True)
class Line:
    """What is measured of a library: entry(*args, size) in a process of its own gives a number for each quantity."""

    label: str
    sizes: Sequence[int]
    entry: Callable[..., list[float]]
    args: tuple[Any, ...] = ()


def draw(picture: str, along: str, shown: Sequence[str], lines: Sequence[Line]) -> None:
    """Measures, prints and draws the lines; `along` names the size."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, plots = pyplot.subplots(1, len(shown), figsize=(13, 4))
    for line in lines:
        found = [in_child(line.entry, *line.args, size) for size in line.sizes]
        for axes, quantity, column in zip(plots, shown, zip(*found, strict=True), strict=True):
            axes.plot(line.sizes, column, marker="o", label=line.label)
            print(line.label, quantity, *[f"{n:,}: {x:.3g}" for n, x in zip(line.sizes, column, strict=True)], sep="\n")
            axes.set(xscale="log", yscale="log", xlabel=along, title=quantity)
            axes.set_xticks(line.sizes, [f"{n:,}" for n in line.sizes])
            axes.minorticks_off()
            axes.grid(alpha=0.3)
    plots[0].legend()
    figure.savefig(picture, dpi=150, bbox_inches="tight")


def asked(description: str | None, limit: str, most: int) -> tuple[str, int]:
    """The picture and the limit that the command line asks for; the process is pinned to one core."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", help="the file to draw to; its ending says of what kind")
    parser.add_argument(f"--{limit}", dest="limit", type=int, default=most, help=f"the largest size (default: {most})")
    pin_to_one_core()
    options = parser.parse_args()
    return options.picture, options.limit
