"""Text for pictures: short numbers, labels that cannot do harm, and how wide they are drawn."""

from __future__ import annotations

import unicodedata
from html import escape

NUMBER_WIDTH = 0.602
"""Width of a character of the monospaced fonts that numbers are drawn in, in parts of the font size."""

_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
_NARROW = frozenset(" !'()*,-./:;I[\\]`fijlrt|{}")
_WIDE = frozenset("%@MWmw\N{RIGHTWARDS ARROW}\N{HORIZONTAL ELLIPSIS}")


def number(x: float) -> str:
    """A number with 4 significant digits.

    >>> number(0.70710678), number(-2.0), number(1.5e-9)
    ('0.7071', '-2', '1.5e-9')
    """
    mantissa, e, exponent = f"{x:.4g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def count(n: int) -> str:
    """
    >>> count(70000)
    '70,000'
    """
    return f"{n:,}"


def counted(n: int, noun: str) -> str:
    """
    >>> counted(1, "node"), counted(1200, "node")
    ('1 node', '1,200 nodes')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def times(n: int) -> str:
    """
    >>> times(1600) == "\N{MULTIPLICATION SIGN}1,600"
    True
    """
    return f"\N{MULTIPLICATION SIGN}{n:,}"


def visible(text: str) -> str:
    """The text with everything that is not seen, or that XML refuses, written as an escape.

    Control characters, surrogates, noncharacters and marks that reorder a line become visible; letters of every script,
    emoji and what joins them stay.

    >>> visible("a\\tb"), visible("x\\u202ey")
    ('a\\\\tb', 'x\\\\u202ey')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_harmless(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(text: str, limit: int = 24) -> str:
    """The visible text, cut visibly where it is longer than `limit` characters.

    >>> shortened("w" * 10_000, 8)
    'wwwwwww…'
    """
    shown = visible(text[: 4 * limit + 1])
    return shown if len(shown) <= limit and len(text) <= 4 * limit else shown[: limit - 1].rstrip(_JOINERS) + "…"


def xml(text: str) -> str:
    """Visible text, escaped for XML and HTML."""
    return escape(visible(text), quote=True)


def width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a proportional sans-serif font draws the text: rather too wide than too narrow."""
    total = 0.0
    for c in text:
        if c in _NARROW:
            total += 0.36
        elif c in _WIDE or unicodedata.east_asian_width(c) in "WF":
            total += 1.0
        elif unicodedata.combining(c) or c in _JOINERS:
            continue
        else:
            total += 0.74 if c.isupper() else 0.6
    return total * size * (1.06 if bold else 1.0)


def number_width(text: str, size: float) -> float:
    """How wide a monospaced font draws the text."""
    return len(text) * size * NUMBER_WIDTH


def _is_harmless(c: str) -> bool:
    category = unicodedata.category(c)
    return c in _JOINERS or (category[0] != "C" and category not in ("Zl", "Zp"))
