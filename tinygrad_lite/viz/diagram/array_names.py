"""Names the arrays of a compiled program: sources that are read together, and results of array operations."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from ...compiler.passes.grouping import Group
from ...compiler.passes.program import INPUT, PARAMETER, Program
from ...engine import Value
from ...text.wording import number, shortened

_MOST_SOURCES = 24
_MOST_NAMES = 3
_INDEX, _NUMBER = re.compile(r"(\.\d+|\[\d+\])+$"), re.compile(r"[\d.\[\]]+$")


@dataclass(frozen=True, slots=True)
class Source:
    """Parameters or inputs that are read by the same array operations, in the same roles."""

    name: str
    is_parameter: bool
    places: list[int]


class Names:
    """The names of a program's places: labels for sources, `#3` for the third array operation, numbers for constants.

    reads    for each group, the places of its operands
    sources  the sources, in the order in which they are read
    owners   for each place, also those of parameters, its position among the sources and then the groups; -1 for a
             constant
    """

    def __init__(
        self,
        program: Program,
        groups: Sequence[Group],
        reads: Sequence[Sequence[Any]],
        inputs: Sequence[Value],
        parameters: Sequence[Value],
    ) -> None:
        self._program = program
        self.labels = _labels(program, inputs, parameters)
        self._often = Counter(self.labels.values())
        self.sources = _named(program, _read_together(program, reads, self.labels), self.labels)
        self.owners = np.full(len(program) + program.parameters, -1)
        for k, members in enumerate(chain([s.places for s in self.sources], [g.members for g in groups])):
            self.owners[members] = k
        self._names = [s.name for s in self.sources] + [f"#{k}" for k in range(1, len(groups) + 1)]
        self._sizes = Counter(self.owners.tolist())
        self._matrices: dict[int, set[frozenset[int]]] = {}
        self.shapes: dict[int, tuple[int, int]] = {}

    def of(self, places: Any, transposed: str = "") -> str:
        """The name of an operand: its arrays, with […] after one that is not read whole."""
        places = np.asarray(places)
        owners = self.owners[places]
        found: list[str] = []
        for owner in dict.fromkeys(owners.ravel().tolist()):
            if owner < 0:
                constants = dict.fromkeys([self._program.args[p][0] for p in places[owners == owner].tolist()])
                found += [number(x) for x in constants][: _MOST_NAMES + 1]
                continue
            mine = places[owners == owner]
            part = "" if len(np.unique(mine)) == self._sizes[owner] else "[…]"
            found.append(self._names[owner] + part)
        if len(found) > _MOST_NAMES:
            found[_MOST_NAMES:] = ["…"]
        return (found[0] if len(found) == 1 else f"[{', '.join(found)}]") + transposed

    def of_one(self, place: int) -> str:
        """The name of one parameter: its label, or if others have that too, its place in the array of its source."""
        label = self.labels[place]
        if not label or self._often[label] == 1:
            return shortened(label, 14)
        owner = int(self.owners[place])
        k = self.sources[owner].places.index(place)
        columns = self.shapes.get(owner, (0, 1))[1]
        return (
            f"{self.sources[owner].name}[{k}]"
            if columns == 1
            else f"{self.sources[owner].name}[{k // columns}, {k % columns}]"
        )

    def of_matrix(self, places: Any) -> str:
        """The name of a left factor of a matrix product; parameters keep the shape in which they are first met."""
        turned = [self._is_turned(owner, block) for owner, block in self.blocks(places)]
        return self.of(places, ".T" if turned and all(turned) else "")

    def blocks(self, places: Any) -> Iterator[tuple[int, Any]]:
        """Yields for each array in an operand the places that are read: as a block if they form one, else flat."""
        owners = self.owners[places]
        for owner in dict.fromkeys(owners.ravel().tolist()):
            if owner >= 0:
                yield owner, _block(places, owners == owner)

    def but_constants(self, places: Any) -> Any:
        return _block(places, self.owners[places] >= 0)

    def _is_turned(self, owner: int, block: Any) -> bool:
        if owner >= len(self.sources) or block.ndim != 2:
            return False
        rows = {frozenset(row) for row in block.tolist()}
        if self._matrices.setdefault(owner, rows) is rows:
            self.shapes[owner] = block.shape
        return rows != self._matrices[owner] == {frozenset(column) for column in block.T.tolist()}


def _block(places: Any, wanted: Any) -> Any:
    axes = np.ix_(*[wanted.any(axis=tuple({*range(wanted.ndim)} - {k})) for k in range(wanted.ndim)])
    return places[axes] if wanted[axes].all() else places[wanted]


def _labels(program: Program, inputs: Sequence[Value], parameters: Sequence[Value]) -> dict[int, str]:
    """The labels of inputs and parameters; the numbers of one argument get their positions."""
    found: dict[int, str] = {}
    labels: list[str] = []
    often, seen = Counter([v.label for v in inputs]), Counter[str | None]()
    for v in inputs:
        labels.append(f"{v.label}[{seen[v.label]}]" if v.label and often[v.label] > 1 else v.label or "")
        seen[v.label] += 1
    for place, (kind, args) in enumerate(zip(program.kinds, program.args, strict=True)):
        if kind == INPUT:
            found[place] = labels[args[0]]
    return {**{~k: v.label or "" for k, v in enumerate(parameters)}, **found}


def _read_together(program: Program, reads: Sequence[Sequence[Any]], labels: dict[int, str]) -> list[list[int]]:
    """The inputs and parameters that are read, grouped by the operands that they are in and the beginning of their
    labels, in the order of first use."""
    operands = [*chain.from_iterable(reads), np.array(program.outputs, dtype=int)]
    marks = np.zeros(len(program) + program.parameters, np.uint64)
    first = np.full(len(marks), len(operands))
    for k, mark in enumerate(np.random.default_rng(0).integers(1 << 63, size=len(operands), dtype=np.uint64)):
        marks[operands[k]] += mark  # two places get the same sum only if they are in the same operands
        first[operands[k]] = np.minimum(first[operands[k]], k)
    stems = {label: _NUMBER.sub("", label) for label in set(labels.values())}
    parts: dict[Any, list[int]] = defaultdict(list)
    for place in [*range(~0, ~program.parameters, -1), *range(len(program))]:
        if marks[place] and (place < 0 or program.kinds[place] == INPUT):
            parts[place < 0, int(marks[place]), stems[labels[place]]].append(place)
    return sorted(parts.values(), key=lambda part: (first[part[0]], abs(part[0])))


def _named(program: Program, parts: Sequence[list[int]], labels: dict[int, str]) -> list[Source]:
    made: list[tuple[str, bool, list[int]]] = []
    for part in parts:
        kind = PARAMETER if part[0] < 0 else INPUT
        made.append((_stem({labels[p] for p in part}) or f"{kind}s", kind == PARAMETER, part))
    if len(made) > _MOST_SOURCES:
        merged: dict[tuple[str, bool], list[int]] = defaultdict(list)
        for name, is_parameter, part in made:
            merged[name, is_parameter] += part
        made = [(*key, part) for key, part in merged.items()]
    often = Counter([name for name, _, _ in made])
    taken = set(often)
    found = []
    for name, is_parameter, part in made:
        if often[name] > 1:
            name = next(n for k in range(1, len(made) + 2) if (n := f"{name}{k}") not in taken)
            taken.add(name)
        found.append(Source(shortened(name), is_parameter, part))
    return found


def _stem(labels: Iterable[str]) -> str:
    """The common part of labels, including a number at the end if it is not an index."""
    stems = {_INDEX.sub("", label) for label in labels}
    return stems.pop() if len(stems) == 1 else _NUMBER.sub("", stems.pop())
