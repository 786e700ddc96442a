"""The source that runs a rolled program on arrays.

Three arrays hold all numbers: S what the lanes share (parameters first, then constants), V a row of lanes for everything
else, G sums over the lanes that are only read as gradients. Views of them are made once for a number of lanes; a run
then is a list of array calls that write in place. Functions bear the names of the Python array API standard.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Op
from .program import CONSTANT, INPUT, PARAMETER, SUM, Program
from .rolling import Block, Group, blocks_of

_BINARY = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}


class Source:
    """Writes the source; `text` is it, `indices` the index arrays that it names, `products` how many matrix products."""

    def __init__(
        self, program: Program, groups: Sequence[Group], varies: Sequence[bool], summed: Sequence[int]
    ) -> None:
        self.program, self.varies = program, list(varies)
        self.setup: list[str] = []
        self.body: list[str] = []
        self.indices: dict[str, Any] = {}
        self.products = 0
        self._names = 0
        self._views: dict[Any, str] = {}
        self.row: dict[int, int] = {}
        self._lifted: dict[int, int] = {}
        self._place_rows(groups)
        for group in groups:
            if group.kind == SUM:
                self._sums(group)
            else:
                self._operation(group)
        self.text = self._text()

    def _place_rows(self, groups: Sequence[Group]) -> None:
        program = self.program
        needed = program.alive()
        self.constants: list[float] = []
        self.shared = sum(kind == PARAMETER for kind in program.kinds)
        self.lanes = sum(kind == INPUT for kind in program.kinds)
        self.sums = 0
        for place, kind in enumerate(program.kinds):
            if kind in (PARAMETER, INPUT):
                self.row[place] = program.args[place][0]
            elif kind == CONSTANT and needed[place]:
                self.row[place] = self.shared
                self.constants.append(program.args[place][0])
                self.shared += 1
        for group in groups:
            for place in group.members:
                if group.summed:
                    self.row[place] = self.sums
                    self.sums += 1
                elif group.varies:
                    self.row[place] = self.lanes
                    self.lanes += 1
                else:
                    self.row[place] = self.shared
                    self.shared += 1

    def _name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names}"

    def _shared(self, places: Any) -> bool:
        return not any(self.varies[p] for p in np.ravel(places).tolist())

    def read(self, places: Any, *, flat: bool = False) -> str:
        """A name for the numbers at these places, of their shape, and a last axis of lanes unless all are shared.

        flat  shared ones stay without an axis of lanes
        """
        ids = np.asarray(places)
        if self._shared(ids):
            rows = np.array([self.row[p] for p in ids.ravel().tolist()]).reshape(ids.shape)
            name = self._view("S", rows)
            return name if flat or not any(self.varies) else self._once(f"{name}[..., None]", "s")
        rows = np.array([self._lane_row(p) for p in ids.ravel().tolist()]).reshape(ids.shape)
        return self._view("V", rows)

    def _lane_row(self, place: int) -> int:
        if self.varies[place]:
            return self.row[place]
        if place not in self._lifted:
            self._lifted[place] = self.lanes
            self.body.append(f"V[{self.lanes}] = S[{self.row[place]}]")
            self.lanes += 1
        return self._lifted[place]

    def _once(self, expression: str, letter: str) -> str:
        name = self._views.get(expression)
        if name is None:
            name = self._views[expression] = self._name(letter)
            self.setup.append(f"{name} = {expression}")
        return name

    def _view(self, array: str, rows: Any) -> str:
        """A view where the rows follow a pattern; else they are gathered."""
        letter = array.lower()
        if rows.ndim == 1:
            steps = np.unique(np.diff(rows))
            if len(rows) == 1 or (len(steps) == 1 and steps[0] == 0):
                return self._once(f"{array}[{rows[0]}:{rows[0] + 1}]", letter)
            if len(steps) == 1:
                step, stop = int(steps[0]), int(rows[-1]) + (1 if steps[0] > 0 else -1)
                end = "" if stop < 0 else str(stop)
                tail = "" if step == 1 else f":{step}"
                return self._once(f"{array}[{rows[0]}:{end}{tail}]", letter)
        else:
            outer, inner = np.unique(np.diff(rows, axis=0)), np.unique(np.diff(rows, axis=1))
            if len(outer) <= 1 and len(inner) <= 1:
                strides = [int(s[0]) if len(s) else 0 for s in (outer, inner)]
                return self._once(f"grid({array}, {rows[0, 0]}, {rows.shape}, {tuple(strides)})", letter)
        index = self._name("i")
        self.indices[index] = rows
        name = self._name("t")
        shape = ", ".join(map(str, rows.shape))
        self.setup.append(f"{name} = xp.empty(({shape},{' lanes' if array == 'V' else ''}))")
        self.body.append(f"xp.take({array}, {index}, 0, {name}, 'clip')")
        return name

    def _out(self, places: Sequence[int], array: str) -> str | None:
        rows = [self.row[p] for p in places]
        if all(b - a == 1 for a, b in zip(rows, rows[1:], strict=False)):
            return self._once(f"{array}[{rows[0]}:{rows[-1] + 1}]", array.lower())
        return None

    def _operation(self, group: Group) -> None:
        assert isinstance(group.kind, Op)
        array = "V" if group.varies else "S"
        columns = list(zip(*[self.program.args[p] for p in group.members], strict=True))
        names: dict[str, str] = {}
        for argument, column in zip(group.kind.args, columns, strict=True):
            places = np.array(column).T if type(column[0]) is tuple else np.array(column)
            names[argument] = self.read(places, flat=not group.varies)
        out = self._out(group.members, array)
        assert out is not None
        self.body.append(_assignment(group.kind.array, names, out))

    def _sums(self, group: Group) -> None:
        program = self.program
        array = "G" if group.summed else "V" if group.varies else "S"
        out = self._out(group.members, array)
        assert out is not None
        pairs, plus, minus = program.args[group.members[0]]
        plains = [[program.args[p][1][k] for p in group.members] for k in range(len(plus))]
        minuses = [[program.args[p][2][k] for p in group.members] for k in range(len(minus))]
        has_pairs = bool(pairs)
        if group.summed:
            self._summed(group, plains, minuses, has_pairs, out)
            return
        count = len(plus)
        started = False
        if has_pairs:
            for block in blocks_of(program, group.members):
                self._product(block, array, group.varies)
            started = True
        flat = not group.varies
        if not started and count and minuses:
            a, b = self.read(plains[0], flat=flat), self.read(minuses[0], flat=flat)
            self.body.append(f"xp.subtract({a}, {b}, out={out})")
            plains, minuses = plains[1:], minuses[1:]
        elif not started and not count:
            self.body.append(f"xp.negative({self.read(minuses[0], flat=flat)}, out={out})")
            minuses = minuses[1:]
        elif not started and count >= 2:
            a, b = self.read(plains[0], flat=flat), self.read(plains[1], flat=flat)
            self.body.append(f"xp.add({a}, {b}, out={out})")
            plains = plains[2:]
        elif not started:
            self.body.append(f"{out}[...] = {self.read(plains[0], flat=flat)}")
            plains = plains[1:]
        for column in plains:
            self.body.append(f"xp.add({out}, {self.read(column, flat=flat)}, out={out})")
        for column in minuses:
            self.body.append(f"xp.subtract({out}, {self.read(column, flat=flat)}, out={out})")

    def _product(self, block: Block, array: str, varies: bool) -> None:
        """The sums of products of a block, written to their rows."""
        k = len(block.left[0])
        apart = len(block.table) != len(block.left)
        places = [p for row in block.table for p in row]
        target = self._out(places, array)
        if apart:
            left, right = np.array(block.left), np.array(block.right)
            if k == 1:
                a, b = self.read(left[:, 0], flat=not varies), self.read(right[:, 0], flat=not varies)
                self._write(f"xp.multiply({a}, {b}", places, array, target)
                return
            a, b = self.read(left, flat=not varies), self.read(right, flat=not varies)
            self._write(f"xp.sum({a} * {b}, axis=1", places, array, target)
            return
        if varies and self._shared(block.left) and k > 1 and not self._shared(block.right):
            self.products += 1
            weights = self.read(np.array(block.left), flat=True)
            if len(block.right) == 1:
                self._write(f"xp.matmul({weights}, {self.read(np.array(block.right[0]))}", places, array, target)
            else:  # (rows, k) times (k, rights * lanes)
                right = self.read(np.array(block.right).T)
                product = f"xp.matmul({weights}, {right}.reshape({k}, -1)).reshape({len(places)}, lanes)"
                self._assign(product, places, array, target)
            return
        rows, columns = len(block.left), len(block.right)
        left, right = np.array(block.left), np.array(block.right)
        flat = not varies
        axis = ", lanes" if varies else ""
        if k == 1:
            a, b = self.read(left[:, 0], flat=flat), self.read(right[:, 0], flat=flat)
            product = f"({a}[:, None] * {b}[None])"
        else:
            a, b = self.read(left, flat=flat), self.read(right, flat=flat)
            product = f"xp.sum({a}[:, None] * {b}[None], axis=2)"
        self._assign(f"{product}.reshape({rows * columns}{axis})", places, array, target)

    def _summed(
        self, group: Group, plains: list[list[int]], minuses: list[list[int]], has_pairs: bool, out: str
    ) -> None:
        """Sums over the lanes too."""
        if has_pairs:
            for block in blocks_of(self.program, group.members):
                k = len(block.left[0])
                apart = len(block.table) != len(block.left)
                places = [p for row in block.table for p in row]
                target = self._out(places, "G")
                left, right = np.array(block.left), np.array(block.right)
                if apart:
                    a, b = self.read(left), self.read(right)
                    self._assign(f"xp.sum({a} * {b} * ones, axis=(1, 2))", places, "G", target)
                    continue
                self.products += 1
                rows, columns = len(block.left), len(block.right)
                a = self._wide(left, rows, k)
                b = self._wide(right, columns, k)
                if target is not None:
                    self.body.append(f"xp.matmul({a}, {b}.T, out={target}.reshape({rows}, {columns}))")
                else:
                    self._assign(f"xp.matmul({a}, {b}.T).reshape(-1)", places, "G", None)
        else:
            self.body.append(f"{out}[...] = 0.0")
        for column in plains:
            self.body.append(f"{out}[...] += xp.sum({self.read(column)} * ones, axis=1)")
        for column in minuses:
            self.body.append(f"{out}[...] -= xp.sum({self.read(column)} * ones, axis=1)")

    def _wide(self, rows: Any, count: int, k: int) -> str:
        """Rows of factors, each followed by its lanes, as a matrix of count rows."""
        if k == 1:
            name = self.read(rows[:, 0])
            return f"({name} * ones)" if self._shared(rows) else name
        name = self.read(rows)
        return f"({name} * ones).reshape({count}, -1)" if self._shared(rows) else f"{name}.reshape({count}, -1)"

    def _write(self, call: str, places: Sequence[int], array: str, target: str | None) -> None:
        if target is not None:
            self.body.append(f"{call}, out={target})")
        else:
            self._assign(f"{call})", places, array, None)

    def _assign(self, expression: str, places: Sequence[int], array: str, target: str | None) -> None:
        if target is not None:
            self.body.append(f"{target}[...] = {expression}")
            return
        index = self._name("i")
        self.indices[index] = np.array([self.row[p] for p in places])
        self.body.append(f"{array}[{index}] = {expression}")

    def _text(self) -> str:
        lines = ["def bind(xp, grid, S, V, G, ones, lanes):"]
        lines += [f"    {line}" for line in self.setup]
        lines += ["    def run():", *[f"        {line}" for line in self.body or ["pass"]], "    return run"]
        return "\n".join(lines)


def _assignment(form: str, names: dict[str, str], out: str) -> str:
    """The array form of an operation, written to out: in place where it is one call."""
    tree = ast.parse(form, mode="eval").body
    name: str | None = None
    operands: list[ast.expr] = []
    if isinstance(tree, ast.BinOp):
        name, operands = _BINARY[type(tree.op)], [tree.left, tree.right]
    elif isinstance(tree, ast.UnaryOp):
        name, operands = "negative", [tree.operand]
    elif isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords:
        name, operands = tree.func.id, list(tree.args)
    texts = [_renamed(operand, names) for operand in operands]
    if name in _IN_PLACE:
        return f"xp.{name}({', '.join(texts)}, out={out})"
    return f"{out}[...] = {_renamed(tree, names)}"


_IN_PLACE = frozenset(
    ["add", "subtract", "multiply", "divide", "negative", "tanh", "exp", "log", "sqrt", "sin", "cos", "tan", "maximum", "minimum", "abs", "expm1", "log1p", "sinh", "cosh", "logaddexp", "heaviside", "pow", "sign"]
)


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name):
            node.func = ast.Attribute(ast.Name("xp"), node.func.id)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id))


def _renamed(tree: ast.expr, names: dict[str, str]) -> str:
    import copy

    return ast.unparse(ast.fix_missing_locations(_Rename(names).visit(copy.deepcopy(tree))))
