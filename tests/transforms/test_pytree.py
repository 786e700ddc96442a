"""Arguments and results in nested lists, tuples, dicts and arrays: derivatives take the places of the numbers."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, grad, hessian, hvp, jacobian, jvp, nn, vjp
from tinygrad_lite.errors import ShapeError


class Line(NamedTuple):
    slope: Any
    offset: Any


def numbers(tree: Any) -> Iterator[Any]:
    """Every number of a structure, by a walk that shares no code with the tested one."""
    if isinstance(tree, (list, tuple)):
        for item in tree:
            yield from numbers(item)
    elif isinstance(tree, dict):
        yield from numbers(list(tree.values()))
    elif isinstance(tree, np.ndarray):
        yield from tree.ravel()
    elif tree is not None:
        yield tree


def squares(tree: Any) -> Any:
    """The sum of the squares of all numbers: its derivative is twice each of them."""
    return tl.sum([x * x for x in numbers(tree)])


def of_values(tree: Any) -> Any:
    """The structure with a leaf in place of each number."""
    if isinstance(tree, np.ndarray):
        made = np.empty(tree.shape, dtype=object)
        made.flat = [Value(x) for x in tree.flat]
        return made
    if isinstance(tree, dict):
        made = copy.copy(tree)
        made.update({key: of_values(item) for key, item in tree.items()})
        return made
    if isinstance(tree, (list, tuple)):
        items = map(of_values, tree)
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return None if tree is None else Value(tree)


def same(a: Any, b: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and bool(np.all(a == b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


STRUCTURES: list[tuple[Any, Any]] = [
    ([1.0, 2.0], [2.0, 4.0]),
    ((1, 2.0), (2.0, 4.0)),
    ([[1.0], [], [2.0, [3.0]]], [[2.0], [], [4.0, [6.0]]]),
    ({"w": [1.0, 2.0], "b": 3}, {"w": [2.0, 4.0], "b": 6.0}),
    ({2: 1.0, (1, 2): 2.0, None: 3.0}, {2: 2.0, (1, 2): 4.0, None: 6.0}),
    (Line(1.0, 2.0), Line(2.0, 4.0)),
    ([Line([1.0], {"c": 2.0}), (3.0,)], [Line([2.0], {"c": 4.0}), (6.0,)]),
    ([1.0, None, 2.0], [2.0, None, 4.0]),
    ({"a": 1.0, "b": None}, {"a": 2.0, "b": None}),
    (np.array([1.0, 2.0]), np.array([2.0, 4.0])),
    (np.array([1, 2]), np.array([2.0, 4.0])),
    (np.array([1, 2], dtype=np.float32), np.array([2.0, 4.0])),
    (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 4.0], [6.0, 8.0]])),
    (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 4.0], [6.0, 8.0]])),
    (np.arange(6.0).reshape(2, 3)[:, ::2], np.array([[0.0, 4.0], [6.0, 10.0]])),
    (np.array(3.0), np.array(6.0)),
    (np.zeros((0, 3)), np.zeros((0, 3))),
    ([np.array([1.0]), {"m": np.array([[2.0]])}, 3.0], [np.array([2.0]), {"m": np.array([[4.0]])}, 6.0]),
    ([], []),
    ((), ()),
    ({}, {}),
    (None, None),
    ([[], {}, None, ()], [[], {}, None, ()]),
    (OrderedDict(b=1.0, a=2.0), OrderedDict(b=2.0, a=4.0)),
    (defaultdict(float, a=1.0), defaultdict(float, a=2.0)),
]
structures = pytest.mark.parametrize(("tree", "twice"), STRUCTURES, ids=[str(i) for i in range(len(STRUCTURES))])


@structures
def test_derivatives_stand_where_their_numbers_stood(tree: Any, twice: Any) -> None:
    before = copy.deepcopy(tree)
    found = grad(squares)(tree)
    assert same(found, twice), f"{found} is not {twice}"
    assert same(vjp(squares, tree)[1](1.0), (twice,))
    assert same(hvp(squares, tree, tree), twice), "the Hessian is twice the identity"
    assert same(grad(squares, (0,))(tree), (twice,))
    value, tangent = jvp(squares, (tree,), (tree,))
    assert tangent == 2 * value == 2 * sum(float(x) ** 2 for x in numbers(tree))
    assert same(tree, before)


@structures
def test_f_gets_a_structure_of_its_own_kind(tree: Any, twice: Any) -> None:
    def f(given: Any) -> float:
        assert type(given) is type(tree)
        assert all(type(x) is Value for x in numbers(given)) and len(list(numbers(given))) == len(list(numbers(tree)))
        assert not isinstance(tree, np.ndarray) or given.shape == tree.shape
        return 0.0

    grad(f)(tree)


@structures
def test_values_in_the_places_of_numbers(tree: Any, twice: Any) -> None:
    leaves = of_values(tree)
    found = grad(squares)(leaves)
    assert type(found) is type(tree) and [g.data for g in numbers(found)] == list(numbers(twice))
    if list(numbers(tree)):
        squares(found).backward()
    assert [x.grad for x in numbers(leaves)] == [8.0 * float(x) for x in numbers(tree)]


def test_arrays_of_derivatives_have_numpys_shapes() -> None:
    x = np.array([1.0, 2.0, 3.0])
    matrix = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
    assert np.array_equal(jacobian(lambda x: matrix @ x)(x), matrix)
    second = hessian(lambda x: (x**3).sum())(x)
    assert second.dtype == float and np.array_equal(second, np.diag(6 * x))
    for shape in ((), (1,), (2, 2)):
        found = hessian(lambda a: np.sum(a**3))(np.ones(shape))
        assert found.shape == shape + shape and found.dtype == float
        assert jacobian(lambda a: a * 2)(np.ones(shape)).shape == shape + shape
    assert jacobian(lambda a: a.sum(axis=0))(np.ones((2, 3))).shape == (3, 2, 3)
    assert jacobian(lambda a: a.sum(axis=0))(np.ones((2, 3))).dtype == float
    assert jacobian(lambda s: np.array([s, s * s, 1.0]))(3.0).tolist() == [1.0, 6.0, 0.0]
    assert jacobian(lambda s: np.array([1.0, 2.0]))(x).tolist() == [[0.0] * 3] * 2
    assert [row.tolist() for row in jacobian(lambda x: [x[0] * x[1], x[2]])(x)] == [[2.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert hvp(lambda a: (a**3).sum(), x, [1, 0, 1]).tolist() == [6.0, 0.0, 18.0]
    value, tangent = jvp(lambda a: a * a, (x,), (np.array([1, 0, 1]),))
    assert value.dtype == tangent.dtype == float and tangent.tolist() == [2.0, 0.0, 6.0]


def test_derivatives_by_structures_of_arrays() -> None:
    """If an array is differentiated by a list or dict, the structure is outside and arrays are inside, as in JAX."""
    by_list = jacobian(lambda x: np.array([x[0] * x[1], x[0], 1.0]))([2.0, 3.0])
    assert type(by_list) is list and [g.tolist() for g in by_list] == [[3.0, 1.0, 0.0], [2.0, 0.0, 0.0]]
    by_line = jacobian(lambda line: np.array([line.slope, line.offset * 2]))(Line(1.0, 2.0))
    assert type(by_line) is Line and by_line.offset.tolist() == [0.0, 2.0]
    second = hessian(lambda p: p["a"] ** 2 * (p["b"] * p["b"]).sum())({"a": 2.0, "b": np.array([3.0, 4.0])})
    assert second["a"]["a"] == 50.0 and second["a"]["b"].tolist() == second["b"]["a"].tolist() == [24.0, 32.0]
    assert second["b"]["b"].tolist() == [[8.0, 0.0], [0.0, 8.0]]
    blocks = hessian(lambda xs: (xs[0] ** 2).sum() * xs[1].sum())([np.ones(2), np.ones((1, 3))])
    assert [[block.shape for block in row] for row in blocks] == [[(2, 2), (2, 1, 3)], [(1, 3, 2), (1, 3, 1, 3)]]
    assert all(block.dtype == float for row in blocks for block in row)


def test_results_keep_f_s_structure() -> None:
    found = jacobian(lambda x: {"sum": x[0] + x[1], "more": [Line(x[0] * x[1], None), ()]})([2.0, 3.0])
    assert same(found, {"sum": [1.0, 1.0], "more": [Line([3.0, 2.0], None), ()]})
    value, tangent = jvp(lambda x: {"a": x, "b": (x * x, 5, None)}, (3.0,), (1.0,))
    assert value == {"a": 3.0, "b": (9.0, 5, None)} and same(tangent, {"a": 1.0, "b": (6.0, 0.0, None)})
    assert jacobian(lambda x: [])(1.0) == [] and jacobian(lambda x: None)(1.0) is None
    value, pullback = vjp(lambda x: np.array([x, x * x]), 3.0)
    assert value.dtype == float and pullback(np.array([1, 10])) == pullback([1.0, 10.0]) == (61.0,)


def test_the_order_of_a_dicts_keys_does_not_matter() -> None:
    def f(p: Any) -> Any:
        return p["a"] ** 2 * p["b"]

    point = {"a": 2.0, "b": 3.0}
    for direction in ({"a": 1.0, "b": 0.0}, {"b": 0.0, "a": 1.0}):
        assert hvp(f, point, direction) == {"a": 6.0, "b": 4.0}
        assert jvp(f, (point,), (direction,)) == (12.0, 12.0)
        assert vjp(lambda x: {"a": x, "b": 10 * x}, 1.0)[1](direction) == (1.0,)


def test_directions_may_be_of_lists_tuples_or_arrays() -> None:
    def f(x: Any) -> Any:
        return x[0][0] ** 2 * x[1][0] + x[0][1] * x[1][1] ** 2

    x = [[1.0, 2.0], [3.0, 4.0]]
    expected = [[6.0, 4.0], [2.0, 4.0]]
    for given in ([[1, 0], [0, 1]], ((1.0, 0.0), [0.0, 1.0]), np.eye(2), [np.array([1.0, 0.0]), (0, np.float32(1))]):
        assert hvp(f, x, given) == [[6.0, 8.0], [2.0, 4.0]] != expected
        assert jvp(f, (np.array(x),), (given,))[1] == 6.0 + 2 * 2.0 * 4.0
    for wrong in ([[1.0, 0.0]], [1.0, 0.0], np.eye(3), [[1.0, 0.0], 1.0], [[1.0, 0.0], [0.0, None]], {0: 1.0}, 1.0, []):
        with pytest.raises(ShapeError, match=r"v must have the structure of \[\[\*, \*\], \[\*, \*\]\], got"):
            hvp(f, x, wrong)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("a", "got a str, 'a'"),
        (["a", 1.0], "got a str, 'a'"),
        ({"k": [1.0, "a"]}, "got a str, 'a'"),
        (np.array(["a"]), "got a str, 'a'"),
        (1j, "got a complex"),
        (np.array([1j]), "got a complex"),
        ({1.0}, "got a set of 1"),
        (range(3), "got a range"),
        ((x for x in [1.0]), "got a generator"),
        (nn.MLP(1, [1]), "got a MLP|got an MLP"),
        (object(), "got an object"),
    ],
)
def test_what_holds_no_numbers_is_refused_by_name(argument: Any, message: str) -> None:
    def loss(x: Any) -> float:
        return 0.0

    for call in (grad(loss), jacobian(loss), hessian(loss), lambda x: vjp(loss, x)):
        with pytest.raises(TypeError, match=f"of loss: what to differentiate by takes a real number, {message}"):
            call(argument)


class Batch(list[Any]):
    """A list with a constructor of its own."""

    def __init__(self, items: Any, scale: float) -> None:
        super().__init__(items)
        self.scale = scale


def test_other_arguments_and_aux_may_be_anything() -> None:
    batch = Batch([1.0, "a"], 3.0)

    def f(x: Any, given: Any) -> Any:
        assert given is batch
        return x * given.scale

    assert grad(f)(2.0, batch) == grad(f)(2.0, given=batch) == 3.0
    derivative, aux = grad(lambda x: (x * x, {"batch": batch, "model": len}), has_aux=True)(2.0)
    assert derivative == 4.0 and aux["batch"] is batch and aux["model"] is len


def test_big_arrays_of_plain_numbers_are_not_looked_through() -> None:
    data = np.ones((1000, 1000))

    def f(x: Any, data: Any) -> Any:
        return x * float(data[0, 0]), data

    assert grad(f, has_aux=True)(2.0, data)[1] is data
