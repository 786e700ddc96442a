"""Module: what it finds among attributes, where its Values say they come from, and how it is copied."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from tinygrad_lite import Value, engine, no_grad
from tinygrad_lite.engine import Origin, bind, set_origin, topological_order
from tinygrad_lite.nn import MLP, Layer, Module, Neuron, Sequential, Tanh


class Scale(Module):
    def __init__(self, factor: float = 2.0) -> None:
        self.factor = Value(factor)

    def forward(self, x: Any) -> Any:
        return self.factor * x


class Everything(Module):
    """Parameters in all places that are searched, and Values that are not parameters."""

    def __init__(self) -> None:
        self.single = Value(1.0)
        self.rows = [[Value(2.0), Value(3.0)], [Value(4.0)]]
        self.by_name = {"a": Value(5.0), "deeper": ({"b": Value(6.0)}, Scale(7.0))}
        self.again = self.single
        self.tied = [self.rows[1][0], Value(8.0)]
        self.result = self.single * 2
        self.constant = Value(9.0).detach()
        self.name = "everything"
        self.itself = self
        self.loop: list[Any] = [self.rows]
        self.loop.append(self.loop)


NAMES = {
    "single": 1.0,
    "rows.0.0": 2.0,
    "rows.0.1": 3.0,
    "rows.1.0": 4.0,
    "by_name.a": 5.0,
    "by_name.deeper.0.b": 6.0,
    "by_name.deeper.1.factor": 7.0,
    "tied.1": 8.0,
}


def test_parameters_are_found_in_order_each_once() -> None:
    module = Everything()
    assert [(name, p.data) for name, p in module.named_parameters()] == list(NAMES.items())
    assert module.parameters() == [p for _, p in module.named_parameters()]


def test_names_of_an_mlp() -> None:
    names = [name for name, _ in MLP(2, [2, 1]).named_parameters()]
    assert names[:4] == ["layers.0.neurons.0.w.0", "layers.0.neurons.0.w.1", "layers.0.neurons.0.b", names[3]]
    assert names[-1] == "layers.1.neurons.0.b" and len(names) == 9


def test_parameters_come_to_lie_in_one_storage() -> None:
    model = MLP(2, [2, 1])
    assert model.layers[0].neurons[0].b.kind == "parameter"
    model.layers[1].parameters()
    storage, cells = bind(model.parameters())
    assert cells == list(range(9)) and len(storage) == 9
    inner, cells = bind(model.layers[1].parameters())
    assert inner is storage and cells == [6, 7, 8]
    model.layers[0].neurons[0].w[0].data = 3.5
    assert storage.values[0] == 3.5


def test_a_call_binds_the_parameters() -> None:
    model = Scale()
    model(1.0)
    assert model.factor.kind == "parameter"


def test_zero_grad() -> None:
    model = Scale()
    model(3.0).backward()
    assert model.factor.grad_state == "computed"
    model.zero_grad()
    assert (model.factor.grad, model.factor.grad_state) == (0.0, "not computed")


def test_a_list_that_was_changed_is_seen() -> None:
    model = MLP(1, [1])
    model([1.0])
    model.layers.append(Layer(1, 2))
    model.layers[0].neurons[0].w[0] = replaced = Value(0.25)
    assert len(model.parameters()) == 6 and model.parameters()[0] is replaced


def paths(root: Value) -> dict[str | None, int]:
    """How many results come from each path."""
    found: dict[str | None, int] = {}
    for v in topological_order(root):
        if v.op is not None:
            found[v.path] = found.get(v.path, 0) + 1
    return found


def test_values_know_the_module_that_made_them() -> None:
    model = MLP(2, [2, 1])
    y = model([Value(1.0), Value(2.0)])
    assert paths(y * 1.0) == {
        "layers.0.neurons.0": 2,
        "layers.0.neurons.1": 2,
        "layers.1.neurons.0": 1,
        None: 1,
    }
    first, second = model([1.0, 2.0]), model([1.0, 2.0])
    assert first.path is second.path, "all nodes of a module's calls share one origin"


def test_what_the_outermost_module_computes_itself_has_the_empty_path() -> None:
    class Net(Module):
        def __init__(self) -> None:
            self.scale, self.heads = Scale(), {"left": Scale(3.0)}

        def forward(self, x: Any) -> Any:
            return self.scale(x) * self.heads["left"](x) + 1.0

    y = Net()(Value(2.0))
    assert y.data == 25.0 and paths(y) == {"": 2, "scale": 1, "heads.left": 1}


def test_a_module_called_on_its_own_is_its_own_root_until_it_is_called_in_another() -> None:
    model = MLP(2, [2, 1])
    layer = model.layers[0]
    assert [y.path for y in layer([1.0, 2.0])] == ["neurons.0", "neurons.1"]
    assert layer.neurons[1]([1.0, 2.0]).path == "neurons.1"
    model([1.0, 2.0])
    assert layer.neurons[1]([1.0, 2.0]).path == "layers.0.neurons.1"


def test_modules_that_come_later_find_their_place() -> None:
    model = Sequential(Layer(1, 2))
    model([1.0])
    model.layers.append(Sequential(Layer(2, 1), Scale()))
    assert paths(model([1.0]))["layers.1.layers.1"] == 1
    model.layers[0].neurons.append(Neuron(1))
    assert model.layers[0]([1.0])[2].path == "layers.0.neurons.2"


def test_a_module_that_stands_nowhere_computes_for_its_caller() -> None:
    class Net(Module):
        def __init__(self) -> None:
            self.scale = Scale()

        def forward(self, x: Any) -> Any:
            return Tanh()(self.scale(x))

    assert paths(Net()(1.0)) == {"": 1, "scale": 1}


def test_the_path_is_put_back_also_after_an_error() -> None:
    class Fails(Module):
        def __init__(self) -> None:
            self.layer = Layer(2, 2)

        def forward(self, x: Any) -> Any:
            return self.layer(x)

    model, outside = Fails(), Origin(path="outside")
    before = set_origin(outside)
    try:
        for x in ([1.0], ["a", 1.0], [None, 1.0]):
            with pytest.raises((ValueError, TypeError)):
                model(x)
            assert (Value(1.0) * 2).path == "outside"
        model.layer.forward([1.0, 2.0])
        assert (Value(1.0) * 2).path == "outside"
    finally:
        set_origin(before)


def test_a_call_written_by_hand_may_build_on_another() -> None:
    class Twice(Scale):
        def __call__(self, x: Any) -> Any:
            """Two times."""
            return super().__call__(x) * 2

    assert Twice()(3.0).data == 12.0 and Twice.__call__.__doc__ == "Two times."
    assert paths(Sequential(Twice())(3.0)) == {"layers.0": 2}


def test_parameters_are_labelled_by_their_names_in_their_module() -> None:
    class Net(Module):
        def __init__(self) -> None:
            self.parts = [Scale(), Neuron(1)]
            self.rows = [[Value(1.0)]]
            self.mine = Value(2.0, label="mine")

        def forward(self, x: Any) -> Any:
            return self.parts[0](x) * self.rows[0][0] * self.mine

    for net in (Net(), Sequential(Scale(), Net())):
        net(1.0)
        assert [p.label for p in net.parameters()][-5:] == ["factor", "w.0", "b", "rows.0.0", "mine"]


def test_train_and_eval_reach_the_whole_tree() -> None:
    model = Sequential(Layer(1, 1), {"not": "callable"}.get, Scale())
    assert model.eval() is model
    assert [m.training for _, m in model.named_modules()] == [False] * 4
    assert [m.training for _, m in model.train().named_modules()] == [True] * 4
    assert Scale().training, "other instances are left alone"
    with pytest.raises(TypeError, match="train\\(mode\\) must be True or False, got a str, 'yes'"):
        model.train("yes")  # type: ignore[arg-type]


def test_named_modules() -> None:
    assert [name for name, _ in Everything().named_modules()] == ["", "by_name.deeper.1"]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies_share_nothing(copied: Any) -> None:
    model = Everything()
    del model.result
    model.parameters()
    model.single.grad = 3.0
    other = copied(model)
    assert [(name, p.data) for name, p in other.named_parameters()] == list(NAMES.items())
    assert other.single.grad == 3.0 and other.single.kind == "leaf" and other.again is other.single
    assert other.tied[0] is other.rows[1][0], "what was shared is shared within the copy"
    for p in other.parameters():
        p.data, p.grad = 0.0, 1.0
    assert [p.data for p in model.parameters()] == list(NAMES.values())
    assert bind(other.parameters())[0] is not bind(model.parameters())[0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_copy_finds_its_own_place(copied: Any) -> None:
    model = MLP(1, [2, 1], activation="gelu")
    y = model([1.0])
    layer = copied(model.layers[0])
    assert layer([1.0])[0].path == "neurons.0" and layer([1.0])[0].op.name == "gelu"
    assert copied(model)([1.0]).data == y.data
    assert model([1.0]).path == "layers.1.neurons.0"


def test_a_module_without_forward_says_what_is_missing() -> None:
    class Empty(Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty .* give it a method forward\(self, x\)"):
        Empty()(1.0)
    assert repr(Empty()) == "Empty()"


def test_modules_work_without_recording() -> None:
    with no_grad():
        y = MLP(2, [2, 1])([1.0, 2.0])
    assert y.kind == "detached"


def test_a_network_of_no_parameters() -> None:
    model = Sequential(Tanh())
    assert model.parameters() == [] and model.state_dict() == {} and model(Value(0.0)).data == 0.0
    model.zero_grad()


def test_the_engine_knows_nothing_of_modules() -> None:
    assert not any("nn" in str(target) for target in engine.methods.values() if isinstance(target, str))
