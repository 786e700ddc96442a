"""Random steps: compiled scans and their first and second derivatives, against the loop written out."""

from __future__ import annotations

from typing import Any

import pytest
from compiled import FORCED, few
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import How, close, loop
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import compile

pytest.importorskip("autograd")
from random_graphs import STEPS, programs

AT = [0.4, -0.7, 1.1]
picks = st.lists(st.integers(0, 99), min_size=1, max_size=3)


def loss(how: How, operations: Any, nexts: list[int], given: list[int], settings: dict[str, Any]) -> Any:
    """A step reads the carry, x and two numbers from outside, and gives any of the numbers on the way."""

    def f(p: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            known = [*carry, x + 0.0 * p[0], p[0], p[1]]  # Values, whatever x is
            for name, *picked in operations:
                count, function, _ = STEPS[name]
                known.append(function(*[known[k % len(known)] for k in picked[:count]]) * 0.5)
            return [known[k % len(known)] for k in nexts], [known[k % len(known)] for k in given]

        carry, ys = how(step, [p[k % 3] for k in range(len(nexts))], [p[2] * 1.0, 0.3, p[0] * p[1], -0.5], **settings)
        return tl.sum([(1.0 + k) * y for k, y in enumerate([*carry, *ys[1], *ys[2]])])

    return f


@pytest.mark.parametrize("executor", FORCED)
@settings(max_examples=up_to(few(24, 4)), deadline=None)
@given(programs.filter(lambda some: len(some) < 7), picks, picks, st.booleans(), st.sampled_from((None, None, 1, 2, 3)))
def test_values_gradients_and_hessians(
    executor: Any, operations: Any, nexts: list[int], given: list[int], reverse: bool, every: int | None
) -> None:
    ways = {"reverse": reverse, "checkpoint": every}
    ours, plain = (loss(how, operations, nexts, given, ways) for how in (tl.scan, loop))
    expected = tl.value_and_grad(plain)(AT), tl.hessian(plain)(AT)
    close(compile(tl.value_and_grad(ours), executor=executor)(AT), expected[0], 1e-10)
    close(compile(tl.hessian(ours), executor=executor)(AT), expected[1], 1e-9)
    found = compile(tl.value_and_grad(ours), executor=executor).batch([AT, AT[::-1]], reduce=None)
    close([found[0][0], found[1][0]], expected[0], 1e-10)
    close(compile(lambda p: tl.jvp(ours, (p,), ([1.0, 0.5, -1.0],)), executor=executor)(AT)[1],
          tl.dot(expected[0][1], [1.0, 0.5, -1.0]), 1e-10)  # fmt: skip
