"""grad and its kin: functions of numbers turned into functions that give derivatives, to any order.

Names and meaning are JAX's. Each transform runs f on fresh Values in the place of the arguments that it differentiates
by. Numbers give numbers; where an argument holds a Value, or inside the function of another transform, results are
Values that can be differentiated again. Arguments are numbers, or nested lists, tuples, dicts, dataclasses and arrays
of them, and derivatives come in the same structure.

Numbers cut off what they were computed from: where derivatives at plain numbers depend on leaves from outside that
gradients could enter (a model's parameters), a CutOffWarning names one. Pass a Value, or compile the whole loss; under
no_grad() it is taken to be meant.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..engine import Value, dependents, derivative_graph, derivatives, hooks, is_inside, is_recording
from ..errors import received
from .cut_off import warn_of_floats
from .pytree import has_values
from .runs import Run, as_value, check_unchanged, numbers_like

_Function = Callable[..., Any]


def gradients(y: Value, xs: Sequence[Value], create_graph: bool = False) -> list[Any]:
    """The derivatives of y by each of xs, leaves or results below y; no .grad is touched.

    Gives floats, or with create_graph Values, made by the table's rules, which can be differentiated again; floats
    within a transform's function cut off what it differentiates by, so a CutOffWarning says so. Raises TypeError for
    what is not a Value; with create_graph, HistoryError where a leaf has changed since it was recorded.

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
    return [as_value(g) for g in derivative_graph(y, xs)]


def grad(f: _Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> _Function:
    """The function that gives the derivative of f, one number, by its argument `argnums` (several: a tuple of them).

    has_aux  f returns (y, more), and grad(f) then (derivative, more)
    Raises TypeError, when called, for an f that does not give one number, and for an argument that is not there.

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
    """As grad, but what f returned stands before the derivative: (y, derivative), or ((y, more), derivative).

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
    """The function that gives all derivatives of all that f returns, by its argument: one reverse sweep an output.

    The result has the structure of what f returns, and in the place of each number the structure of the argument.

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
    """The function that gives all second derivatives of f, one number: the jacobian of its gradient.

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
    """The Hessian of f at x times v, at the cost of a few gradients whatever the number of dimensions.

    x, v  of one structure, which is the result's too. The gradient of the derivative of f along v: one sweep forward,
    one back (Pearlmutter, Fast exact multiplication by the Hessian, 1994). Raises ShapeError where v has another
    structure than x.

    >>> hvp(lambda x: x[0] ** 2 * x[1], [2.0, 3.0], [1.0, 0.0])
    [6.0, 4.0]
    """
    direction = numbers_like(x, v, "hvp(f, x, v): v")
    run = Run("hvp", f, (x,), {}, 0, directions=direction)
    y = run.scalar()
    # Hooks see gradients, not tangents.
    slope = run.product(run.gradient_graph(y), direction) if hooks else run.tangent_graphs([y], direction)[0]
    return run.like_inputs(run.derivatives(slope))


def vjp(f: _Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(f(*primals), pullback): pullback(cotangents), of the structure of f's result, gives a tuple, one a primal.

    The pullback is the vector-Jacobian product, and may be called often. Raises ShapeError where the cotangents have
    another structure than f's result.

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
    direction = numbers_like(tuple(primals), tuple(tangents), "jvp(f, primals, tangents): the tangents")
    run = Run("jvp", f, primals, {}, range(len(primals)), has_aux, direction)
    value = run.value()
    tangent = run.tangents(direction)
    return (value, tangent, run.aux) if has_aux else (value, tangent)
