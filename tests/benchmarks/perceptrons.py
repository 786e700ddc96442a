"""W2, W3 and 784: compiled training steps of perceptrons, and the cost of compiling them."""

from __future__ import annotations

from time import process_time

from . import compiled_programs, digits_step, moons_step, networks, perceptron_in_c, perceptron_peers
from .measuring import Bars, Findings, in_child, own_row
from .racing import Entry

PROGRAMS = {"W2 compiled": "moons", "W3 compiled": "digits", "784 compiled": "784"}
PEERS = ("jax, jit", "torch", "numpy, by hand", "C", "")
BARS: dict[tuple[str, str], Bars] = {
    ("moons", "jax, jit"): (1.25, 1.0),
    ("moons", "torch"): (1 / 5, None),
    ("digits", "jax, jit"): (None, 1.0),
    ("digits", "torch"): (1 / 4, None),
    ("digits", "numpy, by hand"): (1.0, None),
    ("784", "jax, jit"): (None, 1.0),
    ("784", "numpy, by hand"): (1.0, None),
    ("moons", ""): (0.2, None),
    ("784", ""): (2, 0.5),
}


def _entry(name: str, peer: str) -> Entry:
    if peer == "torch":
        entries: dict[str, Entry] = {"moons": (moons_step.torch, ()), "digits": (digits_step.torch, ())}
        return entries.get(name, (perceptron_peers.torch, (name,)))
    makers = {
        "C": perceptron_in_c.contender,
        "jax, jit": perceptron_peers.jax,
        "numpy, by hand": perceptron_peers.numpy,
    }
    return makers[peer], (name,)


def against(case: str, peer: str, quick: bool) -> Findings:
    """Without a peer, the seconds that tracing and compiling take."""
    name = PROGRAMS[case]
    bars = BARS.get((name, peer), (None, None))
    if not peer:
        seconds = [in_child(compiling_seconds, name) for _ in range(2 if quick else 5)]
        return Findings([own_row(f"{case}, compiling", "s", seconds, bars)])
    if peer == "C" and not perceptron_in_c.is_there():
        return Findings(remarks=[f"{case} against C left out: there is no cc"])
    return networks.against(case, peer, quick, (compiled_programs.ours, (name,)), _entry(name, peer), bars)


def compiling_seconds(name: str) -> float:
    """How much more the first step costs than a later one, in a process that has compiled nothing before."""
    step, *_ = compiled_programs.step_of(name)
    seconds = []
    for _ in range(3):
        begun = process_time()
        step()
        seconds.append(process_time() - begun)
    return seconds[0] - min(seconds)
