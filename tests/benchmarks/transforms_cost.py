"""The cost of grad relative to backward() on the same function, and of hvp relative to grad."""

from __future__ import annotations

import cmath
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from .chain import BIAS, NODES, NODES_A_ROUND, START, WEIGHT, chain, result_by_hand
from .hessian_of_rosenbrock import rosenbrock
from .measuring import Findings, Unit, own_row, ratio_row
from .racing import Contender, check_agreement, race, repeated, totals

SMALL = (("x*x", 1), ("Rosenbrock", 10))
LARGE = (("Rosenbrock", 100), ("Rosenbrock", 1000), ("chain", NODES), ("MLP", 100), ("MLP", 1000), ("MLP", 10_000))
DIMENSIONS = (2, 10, 100, 1000, 10_000)
WIDTHS = {2: (1, 1), 10: (1, 3, 1), 100: (7, 11, 1), 1000: (25, 37, 1), 10_000: (99, 99, 1)}
"""Layers of an MLP with this many weights."""
POINTS = 4


class Problem(NamedTuple):
    """A function of a list of numbers, a point, and the gradient by hand, which takes complex numbers too."""

    function: Callable[[Any], Any]
    x: list[float]
    gradient: Callable[[Sequence[Any]], list[Any]]

    def direction(self) -> list[float]:
        return _drawn(len(self.x), seed=2)

    def derivatives_along(self, direction: Sequence[float]) -> list[float]:
        """The Hessian times the direction, from the gradient by hand with a complex step, which has no cancellation."""
        moved = [complex(x, 1e-20 * d) for x, d in zip(self.x, direction, strict=True)]
        return [derivative.imag / 1e-20 for derivative in self.gradient(moved)]


def problem(name: str, n: int) -> Problem:
    if name == "x*x":
        return Problem(lambda x: x[0] * x[0], [3.0], lambda x: [2 * x[0]])
    if name == "chain":
        return _chain()
    return _mlp(n) if name == "MLP" else Problem(rosenbrock, _drawn(n, seed=1), _rosenbrock_by_hand)


def _drawn(n: int, seed: int) -> list[float]:
    draw = random.Random(seed)
    return [draw.uniform(-1, 1) for _ in range(n)]


def _rosenbrock_by_hand(x: Sequence[Any]) -> list[Any]:
    gradient: list[Any] = [0.0] * len(x)
    for k in range(len(x) - 1):
        rise = x[k + 1] - x[k] ** 2
        gradient[k] += -400 * x[k] * rise - 2 * (1 - x[k])
        gradient[k + 1] += 200 * rise
    return gradient


