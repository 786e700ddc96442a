"""Bad arguments raise. Compiled code trusts addresses, so what is wrong, short or not yet made must not get that far.

A crash shows as such; what only reads beyond an end shows under tests/tools/sanitize.py.
"""

from __future__ import annotations

import copy
import pickle
import random
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, ops
from tinygrad_lite.compiler.native import bytecode_machine as native
from tinygrad_lite.compiler.native.bytecode import CALL, LANES, MANY, MUL, NEG, ONE, SUMS, TAKE, TWO, Code
from tinygrad_lite.compiler.passes.program import INPUT, PARAMETER, Program
from tinygrad_lite.engine import Linearization, Span, Storage, bind, record, record_joint, record_known
from tinygrad_lite.errors import ShapeError

compiled_only = pytest.mark.skipif(not engine.compiled, reason="the readable engine has no addresses")
CLASSES = (Value, Storage, Span, Linearization, native.Executor, native.OnRows)
FUNCTIONS = {
    name: thing
    for name, thing in vars(engine).items()
    if callable(thing) and not isinstance(thing, type) and not name.startswith("_") and name != "get_ident"
}


def program() -> Program:
    made = Program()
    x, y = made.add(INPUT, (0,)), made.add(PARAMETER, (0,))
    made.outputs = [made.add(ops.mul, (x, y)), x]
    return made


def made() -> list[Any]:
    """One of each, and of the kinds of Values."""
    x, y = Value(2.0), Value(3.0)
    storage, _ = bind([Value(1.0), Value(4.0)])
    w = Value(5.0)
    node = tl.compile(lambda x: w * x).batch([1.0, 2.0])
    fixed = tl.fixed_point(lambda z: 0.5 * z + x, 0.0).values
    return [
        x, x * y, tl.dot([x, y], [y, 1.0]), tl.sum([x, y]), x.detach(), node, node * 2.0, fixed, x.stop_gradient(),
        storage, Span(storage, 0, []), Linearization([x * y], [x]), native.Executor(program()),
        native.OnRows(Code(Program(), {}, int), np.zeros((2, 3))),
    ]  # fmt: skip


