"""The executor that compile chooses, against each of the two: at most half slower than the better one."""

from __future__ import annotations

from . import black_scholes, compiled_programs, gpt_compiled, hessian_of_rosenbrock
from .measuring import Findings, Unit, ratio_row
from .networks import A_STEP
from .racing import Contender, race, totals

PEERS = ("array", "native")
TRAININGS = ("moons", "digits", "784", *compiled_programs.SHARED)
OTHERS = {
    "W6 Hessian": (hessian_of_rosenbrock.compiled, hessian_of_rosenbrock.A_CALL),
    "W7 option": (black_scholes.ours, black_scholes.A_CALL),
    "W7 batch": (black_scholes.our_batch, Unit("ms a call", 1e-3)),
    "GPT": (gpt_compiled.ours, A_STEP),
}


def contender(program: str, executor: str) -> Contender:
    if program in OTHERS:
        make, _ = OTHERS[program]
        return make(executor)
    return compiled_programs.ours(program, executor)


def chosen_against(executor: str, quick: bool) -> Findings:
    findings = Findings()
    for program in (*TRAININGS, *OTHERS):
        a, b = race(program, (contender, (program, "auto")), (contender, (program, executor)), 5 if quick else 11)
        unit = OTHERS[program][1] if program in OTHERS else A_STEP
        row = ratio_row(f"chosen executor, {program}", executor, unit, totals(a), totals(b), (1.5, None))
        findings.rows.append(row)
    return findings
