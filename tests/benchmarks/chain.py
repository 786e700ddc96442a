"""W1, a chain of 10,000 nodes against other libraries, and what the pointer to a module's path adds to a node."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from .measuring import Contender, Findings, check_agreement, own_row, race, ratio_row

START, WEIGHT, BIAS = 0.5, 0.9, 0.1
NODES = 10_000
NODES_A_ROUND = 5


def chain(x: Any, weight: Any, bias: Any, rounds: int, tanh: Callable[[Any], Any]) -> Any:
    """Five nodes a round, each of which depends on the one before."""
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


Forward = Callable[[list[Any]], None]


def _forward(value: Callable[[float], Any], tanh: Callable[[Any], Any], nodes: int) -> Forward:
    def forward(held: list[Any]) -> None:
        leaves = [value(START), value(WEIGHT), value(BIAS)]
        held[:] = [*leaves, chain(*leaves, nodes // NODES_A_ROUND, tanh)]

    return forward


def _backward(held: list[Any]) -> None:
    held[-1].backward()


def _results(held: list[Any]) -> list[float]:
    *leaves, y = held
    return [y.data, *(leaf.grad for leaf in leaves)]


def ours(nodes: int) -> Contender:
    from tinygrad_lite.engine import Value

    return Contender((_forward(Value, Value.tanh, nodes), _backward, list.clear))


def micrograd(nodes: int, collector: bool) -> Contender:
    from .networks import micrograd_functions

    sys.setrecursionlimit(10**8)  # its sort recurses
    functions = micrograd_functions()
    return Contender((_forward(functions.value, functions.tanh, nodes), _backward, list.clear), collector)


def xad(nodes: int) -> Contender:
    import xad.adj_1st as adjoint
    import xad.math

    def forward(held: list[Any]) -> None:
        tape = adjoint.Tape()
        tape.activate()
        leaves = [adjoint.Real(number) for number in (START, WEIGHT, BIAS)]
        tape.registerInputs(leaves)
        tape.newRecording()
        held[:] = [tape, *leaves, chain(*leaves, nodes // NODES_A_ROUND, xad.math.tanh)]

    def backward(held: list[Any]) -> None:
        tape, *_, y = held
        tape.registerOutput(y)
        y.derivative = 1.0
        tape.computeAdjoints()

    def free(held: list[Any]) -> None:
        held[0].deactivate()
        held.clear()

    return Contender((forward, backward, free))


def check(contender: Contender, nodes: int, name: str) -> None:
    held: list[Any] = []
    for phase in contender.phases[:2]:
        phase(held)
    found = [held[-1].value, *(leaf.derivative for leaf in held[1:-1])] if name == "xad" else _results(held)
    check_agreement(f"{name}, chain of {nodes} nodes", found, result_by_hand(nodes))
    contender.phases[2](held)


def against(peer: str, quick: bool) -> Findings:
    """W1: forward and backward; freeing is shown by itself, since micrograd leaves it to the garbage collector."""
    theirs = xad(NODES) if peer == "xad" else micrograd(NODES, collector=peer == "micrograd")
    contenders = {"ours": ours(NODES), peer: theirs}
    for name, contender in contenders.items():
        check(contender, NODES, name)
    our_samples, their_samples = race(contenders["ours"], theirs, 7 if quick else 21)
    unit = ("ns a node", 1e-9 * NODES)
    a, b = ([sum(sample[:2]) for sample in samples] for samples in (our_samples, their_samples))
    required, goal = {"xad": (1 / 5, 1 / 10), "micrograd, gc off": (1 / 15, 1 / 40)}.get(peer, (None, None))
    rows = [ratio_row("W1 chain of 10,000 nodes", peer, unit, a, b, required, goal)]
    if peer == "xad":
        rows.append(ratio_row("W1 freeing", peer, unit, [s[2] for s in our_samples], [s[2] for s in their_samples]))
    return Findings(rows)


def path_pointer(_: str, quick: bool) -> Findings:
    """Nodes made inside a module's call share one pointer to where they are: with it, and without."""
    from tinygrad_lite.engine import Origin, set_origin

    without = ours(NODES)
    inside = Origin(None, "layers.0.neurons.3")

    def scope(held: list[Any], forward: Forward) -> None:
        before = set_origin(inside)
        forward(held)
        set_origin(before)

    forward, *others = without.phases
    with_pointer = Contender((partial(scope, forward=forward), *others))
    a, b = race(with_pointer, without, 7 if quick else 21)
    differences = [(sum(x) - sum(y)) / NODES * 1e9 for x, y in zip(a, b, strict=True)]
    row = ratio_row("path pointer", "ours without", ("ns a node", 1e-9 * NODES), [sum(x) for x in a], [sum(y) for y in b])
    return Findings([row, own_row("path pointer, difference", "ns a node", differences)])
