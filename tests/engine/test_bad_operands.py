"""Operands of record, spans, operations and programs: missing or malformed ones are refused."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_bad_arguments import (
    compiled_only,
    nothing_left,  # noqa: F401  a fixture, of every test here too
    program,
)

from tinygrad_lite import Value, compile, engine, fixed_point, ops
from tinygrad_lite.compiler.native import bytecode_machine as native
from tinygrad_lite.compiler.native.bytecode import CALL, LANES, MANY, MUL, NEG, ONE, SUMS, TAKE, TWO, Code
from tinygrad_lite.compiler.passes.program import INPUT, Program
from tinygrad_lite.engine import Span, bind, record, record_joint, record_known
from tinygrad_lite.errors import ShapeError


@pytest.mark.parametrize("op, args", [(ops.add, (1.0,)), (ops.add, ()), (ops.sin, (1.0, 2.0)), (ops.where, (1.0,) * 2)])
def test_record_wants_all_arguments(op: Any, args: Any) -> None:
    with pytest.raises(TypeError, match=rf"{op.name}\(.*takes {len(op.rules)} arguments, got {len(args)}"):
        record(op, args)
    with pytest.raises(TypeError, match="a row of the table of operations, got a str"):
        record("add", args)


def test_record_looks_at_its_arguments_once() -> None:
    """The value may be a user's function, which changes the list that it got."""
    given: list[Any] = [Value(1.0), Value(2.0)]

    def value(a: float, b: float) -> float:
        given.clear()
        return a + b

    op = ops.Op("shrinking", value, [lambda g, y, a, b: g] * 2, args="a b", array="", domain=[ops.REAL] * 2, doc="")
    assert record(op, given).local_derivatives == (1.0, 1.0)


@pytest.mark.parametrize(
    "partials",
    [np.zeros(3), np.zeros(4, "f4"), np.zeros(8)[::2], np.zeros((4, 1)), np.array(0.0), array("q", [0] * 4)],
    ids=["short", "float32", "with gaps", "two axes", "no axis", "integers"],
)
def test_known_derivatives_are_enough_float64_in_a_row(partials: Any) -> None:
    w = [Value(1.0), Value(2.0)]
    storage, _ = bind(w)
    args = (Span(storage, 0, w), (Value(1.0), 2.0), 0.0)
    with pytest.raises(ShapeError, match=r"record_known\(dot\): partials are 4 float64 numbers or more"):
        record_known(ops.dot, 1.0, args, partials)
    frozen = np.arange(4.0)
    frozen.setflags(write=False)
    record_known(ops.dot, 1.0, args, frozen).backward()
    assert [v.grad for v in w] == [0.0, 1.0]


@pytest.mark.parametrize("row", [ops.exp, ops.sum, ops.custom, ops.given])
def test_a_known_result_has_the_arguments_of_its_row(row: ops.Op) -> None:
    """Rules and compilers read as many arguments of a node as its row takes."""
    x = Value(1.0)
    for args in ((), (x, x, x)) if row is not ops.given else (((x,), 0.0),):
        with pytest.raises(
            TypeError, match=rf"record_known\({row.name}\) takes a row of the table and an argument for"
        ):
            record_known(row, 1.0, args, np.zeros(3))
    with pytest.raises(ShapeError, match="the lengths must agree, got 2 and 1"):
        record_known(ops.dot, 1.0, ((x, x), (1.0,), 0.0), np.zeros(4))


def test_a_span_is_of_leaves_that_lie_there() -> None:
    ws = [Value(1.0), Value(2.0)]
    storage, _ = bind(ws)
    for start, leaves in ((1, ws), (-1, ws), (0, ws[::-1]), (0, [Value(1.0)]), (0, [ws[0] * 2])):
        with pytest.raises(ValueError, match=r"cell -?\d of the storage is not that of"):
            Span(storage, start, leaves)
    for start in (-1, 3, -(2**62)):
        with pytest.raises(ValueError, match="a storage of 2 has no such cell"):
            Span(storage, start, [])
    assert len(Span(storage, 2, [])) == 0
    for leaves in ([1.0, 2.0], [None], None, ws[0]):
        with pytest.raises(TypeError, match=r"Span\(\.\.\., leaves\) takes a list of Values"):
            Span(storage, 0, leaves)
    with pytest.raises(TypeError, match="takes a Storage, got None"):
        Span(None, 0, ws)


