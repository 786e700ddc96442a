"""ravel: all numbers of a structure as one array, and restore, which replaces them by others."""

from __future__ import annotations

import copy
import dataclasses
import enum
from collections import OrderedDict, defaultdict
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.errors import HistoryError, ShapeError
from tinygrad_lite.transforms.pytree import Structure


class Line(NamedTuple):
    slope: Any
    offset: Any


@dataclasses.dataclass(frozen=True)
class Layer:
    w: Any
    b: Any


class Kind(enum.Enum):
    SQUARE = 1.0


class Number(enum.IntEnum):
    ONE = 1


def same(a: Any, b: Any) -> bool:
    """Whether two structures are equal, and of the same types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and bool(np.all(a == b))
    if dataclasses.is_dataclass(a):
        return same(vars(a), vars(b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


# A structure, its numbers, and what it is with 10, 11, ... in their places.
STRUCTURES: list[tuple[Any, list[float], Any]] = [
    (2.0, [2.0], 10.0),
    (3, [3.0], 10.0),
    (Value(2.0), [2.0], 10.0),
    (np.float32(0.5), [0.5], 10.0),
    (Fraction(1, 4), [0.25], 10.0),
    ([1.0, 2], [1.0, 2.0], [10.0, 11.0]),
    ([[1.0], (2.0, [3.0])], [1.0, 2.0, 3.0], [[10.0], (11.0, [12.0])]),
    ({"w": [[1.0, 2.0], [3.0, 4.0]], "b": 0.5}, [1, 2, 3, 4, 0.5], {"w": [[10.0, 11.0], [12.0, 13.0]], "b": 14.0}),
    ({"b": 1.0, "a": {2: 2.0, (1, 2): 3.0}}, [1.0, 2.0, 3.0], {"b": 10.0, "a": {2: 11.0, (1, 2): 12.0}}),
    ([None, 1.0, {"a": None}], [1.0], [None, 10.0, {"a": None}]),
    (None, [], None),
    ([[], {}, ()], [], [[], {}, ()]),
    (Line([1.0], Value(2.0)), [1.0, 2.0], Line([10.0], 11.0)),
    (Layer([[1.0, 2.0]], None), [1.0, 2.0], Layer([[10.0, 11.0]], None)),
    (OrderedDict(b=1.0, a=Layer(2.0, 3.0)), [1.0, 2.0, 3.0], OrderedDict(b=10.0, a=Layer(11.0, 12.0))),
    (defaultdict(float, a=1.0), [1.0], defaultdict(float, a=10.0)),
    (np.array([1, 2]), [1.0, 2.0], np.array([10.0, 11.0])),
    (np.array(7.0), [7.0], np.array(10.0)),
    (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), [1, 2, 3, 4], np.array([[10.0, 11.0], [12.0, 13.0]])),
    (np.arange(4.0)[::-2], [3.0, 1.0], np.array([10.0, 11.0])),
    (np.zeros((0, 3)), [], np.zeros((0, 3))),
    (np.array([Value(1.0), 2.0]), [1.0, 2.0], np.array([10.0, 11.0])),
    ({"m": np.ones((1, 2), np.float32), "x": 3.0}, [1.0, 1.0, 3.0], {"m": np.array([[10.0, 11.0]]), "x": 12.0}),
    ([float("inf"), -0.0], [float("inf"), -0.0], [10.0, 11.0]),
]
structures = pytest.mark.parametrize(
    ("tree", "numbers", "others"), STRUCTURES, ids=[str(i) for i in range(len(STRUCTURES))]
)


@structures
def test_all_numbers_in_their_order_and_others_in_their_places(tree: Any, numbers: list[float], others: Any) -> None:
    flat, restore = tl.ravel(tree)
    assert type(flat) is np.ndarray and flat.dtype == np.float64 and flat.ndim == 1
    assert repr(flat.tolist()) == repr(list(map(float, numbers)))
    row = [10.0 + k for k in range(len(numbers))]
    for given in (
        row,
        tuple(row),
        np.array(row),
        [int(x) for x in row],
        np.array(row, np.float32),
        np.array(row, object),
    ):
        assert same(restore(given), others), f"{restore(given)} is not {others}"
    again, _ = tl.ravel(restore(flat))
    assert repr(again.tolist()) == repr(flat.tolist())


@structures
def test_values_come_where_values_are_given(tree: Any, numbers: list[float], others: Any) -> None:
    _, restore = tl.ravel(tree)
    leaves = [Value(x) for x in numbers]
    for given in (leaves, np.array(leaves, object)):
        found = restore(given)
        held = Structure(found).numbers
        assert len(held) == len(leaves) and all(map(lambda a, b: a is b, held, leaves))
        assert type(found) is type(others) or type(tree) not in (list, dict, tuple, Line, Layer, np.ndarray)


def test_arrays_come_as_object_arrays_where_a_value_is_among_theirs() -> None:
    flat, restore = tl.ravel({"a": np.ones((2, 1)), "b": np.ones(2)})
    found = restore([Value(1.0), Value(2.0), *flat[2:]])
    assert found["a"].dtype == object and found["a"].shape == (2, 1) and found["b"].dtype == float
    assert np.exp(found["a"])[1, 0].data == np.exp(2.0)


def test_what_is_restored_is_nobody_elses() -> None:
    """Changes to the tree, to flat or to a restored structure have no effect on the others."""
    tree = {"w": [[1.0, 2.0]], "m": np.array([3.0]), "none": np.zeros(0)}
    before = copy.deepcopy(tree)
    flat, restore = tl.ravel(tree)
    first = restore(flat)
    first["w"][0].append(5.0)
    first["m"][0] = flat[0] = -1.0
    assert same(tree, before)
    tree["w"].append([9.0])  # type: ignore[union-attr]
    tree["more"] = 1.0  # type: ignore[assignment]
    assert same(restore([1.0, 2.0, 3.0]), before)
    values = np.array([Value(1.0)], object)
    assert tl.ravel(values)[1](list(values)) is not values


def loss(p: Any) -> Any:
    return tl.sum([x * x * x for row in p["w"] for x in row]) * p["b"]


TREE = {"w": [[1.0, 2.0], [3.0, 4.0]], "b": 0.5}
FLAT, RESTORE = tl.ravel(TREE)
GRADIENT = [1.5, 6.0, 13.5, 24.0, 100.0]


def restored_loss(flat: Any) -> Any:
    return loss(RESTORE(flat))


@pytest.mark.parametrize("executor", ["eager", "auto", "array", "native"])
@pytest.mark.parametrize("kind", [np.array, list])
def test_a_loss_of_what_is_restored_is_differentiated(executor: Any, kind: Any) -> None:
    def run(f: Any) -> Any:
        return f if executor == "eager" else tl.compile(f, executor=executor)

    x = kind(FLAT)
    gradient = run(tl.grad(restored_loss))(x)
    assert type(gradient) is type(x) and list(gradient) == GRADIENT
    assert same(RESTORE(gradient), tl.grad(loss)(TREE))
    value, gradient = run(tl.value_and_grad(restored_loss))(x)
    assert (type(value), value, list(gradient)) == (float, 50.0, GRADIENT)
    expected = np.diag([3.0, 6.0, 9.0, 12.0, 0.0])
    expected[4, :4] = expected[:4, 4] = [3.0, 12.0, 27.0, 48.0]
    second = run(tl.hessian(restored_loss))(x)
    assert type(second) is type(x) and np.array_equal(np.array(second), expected)
    assert np.array_equal(run(lambda x, v: tl.hvp(restored_loss, x, v))(x, x), expected @ FLAT)
    assert list(run(tl.jacobian(restored_loss))(x)) == GRADIENT
    _, tangent = run(lambda x, v: tl.jvp(restored_loss, (x,), (v,)))(x, x)
    assert tangent == 4 * 50.0
    assert list(run(lambda x: tl.vjp(restored_loss, x)[1](1.0)[0])(x)) == GRADIENT
    assert list(tl.grad(run(restored_loss))(x)) == GRADIENT
    rows = run(lambda x: RESTORE(x)["w"])(x)
    assert np.array_equal(np.array(rows), TREE["w"])


def test_a_batch_of_rows() -> None:
    rows = np.stack([FLAT, 2 * FLAT])
    found = tl.compile(tl.value_and_grad(restored_loss)).batch(rows, reduce=None)
    assert found[0].tolist() == [50.0, 800.0]
    assert found[1].tolist() == [GRADIENT, [8 * x for x in GRADIENT]]


def test_backward_reaches_what_was_restored() -> None:
    leaves = [Value(x) for x in FLAT]
    restored_loss(leaves).backward()
    assert [x.grad for x in leaves] == GRADIENT


def squared(p: Any) -> Any:
    flat, restore = tl.ravel(p)
    assert flat.dtype == object and all(type(x) is Value for x in flat)
    return tl.dot(flat, flat) + 0.0 * restore(flat)["b"]


@pytest.mark.parametrize("run", [lambda f: f, tl.compile], ids=["eager", "compiled"])
def test_inside_a_transform_no_gradient_is_lost(run: Any) -> None:
    """Plain numbers would cut off the transform's variables."""
    assert run(tl.grad(squared))(TREE) == {"w": [[2.0, 4.0], [6.0, 8.0]], "b": 1.0}
    assert tl.grad(run(squared))(TREE) == {"w": [[2.0, 4.0], [6.0, 8.0]], "b": 1.0}
    assert run(tl.hessian(squared))({"b": 3.0}) == {"b": {"b": 2.0}}
    mixed = run(tl.grad(lambda x: np.sum(np.exp(tl.ravel([x, 0.0])[0]))))
    assert mixed(0.0) == 1.0
    plain = run(lambda x: x * float(tl.ravel([2.0, 3.0])[0].sum()))
    assert plain(2.0) == 10.0 and tl.grad(plain)(2.0) == 5.0


