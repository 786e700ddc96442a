"""Every code block of README.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.usefixtures("own_operations")
def test_python_blocks_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line `expression  # result` is held to its result."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    blocks = [code for language, code in BLOCKS if language == "python"]
    assert blocks
    for code in blocks:
        exec(compile(code, "README.md", "exec"), namespace)
        for line in code.splitlines():
            expression, _, result = line.partition("  # -> ")
            if result:
                assert repr(eval(expression, namespace)) == result, line


def test_shell_blocks_are_run_by_the_check() -> None:
    """Installing cannot be done inside a test: .ci/run takes these very lines from the README."""
    check = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in check
    shell = [line for language, code in BLOCKS if language == "bash" for line in code.splitlines() if line]
    assert len(shell) == 2 and all(line.startswith("python -m pip install -e ") for line in shell)
    assert {language for language, _ in BLOCKS} <= {"python", "bash"}
