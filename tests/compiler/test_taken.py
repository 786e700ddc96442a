"""Numbers taken from tables of weights: what these receive is added at the index, and nothing else is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from compiled import EXECUTORS, FORCED, differences

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.engine import clear_grads

SIZE, WIDTH = 6, 3
TOKENS = np.array([[0.0, 5.0, 0.0], [2.0, 2.0, 2.0], [4.0, 1.0, 3.0], [5.0, 5.0, 0.0]])

Net = Callable[[Sequence[Any]], Any]


def drawn() -> list[list[Value]]:
    numbers = np.random.default_rng(0).normal(size=(SIZE, WIDTH))
    return [[Value(x) for x in row] for row in numbers.tolist()]


def means(table: list[list[Value]], tokens: Sequence[Any]) -> Any:
    """Takes from columns, as an embedding does."""
    columns = list(zip(*table, strict=True))
    return tl.sum([tl.sin(tl.mean([tl.take(column, t) for t in tokens])) for column in columns])


def tied(table: list[list[Value]], tokens: Sequence[Any]) -> Any:
    """The weights that were taken are factors of dots too."""
    x = [tl.take(column, tokens[0]) for column in zip(*table, strict=True)]
    return tl.logsumexp([tl.dot(row, x) for row in table]) - tl.dot(table[1], x)


def along_rows(table: list[list[Value]], tokens: Sequence[Any]) -> Any:
    """Takes from rows: the leaves stand side by side."""
    return tl.sum([tl.take(row, tokens[0] % 3.0) * tokens[2] for row in table]) * tl.take(table[0], 2.0)


def overlapping(table: list[list[Value]], tokens: Sequence[Any]) -> Any:
    flat = [w for row in table for w in row]
    index = tokens[1]
    return (
        tl.take(flat, index) * tl.take(flat[2:9], index) + tl.take(flat[::2], index) ** 2 + tl.take(flat, 12.0 + index)
    )


def mixed(table: list[list[Value]], tokens: Sequence[Any]) -> Any:
    """Tables that are no rows of leaves: with a number, with results, backwards, with a leaf twice."""
    first, *rest = table
    some = [[*first, 0.5], [w * 2.0 for w in first], first[::-1], [first[0], first[0], first[1]], rest[0] + rest[1]]
    return tl.sum([tl.exp(tl.take(row, tokens[1] % 3.0) * 0.5) for row in some])


def with_bias(table: list[list[Value]], tokens: Sequence[Any]) -> Any:
    """What the bias receives, a sum of what differs between lanes and what does not, the table receives as well."""
    return (tl.take([row[0] for row in table], tokens[0]) + table[0][1]) ** 2


NETS = (means, tied, along_rows, overlapping, mixed, with_bias)


def gradients(table: list[list[Value]], run: Callable[[], Any]) -> list[float]:
    leaves = [w for row in table for w in row]
    clear_grads(leaves)
    run().backward()
    return [w.grad for w in leaves]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("embedded", [False, True])
def test_gradients_are_those_of_the_eager_graph(executor: str, net: Any, embedded: bool) -> None:
    table = drawn()
    if embedded:
        module = nn.Embedding(SIZE, WIDTH)
        for bound, row in zip(module.weight, table, strict=True):
            for w, number in zip(bound, row, strict=True):
                w.data = number.data
        table = module.weight
    compiled = tl.compile(lambda tokens: net(table, tokens), executor=executor)
    each = [gradients(table, lambda row=row: net(table, list(map(Value, row)))) for row in TOKENS.tolist()]
    for tokens, right in ((TOKENS, np.sum(each, 0)), (TOKENS[:0:-1], np.sum(each[1:], 0)), (TOKENS, np.sum(each, 0))):
        assert not differences(
            gradients(table, lambda tokens=tokens: compiled.batch(tokens, reduce="sum")), right, scale=8.0
        )
    assert not differences(gradients(table, lambda: compiled.batch(TOKENS)), np.mean(each, 0), scale=8.0)
    for row, right in zip(TOKENS.tolist(), each, strict=True):
        assert not differences(gradients(table, lambda row=row: compiled(list(map(Value, row)))), right, scale=8.0)


@pytest.mark.parametrize("executor", FORCED)
def test_derivatives_of_second_order(executor: str) -> None:
    """A penalty on the derivatives by the weights, as graphs."""
    table = drawn()
    leaves = [w for row in table for w in row]

    def penalty(tokens: Sequence[Any]) -> Any:
        slopes = tl.gradients(means(table, tokens), leaves, create_graph=True)
        return tl.dot(slopes, slopes)

    compiled = tl.compile(penalty, executor=executor)
    each = [gradients(table, lambda row=row: penalty(list(map(Value, row)))) for row in TOKENS.tolist()]
    assert not differences(gradients(table, lambda: compiled.batch(TOKENS, reduce="sum")), np.sum(each, 0), scale=32.0)


def test_nothing_in_a_program_is_as_long_as_the_table() -> None:
    lengths = []
    for size in (10, 1000):
        module = nn.Embedding(size, 4)
        compiled = tl.compile(lambda tokens, m=module: tl.sum([tl.tanh(x) for t in tokens for x in m(t)]))
        compiled.batch(TOKENS).backward()
        lengths.append((len(compiled.program), compiled.source.count("\n")))
    assert lengths[0] == lengths[1]


def test_an_adjoint_that_is_not_finite_reaches_one_row() -> None:
    table = drawn()
    table[2][0].data = 0.0
    compiled = tl.compile(lambda tokens: tl.sum([tl.sqrt(tl.abs(tl.take([r[0] for r in table], t))) for t in tokens]))
    found = gradients(table, lambda: compiled.batch(TOKENS[1:2], reduce="sum"))
    right = gradients(table, lambda: tl.sum([tl.sqrt(tl.abs(tl.take([r[0] for r in table], Value(2.0))))] * 3))
    assert not differences(found, right) and np.isfinite(found[:6]).all()


def test_a_program_says_what_is_received_at_an_index() -> None:
    module = nn.Embedding(SIZE, WIDTH)
    compiled = tl.compile(lambda t: tl.dot(module(t), [2.0, 3.0, 4.0]))
    compiled.batch([1.0, 2.0]).backward()
    text = str(compiled.program)
    assert "output 1 + %0 * 3 += %" in text and "output 3 + %0 * 3 += %" in text


@pytest.mark.parametrize("index", [SIZE, -1.0, 0.5, float("nan")])
def test_a_wrong_index_changes_no_gradient(index: float) -> None:
    table = drawn()
    compiled = tl.compile(lambda tokens: means(table, tokens))
    gradients(table, lambda: compiled.batch(TOKENS))
    before = [w.grad for row in table for w in row]
    with pytest.raises(IndexError, match=r"whole number in 0\.\.5, got"):
        compiled.batch(np.where(TOKENS == 5.0, index, TOKENS)).backward()
    assert [w.grad for row in table for w in row] == before
