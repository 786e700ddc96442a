"""Groups operations: those of one kind on one level become one array operation, sums of products matrix products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from ...ops import Op
from .matrix_products import Product, crossed, crossed_pairs, row_by_row
from .program import SUM, Program
from .row_order import RowOrder


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
    order = RowOrder(program)
    groups: list[Group] = []
    for (_, varies, in_sum, kind, *lengths), members in sorted(found.items(), key=lambda item: item[0][0]):
        has_products = kind == SUM and lengths[0] > 0
        if in_sum and lengths[0] == 1:
            products, members = crossed_pairs(program, members, order, one, levels)
        else:
            products, members = crossed(program, members, order, in_sum, one) if has_products else ([], members)
        made = [Group(kind, places, varies, in_sum, product) for places, product in products]
        for part in order.parts(members):
            made.append(Group(kind, part, varies, in_sum, row_by_row(program, part, one) if has_products else None))
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
