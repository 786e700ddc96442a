"""Captured leaves, modules, losses, optimizers and transforms: compiled as eager."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import EXECUTORS, FORCED, differences, few
from test_structures import lane_of

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn, optim
from tinygrad_lite.errors import HistoryError
from tinygrad_lite.transforms.pytree import mapped


def test_captured_leaves_are_read_at_each_call() -> None:
    w, b, fixed = Value(2.0), Value(1.0), Value(10.0).detach()
    inner = w * w
    number = 5.0
    compiled = compile(lambda x: inner * x + b + fixed + number)
    assert compiled(3.0) == 28.0
    number = 6.0
    assert compiled(3.0) == 28.0  # a captured number is a constant
    w.data, b.data, fixed.data = 1.0, 0.0, 20.0
    assert compiled(3.0) == 28.0
    loss = compiled.batch([3.0, 5.0], reduce="mean")  # another program: the function runs again
    loss.backward()
    assert (loss.data, w.grad, b.grad, fixed.grad) == (30.0, 8.0, 1.0, 0.0)


@pytest.mark.parametrize("executor", FORCED)
def test_captured_leaves_that_are_bound_elsewhere_are_still_read(executor: Any) -> None:
    """Like an optimizer of these leaves and others; between calls of one program, which is not traced again."""
    w, b, others = Value(2.0), Value(1.0), [Value(0.0), Value(0.0)]
    f = compile(lambda x: w * x + b, executor=executor)
    for turn in range(1, 4):
        assert f(3.0) == 3.0 * w.data + b.data and f.batch([3.0], reduce=None).tolist() == [f(3.0)]
        optim.SGD([others[0], w, *others[1:]], lr=0.1)
        w.data, b.data = 10.0 * turn, -5.0
        others = [*others, Value(0.0)]
        assert f(3.0) == 30.0 * turn - 5.0 and f.batch([3.0], reduce="sum").data == 30.0 * turn - 5.0
    assert len(f.traces) == 2


def test_an_inner_value_may_come_from_a_compiled_call() -> None:
    w = Value(3.0)
    square = compile(lambda x: x * x * w)
    inner = square(Value(2.0))
    compiled = compile(lambda x: inner + x)
    assert compiled(1.0) == 13.0
    w.data = 1.0
    assert compiled(1.0) == 5.0
    lanes = compile(lambda x: x * w).batch([1.0, 2.0])
    with pytest.raises(HistoryError, match=r"batch\(...\) was captured"):
        compile(lambda x: lanes + x)(1.0)
    kept = lanes.detach()
    assert compile(lambda x: kept + x)(1.0) == 2.5


@pytest.mark.parametrize("executor", FORCED)
@pytest.mark.parametrize("count", [1, 2, 12])
def test_several_storages(count: int, executor: Any) -> None:
    """Leaves of several models, bound in turn, with free leaves between them."""
    random.seed(count)
    models = [nn.MLP(2, [3, 1], activation="tanh") for _ in range(count)]
    loose, still = [Value(0.5), Value(-0.25)], Value(2.0).detach()
    for model in models[::2]:
        optim.SGD(model.parameters(), lr=0.1)

    def f(x: Any) -> Any:
        return tl.sum([model(x) for model in reversed(models)]) * loose[0] + loose[1] * still

    leaves = [*[p for model in models for p in model.parameters()], *loose]
    compiled = compile(f, executor=executor)
    rows = [[0.5, -1.0], [1.5, 0.25], [-1.0, 2.0]]
    for turn in range(3):
        loss = compiled.batch(rows)
        loss.backward()
        found = [loss.data, *[p.grad for p in leaves]]
        tl.engine.clear_grads(leaves)
        eager = tl.mean([f(row) for row in rows])
        eager.backward()
        assert found == pytest.approx([eager.data, *[p.grad for p in leaves]], rel=1e-12, abs=1e-13)
        tl.engine.clear_grads(leaves)
        if turn == 0:  # bound elsewhere, and moved
            optim.SGD(leaves[: len(leaves) // 2], lr=0.1)
        for k, p in enumerate(leaves):
            p.data = p.data + 0.01 * k
        still.data += 1.0


CLASS_WEIGHTS = [0.5, 2.0, 1.25]


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": lambda y, t: nn.mse(y, [t, 1.0, 0.0]),
    "huber": lambda y, t: nn.huber(y, [t, 3.0, -0.2]),
    "hinge": lambda y, t: nn.hinge(y, [1, -1, 1]) * t,
    "cross entropy": lambda y, t: nn.cross_entropy(y, t),
    "cross entropy, summed": lambda y, t: nn.cross_entropy([y, y], [t, 2], reduction="sum"),
    "cross entropy, weighted": lambda y, t: nn.cross_entropy(y, t, "sum", weight=CLASS_WEIGHTS),
    "cross entropy, weighted mean": lambda y, t: nn.cross_entropy([y, y], [t, 2], "mean", 0.2, weight=CLASS_WEIGHTS),
    "cross entropy, one class ignored": lambda y, t: nn.cross_entropy(y, t, "sum", ignore_index=1),
    "cross entropy, ignored": lambda y, t: nn.cross_entropy(
        [y, y, y], [2 * t - 1, 1, t], "mean", 0.2, weight=CLASS_WEIGHTS, ignore_index=-1
    ),
    "cross entropy, mean of those not ignored": lambda y, t: nn.cross_entropy([y, y], [7 * t, 2], ignore_index=7),
    "cross entropy, soft": lambda y, t: nn.cross_entropy(y, [0.5 * t, 1 - 0.5 * t, 0.0]),
    "cross entropy, soft, weighted": lambda y, t: nn.cross_entropy(
        y, [t, 1 - t, 0.0], label_smoothing=0.2, weight=CLASS_WEIGHTS
    ),
    "cross entropy, none": lambda y, t: tl.dot(nn.cross_entropy([y, y], [t, 2], "none"), [1.0, 0.5]),
    "binary cross entropy": lambda y, t: nn.binary_cross_entropy_with_logits(y, [1.0, 0.0, t]),
    "binary cross entropy, weighted": lambda y, t: nn.binary_cross_entropy_with_logits(
        y, [1.0, 0.0, t], weight=CLASS_WEIGHTS, pos_weight=[3.0, t, 0.5]
    ),
    "l1": lambda y, t: nn.l1(y, [t, 1.0, 0.0]),
    "gaussian": lambda y, t: nn.gaussian_nll(y[:2], [t, 1.0], [t + 0.5, y[2] * y[2]], full=True),
    "gaussian, least variance": lambda y, t: nn.gaussian_nll(y[:2], [t, 1.0], y[2] * y[2], eps=0.5),
    "softmax": lambda y, t: tl.take(tl.softmax(y), t),
    "log softmax": lambda y, t: -tl.take(tl.log_softmax(y), t),
}


MODULES: dict[str, Callable[[], nn.Module]] = {
    "MLP": lambda: nn.MLP(3, [4, 3]),
    **{
        kind.__name__: functools.partial(lambda kind: nn.Sequential(nn.Layer(3, 4), kind(), nn.Layer(4, 3)), kind)
        for kind in (nn.ELU, nn.GELU, nn.LeakyReLU, nn.ReLU, nn.Sigmoid, nn.SiLU, nn.Softplus, nn.Tanh)
    },
    "Softmax": lambda: nn.Sequential(nn.Layer(3, 3, activation="linear"), nn.Softmax()),
    "LogSoftmax": lambda: nn.Sequential(nn.Layer(3, 3, activation="linear"), nn.LogSoftmax()),
}


def check_training(model: nn.Module, loss: Callable[[Any, Any], Any], executor: Any, lanes: int) -> None:
    parameters = model.parameters()
    source = np.random.default_rng(0)
    x, t = source.normal(size=(lanes, 3)), source.integers(0, 2, lanes)
    compiled = compile(lambda x, t: loss(model(x), t), executor=executor)
    for reduce in ("mean", "sum"):
        tl.engine.clear_grads(parameters)
        found = compiled.batch(x, t, reduce=reduce)  # type: ignore[arg-type]
        found.backward()
        grads = [p.grad for p in parameters]
        tl.engine.clear_grads(parameters)
        eager = getattr(tl.ops, reduce)([loss(model(row), k) for row, k in zip(x.tolist(), t.tolist(), strict=True)])
        eager.backward()
        assert found.data == pytest.approx(eager.data, rel=1e-13)
        assert grads == pytest.approx([p.grad for p in parameters], rel=1e-11, abs=1e-13)
    assert compiled(x[0], 1) == pytest.approx(loss(model(x[0].tolist()), 1).data, rel=1e-13)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_may_be_called_compiled_before_it_is_called_otherwise(name: str) -> None:
    random.seed(6)
    model = MODULES[name]()
    assert not differences(compile(model)([0.5, -1.0, 2.0]), model([0.5, -1.0, 2.0]))


@pytest.mark.parametrize("executor", FORCED)
@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str, executor: Any) -> None:
    random.seed(3)
    check_training(MODULES[name](), LOSSES["mse"], executor, few(17, 5))


@pytest.mark.parametrize("executor", FORCED)
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, executor: Any) -> None:
    random.seed(4)
    check_training(nn.MLP(3, [4, 3], activation="tanh"), LOSSES[name], executor, few(17, 5))


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda ps: optim.SGD(ps, lr=0.1),
    "momentum": lambda ps: optim.SGD(ps, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "RMSprop": lambda ps: optim.RMSprop(ps, lr=0.01),
    "Adam": lambda ps: optim.Adam(ps, lr=0.05),
    "AdamW": lambda ps: optim.AdamW(ps, lr=0.05),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_takes_the_same_course(name: str) -> None:
    source = np.random.default_rng(1)
    x = source.normal(size=(12, 2))
    y = np.tanh(x[:, 0] - x[:, 1])

    def course(step: Callable[[nn.Module], Callable[[], Value]]) -> list[float]:
        random.seed(5)
        model = nn.MLP(2, [4, 1], activation="tanh")
        optimizer, loss = OPTIMIZERS[name](model.parameters()), step(model)
        losses: list[float] = []
        for _ in range(few(40, 10)):
            optimizer.zero_grad()
            found = loss() + 1e-3 * tl.dot(model.parameters(), model.parameters())
            found.backward()
            optimizer.step()
            losses.append(found.data)
        return losses

    def compiled(model: nn.Module) -> Callable[[], Value]:
        f = compile(lambda row, target: (model(row) - target) ** 2)
        return lambda: f.batch(x, y)  # type: ignore[no-any-return]

    def eager(model: nn.Module) -> Callable[[], Value]:
        pairs = list(zip(x.tolist(), y.tolist(), strict=True))
        return lambda: tl.mean([(model(row) - target) ** 2 for row, target in pairs])

    assert course(compiled) == pytest.approx(course(eager), rel=1e-9)


def rosenbrock(x: Any) -> Any:
    return tl.sum([100 * (x[k + 1] - x[k] ** 2) ** 2 + (1 - x[k]) ** 2 for k in range(len(x) - 1)])


def rotated(x: Any) -> Any:
    return {"a": [x[0] * x[1], tl.sin(x[1])], "b": x[0] / (x[1] + 3.0)}


AT, ALONG = [0.5, -1.2, 2.0], [1.0, 0.5, -2.0]


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "grad": tl.grad(rosenbrock),
    "value_and_grad": tl.value_and_grad(rosenbrock),
    "with more": tl.value_and_grad(lambda x: (rosenbrock(x), {"norm": tl.norm(x)}), has_aux=True),
    "jacobian": tl.jacobian(rotated),
    "hessian": tl.hessian(rosenbrock),
    "hvp": lambda x: tl.hvp(rosenbrock, x, ALONG),
    "hvp along an argument": lambda x: tl.hvp(rosenbrock, AT, x),
    "jvp": lambda x: tl.jvp(rotated, (x,), (ALONG,)),
    "jvp along an argument": lambda x: tl.jvp(rotated, (AT,), (x,)),
    "vjp": lambda x: tl.vjp(rotated, x)[1]({"a": [1.0, x[0]], "b": 2.0}),
    "grad of grad": tl.grad(lambda x: tl.norm(tl.grad(rosenbrock)(x))),
    "jacobian of grad": tl.jacobian(tl.grad(rosenbrock)),
    "jvp of hessian": lambda x: tl.jvp(tl.hessian(rosenbrock), (x,), (ALONG,)),
    "third": lambda x: tl.grad(tl.grad(tl.grad(lambda t: tl.sin(t) * t**3)))(x[0]),
    "argnums": lambda x: tl.grad(lambda a, b: a * b**2, argnums=(0, 1))(x[0], x[1]),
    "compiled inside": tl.grad(compile(rosenbrock)),
    "compiled inside twice": tl.hessian(compile(lambda x: compile(rosenbrock)(x) * 2.0)),
    "gradients": lambda x: tl.gradients(rosenbrock(x), x, create_graph=True),
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name: str, executor: Any) -> None:
    f = TRANSFORMS[name]
    expected = f(list(map(Value, AT))) if name == "gradients" else f(AT)
    compiled = compile(f, executor=executor)
    found = compiled(AT)
    assert not differences(found, expected, 256.0, 512.0, signs=False)
    if name != "gradients":
        assert repr(mapped(lambda x: 0, found)) == repr(mapped(lambda x: 0, expected))
    rows = [AT, [1.0, 1.0, 1.0], [-2.0, 0.25, 0.0]]
    lanes = compiled.batch(rows, reduce=None)
    for lane, row in enumerate(rows):
        assert not differences(lane_of(lanes, lane), compiled(row), 256.0, 512.0, signs=False), row
