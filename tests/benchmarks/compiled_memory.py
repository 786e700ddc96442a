"""The most memory that compiling and running takes."""

from __future__ import annotations

from . import compiled_programs
from .measuring import Findings, can_measure_memory, in_child, most_memory, own_row

PROGRAMS = (("784", 0), ("moons", 100_000))


def megabytes(name: str, lanes: int) -> float:
    """Above what is held before: the package, the parameters and the batch."""
    step, *_ = compiled_programs.step_of(name, lanes=lanes)

    def two_steps() -> None:
        step()
        step()

    return most_memory(two_steps) / 1e6


def memory(_: str, quick: bool) -> Findings:
    if not can_measure_memory():
        return Findings(remarks=["compiled memory left out: it is read from /proc, which is not here"])
    findings = Findings()
    for name, lanes in PROGRAMS:
        samples = [in_child(megabytes, name, lanes) for _ in range(1 if quick else 3)]
        case = f"memory, {lanes:,} lanes" if lanes else f"memory, {name} compiled"
        findings.rows.append(own_row(case, "MB", samples))
    return findings
