"""Pictures of compiled functions: the scalar graph, and its matrix form."""

from __future__ import annotations

import itertools
import random
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from printed import said

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.errors import HistoryError
from tinygrad_lite.text.reports import Table
from tinygrad_lite.viz.diagram.elements import Matrix, Step
from tinygrad_lite.viz.diagram.legend import legend
from tinygrad_lite.viz.picture import Picture, graph


def steps(picture: Picture, frame: str) -> dict[str, Step]:
    """What stands in the frame whose title begins so, by formula, or by title where a box has none."""
    (home,) = [k for k, cluster in enumerate(picture.clusters) if cluster.title.startswith(frame)]
    found = [node for node in picture.nodes if isinstance(node, Step) and node.cluster == home]
    return {next((text for name, text in node.rows if name.startswith("#")), node.title): node for node in found}


def row(step: Step, name: str) -> str | None:
    return dict(step.rows).get(name)


def layer_loss() -> Any:
    """Three inputs, two tanh neurons, squared errors: compiled and run, with gradients."""
    random.seed(0)
    layer = nn.Layer(3, 2, activation="tanh")

    @tl.compile
    def loss(x: Any, y: Any) -> Value:
        return tl.sum([(o - t) ** 2 for o, t in zip(layer(x), y, strict=True)])

    loss.batch([[1.0, 2.0, 3.0]] * 4, [[0.0, 1.0]] * 4)
    return loss


def test_sums_that_fill_up_a_product_are_not_drawn() -> None:
    """Nor the zeros in rows that are filled up: the scalar graph is that of the function."""

    def causal(xs: Any) -> Any:
        rows = [[x.sin(), x.cos()] for x in xs]
        fits = [[tl.dot(x, y).exp() for y in rows[: t + 1]] for t, x in enumerate(rows)]
        return [tl.dot(fit, column) for fit in fits for column in zip(*rows[: len(fit)], strict=True)]

    f = tl.compile(causal, executor="array")
    f.batch(np.ones((2, 4)), reduce=None)
    picture = f.graph(max_nodes=200)
    assert f.array.program.padded and len(f.array.program) > len(f.passes["sums of products"])
    (home,) = [k for k, cluster in enumerate(picture.clusters) if cluster.title == "scalar graph: 36 operations"]
    drawn = {k for k, node in enumerate(picture.nodes) if picture.clusters[node.cluster].parent == home}
    assert len(drawn) == 4 + 36
    edges = [edge for edge in picture.edges if edge.target in drawn]
    assert len(edges) == 8 + 10 * 4 + 10 + 2 * 2 * 10 + 2, "0.0 is added to the two sums of one product"


def test_a_stack_of_products_in_words() -> None:
    def heads(xs: Any) -> Any:
        first, second = [[x.sin(), x.exp()] for x in xs], [[x.cos(), x.tanh()] for x in xs]
        return [tl.dot(a, b) for k in (0, 4) for a in first[k : k + 2] for b in second[k + 2 : k + 4]]

    def scaled(xs: Any) -> Any:
        return [x.sin() * y.cos() for k in (0, 4) for x in xs[k : k + 2] for y in xs[k + 2 : k + 4]]

    for function, title, shape in (
        (heads, "matrix product", "2 of lanes x (2 x 2) @ (2 x 2)"),
        (scaled, "outer products", "2 of (2 x 1) * (1 x 2)"),
        (lambda xs: [x.sin() * xs[k].cos() for k in (0, 4) for x in xs[k : k + 4]], "elementwise", "(8 x lanes)"),
    ):
        f = tl.compile(function, executor="array")
        f.batch(np.ones((2, 8)), reduce=None)
        assert (title, shape) in [(s.title, row(s, "shape")) for s in steps(f.graph(), "matrix form").values()]


