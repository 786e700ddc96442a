"""W1, a chain of 10,000 nodes against other libraries, and what the pointer to a module's path adds to a node."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

from .measuring import Findings, Unit, own_row, ratio_row
from .racing import Contender, Entry, Phase, check_agreement, race, totals

START, WEIGHT, BIAS = 0.5, 0.9, 0.1
NODES = 10_000
NODES_A_ROUND = 5
A_NODE = Unit("ns a node", 1e-9 * NODES)


def chain(x: Any, weight: Any, bias: Any, rounds: int, tanh: Callable[[Any], Any]) -> Any:
    """Five nodes per round, each of which depends on the one before."""
    y = x
    for _ in range(rounds):
        y = y * weight + bias
        y = y + x * 0.5
        y = tanh(y)
    return y


def result_by_hand(nodes: int) -> list[float]:
    """The chain's value and its derivatives by start, weight and bias, in plain floats."""
    ys = [START]
    for _ in range(nodes // NODES_A_ROUND):
        ys.append(math.tanh(ys[-1] * WEIGHT + BIAS + START * 0.5))
    adjoint, by_start, by_weight, by_bias = 1.0, 0.0, 0.0, 0.0
    for before, after in zip(ys[-2::-1], ys[:0:-1], strict=True):
        adjoint *= 1 - after * after
        by_start += 0.5 * adjoint
        by_weight += adjoint * before
        by_bias += adjoint
        adjoint *= WEIGHT
    return [ys[-1], by_start + adjoint, by_weight, by_bias]


def _forward(value: Callable[[float], Any], tanh: Callable[[Any], Any], nodes: int) -> Phase:
    def forward(held: list[Any]) -> None:
        x, weight, bias = value(START), value(WEIGHT), value(BIAS)
        held[:] = [x, weight, bias, chain(x, weight, bias, nodes // NODES_A_ROUND, tanh)]

    return forward


def _backward(held: list[Any]) -> None:
    held[-1].backward()


def tried(phases: tuple[Phase, Phase, Phase], nodes: int, collector: bool = True) -> Contender:
    """Runs them once and compares with the derivatives by hand, so that a chain of any length is checked."""
    held: list[Any] = []
    forward, backward, free = phases
    forward(held)
    backward(held)
    *leaves, y = held
    results = [y.data, *(leaf.grad for leaf in leaves)]
    check_agreement(f"chain of {nodes} nodes", results, result_by_hand(nodes))
    free(held)
    return Contender(phases, results, collector)


def our_phases(nodes: int, path: str | None = None) -> tuple[Phase, Phase, Phase]:
    """path: makes the nodes as if inside a call of the module with this path."""
    from tinygrad_lite.engine import Origin, Value, set_origin

    forward = _forward(Value, Value.tanh, nodes)
    origin = None if path is None else Origin(None, path)

    def forward_inside(held: list[Any]) -> None:
        before = set_origin(origin)
        forward(held)
        set_origin(before)

    return forward_inside, _backward, list.clear


def ours(nodes: int, path: str | None = None) -> Contender:
    return tried(our_phases(nodes, path), nodes)


def micrograd(nodes: int, collector: bool) -> Contender:
    from .micrograd_functions import Value, tanh

    sys.setrecursionlimit(10**8)  # its sort recurses
    return tried((_forward(Value, tanh, nodes), _backward, list.clear), nodes, collector)


def xad(nodes: int) -> Contender:
    import xad.adj_1st as adjoint
    import xad.math

    def forward(held: list[Any]) -> None:
        tape = adjoint.Tape()
        tape.activate()
        x, weight, bias = leaves = [adjoint.Real(number) for number in (START, WEIGHT, BIAS)]
        tape.registerInputs(leaves)
        tape.newRecording()
        held[:] = [tape, *leaves, chain(x, weight, bias, nodes // NODES_A_ROUND, xad.math.tanh)]

    def backward(held: list[Any]) -> None:
        tape, *_, y = held
        tape.registerOutput(y)
        y.derivative = 1.0
        tape.computeAdjoints()

    def free(held: list[Any]) -> None:
        held[0].deactivate()
        held.clear()

    held: list[Any] = []
    forward(held)
    backward(held)
    _, *leaves, y = held
    results = [y.value, *(leaf.derivative for leaf in leaves)]
    free(held)
    return Contender((forward, backward, free), results)


def against(peer: str, quick: bool) -> Findings:
    """Forward and backward; freeing is a phase of its own, since micrograd leaves it to the garbage collector."""
    theirs: Entry = (xad, (NODES,)) if peer == "xad" else (micrograd, (NODES, not peer.endswith("gc off")))
    a, b = race("W1", (ours, (NODES,)), theirs, 7 if quick else 21)
    bars = {"xad": (1 / 5, 1 / 10), "micrograd, gc off": (1 / 15, 1 / 40)}.get(peer, (None, None))
    seconds, their_seconds = ([s[0] + s[1] for s in samples] for samples in (a, b))
    rows = [ratio_row("W1 chain of 10,000 nodes", peer, A_NODE, seconds, their_seconds, bars)]
    if peer == "xad":
        rows.append(ratio_row("W1 freeing", peer, A_NODE, [s[2] for s in a], [s[2] for s in b]))
    return Findings(rows)


def path_pointer(_: str, quick: bool) -> Findings:
    """Nodes made inside a module's call share one pointer to its path: chains with it and without it."""
    inside, outside = (ours, (NODES, "layers.0.neurons.3")), (ours, (NODES,))
    a, b = race("path", inside, outside, 11 if quick else 41)
    row = ratio_row("path pointer", "ours without", A_NODE, totals(a), totals(b))
    differences = [(x - y) / A_NODE.seconds for x, y in zip(totals(a), totals(b), strict=True)]
    return Findings([row, own_row("path pointer, difference", A_NODE.name, differences)])
