"""Objects as arguments: changes in modules are noticed, and objects that could change unnoticed are refused."""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn, optim
from tinygrad_lite.compiler.trace.held_modules import Held
from tinygrad_lite.errors import TraceError


@dataclasses.dataclass
class Settings:
    scale: Any = 1.0


@dataclasses.dataclass(slots=True)
class Slotted:
    scale: Any = 1.0


class Model(nn.Module):
    def __init__(self) -> None:
        self.w = Value(2.0)
        self.ws = [Value(1.0), Value(1.0)]
        self.by_name = {"a": Value(1.0)}
        self.inner = nn.Neuron(1, activation="linear")
        self.pair = (Value(1.0), [Value(1.0)])
        self.settings, self.slotted = Settings(), Slotted()
        self.factor, self.text = 1.0, "plus"
        self.function: Callable[[Any], Any] = abs
        self.array = np.ones(1, dtype=object)

    def forward(self, x: Any) -> Any:
        y = x * self.w + self.ws[0] * self.ws[-1] + self.by_name["a"] + self.inner([x]) + self.pair[0] * self.pair[1][0]
        y = y * self.settings.scale * self.slotted.scale * self.factor
        return self.function(y if self.text == "plus" else -2.0 * y)


class Keeping(Model):
    """A module that keeps its result as an attribute."""

    def forward(self, x: Any) -> Any:
        self.last = super().forward(x)
        return self.last


def _put(key: Any, x: Any) -> Callable[[Any], Any]:
    return lambda container: container.__setitem__(key, x)


CHANGES: dict[str, Callable[[Model], Any]] = {
    "a leaf": lambda m: setattr(m, "w", Value(5.0)),
    "a leaf of the same number": lambda m: setattr(m, "w", Value(2.0)),
    "in a list": lambda m: _put(0, Value(5.0))(m.ws),
    "longer": lambda m: m.ws.append(Value(5.0)),
    "shorter": lambda m: m.ws.pop(),
    "another list": lambda m: setattr(m, "ws", [Value(3.0), Value(4.0)]),
    "in a dict": lambda m: _put("a", Value(5.0))(m.by_name),
    "in a layer": lambda m: setattr(m.inner, "b", Value(5.0)),
    "in a list of a layer": lambda m: _put(0, Value(5.0))(m.inner.w),
    "a layer": lambda m: setattr(m, "inner", nn.Neuron(1, activation="linear")),
    "in a list in a tuple": lambda m: _put(0, Value(5.0))(m.pair[1]),
    "a tuple": lambda m: setattr(m, "pair", (Value(4.0), m.pair[1])),
    "in a dataclass": lambda m: setattr(m.settings, "scale", 3.0),
    "in one with slots": lambda m: setattr(m.slotted, "scale", 3.0),
    "a plain number": lambda m: setattr(m, "factor", 3.0),
    "a leaf for a number": lambda m: setattr(m, "factor", Value(3.0)),
    "a text": lambda m: setattr(m, "text", "minus"),
    "a function": lambda m: setattr(m, "function", lambda y: y * y),
    "an attribute less": lambda m: delattr(m, "factor") or setattr(type(m), "factor", 7.0),
}
changes = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@pytest.fixture
def model() -> Any:
    random.seed(0)
    yield Model()
    if "factor" in vars(Model):
        del Model.factor  # type: ignore[attr-defined]


CALLS: dict[str, Callable[[Any], tuple[Any, Callable[[Any], Any]]]] = {
    "argument": lambda m: (f := compile(lambda m, x: m(x)), lambda x: f(m, x)),
    "named": lambda m: (f := compile(lambda x, *, m: m(x)), lambda x: f(x, m=m)),
    "static": lambda m: (f := compile(lambda x, m: m(x), static_argnames="m"), lambda x: f(x, m)),
    "in a structure": lambda m: (f := compile(lambda t: t["m"][0](t["x"])), lambda x: f({"m": (m,), "x": x})),
    "itself": lambda m: (f := compile(m), f),
    "its method": lambda m: (f := compile(m.forward), f),
    "a method handed over": lambda m: (f := compile(lambda g, x: g(x)), lambda x: f(m.forward, x)),
    "partial": lambda m: (f := compile(functools.partial(lambda m, x: m(x), m)), f),
    "batch": lambda m: (f := compile(lambda m, x: m(x)), lambda x: f.batch(m, [x, x]).data),
    "batch of itself": lambda m: (f := compile(m), lambda x: float(f.batch([x, x], reduce=None)[1])),
}


@changes
@pytest.mark.parametrize("way", CALLS.values(), ids=CALLS)
def test_what_is_replaced_in_a_module_is_noticed(way: Any, change: Callable[[Model], Any], model: Model) -> None:
    compiled, call = way(model)
    assert call(2.0) == pytest.approx(model(2.0).data)
    change(model)
    for _ in range(2):
        assert call(2.0) == pytest.approx(model(2.0).data)
    assert len(compiled.traces) == 2
    model.w.data = 11.0
    assert call(2.0) == pytest.approx(model(2.0).data) and len(compiled.traces) == 2


@changes
def test_gradients_enter_what_is_there_now(change: Callable[[Model], Any], model: Model) -> None:
    compiled = compile(lambda m, x: m(x))
    compiled.batch(model, [2.0])
    change(model)
    compiled.batch(model, [2.0]).backward()
    found = [p.grad for p in model.parameters()]
    model.zero_grad()
    model(2.0).backward()
    assert found == pytest.approx([p.grad for p in model.parameters()])


