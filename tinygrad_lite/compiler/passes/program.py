"""Program: scalar code as a numbered list of operations, each of which reads earlier results."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from ... import ops
from ...ops import Op
from .operations import CONSTANT as CONSTANT
from .operations import INPUT as INPUT
from .operations import PARAMETER as PARAMETER
from .operations import SOURCES as SOURCES
from .operations import SUM as SUM
from .operations import Operations
from .operations import listed as listed

_LONG = 10

Row = tuple[int, ...] | range
"""Places in order. Evenly spaced parameters are a range, so that a row of weights costs no more than one number."""

Args = tuple[Any, ...]
"""Arguments. Of an operation: places, a Row for a sequence. Of an input: its position. Of a constant: its number. Of a
sum of products: the Rows of the left and of the right factors, then of the added and of the subtracted terms."""


@dataclass(frozen=True, slots=True)
class Outer:
    """Results that are the sums of factors times the numbers of rows: result first + k is sum(factor * row[k]).

    Derivatives by the weights of a neuron are such results; taken one by one, there would be as many as weights.
    """

    first: int
    factors: tuple[int, ...]
    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return len(self.rows[0])

    def products(self) -> Iterator[Args]:
        """The sum of products of each result."""
        for column in zip(*self.rows, strict=True):
            yield row_of(self.factors), row_of(column), (), ()


@dataclass(frozen=True, slots=True)
class Taken:
    """Of the results first, first + step, ..., that at a whole-number index also receives a number.

    Derivatives by a table from which a number was taken are such results: all but one of them are 0.

    size    how many results the index chooses among
    index   its place
    number  the place of what is received
    """

    first: int
    step: int
    size: int
    index: int
    number: int

    @property
    def results(self) -> range:
        return range(self.first, self.first + self.step * self.size, self.step)


class Program(Operations):
    """Operations in topological order; equal operations occur once. A place is a position in this list.

    A parameter is not in the list: the place of parameter k is ~k, which is negative. So nothing in a program grows
    with the number of its parameters.

    outputs     places of the results
    sparse      how many results there are, and the positions of the outputs among them; None if each has a place. The
                others are outer products, or 0.0
    watched     how many results at the end are only numbers that must be finite (finite_checks.py)
    outers      results that are outer products and differ between lanes, kept apart; no result is in two of these
    shared      outer products that all lanes share, which are added to any results
    taken       what results receive at an index, which is added to any results
    padded      sums whose rows were filled up with zeros: they are nan if a number beside a zero is not finite
    """

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[int] = []
        self.sparse: tuple[int, list[int]] | None = None
        self.watched = 0
        self.outers: list[Outer] = []
        self.shared: list[Outer] = []
        self.taken: list[Taken] = []
        self.padded: set[int] = set()

    def add_all(self, kind: str, count: int) -> range:
        """Adds this many inputs or parameters and returns their places; add() does not find these inputs again."""
        if kind == PARAMETER:
            self.parameters = max(self.parameters, count)
            return range(~0, ~count, -1)
        first = len(self.kinds)
        self.kinds += [kind] * count
        self.args += zip(range(count), strict=True)
        self.varies += [True] * count
        return range(first, first + count)

    def begun(self) -> Program:
        """A new program with the inputs at the start of this one, at the same places."""
        count = next((k for k in range(len(self)) if self.kinds[k] is not INPUT), len(self))
        made = Program()
        made.parameters = self.parameters
        made.kinds, made.args, made.varies = self.kinds[:count], self.args[:count], self.varies[:count]
        return made

    def copied(self) -> Program:
        """A copy whose operations can be changed; among these, its add() recognizes only constants."""
        made = Program()
        made.parameters = self.parameters
        made.kinds, made.args, made.varies = self.kinds[:], self.args[:], self.varies[:]
        made.outputs, made.sparse, made.watched = self.outputs[:], self.sparse, self.watched
        made.outers, made.shared, made.taken = self.outers, self.shared, self.taken
        made.padded = self.padded.copy()
        made.places[CONSTANT] = dict(self.places.get(CONSTANT, ()))
        return made

    def joined(self) -> Program:
        """The program with its outer products among the sums of products, and a place for each result."""
        if self.sparse is None:
            return self
        made = self.copied()
        made.outputs = [made.constant(0.0)] * self.results
        for position, place in zip(self.positions, self.outputs, strict=True):
            made.outputs[position] = place
        for outer in self.outers:
            for k, args in enumerate(outer.products(), outer.first):
                made.outputs[k] = made.add(SUM, args, True)
        for outer in self.shared:
            for k, (lefts, rights, *_) in enumerate(outer.products(), outer.first):
                place = made.outputs[k]
                made.outputs[k] = made.add(SUM, (lefts, rights, (place,), ()), made.by_lane(place))
        for k, pairs in self._chosen(made).items():
            lefts, rights = zip(*pairs, strict=True)
            made.outputs[k] = made.add(SUM, (row_of(lefts), row_of(rights), (made.outputs[k],), ()))
        made.outers, made.shared, made.taken, made.sparse = [], [], [], None
        return made

    def _chosen(self, made: Program) -> dict[int, list[tuple[int, int]]]:
        """By result, the numbers of `taken`, each with a factor that is 1 at the index and 0 elsewhere."""
        found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for taken in self.taken:
            for k, result in enumerate(taken.results):
                found[result].append((made.add(ops.equal, (taken.index, made.constant(k))), taken.number))
        return found

    @property
    def results(self) -> int:
        return len(self.outputs) if self.sparse is None else self.sparse[0]

    @property
    def positions(self) -> Sequence[int]:
        return range(len(self.outputs)) if self.sparse is None else self.sparse[1]

    def number(self, place: int) -> float | None:
        """The number at a place that is a constant, else None."""
        return self.args[place][0] if place >= 0 and self.kinds[place] == CONSTANT else None

    def operands(self, place: int) -> Iterator[int]:
        """The places that an operation reads, in order, with duplicates, without parameters."""
        return chain.from_iterable(map(self.listed, self.rows(place)))

    def of_outers(self) -> set[int]:
        """The places that outer products read, without parameters."""
        rows = {id(row): row for outer in (*self.outers, *self.shared) for row in (outer.factors, *outer.rows)}
        taken = [place for taken in self.taken for place in (taken.index, taken.number) if place >= 0]
        return set(chain(taken, *map(listed, rows.values())))

    def read(self) -> set[int]:
        """The places that operations and outer products read, without parameters."""
        return self.of_outers().union(self.read_by_operations())

    def uses(self) -> list[int]:
        """How often each place is read by operations, and once for being an output, and once for outer products."""
        found = self.uses_by_operations()
        for place in chain([place for place in self.outputs if place >= 0], self.of_outers()):
            found[place] += 1
        return found

    def count_factors_apart(self) -> int:
        """How many factors the results have that are apart from the operations, once they are joined to these."""
        return 2 * (sum(map(len, self.outers)) + sum([taken.size for taken in self.taken]))

    def counts(self) -> Counter[str]:
        """How many operations there are of each kind."""
        return Counter(kind if isinstance(kind, str) else kind.name for kind in self.kinds)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """One line for each operation: `%2 = mul(%0, %1)`; p0 is the first parameter."""
        outputs: dict[int, list[str]] = {}
        results = self.results - self.watched
        for position, place in zip(self.positions, self.outputs, strict=True):
            outputs.setdefault(place, []).append(f"output {position}" if position < results else "watched")
        for place, (kind, args) in enumerate(zip(self.kinds, self.args, strict=True)):
            note = f"   # {', '.join(outputs[place])}" if place in outputs else ""
            yield f"%{place} = {_text(kind, args)}{note}"
        for place in sorted(outputs):
            if place < 0:
                yield f"{', '.join(outputs[place])} = {_name(place)}"
        for outer in (*self.outers, *self.shared):
            last = outer.first + len(outer) - 1
            terms = [f"{_name(f)} * {written(row)}" for f, row in zip(outer.factors, outer.rows, strict=True)]
            sign = "+=" if outer in self.shared else "="
            yield f"outputs {outer.first} to {last} {sign} {' + '.join(terms)}"
        for taken in self.taken:
            step = f" * {taken.step}" if taken.step > 1 else ""
            yield f"output {taken.first} + {_name(taken.index)}{step} += {_name(taken.number)}"


def row_of(places: Sequence[int]) -> Row:
    """Places as a Row: as a range if they are evenly spaced parameters."""
    if len(places) < 2 or places[0] >= 0 or places[-1] >= 0 or type(places) is range:
        return places if type(places) is range else tuple(places)
    step = places[1] - places[0]
    found, places = range(places[0], places[0] + step * len(places), step or 1), tuple(places)
    return found if step and tuple(found) == places else places


def as_array(rows: Sequence[Row]) -> Any:
    """Rows of equal length as an integer array, (rows, places)."""
    ranges = [row for row in rows if type(row) is range]
    if len(ranges) == len(rows) > 0:
        starts, steps = np.array([(row.start, row.step) for row in ranges], dtype=np.int32).T
        return starts[:, None] + steps[:, None] * np.arange(len(rows[0]), dtype=np.int32)
    return np.array([np.arange(r.start, r.stop, r.step) if type(r) is range else r for r in rows], dtype=np.int32)


@dataclass(frozen=True)
class Grid:
    """What as_array() gives for evenly spaced rows of parameters, without an array: places from `first` on."""

    first: int
    steps: tuple[int, int]
    shape: tuple[int, int]
    ndim = 2

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Grid | None:
        """The grid of rows of two or more places each, if they are one."""
        first, second = rows[0], rows[min(1, len(rows) - 1)]
        if type(first) is not range or type(second) is not range:
            return None
        size, step, apart = len(first), first.step, second.start - first.start
        for k, row in enumerate(rows):
            start = first.start + k * apart
            if row != range(start, start + size * step, step):
                return None
        return cls(first.start, (apart if len(rows) > 1 else size * step, step), (len(rows), size))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        rows, columns = (step * np.arange(count) for step, count in zip(self.steps, self.shape, strict=True))
        return (self.first + rows[:, None] + columns).astype(dtype or np.int32)


def even_steps(places: Any) -> tuple[int, ...] | None:
    """The step from number to number along each axis of an array; None if the steps are not even."""
    steps: list[int] = []
    even = places[(slice(0, 1),) * places.ndim]
    for axis in reversed(range(places.ndim)):
        count = places.shape[axis]
        if count > 1 and places.size:
            second = (0,) * axis + (1,) + (0,) * (places.ndim - axis - 1)
            steps.insert(0, int(places[second] - places.flat[0]))
            after = (*range(1, places.ndim - axis),)
            even = even + np.expand_dims(np.arange(count, dtype=even.dtype) * steps[0], after)
        else:  # as if it were contiguous
            steps.insert(0, steps[0] * places.shape[axis + 1] if steps else 1)
    return tuple(steps) if (places == even).all() else None


def _name(place: int) -> str:
    return f"%{place}" if place >= 0 else f"p{~place}"


def _text(kind: Op | str, args: Args) -> str:
    if kind == CONSTANT:
        return repr(args[0])
    if kind == SUM:
        lefts, rights, plus, minus = args
        terms = [f"{_name(a)} * {_name(b)}" for a, b in zip(lefts, rights, strict=True)] + [_name(a) for a in plus]
        return " - ".join([" + ".join(terms) or "0.0", *map(_name, minus)])
    if isinstance(kind, str):
        return f"{kind} {args[0]}"
    return f"{kind.name}({', '.join(map(written, args))})"


def written(arg: int | Row) -> str:
    """A place or a Row as text, such as %3 or [p0, p1, p2]; of a long Row, its ends."""
    if isinstance(arg, int):
        return _name(arg)
    names = [*map(_name, arg[:_LONG]), "...", _name(arg[-1])] if len(arg) > _LONG + 2 else map(_name, arg)
    return f"[{', '.join(names)}]"
