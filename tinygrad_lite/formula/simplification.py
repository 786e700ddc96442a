"""Simplifies expressions as they are made, by identities of real numbers; equal expressions are one object.

The identities hold up to rounding, overflow and underflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from .. import ops
from ..ops import Op
from .coefficients import Real, is_safe, magnitude, plain, raised
from .expression import Expression, Number, Operation, Symbol, power_of, terms_of

_WIDEST = 16
"""A sum or product with more terms is not merged into another, since repeated merging would take quadratic time."""
_DEEPEST = 8
"""A factor is moved into the branches of `where` only up to this nesting."""


class Expressions:
    """A set of expressions, each made once; `symbols` finds a symbol by its meaning."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Expression] = {}
        self.symbols: dict[Hashable, Symbol] = {}
        self.names: dict[str, Symbol] = {}
        self._numbered: dict[str, int] = {}
        self.zero, self.one, self.minus_one = self.number(0), self.number(1), self.number(-1)

    def symbol(self, meaning: Hashable, label: str, name: str = "") -> Symbol:
        """The symbol with this meaning; a new one is called `name`, made unique, or x1, x2, ..."""
        if meaning not in self.symbols:
            name = self._unused(name)
            made = Symbol(name, label or name, meaning)
            self.symbols[meaning] = self.names[name] = made
            self._intern(made, lambda: made)
        return self.symbols[meaning]

    def _unused(self, name: str) -> str:
        """The name if it is not taken, else name_2, name_3, ...; x1, x2, ... if there is no name."""
        if name and name not in self.names:
            return name
        stem, k = (f"{name}_", 2) if name else ("x", 1)
        k = self._numbered.get(stem, k)
        while f"{stem}{k}" in self.names:
            k += 1
        self._numbered[stem] = k + 1
        return f"{stem}{k}"

    def number(self, value: Real) -> Expression:
        """The expression of a number. Minus infinity is a product with -1, like other negative terms."""
        found = self._known.get((value, type(value)))
        if found is not None:
            return found
        value = plain(value)
        if type(value) is not int and (value == -math.inf or not value):
            return self.add([(-1, self.number(math.inf))]) if value else self._intern("-0.0", lambda: Number(value))
        return self._intern((value, type(value)), lambda: Number(value))

    def apply(self, op: Op, args: Sequence[Any]) -> Expression:
        """Applies a row to expressions, or tuples of them, and simplifies."""
        rewrite = _REWRITES.get(op)
        return self.call(op, tuple(args)) if rewrite is None else rewrite(self, *args)

    def call(self, op: Op, args: tuple[Any, ...]) -> Expression:
        """A call of the row, or its value if all arguments are numbers."""
        call = Operation(op, args)
        if all(isinstance(part, Number) for part in call.parts):
            value = op.value(*[tuple(map(_float, arg)) if type(arg) is tuple else _float(arg) for arg in args])
            if math.isfinite(value):
                return self.number(value)
        return self._operation(op, args)

    def add(self, terms: Iterable[tuple[Real, Expression]]) -> Expression:
        """The sum of coefficients times expressions; like terms are merged, and inner sums are expanded."""
        waiting = list(terms)[::-1]
        alone = len(waiting) == 1
        found: dict[Expression, Real] = {}
        while waiting:
            c, e = waiting.pop()
            if isinstance(e, Number) and e is not self.one and math.isfinite(e.value):
                if e.value == 0:
                    continue
                c, e = plain(c * e.value), self.one
            elif isinstance(e, Operation) and e.op is ops.dot:
                inner = terms_of(e)
                if len(inner) == 1:
                    apart = is_safe(c * inner[0][0])
                else:
                    apart = c in (1, -1) and not alone and len(inner) + len(waiting) + len(found) <= _WIDEST
                if apart:
                    waiting += [(plain(c * ci), ei) for ci, ei in reversed(inner)]
                    continue
            total = plain(found[e] + c) if e in found else c
            if total == 0:
                del found[e]
            elif math.isfinite(total) or e not in found:
                found[e] = total
            else:
                found[self._sum([(c, e)])] = 1
        parts = [(c, e) for e, c in found.items()]
        fewer = self._with_branches_together(parts)
        if len(fewer) < len(parts):
            return self.add(fewer)
        made = parts[:_WIDEST]
        for k in range(_WIDEST, len(parts), _WIDEST - 1):
            made = [(1, self._sum(made)), *parts[k : k + _WIDEST - 1]]
        return self._sum(made)

    def _with_branches_together(self, terms: list[tuple[Real, Expression]]) -> list[tuple[Real, Expression]]:
        """Rewrites where(c, a, 0) + where(c, b, 0) as where(c, a + b, 0)."""
        groups: dict[Expression, list[tuple[Real, Operation]]] = {}
        for c, e in terms:
            if isinstance(e, Operation) and _branch(e) and _nested(e) <= _DEEPEST:
                groups.setdefault(e.args[0], []).append((c, e))
        for condition, group in groups.items():
            if len(group) > 1:
                a, b = (self.add([(c, e.args[k]) for c, e in group]) for k in (1, 2))
                together = {e for _, e in group}
                terms = [(c, e) for c, e in terms if e not in together] + [(1, _where(self, condition, a, b))]
        return terms

    def multiply(self, factors: Iterable[Expression]) -> Expression:
        """The product: numbers are multiplied into a coefficient, and powers of the same base are merged."""
        waiting = list(factors)[::-1]
        coefficient: Real = 1
        powers: dict[Expression, Expression] = {}
        while waiting:
            e = waiting.pop()
            if isinstance(e, Number):
                if e.value == 0:
                    return self.zero
                if is_safe(coefficient * e.value):
                    coefficient = plain(coefficient * e.value)
                    continue
            elif isinstance(e, Operation):
                if e.op is ops.dot and len(e.args[0]) == 1:
                    waiting += [e.args[1][0], e.args[0][0]]
                    continue
                if e.op is ops.prod and len(e.args[0]) + len(waiting) + len(powers) <= _WIDEST:
                    waiting += reversed(e.args[0])
                    continue
            base, exponent = power_of(e)
            exponent = exponent or self.one
            if base not in powers:
                powers[base] = exponent
                continue
            exponent = self.add([(1, powers[base]), (1, exponent)])
            if _leaves_range(base, exponent) and (coefficient != 1 or len(powers) > 1 or powers[base] is not self.one):
                powers, coefficient = {self._product(coefficient, powers): self.one}, 1
                waiting.append(e)
                continue
            whole = self.power(base, exponent)
            if whole is self._power(base, exponent) and not (whole is base and isinstance(base, Operation)):
                powers[base] = exponent
            else:
                del powers[base]
                waiting.append(whole)
        return self._product(coefficient, powers)

    def power(self, base: Expression, exponent: Expression) -> Expression:
        """The power; a power of a power is merged only if the outer exponent is whole, since (x**2)**0.5 is not x."""
        if exponent is self.zero or base is self.one:
            return self.one
        if exponent is self.one:
            return base
        n = exponent.value if isinstance(exponent, Number) else None
        if n is not None and isinstance(base, Number):
            value = raised(base.value, n)
            if value is not None:
                return self.number(value)
        elif isinstance(n, int) and isinstance(base, Operation):
            if base.op is ops.pow:
                return self.power(base.args[0], self.multiply([base.args[1], exponent]))
            (c, term), *others = terms_of(base)
            if not others and c == -1:
                return self.add([(-1 if n % 2 else 1, self.power(term, exponent))])
            if not others and n == -1 and term is not base:
                return self.multiply([self.power(self.number(c), exponent), self.power(term, exponent)])
            if base.op is ops.prod and n == -1:
                # A product within a product stays as it is, since products may be nested deeply.
                nested = [isinstance(f, Operation) and f.op is ops.prod for f in base.args[0]]
                turned = [self._power if deep else self.power for deep in nested]
                return self.multiply([turn(f, exponent) for turn, f in zip(turned, base.args[0], strict=True)])
        return self._power(base, exponent)

    def _power(self, base: Expression, exponent: Expression) -> Expression:
        """The power, without simplification."""
        return base if exponent is self.one else self._operation(ops.pow, (base, exponent))

    def _sum(self, terms: Sequence[tuple[Real, Expression]]) -> Expression:
        """The sum of different terms, without simplification."""
        if not terms:
            return self.zero
        if len(terms) == 1:
            c, e = terms[0]
            if e is self.one:
                return self.number(c)
            if c == 1:
                return e
        coefficients = tuple([self.number(c) for c, _ in terms])
        parts = tuple([e for _, e in terms])
        key = frozenset(zip(coefficients, parts, strict=True)) if len(parts) > 1 else (coefficients, parts)
        return self._operation(ops.dot, (coefficients, parts, self.zero), key)

    def _product(self, coefficient: Real, powers: dict[Expression, Expression]) -> Expression:
        """The product of powers of different bases."""
        if len(powers) > 1 or coefficient != 1:
            for base, exponent in powers.items():
                if _branch(base) and isinstance(exponent, Number) and exponent.value > 0 and _nested(base) <= _DEEPEST:
                    return self._into_branch(base, coefficient, powers)
        factors = [self._power(base, exponent) for base, exponent in powers.items()]
        made = factors[:_WIDEST]
        for k in range(_WIDEST, len(factors), _WIDEST - 1):
            made = [self._chunk(made), *factors[k : k + _WIDEST - 1]]
        return self._sum([(coefficient, self._chunk(made))])

    def _chunk(self, factors: Sequence[Expression]) -> Expression:
        """The product of factors of different bases, without simplification."""
        if len(factors) < 2:
            return factors[0] if factors else self.one
        return self._operation(ops.prod, (tuple(factors),), frozenset(factors))

    def _into_branch(self, chosen: Expression, coefficient: Real, powers: dict[Expression, Expression]) -> Expression:
        """Rewrites where(c, a, 0) * b as where(c, a * b, 0), since b may be infinite where the branch is not taken."""
        assert isinstance(chosen, Operation)
        others = [self._power(base, exponent) for base, exponent in powers.items() if base is not chosen]
        branches = [
            branch
            if branch is self.zero
            else self.multiply([self.number(coefficient), self.power(branch, powers[chosen]), *others])
            for branch in chosen.args[1:]
        ]
        return _where(self, chosen.args[0], *branches)

    def _operation(self, op: Op, args: tuple[Any, ...], key: Hashable = None) -> Expression:
        return self._intern((op, args if key is None else key), lambda: Operation(op, args))

    def _intern(self, key: Hashable, make: Callable[[], Expression]) -> Expression:
        found = self._known.get(key)
        if found is None:
            found = make()
            found.index = len(self._known)
            self._known[key] = found
        return found


