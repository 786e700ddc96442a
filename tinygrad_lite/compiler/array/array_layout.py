"""Where the numbers of a program are in arrays, and the names by which its source reads and writes them.

Four arrays hold all numbers: P the parameters, S the other numbers that all lanes share, V a row of lanes for each
number that differs between them, G the sums over the lanes. A name stands for a view that is made once for a number of
lanes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..passes.grouping import Group
from ..passes.program import CONSTANT, INPUT, Grid, Program, even_steps

P, S, V, G = "PSVG"
MOST_RUNS = 8


class Layout:
    """The array and row of each place, and the lines of the source.

    setup, share, run  the lines: setup makes the views, once for a number of lanes; share computes what the lanes
                       share; run computes what differs
    indices            index arrays, by their names in the source
    home, row          for each place, without parameters, the array that holds it and its row there
    rows               how many rows S and V have
    constants          the numbers in the first rows of S
    """

    def __init__(self, program: Program, groups: Sequence[Group], xp: Any) -> None:
        self._xp = xp
        self.setup: list[str] = []
        self.share: list[str] = []
        self.run: list[str] = []
        self.indices: dict[str, Any] = {}
        self.rows = {S: 0, V: 0}
        self.constants: list[float] = []
        self._program = program
        self._varying = np.array(program.varies, bool)
        self._names: dict[Any, str] = {}
        self._numbers: dict[str, int] = {}
        self._lifted: dict[tuple[str, int], int] = {}
        self._idle: dict[tuple[Any, ...], list[str]] = defaultdict(list)
        self._lent: list[tuple[tuple[Any, ...], str]] = []
        self._varies, self._count = True, 0
        self._one = next((k for k in range(len(program)) if program.number(k) == 1.0), len(program))
        self._ones: list[int] = []
        self._place(groups)

    def _place(self, groups: Sequence[Group]) -> None:
        program = self._program
        before_ones = self._before_ones(groups)
        self.home, self.row = np.full(self._varying.shape, P), np.zeros(self._varying.shape, np.int64)
        for place, kind in enumerate(program.kinds):
            if kind == CONSTANT:
                self.home[place], self.row[place] = S, self._new(S, 1)
                self.constants.append(program.args[place][0])
            elif kind == INPUT:
                self.home[place], self.row[place] = V, self._new(V, 1)
                self._place_ones(place in before_ones)
        for group in groups:
            if group.summed is None:
                self.home[group.members] = array = V if group.varies else S
                count = len(group.members)
                self.row[group.members] = np.arange(count) + self._new(array, count)
                self._place_ones(group.members[-1] in before_ones)

    @property
    def inputs(self) -> list[int]:
        """The rows of V that take the inputs."""
        program = self._program
        return [int(self.row[place]) for place, kind in enumerate(program.kinds) if kind == INPUT]

    def homes(self, places: Any) -> Any:
        """The arrays that hold places, which may be those of parameters."""
        return np.where(places < 0, P, self.home[np.maximum(places, 0)])

    def rows_of(self, places: Any) -> Any:
        """The rows at which places are in their arrays."""
        return np.where(places < 0, ~places, self.row[np.maximum(places, 0)])

    @cached_property
    def outputs(self) -> list[tuple[str, Any, Any]]:
        """For each array that holds outputs: its name, their positions among the outputs, and their rows.

        Those that stand side by side are slices, which are copied in one piece; if these are few, each is listed.
        """
        places = np.array(self._program.outputs, int)
        homes, rows = self.homes(places), self.rows_of(places)
        found = [(home, np.flatnonzero(homes == home)) for home in (P, S, V)]
        parts = [(home, at[run]) for home, at in found for run in in_runs(at, rows[at])]
        return [(home, sliced(at), sliced(rows[at])) for home, at in parts]

    def _before_ones(self, groups: Sequence[Group]) -> set[int]:
        """The places of factors that are followed by the factor 1.0 in a product with one column of these."""
        found: set[int] = set()
        for right in [group.product.right for group in groups if group.product is not None and group.varies]:
            if 1 in right.shape[-2:] and right.ndim == 2 and right.size > 1 and right.flat[-1] == self._one:
                found.add(int(right.flat[-2]))
        return found

    def _place_ones(self, wanted: bool) -> None:
        """Adds a row of 1.0 to V if wanted, so that products read it and the rows before it as one array."""
        if wanted:
            self._ones.append(self._new(V, 1))
            self.setup.append(f"V[{self._ones[-1]}] = 1.0")

    def _new(self, array: str, count: int) -> int:
        """Adds this many rows to an array and returns the first."""
        self.rows[array] += count
        return self.rows[array] - count

    def begin(self, varies: bool, count: int) -> None:
        """Starts a group of this many rows; all buffers are free again."""
        self._varies, self._count = varies, count
        for key, name in self._lent:
            self._idle[key].append(name)
        self._lent.clear()

    def line(self, text: str) -> None:
        (self.run if self._varies else self.share).append(text)

    def name(self, expression: str, letter: str) -> str:
        """A name for the result of an expression, computed once in setup."""
        found = self._names.get(expression)
        if found is None:
            found = self._names[expression] = letter if len(letter) > 1 else f"{letter}{len(self._names)}"
            self.setup.append(f"{found} = {expression}")
        return found

    def function(self, name: str) -> str | None:
        return self.name(f"xp.{name}", name) if hasattr(self._xp, name) else None

    def writes_in_place(self, name: str) -> bool:
        return isinstance(getattr(self._xp, name, None), np.ufunc)

    def constant(self, number: float) -> str:
        return self.name(f"xp.asarray({number!r})", "c")

    def buffer(self, length: int, kind: str = "float") -> str:
        """The name of an array to use until the next begin(), with a first axis of this length unless that is 0."""
        key = (length, kind, self._count, self._varies)
        if not self._idle[key]:
            axes = [str(n) for n in (length, self._count) if n] + ["lanes"] * self._varies
            self._idle[key].append(self.array(axes, kind))
        self._lent.append((key, self._idle[key].pop()))
        return self._lent[-1][1]

    def array(self, axes: Sequence[Any], kind: str = "float") -> str:
        """The name of a new array."""
        name = f"t{len(self._names)}"
        self._names[name] = name
        self.setup.append(f"{name} = xp.empty(({', '.join(map(str, axes))},), {kind})")
        return name

    def is_shared(self, places: Any) -> bool:
        return isinstance(places, Grid) or not self._varying[places[places >= 0]].any()

    def shared(self, places: Any) -> str:
        """The numbers at places that all lanes share, in an array of the shape of places."""
        if isinstance(places, Grid):
            return self._grid(P, ~places.first, places.shape, tuple([-step for step in places.steps]))
        if places.size and places.max() < 0:
            return self._read(P, ~places)
        array = P if (self.homes(places) == P).all() else S
        return self._read(array, self._rows(array, places))

    def by_lane(self, places: Any) -> str:
        """The numbers at places with the lanes as last axis, of length 1 if all lanes share them."""
        if self.is_shared(places):
            return self.name(f"{self.shared(places)}[..., None]", "s")
        return self._read(V, self._rows(V, places))

    def operand(self, places: Any) -> str:
        """The numbers at places as operand of a row-by-row operation; if all places are equal, only one row."""
        if (places == places[0]).all():
            if self.is_shared(places):
                return self.name(f"{self.homes(places[0])}[{self.rows_of(places[0])}, ...]", "s")
            places = places[:1]
        return self.by_lane(places) if self._varies else self.shared(places)

    def is_one(self, places: Any) -> bool:
        return bool((places == self._one).all())

    def is_zero(self, places: Any) -> bool:
        """Whether all numbers at places are the constant 0.0, and not -0.0."""
        return all(repr(self._program.number(place)) == "0.0" for place in dict.fromkeys(places.tolist()))

    def wide(self, places: Any) -> str:
        """The numbers at places of shape (n, k) as a matrix (n, k * lanes)."""
        n, k = places.shape
        rows = self._rows(V, places)
        steps = even_steps(rows)
        name = self._read(V, rows) if steps is not None and steps[1] == 1 else self._gathered(V, rows)
        return self.name(f"{name}.reshape({n}, {k} * lanes)", "w")

    def view(self, array: str, rows: Any) -> str | None:
        """The name of a view of rows if they are evenly spaced along each axis, else None."""
        steps = even_steps(rows)
        if steps is None:
            return None
        first = rows.flat[0]
        if steps == (1,):
            return self.name(f"{array}[{first}:{first + len(rows)}]", array.lower())
        return self._grid(array, first, rows.shape, steps)

    def _grid(self, array: str, first: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> str:
        return self.name(f"grid({array}, {first}, {shape}, {steps})", array.lower())

    def rows_by_lane(self, places: Any) -> list[int]:
        """The rows of V that hold the numbers at places."""
        found: list[int] = self._rows(V, places).tolist()
        return found

    def row_of_number(self, number: float) -> int:
        """A row of V that holds a number in all lanes."""
        text = repr(number)
        if text not in self._numbers:
            self._numbers[text] = self._new(V, 1)
            self.setup.append(f"V[{self._numbers[text]}] = {text}")
        return self._numbers[text]

    def _read(self, array: str, rows: Any) -> str:
        return self.view(array, rows) or self._gathered(array, rows)

    def index(self, rows: Any) -> str:
        """A new name for an index array."""
        name = f"i{len(self.indices)}"
        self.indices[name] = rows
        return name

    def _gathered(self, array: str, rows: Any) -> str:
        """A copy of rows, made once a run, where they are first needed: the rows are not written again after that."""
        key = (array, rows.shape, rows.tobytes())
        if key not in self._names:
            turned = self._names.get((array, rows.T.shape, rows.T.tobytes())) if array != V and rows.ndim == 2 else None
            if turned is not None:
                return self.name(f"{turned}.T", "s")
            name = self._names[key] = self.array([*map(str, rows.shape), *["lanes"] * (array == V)])
            take = self.name(f"{array}.take", f"take_{array.lower()}")
            fixed = array == S and rows.max() < len(self.constants)
            lines = self.setup if fixed else self.run if array == V else self.share
            lines.append(f"{take}({self.index(rows.astype(np.intp))}, 0, {name}, 'clip')")
        return self._names[key]

    def _rows(self, array: str, places: Any) -> Any:
        """The rows of places in an array; numbers that are in another array are copied to it once a run."""
        rows = self.rows_of(places)
        away = self.homes(places) != array
        if array == V and self._ones:
            for axis in range(rows.ndim):
                follows = np.roll(rows, 1, axis) + 1
                found = away & (places == self._one) & np.isin(follows, self._ones)
                rows[found], away = follows[found], away & ~found
        if away.any():
            missing = [p for p in dict.fromkeys(places[away].tolist()) if (array, p) not in self._lifted]
            if missing:
                self._lift(array, missing)
            rows[away] = [self._lifted[array, p] for p in places[away].tolist()]
        return rows

    def _lift(self, array: str, missing: Sequence[int]) -> None:
        first = self._new(array, len(missing))
        self._lifted.update({(array, place): first + k for k, place in enumerate(missing)})
        target = self.view(array, np.arange(first, first + len(missing)))
        if array == S:
            self.share.append(f"{target}[...] = {self.shared(np.array(missing))}")
        elif all(self._program.number(place) is not None for place in missing):
            numbers = np.array([self._program.args[place] for place in missing])
            self.setup.append(f"{target}[...] = {self.index(numbers)}")
        else:
            self.run.append(f"{target}[...] = {self.by_lane(np.array(missing))}")


def in_runs(positions: Any, rows: Any) -> list[Any]:
    """Splits into runs in which positions and rows are evenly spaced: the indices of each run; one run if too many."""
    if not len(positions):
        return []
    steps = np.stack([np.diff(positions), np.diff(rows)])
    uneven = np.flatnonzero((steps[:, 1:] != steps[:, :-1]).any(axis=0)) + 2
    every = np.arange(len(positions))
    parts = np.split(every, uneven[np.diff(uneven, prepend=0) > 1])
    return parts if len(parts) <= MOST_RUNS else [every]


def sliced(rows: Any) -> Any:
    return slice(int(rows[0]), int(rows[-1]) + 1) if (np.diff(rows) == 1).all() else rows
