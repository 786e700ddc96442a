"""Losses with their options: reduction "none", weights, a label to ignore, probabilities as targets, variances."""

from __future__ import annotations

import inspect
import math
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_losses import LABELS, ROWS, SHARES, SIGNS, P, T, softmax_loss, values

import tinygrad_lite as tl
from tinygrad_lite import Value, explain_nan, nn, optim, train
from tinygrad_lite.nn import (
    MLP,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll,
    hinge,
    huber,
    l1,
    mse,
)
from tinygrad_lite.transforms.check import gradcheck

ALL: dict[str, tuple[Any, Any]] = {
    "mse": (mse, T),
    "l1": (l1, T),
    "huber": (huber, T),
    "gaussian_nll": (lambda p, t, reduction="mean": gaussian_nll(p, t, 0.5, reduction=reduction), T),
    "hinge": (hinge, SIGNS),
    "bce": (binary_cross_entropy_with_logits, SHARES),
}


@pytest.mark.parametrize("name", ALL)
def test_without_a_reduction_losses_are_nested_as_the_predictions(name: str) -> None:
    loss, targets = ALL[name]
    each = loss(values(P), targets, reduction="none")
    assert [x.data for x in each] == [loss(p, t) for p, t in zip(values(P), targets, strict=True)]
    assert sum(x.data for x in each) == pytest.approx(loss(values(P), targets, reduction="sum").data, rel=1e-15)
    one, three = [values(P[:1]), values(P[1:])], [targets[:1], targets[1:]]
    expected = [[each[0].data], [x.data for x in each[1:]]]
    for nested in (one, (tuple(row) for row in one), [iter(row) for row in one]):
        assert [[x.data for x in row] for row in loss(nested, three, reduction="none")] == expected
    assert loss(np.array(P).reshape(2, 2), np.array(targets).reshape(2, 2), reduction="none") == [
        [x.data for x in each[:2]], [x.data for x in each[2:]]
    ]  # fmt: skip
    assert loss(Value(P[0]), targets[0], reduction="none").data == each[0].data


def test_cross_entropy_without_a_reduction() -> None:
    rows = [values(row) for row in ROWS]
    each = cross_entropy(rows, LABELS, "none")
    assert [x.data for x in each] == [cross_entropy(row, k).data for row, k in zip(rows, LABELS, strict=True)]
    assert cross_entropy(rows[0], 2, "none").data == each[0].data
    assert [x.data for x in cross_entropy(rows, np.eye(3)[LABELS], "none")] == pytest.approx([x.data for x in each])
    assert cross_entropy(rows[:1], LABELS[:1], "none")[0].data == each[0].data


def test_probabilities_may_be_one_sample_or_many_of_numbers_or_values() -> None:
    rows, one_hot = [values(row) for row in ROWS], np.eye(3)[LABELS]
    expected = cross_entropy(rows, LABELS).data
    for targets in (one_hot, one_hot.tolist(), one_hot.astype(int).tolist(), [tuple(row) for row in one_hot.tolist()]):
        assert cross_entropy(rows, targets).data == pytest.approx(expected, rel=1e-15)
    assert cross_entropy(rows[0], one_hot[0]).data == pytest.approx(cross_entropy(rows[0], 2).data, rel=1e-15)
    assert cross_entropy(rows[0], [0, 0, 1]).data == cross_entropy(rows[0], 2).data
    assert cross_entropy(rows[0][:2], [0, 1]).data == cross_entropy(rows[0][:2], 1).data
    in_half_precision = np.array([1.0, 2.0, 3.0], dtype=np.float16) / np.float16(6.0)
    assert cross_entropy(rows[0], in_half_precision).data == pytest.approx(
        sum(k * cross_entropy(rows[0], k - 1).data for k in (1, 2, 3)) / 6.0, rel=1e-3
    )
    weighted = cross_entropy(rows[0], [Value(2.0), 0.0, Value(3.0)])
    assert weighted.data == pytest.approx(2 * softmax_loss(ROWS[0], 0) + 3 * softmax_loss(ROWS[0], 2)), "data as it is"
    assert gradcheck(
        lambda p, q: cross_entropy(rows[0], [p, q, 0.5], "mean", 0.1, weight=[1.0, 2.0, 0.5]), [0.3, 0.2]
    ).ok


