"""Pictures of graphs, and in `plots` those of trainings."""

from __future__ import annotations

import importlib

from .display import Picture, draw_dot, graph

__all__ = ["Picture", "draw_dot", "graph", "plots"]


def __getattr__(name: str) -> object:
    if name == "plots":  # lazily: it needs the compiler, and pictures do not
        return importlib.import_module(f"{__name__}.plots")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
