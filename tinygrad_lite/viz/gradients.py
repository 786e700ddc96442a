"""What a picture says of each gradient: not computed, computed, zero, or blocked on its way."""

from __future__ import annotations

from typing import Literal

from .. import engine
from .walk import Graph

GradientState = Literal["not computed", "computed", "zero", "blocked"]


def gradient_states(graph: Graph) -> list[GradientState]:
    """The state of each Value's gradient, in the graph's order.

    A gradient of exactly zero is "blocked" when nothing but zeros came in and one of them came through an operation
    that is flat just there (a relu at a negative input, a clip at its bound), or from a Value that is blocked itself;
    it is "zero" when contributions cancel, or where a factor happens to be zero. A detached leaf is always blocked.
    """
    size = len(graph)
    states: list[GradientState] = ["not computed"] * size
    stopped, reached = bytearray(size), bytearray(size)
    sweep = engine.sweep_number(graph.values[-1])
    for i in range(size - 1, -1, -1):
        v, parents = graph.values[i], graph.parents[i]
        if v.op is None:
            if v.kind == "detached":
                states[i] = "blocked"
            elif v.grad_state == "computed":
                states[i] = _state(v.grad, stopped[i] and not reached[i])
            continue
        if sweep == 0 or engine.sweep_number(v) != sweep:
            continue
        adjoint = v.grad
        state = states[i] = _state(adjoint, stopped[i] and not reached[i])
        if state == "zero":
            continue
        flat = v.op.flat
        for parent, derivative in zip(parents, v.local_derivatives, strict=True):
            if derivative == 0.0:
                stopped[parent] |= flat
            elif state == "blocked":
                stopped[parent] = True
            elif adjoint * derivative != 0.0:
                reached[parent] = True
    return states


def _state(gradient: float, blocked: bool) -> GradientState:
    return "computed" if gradient != 0.0 else "blocked" if blocked else "zero"
