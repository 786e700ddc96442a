"""Gathers what results receive from rows as outer products, so that no two of these give the same result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ... import ops
from .program import Outer, Program, Row, row_of

Term = tuple[int, int, Row]
"""Results first, first + 1, ... receive a factor times the numbers of a row."""


def add_outers(program: Program, terms: Sequence[Term]) -> None:
    """Adds terms to the outputs of a program. What differs between lanes stays apart, as `outers`."""
    spans: dict[tuple[int, int], list[tuple[int, Row]]] = defaultdict(list)
    for first, factor, row in _divided(program, terms):
        spans[first, first + len(row)].append((factor, row))
    for (first, end), found in sorted(spans.items()):
        factors, rows = zip(*found, strict=True)
        if end > first + 1:
            program.outers.append(Outer(first, factors, rows))
            continue
        other = program.outputs[first]
        start = program.constant(0.0) if other is None else other
        program.outputs[first] = program.add(ops.dot, (row_of(factors), row_of([row[0] for row in rows]), start))


def _divided(program: Program, terms: Sequence[Term]) -> Iterator[Term]:
    """The terms cut where others begin or end, and around results that have an output of their own."""
    ends = {end for first, _, row in terms for end in (first, first + len(row))}
    if len(ends) > 1:
        whole = range(min(ends), max(ends))
        for k in [k for k in whole if program.outputs[k] is not None]:
            ends |= {k, k + 1}
    cuts = sorted(ends)
    place = {end: k for k, end in enumerate(cuts)}
    for first, factor, row in terms:
        for start, end in pairwise(cuts[place[first] : place[first + len(row)] + 1]):
            yield start, factor, row[start - first : end - first]
