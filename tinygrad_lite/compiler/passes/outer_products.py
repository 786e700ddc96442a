"""Gathers what results receive from rows as outer products, so that no result is in two of these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

from ... import ops
from .program import Outer, Program, Row, listed, row_of

Term = tuple[int, int, Row]
"""Results first, first + 1, ... receive a factor times the numbers of a row."""


def add_outers(program: Program, outputs: dict[int, int], terms: Sequence[Term]) -> None:
    """Gives a program its outer products, and changes the outputs, {position: place}, of results that have both."""
    spans: dict[tuple[int, int], list[tuple[int, Row]]] = defaultdict(list)
    varying: dict[int, bool] = {}  # whether a row differs between lanes, by its id
    for _, _, row in terms:
        if id(row) not in varying:
            varying[id(row)] = any(map(program.by_lane, listed(row)))
    by_lane = []
    for term in terms:
        first, factor, row = term
        if program.by_lane(factor) or varying[id(row)]:
            by_lane.append(term)
        else:
            program.shared.append(Outer(first, (factor,), (row,)))
    for first, factor, row in _divided(outputs, by_lane):
        spans[first, first + len(row)].append((factor, row))
    for (first, end), found in sorted(spans.items()):
        factors, rows = zip(*found, strict=True)
        if end > first + 1:
            program.outers.append(Outer(first, factors, rows))
            continue
        start = outputs[first] if first in outputs else program.constant(0.0)
        outputs[first] = program.add(ops.dot, (row_of(factors), row_of([row[0] for row in rows]), start))


def _divided(outputs: Iterable[int], terms: Sequence[Term]) -> Iterator[Term]:
    """The terms cut where others begin or end, and around results that have an output of their own."""
    ends = {end for first, _, row in terms for end in (first, first + len(row))}
    cuts = sorted(ends.union(chain.from_iterable([(k, k + 1) for k in outputs])))
    place = {end: k for k, end in enumerate(cuts)}
    for first, factor, row in terms:
        for start, end in pairwise(cuts[place[first] : place[first + len(row)] + 1]):
            yield start, factor, row[start - first : end - first]
