"""grad and related transforms turn functions of numbers into functions that return derivatives, of any order.

Names and meanings are JAX's. Each transform runs f on new Values in place of the arguments that it differentiates by.
Numbers give numbers. If an argument holds a Value, or inside the function of another transform, results are Values that
can be differentiated again. Arguments are numbers, or nested lists, tuples, dicts, dataclasses and arrays of them;
derivatives have the same structure.

Plain numbers have lost their history. If derivatives at plain numbers depend on outer leaves that could get gradients
(a model's parameters), a CutOffWarning names one. Pass a Value, or compile the whole loss; under no_grad() it counts as
intended.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..engine import Value, dependents, derivative_graph, derivatives, hooks, is_inside, is_recording
from ..errors import received
from .cut_off import warn_of_floats
from .pytree import has_values, numbers_like
from .runs import Run, as_value, by_differentiation, check_unchanged

_Function = Callable[..., Any]


def gradients(y: Value, xs: Sequence[Value], create_graph: bool = False) -> list[Any]:
    """The derivatives of y by each of xs, leaves or results below y; no .grad is changed.

    Returns floats, or with create_graph Values, which can be differentiated again. Inside a transform's function,
    floats lose their history, so a CutOffWarning says so. Raises TypeError for anything that is not a Value, and with
    create_graph HistoryError if a leaf has changed since it was recorded.

    >>> x = Value(2.0)
    >>> first, = gradients(x**3, [x], create_graph=True); gradients(first, [x])
    [12.0]
    """
    for value in (y, *xs) if isinstance(xs, Iterable) else (None,):
        if not isinstance(value, Value):
            raise TypeError(
                "gradients(y, xs) takes a Value y and a list of Values xs, "
                f"got {received(xs if value is None else value)} among them"
            )
    if not create_graph:
        found = derivatives(y, xs)
        if is_inside() and is_recording():
            warn_of_floats(
                "gradients(y, xs)", "pass create_graph=True, or take them under no_grad() where that is meant"
            )
        return found
    check_unchanged(dependents([y], xs))
    return [as_value(g) for g in by_differentiation(derivative_graph, y, xs)]


def grad(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """Returns the function that computes the derivative of f by argument `argnums` (or several, as a tuple).

    has_aux  True: f returns (y, more), and grad(f) returns (derivative, more)
    The call raises TypeError if f does not return one number, or if the argument does not exist.

    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    """

    @functools.wraps(f, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        run = Run("grad", f, args, kwargs, argnums, has_aux)
        derivative = run.like_inputs(run.derivatives(run.scalar()))
        return (derivative, run.aux) if has_aux else derivative

    return gradient


def value_and_grad(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """The same as grad, but returns f's result too: (y, derivative), or ((y, more), derivative).

    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (6.0, (3.0, 2.0))
    """

    @functools.wraps(f, updated=())
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = Run("grad", f, args, kwargs, argnums, has_aux)
        value = run.value()
        derivative = run.like_inputs(run.derivatives(run.scalar(), itself=True))
        return ((value, run.aux) if has_aux else value), derivative

    return value_and_gradient


def jacobian(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """Returns the function that computes all derivatives of all numbers that f returns: one reverse sweep per output.

    The result has the structure of f's result, with the structure of the argument in place of each number.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """

    @functools.wraps(f, updated=())
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        run = Run("jacobian", f, args, kwargs, argnums, has_aux)
        outputs = run.outputs()
        found = outputs.filled([run.like_inputs(run.derivatives(y)) for y in outputs.numbers])
        return (found, run.aux) if has_aux else found

    return jacobian_of_f


def hessian(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """Returns the function that computes all second derivatives of f, which returns one number.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """

    @functools.wraps(f, updated=())
    def hessian_of_f(*args: Any, **kwargs: Any) -> Any:
        run = Run("hessian", f, args, kwargs, argnums, has_aux)
        rows = [run.like_inputs(run.derivatives(first)) for first in run.gradient_graph(run.scalar())]
        found = run.like_inputs(rows)
        return (found, run.aux) if has_aux else found

    return hessian_of_f


def hvp(f: _Function, x: Any, v: Any) -> Any:
    """The Hessian of f at x times v, at the cost of a few gradients, whatever the number of dimensions.

    x, v  have the same structure, which the result has too; otherwise ShapeError is raised
    It is the gradient of the derivative of f along v: one sweep forward, one back (Pearlmutter, Fast exact
    multiplication by the Hessian, 1994).

    >>> hvp(lambda x: x[0] ** 2 * x[1], [2.0, 3.0], [1.0, 0.0])
    [6.0, 4.0]
    """
    direction = numbers_like(x, v, "hvp(f, x, v): v")
    run = Run("hvp", f, (x,), {}, 0, directions=direction)
    y = run.scalar()
    # Hooks get gradients, not tangents.
    slope = run.product(run.gradient_graph(y), direction) if hooks else run.tangent_graphs([y], direction)[0]
    return run.like_inputs(run.derivatives(slope))


def vjp(f: _Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Returns (f(*primals), pullback); pullback(cotangents) is the vector-Jacobian product, one per primal.

    The pullback may be called many times. Cotangents have the structure of f's result, otherwise it raises ShapeError.

    >>> y, pullback = vjp(lambda a, b: [a * b, a + b], 2.0, 3.0); pullback([1.0, 10.0])
    (13.0, 12.0)
    """
    run = Run("vjp", f, primals, {}, range(len(primals)), has_aux)
    value = run.value()

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        given = numbers_like(value, cotangents, "the pullback of vjp: the cotangents")
        product = run.product(run.outputs().numbers, given)
        found: tuple[Any, ...] = run.like_inputs(run.derivatives(product, run.further or has_values(given), True))
        return found

    return (value, pullback, run.aux) if has_aux else (value, pullback)


def jvp(f: _Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple[Any, ...]:
    """Returns (f(*primals), tangent); tangent is the derivative of f's result along the tangents, by a forward sweep.

    primals, tangents  lists or tuples of f's arguments, with the same structure; otherwise ShapeError is raised

    >>> jvp(lambda a, b: a * b, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (list, tuple)):
            raise TypeError(
                f"jvp(f, primals, tangents): {name} is a list or tuple of f's arguments, got {received(given)}"
            )
    direction = numbers_like(tuple(primals), tuple(tangents), "jvp(f, primals, tangents): the tangents")
    run = Run("jvp", f, primals, {}, range(len(primals)), has_aux, direction)
    value = run.value()
    tangent = run.tangents(direction)
    return (value, tangent, run.aux) if has_aux else (value, tangent)
