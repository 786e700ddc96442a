"""The backprop explorer: a graph's forward and backward pass, and a training, to play in a notebook or as a page."""

from .recorder import Recorder
from .view import Explorer, explore

__all__ = ["Explorer", "Recorder", "explore"]
