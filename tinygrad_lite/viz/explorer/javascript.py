"""Writes the page's evaluator: the values and local derivatives of the table's operations, in JavaScript.

A row's array form and its rules run once on Expressions, which record what is done to them, so no operation and no
derivative is written here. Common parts are computed once. The same steps for each element of a long sequence become a
loop.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...ops import Op
from .rule_expression import MATH, Expression, formed

_LONG = 16
"""Longer sequences become loops, if their elements are treated in the same way."""

_DEEP = 50
"""How deep the expressions of elements are compared; products of more and more factors differ anyway."""

Shape = Sequence[int | float | None]

_OPERATORS = {"+", "-", "*", "/", "<", "<=", ">", ">=", "===", "!=="}
_REDUCTIONS = {"sum": ("0", "{} + {}"), "prod": ("1", "{} * {}"), "max": ("-Infinity", "maximum({}, {})")}


class _Code:
    """Numbers Expressions: equal ones get the same number, and parts come before the whole."""

    def __init__(self) -> None:
        self._parts: list[tuple[Any, ...]] = []
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._met: dict[int, tuple[int, Any]] = {}  # holds the object, so that its id is not reused

    def number(self, x: Any) -> int:
        pending = [x]
        while pending:
            x = pending[-1]
            operands = x.operands if isinstance(x, Expression) and x.function != "argument" else ()
            missing = [operand for operand in operands if id(operand) not in self._met]
            if missing:
                pending += reversed(missing)
                continue
            pending.pop()
            if not isinstance(x, Expression):
                part: tuple[Any, ...] = ("number", _literal(float(x)))
            elif operands:
                part = (x.function, *[self._met[id(operand)][0] for operand in operands])
            else:
                part = (x.function, *x.operands)
            if part not in self._numbers:
                self._numbers[part] = len(self._parts)
                self._parts.append(part)
            self._met[id(x)] = self._numbers[part], x
        return self._met[id(x)][0]

    def function(self, number: int) -> str:
        return str(self._parts[number][0])

    def operands(self, number: int) -> tuple[Any, ...]:
        """The numbers of its parts; for an argument, its position; for a number, its text."""
        return self._parts[number][1:]

    def is_read(self, number: int) -> bool:
        """Whether it can be read directly, without a statement."""
        return self.function(number) in ("argument", "number", "y")

    def text(self, number: int) -> str:
        function, *operands = self._parts[number]
        if function == "argument":
            return f"a[o + {operands[0]}]"
        if function == "number":
            return f"({operands[0]})" if operands[0].startswith("-") else str(operands[0])
        return "y" if function == "y" else f"t{number}"


class _Loop:
    """The statements of a loop over listed Expressions of the same form, each for the i-th element."""

    def __init__(self, code: _Code) -> None:
        self._code = code
        self._known: dict[tuple[int, ...], str] = {}
        self.lines: list[str] = []
        self.needs: set[int] = set()
        """The parts that are the same for all elements."""

    def text(self, listed: Sequence[int], depth: int = 0) -> str | None:
        """The i-th Expression in JavaScript; None if they do not have the same form."""
        code, column = self._code, tuple(listed)
        first = column[0]
        if column.count(first) == len(column):
            self.needs.add(first)
            return code.text(first)
        if column in self._known:
            return self._known[column]
        rows = [code.operands(number) for number in column]
        alike = all(code.function(k) == code.function(first) for k in column) and len({len(row) for row in rows}) == 1
        if not alike or depth > _DEEP:
            return None
        if code.is_read(first):
            start = rows[0][0]
            if any(float(row[0]) != float(start) + k for k, row in enumerate(rows)):
                return None
            return f"a[o + {start} + i]" if code.function(first) == "argument" else f"({start} + i)"
        texts = [self.text(part, depth + 1) for part in zip(*rows, strict=True)]
        if any(text is None for text in texts):
            return None
        name = self._known[column] = f"u{len(self.lines)}"
        self.lines.append(f"const {name} = {_written(code.function(first), texts)};")
        return name


class _Function:
    """The body of a JavaScript function: constants one after the other, and loops."""

    def __init__(self) -> None:
        self.code = _Code()
        self._ends: list[str] = []
        self._needs: set[int] = set()

    def give(self, text: str, x: Any) -> None:
        """Adds a final statement; {} in the text stands for the Expression."""
        number = self.code.number(x)
        self._needs.add(number)
        self._ends.append(text.format(self.code.text(number)))

    def store(self, first: int, xs: Sequence[Any]) -> None:
        """Adds statements that write Expressions to `out`, one after the other."""
        loop = _Loop(self.code)
        found = loop.text([self.code.number(x) for x in xs]) if len(xs) > _LONG else None
        if found is None:
            for k, x in enumerate(xs):
                self.give(f"out[o + {first + k}] = {{}};", x)
        else:
            self._needs |= loop.needs
            self._ends.append(_for(len(xs), [*loop.lines, f"out[o + {first} + i] = {found};"]))

    def __str__(self) -> str:
        code, statements, needs = self.code, [], self._needs
        for number in range(max(needs, default=-1), -1, -1):
            if number in needs and not code.is_read(number):
                statement, parts = self._statement(number)
                statements.append(statement)
                needs |= parts
        return "\n".join([*reversed(statements), *self._ends])

    def _statement(self, number: int) -> tuple[str, set[int]]:
        """The statement that computes a part, and the parts that it needs before it."""
        code, name = self.code, self.code.text(number)
        function, operands = code.function(number), code.operands(number)
        listed = operands[1:] if function == "take" else operands if function in _REDUCTIONS else ()
        loop = _Loop(code)
        found = loop.text(listed) if len(listed) > _LONG else None
        if found is None:
            return f"const {name} = {_written(function, [*map(code.text, operands)])};", {*operands}
        if function == "take":
            i = code.text(operands[0])
            check = f"if (Number.isInteger({i}) && {i} >= 0 && {i} < {len(listed)}) {{"
            lines = "\n".join([check, f"const i = {i};", *loop.lines, f"{name} = {found};", "}"])
            return f"let {name} = NaN;\n{lines}", {operands[0], *loop.needs}
        start, step = _REDUCTIONS[function]
        lines = _for(len(listed), [*loop.lines, f"{name} = {step.format(name, found)};"])
        return f"let {name} = {start};\n{lines}", loop.needs


def _for(count: int, lines: Sequence[str]) -> str:
    return "\n".join([f"for (let i = 0; i < {count}; i++) {{", *lines, "}"])


def _written(function: str, texts: Sequence[Any]) -> str:
    """A function with its operands, in JavaScript."""
    if function in _REDUCTIONS:
        start, step = _REDUCTIONS[function]
        return functools.reduce(step.format, texts, start)
    if function in _OPERATORS:
        return f"{texts[0]} {function} {texts[1]}"
    if function == "where":
        return f"{texts[0]} ? {texts[1]} : {texts[2]}"
    if function == "take":
        return f"[{', '.join(texts[1:])}][{texts[0]}] ?? NaN"
    if function == "neg":
        return f"-{texts[0]}"
    return f"{'Math.' if function in MATH else ''}{function}({', '.join(texts)})"


def _literal(x: float) -> str:
    if math.isfinite(x):
        return repr(x).removesuffix(".0")
    return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"


def _functions(op: Op, shape: Shape) -> str:
    """The JavaScript object with a variant's functions; raises if the row uses something that JavaScript lacks."""
    args: list[Any] = []
    places = [0]
    for position, told in enumerate(shape):
        size = int(told or 0) if position in op.sequences else 1
        numbered = tuple([Expression("argument", places[-1] + k) for k in range(size)])
        args.append(numbered if position in op.sequences else told if type(told) is float else numbered[0])
        places.append(places[-1] + size)
    value = _Function()
    value.give("return {};", formed(op, args))
    made = [f"value(a, o) {{\n{value}\n}}", f"partials(a, o, y, out) {{\n{_contributions(op, args, places, 1.0)}\n}}"]
    if op.flat is None:
        made.append(f"infinite(a, o, y, out) {{\n{_contributions(op, args, places, math.inf)}\n}}")
    return f"{{ {', '.join(made)} }}"


