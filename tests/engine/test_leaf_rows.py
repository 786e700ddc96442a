"""Leaves made, labelled, located and cleared by rows: each like so many leaves on their own."""

from __future__ import annotations

import random
import tracemalloc
import warnings
from collections.abc import Callable

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.engine import (
    Origin,
    are_parameters,
    bind,
    clear_grads,
    distinct,
    label_row,
    located,
    new_leaves,
    set_origin,
    storage_of,
    sweep_number,
)


def row(size: int = 4, label: str = "w.") -> list[Value]:
    leaves = new_leaves([float(k) for k in range(size)])
    label_row(leaves, label)
    return leaves


def labels(leaves: list[Value]) -> list[str | None]:
    return [v.label for v in leaves]


def test_new_leaves_lie_in_one_storage() -> None:
    leaves = new_leaves(iter([1.0, 2, True]))
    storage, cells = bind(leaves)
    assert cells == [0, 1, 2] and list(storage.values) == [1.0, 2.0, 1.0] and not storage.moved
    assert [repr(v) for v in leaves] == [f"Value(data={x}, grad=0.0)" for x in (1.0, 2.0, 1.0)]
    assert {v.kind for v in leaves} == {"parameter"} and leaves[0].grad_state == "not computed"
    assert new_leaves([]) == []
    before = set_origin(Origin(path="here"))
    try:
        assert new_leaves([1.0])[0].path == "here"
    finally:
        set_origin(before)


@pytest.mark.parametrize("bad", ["x", None, 1j])
def test_what_is_no_number_is_refused_as_by_value(bad: object) -> None:
    with pytest.raises(TypeError) as one:
        Value(bad)  # type: ignore[call-overload]
    with pytest.raises(TypeError) as many:
        new_leaves([1.0, bad])  # type: ignore[list-item]
    assert str(many.value) == str(one.value)


def test_new_leaves_inside_transforms_and_traces() -> None:
    def model(x: Value) -> Value:
        ws = new_leaves([x, 3.0])  # type: ignore[list-item]
        label_row(ws, "w.")
        assert labels(ws) == ["w.0", "w.1"]
        return ws[0] * ws[1] * new_leaves([2.0])[0]

    assert tl.grad(model)(5.0) == 6.0 and tl.compile(model)(5.0) == 30.0
    with pytest.raises(TypeError, match="Value"):
        new_leaves([Value(1.0)])  # type: ignore[list-item]


