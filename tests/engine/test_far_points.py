"""First and second derivatives at the ends of domains and in the tails, where digits are lost or numbers overflow."""

from __future__ import annotations

import math
from math import inf, nan

import pytest
from table import truth
from test_singular_points import check, first_derivatives, second_derivatives, zeros

import tinygrad_lite as tl
from tinygrad_lite import grad, hessian, ops


@pytest.mark.parametrize(("shift", "size"), [(0.0, 1.0), (1e16, 2.0), (1e8, 1e-6), (0.0, 1e-160), (0.0, 1e160)])
def test_variance_beside_a_large_mean(shift: float, size: float) -> None:
    """The rounding of the mean, which may be as large as the differences from it, changes nothing."""
    at = [shift, shift + size]
    size = at[1] - at[0]
    check(lambda *xs: tl.var(xs), at, [-0.5 * size, 0.5 * size], [[0.5, -0.5], [-0.5, 0.5]])
    check(lambda *xs: tl.var(xs, ddof=1), at, [-size, size], [[1.0, -1.0], [-1.0, 1.0]])
    check(lambda *xs: tl.std(xs), at, [-0.5, 0.5])
    assert tl.std(at) == 0.5 * size


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


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_atan2_of_extreme_points(size: float) -> None:
    check(tl.atan2, [3 * size, 4 * size], [0.16 / size, -0.12 / size])


def test_sinc_far_out() -> None:
    """Whole numbers are exact roots; the slope there is 1 / x, of alternating sign."""
    for x in (3.0, -8.0, 1001.0):
        assert tl.sinc(x) == 0.0
        check(tl.sinc, [x], [math.cos(math.pi * x) / x])
    for x in (inf, -inf):
        assert math.isnan(tl.sinc(x)) and math.isnan(grad(tl.sinc)(x))
    assert tl.sinc(1e300) == 0.0 and abs(grad(tl.sinc)(1e300)) < 1e-299


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
    for zero, slope in ((0.0, inf), (-0.0, -inf)):
        for f in (lambda p: inf * tl.logit(p), lambda p: tl.logit(p) ** 3):  # the adjoint of logit is infinite
            assert grad(f)(zero) == slope
            assert float(tl.gradients(f(x := tl.Value(zero)), [x], create_graph=True)[0].data) == slope
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
    """A tie: entries that are masked out on both sides get finite derivatives and change nothing."""
    for x in (inf, -inf):
        check(tl.logaddexp, [x, x], [0.5, 0.5])
    check(lambda x, y: tl.logaddexp(tl.logaddexp(x, x), y), [-inf, 1.0], [0.0, 1.0], zeros(2))


@pytest.mark.parametrize("shift", [0.0, 1000.0, -1000.0, 1e15])
def test_logsumexp_and_softmax_of_large_inputs(shift: float) -> None:
    """A shift, which is exact for these numbers, changes no derivative."""
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
    """A masked entry gets no gradient and changes nothing."""
    at = [-inf, 1.0, 1.0]
    quarter = [[0.0, 0.0, 0.0], [0.0, 0.25, -0.25], [0.0, -0.25, 0.25]]
    check(lambda *xs: tl.logsumexp(xs), at, [0.0, 0.5, 0.5], quarter)
    check(lambda *xs: tl.softmax(xs)[0], at, [0.0, 0.0, 0.0], zeros(3))
    check(lambda *xs: tl.softmax(xs)[1], at, [0.0, 0.25, -0.25], zeros(3))
    check(lambda *xs: tl.log_softmax(xs)[1], at, [0.0, 0.5, -0.5], [[-x for x in row] for row in quarter])
    check(lambda *xs: tl.logsumexp(xs), [0.0, 1e6], [0.0, 1.0], zeros(2))


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
