"""Expressions: numbers, symbols, and operations, which are rows of the table with arguments, as in a recorded graph.

Sums and products have one form. A sum is `dot` of coefficients and terms, its constant is the coefficient of 1. A
product is `prod` of powers with different bases; a quotient has powers of -1.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from .. import ops
from ..ops import Op
from .coefficients import Real


class Expression:
    """A number, a symbol, or an operation on other expressions; arguments have smaller indices than operations."""

    __slots__ = ("index",)
    index: int


class Number(Expression):
    __slots__ = ("value",)

    def __init__(self, value: Real) -> None:
        self.value = value


class Symbol(Expression):
    """A variable: its name (a Python identifier), the label it comes from, and its meaning, a leaf or just its name."""

    __slots__ = ("label", "meaning", "name")

    def __init__(self, name: str, label: str, meaning: Hashable) -> None:
        self.name, self.label, self.meaning = name, label, meaning


class Operation(Expression):
    """A row of the table with its arguments: expressions, or tuples of them if the row takes a sequence."""

    __slots__ = ("args", "op")

    def __init__(self, op: Op, args: tuple[Any, ...]) -> None:
        self.op, self.args = op, args

    @property
    def parts(self) -> Sequence[Expression]:
        """All expressions in the arguments, without the coefficients of a sum."""
        if self.op is ops.dot:
            return self.args[1]  # type: ignore[no-any-return]
        if not self.op.sequences:
            return self.args
        return [x for arg in self.args for x in (arg if type(arg) is tuple else (arg,))]


def terms_of(e: Expression) -> list[tuple[Real, Expression]]:
    """The coefficients and terms of a sum; anything else is a sum of one."""
    if isinstance(e, Operation) and e.op is ops.dot:
        return [(c.value, term) for c, term in zip(e.args[0], e.args[1], strict=True)]
    return [(1, e)]


def factors_of(e: Expression) -> tuple[Expression, ...]:
    """The factors of a product; anything else is a product of one."""
    if isinstance(e, Operation) and e.op is ops.prod:
        found: tuple[Expression, ...] = e.args[0]
        return found
    return (e,)


def power_of(e: Expression) -> tuple[Expression, Expression | None]:
    """The base and exponent of a power; anything else is its own base."""
    return e.args if isinstance(e, Operation) and e.op is ops.pow else (e, None)


def is_one(e: Expression) -> bool:
    return isinstance(e, Number) and e.value == 1


def below(roots: Iterable[Expression]) -> list[Expression]:
    """The roots and all expressions below them, each once, arguments first."""
    waiting, seen = list(roots), set[Expression]()
    while waiting:
        e = waiting.pop()
        if e not in seen:
            seen.add(e)
            if isinstance(e, Operation):
                waiting += e.parts
    return sorted(seen, key=lambda e: e.index)
