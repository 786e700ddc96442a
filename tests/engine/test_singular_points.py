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
from table import truth

import tinygrad_lite as tl
from tinygrad_lite import Value, grad, gradients, hessian, hvp, jacobian, jvp, ops, vjp

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
    """Asserts what every way must give; curvature is left out where there is no second derivative."""
    for way, got in first_derivatives(f, at).items():
        got = known(got, gradient) if forward_may_be_nan and way in FORWARD else got
        assert got == pytest.approx(gradient, rel=1e-14, abs=1e-300, nan_ok=True), (way, at)
    if curvature is not None:
        for way, rows in second_derivatives(f, at).items():
            for got, want in zip(rows, curvature, strict=True):
                got = known(got, want) if forward_may_be_nan and way in FORWARD else got
                assert got == pytest.approx(want, rel=1e-13, abs=1e-15, nan_ok=True), (way, at)


def known(got: Sequence[float], want: Sequence[float]) -> list[float]:
    """What was found, and where that is nan what was wanted."""
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
    """Whole powers have derivatives by the base; by the exponent none exists."""
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


def positive(x: Any) -> Any:
    return tl.less(0.0, x)


BRANCHES: dict[str, Function] = {
    "log": tl.log,
    "sqrt": tl.sqrt,
    "1 / x": lambda x: 1.0 / x,
    "x ** 1.5": lambda x: x**1.5,
    "x ** x": lambda x: x**x,
    "x * log(x)": lambda x: x * tl.log(x),
    "asin(1 + x)": lambda x: tl.asin(1.0 + x),
    "exp(1000 - 1000 * x)": lambda x: tl.exp(1000.0 - 1000.0 * x),
    "lgamma": tl.lgamma,
    "sqrt of itself": lambda x: tl.sqrt(x * x),
    "inf": lambda x: x * inf,
    "nan": lambda x: x * nan,
}


@pytest.mark.parametrize("branch", BRANCHES.values(), ids=BRANCHES)
@pytest.mark.parametrize("x", [0.0, -1.0])
def test_a_branch_not_taken_may_be_singular(branch: Function, x: float) -> None:
    """In it, in front of it, within another, and where both of two are."""
    slope, curvature = 3 * x * x, 6 * x

    def holds(f: Function, slope: float, curvature: float) -> None:
        check(f, [x], [slope], [[curvature]], forward_may_be_nan=True)

    holds(lambda x: tl.where(positive(x), branch(x), x**3), slope, curvature)
    holds(lambda x: tl.where(tl.less_equal(x, 0.0), x**3, branch(x)), slope, curvature)
    holds(lambda x: tl.where(positive(x), branch(x) * branch(x), x**3) + x, slope + 1.0, curvature)

    def nested(x: Any) -> Any:
        return tl.where(positive(x), branch(x), tl.where(positive(x - 1.0), tl.exp(branch(x)), x**3))

    holds(nested, slope, curvature)
    holds(lambda x: tl.exp(tl.where(positive(x), branch(x), 0.0)) * x, 1.0, 0.0)
    assert jvp(lambda x: tl.where(positive(x), branch(x), x**3), (x,), (1.0,))[1] == slope


def test_the_branch_taken_is_the_one_that_counts() -> None:
    check(lambda x: tl.where(positive(x), tl.log(x), tl.sqrt(-x)), [2.0], [0.5], [[-0.25]])
    check(lambda x: tl.where(positive(x), tl.log(x), tl.sqrt(-x)), [-4.0], [-0.25], [[-1.0 / 32.0]])

    def guarded(x: Any) -> Any:
        return tl.where(positive(x), tl.sqrt(tl.where(positive(x), x, 1.0)), 0.0)

    check(guarded, [0.0], [0.0], [[0.0]])
    check(guarded, [4.0], [0.25], [[-1.0 / 32.0]])


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
    """As norm's at the origin, also where the mean is rounded: the first derivative is 0, there is no second one."""
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