def _float(e: Expression) -> float:
    assert isinstance(e, Number)
    return float(e.value)


def _leaves_range(base: Expression, exponent: Expression) -> bool:
    """Whether this power of a number, or its inverse, overflows or underflows, although its factors may not."""
    if not isinstance(base, Number) or not isinstance(exponent, Number):
        return False
    return raised(base.value, magnitude(exponent.value)) is None


def _branch(e: Expression) -> bool:
    """Whether e is a `where` with a branch that is 0."""
    if not isinstance(e, Operation) or e.op is not ops.where:
        return False
    return any(isinstance(branch, Number) and branch.value == 0 for branch in e.args[1:])


def _nested(e: Expression) -> int:
    """How many `where` with a zero branch are nested, counted up to the limit that matters."""
    count = 0
    while count <= _DEEPEST and _branch(e):
        assert isinstance(e, Operation)
        count += 1
        e = e.args[2] if isinstance(e.args[1], Number) else e.args[1]
    return count


def _taken(condition: Expression, e: Expression, branch: int) -> Expression:
    """What e is when the condition chooses this branch (1: true, 2: false)."""
    if isinstance(e, Operation) and e.op is ops.where and e.args[0] is condition:
        found: Expression = e.args[branch]
        return found
    return e


def _where(all_: Expressions, condition: Expression, a: Expression, b: Expression) -> Expression:
    if isinstance(condition, Operation) and condition.op is ops.maximum:
        # The larger of a positive number and anything is not 0.
        condition = next((x for x in condition.args if isinstance(x, Number) and x.value > 0), condition)
    if isinstance(condition, Number):
        return a if condition.value != 0 else b
    a, b = _taken(condition, a, 1), _taken(condition, b, 2)
    if a is b:
        return a
    return all_.call(ops.where, (condition, a, b))


