"""Run: one run of a function on new Values, with which every transform begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Real
from typing import Any

from ..engine import (
    Origin,
    Value,
    current_inside,
    current_origin,
    current_trace,
    dependents,
    derivative_graph,
    derivatives,
    dot,
    find_later,
    is_joint,
    is_recording,
    is_tracing,
    leaf_changes,
    next_call,
    record,
    recorded,
    recorded_so_far,
    tangents,
    within,
    within_transform,
)
from ..errors import HistoryError, not_a_number, received
from ..floats.reals import is_choice
from ..ops import component
from .argnums import named_by
from .cut_off import warn_of
from .pytree import Structure, has_values, mapped

_Function = Callable[..., Any]


class Run:
    """One run of f, with new Values in place of the arguments that it is differentiated by.

    variables  these Values, in order
    further    whether the results may be differentiated again; they are then Values, made by the rules
    """

    def __init__(
        self,
        who: str,
        f: _Function,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: int | Sequence[int],
        has_aux: bool = False,
        directions: Sequence[Any] = (),
    ) -> None:
        self._who, self._f, self.aux = who, f, None
        if not callable(f):
            raise TypeError(f"{who}(f) takes a function, got {received(f)}: for a recorded Value use gradients(y, xs)")
        one = type(argnums) is int or not isinstance(argnums, Iterable)
        at = [0] if type(argnums) is int and argnums == 0 and args else named_by(argnums, len(args), str(self))
        self._inputs = Structure(args[at[0]] if one else tuple([args[k] for k in at]), self._argument_error)
        self._of_values = self._inputs.has_values
        if len(args) > len(at) or kwargs or directions:
            others = [arg for k, arg in enumerate(args) if k not in at]
            self._of_values = self._of_values or has_values([*others, *kwargs.values(), *directions])
        self._changes = leaf_changes()
        self._call = next_call()
        given = self._inputs.numbers
        self._inputs.refuse_choices(self._argument_error)
        recording = is_recording()
        self.further = is_tracing() or (recording and (self._of_values or current_inside() is not None))
        self._warns = recording and not self.further
        if self.further:
            self.variables = recorded(by_differentiation, _afresh, given)
        else:
            self.variables = list(map(Value, map(as_number, given) if self._of_values else given))
        fresh = self._inputs.filled(self.variables)
        called = list(args)
        for k, arg in [(at[0], fresh)] if one else zip(at, fresh, strict=True):
            called[k] = arg
        trace = current_trace()
        since = None if trace is None else (len(trace.derivatives), recorded_so_far())
        output = within_transform(self.variables if self.further else (), f, called, kwargs)
        if since is not None:  # a loop is found before it is differentiated
            output = recorded(find_later("rolled_tree"), output, *since)
        if has_aux:
            if not isinstance(output, tuple) or len(output) != 2:
                raise TypeError(f"{self} with has_aux: it must return (y, more), got {received(output)}")
            output, self.aux = output[0], self.finished(output[1])
        self.output = output

    def __str__(self) -> str:
        return f"{self._who} of {getattr(self._f, '__name__', type(self._f).__name__)}"

    def outputs(self) -> Structure:
        """The numbers that f returned."""
        return Structure(self.output, lambda x: not_a_number(f"{self}: what it returns", x))

    def value(self) -> Any:
        """f's result, as the caller gets it."""
        y = self.output
        return self.finished(Value(y) if isinstance(y, Real) else y)

    def scalar(self) -> Value:
        """The one number that f returned."""
        y = self.output
        if type(y) is Value:
            return y
        if getattr(y, "shape", None) == ():
            y = y.item()
        if isinstance(y, (Value, Real)):
            return as_value(y)
        instead = "take jacobian(f) for the derivatives of many, or reduce them to one, as in sum(...)"
        raise TypeError(
            f"{self}: it must return one number, got {received(y)}: "
            f"{'it may lack its return statement' if y is None else instead}"
        )

    def product(self, numbers: Sequence[Any], others: Sequence[Any]) -> Value:
        """The dot product of both, recorded even under no_grad()."""
        found: Value = recorded(by_differentiation, dot, numbers, others)
        return found

    def gradient_graph(self, y: Value) -> list[Any]:
        """The derivatives of y by the inputs, as Values that can be differentiated again."""
        self._check_unchanged(y)
        return recorded(by_differentiation, derivative_graph, y, self.variables, False)

    def derivatives(self, y: Any, further: bool | None = None, itself: bool = False) -> list[Any]:
        """The derivatives of y by the inputs, as the caller gets them; with `itself`, the caller gets y too."""
        if self.further if further is None else further:
            self._check_unchanged(y, always=further is not None)
            return _as_values(by_differentiation(derivative_graph, as_value(y), self.variables, False))
        if not self._warns:
            return self._as_given(derivatives(as_value(y), self.variables))
        older: list[Value] = []
        found = derivatives(as_value(y), self.variables, older, self._call)
        if older and is_recording():
            warn_of(str(self), self._f, y, self.variables, older, itself)
        return found

    def tangents(self, direction: Sequence[Any]) -> Any:
        """The derivatives of f's outputs along a direction of the inputs, as the caller gets them."""
        outputs = self.outputs()
        return outputs.filled(self.tangents_of([as_value(y) for y in outputs.numbers], direction))

    def tangents_of(self, ys: Sequence[Value], direction: Sequence[Any]) -> list[Any]:
        """The derivatives of ys along a direction of the inputs, as the caller gets them."""
        if self.further:
            return [as_value(t) for t in self.tangent_graphs(ys, direction)]
        older: list[Value] | None = [] if self._warns else None
        found = tangents(ys, self.variables, map(as_number, direction), False, older, self._call)
        if older:
            any(warn_of(str(self), self._f, y, self.variables, older, True) for y in ys)
        return self._as_given(found)

    def tangent_graphs(self, ys: Sequence[Value], direction: Sequence[Any]) -> list[Any]:
        """The derivatives of ys along a direction of the inputs, as Values that can be differentiated again."""
        for y in ys:
            self._check_unchanged(y)
        return recorded(by_differentiation, tangents, ys, self.variables, direction, True)

    def finished(self, tree: Any) -> Any:
        """A result as the caller gets it: plain numbers, unless it may be differentiated again or Values came in."""
        if self.further or not has_values(tree):
            return tree
        if self._of_values:
            return mapped(lambda x: x.detach() if isinstance(x, Value) else x, tree)
        return mapped(lambda x: x.data if isinstance(x, Value) else x, tree)

    def _as_given(self, numbers: list[float]) -> list[Any]:
        """Detached Values if Values came in (under no_grad()), else plain numbers."""
        return [Value(x).detach() for x in numbers] if self._of_values else numbers

    def _check_unchanged(self, y: Any, always: bool = False) -> None:
        """Raises HistoryError if a leaf has changed since the run.

        always  check in any case, since an optimizer may have moved parameters, which is not counted
        """
        if (always or leaf_changes() != self._changes) and isinstance(y, Value):
            check_unchanged(dependents([y], self.variables, False))

    def _argument_error(self, x: Any) -> TypeError:
        if not is_choice(x):
            return not_a_number(f"{self}: what to differentiate by", x)
        return TypeError(
            f"{self}: there is no derivative by {x!r}, which is a choice: pass it as an argument that is not "
            "differentiated, or write float(...) if it is meant as a number"
        )

    def like_inputs(self, items: Sequence[Any]) -> Any:
        return self._inputs.filled(items)


