"""Expression: records what the table's array forms and rules do to numbers, without computing it."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import ops
from ...ops import Op

MATH = {
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "cos", "cosh", "exp", "expm1",
    "floor", "hypot", "log", "log10", "log1p", "log2", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
}  # fmt: skip
SPECIAL = {
    "erf", "erfc", "erfinv", "exp2", "fmod", "gammaln", "heaviside", "log_ndtr", "logaddexp", "maximum", "mills",
    "minimum", "ndtri", "polygamma", "pow", "remainder", "round", "sign",
}  # fmt: skip
REDUCTIONS = {"sum", "prod", "max"}


def _operator(sign: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """An operator's method and its reflected method."""

    def forward(self: Any, other: Any) -> Any:
        if not isinstance(other, (Expression, numbers.Real)):
            return NotImplemented  # an array, which then calls this for each of its elements
        if sign in "*/" and isinstance(other, numbers.Real) and abs(other) == 1:  # g is 1 in the rules here
            return self if other == 1 else -self
        return Expression(sign, self, other)

    def backward(self: Any, other: Any) -> Any:
        if not isinstance(other, numbers.Real):
            return NotImplemented
        return forward(self, other) if sign == "*" else Expression(sign, other, self)

    return forward, backward


class Expression:
    """A recorded computation: a function of operands, Expressions and floats; for an argument, its position.

    Arithmetic makes new Expressions, and so do the table's operations, through their array forms.
    """

    __slots__ = ("function", "operands")
    __hash__ = None  # type: ignore[assignment]  # == makes an Expression

    def __init__(self, function: str, *operands: Any) -> None:
        self.function, self.operands = function, operands

    @staticmethod
    def _apply(op: Op, args: Sequence[Any]) -> Any:
        return formed(op, args)

    __add__, __radd__ = _operator("+")
    __sub__, __rsub__ = _operator("-")
    __mul__, __rmul__ = _operator("*")
    __truediv__, __rtruediv__ = _operator("/")
    __lt__, __gt__ = _operator("<")[0], _operator(">")[0]
    __le__, __ge__ = _operator("<=")[0], _operator(">=")[0]
    __eq__, __ne__ = _operator("===")[0], _operator("!==")[0]

    def __mod__(self, b: Any) -> Any:
        return ops.mod(self, b)

    def __rmod__(self, a: Any) -> Any:
        return ops.mod(a, self)

    def __pow__(self, n: Any) -> Any:
        return ops.pow(self, n)

    def __rpow__(self, x: Any) -> Any:
        return ops.pow(x, self)

    def __neg__(self) -> Any:
        return Expression("neg", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return Expression("abs", self)

    def __bool__(self) -> bool:
        raise TypeError("a rule branches in Python on a number: use where(...) instead")

    def __getitem__(self, _: Any) -> Any:
        """Returns itself, since array forms only add an axis to a single number and remove it."""
        return self

    def astype(self, _: type) -> Any:
        """Returns itself, since JavaScript has only one type of number."""
        return self

    def __getattr__(self, name: str) -> Any:
        """The table's rows and compositions as methods, as on Values."""
        found = ops.TABLE.get(name) or ops.ALIASES.get(name) or ops.COMPOSITIONS.get(name)
        if found is None or 0 in getattr(found, "sequences", ()):
            raise AttributeError(f"a rule asks a number for .{name}, which the page does not have")
        return functools.partial(found, self)


def _elementwise(name: str) -> Callable[..., Any]:
    """A function of Expressions and floats, or of arrays of them."""
    return lambda *xs: np.frompyfunc(functools.partial(Expression, name), len(xs), 1)(*xs)


def _reduction(name: str) -> Callable[..., Any]:
    return lambda xs, axis: Expression(name, *xs)


_NAMES: dict[str, Any] = {
    **{name: _elementwise(name) for name in (*MATH, *SPECIAL, "where")},
    **{name: _reduction(name) for name in REDUCTIONS},
    "mean": lambda xs, axis: Expression("sum", *xs) / float(len(xs)),
    "take_along_axis": lambda xs, index, axis: Expression("take", index, *xs),
    "__builtins__": {"int": int},
}


def formed(op: Op, args: Sequence[Any]) -> Any:
    """Applies an operation's array form to Expressions and floats, or tuples of them for sequences."""
    if not op.array:
        raise TypeError("it has no array form, so only Python can")
    return eval(_compiled(op.array), _NAMES | dict(zip(op.args, map(_array, args), strict=True)))


@functools.lru_cache(256)
def _compiled(form: str) -> Any:
    return compile(form, form, "eval")


def _array(arg: Any) -> Any:
    return np.fromiter(arg, object, len(arg)) if isinstance(arg, tuple) else arg
