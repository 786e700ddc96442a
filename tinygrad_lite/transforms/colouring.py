"""Colourings of sparse matrices: rows or columns of one colour are computed together, as their sum.

See Gebremedhin, Manne and Pothen, What color is your Jacobian? Graph coloring for computing derivatives, SIAM Review
2005. A set of colours is the bits of an int. Vertices are coloured greedily, those with most neighbours first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def transposed(rows: Sequence[Collection[int]], count: int) -> list[list[int]]:
    """The rows in which each of so many columns has an entry."""
    columns: list[list[int]] = [[] for _ in range(count)]
    for i, row in enumerate(rows):
        for j in row:
            columns[j].append(i)
    return columns


def colours_apart(rows: Sequence[Collection[int]], count: int) -> list[int]:
    """A colour for each row, so that no two rows of one colour have an entry in the same of so many columns.

    rows  the columns in which each row has an entry
    """
    colours, taken_in = [0] * len(rows), [0] * count
    for i in sorted(range(len(rows)), key=lambda i: -len(rows[i])):
        taken = 0
        for j in rows[i]:
            taken |= taken_in[j]
        colours[i] = _lowest_free(taken)
        for j in rows[i]:
            taken_in[j] |= 1 << colours[i]
    return colours


def star_colours(near: Sequence[Collection[int]]) -> list[int]:
    """A colour for each row of a symmetric matrix, so that each entry is alone in a sum of rows of one colour.

    near  the columns in which each row has an entry
    Neighbours differ, and no path of four vertices has two colours only: then two colours form stars, and the entry of
    an edge is alone in the sum of the hub's colour, at the other end of the edge.
    """
    colours = [-1] * len(near)
    # Of each vertex: the first coloured neighbour by its colour, the colours of which it has several neighbours, all
    # colours of neighbours, and the colours of neighbours that are hubs of a star with it.
    first: list[dict[int, int]] = [{} for _ in near]
    several, around, hubs = ([0] * len(near) for _ in range(3))
    for v in sorted(range(len(near)), key=lambda v: -len(near[v])):
        coloured = [w for w in near[v] if colours[w] >= 0 and w != v]
        taken = 0
        for w in coloured:
            taken |= 1 << colours[w] | hubs[w]
            if several[v] >> colours[w] & 1:  # v joins two of one colour: none of their neighbours may have v's
                taken |= around[w]
        colour = colours[v] = _lowest_free(taken)
        for w in near[v]:
            if w == v:
                continue
            before = first[w].setdefault(colour, v)
            if before != v:
                new = not several[w] >> colour & 1
                several[w] |= 1 << colour
                if colours[w] >= 0:
                    hubs[v] |= 1 << colours[w]
                    if new:
                        hubs[before] |= 1 << colours[w]
            around[w] |= 1 << colour
            if colours[w] >= 0 and several[v] >> colours[w] & 1:
                hubs[w] |= 1 << colour
    return colours


def _lowest_free(taken: int) -> int:
    return (~taken & (taken + 1)).bit_length() - 1
