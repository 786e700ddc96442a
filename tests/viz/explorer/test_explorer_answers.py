"""What the explorer answers: values recomputed for other leaves, comparisons, and errors for bad messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from test_explorer import FUNCTIONS, GRAPHS, decoded, detached, leaves, payload, same

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, nn, ops
from tinygrad_lite.explanation import compare
from tinygrad_lite.viz import explore
from tinygrad_lite.viz.diagram.walk import Graph


@pytest.mark.parametrize("name", FUNCTIONS)
def test_recomputed_is_recorded_with_other_leaves(name: str) -> None:
    f, at = FUNCTIONS[name]
    explorer = explore(f(*leaves(at)))
    before = explorer._json
    moved = [x * 1.25 + 0.1 for x in at]
    nodes = {v.label: i for i, v in enumerate(explorer._graph.values) if v.op is None}
    message = {"id": 7, "ask": "recompute", "leaves": [[nodes[f"leaf {k}"], x] for k, x in enumerate(moved)]}
    found = explorer._answer(message)
    other = explore(f(*leaves(moved)))
    hooks = dict(engine.hooks)
    assert set(found) == {"id", "data", "adjoint", "partials", "blocks"} and found["id"] == 7
    constant = [i for i, v in enumerate(explorer._graph.values) if v.kind == "detached"]
    if not constant:  # else the copy is a constant of its own in the graph
        for key in ("data", "adjoint") if name == "compiled" else ("data", "adjoint", "partials", "blocks"):
            assert decoded(found[key]) == pytest.approx(decoded(other._payload[key]), rel=1e-13, nan_ok=True)
    assert explorer._json == before and explore(explorer._graph.values[-1])._json == before
    assert hooks == engine.hooks


def test_recomputed_detached_leaves_stay_constants() -> None:
    explorer = explore(detached(Value(1.5, "x")))
    kinds = {i: v.kind for i, v in enumerate(explorer._graph.values) if v.op is None}
    leaf = next(i for i, kind in kinds.items() if kind == "leaf")
    found = explorer._answer({"id": 0, "ask": "recompute", "leaves": [[leaf, 2.0]]})
    assert decoded(found["data"])[-1] == 2.0 * 1.5 + 3.0 and decoded(found["adjoint"])[leaf] == 1.5
    assert all(decoded(found["adjoint"])[i] == 0.0 for i, kind in kinds.items() if kind == "detached")


def test_a_compiled_function_is_recomputed_with_other_parameters() -> None:
    model = nn.Linear(2, 1)
    call = tl.compile(lambda x: model(x)[0])
    x = [Value(0.5), Value(-1.0)]
    explorer = explore(call(x).tanh())
    weight = model.parameters()[0]
    node = explorer._graph.values.index(weight)
    found = explorer._answer({"id": 0, "ask": "recompute", "leaves": [[node, 3.0]]})
    before = weight.data
    weight.data = 3.0
    root = model(x)[0].tanh()
    assert decoded(found["data"])[-1] == pytest.approx(root.data, rel=1e-14)
    assert decoded(found["adjoint"])[node] == pytest.approx(tl.gradients(root, [weight])[0], rel=1e-14)
    whole = next(i for i, v in enumerate(explorer._graph.values) if v.op is not None and v.op.name == "compiled")
    first, last = (decoded(explorer._payload["offsets"])[whole + k] for k in (0, 1))
    by_args = decoded(found["partials"])[first:last]
    assert 3.0 in by_args and 0.5 in by_args and before not in by_args


def test_a_compiled_function_is_flat_where_what_it_stands_for_is() -> None:
    call = tl.compile(lambda x, y: x.relu() + y * 0.0 + x.relu() * y)
    explorer = explore(call(Value(-1.0), Value(2.0)) + call(Value(3.0), Value(0.0)))
    calls = [i for i, v in enumerate(explorer._graph.values) if v.op is not None and v.op.name == "compiled"]
    leaves = [i for i, v in enumerate(explorer._graph.values) if v.op is None]

    def blocks(found: dict[str, Any]) -> list[list[int]]:
        first = decoded(explorer._payload["offsets"])
        return [decoded(found["blocks"])[first[i] : first[i] + 2] for i in calls]

    assert blocks(explorer._payload) == [[1, 0], [0, 0]]
    with tl.no_grad():
        moved = explorer._answer({"id": 0, "ask": "recompute", "leaves": [[i, -1.0] for i in leaves]})
    assert blocks(moved) == [[1, 0], [1, 0]]


def test_messages_that_cannot_be_answered() -> None:
    x = Value(2.0)
    explorer = explore(x * x)
    for message, reason in (
        (None, "a message must ask for"),
        ({"id": 1, "ask": "dance"}, "a message must ask for"),
        ({"id": 1, "ask": "recompute"}, "KeyError"),
        ({"id": 1, "ask": "recompute", "leaves": [[1, 2.0]]}, "only leaves have numbers"),
        ({"id": 1, "ask": "recompute", "leaves": [[-1, 2.0]]}, "only leaves have numbers"),
        ({"id": 1, "ask": "recompute", "leaves": [[0, None]]}, "a leaf takes a real number"),
    ):
        found = explorer._answer(message)
        assert set(found) == {"id", "error"} and reason in found["error"], found
    batch = explore(GRAPHS["batch"]())
    assert "explore the function itself" in batch._answer({"id": 1, "ask": "recompute", "leaves": []})["error"]


def test_an_own_operation(own_operations: Callable[..., ops.Op]) -> None:
    def strict(x: float) -> float:
        if x > 10:
            raise OverflowError("too much")
        return x**3

    cube = own_operations("cube", strict, lambda g, y, x: g * 3.0 * x * x)
    odd = own_operations("odd", lambda x: x, lambda g, y, x: g * (1.0 if isinstance(x, Value) else "?"))
    explorer = explore(cube(Value(2.0, "x")) + odd(Value(1.0)))
    variants = {v["name"]: v for v in explorer._payload["variants"]}
    assert variants["cube"]["local"] == ["3*x**2"] and "cube" in variants["cube"]["unsupported"]
    assert variants["odd"]["local"] == [""] and variants["add"]["unsupported"] is None
    found = explorer._answer({"id": 0, "ask": "recompute", "leaves": [[0, 3.0]]})
    assert decoded(found["data"])[-1] == 28.0 and decoded(found["adjoint"])[0] == 27.0
    assert "too much" in explorer._answer({"id": 0, "ask": "recompute", "leaves": [[0, 11.0]]})["error"]


def test_what_the_page_cannot_compute_says_so() -> None:
    for name in ("fixed point", "compiled", "batch"):
        reasons = [v["unsupported"] for v in explore(GRAPHS[name]())._payload["variants"] if v["unsupported"]]
        assert reasons and all("Python" in reason for reason in reasons)


def test_texts_of_local_derivatives() -> None:
    x, y = Value(2.0), Value(3.0)
    root = (x**2 + x**0.3 + x**y).tanh() / y + tl.dot([x, y], [y, 1.0]) + tl.logsumexp([x] * 40)
    found = {(v["name"], len(v["local"]), v["local"][0]) for v in explore(root)._payload["variants"]}
    assert {("pow", 2, "2*x"), ("tanh", 1, "1 - tanh(x)**2"), ("div", 2, "1/b"), ("dot", 5, "ys[0]")} <= found
    assert ("logsumexp", 40, "") in found
    assert len([name for name, _, _ in found if name == "pow"]) == 2


def test_what_compare_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ops.erf.rules[0]
    assert right is not None
    monkeypatch.setattr(ops.erf, "rules", (lambda g, y, x: right(g, y, x) * 1.5,))
    x = Value(0.5, "x")
    inner = engine.record(ops.erf, (x * 2.0,))
    root = inner * 3.0 + tl.sum([x] * 40)
    report = compare(root)
    for checks in (
        payload(root, compare=report)["checks"],
        explore(root)._answer({"id": 0, "ask": "compare", "leaves": []})["checks"],
    ):
        names, values = checks["verdicts"], Graph(root).values
        verdict = [names[k] for k in decoded(checks["verdict"])]
        rows = {row.node: row for row in report.rows}
        assert verdict == [rows[v].verdict for v in values] and verdict[values.index(inner)] == "WRONG"
        assert same(decoded(checks["adjoint"]), [getattr(rows[v].adjoint, "numeric", math.nan) for v in values])
        entry = payload(root)["offsets"][values.index(inner)]
        assert decoded(checks["measured"])[entry] == pytest.approx(right(1.0, inner.data, Value(1.0)).data, rel=1e-6)
        assert names[decoded(checks["rule"])[entry]] == "WRONG" and decoded(checks["rule"])[-1] != 255
        # 40 were measured at once, and two are plain numbers.
        assert len(checks["meanings"]) == len(names) and decoded(checks["rule"]).count(255) == 42
    part = payload(inner, compare=report)["checks"]
    assert all(math.isnan(x) for x in decoded(part["adjoint"]))
