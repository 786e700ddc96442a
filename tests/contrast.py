"""Measures in a browser how much the texts and the lines of a page contrast with what is behind them, by WCAG 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TEXT, GRAPHICS = 4.5, 3.0
"""What level AA asks of text, and of lines and shapes that mean something."""

# For each text, outline and line below `root`: [what, "text" or "graphics", contrast]. Behind a text in a drawing
# is the last rectangle before it that holds its middle; behind an outline or a line, the page.
MEASURE = r"""(root) => {
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const parsed = (color, opacity = 1) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], alpha: (a / 255) * opacity };
  };
  const over = ({ rgb, alpha }, below) => rgb.map((x, k) => alpha * x + (1 - alpha) * below[k]);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((x) => x / 255).map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (e) => {
    if (!e) return parsed("canvas").rgb;
    const { backgroundColor } = getComputedStyle(e);
    return over(parsed(backgroundColor), parsed(backgroundColor).alpha === 1 ? [0, 0, 0] : behind(e.parentElement));
  };
  const filled = (e) => {
    const { fill, fillOpacity } = getComputedStyle(e);
    return fill === "none" ? { rgb: [0, 0, 0], alpha: 0 } : parsed(fill, Number(fillOpacity));
  };
  const opacity = (e) =>
    e && e !== root.parentElement ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1;
  const inDrawing = (e, x, y) => {
    const svg = e.closest("svg");
    let ground = behind(svg.parentElement);
    for (const rect of svg.querySelectorAll("rect")) {
      if (!(rect.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING)) break;
      const box = rect.getBoundingClientRect();
      if (x >= box.left && x <= box.right && y >= box.top && y <= box.bottom) ground = over(filled(rect), ground);
    }
    return ground;
  };
  const found = [];
  const put = (e, kind, color, ground) => {
    const { rgb, alpha } = color;
    const shown = over({ rgb, alpha: alpha * opacity(e) }, ground);
    const name = `${e.tagName}.${e.getAttribute("class") ?? ""} ${(e.textContent || e.value || "").slice(0, 40)}`;
    found.push([name, kind, contrast(shown, ground)]);
  };
  const elements = [...root.querySelectorAll("*")].filter((e) => e.checkVisibility({ visibilityProperty: true }));
  for (const e of elements) {
    const style = getComputedStyle(e);
    const box = e.getBoundingClientRect();
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    const written = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
    if (e.closest("svg")) {
      if (e.closest("defs, title, style") || e.tagName === "title") continue;
      if (written) put(e, "text", filled(e), inDrawing(e, x, y));
      else if (/^(path|line|circle|polygon|rect)$/.test(e.tagName) && !e.closest(".tgl-run-axes")) {
        const page = behind(e.closest("svg").parentElement);
        const outline = parsed(style.stroke === "none" ? "transparent" : style.stroke);
        const seen = [outline, filled(e)].sort((a, b) => contrast(over(b, page), page) - contrast(over(a, page), page));
        if (outline.alpha || !/^(rect|path)$/.test(e.tagName)) put(e, "graphics", seen[0], page);
      }
      continue;
    }
    if (e.disabled) continue;
    if (written || (e.matches("input:not([type=range])") && e.value)) put(e, "text", parsed(style.color), behind(e));
    if (e.matches("input[placeholder]")) {
      put(e, "text", parsed(getComputedStyle(e, "::placeholder").color), behind(e));
    }
    if (e.matches("button, select, input:not([type=range])") && parseFloat(style.borderTopWidth)) {
      put(e, "graphics", parsed(style.borderTopColor), behind(e.parentElement));
    }
    if (e.matches("input[type=range]")) put(e, "graphics", parsed(style.accentColor), behind(e));
  }
  return found;
}"""


@dataclass(frozen=True)
class Contrasts:
    """What was measured: how many texts and graphics, and which contrast too little."""

    texts: int
    graphics: int
    weak: list[str]


def contrasts(locator: Any) -> Contrasts:
    """Measures all that is below an element of a page."""
    found = locator.evaluate(MEASURE)
    kinds = [kind for _, kind, _ in found]
    least = {"text": TEXT, "graphics": GRAPHICS}
    weak = [f"{what}: {kind} {ratio:.2f}" for what, kind, ratio in found if ratio < least[kind]]
    return Contrasts(kinds.count("text"), kinds.count("graphics"), weak)