def by_differentiation(function: Callable[..., Any], *args: Any) -> Any:
    """Calls function(*args); its new Values are known to come from differentiation, for pictures."""
    outer = current_origin()
    path, line = (outer.path, outer.line) if outer else (None, None)
    return within(function, *args, origin=Origin(None, path, line, derived=True))


def inside_transform(function: Callable[..., Any], *args: Any) -> Any:
    """Calls function(*args) so that Values' copies and derivatives behave as in a transform's function."""
    return within(function, *args, inside=((), current_inside()))


def variables() -> Iterator[Value]:
    """Yields the results by which the currently running transforms differentiate."""
    running = current_inside()
    while running:
        xs, running = running
        yield from (x for x in xs if x.op is not None)


def _afresh(given: Sequence[Any]) -> list[Value]:
    """New Values with the same numbers, through which derivatives pass on to the given Values."""
    return [x.identity() if type(x) is Value else Value(x) for x in given]


def as_value(x: Any) -> Value:
    return x if isinstance(x, Value) else Value(x)


def as_number(x: Any) -> float:
    return x.data if isinstance(x, Value) else float(x)


def _as_values(found: Sequence[Any]) -> list[Value]:
    """Derivatives as Values; in a trace all that are 0.0 are one Value, since there may be millions."""
    if not is_tracing():
        return list(map(as_value, found))
    zero = Value(0.0)
    return [g if type(g) is Value else Value(g) if g or math.copysign(1.0, g) < 0.0 else zero for g in found]


def check_unchanged(order: Sequence[Value]) -> None:
    """Raises HistoryError if a leaf has another number now than when something that depends on xs was recorded.

    In a trace this cannot happen, since a program computes everything again from the leaves.
    """
    if is_tracing():
        return
    known = set(order)
    for v in order:
        if v.op is None or not any(p.op is None for p in v.parents) or known.isdisjoint(v.parents):
            continue
        if v.op is component:
            continue  # its joint node is checked instead
        if is_joint(v):
            if not v.args[-1].is_unchanged():
                raise HistoryError(
                    f"what a {v.op.name} depends on has changed since it was found: "
                    "compute it again before differentiating its derivative"
                )
            continue
        now = within(record, v.op, v.args, recording=True, watch=None)
        pairs = zip((now.data, *now.local_derivatives), (v.data, *v.local_derivatives), strict=True)
        if not all(math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-14) or (a != a and b != b) for a, b in pairs):
            raise HistoryError(
                f"{v.op.name} was recorded as {v.data} and would be {now.data} now: a leaf below it has changed since; "
                "compute it again before differentiating its derivative"
            )
