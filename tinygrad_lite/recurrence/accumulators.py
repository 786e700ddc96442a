"""Finds the numbers of a carry that a step only adds to, such as a loss: they are sums, which no step need wait for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..engine import Value, hooks, results_below

_ADDING = (ops.add, ops.sub)


def accumulated(carry: Sequence[Value], nexts: Sequence[Any], others: Sequence[Any]) -> dict[int, Any]:
    """What the step adds, for each number of the carry that it only adds to, unless a hook is to see each step.

    others  what the step gives beside the next carry
    """
    outputs = [y for y in (*nexts, *others) if type(y) is Value]
    uses = Counter(outputs)
    for v in results_below(*outputs):
        uses.update(v.parents)
    found: dict[int, Any] = {}
    for k, (before, after) in enumerate(zip(carry, nexts, strict=True)):
        if uses[before] == 1 and after is not before and id(before) not in hooks:
            terms = _terms(before, after, uses)
            if terms:
                found[k] = ops.sum(terms) if len(terms) > 1 else terms[0]
    return found


def _terms(before: Value, after: Any, uses: Counter[Value]) -> list[Any]:
    """The terms that are added to a number one after the other; none if something else happens to it."""
    terms: list[Any] = []
    while after is not before:
        if type(after) is not Value or after.op not in _ADDING or uses[after] != 1 or id(after) in hooks:
            return []
        left, right = after.args
        if after.op is ops.sub:
            right = -right
        elif right is before:
            left, right = right, left
        terms.append(right)
        after = left
    return terms
