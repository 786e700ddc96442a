"""explore: plays a graph's forward and backward pass, in a notebook or on a page of its own."""

from __future__ import annotations

import json
import os
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from ... import errors
from ...engine import Value
from ...explanation.comparison import Comparison
from ...saving.atomic import replacing
from ...text.wording import counted
from ..diagram.checks import Checks, checks_of
from ..diagram.walk import Graph
from .answers import answer
from .javascript import evaluator
from .page import page_of
from .payload import Operations, Payload, payload_of
from .recorder import Recorder


def explore(root: Value, *, compare: Comparison | None = None, training: Recorder | None = None) -> Explorer:
    """Makes an explorer of root's graph: the forward and backward pass step by step, with sliders for the leaves.

    compare   a report of compare(root), whose findings are shown at each node
    training  a Recorder of the training that made the parameters, which adds a slider for the training's time
    Jupyter shows it, best with the package anywidget; `.save("page.html")` writes a page that works offline. It keeps
    the present numbers, and never changes a Value. Raises TypeError if root is not a Value, and for anything else than
    a report or a Recorder; ValueError for a report of another graph.

    >>> explore(Value(0.5, label="x").tanh())
    <Explorer of 2 nodes>
    """
    if not isinstance(root, Value):
        raise TypeError(f"explore() shows the graph of a Value, got {errors.received(root)}: pass the Value itself")
    if training is not None and not isinstance(training, Recorder):
        raise TypeError(f"explore(training=...) takes the Recorder of the training, got {errors.received(training)}")
    return Explorer(root, checks_of(compare, root, "explore"), training)


class Explorer:
    """A graph to explore, made by explore()."""

    def __init__(self, root: Value, checks: Checks, training: Recorder | None) -> None:
        self._graph = Graph(root)
        self._numbers = [v.data for v in self._graph.values]
        self._operations = Operations(self._graph)
        shown = None if training is None else training.payload(self._graph)
        self._payload = payload_of(self._graph, self._operations, checks, shown)

    def __repr__(self) -> str:
        return f"<Explorer of {counted(len(self._graph), 'node')}>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a single page that works from disk, without a network.

        The file is written whole, or stays as it was if that fails. Raises ValueError for an ending other than .html.
        """
        target = Path(path)
        if target.suffix.lower() != ".html":
            raise ValueError(f"save() writes an .html file, got {target.name!r}: end the name with .html")
        content = self._page().encode()
        with replacing(target) as file:
            file.write(content)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        """The widget, with a picture for viewers that show no widgets; without anywidget, the page."""
        plain = {"text/plain": repr(self)}
        try:
            data, metadata = self._widget._repr_mimebundle_()
        except ImportError:
            # The page in the frame cannot read anything of the notebook.
            frame = f'<iframe sandbox="allow-scripts" srcdoc="{escape(self._page())}" title="{self._payload["title"]}" '
            return {"text/html": frame + 'style="width:100%;height:42rem;border:0"></iframe>', **plain}
        picture = self._graph.values[-1].graph(max_nodes=self._pictured)._repr_mimebundle_()
        return {**data, **picture, **plain}, metadata

    @property
    def _pictured(self) -> int:
        """The most boxes of the picture: all nodes of a small graph; a larger one is collapsed, as on the page."""
        return 60 if len(self._graph) <= 60 else 10

    @cached_property
    def _widget(self) -> Any:
        from .widget import ExplorerWidget

        return ExplorerWidget(self._json, self._answer)

    def _answer(self, message: Any) -> Payload:
        return answer(self._graph, self._numbers, message)

    def _page(self) -> str:
        return page_of(self._payload["title"], self._json, evaluator(self._operations.variants))

    @cached_property
    def _json(self) -> str:
        return json.dumps(self._payload, separators=(",", ":"), allow_nan=False)
