"""Draws a compiled function as a diagram: its scalar operations, and the array operations that they became."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from ...compiler import Compiled
from ...compiler.passes.grouping import Group
from ...compiler.passes.program import CONSTANT, INPUT, PARAMETER, SOURCES, SUM, row_of
from ...ops import Op
from ...text.wording import counted, number, shortened, times
from .array_names import Names
from .array_operations import described, operands
from .collapse import OVERVIEW
from .elements import Cluster, Diagram, Edge, Kind, Matrix, Step

_TERMS_OF_A_ROW = 2
"""How many products of a long sum are drawn as scalars beside the matrix form of a large program."""

_KINDS: dict[Op | str, Kind] = {INPUT: "input", CONSTANT: "constant"}


def compiled_diagrams(compiled: Compiled, limit: int) -> Iterator[Diagram]:
    """Yields diagrams of the last run: its array operations, and beside them its scalar operations.

    It has all scalar operations if there is room for them in `limit` boxes, else two rows of one layer, or one row.
    """
    whole = _Drawing(compiled).diagram(limit, None)
    if whole:
        yield whole
        return
    for rows in (2, 1):
        diagram = _Drawing(compiled).diagram(limit, rows)
        assert diagram is not None  # there is room for a layer
        yield diagram


def array_steps(compiled: Compiled) -> tuple[int, list[Step]]:
    """How many scalar operations ran last, and a box for each array operation that they became."""
    drawing = _Drawing(compiled)
    return drawing.scalars, [drawing.array_step(k) for k in range(drawing.groups)]


class _Drawing:
    def __init__(self, compiled: Compiled) -> None:
        self._array = compiled.array
        self._program, self._groups = self._array.program.copied(), self._array.groups
        self._reads = [operands(self._program, group) for group in self._groups]
        self._names = Names(self._program, self._groups, self._reads, *compiled.leaves)
        self._operations = [described(self._program, group, self._names) for group in self._groups]
        sums, positions = self._array.lane_sums, enumerate(self._program.outputs)
        self._results = self._array.outputs - self._program.watched
        self._outputs: dict[int, list[int]] = {}
        for position, place in sums.shared.items() if sums else positions:
            if position < self._results:
                self._outputs.setdefault(place, []).append(position)
        self._nodes: list[Step] = []
        self._clusters: list[Cluster] = []
        self._edges: list[Edge] = []
        read = set(chain(*[operand.ravel().tolist() for reads in self._reads for operand in reads]))
        read.update(self._program.outputs, self._outputs)
        # Sums that nothing reads only fill up a matrix product.
        self._filling = {place for group in self._groups for place in group.members if place not in read}
        self.scalars = sum(map(len, self._groups)) - len(self._filling)

    @property
    def groups(self) -> int:
        return len(self._groups)

    def diagram(self, limit: int, rows: int | None) -> Diagram | None:
        """The diagram with all scalar operations, None if there are too many, or with so many rows of one layer."""
        if rows is None:
            parameters = [len(source.places) for source in self._names.sources if source.is_parameter]
            summed = [len(group) for group in self._groups if group.summed is not None]
            if len(self._program) + sum(parameters) + sum(summed) > limit:
                return None
            self._clusters.append(Cluster(f"scalar graph: {counted(self.scalars, 'operation')}", None))
            self._draw_scalars()
        else:
            self._draw_layer(rows)
        frame = len(self._clusters)
        products = sum([operation.is_product for operation in self._operations])
        title = f"matrix form: {counted(self.groups, 'array operation')}, {counted(products, 'matrix product')}"
        self._clusters.append(Cluster(title, None))
        self._draw_arrays(limit, frame)
        return Diagram(self._nodes, self._edges, self._clusters, self.scalars, len(self._groups))

    def _add(self, step: Step, frame: int) -> int:
        self._nodes.append(replace(step, cluster=frame))
        return len(self._nodes) - 1

    def _draw_scalars(self) -> None:
        """Draws a frame for each source and group, around its numbers and operations."""
        program = self._program
        members = [self._sums(group) if group.summed is not None else group.members for group in self._groups]
        titles = [source.name for source in self._names.sources]
        titles += [f"#{k} {op.title}" for k, op in enumerate(self._operations, 1)]
        first, frames = len(self._names.sources), {-1: 0}
        boxes: dict[int, int] = {}
        read = set(chain.from_iterable([row for place in range(len(program)) for row in program.rows(place)]))
        read.update(program.outputs)
        sources = [*sorted(place for place in read if place < 0)[::-1], *sorted(read)]
        known = [(int(self._names.owners[place]), place) for place in sources if place < 0 or self._is_source(place)]
        for owner, place in [*known, *[(first + k, place) for k, some in enumerate(members) for place in some]]:
            if place in boxes or place in self._filling:
                continue
            if owner not in frames:
                frames[owner] = len(self._clusters)
                self._clusters.append(Cluster(titles[owner], 0))
            boxes[place] = self._add(self._scalar_step(owner, place), frames[owner])
            if not self._is_source(place):
                self._edges += [Edge(boxes[p], boxes[place]) for p in self._operands(place)]

    def _is_source(self, place: int) -> bool:
        return place < 0 or self._program.kinds[place] in SOURCES

    def _operands(self, place: int) -> list[int]:
        """What an operation reads, without the products with zeros that fill it up."""
        program = self._program
        if place not in program.padded:
            return list(chain.from_iterable(program.rows(place)))
        lefts, rights, *terms = program.args[place]
        pairs = [pair for pair in zip(lefts, rights, strict=True) if 0.0 not in map(program.number, pair)]
        return [*chain.from_iterable(pairs), *chain.from_iterable(terms)]

    def _sums(self, group: Group) -> list[int]:
        """The sums over lanes of a group as places of their own."""
        product, program = group.product, self._program
        assert product is not None
        lefts, rights = np.asarray(product.left).tolist(), product.right.tolist()
        pairs = [(a, b) for a in lefts for b in rights] if product.crossed else list(zip(lefts, rights, strict=True))
        found = [program.append(SUM, (row_of(a), row_of(b), (), ()), True) for a, b in pairs]
        self._outputs.update({place: [k] for place, k in zip(found, group.summed.ravel().tolist(), strict=True)})
        return found

    def _scalar_step(self, owner: int, place: int) -> Step:
        program, root = self._program, place in self._outputs
        if place < 0:
            return Step(self._names.of_one(place) or PARAMETER, "parameter", root=root)
        kind = program.kinds[place]
        title = _scalar_title(kind, program.args[place], self._names.labels.get(place))
        if kind in SOURCES:
            return Step(title, _KINDS[kind], root=root)
        operation = self._operations[owner - len(self._names.sources)]
        return Step(title, "product" if operation.is_product else "result", root=root)

    def _draw_layer(self, rows: int) -> None:
        """Draws some sums of the first product, and what is computed from each of them alone; else counts only."""
        operations, program = self._operations, self._program
        k = next((k for k, found in enumerate(operations) if found.factors and self._groups[k].kind == SUM), None)
        if k is None:
            self._clusters.append(Cluster(f"scalar graph: {counted(self.scalars, 'operation')}", None))
            self._count_scalars()
            return
        members = [place for place in self._groups[k].members if place not in self._filling]
        shown = members[:rows]
        of = f"{len(shown)} of {counted(len(members), 'row')}" if len(shown) < len(members) else "all rows"
        title = f"scalar graph: {of} of #{k + 1}"
        self._clusters.append(Cluster(title, None))
        boxes: dict[int, int] = {}
        for place in shown:
            lefts, rights, *terms = program.args[place]
            pairs = list(zip(lefts, rights, strict=True))
            kept = pairs[:_TERMS_OF_A_ROW] if len(pairs) > _TERMS_OF_A_ROW + 1 else pairs
            read = [*chain.from_iterable(kept), *chain.from_iterable(terms)]
            for p in read:
                if p not in boxes:
                    boxes[p] = self._add(self._leaf_step(p), 0)
            sources = [boxes[p] for p in read]
            if len(kept) < len(pairs):
                rest = Step(f"… {counted(len(pairs) - len(kept), 'more product')}", "constant")
                sources.append(self._add(rest, 0))
            boxes[place] = self._add(self._scalar_step(len(self._names.sources) + k, place), 0)
            self._edges += [Edge(source, boxes[place]) for source in sources]
        for j in range(k + 1, len(self._groups)):
            if isinstance(self._groups[j].kind, Op):
                for place in self._groups[j].members:
                    if self._operands(place) and set(self._operands(place)) <= set(shown):
                        boxes[place] = self._add(self._scalar_step(len(self._names.sources) + j, place), 0)
                        self._edges += [Edge(boxes[p], boxes[place]) for p in self._operands(place)]

    def _leaf_step(self, place: int) -> Step:
        """A number that a layer reads; a result of another group has the group's name."""
        if self._is_source(place):
            return self._scalar_step(-1, place)
        owner = int(self._names.owners[place]) - len(self._names.sources)
        return Step(f"#{owner + 1}", "result", root=place in self._outputs)

    def _count_scalars(self) -> None:
        program = self._program
        often = Counter(
            [_scalar_title(k, program.args[p], None) for p, k in enumerate(program.kinds) if k not in SOURCES]
        )
        rows = tuple([(title, times(n)) for title, n in often.most_common(6)])
        self._add(Step("operations", "result", self.scalars, rows), 0)

    def _draw_arrays(self, limit: int, frame: int) -> None:
        """Draws a box for each source and group; if there are more than `limit`, successive groups share a box."""
        names, first = self._names, len(self._names.sources)
        if first + len(self._groups) <= limit:
            steps = [self._source_step(k) for k in range(first)]
            steps += [self.array_step(k) for k in range(len(self._groups))]
            steps = steps or [Step("nothing to compute", "constant")]
            box_of = list(range(len(steps)))
        else:
            at_once = -(-len(self._groups) // max(1, min(limit, OVERVIEW) - 2)) or 1
            steps = [self._sources_step(is_parameter) for is_parameter in (True, False)]
            bands = range(0, len(self._groups), at_once)
            steps += [self._band_step(range(k, min(k + at_once, len(self._groups)))) for k in bands]
            box_of = [int(not source.is_parameter) for source in names.sources]
            box_of += [2 + k // at_once for k in range(len(self._groups))]
        boxes = [self._add(step, frame) for step in steps]
        edges: dict[tuple[int, int], bool] = {}
        for k, reads in enumerate(self._reads):
            for operand in reads:
                gathered = not self._is_even(names.but_constants(operand))
                for owner in np.unique(names.owners[operand]).tolist():
                    ends = box_of[owner], box_of[first + k]
                    if owner >= 0 and ends[0] != ends[1]:
                        edges[ends] = edges.get(ends, False) or gathered
        alone = len(boxes) == len(box_of)
        self._edges += [Edge(boxes[s], boxes[t], note="gather" * (alone and g)) for (s, t), g in edges.items()]

    def _source_step(self, k: int) -> Step:
        source = self._names.sources[k]
        size = len(source.places)
        rows, columns = self._names.shapes.get(k, (size, 1))
        shape = f"({rows}" + f" x {columns}" * (columns > 1) + " x lanes" * (not source.is_parameter) + ")"
        return Step(source.name, self._source_kind(k), size, (("shape", shape),))

    def _source_kind(self, k: int) -> Kind:
        return "parameter" if self._names.sources[k].is_parameter else "input"

    def _sources_step(self, is_parameter: bool) -> Step:
        of = [source for source in self._names.sources if source.is_parameter is is_parameter]
        kind: Kind = "parameter" if is_parameter else "input"
        names = shortened(", ".join([source.name for source in of]), 30)
        return Step(f"{kind}s", kind, sum([len(source.places) for source in of]), (("read", names),))

    def _band_step(self, band: range) -> Step:
        """A box for successive groups."""
        often = Counter([self._operations[k].title for k in band])
        groups = [self._groups[k] for k in band]
        rows = tuple([(title, times(n)) for title, n in often.most_common(3)])
        kind: Kind = "product" if any(self._operations[k].is_product for k in band) else "result"
        root = any(map(self._results_of, groups))
        return Step(f"#{band.start + 1} to #{band.stop}", kind, sum(map(len, groups)), rows, root=root)

    def _results_of(self, group: Group) -> list[int]:
        """The positions of the results among the members of a group."""
        if group.summed is not None:
            return sorted([k for k in group.summed.ravel().tolist() if k < self._results])
        return sorted(chain.from_iterable([self._outputs.get(place, ()) for place in group.members]))

    def _is_even(self, places: Any) -> bool:
        """Whether places are in one array, evenly spaced along each axis, so that they need not be gathered."""
        layout = self._array.plain.layout
        rows = layout.rows_of(places)
        steps = [np.diff(rows, axis=axis) for axis in range(rows.ndim)]
        even = all(step.size == 0 or (step == step.flat[0]).all() for step in steps)
        return bool(even and (layout.homes(places) == layout.homes(places).flat[:1]).all())

    def array_step(self, k: int) -> Step:
        group, operation = self._groups[k], self._operations[k]
        rows = [(f"#{k + 1} =", shortened(operation.formula, 44)), ("shape", operation.shapes)]
        if operation.step:
            rows.append(("a step", shortened(operation.step, 40)))
        found = self._results_of(group)
        if found:
            rows.append(self._output_row(found))
        kind: Kind = "product" if operation.is_product else "result"
        return Step(operation.title, kind, len(group), tuple(rows), self._equation(k), root=bool(found))

    def _equation(self, k: int) -> tuple[Matrix | str, ...]:
        """A product as an equation in matrices."""
        factors = self._operations[k].factors
        if not factors:
            return ()
        kinds = [self._kind_of(operand) for operand in self._reads[k][:2]]
        left, right = [
            Matrix(shortened(name, 14), n, m, kind) for (name, n, m), kind in zip(factors, kinds, strict=True)
        ]
        return Matrix(f"#{k + 1}", left.rows, right.columns, "product"), "=", left, "@", right

    def _kind_of(self, places: Any) -> Kind:
        """The kind of the first array that an operand reads."""
        owner = next((int(owner) for owner in np.ravel(self._names.owners[places]) if owner >= 0), -1)
        if owner < 0:
            return "constant"
        return self._source_kind(owner) if owner < len(self._names.sources) else "result"

    def _output_row(self, positions: Sequence[int]) -> tuple[str, str]:
        """A row that names the outputs; a sum over lanes with several outputs has its value first, then gradients."""
        if self._array.lane_sums is None or self._results == 1:
            return "output", " … ".join([str(p) for p in dict.fromkeys((positions[0], positions[-1]))])
        names = self._names
        owners = [int(names.owners[-p]) for p in positions if p]
        wanted = dict.fromkeys([names.sources[owner].name for owner in owners if owner >= 0])
        return ("gradient", shortened(", ".join(wanted), 30)) if wanted else ("output", "value")


def _scalar_title(kind: Op | str, args: tuple[object, ...], label: str | None) -> str:
    if kind == CONSTANT:
        return number(args[0])  # type: ignore[arg-type]
    if isinstance(kind, Op):
        return shortened(getattr(kind, "symbol", kind.name), 14)
    if kind != SUM:
        return shortened(label or str(kind), 14)
    pairs, _, plus, minus = map(len, args)  # type: ignore[arg-type]
    products = "dot" if pairs > 1 else "*" * pairs
    if (pairs, plus, minus) == (0, 0, 1):
        return "neg"
    if plus > 3:
        return "sum"
    return " ".join([products] * bool(pairs) + ["+"] * bool(plus and (pairs or plus > 1)) + ["-"] * bool(minus))
