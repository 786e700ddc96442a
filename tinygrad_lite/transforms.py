"""grad and its kin: functions of numbers turned into functions that give derivatives, to any order.

Names and meaning are JAX's. Each transform runs f on fresh Values in the place of the arguments that it differentiates
by. Numbers give numbers; where an argument holds a Value, or inside the function of another transform, results are
Values that can be differentiated again. Arguments are numbers, or nested lists, tuples, dicts and arrays of them, and
derivatives come in the same structure.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .engine import Value, dependents, derivative_graph, derivatives, dot, set_recording
from .errors import HistoryError, ShapeError, not_a_number, received
from .nesting import alike, elements, has_values, mapped, rebuilt

_Function = Callable[..., Any]


def gradients(y: Value, xs: Sequence[Value], create_graph: bool = False) -> list[Any]:
    """The derivatives of y by each of xs, leaves or results below y; no .grad is touched.

    Gives floats, or with create_graph Values, made by the table's rules, which can be differentiated again. Raises
    TypeError for what is not a Value; with create_graph, HistoryError where a leaf has changed since it was recorded.

    >>> x = Value(2.0)
    >>> first, = gradients(x**3, [x], create_graph=True); gradients(first, [x])
    [12.0]
    """
    for value in (y, *xs):
        if not isinstance(value, Value):
            raise TypeError(
                f"gradients(y, xs) takes a Value y and a list of Values xs, got {received(value)} among them"
            )
    if not create_graph:
        return derivatives(y, xs)
    for v in dependents([y], xs):
        _check_unchanged(v)
    return [_as_value(g) for g in derivative_graph(y, xs)]


def grad(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """The function that gives the derivative of f, one number, by its argument `argnums` (several: a tuple of them).

    has_aux  f returns (y, more), and grad(f) then (derivative, more)
    Raises TypeError, when called, for an f that does not give one number, and for an argument that is not there.

    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, derivative = both(*args, **kwargs)
        return (derivative, value[1]) if has_aux else derivative

    return gradient


