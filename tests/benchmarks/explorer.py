"""How long people wait for the explorer of a graph as large as micrograd's demo: in Python, and in a browser."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from explorer_page import opening
from programs.scalar_network import demo_loss

from .measuring import Findings, own_row


def demo(_: str, quick: bool) -> Findings:
    """CPU time until the page is written; then wall-clock time on all cores, since a browser has several processes."""
    from playwright.sync_api import sync_playwright

    rounds = 3 if quick else 9
    root = demo_loss()
    root.backward()
    writing = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        for _ in range(rounds):
            start = time.process_time()
            root.explore().save(file)
            writing.append(time.process_time() - start)
        with on_all_cores(), sync_playwright() as playwright:
            chromium, options = shutil.which("chromium"), ["--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=chromium, args=options)
            context = browser.new_context(viewport={"width": 1300, "height": 760})
            showing = [opening(context, file.as_uri()) for _ in range(rounds)]
            browser.close()
    rows = {"explorer, saved": writing, "explorer, opened": showing}
    return Findings([own_row(name, "s", seconds, (2.0, None)) for name, seconds in rows.items()])


@contextmanager
def on_all_cores() -> Iterator[None]:
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    held = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield
    os.sched_setaffinity(0, held)
