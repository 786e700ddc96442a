"""Describes the array operations of a compiled program: what each does, to which arrays, with which shapes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...compiler.joint_results import Component, Joint
from ...compiler.passes.grouping import Group
from ...compiler.passes.matrix_products import Product
from ...compiler.passes.program import SOURCES, SUM, Program, as_array
from ...ops import Op
from ...text.wording import INFIX
from .array_names import Names

_MANY_TERMS = 4


@dataclass(frozen=True, slots=True)
class ArrayOperation:
    """An array operation in words, such as the formula `w @ x + b` with the shapes `(16 x 3) @ (3 x lanes)`.

    step     of a loop: the operations of one step
    factors  of a product: the names and shapes of both factors
    """

    title: str
    formula: str
    shapes: str
    is_product: bool = False
    step: str = ""
    factors: tuple[tuple[str, int, int], ...] = ()


def described(program: Program, group: Group, names: Names) -> ArrayOperation:
    if group.kind == SUM:
        return _sum(program, group, names)
    assert isinstance(group.kind, Op)
    op = group.kind
    args = [names.of(places) for places in operands(program, group)]
    if isinstance(op, Component):
        indices = sorted({int(program.number(program.args[place][1]) or 0) for place in group.members})
        return ArrayOperation("numbers", f"{args[0]}[{_spread(indices)}]", _rows(group))
    if isinstance(op, Joint):
        often = Counter([_step_title(kind) for kind in op.step.kinds if kind not in SOURCES])
        step = ", ".join([f"{n} {title}" for title, n in often.most_common(3)])
        title = f"{op.name.replace('_', ' ')}" + f" of {op.steps:,} steps" * bool(op.steps)
        return ArrayOperation(title, f"from {', '.join(args[:-1])}", _rows(group), step=step)
    formula = f" {op.symbol} ".join(args) if op.name in INFIX else f"{op.name}({', '.join(args)})"
    return ArrayOperation(op.name, formula, _rows(group))


def _spread(indices: list[int]) -> str:
    return f"{indices[0]}" if len(indices) == 1 else f"{indices[0]} … {indices[-1]}"


def _step_title(kind: Op | str) -> str:
    return kind if isinstance(kind, str) else "numbers" if isinstance(kind, Component) else kind.name


def operands(program: Program, group: Group) -> list[Any]:
    """The places that a group reads, as an array for each operand."""
    if group.kind != SUM:
        columns = zip(*[program.args[p] for p in group.members], strict=True)
        return [np.array(column) if type(column[0]) is int else as_array(column) for column in columns]
    factors = [np.asarray(group.product.left), group.product.right] if group.product else []
    return factors + _columns(program, group, 2) + _columns(program, group, 3)


def _columns(program: Program, group: Group, which: int) -> list[Any]:
    """The added (2) or subtracted (3) terms of a sum; none if the matrix product already includes them."""
    if group.summed is not None:
        return []
    first = program.args[group.members[0]]
    if group.product is not None and group.product.left.shape[-1] > len(first[0]):
        return []
    terms = np.array([program.args[place][which] for place in group.members], dtype=int)
    return [terms] if terms.shape[1] >= _MANY_TERMS else list(terms.T)


def _sum(program: Program, group: Group, names: Names) -> ArrayOperation:
    product = group.product
    title, formula, shapes = _product(program, product, group, names) if product else ("elementwise", "", _rows(group))
    factors = _factors(product, group, formula) if product else ()
    for sign, which in (("+", 2), ("-", 3)):
        for column in _columns(program, group, which):
            name = f"sum({names.of(column)})" if column.ndim == 2 else names.of(column)
            formula = f"{formula} {sign} {name}" if formula else name if which == 2 else f"-{name}"
    return ArrayOperation(title, formula or "0", shapes, title == "matrix product", factors=factors)


def _factors(product: Product, group: Group, formula: str) -> tuple[tuple[str, int, int], ...]:
    """The names and shapes of both factors, of one lane, if each row on the left meets each column on the right."""
    shape = np.shape(product.left)
    if len(shape) == 3 or group.summed is not None or not (product.crossed or shape[0] == 1):
        return ()
    first, _, second = formula.replace(" * ", " @ ").partition(" @ ")
    return ((first, *shape), (second, shape[1], len(product.right)))


def _product(program: Program, product: Product, group: Group, names: Names) -> tuple[str, str, str]:
    left, right = np.asarray(product.left), product.right
    if left.ndim == 3:
        return _stack(product, group, names)
    (n, k), m = left.shape, len(right)
    if group.summed is not None:
        inner = _lanes(k)
        if not product.crossed:
            return "sum over lanes", f"sum({names.of(left)} * {names.of(right)})", f"({_lanes(n * k)})"
        if {program.number(p) for p in right.ravel().tolist()} == {1.0}:
            return "sum over lanes", f"sum({names.of(left)})", f"({n} x {inner})"
        return "matrix product", f"{names.of(left)} @ {names.of(right, '.T')}", f"({n} x {inner}) @ ({inner} x {m})"
    if product.crossed and k > 1:
        by_lane = any(program.by_lane(p) for p in left.ravel().tolist())
        if not group.varies:
            formula = f"{names.of_matrix(left)} @ {names.of_matrix(right.T)}"
            return "matrix product", formula, f"({n} x {k}) @ ({k} x {m})"
        if by_lane:
            return "matrix product", f"{names.of(left)} @ {names.of(right, '.T')}", f"lanes x ({n} x {k}) @ ({k} x {m})"
        return "matrix product", f"{names.of_matrix(left)} @ {names.of(right)}", f"({n} x {k}) @ ({k} x {_lanes(m)})"
    if k > 1:
        lanes = " x lanes" * group.varies
        if n == 1:
            return "dot product", f"{names.of_matrix(left)} @ {names.of(right)}", f"(1 x {k}) @ ({k}{lanes})"
        return "dot products", f"dot({names.of(left)}, {names.of(right)})", f"{n} of ({k}) · ({k}{lanes})"
    if product.crossed and min(n, m) > 1:
        return "outer product", f"{names.of(left)} * {names.of(right)}", f"({n} x 1) * (1 x {m})"
    turned = names.of_matrix(left) if product.crossed and m == 1 else names.of(left)
    return "elementwise", f"{turned} * {names.of(right)}", _rows(group)


def _stack(product: Product, group: Group, names: Names) -> tuple[str, str, str]:
    """A stack of products, lane by lane."""
    (count, n, k), m = product.left.shape, product.right.shape[1]
    if k == 1:
        formula = f"{names.of(product.left)} * {names.of(product.right)}"
        return (
            ("outer products", formula, f"{count} of ({n} x 1) * (1 x {m})")
            if n > 1 < m
            else ("elementwise", formula, _rows(group))
        )
    formula = f"{names.of(product.left)} @ {names.of(product.right, '.T')}"
    return "matrix product", formula, f"{count} of lanes x ({n} x {k}) @ ({k} x {m})"


def _rows(group: Group) -> str:
    return f"({len(group)} x lanes)" if group.varies and group.summed is None else f"({len(group)})"


def _lanes(n: int) -> str:
    return "lanes" if n == 1 else f"{n}·lanes"
