"""Rolls a program: operations of one kind on one level become one array operation, sums of products matrix products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Any

import numpy as np

from ...ops import Op
from .program import CONSTANT, INPUT, PARAMETER, SUM, Program

Row = tuple[int, ...]

_MOST_PARTS = 3


@dataclass
class Group:
    """Operations of one kind on one level, computed at once.

    members  their places in the program, in the order of their rows
    varies   whether they differ between lanes
    summed   whether they are only wanted as sums over the lanes
    product  what is multiplied, if they are sums with products
    """

    kind: Op | str
    members: list[int]
    varies: bool
    summed: bool
    product: Product | None = None


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


def grouped(program: Program, summed: bool = False) -> list[Group]:
    """The groups of a program, in topological order.

    summed  the outputs are only wanted as sums over the lanes
    """
    one = program.constant(1.0)
    only_summed = set(program.outputs) if summed else set()
    lone = [place for place in program.outputs if len(program.args[place][0]) == 1] if summed else []
    apart = set(lone)
    places = [place for place in program.operations() if place not in apart]
    levels = _levels(program, places)
    found = _by_kind(program, places, levels, only_summed)
    if lone:
        found[len(program), True, True, SUM, 1, 0, 0] = lone
    order = _Order(program)
    groups: list[Group] = []
    for (_, varies, in_sum, kind, *lengths), members in sorted(found.items(), key=lambda item: item[0][0]):
        has_products = kind == SUM and lengths[0] > 0
        if in_sum and lengths[0] == 1:
            crossed, members = _crossed_pairs(program, members, order, one, levels)
        else:
            crossed, members = _crossed(program, members, order, in_sum, one) if has_products else ([], members)
        made = [Group(kind, places, varies, in_sum, product) for places, product in crossed]
        for part in order.parts(members):
            made.append(Group(kind, part, varies, in_sum, _apart(program, part, one) if has_products else None))
        for group in made if not in_sum else ():
            order.place(group.members)
        groups += made
    return groups


def together(program: Program) -> list[list[int]]:
    """The operations of one kind on one level: no group has more."""
    places = program.operations()
    return list(_by_kind(program, places, _levels(program, places), frozenset()).values())


def _by_kind(
    program: Program, places: Sequence[int], levels: Sequence[int], only_summed: AbstractSet[int]
) -> dict[tuple[Any, ...], list[int]]:
    """The operations of one kind on one level, by the level and the kind."""
    found: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place in places:
        kind, args = program.kinds[place], program.args[place]
        lengths = map(len, args) if kind is SUM else [len(arg) if type(arg) is tuple else 0 for arg in args]
        found[levels[place], program.varies[place], place in only_summed, kind, *lengths].append(place)
    return found


def _levels(program: Program, places: Sequence[int]) -> list[int]:
    """The level of each place: the length of the longest path of operations that leads to it."""
    levels = [0] * len(program)
    level_of = levels.__getitem__
    for place in places:
        levels[place] = 1 + max(map(level_of, program.operands(place)), default=0)
    return levels


def _crossed(
    program: Program, members: Sequence[int], order: _Order, summed: bool, one: int
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
    crossed = []
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
        crossed.append((turned if by_right_row else places, product))
    return crossed, alone


def _crossed_pairs(
    program: Program, members: Sequence[int], order: _Order, one: int, levels: Sequence[int]
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
    crossed: list[tuple[list[int], Product]] = []
    for some, firsts in by_lefts.items():
        left, right = np.frombuffer(some, lefts.dtype), rights[firsts]
        if len(left) == len(right) == 1:
            alone.append(int(places[firsts[0]]))
            continue
        left_order, right_order = np.argsort(order.of(left)), np.lexsort((order.of(right), right == one))
        in_order = places[np.array(firsts)[right_order] + left_order[:, None]].ravel().tolist()
        crossed.append((in_order, Product(left[left_order, None], right[right_order, None], True)))
    return crossed, alone


def _apart(program: Program, members: Sequence[int], one: int) -> Product:
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


class _Order:
    """The rows of the places, so that the members of a group can be ordered as they read and are read."""

    def __init__(self, program: Program) -> None:
        self._program = program
        owners = {PARAMETER: -3, CONSTANT: -2, INPUT: -1}
        rest = program.kinds[program.first :]
        self._owner = [owners[PARAMETER]] * program.first
        self._owner += [owners.get(kind, 0) if type(kind) is str else 0 for kind in rest]
        self._position = list(range(len(program)))
        self._groups, self._rows = 0, len(program)

    def place(self, members: Sequence[int]) -> None:
        """Places the members of a group after all rows that are placed already."""
        self._groups += 1
        for place in members:
            self._owner[place] = self._groups
            self._position[place] = self._rows
            self._rows += 1

    def of_columns(self, row: Row) -> list[int]:
        """The order of columns in which the factors of a row are contiguous."""
        return sorted(range(len(row)), key=lambda k: self._position[row[k]])

    def of(self, places: Any) -> Any:
        return np.array([self._position[place] for place in places.tolist()])

    def of_row(self, row: Row) -> int:
        return self._position[row[0]]

    def parts(self, members: Sequence[int]) -> Iterator[list[int]]:
        """The members in the order of what they read, in a few parts if they read from a few groups."""
        parts: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
        for place in members:
            operands = tuple(self._program.operands(place))
            first = next((p for p in operands if self._program.varies[p]), operands[0] if operands else 0)
            parts[tuple([self._owner[p] for p in operands])].append((self._position[first], place))
        if len(parts) > _MOST_PARTS:
            parts = {(): [item for part in parts.values() for item in part]}
        for part in parts.values():
            yield [place for _, place in sorted(part)]

    def reads(self, places: Sequence[int]) -> int:
        """How many neighbours stand in the order in which they are read first."""
        first = self._first_read
        return sum([first.get(a, 0) < first.get(b, 0) for a, b in pairwise(places)])

    @cached_property
    def _first_read(self) -> dict[int, int]:
        program = self._program
        found: dict[int, int] = {}
        count = 0
        for place in range(program.first, len(program)):
            for operand in program.operands(place):
                found.setdefault(operand, count)
                count += 1
        return found
