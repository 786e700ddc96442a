"""The explorer's payload says what the graph is: numbers, edges, hooks and labels, with no Value changed."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, nn
from tinygrad_lite.explanation import compare
from tinygrad_lite.viz import Explorer, explore
from tinygrad_lite.viz.diagram.module_frames import places
from tinygrad_lite.viz.diagram.walk import Graph

TYPES = {"f64": "<f8", "i32": "<i4", "u8": "u1"}


def decoded(array: dict[str, str]) -> list[Any]:
    ((kind, text),) = array.items()
    numbers: list[Any] = np.frombuffer(base64.b64decode(text), TYPES[kind]).tolist()
    return numbers


def payload(root: Value, **options: Any) -> dict[str, Any]:
    """What the page gets, with arrays decoded to lists."""
    found = json.loads(explore(root, **options)._json)
    return {k: decoded(v) if isinstance(v, dict) and v.keys() <= TYPES.keys() and v else v for k, v in found.items()}


def same(xs: Sequence[float], ys: Sequence[float]) -> bool:
    return np.array_equal(np.array(xs), np.array(ys), equal_nan=True)


def neuron(x1: Any, x2: Any, w1: Any, w2: Any, b: Any) -> Value:
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    return n.tanh()


def mixture(a: Any, b: Any, c: Any) -> Value:
    """Has constants on both sides, a Value used twice, sequences, a branch, a flat row, infinite slopes and nan."""
    kept = tl.where(a, (a - 2.0).sqrt(), b) + tl.take([a, b, c], Value(1.0)) + tl.dot([a, 2.0], [b, b], c)
    return kept + 3.0 / (a * a) ** 2.5 + tl.logsumexp([a, 1.0, c]) + (b - 9.0).relu() + b.stop_gradient() + (-a).log()


def detached(x: Any) -> Value:
    return x * x.detach() + Value(3.0).detach()


def settled(w: Any, x: Any) -> Value:
    z1, z2 = tl.fixed_point(lambda z: [(w * z[1] + x).tanh() * 0.5, z[0] * 0.3 + x], [0.0, 0.0]).values
    return z1 * z2 + w


def clicked(x: Any, y: Any) -> Value:
    """Has a hook on an intermediate result."""
    h = x * y
    tl.register_hook(h, lambda g: 10.0 * g)
    return h.tanh() + x


@tl.compile
def _squares(x: Any, y: Any) -> Any:
    return x * x * y + x.exp()


def compiled(x: Any, y: Any) -> Value:
    result: Value = _squares(x, x) + _squares(y, 2.0) * x
    return result


FUNCTIONS: dict[str, tuple[Callable[..., Value], list[float]]] = {
    "neuron": (neuron, [2.0, 0.0, -3.0, 1.0, 6.88]),
    "mixture": (mixture, [2.0, -0.5, 0.25]),
    "detached": (detached, [1.5]),
    "fixed point": (settled, [0.4, 0.2]),
    "hook": (clicked, [0.5, -0.3]),
    "compiled": (compiled, [0.5, -0.3]),
    "leaf": (lambda x: x, [2.0]),
}


def module_loss(model: nn.Module, count: int) -> Value:
    rows = [[Value(math.sin(3 * k)), Value(math.cos(5 * k))] for k in range(count)]
    data = tl.mean([(1.0 - (-1) ** k * model(row)).relu() for k, row in enumerate(rows)])
    return data + 1e-4 * sum(p * p for p in model.parameters())


class Loop(nn.Module):
    """A recurrent cell whose output returns to it through another module."""

    def __init__(self) -> None:
        self.cell, self.read = nn.GRUCell(2, 3), nn.Linear(3, 2)

    def forward(self, x: Any, steps: int) -> Any:
        h, out = None, []
        for _ in range(steps):
            h = self.cell(x, h)
            x = self.read(h)
            out.append(x[0])
        return out


def chain() -> Value:
    x, r = Value(0.5, "x"), Value(3.7, "r")
    for _ in range(4200):
        x = r * x * (1.0 - x)
    return x


def scalar_network() -> Value:
    """A network without modules, as in micrograd: each product and each sum is a node."""
    weights = [[Value(0.1 * (i - j)) for j in range(8)] for i in range(8)]
    losses = []
    for k in range(20):
        x = [Value(math.sin(k + j)) for j in range(8)]
        losses.append(sum((sum(w * xj for w, xj in zip(row, x, strict=True)).relu() for row in weights), 0.0))
    return sum(losses[1:], losses[0])


def wide() -> Value:
    return tl.sum(nn.MLP(150, [130])([Value(0.01 * k) for k in range(150)]))


def leaves(numbers: Sequence[float]) -> list[Value]:
    return [Value(x, label=f"leaf {k}") for k, x in enumerate(numbers)]


GRAPHS: dict[str, Callable[[], Value]] = {
    **{name: (lambda f=f, at=at: f(*leaves(at))) for name, (f, at) in FUNCTIONS.items()},
    "MLP": lambda: module_loss(nn.MLP(2, [4, 1]), 4),
    "demo": lambda: module_loss(nn.MLP(2, [16, 16, 1]), 100),
    "loop": lambda: tl.sum(Loop()([Value(0.1), Value(-0.4)], 5)),
    "LSTM": lambda: tl.sum(nn.LSTM(2, 3)([[Value(0.1 * k), Value(0.2)] for k in range(40)])[0][-1]),
    "chain": chain,
    "scalar network": scalar_network,
    "wide": wide,
    "parameter": lambda: nn.Linear(2, 2).parameters()[0],
    "batch": lambda: tl.compile(nn.MLP(2, [3, 1])).batch([[0.1, 0.2], [0.3, 0.4]], reduce="mean") * 2.0,
}


@pytest.fixture(params=GRAPHS)
def root(request: pytest.FixtureRequest) -> Value:
    y = GRAPHS[request.param]()
    y.backward()
    return y


def test_payload_is_the_graph(root: Value) -> None:
    found, graph = payload(root), Graph(root)
    values = graph.values
    assert found["count"] == len(values) and found["title"].startswith("computation graph of ")
    assert found["data"] == [v.data for v in values] or same(found["data"], [v.data for v in values])
    assert same(found["adjoint"], tl.gradients(root, values))
    assert same(found["grad"], [v.grad for v in values])
    assert found["graded"] == [v.grad_state == "computed" for v in values]
    assert [["parameter", "leaf", "detached", "result"][k] for k in found["kind"]] == [v.kind for v in values]
    assert found["labels"] == {str(i): v.label for i, v in enumerate(values) if v.label}
    paths = [found["paths"][p] if p >= 0 else "" for p in found["path"]]
    assert paths == [v.path or ".".join(place) for v, place in zip(values, places(graph), strict=True)]
    assert found["swept"] is True
    for i, v in enumerate(values):
        entries = range(found["offsets"][i], found["offsets"][i + 1])
        if v.op is None:
            assert found["op"][i] == -1 and not entries
            continue
        variant = found["variants"][found["op"][i]]
        assert (variant["name"], variant["symbol"], tuple(variant["args"])) == (v.op.name, v.op.symbol, v.op.args)
        assert variant["lengths"] == [len(a) if type(a) is tuple else None for a in v.args]
        flat = [x for a in v.args for x in (a if type(a) is tuple else (a,))]
        assert len(variant["local"]) == len(flat) == len(entries)
        derivatives = iter(v.local_derivatives)
        for entry, x in zip(entries, flat, strict=True):
            arg = found["args"][entry]
            if isinstance(x, Value):
                assert values[arg] is x and same([found["partials"][entry]], [next(derivatives)])
            else:
                assert arg < 0 and same([found["constants"][-1 - arg]], [x]) and found["partials"][entry] == 0.0


def test_hooks_are_told() -> None:
    x, y = Value(0.5), Value(2.0)
    root = clicked(x, y)
    assert payload(root)["hooked"] == [2]


def test_exploring_changes_no_value() -> None:
    model = nn.MLP(2, [4, 1])
    root = module_loss(model, 3)
    root.backward()

    def state() -> list[Any]:
        return [(v.data, v.grad, v.grad_state, engine.sweep_number(v)) for v in Graph(root).values]

    before = state()
    explorer = explore(root)
    explorer._repr_mimebundle_()
    explorer._answer({"id": 0, "ask": "recompute", "leaves": [[0, 3.0]]})
    explorer._answer({"id": 0, "ask": "compare", "leaves": []})
    assert state() == before


def test_the_numbers_are_those_of_the_moment() -> None:
    x = Value(2.0)
    explorer = explore(x * 3.0)
    x.data = 5.0
    assert decoded(explorer._answer({"id": 0, "ask": "recompute", "leaves": []})["data"]) == [2.0, 6.0]
    assert payload(x * 1.0)["swept"] is False


def test_unrecorded_roots() -> None:
    with tl.no_grad():
        root = Value(2.0) * 3.0
    found = payload(root)
    assert found["data"] == [6.0] and found["kind"] == [2] and found["adjoint"] == tl.gradients(root, [root])


def test_errors() -> None:
    x = Value(2.0)
    with pytest.raises(TypeError, match=r"explore\(\) shows the graph of a Value, got .*pass the Value itself"):
        explore(2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"explore\(compare=...\) takes the report of compare\(root\), got"):
        explore(x, compare="report")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"explore\(compare=...\) takes .* but this one is of another graph"):
        (x * 2.0).explore(compare=compare(x * 3.0))
    with pytest.raises(ValueError, match=r"save\(\) writes an \.html file, got 'page\.svg': end the name with \.html"):
        explore(x).save("page.svg")


def test_public_names() -> None:
    assert tl.viz.explore is explore and tl.viz.Explorer is Explorer and "explore" in dir(Value(1.0))
    assert repr(Value(1.0).explore()) == "<Explorer of 1 node>"


def test_a_training_is_carried_along() -> None:
    model = nn.MLP(2, [2, 1])
    recorder = tl.viz.Recorder(model)
    for _ in range(2):
        loss = module_loss(model, 2)
        loss.backward()
        recorder(loss)
    found = payload(loss, training=recorder)["training"]
    assert found["steps"] == [1, 2] and {found["series"]["loss"][1]} == {loss.data}
    nodes = decoded(found["parameters"]["node"])
    assert {Graph(loss).values[i] for i in nodes} == set(model.parameters())
    with pytest.raises(TypeError, match=r"explore\(training=...\) takes the Recorder of the training, got"):
        loss.explore(training=model)
