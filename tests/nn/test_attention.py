"""Attention: who sees whom; and a small transformer of the layers here, trained compiled."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers import check_layer, check_saved, data, flat, inputs

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, optim
from tinygrad_lite.errors import ShapeError


@pytest.mark.parametrize("causal", [False, True])
def test_derivatives_and_executors(causal: bool) -> None:
    check_layer(nn.Attention(4, num_heads=2, causal=causal), inputs(3, 4))
    check_layer(nn.Attention(2, causal=causal, bias=False), inputs(2, 2))


def test_a_causal_token_sees_itself_and_those_before_it() -> None:
    attention, x = nn.Attention(4, num_heads=2, causal=True), [[Value(v) for v in row] for row in inputs(4, 4)]
    tl.sum(attention(x)[1]).backward()
    seen = [any(v.grad for v in token) for token in x]
    assert seen == [True, True, False, False]
    assert data(attention(x[:2])) == data(attention(x)[:2])
    assert [v.grad_state for v in x[3]] == ["not computed"] * 4


def test_without_order_tokens_may_change_places() -> None:
    attention, x = nn.Attention(4, num_heads=4), inputs(3, 4)
    assert data(attention([x[2], x[0], x[1]])) == pytest.approx(data([attention(x)[k] for k in (2, 0, 1)]), rel=1e-13)
    alone = attention.out(attention.value([x[0]]))
    assert data(attention([x[0]])) == pytest.approx(data(alone), rel=1e-15)


def test_heads_look_on_their_own() -> None:
    """The second head attends evenly where its query is 0, whatever the first one does."""
    attention, x = nn.Attention(4, num_heads=2, bias=False), inputs(3, 4)
    for row in attention.query.weight[2:]:
        for w in row:
            w.data = 0.0
    for k, row in enumerate(attention.out.weight):
        for j, w in enumerate(row):
            w.data = float(k == j)
    means = np.mean([data(value) for value in attention.value(x)], axis=0)
    for y in attention(x):
        assert data(y)[2:] == pytest.approx(means[2:]) and data(y)[:2] != pytest.approx(means[:2])


def test_names_and_state(tmp_path: Path) -> None:
    attention = nn.Attention(4, num_heads=2, causal=True)
    assert list(attention.state_dict())[:2] == ["query.weight", "query.bias"] and len(attention.parameters()) == 80
    check_saved(attention, nn.Attention(4, num_heads=2, causal=True), inputs(3, 4), tmp_path)
    assert {y.path for y in nn.Sequential(attention)(inputs(2, 4))[0]} == {"layers.0.out"}
    x = np.array(inputs(2, 4))
    assert data(attention(x)) == data(attention(tuple(map(tuple, x)))) == data(attention(iter(x)))


def test_a_transformer_learns_to_continue_a_sequence() -> None:
    """After "a" comes "b" or "c", in turns: only attention to the token before can predict which."""
    random.seed(3)
    width, text = 8, [0, 1, 0, 2, 0, 1, 0, 2]
    model = nn.Sequential(
        nn.Embedding(3, width),
        nn.Residual(nn.Sequential(nn.RMSNorm(width), nn.Attention(width, num_heads=2, causal=True))),
        nn.Residual(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 16), nn.ReLU(), nn.Dropout(0.0), nn.Linear(16, width))
        ),
        nn.Linear(width, 3),
    )
    compiled = tl.compile(lambda xs, ys: nn.cross_entropy(model(xs), ys))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    xs, ys = [text[0:4], text[2:6]], [text[1:5], text[3:7]]
    eager = tl.mean([nn.cross_entropy(model(x), y) for x, y in zip(xs, ys, strict=True)])
    assert compiled.batch(xs, ys).data == pytest.approx(eager.data, rel=1e-12)
    for _ in range(60):
        optimizer.zero_grad()
        loss = compiled.batch(xs, ys)
        loss.backward()
        optimizer.step()
    # Which of the two comes after the first "a" cannot be known: log(2) for one of four tokens.
    assert loss.data == pytest.approx(np.log(2) / 4, abs=0.01)
    assert [int(np.argmax(data(y))) for y in model(xs[1])][1:] == ys[1][1:]
    assert flat(tl.compile(model)(xs[0])) == pytest.approx(data(model(xs[0])), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.Attention(4)([1.0, 2.0, 3.0, 4.0]),
            ShapeError,
            r"^Attention takes \[token\]\[4\] numbers, got \[4\]",
        ),
        (lambda: nn.Attention(4)(1.0), ShapeError, "numbers, got a float, 1.0"),
        (lambda: nn.Attention(4)([]), ShapeError, r"numbers, got \[0\]"),
        (lambda: nn.Attention(2)([[1.0, 2.0], [1.0]]), ShapeError, "numbers: the lists must have equal lengths"),
        (lambda: nn.Attention(4)(inputs(2, 3)), ShapeError, r"got \[2\]\[3\]"),
        (lambda: nn.Attention(4, num_heads=3), ShapeError, "embed_dim=4.* does not divide into num_heads=3 equal"),
        (lambda: nn.Attention(0), ShapeError, r"Attention\(embed_dim\) must be a whole number, 1 or larger, got 0"),
        (
            lambda: nn.Attention(4, num_heads=2.0),
            TypeError,
            r"Attention\(num_heads\) must be a whole number, 1 or larger",
        ),
        (lambda: nn.Attention(2)([[[1.0, 2.0]]]), ShapeError, r"takes \[token\]\[2\] numbers, got \[1\]\[1\]\[2\]"),
    ],
)
def test_what_does_not_fit(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
