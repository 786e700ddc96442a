"""Which derivatives of a recorded result may differ from 0, by the rules of the table, whatever the numbers are.

An argument to which a row passes nothing, such as the condition of where, does not count. A row has second derivatives
by two arguments if its rule for one depends on the other: this is asked of the rule, once. So sums, products with a
number, and mean have none. Of a row that is not in the table, all arguments count together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from ..engine import Value, dependents, within
from ..ops import Op, is_built_in, no_gradient

_NOTHING: frozenset[int] = frozenset()
Values = tuple[Value, ...]
Known = tuple[float | None, ...]
"""For each argument of an operation None, or a plain number; one stands for all where the rules do not look at it."""


def jacobian_pattern(ys: Sequence[Any], xs: Sequence[Value]) -> list[Iterable[int]]:
    """For each y the positions of the xs by which its derivative may differ from 0. No x depends on another."""
    sets = _dependence(dependents([y for y in ys if type(y) is Value], xs, False), xs)
    return [sets.get(y, _NOTHING) if type(y) is Value else _NOTHING for y in ys]


def hessian_pattern(y: Value, xs: Sequence[Value]) -> list[set[int]]:
    """For each x the positions of the xs by which its derivative of y may differ from 0; it is symmetric."""
    order = dependents([y], xs, False)
    pairs: list[tuple[Values, Values]] = []
    for v in order:
        op = v.op
        if op is not None and not _is_linear(op):
            pairs += _meeting(v, op)
    wanted = set(chain.from_iterable(chain.from_iterable(pairs)))
    for v in reversed(order):  # a sum of all terms depends on all xs, but mostly nobody asks on which
        if v in wanted:
            wanted.update(_passing(v))
    sets = _dependence([v for v in order if v in wanted], xs)
    near: list[set[int]] = [set() for _ in xs]
    for a, b in {(_below(left, sets), _below(right, sets)) for left, right in pairs}:
        for i in a:
            near[i] |= b
        for j in b:
            near[j] |= a
    return near


def _dependence(order: Sequence[Value], xs: Sequence[Value]) -> dict[Value, frozenset[int]]:
    """The positions of the xs on which each node in order depends."""
    sets = {x: frozenset((k,)) for k, x in enumerate(xs)}
    kept: dict[frozenset[int], frozenset[int]] = {}
    for v in order:
        if v not in sets:
            found = _below(_passing(v), sets)
            sets[v] = kept.setdefault(found, found)  # one object for all equal sets
    return sets


def _below(values: Values, sets: dict[Value, frozenset[int]]) -> frozenset[int]:
    if len(values) == 1:
        return sets.get(values[0], _NOTHING)
    found = {sets.get(v, _NOTHING) for v in values}
    return found.pop() if len(found) == 1 else _NOTHING.union(*found)


def _passing(v: Value) -> Values:
    """The arguments by which v may have a derivative."""
    op = v.op
    if op is None:
        return ()
    if not _looks_at_arguments(op):
        return v.parents
    args = v.args
    passes = _passes(op, _known(op, args))
    return tuple([x for arg, passing in zip(args, passes, strict=True) if passing for x in _values(arg)])


def _meeting(v: Value, op: Op) -> Sequence[tuple[Values, Values]]:
    """Pairs of groups of v's arguments: it may have second derivatives by one of the first and one of the second."""
    if not is_built_in(op):
        return ((v.parents, v.parents),)
    args = v.args
    found: list[tuple[Values, Values]] = []
    for i, j, elementwise in _curved(op, _known(op, args)):
        if elementwise:
            both = zip(args[i], args[j], strict=True)
            found += [((a,), (b,)) for a, b in both if type(a) is Value and type(b) is Value]
        else:
            found.append((_values(args[i]), _values(args[j])))
    return found


def _values(arg: Any) -> Values:
    if type(arg) is tuple:
        return tuple([x for x in arg if type(x) is Value])
    return (arg,) if type(arg) is Value else ()


def _known(op: Op, args: Sequence[Any]) -> Known:
    exact = op.flat is None  # its rules give a plain 0 for some numbers, as for x ** 0
    return tuple([None if type(arg) is not float else arg if exact else 1.0 for arg in args])


@cache
def _is_linear(op: Op) -> bool:
    """Whether it has no second derivatives, whichever arguments are plain numbers."""
    known = tuple([1.0 if rule is None else None for rule in op.rules])
    return is_built_in(op) and op.flat is not None and not _curved(op, known)


@cache
def _looks_at_arguments(op: Op) -> bool:
    return is_built_in(op) and (op.flat is None or not {None, no_gradient}.isdisjoint(op.rules))


@lru_cache(4096)
def _passes(op: Op, known: Known) -> tuple[bool, ...]:
    """Whether something passes to each argument: a rule that gives plain numbers gives zeros."""
    _, found = _contributions(op, known)
    return tuple([any(type(x) is Value for x in some) for some in found])


@lru_cache(4096)
def _curved(op: Op, known: Known) -> tuple[tuple[int, int, bool], ...]:
    """The arguments by which there are second derivatives: (i, j, whether only elements at the same place meet)."""
    args, found = _contributions(op, known)
    places = [(x, j, place) for j, arg in enumerate(args) for place, x in enumerate(_elements(arg))]
    samples = [(x, j, place) for x, j, place in places if type(x) is Value]
    met: dict[tuple[int, int], bool] = {}
    for i, some in enumerate(found):
        for at, below in enumerate(jacobian_pattern(some, [x for x, _, _ in samples])):
            for _, j, place in [samples[k] for k in below]:
                pair = min(i, j), max(i, j)
                met[pair] = met.get(pair, True) and {i, j} <= set(op.sequences) and at == place
    return tuple([(i, j, elementwise) for (i, j), elementwise in met.items()])


@lru_cache(4096)
def _contributions(op: Op, known: Known) -> tuple[list[Any], list[list[Any]]]:
    """Arguments for an operation, each sequence of two numbers, and what its rules contribute to each."""

    def contributions() -> tuple[list[Any], list[list[Any]]]:
        args = [
            (Value(1.0), Value(1.0)) if k in op.sequences else Value(1.0) if number is None else number
            for k, number in enumerate(known)
        ]
        g, y = Value(1.0), op(*args)
        asked = [None if type(arg) is float else rule for rule, arg in zip(op.rules, args, strict=True)]
        return args, [_elements(0.0 if rule is None else rule(g, y, *args)) for rule in asked]

    return within(contributions, recording=True, watch=None, trace=None)


def _elements(arg: Any) -> list[Any]:
    return list(arg) if isinstance(arg, (list, tuple)) else [arg]
