"""Small changes to a Python source, each of which some test should notice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
}  # fmt: skip
_NEVER_RUN = {"TYPE_CHECKING", "cython.compiled"}


@dataclass(frozen=True)
class Mutant:
    """A change: its line, the bytes of the source that it replaces, what stood there and what stands there now.

    function  the first line of the function that it is in, decorators included, as code objects have it; 0 for none
    """

    line: int
    span: tuple[int, int]
    before: str
    after: str
    function: int

    def applied(self, source: str) -> str:
        text = source.encode()
        return (text[: self.span[0]] + self.after.encode() + text[self.span[1] :]).decode()

    def __str__(self) -> str:
        return f"{self.line}: {' '.join(self.before.split())}  ->  {' '.join(self.after.split())}"


def mutants(source: str) -> list[Mutant]:
    """Every change to a source, from its first line to its last."""
    return sorted(_Finder(source).found(), key=lambda mutant: mutant.span)


class _Finder:
    def __init__(self, source: str) -> None:
        self._text, self._tree = source.encode(), ast.parse(source)
        self._starts = [0]
        for line in self._text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def found(self) -> Iterator[Mutant]:
        for node, function in self._visited(self._tree, 0):
            for part, change in _changes(node):
                assert part.end_lineno is not None and part.end_col_offset is not None
                first = self._starts[part.lineno - 1] + part.col_offset
                last = self._starts[part.end_lineno - 1] + part.end_col_offset
                yield Mutant(part.lineno, (first, last), self._text[first:last].decode(), change, function)

    def _visited(self, node: ast.AST, function: int) -> Iterator[tuple[ast.expr | ast.stmt, int]]:
        """The nodes that may be changed, with the first line of their function."""
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            function = min([node.lineno, *[part.lineno for part in getattr(node, "decorator_list", ())]])
        if isinstance(node, (ast.expr, ast.stmt)):
            yield node, function
        for name, field in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list") or _skips(node, name):
                continue
            for child in field if isinstance(field, list) else [field]:
                if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):  # its positions are wrong
                    yield from self._visited(child, function)


def _skips(node: ast.AST, part: str) -> bool:
    """Whether a part of an `if` is for type checkers or for C alone, or asks which it is."""
    if not isinstance(node, (ast.If, ast.IfExp)):
        return False
    asked = node.test.values if isinstance(node.test, ast.BoolOp) and type(node.test.op) is ast.And else [node.test]
    texts = {ast.unparse(question) for question in asked}
    if part == "test":
        return any(text.removeprefix("not ") in _NEVER_RUN for text in texts)
    return part == "body" and not texts.isdisjoint(_NEVER_RUN)


def _changes(node: ast.expr | ast.stmt) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """A part of a node, or the node itself, and what may replace it."""
    test = getattr(node, "test", None)  # of an if, a while, a conditional expression
    if test is not None and not isinstance(test, (ast.Compare, ast.BoolOp)) and not _skips(node, "test"):
        yield test, f"(not ({ast.unparse(test)}))"
    for change in _changed_statement(node) if isinstance(node, ast.stmt) else _changed_expression(node):
        yield node, change


def _changed_statement(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Return):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "return None"
    elif isinstance(node, (ast.Break, ast.Continue)):
        yield "continue" if isinstance(node, ast.Break) else "break"
    elif isinstance(node, ast.AugAssign):
        yield "pass"
        if type(node.op) in _CALCULATED:
            yield ast.unparse(ast.AugAssign(node.target, _CALCULATED[type(node.op)](), node.value))
    elif isinstance(node, ast.Expr):
        if not isinstance(node.value, (ast.Constant, ast.Yield, ast.YieldFrom)):
            yield "pass"
    elif isinstance(node, (ast.Assign, ast.Delete, ast.Raise)):
        yield "pass"


def _changed_expression(node: ast.expr) -> Iterator[str]:
    """The expressions that may replace it, in brackets if they need them."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield str(not node.value)
        elif isinstance(node.value, (int, float)):
            yield repr(node.value + 1)
            if node.value == 1:
                yield repr(node.value - 1)
    elif isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            ops = [*node.ops[:k], _COMPARED[type(op)](), *node.ops[k + 1 :]]
            yield f"({ast.unparse(ast.Compare(node.left, ops, node.comparators))})"
    elif isinstance(node, ast.BinOp):
        yield f"({ast.unparse(ast.BinOp(node.left, _CALCULATED[type(node.op)](), node.right))})"
    elif isinstance(node, ast.BoolOp):
        for k in range(len(node.values)):
            values = node.values[:k] + node.values[k + 1 :]
            yield f"({ast.unparse(ast.BoolOp(node.op, values) if len(values) > 1 else values[0])})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.IfExp):
        yield f"({ast.unparse(node.body)})"
        yield f"({ast.unparse(node.orelse)})"
