"""Picture: the drawn graph of a Value, for Jupyter and for files."""

from __future__ import annotations

import base64
import importlib
import os
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal, get_args

from .. import errors
from ..engine import Value
from ..explanation.comparison import Comparison
from ..floats.expected import one_of, whole
from ..saving.atomic import replacing
from ..text.wording import counted, xml
from .diagram.boxes import boxes, edge_texts, frame_titles
from .diagram.checks import checks_of
from .diagram.collapse import MOST_BOXES, OVERVIEW, collapsed
from .diagram.elements import Cluster, Diagram, Edge, Group, Node, Step
from .diagram.nodes_and_edges import detailed
from .diagram.walk import Graph
from .drawing import theme
from .drawing.dot_language import dot_text
from .drawing.svg import CLASS, draw
from .drawing.text_width import width
from .layout import dot_program
from .layout.nested_layout import Layout, RankDir, Shape, own_layout

if TYPE_CHECKING:
    import graphviz

    from ..compiler import Compiled

_PAGE = 1200.0 - 32.0, 1700.0 - 64.0
"""The width and height that a picture takes up at most unless the caller asks for more, without margin and legend."""

_MOST_SCALARS = 50
"""A compiled function with more scalar operations and numbers is drawn with those of one layer."""

_ON_A_PAGE = 100
"""More boxes than this never fit on a page."""

LayoutChoice = Literal["auto", "dot", "own"]

# An image follows its page's color-scheme. JupyterLab sets none, but names its theme.
_JUPYTER = "".join(
    f'body[data-jp-theme-light="{light}"] .{CLASS}{{color-scheme:{scheme}}}'
    for light, scheme in (("true", "light"), ("false", "dark"))
)


def graph(
    root: Value | Compiled,
    *,
    rankdir: str | None = None,
    max_nodes: int | None = None,
    expand: bool = False,
    compare: Comparison | None = None,
) -> Picture:
    """Draws the graph of everything that root was computed from, with its present numbers and gradients.

    For a compiled function, it draws the scalar operations of the last run, with a frame around those that run at once,
    and beside them the array operations; expand and compare do not apply.

    rankdir    "LR" (leaves on the left) or "TB" (leaves on top); None: "TB" only where "LR" does not fit a page
    max_nodes  a graph with more boxes is drawn collapsed: what is alike in samples, neurons or the steps of a loop is
               drawn once, with its count, and modules are closed; None: so that the picture fits a page, 1,200 x 1,700
    expand     True: draws a dot as its products and their sum, if there is room
    compare    a report of compare(root): wrong rules are marked, with the measured numbers
    Raises TypeError if root is not a Value or a compiled function, ValueError for another rankdir, max_nodes below 1 or
    a report of another graph.

    >>> graph(Value(0.5, label="x").tanh())
    <Picture of 2 nodes, 1 edge>
    """
    if not isinstance(root, Value):
        from ..compiler import Compiled  # slow to import

        if not isinstance(root, Compiled):
            raise TypeError(f"graph() draws the graph of a Value, got {errors.received(root)}: pass the Value itself")
    directions: tuple[RankDir, ...] = ("LR", "TB") if rankdir is None else (_checked_rankdir(rankdir),)
    if max_nodes is not None:
        max_nodes = whole(1).checked("graph(max_nodes=...)", max_nodes, TypeError)
    limit = max_nodes or MOST_BOXES
    if not isinstance(root, Value):
        if expand or compare is not None:
            raise TypeError("graph(expand=..., compare=...) are for the graph of a Value, not for a compiled function")
        from .diagram.matrix_form import compiled_diagrams

        diagrams = compiled_diagrams(root, max_nodes or _MOST_SCALARS)
        return Picture(next(diagrams), directions[0]) if max_nodes else _on_a_page(diagrams, directions[::-1])
    checks = checks_of(compare, root, "graph")
    found = Graph(root, passing=False)
    expanded = detailed(found, checks, expand=True, limit=limit) if expand else None
    each = expanded or detailed(found, checks, limit=limit)
    if each and (expanded or max_nodes):
        return Picture(each, directions[0])
    diagrams = chain([each] if each else [], collapsed(found, checks, min(limit, OVERVIEW)))
    return Picture(next(diagrams), directions[0]) if max_nodes else _on_a_page(diagrams, directions)


def _on_a_page(diagrams: Iterable[Diagram], directions: Sequence[RankDir]) -> Picture:
    """The first picture that fits a page, else the smallest."""
    smallest: tuple[float, Picture] | None = None
    for diagram in diagrams:
        for direction in directions:
            picture = Picture(diagram, direction)
            size = picture.pages()
            if size <= 1.0:
                return picture
            if smallest is None or size < smallest[0]:
                smallest = size, picture
    assert smallest is not None  # there is at least one diagram
    return smallest[1]


def draw_dot(
    root: Value, format: str = "svg", rankdir: str = "LR", *, max_nodes: int = MOST_BOXES, expand: bool = False
) -> graphviz.Digraph:
    """Returns the graph of root as a graphviz.Digraph, as micrograd's notebooks expect it.

    format   the format that .render() makes, any of Graphviz's; the other arguments are those of Value.graph()
    Needs the package graphviz, and the program dot for rendering. Raises ValueError for another rankdir.

    >>> "tanh" in draw_dot(Value(0.5).tanh()).source
    True
    """
    drawing = _graphviz().Digraph(format=format)
    text = graph(root, rankdir=_checked_rankdir(rankdir), max_nodes=max_nodes, expand=expand).dot()
    drawing.body.extend(line + "\n" for line in text.split("\n")[1:-2])
    return drawing


