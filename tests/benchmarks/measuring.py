"""How the benchmarks measure: process CPU time, one thread, one core, contenders taken in turns in one process."""

from __future__ import annotations

import gc
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

TESTS = Path(__file__).resolve().parents[1]
AGREEMENT = 1e-10


class Spread(NamedTuple):
    """The median of some measurements, and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        if len(samples) == 1:
            return cls(samples[0], samples[0], samples[0])
        low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass(frozen=True)
class Row:
    """A line of the table: what is judged is `figure`, the ratio ours / peer, or ours in `unit` where there is no ratio."""

    case: str
    peer: str
    unit: str
    ours: float
    theirs: float | None
    figure: Spread
    is_ratio: bool = True
    required: float | None = None
    goal: float | None = None


@dataclass
class Findings:
    """What a case gives back: lines of the table, and remarks to print below it."""

    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Contender:
    """A program in phases, each timed by itself. Phases share a list, in which they keep what they hand on.

    collector: whether Python's cyclic garbage collector runs meanwhile; what is left over when it does not is collected
    after the sample, untimed.
    """

    phases: Sequence[Callable[[list[Any]], object]]
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


def race(ours: Contender, theirs: Contender, rounds: int, least: float = 0.05) -> tuple[list[list[float]], list[list[float]]]:
    """Samples of both, at least `least` seconds each, in turns whose order alternates, after one run to warm up."""
    times = {}
    for contender in (ours, theirs):
        contender.run(1)
        times[contender] = max(1, math.ceil(least / max(sum(contender.run(1)), 1e-6)))
    gc.collect()
    gc.freeze()  # what was imported is not the contenders' to look through
    samples: dict[Contender, list[list[float]]] = {ours: [], theirs: []}
    for k in range(rounds):
        for contender in (ours, theirs) if k % 2 else (theirs, ours):
            samples[contender].append(contender.run(times[contender]))
    gc.unfreeze()
    return samples[ours], samples[theirs]


def ratio_row(
    case: str,
    peer: str,
    unit: tuple[str, float],
    ours: Sequence[float],
    theirs: Sequence[float],
    required: float | None = None,
    goal: float | None = None,
) -> Row:
    """ours / theirs, round by round. unit: its name, and how many seconds it is."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    name, seconds = unit
    shown = [statistics.median(samples) / seconds for samples in (ours, theirs)]
    return Row(case, peer, name, shown[0], shown[1], Spread.of(ratios), True, required, goal)


def own_row(
    case: str, unit: str, samples: Sequence[float], required: float | None = None, goal: float | None = None
) -> Row:
    """A figure of ours alone, in its unit."""
    figure = Spread.of(samples)
    return Row(case, "", unit, figure.median, None, figure, False, required, goal)


def check_agreement(what: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
    """Raises unless both computed the same numbers, to 1e-10 of their size (of 1, where they are smaller)."""
    worst = max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(ours, theirs, strict=True))
    if not worst <= AGREEMENT:
        raise AssertionError(f"{what}: the results differ by {worst:.2g}, more than {AGREEMENT:g}: nothing was timed")


def pin_to_one_core() -> str:
    """Keeps this process and its children on one core, where the system can; says what was done."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned to a core"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"pinned to core {core}"


def child_environment() -> dict[str, str]:
    """One thread for everybody, the tests on the path, and the warnings to the parent."""
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    places = [str(TESTS), os.environ.get("PYTHONPATH", ""), str(TESTS.parent)]
    path = os.pathsep.join(place for place in places if place)
    return {**os.environ, **threads, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}


def in_child(function: Callable[..., Any], *args: Any) -> Any:
    """function(*args) in a process of its own; what goes in and comes out is JSON (Findings become a dict)."""
    command = f"from benchmarks.measuring import answer; answer({function.__module__!r}, {function.__name__!r})"
    called = subprocess.run(
        [sys.executable, "-P", "-c", command, json.dumps(args)], env=child_environment(), capture_output=True, text=True
    )
    if called.returncode != 0:
        reason = called.stderr.strip().splitlines() or [f"exit code {called.returncode}"]
        raise RuntimeError(f"{function.__module__}.{function.__name__}{args}: {reason[-1]}")
    return json.loads(called.stdout.splitlines()[-1])


def answer(module: str, function: str) -> None:
    """The child's side of in_child."""
    import importlib

    result = getattr(importlib.import_module(module), function)(*json.loads(sys.argv[1]))
    print(json.dumps(asdict(result) if isinstance(result, Findings) else result))


def findings_from(answered: dict[str, Any]) -> Findings:
    """Findings again, from what a child printed."""
    rows = [Row(**{**row, "figure": Spread(*row["figure"])}) for row in answered["rows"]]
    return Findings(rows, answered["remarks"])


def resident(what: str) -> int:
    """Bytes of memory this process holds ("VmRSS") or held at most ("VmHWM"); Linux."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {what}")


def forget_peak() -> None:
    """Starts "VmHWM" anew from what is held now."""
    Path("/proc/self/clear_refs").write_text("5")
