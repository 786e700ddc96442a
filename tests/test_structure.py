"""The structure: which file may import which, public names, and that generated files are up to date."""

from __future__ import annotations

import ast
import inspect
import re
import types
from pathlib import Path

import generate
import pytest

import tinygrad_lite as tl

PACKAGE = Path(tl.__file__).parent
# A file imports only from what stands before it here; files of one folder may import each other, but not in circles.
ORDER = (
    "errors", "source", "floats", "ops", "reference", "saving", "engine", "recording", "text", "transforms", "formula",
    "explanation", "compiler", "implicit", "recurrence", "nn", "optim", "train", "diagnosis", "viz", "demo",
    "__init__", "__main__",
)  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    """The file, or the folder that it is in, as ORDER names it."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[Path]:
    """The files of this package that a file imports, wherever the import is."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1]
            names = [f"{node.module}"] if node.module else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE.name:
            base, names = PACKAGE.parent, [str(node.module)]
        elif isinstance(node, ast.Import):
            base = PACKAGE.parent
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE.name]
        else:
            continue
        for name in names:
            target = base.joinpath(*name.split("."))
            found.add(target.with_suffix(".py") if target.with_suffix(".py").exists() else target / "__init__.py")
    return {p for p in found if p.exists()} - {PACKAGE / "__init__.py"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_only_from_those_above_it(path: Path) -> None:
    assert part(path) in ORDER, f"{path.name} has no place in the layout"
    for other in imported(path):
        above = ORDER.index(part(other)) < ORDER.index(part(path))
        assert above or part(other) == part(path), f"{path.name} imports {other.relative_to(PACKAGE)}"


def test_no_circles() -> None:
    edges = {path: imported(path) for path in FILES}
    done: set[Path] = set()
    while len(done) < len(edges):
        ready = {path for path in edges if path not in done and edges[path] <= done}
        assert ready, f"imports go in a circle among {sorted(p.name for p in edges.keys() - done)}"
        done |= ready


def test_a_module_and_a_public_function_never_share_a_name() -> None:
    modules = {p.stem for p in FILES} | {p.parent.name for p in FILES}
    for name in tl.__all__:
        if name in modules:
            assert inspect.ismodule(getattr(tl, name)), name


def test_the_page_of_changes_begins_with_this_version() -> None:
    page = (PACKAGE / "CHANGES.md").read_text(encoding="utf-8")
    first = next(line for line in page.splitlines() if line.startswith("## "))
    assert first == f"## {tl.__version__.rpartition('.')[0]}"
    project = PACKAGE.parent / "pyproject.toml"
    if project.exists():
        assert f'version = "{tl.__version__}"' in project.read_text(encoding="utf-8")


def test_public_names_are_there_and_documented() -> None:
    for name in [*tl.__all__, *tl.nn.__all__]:
        thing = getattr(tl, name, None) or getattr(tl.nn, name)
        if isinstance(thing, (types.FunctionType, type)):
            assert thing.__doc__, f"{name} has no docstring"
    assert set(dir(tl)) >= set(tl.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tl.nonsense  # noqa: B018


@pytest.mark.parametrize("path", sorted(generate.generated()), ids=lambda p: p.name)
def test_what_is_generated_is_fresh(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generate.generated()[path], "run: python tests/tools/generate.py"


def test_the_page_of_the_architecture_names_what_there_is() -> None:
    """Every path and every name in backticks, and every folder and file of the package's top in its list of layers."""
    page = (PACKAGE / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for text in re.findall(r"`([^`\n]+)`", page):
        if re.fullmatch(r"[\w/{},]+(/|\.(py|js|md|ipynb))", text):
            for path in _braced(text):
                assert any((root / path).exists() for root in (PACKAGE, PACKAGE.parent)), path
        elif re.fullmatch(r"[a-zA-Z]\w*(\.\w+)+", text):
            _named(text)
    layers = page.partition("## The layers")[2].partition("\n## ")[0]
    told = {part for text in re.findall(r"`([^`\n]+)`", layers) for part in (text.rstrip("/"),)}
    top = {part(path) for path in FILES} - {"__init__", "__main__"}
    assert {name for name in top if name not in told and f"{name}.py" not in told} == set()


def _braced(text: str) -> list[str]:
    """`array/{a,b}` as two paths."""
    head, brace, rest = text.partition("{")
    if not brace:
        return [text]
    inner, _, tail = rest.partition("}")
    return [head + one + tail for one in inner.split(",")]


def _named(text: str) -> object:
    """The object with a dotted name, in the package or in a class that it exports."""
    thing: object = tl
    for name in text.split("."):
        thing = getattr(thing, name)
    return thing
