"""Runs Graphviz's `dot`, which places a diagram for the SVG and paints PNGs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ...errors import MissingProgramError
from ..diagram.boxes import Box, EdgeText
from ..diagram.elements import Diagram
from ..drawing.dot_language import dot_text, leaves_after_inputs, nested
from .layered_layout import Point
from .nested_layout import Curve, Layout, RankDir, Rectangle, Shape

TIMEOUT = 10.0
"""After this many seconds, times the caller's patience, dot is stopped."""


MOST_EDGES = 120


class DotError(RuntimeError):
    """dot failed or took too long."""


def installed() -> bool:
    return shutil.which("dot") is not None


def does_well(shape: Shape) -> bool:
    """Whether dot's layout is as clear as ours. It draws edges across frames, and is slow if there are many edges."""
    return not shape.frames and len(shape.edges) <= MOST_EDGES


def run(text: str, format: str, *options: str, patience: float = 1.0) -> bytes:
    """Runs dot on a text and returns its output. Raises MissingProgramError if dot is not on the PATH, or DotError."""
    program = shutil.which("dot")
    if program is None:
        raise MissingProgramError(
            f"making {format} needs Graphviz's program dot, which is not on the PATH: install graphviz "
            "(apt-get install graphviz, brew install graphviz, winget install graphviz), or save as .svg"
        )
    command = [program, f"-T{format}", *options]
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=patience * TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DotError(f"dot -T{format} could not run: {error}") from error
    if done.returncode or not done.stdout:
        raise DotError(
            f"dot -T{format} failed with code {done.returncode}: {done.stderr.decode(errors='replace')[:500]}"
        )
    return done.stdout


def dot_layout(diagram: Diagram, shape: Shape, rankdir: RankDir) -> Layout:
    """Places everything with dot, for boxes of the given sizes. Raises the errors of run()."""
    answer = run(_geometry(diagram, shape, rankdir), "json0")
    try:
        return _read(json.loads(answer), shape)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise DotError(f"dot's answer is not as expected: {error!r}") from error


def png(diagram: Diagram, boxes: Sequence[Box], texts: Sequence[EdgeText], rankdir: RankDir, layout: Layout) -> bytes:
    """A PNG of the picture, painted by Graphviz at the positions of the layout."""
    text = dot_text(diagram, boxes, texts, rankdir, layout)
    return run(text, "png", "-Kneato", "-n2", "-Gdpi=144", patience=6.0)


def _geometry(diagram: Diagram, shape: Shape, rankdir: RankDir) -> str:
    frames = [f"label={_room(wide, high)} labeljust=l labelloc=t margin=12" for _, wide, high in shape.frames]
    boxes = [f"n{k} [width={w / 72:.4f} height={h / 72:.4f} n={k}]" for k, (w, h) in enumerate(shape.boxes)]
    edges = [
        f"n{s} -> n{t} [n={k}" + (f" label={_room(wide + 4, high)}]" if wide else "]")
        for k, ((s, t), (wide, high)) in enumerate(zip(shape.edges, shape.texts, strict=True))
    ]
    ranksep = 0.35 + 0.02 * max(0, max(Counter(t for _, t in shape.edges).values(), default=0) - 4)
    header = [
        f"digraph {{ newrank=true rankdir={rankdir} nodesep=0.22 ranksep={ranksep:.2f}",
        'node [shape=box fixedsize=true label=""] edge [arrowsize=0.6]',
    ]
    return "\n".join([*header, *nested(diagram, boxes, frames), *edges, *leaves_after_inputs(diagram), "}"])


def _room(wide: float, high: float) -> str:
    """An empty label that takes up the given room."""
    return (
        f'<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0" FIXEDSIZE="TRUE" WIDTH="{wide:.0f}" '
        f'HEIGHT="{high:.0f}"><TR><TD></TD></TR></TABLE>>'
    )


def _read(answer: dict[str, Any], shape: Shape) -> Layout:
    _, _, wide, high = _numbers(answer["bb"])
    boxes: list[Rectangle | None] = [None] * len(shape.boxes)
    frames: list[Rectangle | None] = [None] * len(shape.frames)
    curves: list[Curve | None] = [None] * len(shape.edges)
    for item in answer.get("objects", ()):
        if "pos" in item:
            x, y = _numbers(item["pos"])
            width, height = shape.boxes[int(item["n"])]
            boxes[int(item["n"])] = Rectangle(x - width / 2, high - y - height / 2, width, height)
        elif item.get("name", "").startswith("cluster_"):
            left, low, right, top = _numbers(item["bb"])
            frames[int(item["name"][8:])] = Rectangle(left, high - top, right - left, top - low)
    for item in answer.get("edges", ()):
        if "n" not in item:
            continue
        points, tip = _spline(item["pos"])
        if tip:
            points += [points[-1], tip, tip]
        label = tuple(_numbers(item["lp"])) if "lp" in item else None
        curves[int(item["n"])] = Curve(
            [(x, high - y) for x, y in points], (label[0], high - label[1]) if label else None
        )
    placed = [r for r in boxes if r], [r for r in frames if r], [c for c in curves if c]
    if [len(p) for p in placed] != [len(boxes), len(frames), len(curves)]:
        raise ValueError("something was left out")
    return Layout(wide, high, *placed)


def _numbers(text: str) -> list[float]:
    return [float(x) for x in text.split(",")]


def _spline(text: str) -> tuple[list[Point], Point | None]:
    """The points of a curve, and the arrow's tip."""
    points: list[Point] = []
    tip: Point | None = None
    for part in text.split(";")[0].split():
        if part.startswith("e,"):
            tip = (float(part.split(",")[1]), float(part.split(",")[2]))
        elif not part.startswith("s,"):
            x, y = part.split(",")
            points.append((float(x), float(y)))
    return points, tip
