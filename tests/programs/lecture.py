"""A lecture's programs: an expression with names, a neuron of two inputs, a tiny fit, and drawing code of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def expression(value: Callable[..., Any]) -> tuple[Any, list[Any]]:
    """An expression that uses some Values twice: its result, and the named Values in it."""
    rain = value(1.5, label="rain")
    slope = value(-0.75, label="slope")
    soil = value(0.4, label="soil")
    flow = rain * slope + soil
    flow.label = "flow"
    flood = flow * flow + flow
    flood.label = "flood"
    damage = (flood + rain).tanh()
    damage.label = "damage"
    return damage, [rain, slope, soil, flow, flood, damage]


def neuron(value: Callable[..., Any]) -> tuple[Any, list[Any]]:
    """A neuron whose tanh is written with exp, minus and division."""
    x1, x2 = value(2.0, label="x1"), value(0.5, label="x2")
    w1, w2 = value(-0.6, label="w1"), value(1.1, label="w2")
    b = value(0.9, label="b")
    n = x1 * w1 + x2 * w2 + b
    e = (2 * n).exp()
    return (e - 1) / (e + 1), [x1, x2, w1, w2, b, n]


def fit(value: Callable[..., Any], steps: int) -> list[float]:
    """Fits y = tanh(a x + c) to four points by gradient descent; the loss before each step."""
    points = [(-1.0, -0.8), (-0.2, 0.1), (0.5, 0.7), (1.3, 0.9)]
    a, c = value(0.1), value(0.0)
    losses = []
    for _ in range(steps):
        loss = sum(((a * x + c).tanh() - y) ** 2 for x, y in points)
        for p in (a, c):
            p.grad = 0.0
        loss.backward()
        for p in (a, c):
            p.data += -0.05 * p.grad
        losses.append(float(loss.data))
    return losses


def walk(root: Any) -> tuple[set[Any], set[tuple[Any, Any]]]:
    """Every Value below root, and its edges as pairs (from, to)."""
    nodes: set[Any] = set()
    edges: set[tuple[Any, Any]] = set()

    def visit(v: Any) -> None:
        if v not in nodes:
            nodes.add(v)
            for parent in v._prev:
                edges.add((parent, v))
                visit(parent)

    visit(root)
    return nodes, edges


def picture(root: Any) -> list[str]:
    """Lines of Graphviz: a box for each Value, a dot for each operation. Sorted and without ids, they compare."""
    nodes, edges = walk(root)
    names = {v: f"{v.label or ''}|{v.data:.10f}|{v.grad:.10f}" for v in nodes}
    lines = []
    for v in nodes:
        lines.append(f'"{names[v]}" [shape=record]')
        if v._op:
            lines.append(f'"{names[v]} {v._op}" -> "{names[v]}"')
    lines += [f'"{names[a]}" -> "{names[b]} {b._op}"' for a, b in edges]
    return sorted(lines)
