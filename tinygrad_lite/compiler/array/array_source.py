"""The source that runs a rolled program on arrays: calls that write in place, made ready once for a number of lanes.

The functions it calls have the names of the Python array API standard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import chain, islice
from typing import Any

import numpy as np

from ... import ops
from ...ops import Op
from ..cost_estimate import MANY_TERMS, is_swept
from ..joint_results import COMPONENT, Joint
from ..native import bytecode_machine as native
from ..native.bytecode import Code
from ..passes.grouping import Group
from ..passes.lane_sums import LaneSums
from ..passes.matrix_products import Product
from ..passes.program import Program, Taken, as_array
from . import array_forms
from .array_layout import MOST_RUNS, G, Layout, S, V, in_runs
from .joint_calls import write_components, write_joint_results
from .number_by_number import adding_at, by_value, chosen_evenly

_MOST_PRODUCTS, _FEW_SUMS = 3, 1 << 13


class Source:
    """Writes the NumPy source of a program.

    text       defines bind(xp, grid, P, S, V, G, lanes), which returns two functions: share() computes what the lanes
               share, then run() the rest; if sums are padded, run() returns a number that is finite if they are right
    layout     where the numbers are
    functions  the functions of arrays that it calls, by name: for operations computed number by number, for joint
               results and their numbers, for takes from parameters and what these receive, and for native sweeps
    products   how many matrix products it has
    """

    def __init__(
        self, program: Program, groups: Sequence[Group], sums: LaneSums | None, xp: Any, swept: bool = False
    ) -> None:
        """
        swept  groups that are not matrix products and call few functions run operation by operation, natively
        """
        self._program = program
        self.layout = Layout(program, groups, xp)
        self.functions: dict[str, Any] = {}
        self.products = 0
        stretch: list[Group] = []
        self._guards = 0
        if sums:
            self._clear(sums)
        for group in groups:
            if swept and is_swept(program, group):
                stretch.append(group)
                continue
            self._sweep(stretch)
            stretch.clear()
            self.layout.begin(group.varies, len(group))
            if isinstance(group.kind, Joint):
                write_joint_results(self.layout, self.functions, program, group, self._out(group), sums)
            elif group.kind is COMPONENT:
                write_components(self.layout, self.functions, program, group)
            elif isinstance(group.kind, Op):
                self._operation(group, group.kind)
            elif group.summed is not None:
                self._sums_over_lanes(group)
            else:
                self._sums(group)
                if not program.padded.isdisjoint(group.members):
                    self._guard(group)
        self._sweep(stretch)
        if sums:
            self.layout.begin(True, 0)
            self._shared_sums(sums)
        if self._guards:
            self.layout.setup.insert(0, f"guards = xp.zeros(({self._guards},))")
            self.layout.line(f"return {self.layout.function('add')}.reduce(guards)")
        self.text = self._text()

    @property
    def operations(self) -> int:
        """How many lines run."""
        return len(self.layout.share) + len(self.layout.run)

    @cached_property
    def bind(self) -> Callable[..., tuple[Callable[[], None], Callable[[], float | None]]]:
        """The function bind() that the source defines."""
        names: dict[str, Any] = {**self.layout.indices, **self.functions}
        exec(compile(self.text, "<compiled program>", "exec"), names)
        return names["bind"]  # type: ignore[no-any-return]

    def _text(self) -> str:
        lines = ["def bind(xp, grid, P, S, V, G, lanes):", *[f"    {line}" for line in self.layout.setup]]
        for name, body in (("share", self.layout.share), ("run", self.layout.run)):
            lines += [f"    def {name}():", *[f"        {line}" for line in body or ["pass"]]]
        return "\n".join([*lines, "    return share, run", ""])

    def _call(self, function: str, *args: str) -> None:
        self.layout.line(f"{self.layout.function(function)}({', '.join(args)})")

    @property
    def _dot(self) -> str:
        """The function for a matrix product into contiguous rows: the quicker dot if there is one, else matmul."""
        return "dot" if self.layout.function("dot") else "matmul"

    def _reduce(self, name: str, axes: str, out: str, start: str | None = None) -> None:
        end = f", False, {start}" if start else ""
        self.layout.line(f"{self.layout.function('add')}.reduce({name}, {axes}, None, {out}{end})")

    def _operation(self, group: Group, op: Op) -> None:
        layout, out = self.layout, self._out(group)
        if op is ops.take and group.varies and self._take_evenly(group, out):
            return
        names: dict[str, str] = {}
        lengths: dict[str, int] = {}
        columns = zip(*[self._program.args[place] for place in group.members], strict=True)
        for name, column in zip(op.args, columns, strict=True):
            places = np.array(column) if type(column[0]) is int else as_array(column)
            if places.ndim == 2:
                lengths[name] = places.shape[1]
                names[name] = layout.by_lane(places.T) if group.varies else layout.shared(places.T)
            else:
                names[name] = layout.operand(places)
        # The array form of take does not refuse a bad index, but its value does.
        if op is ops.take or not array_forms.write(op, names, lengths, out, layout):
            function = f"{op.name}_by_value"
            self.functions[function] = by_value(op)
            layout.line(f"{function}({', '.join([*names.values(), out])})")

    def _take_evenly(self, group: Group, out: str) -> bool:
        """Writes one gather of parameters for all members, if their tables are evenly spaced parameters."""
        tables, indices = zip(*[self._program.args[place] for place in group.members], strict=True)
        if not all(type(table) is range and table[0] < 0 for table in tables):
            return False
        rows, which = np.unique(indices, return_inverse=True)
        function = f"take_evenly{len(self.functions)}"
        self.functions[function] = chosen_evenly(np.array([(~t[0], -t.step, len(t)) for t in tables]), which)
        self.layout.line(f"{function}(P, {self.layout.by_lane(rows)}, {out})")
        return True

    def _sweep(self, groups: Sequence[Group]) -> None:
        """Writes a native sweep: it computes groups one after the other, in the rows of V."""
        if not groups:
            return
        layout, program = self.layout, self._program
        layout.begin(True, 0)
        code = Code(program, native.forms, layout.row_of_number)
        places = list(chain.from_iterable([group.members for group in groups]))
        read = [list(chain.from_iterable(program.rows(place))) for place in places]
        rows = iter(layout.rows_by_lane(np.array(list(chain.from_iterable(read)), int)))
        for place, result, operands in zip(places, layout.row[places].tolist(), read, strict=True):
            code.add(program.kinds[place], program.args[place], result, list(islice(rows, len(operands))))
        name = f"sweep{len(self.functions)}"
        self.functions[name] = partial(native.OnRows, code)
        layout.line(f"{layout.name(f'{name}(V)', f'run_{name}')}()")

    def _out(self, group: Group) -> str:
        rows = self.layout.row[group.members]
        return self.layout.view(V if group.varies else S, rows) or ""

    def _terms(self, group: Group, which: int) -> Any:
        """The places that each member adds (which 2) or subtracts (which 3), of shape (members, terms)."""
        return np.array([self._program.args[place][which] for place in group.members], dtype=int)

    def _sums(self, group: Group) -> None:
        layout, out = self.layout, self._out(group)
        plus, minus = self._terms(group, 2), self._terms(group, 3)
        terms = [("add", plus[:, k]) for k in range(plus.shape[1])]
        have = ""
        if group.product is not None:
            self._product(group.product, group.varies, out)
            have = out
            terms = [] if group.product.complete else terms
            if group.product.bias is not None and group.product.crossed and len(group.product.right) > 1:
                self._add_bias(group.product, out)
                terms = []
        else:
            by_lane = np.flatnonzero([not (group.varies and layout.is_shared(column)) for column in plus.T]).tolist()
            if len(by_lane) >= MANY_TERMS:
                many = plus[:, by_lane]
                terms = [terms[k] for k in sorted(set(range(len(terms))).difference(by_lane))]
                start = None
                if terms and layout.is_zero(terms[0][1]):  # adding 0.0 turns -0.0 into 0.0
                    start, terms = "0.0", terms[1:]
                self._reduce(layout.by_lane(many) if group.varies else layout.shared(many), "1", out, start)
                have = out
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

    def _guard(self, group: Group) -> None:
        """Writes the sum of a group's results, times 0.0, to a guard: it is nan if one of them is not finite."""
        count = f"{len(group)} * lanes" if group.varies else len(group)
        numbers = self.layout.name(f"{self._out(group)}.reshape({count})", "v")
        zeros = self.layout.name(f"xp.zeros(({count},))", "z")
        self._call("vecdot", numbers, zeros, self.layout.name(f"guards[{self._guards}, ...]", "z"))
        self._guards += 1

    def _add_bias(self, product: Product, out: str) -> None:
        """Adds a shared number to all sums of each left row."""
        cube = self._straight(product, True, out)
        bias = self.layout.name(f"{self.layout.shared(product.bias)}[:, None, None]", "s")
        self._call("add", cube, bias, cube)

    def _product(self, product: Product, varies: bool, out: str) -> None:
        """Writes the sums of products of a group."""
        layout, left, right = self.layout, product.left, product.right
        factors = left.shape[-1]
        if left.ndim == 3:
            self._stacked(product, out)
        elif factors == 1 and (not product.crossed or 1 in (len(left), len(right))):
            self._call("multiply", layout.operand(left[:, 0]), layout.operand(right[:, 0]), out)
        elif varies and layout.is_shared(left) and layout.is_shared(right):
            self._shared(product, out)
        elif product.crossed:
            self._crossed(product, varies, out)
        elif not varies:
            self._call("vecdot", layout.shared(left), layout.shared(right), out)
        elif layout.is_shared(left):
            weights, columns = layout.name(f"{layout.shared(left)}[:, None]", "s"), layout.name(f"{out}[:, None]", "v")
            if len(left) == 1:
                self._call(self._dot, layout.shared(left), layout.by_lane(right[0]), out)
            else:
                self._call("matmul", weights, layout.by_lane(right), columns)
        else:
            buffer = layout.buffer(factors)
            self._call("multiply", layout.by_lane(left.T), layout.by_lane(right.T), buffer)
            self._reduce(buffer, "0", out)

    def _shared(self, product: Product, out: str) -> None:
        """Writes sums of products that all lanes share into rows by lane, to which terms by lane are added later."""
        layout, left, right = self.layout, product.left, product.right
        totals = layout.array((len(left), len(right)) if product.crossed else (len(left),))
        if product.crossed:
            self._call("matmul", layout.shared(left), layout.name(f"{layout.shared(right)}.T", "s"), totals)
            out = self._straight(product, True, out)
        else:
            self._call("vecdot", layout.shared(left), layout.shared(right), totals)
        layout.line(f"{out}[...] = {totals}[..., None]")

    def _straight(self, product: Product, varies: bool, out: str) -> str:
        """The rows of `out`, with the products of a stack, the left rows and the right rows as axes."""
        sizes = (*product.left.shape[:-1], product.right.shape[-2])
        axes = product.axes or tuple(range(len(sizes)))
        shape = ", ".join([str(sizes[axis]) for axis in axes])
        cube = self.layout.name(f"{out}.reshape({shape}{', lanes' if varies else ''})", out[0])
        if axes == tuple(range(len(sizes))):
            return cube
        back = [axes.index(axis) for axis in range(len(axes))] + [len(axes)] * varies
        return self.layout.name(f"{cube}.transpose({', '.join(map(str, back))})", out[0])

    def _crossed(self, product: Product, varies: bool, out: str) -> None:
        """Writes the products of each left row with each right row."""
        layout, left, right = self.layout, product.left, product.right
        straight = self._straight(product, varies, out)
        if left.shape[1] == 1:
            read = layout.by_lane if varies else layout.shared
            a, b = layout.name(f"{read(left[:, 0])}[:, None]", "v"), layout.name(f"{read(right[:, 0])}[None]", "v")
            self._call("multiply", a, b, straight)
            return
        self.products += 1
        if not varies:
            self._call("matmul", layout.shared(left), layout.name(f"{layout.shared(right)}.T", "s"), straight)
        elif layout.is_shared(left) and len(right) == 1:
            self._call(self._dot, layout.shared(left), layout.by_lane(right[0]), out)
        elif layout.is_shared(left):
            columns = layout.name(f"{out}.reshape({len(left)}, {len(right)} * lanes)", "v")
            self._call(self._dot, layout.shared(left), layout.wide(right.T), columns)
        else:  # lane by lane
            a = layout.name(f"{layout.by_lane(left)}.transpose(2, 0, 1)", "v")
            b = layout.name(f"{layout.by_lane(right)}.transpose(2, 1, 0)", "v")
            self._call("matmul", a, b, layout.name(f"{straight}.transpose(2, 0, 1)", "v"))

    def _stacked(self, product: Product, out: str) -> None:
        """Writes many products of one shape, lane by lane."""
        layout, results = self.layout, self._straight(product, True, out)
        a, b = layout.by_lane(product.left), layout.name(f"{layout.by_lane(product.right)}.swapaxes(1, 2)", "v")
        if product.left.shape[2] == 1:
            self._call("multiply", a, b, results)
            return
        self.products += 1
        self._call("matmul", *[layout.name(f"{name}.transpose(3, 0, 1, 2)", "v") for name in (a, b, results)])

    def _sums_over_lanes(self, group: Group) -> None:
        layout, product = self.layout, group.product
        assert product is not None
        left, right, rows = product.left, product.right, group.summed
        if not layout.is_shared(right):
            wide_left, wide_right = layout.wide(left), layout.wide(right)
            if product.crossed:
                self._crossed_over_lanes(wide_left, wide_right, rows)
            else:
                self._into_sums(f"{layout.function('vecdot')}({wide_left}, {wide_right}", rows)
        elif left.shape[1] == 1 and layout.is_one(right):
            self._into_sums(f"{layout.function('add')}.reduce({layout.by_lane(left[:, 0])}, 1, None", rows.ravel())
        else:
            totals, factors = layout.array(left.shape), layout.shared(right)
            self._reduce(layout.by_lane(left), "2", totals)
            function = "matmul" if product.crossed else "vecdot"
            factors = layout.name(f"{factors}.T", "s") if product.crossed else factors
            self._into_sums(f"{layout.function(function)}({totals}, {factors}", rows)

    def _crossed_over_lanes(self, left: str, right: str, rows: Any) -> None:
        """Writes a matrix product over lanes, whose sums are copied to a few separate stretches of G.

        Many sums are not copied: there is a product for each stretch, which reads its factors again.
        """
        layout = self.layout
        parts = [(some, others) for some in in_runs(rows[:, 0], rows[:, 0]) for others in in_runs(rows[0], rows[0])]
        if len(parts) > _MOST_PRODUCTS or not all(layout.view(G, rows[np.ix_(*part)]) for part in parts):
            parts = [(np.arange(len(rows)), np.arange(rows.shape[1]))]
        if len(parts) > 1 and rows.size <= _FEW_SUMS:
            sums = layout.array(rows.shape)
            self._call(self._dot, left, layout.name(f"{right}.T", "w"), sums)
            self.products += 1
            for some, others in parts:
                found = f"{sums}[{some[0]}:{some[-1] + 1}, {others[0]}:{others[-1] + 1}]"
                layout.line(f"{layout.view(G, rows[np.ix_(some, others)])}[...] = {layout.name(found, 't')}")
            return
        for some, others in parts:
            to = rows[np.ix_(some, others)]
            a = layout.name(f"{left}[{some[0]}:{some[-1] + 1}]", "w")
            b = layout.name(f"{right}[{others[0]}:{others[-1] + 1}].T", "w")
            function = self._dot if (np.diff(to.ravel()) == 1).all() else "matmul"
            self._into_sums(f"{layout.function(function)}({a}, {b}", to)
            self.products += 1

    def _shared_sums(self, sums: LaneSums) -> None:
        """Adds what the lanes share, times the number of lanes, and copies outputs that occur more than once."""
        layout = self.layout
        multiply, add = layout.function("multiply"), layout.function("add")
        for added in (False, True):
            positions = np.array([k for k in sums.shared if (k in sums.by_lane) is added], dtype=int)
            places = np.array([sums.shared[k] for k in positions.tolist()], dtype=int)
            for run in in_runs(positions, layout.rows_of(places)):
                numbers = layout.shared(places[run])
                if added:
                    buffer, view = layout.array((len(run),)), layout.view(G, positions[run])
                    layout.line(f"{multiply}(lanes, {numbers}, {buffer})")
                    layout.line(
                        f"{add}({view}, {buffer}, {view})" if view else f"G[{layout.index(positions[run])}] += {buffer}"
                    )
                else:
                    self._into_sums(f"{multiply}(lanes, {numbers}", positions[run])
        if sums.again:
            to, of = (layout.index(np.array(list(some))) for some in (sums.again, sums.again.values()))
            layout.line(f"G[{to}] = G[{of}]")
        self._shared_outers(sums)
        if sums.taken:
            self._add_taken(sums.taken)

    def _shared_outers(self, sums: LaneSums) -> None:
        """Adds outer products that all lanes share, times the number of lanes."""
        layout = self.layout
        for outer in sums.shared_outers:
            layout.begin(False, 0)
            total = layout.array((len(outer),))
            factor = layout.shared(np.array(outer.factors))
            self._call("multiply", layout.shared(as_array(outer.rows)[0]), factor, total)
            self._call("multiply", total, "lanes", total)
            layout.begin(True, 0)
            view = layout.view(G, np.arange(outer.first, outer.first + len(outer))) or ""
            self._call("add", view, total, view)

    def _add_taken(self, some: Sequence[Taken]) -> None:
        """Adds what results receive at an index: one call for all of them."""
        layout = self.layout
        layout.begin(True, 0)
        some = sorted(some, key=lambda taken: int(layout.rows_of(np.array(taken.number))))
        indices, which = np.unique([taken.index for taken in some], return_inverse=True)
        starts = np.array([(taken.first, taken.step) for taken in some])
        numbers = layout.by_lane(np.array([taken.number for taken in some]))
        self.functions["add_taken"] = adding_at(starts[:, 0], starts[:, 1], which)
        layout.line(f"add_taken(G, {layout.by_lane(indices)}, {numbers}, lanes)")

    def _clear(self, sums: LaneSums) -> None:
        """Writes zeros for results that may receive nothing but what is added, before anything is added to them."""
        spans = [range(outer.first, outer.first + len(outer)) for outer in sums.shared_outers]
        spans += _joined([taken.results for taken in sums.taken])
        given = np.zeros(max([span.stop for span in spans], default=0), bool)
        for outer in sums.outers:
            given[outer.first : outer.first + len(outer)] = True
        single = np.array([*sums.by_lane, *sums.shared, *sums.again], int)
        given[single[single < len(given)]] = True
        spans = [span for span in spans if not given[span.start : span.stop].all()]
        if len(spans) > MOST_RUNS:
            self.layout.line(f"G[{self.layout.index(np.concatenate(spans))}] = 0.0")
            return
        for span in spans:
            self.layout.line(f"{self.layout.view(G, np.arange(span.start, span.stop))}[...] = 0.0")

    def _into_sums(self, call: str, rows: Any) -> None:
        """Writes the result of a call to rows of G; `call` is its text without the closing parenthesis."""
        view = self.layout.view(G, rows)
        self.layout.line(f"{call}, {view})" if view else f"G[{self.layout.index(rows)}] = {call})")


def _joined(ranges: Sequence[range]) -> list[range]:
    """What these cover, from first to last, with those in one piece that overlap or touch."""
    found: list[range] = []
    for some in sorted(set(ranges), key=lambda some: some.start):
        if found and some.start <= found[-1].stop:
            found[-1] = range(found[-1].start, max(found[-1].stop, some[-1] + 1))
        else:
            found.append(range(some.start, some[-1] + 1))
    return found