@pytest.mark.parametrize(("shift", "size"), [(0.0, 1.0), (1e16, 2.0), (1e8, 1e-6), (0.0, 1e-160), (0.0, 1e160)])
def test_variance_beside_a_large_mean(shift: float, size: float) -> None:
    """The rounding of the mean, which may be as large as the differences from it, changes nothing."""
    at = [shift, shift + size]
    size = at[1] - at[0]
    check(lambda *xs: tl.var(xs), at, [-0.5 * size, 0.5 * size], [[0.5, -0.5], [-0.5, 0.5]])
    check(lambda *xs: tl.var(xs, ddof=1), at, [-size, size], [[1.0, -1.0], [-1.0, 1.0]])
    check(lambda *xs: tl.std(xs), at, [-0.5, 0.5])
    assert tl.std(at) == 0.5 * size


@pytest.mark.parametrize("remainder", [tl.fmod, tl.mod])
def test_remainders(remainder: Function) -> None:
    """The derivative by the divisor is the whole number that was taken off, not a rounded a / b."""
    for a, b in [(7.0, 3.0), (-7.0, 3.0), (7.0, -3.0), (-7.0, -3.0), (1.0, 0.1), (0.3, 0.1), (6.0, 3.0), (-1e-20, 3.0)]:
        exact = Fraction(a) / Fraction(b)
        taken = math.trunc(exact) if remainder is tl.fmod else math.floor(exact)
        check(remainder, [a, b], [1.0, -float(taken)], zeros(2))
    check(lambda x: remainder(x, x), [3.0], [0.0], [[0.0]])
    assert (Value(-7.0) % 3.0).data == (-7.0 % Value(3.0)).data == (Value(-7.0) % Value(3.0)).data == 2.0
    assert grad(lambda b: 7 % b)(3.0) == -2.0 and grad(lambda a: a % 3)(7.0) == 1.0


def test_log_ndtr_far_out() -> None:
    """Density and distribution underflow at -40, and their quotient is -x + 1/x there; its slope is -1 + 1/x**2."""
    for x in (-40.0, -1e3, -1e5, -1e8, -1e10, -1e100):
        moments = [truth(ops.mills, float(n), -x) for n in (0, 1)]
        check(tl.log_ndtr, [x], [float(1 / moments[0])], [[float(-moments[1] / moments[0] ** 2)]])
    for x in (9.0, 30.0):
        density = math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
        check(tl.log_ndtr, [x], [density], [[-x * density]])
        assert hessian(tl.log_ndtr)(x) == pytest.approx(-x * density, rel=1e-13)
    assert tl.log_ndtr(-40.0) == pytest.approx(-804.6084420137538, rel=1e-15)


def test_the_ends_of_the_inverses() -> None:
    check(tl.erfinv, [1.0], [inf])
    check(tl.erfinv, [-1.0], [inf])
    check(tl.ndtri, [0.0], [inf])
    check(tl.ndtri, [1.0], [inf])
    check(tl.erfinv, [0.0], [0.5 * math.sqrt(math.pi)], [[0.0]])
    check(tl.ndtri, [0.5], [math.sqrt(2.0 * math.pi)], [[0.0]])
    for f, x in ((tl.erfinv, 1.5), (tl.ndtri, -0.5)):
        assert math.isnan(f(x)) and math.isnan(grad(f)(x))
    for p in (1e-300, 1e-16, 0.25, 0.5, 0.75, 1.0 - 1e-12):
        assert tl.normcdf(tl.ndtri(p)) == pytest.approx(p, rel=1e-12)
        assert grad(lambda p: tl.normcdf(tl.ndtri(p)))(p) == pytest.approx(1.0, rel=1e-12)