def test_ignored_samples_count_for_nothing() -> None:
    rows = [values(row) for row in ROWS]
    expected = cross_entropy([rows[0], rows[2]], [2, 1]).data
    for ignored in (-100, 7, 0):
        for kind in (int, float, Value):
            loss = cross_entropy(rows, [kind(2), kind(ignored), kind(1)], ignore_index=ignored)
            assert loss.data == pytest.approx(expected, rel=1e-15)
            loss.backward()
            assert [v.grad for v in rows[1]] == [0.0] * 3
            each = cross_entropy(rows, [kind(2), kind(ignored), kind(1)], "none", ignore_index=ignored)
            assert [x.data for x in each][1] == 0.0 and each[0].data == pytest.approx(softmax_loss(ROWS[0], 2))
    lost = [rows[0], values([math.nan, math.inf, 0.0])]
    for label in (-1, Value(-1.0)):
        loss = cross_entropy(lost, [2, label], ignore_index=-1)
        assert loss.data == pytest.approx(softmax_loss(ROWS[0], 2)), "what is ignored may be anything"
        loss.backward()
        assert [v.grad for v in lost[1]] == [0.0] * 3
    assert cross_entropy(ROWS, [2, -1, 1], ignore_index=-1) == pytest.approx(expected, rel=1e-15)


def test_the_mean_of_none_is_nan_and_moves_nothing() -> None:
    for labels in ([-1, -1, -1], [Value(-1.0)] * 3):
        rows = [values(row) for row in ROWS]
        loss = cross_entropy(rows, labels, ignore_index=-1)
        assert math.isnan(loss.data)
        loss.backward()
        assert [v.grad for row in rows for v in row] == [0.0] * 9
        assert cross_entropy(rows, labels, "sum", ignore_index=-1).data == 0.0
    assert math.isnan(cross_entropy(ROWS, [-1, -1, -1], ignore_index=-1))


def test_a_trace_may_ignore() -> None:
    w = Value(0.5)
    loss = tl.compile(lambda row, labels: cross_entropy([[w * x for x in row]] * 2, labels, ignore_index=-1))
    for labels in ([[0.0, 2.0], [-1.0, 1.0], [0.0, -1.0]], [[-1.0, -1.0], [0.0, 1.0], [-1.0, 2.0]]):
        courses = []
        for run in (
            lambda: loss.batch(ROWS, np.array(labels)),  # noqa: B023
            lambda: tl.mean([loss.function(row, pair) for row, pair in zip(ROWS, labels, strict=True)]),  # noqa: B023
        ):
            w.grad = 0.0
            found = run()
            found.backward()
            courses.append([found.data, w.grad])
        assert courses[0] == pytest.approx(courses[1], rel=1e-13, nan_ok=True)
        assert math.isnan(courses[0][0]) == (labels[0] == [-1.0, -1.0]) and math.isfinite(w.grad)