def _mean(all_: Expressions, xs: tuple[Expression, ...]) -> Expression:
    ops.mean.value([0.0] * len(xs))  # raises if there are none
    return all_.multiply([all_.add([(1, x) for x in xs]), all_.number(Fraction(1, len(xs)))])


def _dot(all_: Expressions, xs: tuple[Expression, ...], ys: tuple[Expression, ...], start: Expression) -> Expression:
    ops.dot.value([0.0] * len(xs), [0.0] * len(ys), 0.0)  # raises if the lengths differ
    return all_.add([(1, all_.multiply(pair)) for pair in zip(xs, ys, strict=True)] + [(1, start)])


def _take(all_: Expressions, table: tuple[Expression, ...], index: Expression) -> Expression:
    if isinstance(index, Number):
        return table[ops.position(float(index.value), len(table))]
    return all_.call(ops.take, (table, index))


# Arithmetic rows become sums, products and powers; choices by a known number are made.
_REWRITES: dict[Op, Callable[..., Expression]] = {
    ops.add: lambda all_, a, b: all_.add([(1, a), (1, b)]),
    ops.sub: lambda all_, a, b: all_.add([(1, a), (-1, b)]),
    ops.mul: lambda all_, a, b: all_.multiply([a, b]),
    ops.div: lambda all_, a, b: all_.multiply([a, all_.power(b, all_.minus_one)]),
    ops.neg: lambda all_, a: all_.add([(-1, a)]),
    ops.pow: Expressions.power,
    ops.identity: lambda all_, a: a,
    ops.sum: lambda all_, xs: all_.add([(1, x) for x in xs]),
    ops.prod: Expressions.multiply,
    ops.mean: _mean,
    ops.dot: _dot,
    ops.where: _where,
    ops.take: _take,
}
