"""Prints ratios of speed and memory to the peers that are installed: python tests/benchmarks/run.py [names] [--quick]

Both sides of a pair run in turns, each in a process of its own: process CPU time, one thread, pinned to one core where
the system can. Before anything is timed, their results must agree to 1e-10. The extra named bench installs the peers.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1]
sys.path[0] = str(TESTS)
sys.path.append(str(TESTS.parent))

from benchmarks import (  # noqa: E402  found by these lines
    black_scholes,
    chain,
    compiled_memory,
    digits_step,
    executors,
    explorer,
    fit_epoch,
    fixed_point,
    gpt_compiled,
    gpt_step,
    hessian_of_rosenbrock,
    importing,
    lanes,
    loops_in_c,
    moons_step,
    perceptrons,
    scaling,
    scans,
    shared_weights,
    sparse,
    templates,
    transforms_cost,
    wide_networks,
)
from benchmarks.measuring import Findings, Row, pin_to_one_core  # noqa: E402


class Case(NamedTuple):
    """The peers to measure against, in order: a module's name, perhaps with a condition."""

    function: Callable[[str, bool], Findings]
    peers: tuple[str, ...] = ("",)
    needs: tuple[str, ...] = ()


CASES = {
    "W1": Case(chain.against, ("xad", "micrograd, gc off", "micrograd")),
    "memory": Case(scaling.memory),
    "W2": Case(moons_step.moons, ("micrograd, gc off", "micrograd", "torch")),
    "W3": Case(digits_step.digits, ("micrograd, gc off", "micrograd", "torch"), ("sklearn",)),
    "W4": Case(scaling.scaling),
    "W6": Case(hessian_of_rosenbrock.against, tuple(hessian_of_rosenbrock.PEERS)),
    "hvp": Case(transforms_cost.hvp_against_grad),
    "grad": Case(transforms_cost.grad_against_backward),
    "fixed point": Case(fixed_point.gradient_over_iterations),
    "GPT": Case(gpt_step.gpt, ("slots and tuples", "slots and tuples, gc off")),
    "import": Case(importing.over_bare_interpreter),
    "path": Case(chain.path_pointer),
    **{name: Case(partial(perceptrons.against, name), perceptrons.PEERS) for name in perceptrons.PROGRAMS},
    **{name: Case(partial(shared_weights.against, name), shared_weights.PEERS) for name in shared_weights.PROGRAMS},
    "wide": Case(wide_networks.against, ("jax, jit", "")),
    "scans": Case(scans.against, scans.PEERS),
    "W6 compiled": Case(hessian_of_rosenbrock.compiled_against, ("jax, jit", "casadi", "")),
    "sparse": Case(sparse.against, sparse.PEERS),
    "W7": Case(black_scholes.option, ("casadi", "")),
    "W7 batch": Case(black_scholes.many_options, ("numpy, by hand", "jax, jit"), ("scipy",)),
    "GPT compiled": Case(gpt_compiled.gpt, gpt_compiled.PEERS),
    "templates": Case(templates.against, (templates.PEER,)),
    "lanes": Case(lanes.lanes, ("jax, jit",)),
    "compiled memory": Case(compiled_memory.memory),
    "fit": Case(fit_epoch.against, fit_epoch.PEERS, ("sklearn", "tqdm")),
    "executors": Case(executors.chosen_against, executors.PEERS),
    "loops in C": Case(loops_in_c.against, loops_in_c.PEERS),
    "explorer": Case(explorer.demo, needs=("playwright",)),
}
ON_REQUEST = {"loops in C"}
"""Cases that run only where they are named, since they need a C compiler."""
PEER_MODULES = {"autograd", "casadi", "jax", "micrograd", "numba", "torch", "xad"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(CASES)}; else most")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and no chain of ten million nodes")
    parser.add_argument("--json", metavar="FILE", help="also writes the rows to FILE")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}: there are {', '.join(CASES)}")
    print(headline(pin_to_one_core()))
    found = Findings()
    for name in options.names or [name for name in CASES if name not in ON_REQUEST]:
        for peer in CASES[name].peers:
            findings = measured(name, peer, options.quick)
            for row in findings.rows:
                print(line(row), flush=True)
            found.rows += findings.rows
            found.remarks += findings.remarks
    print("\n".join(["", *found.remarks]))
    if options.json:
        Path(options.json).write_text(json.dumps(asdict(found), indent=1))


def headline(pinned: str) -> str:
    from tinygrad_lite.engine import compiled

    return f"""\
tinygrad_lite's {"compiled" if compiled else "pure Python"} engine, Python {platform.python_version()}, \
{pinned}, one thread, CPU time.
A ratio is ours / peer: the median of the rounds, and the quartiles.

{"":30}{"against":26}{"ours":>8} {"peer":>8} {"":13}{"ratio or figure":28}{"required":14}goal
"""


def measured(name: str, peer: str, quick: bool) -> Findings:
    case = CASES[name]
    module = peer.partition(",")[0]
    needed = [*case.needs, *([module] if module in PEER_MODULES else [])]
    missing = [module for module in needed if importlib.util.find_spec(module) is None]
    if missing:
        return Findings(remarks=[f"{name} against {peer} left out: {', '.join(missing)} is not installed"])
    return case.function(peer, quick)


def line(row: Row) -> str:
    shown = ratio if row.is_ratio else number
    figure = f"{shown(row.figure.median)} ({shown(row.figure.low)} .. {shown(row.figure.high)})"
    theirs = "" if row.theirs is None else number(row.theirs)
    bars = [
        "" if bar is None else f"{shown(bar)} {'pass' if row.figure.median <= bar else 'MISS'}"
        for bar in (row.required, row.goal)
    ]
    left = f"{row.case:30}{row.peer:26}{number(row.ours):>8} {theirs:>8} {row.unit:13}"
    return f"{left}{figure:28}{bars[0]:14}{bars[1]}".rstrip()


def ratio(r: float) -> str:
    return f"1/{number(1 / r)}" if 0 < r < 1 else number(r)


def number(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


if __name__ == "__main__":
    main()
