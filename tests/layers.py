"""Shared by the tests of layers: derivatives, both executors, names, and saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import FORCED

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.transforms.pytree import Structure, mapped


def flat(tree: Any) -> list[Any]:
    return Structure(tree).numbers


def data(tree: Any) -> list[float]:
    return [y.data for y in flat(tree)]


def inputs(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).tolist()


def loss_of(outputs: Any) -> Any:
    """One number that depends on every output, with different weights."""
    ys = flat(outputs)
    return tl.dot([0.3 + 0.1 * k for k in range(len(ys))], [tl.tanh(y) for y in ys])


def check_layer(module: nn.Module, x: Any, differentiable: bool = True) -> None:
    """Gradients by finite differences; compiled as eager: calls, batches, gradients by parameters and by inputs.

    differentiable  whether there are gradients by the inputs
    """
    values = mapped(Value, x)
    leaves = module.parameters() + (flat(values) if differentiable else [])
    if leaves:
        report = tl.gradcheck(lambda *_: loss_of(module(values)), leaves)
        assert report.ok, report
    for executor in FORCED:
        check_compiled(module, x, executor, differentiable)


def check_compiled(module: nn.Module, x: Any, executor: Any, differentiable: bool) -> None:
    parameters = module.parameters()
    call = tl.compile(lambda x: module(x), executor=executor)
    assert flat(call(x)) == pytest.approx(data(module(mapped(Value, x))), rel=1e-12, abs=1e-14)
    assert call.summary.startswith(f"{len(call.program):,} nodes, ")
    assert call.summary.endswith(f"; the {executor} executor ran it")
    batch = [x, mapped(lambda v: v if v == int(v) else 0.5 - v, x), x]
    found = tl.compile(lambda x: loss_of(module(x)), executor=executor).batch(np.array(batch))
    eager = tl.mean([loss_of(module(mapped(Value, row))) for row in batch])
    assert found.data == pytest.approx(eager.data, rel=1e-12)
    both = []
    for loss in (found, eager):
        module.zero_grad()
        if parameters:
            loss.backward()
        both.append([p.grad for p in parameters])
    assert both[0] == pytest.approx(both[1], rel=1e-10, abs=1e-12) and (any(both[1]) or not parameters)
    if differentiable:
        slope = tl.grad(lambda x: loss_of(module(x)))
        with tl.no_grad():  # only the numbers are wanted
            expected = flat(slope(x))
        assert flat(tl.compile(slope, executor=executor)(x)) == pytest.approx(expected, rel=1e-10, abs=1e-12)


def check_saved(module: nn.Module, other: nn.Module, x: Any, folder: Path) -> None:
    """A second module loads what the first saved, and then gives the same results."""
    module.save(folder / "layer.npz")
    assert data(other(mapped(Value, x))) != data(module(mapped(Value, x)))
    other.load(folder / "layer.npz")
    assert data(other(mapped(Value, x))) == data(module(mapped(Value, x)))
    assert repr(other) == repr(module)
