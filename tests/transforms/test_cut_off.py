"""A derivative at plain numbers is a number; if it depends on leaves from outside, a warning says so."""

from __future__ import annotations

import functools
import random
import warnings
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, enable_grad, fixed_point, gradcheck, nn, no_grad, optim
from tinygrad_lite.errors import CutOffWarning, TraceError
from tinygrad_lite.transforms import cut_off as cut_off_module

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "grad": lambda f, x: tl.grad(f)(x),
    "value_and_grad": lambda f, x: tl.value_and_grad(f)(x),
    "jacobian": lambda f, x: tl.jacobian(f)(x),
    "hessian": lambda f, x: tl.hessian(f)(x),
    "hvp": lambda f, x: tl.hvp(f, x, 1.0),
    "jvp": lambda f, x: tl.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f, x: tl.vjp(f, x)[1](1.0)[0],
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """A warning that is not expected is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", CutOffWarning)
        yield


def said(call: FunctionType) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(w.category is CutOffWarning and w.filename == call.__code__.co_filename for w in caught)
    return [str(w.message) for w in caught]


@calls
def test_a_captured_leaf_is_named_with_the_ways_out(call: Callable[[Any, Any], Any]) -> None:
    w = Value(3.0, label="stiffness")

    def f(t: Any) -> Any:
        return t * t * t * w

    text = said(lambda: call(f, 2.0))
    assert len(text) == 1 and all(
        part in text[0] for part in (" of f was", "stiffness", "a Value", "compile", "no_grad")
    )
    with no_grad():
        quiet = call(f, 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert quiet == call(f, 2.0)
    of_values = call(f, Value(2.0))
    of_values = of_values[1] if type(of_values) is tuple else of_values
    assert of_values.kind == "result" and compile(lambda t: call(f, t))(2.0) == quiet
    call(lambda t: t * t * w.detach() * Value(3.0), 2.0)


def test_the_loss_of_the_issue() -> None:
    w = Value(3.0)
    with pytest.warns(CutOffWarning):
        (w * 1.0 + tl.grad(lambda t: t * t * w)(2.0)).backward()
    assert w.grad == 1.0

    def loss(t: Any) -> Any:
        return w * 1.0 + tl.grad(lambda t: t * t * w)(t)

    for found in (loss(Value(2.0)), compile(loss).batch([2.0]), compile(loss)(Value(2.0))):
        w.grad = 0.0
        found.backward()
        assert w.grad == 5.0
    assert gradcheck(lambda w: w * 1.0 + tl.grad(lambda t: t * t * w)(2.0), [3.0]).ok
    assert gradcheck(lambda w: loss(2.0) * w / w, [w]).ok
    w.grad = 0.0
    fixed_point(lambda z: 0.5 * z + tl.grad(lambda t: t * t * w)(2.0), 1.0).values.backward()
    assert w.grad == pytest.approx(8.0)


def test_physics_informed_losses_learn_the_same_eagerly_and_compiled() -> None:
    """u' = -u; the derivative is taken at a plain number, and fit counts as a transform."""

    def weights(eager: bool) -> list[float]:
        random.seed(0)
        model = nn.MLP(1, [3, 1], activation="tanh")

        def loss(u: Any, t: Any) -> Any:
            return (tl.grad(lambda t: model([t]))(t) + u) ** 2

        optimizer = optim.SGD(model.parameters(), lr=0.1)
        data = ([[0.0], [0.5], [1.0]], [0.0, 0.5, 1.0])
        tl.train.fit(model, loss, data, optimizer, 3, progress=False, eager=eager)
        assert tl.diagnose(model, loss, data).findings is not None
        tl.lr_find(model, loss, data, optimizer)
        tl.train.evaluate(model, loss, data, eager=eager)
        return [p.data for p in model.parameters()]

    assert weights(True) == pytest.approx(weights(False), rel=1e-9)


def test_once_a_line_and_the_users_line() -> None:
    w = Value(3.0)

    def squared(f: Any) -> Any:
        @functools.wraps(f)
        def inside(*args: Any) -> Any:
            return f(*args) ** 2

        return inside

    wrapped = [
        functools.partial(tl.grad(lambda t: t * t * w), 2.0),
        functools.lru_cache(tl.grad(lambda t: t * t * w)),
        no_grad()(enable_grad()(tl.grad(lambda t: t * t * w))),
        lambda: np.vectorize(tl.grad(lambda t: t * t * w), otypes=[float])([1.0, 2.0]),
        lambda: list(map(tl.grad(lambda t: t * t * w), [1.0, 2.0])),
        squared(functools.partial(tl.grad(squared(lambda t: t * w)), 1.0)),
    ]
    for f in wrapped:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for _ in range(3):
                f(*([2.0] if f in wrapped[1:3] else []))
        assert [(v.filename, v.category) for v in caught] == [(__file__, CutOffWarning)]