def test_a_layer_forward_and_backward() -> None:
    picture = layer_loss().graph()
    found = steps(picture, "matrix form")
    assert {row(found[name], "shape") for name in ("w", "b", "x", "y")} == {
        "(2 x 3)", "(2)", "(3 x lanes)", "(2 x lanes)"
    }  # fmt: skip
    forward, backward = found["[w, b] @ [x, 1]"], found["tanh(#1)"]
    assert (forward.title, forward.operations, row(forward, "shape")) == ("matrix product", 2, "(2 x 4) @ (4 x lanes)")
    assert (backward.title, backward.operations) == ("tanh", 2)
    (gradient,) = [step for step in found.values() if row(step, "gradient")]
    assert row(gradient, "gradient") == "w, b"
    assert row(gradient, "shape") == "(2 x lanes) @ (lanes x 4)"
    assert gradient.root and gradient.kind == forward.kind == "product"
    assert [step.title for step in found.values() if row(step, "output") == "value"] == ["sum over lanes"]


def test_a_deeper_net_goes_back_through_the_same_matrix_turned() -> None:
    net = nn.MLP(2, [5, 4, 1], activation="relu")
    loss = tl.compile(lambda x, y: (net(x) - y) ** 2)
    loss.batch([[1.0, 2.0]] * 3, [1.0] * 3)
    found = steps(loss.graph(), "matrix form")
    (turned,) = [step for formula, step in found.items() if formula.startswith("w2.T @ #")]
    assert row(turned, "shape") == "(5 x 4) @ (4 x lanes)"
    assert {name: row(found[name], "shape") for name in ("w1", "w2", "w3")} == {
        "w1": "(5 x 2)", "w2": "(4 x 5)", "w3": "(1 x 4)"
    }  # fmt: skip


def test_the_scalar_graph_has_a_box_for_each_operation_and_a_frame_for_each_group() -> None:
    loss = layer_loss()
    picture = loss.graph()
    titles = [cluster.title for cluster in picture.clusters]
    drawn = [node for node in picture.nodes if isinstance(node, Step) and not node.rows]
    frames = [titles[node.cluster or 0] for node in drawn]
    assert frames.count("w") == 6 and frames.count("b") == 2 and frames.count("x") == 3
    assert frames.count("#1 matrix product") == frames.count("#2 tanh") == 2
    assert sorted(node.title for node in drawn if node.kind == "parameter") == [
        "b[0]", "b[1]", *[f"w[{i}, {k}]" for i in range(2) for k in range(3)],
    ]  # fmt: skip
    assert [node.title for node in drawn if node.kind == "input"] == ["x[0]", "x[1]", "x[2]", "y[0]", "y[1]"]
    operations = [node for node in drawn if node.kind in ("result", "product")]
    groups = [node for node in picture.nodes if isinstance(node, Step) and any(n.startswith("#") for n, _ in node.rows)]
    assert len(operations) == sum(step.operations for step in groups)
    assert repr(picture) == f"<Picture of {len(operations)} operations in {len(groups)} groups>"


def test_edges_lead_onward_and_stay_in_their_half() -> None:
    picture = layer_loss().graph()
    matrix = next(k for k, cluster in enumerate(picture.clusters) if cluster.title.startswith("matrix form"))
    for edge in picture.edges:
        assert edge.source < edge.target
        source, target = picture.nodes[edge.source], picture.nodes[edge.target]
        assert (source.cluster == matrix) is (target.cluster == matrix)
    assert {e.target for e in picture.edges} == {
        k for k, node in enumerate(picture.nodes) if isinstance(node, Step) and node.kind in ("result", "product")
    }


def test_shared_weights_are_one_product_over_their_uses() -> None:
    kernel = [Value(0.1 * k, label="kernel") for k in range(4)]

    def loss(image: Any) -> Value:
        corners = itertools.product(range(3), repeat=2)
        return tl.sum(
            [tl.dot(kernel, [image[i][j], image[i][j + 1], image[i + 1][j], image[i + 1][j + 1]]) ** 2
             for i, j in corners]
        )  # fmt: skip

    f = tl.compile(loss)
    f.batch(np.ones((2, 4, 4)))
    found = steps(f.graph(), "matrix form")
    (gradient,) = [step for step in found.values() if row(step, "gradient") == "kernel"]
    assert row(gradient, "shape") == "(1 x 9·lanes) @ (9·lanes x 4)"
    assert {edge.note for edge in f.graph().edges} == {"", "gather"}  # windows overlap
    assert "take_v(" in f.source
    assert {edge.note for edge in layer_loss().graph().edges} == {""}
    assert "take_" not in layer_loss().source


