"""What sweeps leave on leaves and results: gradients and states; other kinds of sweeps must change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, gradients, nn, optim
from tinygrad_lite.engine import bind, clear_grads

# Ways to compute derivatives that change no gradient.
QUIET: dict[str, Callable[[Value, list[Value]], Any]] = {
    "gradients": gradients,
    "create_graph": lambda y, xs: gradients(y, xs, create_graph=True),
    "vjp": lambda y, xs: tl.vjp(lambda x: x * y, 2.0)[1](1.0),
    "jvp": lambda y, xs: tl.jvp(lambda x: x * y, (2.0,), (1.0,)),
}
quiet = pytest.mark.parametrize("sweep", QUIET.values(), ids=QUIET)


@quiet
def test_a_gradient_that_was_set_stays_until_a_sweep_of_backward(sweep: Callable[[Value, list[Value]], Any]) -> None:
    x = Value(3.0)
    h = x * 2.0
    y = h * h
    x.grad, h.grad = 7.0, 5.0
    sweep(y, [x, h])
    assert [(v.grad, v.grad_state) for v in (x, h)] == [(7.0, "computed"), (5.0, "computed")]
    assert (y.grad, y.grad_state) == (0.0, "not computed")
    y.backward()
    assert (x.grad, h.grad, y.grad) == (7.0 + 24.0, 12.0, 1.0)
    sweep(y, [x, h])
    assert (x.grad, h.grad, y.grad) == (31.0, 12.0, 1.0)
    h.grad = 0.0
    sweep(y, [x, h])
    assert (h.grad, h.grad_state) == (0.0, "not computed")


def test_a_gradient_of_zero_is_computed_also_where_hooks_run() -> None:
    for bound in (False, True):
        x, still = Value(2.0), Value(3.0)
        if bound:
            bind([x, still])
        y = x * 0.0
        with y.register_hook(lambda g: None):
            y.backward()
        assert (x.grad, x.grad_state, still.grad_state) == (0.0, "computed", "not computed")
        clear_grads([x])
        assert x.grad_state == "not computed"


@pytest.mark.parametrize("some", [(0, 1, 2, 3), (0, 1), (1, 2), (2, 3), (0, 2)])
def test_a_batch_that_reads_some_of_the_leaves_of_a_storage(some: tuple[int, ...]) -> None:
    """Zeros are written late: the gradients of the others are 0 after the sweep, whatever they were before."""
    leaves = [Value(1.0 + k) for k in range(4)]
    storage, _ = bind(leaves)
    loss = compile(lambda x: tl.sum([leaves[k] * x for k in some]))
    loss.batch([1.0, 5.0]).backward()  # traced, which writes them
    for times in (1, 2):
        for leaf in leaves:
            leaf.grad = 100.0
        storage.clear_grads()
        for _ in range(times):
            loss.batch([1.0, 5.0]).backward()
        assert [leaf.grad for leaf in leaves] == [3.0 * times if k in some else 0.0 for k in range(4)]
        assert list(storage.settled()) == [leaf.grad for leaf in leaves]


def test_a_training_step_on_a_part_of_a_model_leaves_no_gradient_on_the_rest() -> None:
    model = nn.MLP(1, [2, 1], activation="tanh")
    optimizer = optim.SGD(model.parameters(), lr=0.0)
    last = model.layers[-1]
    whole = compile(lambda x: model([x]))
    part = compile(lambda x: last([x, 1.0 - x]))
    rows = [0.5, -1.5]
    part.batch(rows)
    for _ in range(2):
        optimizer.zero_grad()
        whole.batch(rows).backward()
        optimizer.step()
        optimizer.zero_grad()
        part.batch(rows).backward()
        found = [p.grad for p in model.parameters()]
        clear_grads(model.parameters())
        tl.mean([last([x, 1.0 - x]) for x in rows]).backward()
        assert found == pytest.approx([p.grad for p in model.parameters()], rel=1e-14)
        assert not any(found[: -len(last.parameters())]) and any(found)


def test_leaves_that_are_bound_elsewhere_keep_their_gradients_and_states() -> None:
    for cleared in (False, True):
        leaves = [Value(1.0), Value(2.0), Value(3.0)]
        storage, _ = bind(leaves)
        (leaves[0] * leaves[1] * 0.0 + leaves[1]).backward()
        if cleared:
            storage.clear_grads()
        expected = [(v.grad, v.grad_state) for v in leaves]
        state = "not computed" if cleared else "computed"
        assert expected == [(0.0, state), (0.0 if cleared else 1.0, state), (0.0, "not computed")]
        bind([Value(0.0), *reversed(leaves)])
        assert [(v.grad, v.grad_state) for v in leaves] == expected and [v.data for v in leaves] == [1.0, 2.0, 3.0]
