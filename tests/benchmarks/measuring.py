"""The benchmarks' results, and the processes that measure them: CPU time, one thread, one core."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

TESTS = Path(__file__).resolve().parents[1]


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
    """A line of the table. `figure` is judged: the ratio ours / peer, or ours in `unit` if there is no ratio."""

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
    """The result of a case: lines of the table, and remarks to print below it."""

    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class Unit(NamedTuple):
    """The unit in which a figure is shown, and how many seconds it has."""

    name: str
    seconds: float


Bars = tuple[float | None, float | None]
"""The required limit for a figure, and the goal: both are upper bounds."""


def ratio_row(
    case: str, peer: str, unit: Unit, ours: Sequence[float], theirs: Sequence[float], bars: Bars = (None, None)
) -> Row:
    """ours / theirs, both in seconds, round by round."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    shown = [statistics.median(samples) / unit.seconds for samples in (ours, theirs)]
    return Row(case, peer, unit.name, shown[0], shown[1], Spread.of(ratios), True, *bars)


def own_row(case: str, unit: str, samples: Sequence[float], bars: Bars = (None, None)) -> Row:
    """A figure for our library alone, in its unit."""
    figure = Spread.of(samples)
    return Row(case, "", unit, figure.median, None, figure, False, *bars)


def can_measure_memory() -> bool:
    return Path("/proc/self/clear_refs").exists()


def most_memory(work: Callable[[], object]) -> int:
    """The most bytes that this process held while it worked, above what it held before. Linux."""
    gc.collect()
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # starts the peak anew
    work()
    return _resident("VmHWM") - before


def _resident(what: str) -> int:
    """Bytes of memory that this process holds ("VmRSS"), or held at most ("VmHWM")."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {what}")


def pin_to_one_core() -> str:
    """Keeps this process and its children on one core, if the system can; returns what it did, in words."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned to a core"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"pinned to core {core}"


def child_command(function: str, *args: Any) -> list[str]:
    """A Python that calls one function of this module; -P keeps the current directory off the path."""
    command = f"from benchmarks import measuring, racing; {function}"
    return [sys.executable, "-P", "-c", command, json.dumps(args)]


def child_environment() -> dict[str, str]:
    """One thread for everybody, the tests on the path, and the warnings left to the parent."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    places = [str(TESTS), os.environ.get("PYTHONPATH", ""), str(TESTS.parent)]
    path = os.pathsep.join(place for place in places if place)
    return {**os.environ, **threads, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}


def in_child(function: Callable[..., Any], *args: Any) -> Any:
    """function(*args) in a process of its own; what goes in and comes out is JSON."""
    command = child_command("measuring.answer()", function.__module__, function.__name__, args)
    called = subprocess.run(command, env=child_environment(), stdout=subprocess.PIPE, text=True)
    if called.returncode != 0:
        raise RuntimeError(f"{function.__module__}.{function.__name__}{args} failed, see above")
    return json.loads(called.stdout.splitlines()[-1])


def answer() -> None:
    """The child's side of in_child."""
    print(json.dumps(called_by_parent()))


def called_by_parent() -> Any:
    """The result of the function that the command line names."""
    import importlib

    module, function, args = json.loads(sys.argv[1])
    return getattr(importlib.import_module(module), function)(*args)
