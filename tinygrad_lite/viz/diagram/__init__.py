"""From a graph of Values to a diagram: boxes, edges, frames, and what is written on them."""
