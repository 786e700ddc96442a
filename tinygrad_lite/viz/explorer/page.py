"""Writes the explorer's page: one HTML file with its JavaScript modules joined, its style sheet, and a payload."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

MODULES = (
    "graph_data.js", "gradient_states.js", "open_frames.js", "frame_layout.js", "drawing.js", "recomputing.js",
    "player.js", "scene.js", "panel.js", "leaves.js", "chart.js", "heat_map.js", "training.js", "bars.js", "keys.js",
    "explorer.js",
)  # fmt: skip
"""The JavaScript modules, in an order in which each uses only those before it."""

_HERE = Path(__file__).parent
_IMPORT = re.compile(r"^import .*\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=function|async function|class|const)", re.MULTILINE)
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


def module() -> str:
    """The source of a single, self-contained ES module for a widget; its default export has `render`."""
    return _EXPORT.sub("", _IMPORT.sub("", _joined(MODULES)))


def style() -> str:
    return _joined(("colours.css", "drawing.css", "panel.css", "explorer.css", "training.css"))


def _joined(names: Sequence[str]) -> str:
    return "\n".join([(_HERE / name).read_text(encoding="utf-8") for name in names])


def page_of(title: str, payload: str, evaluator: str) -> str:
    """A self-contained page, which cannot load anything else.

    payload    JSON, in ASCII
    evaluator  JavaScript: an array with the functions that compute the payload's variants
    """
    data = payload.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
:root {{ color-scheme: light dark; }}
html, body, main {{ height: 100%; margin: 0; }}
main .tgl-explorer {{ min-height: 100%; }}
{style()}
</style>
</head>
<body>
<main id="explorer"></main>
<noscript>This page shows a computation graph with JavaScript, which is switched off.</noscript>
<script type="application/json" id="payload">{data}</script>
<script type="module">
{module()}
const EVALUATOR = {evaluator};
const text = document.getElementById("payload").textContent;
const explorer = mount(document.getElementById("explorer"), text, null, EVALUATOR);
// In a frame of a notebook the keys stay with the cell until a click.
if (window.parent === window) explorer.focus();
</script>
</body>
</html>
"""
