"""Pictures of graphs; `plots` has plots of trainings, and `explorer` has interactive graphs."""

from __future__ import annotations

import importlib

from .picture import Picture, draw_dot, graph

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .explorer import Explorer as Explorer
    from .explorer import Recorder as Recorder
    from .explorer import explore as explore

__all__ = ["Explorer", "Picture", "Recorder", "draw_dot", "explore", "explorer", "graph", "plots"]


def __getattr__(name: str) -> object:
    if name in ("explorer", "plots"):  # lazily, since they need the compiler and pictures do not
        return importlib.import_module(f"{__name__}.{name}")
    if name in ("Explorer", "Recorder", "explore"):
        return getattr(importlib.import_module(f"{__name__}.explorer"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
