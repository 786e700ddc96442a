"""The explorer's payload equals the graph; its hierarchy is small everywhere; its page needs nothing but itself."""

from __future__ import annotations

import base64
import graphlib
import html
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, nn, ops
from tinygrad_lite.explanation import compare
from tinygrad_lite.viz import Explorer, explore
from tinygrad_lite.viz.diagram.module_frames import places
from tinygrad_lite.viz.diagram.walk import Graph
from tinygrad_lite.viz.explorer import page
from tinygrad_lite.viz.explorer.hierarchy import ROOM

TYPES = {"f64": "<f8", "i32": "<i4", "u8": "u1"}
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--",
    "&lt;\"'",
    "\u2028\u202e",
    "\ud800",
    "\N{GRINNING FACE}" * 9,
    "x" * 10_000,
]


def decoded(array: dict[str, str]) -> list[Any]:
    ((kind, text),) = array.items()
    numbers: list[Any] = np.frombuffer(base64.b64decode(text), TYPES[kind]).tolist()
    return numbers


def payload(root: Value, **options: Any) -> dict[str, Any]:
    """What the page gets, with arrays as lists."""
    found = json.loads(explore(root, **options)._json)
    return {k: decoded(v) if isinstance(v, dict) and v.keys() <= TYPES.keys() and v else v for k, v in found.items()}


def same(xs: Sequence[float], ys: Sequence[float]) -> bool:
    return np.array_equal(np.array(xs), np.array(ys), equal_nan=True)


def neuron(x1: Any, x2: Any, w1: Any, w2: Any, b: Any) -> Value:
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    return n.tanh()


def mixture(a: Any, b: Any, c: Any) -> Value:
    """Constants on either side, a Value used twice, sequences, a branch, a flat place, infinite derivatives, nan."""
    kept = tl.where(a, (a - 2.0).sqrt(), b) + tl.take([a, b, c], Value(1.0)) + tl.dot([a, 2.0], [b, b], c)
    return kept + 3.0 / (a * a) ** 2.5 + tl.logsumexp([a, 1.0, c]) + (b - 9.0).relu() + b.stop_gradient() + (-a).log()


def detached(x: Any) -> Value:
    return x * x.detach() + Value(3.0).detach()


def settled(w: Any, x: Any) -> Value:
    z1, z2 = tl.fixed_point(lambda z: [(w * z[1] + x).tanh() * 0.5, z[0] * 0.3 + x], [0.0, 0.0]).values
    return z1 * z2 + w


def clicked(x: Any, y: Any) -> Value:
    """With a hook."""
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
    """A cell whose output comes back to it by way of another module."""

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
    """micrograd's way without modules: each product and sum a node."""
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


def test_hierarchy_is_small_everywhere(root: Value) -> None:
    found, graph = payload(root), Graph(root)
    classes, frames, homes = found["class"], found["frames"], found["frame"]
    assert set(classes) == set(range(len(homes)))
    assert all(-1 <= f["parent"] < k for k, f in enumerate(frames)) and all(-1 <= h < len(frames) for h in homes)
    children = Counter([f["parent"] for f in frames] + homes)
    assert max(children.values()) <= ROOM and set(children) >= set(range(len(frames)))
    kinds: dict[int, set[Any]] = {}
    for v, c in zip(graph.values, classes, strict=True):
        kinds.setdefault(c, set()).add((v.op, v.kind if v.op is None else None))
    assert all(len(k) == 1 for k in kinds.values())
    if len(graph) <= ROOM:
        assert len(set(classes)) == len(graph)
    # With all frames closed, and with any of them open, arrows lead forward only.
    around = [list(ancestors(frames, h)) for h in homes]
    for level in {len(a) for a in around}:
        units = [("frame", a[level]) if len(a) > level else ("class", c) for c, a in enumerate(around)]
        assert is_acyclic({(units[classes[p]], units[classes[i]]) for i, ps in enumerate(graph.parents) for p in ps})


def ancestors(frames: list[dict[str, Any]], frame: int) -> Iterator[int]:
    """From the outermost to this one."""
    if frame >= 0:
        yield from ancestors(frames, frames[frame]["parent"])
        yield frame


def is_acyclic(edges: set[tuple[Any, Any]]) -> bool:
    sorter: graphlib.TopologicalSorter[Any] = graphlib.TopologicalSorter()
    for s, t in edges:
        if s != t:
            sorter.add(t, s)
    try:
        sorter.prepare()
    except graphlib.CycleError:
        return False
    return True


