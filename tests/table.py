"""What tests need from the table of operations: points in each row's domain, and its value by mpmath."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import mpmath
from mpmath import mp, mpf

from tinygrad_lite import Value, ops
from tinygrad_lite.floats import normal_law
from tinygrad_lite.ops import Op

DIGITS = 50
EPSILON = 2.0**-52


def _erfc(x: Any) -> Any:
    """mpmath's erfc; far out, where it overflows, the limits."""
    return mpmath.erfc(x) if abs(x) < 1e5 else mpf(0 if x > 0 else 2)


def _log_ndtr(x: Any) -> Any:
    """By the asymptotic series far out on the left, where mpmath's erfc underflows."""
    if x > -1e4:
        tail = _erfc(abs(x) / mpmath.sqrt(2)) / 2
        return mpmath.log1p(-tail) if x > 0 else mpmath.log(tail)
    return -x * x / 2 + mpmath.log(_mills(0, -x) / mpmath.sqrt(2 * mpmath.pi))


def _mills(n: int, x: Any) -> Any:
    """By erfc and integration by parts, or by the asymptotic series (Abramowitz & Stegun 19.8.1)."""
    if x < 1e4:
        with mp.workprec(mp.prec + 30 * (n + 1)):  # the subtracted terms are up to x**2 times as large as the result
            before, found = mpf(1), mpmath.sqrt(mpmath.pi / 2) * mpmath.exp(x * x / 2) * _erfc(x / mpmath.sqrt(2))
            for k in range(n):
                before, found = found, (k or 1) * before - x * found
        return +found
    terms = [(-1) ** k * mpmath.factorial(n + 2 * k) / (mpmath.factorial(k) * (2 * x * x) ** k) for k in range(12)]
    return mpmath.fsum(terms) / x ** (n + 1)


def _ndtri(p: Any) -> Any:
    if not 0 < p < 1:
        raise ValueError(f"ndtri({p})")
    if p > 0.5:
        return -_ndtri(1 - p)
    y, bits, log_p = mpf(normal_law.ndtri(float(p))), 40, mpmath.log(p)
    while bits < mp.prec:  # Newton's, for the logarithm, which doubles the bits that are right
        below = _erfc(-y / mpmath.sqrt(2)) / 2
        y -= (mpmath.log(below) - log_p) * below * mpmath.sqrt(2 * mpmath.pi) * mpmath.exp(y * y / 2)
        bits *= 2
    return y


def _var(xs: Any, ddof: Any) -> Any:
    mean = mpmath.fsum(xs) / len(xs)
    return mpmath.fsum((x - mean) ** 2 for x in xs) / (len(xs) - ddof)


TRUTH: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "fmod": lambda a, b: mpmath.sign(a) * (abs(a) % abs(b)),
    "mod": lambda a, b: a % b,
    "pow": lambda x, n: x**n,
    "neg": lambda x: -x,
    "abs": abs,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "exp2": lambda x: mpf(2) ** x,
    "log2": lambda x: mpmath.log(x, 2),
    "xlogy": lambda a, b: a * mpmath.log(b) if a else mpf(0),
    "sinc": mpmath.sincpi,
    "logit": lambda p: mpmath.log(p / (1 - p)),
    "logaddexp": lambda a, b: max(a, b) + mpmath.log1p(mpmath.exp(-abs(a - b))),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "relu": lambda x: max(x, mpf(0)),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * mpmath.expm1(x),
    "gelu": lambda x: x * _erfc(-x / mpmath.sqrt(2)) / 2,
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "step": lambda x: mpf(x > 0),
    "sign": mpmath.sign,
    "trunc": lambda x: mpmath.sign(x) * mpmath.floor(abs(x)),
    "round": mpmath.nint,
    "maximum": max,
    "minimum": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "less": lambda a, b: mpf(a < b),
    "less_equal": lambda a, b: mpf(a <= b),
    "equal": lambda a, b: mpf(a == b),
    "not_equal": lambda a, b: mpf(a != b),
    "where": lambda c, a, b: a if c else b,
    "take": lambda table, i: table[int(i)],
    "identity": lambda x: x,
    "stop_gradient": lambda x: x,
    "erfc": lambda x: _erfc(x),
    "normcdf": lambda x: _erfc(-x / mpmath.sqrt(2)) / 2,
    "log_ndtr": lambda x: _log_ndtr(x),
    "ndtri": lambda p: _ndtri(p),
    "mills": lambda n, x: _mills(int(n), x),
    "lgamma": mpmath.loggamma,
    "polygamma": lambda n, x: mpmath.polygamma(int(n), x),
    "sum": mpmath.fsum,
    "prod": mpmath.fprod,
    "dot": lambda xs, ys, start: mpmath.fdot(xs, ys) + start,
    "mean": lambda xs: mpmath.fsum(xs) / len(xs),
    "var": lambda xs, ddof=0: _var(xs, ddof),
    "std": lambda xs, ddof=0: mpmath.sqrt(_var(xs, ddof)),
    "logsumexp": lambda xs: max(xs) + mpmath.log(mpmath.fsum(mpmath.exp(x - max(xs)) for x in xs)),
    "norm": lambda xs: mpmath.sqrt(mpmath.fsum(x * x for x in xs)),
}
# Operations and positions of arguments that get no gradient, whatever the function does.
NO_GRADIENT = {("stop_gradient", 0), ("take", 1)}
SEQUENCE_LENGTH = 5