def test_a_transform_warns_of_leaves_older_than_itself_only() -> None:
    (w,) = new_leaves([2.0])
    with pytest.warns(tl.errors.CutOffWarning):
        tl.grad(lambda x: x * w)(3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tl.grad(lambda x: x * new_leaves([2.0])[0])(3.0) == 2.0


def test_labels_of_a_row() -> None:
    leaves = row()
    assert labels(leaves) == ["w.0", "w.1", "w.2", "w.3"] and repr(leaves[2]).endswith("label='w.2')")
    leaves[1].label = "mine"
    leaves[2].label = None
    label_row(leaves, "v.")
    assert labels(leaves) == ["w.0", "mine", "v.2", "w.3"]
    free = [Value(1.0), Value(2.0, label="x"), Value(3.0)]
    label_row(free, "u.")
    assert labels(free) == ["u.0", "x", "u.2"]
    scattered = new_leaves([0.0] * 4)
    label_row([scattered[k] for k in (3, 1, 2, 0)], "s.")
    assert labels(scattered) == ["s.3", "s.1", "s.2", "s.0"]


def test_a_row_keeps_path_and_line() -> None:
    leaves = new_leaves([1.0, 2.0, 3.0])
    before = set_origin(Origin(path="net", line="a.py:3"))
    try:
        leaves += [Value(4.0), *new_leaves([5.0])]
    finally:
        set_origin(before)
    storage_of(leaves)
    label_row(leaves, "w.")
    assert labels(leaves) == ["w.0", "w.1", "w.2", "w.3", "w.4"]
    assert [v.path for v in leaves] == [None] * 3 + ["net"] * 2 and leaves[4].line == "a.py:3"
    leaves[4].label = "mine"
    assert leaves[4].path == "net" and leaves[3].label == "w.3"


@pytest.mark.parametrize(
    "moved",
    [
        lambda leaves: [*leaves[::-1], Value(1.0)],
        lambda leaves: [Value(1.0), leaves[2], *row(3, "v."), leaves[0]],
        lambda leaves: [*row(2, "v."), *leaves],
        lambda leaves: random.Random(3).sample([*leaves, *row(9, "v.")], 10),
    ],
)
def test_labels_follow_leaves_that_move(moved: Callable[[list[Value]], list[Value]]) -> None:
    leaves = row()
    together = moved(leaves)
    before = labels(together)
    bind(together)
    assert labels(together) == before and labels(leaves) == ["w.0", "w.1", "w.2", "w.3"]
    bind([*leaves, Value(0.0)])
    assert labels(together) == before and labels(leaves) == ["w.0", "w.1", "w.2", "w.3"]


def test_labels_take_no_memory_that_grows() -> None:
    leaves = new_leaves([0.0] * 10_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        label_row(leaves, "w.")
        assert tracemalloc.get_traced_memory()[0] - before < 2_000
    finally:
        tracemalloc.stop()


def test_runs_of_leaves() -> None:
    a, b, free = row(4), row(3), Value(1.0)
    first, second = storage_of(a), storage_of(b)
    assert located(a) == ([first], [0], [0], [4]) and located(a[1:3]) == ([first], [0], [1], [2])
    assert located([*b, *a[2:], a[0]]) == ([second, first], [0, 1, 1], [0, 2, 0], [3, 2, 1])
    assert located([]) == ([], [], [], [])
    for leaves in (a, [*b, *a], a[::-1], [free, *a], [free], []):
        assert distinct(leaves) == leaves
    assert distinct([*a, *b, *a]) == distinct([*a, *b, a[3]]) == [*a, *b]
    assert distinct([free, *a, free]) == [free, *a] and distinct([*a[1:], *a]) == [*a[1:], a[0]]
    many = row(40)
    assert distinct([*many[5:], *many]) == [*many[5:], *many[:5]]
    with pytest.raises(ValueError, match="stands twice"):
        bind([*a, *b, a[0]])
    assert storage_of(a[1:]) is first and not first.moved
    with pytest.raises(TypeError, match="a list of Values"):
        distinct([*a, 3.0])  # type: ignore[list-item]


def test_parameters_are_told_from_other_things() -> None:
    a, free = row(2), Value(1.0)
    assert are_parameters(a) and are_parameters((*a, free)) and are_parameters(a, bound=True)
    assert not are_parameters([*a, free], bound=True)
    for other in (free * 2, free.detach(), 1.0, None):
        assert not are_parameters([*a, other]) and not are_parameters([other])
    assert not are_parameters([])


@pytest.mark.parametrize("some", [slice(None), slice(1, None), slice(None, None, -1)])
def test_gradients_of_a_whole_storage_are_cleared_like_those_of_some(some: slice) -> None:
    leaves = row()
    tl.sum(x * x for x in leaves).backward()
    clear_grads(leaves[some])
    for v in leaves[some]:
        assert v.grad == 0.0 and v.grad_state == "not computed" and sweep_number(v) == 0
    (leaves[1] * 3.0).backward()
    assert leaves[1].grad == 3.0 and sweep_number(leaves[1]) > 0 and leaves[2].grad_state == "not computed"


def test_clearing_in_a_hook() -> None:
    def found(clear: Callable[[list[Value]], None]) -> list[object]:
        leaves = row(3)
        y = leaves[0] * 2.0
        tl.register_hook(y, lambda g: clear(leaves))
        z = y * leaves[1] + leaves[2] * 0.0
        by = tl.gradients(z, leaves)
        z.backward()
        return [by, [(v.grad, v.grad_state, sweep_number(v) > 0) for v in leaves]]

    assert found(clear_grads) == found(lambda leaves: [clear_grads([v]) for v in leaves] and None)
