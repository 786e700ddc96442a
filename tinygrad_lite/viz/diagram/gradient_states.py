"""The state of each gradient in a picture: not computed, computed, zero, or blocked on its way."""

from __future__ import annotations

from typing import Literal

from ... import engine
from ...engine import Value
from .walk import Graph

GradientState = Literal["not computed", "computed", "zero", "blocked"]


def gradient_states(graph: Graph) -> list[GradientState]:
    """The state of each Value's gradient, in the graph's order.

    A gradient of exactly zero is "blocked" if only zeros came in, and one of them came through an operation that is
    flat there (a relu at a negative input, a clip outside its bounds) or from a Value that is blocked itself. It is
    "zero" if contributions cancel, or if a factor happens to be zero. A detached leaf is always blocked.
    """
    size = len(graph)
    states: list[GradientState] = ["not computed"] * size
    stopped, reached = bytearray(size), bytearray(size)
    values, grads, number = graph.values, graph.grads, engine.sweep_number
    sweep = number(values[-1])
    for i in range(size - 1, -1, -1):
        op, adjoint = graph.ops[i], grads[i]
        if op is None:
            kind = values[i].kind
            if kind == "detached":
                states[i] = "blocked"
            elif adjoint != 0.0 or values[i].grad_state == "computed":
                states[i] = _state(adjoint, stopped[i] > reached[i])
            continue
        if not sweep or number(values[i]) != sweep:
            continue
        state = states[i] = _state(adjoint, stopped[i] > reached[i])
        parents = graph.parents[i]
        if state == "zero" or 0.0 not in [grads[p] for p in parents]:
            continue
        for parent, derivative in zip(parents, values[i].local_derivatives, strict=True):
            if derivative == 0.0:
                stopped[parent] |= bool(op.flat)
            elif state == "blocked":
                stopped[parent] = True
            elif adjoint * derivative != 0.0:
                reached[parent] = True
    return states


def stops_gradient(v: Value, state: GradientState, parent: Value, derivative: float) -> bool:
    """Whether a gradient arrives at v but not at this parent, since v is flat here or the parent is detached."""
    flat = derivative == 0.0 and v.op is not None and bool(v.op.flat)
    return state in ("computed", "blocked") and (flat or parent.kind == "detached")


def _state(gradient: float, blocked: bool) -> GradientState:
    return "computed" if gradient != 0.0 else "blocked" if blocked else "zero"
