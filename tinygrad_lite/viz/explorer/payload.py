"""Turns a graph into the explorer's payload: JSON with arrays of numbers in topological order, and tables of texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from ... import engine, ops
from ...engine import Value, partial_derivatives
from ...explanation.accumulation import CHANGED, WORDS
from ...explanation.comparison import MEANINGS
from ...explanation.flatness import blocking
from ...formula import NOT_BY_RULES, rule_texts
from ...ops import Op
from ...recording.modes import enable_grad
from ...text.wording import counted
from ...transforms.derivatives import gradients
from ..diagram.checks import Checks
from ..diagram.gradient_states import gradient_states
from ..diagram.module_frames import places
from ..diagram.walk import Graph
from .hierarchy import hierarchy_of
from .javascript import unsupported
from .packing import packed

Payload = dict[str, Any]

_KINDS = {"parameter": 0, "leaf": 1, "detached": 2, "result": 3}
_NOT_ALONE = 255

Variant = tuple[Op, tuple[int | float | None, ...]]
"""An operation, and for each argument its length if it is a sequence, its number if that is told, else None."""


class Operations:
    """The operations of a graph: `variants`, and `numbers`, the variant of each Value, -1 for a leaf."""

    def __init__(self, graph: Graph) -> None:
        known: dict[Variant, int] = {}
        self.numbers: list[int] = []
        for v, op in zip(graph.values, graph.ops, strict=True):
            if op is None:
                self.numbers.append(-1)
                continue
            shape = tuple([len(arg) if type(arg) is tuple else _told(op, arg) for arg in v.args])
            self.numbers.append(known.setdefault((op, shape), len(known)))
        self.variants = list(known)


def payload_of(graph: Graph, operations: Operations, checks: Checks, training: Payload | None = None) -> Payload:
    """Everything that the page knows about the graph, with its present numbers."""
    values, root = graph.values, graph.values[-1]
    offsets, args = [0], []
    constants: list[float] = []
    for v, parents in zip(values, graph.parents, strict=True):
        rest = iter(parents)
        for x in _flat(v.args):
            if type(x) is not Value:
                constants.append(x)
            args.append(next(rest) if type(x) is Value else -len(constants))
        offsets.append(len(args))
    found = hierarchy_of(graph)
    homes = [".".join(place) or None for place in places(graph)]
    paths, lines = _Texts(), _Texts()
    return {
        "format": 1,
        "title": f"computation graph of {counted(len(graph), 'node')}",
        "count": len(graph),
        "variants": [_described(variant) for variant in operations.variants],
        "op": packed("i32", operations.numbers),
        "kind": packed("u8", [_KINDS[v.kind] for v in values]),
        "offsets": packed("i32", offsets),
        "args": packed("i32", args),
        "constants": packed("f64", constants),
        **numbers(graph, values),
        "grad": packed("f64", graph.grads),
        "graded": packed("u8", [state != "not computed" for state in gradient_states(graph)]),
        "accumulated": _accumulated(graph),
        "changed": _changed(graph),
        "swept": root.grad_state == "computed",
        "hooked": packed("i32", [i for i, v in enumerate(values) if id(v) in engine.hooks]),
        "labels": {str(i): label for i, v in enumerate(values) if (label := v.label)},
        "path": packed("i32", map(paths.number, homes)),
        "paths": list(paths.known),
        "line": packed("i32", [lines.number(v.line) for v in values]),
        "lines": list(lines.known),
        "class": packed("i32", found.classes),
        "frames": [asdict(frame) for frame in found.frames],
        "frame": packed("i32", found.homes),
        "checks": verdicts(graph, checks) if checks else None,
        "training": training,
    }


def _accumulated(graph: Graph) -> Payload | None:
    """For each Value, which of `words` tell its gradient, counted from 1 (0: none do), and what the sweep gave it."""
    found = [graph.accumulated.get(v) for v in graph.values]
    if not any(found):
        return None
    kinds = list(WORDS)
    return {
        "words": list(WORDS.values()),
        "kind": packed("u8", [kinds.index(parts.kind) + 1 if parts else 0 for parts in found]),
        "given": packed("f64", [parts.given if parts else 0.0 for parts in found]),
    }


def _changed(graph: Graph) -> Payload | None:
    """For each Value, which of `words` tell that it has changed, counted from 1; 0: none do."""
    if not graph.changed:
        return None
    told = list(CHANGED)
    kind = [told.index(graph.changed[v]) + 1 if v in graph.changed else 0 for v in graph.values]
    return {"words": list(CHANGED.values()), "kind": packed("u8", kind)}


def numbers(graph: Graph, values: Sequence[Value]) -> Payload:
    """The numbers that change with the leaves: each Value's number and adjoint, and for each argument the local
    derivative and whether nothing passes to it.

    values  the graph's Values, or the same recorded again from other leaves
    """
    partials: list[float] = []
    blocks: list[bool] = []
    for i, v in enumerate(graph.values):
        if v.op is not None:
            derivatives, blocked = _by_parents(v.op, values[i], [values[p] for p in graph.parents[i]])
            partials += _by_each(v, derivatives)
            blocks += _by_each(v, blocked, False)
    return {
        "data": packed("f64", [v.data for v in values]),
        "adjoint": packed("f64", gradients(values[-1], values)),
        "partials": packed("f64", partials),
        "blocks": packed("u8", blocks),
    }


def verdicts(graph: Graph, checks: Checks) -> Payload:
    """The findings of compare() for each Value and each argument; 255 for an argument that was not measured alone.

    verdict   the worst verdict of each Value, as a position in `verdicts`
    rule      the verdict of each argument's rule, as a position in `verdicts`
    adjoint   the measured adjoint of each Value, nan if there is none
    measured  the measured local derivative by each argument, nan if there is none
    """
    names = list(MEANINGS)
    whole = checks[graph.values[-1]].distance == 0  # else the adjoints are those of a Value above
    rows = [checks[v] if whole else replace(checks[v], adjoint=None) for v in graph.values]
    rules: list[int] = []
    measured: list[float] = []
    for v, row in zip(graph.values, rows, strict=True):
        count = len(v.parents)
        alone = len(row.rules) == count
        rules += _by_each(v, [names.index(r.verdict) for r in row.rules] if alone else [_NOT_ALONE] * count, _NOT_ALONE)
        measured += _by_each(v, [r.numeric for r in row.rules] if alone else [math.nan] * count, math.nan)
    return {
        "verdicts": names,
        "meanings": [MEANINGS[name] for name in names],
        "verdict": packed("u8", [names.index(row.verdict) for row in rows]),
        "adjoint": packed("f64", [math.nan if row.adjoint is None else row.adjoint.numeric for row in rows]),
        "rule": packed("u8", rules),
        "measured": packed("f64", measured),
    }


def _by_parents(op: Op, v: Value, parents: Sequence[Value]) -> tuple[Sequence[float], Sequence[bool]]:
    """The local derivatives, the sum once by a repeated parent of a compiled node's graph, and where nothing passes."""
    if v.op is op:
        return v.local_derivatives, blocking(v)
    apart = list(dict.fromkeys(parents))
    found = dict(zip(apart, partial_derivatives(v, apart), strict=True))
    with enable_grad():
        passed = dict(zip(apart, partial_derivatives(v * math.inf, apart), strict=True))
    blocked = [passed[parent] == 0.0 or parent.kind == "detached" for parent in parents]
    return [found.pop(parent, 0.0) for parent in parents], blocked