def exactly(row: Op) -> Callable[..., Any]:
    """The operation on mpmath's numbers."""
    found: Callable[..., Any] = TRUTH.get(row.name) or getattr(mpmath, row.name)
    return found


def truth(row: Op, *args: Any) -> Any:
    """The operation's value to DIGITS digits."""
    with mp.workdps(DIGITS):
        return exactly(row)(*[[mpf(x) for x in a] if isinstance(a, tuple) else mpf(a) for a in args])


def points(row: Op, count: int = 40, reach: float = 8.0) -> list[tuple[Any, ...]]:
    """Arguments from the row's domain, magnitudes from 10**-reach to 10**reach evenly by logarithm, always the same."""
    source = random.Random(f"{row.name} {reach}")
    return [_point(row, source, reach) for _ in range(count)]


def _point(row: Op, source: random.Random, reach: float) -> tuple[Any, ...]:
    args: list[Any] = []
    for position, interval in enumerate(row.domain):
        if position in row.sequences:
            args.append(tuple(_draw(source, interval, reach) for _ in range(SEQUENCE_LENGTH)))
        else:
            args.append(_draw(source, interval, reach))
    if row is ops.pow:
        # Where n - 1 is exact, x may be anything; elsewhere the rounding of n - 1 counts log(x) times.
        if source.random() < 0.5:
            args[1] = source.randrange(-64, 65) / 8
        else:
            args = [10 ** source.uniform(-2, 2), source.uniform(-4, 4)]
    elif row in (ops.polygamma, ops.mills):
        args[0] = float(source.randrange(5))
    elif row in (ops.var, ops.std):
        args[1] = float(source.randrange(2))
    elif row is ops.take:
        args[1] = float(source.randrange(SEQUENCE_LENGTH))
    elif row is ops.dot:
        args[1] = tuple(-y for y in args[1])
    return tuple(args)


def _draw(source: random.Random, interval: tuple[float, float], reach: float) -> float:
    low, high = interval
    if math.isfinite(low) and math.isfinite(high):
        return source.uniform(low, high)
    size = 10 ** source.uniform(-reach, reach)
    if math.isinf(low) and math.isinf(high):
        return size * source.choice((-1, 1))
    return low + size


def as_float(x: Any) -> float:
    """The nearest float, or inf if it is too large."""
    return float(mpmath.re(x))


def flat(args: tuple[Any, ...]) -> list[Any]:
    return [x for a in args for x in (a if isinstance(a, tuple) else (a,))]


def owners(args: tuple[Any, ...]) -> list[int]:
    """For each number of flat(args), the position of the argument that it belongs to."""
    return [i for i, a in enumerate(args) for _ in (a if isinstance(a, tuple) else (a,))]


def differentiable(row: Op) -> list[int]:
    """Positions of the arguments that have a rule."""
    return [i for i, rule in enumerate(row.rules) if rule is not None]


def with_leaves(row: Op, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[Value]]:
    """The arguments as leaves where they have a rule, and those leaves in order."""
    leaves: list[Value] = []

    def leaf(x: float) -> Value:
        leaves.append(Value(x))
        return leaves[-1]

    made = [
        a if row.rules[i] is None else tuple(map(leaf, a)) if isinstance(a, tuple) else leaf(a)
        for i, a in enumerate(args)
    ]
    return tuple(made), leaves
