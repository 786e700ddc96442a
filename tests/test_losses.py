"""Losses against PyTorch's formulas written out in plain floats, far out as well, and their gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Value, ops
from tinygrad_lite.check import gradcheck
from tinygrad_lite.engine import topological_order
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.nn import binary_cross_entropy_with_logits, cross_entropy, hinge, huber, mse

P = [0.3, -1.2, 2.5, 0.0]
T = [1.0, -1.0, 0.5, 0.25]
SIGNS = [1.0, -1.0, -1.0, 1.0]
SHARES = [0.0, 1.0, 0.25, 0.9]
ROWS = [[0.3, -1.2, 2.5], [1.0, 1.0, -4.0], [0.0, 0.5, 0.25]]
LABELS = [2, 0, 1]


def log1p_exp(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def huber_by_hand(error: float, delta: float) -> float:
    return 0.5 * error * error if abs(error) <= delta else delta * (abs(error) - 0.5 * delta)


def values(xs: list[float]) -> list[Value]:
    return [Value(x) for x in xs]


@pytest.mark.parametrize(
    ("loss", "targets", "by_hand"),
    [
        (mse, T, lambda p, t: (p - t) ** 2),
        (huber, T, lambda p, t: huber_by_hand(p - t, 1.0)),
        (lambda p, t, **k: huber(p, t, delta=0.5, **k), T, lambda p, t: huber_by_hand(p - t, 0.5)),
        (hinge, SIGNS, lambda p, t: max(0.0, 1.0 - t * p)),
        (
            binary_cross_entropy_with_logits,
            SHARES,
            lambda p, t: t * log1p_exp(-p) + (1 - t) * log1p_exp(p),
        ),
    ],
    ids=["mse", "huber", "huber 0.5", "hinge", "bce"],
)
def test_values_of_losses_by_element(loss: Any, targets: list[float], by_hand: Any) -> None:
    expected = [by_hand(p, t) for p, t in zip(P, targets, strict=True)]
    assert loss(values(P), targets).data == pytest.approx(sum(expected) / 4, rel=1e-15)
    assert loss(values(P), targets, reduction="sum").data == pytest.approx(sum(expected), rel=1e-15)
    assert loss(P, targets) == pytest.approx(sum(expected) / 4, rel=1e-15)
    assert loss(Value(P[0]), targets[0]).data == pytest.approx(expected[0], rel=1e-15)
    for kind in (tuple, np.array):
        assert loss(kind(values(P)), kind(targets)).data == pytest.approx(sum(expected) / 4, rel=1e-15)
    nested = [values(P[:2]), values(P[2:])]
    assert loss(nested, np.array(targets).reshape(2, 2)).data == pytest.approx(sum(expected) / 4, rel=1e-15)


@pytest.mark.parametrize(
    "loss",
    [
        lambda *p: mse(p, T),
        lambda *p: huber(p, T, reduction="sum"),
        lambda *p: hinge(p, SIGNS),
        lambda *p: binary_cross_entropy_with_logits(p, SHARES),
        lambda *p: cross_entropy(p, 2),
        lambda *p: cross_entropy([p[:2], p[2:]], [0, 1]),
        lambda *p: cross_entropy(p, 2, label_smoothing=0.2),
    ],
    ids=["mse", "huber", "hinge", "bce", "cross_entropy", "rows", "smoothed"],
)
def test_gradients(loss: Any) -> None:
    report = gradcheck(loss, P)
    assert report.ok and len(report.rows) == 4, report
    report = gradcheck(loss, P, order=2)
    assert report.ok, report


def test_gradients_reach_targets_that_are_values() -> None:
    assert gradcheck(lambda p, t: mse([p], [t]) + huber([p], [t]) + hinge(p, t), [0.3, 0.4]).ok
    assert gradcheck(binary_cross_entropy_with_logits, [0.3, 0.4]).ok


def softmax_loss(row: list[float], label: int) -> float:
    top = max(row)
    return math.log(math.fsum(math.exp(x - top) for x in row)) + top - row[label]


def test_cross_entropy() -> None:
    expected = [softmax_loss(row, label) for row, label in zip(ROWS, LABELS, strict=True)]
    rows = [values(row) for row in ROWS]
    for labels in (LABELS, tuple(LABELS), np.array(LABELS), np.array(LABELS, dtype=np.uint8), [2.0, 0.0, 1.0]):
        assert cross_entropy(rows, labels).data == pytest.approx(sum(expected) / 3, rel=1e-14)
    assert cross_entropy(rows, LABELS, reduction="sum").data == pytest.approx(sum(expected), rel=1e-14)
    assert cross_entropy(rows[0], 2).data == pytest.approx(expected[0], rel=1e-14)
    assert cross_entropy(np.array(ROWS), LABELS) == pytest.approx(sum(expected) / 3, rel=1e-14)
    nodes = [v.op.name for v in topological_order(cross_entropy(rows[0], 2)) if v.op]
    assert nodes.count("logsumexp") == 1 and len(nodes) <= 4, "one node for the sum, not one a class"


def test_a_smoothed_label_is_a_mean_over_all_labels() -> None:
    row = values(ROWS[0])
    by_label = [softmax_loss(ROWS[0], label) for label in range(3)]
    for label in (2, Value(2.0)):
        smoothed = cross_entropy(row, label, label_smoothing=0.3).data
        assert smoothed == pytest.approx(0.7 * by_label[2] + 0.3 * sum(by_label) / 3, rel=1e-14)
    certain = cross_entropy(values([1000.0, 0.0]), 0, label_smoothing=0.1).data
    assert certain == pytest.approx(50.0, rel=1e-12), "to be too certain costs"


def test_a_label_that_is_a_value_is_chosen_by_an_operation() -> None:
    loss = cross_entropy(values(ROWS[0]), Value(2.0))
    assert loss.data == pytest.approx(softmax_loss(ROWS[0], 2))
    assert any(v.op is ops.take for v in topological_order(loss))


def test_far_out() -> None:
    for logit in (1000.0, 1e300):
        assert binary_cross_entropy_with_logits(Value(logit), 0).data == logit
        assert binary_cross_entropy_with_logits(Value(logit), 1).data == 0.0
        assert binary_cross_entropy_with_logits(Value(-logit), 0.5).data == 0.5 * logit
        assert cross_entropy(values([logit, 0.0]), 1).data == logit
        assert cross_entropy(values([logit, 0.0]), 0).data == 0.0
    small = binary_cross_entropy_with_logits(Value(-40.0), 0).data
    assert small == pytest.approx(math.exp(-40.0), rel=1e-12), "no cancellation where the loss is tiny"
    x = Value(800.0)
    binary_cross_entropy_with_logits(x, 0).backward()
    assert x.grad == 1.0
    z = values([800.0, -800.0])
    cross_entropy(z, 1).backward()
    assert [v.grad for v in z] == [1.0, -1.0]


@pytest.mark.parametrize("error", [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
def test_hubers_slope_is_the_clipped_error_everywhere(error: float) -> None:
    p = Value(error)
    huber(p, 0.0).backward()
    assert p.grad == max(-1.0, min(1.0, error))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda v: mse(v, T[:3]), ShapeError, r"mse\(...\) takes targets nested as .* got a list of 4 .* a list of 3"),
        (lambda v: mse(v, 1.0), ShapeError, "got a list of 4 for the predictions and a float, 1.0 for the targets"),
        (lambda v: mse(v[0], [1.0]), ShapeError, "got a Value.* and a list of 1"),
        (lambda v: mse([v], T), ShapeError, "a list of 1"),
        (lambda v: mse([[x] for x in v], T), ShapeError, "a list of 1 .* a float, 1.0"),
        (lambda v: mse([], []), ShapeError, "of no samples is not defined"),
        (lambda v: mse(v, ["a", 1, 2, 3]), TypeError, r"mse\(targets\) takes a real number, got a str, 'a'"),
        (lambda v: mse(["a"], [1.0]), TypeError, r"mse\(predictions\) takes a real number, got a str"),
        (lambda v: mse(v, None), ShapeError, "got a list of 4 .* and None"),
        (lambda v: mse(None, None), TypeError, r"mse\(predictions\) takes a real number, got None"),
        (
            lambda v: huber(v, T, delta=0.0),
            ValueError,
            r"huber\(delta=...\) must be a positive number, got a float, 0.0",
        ),
        (lambda v: huber(v, T, delta="1"), ValueError, "got a str"),
        (lambda v: huber(v, T, delta=math.nan), ValueError, "got a float, nan"),
        (lambda v: hinge(v, [0, 1, 1, 0]), ValueError, r"takes -1 and 1, got an int, 0: 2 \* label - 1 makes them"),
        (lambda v: hinge(v, [1, 1]), ShapeError, "takes labels nested as the predictions"),
        (lambda v: binary_cross_entropy_with_logits(v, [0, 1, 2, 0]), ValueError, "from 0 to 1, got an int, 2"),
        (lambda v: binary_cross_entropy_with_logits(v[0], -0.1), ValueError, "from 0 to 1"),
        (lambda v: binary_cross_entropy_with_logits(v[0], math.nan), ValueError, "from 0 to 1"),
        (lambda v: cross_entropy(v, 4), ValueError, r"takes class indices, here 0\.\.3, got 4"),
        (lambda v: cross_entropy(v, -1), ValueError, "got -1"),
        (lambda v: cross_entropy(v, 0.5), ValueError, "takes class indices, got a float, 0.5"),
        (lambda v: cross_entropy(v, "0"), ValueError, "takes class indices, got a str, '0'"),
        (lambda v: cross_entropy([v, v], [0]), ShapeError, "got a list of 2 and 1 labels"),
        (lambda v: cross_entropy(v, [0, 1, 2, 3]), ShapeError, "there is binary_cross_entropy_with_logits"),
        (lambda v: cross_entropy([[]], [0]), ShapeError, "one a class, got a list of 0"),
        (lambda v: cross_entropy([], []), ShapeError, "of no samples"),
        (lambda v: cross_entropy(v[0], [0]), ShapeError, "got a Value"),
        (lambda v: cross_entropy([["a", "b"]], [0]), TypeError, "real number"),
        (
            lambda v: cross_entropy(v, 0, label_smoothing=1.5),
            ValueError,
            "label_smoothing.* from 0 to 1, got 1.5",
        ),
        (lambda v: cross_entropy(v, 0, label_smoothing="0.1"), TypeError, "takes a real number, got a str, '0.1'"),
        (lambda v: mse(v, T, reduction="none"), ValueError, r"mse\(reduction=...\) is 'mean' or 'sum', got 'none'"),
        (lambda v: huber(v, T, reduction=None), ValueError, "got None"),
        (lambda v: hinge(v, SIGNS, reduction="avg"), ValueError, "hinge"),
        (lambda v: binary_cross_entropy_with_logits(v, SHARES, reduction="MEAN"), ValueError, "MEAN"),
        (lambda v: cross_entropy(v, 0, reduction=""), ValueError, "cross_entropy"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(values(P))


def test_numbers_that_are_not_finite_are_data() -> None:
    assert math.isnan(mse(Value(math.nan), 1.0).data)
    assert hinge(Value(-math.inf), 1).data == math.inf
    assert huber(Value(math.inf), 0.0).data == math.inf
