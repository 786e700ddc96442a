"""explain_nan: finds where an inf or nan in a number or a derivative began, and says what helps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..engine import Value, contributions, topological_order, within
from ..errors import received
from ..text.reports import Report, Table
from ..text.wording import called, count, equation, expression, inputs, number, parent_names
from ..transforms.derivatives import gradients
from ..transforms.replay import computed, recorded_otherwise

_SHOWN = 6

_OVERFLOW = "scale the arguments, or add logarithms instead of multiplying: this is beyond 1.8e308, the largest float"
_EXPONENTIAL = (
    "subtract the largest exponent first, as softmax and logsumexp do, or use sigmoid, softplus or tanh, which work "
    "for all numbers: beyond 710 this overflows"
)
_DENOMINATOR = (
    "add a small number to the denominator, or keep 0 out of it with a / where(b, b, 1.0): it is 0, or too close to 0"
)
_LOGARITHM = (
    "add a small number to the argument, as in log(x + 1e-12), since it must be above 0; for probabilities use "
    "log_softmax, or a loss that takes logits, the scores before softmax"
)
_OUTSIDE = "write clip(x, -1, 1), if rounding takes the argument outside: it must be from -1 to 1"
_AT_THE_ENDS = "write clip(x, -1 + 1e-9, 1 - 1e-9): the slope at -1 and 1 is infinite"
_FROM_0_TO_1 = (
    "write clip(p, 1e-12, 1 - 1e-12), since the argument must be between 0 and 1, or use a loss that takes logits, the "
    "scores before the sigmoid"
)
_POLES = "keep the argument above 0: there are poles at 0, -1, -2, ..."
_VALUE_ADVICE = {
    "div": _DENOMINATOR,
    "log": _LOGARITHM,
    "log2": _LOGARITHM,
    "log10": _LOGARITHM,
    "log1p": "keep the argument above -1",
    "xlogy": "write xlogy(a, maximum(b, 1e-12)): the second argument must be above 0, unless the first is 0",
    "logit": _FROM_0_TO_1,
    "acosh": "write maximum(x, 1.0), if rounding takes the argument there: it must not be below 1",
    "atanh": "write clip(x, -1 + 1e-9, 1 - 1e-9): the argument must be between -1 and 1",
    "sqrt": "write maximum(x, 0.0), if rounding takes the argument there: it must not be below 0",
    "pow": "keep the base above 0: a negative base needs a whole exponent, and the base 0 an exponent of 0 or more",
    **dict.fromkeys(("asin", "acos"), _OUTSIDE),
    "erfinv": "write clip(x, -1 + 1e-9, 1 - 1e-9): the argument must be between -1 and 1, and it is infinite at both",
    "ndtri": "write clip(p, 1e-12, 1 - 1e-12): the argument must be between 0 and 1, and it is infinite at both",
    **dict.fromkeys(
        ("fmod", "mod"),
        "keep the first argument finite and the second from 0: an infinite number has no remainder, nor has a division "
        "by 0",
    ),
    **dict.fromkeys(("var", "std"), "pass more than ddof numbers, all of them finite"),
    **dict.fromkeys(("lgamma", "polygamma"), _POLES),
    **dict.fromkeys(("exp", "expm1", "sinh", "cosh"), _EXPONENTIAL),
    "exp2": "subtract the largest exponent first, as softmax and logsumexp do: beyond 1024 this overflows",
    **dict.fromkeys(("add", "sub", "mul", "sum", "prod", "dot", "mean", "norm", "hypot"), _OVERFLOW),
}
_SLOPE_ADVICE = {
    "sqrt": "write sqrt(x + 1e-12), or sqrt(maximum(x, 1e-12)), or norm(xs), which has derivative 0 at the origin: the "
    "slope of sqrt at 0 is infinite",
    "pow": "write (x + 1e-12) ** n: the slope of x ** n at 0 is infinite for n below 1",
    "div": _DENOMINATOR,
    "cbrt": "write x / (x * x + 1e-12) ** (1 / 3): the slope of cbrt at 0 is infinite",
    "log": _LOGARITHM,
    "log2": _LOGARITHM,
    "log10": _LOGARITHM,
    "log1p": _VALUE_ADVICE["log1p"],
    "xlogy": "write xlogy(a, maximum(b, 1e-12)): the slope by the first argument is the log of the second, which is 0",
    "logit": _FROM_0_TO_1,
    "acosh": "write maximum(x, 1 + 1e-9): the slope of acosh at 1 is infinite",
    **dict.fromkeys(("asin", "acos", "atanh"), _AT_THE_ENDS),
    **dict.fromkeys(("lgamma", "polygamma"), _POLES),
}
_TOO_STEEP = "scale the factors down, or take fewer steps: derivatives grow beyond 1.8e308 along the graph"
_CAME_IN = (
    "see where this leaf got its number, which was not finite from the start. An optimizer's step gives it one if the "
    "derivative was inf or nan, or if the learning rate is too large"
)


@dataclass(frozen=True, repr=False)
class NanExplanation(Report):
    """The report of explain_nan: where an inf or nan began.

    kind    "value": y itself is not finite; "derivative": a derivative of y is not finite; None: everything is finite
    node    where it began: an operation's result, or a leaf that holds such a number
    inputs  the arguments that caused it, Values and plain numbers
    story   the same in words
    """

    y: Value
    kind: Literal["value", "derivative"] | None
    node: Value | None
    inputs: tuple[Value | float, ...]
    story: Sequence[str | Table]

    @property
    def line(self) -> str | None:
        """The 'file:line' that recorded the node, known if it was recorded under detect_anomaly()."""
        return self.node.line if self.node is not None else None

    def parts(self) -> list[str | Table]:
        return list(self.story)


def explain_nan(y: Value) -> NanExplanation:
    """Finds where an inf or nan in y, or in a derivative of y, began: the operation, its inputs, and what helps.

    It walks back to the first operation that made such a number from finite ones, or, if y is finite, to the first that
    passes such a derivative on. The line is known for graphs recorded under detect_anomaly(). No .grad is changed.

    >>> p = Value(0.0, label="p"); found = explain_nan(p * p.log())
    >>> found.kind, found.node.op.name, found.inputs[0].label
    ('value', 'log', 'p')
    """
    if not isinstance(y, Value):
        raise TypeError(f"explain_nan(y) takes a Value that is inf or nan or has such derivatives, got {received(y)}")
    order = topological_order(y)
    if not math.isfinite(y.data):
        return _value(y, order)
    # Without the watch, which would raise in the sweep that is examined.
    adjoints = dict(zip(order, within(gradients, y, order, watch=None), strict=True))
    return _derivative(y, order, adjoints) or _all_finite(y, order, adjoints)


def _value(y: Value, order: list[Value]) -> NanExplanation:
    first, chain, others = _origin(y, order)
    helps = _help(first, _value_advice(first))
    story: list[str | Table] = [helps[0], f"Why: {called(y)} is {y.data}. It began in {_described(first)}"]
    if len(chain) > 1:
        story.append(_way_up(chain))
    if others:
        story.append(f"Other such numbers began in {_listed(others)}")
    did = [x for _, x in inputs(first)] if first.op else []
    return NanExplanation(y, "value", first, tuple(_not_finite(did) or did), [*story, *helps[1:]])


def _origin(y: Value, order: list[Value]) -> tuple[Value, list[Value], list[Value]]:
    """The first Value that is not finite on the way to y, the path from it to y, and other Values where any began."""
    onward: dict[Value, Value | None] = {y: None}
    origins: list[Value] = []
    for v in reversed(order):
        if v in onward:
            causes = _causes(v)
            for parent in causes:
                onward.setdefault(parent, v)
            if not causes:
                origins.append(v)
    *others, first = origins
    chain, at = [first], onward[first]
    while at is not None:
        chain.append(at)
        at = onward[at]
    return first, chain, others[::-1]


def _causes(v: Value) -> list[Value]:
    """The parents that make v not finite, without a branch that `where` did not take."""
    given = list(dict.fromkeys(p for p in v.parents if not math.isfinite(p.data)))
    if len(given) > _SHOWN:
        return given
    alone = []
    for p in given:
        numbers = [q.data if q is p or math.isfinite(q.data) else 1.0 for q in v.parents]
        if not math.isfinite(computed(v, numbers)):
            alone.append(p)
    return alone or given


def _derivative(y: Value, order: list[Value], adjoints: dict[Value, float]) -> NanExplanation | None:
    """Finds, from y down, the first result that passes on an inf or nan, or whose finite terms add up to one."""
    if all(math.isfinite(adjoint) for v, adjoint in adjoints.items() if v.op is None):
        return None
    head = f"Why: {called(y)} = {number(y.data, 6)} is finite, but not all of its derivatives are. It began "
    unreached = {v for v in order if v.kind == "detached"}
    gathered = {y: 1.0}
    for v in reversed(order):
        adjoint = adjoints[v]
        if not math.isfinite(adjoint):
            total = gathered[v]
            if math.isfinite(total):
                how, advice = (
                    f"in a hook on {called(v)}, which turned {number(total, 6)} into {adjoint}",
                    "check the hook",
                )
            else:
                how, advice = f"at {called(v)}, where finite terms add up to {total}", _TOO_STEEP
            first, *more = _help(v, advice)
            return NanExplanation(y, "derivative", v, (), [first, head + how, *_reached(adjoints), *more])
        steps = [] if adjoint == 0.0 else list(zip(v.parents, contributions(v, adjoint), strict=True))
        hit = [k for k, (p, passed) in enumerate(steps) if not math.isfinite(passed) and p not in unreached]
        if hit:
            did = tuple(dict.fromkeys(v.parents[k] for k in hit))
            first, *more = _help(v, _slope_advice(v, hit))
            story: list[str | Table] = [
                first,
                f"{head}in {_described(v)}, which passes on",
                _passed(v, adjoint, hit),
                *_reached(adjoints),
                *more,
            ]
            return NanExplanation(y, "derivative", v, did, story)
        for p, passed in steps:
            gathered[p] = gathered.get(p, 0.0) + passed
    return None


def _all_finite(y: Value, order: list[Value], adjoints: dict[Value, float]) -> NanExplanation:
    stopped = [v for v in order if not math.isfinite(adjoints[v])]
    by = " by leaves" if stopped else ""
    story: list[str | Table] = [f"{called(y)} = {number(y.data, 6)} and all its derivatives{by} are finite"]
    if stopped:
        ends = [v for v in stopped if all(map(math.isfinite, contributions(v, adjoints[v])))]
        story.append(f"Derivatives that are not finite stop at flat operations: {_listed(ends)}")
    inside = [v for v in order if not math.isfinite(v.data)]
    if inside:
        story.append(f"Numbers inside that are not finite do not reach it: {_listed(inside)}")
    steep = [v for v in order if adjoints[v] == 0.0 and not all(map(math.isfinite, v.local_derivatives))]
    if steep:
        story.append(f"Infinite slopes do not count where the derivative from above is exactly 0: {_listed(steep)}")
    return NanExplanation(y, None, None, (), story)


def _described(v: Value) -> str:
    """How a number was computed, from which numbers, and at which line."""
    if v.op is None:
        return f"the leaf {called(v)} = {v.data}" if v.label else f"a leaf, {called(v)}"
    return f"{equation(v)} = {number(v.data, 6)} at {_numbers(v)}" + (f", recorded at {v.line}" if v.line else "")


def _numbers(v: Value) -> str:
    """The inputs that are Values, with their numbers; if there are many, those that are not finite come first."""
    given = dict.fromkeys((name, x.data) for name, x in inputs(v) if isinstance(x, Value))
    first = sorted(given, key=lambda item: math.isfinite(item[1])) if len(given) > _SHOWN else given
    texts = [f"{name} = {number(x, 6)}" for name, x in first]
    return ", ".join(texts[:_SHOWN]) + (f" and {count(len(texts) - _SHOWN)} more" if len(texts) > _SHOWN else "")


def _not_finite(given: Sequence[Value | float]) -> list[Value | float]:
    return [x for x in given if not math.isfinite(x.data if isinstance(x, Value) else x)]


def _listed(vs: Sequence[Value]) -> str:
    more = f" and {count(len(vs) - 3)} more" if len(vs) > 3 else ""
    return "; ".join(map(_described, vs[:3])) + more


def _way_up(chain: list[Value]) -> Table:
    """The path from the origin to y, operation by operation; a long path shows its two ends."""
    cells = [[equation(v), _numbers(v), str(v.data)] if v.op else [called(v), "", str(v.data)] for v in _ends(chain)]
    if len(chain) > len(cells):
        cells.insert(-1, [f"({count(len(chain) - len(cells))} more)", "", ""])
    return Table(["from there on", "at", "result"], cells, "lll")


def _ends(chain: list[Value]) -> list[Value]:
    return chain if len(chain) <= _SHOWN else [*chain[: _SHOWN - 2], chain[-1]]


def _passed(v: Value, adjoint: float, hit: list[int]) -> Table:
    names, slopes = parent_names(v), v.local_derivatives
    cells = [[names[k], *(number(x, 6) for x in (adjoint, slopes[k], adjoint * slopes[k]))] for k in hit[:_SHOWN]]
    if len(hit) > _SHOWN:
        cells.append([f"{count(len(hit) - _SHOWN)} more", "", "", ""])
    return Table(["to", "upstream", "local derivative", "product"], cells, "lrrr")


def _reached(adjoints: dict[Value, float]) -> list[str]:
    """The leaves whose derivatives are not finite."""
    leaves = [v for v, adjoint in adjoints.items() if v.op is None and not math.isfinite(adjoint)]
    names = [f"by {called(v)}: {adjoints[v]}" for v in leaves[:_SHOWN]]
    more = f" and {count(len(leaves) - _SHOWN)} more" if len(leaves) > _SHOWN else ""
    infinite = any(math.isinf(adjoints[v]) for v in leaves) and not any(math.isnan(adjoints[v]) for v in leaves)
    then = ". inf becomes nan where it is multiplied by 0, or subtracted from inf" if infinite else ""
    return [f"Derivatives {', '.join(names)}{more}{then}"] if leaves else []


def _value_advice(v: Value) -> str:
    if v.op is None:
        return _CAME_IN
    if any(type(x) is float and not math.isfinite(x) for _, x in inputs(v)):
        return "see where its plain number comes from, which is not finite"
    return _VALUE_ADVICE.get(v.op.name, f"keep away from these numbers: {v.op.name} is not finite there")


def _slope_advice(v: Value, hit: list[int]) -> str:
    assert v.op is not None
    inside = next((w for w in (*v.parents, v) if not math.isfinite(w.data)), None)
    if inside is not None:
        first, _, _ = _origin(inside, topological_order(inside))
        return f"{_value_advice(first)}. That is for {_described(first)}, which came before"
    if all(math.isfinite(v.local_derivatives[k]) for k in hit):
        return _TOO_STEEP
    return _SLOPE_ADVICE.get(
        v.op.name, f"keep its arguments away from here, where the rule of {v.op.name} gives this slope"
    )


def _as_in_advice(v: Value) -> str:
    """A result, and what the name is that its row gives to the only argument: advice speaks of it."""
    assert v.op is not None
    given, name = parent_names(v), v.op.args[0]
    return f"{expression(v)}, with {name} = {given[0]}" if len(v.op.args) == 1 and given != [name] else expression(v)


def _help(v: Value, advice: str) -> list[str]:
    found = [f"What helps at {called(v) if v.op is None else _as_in_advice(v)}: {advice}"]
    if v.op is not None and recorded_otherwise(v):
        found.append("A leaf has changed since: these are not the numbers at the time of recording")
    if v.op is not None and v.line is None:
        found.append("To see the line of your code, compute it again under detect_anomaly()")
    return found
