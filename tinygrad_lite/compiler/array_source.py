"""The source that runs a rolled program on arrays: calls that write in place, made ready once for a number of lanes.

Functions bear the names of the Python array API standard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Op
from . import array_forms
from .array_layout import G, Layout, S, V
from .program import Program
from .rolling import Group, Product

_MANY_TERMS = 4
_MOST_RUNS = 8


class Source:
    """Writes the source.

    text      it: bind(xp, grid, P, S, V, G, lanes) gives two functions, share() for what lanes share, then run()
    layout    where it has the numbers
    by_value  operations that are computed number by number, by the names of the functions that it calls
    products  how many matrix products it has
    """

    def __init__(self, program: Program, groups: Sequence[Group], summed: bool) -> None:
        self._program = program
        self.layout = Layout(program, groups)
        self.by_value: dict[str, Op] = {}
        self.products = 0
        for group in groups:
            self.layout.begin(group.varies, len(group.members))
            if isinstance(group.kind, Op):
                self._operation(group, group.kind)
            elif group.summed:
                self._sums_over_lanes(group)
            else:
                self._sums(group)
        if summed:
            self.layout.begin(True, 0)
            self._other_outputs()
        self.text = self._text()

    @property
    def operations(self) -> int:
        """How many lines run."""
        return len(self.layout.share) + len(self.layout.run)

    def _text(self) -> str:
        lines = ["def bind(xp, grid, P, S, V, G, lanes):", *[f"    {line}" for line in self.layout.setup]]
        for name, body in (("share", self.layout.share), ("run", self.layout.run)):
            lines += [f"    def {name}():", *[f"        {line}" for line in body or ["pass"]]]
        return "\n".join([*lines, "    return share, run", ""])

    def _call(self, function: str, *args: str) -> None:
        self.layout.line(f"{self.layout.function(function)}({', '.join(args)})")

    def _reduce(self, name: str, axes: str, out: str) -> None:
        self.layout.line(f"{self.layout.function('add')}.reduce({name}, {axes}, None, {out})")

    def _operation(self, group: Group, op: Op) -> None:
        layout, out = self.layout, self._out(group)
        names: dict[str, str] = {}
        lengths: dict[str, int] = {}
        columns = zip(*[self._program.args[place] for place in group.members], strict=True)
        for name, column in zip(op.args, columns, strict=True):
            places = np.array(column)
            if places.ndim == 2:
                lengths[name] = places.shape[1]
                names[name] = layout.by_lane(places.T) if group.varies else layout.shared(places.T)
            else:
                names[name] = layout.operand(places)
        if not array_forms.write(op, names, lengths, out, layout):
            function = f"{op.name}_by_value"
            self.by_value[function] = op
            layout.line(f"{function}({', '.join([*names.values(), out])})")

    def _out(self, group: Group) -> str:
        rows = self.layout.row[group.members]
        return self.layout.view(V if group.varies else S, rows) or ""

    def _terms(self, group: Group, which: int) -> Any:
        """The places that are added (1) or subtracted (2), of shape (members, terms)."""
        return np.array([self._program.args[place][which] for place in group.members], dtype=int)

    def _sums(self, group: Group) -> None:
        layout, out = self.layout, self._out(group)
        plus, minus = self._terms(group, 1), self._terms(group, 2)
        terms = [("add", plus[:, k]) for k in range(plus.shape[1])]
        have = ""
        if group.product is not None:
            self._product(group.product, group.varies, out)
            have = out
        elif len(terms) >= _MANY_TERMS and not (group.varies and layout.is_shared(plus)):
            self._reduce(layout.by_lane(plus) if group.varies else layout.shared(plus), "1", out)
            have, terms = out, []
        terms += [("subtract", minus[:, k]) for k in range(minus.shape[1])]
        for function, places in terms:
            operand = layout.operand(places)
            if have:
                self._call(function, have, operand, out)
                have = out
            elif function == "add":
                have = operand
            else:
                self._call("negative", operand, out)
                have = out
        if have != out:
            layout.line(f"{out}[...] = {have or '0.0'}")

    def _product(self, product: Product, varies: bool, out: str) -> None:
        """Writes the sums of products of a group."""
        layout, left, right = self.layout, product.left, product.right
        factors = left.shape[1]
        if factors == 1 and (not product.crossed or 1 in (len(left), len(right))):
            self._call("multiply", layout.operand(left[:, 0]), layout.operand(right[:, 0]), out)
        elif product.crossed:
            self._crossed(product, varies, out)
        elif not varies:
            self._call("vecdot", layout.shared(left), layout.shared(right), out)
        elif layout.is_shared(left):
            weights, columns = layout.name(f"{layout.shared(left)}[:, None]", "s"), layout.name(f"{out}[:, None]", "v")
            self._call("matmul", weights, layout.by_lane(right), columns)
        else:
            buffer = layout.buffer(factors)
            self._call("multiply", layout.by_lane(left.T), layout.by_lane(right.T), buffer)
            self._reduce(buffer, "0", out)

    def _crossed(self, product: Product, varies: bool, out: str) -> None:
        """Each left row times each right row; `turned` is what is written, right rows first."""
        layout, left, right = self.layout, product.left, product.right
        shape = (len(right), len(left)) if product.by_right else (len(left), len(right))
        cube = layout.name(f"{out}.reshape({shape[0]}, {shape[1]}{', lanes' if varies else ''})", out[0])
        other = layout.name(f"{cube}.swapaxes(0, 1)", out[0])
        straight, turned = (other, cube) if product.by_right else (cube, other)
        if left.shape[1] == 1:
            read = layout.by_lane if varies else layout.shared
            a, b = layout.name(f"{read(left[:, 0])}[:, None]", "v"), layout.name(f"{read(right[:, 0])}[None]", "v")
            self._call("multiply", a, b, straight)
            return
        self.products += 1
        if not varies:
            self._call("matmul", layout.shared(left), layout.name(f"{layout.shared(right)}.T", "s"), straight)
        elif layout.is_shared(left) and len(right) == 1:
            self._call("matmul", layout.shared(left), layout.by_lane(right[0]), out)
        elif layout.is_shared(left):
            self._call("matmul", layout.shared(left), layout.by_lane(right), turned)
        else:  # lane by lane
            a = layout.name(f"{layout.by_lane(left)}.transpose(2, 0, 1)", "v")
            b = layout.name(f"{layout.by_lane(right)}.transpose(2, 1, 0)", "v")
            self._call("matmul", a, b, layout.name(f"{straight}.transpose(2, 0, 1)", "v"))

    def _sums_over_lanes(self, group: Group) -> None:
        layout, rows, product = self.layout, self.layout.row[group.members], group.product
        function = ""
        if product is not None:
            left, right = layout.wide(product.left), layout.wide(product.right)
            if product.crossed:
                self.products += 1
                function, right = "matmul", layout.name(f"{right}.T", "w")
                rows = rows.reshape(len(product.left), len(product.right))
            else:
                function = "vecdot"
            self._into_sums("=", f"{layout.function(function)}({left}, {right}", rows)
            rows = rows.ravel()
        for which, sign in ((1, "+="), (2, "-=")):
            places = self._terms(group, which)
            if places.shape[1]:
                call = self._reduction(places)
                if not function:
                    call = call if which == 1 else f"{layout.function('negative')}({call})"
                self._into_sums(sign if function else "=", call, rows)
                function = "add"

    def _other_outputs(self) -> None:
        """Sums over the lanes of outputs that other operations read, that lanes share, or that stand twice."""
        layout, outputs = self.layout, np.array(self._program.outputs, dtype=int)
        homes, rows = layout.home[outputs], layout.row[outputs]
        again = np.flatnonzero((homes == G) & (rows != np.arange(len(outputs))))
        for home in dict.fromkeys(homes.tolist()):
            for run in _runs(np.flatnonzero(homes == home), rows) if home != G else ():
                self._into_sums("=", self._reduction(outputs[run][:, None]), run)
        if len(again):
            layout.line(f"G[{layout.index(again)}] = G[{layout.index(rows[again])}]")

    def _reduction(self, places: Any) -> str:
        """A call that sums (n, terms) places over terms and lanes, but for its end."""
        add = self.layout.function("add")
        if self.layout.is_shared(places):
            return f"{self.layout.function('multiply')}(lanes, {add}.reduce({self.layout.shared(places)}, 1)"
        if places.shape[1] == 1:
            return f"{add}.reduce({self.layout.by_lane(places[:, 0])}, 1, None"
        return f"{add}.reduce({self.layout.by_lane(places)}, (1, 2), None"

    def _into_sums(self, sign: str, call: str, rows: Any) -> None:
        view = self.layout.view(G, rows)
        if view is not None and sign == "=":
            self.layout.line(f"{call}, {view})")
        else:
            self.layout.line(f"{view + '[...]' if view else f'G[{self.layout.index(rows)}]'} {sign} {call})")


def _runs(positions: Any, rows: Any) -> list[Any]:
    """The positions divided where they or their rows stop to follow one another evenly; not at all if that is often."""
    steps = np.stack([np.diff(positions), np.diff(rows[positions])])
    uneven = np.flatnonzero((steps[:, 1:] != steps[:, :-1]).any(axis=0)) + 2
    parts = np.split(positions, uneven[np.diff(uneven, prepend=0) > 1] if len(uneven) else [])
    return parts if len(parts) <= _MOST_RUNS else [positions]
