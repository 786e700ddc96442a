"""The table of operations: one row holds everything about an operation.

A rule is the derivative with respect to one argument, times the adjoint g of the result y. Rules are written in the
table's own operations, so the same text runs on Values (for higher derivatives and traces), on formulas, and, for plain
numbers, on Values that are not recorded. A rule has no `if`: `where` and `step` choose instead.

A sequence argument (`*xs`) arrives as a tuple, and its rule returns one contribution for each element.
"""

from __future__ import annotations

import math
import sys

from .errors import ShapeError, made_by_hand
from .floats import gamma, ieee, normal_law, sequences
from .floats.reals import FLAT, as_float, as_sequence

TYPE_CHECKING = False  # type checkers read it as True; importing typing takes longer than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Rule = Callable[..., Any]
    Interval = tuple[float, float]


class Op:
    """A row of the table: an operation's value, derivative rules, array form, symbol, and the domain for tests.

    name       its name, also as a method of Value; `aliases` are NumPy's names for it
    value      floats in, float out, by IEEE 754: inf and nan instead of exceptions
    rules      one for each argument: (g, y, *args) -> contribution; None if the argument takes plain numbers only
    args       names of the arguments; `*xs` is a sequence, `slope=0.01` has a default
    array      the value as an expression on arrays, with the function names of the Python array API standard
    symbol     how pictures and formulas write it
    domain     one interval for each argument, from which tests draw
    flat       True: the derivative is exactly zero over whole regions, and there nothing passes, even if the adjoint is
               infinite or nan: a mask selects, it does not multiply. None: only some arguments are flat (x ** 0), and
               the rules show which: they give 0 for an infinite adjoint
    conventional  at the origin (for std, where the result is 0) the derivative is 0 only by convention, so there is no
               second derivative
    beside     positions of the arguments that are single numbers, in a row that also takes sequences
    code       its position in ROWS, which nodes store; rows that may be freed share the code of `custom`
    """

    __slots__ = (
        "aliases", "args", "arity", "array", "beside", "code", "conventional", "defaults", "doc", "domain", "flat",
        "name", "places", "rules", "sequences", "symbol", "value",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        value: Callable[..., float],
        rules: Sequence[Rule | None],
        *,
        array: str,
        doc: str,
        args: str = "x",
        symbol: str = "",
        domain: Sequence[Interval],
        aliases: Sequence[str] = (),
        flat: bool | None = False,
        conventional: bool = False,
        code: int | None = None,
    ) -> None:
        names, defaults, sequences = [], [], []
        for position, text in enumerate(args.split()):
            argument, _, default = text.partition("=")
            names.append(argument.lstrip("*"))
            if argument.startswith("*"):
                sequences.append(position)
            if default:
                defaults.append(float(default))
        self.name, self.value, self.rules, self.array, self.doc = name, value, tuple(rules), array, doc
        self.args, self.defaults, self.sequences = tuple(names), tuple(defaults), tuple(sequences)
        self.beside = tuple([k for k in range(len(names)) if sequences and k not in sequences])
        self.symbol, self.domain, self.aliases, self.flat = symbol or name, tuple(domain), tuple(aliases), flat
        self.conventional = conventional
        if not len(self.args) == len(self.rules) == len(self.domain):
            raise ValueError(f"operation {name!r}: {len(self.args)} arguments need as many rules and intervals")
        self.arity = -1 if sequences else len(self.args)
        self.places = tuple([f"{self.signature}: {name}" for name in self.args])
        if code is None:
            ROWS.append(self)
        self.code = len(ROWS) - 1 if code is None else code

    def __repr__(self) -> str:
        return f"<operation {self.signature}>"

    @property
    def signature(self) -> str:
        """The name with its arguments, such as `clip(x, low, high)`."""
        plain = len(self.args) - len(self.defaults)
        texts = list(self.args[:plain]) + [f"{a}={d:g}" for a, d in zip(self.args[plain:], self.defaults, strict=True)]
        return f"{self.name}({', '.join(texts)})"

    def _ordered(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments of a call in order, including those given by name."""
        rest = self.args[len(args) :]
        unknown = [name for name in named if name not in rest]
        missing = [name for name in rest[: max(0, len(rest) - len(self.defaults))] if name not in named]
        if unknown or missing:
            raise TypeError(f"{self.signature} got {unknown or 'nothing'} by name, and lacks {missing or 'nothing'}")
        defaults = dict(zip(self.args[-len(self.defaults) :], self.defaults, strict=False)) if self.defaults else {}
        return (*args, *[named.get(name, defaults.get(name)) for name in rest])

    def bind(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments of a call, defaults filled in and sequences turned into tuples."""
        missing = len(self.args) - len(args)
        if missing < 0 or missing > len(self.defaults):
            raise TypeError(f"{self.signature} got {len(args)} arguments")
        bound = [*args, *self.defaults[len(self.defaults) - missing :]] if missing else list(args)
        for position in self.sequences:
            bound[position] = as_sequence(self.places[position], bound[position])
        for position in self.beside:
            if type(bound[position]) is not float:
                bound[position] = self.number(position, bound[position])
        return tuple(bound)

    def blocks(self, y: Any, args: Sequence[Any], k: int) -> bool:
        """Whether the operation is flat in its k-th number, so that nothing passes to it where its derivative is 0.

        k     counts through the arguments, and through the elements of those that are sequences
        args  what the rules take: numbers that record nothing, and tuples of them
        """
        if self.flat is not None:
            return self.flat
        try:
            for rule, arg in zip(self.rules, args, strict=True):
                size = len(arg) if type(arg) is tuple else 1
                if k < size:
                    found = None if rule is None else rule(_INF, y, *args)
                    contribution = list(found)[k] if type(arg) is tuple and found is not None else found
                    return bool(getattr(contribution, "data", contribution) == 0.0)
                k -= size
        except Exception:  # a user's own rule that does not accept infinities
            pass
        return False

    def number(self, position: int, x: Any) -> Any:
        """Checks one number of the argument at a position. A Value or another recorder stays, others become floats."""
        if type(x) is float or hasattr(type(x), "_apply"):
            return x
        return as_float(self.places[position], x, FLAT if position in self.sequences else self._for_each(position, x))

    def _for_each(self, position: int, x: Any) -> str:
        """What to write for many numbers: a call for each, or NumPy's function of the same name, which takes arrays."""
        text = f"call it for each, [{self.name}({', '.join(self.args)}) for {self.args[position]} in ...]"
        numpy = sys.modules.get("numpy")
        if numpy is None or not hasattr(x, "dtype"):
            return text
        names = [name for name in (self.name, *self.aliases) if isinstance(getattr(numpy, name, None), numpy.ufunc)]
        return f"{text}, or numpy.{names[0]} of the array" if names else text

    def __reduce__(self) -> tuple[Any, ...]:
        return _row, (self.name,)

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Records the operation if an argument is a Value or another recorder; plain numbers give a plain number."""
        if named:
            args = self._ordered(args, named)
        complete = len(args) == self.arity
        if not complete:
            args = self.bind(args)
            complete = not self.sequences
        for item in args if complete else _items(args):
            if type(item) is not float:  # asking a float for an attribute that it lacks takes longest
                apply = getattr(type(item), "_apply", None)
                return self._of_others(args) if apply is None else apply(self, args)
        return self.value(*args)

    def _of_others(self, args: tuple[Any, ...]) -> Any:
        """Computes the operation for arguments that are neither floats nor Values: ints and such, or not numbers."""
        for item in _items(args):
            apply = getattr(type(item), "_apply", None)
            if apply is not None:
                return apply(self, args)
        numbers: list[Any] = []
        for k, arg in enumerate(args):
            numbers.append(tuple([self.number(k, x) for x in arg]) if k in self.sequences else self.number(k, arg))
        return self.value(*numbers)


def _row(name: str) -> Op:
    return TABLE[name]


def _items(args: tuple[Any, ...]) -> Iterator[Any]:
    for argument in args:
        if type(argument) is tuple:
            yield from argument
        else:
            yield argument


class Affine(float):
    """A number with its derivatives at a point: all that is known about a result made by hand."""

    point: Sequence[float]
    slopes: Sequence[float]

    def value(self, xs: Sequence[float]) -> float:
        """The linear function that has this number and these derivatives at the point."""
        triples = zip(self.slopes, xs, self.point, strict=True)
        return math.fsum([float(self), *[slope * (x - x0) for slope, x, x0 in triples if x != x0]])


def no_second(g: Any, y: Any, xs: Any, known: Affine) -> Any:
    """The rule of a result made by hand: only its number and its local derivatives are known."""
    if getattr(y, "kind", None) == "result":
        raise made_by_hand("second ones")
    return [g * slope for slope in known.slopes]


ROWS: list[Op] = []

_INF = math.inf
REAL, POSITIVE, UNIT = (-_INF, _INF), (0.0, _INF), (-1.0, 1.0)


def no_gradient(g: Any, *_: Any) -> float:
    """The rule of an argument that passes no gradient on."""
    return 0.0


def normal_density(x: Any) -> Any:
    """exp(-x*x/2) / sqrt(2 pi)."""
    return exp(-0.5 * x * x) * (1.0 / math.sqrt(2.0 * math.pi))


def _normal_hazard(x: Any) -> Any:
    """normal_density(x) / normcdf(x). Left of 0, where both underflow and cancel, it is computed from Mills' ratio."""
    left = less(x, 0.0)
    ratio = mills(0.0, where(left, -x, 0.0))
    return where(left, div(1.0, ratio), normal_density(x) / normcdf(where(left, 0.0, x)))


def _masked(g: Any, mask: Any) -> Any:
    """g where the mask is not 0, and 0 where it is, even if g is infinite."""
    return where(mask, g, 0.0)


def _by_larger(g: Any, a: Any, b: Any) -> Any:
    """g where a > b, half of g at a tie, else 0, even if g is infinite."""
    return _masked(g * (1.0 - 0.5 * equal(a, b)), less_equal(b, a))


def _dot_value(xs: Sequence[float], ys: Sequence[float], start: float) -> float:
    if len(xs) != len(ys):
        raise ShapeError(f"dot(xs, ys): the lengths must agree, got {len(xs)} and {len(ys)}")
    total = start
    for x, y in zip(xs, ys, strict=True):
        total += x * y
    return total


def _sum_value(xs: Sequence[float]) -> float:
    total = 0.0
    for x in xs:
        total += x
    return total


def _prod_value(xs: Sequence[float]) -> float:
    return math.prod(xs, start=1.0)


def _mean_value(xs: Sequence[float]) -> float:
    if not xs:
        raise ShapeError("mean(xs): the mean of no numbers is not defined, got an empty sequence")
    return _sum_value(xs) / len(xs)


def _var_value(xs: Sequence[float], ddof: float) -> float:
    if not xs:
        raise ShapeError("var(xs, ddof): the variance of no numbers is not defined, got an empty sequence")
    return sequences.var(xs, ddof)


def _std_value(xs: Sequence[float], ddof: float) -> float:
    if not xs:
        raise ShapeError("std(xs, ddof): the deviation of no numbers is not defined, got an empty sequence")
    return sequences.std(xs, ddof)


def _deviations(xs: Sequence[Any]) -> list[Any]:
    """The differences from the mean. The mean of the differences, which is only rounding, is subtracted once more."""
    shares = (1.0 / len(xs),) * len(xs)
    mean = dot(xs, shares)
    off = tuple([x - mean for x in xs])
    rest = dot(off, shares)
    return [x - rest for x in off]


def _by_each_deviation(g: Any, y: Any, xs: Sequence[Any], ddof: Any) -> list[Any]:
    """var's rule: g * 2 * (x - mean) / (len(xs) - ddof) for each."""
    factor = div(2.0, maximum(len(xs) - ddof, 0.0))
    return [g * (factor * x) for x in _deviations(xs)]


def _by_each_share(g: Any, y: Any, xs: Sequence[Any], ddof: Any) -> list[Any]:
    """std's rule: g * (x - mean) / y / (len(xs) - ddof) for each, and 0 if all xs are equal."""
    factor, nothing = div(1.0, maximum(len(xs) - ddof, 0.0)), _at_the_origin(g, y)
    return [where(y, g * (x / y * factor), nothing) for x in _deviations(xs)]


def _product_of_others(g: Any, y: Any, xs: Sequence[Any]) -> list[Any]:
    """For each x, g times the product of the others, from prefix and suffix products, since y / x fails at zero."""
    left, right = [g], [1.0]
    for x in xs[:-1]:
        left.append(left[-1] * x)
    for x in xs[:0:-1]:
        right.append(right[-1] * x)
    return [a * b for a, b in zip(left, reversed(right), strict=True)] if xs else []


def _softmax_of(g: Any, y: Any, xs: Sequence[Any]) -> list[Any]:
    """g * exp(x - y) for each x, divided by the sum of these powers, which corrects for the rounding of y."""
    powers = [exp(x - y) for x in xs]
    total = sum(powers)
    return [g * (p / total) for p in powers]


def _power_by_base(g: Any, y: Any, x: Any, n: Any) -> Any:
    """g * n * x**(n - 1), but 0 for x**0, which is flat, even at x = 0."""
    if type(n) is float:  # the same choice as `where`, without recording the branch not taken
        return g * n * x if n == 2.0 else g * (n * x ** (n - 1.0)) if n != 0.0 else 0.0
    slope = g * (n * x ** (n - 1.0))
    return where(n, slope, where(x, slope, 0.0))


def _scaled(g: Any, factor: Any) -> Any:
    """g times a factor, and 0 if the factor is a plain 0."""
    return 0.0 if type(factor) is float and factor == 0.0 else g * factor


def _by_each(g: Any, y: Any, xs: Sequence[Any]) -> list[Any]:
    """norm's rule: g * x / y for each, and at the origin 0, without a second derivative (`_at_the_origin`)."""
    nothing = _at_the_origin(g, y)
    return [where(y, g * (x / y), nothing) for x in xs]


def _whole_divisors(g: Any, y: Any, a: Any, b: Any) -> Any:
    """-g times how often b was subtracted from a. It is found from y, since a / b may round up to a whole number."""
    return -g * round(div(a - y, b))


def _by_angle(g: Any, x: Any, length: Any) -> Any:
    """g * x / length**2, and 0 at the origin."""
    return where(length, g * (x / length / length), _at_the_origin(g, length))


def _at_the_origin(g: Any, length: Any) -> Any:
    """0 for a finite g, with derivative nan: a derivative that is 0 only by convention has no derivative itself."""
    return g * length + sqrt(length)


def _by_leg(g: Any, y: Any, a: Any, b: Any) -> Any:
    """hypot's rule for a: g * a / y, and at the origin the same as norm's."""
    slope = g * (a / y)
    if type(b) is float and b != 0.0:  # the same choice as `where`, without recording the branch not taken
        return slope
    return where(y, slope, _at_the_origin(g, y))


def _difference(a: Any, b: Any) -> Any:
    """a - b, and 0 for two equal infinities."""
    return where(equal(a, b) * less(_LARGEST, abs(a)), 0.0, a - b)


def _sinc_slope(y: Any, x: Any) -> Any:
    """The derivative of y = sinc(x): a Taylor series for abs(x) < 1, where the closed form cancels."""
    square, series = x * x, _SINC_SERIES[-1]
    for c in _SINC_SERIES[-2::-1]:
        series = series * square + c
    return where(less(abs(x), 1.0), x * series, (cos(math.pi * x) - y) / x)


def position(index: float, length: int) -> int:
    """Checks an index into a sequence of that length and returns it as an int."""
    if not 0 <= index < length or index != math.floor(index):
        if not length:
            raise IndexError("take(table, index): the table is empty, so there is nothing to take")
        raise IndexError(f"take(table, index): the index must be a whole number in 0..{length - 1}, got {index}")
    return int(index)


def _maximum_value(a: float, b: float) -> float:
    return a if a != a or a > b else b


def _minimum_value(a: float, b: float) -> float:
    return a if a != a or a < b else b


def _clip_value(x: float, low: float, high: float) -> float:
    return _minimum_value(_maximum_value(x, low), high)


def _step_value(x: float) -> float:
    return 1.0 if x > 0 else 0.0 if x <= 0 else x


def _sign_value(x: float) -> float:
    return 1.0 if x > 0 else -1.0 if x < 0 else 0.0 if x == 0 else x


# The largest number, within bounds: it can be subtracted from the others or divide them, even if it is infinite or 0.
_TOP = "minimum(maximum(max({}, axis=0), {}), 1.7976931348623157e308)"
_SHIFT, _SCALE = _TOP.format("xs", "-1.7976931348623157e308"), _TOP.format("abs(xs)", "2.2250738585072014e-308")

_LARGEST = sys.float_info.max
# Coefficients of sinc'(x) / x in powers of x * x, as many as matter in the fourth derivative of sinc at 1.
_SINC_SERIES = [(-1.0) ** k * 2.0 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(1, 18)]
# The argument of sin in sin(pi * x), for 0 <= x < 2: small near whole numbers x, so that the sine is accurate there.
_HALF_TURN = "3.141592653589793 * maximum(minimum({0}, 1.0 - {0}), {0} - 2.0)".format("abs(x - 2.0 * trunc(0.5 * x))")
# Differences from the mean, as in sequences.py: the midpoint is subtracted first; huge numbers are divided by 4.
_UNIT = "where(max(abs(xs), axis=0) > 1e300, 0.25, 1.0)"
_HIGH, _LOW = f"max(xs * {_UNIT}, axis=0)", f"-max(-xs * {_UNIT}, axis=0)"
_OFF = f"(xs * {_UNIT} - where({_HIGH} == {_LOW}, {_HIGH}, 0.5 * {_HIGH} + 0.5 * {_LOW}))"
_COUNT = "sum(0.0 * xs + 1.0, axis=0)"
_DEVIATION = f"({_OFF} - sum({_OFF} / {_COUNT}, axis=0))"
_SHARE = f"({_DEVIATION} / {_TOP.format(f'abs({_DEVIATION})', '2.2250738585072014e-308')})"
_WIDTH = _TOP.format(f"abs({_DEVIATION})", "2.2250738585072014e-308")

# One row for each operation. Below, g is the adjoint of the result y.
# fmt: off
add: Op = Op("add", lambda a, b: a + b, (lambda g, y, a, b: g, lambda g, y, a, b: g),
         args="a b", symbol="+", array="a + b", domain=(REAL, REAL), doc="sum of two")
sub: Op = Op("sub", lambda a, b: a - b, (lambda g, y, a, b: g, lambda g, y, a, b: -g),
         args="a b", symbol="-", array="a - b", aliases=("subtract",), domain=(REAL, REAL), doc="difference")
mul: Op = Op("mul", lambda a, b: a * b, (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
         args="a b", symbol="*", array="a * b", aliases=("multiply",), domain=(REAL, REAL), doc="product of two")
div: Op = Op("div", ieee.divide, (lambda g, y, a, b: div(g, b), lambda g, y, a, b: -g * (y / b)),
         args="a b", symbol="/", array="a / b", aliases=("divide", "true_divide"), domain=(REAL, REAL), doc="quotient")
fmod: Op = Op("fmod", ieee.fmod, (lambda g, y, a, b: g, _whole_divisors),
          args="a b", array="fmod(a, b)", domain=(REAL, REAL),
          doc="remainder of a division, with the sign of a, as in C")
mod: Op = Op("mod", ieee.mod, (lambda g, y, a, b: g, _whole_divisors),
         args="a b", symbol="%", array="remainder(a, b)", aliases=("remainder",), domain=(REAL, REAL),
         doc="remainder of a division, with the sign of b, as in Python")
pow: Op = Op("pow", ieee.power,
         (_power_by_base,
          lambda g, y, x, n: where(maximum(abs(x), less(n, 0.0)), g * (y * log(x)), 0.0)),
         args="x n", symbol="**", array="pow(x, n)", flat=None, aliases=("power",), domain=(POSITIVE, REAL),
         doc="x to the power n; x to the power 0 is 1 and flat, even at x = 0")
neg: Op = Op("neg", lambda x: -x, (lambda g, y, x: -g,),
         symbol="-", array="-x", aliases=("negative",), domain=(REAL,), doc="negative")
abs: Op = Op("abs", math.fabs, (lambda g, y, x: g * sign(x),),
         array="abs(x)", aliases=("absolute", "fabs"), domain=(REAL,), doc="absolute value; derivative 0 at 0")
sqrt: Op = Op("sqrt", ieee.sqrt, (lambda g, y, x: g * (0.5 / y),),
          array="sqrt(x)", domain=(POSITIVE,), doc="square root")
cbrt: Op = Op("cbrt", ieee.cbrt, (lambda g, y, x: g / (3.0 * (y * y)),),
          array="cbrt(x)", domain=(REAL,), doc="cube root, also of negative numbers; derivative infinite at 0")
exp: Op = Op("exp", ieee.exp, (lambda g, y, x: g * y,),
         array="exp(x)", domain=(REAL,), doc="e to the power x")
expm1: Op = Op("expm1", ieee.expm1, (lambda g, y, x: g * exp(x),),
           array="expm1(x)", domain=(REAL,), doc="exp(x) - 1, exact near 0")
exp2: Op = Op("exp2", ieee.exp2, (lambda g, y, x: g * (y * math.log(2.0)),),
          array="exp2(x)", domain=(REAL,), doc="2 to the power x")
log: Op = Op("log", ieee.log, (lambda g, y, x: g / x,),
         array="log(x)", domain=(POSITIVE,), doc="natural logarithm")
log1p: Op = Op("log1p", ieee.log1p, (lambda g, y, x: g / (1.0 + x),),
           array="log1p(x)", domain=((-1.0, _INF),), doc="log(1 + x), exact near 0")
log2: Op = Op("log2", ieee.log2, (lambda g, y, x: g / x * (1.0 / math.log(2.0)),),
          array="log2(x)", domain=(POSITIVE,), doc="logarithm to base 2")
log10: Op = Op("log10", ieee.log10, (lambda g, y, x: g / x * (1.0 / math.log(10.0)),),
           array="log10(x)", domain=(POSITIVE,), doc="logarithm to base 10")
xlogy: Op = Op("xlogy", ieee.xlogy,
           (lambda g, y, a, b: g * log(b),
            lambda g, y, a, b: where(maximum(abs(a), abs(b)), g * (a / b), 0.0)),
           args="a b", array="where(a == 0.0, where(b == b, 0.0, b), a * log(b))", flat=None, domain=(REAL, POSITIVE),
           doc="a * log(b), and 0 where a is 0; derivative by a is log(b) there too, so -inf where b is 0")
sin: Op = Op("sin", ieee.sin, (lambda g, y, x: g * cos(x),),
         array="sin(x)", domain=(REAL,), doc="sine of radians")
cos: Op = Op("cos", ieee.cos, (lambda g, y, x: -g * sin(x),),
         array="cos(x)", domain=(REAL,), doc="cosine of radians")
tan: Op = Op("tan", ieee.tan, (lambda g, y, x: g * (1.0 + y * y),),
         array="tan(x)", domain=(REAL,), doc="tangent of radians")
sinc: Op = Op("sinc", ieee.sinc, (lambda g, y, x: g * _sinc_slope(y, x),),
          array=f"where(x == 0.0, 1.0, sin({_HALF_TURN}) / (3.141592653589793 * abs(x)))", domain=(REAL,),
          doc="sin(pi * x) / (pi * x), 1 at 0; nan at infinities, as in NumPy")
asin: Op = Op("asin", ieee.asin, (lambda g, y, x: g / sqrt((1.0 - x) * (1.0 + x)),),
          array="asin(x)", aliases=("arcsin",), domain=(UNIT,), doc="inverse sine")
acos: Op = Op("acos", ieee.acos, (lambda g, y, x: -g / sqrt((1.0 - x) * (1.0 + x)),),
          array="acos(x)", aliases=("arccos",), domain=(UNIT,), doc="inverse cosine")
atan: Op = Op("atan", math.atan, (lambda g, y, x: g / (1.0 + x * x),),
          array="atan(x)", aliases=("arctan",), domain=(REAL,), doc="inverse tangent")
atan2: Op = Op("atan2", math.atan2,
           (lambda g, y, a, b: _by_angle(g, b, norm((a, b))), lambda g, y, a, b: _by_angle(-g, a, norm((a, b)))),
           args="a b", array="atan2(a, b)", conventional=True, aliases=("arctan2",), domain=(REAL, REAL),
           doc="angle of the point (b, a), in all four quadrants; derivative 0 at the origin, no second derivative")
hypot: Op = Op("hypot", ieee.hypot, (lambda g, y, a, b: _by_leg(g, y, a, b), lambda g, y, a, b: _by_leg(g, y, b, a)),
           args="a b", array="hypot(a, b)", conventional=True, domain=(REAL, REAL),
           doc="sqrt(a**2 + b**2), without overflow; derivative 0 at the origin, no second derivative")
sinh: Op = Op("sinh", ieee.sinh, (lambda g, y, x: g * cosh(x),),
          array="sinh(x)", domain=(REAL,), doc="hyperbolic sine")
cosh: Op = Op("cosh", ieee.cosh, (lambda g, y, x: g * sinh(x),),
          array="cosh(x)", domain=(REAL,), doc="hyperbolic cosine")
asinh: Op = Op("asinh", ieee.asinh, (lambda g, y, x: g / hypot(x, 1.0),),
           array="asinh(x)", aliases=("arcsinh",), domain=(REAL,), doc="inverse hyperbolic sine")
acosh: Op = Op("acosh", ieee.acosh, (lambda g, y, x: g / sqrt(x - 1.0) / sqrt(x + 1.0),),
           array="acosh(x)", aliases=("arccosh",), domain=((1.0, _INF),), doc="inverse hyperbolic cosine")
tanh: Op = Op("tanh", math.tanh, (lambda g, y, x: g * (1.0 - y * y),),
          array="tanh(x)", domain=(REAL,), doc="hyperbolic tangent")
atanh: Op = Op("atanh", ieee.atanh, (lambda g, y, x: 0.5 * (g / (1.0 - x) + g / (1.0 + x)),),
           array="atanh(x)", aliases=("arctanh",), domain=(UNIT,), doc="inverse hyperbolic tangent")
sigmoid: Op = Op("sigmoid", ieee.sigmoid, (lambda g, y, x: g * (y * (1.0 - y)),),
             array="exp(minimum(x, 0.0)) / (1.0 + exp(-abs(x)))", domain=(REAL,), doc="1 / (1 + exp(-x))")
logit: Op = Op("logit", ieee.logit, (lambda g, y, p: g * (1.0 / p + 1.0 / (1.0 - p)),),
           args="p", array="where(p < 0.25, log(p / (1.0 - p)), 2.0 * atanh(2.0 * p - 1.0))", domain=((0.0, 1.0),),
           doc="log(p / (1 - p)), the inverse of sigmoid; exact near 0, 1/2 and 1")
softplus: Op = Op("softplus", ieee.softplus, (lambda g, y, x: g * sigmoid(x),),
              array="logaddexp(x, 0.0)", domain=(REAL,), doc="log(1 + exp(x))")
logaddexp: Op = Op("logaddexp", ieee.logaddexp,
               (lambda g, y, a, b: g * sigmoid(_difference(a, b)), lambda g, y, a, b: g * sigmoid(_difference(b, a))),
               args="a b", array="logaddexp(a, b)", domain=(REAL, REAL),
               doc="log(exp(a) + exp(b)), accurate for large inputs; a tie shares the gradient evenly")
relu: Op = Op("relu", lambda x: 0.0 if x <= 0.0 else x, (lambda g, y, x: _masked(g, step(x)),),
          array="maximum(x, 0.0)", flat=True, domain=(REAL,), doc="max(x, 0); derivative 0 at 0")
leaky_relu: Op = Op("leaky_relu", lambda x, slope: x if x > 0.0 else slope * x,
                (lambda g, y, x, slope: where(step(x), g, _scaled(g, slope)),
                 lambda g, y, x, slope: where(step(x), 0.0, g * x)),
                args="x slope=0.01", array="where(x > 0.0, x, slope * x)", flat=None, domain=(REAL, (0.0, 1.0)),
                doc="x where positive, else slope * x")
elu: Op = Op("elu", lambda x, alpha: x if x > 0.0 else alpha * ieee.expm1(x),
         (lambda g, y, x, alpha: where(step(x), g, _scaled(g, alpha) * exp(x)),
          lambda g, y, x, alpha: where(step(x), 0.0, g * expm1(x))),
         args="x alpha=1", array="where(x > 0.0, x, alpha * expm1(x))", flat=None, domain=(REAL, (0.0, 2.0)),
         doc="x where positive, else alpha * (exp(x) - 1)")
gelu: Op = Op("gelu", normal_law.gelu, (lambda g, y, x: g * (normcdf(x) + x * normal_density(x)),),
          array="0.5 * x * erfc(-0.7071067811865476 * x)", domain=(REAL,), doc="x * normcdf(x)")
silu: Op = Op("silu", ieee.silu, (lambda g, y, x: g * (sigmoid(x) + y * sigmoid(-x)),),
          array="x * exp(minimum(x, 0.0)) / (1.0 + exp(-abs(x)))", domain=(REAL,), doc="x * sigmoid(x)")
step: Op = Op("step", _step_value, (no_gradient,),
          array="maximum(sign(x), 0.0)", flat=True, domain=(REAL,), doc="1 where x > 0, else 0")
sign: Op = Op("sign", _sign_value, (no_gradient,),
          array="sign(x)", flat=True, domain=(REAL,), doc="-1, 0 or 1")
floor: Op = Op("floor", ieee.floor, (no_gradient,),
           array="floor(x)", flat=True, domain=(REAL,), doc="largest whole number not above x; derivative 0")
ceil: Op = Op("ceil", ieee.ceil, (no_gradient,),
          array="ceil(x)", flat=True, domain=(REAL,), doc="smallest whole number not below x; derivative 0")
trunc: Op = Op("trunc", ieee.trunc, (no_gradient,),
           array="trunc(x)", flat=True, domain=(REAL,), doc="x rounded towards 0 to a whole number; derivative 0")
round: Op = Op("round", ieee.rint, (no_gradient,),
           array="round(x)", flat=True, aliases=("rint",), domain=(REAL,),
           doc="nearest whole number, a tie goes to the even one; derivative 0")
maximum: Op = Op("maximum", _maximum_value,
             (lambda g, y, a, b: _by_larger(g, a, b), lambda g, y, a, b: _by_larger(g, b, a)),
             args="a b", array="maximum(a, b)", flat=True, domain=(REAL, REAL),
             doc="the larger; a tie shares the gradient evenly")
minimum: Op = Op("minimum", _minimum_value,
             (lambda g, y, a, b: _by_larger(g, b, a), lambda g, y, a, b: _by_larger(g, a, b)),
             args="a b", array="minimum(a, b)", flat=True, domain=(REAL, REAL),
             doc="the smaller; a tie shares the gradient evenly")
clip: Op = Op("clip", _clip_value,
          (lambda g, y, x, low, high: _masked(g, less_equal(low, x) * less_equal(x, high)),
           lambda g, y, x, low, high: _masked(g, less(x, low) * less_equal(low, high)),
           lambda g, y, x, low, high: _masked(g, maximum(less(high, x), less(high, low)))),
          args="x low high", array="minimum(maximum(x, low), high)", flat=True, domain=(REAL, (-1.0, 0.0), (0.0, 1.0)),
          doc="x limited to low..high; derivative 1 at both ends")
less: Op = Op("less", lambda a, b: 1.0 if a < b else 0.0, (no_gradient, no_gradient),
          args="a b", symbol="<", array="where(a < b, 1.0, 0.0)", flat=True, domain=(REAL, REAL), doc="1 where a < b")
less_equal: Op = Op("less_equal", lambda a, b: 1.0 if a <= b else 0.0, (no_gradient, no_gradient),
                args="a b", symbol="<=", array="where(a <= b, 1.0, 0.0)", flat=True, domain=(REAL, REAL),
                doc="1 where a <= b")
equal: Op = Op("equal", lambda a, b: 1.0 if a == b else 0.0, (no_gradient, no_gradient),
           args="a b", symbol="==", array="where(a == b, 1.0, 0.0)", flat=True, domain=(REAL, REAL),
           doc="1 where a == b")
not_equal: Op = Op("not_equal", lambda a, b: 1.0 if a != b else 0.0, (no_gradient, no_gradient),
               args="a b", symbol="!=", array="where(a != b, 1.0, 0.0)", flat=True, domain=(REAL, REAL),
               doc="1 where a != b")
where: Op = Op("where", lambda condition, a, b: a if condition != 0.0 else b,
           (no_gradient, lambda g, y, c, a, b: where(c, g, 0.0), lambda g, y, c, a, b: where(c, 0.0, g)),
           args="condition a b", array="where(condition != 0.0, a, b)", flat=True, domain=(REAL, REAL, REAL),
           doc="a where the condition is not 0, else b; the other branch gets no gradient, even if it is singular")
take: Op = Op("take", lambda table, index: table[position(index, len(table))],
          (lambda g, y, table, index: [where(equal(index, float(i)), g, 0.0) for i in range(len(table))], no_gradient),
          args="*table index", array="take_along_axis(table, index[None].astype(int), axis=0)[0]", flat=True,
          domain=(REAL, (0.0, 1.0)), doc="the element of a sequence at a whole-number index")
identity: Op = Op("identity", lambda x: x, (lambda g, y, x: g,),
              array="x", aliases=("positive",), domain=(REAL,), doc="x, as a node of its own")
stop_gradient: Op = Op("stop_gradient", lambda x: x, (no_gradient,),
                   array="x", flat=True, domain=(REAL,), doc="x, but no gradient passes to it")
erf: Op = Op("erf", ieee.erf, (lambda g, y, x: g * (2.0 / math.sqrt(math.pi) * exp(-x * x)),),
         array="erf(x)", domain=(REAL,), doc="error function")
erfc: Op = Op("erfc", normal_law.erfc, (lambda g, y, x: g * (-2.0 / math.sqrt(math.pi) * exp(-x * x)),),
          array="erfc(x)", domain=(REAL,), doc="1 - erf(x), accurate in the tail")
erfinv: Op = Op("erfinv", normal_law.erfinv, (lambda g, y, x: g * (0.5 * math.sqrt(math.pi) * exp(y * y)),),
            array="erfinv(x)", domain=(UNIT,), doc="inverse of erf")
normcdf: Op = Op("normcdf", normal_law.normcdf, (lambda g, y, x: g * normal_density(x),),
             array="0.5 * erfc(-0.7071067811865476 * x)", domain=(REAL,),
             doc="standard normal distribution function, accurate in the tail")
log_ndtr: Op = Op("log_ndtr", normal_law.log_ndtr, (lambda g, y, x: g * _normal_hazard(x),),
              array="log_ndtr(x)", domain=(REAL,), doc="log(normcdf(x)), accurate in both tails")
ndtri: Op = Op("ndtri", normal_law.ndtri, (lambda g, y, p: g * (math.sqrt(2.0 * math.pi) * exp(0.5 * y * y)),),
           args="p", array="ndtri(p)", domain=((0.0, 1.0),), doc="inverse of normcdf")
mills: Op = Op("mills", normal_law.mills, (None, lambda g, y, n, x: -g * mills(n + 1.0, x)),
           args="n x", array="mills(n, x)", domain=((0.0, 4.0), POSITIVE),
           doc="(-1)**n times derivative n of Mills' ratio, normcdf(-x) / density(x); n is a plain number, 0 to 20")
lgamma: Op = Op("lgamma", gamma.lgamma, (lambda g, y, x: g * polygamma(0.0, x),),
            array="gammaln(x)", aliases=("gammaln",), domain=(POSITIVE,), doc="log of the absolute value of gamma(x)")
polygamma: Op = Op("polygamma", gamma.polygamma, (None, lambda g, y, n, x: g * polygamma(n + 1.0, x)),
               args="n x", array="polygamma(n, x)", domain=((0.0, 4.0), POSITIVE),
               doc="derivative n + 1 of lgamma; the order n is a plain whole number")
sum: Op = Op("sum", _sum_value, (lambda g, y, xs: [g] * len(xs),),
         args="*xs", symbol="sum", array="sum(xs, axis=0)", domain=(REAL,), doc="sum of a sequence")
prod: Op = Op("prod", _prod_value, (_product_of_others,),
          args="*xs", array="prod(xs, axis=0)", domain=(REAL,), doc="product of a sequence")
dot: Op = Op("dot", _dot_value,
         (lambda g, y, xs, ys, start: [g * b for b in ys], lambda g, y, xs, ys, start: [g * a for a in xs],
          lambda g, y, xs, ys, start: g),
         args="*xs *ys start=0", array="start + sum(xs * ys, axis=0)", domain=(REAL, REAL, REAL),
         doc="start + xs[0] * ys[0] + xs[1] * ys[1] + ...")
mean: Op = Op("mean", _mean_value, (lambda g, y, xs: [g / float(len(xs))] * len(xs),),
          args="*xs", array="mean(xs, axis=0)", domain=(REAL,), doc="mean of a sequence")
var: Op = Op("var", _var_value, (_by_each_deviation, None),
         args="*xs ddof=0", domain=(REAL, UNIT),
         array=f"sum({_DEVIATION} * {_DEVIATION}, axis=0) / maximum({_COUNT} - ddof, 0.0) / {_UNIT} / {_UNIT}",
         doc="variance: the sum of squared differences from the mean, over len(xs) - ddof")
std: Op = Op("std", _std_value, (_by_each_share, None),
         args="*xs ddof=0", conventional=True, domain=(REAL, UNIT),
         array=f"{_WIDTH} * sqrt(sum({_SHARE} * {_SHARE}, axis=0) / maximum({_COUNT} - ddof, 0.0)) / {_UNIT}",
         doc="square root of var; derivative 0 where all are equal, no second derivative")
logsumexp: Op = Op("logsumexp", sequences.logsumexp, (_softmax_of,),
               args="*xs", array=f"{_SHIFT} + log(sum(exp(xs - {_SHIFT}), axis=0))", domain=(REAL,),
               doc="log of the sum of exponentials, accurate for large inputs")
norm: Op = Op("norm", sequences.norm, (_by_each,),
          args="*xs", array=f"{_SCALE} * sqrt(sum((xs / {_SCALE}) * (xs / {_SCALE}), axis=0))", conventional=True,
          domain=(REAL,), doc="Euclidean length; derivative 0 at the origin, no second derivative")

TABLE: dict[str, Op] = {row.name: row for row in ROWS}
component: Op = Op("component", lambda start, xs, which: which.value(start, xs),
                   (lambda g, y, start, xs, which: which.contributions(g, start, xs)[0],
                    lambda g, y, start, xs, which: which.contributions(g, start, xs)[1], None),
                   args="*start *xs which", array="", domain=(REAL, REAL, REAL),
                   doc="one number of a fixed point or a scan; not in the table: each node holds its own joint result")
custom: Op = Op("custom", lambda: math.nan, (), args="", array="", domain=(),
                doc="stands for the rows that custom_op makes; each node holds its row, which is freed with the nodes")
given: Op = Op("given", lambda xs, known: known.value(xs), (no_second, None),
               args="*xs known", array="", domain=(REAL, REAL), code=custom.code,
               doc="a result made by hand, with known local derivatives")
undefined: Op = Op("undefined", lambda xs: 0.0, (lambda g, y, xs: [math.nan] * len(xs),),
                   args="*xs", array="0.0 * sum(xs, axis=0)", domain=(REAL,), code=custom.code,
                   doc="stands for a derivative that is 0 by convention and has no derivative itself")
# fmt: on
ALIASES: dict[str, Op] = {alias: row for row in ROWS for alias in row.aliases}


def is_built_in(op: Op) -> bool:
    """Whether the operation is in the table."""
    return op.code < component.code


def log_softmax(xs: Sequence[Any]) -> list[Any]:
    """The logarithms of softmax(xs): one logsumexp, and one difference for each element.

    >>> [f"{p:.3f}" for p in log_softmax([0.0, 0.0])]
    ['-0.693', '-0.693']
    """
    xs = as_sequence("log_softmax(xs): xs", xs)
    total = logsumexp(xs)
    return [x - total for x in xs]


def softmax(xs: Sequence[Any]) -> list[Any]:
    """Probabilities proportional to exp(x): one logsumexp, and one exp for each element.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    return [exp(x) for x in log_softmax(as_sequence("softmax(xs): xs", xs))]


def _one(name: str, x: Any) -> Any:
    """Checks the argument of name(x): a Value or another recorder stays, the rest becomes a float."""
    if type(x) is float or hasattr(type(x), "_apply"):
        return x
    return as_float(f"{name}(x): x", x, f"call it for each, [{name}(x) for x in ...], or numpy.{name} of the array")


def square(x: Any) -> Any:
    """x * x.

    >>> square(-3.0)
    9.0
    """
    x = _one("square", x)
    return mul(x, x)


def reciprocal(x: Any) -> Any:
    """1 / x.

    >>> reciprocal(-4.0)
    -0.25
    """
    return div(1.0, _one("reciprocal", x))


def deg2rad(x: Any) -> Any:
    """Converts degrees to radians; also called radians.

    >>> deg2rad(180.0) == math.pi
    True
    """
    return mul(_one("deg2rad", x), math.pi / 180.0)


def rad2deg(x: Any) -> Any:
    """Converts radians to degrees; also called degrees.

    >>> rad2deg(math.pi)
    180.0
    """
    return mul(_one("rad2deg", x), 180.0 / math.pi)


radians, degrees = deg2rad, rad2deg
COMPOSITIONS = {
    "square": square, "reciprocal": reciprocal, "deg2rad": deg2rad, "radians": radians, "rad2deg": rad2deg,
    "degrees": degrees,
}  # fmt: skip
"""Functions of one number that are composed of rows; they are methods of Value too, which NumPy's functions call."""