def test_of_one_sample_alone_the_mean_says_that_it_has_no_weight() -> None:
    row = values(ROWS[0])
    with pytest.warns(UserWarning, match=r"a single sample divides by its weight.* pass reduction='sum'") as found:
        assert cross_entropy(row, 2, weight=[1.0, 2.0, 3.0]).data == cross_entropy(row, 2).data
    assert found[0].filename == __file__
    for label in (-1, Value(2.0)):
        with pytest.warns(UserWarning, match="is nan if the sample is ignored"):
            cross_entropy(row, label, ignore_index=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cross_entropy(row, 2, "sum", weight=[1.0, 2.0, 3.0]).data == 3.0 * cross_entropy(row, 2).data
        assert cross_entropy(row, 2, "none", weight=[1.0, 2.0, 3.0]).data == 3.0 * cross_entropy(row, 2).data
        assert cross_entropy(row, 2, ignore_index=-1).data == cross_entropy(row, 2).data
        cross_entropy(row, [0.0, 0.0, 1.0], weight=[1.0, 2.0, 3.0])
        cross_entropy([row], [2], weight=[1.0, 2.0, 3.0])
        cross_entropy([row], [-1], ignore_index=-1)


@pytest.mark.parametrize("variance", [1e-9, 0.0, 0.5])
def test_variances_below_the_least_get_the_derivative_there(variance: float) -> None:
    var, at_least = Value(variance), Value(max(variance, 0.25))
    gaussian_nll(1.0, 0.5, var, eps=0.25).backward()
    gaussian_nll(1.0, 0.5, at_least, eps=0.0).backward()
    assert var.grad == at_least.grad == 0.5 / at_least.data - 0.125 / at_least.data**2
    assert gaussian_nll(1.0, 0.5, variance, eps=0.25) == pytest.approx(
        0.5 * math.log(at_least.data) + 0.125 / at_least.data
    )


def test_negative_variances_are_not_clamped_in_silence() -> None:
    assert math.isnan(gaussian_nll(1.0, 0.5, Value(-1e-12)).data)
    assert math.isnan(tl.compile(lambda v: gaussian_nll(1.0, 0.5, v))(-1.0))
    assert "log" in str(explain_nan(gaussian_nll(1.0, 0.5, Value(-1e-12))))


def test_variances_and_weights_stand_for_whole_lists() -> None:
    p, t = [values(P[:2]), values(P[2:])], [T[:2], T[2:]]
    by_row = gaussian_nll(p, t, [0.5, [2.0, 3.0]], reduction="none")
    assert [[x.data for x in row] for row in by_row] == [
        [gaussian_nll(P[0], T[0], 0.5), gaussian_nll(P[1], T[1], 0.5)],
        [gaussian_nll(P[2], T[2], 2.0), gaussian_nll(P[3], T[3], 3.0)],
    ]
    shares = [SHARES[:2], SHARES[2:]]
    each = [[x.data for x in row] for row in binary_cross_entropy_with_logits(p, shares, "none")]
    for weight in ([2.0, 3.0], [[2.0, 3.0]] * 2, np.array([2.0, 3.0]), values([2.0, 3.0]), (2, 3)):
        found = binary_cross_entropy_with_logits(p, shares, "none", weight=weight)
        assert [[x.data for x in row] for row in found] == [[2.0 * a, 3.0 * b] for a, b in each]
    for rows in (tuple(map(tuple, p)), np.array([P[:2], P[2:]])):
        found = binary_cross_entropy_with_logits(rows, shares, pos_weight=[2.0, 3.0])
        listed = binary_cross_entropy_with_logits(p, shares, pos_weight=[2.0, 3.0]).data
        assert getattr(found, "data", found) == pytest.approx(listed, rel=1e-15)
    uneven = binary_cross_entropy_with_logits(p, shares, "none", weight=[2.0, [3.0, 4.0]])
    assert [[x.data for x in row] for row in uneven] == [
        [2.0 * x for x in each[0]],
        [3.0 * each[1][0], 4.0 * each[1][1]],
    ]


def test_what_trains_may_be_weighted_and_ignored() -> None:
    inputs = np.random.default_rng(0).normal(size=(6, 2))
    labels = np.array([0, 1, 2, -1, 1, 0])
    losses = {
        "weighted": (lambda p, t: cross_entropy(p, t, "sum", weight=[1.0, 2.0, 0.5]), abs(labels)),
        "ignored": (lambda p, t: cross_entropy(p, t, "sum", weight=[1.0, 2.0, 0.5], ignore_index=-1), labels),
        "soft": (cross_entropy, np.eye(3)[labels]),
        "of several": (lambda p, t: cross_entropy([p, p], t, ignore_index=-1), np.stack([labels, abs(labels)], 1)),
    }
    for loss, targets in losses.values():
        courses = []
        for eager in (True, False):
            random.seed(0)
            model = MLP(2, [3, 3])
            course = train.fit(
                model, loss, (inputs, targets), optim.SGD(model.parameters(), lr=0.1), 3, 2, seed=0, eager=eager,
                metrics=[train.accuracy], progress=False,
            )  # fmt: skip
            courses.append([*course.column("loss"), *course.column("accuracy")])
        assert courses[0] == pytest.approx(courses[1], rel=1e-12)
        assert courses[0][2] < courses[0][0]


def test_the_page_has_each_loss_with_its_settings() -> None:
    page = (Path(nn.__file__).parents[1] / "pages" / "training.md").read_text(encoding="utf-8")
    for name in nn.__all__:
        loss = getattr(nn, name)
        if getattr(loss, "__module__", "") == "tinygrad_lite.nn.losses":
            settings = [p for p in inspect.signature(loss).parameters.values() if p.name != "reduction"]
            shown = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default}" for p in settings)
            assert f"| `nn.{name}({shown.replace('1e-06', '1e-6')})` |" in page
