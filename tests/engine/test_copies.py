"""Copies of Values: the same variable where something differentiates, new leaves elsewhere."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, fixed_point, gradcheck, nn, optim
from tinygrad_lite.errors import HistoryError, TraceError


@dataclasses.dataclass
class Pair:
    a: Any
    b: Any


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": lambda xs: [copy.copy(x) for x in xs],
    "deepcopy of each": lambda xs: [copy.deepcopy(x) for x in xs],
    "deepcopy": copy.deepcopy,
    "deepcopy of a dict": lambda xs: list(copy.deepcopy({"xs": xs})["xs"]),
    "deepcopy of an array": lambda xs: list(copy.deepcopy(np.array(xs, dtype=object))),
    "array.copy": lambda xs: list(np.array(xs, dtype=object).copy()),
    "asdict": lambda xs: list(dataclasses.asdict(Pair(*xs)).values()),
    "astuple": lambda xs: list(dataclasses.astuple(Pair(*xs))),
    "replace": lambda xs: list(vars(dataclasses.replace(Pair(*xs))).values()),
}
copies = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


def cubes(xs: Any) -> Any:
    return xs[0] ** 3 + 2.0 * xs[1] ** 3


@copies
def test_inside_a_transform_they_are_the_same_variable(copied: Callable[[Any], Any]) -> None:
    def f(xs: Any) -> Any:
        ys = copied(xs)
        assert all(y is x for x, y in zip(xs, ys, strict=True))
        return cubes(ys)

    x = [1.0, 2.0]
    assert tl.grad(f)(x) == [3.0, 24.0]
    assert [g.data for g in tl.grad(f)([Value(1.0), Value(2.0)])] == [3.0, 24.0]
    assert tl.value_and_grad(f)(x) == (17.0, [3.0, 24.0])
    assert tl.jacobian(lambda xs: copied([cubes(copied(xs)), xs[0]]))(x) == [[3.0, 24.0], [1.0, 0.0]]
    assert tl.hessian(f)(x) == [[6.0, 0.0], [0.0, 24.0]]
    assert tl.hvp(f, x, [1.0, 1.0]) == [6.0, 24.0]
    assert tl.jvp(f, (x,), ([1.0, 1.0],)) == (17.0, 27.0)
    assert tl.vjp(f, x)[1](1.0) == ([3.0, 24.0],)
    with tl.no_grad():
        assert tl.grad(f)(x) == [3.0, 24.0]
    nested = tl.grad(lambda s: tl.sum(tl.grad(f)([s, copy.copy(s)])))
    assert nested(1.0) == 6.0 + 12.0 and gradcheck(lambda a, b: f([a, b]), x, order=2).ok


@copies
@pytest.mark.parametrize("executor", ["array", "native"])
def test_in_a_trace_they_are_the_same_variable(copied: Callable[[Any], Any], executor: Any) -> None:
    f = compile(lambda xs: cubes(copied(xs)), executor=executor)
    assert f([1.0, 2.0]) == 17.0 and tl.grad(f)([1.0, 2.0]) == [3.0, 24.0]
    assert f.batch([[1.0, 2.0], [2.0, 1.0]], reduce=None).tolist() == [17.0, 10.0]
    second = compile(tl.hessian(lambda xs: cubes(copied(copied(xs)))), executor=executor)
    assert second([1.0, 2.0]) == [[6.0, 0.0], [0.0, 24.0]]


@copies
def test_where_a_compiled_derivative_is_looked_at_eagerly(copied: Callable[[Any], Any]) -> None:
    """It is not finite at 0, so the function runs again on Values, outside a trace."""
    f = compile(tl.grad(lambda x: tl.sum(copied([x * tl.sqrt(x), x]))))
    assert f(4.0) == pytest.approx(4.0) and f(0.0) == tl.grad(lambda x: x * tl.sqrt(x) + x)(0.0)

    def blocked(x: Any) -> Any:
        y, z = copied([x, 2.0 * x])
        return 3.0 * y + z + tl.grad(lambda t: tl.where(t > 0.0, tl.sqrt(t), 0.0))(x)

    x = Value(0.0)
    compile(blocked)(x).backward()
    assert x.grad == 5.0


@copies
def test_in_the_function_of_a_fixed_point(copied: Callable[[Any], Any]) -> None:
    def step(zs: Any) -> Any:
        z, c = copied([zs, a])
        return 0.5 * (z + c / z)

    a = Value(2.0)
    root = fixed_point(step, 1.0).values
    root.backward()
    assert root.data == pytest.approx(2**0.5) and a.grad == pytest.approx(0.125**0.5)
    assert tl.grad(lambda a: fixed_point(lambda z: 0.5 * (z + copied([a, z])[0] / z), 1.0).values)(2.0) == (
        pytest.approx(0.125**0.5)
    )


@copies
def test_captured_leaves_are_the_same_variable_too(copied: Callable[[Any], Any]) -> None:
    w, v = Value(3.0), Value(2.0)
    found = tl.grad(lambda x: x * cubes(copied([w, v])))(Value(1.0))
    found.backward()
    assert found.data == 43.0 and [w.grad, v.grad] == [27.0, 24.0]
    tl.engine.clear_grads([w, v])
    compile(lambda x: x * cubes(copied([w, v]))).batch([1.0, 1.0]).backward()
    assert [w.grad, v.grad] == [27.0, 24.0]


def test_a_model_copied_inside_shares_its_parameters() -> None:
    """Its attributes are its own, so a step that sets them, as in meta-learning, can be differentiated."""
    random.seed(0)
    model = nn.MLP(2, [2, 1], activation="tanh")
    x = [0.5, -1.0]

    def adapted(rate: Any) -> Any:
        inner = copy.deepcopy(model)
        layer = inner.layers[0].neurons[0]
        layer.w = [w - rate * w for w in layer.w]
        assert layer.w[0] is not model.layers[0].neurons[0].w[0]
        return inner(x)

    before = [p.data for p in model.parameters()]
    found = tl.grad(adapted)(Value(0.1))
    found.backward()
    assert [p.data for p in model.parameters()] == before and any(p.grad for p in model.parameters())
    assert gradcheck(lambda *_: adapted(0.1), model.parameters()).ok

    def by(train: Callable[[nn.Module], Any]) -> list[float]:
        random.seed(1)
        model = nn.MLP(2, [2, 1], activation="tanh")
        train(model)
        return [p.data for p in model.parameters()]

    def fit(eager: bool) -> Callable[[nn.Module], Any]:
        def train(model: nn.Module) -> None:
            loss = lambda y, t: (copy.deepcopy(model)(x) + y - t) ** 2  # noqa: E731
            optimizer = optim.SGD(model.parameters(), lr=0.05)
            tl.train.fit(model, loss, ([x, [1.0, 1.0]], [0.5, -0.5]), optimizer, 2, progress=False, eager=eager)

        return train

    assert by(fit(eager=True)) == pytest.approx(by(fit(eager=False)), rel=1e-12)


class Doubling(nn.Module):
    def forward(self, x: Any) -> Any:
        return 2.0 * x if self.training else x


def test_the_mode_of_a_model_that_is_copied_in_a_trace_is_noticed() -> None:
    model = Doubling()
    f = compile(lambda x: copy.deepcopy(model)(x))
    assert f(1.0) == 2.0
    model.eval()
    assert f(1.0) == 1.0


def test_outside_a_leaf_copies_to_a_new_one_and_a_result_refuses() -> None:
    x = Value(3.0, label="x")
    (x * 2.0).backward()
    bound = nn.Neuron(1).w[0]
    for made in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), dataclasses.asdict(Pair(x, 1))["a"]):
        assert made is not x and (made.data, made.grad, made.label, made.kind) == (3.0, 2.0, "x", "leaf")
        assert tl.gradients(made * x, [x]) != [6.0]
    first, second = copy.deepcopy([x, x])
    assert first is second is not x
    assert copy.copy(bound) is not bound and copy.copy(bound).kind == "leaf"
    assert copy.copy(x.detach()).kind == "detached"
    for f in (copy.copy, copy.deepcopy, pickle.dumps, lambda v: dataclasses.asdict(Pair(v, v))):
        with pytest.raises(HistoryError, match=r"result \(mul\) would lose its history: use \.detach"):
            f(x * 2.0)


def test_after_a_transform_that_raised_copies_are_new_leaves() -> None:
    def fails(x: Any) -> Any:
        raise ZeroDivisionError

    x = Value(1.0)
    for run in (lambda: tl.grad(fails)(1.0), lambda: fixed_point(fails, 1.0), lambda: gradcheck(fails, [1.0])):
        with pytest.raises(ZeroDivisionError):
            run()
        assert copy.copy(x) is not x


def test_pickling_is_refused_inside() -> None:
    w = Value(1.0)
    again = lambda v: pickle.loads(pickle.dumps(v))  # noqa: E731
    for f in (lambda x: again(x) * x, lambda x: again([x]), lambda x: again(w) * x, lambda x: again(x * x)):
        for run in (tl.grad(f), tl.grad(tl.grad(f)), lambda x, f=f: tl.jvp(f, (x,), (1.0,))):
            with pytest.raises(HistoryError, match="pickling"):
                run(2.0)
        with pytest.raises((TraceError, HistoryError), match="pickl"):
            compile(f)(2.0)
    still = w.detach()
    assert tl.grad(lambda x: x * again(x.detach()) * again(still))(2.0) == 2.0
    with pytest.raises(HistoryError, match="pickling"):
        fixed_point(lambda z: again(z) * 0.5, 1.0)
