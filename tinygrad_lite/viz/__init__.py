"""Pictures of graphs."""

from .display import Picture, draw_dot, graph

__all__ = ["Picture", "draw_dot", "graph"]
