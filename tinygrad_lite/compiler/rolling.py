"""Rolling: operations of one kind on one level become one array operation, sums of products become matrix products."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..ops import Op
from .program import SOURCES, SUM, Program

Row = tuple[int, ...]


@dataclass
class Group:
    """Operations of one kind on one level, done at once.

    members  their places in the program, in the order of their rows
    summed   they are only read as gradients, summed over the lanes
    """

    kind: Op | str
    level: int
    varies: bool
    summed: bool
    members: list[int] = field(default_factory=list)


def grouped(program: Program, varies: Sequence[bool], summed_outputs: Sequence[int]) -> list[Group]:
    """The groups, in an order in which each stands after what it reads."""
    needed = program.alive()
    uses = program.uses()
    read_as_sum = Counter(summed_outputs)
    only_summed = {p for p, n in read_as_sum.items() if varies[p] and program.kinds[p] == SUM and uses[p] == n}
    levels = [0] * len(program)
    found: dict[tuple[Any, ...], Group] = {}
    for place, kind in enumerate(program.kinds):
        if not needed[place] or kind in SOURCES:
            continue
        level = levels[place] = 1 + max([levels[p] for p in program.operands(place)], default=0)
        summed = place in only_summed
        signature = _signature(kind, program.args[place])
        key = (level, varies[place], summed, kind, signature)
        group = found.get(key)
        if group is None:
            group = found[key] = Group(kind, level, varies[place], summed)
        group.members.append(place)
    return sorted(found.values(), key=lambda group: group.level)


def _signature(kind: Op | str, args: tuple[Any, ...]) -> tuple[int, ...]:
    """What the members of a group have in common beside their kind: the lengths of their sequences."""
    return tuple([len(arg) if type(arg) is tuple else -1 for arg in args])


@dataclass
class Block:
    """Some members of a group of sums of products, with their rows of left and right factors.

    table  table[j][i] is the place of the sum of left row j times right row i; all of them there is a matrix product
    """

    left: list[Row]
    right: list[Row]
    table: list[list[int]]


def blocks_of(program: Program, members: Sequence[int]) -> list[Block]:
    """The members divided into full cross products of left rows and right rows; what shares no row, together."""
    by_right: dict[Row, dict[Row, int]] = defaultdict(dict)
    apart = Block([], [], [[]])
    for place in members:
        pairs = program.args[place][0]
        left, right = tuple([a for a, _ in pairs]), tuple([b for _, b in pairs])
        if by_right[right].setdefault(left, place) != place:  # the same products, with other terms added
            apart.left.append(left)
            apart.right.append(right)
            apart.table[0].append(place)
    by_left_rows: dict[tuple[Row, ...], list[Row]] = defaultdict(list)
    for right, row in by_right.items():
        by_left_rows[tuple(row)].append(right)
    blocks: list[Block] = []
    for lefts, rights in by_left_rows.items():
        if len(lefts) == len(rights) == 1:
            apart.left.append(lefts[0])
            apart.right.append(rights[0])
            apart.table[0].append(by_right[rights[0]][lefts[0]])
        else:
            blocks.append(Block(list(lefts), rights, [[by_right[r][left] for r in rights] for left in lefts]))
    return blocks + ([apart] if apart.left else [])
