"""Results with given local derivatives, Value(data, children, local_grads), as in many small Value classes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn
from tinygrad_lite.errors import HistoryError, ShapeError, TraceError


def plus(a: Value, b: Value) -> Value:
    return Value(a.data + b.data, (a, b), (1.0, 1.0))


def times(a: Value, b: Value) -> Value:
    return Value(a.data * b.data, [a, b], [b.data, a.data])


def tanh(a: Value) -> Value:
    y = math.tanh(a.data)
    return Value(y, children=(a,), local_grads=(1.0 - y * y,))


def small_net(parameters: Sequence[Value], x: Value, by_hand: bool) -> Value:
    """Two neurons and one of them, a number from each operation."""
    a, b, c, d, e, f = parameters
    if not by_hand:
        return (a * x + b).tanh() * (c * x + d).tanh() * e + f
    left, right = tanh(plus(times(a, x), b)), tanh(plus(times(c, x), d))
    return plus(times(times(left, right), e), f)


def trained(by_hand: bool) -> list[float]:
    """The losses of a training that is written down whole."""
    random.seed(3)
    parameters = [Value(random.uniform(-1.0, 1.0)) for _ in range(6)]
    losses = []
    for _ in range(30):
        outputs = [small_net(parameters, Value(x), by_hand) for x in (-1.0, 0.3, 0.8)]
        loss = sum(((y - t) ** 2 for y, t in zip(outputs, (0.5, -0.2, 0.1), strict=True)), Value(0.0))
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            p.data -= 0.1 * p.grad
        losses.append(loss.data)
    return losses


def test_a_training_with_operations_written_by_hand() -> None:
    losses = trained(by_hand=True)
    assert losses == pytest.approx(trained(by_hand=False), rel=1e-12)
    assert losses[-1] < 0.5 * losses[0]


def test_it_is_a_result_like_any_other(tmp_path: Path) -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    y = times(a, b)
    assert (y.data, y.parents, y.local_derivatives, y._op, y._prev, y.kind) == (
        6.0, (a, b), (3.0, 2.0), "given", {a, b}, "result",
    )  # fmt: skip
    z = y * y + a
    z.backward()
    z.backward()
    assert (a.grad, b.grad) == (74.0, 48.0)
    assert tl.gradients(z, [a, b]) == [37.0, 24.0]
    assert "as given" in str(z.explain(wrt=a)) and "given" in str(z.formula())
    assert tl.compare(z).ok and "given" in z.graph().svg()
    z.explore().save(tmp_path / "page.html")
    assert "given" in (tmp_path / "page.html").read_text(encoding="utf-8")
    with pytest.raises(HistoryError, match=r"set a leaf and compute again; .* use a leaf Value"):
        y.data = 3.0
    for same in (Value(6.0, {a: 1.0}.keys() & {a}, (3.0,)), Value(6.0, "y", children={a}, local_grads=iter([3]))):
        assert same.local_derivatives == (3.0,) and same.parents == (a,)
    assert Value(6.0, "y", children={a}, local_grads=[3.0]).label == "y"
    assert Value(1.0, (a, 5.0), (2.0, 3.0)).parents == (a,)
    assert Value(6.0, (a,), (3.0,), "y").label == Value(6.0, (a,), (3.0,), label="y").label == "y"
    with tl.no_grad():
        assert times(a, b).kind == "detached"


def test_without_children_it_is_a_leaf() -> None:
    for leaf in (Value(2.0, ()), Value(2.0, (), ""), Value(2.0, [], ()), Value(2.0, set(), "+"), Value(2.0, _op="")):
        assert leaf.kind == "leaf" and leaf.label is None
    for leaf in (Value(2.0, (), "", "w"), Value(2.0, (), "", label="w"), Value(2.0, label="w"), Value(2.0, "w")):
        assert leaf.kind == "leaf" and leaf.label == "w"


def test_its_derivative_is_checked() -> None:
    wrong = [lambda a: Value(a.data**3, (a,), (2.0 * a.data**2,)), lambda a: Value(a.data**3, (a,), (0.0,))]
    assert tl.gradcheck(lambda a: Value(a.data**3, (a,), (3.0 * a.data**2,)), [Value(1.5)]).ok
    assert not any(tl.gradcheck(f, [Value(1.5)]).ok for f in wrong)


def test_in_transforms_it_has_first_derivatives() -> None:
    def cube(x: Value) -> Value:
        return Value(x.data**3, (x,), (3.0 * x.data**2,))

    assert tl.grad(cube)(2.0) == 12.0 and tl.jvp(cube, (2.0,), (1.0,)) == (8.0, 12.0)
    assert tl.jacobian(lambda x: [cube(x), x])(2.0) == [12.0, 1.0]
    for second in (tl.grad(tl.grad(cube)), tl.hessian(cube), lambda x: tl.hvp(cube, x, 1.0)):
        with pytest.raises(HistoryError, match=r"only first derivatives, and no second ones: write .*custom_op"):
            second(2.0)


def test_no_program_goes_through_it() -> None:
    a = Value(2.0)
    y = Value(6.0, (a,), (3.0,))
    with pytest.raises(HistoryError, match=r"only first derivatives, and no program: write .*custom_op"):
        compile(lambda x: x * y)(3.0)
    for data in (1.0, a * 2.0):  # a Value as data does not avoid it
        with pytest.raises(TraceError, match=r"making a result by hand .*custom_op\(name, value, rule\)"):
            compile(lambda x, data=data: Value(data, (x,), (3.0,)))(3.0)
    with pytest.raises(TypeError, match="use it as it is, or take its"):
        tl.grad(lambda x: Value(x * 2.0, (x,), (99.0,)))(3.0)


def test_a_loop_of_ones_own_as_the_message_shows_it() -> None:
    a, b = Value(2.0), Value(-3.0)
    root = (a * b + a) * a
    root.grad = 1.0
    for n in reversed(tl.engine.topological_order(root)):
        for p, d in zip(n.parents, n.local_derivatives, strict=True):
            p.grad += d * n.grad
    found = [a.grad, b.grad]
    assert found == tl.gradients(root, [a, b])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            ((1, 2), "+"),
            TypeError,
            r"got '\+': write Value\(data, \(a, b\), \(da, db\)\) .*custom_op\('my_add', lambda a, b:",
        ),
        (
            ((1,), "tanh"),
            TypeError,
            r"got 'tanh': write Value\(data, \(a,\), \(da,\)\).*custom_op\('my_tanh', lambda a: \.\.\.",
        ),
        (((1, 2),), TypeError, "takes one local derivative for each of its children, got None"),
        (((1, 2), (1.0,)), ShapeError, "one local derivative for each of its children, got 1 for 2"),
        (((1, 2), (1.0, "x")), TypeError, "a derivative takes a real number, got a str"),
        ((("x", 2), (1.0, 2.0)), TypeError, "children.* takes a real number, got a str"),
        ((None, (1.0,)), TypeError, "no children to be derived by"),
        ((3.0, (1.0,)), TypeError, r"takes a tuple of children: Value\(data, \(x,\), \(d,\)\)"),
    ],
)
def test_what_is_missing_is_said(given: tuple[Any, ...], error: type[Exception], message: str) -> None:
    children, *rest = given
    values = (
        Value(children)
        if isinstance(children, float)
        else children and tuple([x if isinstance(x, str) else Value(float(x)) for x in children])
    )
    with pytest.raises(error, match=message):
        Value(2.0, values, *rest)


def test_the_operation_that_the_message_shows(own_operations: Callable[..., Any]) -> None:
    rules = [lambda g, y, a, b: g * 1.0, lambda g, y, a, b: g * 1.0]
    op = own_operations("added_by_hand", lambda a, b: a + b, rules, args="a b")
    a, b = Value(2.0), Value(3.0)
    op(a, b).backward()
    assert (a.grad, b.grad) == (1.0, 1.0) and tl.grad(tl.grad(lambda x: op(x, 1.0)))(2.0) == 0.0


CLOSED: dict[str, tuple[Callable[[Value], Any], str]] = {
    "its own rule": (
        lambda v: setattr(v, "_backward", lambda: None),
        r"custom_op\(.*Value\(data, \(a, b\), \(da, db\)\)",
    ),
    "a sweep by hand": (lambda v: v._backward(), r"call root\.backward\(\) .* zip\(n\.parents, n\.local_derivatives\)"),  # type: ignore[attr-defined]
    "ln": (lambda v: v.ln(), r"v\.log\(\)"),  # type: ignore[attr-defined]
    "max_with": (lambda v: v.max_with(v), r"v\.maximum\(w\)"),  # type: ignore[attr-defined]
    "zero_grad": (lambda v: v.zero_grad(), r"v\.grad = 0\.0 .* optimizer\.zero_grad\(\)"),  # type: ignore[attr-defined]
    "topo": (lambda v: v.topo(), r"engine\.topological_order\(v\)"),  # type: ignore[attr-defined]
    "value": (lambda v: v.value, r"v\.data"),  # type: ignore[attr-defined]
    "children": (lambda v: v.children, r"v\.parents"),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("door", CLOSED)
def test_a_closed_door_says_where_the_open_one_is(door: str) -> None:
    use, message = CLOSED[door]
    for v in (Value(2.0), Value(2.0) * 2.0):
        with pytest.raises(AttributeError, match=message):
            use(v)


@pytest.mark.skipif(not tl.engine.compiled, reason="on the readable engine Python words it")
def test_an_attribute_of_ones_own_belongs_beside_the_value() -> None:
    v = Value(2.0)
    with pytest.raises(AttributeError, match=r"takes no new attributes, got 'm': keep .*dict .*optim"):
        v.m = 0.0  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="'parents' of a Value cannot be set: only data, grad and label"):
        v.parents = ()  # type: ignore[misc]


def test_other_names_stay_free_and_right() -> None:
    for name, text in tl.errors.OTHER_NAMES.items():
        assert not hasattr(Value(1.0), name), name
        for method in ("log", "maximum", "minimum", "sigmoid", "silu"):
            assert f"v.{method}" not in text or hasattr(Value, method)


def test_rows_are_methods_of_the_class() -> None:
    a, b = Value(0.5), Value(0.25)
    assert Value.maximum(a, b).data == 0.5 and [v.data for v in map(Value.sin, [a, b])] == [
        math.sin(0.5),
        math.sin(0.25),
    ]
    assert Value.sin(0.5) == math.sin(0.5) and Value.arctan2(a, b).data == math.atan2(0.5, 0.25)
    for row in tl.ops.TABLE.values():
        if row.code != tl.ops.custom.code:
            for name in (row.name, *row.aliases) if 0 not in row.sequences else ():
                assert getattr(Value, name).__doc__ == row.doc
    assert Value.leaky_relu(-a, slope=0.5).data == -0.25 and (-a).leaky_relu().data == -0.005
    for call in (lambda: a.sin(1.0), lambda: a.clip(0.0), lambda: a.maximum()):
        with pytest.raises(TypeError, match=r"(sin|clip|maximum)\(.*\) got \d arguments"):
            call()


def test_a_value_of_a_value_inside_is_that_value() -> None:
    """Programs wrap their inputs in Values; in a trace and in a transform these are Values already."""
    f = compile(lambda xs: sum(x * x for x in map(Value, xs)))
    assert f([1.0, 2.0]) == 5.0 and tl.grad(f)([1.0, 2.0]) == [2.0, 4.0]
    assert tl.grad(lambda x: Value(x) * x)(3.0) == 6.0 and tl.hessian(lambda x: Value(x) ** 3)(2.0) == 12.0
    model = nn.MLP(2, [2, 1])
    data = [[0.5, -1.0], [1.0, 2.0]]
    loss = compile(lambda xs: (model(list(map(Value, xs))) - Value(1.0)) ** 2)
    plain = compile(lambda xs: (model(xs) - 1.0) ** 2)
    assert loss.batch(data).data == plain.batch(data).data
    with pytest.raises(TypeError, match="use it as it is"):
        Value(Value(1.0))
