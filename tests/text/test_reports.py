"""Tables and reports: aligned, escaped, in the page's own colours."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tinygrad_lite import Value, gradcheck
from tinygrad_lite.text.reports import Report, Table


class Said(Report):
    def parts(self) -> list[str | Table]:
        return ["a < b", Table(["n", "name"], [["1.5", "x"], ["-20", "yy"]], "rl", total=True, marked=frozenset([1]))]


def test_text() -> None:
    assert str(Said()) == repr(Said()) == "a < b\n  n  name\n1.5  x\n---------\n-20  yy"


def test_wide_and_joined_characters_are_aligned() -> None:
    lines = Table(["name", ""], [["偏置", "|"], ["e\u0301e\u0301", "|"], ["abcd", "|"]], "ll").text().splitlines()
    assert lines == ["name", "偏置  |", "e\u0301e\u0301    |", "abcd  |"]


def test_html() -> None:
    page = ET.fromstring(Said()._repr_html_())
    assert page.find("p").text == "a < b"  # type: ignore[union-attr]
    first, second, last = page.iter("tr")
    assert [cell.tag for cell in first] == ["th", "th"] and [cell.text for cell in second] == ["1.5", "x"]
    styles = [cell.get("style", "") for cell in (*second, *last)]
    assert ["right" in s for s in styles] == [True, False, True, False]
    assert ["bold" in s for s in styles] == [False, False, True, True]
    assert ["border-top" in s for s in styles] == [False, False, True, True]


def test_what_cannot_be_seen_is_written_out() -> None:
    html = Table(["<a>"], [["\x1b[31m\n\u202e&"]], "l").html()
    assert "&lt;a&gt;" in html and "\\x1b[31m\\n\\u202e&amp;" in html


def test_gradcheck_is_such_a_report() -> None:
    page = ET.fromstring(gradcheck(lambda x: x.tanh(), [Value(0.5, "<x>")])._repr_html_())
    assert [cell.text for row in page.iter("tr") for cell in row][5::5] == ["<x>"]
