"""Bad arguments raise. Compiled code trusts addresses: wrong, short or unfinished objects must be caught before.

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
from tinygrad_lite.compiler.native.bytecode import Code
from tinygrad_lite.compiler.passes.program import INPUT, PARAMETER, Program
from tinygrad_lite.engine import Linearization, Span, Storage, bind, record_known

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
    """Does it, and restores what it may have set."""
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
    """The graph, its storages and its arrays change during a sweep."""
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
