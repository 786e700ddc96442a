"""Arguments that losses refuse, and numbers that are not finite."""

from __future__ import annotations

import math
from typing import Any

import pytest
from test_losses import SHARES, SIGNS, P, T, values

from tinygrad_lite import Value
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.nn import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll,
    hinge,
    huber,
    l1,
    mse,
)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda v: mse(v, T[:3]),
            ShapeError,
            r"mse\(...\) takes targets nested like .* got a list of 4 .* a list of 3",
        ),
        (lambda v: mse(v, 1.0), ShapeError, "got a list of 4 as predictions and a float, 1.0 as targets"),
        (lambda v: mse(v[0], [1.0]), ShapeError, "got a Value.* and a list of 1"),
        (lambda v: mse([v], T), ShapeError, "a list of 1"),
        (lambda v: mse([[x] for x in v], T), ShapeError, "a list of 1 .* a float, 1.0"),
        (lambda v: mse([], []), ShapeError, "is not defined for no samples"),
        (lambda v: mse(v, ["a", 1, 2, 3]), TypeError, r"mse\(targets\) takes a real number, got a str, 'a'"),
        (lambda v: mse(["a"], [1.0]), TypeError, r"mse\(predictions\) takes a real number, got a str"),
        (lambda v: mse(v, None), ShapeError, "got a list of 4 .* and None"),
        (lambda v: mse(None, None), TypeError, r"mse\(predictions\) takes a real number, got None"),
        (
            lambda v: huber(v, T, delta=0.0),
            ValueError,
            r"huber\(delta=...\) must be a positive number, got 0.0",
        ),
        (lambda v: huber(v, T, delta="1"), ValueError, "got a str"),
        (lambda v: huber(v, T, delta=math.nan), ValueError, "positive number, got nan"),
        (lambda v: hinge(v, [0, 1, 1, 0]), ValueError, r"takes -1 and 1, got an int, 0: write 2 \* label - 1"),
        (lambda v: hinge(v, [1, 1]), ShapeError, "takes labels nested like the predictions"),
        (lambda v: binary_cross_entropy_with_logits(v, [0, 1, 2, 0]), ValueError, "from 0 to 1, got an int, 2"),
        (lambda v: binary_cross_entropy_with_logits(v[0], -0.1), ValueError, "from 0 to 1"),
        (lambda v: binary_cross_entropy_with_logits(v[0], math.nan), ValueError, "from 0 to 1"),
        (lambda v: cross_entropy(v, 4), ValueError, r"takes class indices, here 0\.\.3, got 4$"),
        (lambda v: cross_entropy(v, -1), ValueError, "got -1"),
        (lambda v: cross_entropy(v, 0.5), ValueError, "must be a class index, got a float, 0.5"),
        (lambda v: cross_entropy(v, "0"), ValueError, "must be a class index, got a str, '0'"),
        (lambda v: cross_entropy([v, v], [0]), ShapeError, "got a list of 2 as logits and 1 labels"),
        (
            lambda v: cross_entropy(v, [0, 1, 2, 3]),
            ValueError,
            "got an int, 2: .* use binary_cross_entropy_with_logits",
        ),
        (lambda v: cross_entropy([[]], [0]), ShapeError, "one per class, got a list of 0"),
        (lambda v: cross_entropy([], []), ShapeError, "for no samples"),
        (lambda v: cross_entropy(v[0], [0]), ShapeError, "got a Value"),
        (lambda v: cross_entropy([["a", "b"]], [0]), TypeError, "real number"),
        (
            lambda v: cross_entropy(v, 0, label_smoothing=1.5),
            ValueError,
            "label_smoothing.* from 0 to 1, got 1.5",
        ),
        (
            lambda v: cross_entropy(v, 0, label_smoothing="0.1"),
            TypeError,
            "must be a number from 0 to 1, got a str, '0.1'",
        ),
        (lambda v: mse(v, T, "all"), ValueError, r"mse\(reduction=...\) must be 'mean', 'sum' or 'none', got 'all'"),
        (lambda v: huber(v, T, reduction=None), ValueError, "got None"),
        (lambda v: l1(v, T, reduction="avg"), ValueError, "l1"),
        (lambda v: gaussian_nll(v, T, 1.0, reduction="avg"), ValueError, "gaussian_nll"),
        (lambda v: l1(v, T[:3]), ShapeError, r"l1\(...\) takes targets nested"),
        (
            lambda v: gaussian_nll(v, T, [1.0, 2.0]),
            ShapeError,
            r"_nll\(var\) .* got a list of 2 for predictions that are a list of 4",
        ),
        (lambda v: gaussian_nll(v[0], 1.0, [1.0]), ShapeError, "got a list of 1 for predictions that are a Value"),
        (lambda v: gaussian_nll(v, T, -0.1), ValueError, r"gaussian_nll\(var\) must be a number, 0 or larger, got"),
        (lambda v: gaussian_nll(v, T, [1.0, math.nan, 1.0, 1.0]), ValueError, "0 or larger, got nan"),
        (lambda v: gaussian_nll(v, T, None), TypeError, r"gaussian_nll\(var\) must be a number, 0 or larger, got None"),
        (
            lambda v: gaussian_nll(v, T, 1.0, eps=-1.0),
            ValueError,
            r"gaussian_nll\(eps=...\) must be a number, 0 or larger, or inf, got -1",
        ),
        (
            lambda v: gaussian_nll(v, T, 1.0, eps="1"),
            TypeError,
            r"gaussian_nll\(eps=...\) must be a number, 0 or larger, or inf",
        ),
        (
            lambda v: binary_cross_entropy_with_logits(v, SHARES, pos_weight=[1.0, 2.0]),
            ShapeError,
            r"logits\(pos_weight=...\) takes a number, one for each .* got a list of 2 for predictions .* a list of 4",
        ),
        (
            lambda v: binary_cross_entropy_with_logits([v], [SHARES], weight=[[1.0, 2.0]]),
            ShapeError,
            r"logits\(weight=...\) .* got a list of 2 for predictions that are a list of 4",
        ),
        (
            lambda v: binary_cross_entropy_with_logits(v[0], 1, weight=[2.0]),
            ShapeError,
            "a list of 1 for predictions that are a Value",
        ),
        (
            lambda v: binary_cross_entropy_with_logits(v, SHARES, weight=-1),
            ValueError,
            r"\(weight=...\) must be a number, 0 or larger, got -1",
        ),
        (
            lambda v: binary_cross_entropy_with_logits(v, SHARES, pos_weight="2"),
            TypeError,
            "a number, 0 or larger, got a str",
        ),
        (
            lambda v: cross_entropy(v, 0, weight=[1.0] * 3),
            ShapeError,
            r"cross_entropy\(weight=...\) takes one weight per class, here 4, got 3",
        ),
        (
            lambda v: cross_entropy(v, 0, weight=[1, 1, -1, 1]),
            ValueError,
            r"weight=...\) must be a number, 0 or larger, got -1",
        ),
        (
            lambda v: cross_entropy(v, 0, weight=[1, 1, math.inf, 1]),
            ValueError,
            "must be a number, 0 or larger, got",
        ),
        (
            lambda v: cross_entropy(v, 0, weight=[1, "1", 1, 1]),
            TypeError,
            r"weight=...\) must be a number, 0 or larger, got a str",
        ),
        (lambda v: cross_entropy(v, [0, 1, 0, 0], weight=[1.0]), ShapeError, "per class, here 4, got 1"),
        (lambda v: cross_entropy([[], []], [[], []]), ShapeError, "one per class, got a list of 0"),
        (lambda v: cross_entropy(v, 0, weight=2.0), ShapeError, "per class, here 4, got 1"),
        (
            lambda v: cross_entropy(v, 0, ignore_index=0.5),
            ValueError,
            r"ignore_index=...\) must be a class index, got a float",
        ),
        (lambda v: cross_entropy(v, -100), ValueError, "got -100: pass ignore_index=-100 to leave such samples out"),
        (lambda v: cross_entropy(v, -2, ignore_index=-1), ValueError, r"here 0\.\.3, got -2$"),
        (lambda v: cross_entropy(v, [0.5, 0.5]), ShapeError, "one per class, here 4, got a list of 2"),
        (
            lambda v: cross_entropy(v, [0.5, 0.6, 0.5, 0.4]),
            ValueError,
            "got probabilities that add up to 2: .* single logit",
        ),
        (lambda v: cross_entropy(v, [0.5, -0.5, 0.5, 0.5]), ValueError, "add up to 1, got a float, -0.5"),
        (lambda v: cross_entropy(v, [math.nan, 0.0, 0.0, 1.0]), ValueError, "got a float, nan"),
        (lambda v: cross_entropy(v, ["1", 0.0, 0.0, 1.0]), TypeError, r"cross_entropy\(labels\) takes a real number"),
        (lambda v: cross_entropy([v, v], [0, SHARES]), ValueError, "must be a class index, got a list of 4"),
        (lambda v: cross_entropy([v, v], [[0, 0, 0, 1], 0]), ShapeError, "here 4, got an int, 0"),
        (lambda v: cross_entropy([v[0]], [1]), ShapeError, "use binary_cross_entropy_with_logits"),
        (
            lambda v: cross_entropy(v, [0, 0, 0, 1], ignore_index=1),
            ValueError,
            r"ignore_index=...\) is for labels that are class indices, got probabilities: leave out",
        ),
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
