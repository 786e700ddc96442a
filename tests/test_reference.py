"""The engine against reference.py, which is the whole idea in plain Python: random graphs over all rows of the table.

Both run the same rules, so values and what backward() gives are the same to the last bit. Derivatives as a graph are
so where both walk through the graph in the same order, and so add up in the same order: the engine goes depth first
there, the reference by counted uses. Where the orders differ they agree to rounding; and to the last bit again where
all arithmetic is exact, to the third order.

Three things the engine does otherwise, on purpose. A plain condition of `where` and a plain index of `take` choose at
once and make no node, which may change the order of additions. Second derivatives of norm and atan2 at the origin are
nan by convention. And where two zeros add up, its derivatives as a graph may be -0.0.
"""

from __future__ import annotations

import ast
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from drawn_programs import CUBED, RAMP, SPECIAL
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import engine, ops, reference
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.ops import Op

ROWS = [*ops.TABLE.values(), CUBED, RAMP]
# On whole numbers they and all their derivatives are exact.
EXACT = [
    ops.add, ops.sub, ops.mul, ops.neg, ops.abs, ops.relu, ops.step, ops.sign, ops.maximum, ops.minimum, ops.clip,
    ops.less, ops.less_equal, ops.equal, ops.not_equal, ops.where, ops.identity, ops.stop_gradient, ops.sum, ops.prod,
    ops.dot, ops.leaky_relu, ops.take, ops.pow, CUBED, RAMP,
]  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One of the two sides: how it records, and how it is differentiated."""

    leaf: Callable[[float], Any]
    backward: Callable[[Any], None]
    gradients: Callable[[Any, Sequence[Any]], list[Any]]


ENGINE = Side(tl.Value, engine.backward, lambda y, xs: tl.gradients(y, xs, create_graph=True))
REFERENCE = Side(reference.Value, reference.backward, reference.gradients)


@dataclass(frozen=True)
class Program:
    """Operations on earlier numbers, by their places, and on plain ones; the numbers of the leaves."""

    steps: tuple[tuple[Op, tuple[Any, ...]], ...]
    leaves: tuple[float, ...]

    def run(self, known: Sequence[Any]) -> Any:
        known = list(known)

        def operand(x: Any) -> Any:
            return tuple(map(operand, x)) if isinstance(x, tuple) else known[x] if isinstance(x, int) else x

        for row, args in self.steps:
            given = [operand(arg) for arg in args]
            if row is ops.take:  # an index in range, and no plain one
                given[1] = ops.less(0.0, given[1]) * float(len(given[0]) - 1)
            known.append(row(*given))
        return known[-1] + 0.5 * known[-2] + known[-2] * known[0]


def drawn(source: random.Random, rows: Sequence[Op], draw: Callable[[], float], size: int) -> Program:
    leaves = source.randint(1, 3)
    steps: list[tuple[Op, tuple[Any, ...]]] = []
    for known in range(leaves, leaves + size):
        row, length = source.choice(rows), source.randint(1, 4)
        args: list[Any] = []

        def operand(plain: bool, known: int = known) -> Any:
            return draw() if plain and source.random() < 0.2 else source.randrange(known)

        for k in range(len(row.args)):
            if k in row.sequences:
                args.append(tuple([operand(j > 0) for j in range(length)]))
            else:  # the first is a Value, so that something is recorded, and an index too
                args.append(operand(k > 0 and row is not ops.take))
        for k, rule in enumerate(row.rules):
            if rule is None:  # a plain number: an order, or degrees of freedom
                args[k] = float(source.randint(0, 3))
        if row is ops.pow and rows is EXACT:
            args[1] = float(source.randint(0, 3))
        if row is ops.leaky_relu and rows is EXACT:
            args[1] = 0.5
        steps.append((row, tuple(args)))
    return Program(tuple(steps), tuple([draw() for _ in range(leaves)]))


def bits(xs: Sequence[float]) -> list[str]:
    return [repr(x) if x == x else "nan" for x in xs]


def same(xs: Sequence[float], ys: Sequence[float]) -> bool:
    """To the last bit, but for the sign of zeros."""
    return all(x == y or (x != x and y != y) for x, y in zip(xs, ys, strict=True))


def swept(side: Side, y: Any, xs: Sequence[Any]) -> list[float]:
    for x in xs:
        x.grad = 0.0
    side.backward(y)
    return [x.grad for x in xs]


def first_derivatives(program: Program) -> tuple[list[list[Any]], list[list[Any]], list[Any]]:
    """Leaves, derivatives as graphs, and results of both sides; all but the graphs are compared to the last bit."""
    leaves = [[side.leaf(x) for x in program.leaves] for side in (ENGINE, REFERENCE)]
    ys = [program.run(xs) for xs in leaves]
    assert bits([ys[0].data]) == bits([ys[1].data])
    found = [swept(side, y, xs) for side, y, xs in zip((ENGINE, REFERENCE), ys, leaves, strict=True)]
    assert bits(found[0]) == bits(found[1])
    graphs = [side.gradients(y, xs) for side, y, xs in zip((ENGINE, REFERENCE), ys, leaves, strict=True)]
    return leaves, graphs, ys


def in_the_same_order(y: tl.Value, other: reference.Value) -> bool:
    """Whether the engine walks through y as the reference does; leaves pass nothing on."""
    ours = [(v.op, repr(v.data)) for v in reversed(engine.topological_order(y)) if v.op is not None]
    return ours == [(v.op, repr(v.data)) for v in reference.topological_order(other) if v.op is not None]


def at_a_conventional_zero(y: reference.Value) -> bool:
    made = [v for v in reference.topological_order(y) if v.op is not None and v.op.conventional]
    told = [reference.laid_flat(v.args) if v.op is ops.atan2 else [v] for v in made]  # others are 0 there
    return any(all(reference.number(x) == 0.0 for x in xs) for xs in told)


def sizes(y: reference.Value, xs: Sequence[reference.Value]) -> list[float]:
    """What the derivatives would be if nothing cancelled."""
    found = reference.adjoints(y, 1.0, lambda v, g: [g * math.fabs(d) for d in reference.local_derivatives(v)])
    return [found.get(x, 0.0) for x in xs]


def agree(program: Program) -> bool:
    """Asserts that both sides agree; returns whether they walked in the same order, so that all bits were compared."""
    leaves, (ours, theirs), (y, other) = first_derivatives(program)
    numbers = [[g.data for g in graphs] for graphs in (ours, theirs)]
    if not in_the_same_order(y, other):
        for a, b, size in zip(*numbers, sizes(other, leaves[1]), strict=True):
            assert same([a], [b]) or abs(a - b) <= 1e-12 * size, program
        return False
    assert same(*numbers), program
    if not at_a_conventional_zero(other):
        for a, b in zip(ours, theirs, strict=True):
            assert same(swept(ENGINE, a, leaves[0]), swept(REFERENCE, b, leaves[1])), program
    return True


@pytest.mark.parametrize("special", [0.0, 0.3], ids=["numbers", "special numbers"])
def test_random_graphs(special: float) -> None:
    """Values and backward() agree to the last bit; so does the rest if the orders are the same, which is common."""
    alike = 0
    for seed in range(300):
        source = random.Random(seed)

        def draw(source: random.Random = source) -> float:
            return source.choice(SPECIAL) if source.random() < special else round(source.gauss(0.0, 1.5), 3)

        alike += agree(drawn(source, ROWS, draw, source.choice((2, 5, 9, 14))))
    assert alike > 250


def test_a_zero_of_a_flat_row_is_no_node_of_the_derivative() -> None:
    """Otherwise later sums would be added in another order, which these programs would show."""
    assert agree(Program(((ops.softplus, (0,)), (ops.leaky_relu, (1, 0)), (ops.norm, ((0, 1),))), (-1.052,)))
    assert agree(Program(((ops.erfc, (0,)), (ops.minimum, (2, 0)), (ops.pow, (2, 3))), (0.5, 1.197)))


@settings(max_examples=up_to(150), deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 9), st.booleans())
def test_where_arithmetic_is_exact_no_order_matters(source: random.Random, size: int, special: bool) -> None:
    """Three orders of derivatives, to the last bit."""
    numbers = (0.0, -0.0, 1.0, -1.0, 2.0, -3.0, *((math.inf, -math.inf, math.nan) if special else ()))
    program = drawn(source, EXACT, lambda: source.choice(numbers), size)
    leaves, graphs, _ = first_derivatives(program)
    for order in range(3):
        ours, theirs = graphs
        for g in theirs:
            for v in reference.topological_order(g):
                assume(not math.isfinite(v.data) or (abs(v.data) < 2.0**40 and v.data * 2.0**10 % 1.0 == 0.0))
        assert same([g.data for g in ours], [g.data for g in theirs]), (order, program)
        if order < 2:
            graphs = [
                [h for g in gs for h in side.gradients(g, xs)]
                for side, gs, xs in zip((ENGINE, REFERENCE), graphs, leaves, strict=True)
            ]


def test_a_second_derivative_that_is_nan_by_convention() -> None:
    seconds = []
    for side in (ENGINE, REFERENCE):
        x = side.leaf(0.0)
        (first,) = side.gradients(ops.norm([x * x]), [x])
        assert first.data == 0.0
        seconds.append(swept(side, first, [x])[0])
    assert math.isnan(seconds[0])


def test_numbers_stay_what_they_were_and_are_numbers() -> None:
    x = reference.Value(2)
    assert repr(x * 3) == "Value(6.0)"
    with pytest.raises(AttributeError):
        x.data = 3.0  # type: ignore[misc]
    for call in (lambda: reference.Value("2"), lambda: x * "2", lambda: ops.sum([x, "2"]), lambda: x * tl.Value(2.0)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ShapeError):
        ops.dot([x, x], [x])


def test_nothing_recurses() -> None:
    x = y = reference.Value(1.0)
    for _ in range(20_000):
        y = y + 1.0
    reference.backward(y)
    assert x.grad == 1.0


def pieces(source: str) -> list[str]:
    """The functions and classes of a file, as they are written."""
    found = [n for n in ast.parse(source).body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    return [str(ast.get_source_segment(source, n)) for n in found]


def test_the_notebook_is_this_file_piece_by_piece() -> None:
    """Its cells tagged "reference" hold the file's functions and classes, all of them, in order, and nothing else."""
    path = Path(__file__).resolve().parent.parent / "notebooks" / "13_the_whole_idea.ipynb"
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    tagged = ["".join(cell["source"]) for cell in cells if "reference" in cell["metadata"].get("tags", ())]
    assert [piece for cell in tagged for piece in pieces(cell)] == pieces(
        Path(reference.__file__).read_text(encoding="utf-8")
    )
    for cell in tagged:
        assert "\n\n\n".join(pieces(cell)) == cell
    others = ["".join(cell["source"]) for cell in cells if "reference" not in cell["metadata"].get("tags", ())]
    known = {node.name for cell in tagged for node in ast.parse(cell).body if hasattr(node, "name")}
    assert not known & {node.name for cell in others for node in ast.parse(cell).body if hasattr(node, "name")}
