"""Writes numbers, labels and Values for people to read: short, and with nothing harmful in them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape
from typing import Any

from ..engine import Value

JOINERS = "\u200c\u200d\ufe0e\ufe0f"

INFIX = frozenset(["add", "sub", "mul", "div", "mod", "pow", "less", "less_equal", "equal", "not_equal"])
_SPELLED_ITEMS = 3
"""A sequence argument is written element by element if it has at most this many and all have names."""


def number(x: float, digits: int = 4) -> str:
    """A number with the given number of significant digits.

    >>> number(0.70710678), number(-2.0), number(1.5e-9), number(0.70710678, 6)
    ('0.7071', '-2', '1.5e-9', '0.707107')
    """
    mantissa, e, exponent = f"{x:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def told_apart(a: float, b: float, digits: int = 4) -> tuple[str, str]:
    """Two numbers as texts, with enough digits to tell them apart.

    >>> told_apart(1.0, 1.0001), told_apart(2.0, 2.0)
    (('1', '1.0001'), ('2', '2'))
    """
    for shown in (digits, digits + 3, digits + 6, 17):
        texts = number(a, shown), number(b, shown)
        if texts[0] != texts[1]:
            return texts
    return number(a, digits), number(b, digits)


def count(n: int) -> str:
    """A count, with commas between thousands.

    >>> count(70000)
    '70,000'
    """
    return f"{n:,}"


def counted(n: int, noun: str) -> str:
    """A count with its noun, in the singular or the plural.

    >>> counted(1, "node"), counted(1200, "node")
    ('1 node', '1,200 nodes')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def times(n: int) -> str:
    """A factor: a multiplication sign and a count.

    >>> times(1600) == "\N{MULTIPLICATION SIGN}1,600"
    True
    """
    return f"\N{MULTIPLICATION SIGN}{n:,}"


def or_the_closest(name: object, known: Sequence[str]) -> str:
    """What to write after an unknown name: a question with the closest known name, if one is close, or a full stop.

    >>> or_the_closest("Aple", ["apple", "pear"]), or_the_closest("fig", ["apple"])
    (", did you mean 'apple'?", '.')
    """
    from difflib import get_close_matches

    close = get_close_matches(str(name).lower(), known, n=1)
    return f", did you mean {close[0]!r}?" if close else "."


def visible(text: str) -> str:
    """The text with every character that is invisible, or that XML refuses, written as an escape.

    Control characters, surrogates, noncharacters and marks that reorder a line are escaped; letters of every script,
    emoji and their joiners stay.

    >>> visible("a\\tb"), visible("x\\u202ey")
    ('a\\\\tb', 'x\\\\u202ey')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_harmless(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(text: str, limit: int = 24) -> str:
    """The visible text, cut with an ellipsis if it is longer than `limit` characters.

    >>> shortened("w" * 10_000, 8)
    'wwwwwww…'
    """
    shown = visible(text[: 4 * limit + 1])
    return shown if len(shown) <= limit and len(text) <= 4 * limit else shown[: limit - 1].rstrip(JOINERS) + "…"


def xml(text: str) -> str:
    """The visible text, escaped for XML and HTML."""
    return escape(visible(text), quote=True)


def called(v: Value) -> str:
    """The name of a Value in a sentence: its label, else how it was computed, else its number.

    >>> called(Value(2.0, label="w")), called(Value(2.0, label="w").exp().tanh()), called(Value(2.0))
    ('w', 'tanh(…)', 'Value(2)')
    """
    if v.label:
        return shortened(v.label)
    if v.op is None:
        return f"Value({number(v.data)})"
    return f"{v.op.name}(…)" if v.op.sequences else expression(v, nameless="…")


def equation(v: Value) -> str:
    """A result as an equation: its label, how it was computed from its parents, and in which module.

    >>> h = Value(2.0, label="w") * 3; h.label = "h"; equation(h)
    'h = w * 3'
    """
    text = f"{shortened(v.label)} = {expression(v)}" if v.label else expression(v)
    return f"{text} in {shortened(v.path, 40)}" if v.path else text


def expression(v: Value, nameless: str = "") -> str:
    """A result's operation with the labels of its arguments.

    An argument without a label is `nameless`; else what was computed, or for a leaf the row's name for it.

    >>> w = Value(3.0, label="w"); expression(Value(2.0) * w), expression((w * w).tanh() + w * w * 3.0)
    ('a * w', 'tanh(…) + (… * 3)')
    """
    assert v.op is not None
    args = list(v.args)
    for default in reversed(v.op.defaults):
        if type(args[-1]) is not float or args[-1] != default:
            break
        args.pop()
    texts = [_argument(arg, nameless or _named(arg, name)) for arg, name in zip(args, v.op.args, strict=False)]
    if v.op.name in INFIX:
        texts = [
            f"({text})" if _is_infix(arg) and text != nameless else text for text, arg in zip(texts, args, strict=True)
        ]
        return f" {v.op.symbol} ".join(texts)
    return f"-{texts[0]}" if v.op.name == "neg" else f"{v.op.name}({', '.join(texts)})"


def inputs(v: Value) -> list[tuple[str, Value | float]]:
    """The arguments of a result as a flat list, with their labels or the row's names for them.

    >>> inputs(Value(2.0, label="w") * 3.0)
    [('w', Value(data=2.0, grad=0.0, label='w')), ('b', 3.0)]
    """
    assert v.op is not None
    found: list[tuple[str, Value | float]] = []
    for name, arg in zip(v.op.args, v.args, strict=True):
        places = [(f"{name}[{k}]", x) for k, x in enumerate(arg)] if type(arg) is tuple else [(name, arg)]
        found += [(_named(x, place), x) for place, x in places]
    return found


def parent_names(v: Value) -> list[str]:
    """The names that inputs() gives, for each of v.parents."""
    return [name for name, x in inputs(v) if isinstance(x, Value)]


def _named(arg: Any, name: str) -> str:
    """An argument's label, else what was computed; `name` if it has neither."""
    return called(arg) if isinstance(arg, Value) and (arg.label or arg.op) else name


def _is_infix(arg: Any) -> bool:
    return isinstance(arg, Value) and not arg.label and arg.op is not None and arg.op.name in INFIX


def _argument(arg: Any, name: str) -> str:
    if isinstance(arg, Value):
        return shortened(arg.label) if arg.label else name
    if isinstance(arg, float):
        return number(arg)
    spelled = len(arg) <= _SPELLED_ITEMS and all(type(x) is float or x.label for x in arg)
    return f"[{', '.join(_argument(x, '') for x in arg)}]" if spelled else name


def _is_harmless(c: str) -> bool:
    category = unicodedata.category(c)
    return c in JOINERS or (category[0] != "C" and category not in ("Zl", "Zp"))