def test_no_second_derivative_is_made_up_where_the_inner_one_is_0() -> None:
    """norm([x**2]) is x**2, whose second derivative is 2; the chain rule multiplies what is not there with 2 * x."""
    check(lambda x: tl.norm([x**2]), [0.0], [0.0], [[nan]])
    check(lambda x: tl.norm([1.0 - tl.cos(x)]), [0.0], [0.0], [[nan]])
    check(lambda x, y: tl.norm([x * y]), [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x, y: tl.norm([x**2, y**2]) + x**2, [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x, y: tl.atan2(x**2, y**2), [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x, y: tl.atan2(x, y) * y, [0.0, 0.0], [0.0, 0.0], NONE)
    check(lambda x: tl.norm([x**2]) ** 2, [0.0], [0.0], [[0.0]], forward_may_be_nan=True)
    check(lambda w, x: w * tl.norm([x]), [3.0, 0.0], [0.0, 0.0], [[0.0, 0.0], [0.0, nan]])
    assert math.isnan(grad(lambda x: grad(grad(lambda x: tl.norm([x**2])))(x))(0.0))


@pytest.mark.parametrize("condition", [lambda x: x >= 0, lambda x: tl.step(x + 1.0)])
def test_a_branch_not_taken_has_no_missing_derivatives(condition: Function) -> None:
    def guarded(x: Any) -> Any:
        return tl.where(condition(x), x * x, tl.norm([x]))

    check(guarded, [0.0], [0.0], [[2.0]])
    assert grad(grad(tl.compile(guarded)))(0.0) == 2.0


def test_what_is_flat_behind_has_no_missing_derivatives() -> None:
    check(lambda x, y: tl.relu(tl.norm([x, y]) - 1.0), [0.0, 0.0], [0.0, 0.0], zeros(2))


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


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_atan2_of_extreme_points(size: float) -> None:
    check(tl.atan2, [3 * size, 4 * size], [0.16 / size, -0.12 / size])


def test_hypot_is_norm_of_two() -> None:
    """Also at the origin, and without overflow; beside a plain number that is not 0 there is no origin."""
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
    """Near 0, where the closed form loses all its digits, as well as on both sides of where the series ends."""
    with mpmath.workdps(1000):
        slope = float(mpmath.diff(mpmath.sincpi, mpmath.mpf(x)))
        curvature = float(mpmath.diff(mpmath.sincpi, mpmath.mpf(x), 2))
    for way, got in first_derivatives(tl.sinc, [x]).items():
        assert got == pytest.approx([slope], rel=2e-14, abs=0.0), way
    for way, rows in second_derivatives(tl.sinc, [x]).items():
        assert rows[0] == pytest.approx([curvature], rel=1e-13), way
    assert x or (slope, curvature) == (0.0, pytest.approx(-(math.pi**2) / 3))


def test_sinc_far_out() -> None:
    """Whole numbers are exact roots; the slope there is 1 / x, of alternating sign."""
    for x in (3.0, -8.0, 1001.0):
        assert tl.sinc(x) == 0.0
        check(tl.sinc, [x], [math.cos(math.pi * x) / x])
    for x in (inf, -inf):
        assert math.isnan(tl.sinc(x)) and math.isnan(grad(tl.sinc)(x))
    assert tl.sinc(1e300) == 0.0 and abs(grad(tl.sinc)(1e300)) < 1e-299


def test_cbrt_around_0() -> None:
    for x in (0.0, -0.0):
        check(tl.cbrt, [x], [inf])
    for sign in (1.0, -1.0):
        check(tl.cbrt, [sign * 8.0], [1 / 12], [[-sign / 144]])
        check(tl.cbrt, [sign * 1e-300], [1e200 / 3])
        check(tl.cbrt, [sign * 1e300], [1e-200 / 3])


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1e9, 1e200, 1e300])
def test_inverse_hyperbolic_functions_far_out_and_near_0(size: float) -> None:
    """sqrt(1 + x * x) would overflow."""
    for x in (size, -size):
        check(
            tl.asinh, [x], [1 / size if size > 1.0 else 1.0], [[0.0 if size > 1e160 else -x / math.hypot(x, 1.0) ** 3]]
        )
    if size > 1.0:
        check(tl.acosh, [size], [1 / size], [[-1 / size / size]])
    else:
        check(tl.atanh, [size], [1.0], [[2 * size]])


def test_inverse_hyperbolic_functions_at_their_ends() -> None:
    check(tl.acosh, [1.0], [inf], [[-inf]])
    check(tl.acosh, [1.0 + 2.0**-52], [2.0**25.5], None)
    check(tl.acosh, [0.5], [nan], [[nan]])
    for x in (1.0, -1.0):
        check(tl.atanh, [x], [inf], [[x * inf]])
        check(tl.atanh, [x * (1.0 - 2.0**-53)], [2.0**52 / (1.0 - 2.0**-54)])


def test_logit_at_its_ends_and_in_the_middle() -> None:
    check(tl.logit, [0.0], [inf], [[-inf]])
    check(tl.logit, [1.0], [inf], [[inf]])
    check(tl.logit, [0.5], [4.0], [[0.0]])
    check(tl.logit, [1e-200], [1e200])
    check(tl.logit, [1.0 - 2.0**-53], [2.0**53 / (1.0 - 2.0**-53)])
    check(lambda x: tl.logit(tl.sigmoid(x)), [0.75], [1.0])
    check(lambda p: tl.sigmoid(tl.logit(p)), [0.3], [1.0])


@pytest.mark.parametrize("top", [0.0, 3.0, 1000.0, -1000.0, 1e300])
def test_logaddexp_of_ties_and_of_large_inputs(top: float) -> None:
    check(tl.logaddexp, [top, top], [0.5, 0.5], [[0.25, -0.25], [-0.25, 0.25]])
    check(tl.logaddexp, [top, -inf], [1.0, 0.0], zeros(2))
    check(tl.logaddexp, [inf, top], [1.0, 0.0], zeros(2), forward_may_be_nan=True)
    assert tl.logaddexp(top, -inf) == top


def test_logaddexp_of_alike_infinities() -> None:
    """A tie: what is masked out on both sides gets finite derivatives, and disturbs nothing."""
    for x in (inf, -inf):
        check(tl.logaddexp, [x, x], [0.5, 0.5])
    check(lambda x, y: tl.logaddexp(tl.logaddexp(x, x), y), [-inf, 1.0], [0.0, 1.0], zeros(2))


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


@pytest.mark.parametrize("shift", [0.0, 1000.0, -1000.0, 1e15])
def test_logsumexp_and_softmax_of_large_inputs(shift: float) -> None:
    """A shift, exact in these numbers, changes no derivative."""
    p = [1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))]
    at = [shift + 1.0, shift]
    q = p[0] * p[1]
    curvature = [[q, -q], [-q, q]]
    check(lambda *xs: tl.logsumexp(xs), at, p, curvature)
    # The result's rounding, of the size of the shift, stays in differences with it.
    if abs(shift) <= 1000.0:
        check(lambda *xs: tl.log_softmax(xs)[0], at, [1.0 - p[0], -p[1]], [[-x for x in row] for row in curvature])
        for got in first_derivatives(lambda *xs: tl.softmax(xs)[0], at).values():
            assert got == pytest.approx([q, -q], rel=1e-12)


