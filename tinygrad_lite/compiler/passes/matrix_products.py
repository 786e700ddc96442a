"""Finds matrix products: sums of products whose rows of left and right factors form a full cross product."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, permutations
from typing import Any

import numpy as np

from .lane_sums import LaneSums
from .program import Grid, Program, Row, as_array, even_steps, listed
from .row_order import RowOrder

_MOST_SMALL = 64
"""How many products of one right factor with several left ones are computed each by itself."""


@dataclass
class Product:
    """The products in sums: rows of left factors times rows of right factors.

    left, right  places of the factors, as arrays of shape (rows, factors); left ones may be a Grid. Of a stack, in
                 which many products of one shape are computed at once, of shape (products, rows, factors)
    crossed      each left row is multiplied with each right row, a matrix product; otherwise row by row
    axes         if crossed: the axes of the array of sums, (products,) left rows, right rows, as they are laid out; in
                 this order if none are given
    shared       if crossed: all lanes share the left factors
    complete     the other terms (a bias) are among the products, times 1.0
    bias         places of the only other terms, one for each left row, if they are not
    """

    left: Any
    right: Any
    crossed: bool
    axes: tuple[int, ...] = ()
    shared: bool = False
    complete: bool = False
    bias: Any = None


@dataclass
class Cross:
    """Sums whose products are those of each left row with each right row.

    places  places[k][j] is the sum of the products of rights[k] and lefts[j]
    """

    lefts: list[Row]
    rights: list[Row]
    places: list[list[int]]

    def __len__(self) -> int:
        return len(self.lefts) * len(self.rights)


def crosses(program: Program, members: Sequence[int]) -> tuple[list[Cross], list[int]]:
    """Sums as full cross products, of which many are of one row and another, and sums with the products of another."""
    by_right: dict[Any, dict[Any, int]] = defaultdict(dict)  # by what stands for the rows, see Program.known()
    rows: dict[Any, Row] = {}
    again: list[int] = []
    for place in members:
        left, right, *_ = program.args[place]
        one, other = program.known(left), program.known(right)
        rows[one], rows[other] = left, right
        if by_right[other].setdefault(one, place) != place:  # the same products, with other terms added
            again.append(place)
    by_lefts: dict[frozenset[Any], list[Any]] = defaultdict(list)
    for other, row in by_right.items():
        by_lefts[frozenset(row)].append(other)
    made = []
    for rights in by_lefts.values():
        lefts = list(by_right[rights[0]])
        places = [[by_right[other][one] for one in lefts] for other in rights]
        made.append(Cross([rows[one] for one in lefts], [rows[other] for other in rights], places))
    return made, again


def crossed(
    program: Program, members: Sequence[int], order: RowOrder, one: int
) -> tuple[list[tuple[list[int], Product]], list[int]]:
    """Sums whose left and right rows form full cross products, and the members that are in none."""
    some, alone = crosses(program, members)
    found = []
    # A few numbers, each times others of its own, as x and 2 in x * x and 2 * x: too small to be worth a call each.
    small = [cross for cross in some if len(cross.rights) == 1 and len(cross.rights[0]) == 1]
    least = 2 if len(small) <= _MOST_SMALL else math.inf
    for cross in some:
        if len(cross.rights) == 1 and len(cross.lefts) < (least if len(cross.rights[0]) == 1 else 2):
            alone += cross.places[0]
            continue
        of_lefts = sorted(range(len(cross.lefts)), key=[order.of_row(row) for row in cross.lefts].__getitem__)
        last = [(row[0] == one, order.of_row(row)) for row in cross.rights]
        of_rights = sorted(range(len(last)), key=last.__getitem__)
        lefts, rights = [cross.lefts[k] for k in of_lefts], [cross.rights[k] for k in of_rights]
        places = np.array(cross.places).T[np.ix_(of_lefts, of_rights)]
        by_lane = any(program.by_lane(p) for left in lefts for p in listed(left))
        columns = order.of_columns(rights[0], lefts[0])
        product = Product(_columns(lefts, columns), np.asarray(_columns(rights, columns)), True, shared=not by_lane)
        if not by_lane:
            _complete(program, product, lefts, places, one)
        found.append((places, product))
    if found and program.varies[members[0]]:
        found = _stacked(found, order)
    return [(_laid_out(places, product, order), product) for places, product in found], alone


def _stacked(found: Sequence[tuple[Any, Product]], order: RowOrder) -> list[tuple[Any, Product]]:
    """The products with those of one shape as stacks, but weights that all lanes share are multiplied one by one."""
    by_shape: dict[Any, list[tuple[Any, Product]]] = defaultdict(list)
    for places, product in found:
        alone = product.shared and product.left.shape[1] > 1
        shape: Any = len(by_shape) if alone else (product.left.shape, len(product.right), product.shared)
        by_shape[shape].append((places, product))
    made = []
    for some in by_shape.values():
        if len(some) > 1:
            some.sort(
                key=lambda item: [order.of_row(np.asarray(rows)[0].tolist()) for rows in (item[1].left, item[1].right)]
            )
            left, right = np.array([p.left for _, p in some]), np.array([p.right for _, p in some])
            some = [(np.array([places for places, _ in some]), Product(left, right, True, shared=some[0][1].shared))]
        made += some
    return made


def _laid_out(places: Any, product: Product, order: RowOrder) -> list[int]:
    """The sums of a product in the order in which most of them are read, of those that an array of them can have."""
    laid: dict[tuple[int, ...], list[int]] = {}
    for axes in permutations(range(places.ndim)):
        laid[axes] = places.transpose(axes).ravel().tolist()
        if (product.shared and places.ndim == 2) or places.size == max(places.shape):
            return laid[axes]
    product.axes = max(laid, key=lambda axes: order.reads(laid[axes]))
    return laid[product.axes]


def _columns(rows: Sequence[Row], columns: Sequence[int]) -> Any:
    """Rows as an array, with the columns in this order."""
    return _as_grid(rows) if list(columns) == list(range(len(columns))) else as_array(rows)[:, columns]


def _as_grid(rows: Sequence[Row]) -> Any:
    return Grid.of(rows) or as_array(rows)


def over_lanes(
    program: Program, sums: LaneSums, order: RowOrder, levels: Sequence[int], one: int
) -> list[tuple[Product, Any]]:
    """The sums over lanes as products, and the positions of their results.

    A block is all results of an outer product, or one sum. Blocks with the same rows and the same left factors are one
    matrix product. Only factors of one level are considered together: all layers have 1.0 as a right factor.
    """
    by_rows: dict[Any, dict[tuple[int, ...], int]] = defaultdict(dict)
    position_of = {place: position for position, place in sums.by_lane.items()}
    outers = [(outer.rows, outer.factors, outer.first) for outer in sums.outers]
    in_order = {tuple(sorted(factors)): factors for _, factors, _ in outers}
    lone = []
    for place, position in position_of.items():
        factors, rights, *_ = program.args[place]
        if len(set(rights)) == 1:  # the order of the factors, of a bias in many steps, is free
            factors = in_order.get(tuple(factors), tuple(factors))
        lone.append((tuple([(right,) for right in rights]), factors, position))
    alone: list[int] = []
    apart: list[tuple[tuple[Row, ...], tuple[int, ...], int]] = []
    for rows, factors, first in chain(outers, lone):
        level = levels[factors[0]] if 0 <= factors[0] < len(levels) else 0
        if by_rows[level, rows].setdefault(factors, first) != first:
            apart.append((rows, factors, first))
    by_factors: dict[frozenset[tuple[int, ...]], list[Any]] = defaultdict(list)
    for key, found in by_rows.items():
        by_factors[frozenset(found)].append(key)
    made = []
    for some, keys in by_factors.items():
        lefts, blocks = sorted(some, key=order.of_row), [rows for _, rows in keys]
        firsts = np.array([[by_rows[key][left] for key in keys] for left in lefts], dtype=np.int32)
        if firsts.size == len(blocks[0][0]) == 1:
            apart.append((blocks[0], lefts[0], int(firsts[0, 0])))
        else:
            made.append(_over_lanes(lefts, blocks, firsts, order, one))
    for rows, factors, first in apart:
        if len(rows[0]) > 1:
            made.append(_over_lanes([factors], [rows], np.array([[first]], dtype=np.int32), order, one))
        else:
            alone.append(sums.by_lane[first])
    by_length: dict[int, list[int]] = defaultdict(list)
    for place in alone:
        by_length[len(program.args[place][0])].append(place)
    for members in by_length.values():
        for part in order.parts(members):
            made.append((row_by_row(program, part, one), np.array([position_of[place] for place in part])))
    return [_by_lane_first(program, *product) for product in made]


def _over_lanes(
    lefts: Sequence[tuple[int, ...]], blocks: Sequence[tuple[Row, ...]], firsts: Any, order: RowOrder, one: int
) -> tuple[Product, Any]:
    right = np.concatenate([as_array(rows).T for rows in blocks])
    columns_of = [np.arange(len(rows[0]), dtype=np.int32) for rows in blocks]
    positions = np.concatenate([first[:, None] + k for first, k in zip(firsts.T, columns_of, strict=True)], axis=1)
    sort = np.lexsort((order.of(right[:, 0]), right[:, 0] == one))
    columns = order.of_columns(lefts[0], tuple(right[sort[0]].tolist()))
    left = np.array(lefts)[:, columns]
    return Product(left, right[sort][:, columns], True), positions[:, sort]


def _by_lane_first(program: Program, product: Product, positions: Any) -> tuple[Product, Any]:
    """Turns a product whose left factors are shared by all lanes."""
    if any(map(program.by_lane, product.left.ravel().tolist())):
        return product, positions
    return Product(product.right, product.left, True), positions.T


def row_by_row(program: Program, members: Sequence[int], one: int) -> Product:
    lefts, rights = ([program.args[place][k] for place in members] for k in (0, 1))
    product = Product(_as_grid(lefts), as_array(rights), False)
    if len(lefts[0]) > 1 and not any(program.by_lane(p) for left in lefts for p in listed(left)):
        _complete(program, product, lefts, np.array(members)[:, None], one)
    return product


def _complete(program: Program, product: Product, lefts: Sequence[Row], members: Any, one: int) -> None:
    """Turns a shared number that is added to all sums of a left row (a bias) into a factor times 1.0.

    If left rows are evenly spaced only without it, they are read where they are, and it stays a term.
    """
    biases = []
    for row in members:
        terms = {program.args[place][2:] for place in row}
        plus, minus = terms.pop()
        if terms or minus or len(plus) != 1 or program.by_lane(plus[0]) or not program.varies[row[0]]:
            return
        biases.append(plus[0])
    left: Any
    if isinstance(product.left, Grid):
        follows = all(type(row) is range and row.stop == bias < 0 for row, bias in zip(lefts, biases, strict=True))
        left = Grid.of([range(row.start, row.stop + row.step, row.step) for row in lefts]) if follows else None  # type: ignore[union-attr]
    else:
        left = np.hstack([product.left, np.array(biases)[:, None]]).astype(product.left.dtype)
        left = None if _is_even(product.left) and not _is_even(left) else left
    if left is None:
        product.bias = np.array(biases)
        return
    product.left = left
    product.right = np.hstack([product.right, np.full((len(product.right), 1), one)])
    product.complete = True


def _is_even(left: Any) -> bool:
    """Whether the rows are parameters that are evenly spaced along both axes."""
    return bool(left.max() < 0 and even_steps(left) is not None)
