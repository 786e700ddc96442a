"""custom_op: an operation of one's own, as a row of the table."""

from __future__ import annotations

import keyword
import math
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .check import gradcheck
from .engine import Value, methods
from .errors import GradcheckError, received
from .ops import REAL, TABLE, Op

if TYPE_CHECKING:
    from .ops import Interval, Rule

_BUILT_IN = frozenset(TABLE)
_SEQUENCE_LENGTH = 3


def custom_op(
    name: str,
    value: Callable[..., float],
    rules: Rule | Sequence[Rule | None],
    *,
    args: str = "x",
    array: str = "",
    symbol: str = "",
    domain: Interval | Sequence[Interval] = (),
    doc: str = "",
    flat: bool = False,
    check: bool = False,
) -> Op:
    """Adds a row to the table of operations and returns it: a function of Values, and a method of Value by its name.

    value   floats in, float out
    rules   the derivative by each argument times the adjoint g of the result y: (g, y, *args) -> contribution, in the
            library's operations, so that it differentiates again; None where an argument takes plain numbers only. A
            function alone is the rule of the only argument
    args    names of the arguments: "x", "x slope=0.01", "*xs" for a sequence, whose rule gives a list
    array   the value as an expression on arrays, in the names of the Python array API standard
    domain  an interval for each argument, from which checks draw; one for all; all real numbers where it is not given
    flat    its derivative is exactly zero over whole regions, so that it can block a gradient
    check   compares its first and second derivatives with finite differences at points of the domain
    A name defined here before is defined anew: graphs recorded before keep the former row. Raises ValueError for a name
    that is taken, GradcheckError for a rule that is wrong; the table is then as it was.

    >>> cube = custom_op("cube", lambda x: x**3, lambda g, y, x: g * 3 * x * x, check=True)
    >>> x = Value(2.0); y = x.cube() + cube(1.0); y.backward(); (y.data, x.grad)
    (9.0, 12.0)
    """
    _check_name(name)
    rules = tuple(rules) if isinstance(rules, (list, tuple)) else (rules,)
    for function in (value, *[rule for rule in rules if rule is not None]):
        if not callable(function):
            raise TypeError(f"custom_op({name!r}): value and rules are functions, got {received(function)}")
    count = len(args.split())
    if len(rules) != count:
        raise ValueError(f"custom_op({name!r}): a rule for each of the arguments {args!r} is needed, got {len(rules)}")
    if not domain:
        domain = REAL
    intervals = [domain] * count if isinstance(domain[0], (int, float)) else list(domain)
    row = Op(
        name, value, rules, args=args, array=array, symbol=symbol, domain=intervals, doc=doc or "custom", flat=flat
    )  # type: ignore[arg-type]
    if check:
        _check_rules(row)
    TABLE[name] = row
    if 0 not in row.sequences:
        methods[name] = row
    return row


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"custom_op(name, ...): the name must be one of a function, such as 'cube', got {name!r}")
    if name in _BUILT_IN or (name not in TABLE and (name in methods or hasattr(Value, name))):
        raise ValueError(f"custom_op({name!r}): Value has that already; choose another name")


def _check_rules(row: Op) -> None:
    source = random.Random(row.name)
    for order in (1, 2):
        for _ in range(5):
            point = [_draw(source, row.domain[k]) for k in _owners(row)]
            moved = [k for k, owner in enumerate(_owners(row)) if row.rules[owner] is not None]
            if not moved:
                continue

            def f(*leaves: Value, point: list[Any] = point, moved: list[int] = moved) -> Value:
                numbers = dict(enumerate(point)) | dict(zip(moved, leaves, strict=True))
                return _called(row, list(numbers.values()))

            report = gradcheck(f, [Value(point[k], label=_names(row)[k]) for k in moved], order=order)
            if not report.ok:
                called = f"{row.name}({', '.join(f'{x:.6g}' for x in point)})"
                raise GradcheckError(
                    f"custom_op({row.name!r}, check=True): derivatives of order {order} disagree with finite "
                    f"differences at {called}\n{report}"
                )


def _owners(row: Op) -> list[int]:
    """For each number of a call, the position of its argument: a sequence has a few."""
    return [k for k in range(len(row.args)) for _ in range(_SEQUENCE_LENGTH if k in row.sequences else 1)]


def _names(row: Op) -> list[str]:
    owners = _owners(row)
    return [
        f"{row.args[k]}[{i - owners.index(k)}]" if k in row.sequences else row.args[k] for i, k in enumerate(owners)
    ]


def _called(row: Op, numbers: list[Any]) -> Any:
    rest = iter(numbers)
    return row(
        *[
            tuple([next(rest) for _ in range(_SEQUENCE_LENGTH)]) if k in row.sequences else next(rest)
            for k in range(len(row.args))
        ]
    )


def _draw(source: random.Random, interval: Interval) -> float:
    """A number of moderate size within the interval, and not at its ends."""
    low, high = interval
    if math.isfinite(low) and math.isfinite(high):
        return low + (high - low) * source.uniform(0.05, 0.95)
    size = 4.0 ** source.uniform(-1, 1)
    return low + size if math.isfinite(low) else high - size if math.isfinite(high) else size * source.choice((-1, 1))
