"""Every notebook runs from its first cell to its last, as a user would run it, and gives its saved outputs.

One kernel runs them all, each in a fresh namespace: starting one and importing matplotlib takes longer than most do.
They are saved with the compiled engine, and compared where it runs: with the readable one some do less. Texts are
compared exactly, but for the last digits of numbers; pictures by their presence. The outputs of a cell tagged "varies"
(metadata.tags), such as times, are not compared.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tinygrad_lite import engine

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
# With a point or an exponent, and no part of a name: whole numbers, counts mostly, are text.
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d*(?:e[-+]?\d+)?|e[-+]?\d+)(?!\w)")
PICTURE = re.compile(r"data:image/[^\"']*")


def outputs(cell: Any) -> list[tuple[str, str]]:
    """What a cell gave: the text of each stream, and each display by its kind, in order; "" for a picture."""
    streams: dict[str, str] = {}
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":  # in pieces, which differ from run to run
            streams[output.name] = streams.get(output.name, "") + output.text
            continue
        for kind, content in sorted(output.data.items()):
            if kind != WIDGET:
                found.append((kind, "" if kind.startswith("image/") else PICTURE.sub("", content)))
    return [*sorted(streams.items()), *found]


def close(a: str, b: str) -> bool:
    """Whether two numbers are the same to the digits that both show, or to rounding."""
    x, y = (float(text.replace(",", "")) for text in (a, b))
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=max(1e-12, 1.01 * min(last_place(a), last_place(b))))


def last_place(text: str) -> float:
    """What 1 in the last digit of a number is worth."""
    mantissa, _, exponent = text.partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def alike(a: str, b: str) -> bool:
    """Whether two texts are the same but for the last digits of numbers."""
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    return all(map(close, NUMBER.findall(a), NUMBER.findall(b)))


def differences(saved: Any, run: Any) -> list[str]:
    """The cells of a notebook whose outputs differ from the saved ones."""
    found = []
    for number, (cell, again) in enumerate(zip(saved.cells, run.cells, strict=True)):
        if cell.cell_type != "code" or "varies" in cell.metadata.get("tags", ()):
            continue
        old, new = outputs(cell), outputs(again)
        if [kind for kind, _ in old] != [kind for kind, _ in new]:
            found.append(f"cell {number}: {[kind for kind, _ in old]} was saved, {[kind for kind, _ in new]} came")
            continue
        for (kind, before), (_, now) in zip(old, new, strict=True):
            if not alike(before, now):
                pairs = zip(before.split("\n"), now.split("\n"), strict=False)
                lines = next(((a, b) for a, b in pairs if not alike(a, b)), (before, now))
                found.append(f"cell {number}, {kind}: {lines[0]!r} was saved, {lines[1]!r} came")
    return found


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    client = nbclient.NotebookClient(nbformat.v4.new_notebook())
    manager = client.create_kernel_manager()
    client.start_new_kernel(env={name: text for name, text in os.environ.items() if name != "MPLBACKEND"})
    yield manager  # without MPLBACKEND plots show inline
    client._cleanup_kernel()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_gives_what_it_is_saved_with(path: Path, kernel: Any, tmp_path: Path) -> None:
    saved, notebook = (nbformat.read(path, as_version=4) for _ in range(2))
    anew = f"__import__('os').chdir({str(tmp_path)!r}); get_ipython().reset()"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(anew))
    client = nbclient.NotebookClient(notebook, km=kernel, timeout=600)
    client.execute()
    client.kc.stop_channels()
    del notebook.cells[0]
    assert os.listdir(tmp_path) == [] or "save(" in path.read_text(encoding="utf-8")
    assert differences(saved, notebook) == [] or not engine.compiled


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_is_saved_with_its_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), "saved without having been run"
    outputs = [output for cell in code for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert [o for o in outputs if {"image/svg+xml", "image/png"} & set(o.get("data", ()))], "saved without pictures"
    assert not [o for o in outputs if WIDGET in o.get("data", ())], "a saved widget hides its picture"
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize(
    ("saved", "now", "same"),
    [
        ("loss 0.123, 40 steps", "loss 0.124, 40 steps", True),
        ("loss 0.123, 40 steps", "loss 0.125, 40 steps", False),
        ("loss 0.123, 40 steps", "loss 0.123, 41 steps", False),
        ("-5.786721037896795", "-5.786721037896794", True),
        ("slope 9e-16", "slope 1e-15", True),
        ("slope 9e-6", "slope 1e-5", True),
        ("slope 9e-6", "slope 9e-5", False),
        ("1,234.5 ms", "1,234.7 ms", False),
        ("v6.1 = v5", "v6.1 = v4", False),
        ("nan", "0.0", False),
        ("1.0 and 2.0", "1.0", False),
    ],
)
def test_texts_are_compared_to_the_last_digits_of_numbers(saved: str, now: str, same: bool) -> None:
    assert alike(saved, now) is same


def test_a_cell_that_gives_something_else_is_named() -> None:
    v4 = nbformat.v4
    display = v4.new_output("display_data", {"image/png": "AAAA", "text/html": "<img src='data:image/png;base64,AA'>"})
    other = v4.new_output("display_data", {"image/png": "BBBB", "text/html": "<img src='data:image/png;base64,BB'>"})
    said = [
        v4.new_output("stream", text=text) for text in ("a 1.50\n", "b 2.5\n", "a 1.50\nb 2.5\n", "a 1.60\nb 2.5\n")
    ]

    def notebook(*of_cells: list[Any], **metadata: Any) -> Any:
        return v4.new_notebook(cells=[v4.new_code_cell(outputs=given, metadata=metadata) for given in of_cells])

    saved = notebook([said[0], display, said[1]], [said[0]])
    assert differences(saved, notebook([said[2], other], [said[0]])) == []
    assert differences(saved, notebook([said[3], other], [said[0]])) == [
        "cell 0, stdout: 'a 1.50' was saved, 'a 1.60' came"
    ]
    assert differences(saved, notebook([said[2], other], [])) == ["cell 1: ['stdout'] was saved, [] came"]
    assert differences(saved, notebook([said[2]], [said[0]])) != []
    assert differences(notebook([said[0]], tags=["varies"]), notebook([said[1]])) == []