def value_and_grad(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """As grad, but what f returned stands before the derivative: (y, derivative), or ((y, more), derivative).

    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (6.0, (3.0, 2.0))
    """

    @functools.wraps(f, updated=())
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Run("grad", f, args, kwargs, argnums, has_aux)
        value = run.finished(run.output)
        derivative = run.like_inputs(run.derivatives(run.scalar()))
        return ((value, run.aux) if has_aux else value), derivative

    return value_and_gradient


def jacobian(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """The function that gives all derivatives of all that f returns, by its argument: one reverse sweep an output.

    The result has the structure of what f returns, and in the place of each number the structure of the argument.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """

    @functools.wraps(f, updated=())
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        run = _Run("jacobian", f, args, kwargs, argnums, has_aux)
        found = rebuilt(run.output, [run.like_inputs(run.derivatives(y)) for y in run.outputs])
        return (found, run.aux) if has_aux else found

    return jacobian_of_f


def hessian(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """The function that gives all second derivatives of f, one number: the jacobian of its gradient.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """

    @functools.wraps(f, updated=())
    def hessian_of_f(*args: Any, **kwargs: Any) -> Any:
        run = _Run("hessian", f, args, kwargs, argnums, has_aux)
        rows = [run.like_inputs(run.derivatives(first)) for first in run.gradient_graph(run.scalar())]
        found = run.like_inputs(rows)
        return (found, run.aux) if has_aux else found

    return hessian_of_f


def hvp(f: _Function, x: Any, v: Any) -> Any:
    """The Hessian of f at x times v, at the cost of a few gradients whatever the number of dimensions.

    x, v  of one structure, which is the result's too. Pearlmutter, Fast exact multiplication by the Hessian (1994), by
    differentiating the product of the gradient with v. Raises ShapeError where v has another structure than x.

    >>> hvp(lambda x: x[0] ** 2 * x[1], [2.0, 3.0], [1.0, 0.0])
    [6.0, 4.0]
    """
    direction = _numbers_like(x, v, "hvp(f, x, v) takes v")
    run = _Run("hvp", f, (x,), {}, 0, directions=direction)
    product = dot(run.gradient_graph(run.scalar()), direction)
    return run.like_inputs(run.derivatives(product))


def vjp(f: _Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(f(*primals), pullback): pullback(cotangents), of the structure of f's result, gives a tuple, one a primal.

    The pullback is the vector-Jacobian product, and may be called often. Raises ShapeError where the cotangents have
    another structure than f's result.

    >>> y, pullback = vjp(lambda a, b: [a * b, a + b], 2.0, 3.0); pullback([1.0, 10.0])
    (13.0, 12.0)
    """
    run = _Run("vjp", f, primals, {}, range(len(primals)), has_aux)
    value = run.finished(run.output)

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        given = _numbers_like(value, cotangents, "the pullback of vjp takes cotangents")
        recording = set_recording(True)
        try:
            product = dot(run.outputs, given)
        finally:
            set_recording(recording)
        further = run.further or has_values(given)
        found: tuple[Any, ...] = run.like_inputs(run.derivatives(product, further))
        return found

    return (value, pullback, run.aux) if has_aux else (value, pullback)


def jvp(f: _Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple[Any, ...]:
    """(f(*primals), tangent): the derivative of f's result in the direction of the tangents, in one forward sweep.

    primals, tangents  lists or tuples of f's arguments, of one structure. Raises ShapeError where structures differ.

    >>> jvp(lambda a, b: a * b, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (list, tuple)):
            raise TypeError(
                f"jvp(f, primals, tangents): {name} is a list or tuple of f's arguments, got {received(given)}"
            )
    direction = _numbers_like(primals, tangents, "jvp(f, primals, tangents) takes tangents")
    run = _Run("jvp", f, primals, {}, range(len(primals)), has_aux, direction)
    value = run.finished(run.output)
    tangent = rebuilt(run.output, run.tangents(direction))
    return (value, tangent, run.aux) if has_aux else (value, tangent)


class _Run:
    """One run of f on fresh Values in the place of what is differentiated by.

    further  whether something may differentiate the results again: results are then Values, made by the rules
    """

    def __init__(
        self,
        who: str,
        f: _Function,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: int | Sequence[int],
        has_aux: bool = False,
        directions: Iterable[Any] = (),
    ) -> None:
        self._who, self._f, self.aux = who, f, None
        at = [argnums] if argnums == 0 and args else self._positions(argnums, len(args))
        self._inputs = args[at[0]] if isinstance(argnums, int) else tuple([args[k] for k in at])
        given = elements(self._inputs, self._argument_error)
        others = [arg for k, arg in enumerate(args) if k not in at] if len(args) > len(at) else ()
        self._of_values = has_values(given) or has_values(others) or has_values(kwargs) or has_values(directions)
        recording = set_recording(True)
        _depth.inside += 1
        try:
            self.further = recording and (self._of_values or _depth.inside > 1)
            if self.further:
                self._xs = [x.identity() if type(x) is Value else Value(x) for x in given]
            else:
                self._xs = list(map(Value, map(_number, given) if self._of_values else given))
            fresh = iter(self._xs)
            called = list(args)
            for k in at:
                called[k] = rebuilt(args[k], fresh)
            output = f(*called, **kwargs)
        finally:
            _depth.inside -= 1
            set_recording(recording)
        if has_aux:
            if not isinstance(output, tuple) or len(output) != 2:
                raise TypeError(f"{self} with has_aux: it must return (y, more), got {received(output)}")
            output, self.aux = output[0], self.finished(output[1])
        self.output = output

    def __str__(self) -> str:
        return f"{self._who} of {getattr(self._f, '__name__', type(self._f).__name__)}"

    @property
    def outputs(self) -> list[Value]:
        found = elements(self.output, lambda x: not_a_number(f"{self}: what it returns", x))
        return [y if isinstance(y, Value) else Value(y) for y in found]

    def scalar(self) -> Value:
        """The one number that f returned."""
        y = self.output
        if type(y) is Value:
            return y
        try:
            return Value(y)
        except TypeError:
            raise TypeError(
                f"{self}: it must return one number, got {received(y)}: "
                "take jacobian(f) for the derivatives of many, or reduce them to one, as in sum(...)"
            ) from None

    def gradient_graph(self, y: Value) -> list[Any]:
        """The derivatives of y by the inputs, to be differentiated again."""
        recording = set_recording(True)
        try:
            return derivative_graph(y, self._xs, False)
        finally:
            set_recording(recording)

    def derivatives(self, y: Any, further: bool | None = None) -> list[Any]:
        """The derivatives of y by the inputs, as they are handed to the caller."""
        if self.further if further is None else further:
            return [_as_value(g) for g in derivative_graph(_as_value(y), self._xs, False)]
        found = derivatives(_as_value(y), self._xs)
        return self.finished(found) if self._of_values else found

    def tangents(self, direction: Sequence[Any]) -> list[Any]:
        """The derivatives of f's outputs along the direction of the inputs, as they are handed to the caller."""
        ys = self.outputs
        tangent = _tangent_by_rules if self.further else _tangent
        found = dict(zip(self._xs, direction if self.further else map(_number, direction), strict=True))
        for v in dependents(ys, self._xs, False):
            if v not in found:
                found[v] = tangent(v, found)
        ts = [found.get(y, 0.0) for y in ys]
        return [_as_value(t) for t in ts] if self.further else self.finished(ts)

    def finished(self, tree: Any) -> Any:
        """As the caller gets it: numbers, unless something may differentiate it again or Values came in."""
        if self.further:
            return tree
        if type(tree) is Value and not self._of_values:
            return tree.data
        if self._of_values:
            return mapped(lambda x: _as_value(x).detach() if isinstance(x, (Value, float)) else x, tree)
        return mapped(lambda x: x.data if isinstance(x, Value) else x, tree)

    def _positions(self, argnums: int | Sequence[int], count: int) -> list[int]:
        at = [argnums] if isinstance(argnums, int) else list(argnums)
        for k in at:
            if not isinstance(k, int) or isinstance(k, bool):
                raise TypeError(f"{self}: argnums is the position of an argument, or several, got {received(k)}")
            if not -count <= k < count:
                raise TypeError(
                    f"{self}: argnums={argnums} was asked for, and it was called with {count} positional arguments: "
                    f"argnums counts them from 0"
                )
        return [k % count for k in at]

    def _argument_error(self, x: Any) -> TypeError:
        return not_a_number(f"{self}: what to differentiate by", x)

    def like_inputs(self, items: Sequence[Any]) -> Any:
        return rebuilt(self._inputs, items)


class _Depth(threading.local):
    """How many transforms' functions are running in this thread."""

    inside = 0


_depth = _Depth()


def _numbers_like(tree: Any, given: Any, what: str) -> list[Any]:
    found = elements(given, lambda x: not_a_number(what, x))
    if not alike(tree, given):
        raise ShapeError(f"{what} of the structure of {_sketch(tree)}, got {_sketch(given)}")
    return [x if isinstance(x, Value) else float(x) for x in found]


def _sketch(tree: Any) -> str:
    """A structure, as short text: every number is *."""
    text = repr(mapped(lambda x: _Star(), tree))
    return text if len(text) <= 60 else text[:57] + "..."


class _Star:
    def __repr__(self) -> str:
        return "*"


def _tangent(v: Value, tangents: dict[Value, Any]) -> float:
    """What moves v when its parents move; a tangent that is exactly zero moves nothing."""
    total = 0.0
    for parent, derivative in zip(v.parents, v.local_derivatives, strict=True):
        tangent = tangents.get(parent, 0.0)
        if tangent != 0.0:
            total += tangent * derivative
    return total


def _tangent_by_rules(v: Value, tangents: dict[Value, Any]) -> Any:
    """The same as a graph: rules are linear in what they pass on, so they pass tangents on as they do adjoints."""
    assert v.op is not None
    terms: list[Any] = []
    for rule, arg in zip(v.op.rules, v.args, strict=True):
        if type(arg) is tuple:
            moved = [k for k, x in enumerate(arg) if type(x) is Value and x in tangents]
            if moved:
                assert rule is not None
                derivatives = rule(1.0, v, *v.args)
                terms += [_scaled(tangents[arg[k]], derivatives[k]) for k in moved]
        elif type(arg) is Value and arg in tangents:
            assert rule is not None
            contribution = rule(tangents[arg], v, *v.args)
            terms.append(
                0.0 if _number(tangents[arg]) == 0.0 and not math.isfinite(_number(contribution)) else contribution
            )
    return sum(terms[1:], terms[0]) if terms else 0.0


def _scaled(tangent: Any, derivative: Any) -> Any:
    return 0.0 if _number(tangent) == 0.0 and not math.isfinite(_number(derivative)) else tangent * derivative


def _as_value(x: Any) -> Value:
    return x if isinstance(x, Value) else Value(x)


def _number(x: Any) -> float:
    return x.data if isinstance(x, Value) else float(x)


def _check_unchanged(v: Value) -> None:
    """Raises HistoryError where a leaf just below v holds another number than when v was recorded."""
    if v.op is None or not any(parent.op is None for parent in v.parents):
        return
    plain = [tuple(map(_number, arg)) if type(arg) is tuple else _number(arg) for arg in v.args]
    now = v.op.value(*plain)
    if not (math.isclose(now, v.data, rel_tol=1e-13) or (math.isnan(now) and math.isnan(v.data))):
        raise HistoryError(
            f"{v.op.name} was recorded as {v.data} and would be {now} now: a leaf below it has changed since; "
            "compute it again before differentiating with create_graph"
        )