def test_logsumexp_and_softmax_with_minus_infinity() -> None:
    """What is masked out gets no gradient and disturbs nothing."""
    at = [-inf, 1.0, 1.0]
    quarter = [[0.0, 0.0, 0.0], [0.0, 0.25, -0.25], [0.0, -0.25, 0.25]]
    check(lambda *xs: tl.logsumexp(xs), at, [0.0, 0.5, 0.5], quarter)
    check(lambda *xs: tl.softmax(xs)[0], at, [0.0, 0.0, 0.0], zeros(3))
    check(lambda *xs: tl.softmax(xs)[1], at, [0.0, 0.25, -0.25], zeros(3))
    check(lambda *xs: tl.log_softmax(xs)[1], at, [0.0, 0.5, -0.5], [[-x for x in row] for row in quarter])
    check(lambda *xs: tl.logsumexp(xs), [0.0, 1e6], [0.0, 1.0], zeros(2))


REPEATED: dict[str, tuple[Function, float, float, float]] = {
    "x * x": (lambda x: x * x, 3.0, 6.0, 2.0),
    "x / x": (lambda x: x / x, 3.0, 0.0, 0.0),
    "x - x": (lambda x: x - x, 3.0, 0.0, 0.0),
    "x + x": (lambda x: x + x, 3.0, 2.0, 0.0),
    "x ** x": (lambda x: x**x, 2.0, 4 * (1 + math.log(2)), 4 * (1 + math.log(2)) ** 2 + 2),
    "dot": (lambda x: tl.dot([x, x], [x, x], x), 3.0, 13.0, 4.0),
    "norm": (lambda x: tl.norm([x, x]), 2.0, math.sqrt(2), 0.0),
    "atan2": (lambda x: tl.atan2(x, x), 2.0, 0.0, 0.0),
    "logsumexp": (lambda x: tl.logsumexp([x, x, x]), 2.0, 1.0, 0.0),
    "logaddexp": (lambda x: tl.logaddexp(x, x), 2.0, 1.0, 0.0),
    "hypot": (lambda x: tl.hypot(x, x), 2.0, math.sqrt(2), 0.0),
    "xlogy": (lambda x: tl.xlogy(x, x), 2.0, 1 + math.log(2), 0.5),
    "sum": (lambda x: tl.ops.sum([x, x, x]), 2.0, 3.0, 0.0),
    "mean": (lambda x: tl.mean([x, x, x * x]), 3.0, 8 / 3, 2 / 3),
    "prod": (lambda x: tl.prod([x, x, x]), 2.0, 12.0, 12.0),
    "prod at 0": (lambda x: tl.prod([x, x]), 0.0, 0.0, 2.0),
    "maximum": (lambda x: tl.maximum(x, x), 2.0, 1.0, 0.0),
    "where": (lambda x: tl.where(x, x * x, x), 2.0, 4.0, 2.0),
    "take": (lambda x: tl.take([x, x * x], 1), 2.0, 4.0, 2.0),
    "clip": (lambda x: tl.clip(x, x, x), 2.0, 1.0, 0.0),
    "x with exponent and base": (lambda x: (x * x) ** (x - x + 2.0), 2.0, 32.0, 48.0),
}


