"""Formula: the expression of a recorded Value, and its derivatives, as text and LaTeX."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Container, Iterator, Sequence
from fractions import Fraction
from typing import Any

from .. import ops
from ..engine import Value, topological_order
from ..errors import not_a_number, received
from ..ops import Op, component, given
from .expression import Expression, Number, Operation, Symbol, below
from .identifiers import identifier, is_element
from .latex import Latex
from .printing import Text
from .simplification import Expressions

LIMIT = 40
"""The most names, numbers and functions in one line."""

_SHOWN = 100
"""With more lines than this, the middle ones are left out."""


def _operator(op: Op) -> tuple[Callable[[Formula, Any], Any], Callable[[Formula, Any], Any]]:
    """An operator's method and its reflected method."""

    def forward(self: Formula, other: Any) -> Any:
        return self._apply(op, (self, other)) if isinstance(other, _OPERANDS) else NotImplemented

    def backward(self: Formula, other: Any) -> Any:
        return self._apply(op, (other, self)) if isinstance(other, _OPERANDS) else NotImplemented

    return forward, backward


class Formula:
    """The simplified expression of a recorded Value (or of a number), printed as valid Python.

    Leaves are named by their labels, changed to distinct Python identifiers, or x1, x2, ... (`.leaves` says which is
    which). Functions have the table's names. The simplifications are identities of real numbers: they hold up to
    rounding, overflow and underflow. Formulas can be combined with operators and the table's operations.

    limit   the most names, numbers and functions in one line: in longer lines, shared or large parts get names, which
            are defined in lines above. None: everything in one line, however long.

    >>> x, w, b = Value(2.0, "x"), Value(-1.0, "w"), Value(0.5, "b")
    >>> Formula((w * x + b).tanh()).derivative("x").equation
    'd/dx tanh(w*x + b) = w * (1 - tanh(w*x + b)**2)'
    """

    __slots__ = ("__weakref__", "_all", "_by", "_of", "_root", "limit")

    def __init__(self, v: Value | float, limit: int | None = LIMIT) -> None:
        self._all = Expressions()
        self._root = self._of = _recorded(v, self._all)
        self._by: tuple[Symbol, ...] = ()
        self.limit = limit

    @classmethod
    def symbol(cls, name: str) -> Formula:
        """A variable with this name; `xs[0]` is a name too.

        >>> x = Formula.symbol("x"); (x * x + x + x).derivative("x")
        2*x + 2
        """
        made = cls(0.0)
        spelled = name if is_element(name) else identifier(name)
        made._root = made._of = made._all.symbol(spelled, name, spelled)
        return made

    @property
    def leaves(self) -> dict[str, Value]:
        """The leaves, by their names in this formula."""
        return {name: s.meaning for name, s in self._all.names.items() if isinstance(s.meaning, Value)}

    def derivative(self, x: Value | str | Formula) -> Formula:
        """The derivative by a leaf, a name or a symbol, as a Formula; it comes from the table's rules run on formulas.

        It may hold 0 times infinity; in the engine, an adjoint of exactly 0 wins over an infinite local derivative.
        Raises ValueError for a name that is not in the formula, TypeError for anything that is not a symbol.
        """
        symbol = self._symbol(x)
        order = below([self._root])
        depends: set[Expression] = {symbol}
        for e in order:
            if isinstance(e, Operation) and not depends.isdisjoint(e.parts):
                depends.add(e)
        adjoints: dict[Expression, list[Expression]] = {self._root: [self._all.one]}
        for e in reversed(order):
            if isinstance(e, Operation) and e in depends and e in adjoints:
                adjoint = self._sum_of(adjoints.pop(e))
                if adjoint is not self._all.zero:
                    for part, contribution in self._made(adjoint)._contributions(e.op, e.args, e, depends):
                        adjoints.setdefault(part, []).append(contribution)
        made = self._made(self._sum_of(adjoints.get(symbol, [])))
        made._of, made._by = self._of, (*self._by, symbol)
        return made

    def _contributions(
        self, op: Op, args: tuple[Any, ...], y: Expression, wanted: Container[Expression]
    ) -> Iterator[tuple[Expression, Expression]]:
        """The contributions to the arguments of y = op(*args), by the row's rules, if this formula is y's adjoint."""
        given = [tuple(map(self._given, arg)) if type(arg) is tuple else self._given(arg) for arg in args]
        for rule, arg in zip(op.rules, args, strict=True):
            parts = arg if type(arg) is tuple else (arg,)
            if rule is not None and any(part in wanted for part in parts):
                found = rule(self, self._made(y), *given)
                for part, contribution in zip(parts, found if type(arg) is tuple else (found,), strict=True):
                    if part in wanted:
                        yield part, self._adopt(contribution)

    def _sum_of(self, contributions: list[Expression]) -> Expression:
        """The sum of contributions, which come in the reverse of the reading order."""
        return self._all.add([(1, contribution) for contribution in reversed(contributions)])

    def _given(self, e: Expression) -> Formula | float:
        """The argument that a rule gets: a float for a plain number, as recorded nodes hold them, else a formula."""
        return float(e.value) if isinstance(e, Number) and not isinstance(e.value, Fraction) else self._made(e)

    def _made(self, root: Expression) -> Formula:
        """A formula for another expression of the same set."""
        made = Formula.__new__(Formula)
        made._all, made._root, made._of, made._by, made.limit = self._all, root, root, (), self.limit
        return made

    def _adopt(self, x: Any) -> Expression:
        """The expression, in this formula's set, of an operand: another formula, a Value or a number."""
        if isinstance(x, Formula):
            return x._root if x._all is self._all else _copied(x._root, self._all)
        return _recorded(x, self._all)

    def _symbol(self, x: Value | str | Formula) -> Symbol:
        if isinstance(x, str):
            names = self._all.names
            labelled = [s for s in names.values() if s.label == x]
            if x not in names and not labelled:
                known = ", ".join([*names][:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
                raise ValueError(f"derivative({x!r}): the formula has no such name, its names are: {known or 'none'}")
            return names.get(x) or labelled[0]
        found = self._adopt(x) if isinstance(x, Formula) or (isinstance(x, Value) and x.op is None) else None
        if not isinstance(found, Symbol):
            raise TypeError(f"derivative(x) takes a leaf, a name or a Formula.symbol, got {received(x)}")
        return found

    @property
    def lines(self) -> list[str]:
        """All lines of the text: definitions of parts, then the formula."""
        page = Text([self._root], self.limit)
        return [f"{name} = {text}" for name, text in page.definitions] + [page.roots[0].text]

    def __str__(self) -> str:
        return "\n".join(_shown(self.lines, "# ... {:,} more lines"))

    __repr__ = __str__

    @property
    def equation(self) -> str:
        """The text with its left side if it is a derivative, `d/dx x**2 = 2*x`; else the text alone."""
        if not self._by:
            return str(self)
        page = Text([self._of, self._root], self.limit, self._by)
        lines = [f"{name} = {text}" for name, text in page.definitions]
        last = f"{page.derivative_of(page.roots[0], self._by)} = {page.roots[1].text}"
        return "\n".join(_shown([*lines, last], "# ... {:,} more lines"))

    def latex(self, equation: bool = False) -> str:
        r"""The formula in LaTeX, for math mode; with `equation` and if it is a derivative, with its left side.

        >>> x = Formula.symbol("x"); print((x.sin() / x).latex())
        \frac{\sin\left(x\right)}{x}
        """
        equation = equation and bool(self._by)
        page = Latex([self._of, self._root] if equation else [self._root], self.limit, self._by)
        last = page.roots[-1].text
        if equation:
            last = f"{page.derivative_of(page.roots[0], self._by)} &= {last}"
        if not page.definitions:
            return last.replace(" &= ", " = ", 1)
        lines = [f"{name} &= {text}" for name, text in page.definitions]
        lines = _shown([*lines, last if equation else f"& {last}"], r"& \dots \text{{ {:,} more lines}}")
        return "\n".join([r"\begin{aligned}", " \\\\\n".join(lines), r"\end{aligned}"])

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex(equation=True)}$"

    @staticmethod
    def _apply(op: Op, args: tuple[Any, ...]) -> Formula:
        given = [x for arg in args for x in (arg if type(arg) is tuple else (arg,)) if isinstance(x, Formula)]
        home = max(given, key=lambda f: len(f._all.symbols))
        made = [tuple(map(home._adopt, arg)) if type(arg) is tuple else home._adopt(arg) for arg in args]
        return home._made(home._all.apply(op, made))

    def __getattr__(self, name: str) -> Any:
        """The table's rows and compositions as methods, as on Values."""
        found = ops.TABLE.get(name) or ops.ALIASES.get(name) or ops.COMPOSITIONS.get(name)
        if found is None or 0 in getattr(found, "sequences", ()):
            raise AttributeError(f"'Formula' object has no attribute {name!r}")
        return functools.partial(found, self)

    __add__, __radd__ = _operator(ops.add)
    __sub__, __rsub__ = _operator(ops.sub)
    __mul__, __rmul__ = _operator(ops.mul)
    __truediv__, __rtruediv__ = _operator(ops.div)
    __mod__, __rmod__ = _operator(ops.mod)
    __pow__, __rpow__ = _operator(ops.pow)

    def __neg__(self) -> Formula:
        return self._apply(ops.neg, (self,))

    def __pos__(self) -> Formula:
        return self

    def __abs__(self) -> Formula:
        return self._apply(ops.abs, (self,))


_OPERANDS = (Formula, Value, numbers.Real)


NOT_BY_RULES = {component: "by a solve", given: "as given"}
"""What to write for local derivatives that do not come from a rule."""


def local_derivative_texts(v: Value, limit: int = 24) -> list[str]:
    """The derivatives of v by each of v.parents, as text in the parents' labels or the row's argument names.

    >>> local_derivative_texts(Value(0.5, "h").tanh())
    ['1 - tanh(h)**2']
    """
    if v.op is None:
        return []
    if v.op in NOT_BY_RULES:
        return [NOT_BY_RULES[v.op]] * len(v.parents)
    one = Formula(1.0)
    all_ = one._all
    named = []
    for name, arg in zip(v.op.args, v.args, strict=True):
        named += [(x, f"{name}[{k}]") for k, x in enumerate(arg)] if type(arg) is tuple else [(arg, name)]
    parents = [(x, name) for x, name in named if isinstance(x, Value)]
    for parent, name in sorted(parents, key=lambda pair: not _name(pair[0])):
        all_.symbol(parent, parent.label or "", _name(parent) or name)

    def part(x: Value | float) -> Expression:
        return all_.symbols[x] if isinstance(x, Value) else all_.number(x)

    args = tuple([tuple(map(part, arg)) if type(arg) is tuple else part(arg) for arg in v.args])
    return [text for _, text in _rule_texts(one, v.op, args, limit)]


def rule_texts(op: Op, args: Sequence[Any], limit: int = 24) -> list[str]:
    """The derivatives of op(*args) by each argument as a flat list of texts; "" for numbers, and for long texts.

    args  names, numbers, and tuples of them

    >>> rule_texts(ops.tanh, ["x"]), rule_texts(ops.pow, ["x", 3.0])
    (['1 - tanh(x)**2'], ['3*x**2', ''])
    """
    one = Formula(1.0)

    def part(x: str | float) -> Expression:
        return one._all.symbol(x, x, x) if isinstance(x, str) else one._all.number(x)

    parts: tuple[Any, ...] = tuple([tuple(map(part, arg)) if type(arg) is tuple else part(arg) for arg in args])
    found = {symbol: text for symbol, text in _rule_texts(one, op, parts, limit) if Text.left_out not in text}
    return [found.get(x, "") for arg in parts for x in (arg if type(arg) is tuple else (arg,))]


def _rule_texts(one: Formula, op: Op, args: tuple[Any, ...], limit: int) -> list[tuple[Expression, str]]:
    """The derivatives of op(*args), as text, by its arguments that are symbols."""
    y, symbols = one._all.apply(op, args), set(one._all.symbols.values())
    found = list(one._contributions(op, args, y, symbols))
    texts = Text([derivative for _, derivative in found], limit, short=True).roots
    return [(symbol, written.text) for (symbol, _), written in zip(found, texts, strict=True)]


def _recorded(x: Any, all_: Expressions) -> Expression:
    """The expression of a Value or a number; labelled leaves choose their names first."""
    if not isinstance(x, Value):
        if not isinstance(x, numbers.Real):
            raise not_a_number("a formula", x)
        return all_.number(float(x))
    order = topological_order(x)
    for v in sorted([v for v in order if v.op is None], key=lambda v: not _name(v)):
        all_.symbol(v, v.label or "", _name(v))
    made: dict[Value, Expression] = {}

    def part(x: Value | float) -> Expression:
        return made[x] if isinstance(x, Value) else all_.number(x)

    for v in order:
        if v.op is None:
            made[v] = all_.symbols[v]
        else:
            made[v] = all_.apply(v.op, [tuple(map(part, arg)) if type(arg) is tuple else part(arg) for arg in v.args])
    return made[x]


def _copied(root: Expression, all_: Expressions) -> Expression:
    """Copies an expression into another set; a symbol whose meaning is its name is looked up there first."""
    made: dict[Expression, Expression] = {}

    def part(e: Expression) -> Expression:
        return all_.number(e.value) if isinstance(e, Number) else made[e]

    for e in below([root]):
        if isinstance(e, Symbol):
            twin = all_.names.get(e.name)
            same = twin is not None and e.name in (e.meaning, twin.meaning)
            made[e] = twin if twin is not None and same else all_.symbol(e.meaning, e.label, e.name)
        elif isinstance(e, Operation):
            made[e] = all_.apply(e.op, [tuple(map(part, arg)) if type(arg) is tuple else part(arg) for arg in e.args])
    return part(root)


def _name(v: Value) -> str:
    return identifier(v.label) if v.label else ""


def _shown(lines: list[str], left_out: str) -> list[str]:
    """The lines; if there are too many, a count replaces those in the middle."""
    if len(lines) <= _SHOWN:
        return lines
    half = _SHOWN // 2
    return [*lines[:half], left_out.format(len(lines) - 2 * half), *lines[-half:]]