def wild() -> list[Any]:
    things = made()
    frozen = np.zeros(3)
    frozen.setflags(write=False)
    return [
        None, 0, 1, -1, 2**70, True, 1.5, float("nan"), "x", b"xx", (), [], [None], (None,), {}, object(), int, len,
        things[:2], tuple(things[:2]), [things[:2]], [(things[0],)], ops.add, ops.sum, ops.take, ops.stop_gradient,
        Program(), program(), np.zeros(3), np.zeros(3, "f4"), np.zeros((2, 3)).T, frozen, np.array(0.0), np.zeros(0),
        array("i", [1]), array("d", [1.0]), memoryview(b"12345678"),
        *[kind.__new__(kind) for kind in CLASSES if engine.compiled], *things,
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    methods, hooks = dict(engine.methods), dict(engine.hooks)
    yield
    engine.methods.clear()
    engine.methods.update(methods)
    engine.hooks.clear()
    engine.hooks.update(hooks)


def attempt(call: Callable[[], Any]) -> None:
    """Does it, and puts back what it may have set."""
    try:
        call()
    except (Exception, GeneratorExit):
        pass
    finally:
        engine.set_trace(None)
        engine.set_watch(None)
        engine.set_origin(None)
        engine.set_recording(True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_survive_whatever_they_are_given(name: str) -> None:
    draw = random.Random(name)
    for _ in range(20):
        things = wild()
        for _ in range(40):
            args = draw.choices(things, k=draw.choice((0, 1, 1, 2, 2, 3, 4, 5)))
            attempt(lambda args=args: FUNCTIONS[name](*args))  # type: ignore[misc]


@pytest.mark.parametrize("kind", CLASSES)
def test_methods_survive_whatever_they_are_given(kind: Any) -> None:
    draw = random.Random(kind.__name__)
    names = [name for name in dir(kind) if name not in ("__init_subclass__", "__subclasshook__", "__class__")]
    for _ in range(20):
        things = wild()
        ours = [thing for thing in things if type(thing) is kind]
        for thing in [*ours, *[kind.__new__(kind) for _ in range(4)]]:
            for name in draw.sample(names, min(len(names), 20)):
                args = draw.choices(things, k=draw.choice((0, 0, 1, 1, 2, 3, 4)))
                attempt(lambda thing=thing, name=name, args=args: getattr(thing, name)(*args))  # type: ignore[misc]
                if not name.startswith("__"):
                    attempt(lambda thing=thing, name=name, args=args: setattr(thing, name, args))  # type: ignore[misc]
            args = draw.choices(things, k=3)
            attempt(lambda args=args: kind(*args))  # type: ignore[misc]
        for thing in things:
            if type(thing) is Value and engine.compiled:
                attempt(thing.backward)


@compiled_only
@pytest.mark.parametrize("kind", CLASSES[1:])
def test_what_was_not_made_says_so(kind: Any) -> None:
    empty = kind.__new__(kind)
    use: dict[Any, Callable[[], Any]] = {
        Storage: lambda: empty.values,
        Span: lambda: record_known(ops.sum, 1.0, (empty,), np.zeros(0)),
        Linearization: lambda: empty.pull([]),
        native.Executor: lambda: empty.run([], []),
        native.OnRows: lambda: empty(),
    }
    with pytest.raises(TypeError, match=rf"this {kind.__name__} was made by __new__ alone.*call {kind.__name__}\("):
        use[kind]()


def test_what_is_made_is_not_made_again() -> None:
    things = [thing for thing in made() if not isinstance(thing, Value)]
    arguments = [(1,), (things[0], 0, []), ([], []), (program(),), (Code(Program(), {}, int), np.zeros((1, 1)))]
    if engine.compiled:
        things += [Value(1.0), Value(1.0) + Value(2.0), Value(1.0) + 2.0, 2.0 + Value(1.0)]
        arguments += [(1.0,)] * 4
    for thing, args in zip(things, arguments, strict=True):
        with pytest.raises(TypeError, match="make a new one instead"):
            thing.__init__(*args)


def test_what_holds_addresses_is_not_copied() -> None:
    for thing in made():
        if not isinstance(thing, Value):
            for copied in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(
                    TypeError, match="cannot be copied or pickled, since it is bound to what it was made from"
                ):
                    copied(thing)


def test_the_arrays_of_a_storage_keep_their_size() -> None:
    ws = [Value(1.0), Value(2.0)]
    storage, _ = bind(ws)
    for numbers in (storage.values, storage.grads):
        for change in (
            lambda a: a.extend([1.0] * 1000),
            lambda a: a.append(1.0),
            lambda a: a.pop(),
            lambda a: a.clear(),
        ):
            with pytest.raises((BufferError, AttributeError)):  # array.clear is Python's from 3.13 on
                change(numbers)
        with pytest.raises(BufferError):
            del numbers[:]
        assert list(copy.deepcopy(numbers)) == list(pickle.loads(pickle.dumps(numbers))) == list(numbers)
    np.frombuffer(storage.values)[0] = 7.0
    assert [w.data for w in ws] == [7.0, 2.0]
    storage.values[1] = 8.0
    assert ws[1].data == 8.0
    view = np.frombuffer(storage.values)
    del storage, ws
    assert list(view) == [7.0, 8.0]


@pytest.mark.parametrize("op, args", [(ops.add, (1.0,)), (ops.add, ()), (ops.sin, (1.0, 2.0)), (ops.where, (1.0,) * 2)])
def test_record_wants_all_arguments(op: Any, args: Any) -> None:
    with pytest.raises(TypeError, match=rf"{op.name}\(.*takes {len(op.rules)} arguments, got {len(args)}"):
        record(op, args)
    with pytest.raises(TypeError, match="a row of the table of operations, got a str"):
        record("add", args)


def test_record_looks_at_its_arguments_once() -> None:
    """The value may be a function of the user's, which changes the list that it came from."""
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
    args = (Span(storage, 0, w), (Value(1.0), 2.0))
    with pytest.raises(ShapeError, match=r"record_known\(sum\): partials are 4 float64 numbers or more"):
        record_known(ops.sum, 1.0, args, partials)
    frozen = np.arange(4.0)
    frozen.setflags(write=False)
    record_known(ops.sum, 1.0, args, frozen).backward()
    assert [v.grad for v in w] == [0.0, 1.0]


@pytest.mark.filterwarnings("ignore:this hook holds the Value")
@pytest.mark.parametrize(
    "sweep",
    [
        lambda y, xs: y.backward(),
        tl.gradients,
        lambda y, xs: tl.gradients(y, xs, create_graph=True),
        lambda y, xs: tl.grad(lambda x: x * y)(xs[0]),
    ],
    ids=["backward", "gradients", "create_graph", "grad"],
)
def test_hooks_may_do_what_they_like(sweep: Any) -> None:
    """The graph, its storages and its arrays change under a sweep that is under way."""
    xs = [Value(1.5), Value(2.5)]
    compiled = tl.compile(lambda x: xs[0] * x + xs[1] ** 2)
    storage, _ = bind(xs)
    whole = compiled.batch([1.0, 2.0])
    inner = whole * xs[0]
    keep = [inner * xs[1] + whole]
    held: list[Any] = []

    def hook(gradient: Any) -> None:
        for act in (
            lambda: bind([xs[0], Value(1.0)]),
            lambda: storage.values.extend([1.0] * 10000),
            lambda: compiled.batch([3.0, 4.0]),
            lambda: engine.keep_partials(whole),
            lambda: keep[0].backward(),
            lambda: keep.clear(),
            lambda: inner.__init__(1.0),  # type: ignore[misc]
            lambda: xs[1].__init__(7.0),  # type: ignore[misc]
            lambda: engine.hooks.clear(),
            lambda: held.extend(Value(0.0) * 2 for _ in range(1000)),
        ):
            attempt(act)

    for v in (inner, whole, xs[0]):
        tl.register_hook(v, hook)
    top = keep[0]
    attempt(lambda: sweep(top, xs))
    attempt(lambda: sweep(top, xs))


def test_a_span_is_of_leaves_that_lie_there() -> None:
    ws = [Value(1.0), Value(2.0)]
    storage, _ = bind(ws)
    for start, leaves in ((1, ws), (-1, ws), (0, ws[::-1]), (0, [Value(1.0)]), (0, [ws[0] * 2])):
        with pytest.raises(ValueError, match=r"cell -?\d of the storage is not that of"):
            Span(storage, start, leaves)
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
        lambda x: engine.Linearization([x], [None]),
    ],
)  # fmt: skip
def test_none_among_values_is_refused(call: Callable[[Value], Any]) -> None:
    with pytest.raises(TypeError, match="takes a list of Values, got None among them"):
        call(Value(1.0))


