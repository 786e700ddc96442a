"""custom_op: adds a user's own operation to the table."""

from __future__ import annotations

import functools
import itertools
import keyword
import math
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..engine import Value, methods
from ..errors import GradcheckError, received
from ..floats.reals import is_real
from ..ops import REAL, TABLE, Op, custom
from .check import gradcheck

if TYPE_CHECKING:
    from ..ops import Interval, Rule

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
    """Adds a row to the table of operations and returns it: a function of Values, and a method of Value with its name.

    value   floats in, float out
    rules   for each argument, the derivative times the adjoint g of the result y: (g, y, *args) -> contribution. Rules
            use the library's operations, so they can be differentiated again. None: the argument takes plain numbers
            only. A single function is the rule of the only argument
    args    names of the arguments: "x", "x slope=0.01", "*xs" for a sequence, whose rule returns a list
    array   the value as an expression on arrays, with the names of the Python array API standard
    domain  an interval for each argument, or one for all, from which checks draw; by default all real numbers
    flat    True: the derivative is exactly zero over whole regions, and there nothing passes, even if the adjoint is
            infinite. False: a rule blocks where it returns a plain 0.0
    check   True: compares first and second derivatives with finite differences at points of the domain
    Defining a name again replaces its row; graphs recorded before keep the former row. Raises ValueError for a name
    that is taken and GradcheckError for a wrong rule; the table is then unchanged.

    >>> cube = custom_op("cube", lambda x: x**3, lambda g, y, x: g * 3 * x * x, check=True)
    >>> x = Value(2.0); y = x.cube() + cube(1.0); y.backward(); (y.data, x.grad)
    (9.0, 12.0)
    """
    _check_name(name)
    each: tuple[Rule | None, ...] = tuple(rules) if isinstance(rules, Sequence) else (rules,)
    for function in (value, *[rule for rule in each if rule is not None]):
        if not callable(function):
            raise TypeError(f"custom_op({name!r}): value and rules are functions, got {received(function)}")
    count = _count_of_arguments(name, args)
    if len(each) != count:
        raise ValueError(f"custom_op({name!r}): a rule for each of the arguments {args!r} is needed, got {len(each)}")
    intervals = _intervals(name, domain or REAL, count)
    row = Op(
        name, value, each, args=args, array=array, symbol=symbol, domain=intervals, doc=doc or "custom",
        flat=flat or None, code=custom.code,
    )  # fmt: skip
    row.value = _in_floats(row, value)
    former = TABLE.get(name)
    _enter(name, row)
    if check:
        try:
            _check_rules(row)
        except BaseException:
            _enter(name, former)
            raise
    return row


def _in_floats(row: Op, value: Callable[..., Any]) -> Callable[..., float]:
    """Wraps the function so that it returns a float, whatever kind of number it computes."""

    @functools.wraps(value, updated=())
    def number(*args: Any) -> float:
        y = value(*args)
        if type(y) is not float and not is_real(y):
            raise TypeError(f"{row.signature} must give one real number, got {received(y)}")
        return float(y)

    return number


def _enter(name: str, row: Op | None) -> None:
    """Sets the table's row of this name; None removes it. A row that takes a sequence does not become a method."""
    methods.pop(name, None)
    if row is None:
        del TABLE[name]
        return
    TABLE[name] = row
    if 0 not in row.sequences:
        methods[name] = row


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise ValueError(f"custom_op(name, ...): the name must be one of a function, such as 'cube', got {name!r}")
    if name in _BUILT_IN or (name not in TABLE and (name in methods or hasattr(Value, name))):
        raise ValueError(f"custom_op({name!r}): Value has that already; choose another name")


def _count_of_arguments(name: str, args: str) -> int:
    """The number of arguments in `args`: distinct names; those with a default, which is a number, come last."""
    texts = args.split() if isinstance(args, str) else []
    plain = list(itertools.takewhile(lambda text: "=" not in text, texts))
    optional = [text.partition("=") for text in texts[len(plain) :]]
    names = [text.removeprefix("*") for text in plain] + [argument for argument, _, _ in optional]
    distinct = len(set(names)) == len(names) > 0 and all(map(str.isidentifier, names))
    if not distinct or not all(_is_number(default) for _, _, default in optional):
        raise ValueError(
            f"custom_op({name!r}): args names the arguments, such as 'x', 'x slope=0.01' or '*xs', got {args!r}"
        )
    return len(names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _intervals(name: str, domain: Any, count: int) -> list[Interval]:
    """An interval for each argument."""
    try:
        pairs = list(domain) if isinstance(domain[0], (list, tuple)) else [domain]
        intervals = [(float(low), float(high)) for low, high in pairs]
    except (TypeError, ValueError, IndexError):
        intervals = []
    if len(intervals) == 1:
        intervals *= count
    if len(intervals) != count or not all(low < high for low, high in intervals):
        raise ValueError(
            f"custom_op({name!r}): domain is an interval (low, high), or one for each of the {count} arguments, "
            f"got {domain!r}"
        )
    return intervals


def _check_rules(row: Op) -> None:
    source = random.Random(row.name)
    for order, factor in ((1, 1.0), (2, 1.5)):  # a rule that forgets g shows only where g is not 1
        for _ in range(5):
            point = [_draw(source, row.domain[k]) for k in _owners(row)]
            moved = [k for k, owner in enumerate(_owners(row)) if row.rules[owner] is not None]
            if not moved:
                continue

            def f(*leaves: Value, point: list[Any] = point, moved: list[int] = moved, factor: float = factor) -> Any:
                numbers = dict(enumerate(point)) | dict(zip(moved, leaves, strict=True))
                return factor * _called(row, list(numbers.values()))

            report = gradcheck(f, [Value(point[k], label=_names(row)[k]) for k in moved], order=order)
            if not report.ok:
                called = f"{row.name}({', '.join(f'{x:.6g}' for x in point)})"
                raise GradcheckError(
                    f"custom_op({row.name!r}, check=True): derivatives of order {order} disagree with finite "
                    f"differences at {called if factor == 1 else f'{factor} * {called}'}\n{report}"
                )


def _owners(row: Op) -> list[int]:
    """For each number of a call, the position of its argument; a sequence has several numbers."""
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
    """Draws a number of moderate size in the interval, not at its ends."""
    low, high = interval
    if math.isfinite(low) and math.isfinite(high):
        return low + (high - low) * source.uniform(0.05, 0.95)
    size: float = 4.0 ** source.uniform(-1, 1)
    return low + size if math.isfinite(low) else high - size if math.isfinite(high) else size * source.choice((-1, 1))
