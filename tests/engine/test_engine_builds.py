"""Which engine runs, the compiled or the readable one; what was asked for; and the warning for a stale build."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_lite as tl
from tinygrad_lite import engine
from tinygrad_lite.engine import values
from tinygrad_lite.source.engine_choice import SOURCES


def test_the_engine_that_runs_is_the_one_asked_for() -> None:
    pure = os.environ.get("TINYGRAD_LITE_PURE", "0") not in ("", "0")
    sources = [Path(path) for name, path in SOURCES.items() if name.startswith(engine.__name__)]
    whole = all(any(p.suffix in (".so", ".pyd") for p in path.parent.glob(f"{path.stem}.*")) for path in sources)
    assert engine.compiled == (whole and not pure)
    for path in sources:
        module = sys.modules[f"{engine.__name__}.{path.stem}"]
        assert module.compiled == engine.compiled and (module.__file__ == str(path)) != engine.compiled


def test_the_examples_in_its_docstrings() -> None:
    """Runs the doctests here: pytest looks for them in the source, but the compiled module may be in use."""
    found = doctest.testmod(values)
    assert found.attempted >= 2 and found.failed == 0


def test_the_readable_engine_can_be_chosen() -> None:
    program = (
        "from tinygrad_lite import engine, Value; x = Value(2.0); (x * x).backward(); print(engine.compiled, x.grad)"
    )
    out = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"TINYGRAD_LITE_PURE": "1", "PYTHONPATH": str(Path(tl.__file__).parent.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.split() == ["False", "4.0"]


def said_in_a_copy(folder: Path, change: str) -> tuple[str, str]:
    """The engine that runs in a changed copy of the package, and its warnings."""
    copied = shutil.copytree(Path(tl.__file__).parent, folder / "tinygrad_lite", dirs_exist_ok=True)
    exec(change, {"engine": copied / "engine"})
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); from tinygrad_lite import engine, Value; x = Value(2.0);"
        "(x * x).exp().backward(); print(engine.compiled, engine.walks.compiled, engine.hooks, engine.__file__)"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    out = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    said, _, file = out.stdout.strip().rpartition(" ")
    assert file == str(copied / "engine" / "__init__.py")
    return said, out.stderr


@pytest.mark.skipif(not engine.compiled, reason="nothing is compiled")
@pytest.mark.parametrize("file", ["storage", "walks"])
def test_a_build_that_lacks_a_file_runs_the_source_of_all(tmp_path: Path, file: str) -> None:
    change = f"[p.unlink() for p in engine.glob('{file}.*') if p.suffix in ('.so', '.pyd')]"
    assert said_in_a_copy(tmp_path, change) == ("False False {}", "")


@pytest.mark.skipif(not engine.compiled, reason="nothing is compiled")
def test_each_file_says_so_where_it_was_compiled_from_another_source(tmp_path: Path) -> None:
    assert said_in_a_copy(tmp_path, "") == ("True True {}", "")
    for file in ("walks", "storage"):
        said, warned = said_in_a_copy(tmp_path, f"(engine / '{file}.py').open('a').write('# changed')")
        assert said == "True True {}" and f"engine.{file} was compiled from another {file}.py" in warned
        assert warned.count("was compiled from another") == 1


def test_compiled_files_and_readable_ones_know_the_kinds_of_nodes_by_the_same_codes() -> None:
    folder = Path(engine.__file__).parent
    header, source = [(folder / name).read_text(encoding="utf-8") for name in ("values.pxd", "values.py")]
    codes: dict[str, int] = {}
    for line in re.findall(r"^    _[A-Z]+, _[A-Z]+.* = .*\d$", source, re.MULTILINE):
        exec(line.strip(), {}, codes)
    assert codes == {name: eval(code) for name, code in re.findall(r"^    (_[A-Z]+) = (.+)$", header, re.MULTILINE)}
    assert len(codes) == 7


def test_importing_is_light() -> None:
    program = "import sys, tinygrad_lite; print([m for m in ('numpy', 'graphviz', 'matplotlib') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