class Picture:
    """A drawn graph, which Jupyter shows; it keeps the numbers it was made with.

    nodes, edges, clusters  the boxes, arrows and frames that are drawn
    """

    def __init__(self, diagram: Diagram, rankdir: RankDir) -> None:
        self._diagram, self._rankdir = diagram, rankdir
        self._boxes, self._texts = boxes(diagram), edge_texts(diagram)
        self._drawn: dict[LayoutChoice, str] = {}

    @property
    def nodes(self) -> Sequence[Node | Group | Step]:
        return self._diagram.nodes

    @property
    def edges(self) -> Sequence[Edge]:
        return self._diagram.edges

    @property
    def clusters(self) -> Sequence[Cluster]:
        return self._diagram.clusters

    def __repr__(self) -> str:
        return f"<Picture of {self._summary()}>"

    def _summary(self) -> str:
        if self._diagram.groups is not None:
            return f"{counted(self._diagram.values, 'operation')} in {counted(self._diagram.groups, 'group')}"
        values = counted(self._diagram.values, "node")
        if self._diagram.collapsed:
            return f"{values}, collapsed to {len(self.nodes)}"
        return f"{values}, {counted(len(self.edges), 'edge')}"

    def svg(self, layout: LayoutChoice = "auto") -> str:
        """The picture as a standalone SVG.

        layout  "dot": Graphviz places the boxes; "own": the package places them, nothing else is needed; "auto": dot if
                it is on the PATH and the graph suits it, without module frames and not dense, else own
        Raises MissingProgramError for "dot" without the program.
        """
        layout = one_of(*get_args(LayoutChoice)).checked("svg(layout=...)", layout)
        if layout not in self._drawn:
            self._drawn[layout] = draw(
                self._diagram, self._boxes, self._texts, self._placed(layout), f"computation graph of {self._summary()}"
            )
        return self._drawn[layout]

    def pages(self) -> float:
        """How many times wider or higher than a page the picture is, by the package's own layout."""
        if len(self.nodes) > _ON_A_PAGE:
            return len(self.nodes) / _ON_A_PAGE + 1.0
        placed = self._placed("own")
        return max(placed.width / _PAGE[0], placed.height / _PAGE[1])

    def dot(self) -> str:
        """The picture in Graphviz's DOT language."""
        return dot_text(self._diagram, self._boxes, self._texts, self._rankdir)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the picture to a file; the name's ending sets the format: .svg, .png (needs Graphviz) or .dot.

        The file is written whole, or stays as it was if that fails. Raises ValueError for another ending.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix == ".svg":
            content = self.svg().encode()
        elif suffix == ".dot":
            content = self.dot().encode()
        elif suffix == ".png":
            content = self._png()
        else:
            raise ValueError(
                f"save() writes .svg, .png and .dot files, got {target.name!r}: end the name with one of these"
            )
        with replacing(target) as file:
            file.write(content)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        svg = self.svg()
        data = base64.b64encode(svg.encode()).decode("ascii")
        return {
            "text/html": f'<img src="data:image/svg+xml;base64,{data}" alt="{xml(self._description())}" '
            f'class="{CLASS}" style="max-width:100%;height:auto"/><style>{_JUPYTER}</style>',
            "image/svg+xml": svg,
            "text/plain": repr(self),
        }

    def _png(self) -> bytes:
        return dot_program.png(self._diagram, self._boxes, self._texts, self._rankdir, self._placed("auto"))

    def _description(self) -> str:
        return f"computation graph of {self._summary()}"

    def _placed(self, layout: LayoutChoice) -> Layout:
        titled = zip(self.clusters, frame_titles(self._diagram), strict=True)
        shape = Shape(
            boxes=[(box.width, box.height) for box in self._boxes],
            edges=[(edge.source, edge.target) for edge in self.edges],
            apart=[edge.blocked for edge in self.edges],
            texts=[(text.width, text.height) if text.text else (0.0, 0.0) for text in self._texts],
            frames=[(c.parent, width(t, theme.FRAME_SIZE), 16.0) for c, t in titled],
            homes=[node.cluster for node in self.nodes],
        )
        if layout == "dot":
            return dot_program.dot_layout(self._diagram, shape, self._rankdir)
        suited = not self._diagram.collapsed and dot_program.does_well(shape)
        if layout == "auto" and suited and dot_program.installed():
            try:
                return dot_program.dot_layout(self._diagram, shape, self._rankdir)
            except dot_program.DotError:
                pass
        return own_layout(shape, self._rankdir)


def _checked_rankdir(rankdir: str) -> RankDir:
    if rankdir == "LR":
        return "LR"
    if rankdir == "TB":
        return "TB"
    raise ValueError(f'rankdir must be "LR" (left to right) or "TB" (top to bottom), got {rankdir!r}')


def _graphviz() -> ModuleType:
    try:
        return importlib.import_module("graphviz")
    except ImportError as error:
        raise errors.MissingProgramError(
            "draw_dot() needs the Python package graphviz: pip install graphviz, or use root.graph(), which does not"
        ) from error
