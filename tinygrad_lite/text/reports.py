"""Reports of text and small tables: aligned text in a terminal, HTML in a notebook."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from .wording import JOINERS, xml

WIDTH = 80
"""The columns of a terminal that printed reports keep to."""

_CELL = "padding:0.15em 0.8em"
_LEAST, _REMARK = 12, 20
"""No column of words is made narrower than the first; remarks that are longer than the second may stand below rows."""


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
        """The table as aligned text, at most WIDTH columns wide.

        In a table that is too wide, long remarks (a last column without a heading) stand below their rows, and cells of
        words take several lines. Columns for which there is still no room follow below, beside the first.

        >>> print(Table(["a", "b"], [["x", "1"], ["sum", "10"]], "lr", total=True).text())
        a     b
        x     1
        -------
        sum  10
        """
        natural = [max(map(_columns, column)) for column in zip(self.headings, *self.rows, strict=True)]
        if not self.headings[-1] and natural[-1] > _REMARK and _total(natural) > WIDTH:
            bare = [row[:-1] for row in self.rows]
            return replace(self, headings=self.headings[:-1], rows=bare, align=self.align[:-1])._text(
                [row[-1] for row in self.rows]
            )
        return self._text([])

    def _text(self, remarks: Sequence[str]) -> str:
        """The table with a remark below each row, if there are any."""
        widths = self._widths()
        blocks, block = [], [0]
        for k in range(1, len(widths)):
            if len(block) > 1 and _total([widths[j] for j in (*block, k)]) > WIDTH:
                blocks.append(block)
                block = [0]
            block.append(k)
        blocks.append(block)
        return "\n\n".join(self._block(columns, widths, remarks if k == 0 else []) for k, columns in enumerate(blocks))

    def _widths(self) -> list[int]:
        """The width of each column, narrowed where the table is too wide and the column has words to break."""
        columns = list(zip(self.headings, *self.rows, strict=True))
        widths = [max(map(_columns, column)) for column in columns]
        least = [
            max(_words(column[0]), *map(_columns, column[1:])) if side == "r" else min(wide, max(_LEAST, wide // 4))
            for column, wide, side in zip(columns, widths, self.align, strict=True)
        ]
        if _total(least) > WIDTH:  # the columns are shown in several blocks
            return [wide if side == "r" else low for wide, low, side in zip(widths, least, self.align, strict=True)]
        while _total(widths) > WIDTH:
            widest = max((k for k in range(len(widths)) if widths[k] > least[k]), key=widths.__getitem__)
            widths[widest] -= 1
        return widths

    def _block(self, columns: Sequence[int], widths: Sequence[int], remarks: Sequence[str]) -> str:
        """Some of the columns as text."""
        rows = []
        for row in (self.headings, *self.rows):
            cells = [_wrapped(row[k], widths[k]) for k in columns]
            high = max(map(len, cells))
            filled = [
                [_padded(line, widths[k], self.align[k]) for line in [*cell, *[""] * (high - len(cell))]]
                for k, cell in zip(columns, cells, strict=True)
            ]
            rows.append("\n".join("  ".join(line).rstrip() for line in zip(*filled, strict=True)))
        for k, remark in enumerate(remarks, 1):
            if remark:
                rows[k] += "".join([f"\n    {line}" for line in _wrapped(remark, WIDTH - 4)])
        if self.total:
            rows.insert(-1, "-" * max(_columns(line) for row in rows for line in row.split("\n")))
        return "\n".join(rows)

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
        return "\n".join(_paragraph(part) if isinstance(part, str) else part.text() for part in self.parts())

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


def _words(text: str) -> int:
    """The width of the longest word."""
    return max(map(_columns, text.split()), default=0)


def _total(widths: Sequence[int]) -> int:
    """The width of a line with columns of these widths."""
    return sum(widths) + 2 * (len(widths) - 1)


def _paragraph(text: str) -> str:
    """Text in lines of at most WIDTH columns; the lines of a paragraph begin where its first one does."""
    lines: list[str] = []
    for line in text.split("\n"):
        blank = line[: len(line) - len(line.lstrip())]
        lines += [blank + part for part in _wrapped(line.lstrip(), WIDTH - len(blank))]
    return "\n".join(lines)


def _wrapped(text: str, wide: int) -> list[str]:
    """The text in lines that are at most this wide, broken at spaces, and inside of words that are wider."""
    if _columns(text) <= wide:
        return [text]
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and _columns(lines[-1]) + 1 + _columns(word) <= wide:
            lines[-1] += f" {word}"
            continue
        if lines[-1]:
            lines.append("")
        for c in word:
            if _columns(lines[-1] + c) > wide:
                lines.append("")
            lines[-1] += c
    return lines


def _padded(text: str, wide: int, side: str) -> str:
    blank = " " * (wide - _columns(text))
    return blank + text if side == "r" else text + blank
