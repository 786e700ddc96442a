"""A batch that does not fit is refused: the error names the argument, what it expected and what it got."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from compiled import EXECUTORS

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn, train
from tinygrad_lite.compiler.batch_columns import stacked
from tinygrad_lite.errors import ShapeError


def product(x: Any, y: Any) -> Any:
    return x * y


def dotted(xs: Any, y: Any) -> Any:
    return tl.sum(xs) * y


MISFITS: dict[str, tuple[Any, tuple[Any, ...], type, str]] = {
    "ragged": (dotted, ([[1.0], [1.0, 2.0]], [1.0, 2.0]), ShapeError, r"argument xs .*rows of 1 and 2 numbers"),
    "ragged deep": (dotted, ([[[1.0], [2.0, 3.0]]], [1.0]), ShapeError, r"argument xs .*array of numbers"),
    "a list among numbers": (product, ([1.0, [2.0]], [1.0, 2.0]), ShapeError, r"argument x .*array of numbers"),
    "strings": (product, (["a", "b"], [1.0, 2.0]), TypeError, r"argument x .*list of 2.*<U1"),
    "numbers as strings": (product, (["1", "2"], [1.0, 2.0]), TypeError, r"argument x .*<U1"),
    "complex": (product, ([1.0, 2.0], np.array([1j, 2.0])), TypeError, r"argument y .*complex128"),
    "objects": (product, ([object(), 1.0], [1.0, 2.0]), TypeError, r"argument x .*array of object"),
    "None": (product, ([None, 1.0], [1.0, 2.0]), TypeError, r"argument x .*array of object"),
    "Values": (product, ([Value(1.0)], [1.0]), TypeError, r"argument x .*Values in it.*plain numbers"),
    "an array of Values": (product, ([1.0], np.array([Value(1.0)])), TypeError, r"argument y .*Values in it"),
    "dates": (product, (np.array(["2020-01-01"], dtype="datetime64[D]"), [1.0]), TypeError, r"argument x .*datetime64"),
    "a scalar": (
        product,
        (1.0, [1.0, 2.0]),
        ShapeError,
        r"argument x needs the batch as its first axis.*1\.0.*\(batch,\)",
    ),
    "a scalar array": (product, ([1.0, 2.0], np.array(2.0)), ShapeError, r"argument y needs the batch"),
    "an integer": (product, ([1.0], 3), ShapeError, r"argument y needs the batch.*3"),
    "a Value": (product, ([1.0], Value(2.0)), TypeError, r"argument y .*Values in it"),
    "a Value in a tuple": (lambda t: t[0] * t[1], (([1.0], Value(2.0)),), TypeError, r"argument t\[1\] .*Values in it"),
    "lengths": (product, ([1.0, 2.0], [1.0, 2.0, 3.0]), ShapeError, r"same number of rows.*\(2,\), \(3,\)"),
    "lengths of an empty one": (product, ([], [1.0]), ShapeError, r"same number of rows.*\(0,\), \(1,\)"),
    "lengths in a dict": (
        lambda d: d["a"] * d["b"],
        ({"a": [1.0, 2.0], "b": [1.0]},),
        ShapeError,
        r"same number of rows.*\(2,\), \(1,\)",
    ),
    "in a dict": (lambda d: d["a"], ({"a": ["x"]},), TypeError, r"argument d\['a'\] "),
    "in a nested one": (lambda t: t[1]["k"], (([1.0], {"k": [[1.0], []]}),), ShapeError, r"argument t\[1\]\['k'\] "),
    "empty": (product, ([], []), ShapeError, "mean over an empty batch"),
    "empty rows": (dotted, (np.empty((0, 3)), []), ShapeError, "mean over an empty batch"),
    "nothing": (lambda: 1.0, (), ShapeError, "no array: call the function itself"),
    "only static": (lambda mode: 1.0, ("sum",), ShapeError, "no array"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_refused(name: str) -> None:
    f, arrays, error, match = MISFITS[name]
    compiled = compile(f)
    for _ in range(2):
        with pytest.raises((ShapeError, TypeError)) as caught:
            compiled.batch(*arrays)
        assert type(caught.value) is error, caught.value
        assert re.search(match, str(caught.value)), caught.value
    assert compiled.traces == []


def test_what_is_missing_or_too_much_is_python_s_error() -> None:
    compiled = compile(product)
    for call in (
        lambda: compiled.batch([1.0]),
        lambda: compiled.batch([1.0], [1.0], [1.0]),
        lambda: compiled.batch([1.0], z=[1.0]),
        lambda: compiled(1.0),
        lambda: compiled(1.0, z=2.0),
    ):
        with pytest.raises(TypeError, match=r"product\(\)"):
            call()
    with pytest.raises(TypeError, match=r"multiple values for argument 'x'"):
        compiled.batch([1.0], x=[1.0])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    "column",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3], dtype=np.int8),
        np.array([1, 2, 3], dtype=np.uint64),
        np.array([1, 2, 3], dtype=np.float32),
        np.array([[1.0, 9.0], [2.0, 9.0], [3.0, 9.0]])[:, 0],
        np.array([3.0, 2.0, 1.0])[::-1],
        np.array([1.0, 2.0, 3.0]).astype(">f8"),
        [np.float64(1.0), np.int64(2), 3.0],
    ],
    ids=repr,
)
def test_columns_of_every_kind(column: Any, executor: Any) -> None:
    compiled = compile(lambda x: 2.0 * x, executor=executor)
    if isinstance(column, tuple):  # holds arrays, as a function of a tuple takes them
        with pytest.raises(ShapeError, match=r"argument x\[0\] needs the batch"):
            compiled.batch(column)
        return
    assert compiled.batch(column, reduce=None).tolist() == [2.0, 4.0, 6.0]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_flags_are_numbers_in_a_batch(executor: Any) -> None:
    compiled = compile(lambda x, flag: tl.where(flag, x, -x), executor=executor)
    assert compiled.batch([1.0, 2.0], [True, False], reduce=None).tolist() == [1.0, -2.0]
    assert compiled.batch([1.0, 2.0], np.array([False, True]), reduce=None).tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_batch_changes_nothing_that_it_is_given(executor: Any) -> None:
    source = np.random.default_rng(0)
    x, y = source.normal(size=(6, 3, 2)), source.normal(size=6)
    before = x.copy(), y.copy()
    compiled = compile(lambda rows, y: tl.sum([tl.dot(row, row) for row in rows]) * y, executor=executor)
    views = (x, y), (x[::-1], y[::-1]), (np.asfortranarray(x), y), (x.tolist(), y.tolist()), (x[:0], y[:0])
    for rows, ys in views:
        found = compiled.batch(rows, ys, reduce=None)
        assert found == pytest.approx((np.asarray(rows).reshape(len(ys), 6) ** 2).sum(axis=1) * np.asarray(ys))
    assert (x == before[0]).all() and (y == before[1]).all()
    first = compiled.batch(x, y, reduce=None)
    kept = first.copy()
    compiled.batch(2.0 * x, y, reduce=None)
    assert (first == kept).all()  # the caller owns the result


@pytest.mark.parametrize("executor", EXECUTORS)
def test_other_shapes_are_other_programs(executor: Any) -> None:
    compiled = compile(lambda xs: tl.sum(xs), executor=executor)
    assert compiled.batch([[1.0, 2.0]], reduce=None).tolist() == [3.0]
    assert compiled.batch([[1.0, 2.0, 3.0]] * 2, reduce=None).tolist() == [6.0, 6.0]
    assert compiled.batch(np.ones((4, 2)), reduce=None).tolist() == [2.0] * 4
    assert compiled([1.0, 2.0]) == 3.0
    assert compiled.traces == ["a batch of rows of shape (2,)", "a batch of rows of shape (3,)", "[*, *]"]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_many_lanes_run_in_blocks(executor: Any) -> None:
    w = Value(0.5)
    compiled = compile(lambda xs: tl.tanh(tl.dot(xs, xs) * w), executor=executor)
    x = np.random.default_rng(1).normal(size=(100_003, 3))
    expected = np.tanh((x * x).sum(axis=1) * 0.5)
    assert compiled.batch(x, reduce=None) == pytest.approx(expected)
    loss = compiled.batch(x)
    loss.backward()
    assert loss.data == pytest.approx(expected.mean())
    assert w.grad == pytest.approx(((1.0 - expected**2) * (x * x).sum(axis=1)).mean())
    assert compiled.batch(x[:5]).data == pytest.approx(expected[:5].mean())


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_does_not_depend_on_the_lane(executor: Any) -> None:
    w = Value(3.0)
    for f, of_lanes in (
        (lambda x: w * w, [9.0, 9.0]),
        (lambda x: 2.0, [2.0, 2.0]),
        (lambda x: w, [3.0, 3.0]),
        (lambda x: x, [5.0, 7.0]),
        (lambda x: tl.dot([w, w], [w, 2.0]) + x, [20.0, 22.0]),
        (lambda x: tl.dot([w, 1.0], [w, w]) * 2.0 + x - w, [26.0, 28.0]),
    ):
        compiled = compile(f, executor=executor)
        assert compiled.batch([5.0, 7.0], reduce=None).tolist() == of_lanes
        assert compiled.batch([5.0, 7.0]).data == sum(of_lanes) / 2
        tl.engine.clear_grads([w])
        total = compiled.batch([5.0, 7.0], reduce="sum")
        total.backward()
        assert total.data == sum(of_lanes)
        assert w.grad == {9.0: 12.0, 3.0: 2.0, 20.0: 16.0, 26.0: 26.0}.get(of_lanes[0], 0.0)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_products_that_all_lanes_share(executor: Any) -> None:
    """A matrix product of captured leaves only, plus terms that differ between lanes."""
    a = [[Value(float(i - j)) for j in range(3)] for i in range(4)]
    b = [[Value(0.5 * i + j) for j in range(3)] for i in range(5)]
    for rows, columns in ((a, b), (a, b[:1]), (a[:1], b), (a[:1], b[:1])):
        compiled = compile(
            lambda x, rows=rows, columns=columns: [[tl.dot(row, column, x) for column in columns] for row in rows],
            executor=executor,
        )
        left, right = (np.array([[v.data for v in row] for row in some]) for some in (rows, columns))
        found = compiled.batch([1.0, 10.0, 100.0], reduce=None)
        assert found == pytest.approx((left @ right.T)[None] + np.array([1.0, 10.0, 100.0])[:, None, None])
        loss = compile(
            lambda x, rows=rows, columns=columns: tl.sum(
                [tl.dot(row, column, x) for column in columns for row in rows]
            ),
            executor=executor,
        ).batch([1.0, 10.0, 100.0], reduce="sum")
        tl.engine.clear_grads([v for row in a for v in row])
        loss.backward()
        assert loss.data == pytest.approx(found.sum())
        assert [[v.grad for v in row] for row in rows] == pytest.approx(
            np.tile(3.0 * right.sum(axis=0), (len(rows), 1))
        )


@pytest.mark.parametrize("executor", EXECUTORS)
def test_results_that_are_kept_keep_their_derivatives(executor: Any) -> None:
    """The result stays, although the next call computes in the same arrays."""
    ws = [Value(0.5), Value(-2.0)]
    f = compile(lambda x: tl.dot(ws, [x, x * x]).tanh(), executor=executor)
    columns = [np.array([1.0, 2.0]), np.array([0.25, 0.5]), np.array([-1.0, 3.0])]
    alone = [f.batch(column).local_derivatives for column in columns]
    kept = [f.batch(column) for column in columns]
    assert [y.local_derivatives for y in kept] == alone
    (2.0 * kept[0] + kept[2]).backward()
    assert [w.grad for w in ws] == pytest.approx([2.0 * a + b for a, b in zip(alone[0], alone[2], strict=True)])
    with tl.no_grad():
        f.batch(columns[1])
    assert kept[1].local_derivatives == alone[1]


def test_results_are_laid_beside_each_other_without_a_copy_only_where_they_are_rows_of_one_array() -> None:
    whole, other = np.arange(12.0).reshape(4, 3), np.arange(20.0, 23.0)
    for rows, shared in (
        ([whole[0], whole[1], whole[2]], True),
        ([whole[0], whole[2]], True),
        ([whole[0], whole[1], whole[3]], False),
        ([whole[0], other[:]], False),
        ([other[:], whole[0]], False),
        ([whole[0], whole[1].copy()], False),
        ([whole[0].copy(), whole[1].copy()], False),
        ([whole[0, :2], whole[1, ::2]], False),
    ):
        found = stacked(rows)
        assert found.tolist() == np.array(rows).T.tolist() and np.shares_memory(found, rows[-1]) is shared


def test_samples_from_zip_are_answered_with_what_a_tuple_means() -> None:
    samples = [([0.5, 1.0], 1.0), ([0.2, -1.0], -1.0), ([0.1, 0.3], 1.0)]
    xs, ys = zip(*samples, strict=True)
    loss = compile(lambda x, t: (x[0] * x[1] - t) ** 2)
    meaning = r"; here a tuple means a tuple of columns: .*X, y = zip\(\*pairs\), write list\(X\), list\(y\)"
    for columns in ((xs, ys), (list(xs), ys), (xs, list(ys))):
        with pytest.raises(ShapeError, match=meaning):
            loss.batch(*columns)
        with pytest.raises(ShapeError, match=meaning):
            train.evaluate(_Product(), nn.mse, columns)
    assert loss.batch(list(xs), list(ys)).data == pytest.approx(
        ((0.5 - 1) ** 2 + (-0.2 + 1) ** 2 + (0.03 - 1) ** 2) / 3
    )
    with pytest.raises(ShapeError, match="shape"):
        loss.batch([[1.0, 2.0]], [1.0, 2.0])


def test_samples_in_a_tuple_are_not_taken_for_columns() -> None:
    """If there were as many samples as numbers in each, they would be silently transposed."""
    samples = [([0.5, 1.0], [1.0, 0.0]), ([0.2, -1.0], [0.0, 1.0])]
    xs, ys = zip(*samples, strict=True)
    loss = compile(lambda x, t: x[0] * t[0] + x[1] ** 2 * t[1])
    with pytest.raises(ShapeError, match=r"argument x is a tuple of 2 lists: if they are columns, make arrays"):
        loss.batch(xs, ys)
    with pytest.raises(ShapeError, match=r"inputs is a tuple of 2 lists"):
        train.evaluate(_Product(), nn.mse, (xs, [1.0, 2.0]))
    assert loss.batch(list(xs), list(ys)).data == pytest.approx((0.5 + 1.0) / 2)
    with pytest.raises(
        ShapeError, match=r"of pairs: separate them, X, y = zip\(\*pairs\), and pass list\(X\), list\(y\)"
    ):
        compile(lambda p: p[0]).batch([([0.5, 1.0], 1.0), ([0.2, -1.0], 0.0)])
    for iterator in (zip(*samples, strict=True), map(list, xs), iter(xs)):
        with pytest.raises(TypeError, match=r"argument x has .* in it.*: pass a list of it, list"):
            loss.batch(iterator, list(ys))
    columns = tuple(np.array(samples)[:, 0].T), tuple(np.array(samples)[:, 1].T)
    assert loss.batch(*columns).data == pytest.approx((0.5 + 1.0) / 2)


class _Product(nn.Module):
    def forward(self, x: Any) -> Any:
        return x[0] * x[1]