@pytest.mark.parametrize(
    "call",
    [lambda: engine.derivatives(None, []), lambda: engine.derivative_graph(None, []), lambda: engine.is_joint(None),
     lambda: engine.partial_derivatives(None, []), lambda: engine.sweep_number(None), lambda: engine.whole_of(None),
     lambda: engine.component(None, 0), lambda: engine.keep_partials(None)],
)  # fmt: skip
def test_none_for_a_value_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match=r"takes a Value, got None"):
        call()


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
    wrong.args[2] = (0, 1, 1)
    with pytest.raises(ValueError, match=r"of a program are cut short|not well formed"):
        native.Executor(wrong)
    early = Program()
    early.kinds, early.args, early.varies = [ops.neg, INPUT], [(1,), (0,)], [True, True]
    early.outputs = [0]
    with pytest.raises(ValueError, match="reads or writes the number -1 of"):
        native.Executor(early)


def test_batches_are_as_large_as_they_say() -> None:
    executor, out = native.Executor(program()), np.zeros((2, 2))
    for lanes in (-1, -(2**40), 2**62, 2**63 // 2, 2**70):
        with pytest.raises(ValueError, match=r"batch\(\.\.\., lanes\) takes a whole number from 0 on"):
            executor.batch([1.0], [np.zeros((1, 2))], lanes, out)
    two = Program()
    two.outputs = [two.add(ops.add, (two.add(INPUT, (0,)), two.add(INPUT, (1,))))]
    with pytest.raises(ShapeError, match="each part of the inputs has 2 lanes"):
        native.Executor(two).batch([], [np.zeros(3), np.zeros(1)], 2, out)
    executor.batch([1.0], [np.zeros((1, 0))], 0, np.zeros((2, 0)))
