"""The twelve questions on the page for learning: each has a call, which runs, and whose output answers it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_readme import BLOCKS, PACKAGE

from tinygrad_lite.text.reports import WIDTH

PAGE = PACKAGE / "pages" / "learning.md"
ROWS = re.findall(r"^\| ([^|]*\?) \| `([^`]*)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
# For each printed call, what its output must say, in the order of the page.
ANSWERS = (
    ("sum of all contributions", r"a \* a +1 +a = 2 +2\n.*a \* a +1 +a = 2 +2\n", "upstream: the derivative of y"),
    (r"a \* 3 +12 +3 +36\n", "Their product is what the use contributes", "The gradient is the sum"),
    ("blocked above: relu", r"relu\(a - 3\) is flat at a - 3 = -1", r"d a = 0 "),
    (
        r"^What helps at sqrt\(a - 2\), with x = a - 2: write sqrt",
        r"Why: sqrt\(…\) = 0 is finite",
        "Derivatives by a: inf",
    ),
    ("y: nothing is wrong", "finite differences", r"tanh\(a\) +a +0.0706508 +0.0706508  ok"),
    (r"a\.grad: 6 = 3 from other sweeps \+ 3 from this one", r"until zero_grad\(\) clears it"),
    ("Learning rate: use ", "hardly falls, then it falls", "rate +loss"),
    (r"vanishing gradients \(layers\.0\)\n +do: relu or gelu", "why: a step hardly moves this layer"),
    (
        "array operations, 3 of them matrix",
        r"matrix product +\[w1, b1\] @ \[x, 1\]",
        "gradient w1, b1",
        "A lane is one row",
    ),
    ("z has a gradient, since the slope df/dz has the size 0.0135, below 1", "the residual"),
)


@pytest.fixture
def code() -> str:
    return "".join(code for language, code in BLOCKS[PAGE] if language == "python")


def test_each_question_has_a_call_that_the_page_runs(code: str) -> None:
    assert len(ROWS) == 12
    for question, call, _ in ROWS:
        assert f"\nprint({call})\n" in code or f"\n{call}\n" in code, question


def test_each_output_answers_its_question(
    code: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed: list[str] = []
    namespace = {"print": lambda thing: printed.append(str(thing))}
    exec(compile(code, PAGE.name, "exec"), namespace)
    start = next(k for k, text in enumerate(printed) if text.startswith("d y / d a"))
    for text, wanted in zip(printed[start : start + len(ANSWERS)], ANSWERS, strict=True):
        assert max(map(len, text.splitlines())) <= WIDTH
        for words in wanted:
            found = re.search(words, text, re.MULTILINE) or re.search(words, " ".join(text.split()))
            assert found, f"{words!r} is not in\n{text}"
