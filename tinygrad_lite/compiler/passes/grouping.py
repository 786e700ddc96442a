"""Groups operations: those of one kind on one level become one array operation, sums of products matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...ops import Op
from .lane_sums import LaneSums
from .matrix_products import Product, crossed, over_lanes, row_by_row
from .program import SUM, Program
from .row_order import RowOrder


@dataclass
class Group:
    """Operations of one kind on one level, computed at once.

    members  their places in the program, in the order of their rows; none if summed
    varies   whether they differ between lanes
    product  what is multiplied, if they are sums with products
    summed   if they are only wanted as sums over the lanes: the positions of these among the outputs, else None
    """

    kind: Op | str
    members: list[int]
    varies: bool
    product: Product | None = None
    summed: Any = None

    def __len__(self) -> int:
        return len(self.members) if self.summed is None else int(self.summed.size)


def grouped(program: Program, levels: Sequence[int], sums: LaneSums | None = None) -> list[Group]:
    """The groups of a program, in topological order.

    levels  those of the places, see Program.levels()
    sums    the outputs, if they are only wanted as sums over the lanes
    """
    one = program.constant(1.0)
    only_summed = frozenset(sums.by_lane.values()) if sums else frozenset()
    places = [place for place in program.operations() if place not in only_summed]
    order = RowOrder(program)
    groups: list[Group] = []
    by_kind = program.alike(places, levels)
    for (_, varies, kind, *lengths), members in sorted(by_kind.items(), key=lambda item: item[0][0]):
        has_products = kind == SUM and lengths[0] > 0
        products, members = crossed(program, members, order, one) if has_products else ([], members)
        made = [Group(kind, places, varies, product) for places, product in products]
        for part in order.parts(members):
            made.append(Group(kind, part, varies, row_by_row(program, part, one) if has_products else None))
        for group in made:
            order.place(group.members)
        groups += made
    if sums:
        groups += [Group(SUM, [], True, *found) for found in over_lanes(program, sums, order, levels, one)]
    return groups


def together(program: Program) -> list[list[int]]:
    """The operations of one kind on one level: no group has more."""
    return list(program.alike(program.operations(), program.levels()).values())