def test_frames_are_modules_calls_and_parts() -> None:
    demo = payload(GRAPHS["demo"]())
    assert {f["kind"] for f in demo["frames"]} == {"module"} and len(demo["frames"]) == 3 + 33
    assert ("neurons.3", "layers.1.neurons.3") in [(f["title"], f["path"]) for f in demo["frames"]]
    outermost = demo["frame"].count(-1) + [f["parent"] for f in demo["frames"]].count(-1)
    assert outermost <= 15  # the penalty, a sum over 337 parameters of two kinds in turn, is one class
    sizes = Counter(demo["class"])
    assert {100, 1} <= set(sizes.values())  # what each sample does alike, and each parameter
    loop = payload(GRAPHS["loop"]())
    assert [f["title"] for f in loop["frames"] if f["path"] == "cell"] == [f"cell (call {k})" for k in range(1, 6)]
    assert {f["kind"] for f in loop["frames"]} == {"call"}
    parts = payload(chain())["frames"]
    assert {f["kind"] for f in parts} == {"part"} and {"operations 1 to 10,000"} <= {f["title"] for f in parts}
    assert any(f["title"].startswith("modules 1 to 1") for f in payload(wide())["frames"])


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
    assert set(found) == {"id", "data", "adjoint", "partials"} and found["id"] == 7
    constant = [i for i, v in enumerate(explorer._graph.values) if v.kind == "detached"]
    if not constant:  # else the copy is a constant of its own in the graph
        for key in ("data", "adjoint") if name == "compiled" else ("data", "adjoint", "partials"):
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


def test_what_compare_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ops.erf.rules[0]
    assert right is not None
    monkeypatch.setattr(ops.erf, "rules", (lambda g, y, x: right(g, y, x) * 1.5,))
    x = Value(0.5, "x")
    inner = (x * 2.0).erf()
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


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    terms = [Value(float(k), label=label) for k, label in enumerate(HOSTILE)]
    explorer = tl.sum(terms).explore()
    explorer.save(tmp_path / "page.HTML")
    text = (tmp_path / "page.HTML").read_text(encoding="utf-8")
    assert "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:" in text
    assert set(re.findall(r"\w+://[^\s\"'`)]*", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(src|href)\s*=\s*[\"']?(?!data:)", text) and "@import" not in text and "url(" not in text
    assert text.count("<script") == text.count("</script>") == 2
    data = text.partition('id="payload">')[2].partition("</script>")[0]
    assert not re.search("[<>&\u2028\u2029]", data)
    assert json.loads(data) == json.loads(explorer._json)
    assert [json.loads(data)["labels"][str(k)] for k in range(len(HOSTILE))] == HOSTILE


def test_a_page_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "page.html"
    target.write_text("former")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        explore(Value(1.0)).save(target)
    assert target.read_text() == "former" and [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_modules_are_joined_to_one() -> None:
    source = page.module()
    assert not re.search(r"^import ", source, re.MULTILINE)
    assert re.findall(r"^export .*", source, re.MULTILINE) == ["export default { render };"]
    names = re.findall(r"^(?:async function|function|class|const|let)\*? (\w+)", source, re.MULTILINE)
    assert {"mount", "render"} <= set(names)
    assert [name for name, n in Counter(names).items() if n > 1] == []
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|outerHTML|document\.write|\beval\(|new Function|fetch\(", source
    )
    for name in page.MODULES:
        for used in re.findall(r'from "\./([\w.]+)";', (Path(page.__file__).parent / name).read_text(encoding="utf-8")):
            assert page.MODULES.index(used) < page.MODULES.index(name), f"{name} uses {used}, which comes later"


def test_a_notebook_shows_the_widget_and_pages_of_code_the_picture() -> None:
    explorer = explore(Value(0.5, label="x").tanh())
    data, _ = explorer._repr_mimebundle_()
    assert data["text/plain"] == "<Explorer of 2 nodes>" and data["text/html"].startswith("<img src=")
    again, _ = explorer._repr_mimebundle_()
    kind = "application/vnd.jupyter.widget-view+json"
    assert data[kind]["model_id"] == again[kind]["model_id"]
    assert json.loads(explorer._widget.payload) == json.loads(explorer._json)
    sent: list[Any] = []
    explorer._widget.send = sent.append
    explorer._widget._handle_custom_msg({"id": 5, "ask": "recompute", "leaves": [[0, 1.0]]}, [])
    assert sent[0]["id"] == 5 and decoded(sent[0]["data"]) == [1.0, math.tanh(1.0)]


def test_without_anywidget_a_notebook_shows_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "tinygrad_lite.viz.explorer.widget", raising=False)
    explorer = explore(Value(0.5, label="x").tanh())
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    frame = bundle["text/html"]
    assert frame.startswith('<iframe sandbox="allow-scripts" srcdoc="') and "<script" not in frame
    assert html.unescape(frame.partition('srcdoc="')[2].partition('"')[0]) == explorer._page()


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


def test_names_of_joined_modules_are_told_apart() -> None:
    found = re.findall(r"^(?:async )?(?:const|let|function|class) (\w+)", page.module(), re.MULTILINE)
    assert len(found) > 60 and not [name for name, count in Counter(found).items() if count > 1]