def _chain() -> Problem:
    from tinygrad_lite.engine import Value

    def end(leaves: Sequence[Any]) -> Any:
        return chain(*leaves, NODES // NODES_A_ROUND, Value.tanh)

    return Problem(end, [START, WEIGHT, BIAS], lambda x: result_by_hand(NODES)[1:])


def _mlp(n: int) -> Problem:
    """The mean squared error of an MLP of tanh neurons, as a function of its weights in one list."""
    import tinygrad_lite as tl

    inputs = WIDTHS[n][0]
    points = [(_drawn(inputs, seed=10 + k), 0.2 * k) for k in range(POINTS)]

    def loss(weights: Sequence[Any]) -> Any:
        layers = list(_layers(weights, WIDTHS[n]))
        errors = []
        for point, target in points:
            ys: list[Any] = point
            for neurons in layers:
                ys = [tl.tanh(tl.dot(row, ys, bias)) for row, bias in neurons]
            errors.append((ys[0] - target) ** 2)
        return tl.mean(errors)

    def gradient(weights: Sequence[Any]) -> list[Any]:
        layers = list(_layers(weights, WIDTHS[n]))
        total: list[Any] = [0.0] * n
        for point, target in points:
            values: list[list[Any]] = [point]
            for neurons in layers:
                ys = [cmath.tanh(_dot(row, values[-1]) + bias) for row, bias in neurons]
                values.append(ys)
            adjoints = [2 * (values[-1][0] - target) / POINTS]
            found: list[Any] = []
            for neurons, (xs, ys) in zip(reversed(layers), reversed(list(pairwise(values))), strict=True):
                slopes = [adjoint * (1 - y * y) for adjoint, y in zip(adjoints, ys, strict=True)]
                found = [slope * x for slope in slopes for x in (*xs, 1.0)] + found
                columns = zip(*[row for row, _ in neurons], strict=True)
                adjoints = [_dot(column, slopes) for column in columns]
            total = [a + b for a, b in zip(total, found, strict=True)]
        return total

    return Problem(loss, [w / inputs**0.5 for w in _drawn(n, seed=1)], gradient)


def _layers(weights: Sequence[Any], widths: Sequence[int]) -> Iterator[list[tuple[Any, Any]]]:
    """Each layer's neurons: the weights of one, and its bias."""
    start = 0
    for inputs, outputs in pairwise(widths):
        rows = [weights[k : k + inputs + 1] for k in range(start, start + outputs * (inputs + 1), inputs + 1)]
        start += outputs * (inputs + 1)
        yield [(row[:-1], row[-1]) for row in rows]


def _dot(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    return sum(x * y for x, y in zip(xs, ys, strict=True))


def _calls(n: int) -> int:
    """Enough calls per phase that reading the clock costs little."""
    return max(1, 1000 // n)


def by_grad(name: str, n: int) -> Contender:
    import tinygrad_lite as tl

    f, x, _ = problem(name, n)
    gradient = tl.grad(f)
    return repeated(lambda: gradient(x), _calls(n), gradient(x))


def by_backward(name: str, n: int) -> Contender:
    """The gradient as one computes it without transforms."""
    from tinygrad_lite.engine import Value

    f, x, by_hand = problem(name, n)

    def gradient() -> list[float]:
        leaves = [Value(number) for number in x]
        f(leaves).backward()
        return [leaf.grad for leaf in leaves]

    check_agreement(f"gradient of {name}", gradient(), [complex(d).real for d in by_hand(x)])
    return repeated(gradient, _calls(n), gradient())


def by_hvp(name: str, n: int) -> Contender:
    import tinygrad_lite as tl

    f, x, _ = given = problem(name, n)
    direction = given.direction()
    return repeated(lambda: tl.hvp(f, x, direction), _calls(n), tl.hvp(f, x, direction))


def grad_beside_hvp(name: str, n: int) -> Contender:
    """by_grad, with the Hessian-vector product by hand as its results, to compare hvp's with."""
    given = problem(name, n)
    return Contender(by_grad(name, n).phases, given.derivatives_along(given.direction()))


def hvp_against_grad(_: str, quick: bool) -> Findings:
    findings = Findings()
    for name in ("Rosenbrock", "MLP"):
        for n in DIMENSIONS:
            a, b = race(f"hvp, {name} of {n}", (by_hvp, (name, n)), (grad_beside_hvp, (name, n)), 3 if quick else 11)
            unit = Unit("us a call", 1e-6 * _calls(n))
            findings.rows.append(ratio_row(f"hvp, {name} of {n:,}", "our grad", unit, totals(a), totals(b), (6, None)))
    return findings


def grad_against_backward(_: str, quick: bool) -> Findings:
    """For very small functions, where the fixed cost of a call shows, there is a row of its own."""
    findings = Findings()
    for name, n in (*SMALL, *LARGE):
        small = (name, n) in SMALL
        a, b = race(f"grad, {name} of {n}", (by_grad, (name, n)), (by_backward, (name, n)), 5 if quick else 15)
        case, unit = f"grad, {name}" if n == 1 else f"grad, {name} of {n:,}", Unit("us a call", 1e-6 * _calls(n))
        bars = (None, None) if small else (1.3, None)
        findings.rows.append(ratio_row(case, "our backward()", unit, totals(a), totals(b), bars))
        if small:
            differences = [(x - y) / unit.seconds for x, y in zip(totals(a), totals(b), strict=True)]
            findings.rows.append(own_row(f"{case}, more", unit.name, differences))
    return findings
