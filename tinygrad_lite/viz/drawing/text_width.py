"""Estimates the width of drawn text."""

from __future__ import annotations

import unicodedata

from ...text.wording import JOINERS

NUMBER_WIDTH = 0.602
"""The width of a character in the monospaced fonts for numbers, as a part of the font size."""

_NARROW = frozenset(" !'()*,-./:;I[\\]`fijlrt|{}")
_WIDE = frozenset("%@MWmw\N{RIGHTWARDS ARROW}\N{HORIZONTAL ELLIPSIS}")


def width(text: str, size: float, *, bold: bool = False) -> float:
    """The approximate width of a text in a proportional sans-serif font; more often too wide than too narrow."""
    total = 0.0
    for c in text:
        if c in _NARROW:
            total += 0.36
        elif c in _WIDE or unicodedata.east_asian_width(c) in "WF":
            total += 1.0
        elif unicodedata.combining(c) or c in JOINERS:
            continue
        else:
            total += 0.74 if c.isupper() else 0.6
    return total * size * (1.06 if bold else 1.0)


def number_width(text: str, size: float) -> float:
    """The width of a text in a monospaced font."""
    return len(text) * size * NUMBER_WIDTH