def test_a_models_numbers() -> None:
    model = nn.MLP(2, [3, 1])
    parameters = model.parameters()
    flat, restore = tl.ravel(parameters)
    assert flat.dtype == float and flat.tolist() == [p.data for p in parameters]
    assert restore(2 * flat) == [2 * p.data for p in parameters]
    flat, restore = tl.ravel(model.state_dict())
    model.load_state_dict(restore(2 * flat))
    assert [p.data for p in parameters] == (2 * flat).tolist()


def test_a_history_is_not_lost_in_silence() -> None:
    """As in copies."""
    x = Value(2.0)
    with pytest.raises(HistoryError, match=r"how a Value, .* was computed would be lost: ravel what .detach\(\) gives"):
        tl.ravel({"a": x, "b": [x * 3.0]})
    assert tl.ravel([x, (x * 3.0).detach()])[0].tolist() == [2.0, 6.0]
    with tl.no_grad():
        assert tl.ravel([x * 3.0])[0].tolist() == [6.0]
    root = tl.fixed_point(lambda z: [tl.sum(tl.ravel(0.5 * (z[0] + x / z[0]))[0])], [1.0]).values[0]
    root.backward()
    assert x.grad == pytest.approx(0.5 / 2.0**0.5)


def test_deep_structures() -> None:
    """Deeper than Python's limit for nested brackets."""
    tree: Any = 1.0
    for _ in range(300):
        tree = [tree]
    flat, restore = tl.ravel(tree)
    assert flat.tolist() == [1.0] and restore(flat) == tree
    assert tl.compile(lambda x: restore([x]))(1.0) == tree


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"w": 1.0, "on": True}, r"ravel\(tree\): True in it is a choice, .*: keep it apart"),
        ([1.0, np.True_], r"ravel\(tree\): np.True_ in it is a choice"),
        (np.array([True, False]), r"ravel\(tree\): True in it is a choice"),
        ([Kind.SQUARE], r"ravel\(tree\): <Kind.SQUARE: 1.0> in it is a choice"),
        ([2.0, Number.ONE], r"ravel\(tree\): <Number.ONE: 1> in it is a choice"),
        ({"w": 1.0, "f": "tanh"}, r"ravel\(tree\) takes a real number, got a str, 'tanh'"),
        ([1j], r"ravel\(tree\) takes a real number, got a complex"),
        ({1.0, 2.0}, r"ravel\(tree\) takes a real number, got a set of 2"),
        (np.ma.masked_array([1.0, 2.0], [False, True]), "a masked element has no number"),
        (np.timedelta64(3, "D"), "takes a real number, got a timedelta64"),
        (nn.MLP(1, [1]), r"got a MLP, .*: ravel\(model.parameters\(\)\) takes a model's, and ravel\(model.state_dict"),
        ({"model": nn.MLP(1, [1])}, r"ravel\(model.parameters\(\)\)"),
    ],
)
def test_what_is_no_number_is_refused(tree: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        tl.ravel(tree)
    with pytest.raises(TypeError, match=message):
        tl.grad(lambda x: x * len(tl.ravel([x, tree])[0]))(2.0)


def test_numbers_too_large_for_a_float() -> None:
    with pytest.raises(OverflowError, match=r"ravel\(tree\) takes a real number up to 1.8e308"):
        tl.ravel([10**400])


@pytest.mark.parametrize(
    ("flat", "error", "message"),
    [
        ([1.0] * 4, ShapeError, r"flat holds 5 numbers, as many as \{'w': \[\[\*, \*\], .*, got a list of 4"),
        ([], ShapeError, "got a list of 0"),
        (np.ones(6), ShapeError, r"got an ndarray of shape \(6,\)"),
        (np.ones((1, 5)), TypeError, "flat is a sequence of numbers, got an ndarray of shape"),
        (np.ones(()), TypeError, "flat is a sequence of numbers"),
        (3.0, TypeError, "flat is a sequence of numbers, got a float, 3.0"),
        (Value(1.0), TypeError, "flat is a sequence of numbers, got a Value"),
        (None, TypeError, "flat is a sequence of numbers, got None"),
        ("12345", TypeError, "flat is a sequence of numbers, got a str"),
        (TREE, TypeError, "flat is a sequence of numbers, got a dict of 2"),
        (["a"] * 5, TypeError, "flat takes a real number, got a str, 'a'"),
        ([None] * 5, TypeError, "flat takes a real number, got None"),
        ([[1.0]] * 5, TypeError, "flat takes a real number, got a list of 1"),
        (np.ones(5) * 1j, TypeError, "flat takes a real number, got a complex"),
        (np.ma.masked_array(np.ones(5), [0, 0, 0, 0, 1]), TypeError, "a masked element has no number"),
    ],
)
def test_what_does_not_fit_is_not_restored(flat: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        RESTORE(flat)
