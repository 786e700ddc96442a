"""Draws random programs on special numbers, each from its seed, and runs them on whatever numbers are given.

A program has operations of the table, n-ary ones, choices, equality, operations of one's own, derivatives taken inside,
modules, fixed points and scans, on inputs and on leaves that it captures.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, ops
from tinygrad_lite.engine import is_tracing

SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.5, math.inf, -math.inf, math.nan, 5e-324, -1e-310, 1e308, -1e308, 1e-200)
_PLAIN = {("polygamma", 0): 3, ("mills", 0): 3, ("var", 1): 1, ("std", 1): 1}
_SEQUENCES = (1, 2, 3, 4)


@dataclass(frozen=True)
class Step:
    """One operation: what it is, and for each argument the place of an earlier number or a plain one."""

    name: str
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Drawn:
    """A program with the numbers of its inputs and of the leaves that it captures; more inputs for a batch."""

    seed: int
    steps: tuple[Step, ...]
    inputs: tuple[float, ...]
    leaves: tuple[float, ...]
    lanes: tuple[tuple[float, ...], ...]


Function = Callable[..., Any]


def _unlisted(name: str, value: Function, rule: Function, flat: bool | None) -> ops.Op:
    """A row like those of custom_op, which does not enter the table."""
    return ops.Op(name, value, (rule,), array="", domain=(ops.REAL,), doc="custom", flat=flat)


CUBED = _unlisted("cubed", lambda x: x * x * x, lambda g, y, x: g * (3.0 * x * x), None)
RAMP = _unlisted("ramp", lambda x: max(x, 0.0) if x == x else x, lambda g, y, x: g * tl.step(x), True)


def _define() -> dict[str, Function]:
    """What a program may do beside the rows of the table, on known numbers; the last argument is a small module."""
    random.seed(0)
    model = nn.MLP(2, [2, 1])

    def settled(a: Any) -> Any:
        inside = tl.where(tl.less(tl.ops.abs(a), 3.0), a, 0.5)
        return tl.fixed_point(lambda z: 0.25 * tl.sin(z) + 0.5 * inside, 0.0).values

    def scanned(a: Any, b: Any) -> Any:
        carry, ys = tl.scan(lambda c, x: (tl.sin(c) * b + x, tl.sqrt(x)), a, [b, 0.5, a])
        return carry + ys[0] * ys[2]

    def scanned_back(a: Any, b: Any, c: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            u, v = carry
            chosen = tl.where(tl.less(0.0, u), tl.log(u) * c, v * x[1])
            return (v + x[0], chosen), {"sum": u + v, "last": chosen}

        every = 2 if is_tracing() else None
        (u, v), ys = tl.scan(step, (a, b), ([a, 1.0, c, 0.0], [b, b, 0.5, c]), reverse=True, checkpoint=every)
        return tl.maximum(u, v) * ys["sum"][1] + tl.mean(ys["last"])

    return {
        "cubed": CUBED,
        "ramp": RAMP,
        "where equal": lambda a, b, c, d: tl.where(a == b, c, d),
        "where not equal": lambda a, b, c, d: tl.where(a != b, c, d),
        "one hot": lambda a, b, c: tl.dot([1.0 * (k == a) for k in (0, 1)], [b, c]),
        "take": lambda a, b, c, d: tl.take([b, c, d], tl.less(0.0, a) + tl.less(1.0, a)),
        "take plain": lambda a, b: tl.take([a, b], 1),
        "slope": lambda a, b: tl.grad(lambda t: t * t * b + tl.tanh(t))(as_value(a)),
        "relu slope": lambda a, b: tl.grad(lambda t: tl.sqrt(tl.relu(t)) * b)(as_value(a)),
        "moved": lambda a, b: tl.jvp(lambda t: tl.sin(t) * b, (as_value(a),), (1.0,))[1],
        "module": lambda a, b: model([a, b]),
        "settled": settled,
        "scanned": scanned,
        "scanned back": scanned_back,
        "scanned through": lambda a, b: tl.scan(lambda c, _: (c * a - b, None), a, length=5)[0],
        "squash": lambda a: tl.tanh(a),
    }


def as_value(x: Any) -> Any:
    return x if isinstance(x, Value) else Value(x)


EXTRA = _define()
COUNTS = {"cubed": 1, "ramp": 1, "where equal": 4, "where not equal": 4, "one hot": 3, "take": 4, "take plain": 2}
COUNTS |= {"slope": 2, "relu slope": 2, "moved": 2, "module": 2, "settled": 1, "squash": 1}
COUNTS |= {"scanned": 2, "scanned back": 3, "scanned through": 2}
ROWS = [row for row in ops.TABLE.values() if row.name not in (*EXTRA, "take")]


def drawn(seed: int) -> Drawn:
    source = random.Random(seed)
    inputs, leaves = source.randint(1, 2), source.randint(0, 2)
    known = inputs + leaves
    steps = []
    for _ in range(source.randint(1, 9)):
        if source.random() < 0.35:
            name = source.choice(list(EXTRA))
            args: tuple[Any, ...] = tuple([source.randrange(known) for _ in range(COUNTS[name])])
        else:
            row = source.choice(ROWS)
            name, args = row.name, tuple([_argument(source, row, k, known) for k in range(len(row.args))])
            if row is ops.dot:
                size = min(len(args[0]), len(args[1]))
                args = (args[0][:size], args[1][:size], args[2])
        steps.append(Step(name, args))
        known += 1
    numbers = [_number(source) for _ in range(inputs + leaves)]
    if source.random() < 0.3:
        numbers = [numbers[0]] * len(numbers)
    lanes = [tuple([_number(source) for _ in range(inputs)]) for _ in range(3)]
    return Drawn(seed, tuple(steps), tuple(numbers[:inputs]), tuple(numbers[inputs:]), tuple(lanes))


def _argument(source: random.Random, row: ops.Op, k: int, known: int) -> Any:
    if (row.name, k) in _PLAIN:
        return float(source.randint(0, _PLAIN[row.name, k]))
    if k in row.sequences:
        return tuple([_operand(source, known, 0.2) for _ in range(source.choice(_SEQUENCES))])
    return _operand(source, known, 0.2 if k else 0.0)


def _operand(source: random.Random, known: int, plain: float) -> Any:
    return _number(source) if source.random() < plain else source.randrange(known)


def _number(source: random.Random) -> float:
    return source.choice(SPECIAL) if source.random() < 0.35 else round(source.gauss(0.0, 1.5), 3)


def run(program: Drawn, inputs: Sequence[Any], leaves: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The result, and all numbers on the way."""
    known = [*inputs, *leaves]

    def operand(x: Any) -> Any:
        return tuple(map(operand, x)) if type(x) is tuple else known[x] if type(x) is int else x

    for step in program.steps:
        function = EXTRA.get(step.name) or ops.TABLE[step.name]
        known.append(function(*map(operand, step.args)))
    total = known[-1]
    for x in known[-3:-1]:
        total = total + 0.5 * x
    return total, known
