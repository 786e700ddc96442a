"""A graph of Values as lists: each Value once, in topological order, and the positions of its parents."""

from __future__ import annotations

from .. import engine
from ..engine import Value


class Graph:
    """All that `root` depends on.

    values   every Value once, parents before results; the root is last
    parents  for each, the positions of its parents in order, duplicates kept
    """

    def __init__(self, root: Value) -> None:
        self.values: list[Value] = engine.topological_order(root)
        index = {v: i for i, v in enumerate(self.values)}
        self.parents: list[list[int]] = [[index[p] for p in v.parents] for v in self.values]

    def __len__(self) -> int:
        return len(self.values)

    def heights(self) -> list[int]:
        """For each Value, the number of operations on the longest way to it from a leaf."""
        found: list[int] = []
        for parents in self.parents:
            found.append(1 + max([found[p] for p in parents]) if parents else 0)
        return found

    def uses(self) -> list[int]:
        """For each Value, how often it is an argument."""
        found = [0] * len(self)
        for parents in self.parents:
            for p in parents:
                found[p] += 1
        return found
