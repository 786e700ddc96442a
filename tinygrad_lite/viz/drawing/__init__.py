"""A placed diagram as SVG, or as text for Graphviz."""
