"""python -m tinygrad_lite demo [--data digits|moons|spirals] [--epochs N] [--seed N] [--out FOLDER]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import MissingProgramError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Returns 0, or 1 if the demo found a wrong gradient, or 2 if it could not run."""
    parser = argparse.ArgumentParser(prog="python -m tinygrad_lite", description="tinygrad_lite at work")
    commands = parser.add_subparsers(dest="command", required=True, metavar="demo")
    demo = commands.add_parser("demo", help="train a small network, check its gradients, draw what it learned")
    demo.add_argument(
        "--data", choices=("digits", "moons", "spirals"), default="digits", help="what to learn (default: digits)"
    )
    demo.add_argument("--epochs", type=_from(1), metavar="N", help="how often to go through the data")
    demo.add_argument("--seed", type=_from(0), default=0, metavar="N", help="makes a run repeatable (default: 0)")
    demo.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (default: demo_digits and so on)")
    given = parser.parse_args(arguments)

    from .demo.run import run_demo

    try:
        agree = run_demo(given.data, given.epochs, given.seed, given.out or Path(f"demo_{given.data}"))
    except (MissingProgramError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if agree else 1


class _from:  # noqa: N801  argparse shows this name in front of the error
    """An argparse type: a whole number that is at least `low`."""

    def __init__(self, low: int) -> None:
        self._low = low

    def __call__(self, text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = self._low - 1
        if not self._low <= number < 2**32:
            raise argparse.ArgumentTypeError(f"must be a whole number, {self._low} or larger, got {text!r}")
        return number


if __name__ == "__main__":
    sys.exit(main())
