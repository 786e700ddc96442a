"""Finds the loops in a list of operations: runs of steps that are the same operations with the same wiring.

A step may read results of its own, of a step before it, numbers that all steps share, and columns of numbers from
before the loop, one in each step. What is found is checked number by number, so that it is right however it was
guessed. The guess is the distance at which operations repeat. All of it takes a time that is linear in the operations,
but for a sort.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# The lengths of the runs of operations whose repetition is looked for; long ones tell steps from what repeats in steps.
_RUNS = (64, 16, 4)
_CANDIDATES, _MULTIPLES, _LOOPS = 6, (2, 3, 4), 16
# From how many steps before a step may read, and how many first steps may differ from the others.
_MOST_DELAY, _MOST_SHIFTS = 8, 8
_NEAR = 16
# How many steps are followed to see whether a loop is a recurrence.
_MOST_TRIED = 40
# A row of results must not pass from step to step: it weighs more than any number of results.
_ROW = 1 << 32


@dataclass(frozen=True)
class Repeat:
    """A loop: items start, start + 1, ... are `steps` times the same `period` items.

    args    (steps, arguments of a step): what each argument is in each step: the position of an item, or a number < 0
    delays  for each argument: from how many steps before it is, in all steps that have such a step before them; -1: it
            is from before the loop
    """

    start: int
    period: int
    steps: int
    args: Any
    delays: Any

    @property
    def end(self) -> int:
        return self.start + self.period * self.steps


class Wiring:
    """Items, each with a kind and arguments; see engine.RecordedOrder."""

    def __init__(self, items: Sequence[Any], kinds: Any, starts: Any, args: Any, depths: Any) -> None:
        self.items, self.kinds, self.starts, self.args, self.depths = items, kinds, starts, args, depths
        self._owner = np.repeat(np.arange(len(kinds)), np.diff(starts))

    def repeats(self, least_steps: int, least_work: int) -> list[Repeat]:
        """The loops of at least so many steps, and at least so many operations in all of them, in order."""
        found: list[Repeat] = []
        left = [(0, len(self.kinds))]
        while left and len(found) < _LOOPS:
            first, end = left.pop()
            depths = self.depths[first:end]
            if end - first < least_work or depths.max() - depths.min() < least_steps // 2:
                continue
            repeat = self._longest(first, end, least_steps, least_work)
            if repeat is not None:
                found.append(repeat)
                left += [(first, repeat.start), (repeat.end, end)]
        return sorted(found, key=lambda repeat: repeat.start)

    def _longest(self, first: int, end: int, least_steps: int, least_work: int) -> Repeat | None:
        """The loop with the most operations between two positions."""
        best: Repeat | None = None
        covered = 0
        candidates = self._distances(first, end)
        tried: set[int] = set()
        for period in [*candidates, *[k * period for k in _MULTIPLES for period in candidates[:_CANDIDATES]]]:
            if period in tried or period * least_steps > end - first:
                continue
            tried.add(period)
            run = self._run(first, end, period)
            size = run[1] - run[0]
            if size < max(least_work, period * least_steps) or size <= covered + covered // 50:
                continue
            repeat = self._checked(self._narrowest(*run, period), run[1], period)
            if repeat is None or repeat.steps < least_steps or repeat.period * repeat.steps < least_work:
                continue
            if self._recurs(repeat):
                best, covered = repeat, size
                if covered > (end - first) // 2:
                    break
        return best

    def _distances(self, first: int, end: int) -> list[int]:
        """The distances at which runs of operations repeat, the likeliest first."""
        args, owner = (
            self.args[self.starts[first] : self.starts[end]],
            self._owner[self.starts[first] : self.starts[end]],
        )
        near = np.where(args >= 0, np.minimum(owner - args, _NEAR), _NEAR)
        totals = np.concatenate(
            [[0], np.cumsum((near + 1) * (1 + np.arange(len(args)) - self.starts[owner] + self.starts[first]) ** 2)]
        )
        at = self.starts[first : end + 1] - self.starts[first]
        hashes = (self.kinds[first:end] * 1_000_003 + totals[at[1:]] - totals[at[:-1]]).astype(np.uint64)
        by_length = {1: hashes}
        factor, length = 0x9E3779B97F4A7C15, 1
        while 2 * length <= _RUNS[0] and 2 * length < end - first:
            hashes = by_length[length]
            hashes = hashes[:-length] * np.uint64(factor) + (hashes[length:] ^ (hashes[length:] >> np.uint64(29)))
            factor = (factor * factor + 2) % (1 << 64)
            length *= 2
            by_length[length] = hashes
        found: dict[int, None] = {}
        for length in _RUNS:
            if length not in by_length:
                continue
            order = np.argsort(by_length[length], kind="stable")
            alike = by_length[length][order[1:]] == by_length[length][order[:-1]]
            gaps, counts = np.unique((order[1:] - order[:-1])[alike], return_counts=True)
            for weights in (counts * gaps, counts):
                found.update(dict.fromkeys(gaps[np.argsort(-weights, kind="stable")][:_CANDIDATES].tolist()))
        return list(found)

    def _run(self, first: int, end: int, period: int) -> tuple[int, int]:
        """The longest run of items that are like those one period before; with that period before it."""
        alike = np.zeros(end - first, bool)
        alike[period:] = self.kinds[first + period : end] == self.kinds[first : end - period]
        begin, stop = _longest_run(alike)
        for _ in range(_MOST_SHIFTS):
            if stop == begin:
                return first, first
            bound = first + begin - period
            same = np.zeros(end - first, bool)
            some = np.arange(self.starts[first + begin], self.starts[first + stop])
            owner = self._owner[some]
            before = self.starts[owner - period] + some - self.starts[owner]
            now, then = self.args[some], self.args[before]
            fits = ((now - then == period) & (then >= bound)) | ((now < bound) & (then < bound))
            # the first steps may read something from before the loop where later ones read from each other
            fits |= (
                (now >= bound) & (then < bound) & (owner < bound + (1 + _MOST_DELAY) * period) & (now - bound < period)
            )
            same[begin:stop] = True
            same[owner[~fits] - first] = False
            again = _longest_run(same)
            if again == (begin, stop):
                return bound, first + stop
            begin, stop = again
        return first, first

    def _narrowest(self, start: int, end: int, period: int) -> int:
        """Where to begin within the first period, so that the fewest results pass from step to step, and no row."""
        middle = start + (end - start) // period // 2 * period
        low, high = max(start, middle - period), min(end, middle + 2 * period)
        some = np.arange(self.starts[low], self.starts[high])
        some = some[self.args[some] >= low]
        last = np.full(high - low, -1)
        np.maximum.at(last, self.args[some] - low, self._owner[some] - low)
        used = np.flatnonzero(last >= 0)
        changes = np.zeros(high - low + 2, int)
        weights = np.array([_ROW if type(self.items[low + k]) is tuple else 1 for k in used.tolist()], int)
        np.add.at(changes, used + 1, weights)
        np.add.at(changes, last[used] + 1, -weights)
        widths = np.cumsum(changes)[middle - low :][: min(period, end - middle)]
        return start + int(np.argmin(widths))

    def _checked(self, start: int, end: int, period: int) -> Repeat | None:
        """The loop that begins here, or as few steps later as it must; None if it does not hold."""
        for _ in range(_MOST_SHIFTS):
            steps = (end - start) // period
            if (
                steps < 2
                or not (self.kinds[start:][: steps * period].reshape(steps, -1) == self.kinds[start:][:period]).all()
            ):
                return None
            args = self.args[self.starts[start] : self.starts[start + steps * period]].reshape(steps, -1)
            inside = args[-1] >= start
            delays = np.where(inside, steps - 1 - (args[-1] - start) // period, -1)
            expected = args[-1] - period * np.arange(steps - 1, -1, -1)[:, None]
            fits = np.where(inside & (expected >= start), args == expected, args < start)
            if (
                fits.all()
                and (delays <= _MOST_DELAY).all()
                and not any(type(self.items[k]) is tuple for k in args[-1][delays > 0])
            ):
                return Repeat(start, period, steps, args, delays)
            start += period
        return None

    def _recurs(self, repeat: Repeat) -> bool:
        """Whether each step needs one before it for more than to add to it; if not, all can be computed at once.

        Then operations that do more than add stand one behind the other, ever more of them from step to step.
        """
        first, period = repeat.end - repeat.period, repeat.period
        starts = (self.starts[first : repeat.end + 1] - self.starts[first]).tolist()
        more = self._more(first, repeat.end)
        read = list(zip(repeat.delays.tolist(), ((repeat.args[-1] - repeat.start) % period).tolist(), strict=True))
        carried = len({offset for delay, offset in read if delay > 0})
        history = [[0] * period] * _MOST_DELAY
        deepest: list[int] = []
        for _ in range(min(2 * _MOST_DELAY * (carried + 1), _MOST_TRIED)):
            now: list[int] = []
            for k in range(period):
                depth = 0
                for delay, offset in read[starts[k] : starts[k + 1]]:
                    if delay >= 0:
                        depth = max(depth, now[offset] if delay == 0 else history[-delay][offset])
                now.append(depth + more[k])
            history = [*history[1:], now]
            deepest.append(max(now))
        return deepest[-1] > deepest[len(deepest) // 2]

    def _more(self, first: int, end: int) -> list[int]:
        """For each item, 1 if it does more than add, else 0."""
        found = []
        for k in range(first, end):
            args = self.args[self.starts[k] : self.starts[k + 1]]
            found.append(int(self.depths[k] - max([0, *self.depths[args[args >= 0]].tolist()])))
        return found


def _longest_run(mask: Any) -> tuple[int, int]:
    """Where the longest run of True begins and ends."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    if not len(edges):
        return 0, 0
    longest = int(np.argmax(edges[1::2] - edges[::2]))
    return int(edges[2 * longest]), int(edges[2 * longest + 1])