def test_a_result_of_many_needs_one_that_knows_its_derivatives() -> None:
    for args in ((), (1.0,), ((Value(1.0),), None)):
        with pytest.raises(TypeError, match="the last argument knows the derivatives"):
            record_joint(ops.sum, [1.0], args)
    with pytest.raises(TypeError, match="arguments stand in tuples, got a float"):
        record_joint(ops.sum, [1.0], (1.0, None))
    with pytest.raises(TypeError, match="takes a result of many numbers, got a leaf"):
        engine.component(Value(1.0), 0)
    with pytest.raises(TypeError, match="one number of a result of many, got a leaf"):
        engine.whole_of(Value(1.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: engine.derivatives(x, [None]), lambda x: engine.derivative_graph(x, [None]),
        lambda x: engine.partial_derivatives(x, [None]), lambda x: engine.tangents([None], [x], [1.0]),
        lambda x: engine.tangents([x], [None], [1.0]), lambda x: engine.dependents([None], [x]),
        lambda x: engine.topological_order(x, None), lambda x: engine.transcribe([None], {}, float, None),
        lambda x: engine.bind([None]), lambda x: engine.located([None]), lambda x: engine.clear_grads([None]),
        lambda x: engine.Linearization([x], [None]), lambda x: engine.leaves_below([x], [None]),
        lambda x: engine.leaves_below([None], [x]),
    ],
)  # fmt: skip
def test_none_among_values_is_refused(call: Callable[[Value], Any]) -> None:
    with pytest.raises(TypeError, match="takes a list of Values, got None among them"):
        call(Value(1.0))


@pytest.mark.parametrize(
    "call",
    [lambda: engine.derivatives(None, []), lambda: engine.derivative_graph(None, []), lambda: engine.is_joint(None),
     lambda: engine.partial_derivatives(None, []), lambda: engine.sweep_number(None), lambda: engine.whole_of(None),
     lambda: engine.component(None, 0), lambda: engine.keep_partials(None), lambda: engine.contributions(None, 1.0)],
)  # fmt: skip
def test_none_for_a_value_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match=r"takes a Value, got None"):
        call()


def test_what_is_no_result_has_no_row_and_no_place() -> None:
    for leaf in (Value(1.0), Value(1.0).detach(), bind([w := Value(1.0)]) and w):
        assert leaf.op is None and engine.graph.row_of(leaf) is None
    x = Value(1.0)
    found: list[Any] = []

    def f(a: Any) -> Any:
        since = engine.recorded_so_far()
        y = (a * a).exp()
        order = engine.recorded_order([y], since, None, 1, 1)
        assert order is not None
        found.append(order.places([y, None, a, x, 2.0, y.parents[0]]))
        return y

    compile(f)(x)
    assert found[0] == [1, 0]


def test_no_arguments_at_all_are_refused() -> None:
    for row in (ops.exp, ops.mul, ops.sum):
        with pytest.raises(TypeError, match="argument"):
            engine.rows.applied(row, ())


def test_derivatives_by_rows_go_by_spans() -> None:
    for spans in ([None], [Value(1.0)]):
        with pytest.raises(TypeError, match=r"takes Spans, got .* among them"):
            engine.derivatives_by_rows(Value(1.0) * 2.0, spans)


def test_too_few_derivatives_of_a_component_are_refused() -> None:
    x, y = Value(1.0), Value(2.0)
    component = fixed_point(lambda z: 0.5 * z + x * y, 0.0).values

    class Short(float):
        rows = (ops.component, ops.component)

        def pull(self, adjoints: Any) -> list[float]:
            return [1.0]

        def which(self, index: int) -> float:
            return float(index)

        def derivatives(self, index: int) -> list[float]:
            return [1.0]

    (component,) = record_joint(engine.whole_of(component).op, [1.0], ((x, y), Short(0.0)))
    with pytest.raises(IndexError):
        component.local_derivatives  # noqa: B018


