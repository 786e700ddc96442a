"""The explorer in marimo: its column, its theme, and keys that stay with the notebook until a click."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from contrast import contrasts
from explorer_page import Seen, Shown
from servers import free_port, wait_for

import tinygrad_lite as tl

pytestmark = pytest.mark.browser("marimo", "anywidget")
NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    from tinygrad_lite import Value

    x, w = Value(0.5, label="x"), Value(-2.0, label="w")
    loss = (x * w + 1.0).tanh() ** 2
    loss.label = "loss"
    loss.explore()
    return
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a notebook that marimo runs, with settings and files of its own."""
    folder = tmp_path_factory.mktemp("marimo")
    (folder / "notebook.py").write_text(NOTEBOOK)
    (folder / "pyproject.toml").write_text('[tool.marimo.display]\ntheme = "system"\n')
    port = free_port()
    command = [sys.executable, "-m", "marimo", "-q", "run", "notebook.py", "--headless", "--no-token", f"--port={port}"]
    own = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "PYTHONPATH": str(Path(tl.__file__).parents[1])}
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(command, cwd=folder, env={**os.environ, **own}, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.parametrize(("theme", "ground"), [("light", "rgb(253, 253, 251)"), ("dark", "rgb(23, 26, 30)")])
def test_a_notebook_in_marimo(browser: Any, app: str, theme: str, ground: str) -> None:
    seen, page = Seen(), browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme=theme)
    page.set_default_timeout(60_000)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.goto(app)
    shown = Shown(page)
    assert 600 < shown.root.bounding_box()["width"] < 760
    assert shown.step()["title"] == "Start" and page.evaluate("document.activeElement.tagName") == "BODY"
    shown.drawing.click(position={"x": 4, "y": 4})
    shown.keys("ArrowRight", "ArrowRight")
    assert shown.step()["title"].startswith("Forward, step 2 of 4")
    assert shown.root.evaluate("(e) => getComputedStyle(e).backgroundColor") == ground
    found = contrasts(shown.root)
    assert found.weak == [] and found.texts > 40
    shown.field("w").fill("3")
    shown.press("last")
    shown.select("w")
    assert shown.value.text_content() == "3"
    assert {url for url in seen.requests if not url.startswith((app, "data:", "blob:"))} == set()
    page.close()