def test_as_an_error_it_is_raised_each_time_and_leaves_nothing_behind() -> None:
    w = Value(3.0)
    for _ in range(3):
        with pytest.raises(CutOffWarning):
            tl.grad(lambda t: t * t * w)(2.0)
    assert type(tl.grad(lambda t: t * t)(2.0)) is float and (w * 2.0).kind == "result" and w.grad == 0.0


def test_jvp_says_it_once() -> None:
    w = Value(1.0)
    assert len(said(lambda: tl.jvp(lambda t: [t, t * t * w, t * w], (2.0,), (1.0,)))) == 1


def test_values_that_are_given_beside_a_derivative() -> None:
    w = Value(1.0)
    assert len(said(lambda: tl.value_and_grad(lambda t: t * t + w)(2.0))) == 1
    assert not said(lambda: tl.value_and_grad(lambda t: t * t + w.detach())(2.0))


def test_a_pullback_under_no_grad_is_meant() -> None:
    w = Value(1.0)
    _, pullback = tl.vjp(lambda t: t * t * w, 2.0)
    with no_grad():
        assert pullback(1.0) == (4.0,)
    with pytest.raises(CutOffWarning):
        pullback(1.0)


def test_where_it_was_found_once_it_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    real = cut_off_module.cut_off
    monkeypatch.setattr("tinygrad_lite.transforms.cut_off.cut_off", lambda *args: looked.append(args) or real(*args))
    w = Value(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            tl.grad(lambda t: t * t * w)(2.0)
    assert len(looked) == 1


def test_compiled_functions_of_plain_numbers() -> None:
    """Outside they give numbers, as documented; inside a transform they reach what they captured."""
    w = Value(3.0)
    f = compile(lambda t: t * t * w)
    assert f(2.0) == 12.0 and compile(tl.grad(f))(2.0) == 12.0
    assert f.batch([1.0, 2.0], reduce=None).tolist() == [3.0, 12.0]
    assert tl.grad(lambda s: s * f(2.0))(Value(1.0)).kind == "result"
    inside = [
        lambda v: compile(lambda t: t * t * v)(2.0),
        lambda v: compile(lambda t: t * t * v)(Value(2.0)),
        lambda v: 2.0 * compile(lambda t: t * t * v).batch([1.0, 1.0, 2.0]),
        lambda v: tl.sum(list(compile(lambda t: t * t * v).batch([0.0, 2.0], reduce=None))),
        lambda v: compile(lambda t: [t * v, t * t * v])(2.0)[1],
    ]
    for g in inside:
        found = [
            tl.grad(g)(3.0),
            tl.grad(g)(Value(3.0)).data,
            tl.grad(lambda v, g=g: g(v) ** 2)(3.0) / 24.0,
            tl.grad(tl.grad(lambda v, g=g: g(v) ** 2))(3.0) / 8.0,
            tl.hessian(lambda v, g=g: g(v * v))(3.0) / 2.0,
            no_grad()(tl.grad(g))(3.0),
        ]
        assert found == pytest.approx([4.0] * 6, rel=1e-14)
    around = tl.grad(lambda u: tl.grad(lambda v: compile(lambda t: t * u * u)(Value(2.0)) * v)(1.0))
    assert around(Value(3.0)).data == 12.0
    settled = lambda u: fixed_point(lambda z: 0.5 * z + compile(lambda t: t * u * u)(Value(0.5)), 0.0).values  # noqa: E731
    assert tl.grad(settled)(Value(3.0)).data == pytest.approx(6.0)
    w.grad = 0.0
    tl.grad(lambda s: s * f(2.0))(Value(1.0)).backward()
    assert w.grad == 4.0


def test_gradients_as_floats() -> None:
    """Alone they are what was asked for; in a transform's function they cut off its variables."""
    x, w = Value(2.0), Value(3.0)
    assert tl.gradients(x * x * w, [x]) == [12.0]
    assert "create_graph" in said(lambda: tl.grad(lambda v: tl.gradients(v * v * w, [v])[0] * v)(2.0))[0]
    with no_grad():
        assert tl.grad(lambda v: tl.gradients(v * v, [v], create_graph=True)[0] * v)(2.0) == 8.0

    def logged(v: Any) -> Any:
        y = v * v
        with no_grad():
            return y, tl.gradients(y, [v])

    assert tl.grad(logged, has_aux=True)(2.0) == (4.0, [4.0])
    with pytest.raises(TraceError, match="derivatives as floats"):
        compile(lambda v: tl.gradients(v * v, [v])[0])(2.0)
