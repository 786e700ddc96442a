"""What tests share: a table of operations that is afterwards as it was; the same examples in each run of the check; a
browser, without which the tests that are marked so are left out.
"""

from __future__ import annotations

import gc
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import thoroughness
from hypothesis import HealthCheck, settings

from tinygrad_lite import engine, ops
from tinygrad_lite.transforms.custom import custom_op

# How long an example takes depends on what else the machine does: no test is timed.
settings.register_profile("untimed", deadline=None)
settings.register_profile("check", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("check" if thoroughness.ALL else "untimed")
gc.set_threshold(20_000, 20, 20)  # graphs need no collector, and most of what it would look at lives on


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_QUIET = ("background-networking", "component-update", "gpu", "quic", "sync")
CHROMIUM_OPTIONS = ["--headless", "--no-sandbox", "--no-first-run", *[f"--disable-{name}" for name in _QUIET]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if not has_its_browser(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if has_its_browser(item)]


def has_its_browser(item: pytest.Item) -> bool:
    """Whether what the mark `browser` asks for is there, or nothing is asked for; its arguments are further modules."""
    mark = item.get_closest_marker("browser")
    return mark is None or bool(CHROMIUM and all(map(importlib.util.find_spec, ("playwright", *mark.args))))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for tests marked `browser`: playwright's Browser, of which each test makes its own pages.

    One a file, not one for all: while playwright is open its event loop counts as running, and others' asyncio fails.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield started
        started.close()


@pytest.fixture(scope="module", autouse=True)
def frozen() -> None:
    """Freezes the objects that exist before a file's first test, so that collections do not scan them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def own_operations() -> Iterator[Callable[..., ops.Op]]:
    """custom_op, whose rows leave the table again with the test that made them."""
    names, methods = dict(ops.TABLE), dict(engine.methods)
    yield custom_op
    ops.TABLE.clear()
    ops.TABLE.update(names)
    engine.methods.clear()
    engine.methods.update(methods)
