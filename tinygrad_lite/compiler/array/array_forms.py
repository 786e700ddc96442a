"""Writes an operation's array form, an expression in the table, as calls that write in place."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

from ...ops import Op

_NAMES: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "pow", ast.USub: "negative",
    ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal", ast.Eq: "equal",
    ast.NotEq: "not_equal",
}  # fmt: skip
_REDUCTIONS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}


class Lines(Protocol):
    """What a form is written to: the lines of a source, and the names that they use."""

    def line(self, text: str) -> None: ...

    def function(self, name: str) -> str | None:
        """The name of a function of the namespace in the source; None if the namespace has none."""

    def writes_in_place(self, name: str) -> bool:
        """Whether the function can write its result to a given array."""

    def constant(self, number: float) -> str:
        """The name of a number in the source."""

    def buffer(self, length: int, kind: str) -> str:
        """The name of an array that nothing else uses meanwhile, shaped like the result with one more axis in front."""


def write(op: Op, names: Mapping[str, str], lengths: Mapping[str, int], out: str, lines: Lines) -> bool:
    """Writes the lines that compute an operation into the array `out`; False if it has no usable form.

    names    the names of the arrays that hold its arguments
    lengths  the lengths of its sequences, which are the first axes of their arrays
    """
    if not op.array:
        return False
    form = _parsed(op.array)
    if any(lines.function(name) is None for name in form.called):
        return False
    found = _Writing(form, names, lengths, lines).value(form.tree, out)
    if found != out:
        lines.line(f"{out}[...] = {found}")
    return True


def count_lines(op: Op) -> int:
    """About how many lines an operation takes."""
    return _parsed(op.array).lines if op.array else 1


class _Form(NamedTuple):
    """An array form, parsed."""

    tree: ast.expr
    called: frozenset[str]  # the names of functions
    texts: dict[ast.expr, str]  # the text of each part; equal parts have equal texts
    counts: Counter[str]  # how often each text occurs
    lines: int  # about how many it is written as


@lru_cache(1024)  # programs use the same few forms again and again, and parsing one costs more than writing it
def _parsed(form: str) -> _Form:
    tree = ast.parse(form, mode="eval").body
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    texts = {node: ast.dump(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    lines = max(1, len({text for part, text in texts.items() if _operands(part)}))
    return _Form(tree, frozenset(called), texts, Counter(texts.values()), lines)


class _Writing:
    """Writes a form part by part, in place where possible; a part that is used twice gets an array of its own."""

    def __init__(self, form: _Form, names: Mapping[str, str], lengths: Mapping[str, int], lines: Lines) -> None:
        self._names, self._lengths, self._lines = names, lengths, lines
        self._texts, self._counts = form.texts, form.counts
        self._known: dict[str, str] = {}

    def value(self, node: ast.expr, target: str) -> str:
        """The name of a part's array. Writes the part to target, or to an array of its own, unless done already."""
        if isinstance(node, ast.Name):
            return self._names[node.id]
        number = _number(node)
        if number is not None:
            return self._lines.constant(number)
        text = self._texts[node]
        if text in self._known:
            return self._known[text]
        if self._counts[text] > 1 or not target:
            target = self._known[text] = self._lines.buffer(self._length(node), _kind(node))
        self._write(node, target)
        return target

    def _write(self, node: ast.expr, target: str) -> None:
        line, name = self._lines.line, _function(node)
        function = self._lines.function(name)
        bounded = _bounded_reduction(node)
        if bounded is not None:
            number, reduction = bounded
            text = self.value(reduction.args[0], "")
            line(f"{function}.reduce({text}, 0, None, {target}, False, {number})")
            return
        if function is None:
            line(f"{target}[...] = {self._renamed(node)}")
            return
        in_place = self._lines.writes_in_place(name)
        texts = []
        free = in_place
        for operand in _operands(node):
            suits = free and _kind(operand) == _kind(node) and self._length(operand) == self._length(node)
            texts.append(self.value(operand, target if suits else ""))
            free = free and texts[-1] != target
        if _is_reduction(node):
            line(f"{function}.reduce({texts[0]}, 0, None, {target})")
        elif name == "where" and texts[1:] == [self._lines.constant(1.0), self._lines.constant(0.0)]:
            line(f"{target}[...] = {texts[0]}")
        elif name == "where" and self._lines.function("copyto"):
            line(f"{self._lines.function('copyto')}({target}, {texts[2]})")
            line(f"{self._lines.function('copyto')}({target}, {texts[1]}, where={texts[0]})")
        elif in_place:
            line(f"{function}({', '.join(texts)}, out={target})")
        else:
            line(f"{target}[...] = {function}({', '.join(texts)})")

    def _length(self, node: ast.expr) -> int:
        """The length of a part's first axis if it has one axis more than the result, else 0."""
        if isinstance(node, ast.Name):
            return self._lengths.get(node.id, 0)
        return 0 if _is_reduction(node) else max(map(self._length, _operands(node)), default=0)

    def _renamed(self, node: ast.expr) -> str:
        """The text of a part, with the source's names of arrays and functions in place of the form's."""
        made = copy.deepcopy(node)
        for part in ast.walk(made):
            if isinstance(part, ast.Name):
                part.id = self._names.get(part.id) or self._lines.function(part.id) or part.id
        return ast.unparse(made)


def _kind(node: ast.expr) -> str:
    return "bool" if isinstance(node, ast.Compare) else "float"


def _number(node: ast.expr) -> float | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _number(node.operand)
        return None if number is None else -number
    return float(node.value) if isinstance(node, ast.Constant) else None  # type: ignore[arg-type]


def _is_reduction(node: ast.expr) -> bool:
    """Whether the part is a reduction along the first axis."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    return node.func.id in _REDUCTIONS and bool(node.keywords)


def _bounded_reduction(node: ast.expr) -> tuple[str, ast.Call] | None:
    """The number and the reduction of a part like maximum(max(xs, axis=0), number), which is one step."""
    if isinstance(node, ast.Call) and len(node.args) == 2:
        first, second = node.args
        if _is_reduction(first) and _function(first) == _function(node) and _number(second) is not None:
            assert isinstance(first, ast.Call)
            return ast.unparse(second), first
    return None


def _function(node: ast.expr) -> str:
    """The function that makes a part of its operands; "" where it is something else."""
    if isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return _NAMES.get(type(node.op), "")
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _NAMES.get(type(node.ops[0]), "")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _REDUCTIONS[node.func.id] if _is_reduction(node) else "" if node.keywords else node.func.id
    return ""


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return node.args if isinstance(node, ast.Call) else []
