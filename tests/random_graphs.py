"""Random expression graphs, in Values and in HIPS autograd's numbers: steps that share what came before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from tinygrad_lite import ops

anp = pytest.importorskip("autograd.numpy")
autograd = pytest.importorskip("autograd")

# Functions that both sides have, in a form that keeps values moderate: (on Values, on autograd's boxes).
STEPS: dict[str, tuple[int, Callable[..., Any], Callable[..., Any]]] = {
    "add": (2, lambda a, b: a + b, lambda a, b: a + b),
    "sub": (2, lambda a, b: a - b, lambda a, b: a - b),
    "mul": (2, lambda a, b: a * b, lambda a, b: a * b),
    "div": (2, lambda a, b: a / (b * b + 1), lambda a, b: a / (b * b + 1)),
    "cube": (1, lambda a: a.tanh() ** 3, lambda a: anp.tanh(a) ** 3),
    "scale": (1, lambda a: 0.5 * a - 0.25, lambda a: 0.5 * a - 0.25),
    "tanh": (1, lambda a: a.tanh(), anp.tanh),
    "sin": (1, lambda a: a.sin(), anp.sin),
    "exp": (1, lambda a: (-a * a).exp(), lambda a: anp.exp(-a * a)),
    "log": (1, lambda a: (a * a + 1).log(), lambda a: anp.log(a * a + 1)),
    "sqrt": (1, lambda a: (a * a + 1).sqrt(), lambda a: anp.sqrt(a * a + 1)),
    "sigmoid": (1, lambda a: a.sigmoid(), lambda a: 1 / (1 + anp.exp(-a))),
    "atan2": (2, lambda a, b: a.atan2(b * b + 1), lambda a, b: anp.arctan2(a, b * b + 1)),
    # autograd's second derivatives are off where an exponent is exactly 0, so it never is.
    "power": (2, lambda a, b: (a * a + 1) ** (b.tanh() + 1.5), lambda a, b: (a * a + 1) ** (anp.tanh(b) + 1.5)),
    "dot": (3, lambda a, b, c: ops.dot([a, b, 2.0], [b, c, a], c), lambda a, b, c: a * b + b * c + 2.0 * a + c),
    "sum": (3, lambda a, b, c: ops.sum([a, b, a, c]), lambda a, b, c: a + b + a + c),
    "logsumexp": (2, lambda a, b: ops.logsumexp([a, b]), lambda a, b: anp.log(anp.exp(a) + anp.exp(b))),
    "logaddexp": (2, lambda a, b: a.logaddexp(b), anp.logaddexp),
    "sinc": (1, lambda a: (a * a + 0.5).sinc(), lambda a: anp.sinc(a * a + 0.5)),
    "asinh": (1, lambda a: a.asinh(), anp.arcsinh),
    "acosh": (1, lambda a: (a * a + 1.5).acosh(), lambda a: anp.arccosh(a * a + 1.5)),
    "atanh": (1, lambda a: (0.5 * a.sin()).atanh(), lambda a: anp.arctanh(0.5 * anp.sin(a))),
    "logarithms": (
        1,
        lambda a: (a * a + 1).log2() + (a * a + 1).log10(),
        lambda a: anp.log2(a * a + 1) + anp.log10(a * a + 1),
    ),
    "exp2": (1, lambda a: (-a * a).exp2(), lambda a: anp.exp2(-a * a)),
    "norm": (2, lambda a, b: ops.norm([a, b, 1.0]), lambda a, b: anp.sqrt(a * a + b * b + 1.0)),
}
moderate = st.floats(-2, 2, allow_subnormal=False)
programs = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=25,
)


def run(program: list[tuple[str, int, int, int]], inputs: list[Any], side: int) -> Any:
    """Each step works on earlier results, chosen by its numbers: they are shared, and may be the same one twice."""
    known = list(inputs)
    for name, *picks in program:
        count, *sides = STEPS[name]
        made = sides[side](*[known[p % len(known)] for p in picks[:count]])
        known.append(made * 0.5 if side == 0 else 0.5 * made)
    total = known[-1]
    for v in known[-4:-1]:
        total = total + v
    return total