def test_free_leaves_are_not_located() -> None:
    with pytest.raises(TypeError, match=r"located\(leaves\) takes bound leaves, and this is a leaf"):
        engine.located([Value(1.0)])


@compiled_only
@pytest.mark.parametrize(
    "numbers",
    [
        [MUL, 0, 1, 2], [MUL, -1, 0, 1], [MUL, 0, 1], [NEG, 0], [NEG, 0, -5], [99, 0, 0, 0], [-1, 0, 0], [0],
        [ONE, 0, 127, 1], [ONE, 0, -1, 1], [ONE, 0, 1 << 30, 1], [LANES, 0, 120, 1], [TWO, 0, ops.exp.code, 0, 1],
        [MANY, 0, ops.norm.code, 3, 0, 1, 1], [MANY, 0, ops.norm.code, -1], [MANY, 0, ops.norm.code],
        [SUMS, 0, 1, 1, 0, 0, 0], [SUMS, 0, 1, -1, 2, 0], [SUMS, 0, 1, 0, 1, 0, 9], [SUMS, 0, 1], [SUMS, 0, 9, 0, 0, 0],
        [TAKE, 0, 2, 0, 1], [TAKE, 0, -3], [TAKE, 0, 1, 0, 9], [TAKE, 0], [CALL, 0, 0], [CALL, 0, 7], [CALL, 0, 1],
    ],
)  # fmt: skip
def test_operations_stay_within_what_there_is(numbers: list[int]) -> None:
    code = Code(Program(), native.forms, int)
    code.numbers, code.widest, code.calls = array("i", numbers), 2, [(ops.sin, (2,)), (ops.sum, ((0, -1),))]
    with pytest.raises(ValueError, match="program"):
        native.OnRows(code, np.zeros((2, 3)))


def test_operations_on_rows_keep_what_they_were_given() -> None:
    code, rows = Code(Program(), native.forms, int), np.ones((2, 3))
    code.numbers.extend([MUL, 0, 1, 1])
    run = native.OnRows(code, rows)
    code.numbers[1:] = array("i", [99, 99, 99])
    rows[1] = 3.0
    run()
    assert rows[0].tolist() == [9.0] * 3
    with pytest.raises(ShapeError, match=r"takes rows of lanes, got an? ndarray of shape"):
        native.OnRows(code, np.ones(4))


@compiled_only
def test_a_program_that_is_not_well_formed_is_refused() -> None:
    wrong = program()
    wrong.args[1] = (0, ~0, ~0)
    with pytest.raises(ValueError, match=r"of a program is cut short|not well formed"):
        native.Executor(wrong)
    early = Program()
    early.kinds, early.args, early.varies = [ops.neg, INPUT], [(1,), (0,)], [True, True]
    early.outputs = [0]
    with pytest.raises(ValueError, match="reads or writes slot -1 of"):
        native.Executor(early)


def test_batches_are_as_large_as_they_say() -> None:
    executor, out = native.Executor(program()), np.zeros((2, 2))
    for lanes in (-1, -(2**40), 2**62, 2**63 // 2, 2**70):
        with pytest.raises(ValueError, match=r"batch\(\.\.\., lanes\) takes a whole number, 0 or larger"):
            executor.batch([1.0], [np.zeros((1, 2))], lanes, out)
    two = Program()
    two.outputs = [two.add(ops.add, (two.add(INPUT, (0,)), two.add(INPUT, (1,))))]
    with pytest.raises(ShapeError, match="each part of the inputs must have 2 lanes"):
        native.Executor(two).batch([], [np.zeros(3), np.zeros(1)], 2, out)
    executor.batch([1.0], [np.zeros((1, 0))], 0, np.zeros((2, 0)))
