"""Recorder records the true numbers of a training, and does not change the training."""

from __future__ import annotations

import base64
import json
import math
import random
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Draws, Value, nn, ops, optim, train
from tinygrad_lite.diagnosis import gradient_norms
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.viz.diagram.walk import Graph
from tinygrad_lite.viz.explorer.recorder import Recorder
from tinygrad_lite.viz.plane import Plane

source = np.random.default_rng(2)
POINTS = source.uniform(-1, 1, (24, 2))
SIDES = (POINTS[:, 0] * POINTS[:, 1] > 0).astype(int)
SIGNS = 2 * SIDES - 1
binary = nn.binary_cross_entropy_with_logits


class Noisy(nn.Module):
    """Uses dropout while it trains, and draws random numbers in evaluation mode too."""

    def __init__(self) -> None:
        self.hidden, self.out, self.draws, self.dropout = nn.Layer(2, 4), nn.Layer(4, 1), Draws(5), nn.Dropout(0.5)

    def forward(self, x: Any) -> Any:
        return self.out(self.dropout([h + 1e-3 * self.draws.uniform() for h in self.hidden(x)]))


def network(*widths: int) -> nn.MLP:
    random.seed(4)
    return nn.MLP(widths[0], list(widths[1:]), activation="tanh", init="xavier_uniform")


def looped(model: nn.Module, recorder: Recorder, steps: int, as_number: bool = False) -> list[dict[str, Any]]:
    """Trains in a plain loop; returns the numbers at each step between backward() and step()."""
    optimizer, seen = optim.SGD(model.parameters(), lr=0.1), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ops.mean([binary(model(x), y) for x, y in zip(POINTS[:6].tolist(), SIDES.tolist(), strict=False)])
        loss.backward()
        numbers, grads = [p.data for p in model.parameters()], [p.grad for p in model.parameters()]
        recorder(loss.data if as_number else loss)
        assert numbers == [p.data for p in model.parameters()] and grads == [p.grad for p in model.parameters()]
        seen.append({"loss": loss.data, "numbers": numbers, "norms": gradient_norms(model)})
        optimizer.step()
    return seen


def fitted(model: nn.Module, callbacks: Any = (), epochs: int = 5, **settings: Any) -> train.History:
    settings = {"data": (POINTS, SIDES), "loss": binary, "seed": 3, "progress": False, "batch_size": 8, **settings}
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    return train.fit(model, optimizer=optimizer, epochs=epochs, callbacks=callbacks, **settings)


def unpacked(packed: dict[str, str]) -> Any:
    ((kind, text),) = packed.items()
    return np.frombuffer(base64.b64decode(text), {"f64": "<f8", "i32": "<i4", "u8": "u1"}[kind])


@pytest.mark.parametrize("as_number", [False, True])
def test_any_loop_finds_its_numbers_recorded(as_number: bool) -> None:
    model = network(2, 4, 1)
    recorder = Recorder(model)
    seen = looped(model, recorder, 4, as_number)
    assert recorder.steps == [1, 2, 3, 4] and len(recorder) == 4
    assert recorder.series == {"loss": [step["loss"] for step in seen]}
    assert list(recorder.norms) == ["layers.0", "layers.1"]
    for path, norms in recorder.norms.items():
        assert norms == pytest.approx([step["norms"][path] for step in seen], rel=1e-14)
    root = model(POINTS[0].tolist())
    graph = Graph(root)
    held = recorder.payload(graph)["parameters"]
    nodes, numbers = unpacked(held["node"]), unpacked(held["numbers"]).reshape(4, -1)
    where = {p: k for k, p in enumerate(model.parameters())}
    assert {graph.values[node] for node in nodes} == set(where)
    for step, row in zip(seen, numbers, strict=True):
        assert row.tolist() == [step["numbers"][where[graph.values[node]]] for node in nodes]


