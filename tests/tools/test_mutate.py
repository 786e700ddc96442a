"""The tool that changes sources: which changes it makes, and its report on a project with a gap in its tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutants import mutants

TOOL = Path(__file__).parent / "mutate.py"
SOURCE = '''
"""Sums."""

def clipped(x: int) -> int:
    if x > 10:
        x = 10
    return x

def total(xs):
    result = 0
    for x in xs:
        result += clipped(x)
    return result

def unused():
    return 7
'''
TESTS = """
import hashlib, pathlib
from toy import sums

def test_total():
    assert sums.total([1, 2, 30]) == 13

def test_nothing_is_rewritten():
    text = pathlib.Path(sums.__file__).read_text()
    assert len(text) == LENGTH
"""


def changes(source: str) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in mutants(source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {("a < b", "pass"), ("a < b", "(a <= b)")}),
        ("y = a + 2", {("y = a + 2", "pass"), ("a + 2", "(a - 2)"), ("2", "3")}),
        ("y = True", {("y = True", "pass"), ("True", "False")}),
        ("y = not a", {("y = not a", "pass"), ("not a", "(a)")}),
        ("y = a and b", {("y = a and b", "pass"), ("a and b", "(a)"), ("a and b", "(b)")}),
        ("if a: b()", {("a", "(not (a))"), ("b()", "pass")}),
        ("def f(x: int = 1) -> int: return x", {("1", "2"), ("1", "0"), ("return x", "return None")}),
        ("y += 'text'", {("y += 'text'", "pass"), ("y += 'text'", "y -= 'text'")}),
        ("'''said'''\nimport os", set()),
        ("if TYPE_CHECKING: y = 1", set()),
        ("if cython.compiled and a: y = 1\nelse: b()", {("b()", "pass")}),
        ("é = f'{1 + 1}'", {("é = f'{1 + 1}'", "pass")}),
    ],
)
def test_changes(source: str, expected: set[tuple[str, str]]) -> None:
    assert changes(source) == expected
    for mutant in mutants(source):
        compile(mutant.applied(source), "changed", "exec")


def test_a_change_stands_where_it_belongs() -> None:
    source = "@cached\ndef é():\n    y = 'ä'; return (lambda:\n        1)"
    found = {mutant.before: mutant for mutant in mutants(source)}
    assert [(m.line, m.function) for m in found.values()] == [(3, 1), (3, 1), (4, 3)]
    assert found["1"].applied(source) == source.replace("1", "2") or found["1"].applied(source) == source.replace(
        "1", "0"
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it runs the tests in forks")
def test_a_hole_is_found_and_nothing_is_left_changed(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "tests").mkdir()
    file = tmp_path / "toy" / "sums.py"
    file.write_text(SOURCE, encoding="utf-8")
    (tmp_path / "toy" / "__init__.py").touch()
    tests = TESTS.replace("LENGTH", str(len(SOURCE)))
    (tmp_path / "tests" / "test_sums.py").write_text(tests, encoding="utf-8")
    command = [sys.executable, str(TOOL), str(file), "--root", str(tmp_path), "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("1 tests in "), done.stdout + done.stderr  # the other looks at the text of the file
    told = sorted(line.partition("sums.py:")[2] for line in lines[1:-1])
    assert told == [
        "16: 7  ->  8",
        "16: return 7  ->  return None",
        "5: 10  ->  11",
        "5: x > 10  ->  (x >= 10)",
    ]
    assert {line.partition(":")[0] for line in lines[1:-1]} == {"survived"}
    assert lines[-1] == "toy/sums.py: 12 changes, 8 killed, 4 survived"
    assert file.read_text(encoding="utf-8") == SOURCE and done.returncode == 1