def _contributions(op: Op, args: Sequence[Any], places: Sequence[int], adjoint: float) -> _Function:
    """What each number gets of an adjoint."""
    made = _Function()
    for rule, arg, place in zip(op.rules, args, places, strict=False):
        found = [0.0] * (len(arg) if isinstance(arg, tuple) else 1)
        if rule is not None:
            given = rule(adjoint, Expression("y"), *args)
            found = list(given) if isinstance(arg, tuple) else [given]
        made.store(place, found)
    return made


def _tried(op: Op, shape: Shape) -> tuple[str, str | None]:
    """The variant's object, or null and the reason."""
    try:
        return _functions(op, shape), None
    except Exception as error:  # a user's own form or rule may raise anything when it gets Expressions
        return "null", f"the page cannot compute {op.name}: {error or type(error).__name__}"


def unsupported(op: Op, shape: Shape | None = None) -> str | None:
    """Why the page cannot compute an operation (with this shape, as in `evaluator`); None if it can.

    >>> from tinygrad_lite import ops
    >>> unsupported(ops.tanh), unsupported(ops.component)
    (None, 'the page cannot compute component: it has no array form, so only Python can')
    """
    return _tried(op, shape or [3] * len(op.args))[1]


def evaluator(variants: Sequence[tuple[Op, Shape]]) -> str:
    """A JavaScript array with {value(a, o), partials(a, o, y, out)} for each variant, or null if it is unsupported.

    variants   an operation, and its shape: for each argument its length if it is a sequence, its number as a float if
               that is always the same, else None
    `a` holds the arguments from o on, as a flat list; `y` is the value; `out` receives, from o on, the derivative of
    the value by each number, 0 if there is no rule. Of a row that shows by its rules where it is flat, infinite(a, o,
    y, out) gives what each number gets of an infinite adjoint.

    >>> from tinygrad_lite import ops
    >>> print(evaluator([(ops.exp, [None])]).partition("return [")[2])
    { value(a, o) {
    const t1 = Math.exp(a[o + 0]);
    return t1;
    }, partials(a, o, y, out) {
    out[o + 0] = y;
    } }
    ];
    })()
    """
    special = Path(__file__).with_name("special.js").read_text(encoding="utf-8")
    made = ",\n".join([_tried(op, shape)[0] for op, shape in variants])
    return f"(() => {{\n{special}\nreturn [{made}\n];\n}})()"
