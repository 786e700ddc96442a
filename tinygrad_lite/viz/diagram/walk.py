"""Graph: a graph of Values as lists, with each Value once, in topological order, and the positions of its parents."""

from __future__ import annotations

from functools import cached_property

from ... import engine
from ...engine import Value
from ...explanation.accumulation import Accumulated, accumulated, changed_leaves
from ...ops import Op


class Graph:
    """Everything that `root` depends on, as lists.

    values   every Value once, parents before results; the root is last
    parents  the positions of each Value's parents, in order, with duplicates
    ops      the operation that made each Value, None for a leaf
    """

    def __init__(self, root: Value) -> None:
        self.values: list[Value] = engine.topological_order(root)
        self.ops: list[Op | None] = [v.op for v in self.values]
        position = dict(zip(self.values, range(len(self.values)), strict=True)).__getitem__
        self.parents: list[tuple[int, ...]] = [
            tuple(map(position, v.parents)) if op else () for v, op in zip(self.values, self.ops, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def grads(self) -> list[float]:
        return [v.grad for v in self.values]

    @cached_property
    def accumulated(self) -> dict[Value, Accumulated]:
        """The leaves with gradients from other sweeps too."""
        return accumulated(self.values[-1], self.values)

    @cached_property
    def changed(self) -> dict[Value, bool]:
        """The leaves that have changed since a sweep of this graph gave them gradients; False: perhaps."""
        if self.values[-1].grad_state != "computed":
            return {}
        leaf = [op is None for op in self.ops]
        parents = zip(self.values, self.parents, strict=True)
        return changed_leaves([v for v, places in parents if any(leaf[p] for p in places)])

    @cached_property
    def heights(self) -> list[int]:
        """For each Value, the number of operations on the longest path to it from a leaf."""
        found: list[int] = []
        for parents in self.parents:
            found.append(1 + max([found[p] for p in parents]) if parents else 0)
        return found
