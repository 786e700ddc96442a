"""A module remembers where its parameters are, and notices every change of what it holds."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.engine import bind, clear_grads, hold_the_same, storage_of, sweep_number


class Everything(nn.Module):
    def __init__(self) -> None:
        self.layer = nn.Layer(2, 2)
        self.linear = nn.Linear(2, 2)
        self.single = Value(1.0)
        self.nested = [[Value(2.0), 3.0], (Value(4.0), [Value(5.0)])]
        self.named: dict[str, Any] = {"a": Value(6.0), "b": [Value(7.0)]}
        self.frozen = [Value(8.0).detach()]


def agrees(model: nn.Module) -> bool:
    fresh = [v for _, v in model.named_parameters()]
    found = model.parameters()
    return len(found) == len(fresh) and all(map(lambda a, b: a is b, found, fresh)) and len(storage_of(found)) > 0


CHANGES: dict[str, Callable[[Everything], Any]] = {
    "a weight": lambda m: m.layer.neurons[1].w.__setitem__(0, Value(1.0)),
    "an equal weight": lambda m: m.linear.weight[1].__setitem__(0, Value(m.linear.weight[1][0].data)),
    "the list of weights": lambda m: setattr(m.layer.neurons[0], "w", list(m.layer.neurons[0].w)[:1]),
    "a bias": lambda m: setattr(m.layer.neurons[0], "b", Value(1.0)),
    "no bias": lambda m: setattr(m.layer.neurons[0], "b", 0.0),
    "a neuron more": lambda m: m.layer.neurons.append(nn.Neuron(2)),
    "a neuron less": lambda m: m.layer.neurons.pop(),
    "an attribute": lambda m: setattr(m, "single", Value(1.0)),
    "an attribute more": lambda m: setattr(m, "more", Value(1.0)),
    "an attribute less": lambda m: delattr(m, "single"),
    "an attribute below": lambda m: setattr(m.linear, "scale", Value(1.0)),
    "a list below": lambda m: m.nested[1][1].append(Value(1.0)),
    "a number that becomes a leaf": lambda m: m.nested[0].__setitem__(1, Value(1.0)),
    "a key": lambda m: m.named.__setitem__("c", Value(1.0)),
    "a key less": lambda m: m.named.pop("a"),
    "the order": lambda m: m.nested.reverse(),
    "a frozen one": lambda m: m.frozen.__setitem__(0, Value(8.0)),
    "one that is frozen": lambda m: m.linear.bias.__setitem__(0, m.linear.bias[0].detach()),
    "a module": lambda m: setattr(m, "linear", nn.Linear(1, 1)),
    "nothing": lambda m: None,
    "a leaf that moves": lambda m: bind([m.single, Value(0.0)]),
    "all leaves that move": lambda m: bind([*m.parameters()[::-1], Value(0.0)]),
    "a mode": lambda m: m.eval(),
    "a call": lambda m: m.layer([1.0, 2.0]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_noticed(change: str) -> None:
    model = Everything()
    layer = model.layer
    assert agrees(model) and agrees(layer) and agrees(layer.neurons[0])
    old = model.parameters()
    tl.sum(v * 2.0 for v in old).backward()
    CHANGES[change](model)
    now = [v for _, v in model.named_parameters()]
    tl.sum(v * 3.0 for v in now).backward()
    model.zero_grad()
    for v in now:
        assert v.grad == 0.0 and v.grad_state == "not computed" and sweep_number(v) == 0
    for v in old:
        assert any(v is w for w in now) or v.grad != 0.0
    assert agrees(model) and agrees(layer) and agrees(layer.neurons[0]) and agrees(model)


def test_nothing_is_searched_again_without_need() -> None:
    model = Everything()
    for part in (model, model.layer, model.layer.neurons[0]):
        assert part._found() is part._found()


def test_what_is_found_stays_the_caller_s() -> None:
    model = nn.MLP(2, [2])
    taken = model.parameters()
    taken.clear()
    assert len(model.parameters()) == 6 and agrees(model)


def test_a_part_is_cleared_alone() -> None:
    model = nn.MLP(2, [2, 1])
    tl.sum(v * v + v for v in model.parameters()).backward()
    model.layers[0].zero_grad()
    first = len(model.layers[0].parameters())
    assert [v.grad_state for v in model.parameters()] == ["not computed"] * first + ["computed"] * 3


def test_clearing_in_a_hook() -> None:
    def found(clear: Callable[[nn.Module], None]) -> list[object]:
        model = nn.Module()
        model.leaves = leaves = [Value(1.0), Value(2.0), Value(3.0)]  # type: ignore[attr-defined]
        model.zero_grad()
        y = leaves[0] * 2.0
        tl.register_hook(y, lambda g: clear(model))
        z = y * leaves[1] + leaves[2] * 0.0
        by = tl.gradients(z, leaves)
        z.backward()
        return [by, [(v.grad, v.grad_state, sweep_number(v) > 0) for v in leaves]]

    assert found(nn.Module.zero_grad) == found(lambda model: [clear_grads([v]) for v in model.parameters()] and None)


def test_copies_and_pickles_find_their_own() -> None:
    model = Everything()
    model.parameters()
    for made in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert "_leaves" not in vars(made) and agrees(made)
    assert agrees(model)


def test_a_model_is_freed_at_once() -> None:
    @dataclass(frozen=True, eq=True)
    class Frozen(nn.Module):
        inner: nn.MLP = field(default_factory=lambda: nn.MLP(2, [2]))
        factor: Value = field(default_factory=lambda: Value(1.0))

    gc.disable()
    try:
        for make in (Everything, Frozen):
            model = make()
            model.parameters()
            model.zero_grad()
            assert agrees(model)
            gone = weakref.ref(model), weakref.ref(model.parameters()[0])
            del model
            assert [ref() for ref in gone] == [None, None]
    finally:
        gc.enable()


def test_a_compiled_module_is_not_traced_again_because_its_parameters_were_found() -> None:
    traces: list[None] = []

    class Noting(nn.MLP):
        def forward(self, x: Any) -> Any:
            traces.append(None)
            return super().forward(x)

    model = Noting(2, [2, 1])
    f = tl.compile(model)
    f([1.0, 2.0])
    before = len(traces)
    model.zero_grad()
    model.layers[0].parameters()
    f([1.0, 2.0])
    assert len(traces) == before
    model.layers[0].neurons[0].w[0] = Value(1.0)
    f([1.0, 2.0])
    assert len(traces) > before


@pytest.mark.parametrize(
    "containers",
    [[[]], [[1, 2], []], [[1, 2, 3, 4]], [[1], [2, 3]], [(1, 2), [3]], [{"a": 1}.values(), [2], [3]], [[1], (2,), [4]]],
)
def test_items_of_containers_are_compared(containers: list[Any]) -> None:
    flat = [x for each in containers for x in each]
    assert hold_the_same(containers, tuple(flat))
    assert hold_the_same(containers, (1, 2, 3)) == (flat == [1, 2, 3])
    assert not hold_the_same(containers, (*flat, 5)) and not hold_the_same(containers, (0, *flat[1:]))
