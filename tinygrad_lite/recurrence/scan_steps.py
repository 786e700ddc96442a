"""scan: a loop over steps, which a compiled function runs as a loop and differentiates by a loop backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine import Value, current_trace, is_tracing
from ..errors import ShapeError, not_a_number, received
from ..floats.expected import FLAG, or_none, whole
from ..transforms.pytree import Structure, is_dataclass, items_of, numbers_along, numbers_like, sketch, with_items
from .accumulators import accumulated
from .scan_body import Body, Columns, Vector
from .scan_result import Scan

_Step = Callable[[Vector, Any], tuple[Vector, Any]]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: int | None = None,
) -> tuple[Any, Any]:
    """Runs carry, y = f(carry, x) for each x of xs, from the carry `init`; returns the last carry and all ys.

    init        a number, or nested lists, tuples, dicts and arrays of numbers; f returns a carry of the same structure
    xs          a list or an array with an x for each step, or a tuple, dict or dataclass of such lists; None: x is None
    length      the number of steps; needed where xs is None
    reverse     whether the steps run from the last x to the first; ys stay in the order of xs
    checkpoint  k: keep the carry of each k-th step only, and compute the rest again for derivatives, which takes less
                memory. f is then traced, as by `compile`, also outside of a compiled function
    ys is a list with a y for each step; if y is a tuple, dict or dataclass, so is ys, of lists.
    It means what jax.lax.scan means, but for lists, which stand for arrays. Outside a compiled function it is a loop in
    Python, of which every step can be seen. In a compiled function f is traced once, whatever the number of steps.
    Raises ShapeError for lists of different lengths and for a carry of another structure.

    >>> scan(lambda total, x: (total + x, total * x), 0.0, [1.0, 2.0, 3.0])
    (6.0, [0.0, 2.0, 9.0])
    """
    name = f"scan({getattr(f, '__name__', type(f).__name__)})"
    if not callable(f):
        raise TypeError(
            f"scan(f, init, xs) takes a function of the carry (what a step hands to the next) and x, got {received(f)}"
        )
    backward = FLAG.checked(f"{name}: reverse", reverse)
    every = or_none(whole(1)).checked(f"{name}: checkpoint", checkpoint)
    rows = _rows(name, xs, or_none(whole(0)).checked(f"{name}: length", length))
    carry = Structure(init, lambda x: not_a_number(f"{name}: init", x))

    def step(numbers: Vector, x: Any) -> tuple[Vector, Any]:
        returned = f(carry.filled(numbers), x)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise TypeError(f"{name}: f must return (carry, y), got {received(returned)}")
        return numbers_like(init, returned[0], f"{name}: the carry that f returns"), returned[1]

    numbers, ys = _run(name, step, carry.numbers, rows, backward, every)
    return carry.filled(numbers), _columns(ys)


def _run(
    name: str, step: _Step, numbers: Vector, rows: Vector, backward: bool, every: int | None
) -> tuple[Vector, Vector]:
    """The last carry and what each step gives; with `every`, as a loop over blocks of this many steps."""
    if not rows or (every is None and (len(rows) < 2 or not is_tracing())):
        ys: Vector = [None] * len(rows)
        for t in range(len(rows) - 1, -1, -1) if backward else range(len(rows)):
            numbers, ys[t] = step(numbers, rows[t])
        return numbers, ys
    if every is None or len(rows) <= every:
        return _as_one(name, step, numbers, rows, backward)
    size = len(rows) // every * every
    blocks = [rows[first : first + every] for first in range(0, size, every)]
    block: _Step = lambda numbers, some: _run(name, step, numbers, some, backward, None)  # noqa: E731
    found: list[Vector] = [[], []]
    for part in (1, 0) if backward else (0, 1):
        if part == 0:
            numbers, of_blocks = _as_one(name, block, numbers, blocks, backward, frugal=True)
            found[0] = [y for ys in of_blocks for y in ys]
        elif size < len(rows):
            numbers, found[1] = _as_one(name, step, numbers, rows[size:], backward)
    return numbers, [*found[0], *found[1]]


def _as_one(
    name: str, step: _Step, start: Vector, rows: Vector, backward: bool, frugal: bool = False
) -> tuple[Vector, Vector]:
    """The last carry and what each step gives, as numbers of one joint result."""
    steps, first = len(rows), Structure(rows[0], lambda x: not_a_number(f"{name}: xs", x))
    if set(map(type, rows)) <= {Value, float, int}:
        table = rows
    else:
        found = [numbers_along(rows[0], x) for x in rows]
        for x, numbers in zip(rows, found, strict=True):
            if numbers is None:
                raise ShapeError(
                    f"{name}: each x must have the structure of the first, {sketch(rows[0])}, got {sketch(x)}"
                )
        table = [x for column in zip(*found, strict=True) for x in column]
    carry, inside = [Value(0.5) for _ in start], [Value(0.5) for _ in first.numbers]
    if (outer := current_trace()) is not None:
        outer.of_steps.update(carry, inside)
    given: list[Structure] = []
    sums: dict[int, Any] = {}

    def record() -> tuple[Vector, Vector, Vector]:
        nexts, y = step(carry, first.filled(inside))
        given.append(Structure(y, lambda x: not_a_number(f"{name}: y", x)))
        sums.update(accumulated(carry, nexts, given[0].numbers))
        return [y for k, y in enumerate(nexts) if k not in sums], given[0].numbers, list(sums.values())

    body = Body.recorded(carry, record)
    body = replace(body, carry=tuple([v for k, v in enumerate(carry) if k not in sums]))
    read = [Columns.of(inside, table, steps)]
    if body.draws:  # in the order in which the steps draw
        drawn = [[source.uniform() for _, source in body.draws] for _ in range(steps)]
        columns = zip(*(drawn[::-1] if backward else drawn), strict=True)
        read.append(Columns.of([v for v, _ in body.draws], [x for column in columns for x in column], steps))
    made = Scan(body, [x for k, x in enumerate(start) if k not in sums], read, steps, backward, (), frugal)
    at = made.at
    positions = [*at.last, *map(at.sum, range(len(sums)))]
    positions += [at.given_by(t, k) for t in range(steps) for k in range(at.given)]
    nodes = iter(made.nodes(positions)[0])
    carried = [next(nodes) for _ in range(at.carried)]
    totals = {k: start[k] + next(nodes) for k in sums}
    rest = iter(carried)
    last = [totals[k] if k in sums else next(rest) for k in range(len(start))]
    return last, [given[0].filled([next(nodes) for _ in range(at.given)]) for _ in range(steps)]


def _rows(name: str, xs: Any, length: int | None) -> Vector:
    """The x of each step."""
    if xs is None:
        if length is None:
            raise TypeError(f"{name}: without xs, length must say how many steps to take")
        return [None] * length
    if isinstance(xs, (tuple, dict)) or is_dataclass(xs):
        parts = items_of(xs)
        columns = [_rows(name, x, length) for x in parts if x is not None]
        lengths = sorted(set(map(len, columns)))
        if len(lengths) != 1:
            raise ShapeError(f"{name}: all lists of xs must have the same length, got lengths {lengths}")
        rest = iter(columns)
        rows = zip(*[[None] * lengths[0] if x is None else next(rest) for x in parts], strict=True)
        return [with_items(xs, row) for row in rows]
    if isinstance(xs, np.ndarray) and xs.ndim:
        found = list(xs) if xs.ndim > 1 else xs.tolist()
    elif isinstance(xs, list):
        found = list(xs)
    else:
        raise TypeError(
            f"{name}: xs must be a list or an array, or a tuple, dict or dataclass of these, got {received(xs)}"
        )
    if length is not None and len(found) != length:
        raise ShapeError(f"{name}: length is {length}, but xs has {len(found)} rows")
    return found


def _columns(ys: Vector) -> Any:
    """A list of what the steps gave; tuples, dicts and dataclasses of lists for these of numbers."""
    if ys and all(y is None for y in ys):
        return None
    if ys and (isinstance(ys[0], (tuple, dict)) or is_dataclass(ys[0])):
        return with_items(ys[0], [_columns(list(column)) for column in zip(*map(items_of, ys), strict=True)])
    return ys