def test_of_a_large_scalar_graph_one_layer_is_drawn() -> None:
    net = nn.MLP(30, [40, 3], activation="tanh")
    f = tl.compile(lambda x, label: nn.cross_entropy(net(x), label))
    f.batch(np.ones((2, 30)), [0, 1])
    picture = f.graph(max_nodes=80)
    assert len(picture.nodes) < 45
    assert "scalar graph: 2 of 40 rows of #1" in [cluster.title for cluster in picture.clusters]
    scalars = [node.title for node in picture.nodes if isinstance(node, Step) and node.cluster == 0]
    assert sorted(scalars) == [
        "b1[0]", "b1[1]", "dot +", "dot +", "tanh", "tanh", "w1[0, 0]", "w1[0, 1]", "w1[1, 0]", "w1[1, 1]",
        "x[0]", "x[1]", "… 28 more products", "… 28 more products",
    ]  # fmt: skip
    assert steps(picture, "matrix form")["tanh(#1)"].operations == 40
    assert len(f.graph(max_nodes=10_000).nodes) > 2_000


def test_products_are_drawn_as_matrices() -> None:
    picture = layer_loss().graph()
    forward = steps(picture, "matrix form")["[w, b] @ [x, 1]"]
    assert forward.matrices == (
        Matrix("#1", 2, 1, "product"), "=", Matrix("[w, b]", 2, 4, "parameter"), "@", Matrix("[x, 1]", 4, 1, "input"),
    )  # fmt: skip
    drawn = picture.svg("own")
    assert "[w, b] 2 x 4" in drawn and "[x, 1] 4 x 1" in drawn
    grid = [path.get("d", "") for path in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}path")]
    lines = [sum(d.count(c) for c in "hv") for d in grid if d.startswith("M") and "z" not in d and "C" not in d]
    assert 1 + 3 in lines, "one line between two rows, three between four columns"


def test_many_groups_are_drawn_in_parts() -> None:
    def chain(x: Any) -> Any:
        for k in range(200):
            x = (x.tanh(), x.exp(), x.sin())[k % 3] + x * k
        return x

    f = tl.compile(chain)
    f(0.5)
    picture = f.graph()
    assert len(picture.nodes) <= 52
    parts = [step for title, step in steps(picture, "matrix form").items() if title.startswith("#")]
    assert len(parts) > 20
    assert f"{sum(step.operations for step in parts):,} operations" in repr(picture)
    assert parts[-1].root and not parts[0].root


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (lambda: 3.0, ()),
        (lambda x: x, (1.0,)),
        (lambda xs: xs, ([1.0] * 100,)),
        (lambda x: [x, 2.0, x.exp(), x.exp()], (1.0,)),
        (tl.hessian(lambda xs: tl.sum([(b - a * a) ** 2 for a, b in itertools.pairwise(xs)])), ([1.0, 2.0, 3.0],)),
        (lambda xs, k: tl.take(xs, k) + tl.logsumexp(xs), ([1.0, 2.0, 3.0], 1)),
        (lambda a, b: [[tl.dot(r, c) for c in zip(*b, strict=True)] for r in a], ([[1.0, 2.0]] * 2, [[3.0, 4.0]] * 2)),
    ],
)
@pytest.mark.parametrize("limit", [1, 3, 80])
@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_whatever_is_compiled_can_be_drawn(function: Callable[..., Any], args: Any, limit: int, rankdir: str) -> None:
    f = tl.compile(function)
    f(*args)
    picture = f.graph(rankdir=rankdir, max_nodes=limit)
    ET.fromstring(picture.svg("own"))
    assert picture.dot().startswith("digraph {")


def test_matrix_products_are_those_that_run() -> None:
    net = nn.MLP(3, [4, 4, 2], activation="tanh")
    f = tl.compile(lambda x: tl.sum(net(x)), executor="array")
    f.batch(np.ones((5, 3)))
    products = [step for step in steps(f.graph(), "matrix form").values() if step.kind == "product"]
    assert f", {len(products)} of them matrix products" in f.summary
    assert f", {len(products)} matrix products" in " ".join(cluster.title for cluster in f.graph().clusters)


