"""Turns a graph of Values into a diagram: boxes, edges, frames, and their texts."""
