"""What the .grad of a leaf is made of: what a graph's sweep gave it, and the rest; and whether the leaf has changed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .. import engine, ops
from ..engine import Value, derivatives, topological_order, within
from ..text.wording import number
from ..transforms.replay import recorded_otherwise

Kind = Literal["before", "after", "none", "outside", "scaled"]

WORDS: dict[Kind, str] = {
    "before": "{grad} = {others} from other sweeps + {given} from this one",
    "after": "{grad}, with other sweeps; this graph's own sweep gave {given}",
    "none": "{grad}, all from other sweeps: backward() was not called on this graph",
    "outside": "{grad} = {others} from outside this graph + {given} through it",
    "scaled": "{grad}, where the sweep gave {given}: scaled since, as by clip_grad_norm_, or other sweeps came in",
}
"""How the parts of a gradient are told. The explorer's page fills in the same texts."""

REASON = "a sweep, one backward(), adds to the .grad of a leaf until zero_grad() clears it"
CHANGED = {
    True: "the value has changed since: the gradient is that at the earlier value",
    False: "its value, or another argument's, has changed since: the gradient is that at the earlier values",
}
"""What is told of a leaf that has changed, for certain or perhaps."""

_CLOSE, _ROUNDED = 1e-9, 1e-13
"""Differences below these parts of the sums, or of all their terms, are rounding."""


@dataclass(frozen=True, slots=True)
class Accumulated:
    """The .grad of a leaf that is not what the sweep of a graph gives it.

    kind   "before": other sweeps, without a zero_grad() in between; "after": sweeps of other graphs came later; "none":
           this graph was not swept; "outside": the sweep began at a result that this graph is a part of; "scaled": all
           gradients are the same part of what the sweep gave
    given  what the sweep of this graph gave
    """

    kind: Kind
    grad: float
    given: float

    @property
    def others(self) -> float:
        return self.grad - self.given

    def words(self, digits: int = 6) -> str:
        """The gradient and its parts.

        >>> Accumulated("before", 12.0, 4.0).words()
        '12 = 8 from other sweeps + 4 from this one'
        """
        parts = {"grad": self.grad, "others": self.others, "given": self.given}
        texts = {name: number(x, digits) for name, x in parts.items()}
        if texts["given"].startswith("-"):
            texts["given"] = f"({texts['given']})"
        return WORDS[self.kind].format(**texts)

    def sentence(self, name: str) -> str:
        """The same as a sentence about the leaf of this name, with the reason."""
        return f"{name}.grad: {self.words()}{'; ' if self.reason else ''}{self.reason}"

    @property
    def reason(self) -> str:
        """Why it is so, "" if `words` say it."""
        return "" if self.kind in ("outside", "scaled") else REASON


def accumulated(y: Value, order: Sequence[Value] | None = None) -> dict[Value, Accumulated]:
    """For each leaf below y whose .grad is more than rounding away from what the sweep of y gives: its parts.

    Nothing is stored for this: what the sweep gives is computed again. Where hooks change gradients, nothing is found.

    order  the graph of y, in topological order

    >>> w = Value(3.0, label="w"); y = 2.0 * w; y.backward(); y.backward(); accumulated(y)[w].words()
    '4 = 2 from other sweeps + 2 from this one'
    """
    order = topological_order(y) if order is None else order
    leaves = [v for v in order if v.op is None and v.kind != "detached" and v.grad_state == "computed"]
    if y.op is None or not leaves or any(id(v) in engine.hooks for v in order):
        return {}
    swept = y.grad_state == "computed"
    begun = engine.began_sweep(y)
    given = [y.grad * g if swept else 0.0 for g in within(derivatives, y, leaves, watch=None)]
    pairs = [(v, v.grad, g) for v, g in zip(leaves, given, strict=True) if _differ(v.grad, g)]
    if not swept or not pairs:
        return {v: Accumulated("none", grad, 0.0) for v, grad, _ in pairs}
    rounding = _rounding(y, order)
    pairs = [(v, grad, g) for v, grad, g in pairs if not abs(grad - g) <= rounding[v]]
    if begun and _is_scaled([(v.grad, g) for v, g in zip(leaves, given, strict=True) if g != 0.0]):
        return {v: Accumulated("scaled", grad, g) for v, grad, g in pairs}
    last = engine.sweep_number(y)
    found: dict[Value, Accumulated] = {}
    for v, grad, g in pairs:
        kind: Kind = "after" if engine.sweep_number(v) > last else "before" if begun else "outside"
        found[v] = Accumulated(kind, grad, g)
    return found


def changed_leaves(order: Sequence[Value]) -> dict[Value, bool]:
    """The leaves whose values have changed since these results were recorded from them.

    True, or False where it may have been another argument of the same operation. The local derivatives of a product are
    the recorded numbers of its factors. Elsewhere, a leaf is known if it is the only one among the arguments.

    >>> w, x = Value(3.0), Value(1.0); y = w * x; w.data = 2.0; changed_leaves([y]) == {w: True}
    True
    """
    found: dict[Value, bool] = {}
    same: set[Value] = set()
    doubtful: list[set[Value]] = []
    for v in order:
        if v.op is None or not recorded_otherwise(v):
            continue
        left = {parent for parent in v.parents if parent.op is None}
        for leaf, recorded in _factors(v) if v.op in (ops.mul, ops.dot) else ():
            if leaf.data == recorded:
                same.add(leaf)
            else:
                found[leaf] = True
        doubtful.append(left)
    for leaves in doubtful:
        left = leaves - same
        if not any(found.get(leaf) for leaf in left):
            found.update(dict.fromkeys(left, len(left) == 1))
    return found


def _factors(v: Value) -> Iterator[tuple[Value, float]]:
    """The leaves among the factors of a product or a dot that multiply another Value, with their recorded numbers."""
    lefts, rights = v.args[:2] if v.op is ops.dot else ((v.args[0],), (v.args[1],))
    derivatives = iter(v.local_derivatives)
    by_left, by_right = ([next(derivatives) if type(x) is Value else x for x in side] for side in (lefts, rights))
    for factors, numbers, others in ((lefts, by_right, rights), (rights, by_left, lefts)):
        for factor, recorded, other in zip(factors, numbers, others, strict=True):
            if type(factor) is Value and factor.op is None and type(other) is Value:
                yield factor, recorded


def _differ(grad: float, given: float) -> bool:
    """Whether two numbers differ by more than rounding; if `given` is not finite, nothing is said."""
    return math.isfinite(given) and not math.isclose(grad, given, rel_tol=_CLOSE)


def _rounding(y: Value, order: Sequence[Value]) -> dict[Value, float]:
    """What the derivatives of y may be rounded by: more than a part of the sums, where terms cancel on the way."""
    sizes = dict.fromkeys(order, 0.0)
    sizes[y] = _ROUNDED * abs(y.grad)
    for v in reversed(order):
        for parent, d in zip(v.parents, v.local_derivatives, strict=True):
            if d - d == 0.0:
                sizes[parent] += sizes[v] * abs(d)
    return sizes


def _is_scaled(pairs: Sequence[tuple[float, float]]) -> bool:
    """Whether each gradient is the same part of what the sweep gave, less than all of it."""
    parts = [grad / given for grad, given in pairs]
    return bool(parts) and min(parts) > 0.0 and max(parts) < 1.0 and max(parts) - min(parts) <= _CLOSE * max(parts)