def test_what_ran_last_is_drawn() -> None:
    w = Value(2.0, label="w")
    f = tl.compile(lambda x: (w * x).tanh())
    with pytest.raises(HistoryError, match="was not called yet"):
        f.graph()
    f(1.0)
    called = steps(f.graph(), "matrix form")
    assert not any(row(step, "gradient") for step in called.values())
    f.batch([1.0, 2.0])
    assert [row(s, "gradient") for s in steps(f.graph(), "matrix form").values() if row(s, "gradient")] == ["w"]


def test_labels_do_no_harm() -> None:
    names = ["<b>&\"'", "x" * 40 + "1", "x" * 40 + "2", "#1 tanh", "\x00\u202e", "scalar graph: 1"]
    leaves = [Value(1.0, label=name) for name in names]
    f = tl.compile(lambda x: tl.sum([(leaf * x).tanh() * (1 + leaf) for leaf in leaves]))
    f.batch([1.0, 2.0])
    picture = f.graph()
    ET.fromstring(picture.svg("own"))
    assert picture.dot()


def test_as_a_file_and_in_a_notebook(tmp_path: Path) -> None:
    picture = layer_loss().graph()
    picture.save(tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for part in ("matrix product", "(2 x 4) @ (4 x lanes)", "scalar graph:", "thick border: output"):
        assert part in text
    assert set(picture._repr_mimebundle_()) == {"text/html", "image/svg+xml", "text/plain"}


def test_options_that_are_for_values_are_refused() -> None:
    f = layer_loss()
    with pytest.raises(TypeError, match="for the graph of a Value"):
        graph(f, expand=True)
    with pytest.raises(ValueError, match="rankdir"):
        f.graph(rankdir="up")
    with pytest.raises(ValueError, match="1 or larger"):
        f.graph(max_nodes=0)


def test_a_module_may_be_called_first_within_a_trace() -> None:
    layer = nn.Layer(2, 2)
    f = tl.compile(lambda x: tl.sum(layer(x)))
    assert f([0.0, 0.0]) == pytest.approx(sum(p.data for p in layer.parameters() if p.label == "b"))


def test_the_table_has_what_the_picture_has() -> None:
    loss = layer_loss()
    report, picture = loss.matrix_form, loss.graph()
    boxes = [
        step for title, step in steps(picture, "matrix form").items() if row(step, "shape") and step.kind != "input"
    ]
    made = [step for step in boxes if any(name.startswith("#") for name, _ in step.rows)]
    table = report.parts()[1]
    assert isinstance(table, Table) and [r[3] for r in table.rows] == [step.rows[0][1] for step in made]
    assert [r[1] for r in table.rows] == [str(step.operations) for step in made]
    assert report.scalars == sum(step.operations for step in made)
    told = report.parts()[0]
    assert (
        told
        == f"loss: {report.scalars} scalar operations run as {len(made)} array operations, 2 of them matrix products"
    )
    assert sorted(r[5] for r in table.rows if r[5]) == ["gradient w, b", "output value"]
    assert "A lane is one row of a batch" in said(report) and "3\N{MULTIPLICATION SIGN}lanes" not in table.rows[0][2]


def test_a_call_and_a_loop_have_a_table_too() -> None:
    f = tl.compile(lambda x: (x.exp() * 2.0).tanh())
    with pytest.raises(HistoryError, match="call it once"):
        _ = f.matrix_form
    f(1.0)
    assert said(f.matrix_form).splitlines()[2] == "#1  1  exp  exp(x)  1\N{MULTIPLICATION SIGN}lanes  "
    loop = tl.compile(lambda x: tl.scan(lambda c, x: (c * x, c), x, [1.5] * 40)[0])
    loop(2.0)
    assert "scan of 40 steps" in said(loop.matrix_form)


def test_the_legend_of_a_compiled_function_explains_its_signs() -> None:
    texts = {entry.text for entry in legend(layer_loss().graph()._diagram)}
    assert {"#n: result of array operation n", "lanes: rows of a batch", "thick border: output"} <= texts
