"""README.md and the pages that it links: every code block runs, and every link and path exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PACKAGE = ROOT / "tinygrad_lite"
PAGES = sorted((PACKAGE / "pages").glob("*.md"))
BLOCKS = {
    page: re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    for page in (README, *PAGES)
}
WITH_PYTHON = [page for page, blocks in BLOCKS.items() if any(language == "python" for language, _ in blocks)]
LINKED = [README, *PAGES, *sorted(PACKAGE.glob("*.md"))]


def _name(page: Path) -> str:
    return page.name


@pytest.mark.usefixtures("own_operations")
@pytest.mark.parametrize("page", WITH_PYTHON, ids=_name)
def test_python_blocks_run_one_after_the_other(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of each page runs by itself. Each line `expression  # -> result` is compared with its result."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for code in (code for language, code in BLOCKS[page] if language == "python"):
        exec(compile(code, page.name, "exec"), namespace)
        for line in code.splitlines():
            expression, _, result = line.partition("  # -> ")
            if result:
                assert repr(eval(expression, namespace)) == result, line


def test_shell_blocks_are_run_by_the_check() -> None:
    """Installing cannot be done inside a test: .ci/run takes these very lines from the README."""
    check = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in check
    shell = [line for language, code in BLOCKS[README] if language == "bash" for line in code.splitlines() if line]
    assert len(shell) == 2 and all(line.startswith("python -m pip install -e ") for line in shell)
    assert {language for language, _ in BLOCKS[README]} == {"python", "bash"}
    assert {language for page in PAGES for language, _ in BLOCKS[page]} == {"python"}


def _prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def _links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", _prose(page)))


def _anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file() and target.is_relative_to(ROOT), f"{link}: there is no such file"
        if anchor:
            assert anchor in _anchors(target), f"{link}: {target.name} has no such heading"


def test_the_readme_leads_to_every_page_and_notebook() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in _links(README)}
    notebooks = set((ROOT / "notebooks").glob("*.ipynb"))
    assert linked >= {*PAGES, *notebooks, PACKAGE / "ARCHITECTURE.md", PACKAGE / "CHANGES.md"}


@pytest.mark.parametrize("page", [README, *PAGES], ids=_name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"(?<![\w/.])(?:tests|tinygrad_lite|notebooks|\.ci)/[\w./]*\w", _prose(page))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_readme_stays_a_map() -> None:
    """People read it first, so it stays short. Details belong on the pages."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("page", [README, *PAGES], ids=_name)
def test_no_power_is_read_as_bold(page: Path) -> None:
    """`a**2 + b**2` outside of code is bold from 2 to b."""
    assert re.findall(r"\w\*\*\w", re.sub(r"`[^`\n]*`", "", _prose(page))) == []