def test_fit_calls_it_after_each_epoch() -> None:
    model = network(2, 4, 1)
    recorder = Recorder(model, (POINTS, SIDES))
    history = fitted(model, [recorder], validation=(POINTS, SIDES), metrics=[train.accuracy])
    assert history.stopped == "" and recorder.steps == [1, 2, 3, 4, 5]
    assert recorder.series == {name: history.column(name) for name in history.columns if name != "epoch"}
    assert {"loss", "val_loss", "val_accuracy"} <= recorder.series.keys()
    # The gradients of the last batch are still there.
    assert [norms[-1] for norms in recorder.norms.values()] == pytest.approx(list(gradient_norms(model).values()))
    payload = recorder.payload()
    assert payload["unit"] == "epoch" and payload["parameters"] is None
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload


def test_a_training_goes_as_without_it() -> None:
    ends = []
    for recorded in (False, True):
        random.seed(1)
        model = Noisy()
        recorder = Recorder(model, (POINTS, SIDES), cells=5)
        before = model.draws.__getstate__()
        if recorded:
            recorder(1.0)
        assert model.draws.__getstate__() == before
        model.dropout.eval()
        history = fitted(model, [recorder] if recorded else [])
        ends.append((history.column("loss"), [p.data for p in model.parameters()], model.draws.uniform()))
        assert model.training and not model.dropout.training and len(recorder) == 6 * recorded
    assert ends[0] == ends[1]


def test_gradients_that_are_not_there_are_missing_and_zeros_are_zeros() -> None:
    model = network(2, 3, 1)
    recorder = Recorder(model)
    recorder(0.5)
    (model([0.1, 0.2]) * 0.0).backward()
    recorder(math.inf)
    assert all(math.isnan(first) and second == 0.0 for first, second in recorder.norms.values())
    payload = recorder.payload()
    assert payload["norms"] == {"layers.0": [None, 0.0], "layers.1": [None, 0.0]}
    assert payload["series"] == {"loss": [0.5, None]} and payload["unit"] == "step"


def test_many_records_thin_out() -> None:
    model = network(2, 1)
    recorder = Recorder(model, limit=8)
    for k in range(1, 101):
        recorder(float(k))
        assert len(recorder) <= 8
    assert recorder.every == 16 and recorder.steps == [1, 16, 32, 48, 64, 80, 96]
    assert recorder.series["loss"] == [float(step) for step in recorder.steps]


def test_every_and_the_last_epoch() -> None:
    model = network(2, 1)
    recorder = Recorder(model, every=3)
    fitted(model, recorder, epochs=8)
    assert recorder.steps == [1, 3, 6, 8]
    few = Recorder(model, limit=2)
    fitted(model, few, epochs=5)
    assert few.steps == [1, 5]


def test_large_models_keep_fewer_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_lite.viz.explorer.recorder._NUMBERS", 20)
    recorder = Recorder(network(2, 1))
    for _ in range(50):
        recorder(1.0)
    assert len(recorder) <= 6  # of three parameters each


@pytest.mark.parametrize("targets", [SIDES, SIGNS], ids=["0 and 1", "-1 and 1"])
def test_the_boundary_of_one_logit(targets: Any) -> None:
    model = network(2, 4, 1)
    recorder = Recorder(model, (POINTS, targets), cells=7)
    recorder(1.0)
    first = [model(row).data for row in Plane(POINTS, 7).rows.tolist()]
    for p in model.parameters():
        p.data = 0.1 - p.data
    recorder(1.0)
    boundary = recorder.payload()["boundary"]
    levels = unpacked(boundary["values"]).reshape(2, 49)
    assert boundary["kind"] == "probability" and boundary["classes"] == [str(y) for y in sorted(set(targets.tolist()))]
    assert ((levels[0] > 127) == (np.array(first) > 0)).all()
    assert np.abs(levels[0] / 254 - 1 / (1 + np.exp(-np.array(first)))).max() <= 1 / 254
    assert not (levels[0] == levels[1]).all()
    assert boundary["points"] == [[*point, side] for point, side in zip(POINTS.tolist(), SIDES, strict=True)]
    assert boundary["x"][0] < POINTS[:, 0].min() and boundary["y"][1] > POINTS[:, 1].max()


