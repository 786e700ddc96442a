"""What a report says, whatever the width of the lines that it is printed in."""

from __future__ import annotations

from tinygrad_lite.text.reports import Report, Table


def said(report: Report) -> str:
    """The text of a report with its paragraphs and its tables' rows in one line each."""
    lines: list[str] = []
    for part in report.parts():
        if isinstance(part, Table):
            lines += ["  ".join(row) for row in (part.headings, *part.rows)]
        else:
            lines.append(part)
    return "\n".join(lines)
