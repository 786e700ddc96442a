"""The explorer in a browser, as its tests use it: its buttons and keys, and the numbers with all digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinygrad_lite import Value
from tinygrad_lite.viz import Explorer
from tinygrad_lite.viz.diagram.walk import Graph

DRAWN = """new MutationObserver((_, observer) => {
  if (!document.querySelector(".tgl-box")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.drawn = performance.now() / 1000; }));
}).observe(document, { childList: true, subtree: true })"""
READ_STEP = """(e) => {
  const numbers = (part) => part && [...part.querySelectorAll(".tgl-numeral")].map((x) => Number(x.title));
  return {
    title: e.querySelector("h3").textContent,
    numbers: numbers(e),
    lines: [...e.querySelectorAll(".tgl-chain > li")].map((line) => ({
      to: line.querySelector("code").textContent,
      product: numbers(line.querySelector(".tgl-product")),
      running: numbers(line.querySelector(".tgl-running")),
    })),
  };
}"""
READ_BOXES = """(root) => {
  const boxes = [...root.querySelectorAll(".tgl-box")];
  return boxes.map((box) => {
    box.dispatchEvent(new MouseEvent("click"));
    const cells = [...root.querySelectorAll(".tgl-detail dd")].slice(0, 2);
    const numbers = cells.map((cell) => Number(cell.querySelector(".tgl-numeral")?.title));
    box.dispatchEvent(new MouseEvent("click"));
    return [box.getAttribute("aria-label").split(", ")[0], numbers];
  });
}"""


@dataclass
class Seen:
    """What a browser's page did beside what it was asked for."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def watch(self, page: Any) -> None:
        page.on("console", lambda line: line.type in ("error", "warning") and self.errors.append(line.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))


class Shown:
    """An explorer in a page of a browser."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.root = page.locator(".tgl-explorer")
        self.root.locator(".tgl-box").first.wait_for()
        self.details, self.status = self.root.locator(".tgl-detail"), self.root.locator(".tgl-status")
        self.drawing, self.search = self.root.locator("svg.tgl-graph"), self.root.get_by_role("searchbox")
        self.found = self.root.locator(".tgl-found")

    def press(self, *names: str) -> None:
        """Buttons, by how their names begin."""
        for name in names:
            self.root.locator(f'button[aria-label^="{name}"]').click()

    def keys(self, *names: str) -> None:
        for name in names:
            self.page.keyboard.press(name)

    def step(self) -> dict[str, Any]:
        """What stands there of the player's step: title, all numbers, and the lines of the chain rule."""
        read: dict[str, Any] = self.root.locator(".tgl-step").evaluate(READ_STEP)
        return read

    def boxes(self) -> dict[str, list[float]]:
        """Value and gradient of each box, as the panel tells them when it is selected."""
        return dict(self.root.evaluate(READ_BOXES))

    def box(self, title: str) -> Any:
        return self.drawing.locator(f'.tgl-box[aria-label^="{title},"]')

    def select(self, title: str) -> None:
        """By click, wherever the box is."""
        self.box(title).dispatch_event("click")

    def focused(self) -> str:
        """The name of what the keyboard is on."""
        return str(self.page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''"))

    def detail(self, name: str) -> Any:
        """What stands beside a name in the panel of the selected node."""
        return self.details.locator("dt", has_text=name).locator("xpath=following-sibling::dd[1]")

    @property
    def heading(self) -> str:
        return str(self.details.locator("h3").text_content())

    @property
    def value(self) -> Any:
        return self.details.locator("dd").nth(0)

    @property
    def gradient(self) -> Any:
        return self.details.locator("dd").nth(1)

    def slider(self, label: str) -> Any:
        return self.root.locator(f'.tgl-leaf input[aria-label="value of {label}"]')

    def field(self, label: str) -> Any:
        return self.root.locator(f'.tgl-leaf input[aria-label="value of {label}, as a number"]')


def opening(context: Any, address: str) -> float:
    """Seconds from a page's beginning to the first frame in which its drawing is there."""
    page = context.new_page()
    page.add_init_script(DRAWN)
    page.goto(address)
    seconds = float(page.wait_for_function("window.drawn").json_value())
    page.close()
    return seconds


def eventually(locator: Any) -> Any:
    """playwright's assertions, which wait, on a busy machine too."""
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)
    return expect(locator)


def numbers(locator: Any) -> list[float]:
    """Those that stand inside, from their titles, which have all digits."""
    found = locator.locator(".tgl-numeral").evaluate_all("es => es.map((e) => Number(e.title))")
    return list(found)


def named(root: Value) -> dict[str, Value]:
    """All Values of a graph by labels of their own, which those are given that have none or another's."""
    values = Graph(root).values
    labels = [v.label for v in values]
    for i, v in enumerate(values):
        if not v.label or labels.count(v.label) > 1:
            v.label = f"node{i}"
    return {str(v.label): v for v in values}


def opened(browser: Any, folder: Path, **options: Any) -> Iterator[Callable[[Explorer], Shown]]:
    """Saves an explorer and opens its page from disk; in the end nothing was complained of or asked for beside it."""
    seen, context = Seen(), browser.new_context(**{"viewport": {"width": 1300, "height": 760}, **options})
    context.set_default_timeout(20_000)
    context.add_init_script('addEventListener("error", (event) => console.error(event.message))')
    files = []

    def show(explorer: Explorer) -> Shown:
        file = folder / f"page{len(files)}.html"
        files.append(file.as_uri())
        explorer.save(file)
        page = context.new_page()
        seen.watch(page)
        page.goto(file.as_uri())
        return Shown(page)

    yield show
    context.close()
    assert seen.errors == [], seen.errors
    assert seen.requests == files, seen.requests
