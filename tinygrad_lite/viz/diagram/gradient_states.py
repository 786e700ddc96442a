"""The state of each gradient in a picture: not computed, computed, zero, or blocked on its way."""

from __future__ import annotations

from typing import Literal

from ... import engine
from ...engine import Value
from ...explanation.flatness import blocking
from .walk import Graph

GradientState = Literal["not computed", "computed", "zero", "blocked"]


def gradient_states(graph: Graph) -> list[GradientState]:
    """The state of each Value's gradient, in the graph's order.

    A gradient of exactly zero is "blocked" if only zeros came in, and one of them came through an operation that is
    flat there (a relu at a negative input, a clip outside its bounds) or from a Value that is blocked itself. It is
    "zero" if contributions cancel, or if a factor happens to be zero. A detached leaf is always blocked.

    The explorer's page, which moves leaves without Python, has the same rule in gradient_states.js. Tests compare them.
    """
    size = len(graph)
    states: list[GradientState] = ["not computed"] * size
    stopped, reached = bytearray(size), bytearray(size)
    values, grads, number = graph.values, graph.grads, engine.sweep_number
    sweep = number(values[-1])
    for i in range(size - 1, -1, -1):
        v, adjoint = values[i], grads[i]
        if v.kind == "detached":
            states[i] = "blocked"
            continue
        known = sweep and number(v) == sweep if graph.ops[i] else adjoint != 0.0 or v.grad_state == "computed"
        if not known:
            continue
        state = states[i] = "computed" if adjoint != 0.0 else "blocked" if stopped[i] > reached[i] else "zero"
        parents = graph.parents[i]
        if state == "zero" or 0.0 not in [grads[p] for p in parents]:
            continue
        for parent, derivative, blocked in zip(parents, v.local_derivatives, blocking(v), strict=True):
            if blocked or (state == "blocked" and derivative != 0.0):
                stopped[parent] = True
            elif adjoint * derivative != 0.0:
                reached[parent] = True
    return states


def stopped_edges(v: Value, state: GradientState) -> list[bool]:
    """For each parent, whether a gradient arrives at v but not there, since v is flat or the parent is detached."""
    return blocking(v) if state in ("computed", "blocked") else [False] * len(v.parents)
