"""Which derivatives depend on leaves from outside, and which do not: functions, rows, pullbacks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from test_cut_off import said, strict  # noqa: F401  a fixture, of every test here too

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, fixed_point
from tinygrad_lite.ops import TABLE
from tinygrad_lite.transforms.cut_off import _LINEAR, cut_off

INDEPENDENT: dict[str, Callable[[Any, Any], Any]] = {
    "added": lambda t, w: t * t + w,
    "added on the way": lambda t, w: (2.0 * t + w) / 4.0 + t**2,
    "behind a stop": lambda t, w: t * tl.stop_gradient(w),
    "a bend": lambda t, w: tl.relu(t + w) + tl.maximum(t, w) - abs(t - w),
    "chosen by": lambda t, w: tl.where(w, t, t * t) * t + tl.where(w > 1.0, t, 1.0),
    "an index": lambda t, w: tl.take((t, t, t * t, t), w) * t,
    "summed": lambda t, w: tl.mean([t * t, w, tl.sum([w, t])]),
    "a dot with others": lambda t, w: tl.dot([t, w], [t, 2.0], w),
    "not at all": lambda t, w: w * 2.0,
    "made inside": lambda t, w: t * t * Value(w.data),
}


DEPENDENT: dict[str, Callable[[Any, Any], Any]] = {
    "zero here": lambda t, w: (t - 2.0) ** 2 * w * t,
    "later": lambda t, w: (t * t + w) ** 2,
    "a dot": lambda t, w: tl.dot([t * t, w], [w, t]),
    "divided": lambda t, w: t * t / w,
    "an exponent": lambda t, w: t**w,
    "a norm": lambda t, w: tl.norm([t, w]),
    "by a compiled function": lambda t, w: compile(lambda s: s * s * w)(t),
    "by a fixed point": lambda t, w: fixed_point(lambda z: 0.5 * z + t * t * w, 0.0).values,
    "by another transform": lambda t, w: t * tl.grad(lambda s: s * s * w)(t),
    "by a plain number in another": lambda t, w: t * t * tl.grad(lambda s: s * s * w)(1.0),
    "copied": lambda t, w: t * t * tl.engine.Value.__copy__(w),
}


@pytest.mark.parametrize("f", INDEPENDENT.values(), ids=INDEPENDENT)
def test_what_a_derivative_does_not_depend_on(f: Callable[[Any, Any], Any]) -> None:
    w = Value(1.0)
    tl.grad(lambda t: f(t, w))(2.0)
    tl.jacobian(lambda t: [f(t, w), t])(2.0)


@pytest.mark.parametrize("hooked", [False, True])
@pytest.mark.parametrize("f", DEPENDENT.values(), ids=DEPENDENT)
def test_what_a_derivative_depends_on(f: Callable[[Any, Any], Any], hooked: bool) -> None:
    w = Value(1.0, label="w")
    hook = Value(1.0).register_hook(lambda g: g) if hooked else None
    assert ["depend on w," in text for text in said(lambda: tl.grad(lambda t: f(t, w))(2.0))] == [True]
    assert ["depend on w," in text for text in said(lambda: tl.jvp(lambda t: f(t, w), (2.0,), (1.0,)))] == [True]
    if hook:
        hook.remove()


def drawn(row: Any, source: random.Random) -> list[Any]:
    def one(k: int) -> float:
        low, high = row.domain[k]
        return min(max(source.uniform(-2.0, 2.0), low + 0.1 if low > -9.0 else low), high - 0.1 if high < 9.0 else high)

    args: list[Any] = []
    for k, rule in enumerate(row.rules):
        if k in row.sequences:
            args.append(tuple([Value(one(k)) for _ in range(2)]))
        elif rule is None or (row.name, k) == ("take", 1):
            args.append(1.0)
        else:
            args.append(Value(one(k)))
    return args


@pytest.mark.parametrize("name", TABLE)
def test_what_is_known_of_each_row(name: str) -> None:
    """Compared with second derivatives: none is missed, and for linear rows and products none is invented."""
    row, source = TABLE[name], random.Random(name)
    found: dict[tuple[int, int], bool] = {}
    for _ in range(8):
        args = drawn(row, source)
        leaves = [x for arg in args for x in (arg if type(arg) is tuple else (arg,)) if isinstance(x, Value)]
        y = row(*args)
        firsts = tl.gradients(y, leaves, create_graph=True)
        for i, first in enumerate(firsts):
            for j, second in enumerate(tl.gradients(first, leaves)):
                found[i, j] = found.get((i, j), False) or second != 0.0
                answer = cut_off(y, [leaves[i]], [leaves[j]], False)
                assert answer is leaves[j] or (answer is None and second == 0.0)
    if name in _LINEAR or name in ("mul", "dot", "div"):
        for (i, j), curved in found.items():
            assert (cut_off(y, [leaves[i]], [leaves[j]], False) is not None) == curved
