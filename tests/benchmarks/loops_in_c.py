"""Value and gradient of the long loops of scans.py with executor="c": an integrator, and a filter."""

from __future__ import annotations

from . import scans
from .measuring import Findings, Unit, ratio_row
from .racing import race, totals

PEERS = ("our native sweep", "jax, jit")
A_CALL = Unit("ms a call", 1e-3)


def against(peer: str, quick: bool) -> Findings:
    findings = Findings()
    for name in ("Kalman", "Lorenz"):
        steps = scans.STEPS[name]
        theirs = (scans.jax, (name, steps)) if peer.startswith("jax") else (scans.ours, (name, steps))
        a, b = race(name, (scans.ours, (name, steps, "c")), theirs, 5 if quick else 11)
        findings.rows.append(ratio_row(f"{name}, {steps:,} steps, executor c", peer, A_CALL, totals(a), totals(b)))
    return findings
