"""Races two programs: each in a process of its own, samples in turns; their results are compared first."""

from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

from .measuring import called_by_parent, child_command, child_environment

AGREEMENT = 1e-10

Phase = Callable[[list[Any]], object]


@dataclass(frozen=True)
class Contender:
    """A program in phases, each timed by itself.

    phases     functions of a list, in which they keep what they hand on
    results    what it computed in a trial run: the other side must have computed the same
    collector  whether Python's cyclic garbage collector runs while the program does; what is left over when it does not
               is collected after the sample, untimed
    """

    phases: Sequence[Phase]
    results: Sequence[float] = ()
    collector: bool = True

    def run(self, times: int) -> list[float]:
        """Seconds of CPU in each phase, for one of `times` runs."""
        gc.collect()
        if not self.collector:
            gc.disable()
        seconds = [0.0] * len(self.phases)
        held: list[Any] = []
        for _ in range(times):
            for k, phase in enumerate(self.phases):
                start = process_time()
                phase(held)
                seconds[k] += process_time() - start
        held.clear()
        gc.enable()
        return [s / times for s in seconds]


def repeated(call: Callable[[], object], times: int, results: Sequence[float] = ()) -> Contender:
    """One phase of so many calls, so that reading the clock costs little."""

    def phase(held: list[Any]) -> None:
        for _ in range(times):
            call()

    return Contender((phase,), results)


Entry = tuple[Callable[..., Contender], tuple[Any, ...]]
"""A function that makes a contender, and its arguments: called in the contender's own process."""


class _Lane:
    """The parent's end of a contender's process."""

    def __init__(self, entry: Entry) -> None:
        make, args = entry
        self.process = subprocess.Popen(
            child_command("racing.serve()", make.__module__, make.__name__, args),
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        ready = self._heard()
        self.results: list[float] = ready["results"]
        self.seconds: float = ready["seconds"]

    def sample(self, times: int) -> list[float]:
        assert self.process.stdin is not None
        print(times, file=self.process.stdin, flush=True)
        seconds: list[float] = self._heard()
        return seconds

    def close(self) -> None:
        self.process.communicate()

    def _heard(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError("a contender failed, see above")
        return json.loads(line)


def serve() -> None:
    """The contender's process: makes it, tries it, then runs it as often as each line from the parent says."""
    contender: Contender = called_by_parent()
    contender.run(1)
    seconds = sum(contender.run(1))
    gc.collect()
    gc.freeze()  # the collector need not scan what was imported
    print(json.dumps({"results": list(contender.results), "seconds": seconds}), flush=True)
    for line in sys.stdin:
        print(json.dumps(contender.run(int(line))), flush=True)


def race(
    what: str, ours: Entry, theirs: Entry, rounds: int, least: float = 0.05
) -> tuple[list[list[float]], list[list[float]]]:
    """Samples of both, of at least `least` seconds each, in turns whose order alternates: seconds of each phase.

    Raises AssertionError, and times nothing, where the two did not compute the same.
    """
    lanes = [_Lane(ours), _Lane(theirs)]
    samples: tuple[list[list[float]], list[list[float]]] = ([], [])
    try:
        check_agreement(what, lanes[0].results, lanes[1].results)
        times = [max(1, math.ceil(least / max(lane.seconds, 1e-6))) for lane in lanes]
        for k in range(rounds):
            for side in (k % 2, 1 - k % 2):
                samples[side].append(lanes[side].sample(times[side]))
    finally:
        for lane in lanes:
            lane.close()
    return samples


def alone(ours: Entry, rounds: int, least: float = 0.05) -> list[list[float]]:
    """Samples of one contender that has no peer."""
    lane = _Lane(ours)
    try:
        times = max(1, math.ceil(least / max(lane.seconds, 1e-6)))
        return [lane.sample(times) for _ in range(rounds)]
    finally:
        lane.close()


def totals(samples: Sequence[Sequence[float]]) -> list[float]:
    """All phases together."""
    return [sum(sample) for sample in samples]


def check_agreement(what: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
    """Raises unless both computed the same numbers, to 1e-10 of their size (of 1, where they are smaller)."""
    worst = max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(ours, theirs, strict=True))
    if not worst <= AGREEMENT:
        raise AssertionError(f"{what}: the results differ by {worst:.2g}, more than {AGREEMENT:g}: nothing was timed")
