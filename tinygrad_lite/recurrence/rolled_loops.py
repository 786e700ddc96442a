"""Plain loops become scans: a `for` over many like steps in a traced function is found in what it recorded.

A loop is recorded again as one scan, from the operations of its last step. Its derivatives are then loops as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..compiler.autodiff import recorded_anew
from ..compiler.passes.repeated_steps import Repeat, Wiring
from ..engine import RecordedOrder, Span, Value, current_trace, hooks, whole_of
from .scan_body import Body, Columns, Vector
from .scan_result import Scan

# Numbers of so many steps that are read after the loop are numbers that its steps give, of which there are totals.
_MANY_STEPS = 8


def with_scans(
    outputs: Sequence[Any], derivatives: Sequence[Value], order: RecordedOrder, least_steps: int, least_operations: int
) -> tuple[Vector, list[Value]]:
    """The outputs with loops as scans, and the derivatives that they are computed from; see plain_loops.py.

    order  what the outputs are computed from
    """
    items, *numbers, sources = order.parts()
    wiring = Wiring(items, *[np.frombuffer(some, np.int64) for some in numbers])
    is_hooked = hooks and not hooks.keys().isdisjoint(map(id, items))
    repeats = [] if is_hooked else wiring.repeats(least_steps, least_operations)
    if not repeats:
        return list(outputs), list(derivatives)
    marked = order.places(derivatives)
    roots = order.places([y for y in outputs if type(y) is Value])
    rolling = _Rolling(wiring, sources, roots, marked)
    end = 0
    for repeat in repeats:
        rolling.straight(end, repeat.start)
        rolling.loop(repeat)
        end = repeat.end
    rolling.straight(end, len(items))
    noted = [rolling.now(items[k]) for k in marked if not any(x.start <= k < x.end for x in repeats)]
    noted = [v for v in noted if type(v) is Value]
    return [rolling.now(y) for y in outputs], [*noted, *rolling.derivatives]


class _Rolling:
    """Records results again, some as loops.

    roots, marked  the positions of what is wanted, and of derivatives
    instead        what stands for results
    derivatives    numbers of loops that compute derivatives
    """

    def __init__(self, wiring: Wiring, sources: list[Any], roots: list[int], marked: list[int]) -> None:
        self._wiring, self._items, self._sources = wiring, wiring.items, sources
        self._roots, self._marked = roots, marked
        self.instead: dict[Value, Any] = {}
        self.derivatives: list[Value] = []

    def straight(self, first: int, end: int) -> None:
        recorded_anew((), self.instead, order=[x for x in self._items[first:end] if type(x) is Value])

    def loop(self, repeat: Repeat) -> None:
        step = _Step(self, repeat)
        last = repeat.end - repeat.period
        marked = {k - last for k in self._marked if last <= k < repeat.end}
        read = self._read_outside(repeat)
        given = [offset for offset, steps in read.items() if not step.is_carried(offset, steps)]

        def record() -> tuple[Vector, Vector, Vector]:
            new = step.recorded()
            current_trace().derivatives.extend([new[offset] for offset in marked])
            return [new[x] if type(x) is int else x for x in step.nexts], [new[offset] for offset in given], []

        body = Body.recorded(step.carry, record, adjoint=bool(marked))
        scan = Scan(body, [self.of(place) for place in step.begin], step.columns(), repeat.steps, False)
        positions: dict[int, int] = {}
        for offset, steps in read.items():
            number = given.index(offset) if offset in given else None
            for t in steps:
                place = repeat.start + t * repeat.period + offset
                positions[place] = (
                    scan.at.carry(step.carried[offset], t + 1) if number is None else scan.at.given_by(t, number)
                )
        nodes, _ = scan.nodes(list(positions.values()))
        self.instead.update(zip([self._items[place] for place in positions], nodes, strict=False))
        if marked:
            self.derivatives += nodes

    def _read_outside(self, repeat: Repeat) -> dict[int, list[int]]:
        """By their places in a step, the results that are read outside of the loop, and of which steps."""
        wiring, start, end = self._wiring, repeat.start, repeat.end
        args = np.concatenate([wiring.args[: wiring.starts[start]], wiring.args[wiring.starts[end] :], self._roots])
        places = np.unique(args[(args >= start) & (args < end)].astype(int)).tolist()
        while any(type(self._items[place]) is tuple for place in places):
            rows = [place for place in places if type(self._items[place]) is tuple]
            below = [x for k in rows for x in wiring.args[wiring.starts[k] : wiring.starts[k + 1]].tolist()]
            places = sorted({*places, *[x for x in below if start <= x < end]} - set(rows))
        found: defaultdict[int, list[int]] = defaultdict(list)
        for place in places:
            t, offset = divmod(place - start, repeat.period)
            found[offset].append(t)
        return found

    def of(self, place: int) -> Any:
        """What stands at a place: a Value or a number, or a tuple of them."""
        return self.now(self._items[place] if place >= 0 else self._sources[~place])

    def now(self, x: Any) -> Any:
        if type(x) is Value:
            return self.instead.get(x, x)
        if type(x) is Span:
            return x.leaves
        return tuple(map(self.now, x)) if type(x) is tuple else x

    def template(self, repeat: Repeat) -> Iterator[tuple[Any, range]]:
        """The items of the last step, and which arguments of the step are theirs."""
        starts = self._wiring.starts
        first = repeat.end - repeat.period
        for k in range(first, repeat.end):
            yield self._items[k], range(starts[k] - starts[first], starts[k + 1] - starts[first])


class _Step:
    """What the steps of a loop read.

    carry    the Values that stand for the carry in the body
    begin    places of the carry at first
    nexts    for each number of the carry the next one: a place in the step, or another number of the carry
    carried  by places in the step, the position in the carry of what the next step reads of it
    """

    def __init__(self, rolling: _Rolling, repeat: Repeat) -> None:
        self._rolling, self._repeat = rolling, repeat
        self.carry: list[Value] = []
        self.begin: list[int] = []
        self.nexts: list[Any] = []
        self.carried: dict[int, int] = {}
        self._carries: dict[tuple[int, tuple[int, ...]], Value] = {}
        self._columns: dict[bytes, Any] = {}
        self._inside: list[Value] = []
        self._numbers: list[Vector] = []
        args, last = repeat.args, repeat.args[-1]
        varies = (args != last).any(axis=0)
        self._read: list[Any] = []
        """For each argument: a place in the step, what stands for it in the body, or None if it is one in all steps."""
        for k, delay in enumerate(repeat.delays.tolist()):
            offset = int(last[k] - repeat.start) % repeat.period
            if delay == 0:
                self._read.append(offset)
            elif delay > 0:
                self._read.append(self._carry(offset, tuple(args[:delay, k].tolist())))
            else:
                self._read.append(self._column(args[:, k]) if varies[k] else None)

    def _carry(self, offset: int, first: tuple[int, ...]) -> Value:
        """What stands for a number of as many steps before as `first` has places, which it has in the first steps."""
        key = offset, first
        if key not in self._carries:
            after = self._carry(offset, first[1:]) if len(first) > 1 else offset
            if len(first) == 1:
                self.carried.setdefault(offset, len(self.carry))
            self.carry.append(Value(0.5))
            self.begin.append(first[0])
            self.nexts.append(after)
            self._carries[key] = self.carry[-1]
        return self._carries[key]

    def _column(self, places: Any) -> Any:
        """What stands for a number that is another in each step, or a row of them."""
        key = places.tobytes()
        if key not in self._columns:
            found = [self._rolling.of(place) for place in places.tolist()]
            if type(found[0]) is tuple:
                self._columns[key] = tuple([self._one_column(list(column)) for column in zip(*found, strict=True)])
            else:
                self._columns[key] = self._one_column(found)
        return self._columns[key]

    def _one_column(self, numbers: Vector) -> Value:
        self._inside.append(Value(0.5))
        self._numbers.append(numbers)
        return self._inside[-1]

    def is_carried(self, offset: int, steps: Sequence[int]) -> bool:
        """Whether what is read of these steps can be read from the carry."""
        return offset in self.carried and len(steps) < _MANY_STEPS

    def columns(self) -> list[Columns]:
        """The columns that steps read."""
        found: list[Columns] = []
        plain: tuple[list[Value], Vector] = [], []
        listed: tuple[list[Value], Vector] = [], []
        for v, numbers in zip(self._inside, self._numbers, strict=True):
            whole = _first_of(numbers)
            if whole is not None:
                found.append(Columns((v,), (), *whole))
                continue
            inside, all_numbers = listed if any(type(x) is Value for x in numbers) else plain
            inside.append(v)
            all_numbers += numbers
        return found + [Columns.of(*some, self._repeat.steps) for some in (plain, listed) if some[0]]

    def recorded(self) -> Vector:
        """Records the step: its items, Values and rows."""
        new: Vector = []

        def of(k: int, x: Any) -> Any:
            read = self._read[k]
            return new[read] if type(read) is int else self._rolling.now(x) if read is None else read

        for item, places in self._rolling.template(self._repeat):
            if type(item) is tuple:
                new.append(tuple([of(k, x) for k, x in zip(places, item, strict=True)]))
                continue
            args = item.args
            own = len(args) - len(places)  # 1 if it reads cells, the same in each step
            new.append(item.op(*args[:own], *[of(k, x) for k, x in zip(places, args[own:], strict=True)]))
        return new


def _first_of(numbers: Vector) -> tuple[Value, int] | None:
    """A joint result and a position, if these are its numbers from there on."""
    if any(type(x) is not Value or x.op is not ops.component for x in numbers):
        return None
    whole, first = whole_of(numbers[0]), int(numbers[0].args[-1])
    if all(whole_of(x) is whole and x.args[-1] == first + t for t, x in enumerate(numbers)):
        return whole, first
    return None
