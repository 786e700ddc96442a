"""Writes the pictures of the explorer: the README's, and one of each that notebook 12 shows, as its text speaks of it.

Needs playwright, Pillow and Chromium, and is run from anywhere: python tests/tools/record_explorer_pictures.py
"""

from __future__ import annotations

import ast
import io
import json
import tempfile
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

from conftest import CHROMIUM, CHROMIUM_OPTIONS

from tinygrad_lite import Value
from tinygrad_lite.viz import Explorer

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
Play = Callable[[Any], None]


def of_readme() -> Explorer:
    """The README's first graph."""
    x1, x2 = Value(1.5, label="x1"), Value(0.5, label="x2")
    w1, w2 = Value(-2.0, label="w1"), Value(3.0, label="w2")
    y = (x1 * w1 + x2 * w2 + Value(1.0, label="b")).tanh()
    y.label = "y"
    return y.explore()


def of_notebook() -> list[Explorer]:
    """The explorers that its cells end with, in order. Files that the cells write go to a temporary folder."""
    notebook = json.loads((NOTEBOOKS / "12_playing_backpropagation.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        body = ast.parse("".join(cell["source"])).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        with redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder, chdir(folder):
            exec(compile(ast.Module(body, []), "notebook", "exec"), names)
            value = eval(compile(ast.Expression(last.value), "notebook", "eval"), names) if last else None
        shown += [value] if isinstance(value, Explorer) else []
    return shown


def step(*keys: str) -> Play:
    """Keys pressed in the drawing, `Home*4` for four times."""

    def play(page: Any) -> None:
        page.locator(".tgl-box[tabindex='0']").focus()
        for key in keys:
            name, _, times = key.partition("*")
            for _ in range(int(times or 1)):
                page.keyboard.press(name)

    return play


def find(text: str) -> Play:
    """Goes to the first node that a search finds."""

    def play(page: Any) -> None:
        page.get_by_role("searchbox").fill(text)
        page.keyboard.press("Enter")

    return play


def leaf(label: str, number: float) -> Play:
    def play(page: Any) -> None:
        page.get_by_label(f"value of {label}, as a number").fill(str(number))

    return play


def time(record: int) -> Play:
    def play(page: Any) -> None:
        page.locator(".tgl-run-time input[type=range]").fill(str(record))

    return play


# Name, size of what is drawn with the panel, the device's pixels per pixel of the page, and what is played.
WIDE = (1120, 400)
PICTURES: list[tuple[str, tuple[int, int], int, list[Play]]] = [
    ("explorer", (1120, 450), 2, [step("Home", "ArrowRight*9")]),
    ("explorer_chain_rule", WIDE, 1, [step("Home", "ArrowRight*8")]),
    ("explorer_sum", WIDE, 1, [step("Home", "ArrowRight*7")]),
    ("explorer_blocked", (1240, 400), 1, [leaf("w", -0.5), step("Home", "ArrowRight*8", "0")]),
    ("explorer_detach", WIDE, 1, [step("Home", "ArrowRight*5")]),
    ("explorer_vanishing", (1240, 400), 1, [step("End", "0")]),
    ("explorer_wrong_rule", WIDE, 1, [find("cube")]),
    ("explorer_layers", (1240, 560), 1, [find("layers.2"), step("Enter", "Enter", "Home", "ArrowRight*8", "0")]),
    ("explorer_samples", (1240, 560), 1, [find("layers.0.neurons.0"), step("Enter", "End", "0")]),
    ("explorer_training", (1240, 600), 1, [step("End", "0"), time(50)]),
]


def main() -> None:
    from PIL import Image
    from playwright.sync_api import sync_playwright

    shown = [of_readme(), *of_notebook()]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        for explorer, (name, (width, height), scale, plays) in zip(shown, PICTURES, strict=True):
            path = Path(folder) / f"{name}.html"
            explorer.save(path)
            view = {"width": width, "height": 1200}
            page = browser.new_page(viewport=view, device_scale_factor=scale, reduced_motion="reduce")
            page.goto(path.as_uri())
            fixed = f".tgl-body {{ flex: 0 0 {height}px !important; }} .tgl-main {{ flex: 1 1 0 !important; }}"
            page.add_style_tag(content=f"{fixed} .tgl-main, .tgl-explorer {{ min-height: 0 !important; }}")
            page.locator(".tgl-box").first.wait_for()
            page.wait_for_timeout(300)
            for play in plays:
                play(page)
            page.evaluate("document.activeElement.blur()")
            page.wait_for_timeout(300)
            taken = Image.open(io.BytesIO(page.locator(".tgl-explorer").screenshot())).convert("RGB")
            few = taken.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # keeps rare colours
            few.save(NOTEBOOKS / f"{name}.png", optimize=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
