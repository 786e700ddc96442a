"""Finds matrix products: sums of products whose rows of left and right factors form a full cross product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from .program import Program
from .row_order import Row, RowOrder


@dataclass
class Product:
    """The products in sums: rows of left factors times rows of right factors.

    left, right  places of the factors, as arrays of shape (rows, factors)
    crossed      each left row is multiplied with each right row, a matrix product; otherwise row by row
    by_right     if crossed: the sums are ordered right row by right row, otherwise left row by left row
    shared       if crossed: all lanes share the left factors
    complete     the other terms (a bias) are among the products, times 1.0
    """

    left: Any
    right: Any
    crossed: bool
    by_right: bool = False
    shared: bool = False
    complete: bool = False


def crossed(
    program: Program, members: Sequence[int], order: RowOrder, summed: bool, one: int
) -> tuple[list[tuple[list[int], Product]], list[int]]:
    """Sums whose left and right rows form full cross products, and the members that are in none."""
    by_right: dict[Row, dict[Row, int]] = defaultdict(dict)
    alone: list[int] = []
    for place in members:
        left, right = zip(*program.args[place][0], strict=True)
        if by_right[right].setdefault(left, place) != place:  # the same products, with other terms added
            alone.append(place)
    by_lefts: dict[frozenset[Row], list[Row]] = defaultdict(list)
    for right, row in by_right.items():
        by_lefts[frozenset(row)].append(right)
    found = []
    for some, rights in by_lefts.items():
        if len(some) == len(rights) == 1:
            alone.append(by_right[rights[0]][next(iter(some))])
            continue
        lefts = sorted(some, key=order.of_row)
        rights.sort(key=lambda row: (row[0] == one, order.of_row(row)))
        places = [by_right[right][left] for left in lefts for right in rights]
        turned = [by_right[right][left] for right in rights for left in lefts]
        by_lane = any(program.varies[p] for left in lefts for p in left)
        by_right_row = (
            by_lane and not summed and min(len(lefts), len(rights)) > 1 and order.reads(turned) > order.reads(places)
        )
        columns = order.of_columns(lefts[0] if summed else rights[0])
        product = Product(np.array(lefts)[:, columns], np.array(rights)[:, columns], True, by_right_row, not by_lane)
        if not by_lane:
            _complete(program, product, np.array(places).reshape(len(lefts), len(rights)), one)
        found.append((turned if by_right_row else places, product))
    return found, alone


def crossed_pairs(
    program: Program, members: Sequence[int], order: RowOrder, one: int, levels: Sequence[int]
) -> tuple[list[tuple[list[int], Product]], list[int]]:
    """As _crossed, with arrays, for sums over lanes that are one product each; by the levels of their left factors."""
    places = np.array(members)
    pairs = chain.from_iterable([program.args[place][0][0] for place in members])
    lefts, rights = np.fromiter(pairs, int).reshape(-1, 2).T
    rows = np.array(levels)[lefts] * len(program) + rights
    sort = np.lexsort((lefts, rows))
    rows, lefts, rights, places = rows[sort], lefts[sort], rights[sort], places[sort]
    again = (np.diff(lefts, prepend=-1) == 0) & (np.diff(rows, prepend=-1) == 0)
    alone: list[int] = places[again].tolist()
    rows, lefts, rights, places = rows[~again], lefts[~again], rights[~again], places[~again]
    by_lefts: dict[bytes, list[int]] = defaultdict(list)
    starts = np.flatnonzero(np.diff(rows, prepend=-1)).tolist()
    for start, end in pairwise([*starts, len(rows)]):
        by_lefts[lefts[start:end].tobytes()].append(start)
    found: list[tuple[list[int], Product]] = []
    for some, firsts in by_lefts.items():
        left, right = np.frombuffer(some, lefts.dtype), rights[firsts]
        if len(left) == len(right) == 1:
            alone.append(int(places[firsts[0]]))
            continue
        left_order, right_order = np.argsort(order.of(left)), np.lexsort((order.of(right), right == one))
        in_order = places[np.array(firsts)[right_order] + left_order[:, None]].ravel().tolist()
        found.append((in_order, Product(left[left_order, None], right[right_order, None], True)))
    return found, alone


def row_by_row(program: Program, members: Sequence[int], one: int) -> Product:
    pairs = np.array([program.args[place][0] for place in members])
    product = Product(pairs[:, :, 0], pairs[:, :, 1], False)
    if pairs.shape[1] > 1 and not any(program.varies[p] for p in product.left.flat):
        _complete(program, product, np.array(members)[:, None], one)
    return product


def _complete(program: Program, product: Product, members: Any, one: int) -> None:
    """Turns a shared number that is added to all sums of a left row (a bias) into a factor times 1.0."""
    biases = []
    for row in members:
        terms = {program.args[place][1:] for place in row}
        plus, minus = terms.pop()
        if terms or minus or len(plus) != 1 or program.varies[plus[0]] or not program.varies[row[0]]:
            return
        biases.append(plus)
    product.left = np.hstack([product.left, np.array(biases)])
    product.right = np.hstack([product.right, np.full((len(product.right), 1), one)])
    product.complete = True
