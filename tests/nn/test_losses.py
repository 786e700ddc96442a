"""Losses against PyTorch's formulas written out in plain floats, far out as well, and their gradients."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Value, ops
from tinygrad_lite.engine import topological_order
from tinygrad_lite.nn import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll,
    hinge,
    huber,
    l1,
    mse,
)
from tinygrad_lite.transforms.check import gradcheck

P = [0.3, -1.2, 2.5, 0.0]
T = [1.0, -1.0, 0.5, 0.25]
SIGNS = [1.0, -1.0, -1.0, 1.0]
SHARES = [0.0, 1.0, 0.25, 0.9]
ROWS = [[0.3, -1.2, 2.5], [1.0, 1.0, -4.0], [0.0, 0.5, 0.25]]
LABELS = [2, 0, 1]
P_WEIGHTS = [0.5, 2.0, 0.0, 1.0]


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
        (l1, T, lambda p, t: abs(p - t)),
        (hinge, SIGNS, lambda p, t: max(0.0, 1.0 - t * p)),
        (
            binary_cross_entropy_with_logits,
            SHARES,
            lambda p, t: t * log1p_exp(-p) + (1 - t) * log1p_exp(p),
        ),
    ],
    ids=["mse", "huber", "huber 0.5", "l1", "hinge", "bce"],
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
        lambda *p: l1(p, T),
        lambda *p: gaussian_nll(p[:2], T[:2], [p[2], 1.0 + p[3]], full=True),
        lambda *p: binary_cross_entropy_with_logits(p, SHARES, weight=P_WEIGHTS, pos_weight=3.0),
        lambda *p: cross_entropy([p, p], [1, 3], label_smoothing=0.2, weight=P_WEIGHTS),
        lambda *p: cross_entropy([p, p], [0, 3], ignore_index=0),
        lambda *p: cross_entropy(p, [0.5, 0.25, 0.0, 0.25], weight=P_WEIGHTS),
        lambda *p: ops.dot(mse(p, T, "none"), p),
    ],
    ids=[
        "mse",
        "huber",
        "hinge",
        "bce",
        "cross_entropy",
        "rows",
        "smoothed",
        "l1",
        "gaussian",
        "weighted bce",
        "weighted",
        "ignored",
        "soft",
        "none",
    ],
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


def kinds(loss: Value) -> Counter[str]:
    return Counter(v.op.name for v in topological_order(loss) if v.op)


@pytest.mark.parametrize(
    ("loss", "nodes"),
    [
        (lambda v: mse(v, T), 6),
        (lambda v: l1(v, T), 10),
        (lambda v: huber(v, T), 22),
        (lambda v: hinge(v, SIGNS), 14),
        (lambda v: gaussian_nll(v, T, 1.0, reduction="sum"), 21),
        (lambda v: binary_cross_entropy_with_logits(v, [1, 0, 1, 0.5]), 13),
        (lambda v: binary_cross_entropy_with_logits(v[0], Value(1.0)), 9),
        (lambda v: binary_cross_entropy_with_logits(v, [1, 0, 1, 0], pos_weight=2.0), 10),
        (lambda v: cross_entropy(v, 1), 4),
        (lambda v: cross_entropy(v, Value(1.0)), 5),
        (lambda v: cross_entropy(v, 1, label_smoothing=0.1), 8),
        (lambda v: cross_entropy(v, [0.0, 1.0, 0.0, 0.0]), 5),
        (lambda v: cross_entropy(v, 1, "sum", weight=P_WEIGHTS), 5),
        (lambda v: cross_entropy(v, Value(1.0), "sum", ignore_index=2), 6),
        (lambda v: cross_entropy(v, Value(1.0), "sum", ignore_index=-1), 7),
        (lambda v: cross_entropy([v], [Value(1.0)], ignore_index=2), 8),
    ],
)
def test_so_many_nodes(loss: Any, nodes: int) -> None:
    found = kinds(loss(values(P)))
    assert found.total() == nodes, found


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
