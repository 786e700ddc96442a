"""First and second derivatives where they usually break: kinks, ties, poles, infinite branches, the far ends.

Every way to a derivative is asked, and has to give the same; where a test says so, forward mode may give nan instead,
since a tangent that happens to be zero times an infinite derivative is that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import inf, nan
from typing import Any

import mpmath
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, grad, gradients, hessian, hvp, jacobian, jvp, vjp

Function = Callable[..., Any]
Matrix = list[list[float]]
FORWARD = {"jvp", "jvp of jvp", "hvp", "jvp of grad", "grad of jvp"}


def first_derivatives(f: Function, at: Sequence[float]) -> dict[str, list[float]]:
    leaves = [Value(x) for x in at]
    y = f(*leaves)
    y.backward()
    every = tuple(range(len(at)))
    return {
        "backward": [x.grad for x in leaves],
        "gradients": gradients(y, leaves),
        "gradients, create_graph": [g.data for g in gradients(y, leaves, create_graph=True)],
        "grad": list(grad(f, every)(*at)),
        "jacobian": list(jacobian(f, every)(*at)),
        "vjp": list(vjp(f, *at)[1](1.0)),
        "jvp": [jvp(f, at, e)[1] for e in _axes(at)],
        "jvp of jvp": [jvp(lambda *xs, e=e: jvp(f, xs, e)[0], at, e)[1] for e in _axes(at)],
    }


def second_derivatives(f: Function, at: Sequence[float]) -> dict[str, Matrix]:
    leaves = [Value(x) for x in at]
    firsts = gradients(f(*leaves), leaves, create_graph=True)
    every = tuple(range(len(at)))
    return {
        "gradients of gradients": [gradients(g, leaves) for g in firsts],
        "the same, create_graph": [[h.data for h in gradients(g, leaves, create_graph=True)] for g in firsts],
        "hessian": [list(row) for row in hessian(f, every)(*at)],
        "hvp": [hvp(lambda xs: f(*xs), list(at), e) for e in _axes(at)],
        "jvp of grad": [list(jvp(grad(f, every), at, e)[1]) for e in _axes(at)],
        "grad of jvp": [list(grad(lambda *xs, e=e: jvp(f, xs, e)[1], every)(*at)) for e in _axes(at)],
    }


def _axes(at: Sequence[float]) -> list[list[float]]:
    return [[float(i == k) for i in range(len(at))] for k in range(len(at))]


def check(
    f: Function,
    at: Sequence[float],
    gradient: list[float],
    curvature: Matrix | None = None,
    *,
    forward_may_be_nan: bool = False,
) -> None:
    """Asserts what each way must give; curvature is left out if there is no second derivative."""
    for way, got in first_derivatives(f, at).items():
        got = known(got, gradient) if forward_may_be_nan and way in FORWARD else got
        assert got == pytest.approx(gradient, rel=1e-14, abs=1e-300, nan_ok=True), (way, at)
    if curvature is not None:
        for way, rows in second_derivatives(f, at).items():
            for got, want in zip(rows, curvature, strict=True):
                got = known(got, want) if forward_may_be_nan and way in FORWARD else got
                assert got == pytest.approx(want, rel=1e-13, abs=1e-15, nan_ok=True), (way, at)


def known(got: Sequence[float], want: Sequence[float]) -> list[float]:
    """The result, with nan replaced by the expected number."""
    return [y if x != x else x for x, y in zip(got, want, strict=True)]


NONE = [[nan, nan], [nan, nan]]


def zeros(n: int) -> Matrix:
    return [[0.0] * n for _ in range(n)]


@pytest.mark.parametrize("x", [0.0, -0.0, 2.0, -2.0])
def test_the_power_0_is_flat(x: float) -> None:
    check(lambda x: x**0, [x], [0.0], [[0.0]])
    check(lambda x: x**0.0, [x], [0.0], [[0.0]])


@pytest.mark.parametrize(
    ("n", "slope", "curvature"), [(0.5, inf, -inf), (1.0, 1.0, 0.0), (1.5, 0.0, inf), (2.0, 0.0, 2.0), (3.0, 0.0, 0.0)]
)
def test_powers_of_zero(n: float, slope: float, curvature: float) -> None:
    check(lambda x: x**n, [0.0], [slope], [[curvature]])
    # As a Value the exponent counts too; d/dn d/dx x**n is -inf up to n = 1.
    check(lambda x, n: x**n, [0.0, n], [slope, 0.0], [[curvature, 0.0], [0.0, 0.0]] if n > 1.0 else None)


def test_zero_to_the_power_of_a_value() -> None:
    for n in (0.0, 0.5, 1.0, 2.0, 3.0):
        check(lambda n: 0.0**n, [n], [0.0], [[0.0]])
    for n in (-0.5, -1.0, -3.0):
        check(lambda n: 0.0**n, [n], [-inf])
    check(lambda x, n: x**n, [0.0, 0.0], [0.0, 0.0], zeros(2))


@pytest.mark.parametrize("n", [-3, -2, -1, 0, 1, 2, 3, 4])
def test_powers_of_negative_numbers(n: int) -> None:
    """Whole powers have derivatives by the base, but none by the exponent."""
    slope, curvature = n * (-2.0) ** (n - 1), n * (n - 1) * (-2.0) ** (n - 2)
    check(lambda x: x**n, [-2.0], [slope], [[curvature]])
    check(lambda x: (-x) ** n, [2.0], [-slope], [[curvature]])
    check(lambda x, n: x**n, [-2.0, float(n)], [slope, nan], [[curvature, nan], [nan, nan]] if n else None)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (tl.ops.abs, 0.0),
        (tl.relu, 0.0),
        (tl.leaky_relu, 0.01),
        (lambda x: tl.maximum(x, 0.0), 0.5),
        (lambda x: tl.minimum(0.0, x), 0.5),
        (lambda x: tl.maximum(x, -x), 0.0),
        (lambda x: tl.maximum(x, x), 1.0),
        (lambda x: tl.clip(x, 0.0, 1.0), 1.0),
        (lambda x: tl.clip(x, -1.0, 0.0), 1.0),
        (tl.step, 0.0),
        (tl.sign, 0.0),
        (tl.floor, 0.0),
        (tl.ceil, 0.0),
        (tl.trunc, 0.0),
        (tl.ops.round, 0.0),
    ],
)
def test_kinks_at_zero_have_the_documented_subgradient_and_no_curvature(f: Function, slope: float) -> None:
    for x in (0.0, -0.0):
        check(f, [x], [slope], [[0.0]])


def test_ties_share_the_gradient_evenly() -> None:
    check(tl.maximum, [1.0, 1.0], [0.5, 0.5], zeros(2))
    check(tl.minimum, [1.0, 1.0], [0.5, 0.5], zeros(2))
    check(lambda x: tl.maximum(x * x, x), [1.0], [1.5], [[1.0]])


def test_clip_at_its_bounds() -> None:
    for x in (-1.0, 1.0):
        check(tl.clip, [x, -1.0, 1.0], [1.0, 0.0, 0.0], zeros(3))
    check(tl.clip, [-2.0, -1.0, 1.0], [0.0, 1.0, 0.0], zeros(3))
    check(tl.clip, [2.0, -1.0, 1.0], [0.0, 0.0, 1.0], zeros(3))
    check(tl.clip, [1.0, 1.0, 1.0], [1.0, 0.0, 0.0], zeros(3))
    check(lambda x: tl.clip(x, 0.0, 1.0) ** 3, [1.0], [3.0], [[6.0]])


def test_zero_times_what_has_no_derivative() -> None:
    check(lambda x: tl.sqrt(x) * 0.0, [0.0], [0.0], [[0.0]])
    check(lambda x: 0.0 * tl.log(x + 1.0) + tl.norm([x, x]) ** 2, [0.0], [0.0])


def test_norm_at_zero() -> None:
    """The first derivative is 0 by convention; there is no second one, and none is made up."""
    check(lambda *xs: tl.norm(xs), [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda *xs: tl.norm(xs) ** 2, [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x: tl.norm([x]), [0.0], [0.0], [[nan]])
    check(lambda x: tl.norm([x, x]), [-0.0], [0.0], [[nan]])
    check(lambda x, y: tl.norm([x, 0.0]) + y, [0.0, 0.0], [0.0, 1.0], [[nan, 0.0], [0.0, 0.0]])
    check(lambda x: tl.sqrt(tl.norm([x, x])), [0.0], [nan])
    check(lambda *xs: tl.norm(xs), [0.0, 1.0], [0.0, 1.0], [[1.0, 0.0], [0.0, 0.0]])
    check(lambda *xs: tl.norm(xs), [1e200, 0.0], [1.0, 0.0], [[0.0, 0.0], [0.0, 1e-200]])
    check(lambda *xs: tl.norm(xs), [0.0, 1e-200], [0.0, 1.0], [[1e200, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize("x", [0.0, -0.0, 3.0, 0.1, 1e300, 1.5e308, 5e-324])
def test_std_of_numbers_that_are_alike(x: float) -> None:
    """Like norm at the origin, even if the mean is rounded: the first derivative is 0, there is no second one."""
    three = [[nan] * 3] * 3
    check(lambda *xs: tl.std(xs), [x] * 3, [0.0] * 3, three)
    check(lambda *xs: tl.std(xs, ddof=1) ** 2, [x] * 3, [0.0] * 3, three)
    check(lambda *xs: tl.var(xs), [x] * 3, [0.0] * 3)
    assert tl.std([x] * 3) == tl.var([x] * 3) == 0.0
    compiled = tl.compile(lambda *xs: tl.std(xs))
    assert (
        grad(compiled, (0, 1, 2))(x, x, x) == tl.compile(grad(lambda *xs: tl.std(xs), (0, 1, 2)))(x, x, x) == (0.0,) * 3
    )
    assert math.isnan(tl.compile(grad(grad(lambda t: tl.std([t, x]))))(x))


@pytest.mark.parametrize("remainder", [tl.fmod, tl.mod])
def test_remainders(remainder: Function) -> None:
    """The derivative by the divisor is minus the exact whole quotient, not a rounded a / b."""
    for a, b in [(7.0, 3.0), (-7.0, 3.0), (7.0, -3.0), (-7.0, -3.0), (1.0, 0.1), (0.3, 0.1), (6.0, 3.0), (-1e-20, 3.0)]:
        exact = Fraction(a) / Fraction(b)
        taken = math.trunc(exact) if remainder is tl.fmod else math.floor(exact)
        check(remainder, [a, b], [1.0, -float(taken)], zeros(2))
    check(lambda x: remainder(x, x), [3.0], [0.0], [[0.0]])
    assert (Value(-7.0) % 3.0).data == (-7.0 % Value(3.0)).data == (Value(-7.0) % Value(3.0)).data == 2.0
    assert grad(lambda b: 7 % b)(3.0) == -2.0 and grad(lambda a: a % 3)(7.0) == 1.0


def test_no_second_derivative_is_made_up_where_the_inner_one_is_0() -> None:
    """norm([x**2]) is x**2, whose second derivative is 2; the chain rule multiplies a missing derivative by 2 * x."""
    check(lambda x: tl.norm([x**2]), [0.0], [0.0], [[nan]])
    check(lambda x: tl.norm([1.0 - tl.cos(x)]), [0.0], [0.0], [[nan]])
    check(lambda x, y: tl.norm([x * y]), [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x, y: tl.norm([x**2, y**2]) + x**2, [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x, y: tl.atan2(x**2, y**2), [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x, y: tl.atan2(x, y) * y, [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x: tl.norm([x**2]) ** 2, [0.0], [0.0], [[0.0]], forward_may_be_nan=True)
    check(lambda w, x: w * tl.norm([x]), [3.0, 0.0], [0.0, 0.0], [[0.0, 0.0], [0.0, nan]])
    assert math.isnan(grad(lambda x: grad(grad(lambda x: tl.norm([x**2])))(x))(0.0))


@pytest.mark.parametrize("a", [-2.0, -0.0, 0.0, 2.0])
@pytest.mark.parametrize("b", [-3.0, -0.0, 0.0, 3.0])
def test_atan2_all_around(a: float, b: float) -> None:
    square = a * a + b * b
    if square == 0.0:
        check(tl.atan2, [a, b], [0.0, 0.0], NONE)
        return
    mixed = (a * a - b * b) / square**2
    bend = 2 * a * b / square**2
    check(tl.atan2, [a, b], [b / square, -a / square], [[-bend, mixed], [mixed, bend]])


def test_hypot_is_norm_of_two() -> None:
    """At the origin too, and without overflow; next to a plain number other than 0 there is no origin."""
    check(tl.hypot, [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x: tl.hypot(x, 0.0), [-0.0], [0.0], [[nan]])
    check(lambda x, y: tl.hypot(x**2, y**2) + x, [0.0, 0.0], [1.0, 0.0], NONE)
    check(lambda w, x: w * tl.hypot(x, 0.0), [3.0, 0.0], [0.0, 0.0], [[0.0, 0.0], [0.0, nan]])
    check(tl.hypot, [0.0, 1.0], [0.0, 1.0], [[1.0, 0.0], [0.0, 0.0]])
    check(tl.hypot, [3e200, -4e200], [0.6, -0.8], zeros(2))
    check(tl.hypot, [3.0, 4.0], [0.6, 0.8], [[0.128, -0.096], [-0.096, 0.072]])
    check(lambda x: tl.hypot(x, 2.0), [0.0], [0.0], [[0.5]])
    assert grad(grad(tl.compile(lambda x: tl.hypot(x, 1.0))))(0.0) == 1.0


@pytest.mark.parametrize("x", [0.0, -0.0, 1e-200, -1e-9, 0.1, 0.999, 1.0, -1.001, 2.5, 40.0])
def test_sinc(x: float) -> None:
    """Near 0, where the closed form loses all its digits, and on both sides of the point where the series ends."""
    with mpmath.workdps(1000):
        slope = float(mpmath.diff(mpmath.sincpi, mpmath.mpf(x)))
        curvature = float(mpmath.diff(mpmath.sincpi, mpmath.mpf(x), 2))
    for way, got in first_derivatives(tl.sinc, [x]).items():
        assert got == pytest.approx([slope], rel=2e-14, abs=0.0), way
    for way, rows in second_derivatives(tl.sinc, [x]).items():
        assert rows[0] == pytest.approx([curvature], rel=1e-13), way
    assert x or (slope, curvature) == (0.0, pytest.approx(-(math.pi**2) / 3))


def test_cbrt_around_0() -> None:
    for x in (0.0, -0.0):
        check(tl.cbrt, [x], [inf])
    for sign in (1.0, -1.0):
        check(tl.cbrt, [sign * 8.0], [1 / 12], [[-sign / 144]])
        check(tl.cbrt, [sign * 1e-300], [1e200 / 3])
        check(tl.cbrt, [sign * 1e300], [1e-200 / 3])


def test_xlogy_where_the_factor_is_0() -> None:
    """The derivative by it is the logarithm, which is -inf at 0; by the other it is 0, also at 0."""
    check(tl.xlogy, [0.0, 2.0], [math.log(2.0), 0.0], [[0.0, 0.5], [0.5, 0.0]])
    check(lambda y: tl.xlogy(0.0, y), [0.0], [0.0], [[0.0]])
    check(tl.xlogy, [0.0, 0.0], [-inf, 0.0])
    check(tl.xlogy, [2.0, 0.0], [-inf, inf])
    check(lambda p: -tl.xlogy(p, p), [0.0], [inf])
    check(lambda p: -tl.xlogy(p, p), [0.5], [math.log(2.0) - 1.0], [[-2.0]])
    check(lambda p, q: tl.xlogy(p, q), [3.0, 0.5], [-math.log(2.0), 6.0], [[0.0, 2.0], [2.0, -12.0]])
    # No infinite adjoint reaches what the factor 0 makes constant.
    check(lambda y: y + tl.sqrt(tl.xlogy(0.0, y)), [0.0], [1.0])


@pytest.mark.parametrize("x", [5e-324, 1e-300, 3.0, 1e300])
def test_logarithms_and_powers_of_other_bases(x: float) -> None:
    check(tl.log2, [x], [1 / x / math.log(2.0) if x > 5e-324 else inf])
    check(tl.log10, [x], [1 / x / math.log(10.0) if x > 5e-324 else inf])
    check(tl.exp2, [3.0], [8.0 * math.log(2.0)], [[8.0 * math.log(2.0) ** 2]])
    check(tl.exp2, [-1070.0], [2.0**-1070 * math.log(2.0)])


def test_a_quotient_by_a_plain_zero() -> None:
    check(lambda x: x / 0.0, [1.0], [inf])
    check(lambda x: x / -0.0, [1.0], [-inf])
    assert grad(grad(lambda x: x / 0.0))(1.0) == 0.0
