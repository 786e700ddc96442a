"""Writes expressions as Python text; the parts that shared_parts.py chose get names, on lines of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

from .. import ops
from ..ops import Op
from .coefficients import Real, magnitude
from .expression import Expression, Number, Operation, Symbol, below, factors_of, is_one, power_of, terms_of
from .shared_parts import parts_to_name

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly a piece of text binds: the outermost operation in it."""


class Written(NamedTuple):
    """A piece of text, how tightly it binds, and whether spaces separate its factors."""

    text: str
    binding: int
    spaced: bool = False


class Text:
    """Expressions as Python text: `roots`, and before them `definitions`, each a name and its text.

    limit   the most names, numbers and functions in one line; None for any number
    by      further symbols besides those in the roots
    short   True: parts that are too long are replaced by `...` instead of being defined
    The methods from `name` on say how Python writes the pieces; a subclass for another language replaces them.
    """

    left_out = "..."

    def __init__(
        self, roots: Sequence[Expression], limit: int | None, by: Sequence[Symbol] = (), short: bool = False
    ) -> None:
        order = below(roots)
        named = [] if limit is None else parts_to_name(order, roots, limit, shared=not short)
        symbols = [e for e in below([*roots, *by]) if isinstance(e, Symbol)]
        taken = {s.name for s in symbols}
        names = [f"t{k}" for k in range(1, len(named) + len(taken) + 1) if f"t{k}" not in taken]
        self._names = {e: self.left_out if short else self.name(name) for e, name in zip(named, names, strict=False)}
        self._symbols = self.symbols(symbols)
        self._written: dict[Expression, Written] = {}
        self.definitions: list[tuple[str, str]] = []
        for e in order:
            written = self._write(e)
            if e in self._names:
                self.definitions.append((self._names[e], written.text))
                written = Written(self._names[e], ATOM)
            self._written[e] = written
        self.roots = [self._written[root] for root in roots]

    def _write(self, e: Expression) -> Written:
        if isinstance(e, Symbol):
            return Written(self._symbols[e], ATOM)
        if isinstance(e, Number):
            written = self._product(magnitude(e.value), [])
            return Written(f"-{written.text}", SUM) if e.value < 0 or repr(e.value) == "-0.0" else written
        assert isinstance(e, Operation)
        if e.op is ops.dot:
            return self._sum(terms_of(e))
        if e.op is ops.prod or e.op is ops.pow:
            return self._product(1, factors_of(e))
        return self.call(e.op, e.args)

    def _sum(self, terms: list[tuple[Real, Expression]]) -> Written:
        if terms[0][0] < 0:  # a positive one first, if there is one
            first = next((k for k, (c, _) in enumerate(terms) if c > 0), 0)
            terms = [terms[first], *terms[:first], *terms[first + 1 :]]
        text = ""
        for c, e in terms:
            taken_apart = isinstance(e, Operation) and e.op in (ops.prod, ops.pow) and e not in self._names
            written = self._product(magnitude(c), [] if is_one(e) else factors_of(e) if taken_apart else [e])
            if not text and c > 0:
                text = written.text
                if len(terms) == 1:
                    return written
            else:
                sign = " - " if c < 0 else " + "
                text += (sign if text else "-") + self.held(written, PRODUCT)
        return Written(text, SUM)

    def _product(self, c: Real, factors: Sequence[Expression]) -> Written:
        """The product with a number that is not negative; negative whole powers go into the denominator."""
        n, d = (c.numerator, c.denominator) if isinstance(c, Fraction) else (c, 1)
        over, under = [], [] if d == 1 else [self.digits(d)]
        for factor in sorted(factors, key=self._rank):
            base, exponent = (factor, None) if self.is_named(factor) else power_of(factor)
            if exponent is None:
                over.append(self._written[factor])
            elif isinstance(exponent, Number) and type(exponent.value) is int and exponent.value < 0:
                positive = self.digits(-exponent.value)
                under.append(self._written[base] if positive.text == "1" else self.power(self._written[base], positive))
            else:
                over.append(self.power(self._written[base], self._written[exponent]))
        if n != 1 or not over:
            over.insert(0, self.digits(n))
        above = self.multiplied(over)
        return self.divided(above, self.multiplied(under)) if under else above

    def is_named(self, e: Expression) -> bool:
        """Whether a part is replaced by its name; it is not while its own definition is written."""
        return e in self._names and e in self._written

    def _rank(self, factor: Expression) -> int:
        """The order of factors: names first, then functions, then brackets."""
        base = factor if self.is_named(factor) else power_of(factor)[0]
        if not isinstance(base, Operation) or self.is_named(base) or base.op is ops.prod:
            return 0
        return 2 if base.op is ops.dot else 1

    def held(self, written: Written, binding: int) -> str:
        """The text, in brackets if it binds less tightly than `binding`."""
        return written.text if written.binding >= binding else self.bracketed(written.text)

    def of(self, e: Expression) -> str:
        return self._written[e].text

    def derivative_of(self, written: Written, by: Sequence[Symbol]) -> str:
        """The left side of a derivative: `d2/dx2 f`, `d3/dx2 dw f`."""
        groups = [(self._symbols[s], len(list(same))) for s, same in groupby(by)]
        order = str(len(by)) if len(by) > 1 else ""
        below_line = " ".join(f"d{name}{n if n > 1 else ''}" for name, n in groups)
        return f"d{order}/{below_line} {self.held(written, POWER)}"

    def name(self, name: str) -> str:
        """How a part's name is written."""
        return name

    def symbols(self, symbols: Sequence[Symbol]) -> dict[Expression, str]:
        return {s: s.name for s in symbols}

    def digits(self, value: int | float) -> Written:
        return Written(repr(value) if math.isfinite(value) else f'float("{value}")', ATOM)

    def bracketed(self, text: str) -> str:
        return f"({text})"

    def multiplied(self, factors: list[Written]) -> Written:
        if len(factors) == 1:
            return factors[0]
        spaced = any(f.binding < PRODUCT or f.spaced for f in factors)
        return Written((" * " if spaced else "*").join(self.held(f, PRODUCT) for f in factors), PRODUCT, spaced)

    def divided(self, above: Written, under: Written) -> Written:
        spaced = above.spaced or under.binding < POWER
        line = " / " if spaced else "/"
        return Written(f"{self.held(above, PRODUCT)}{line}{self.held(under, POWER)}", PRODUCT, spaced)

    def power(self, base: Written, exponent: Written) -> Written:
        tight = exponent.binding == ATOM or exponent.text.lstrip("-").replace(".", "").isdigit()
        return Written(f"{self.held(base, ATOM)}**{exponent.text if tight else f'({exponent.text})'}", POWER)

    def call(self, op: Op, args: tuple[Any, ...]) -> Written:
        return Written(f"{op.name}({', '.join(self.arguments(op, args))})", ATOM)

    def arguments(self, op: Op, args: tuple[Any, ...]) -> list[str]:
        """The texts of the arguments, without defaults at the end."""
        given = list(args)
        for default in reversed(op.defaults):
            if not isinstance(given[-1], Number) or given[-1].value != default:
                break
            given.pop()
        return [self.sequence([self.of(x) for x in arg]) if type(arg) is tuple else self.of(arg) for arg in given]

    def sequence(self, texts: Sequence[str]) -> str:
        return f"[{', '.join(texts)}]"