def test_the_boundary_of_classes_and_of_values() -> None:
    model = network(2, 4, 3)
    recorder = Recorder(model, (POINTS, SIDES), cells=6)
    recorder(1.0)
    boundary = recorder.payload()["boundary"]
    logits = [[v.data for v in model(row)] for row in Plane(POINTS, 6).rows.tolist()]
    assert boundary["kind"] == "class" and boundary["classes"] == ["0", "1", "2"]
    assert unpacked(boundary["values"]).tolist() == np.argmax(logits, axis=1).tolist()

    model, targets = network(2, 4, 1), POINTS[:, 0] * 3.0
    recorder = Recorder(model, (POINTS, targets), cells=6)
    recorder(1.0)
    boundary = recorder.payload()["boundary"]
    values = np.array([model(row).data for row in Plane(POINTS, 6).rows.tolist()])
    low, high = boundary["range"]
    assert boundary["kind"] == "value" and boundary["classes"] is None and low <= targets.min() < targets.max() <= high
    assert np.abs(low + (high - low) * unpacked(boundary["values"]) / 254 - values).max() <= (high - low) / 254
    model.parameters()[0].data = math.nan
    recorder(1.0)
    assert (unpacked(recorder.payload()["boundary"]["values"])[36:] == 255).all()


def test_a_model_that_no_compiler_takes_has_a_boundary_too() -> None:
    class Line(nn.Module):
        def __init__(self) -> None:
            self.w = Value(2.0)

        def forward(self, x: Any) -> Any:
            return self.w * float(x[0])

    recorder = Recorder(Line(), (POINTS, SIDES), cells=4)
    recorder(1.0)
    across = unpacked(recorder.payload()["boundary"]["values"]).reshape(4, 4)
    assert (across == across[0]).all() and (np.diff(across[0].astype(int)) > 0).all()


@pytest.mark.parametrize(
    ("widths", "data"),
    [
        ((3, 1), (source.uniform(-1, 1, (5, 3)), [0, 1, 0, 1, 1])),
        ((2, 2), (POINTS, POINTS)),
        ((2, 2), (POINTS, POINTS[:, 0])),
        ((2, 1), None),
    ],
    ids=["three inputs", "two targets", "two outputs, no classes", "no data"],
)
def test_other_models_have_no_boundary(widths: tuple[int, ...], data: Any) -> None:
    recorder = Recorder(network(*widths), data)
    recorder(1.0)
    assert recorder.payload()["boundary"] is None and recorder.steps == [1]


def test_a_model_that_takes_no_point_of_the_plane_has_no_boundary() -> None:
    class Looked(nn.Module):
        def __init__(self) -> None:
            self.table = [Value(1.0), Value(2.0)]

        def forward(self, x: Any) -> Any:
            return self.table[int(x[0])] * self.table[[0, 1].index(x[1])]

    recorder = Recorder(Looked(), ([[0, 1], [1, 1]], [0, 1]))
    recorder(1.0)
    assert recorder.payload()["boundary"] is None


def test_a_graph_without_the_parameters_and_a_recorder_without_records() -> None:
    recorder = Recorder(network(2, 1), (POINTS, SIDES))
    graph = Graph(Value(2.0) * 3.0)
    empty = recorder.payload(graph)
    assert empty["steps"] == [] and empty["boundary"] is None and empty["parameters"] is None
    recorder(1.0)
    assert recorder.payload(graph)["parameters"] is None
    assert repr(recorder) == "<Recorder of MLP: 1 record>"


def test_what_it_refuses() -> None:
    model = network(2, 1)
    with pytest.raises(TypeError, match=r"Recorder\(model\) takes a Module, got a list of 1"):
        Recorder([1.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Recorder\(model\): Module has no parameters"):
        Recorder(nn.Module())
    for name, given in (("every", 0), ("limit", 1), ("cells", 2.5), ("every", True)):
        with pytest.raises(ValueError, match=rf"Recorder\({name}=...\) must be a whole number, . or larger, got"):
            Recorder(model, **{name: given})
    with pytest.raises(TypeError, match=r"Recorder\(data\) must be a pair"):
        Recorder(model, POINTS)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"Recorder\(data\): inputs and targets need one row per sample"):
        Recorder(model, (POINTS, [1.0]))
    recorder = Recorder(model)
    for loss in ("0.5", None, True, [0.5], 1j):
        with pytest.raises(TypeError, match=r"recorder\(loss\) must be a number, got"):
            recorder(loss)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="fit trains another model"):
        fitted(network(2, 1), recorder)
    assert len(recorder) == 0
