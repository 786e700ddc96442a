"""Reports of text and small tables: aligned text in a terminal, HTML in a notebook."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .wording import JOINERS, xml

_CELL = "padding:0.15em 0.8em"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells under headings.

    align    "l" or "r" for each column: left or right
    total    True: a line separates the last row from the others
    marked   positions of the rows that are bold in HTML
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str
    total: bool = False
    marked: frozenset[int] = frozenset()

    def text(self) -> str:
        """The table as aligned text.

        >>> print(Table(["a", "b"], [["x", "1"], ["sum", "10"]], "lr", total=True).text())
        a     b
        x     1
        -------
        sum  10
        """
        lines = [self.headings, *self.rows]
        widths = [max(_columns(line[k]) for line in lines) for k in range(len(self.headings))]
        texts = []
        for line in lines:
            cells = [_padded(cell, wide, side) for cell, wide, side in zip(line, widths, self.align, strict=True)]
            texts.append("  ".join(cells).rstrip())
        if self.total:
            texts.insert(-1, "-" * max(map(_columns, texts)))
        return "\n".join(texts)

    def html(self) -> str:
        """The table as a plain HTML <table>, in the page's own colours."""
        lines = [self._html_row("th", self.headings, "border-bottom:1px solid")]
        last = len(self.rows) - 1
        for k, row in enumerate(self.rows):
            style = "border-top:1px solid" if self.total and k == last else ""
            lines.append(self._html_row("td", row, style, bold=k in self.marked))
        return f'<table style="border-collapse:collapse;margin:0.5em 0">{"".join(lines)}</table>'

    def _html_row(self, tag: str, cells: Sequence[str], style: str, bold: bool = False) -> str:
        out = []
        for cell, side in zip(cells, self.align, strict=True):
            face = "font-weight:bold" if bold else ""
            given = ";".join(s for s in (_CELL, _SIDES[side], style, face) if s)
            out.append(f'<{tag} style="{given}">{xml(cell)}</{tag}>')
        return f"<tr>{''.join(out)}</tr>"


_SIDES = {"l": "text-align:left", "r": "text-align:right;font-variant-numeric:tabular-nums"}


class Report:
    """A report that prints as text in a terminal and shows as HTML in a notebook."""

    def parts(self) -> list[str | Table]:
        """Paragraphs and tables, in order."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(part if isinstance(part, str) else part.text() for part in self.parts())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [
            part.html() if isinstance(part, Table) else f'<p style="margin:0.3em 0">{escape(part)}</p>'
            for part in self.parts()
        ]
        return f"<div>{''.join(parts)}</div>"


def _columns(text: str) -> int:
    """The width of a text in a terminal, in columns."""
    if text.isascii():
        return len(text)
    marks = sum(unicodedata.combining(c) != 0 or c in JOINERS for c in text)
    return len(text) - marks + sum(unicodedata.east_asian_width(c) in "WF" for c in text)


def _padded(text: str, wide: int, side: str) -> str:
    blank = " " * (wide - _columns(text))
    return blank + text if side == "r" else text + blank
