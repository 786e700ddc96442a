"""The explorer in JupyterLab: it gets its keys when asked to, has its theme, and the kernel recomputes for it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from contrast import contrasts
from explorer_page import Seen, Shown, eventually
from servers import free_port, wait_for

import tinygrad_lite as tl
from tinygrad_lite import Value

pytestmark = pytest.mark.browser("jupyterlab", "anywidget")
CHECKOUT = Path(__file__).resolve().parents[3]
ACTIVE = re.compile("jp-mod-active")
TOKEN = "of-this-test"
GRAPH = """
import tinygrad_lite as tl

cube = tl.custom_op("cube", lambda x: x * x * x, lambda g, y, x: g * 3.0 * x * x)

def build(x, y):
    x, y = tl.Value(x, label="x"), tl.Value(y, label="y")
    b = cube(x)
    a = b * y
    square = a * a
    loss = square + x
    b.label, a.label, square.label, loss.label = "b", "a", "square", "loss"
    loss.backward()
    return [x, b, y, a, square, loss]
"""
CELLS = [
    f"{GRAPH}\nvalues = build(2.0, -0.5)\ntl.__file__",
    "values[-1].explore()",
    "[(v.data, v.grad) for v in values]",
]
QUIET = {"fetchNews": "false", "checkForUpdates": False}  # JupyterLab would ask elsewhere


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables with which Python imports an installed package: the tested one, or one from a wheel."""
    if not Path(tl.__file__).is_relative_to(CHECKOUT):
        return dict(os.environ)
    folder = tmp_path_factory.mktemp("packages")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    pure = {**os.environ, "CC": "/nonexistent"}  # compiled or not, the explorer is the same
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, CHECKOUT], check=True, env=pure)
    wheel = next(folder.glob("*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return {**os.environ, "PYTHONPATH": str(folder / "site")}


@pytest.fixture(scope="module")
def lab(packages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """JupyterLab's address, and the folder that it serves. JupyterLab's own files are in another folder."""
    home, work = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), work / "loss.ipynb")
    port = free_port()
    settings = home / "config/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(QUIET))
    own = {"HOME": str(home), "IPYTHONDIR": str(home / "ipython"), "JUPYTER_CONFIG_DIR": str(home / "config")}
    own |= {"JUPYTER_DATA_DIR": str(home / "data"), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += [f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0", "--expose-app-in-browser"]
    with open(home / "log", "w") as log:
        server = subprocess.Popen(command, cwd=work, env={**packages, **own}, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/api/status?token={TOKEN}", server, home / "log")
        yield address, work
    finally:
        server.terminate()
        server.wait(30)


def test_a_notebook_in_jupyterlab(browser: Any, lab: tuple[str, Path], own_operations: object) -> None:
    address, work = lab
    names: dict[str, Any] = {}
    exec(GRAPH, names)
    build = names["build"]
    seen = Seen()
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.set_default_timeout(60_000)
    seen.watch(page)
    page.on("websocket", lambda socket: seen.requests.append(socket.url.replace("ws://", "http://")))
    page.goto(f"{address}/lab/tree/loss.ipynb?token={TOKEN}")
    cells = page.locator(".jp-Notebook .jp-Cell")
    eventually(page.get_by_text("| Idle")).to_be_visible()
    cells.nth(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    eventually(cells.nth(0).locator(".jp-OutputArea-output")).to_contain_text("__init__.py")
    assert str(CHECKOUT) not in str(cells.nth(0).text_content())
    page.keyboard.press("Shift+Enter")
    shown = Shown(page)

    check_keys_stay_with_the_cell(shown)
    check_steps(shown)
    check_theme(shown)
    check_keys(shown, cells)
    check_kernel(shown, build)

    cells.nth(2).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    output = cells.nth(2).locator(".jp-OutputArea-output")
    eventually(output).to_have_text(str([(v.data, v.grad) for v in build(2.0, -0.5)]))
    page.close()
    ours = [text for text in seen.errors if any(word in text for word in ("tgl", "anywidget", "Explorer", "widget"))]
    assert ours == []
    assert {url for url in seen.requests if not url.startswith((address, "data:", "blob:"))} == set()
    assert {path.name for path in work.iterdir()} <= {"loss.ipynb", ".ipynb_checkpoints"}


def check_keys_stay_with_the_cell(shown: Shown) -> None:
    """Checks that the explorer takes the keys with a click or Tab, and not before."""
    inside = "document.activeElement.closest('.tgl-explorer') !== null"
    assert not shown.page.evaluate(inside)
    assert shown.step()["title"] == "Start" and shown.drawing.bounding_box()["height"] > 200
    shown.drawing.click(position={"x": 4, "y": 4})
    shown.keys("ArrowRight")
    assert shown.page.evaluate(inside) and shown.step()["title"].startswith("Forward, step 1 of 4")
    shown.root.evaluate("() => document.activeElement.blur()")
    shown.page.locator(".jp-OutputArea-output:has(.tgl-explorer)").evaluate("(e) => (e.tabIndex = -1, e.focus())")
    shown.keys("Tab", "ArrowRight")
    assert shown.page.evaluate(inside) and shown.step()["title"].startswith("Forward, step 2 of 4")


def check_theme(shown: Shown) -> None:
    """Checks that the explorer and its picture are dark in the dark theme, whatever the reader's system prefers."""
    for theme, preferred, ground in (
        ("JupyterLab Dark", "light", "rgb(23, 26, 30)"),
        ("JupyterLab Light", "dark", "rgb(253, 253, 251)"),
    ):
        shown.page.emulate_media(color_scheme=preferred)
        shown.page.evaluate("(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        eventually(shown.root).to_have_css("background-color", ground)
        found = contrasts(shown.root)
        assert found.weak == [] and found.texts > 40


def check_steps(shown: Shown) -> None:
    """Steps through the passes with the buttons, and checks that the numbers are the engine's."""
    shown.press("first", "forward")
    assert shown.step()["numbers"] == [8.0]
    shown.press("last", "back")
    assert shown.step()["title"] == "Backward, step 3 of 4: a"
    shown.press("last")
    assert shown.step()["title"] == "Backward, step 4 of 4: b"
    (line,) = shown.step()["lines"]
    assert line["product"] == [4.0, 12.0, 48.0] and line["running"] == [1.0, 48.0, 49.0]


def check_keys(shown: Shown, cells: Any) -> None:
    """Checks that keys pressed in the explorer work there and do nothing in the notebook."""
    chosen, count = cells.nth(1), cells.count()
    eventually(chosen).to_have_class(ACTIVE)
    shown.box("loss").focus()
    scroller = shown.page.locator(".jp-WindowedPanel-outer")
    place = scroller.evaluate("(e) => e.scrollTop")
    shown.keys("Home")
    assert shown.step()["title"] == "Start"
    shown.keys("ArrowRight")
    assert shown.step()["title"].startswith("Forward, step 1 of 4")
    shown.keys("Space")
    eventually(shown.root.locator('button[aria-label^="pause"]')).to_be_visible()
    shown.keys("Space")
    eventually(shown.root.locator('button[aria-label^="play"]')).to_be_visible()
    shown.keys("End", "ArrowLeft")
    assert shown.step()["title"].startswith("Backward, step 3 of 4")
    shown.keys("ArrowUp", "ArrowDown", "Enter", "Escape", "o", "c", "0", "0", "x", "d", "d", "a", "b", "/")
    assert shown.search.evaluate("(e) => e === document.activeElement")
    shown.page.keyboard.type("xdd")
    assert shown.search.input_value() == "xdd"
    shown.keys("Escape")
    eventually(chosen).to_have_class(ACTIVE)
    assert cells.count() == count and scroller.evaluate("(e) => e.scrollTop") == place
    assert shown.root.is_visible()


def check_kernel(shown: Shown, build: Callable[[float, float], list[Value]]) -> None:
    """Checks that the kernel recomputes the graph, since the page cannot compute its custom operation."""
    shown.press("last")
    for control, number in ((shown.slider("x"), "1.2"), (shown.field("y"), "3.5"), (shown.field("x"), "-0.75")):
        control.fill(number)
        values = build(*[float(shown.field(label).input_value()) for label in ("x", "y")])
        eventually(shown.box("loss")).to_have_attribute("aria-label", re.compile(f"value {values[-1].data:.4g},"))
        assert shown.boxes() == {v.label: pytest.approx([v.data, v.grad], rel=1e-12) for v in values}