class _Texts:
    """Numbers texts that many Values share."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def number(self, text: str | None) -> int:
        return -1 if text is None else self.known.setdefault(text, len(self.known))


def _flat(args: Sequence[Any]) -> list[Any]:
    return [x for arg in args for x in (arg if type(arg) is tuple else (arg,))]


def _by_each(v: Value, of_parents: Sequence[Any], otherwise: Any = 0.0) -> list[Any]:
    """Turns a list with an entry for each parent into one with an entry for each argument."""
    rest = iter(of_parents)
    return [next(rest) if type(x) is Value else otherwise for x in _flat(v.args)]


def _told(op: Op, arg: Any) -> float | None:
    """A plain number that makes a row flat, or a common exponent, which formulas then show."""
    if type(arg) is not float or op.flat is not None:
        return None
    common = op is ops.pow and abs(arg) <= 8 and (2 * arg).is_integer()
    return arg if common or arg == 0.0 else None


def _described(variant: Variant) -> Payload:
    op, shape = variant
    return {
        "name": op.name,
        "symbol": op.symbol,
        "args": op.args,
        "lengths": [n if type(n) is int else None for n in shape],
        "flat": op.flat,
        "local": _local_texts(op, shape),
        "unsupported": unsupported(op, shape),
    }


def _local_texts(op: Op, shape: Sequence[int | float | None]) -> list[str]:
    """The derivatives by each argument as a flat list of texts, in the row's argument names."""
    count = sum([n if type(n) is int else 1 for n in shape])
    if op in NOT_BY_RULES:
        return [NOT_BY_RULES[op]] * count
    names: list[Any] = [
        name if n is None else n if type(n) is float else tuple([f"{name}[{k}]" for k in range(int(n))])
        for name, n in zip(op.args, shape, strict=True)
    ]
    try:
        return rule_texts(op, names)
    except Exception:  # a custom rule may not work on symbols
        return [""] * count
