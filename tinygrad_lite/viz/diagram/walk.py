"""Graph: a graph of Values as lists, with each Value once, in topological order, and the positions of its parents."""

from __future__ import annotations

from functools import cached_property

from ... import engine, ops
from ...engine import Value
from ...explanation.accumulation import Accumulated, accumulated, changed_leaves
from ...ops import Op


class Graph:
    """Everything that `root` depends on, as lists.

    passing  False: without the Values by which a transform passes a number on unchanged, identity and a product with 1
    values   every Value once, parents before results; the root is last
    parents  the positions of each Value's parents, in order, with duplicates
    ops      the operation that made each Value, None for a leaf
    derived  whether a transform made each Value to differentiate
    """

    def __init__(self, root: Value, *, passing: bool = True) -> None:
        self.values: list[Value] = engine.topological_order(root)
        passed: dict[Value, Value] = {}
        for v in () if passing else self.values[:-1]:
            if engine.is_derived(v) and (source := _passed_on(v)) is not None:
                passed[v] = passed.get(source, source)
        if passed:
            self.values = [v for v in self.values if v not in passed]
        self.ops: list[Op | None] = [v.op for v in self.values]
        place = dict(zip(self.values, range(len(self.values)), strict=True))
        place |= {v: place[source] for v, source in passed.items()}
        position = place.__getitem__
        self.parents: list[tuple[int, ...]] = [
            tuple(map(position, v.parents)) if op else () for v, op in zip(self.values, self.ops, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def derived(self) -> list[bool]:
        return list(map(engine.is_derived, self.values))

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


def _passed_on(v: Value) -> Value | None:
    """The Value that v passes on unchanged, with its whole gradient, or None."""
    if v.op is ops.identity:
        return v.parents[0]
    if v.op is ops.mul and len(v.parents) == 1 and 1.0 in v.args:
        return v.parents[0]
    return None