@pytest.mark.parametrize("name", REPEATED)
def test_repeated_arguments(name: str) -> None:
    f, x, slope, curvature = REPEATED[name]
    for way, got in first_derivatives(f, [x]).items():
        assert got == pytest.approx([slope], rel=1e-14, abs=1e-14), way
    for way, rows in second_derivatives(f, [x]).items():
        assert rows[0] == pytest.approx([curvature], rel=1e-14, abs=1e-14), way


def test_products_with_zeros() -> None:
    def product(*xs: Any) -> Any:
        return tl.prod(xs)

    check(product, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0], [[0.0, 3.0, 2.0], [3.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    check(product, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    check(product, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], zeros(3))
    check(product, [0.0], [1.0], [[0.0]])


FAR: dict[str, tuple[float, float]] = {
    "sigmoid": (0.0, 0.0),
    "softplus": (0.0, 1.0),
    "tanh": (0.0, 0.0),
    "erf": (0.0, 0.0),
    "erfc": (0.0, 0.0),
    "floor": (0.0, 0.0),
    "round": (0.0, 0.0),
    "normcdf": (0.0, 0.0),
    "gelu": (0.0, 1.0),
    "silu": (0.0, 1.0),
    "elu": (0.0, 1.0),
    "atan": (0.0, 0.0),
}


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("side", [0, 1])
def test_far_out(name: str, side: int) -> None:
    sizes = [1e160, 1e300] + [1000.0] * (name != "atan") + [inf] * (name not in ("gelu", "silu"))
    for size in sizes:
        check(ops.TABLE[name], [size if side else -size], [FAR[name][side]], [[0.0]], forward_may_be_nan=size == inf)


@pytest.mark.parametrize("x", [-50.0, -700.0])
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "exp", "elu"])
def test_left_tails_keep_their_digits(name: str, x: float) -> None:
    check(ops.TABLE[name], [x], [math.exp(x)])
    for way, rows in second_derivatives(ops.TABLE[name], [x]).items():
        assert rows[0][0] == pytest.approx(math.exp(x), rel=1e-14, abs=0.0), way


@pytest.mark.parametrize("x", [1e-10, 1e-100, -1e-10, -1e-100])
def test_lgamma_of_small_numbers(x: float) -> None:
    """It is -log(abs(x)) there, but for Euler's constant times x, and less."""
    check(tl.lgamma, [x], [-1.0 / x - 0.5772156649015329], [[1.0 / x / x]])


def test_a_quotient_by_a_plain_zero() -> None:
    check(lambda x: x / 0.0, [1.0], [inf])
    check(lambda x: x / -0.0, [1.0], [-inf])
    assert grad(grad(lambda x: x / 0.0))(1.0) == 0.0


