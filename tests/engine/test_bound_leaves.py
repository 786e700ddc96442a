"""Leaves that move to another storage after a forward pass: whatever knew their old place still finds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, gradients, nn, optim, register_hook
from tinygrad_lite.compiler.captured_leaves import Parameters
from tinygrad_lite.engine import Linearization, bind, tangents
from tinygrad_lite.optim.leaves import Leaves
from tinygrad_lite.train.checkpoint import Others

XS = [0.5, -1.5, 2.0]

# Ways to bind leaves again, some together with others.
MOVES: dict[str, Callable[[list[Value]], object]] = {
    "an optimizer over these and others": lambda ws: optim.SGD([*ws, Value(1.0)], lr=0.1),
    "clipping": lambda ws: optim.clip_grad_norm_([Value(1.0), *reversed(ws)], 1e9),
    "some of them": lambda ws: bind([ws[1], Value(1.0)]),
    "each apart": lambda ws: [bind([w, Value(1.0)]) for w in ws],
    "twice": lambda ws: [bind([Value(1.0), *ws]), bind([Value(1.0), *ws[1:]])],
}
moved = pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)


def weights() -> list[Value]:
    return [Value(0.3, "a"), Value(-0.7, "b"), Value(1.1, "c")]


def loss(ws: Sequence[Value], x: Any) -> Any:
    return (ws[0] * x + ws[1] ** 3).tanh() * ws[2] ** 2 + ws[0] * ws[2]


def eager(ws: Sequence[Value]) -> Value:
    return tl.mean([loss(ws, x) for x in XS])


def of_batch(ws: Sequence[Value]) -> Value:
    made: Value = tl.compile(lambda x: loss(ws, x)).batch(XS)
    return made


def of_value(ws: Sequence[Value]) -> Value:
    compiled = tl.compile(lambda x: loss(ws, x))
    return tl.mean([compiled(Value(x)) for x in XS])


def apart(ws: Sequence[Value]) -> Value:
    """One node has parameters in three storages."""
    for w in ws:
        bind([w, Value(1.0)])
    return of_batch(ws)


FORWARD = {"batch": of_batch, "value": of_value, "apart": apart}
every_forward = pytest.mark.parametrize("forward", FORWARD.values(), ids=FORWARD)


@every_forward
@moved
def test_the_gradients_reach_the_leaves_where_they_are(forward: Any, move: Any) -> None:
    plain = weights()
    eager(plain).backward()
    expected = [w.grad for w in plain]

    ws = weights()
    result = forward(ws)
    move(ws)
    result.backward()
    assert [w.grad for w in ws] == pytest.approx(expected, rel=1e-12)
    assert [w.grad_state for w in ws] == ["computed"] * 3
    result.backward()
    assert [w.grad for w in ws] == pytest.approx([2 * g for g in expected], rel=1e-12)

    ws = weights()
    result = forward(ws)
    move(ws)
    hook = register_hook(ws[0], lambda g: 10 * g)
    result.backward()
    hook.remove()
    assert [w.grad for w in ws] == pytest.approx([10 * expected[0], *expected[1:]], rel=1e-12)
    assert gradients(result, ws) == pytest.approx(expected, rel=1e-12)


@every_forward
@moved
def test_further_derivatives_reach_them_too(forward: Any, move: Any) -> None:
    plain, ws = weights(), weights()
    direction = [1.0, -2.0, 0.5]
    expected = eager(plain)
    first = gradients(expected, plain, create_graph=True)

    result = forward(ws)
    move(ws)
    found = gradients(result, ws, create_graph=True)
    assert [g.data for g in found] == pytest.approx([g.data for g in first], rel=1e-12)
    along = tangents([result], ws, direction)
    assert along == pytest.approx(tangents([expected], plain, direction), rel=1e-12)
    assert Linearization([result], ws).pull([1.0]) == pytest.approx([g.data for g in first], rel=1e-12)
    move(ws)
    for g, right in zip(found, first, strict=True):
        assert gradients(g, ws) == pytest.approx(gradients(right, plain), rel=1e-12)
    # the graph of the derivatives was made of compiled nodes as well: bound anew, they go on
    sum(found, Value(0.0)).backward()
    sum(first, Value(0.0)).backward()
    assert [w.grad for w in ws] == pytest.approx([w.grad for w in plain], rel=1e-12)


def test_a_gradient_that_was_cleared_before_the_move_starts_at_zero() -> None:
    ws = weights()
    optimizer = optim.SGD(ws, lr=0.1)
    of_batch(ws).backward()
    optimizer.zero_grad()
    result = of_batch(ws)
    bind([*ws, Value(1.0)])
    assert [w.grad_state for w in ws] == ["not computed"] * 3
    result.backward()
    plain = weights()
    eager(plain).backward()
    assert [w.grad for w in ws] == pytest.approx([w.grad for w in plain], rel=1e-12)


def test_a_gradient_of_zero_stays_computed_where_its_leaf_moves() -> None:
    ws = [Value(0.0), Value(2.0)]
    tl.compile(lambda x: (ws[0] * x) ** 2 + ws[1]).batch(XS).backward()
    assert (ws[0].grad, ws[0].grad_state) == (0.0, "computed")
    bind([*ws, Value(1.0)])
    assert (ws[0].grad, ws[0].grad_state) == (0.0, "computed")


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize(
    "sweep",
    [
        lambda y, xs: y.backward() or [x.grad for x in xs],
        gradients,
        lambda y, xs: [g.data for g in gradients(y, xs, create_graph=True)],
    ],
    ids=["backward", "gradients", "create_graph"],
)
def test_a_hook_may_bind_leaves_anew(sweep: Any, bound: bool) -> None:
    ws = weights()
    if bound:
        bind(ws)
    inner = ws[0] * ws[1]
    y = inner * ws[2] + ws[0]
    hook = register_hook(inner, lambda g: bind([*ws, Value(1.0)]) and None)
    assert sweep(y, ws) == pytest.approx([-0.7 * 1.1 + 1.0, 0.3 * 1.1, 0.3 * -0.7])
    hook.remove()
    for w in ws:
        w.grad = 0.0
    y.backward()
    assert [w.grad for w in ws] == pytest.approx([-0.7 * 1.1 + 1.0, 0.3 * 1.1, 0.3 * -0.7])


def test_leaves_that_were_replaced_in_between_keep_their_share() -> None:
    model = nn.Neuron(1, nonlin=False)
    old = model.parameters()
    result = tl.compile(lambda x: model([x]) ** 2).batch(XS)
    kept = [w.data for w in old]
    model.w[0] = Value(100.0)
    new = model.parameters()  # this moves the remaining ones
    assert new[0] is not old[0] and new[1] is old[1]
    result.backward()
    mean = [2 * np.mean([(kept[0] * x + kept[1]) * d for x, d in zip(XS, by, strict=True)]) for by in (XS, [1.0] * 3)]
    assert [w.grad for w in old] == pytest.approx(mean) and new[0].grad == 0.0


def test_a_compiled_function_looks_for_moved_leaves_once() -> None:
    ws = weights()
    bind(ws)
    parameters = Parameters(ws[1:], [], [])
    before, numbers = parameters.arguments, parameters.numbers()
    assert parameters.numbers() is numbers and parameters.arguments is before
    bind([ws[0], Value(1.0)])  # another leaf of their storage
    numbers = parameters.numbers()
    after = parameters.arguments
    assert after is not before and parameters.numbers() is numbers and parameters.arguments is after
    bind([ws[1], Value(1.0)])
    ws[1].data = 5.0
    assert list(parameters.numbers()) == [5.0, 1.1] and len(parameters.arguments) == 2


@moved
def test_optimizers_and_files_follow(move: Any) -> None:
    ws, plain = weights(), weights()
    ours, theirs = optim.Adam(ws, lr=0.1), optim.Adam(plain, lr=0.1)
    others = Others(Leaves("others", ws))
    for _ in range(3):
        for leaves, optimizer in ((ws, ours), (plain, theirs)):
            optimizer.zero_grad()
            eager(leaves).backward()
            if leaves is ws:
                move(ws)
            optimizer.step()
        assert [w.data for w in ws] == [w.data for w in plain]
        assert list(others.state_dict()["values"]) == [w.data for w in ws]
    others.load_state_dict({"values": np.array([7.0, 8.0, 9.0])})
    assert [w.data for w in ws] == [7.0, 8.0, 9.0]
