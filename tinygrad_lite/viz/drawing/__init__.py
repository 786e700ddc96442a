"""Draws a placed diagram as SVG, or writes it as text for Graphviz."""
