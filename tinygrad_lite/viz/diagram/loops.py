"""Finds loops in a grouped graph: steps that repeat, each from what the one before it made, become one step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from .alike import Groups

LEAST_STEPS = 3
"""Fewer steps are no loop."""

_TRIED = 4
"""How many places before the last step may be its counterpart, where a step has several operations of a kind."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop whose steps are drawn as one.

    steps    how many steps there are
    members  the groups of one step
    """

    steps: int
    members: frozenset[int]


def folded(parents: Sequence[Sequence[int]], groups: Groups, kinds: Sequence[Hashable]) -> tuple[Groups, list[Loop]]:
    """Puts the steps of each loop into one group for each operation of a step; returns the groups and the loops.

    parents  the parents of each group, as groups; groups are numbered in topological order
    kinds    what each group is: groups of different kinds are never put together
    Two steps are found from their ends: if the last operations are of one kind, so are what they were computed from,
    back to where one step reads what the other made, the carry. Then all steps fall together, since operations of one
    kind on the same groups are the same group (congruence closure; Downey, Sethi and Tarjan 1980).
    """
    folding = _Folding(parents, kinds)
    found = [loop for some in folding.candidates() if (loop := folding.folded(some))]
    home = [folding.group_of(g) for g in range(len(kinds))]
    loops: list[Loop] = []
    for steps, inside in found:
        members = frozenset([home[g] for g in inside])
        if not any(members & loop.members for loop in loops):
            loops.append(Loop(steps, members))
    return [home[g] for g in groups], loops


class _Folding:
    def __init__(self, parents: Sequence[Sequence[int]], kinds: Sequence[Hashable]) -> None:
        self._parents, self._kinds = parents, kinds
        self._into = list(range(len(kinds)))

    def group_of(self, g: int, into: list[int] | None = None) -> int:
        into = self._into if into is None else into
        while into[g] != g:
            into[g] = g = into[into[g]]
        return g

    def candidates(self) -> Iterator[list[int]]:
        """Groups of one kind, which could be one operation of each step; the rarest kind tells most and comes first."""
        alike: dict[Hashable, list[int]] = defaultdict(list)
        for g, kind in enumerate(self._kinds):
            if self._parents[g]:
                alike[kind].append(g)
        yield from sorted([some for some in alike.values() if len(some) >= LEAST_STEPS], key=lambda some: len(some))

    def folded(self, some: Sequence[int]) -> tuple[int, set[int]] | None:
        """Folds the loop that has these groups, if there is one; returns its steps and the groups of all of them."""
        some = [g for g in some if self.group_of(g) == g]
        for back in range(1, min(_TRIED, len(some) // LEAST_STEPS) + 1):
            into = self._into.copy()
            self._unify(into, some[-1 - back], some[-1])
            self._close(into)
            members = self._circle(into, some[-1])
            steps = sum([self.group_of(g, into) == self.group_of(some[-1], into) for g in some])
            if members and steps >= LEAST_STEPS:
                self._into = into
                return steps, members
        return None

    def _unify(self, into: list[int], a: int, b: int) -> None:
        """Puts two operations together, and what they were computed from, as far as it is of the same kind."""
        waiting = [(a, b)]
        while waiting:
            a, b = [self.group_of(g, into) for g in waiting.pop()]
            if a != b and self._kinds[a] == self._kinds[b]:
                into[max(a, b)] = min(a, b)
                waiting += self._matched(self._parents[a], self._parents[b])

    def _matched(self, xs: Sequence[int], ys: Sequence[int]) -> list[tuple[int, int]]:
        """Pairs of arguments: by their positions, or if there are not as many, by their kinds."""
        if len(xs) == len(ys):
            return list(zip(xs, ys, strict=True))
        known = {self._kinds[x]: x for x in xs}
        return [(known[self._kinds[y]], y) for y in ys if self._kinds[y] in known]

    def _close(self, into: list[int]) -> None:
        """Puts operations of one kind on the same groups together, until there are none."""
        changed = True
        while changed:
            changed = False
            table: dict[Hashable, int] = {}
            for g, kind in enumerate(self._kinds):
                if self._parents[g]:
                    key = kind, frozenset([self.group_of(p, into) for p in self._parents[g]])
                    one, twin = self.group_of(g, into), self.group_of(table.setdefault(key, g), into)
                    if twin != one:
                        into[max(one, twin)] = min(one, twin)
                        changed = True

    def _circle(self, into: list[int], g: int) -> set[int]:
        """The groups that are computed from g and that g is computed from, when steps are put together."""
        results: dict[int, set[int]] = defaultdict(set)
        sources: dict[int, set[int]] = defaultdict(set)
        for target, parents in enumerate(self._parents):
            for p in parents:
                s, t = self.group_of(p, into), self.group_of(target, into)
                if s != t:
                    results[s].add(t)
                    sources[t].add(s)
        start = self.group_of(g, into)
        return _reached(results, start) & _reached(sources, start)


def _reached(following: dict[int, set[int]], start: int) -> set[int]:
    """What is reached from the start by at least one edge."""
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for g in following.get(waiting.pop(), ()):
            if g not in found:
                found.add(g)
                waiting.append(g)
    return found