# A flat operation between an infinite slope and x: the whole is constant in x.
BLOCKED: dict[str, tuple[Function, float]] = {
    "stop_gradient": (lambda x: tl.sqrt(tl.stop_gradient(x)), 0.0),
    "relu": (lambda x: tl.sqrt(tl.relu(x)), -1.0),
    "leaky_relu": (lambda x: tl.sqrt(tl.leaky_relu(x, 0.0)), -1.0),
    "elu": (lambda x: tl.sqrt(tl.elu(x, 0.0)), -1.0),
    "maximum": (lambda x: tl.sqrt(tl.maximum(x, 0.0)), -1e-12),
    "maximum of the second": (lambda x: tl.log(tl.maximum(0.0, x)) * 0.0 + tl.sqrt(tl.maximum(0.0, x)), -2.0),
    "minimum": (lambda x: tl.sqrt(1.0 - tl.minimum(x, 1.0)), 2.0),
    "clip": (lambda x: tl.acos(tl.clip(x, -1.0, 1.0)), 1.2),
    "clip, the bound": (lambda x: tl.sqrt(tl.clip(0.0, x, 1.0)), -1.0),
    "step": (lambda x: tl.sqrt(tl.step(x)), -1.0),
    "sign": (lambda x: tl.sqrt(tl.sign(x) + 1.0), -1.0),
    "floor": (lambda x: tl.sqrt(tl.floor(x)), 0.5),
    "ceil": (lambda x: tl.sqrt(tl.ceil(x)), -0.5),
    "trunc": (lambda x: tl.sqrt(tl.trunc(x)), 0.5),
    "round": (lambda x: tl.sqrt(tl.ops.round(x)), 0.5),
    "less": (lambda x: tl.sqrt(tl.less(x, 0.0)), 1.0),
    "equal": (lambda x: tl.sqrt(tl.equal(x, 0.0)), 1.0),
    "not_equal": (lambda x: tl.sqrt(tl.not_equal(x, 0.0)), 0.0),
    "where": (lambda x: tl.sqrt(tl.where(tl.less(x, 0.0), 0.0 * x.detach(), x)), -1.0),
    "take": (lambda x: tl.sqrt(tl.take([x.detach() * 0.0, x], tl.less(0.0, x))), -1.0),
    "power 0": (lambda x: tl.sqrt(x**0 - 1.0), 3.0),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_nothing_passes_what_is_flat_be_the_adjoint_infinite(name: str) -> None:
    f, x = BLOCKED[name]
    uncertain = name in ("where", "take", "maximum of the second")
    check(lambda x: x * x + f(x), [x], [2.0 * x], [[2.0]], forward_may_be_nan=uncertain)
    check(lambda x: x + f(x) * f(x) + nan * tl.stop_gradient(f(x)), [x], [1.0])


@pytest.mark.parametrize("executor", ["array", "native"])
@pytest.mark.parametrize("name", BLOCKED)
def test_nothing_passes_what_is_flat_in_compiled_functions(name: str, executor: Any) -> None:
    """Differentiated inside, outside, in a batch, with leaves that are captured, and to the second order."""
    f, x = BLOCKED[name]
    whole = tl.compile(lambda x: x * x + f(x), executor=executor)
    assert tl.compile(grad(lambda x: x * x + f(x)), executor=executor)(x) == 2.0 * x
    assert grad(whole)(x) == 2.0 * x and grad(grad(whole))(x) == 2.0
    w = Value(x)
    captured = tl.compile(lambda t: t * w * w + f(w), executor=executor)
    captured.batch([1.0, 2.0], reduce="sum").backward()
    assert w.grad == 6.0 * x
    assert gradients(captured.batch([1.0, 1.0]), [w], create_graph=True)[0].data == 2.0 * x


@pytest.mark.parametrize("executor", ["array", "native"])
def test_a_compiled_node_is_flat_where_its_graph_is(executor: Any) -> None:
    """The adjoint that is infinite comes from outside; that the derivative is 0 says nothing of why."""
    w = Value(-1.0)
    for relu, square in (
        (lambda: tl.compile(tl.relu, executor=executor)(w), lambda: tl.compile(lambda x: (x + 1.0) ** 2)(w)),
        (
            lambda: tl.compile(lambda t: tl.relu(w * t), executor=executor).batch([1.0, 2.0]),
            lambda: tl.compile(lambda t: t * (w + 1.0) ** 2, executor=executor).batch([1.0, 2.0], reduce="sum"),
        ),
    ):
        w.grad = 0.0
        (tl.sqrt(relu()) + w).backward()
        assert w.grad == gradients(tl.sqrt(relu()) + w, [w], create_graph=True)[0].data == 1.0
        w.grad = 0.0
        tl.sqrt(square()).backward()
        assert math.isnan(w.grad)


def test_infinite_adjoints_of_a_fixed_point_that_end_at_what_is_flat() -> None:
    def f(a: Any) -> Any:
        return tl.sqrt(tl.relu(tl.fixed_point(lambda z, a: 0.5 * z + a, 0.1, a).values))

    assert grad(f)(-1.0) == tl.compile(grad(f))(-1.0) == grad(tl.compile(f))(-1.0) == 0.0
    assert tl.compile(grad(f)).batch([-1.0, 2.0], reduce=None).tolist() == pytest.approx([0.0, grad(f)(2.0)])


def test_hooks_and_reports_see_what_is_blocked() -> None:
    x = Value(-1.0, label="x")
    y = tl.sqrt(tl.relu(x))
    seen: list[float] = []
    with x.register_hook(seen.append):
        y.backward()
    assert seen == [0.0] and tl.engine.contributions(y.parents[0], math.inf) == [0.0]
    found = tl.explain_nan(y)
    assert found.kind is None and "go no further than what is flat: relu(x)" in str(found)
    assert "total" in str(y.explain(wrt=x)) and y.explain(wrt=x).derivative == 0.0
    assert y.explain(wrt=x, by="paths").terms[0].contribution == 0.0
    assert tl.explain_nan(tl.sqrt(Value(0.0, label="x"))).kind == "derivative"


def test_the_adjoint_fixed_point_passes_what_is_flat_by() -> None:
    """z = relu(z - 1) + w: the linear map of its adjoints has no edge where relu is flat."""
    w = Value(0.25)
    z = tl.fixed_point(lambda z: tl.relu(z - 1.0) + w, 0.0).values
    (z * z).backward()
    assert w.grad == 0.5


def test_the_examples_of_blocking() -> None:
    assert grad(lambda x: x + tl.sqrt(tl.stop_gradient(x)))(0.0) == 1.0
    assert grad(lambda x: tl.sqrt(tl.relu(x)))(-1.0) == 0.0
    assert grad(lambda x: tl.acos(tl.clip(x, -1.0, 1.0)))(1.2) == 0.0


def test_what_merely_happens_to_be_zero_is_multiplied() -> None:
    for f in (lambda x: tl.sqrt(x * x), lambda x: tl.sqrt(tl.abs(x)), lambda x: tl.sqrt(x**2), lambda x: tl.log(x * x)):
        check(f, [0.0], [nan])


def test_a_tangent_that_happens_to_be_zero_moves() -> None:
    """(x ** 3) ** (1 / 3) is x: forward mode does not make 0 of what it does not know."""
    check(lambda x: (x**3) ** (1 / 3), [0.0], [nan])
    assert math.isnan(hvp(lambda x: (x[0] ** 3) ** (1 / 3), [0.0], [1.0])[0])


def test_custom_rules_block_by_a_plain_zero_or_where_they_are_declared_flat(own_operations: Any) -> None:
    plain = own_operations("plain_gate", lambda x: max(x, 0.0), lambda g, y, x: g if y.data > 0 else 0.0)
    declared = own_operations("flat_gate", lambda x: max(x, 0.0), lambda g, y, x: g * tl.step(x), flat=True)
    neither = own_operations("open_gate", lambda x: max(x, 0.0), lambda g, y, x: g * tl.step(x))
    for gate in (plain, declared):
        check(lambda x, gate=gate: x + tl.sqrt(gate(x)), [-1.0], [1.0])
    check(lambda x: x + tl.sqrt(neither(x)), [-1.0], [nan])