@pytest.mark.parametrize("kind", [Model, Keeping])
def test_what_changes_nothing_is_no_other_program(kind: type[Model]) -> None:
    model = kind()
    compiled, call = CALLS["argument"](model)
    call(2.0)
    same = list(model.ws)
    nothing: list[Callable[[], Any]] = [
        lambda: model(1.0),  # keeps a result as an attribute
        lambda: setattr(model, "ws", same),
        lambda: setattr(model, "factor", float("1.0")),
        lambda: optim.SGD(model.parameters(), lr=0.1),
        lambda: model.load_state_dict(model.state_dict()),
        lambda: nn.Sequential(model)(1.0),  # the module is in another place
        lambda: (model.eval(), model.train()),
        lambda: setattr(model, "text", "".join(["pl", "us"])),
    ]
    for step in nothing:
        step()
        assert call(2.0) == pytest.approx(model(2.0).data)
    known = 2 if kind is Keeping else 1  # an attribute that was not there before
    assert len(compiled.traces) == known
    model.w = Value(5.0)
    call(2.0)
    assert len(compiled.traces) == known + 1
    held = Held([model])
    assert held.is_unchanged()
    model.ws[0] = model.ws[1]
    assert not held.is_unchanged()


def test_what_moves_from_one_list_to_another_is_noticed() -> None:
    model = nn.Module()
    model.a, model.b = [Value(1.0), Value(2.0)], [Value(3.0)]
    held = Held([model])
    model.b.insert(0, model.a.pop())
    assert not held.is_unchanged()


def test_leaves_that_a_module_makes_at_its_first_call_are_captured() -> None:
    class Lazy(nn.Module):
        w: Any = None

        def forward(self, x: Any) -> Any:
            if self.w is None:
                self.w = Value(2.0)
            return self.w * x

    model = Lazy()
    f = compile(lambda m, x: m(x), max_traces=4)
    for _ in range(3):
        assert f(model, 3.0) == 6.0
    model.w.data = 5.0
    assert f(model, 3.0) == 15.0 and len(f.traces) == 2


def test_plain_layers_are_looked_at_without_a_dict() -> None:
    """Reading vars() of a neuron slows every later call of it."""
    model = nn.MLP(3, [4, 1])
    held = Held([model])
    assert held.is_unchanged() and model([1.0, 2.0, 3.0]) is not None
    neuron = model.layers[0].neurons[2]
    neuron.activation = "tanh"
    assert not held.is_unchanged()
    neuron.activation = "relu"
    assert held.is_unchanged()
    assert held.is_unchanged() and nn.Neuron(2) is not None and held.is_unchanged()
    neuron.w[1] = Value(1.0)
    assert not held.is_unchanged()


@dataclasses.dataclass(unsafe_hash=True)
class Scaled(nn.Module):
    factor: float

    def forward(self, x: Any) -> Any:
        return self.factor * x * (1.0 if self.training else 10.0)


def test_the_modes_of_equal_modules_are_told_apart() -> None:
    a, b = Scaled(1.0), Scaled(1.0)
    both = compile(lambda x: a(x) + 100.0 * b(x))
    assert both(1.0) == 101.0
    b.eval()
    assert both(1.0) == 1001.0
    a.factor = -0.0
    sign = compile(lambda x, m: tl.atan2(m.factor * abs(x), -1.0))
    assert sign(1.0, a) == -math.pi
    a.factor = 0.0
    assert sign(1.0, a) == math.pi


def test_a_module_with_slots_is_refused() -> None:
    with pytest.raises(TypeError, match=r"class Small\(Module\) has __slots__.*would not be found"):

        class Small(nn.Module):
            __slots__ = ("w",)


def test_what_would_be_done_once_while_tracing_is_refused() -> None:
    w = Value(1.0)
    optimizer = tl.optim.SGD([w], lr=0.1)
    for act in (
        optimizer.step,
        lambda: tl.optim.clip_grad_norm_([w], 1.0),
        lambda: tl.optim.clip_grad_value_([w], 1.0),
        lambda: setattr(w, "grad", 1.0),
    ):
        with pytest.raises(TraceError, match="would freeze"):
            compile(lambda x, act=act: (act(), x * w)[1])(1.0)  # type: ignore[misc]


def test_what_a_closure_holds_is_read_once() -> None:
    """As the docstring says. If it is an argument, changes are noticed; a leaf's number is always read."""
    w = [Value(2.0)]
    f, g = compile(lambda x: w[0] * x), compile(lambda w, x: w[0] * x)
    assert f(3.0) == 6.0 and g(w, 3.0).data == 6.0
    w[0].data = 5.0
    assert f(3.0) == 15.0 and g(w, 3.0).data == 15.0
    first, w[0] = w[0], Value(100.0)
    assert f(3.0) == 15.0 and g(w, 3.0).data == 300.0
    first.data = 1.0
    assert f(3.0) == 3.0
    page = pathlib.Path(tl.__file__).parent / "pages" / "semantics.md"
    for text in (compile.__doc__ or "", page.read_text(encoding="utf-8")):
        assert "unnoticed" in text
